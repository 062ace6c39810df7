"""Jobs in the ledger: each step is one transaction, and moves a job only from where it was."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from sojourn.observe.engine import Database, Engine
from sojourn.observe.jobs.erasing import erased
from sojourn.observe.jobs.job import AT_WORK, Job, State, Target
from sojourn.observe.traces import Traces
from sojourn.searching import Search
from sojourn.stores.sqlite.rows import microseconds, time_of

__all__ = ["JobVerbs"]

_FIELDS = Job.__struct_fields__
_NAMES = ", ".join(_FIELDS)
_TIMES = ("created_at", "started_at", "over_at", "undo_until")
_IDS = ("id", "by_session", "cursor")
_FLAGS = ("own", "spares_administrators", "found")

_ADD = f"insert into jobs ({_NAMES}) values ({', '.join(f':{name}' for name in _FIELDS)})"  # noqa: S608
_ONE = f"select {_NAMES} from jobs where id = ?"  # noqa: S608
_STATE = "select state from jobs where id = ?"
_RECENT = f"select {_NAMES} from jobs where (id < :after or :after is null) order by id desc limit :limit"  # noqa: S608
_AT_WORK = f"select {_NAMES} from jobs where over_at is null and state in (?, ?, ?, ?) order by id"  # noqa: S608
_TARGET = "insert into job_targets (job, session, state) values (?, ?, ?) on conflict do nothing"
_WAITING = "select session from job_targets where job = ? and state = ? limit ?"
_MARK = "update job_targets set state = ? where job = ? and session = ? and state = ?"
_TALLY = "select state, count(*) from job_targets where job = ? group by state"
_HELD = """
    select count(*) from job_targets where state = 'held'
        and job in (select id from jobs where over_at is null and undo_until > ?)
"""
_DROP = "delete from job_targets where job = ?"
_FORGET_TARGETS = "delete from job_targets where job in (select id from jobs where created_at < ?)"
_FORGET = "delete from jobs where created_at < ? and (over_at is not null or state = 'counted')"


class JobVerbs:
    """The verbs of jobs. Whoever has an `engine` of the ledger's schema has them."""

    engine: Engine

    async def add_job(self, job: Job, targets: Iterable[UUID] = ()) -> None:
        """Write down a new job, with those of its targets that are known already."""
        row, rows = _row(job), [(job.id.bytes, id.bytes, "waiting") for id in targets]

        def work(db: Database) -> None:
            db.execute(_ADD, row)
            db.executemany(_TARGET, rows)

        await self.engine.write(work)

    async def job(self, id: UUID) -> Job | None:
        """The job *id* as it is now."""
        found = await self.engine.scan(lambda db: _counted(db, db.execute(_ONE, (id.bytes,)).fetchall()))
        return found[0] if found else None

    async def job_state(self, id: UUID) -> State | None:
        """What the job *id* is doing, without counting what it has done."""
        rows = await self.engine.read(lambda db: db.execute(_STATE, (id.bytes,)).fetchall())
        return rows[0][0] if rows else None

    async def jobs(self, *, after: UUID | None = None, limit: int = 20) -> list[Job]:
        """The newest jobs first; the next page is after the last id."""
        asked = {"after": after and after.bytes, "limit": limit}
        return await self.engine.scan(lambda db: _counted(db, db.execute(_RECENT, asked).fetchall()))

    async def jobs_at_work(self) -> list[Job]:
        """Those that somebody has to go on with, the oldest first."""
        rows = await self.engine.read(lambda db: db.execute(_AT_WORK, AT_WORK).fetchall())
        return [_job(row) for row in rows]

    async def move_job(self, id: UUID, was: Sequence[State], to: State, **fields: Any) -> bool:
        """Have the job *id* be *to*, with these *fields*, if it is one of *was*; whether it was.

        Once it is over what came of its targets is counted up, and they are forgotten.
        """
        sets = "".join(f", {name} = :{name}" for name in fields)
        places = ", ".join(f":was{n}" for n in range(len(was)))
        statement = f"update jobs set state = :to{sets} where id = :id and state in ({places})"  # noqa: S608
        values = {"id": id.bytes, "to": to} | {f"was{n}": state for n, state in enumerate(was)}
        values |= {name: _plain(value) for name, value in fields.items()}
        over = fields.get("over_at") is not None

        def work(db: Database) -> bool:
            moved = db.execute(statement, values).rowcount == 1
            if moved and over:
                _close(db, id.bytes)
            return moved

        return await self.engine.write(work)

    async def found_targets(self, job: Job, ids: Iterable[UUID], *, cursor: UUID | None, last: bool) -> bool:
        """Note that *ids* are to end, and up to where was looked; false if somebody else has looked there."""
        rows = [(job.id.bytes, id.bytes, "waiting") for id in ids]
        statement = (
            "update jobs set cursor = :to, found = :found where id = :id and found = 0 "
            "and state = 'running' and (cursor = :was or (cursor is null and :was is null))"
        )
        values = {"id": job.id.bytes, "was": _plain(job.cursor), "to": _plain(cursor), "found": int(last)}

        def work(db: Database) -> bool:
            if db.execute(statement, values).rowcount != 1:
                return False
            db.executemany(_TARGET, rows)
            return True

        return await self.engine.write(work)

    async def targets(self, job: UUID, state: Target, limit: int) -> list[UUID]:
        """Some of the targets of *job* that are in that *state*."""
        asked = (job.bytes, state, limit)
        rows = await self.engine.read(lambda db: db.execute(_WAITING, asked).fetchall())
        return [UUID(bytes=id) for (id,) in rows]

    async def count_held(self, at: datetime) -> int:
        """How many sessions jobs hold at that instant, as far as they have written down."""
        rows = await self.engine.read(lambda db: db.execute(_HELD, (microseconds(at),)).fetchall())
        return int(rows[0][0])

    async def mark_targets(self, job: UUID, was: Target, now: Mapping[UUID, Target]) -> None:
        """Say what came of targets; what is no longer as it *was*, somebody else has marked."""
        rows = [(state, job.bytes, id.bytes, was) for id, state in now.items()]
        await self.engine.write(lambda db: db.executemany(_MARK, rows).rowcount)

    async def forget_jobs(self, before: datetime) -> int:
        """Forget jobs of before that instant; how many. One that is at work stays."""
        bound = (microseconds(before),)

        def work(db: Database) -> int:
            gone = db.execute(_FORGET, bound).rowcount
            db.execute("delete from job_targets where job not in (select id from jobs)")
            return gone

        return await self.engine.write(work)

    async def erase_jobs(self, user: Traces) -> list[UUID]:
        """Take out what names the user, as whom they meant or as who began them; of which jobs."""
        return await self.engine.write(lambda db: erased(db, user))


