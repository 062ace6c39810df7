"""The directory in one SQLite file, which may be the one that holds accounts and sessions."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from msgspec import Struct

from sojourn.directory.codes import Code, Redeemed
from sojourn.directory.outbox import Message, State
from sojourn.directory.records import Application, Status, Tenant
from sojourn.directory.rows import from_row, to_row
from sojourn.errors import SettingsError
from sojourn.stores.sqlite.engine import Engine
from sojourn.stores.sqlite.rows import microseconds

__all__ = ["SQLiteDirectory"]

S = TypeVar("S", bound=Struct)
Values = dict[str, Any]

# ── the statements ────────────────────────────────────────────────────────────────────────────


def _names(kind: type[Struct]) -> str:
    return ", ".join(kind.__struct_fields__)


def _insert(table: str, kind: type[Struct], key: str = "") -> str:
    """*key*: a column that the record does not have."""
    names = [*([key] if key else []), *kind.__struct_fields__]
    values = ", ".join(f":{name}" for name in names)
    return f"insert into {table} ({', '.join(names)}) values ({values}) on conflict do nothing"  # noqa: S608


def _page(table: str, kind: type[Struct]) -> str:
    return f"""
        select {_names(kind)} from {table}
        where :after is null
            or (created_at, id) < (select created_at, id from {table} where id = :after)
        order by created_at desc, id desc limit :limit
    """  # noqa: S608


_SHARED = {
    "{application}": _names(Application),
    "{tenant}": _names(Tenant),
    "{code}": _names(Code),
    "{message}": _names(Message),
    "{waiting}": "done_at is null and dead_at is null",
    "{due}": "due_at <= :at and target not in (select value from json_each(:without))",
}


def _sql(text: str) -> str:
    for name, sql in _SHARED.items():
        text = text.replace(name, sql)
    return text


_INSERT_APPLICATION = _insert("applications", Application)
_APPLICATION = _sql("select {application} from applications where id = :id")
_APPLICATIONS = _page("applications", Application)
_SET_SECRET = _sql("""
    update applications set
        previous_secret_hash = case when :previous_until is not null then secret_hash end,
        previous_until = :previous_until,
        secret_hash = :hash
    where id = :id and secret_hash is not null
    returning {application}
""")
_SET_DISABLED = _sql("""
    update applications set disabled_at = case when :at is not null then coalesce(disabled_at, :at) end
    where id = :id
    returning {application}
""")

_INSERT_TENANT = _insert("tenants", Tenant)
_TENANT = _sql("select {tenant} from tenants where id = :which or slug = :which")
_TENANTS = _page("tenants", Tenant)
_SET_STATUS = _sql("""
    update tenants set status = :status where id = :which or slug = :which returning {tenant}
""")

_PUT_CODE = _insert("authorization_codes", Code, "digest")
# The right sides see the row as it was before.
_REDEEM = _sql("""
    update authorization_codes set
        redeemed_at = coalesce(redeemed_at, :at),
        reused_at = case when redeemed_at is not null then coalesce(reused_at, :at) end
    where digest = :digest and (redeemed_at is not null or expires_at > :at)
    returning {code}
""")
# The column itself: SQLite 3.40 answers 0 to `returning reused_at is null`, although it is.
_BIND = """
    update authorization_codes set session_id = :session_id where digest = :digest returning reused_at
"""
_PURGE_CODES = """
    delete from authorization_codes where digest in (
        select digest from authorization_codes where expires_at < :before limit :limit
    )
"""

# Few enough to be looked through: a code lives for a minute, and a message until it is delivered.
_CODES_OF = "select payload from authorization_codes where json_extract(payload, '$.user_id') = :user_id"
_FORGET_CODES = "delete from authorization_codes where json_extract(payload, '$.user_id') = :user_id"
_FORGET_MESSAGES = "delete from outbox where instr(body, :word) > 0"

_BOOKMARK = "select place from bookmarks where name = :name"
_OPEN = "insert into bookmarks (name, place) values (:name, :to) on conflict do nothing"
_TURN = "update bookmarks set place = :to where name = :name and place = :was"

_ENQUEUE = _insert("outbox", Message)
_IS_DUE = _sql("select 1 from outbox where {waiting} and {due} limit 1")
# `returning` has no order, so it is asked for before, in the same transaction.
_FIND_DUE = _sql("select id from outbox where {waiting} and {due} order by due_at, id limit :limit")
_CLAIM = _sql("""
    update outbox set due_at = :until, attempts = attempts + 1
    where id in (
        select id from outbox where {waiting} and {due} order by due_at, id limit :limit
    )
    returning {message}
""")
_DELIVERED = _sql("update outbox set done_at = :at, body = x'' where id = :id and {waiting}")
_FAILED = _sql("""
    update outbox set due_at = :due_at, last_error = :error
    where id = :id and attempts = :attempt and {waiting}
