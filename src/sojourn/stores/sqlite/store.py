"""Sessions in one SQLite file, for any number of processes on one machine."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Self
from uuid import UUID

from msgspec.structs import replace as _replaced

from sojourn.errors import SettingsError
from sojourn.session import Reason, Seen, Session, lowest_id
from sojourn.stores.protocol import Cap, Entries, Inserted, Query, check_supported, is_kept
from sojourn.stores.sqlite.engine import Engine
from sojourn.stores.sqlite.log import Log
from sojourn.stores.sqlite.rows import COLUMNS, MINUTE, from_row, microseconds, to_row

__all__ = ["SQLiteStore"]

# ── the statements ────────────────────────────────────────────────────────────────────────────

# What several of them share: no session lives longer than 400 days (`Policy.lifetime`) and ids are in
# the order of creation, so what is alive is at the end of an index, and no question reads further back.
_LONGEST = timedelta(days=400)
_SHORT = 100  # rows of a page
_MERGED = ("id", "seen_at", "expires_at", "confirmed_at")
_SHARED = {
    "{columns}": ", ".join(COLUMNS),
    "{values}": ", ".join(f":{name}" for name in COLUMNS),
    "{assignments}": ", ".join(f"{name} = :{name}" for name in COLUMNS if name not in _MERGED),
    "{live}": "revoked_at is null and expires_at > :at",
    "{live_of_user}": "user_id = :user_id and id >= :oldest and revoked_at is null and expires_at > :at",
    "{ended}": "revoked_at = :at, reason = :reason, version = version + 1, due = null",
    "{over_at}": "coalesce(revoked_at, expires_at)",
    "{minute}": str(MINUTE),
}


def _sql(text: str) -> str:
    for name, sql in _SHARED.items():
        text = text.replace(name, sql)
    return text


_GET = _sql("select {columns} from sessions where id = ?")

_INSERT = _sql("""
    insert into sessions ({columns}, device_id, due) values ({values}, :device_id, :due)
    on conflict (id) do nothing
""")

_SAME_DEVICE = _sql("select id from sessions where {live_of_user} and device_id = :device_id order by id")
_OTHERS = _sql("""
    select id from sessions
    where {live_of_user} and (device_id is null or device_id is not :device_id)
    order by case :action when 'end_idle' then seen_at end, id
""")
_END = _sql("update sessions set {ended} where id = :id")

_REPLACE = _sql("""
    update sessions set
        {assignments},
        device_id = :device_id,
        seen_at = max(seen_at, :seen_at),
        expires_at = min(max(expires_at, :expires_at), :ends_at),
        confirmed_at = coalesce(case when generation = :generation then confirmed_at end, :confirmed_at),
        due = case when :revoked_at is null
            then min(due, (min(max(expires_at, :expires_at), :ends_at) + {minute} - 1) / {minute}) end
    where id = :id and version = :version - 1 and {live}
""")

_TOUCH = _sql("""
    update sessions set
        seen_at = max(seen_at, :seen_at),
        expires_at = min(max(expires_at, :expires_at), ends_at),
        confirmed_at = coalesce(confirmed_at, case when generation = :generation then :at end)
    where id = :id and {live}
""")

_SELECT = _sql("select {columns} from sessions where {conditions} order by {order} limit :limit")
_COUNT = _sql("select count(*) from sessions where {conditions}")
_COUNT_PEOPLE = _sql("select count(distinct user_id) from sessions where {conditions}")
_COUNT_KEPT = "select sum(sessions) from sojourn_counts where signed_in >= ?"

_REVOKE = _sql("""
    update sessions set {ended}, revoked_by = :by, note = :note
    where id in (select id from sessions where {conditions} order by {order} limit :limit)
    returning id
""")

_FIND = _sql("select id from sessions where {conditions} order by {order} limit :limit")
_REVOKE_FOUND = _sql("update sessions set {ended}, revoked_by = :by, note = :note where id = :id and {live}")

# Whoever was seen since `due` was written gets a new one, and is not told of: its `due` is not null.
_IS_DUE = "select 1 from sessions where due <= ? limit 1"
_EXPIRE = _sql("""
    update sessions set due = case when expires_at > :at then (expires_at + {minute} - 1) / {minute} end
    where id in (select id from sessions where due <= :minute order by due limit :limit)
    returning {columns}, due
""")

_LEASE = """
    insert into sojourn_leases (name, holder, until) values (:name, :holder, :until)
    on conflict (name) do update set holder = excluded.holder, until = excluded.until
    where holder = excluded.holder or until <= :at
"""

_FIND_OVER = _sql("""
    select id from sessions where id < :newest and {over_at} < :before order by id limit :limit
