"""Background work: expiry is noticed once, and what is long over is forgotten, a little at a time."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from sojourn.events import Event, Expired, Revoked
from sojourn.leading import Leader
from sojourn.session import Reason, Session
from sojourn.sessions import AsyncSessions

__all__ = ["LEASE", "Done", "Worker"]

LEASE = "background"

_log = logging.getLogger("sojourn.background")

_TARGET = 0.05  # seconds that one batch should take: whoever signs in meanwhile waits for no longer
_BUDGET = 1.0  # seconds of one step for noticing, and as many for forgetting
_FEWEST, _FIRST, _MOST = 10, 200, 10_000  # rows of one batch


class Done(Struct, frozen=True, kw_only=True):
    """What one purge did. Its text is the line that is logged.

    `marked`: sessions that had ended by time, and were noticed since the line before. `removed`:
    records forgotten. `skipped`: what was left to the process that has the lease, or to the next
    step because the time was up.
    """

    marked: int = 0
    removed: int = 0
    skipped: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        return (
            f"purge: marked {self.marked}, removed {self.removed}, "
            f"skipped {self.skipped}, time {self.seconds:.3f} s"
        )


class Worker(Leader):
    """The background work of one process.

    The lease lasts for three steps, so that of a process that died is free soon after. Whose clock is
    ahead notices an end that much early. Two who work at once cost a little time and no more: the store
    hands out each expiry once, whoever asks.

    An event is told after its expiry was written down: if the process dies in between, nobody is told.
    """

    lease = LEASE
    called = "background work"
    log = _log

    def __init__(
        self,
        sessions: AsyncSessions,
        *,
        every: timedelta = timedelta(seconds=10),
        purge_every: timedelta = timedelta(minutes=5),
        also: Sequence[Callable[[], Awaitable[object]]] = (),
        expired: Callable[[Sequence[Session], datetime], Awaitable[object]] | None = None,
        first: Sequence[Callable[[datetime], Awaitable[object]]] = (),
        each: Sequence[Callable[[datetime], Awaitable[object]]] = (),
        believes: Callable[[datetime], Awaitable[bool]] | None = None,
        holder: str | None = None,
        stopwatch: Callable[[], float] = time.monotonic,
        rest: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """*also*: what else is to be forgotten with each purge, such as rate limits.

        *expired* is told of sessions that have ended by time, until it has taken them; *first*: what
        reads the log, and so comes before its lines are forgotten; *each*: what else one process
        does for all with every step. *believes* says whether the clock is to be believed: a step neither
        notices who ended nor forgets a record if not, because neither can be taken back.
        """
        super().__init__(sessions, every=every, lasts=3 * every, holder=holder)
        self.purge_every = purge_every
        self._also, self._first, self._each = also, first, each
        self._expired, self._believes = expired, believes
        self._untold: list[Session] = []
        self._stopwatch = stopwatch
        self._rest = rest
        self._noticing, self._forgetting = _Pace(), _Pace()
        self._marked = self._skipped = 0  # since the last line
        self._purged_at: datetime | None = None

    # ── one step ─────────────────────────────────────────────────────────────────────────────

    async def step(self, now: datetime) -> Done:
        """Do what is due at *now*, if the lease is to be had, for two seconds or so."""
        # Whoever stands by is asked too: that nobody was there must not be what it finds when it takes over.
        believed = self._believes is None or await self._believes(now)
        if not await self.take(now):
            return Done(skipped=1)
        began = self._stopwatch()
        marked, left = await self._notice(now, within=_BUDGET) if believed else (0, 0)
        self._marked += marked
        self._skipped += left
        for do in self._each:
            await do(now)
        # Who was forgotten before it was noticed could not be told.
        if left or not believed or not self._due(now):
            return Done(marked=marked, skipped=left, seconds=self._stopwatch() - began)
        removed, left = await self._forget(now, within=_BUDGET)
        self._purged_at = None if left else now
        done = Done(
            marked=self._marked,
            removed=removed,
            skipped=self._skipped + left,
            seconds=self._stopwatch() - began,
        )
        self._marked = self._skipped = 0
        if done.marked or done.removed or done.skipped:
            _log.info("%s", done)
        for forget in self._also:
            await forget()
        return done

    async def purge(self, now: datetime, *, tell: Callable[[int], None] = lambda removed: None) -> Done:
        """Forget all that is long over, however long it takes, with or without the lease.

        Expiry is noticed only with it: another process that has it tells its own listeners.
        """
        began, marked = self._stopwatch(), 0
        if leads := await self.take(now):
            try:
                marked, _ = await self._notice(now, within=math.inf)
            finally:
                await self.leave(now)
        removed, _ = await self._forget(now, within=math.inf, tell=tell)
        for forget in self._also:
            await forget()
        seconds = self._stopwatch() - began
        return Done(marked=marked, removed=removed, skipped=int(not leads), seconds=seconds)

    async def _notice(self, now: datetime, *, within: float) -> tuple[int, int]:
        async def batch(limit: int) -> int:
            over = await self.sessions.store.expire(at=now, limit=limit)
            self._untold += over if self._expired else ()
            for session in over:
                self.sessions.emit(_over(session, now))
            await self._tell(now)
            return len(over)

        await self._tell(now)
        return await self._repeat(batch, self._noticing, within=within)

    async def _tell(self, now: datetime) -> None:
        """Hand on who has ended; if it fails, once more at the next step: the store tells it only once."""
        if self._expired is not None and self._untold:
            await self._expired(tuple(self._untold), now)
            self._untold.clear()

    async def _forget(
        self, now: datetime, *, within: float, tell: Callable[[int], None] = lambda removed: None
    ) -> tuple[int, int]:
        for read in self._first:
            await read(now)
        before = now - self.sessions.policy.keep_ended
        log_before: datetime | None = await self._log_before(now)  # for the first batch: once is enough
        total = 0

        async def batch(limit: int) -> int:
            nonlocal log_before, total
            removed = await self.sessions.store.purge(before=before, limit=limit, log_before=log_before)
            log_before, total = None, total + removed
            tell(total)
            return removed

        return await self._repeat(batch, self._forgetting, within=within)

    async def _log_before(self, now: datetime) -> datetime:
        """Lines of the log are dated by the store's clock: one of ours that is ahead must not cut them."""
        theirs = (await self.sessions.store.entries(limit=1)).now
        return min(now, theirs or now) - self.sessions.policy.log_kept

    async def _repeat(
        self, batch: Callable[[int], Awaitable[int]], pace: _Pace, *, within: float
    ) -> tuple[int, int]:
        """Run *batch* until it finds nothing; how many rows it had, and 1 if the time was up before that."""
        total, end = 0, self._stopwatch() + within
        while True:
            began = self._stopwatch()
            rows = await batch(pace.size)
            ended = self._stopwatch()
            total += rows
            pace.took(rows, ended - began)
            if not rows:
                return total, 0
            if ended >= end:
                return total, 1
            # As long as the batch took, so that others who wait to write get in before the next one.
            await self._rest(min(ended - began, _TARGET))

    def _due(self, now: datetime) -> bool:
        return self._purged_at is None or not timedelta(0) <= now - self._purged_at < self.purge_every


class _Pace:
    """How many rows a batch takes: as many as are done in the time that it should take."""

    def __init__(self) -> None:
        self.size = _FIRST

    def took(self, rows: int, seconds: float) -> None:
        """Learn from a batch. One that was not full and quick says nothing."""
        if rows >= self.size or seconds > _TARGET:
            fitting = int(self.size * _TARGET / max(seconds, 1e-6))
            self.size = max(_FEWEST, min(fitting, 2 * self.size, _MOST))


def _over(session: Session, now: datetime) -> Event:
    """What is told of a session that has ended by time: of a hold that nobody lifted, what it was for."""
    if session.held is not None:
        return Revoked(
            at=now,
            session_id=session.id,
            user_id=session.user_id,
            ip=session.ip,
            reason=session.reason or Reason.USER,
            by=session.user_id if session.reason is None else session.revoked_by,
        )
    return Expired(
        at=now,
        session_id=session.id,
        user_id=session.user_id,
        ip=session.ip,
        kind="absolute" if session.expires_at >= session.ends_at else "idle",
        duration=session.expires_at - session.created_at,
    )
