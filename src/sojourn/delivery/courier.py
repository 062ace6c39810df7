"""The courier: takes what is due from the outbox, a few for each receiver at a time, and settles each."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta

from msgspec import Struct

from sojourn.delivery.outcome import Declined, Undelivered
from sojourn.delivery.patience import ABANDON, Breakers, gives_up, next_try
from sojourn.directory.outbox import Message, Outbox
from sojourn.events import Event, GivenUp

__all__ = ["Courier", "Send", "Sent"]

Send = Callable[[Message, datetime], Awaitable[None]]
"""Send a message at an instant; `Undelivered` or `Declined` if it did not arrive."""

_log = logging.getLogger("sojourn.delivery")

_random = secrets.SystemRandom()
_MOST, _EACH = 32, 4  # messages under way at a time: in all, and for one receiver
_HELD = timedelta(seconds=30)  # how long a claim lasts: far longer than any attempt
_LOOKS = 0.5  # seconds after which it looks for more while some are under way
_BUDGET = 5.0  # seconds after which a step takes no more
_ABANDONS = timedelta(minutes=5)  # how often it looks for what has waited too long
_NEVER_TRIED = "it waited for too long, behind others for the same receiver"


class Sent(Struct, kw_only=True):
    """What one step did. `more`: its time was up before the end."""

    delivered: int = 0
    failed: int = 0
    dead: int = 0
    more: bool = False


class Courier:
    """Delivers what is due. Any number may work at one outbox: each message is one's at a time.

    A receiver that still has messages under way gets no more meanwhile, and one that is away is left
    alone; so nobody waits for somebody else's server. *senders* know how to send each kind; *tell* is
    told of each message that is given up.
    """

    def __init__(
        self,
        outbox: Outbox,
        senders: Mapping[str, Send],
        *,
        tell: Callable[[Event], None],
        stopwatch: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = _random.random,
    ) -> None:
        self._outbox, self._senders, self._tell = outbox, senders, tell
        self._stopwatch, self._chance = stopwatch, chance
        self._breakers = Breakers()
        self._abandoned_at: datetime | None = None

    async def step(self, now: datetime) -> Sent:
        """Deliver what is due at *now*, for some seconds; then give up what has waited for too long."""
        began = self._stopwatch()

        def at() -> datetime:
            return now + timedelta(seconds=self._stopwatch() - began)

        sent = Sent()
        flying: dict[asyncio.Task[None], str] = {}
        try:
            while True:
                sent.more = self._stopwatch() - began >= _BUDGET
                if not sent.more:
                    await self._take(flying, at, sent)
                if not flying:
                    break
                # Not until one has landed: who is slow keeps nobody waiting that has got mail since.
                landed, _ = await asyncio.wait(flying, timeout=_LOOKS, return_when=asyncio.FIRST_COMPLETED)
                for task in landed:
                    del flying[task]
                    task.result()
        finally:
            await _brought_down(flying)
        if not sent.more and self._abandons(now):
            await self._abandon(at(), sent)
            self._abandoned_at = now
        return sent

    async def _take(
        self, flying: dict[asyncio.Task[None], str], at: Callable[[], datetime], sent: Sent
    ) -> None:
        """Claim, and send off, as many as may be under way."""
        while (room := min(_EACH, _MOST - len(flying))) > 0:
            now = at()
            without = {*flying.values(), *self._breakers.resting(now)}
            claimed = await self._outbox.claim(at=now, until=now + _HELD, limit=room, without=without)
            if not claimed:
                return
            for message in claimed:
                task = asyncio.create_task(self._deliver(message, at, sent))
                flying[task] = message.target

    async def _deliver(self, message: Message, at: Callable[[], datetime], sent: Sent) -> None:
        try:
            await self._send(message, at())
        except Declined as refusal:
            self._breakers.answered(message.target)
            await self._give_up(message, str(refusal), at(), sent)
        except Undelivered as failure:
            self._breakers.failed(message.target, at())
            await self._put_back(message, str(failure), at(), sent)
        else:
            self._breakers.answered(message.target)
            await self._outbox.delivered(message.id, at=at())
            sent.delivered += 1

    async def _send(self, message: Message, at: datetime) -> None:
        send = self._senders.get(message.kind)
        if send is None:
            raise Undelivered(f"nobody here can deliver a {message.kind}")
        try:
            await send(message, at)
        except (Declined, Undelivered):
            raise
        except Exception as error:
            _log.exception("%r could not be sent: a mistake of ours", message)
            raise Undelivered(f"a mistake of ours: {type(error).__name__}") from error

    async def _put_back(self, message: Message, error: str, at: datetime, sent: Sent) -> None:
        if gives_up(message.created_at, at):
            await self._give_up(message, error, at, sent)
            return
        due = next_try(message.created_at, message.attempts, at, self._chance())
        await self._outbox.failed(message.id, attempt=message.attempts, error=error, due_at=due)
        sent.failed += 1

    async def _give_up(self, message: Message, error: str, at: datetime, sent: Sent) -> None:
        if await self._outbox.give_up(message.id, attempt=message.attempts, error=error, at=at):
            self._mourn(message, error, at, sent)

    def _abandons(self, now: datetime) -> bool:
        last = self._abandoned_at
        return last is None or not timedelta(0) <= now - last < _ABANDONS

    async def _abandon(self, at: datetime, sent: Sent) -> None:
        """Give up what no attempt will reach in time: it waits for a receiver that is away."""
        before = at - ABANDON
        while over := await self._outbox.abandon(created_before=before, at=at, error=_NEVER_TRIED):
            for message in over:
                self._mourn(message, message.last_error or _NEVER_TRIED, at, sent)

    def _mourn(self, message: Message, error: str, at: datetime, sent: Sent) -> None:
        sent.dead += 1
        self._tell(
            GivenUp(
                at=at,
                message_id=message.id,
                kind=message.kind,
                target=message.target,
                attempts=message.attempts,
                error=error,
            )
        )


async def _brought_down(flying: Mapping[asyncio.Task[None], str]) -> None:
    """End what is under way: whoever stops here leaves it to the end of the claims."""
    for task in flying:
        task.cancel()
    for task in flying:
        with suppress(asyncio.CancelledError, Exception):
            await task
