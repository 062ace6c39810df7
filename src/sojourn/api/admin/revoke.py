"""Revoking many: counted first, then begun, carried out in the background, undone for a while."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace as _replaced

from sojourn.accounts import Accounts
from sojourn.accounts.find import Find
from sojourn.api.admin.base import PAGING, account_for, ledger, line
from sojourn.api.admin.sessions import AdminRow, admin_row, people
from sojourn.api.admin.where import Where, searched
from sojourn.api.routes import Call
from sojourn.api.views import Time, instant
from sojourn.errors import BodyRejected, CountChanged, JobNotFound, JobOver, UndoExpired
from sojourn.observe.jobs.counting import Meant, meant, named
from sojourn.observe.jobs.job import Job, State, Why
from sojourn.observe.jobs.runner import BEGUN, CANCELLED, UNDONE, Runner
from sojourn.session import new_id

__all__ = ["ROUTES", "Bulk", "JobList", "JobView"]

_MOST_IDS = 1000
_MOST_ADMINISTRATORS = 1000


class Bulk(Struct, kw_only=True, forbid_unknown_fields=True):
    """Which sessions are to end: those that match `where`, or these `ids`. One's own is spared.

    Unless it is a `dry_run` it begins at once; then `expected` says how many somebody has seen to match,
    which `ids` need not. It can be undone for `undo_for` seconds.
    """

    where: Where | None = None
    ids: Annotated[list[UUID], Meta(min_length=1, max_length=_MOST_IDS)] | None = None
    reason: Why
    note: Annotated[str, Meta(max_length=200)] | None = None
    dry_run: bool = True
    expected: Annotated[int, Meta(ge=0)] | None = None
    undo_for: Annotated[int, Meta(ge=0, le=600)] = 0
    except_administrators: bool = False
    include_own: bool = False  # of `ids`: one's own session too, if it is among them


class Start(Struct, kw_only=True):
    """How many the dry run has counted."""

    expected: Annotated[int, Meta(ge=0)]


class JobView(Struct, kw_only=True):
    """A bulk revocation. `done`: how many have ended, or are held until `undo_until`.

    `skipped`: those that were meant and did not end by it. `where` is null where ids were given.
    """

    id: UUID
    state: State
    expected: int
    done: int
    skipped: int
    created_at: Time
    started_at: Time | None
    over_at: Time | None
    by: str
    reason: Why
    note: str | None
    undo_for: int
    undo_until: Time | None
    except_administrators: bool
    where: dict[str, Any] | None
    sample: list[AdminRow]
    error: str | None
    server_now: Time


class JobList(Struct, kw_only=True):
    """The latest first."""

    jobs: list[JobView]
    next: str | None
    server_now: Time


async def revoke_many(call: Call) -> JobView:
    """Count the sessions that match, or end them."""
    body: Bulk = call.body
    if (body.where is None) is (body.ids is None):
        raise BodyRejected("Give either where or ids.", status=422, field="where")
    if body.where is not None and body.where.state != "active":
        raise BodyRejected("Only sessions that live can end.", status=422, field="where")
    if body.where is not None and body.expected is None and not body.dry_run:
        raise BodyRejected("Say how many you expect, or ask for a dry run.", status=422, field="expected")
    book = ledger(call)
    job, targets = await _drawn_up(call, body)
    if not body.dry_run and body.expected is not None and body.expected != job.expected:
        raise CountChanged(job.expected)
    await book.add_job(job, targets)
    if not body.dry_run:
        await _begin(call, job)
    return await _shown(call, job.id)


async def show_job(call: Call) -> JobView:
    """One bulk revocation, and how far it is."""
    return await _shown(call, (await _found(call)).id)


async def list_jobs(call: Call) -> JobList:
    """Bulk revocations, the latest first."""
    limit = call.limit()
    found = await ledger(call).jobs(after=call.after(), limit=limit)
    return JobList(
        jobs=[await _view(call, job, sample=False) for job in found],
        next=str(found[-1].id) if len(found) == limit else None,
        server_now=instant(_now(call)),
    )


async def start_job(call: Call) -> JobView:
    """Have a dry run of this session become real, if no more match than it has counted."""
    job = await _found(call)
    if job.by_session != call.mine.id:
        raise JobNotFound  # whose it is would be blamed, and spared
    if job.state != "counted":
        raise JobOver(job.state)
    if call.body.expected != job.expected:
        raise CountChanged(job.expected)
    count = job.expected if job.wanted is None else (await _counted(call, job)).count
    if count > job.expected:
        raise CountChanged(count)
    await _begin(call, job)
    return await _shown(call, job.id)


async def undo_job(call: Call) -> JobView:
    """Bring back what a bulk revocation holds: in the session that began it, while there is time."""
    job, now = await _found(call), _now(call)
    if job.over_at is not None or job.state not in ("running", "holding", "cancelled"):
        raise JobOver(job.state)
    if job.by_session != call.mine.id:
        raise JobNotFound
    if not job.holds(now):
        raise UndoExpired
    if await ledger(call).move_job(job.id, ("running", "holding", "cancelled"), "undoing"):
        _account_for(call, UNDONE, job)
        await _runner(call).undo(
            job.id, within=_AT_ONCE
        )  # it may be late: the rest is done in the background
    return await _shown(call, job.id)


async def cancel_job(call: Call) -> JobView:
    """End nobody any more. What has ended stays so; what is held can still be undone."""
    job, book = await _found(call), ledger(call)
    if job.state == "counted":
        moved = await book.move_job(job.id, ("counted",), "cancelled", over_at=_now(call))
    else:
        moved = await book.move_job(job.id, ("running",), "cancelled")
    if not moved:
        raise JobOver((await _found(call)).state)
    _account_for(call, CANCELLED, job)
    return await _shown(call, job.id)


# ── how ───────────────────────────────────────────────────────────────────────────────────────

_AT_ONCE = 2.0  # seconds in which an undo is done while whoever asked waits


async def _drawn_up(call: Call, body: Bulk) -> tuple[Job, list[UUID]]:
    """The job that *body* asks for, counted; and its targets, where they were named."""
    sessions, now = call.visit.site.sessions, _now(call)
    wanted = None if body.where is None else await searched(body.where, sessions, call.accounts, whole=True)
    if wanted is not None:  # who signs in from now on is not meant
        until = now if wanted.until is None else min(wanted.until, now)
        wanted = _replaced(wanted, until=until + timedelta(milliseconds=1))
    job = Job(
        id=new_id(now, None),
        state="counted",
        wanted=wanted,
        asked=None if body.where is None else msgspec.json.encode(body.where).decode(),
        sample=(),
        expected=0,
        created_at=now,
        by=call.me,
        by_session=call.mine.id,
        own=body.include_own and body.ids is not None,
        reason=body.reason,
        note=body.note,
        undo_for=timedelta(seconds=body.undo_for),
        spares_administrators=body.except_administrators,
        found=wanted is None,
    )
    if wanted is not None:
        count = await _counted(call, job)
        return _replaced(job, expected=count.count, sample=count.sample), []
    spared = set(await _administrators(call.accounts)) if job.spares_administrators else set()
    mine = None if job.own else job.by_session
    targets = [s.id for s in await named(sessions, body.ids or (), spared=spared, mine=mine)]
    return _replaced(job, expected=len(targets), sample=tuple(targets[:10])), targets


async def _counted(call: Call, job: Job) -> Meant:
    spared = await _administrators(call.accounts) if job.spares_administrators else []
    return await meant(call.visit.site.sessions, job, spared)


async def _administrators(accounts: Accounts) -> list[str]:
    found, _ = await accounts.find(
        Find(filter_field="role", filter_value="admin", limit=_MOST_ADMINISTRATORS)
    )
    return [user.id for user in found]


async def _begin(call: Call, job: Job) -> None:
    """Have the background work begin with *job*."""
    now = _now(call)
    until: datetime | None = now + job.undo_for if job.undo_for else None
    if not await ledger(call).move_job(job.id, ("counted",), "running", started_at=now, undo_until=until):
        raise JobOver("running")
    _account_for(call, BEGUN, job)


def _account_for(call: Call, act: str, job: Job) -> None:
    begun = act == BEGUN
    account_for(
        call,
        act,
        target=job.id,
        count=job.expected if begun else None,
        note=job.mark if begun else None,
    )


def _runner(call: Call) -> Runner:
    async def nobody(users: set[str]) -> set[str]:
        return set()  # whom it is about is known already

    return Runner(call.visit.site.sessions, ledger(call), administrators=nobody)


async def _found(call: Call) -> Job:
    try:
        job = await ledger(call).job(UUID(call.params["id"]))
    except ValueError:
        job = None
    if job is None:
        raise JobNotFound
    return job


async def _shown(call: Call, id: UUID) -> JobView:
    job = await ledger(call).job(id)
    if job is None:
        raise JobNotFound
    return await _view(call, job)


async def _view(call: Call, job: Job, *, sample: bool = True) -> JobView:
    store = call.visit.site.sessions.store
    found = [session for id in job.sample if sample and (session := await store.get(id)) is not None]
    known = await people(call.accounts, found)
    return JobView(
        id=job.id,
        state=job.state,
        expected=job.expected,
        done=job.done,
        skipped=job.skipped,
        created_at=instant(job.created_at),
        started_at=None if job.started_at is None else instant(job.started_at),
        over_at=None if job.over_at is None else instant(job.over_at),
        by=job.by,
        reason=job.reason,
        note=job.note,
        undo_for=int(job.undo_for.total_seconds()),
        undo_until=None if job.undo_until is None else instant(job.undo_until),
        except_administrators=job.spares_administrators,
        where=None if job.asked is None else msgspec.json.decode(job.asked),
        sample=[admin_row(call, session, known) for session in found],
        error=job.error,
        server_now=instant(_now(call)),
    )


def _now(call: Call) -> datetime:
    return call.visit.site.sessions.clock()


_REFUSALS = ("not_found", "journal_off")
_ONE = "/revoke/{id}"

ROUTES = (
    line(
        "POST",
        "/revoke",
        revoke_many,
        "fresh admin",
        body=Bulk,
        returns=JobView,
        refusals=("journal_off", "count_changed"),
    ),
    line("GET", "/revoke", list_jobs, returns=JobList, query=PAGING, refusals=_REFUSALS),
    line("GET", _ONE, show_job, returns=JobView, refusals=_REFUSALS),
    line(
        "POST",
        _ONE + "/start",
        start_job,
        "fresh admin",
        body=Start,
        returns=JobView,
        refusals=(*_REFUSALS, "count_changed", "job_over", "body_rejected"),
    ),
    line(
        "POST",
        _ONE + "/undo",
        undo_job,
        "fresh admin",
        returns=JobView,
        refusals=(*_REFUSALS, "job_over", "undo_expired"),
    ),
    line(
        "POST",
        _ONE + "/cancel",
        cancel_job,
        "fresh admin",
        returns=JobView,
        refusals=(*_REFUSALS, "job_over"),
    ),
)
