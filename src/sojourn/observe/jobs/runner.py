"""Who carries bulk revocations out: one process for all, batch by batch, and another one if it dies."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from uuid import UUID

from sojourn.errors import Refusal, SessionChanged, SessionError, UndoExpired
from sojourn.events import AdminActed
from sojourn.leading import Leader
from sojourn.observe.jobs.job import AT_WORK, Job, State, Target
from sojourn.observe.jobs.store import JobVerbs
from sojourn.searching import search
from sojourn.session import Reason, Session
from sojourn.sessions import AsyncSessions

__all__ = ["BEGUN", "CANCELLED", "DONE", "UNDONE", "Runner", "Spared"]

BEGUN, DONE = "bulk-revoke", "bulk-revoke-done"
CANCELLED, UNDONE = "bulk-revoke-cancel", "bulk-revoke-undo"

Spared = Callable[[set[str]], Awaitable[set[str]]]
"""Which of these users are administrators."""

_BATCH = 200  # sessions between two looks at whether the job was cancelled
_AT_ONCE = 32  # of them that are written at the same time
_STEP = 5.0  # seconds of one step
_KEPT, _FORGET_EVERY = timedelta(days=90), timedelta(hours=1)
_log = logging.getLogger("sojourn.jobs")


class Runner(Leader):
    """Carries jobs out. What is to be done is in the ledger before it is done, and what came of it after.

    Whoever goes on with a job does once more what may have been done: a session ends once, whoever asks,
    and says in its note by which job it was. So of two who work at once none counts what the other did not.
    """

    lease = "jobs"
    called = "bulk revocation"
    log = _log

    def __init__(
        self,
        sessions: AsyncSessions,
        ledger: JobVerbs,
        *,
        administrators: Spared,
        every: timedelta = timedelta(seconds=1),
        batch: int = _BATCH,
        holder: str | None = None,
    ) -> None:
        super().__init__(sessions, every=every, lasts=10 * every, holder=holder)
        self.ledger = ledger
        self._administrators = administrators
        self._batch = batch
        self._forgot_at: datetime | None = None
        self.faults = (*sessions.store.faults, *ledger.engine.faults)

    async def step(self, now: datetime) -> int:
        """Go on with all jobs for a few seconds, if the lease is to be had; with how many sessions."""
        await self._forget(now)
        if not await self.ledger.jobs_at_work() or not await self.take(now):
            return 0
        total, end = 0, asyncio.get_running_loop().time() + _STEP
        while asyncio.get_running_loop().time() < end and (count := await self.go_on(self.sessions.clock())):
            total += count
            await self.take(self.sessions.clock())
        return total

    async def undo(self, id: UUID, *, within: float) -> None:
        """Lift what one job holds, as far as that is done *within* so many seconds, whoever has the lease."""
        end = asyncio.get_running_loop().time() + within
        while asyncio.get_running_loop().time() < end:
            job = await self.ledger.job(id)
            if job is None or job.state != "undoing":
                return
            await self._lift(job, self.sessions.clock())

    async def _forget(self, now: datetime) -> None:
        """Once an hour. It does no harm if several do."""
        if self._forgot_at is None or now - self._forgot_at >= _FORGET_EVERY:
            self._forgot_at = now
            await self.ledger.forget_jobs(now - _KEPT)

    async def go_on(self, now: datetime) -> int:
        """One batch of each job; with how many sessions. No lease is asked for: see `Runner`."""
        total = 0
        for job in await self.ledger.jobs_at_work():
            try:
                total += await self._batch_of(job, now)
            except Refusal as refusal:  # nothing that another try could mend
                _log.exception("a bulk revocation failed")
                error = str(refusal)[:255]
                await self.ledger.move_job(job.id, AT_WORK, "failed", over_at=now, error=error)
        return total

    async def _batch_of(self, job: Job, now: datetime) -> int:
        if job.state == "undoing":
            return await self._lift(job, now)
        if job.state != "running":
            return await self._wait(job, now)
        looked = 0 if job.found else await self._look(job)
        waiting = await self.ledger.targets(job.id, "waiting", self._batch)
        if not waiting:
            return looked or await self._all_ended(job, now)
        await self._mark(job, "waiting", waiting, self._ended)
        if await self.ledger.job_state(job.id) in (None, "undoing", "undone"):
            # It was undone meanwhile, perhaps by a process that took the lease: nobody else knows of these.
            await self._mark(job, "held", waiting, self._let_be)
        return looked + len(waiting)

    async def _wait(self, job: Job, now: datetime) -> int:
        """Of a job that ends nobody any more: let those go who still wait, and the rest when time is up."""
        waiting = await self.ledger.targets(job.id, "waiting", self._batch)
        await self._mark(job, "waiting", waiting, self._earlier)
        held = await self.ledger.targets(job.id, "held", 1)
        if not waiting and not (held and job.holds(now)):
            await self._finish(job, now)
        return len(waiting)

    # ── whom it is about ─────────────────────────────────────────────────────────────────────

    async def _look(self, job: Job) -> int:
        """Find the next ones, unless enough wait already; 1 at least while there may be more."""
        if (
            job.wanted is None
            or len(await self.ledger.targets(job.id, "waiting", self._batch)) == self._batch
        ):
            return 0
        found = await search(self.sessions, job.wanted, after=job.cursor, limit=self._batch)
        meant = await self._meant(job, found.sessions)
        last = found.next is None
        await self.ledger.found_targets(job, meant, cursor=found.next or job.cursor, last=last)
        return 0 if last else 1

    async def _meant(self, job: Job, sessions: list[Session]) -> list[UUID]:
        """Those of *sessions* that are to end: not one's own, nor administrators', if these are spared."""
        users = {session.user_id for session in sessions if session.user_id is not None}
        spared = await self._administrators(users) if job.spares_administrators and users else set()
        mine = None if job.own else job.by_session
        return [s.id for s in sessions if s.user_id not in spared and s.id != mine]

    # ── what is done to each ─────────────────────────────────────────────────────────────────

    async def _mark(
        self, job: Job, was: Target, ids: list[UUID], act: Callable[[Job, UUID], Awaitable[Target]]
    ) -> None:
        for n in range(0, len(ids), _AT_ONCE):
            part = ids[n : n + _AT_ONCE]
            states = await asyncio.gather(*(act(job, id) for id in part))
            await self.ledger.mark_targets(job.id, was, dict(zip(part, states, strict=True)))

    async def _ended(self, job: Job, id: UUID) -> Target:
        """End one session, or hold it; what came of it, by this try or an earlier one."""
        session = await self.sessions.store.get(id)
        if session is None or session.user_id is None:
            return "skipped"
        # What an earlier try has held is held by the note that the job had then.
        note = session.note if job.marks(session.note) else job.mark
        try:
            if job.by_session is not None and job.holds(self.sessions.clock()):
                await self.sessions.hold_for(
                    id, by=job.by_session, actor=job.by, until=_until(job), note=note
                )
                return "held"
            await self.sessions.revoke(
                id, owner=session.user_id, reason=Reason.ADMIN, by=job.by, note=job.mark
            )
        except SessionChanged:  # in use by many; the next step tries again
            return "waiting"
        except SessionError:
            return await self._earlier(job, id)
        return "ended"

    async def _earlier(self, job: Job, id: UUID) -> Target:
        """What an earlier try, or another process, has done to a session that cannot be ended now."""
        session = await self.sessions.store.get(id)
        if session is None or session.reason is not Reason.ADMIN or not job.marks(session.note):
            return "skipped"
        return "held" if session.held is not None and session.revoked_at is None else "ended"

    async def _lift(self, job: Job, now: datetime) -> int:
        held = await self.ledger.targets(job.id, "held", self._batch)
        await self._mark(job, "held", held, self._lifted)
        if not held and (waiting := await self.ledger.targets(job.id, "waiting", self._batch)):
            await self._mark(job, "waiting", waiting, self._let_be)
            return len(waiting)
        if not held and await self.ledger.move_job(job.id, ("undoing",), "undone", over_at=now):
            await self._tell(job, UNDONE)
        return len(held)

    async def _lifted(self, job: Job, id: UUID) -> Target:
        session = await self.sessions.store.get(id)
        if job.by_session is None or session is None or not job.marks(session.note):
            return "ended"
        try:
            await self.sessions.lift_for(id, by=job.by_session, note=session.note)
        except SessionChanged:
            return "held"
        except (SessionError, UndoExpired):
            return "ended"
        return "lifted"

    async def _let_be(self, job: Job, id: UUID) -> Target:
        """Lift what an earlier try has held after all."""
        state = await self._earlier(job, id)
        return await self._lifted(job, id) if state == "held" else state

    # ── the end ──────────────────────────────────────────────────────────────────────────────

    async def _all_ended(self, job: Job, now: datetime) -> int:
        held = await self.ledger.targets(job.id, "held", 1)
        if held and job.holds(now):
            await self.ledger.move_job(job.id, ("running",), "holding")
        elif (await self.ledger.job(job.id) or job).found:
            await self._finish(job, now)
        return 0

    async def _finish(self, job: Job, now: datetime) -> None:
        to: State = "cancelled" if job.state == "cancelled" else "done"
        if await self.ledger.move_job(job.id, (job.state,), to, over_at=now):
            await self._tell(job, DONE if to == "done" else CANCELLED)

    async def _tell(self, job: Job, act: str) -> None:
        """Once for each job: only who has moved it tells."""
        over = await self.ledger.job(job.id)
        self.sessions.emit(
            AdminActed(
                at=self.sessions.clock(),
                session_id=job.by_session,
                user_id=job.by,
                act=act,
                by=job.by,
                target=job.id,
                count=over.done if over else None,
            )
        )


def _until(job: Job) -> datetime:
    assert job.undo_until is not None  # noqa: S101 - `holds` has looked
    return job.undo_until