""")
_GIVE_UP = _sql("""
    update outbox set dead_at = :at, last_error = :error
    where id = :id and attempts = :attempt and {waiting}
""")
_ABANDON = _sql("""
    update outbox set dead_at = :at, last_error = coalesce(last_error, :error)
    where id in (select id from outbox where {waiting} and created_at < :created_before limit :limit)
    returning {message}
""")
_PURGE_OUTBOX = """
    delete from outbox where id in (
        select id from outbox where done_at < :before
        union all select id from outbox where dead_at < :before
        limit :limit
    )
"""
_IN: dict[State, tuple[str, str]] = {
    "waiting": (_SHARED["{waiting}"], "due_at, id"),
    "done": ("done_at is not null", "done_at desc, id desc"),
    "dead": ("dead_at is not null", "dead_at desc, id desc"),
}
_COUNT = {state: f"select count(*) from outbox where {which}" for state, (which, _) in _IN.items()}  # noqa: S608
_PEEK = {
    state: f"select {_names(Message)} from outbox where {which} order by {order} limit :limit"  # noqa: S608
    for state, (which, order) in _IN.items()
}

# ── the store ─────────────────────────────────────────────────────────────────────────────────


class SQLiteDirectory:
    """The file at *path*; None: a database in memory, which ends with this process."""

    faults = (*Engine.faults, SettingsError)  # a schema that does not fit: the file is away all the same

    def __init__(self, path: Path | str | None, *, create: bool = True) -> None:
        self.engine = Engine(
            None if path is None else Path(path),
            component="directory",
            migrations="sojourn.directory.migrations.sqlite",
            create=create,
        )

    # ── applications ─────────────────────────────────────────────────────────────────────────

    async def insert_application(self, application: Application) -> bool:
        return await self._changes(_INSERT_APPLICATION, to_row(application))

    async def application(self, id: str) -> Application | None:
        return await self._read(Application, _APPLICATION, {"id": id})

    async def applications(self, *, after: str | None = None, limit: int = 100) -> list[Application]:
        return await self._page(Application, _APPLICATIONS, {"after": after, "limit": limit})

    async def set_secret(self, id: str, hash: str, *, previous_until: datetime | None) -> Application | None:
        values = {"id": id, "hash": hash, "previous_until": _time(previous_until)}
        return await self._write(Application, _SET_SECRET, values)

    async def set_application_disabled(self, id: str, at: datetime | None) -> Application | None:
        return await self._write(Application, _SET_DISABLED, {"id": id, "at": _time(at)})

    # ── tenants ──────────────────────────────────────────────────────────────────────────────

    async def insert_tenant(self, tenant: Tenant) -> bool:
        return await self._changes(_INSERT_TENANT, to_row(tenant))

    async def tenant(self, which: str) -> Tenant | None:
        return await self._read(Tenant, _TENANT, {"which": which})

    async def tenants(self, *, after: str | None = None, limit: int = 100) -> list[Tenant]:
        return await self._page(Tenant, _TENANTS, {"after": after, "limit": limit})

    async def set_status(self, which: str, status: Status) -> Tenant | None:
        return await self._write(Tenant, _SET_STATUS, {"which": which, "status": status})

    # ── codes ────────────────────────────────────────────────────────────────────────────────

    async def put_code(self, digest: str, code: Code) -> bool:
        return await self._changes(_PUT_CODE, to_row(code) | {"digest": digest})

    async def redeem_code(self, digest: str, *, at: datetime) -> Redeemed | None:
        code = await self._write(Code, _REDEEM, {"digest": digest, "at": _time(at)})
        return None if code is None else Redeemed(code, first=code.reused_at is None)

    async def bind_code(self, digest: str, session_id: UUID) -> bool:
        rows = await self._rows(_BIND, {"digest": digest, "session_id": session_id.bytes})
        return rows == [(None,)]

    async def purge_codes(self, *, before: datetime, limit: int = 1000) -> int:
        values = {"before": _time(before), "limit": limit}
        return await self._count(_PURGE_CODES, values)

    async def codes_of(self, user_id: str) -> list[dict[str, Any]]:
        rows = await self.engine.scan(lambda db: db.execute(_CODES_OF, {"user_id": user_id}).fetchall())
        return [json.loads(payload) for (payload,) in rows]

    async def forget_user(self, user_id: str, words: Sequence[str]) -> int:
        return await self.engine.write(lambda db: _forget_user(db, user_id, words))

    # ── bookmarks ────────────────────────────────────────────────────────────────────────────

    async def bookmark(self, name: str) -> str | None:
        rows = await self.engine.read(lambda db: db.execute(_BOOKMARK, {"name": name}).fetchall())
        return str(rows[0][0]) if rows else None

    async def turn(self, name: str, *, was: str | None, to: str) -> bool:
        values = {"name": name, "was": was, "to": to}
        # Lost to a power cut, what follows is read once more.
        return await self._changes(_OPEN if was is None else _TURN, values, durable=False)

    # ── the outbox ───────────────────────────────────────────────────────────────────────────

    async def enqueue(self, messages: Sequence[Message]) -> int:
        rows = [to_row(message) for message in messages]
        return await self.engine.write(lambda db: db.executemany(_ENQUEUE, rows).rowcount) if rows else 0

    async def claim(
        self, *, at: datetime, until: datetime, limit: int = 100, without: Collection[str] = ()
    ) -> list[Message]:
        due = {"at": _time(at), "without": json.dumps([*without])}
        if not await self.engine.glance(lambda db: db.execute(_IS_DUE, due).fetchall()):
            return []  # without a transaction: this is so almost always
        values = due | {"until": _time(until), "limit": limit}
        return await self.engine.write(lambda db: _claim(db, values), durable=False)

    async def delivered(self, id: UUID, *, at: datetime) -> bool:
        # Lost to a power cut, it is delivered once more; that may happen in any case.
        return await self._changes(_DELIVERED, {"id": id.bytes, "at": _time(at)}, durable=False)

    async def failed(self, id: UUID, *, attempt: int, error: str, due_at: datetime) -> bool:
        values = {"id": id.bytes, "attempt": attempt, "error": error, "due_at": _time(due_at)}
        return await self._changes(_FAILED, values, durable=False)

    async def give_up(self, id: UUID, *, attempt: int, error: str, at: datetime) -> bool:
        values = {"id": id.bytes, "attempt": attempt, "error": error, "at": _time(at)}
        return await self._changes(_GIVE_UP, values, durable=False)

    async def abandon(
        self, *, created_before: datetime, at: datetime, error: str, limit: int = 100
    ) -> list[Message]:
        values = {"created_before": _time(created_before), "at": _time(at), "error": error, "limit": limit}
        rows = await self.engine.write(lambda db: db.execute(_ABANDON, values).fetchall(), durable=False)
        return [from_row(Message, row) for row in rows]

    async def purge_outbox(self, *, before: datetime, limit: int = 1000) -> int:
        values = {"before": _time(before), "limit": limit}
        return await self._count(_PURGE_OUTBOX, values)

    async def count_messages(self, state: State = "waiting") -> int:
        return await self.engine.scan(lambda db: int(db.execute(_COUNT[state]).fetchone()[0]))

    async def peek(self, state: State = "waiting", *, limit: int = 100) -> list[Message]:
        return await self._page(Message, _PEEK[state], {"limit": limit})

    async def close(self) -> None:
        await self.engine.close()

    # ── how they are run ─────────────────────────────────────────────────────────────────────

    async def _read(self, kind: type[S], statement: str, values: Values) -> S | None:
        rows = await self.engine.read(lambda db: db.execute(statement, values).fetchall())
        return from_row(kind, rows[0]) if rows else None

    async def _page(self, kind: type[S], statement: str, values: Values) -> list[S]:
        rows = await self.engine.scan(lambda db: db.execute(statement, values).fetchall())
        return [from_row(kind, row) for row in rows]

    async def _rows(self, statement: str, values: Values, *, durable: bool = True) -> list[tuple[Any, ...]]:
        """What *statement* returns, read to the end, or a `returning` has not done all it does."""
        return await self.engine.jot(lambda db: db.execute(statement, values).fetchall(), durable=durable)

    async def _write(self, kind: type[S], statement: str, values: Values) -> S | None:
        rows = await self._rows(statement, values)
        return from_row(kind, rows[0]) if rows else None

    async def _changes(self, statement: str, values: Values, *, durable: bool = True) -> bool:
        changed = await self.engine.jot(lambda db: db.execute(statement, values).rowcount, durable=durable)
        return changed == 1

    async def _count(self, statement: str, values: Values) -> int:
        return await self.engine.write(lambda db: db.execute(statement, values).rowcount, durable=False)


def _claim(db: sqlite3.Connection, values: Values) -> list[Message]:
    order = {id: place for place, (id,) in enumerate(db.execute(_FIND_DUE, values).fetchall())}
    rows = db.execute(_CLAIM, values).fetchall() if order else []
    claimed = [from_row(Message, row) for row in rows]
    return sorted(claimed, key=lambda message: order[message.id.bytes])


def _time(at: datetime | None) -> int | None:
    return None if at is None else microseconds(at)


def _forget_user(db: sqlite3.Connection, user_id: str, words: Sequence[str]) -> int:
    gone = db.execute(_FORGET_CODES, {"user_id": user_id}).rowcount
    return gone + sum(db.execute(_FORGET_MESSAGES, {"word": word.encode()}).rowcount for word in words)