def _close(db: Database, id: bytes) -> None:
    counts = dict(db.execute(_TALLY, (id,)).fetchall())
    done = counts.get("ended", 0) + counts.get("held", 0)
    skipped = counts.get("skipped", 0) + counts.get("waiting", 0) + counts.get("lifted", 0)
    # Nobody has to be found any more; what was asked for tells people enough.
    db.execute("update jobs set done = ?, skipped = ?, wanted = null where id = ?", (done, skipped, id))
    db.execute(_DROP, (id,))


def _counted(db: Database, rows: list[Sequence[Any]]) -> list[Job]:
    """The jobs in *rows*, of those that are not over with what came of their targets up to now."""
    found = []
    for row in rows:
        job = _job(row)
        if job.over_at is None and job.started_at is not None:
            counts = dict(db.execute(_TALLY, (job.id.bytes,)).fetchall())
            done = counts.get("ended", 0) + counts.get("held", 0)
            skipped = counts.get("skipped", 0) + counts.get("lifted", 0)
            job = msgspec.structs.replace(job, done=done, skipped=skipped)
        found.append(job)
    return found


def _row(job: Job) -> dict[str, Any]:
    return {name: _plain(getattr(job, name)) for name in _FIELDS}


def _plain(value: Any) -> Any:
    match value:
        case UUID():
            return value.bytes
        case datetime():
            return microseconds(value)
        case timedelta():
            return int(value.total_seconds())
        case bool():
            return int(value)
        case tuple() | Search():
            return msgspec.json.encode(value).decode()
    return value


def _job(row: Sequence[Any]) -> Job:
    values: dict[str, Any] = dict(zip(_FIELDS, row, strict=True))
    for name in _TIMES:
        values[name] = None if values[name] is None else time_of(values[name])
    for name in _IDS:
        values[name] = None if values[name] is None else UUID(bytes=values[name])
    for name in _FLAGS:
        values[name] = bool(values[name])
    wanted = values["wanted"]
    values["wanted"] = None if wanted is None else msgspec.json.decode(wanted, type=Search)
    values["sample"] = msgspec.json.decode(values["sample"], type=tuple[UUID, ...])
    values["undo_for"] = timedelta(seconds=values["undo_for"])
    return Job(**values)
