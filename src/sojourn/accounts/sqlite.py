"""Accounts in one SQLite file, which may be the one that holds the sessions."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from msgspec.structs import asdict

from sojourn.accounts.limits import Rate
from sojourn.accounts.store import Credentials
from sojourn.accounts.user import Account, Role, User, folded, password_account
from sojourn.errors import SettingsError
from sojourn.stores.sqlite.engine import Engine
from sojourn.stores.sqlite.rows import microseconds

__all__ = ["SQLiteAccounts"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_USER, _ACCOUNT = User.__struct_fields__, Account.__struct_fields__
_AFTER_ALL = "~"  # no id comes later
_TIMES = ("created_at", "disabled_at", "expires_at")

# ── the statements ────────────────────────────────────────────────────────────────────────────

_SHARED = {
    "{user}": ", ".join(_USER),
    "{user_values}": ", ".join(f":{name}" for name in _USER),
    "{account}": ", ".join(_ACCOUNT),
    "{account_values}": ", ".join(f":{name}" for name in _ACCOUNT),
    "{raise}": "credentials_version = credentials_version + 1",
    "{not_the_last_admin}": """(role <> 'admin' or disabled_at is not null or exists (
        select 1 from users as other
        where other.role = 'admin' and other.disabled_at is null and other.id <> :id
    ))""",
}


def _sql(text: str) -> str:
    for name, sql in _SHARED.items():
        text = text.replace(name, sql)
    return text


_INSERT_USER = _sql(
    "insert into users ({user}, search) values ({user_values}, :search) on conflict do nothing"
)
_INSERT_ACCOUNT = _sql("insert into accounts ({account}) values ({account_values})")
_SET_PASSWORD = _INSERT_ACCOUNT + (
    " on conflict (provider, provider_account_id) do update set password_hash = :password_hash"
)

_GET = _sql("select {user} from users where id = :id")
_CREDENTIALS = _sql("""
    select {user}, (
        select password_hash from accounts where provider = 'password' and provider_account_id = users.id
    ) from users where id = :id or email = :email
""")
_ACCOUNTS_OF = _sql("""
    select {account} from accounts where user_id = :id order by provider, provider_account_id
""")
_SELECT = _sql("""
    select {user} from users
    where id < :after and instr(search, :search)
    order by id desc limit :limit
""")
_COUNT = "select count(*) from users where instr(search, :search)"

_RAISE = _sql("""
    update users set {raise}
    where id = :id and (:version is null or credentials_version = :version)
    returning {user}
""")
_REHASH = """
    update accounts set password_hash = :hash
    where provider = 'password' and provider_account_id = :id and password_hash = :instead_of
"""
_SET_DISABLED = _sql("""
    update users set {raise}, disabled_at = case when :at is not null then coalesce(disabled_at, :at) end
    where id = :id and (:at is null or {not_the_last_admin})
    returning {user}
""")
_SET_ROLE = _sql("""
    update users set {raise}, role = :role
    where id = :id and (:role = 'admin' or {not_the_last_admin})
    returning {user}
""")
_DELETE = _sql("delete from users where id = :id and {not_the_last_admin}")  # the accounts follow

# The decision of `limits.take`, where all processes share it.
_TAKE = """
    insert into rate_limits (key, due_at) values (:key, :at + :every)
    on conflict (key) do update set due_at = max(due_at, :at) + :every
        where max(due_at, :at) + :every - :at <= :span
