"""Delivery as a loop: one process reads what is to be told and delivers it, as soon as it knows."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from sojourn.delivery.courier import Courier, Sent
from sojourn.leading import Leader, passed
from sojourn.sessions import AsyncSessions
from sojourn.stores.protocol import Entry

__all__ = ["LEASE", "Dispatch"]

LEASE = "delivery"

_log = logging.getLogger("sojourn.delivery")
_LASTS = timedelta(seconds=30)  # more than a step: its budget, and the slowest attempt
_STANDS_BY = 5  # times as long between two steps of who does not lead: all that it does is ask for the lease
_BREATH = 0.1  # seconds between two steps at least, so that what comes together goes together


class Dispatch(Leader):
    """The delivery of one process: whenever the feed brings an ending, and every few seconds in any case.

    One process leads, because it alone then knows which receivers are away. It is no matter of truth: what
    was claimed is one's at a time, and what is read twice becomes one message.
    """

    lease = LEASE
    called = "delivery"
    log = _log
    patience = 12.0  # an attempt under way comes to its end, or its message would be sent once more

    def __init__(
        self,
        sessions: AsyncSessions,
        courier: Courier,
        *,
        first: Sequence[Callable[[datetime], Awaitable[object]]] = (),
        every: timedelta = timedelta(seconds=2),
        faults: tuple[type[Exception], ...] = (),
        holder: str | None = None,
    ) -> None:
        """*first*: what puts messages into the outbox. *faults*: those of the stores beside the sessions'."""
        super().__init__(sessions, every=every, lasts=_LASTS, holder=holder)
        self.faults = (*sessions.store.faults, *faults)
        self._courier, self._first = courier, first
        self._held_until: datetime | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken = asyncio.Event()
        self._more = False
        sessions.feed.listen(self._heard)

    async def step(self, now: datetime) -> Sent | None:
        """Read what is new, and deliver what is due at *now*; None: another process does."""
        self._more = False
        if not await self._lead(now):
            return None
        for read in self._first:
            await read(now)
        sent = await self._courier.step(now)
        self._more = sent.more
        return sent

    async def _lead(self, now: datetime) -> bool:
        """Take the lease, or go on with it: a write each time would be more than all the rest of a step."""
        until = self._held_until
        if self.leading and until is not None and now < until <= now + self.lasts:
            return True
        leads = await self.take(now)
        self._held_until = now + self.lasts / 3 if leads else None
        return leads

    async def run(self, stop: asyncio.Event) -> None:
        self._loop = asyncio.get_running_loop()
        try:
            await super().run(stop)
        finally:
            self._loop = None

    async def pause(self, stop: asyncio.Event) -> None:
        """Until there may be something to do; not at all if the step before left something."""
        await passed(stop, _BREATH)
        if self._more or stop.is_set():
            return
        seconds = self.every.total_seconds() * (1 if self.leading else _STANDS_BY)
        stopped, woken = asyncio.create_task(stop.wait()), asyncio.create_task(self._woken.wait())
        try:
            await asyncio.wait((stopped, woken), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (stopped, woken):
                task.cancel()
            self._woken.clear()

    def wake(self) -> None:
        """There is something in the outbox: from whatever thread."""
        loop = self._loop
        if loop is not None and self.leading:
            with suppress(RuntimeError):  # the loop has closed meanwhile
                loop.call_soon_threadsafe(self._woken.set)

    def _heard(self, entry: Entry) -> None:
        """A line of the log, on whatever thread polled."""
        if entry.revoked_at is not None:
            self.wake()