""")
_NOT_DUE = _sql("update sessions set due = null where id = :id and due is not null and {over_at} < :before")
_PURGE = _sql("delete from sessions where id = :id and {over_at} < :before")

# What each field of a `Query` asks. The plus keeps SQLite from taking the index by user for a question
# that is not about one user.
_CONDITIONS = {
    "user_id": "user_id = :user_id",
    "id": "id = :id",
    "except_id": "id <> :except_id",
    "application_id": "application_id = :application_id",
    "tenant_id": "tenant_id = :tenant_id",
    "device_id": "device_id = :device_id",
    "live_at": "id >= :oldest and revoked_at is null and expires_at > :live_at",
    "ended_since": _sql("{over_at} >= :ended_since"),
    "ended_by": _sql("{over_at} <= :ended_by"),
    "seen_since": "seen_at >= :seen_since",
    "signed_in": "+user_id is not null",
    "after": "id < :after",
}
_ORDERS = {"id": "id desc", "seen": "seen_at desc, id desc"}


def _asked(statement: str, query: Query) -> tuple[str, dict[str, Any]]:
    """*statement* with the conditions of *query* in it, and their values."""
    asked = {name: value for name in _CONDITIONS if (value := getattr(query, name)) not in (None, False)}
    values = {name: _plain(value) for name, value in asked.items()} | {"limit": query.limit}
    if query.live_at is not None:
        values["oldest"] = _oldest(query.live_at)
    statement = statement.replace("{conditions}", " and ".join(_CONDITIONS[name] for name in asked))
    return statement.replace("{order}", _ORDERS[query.order]), values


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return microseconds(value)
        case UUID():
            return value.bytes
    return value


def _is_short(query: Query) -> bool:
    """Whether it takes few rows to answer *query*, as a rule."""
    return (query.user_id is not None or query.id is not None) and query.limit <= _SHORT


def _oldest(at: datetime) -> bytes:
    """No session with a lower id can be alive at *at*."""
    return lowest_id(at - _LONGEST).bytes


# ── the store ─────────────────────────────────────────────────────────────────────────────────


class SQLiteStore:
    """The file at *path*; None: a database in memory, which ends with this process.

    What ends a session, and what changes one, is on the disk when it is acknowledged. Sign-ins and
    activity outlive a killed process at once, a power cut after the next of those.
    """

    faults = (*Engine.faults, SettingsError)  # a schema that does not fit: the file is away all the same

    def __init__(self, path: Path | str | None, *, create: bool = True) -> None:
        self.engine = Engine(
            None if path is None else Path(path),
            component="sessions",
            migrations="sojourn.stores.migrations.sqlite",
            create=create,
        )
        self._log = Log(self.engine)

    async def insert(self, session: Session, *, cap: Cap | None = None) -> Inserted:
        try:
            return await self.engine.write(lambda db: _insert(db, session, cap, end=False), durable=False)
        except _SomebodyEnds:
            return await self.engine.write(lambda db: _insert(db, session, cap, end=True))

    async def get(self, id: UUID) -> Session | None:
        row = await self.engine.row(_GET, (id.bytes,))
        return None if row is None else from_row(row, id)

    async def replace(self, session: Session, *, at: datetime) -> bool:
        row = to_row(session) | {"at": microseconds(at)}
        return await self.engine.write(lambda db: db.execute(_REPLACE, row).rowcount == 1)

    async def touch(self, seen: Mapping[UUID, Seen], *, at: datetime) -> None:
        now = microseconds(at)
        rows = [
            {
                "id": id.bytes,
                "at": now,
                "seen_at": microseconds(use.seen_at),
                "expires_at": microseconds(use.expires_at),
                "generation": use.generation,
            }
            for id, use in seen.items()
        ]
        await self.engine.write(lambda db: db.executemany(_TOUCH, rows).rowcount, durable=False)

    async def select(self, query: Query) -> list[Session]:
        check_supported(query)
        statement, values = _asked(_SELECT, query)
        read = self.engine.glance if _is_short(query) else self.engine.scan
        return await read(lambda db: [from_row(row) for row in db.execute(statement, values)])

    async def count(self, query: Query) -> int:
        check_supported(query)
        if is_kept(query):
            row = await self.engine.row(_COUNT_KEPT, (query.signed_in,))
            return int(row[0]) if row else 0
        statement, values = _asked(_COUNT_PEOPLE if query.people else _COUNT, _replaced(query, after=None))
        read = self.engine.glance if _is_short(query) else self.engine.scan
        return await read(lambda db: int(db.execute(statement, values).fetchone()[0]))

    async def revoke(
        self, query: Query, *, at: datetime, reason: Reason, by: str | None = None, note: str | None = None
    ) -> list[UUID]:
        check_supported(query)
        query = _replaced(query, live_at=at)
        ending = {"at": microseconds(at), "reason": str(reason), "by": by, "note": note}
        if query.user_id is None and query.id is None:
            return await self._revoke_among_all(query, ending)
        statement, values = _asked(_REVOKE, query)
        values |= ending
        ended = await self.engine.write(lambda db: db.execute(statement, values).fetchall())
        return _newest_first(id for (id,) in ended)

    async def _revoke_among_all(self, query: Query, ending: dict[str, Any]) -> list[UUID]:
        """Look for them outside the transaction: that may take seconds, and every write would wait."""
        ended: list[bytes] = []
        while True:
            limit = query.limit - len(ended)
            statement, values = _asked(_FIND, _replaced(query, limit=limit))
            found = await self.engine.scan(partial(_ids, statement, values))
            ended += await self.engine.write(partial(_end_found, found, ending)) if found else []
            # Some may have ended meanwhile by other hands; then there are more to be found.
            if len(found) < limit or len(ended) == query.limit:
                return _newest_first(ended)

    async def entries(self, after: str | None = None, *, limit: int = 10_000) -> Entries:
        return await self._log.page(after, limit)

    async def listen(self, wake: Callable[[], None]) -> None:
        """Nothing wakes anybody: looking costs microseconds, so polls may be frequent."""

    async def expire(self, *, at: datetime, limit: int = 1000) -> list[Session]:
        values = {"at": microseconds(at), "minute": microseconds(at) // MINUTE, "limit": limit}
        if await self.engine.row(_IS_DUE, (values["minute"],)) is None:
            return []  # without a transaction: this is so almost always
        while True:  # a batch of those who were seen meanwhile must not look like the end
            rows = await self.engine.write(lambda db: db.execute(_EXPIRE, values).fetchall())
            ended = [from_row(row[:-1]) for row in rows if row[-1] is None]
            if ended or len(rows) < limit:
                return ended

    async def lease(self, name: str, holder: str, *, at: datetime, until: datetime) -> bool:
        asked = {"name": name, "holder": holder, "at": microseconds(at), "until": microseconds(until)}
        return await self.engine.write(lambda db: db.execute(_LEASE, asked).rowcount == 1, durable=False)

    async def purge(self, *, before: datetime, limit: int = 1000, log_before: datetime | None = None) -> int:
        if log_before is not None:
            await self._log.forget(microseconds(log_before))
        # Looked for outside the transaction, so that nobody's write waits for the search.
        values = {
            "before": microseconds(before),
            "newest": lowest_id(before + timedelta(milliseconds=1)).bytes,
            "limit": limit,
        }
        found = await self.engine.scan(lambda db: db.execute(_FIND_OVER, values).fetchall())
        rows = [{"id": id, "before": values["before"]} for (id,) in found]
        return await self.engine.write(lambda db: _forget(db, rows)) if rows else 0

    def blocking(self) -> Self:
        twin = copy(self)
        twin.engine = self.engine.blocking()
        twin._log = Log(twin.engine)
        return twin

    async def close(self) -> None:
        await self.engine.close()


class _SomebodyEnds(Exception):
    """The cap ends a session, so it has to be done again as a durable write; nothing was done yet."""


def _get(db: sqlite3.Connection, id: bytes) -> Session | None:
    row = db.execute(_GET, (id,)).fetchone()
    return None if row is None else from_row(row)


def _ids(statement: str, values: dict[str, Any], db: sqlite3.Connection) -> list[bytes]:
    return [id for (id,) in db.execute(statement, values)]


def _end_found(found: list[bytes], ending: dict[str, Any], db: sqlite3.Connection) -> list[bytes]:
    return [id for id in found if db.execute(_REVOKE_FOUND, ending | {"id": id}).rowcount == 1]


def _newest_first(ids: Iterable[bytes]) -> list[UUID]:
    return sorted((UUID(bytes=id) for id in ids), reverse=True)


def _forget(db: sqlite3.Connection, rows: list[dict[str, Any]]) -> int:
    db.executemany(_NOT_DUE, rows)  # or deleting them would be taken for somebody's act by hand
    return db.executemany(_PURGE, rows).rowcount


def _insert(db: sqlite3.Connection, session: Session, cap: Cap | None, *, end: bool) -> Inserted:
    row = to_row(session)
    if cap is None or session.user_id is None:
        return Inserted(db.execute(_INSERT, row).rowcount == 1)
    if _get(db, row["id"]) is not None:
        return Inserted(False)
    row |= {"at": microseconds(cap.at), "oldest": _oldest(cap.at), "action": cap.action}
    replaced = [id for (id,) in db.execute(_SAME_DEVICE, row)]
    others = [id for (id,) in db.execute(_OTHERS, row)]
    over = 0 if cap.limit is None else max(0, len(others) - cap.limit + 1)
    if over and cap.action == "refuse":
        return Inserted(False, in_the_way=tuple(s for id in reversed(others) if (s := _get(db, id))))
    ending = [(id, Reason.REPLACED) for id in replaced] + [(id, Reason.CAP) for id in others[:over]]
    if ending and not end:
        raise _SomebodyEnds
    db.executemany(_END, [{"id": id, "at": row["at"], "reason": str(reason)} for id, reason in ending])
    db.execute(_INSERT, row)
    return Inserted(True, tuple((UUID(bytes=id), reason) for id, reason in ending))