"""
_WAIT = "select due_at + :every - :at - :span from rate_limits where key = :key"
_GIVE_BACK = "update rate_limits set due_at = due_at - :every where key = :key"
_PURGE_LIMITS = "delete from rate_limits where due_at < :before"

# ── the store ─────────────────────────────────────────────────────────────────────────────────


class SQLiteAccounts:
    """The file at *path*; None: a database in memory, which ends with this process."""

    faults = (*Engine.faults, SettingsError)  # a schema that does not fit: the file is away all the same

    def __init__(self, path: Path | str | None, *, create: bool = True) -> None:
        self.engine = Engine(
            None if path is None else Path(path),
            component="accounts",
            migrations="sojourn.accounts.migrations.sqlite",
            create=create,
        )

    async def insert(self, user: User, account: Account | None = None) -> bool:
        return await self.engine.write(lambda db: _insert(db, user, account))

    async def get(self, user_id: str) -> User | None:
        return await self.engine.read(lambda db: _user(db, _GET, {"id": user_id}))

    async def credentials(
        self, *, user_id: str | None = None, email: str | None = None
    ) -> Credentials | None:
        row = await self.engine.read(lambda db: _one(db, _CREDENTIALS, {"id": user_id, "email": email}))
        return None if row is None else Credentials(_to_user(row[:-1]), row[-1])

    async def accounts_of(self, user_id: str) -> list[Account]:
        return await self.engine.read(
            lambda db: [_to_account(row) for row in db.execute(_ACCOUNTS_OF, {"id": user_id})]
        )

    async def set_password(self, user_id: str, hash: str, *, version: int | None = None) -> User | None:
        return await self.engine.write(lambda db: _set_password(db, user_id, hash, version))

    async def rehash(self, user_id: str, hash: str, *, instead_of: str) -> bool:
        values = {"id": user_id, "hash": hash, "instead_of": instead_of}
        return await self.engine.write(lambda db: db.execute(_REHASH, values).rowcount == 1)

    async def set_disabled(self, user_id: str, at: datetime | None) -> User | None:
        values = {"id": user_id, "at": None if at is None else microseconds(at)}
        return await self.engine.write(lambda db: _user(db, _SET_DISABLED, values))

    async def set_role(self, user_id: str, role: Role) -> User | None:
        return await self.engine.write(lambda db: _user(db, _SET_ROLE, {"id": user_id, "role": role}))

    async def delete(self, user_id: str) -> bool:
        return await self.engine.write(lambda db: db.execute(_DELETE, {"id": user_id}).rowcount == 1)

    async def select(self, *, after: str | None = None, limit: int = 100, search: str = "") -> list[User]:
        values = {"after": after or _AFTER_ALL, "limit": limit, "search": folded(search)}
        return await self.engine.scan(lambda db: [_to_user(row) for row in db.execute(_SELECT, values)])

    async def count(self, *, search: str = "") -> int:
        values = {"search": folded(search)}
        return await self.engine.scan(lambda db: int(db.execute(_COUNT, values).fetchone()[0]))

    async def take(self, key: str, *, rate: Rate, at: datetime) -> timedelta | None:
        values = {
            "key": key,
            "at": microseconds(at),
            "every": rate.every // _MICROSECOND,
            "span": rate.span // _MICROSECOND,
        }
        wait = await self.engine.write(lambda db: _take(db, values), durable=False)
        return None if wait is None else wait * _MICROSECOND

    async def give_back(self, key: str, *, rate: Rate) -> None:
        values = {"key": key, "every": rate.every // _MICROSECOND}
        await self.engine.write(lambda db: db.execute(_GIVE_BACK, values).rowcount, durable=False)

    async def purge_limits(self, *, before: datetime) -> int:
        values = {"before": microseconds(before)}
        return await self.engine.write(lambda db: db.execute(_PURGE_LIMITS, values).rowcount, durable=False)

    async def close(self) -> None:
        await self.engine.close()


def _insert(db: sqlite3.Connection, user: User, account: Account | None) -> bool:
    row = _to_row(user) | {"search": folded(f"{user.email}\n{user.name}")}
    if db.execute(_INSERT_USER, row).rowcount != 1:
        return False
    if account is not None:
        db.execute(_INSERT_ACCOUNT, _to_row(account))
    return True


def _set_password(db: sqlite3.Connection, user_id: str, hash: str, version: int | None) -> User | None:
    user = _user(db, _RAISE, {"id": user_id, "version": version})
    if user is not None:
        db.execute(_SET_PASSWORD, _to_row(password_account(user_id, hash)))
    return user


def _take(db: sqlite3.Connection, values: dict[str, Any]) -> int | None:
    if db.execute(_TAKE, values).rowcount == 1:
        return None
    wait: int = db.execute(_WAIT, values).fetchone()[0]
    return wait


# ── rows ──────────────────────────────────────────────────────────────────────────────────────


def _one(db: sqlite3.Connection, statement: str, values: dict[str, Any]) -> Sequence[Any] | None:
    rows = db.execute(statement, values).fetchall()  # to the end, or a `returning` has not done all it does
    return rows[0] if rows else None


def _user(db: sqlite3.Connection, statement: str, values: dict[str, Any]) -> User | None:
    row = _one(db, statement, values)
    return None if row is None else _to_user(row)


def _to_user(row: Sequence[Any]) -> User:
    return User(**_to_fields(_USER, row))


def _to_account(row: Sequence[Any]) -> Account:
    return Account(**_to_fields(_ACCOUNT, row))


def _to_fields(names: Sequence[str], row: Sequence[Any]) -> dict[str, Any]:
    fields = dict(zip(names, row, strict=True))
    for name in _TIMES:
        if fields.get(name) is not None:
            fields[name] = _EPOCH + fields[name] * _MICROSECOND
    return fields


def _to_row(record: User | Account) -> dict[str, Any]:
    row = asdict(record)
    for name in _TIMES:
        if row.get(name) is not None:
            row[name] = microseconds(row[name])
    return row
