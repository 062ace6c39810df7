"""Accounts in one SQLite file, which may be the one that holds the sessions."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from msgspec.structs import asdict

from sojourn.accounts.find import Find
from sojourn.accounts.limits import Rate
from sojourn.accounts.sqlite_find import asked
from sojourn.accounts.store import Credentials, Linked
from sojourn.accounts.user import Account, Changes, Role, User, folded, password_account
from sojourn.errors import SettingsError
from sojourn.stores.sqlite.engine import Engine
from sojourn.stores.sqlite.rows import microseconds

__all__ = ["SQLiteAccounts"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_USER, _ACCOUNT = User.__struct_fields__, Account.__struct_fields__
_AFTER_ALL = "~"  # no id comes later
_SPAN = "idle_timeout"
_TIMES = ("created_at", "updated_at", "email_verified_at", "disabled_at", "disabled_until", "expires_at")

# ── the statements ────────────────────────────────────────────────────────────────────────────

_SHARED = {
    "{user}": ", ".join(_USER),
    "{user_values}": ", ".join(f":{name}" for name in _USER),
    "{account}": ", ".join(_ACCOUNT),
    "{account_values}": ", ".join(f":{name}" for name in _ACCOUNT),
    "{of_user}": ", ".join(f"users.{name}" for name in _USER),
    "{linked}": ", ".join(f"accounts.{name}" for name in _ACCOUNT),
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
    " on conflict (provider, provider_account_id) do update"
    " set password_hash = :password_hash, updated_at = :updated_at"
)
_TAKEN = "select 1 from accounts where provider = :provider and provider_account_id = :provider_account_id"
_SET_TOKENS = """
    update accounts set refresh_token = coalesce(:refresh_token, refresh_token),
        access_token = :access_token, expires_at = :expires_at, token_type = :token_type, scope = :scope,
        id_token = :id_token, session_state = :session_state, updated_at = :updated_at
    where provider = :provider and provider_account_id = :provider_account_id and user_id = :user_id
"""
_UNLINK = """
    delete from accounts
    where user_id = :id and provider = :provider and (:account is null or provider_account_id = :account)
        and exists (
            select 1 from accounts as other where other.user_id = :id and not (
                other.provider = :provider and (:account is null or other.provider_account_id = :account)
            )
        )
"""

_GET = _sql("select {user} from users where id = :id")
_CREDENTIALS = _sql("""
    select {user}, (
        select password_hash from accounts where provider = 'password' and provider_account_id = users.id
    ) from users where id = :id or email = :email
""")
_ACCOUNTS_OF = _sql("""
    select {account} from accounts where user_id = :id order by provider, provider_account_id
""")
_BY_ACCOUNT = _sql("""
    select {linked}, {of_user} from accounts join users on users.id = accounts.user_id
    where provider = :provider and provider_account_id = :account
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
_VERIFY = _sql("""
    update users set email_verified_at = coalesce(email_verified_at, :verified_at)
    where id = :id and (:version is null or credentials_version = :version)
    returning {user}
""")
_UPDATE = """
    update or ignore users set name = :name, email = :email, image = :image, updated_at = :updated_at,
        email_verified_at = :email_verified_at, credentials_version = :credentials_version, search = :search,
        idle_timeout = :idle_timeout
    where id = :id
"""
_LIFT = _sql("""
    update users set {raise}, disabled_at = null, disabled_until = null, disabled_note = null
    where id = :id and disabled_at is not null and disabled_until <= :at
""")
_SET_DISABLED = _sql("""
    update users set {raise}, disabled_at = case when :at is not null then coalesce(disabled_at, :at) end,
        disabled_until = :until, disabled_note = :note
    where id = :id and (:at is null or {not_the_last_admin})
    returning {user}
""")
_SET_ROLE = _sql("""
    update users set {raise}, role = :role
    where id = :id and (:role = 'admin' or {not_the_last_admin})
    returning {user}
""")
_LAST_ADMIN = _sql("select 1 from users where id = :id and not {not_the_last_admin}")
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

    async def by_account(self, provider: str, provider_account_id: str) -> Linked | None:
        values = {"provider": provider, "account": provider_account_id}
        row = await self.engine.read(lambda db: _one(db, _BY_ACCOUNT, values))
        size = len(_ACCOUNT)
        return None if row is None else Linked(_to_user(row[size:]), _to_account(row[:size]))

    async def link(
        self, account: Account, *, version: int | None = None, verified_at: datetime | None = None
    ) -> bool:
        return await self.engine.write(lambda db: _link(db, account, version, verified_at))

    async def unlink(self, user_id: str, provider: str, provider_account_id: str | None = None) -> int:
        values = {"id": user_id, "provider": provider, "account": provider_account_id}
        return await self.engine.write(lambda db: _unlink(db, values))

    async def set_tokens(self, account: Account) -> bool:
        row = _to_row(account)
        return await self.engine.write(lambda db: db.execute(_SET_TOKENS, row).rowcount == 1)

    async def update(self, user_id: str, changes: Changes) -> User | None:
        return await self.engine.write(lambda db: _update(db, user_id, changes))

    async def set_password(
        self, user_id: str, hash: str, *, version: int | None = None, at: datetime | None = None
    ) -> User | None:
        account = password_account(user_id, hash, at)
        return await self.engine.write(lambda db: _set_password(db, account, version))

    async def rehash(self, user_id: str, hash: str, *, instead_of: str) -> bool:
        values = {"id": user_id, "hash": hash, "instead_of": instead_of}
        return await self.engine.write(lambda db: db.execute(_REHASH, values).rowcount == 1)

    async def set_disabled(
        self, user_id: str, at: datetime | None, *, until: datetime | None = None, note: str | None = None
    ) -> User | None:
        values = {"id": user_id, "at": at and microseconds(at), "until": None, "note": None}
        if at is not None:
            values |= {"until": until and microseconds(until), "note": note}
        return await self.engine.write(lambda db: _user(db, _SET_DISABLED, values))

    async def lift(self, user_id: str, at: datetime) -> User | None:
        values = {"id": user_id, "at": microseconds(at)}
        return await self.engine.write(lambda db: _lift(db, values))

    async def set_role(self, user_id: str, role: Role) -> User | None:
        return await self.engine.write(lambda db: _user(db, _SET_ROLE, {"id": user_id, "role": role}))

    async def is_last_admin(self, user_id: str) -> bool:
        found = await self.engine.read(lambda db: db.execute(_LAST_ADMIN, {"id": user_id}).fetchone())
        return found is not None

    async def delete(self, user_id: str) -> bool:
        return await self.engine.write(lambda db: db.execute(_DELETE, {"id": user_id}).rowcount == 1)

    async def select(self, *, after: str | None = None, limit: int = 100, search: str = "") -> list[User]:
        values = {"after": after or _AFTER_ALL, "limit": limit, "search": folded(search)}
        return await self.engine.scan(lambda db: [_to_user(row) for row in db.execute(_SELECT, values)])

    async def count(self, *, search: str = "") -> int:
        values = {"search": folded(search)}
        return await self.engine.scan(lambda db: int(db.execute(_COUNT, values).fetchone()[0]))

    async def find(self, find: Find) -> tuple[list[User], int]:
        return await self.engine.scan(lambda db: _find(db, find))

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
    if account is not None and _one(db, _TAKEN, _to_row(account)):
        return False
    if db.execute(_INSERT_USER, _searchable(user)).rowcount != 1:
        return False
    if account is not None:
        db.execute(_INSERT_ACCOUNT, _to_row(account))
    return True


def _link(
    db: sqlite3.Connection, account: Account, version: int | None, verified_at: datetime | None
) -> bool:
    row = _to_row(account)
    at = verified_at and microseconds(verified_at)
    values = {"id": account.user_id, "version": version, "verified_at": at}
    if _one(db, _TAKEN, row) or not _user(db, _VERIFY, values):
        return False
    db.execute(_INSERT_ACCOUNT, row)
    return True


def _unlink(db: sqlite3.Connection, values: dict[str, Any]) -> int:
    count = db.execute(_UNLINK, values).rowcount
    if count:
        db.execute(_RAISE, {"id": values["id"], "version": None}).fetchall()
    return count


def _update(db: sqlite3.Connection, user_id: str, changes: Changes) -> User | None:
    user = _user(db, _GET, {"id": user_id})
    if user is None:
        return None
    changed = changes.of(user)
    return changed if db.execute(_UPDATE, _searchable(changed)).rowcount == 1 else None


def _set_password(db: sqlite3.Connection, account: Account, version: int | None) -> User | None:
    user = _user(db, _RAISE, {"id": account.user_id, "version": version})
    if user is not None:
        db.execute(_SET_PASSWORD, _to_row(account))
    return user


def _lift(db: sqlite3.Connection, values: dict[str, Any]) -> User | None:
    db.execute(_LIFT, values)
    return _user(db, _GET, values)


def _find(db: sqlite3.Connection, find: Find) -> tuple[list[User], int]:
    question = asked(find, _USER)
    rows = db.execute(question.page, question.values).fetchall()
    (count,) = db.execute(question.count, question.values).fetchone()
    return [_to_user(row) for row in rows], count


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
    if fields.get(_SPAN) is not None:
        fields[_SPAN] = timedelta(seconds=fields[_SPAN])
    return fields


def _searchable(user: User) -> dict[str, Any]:
    """*user* as a row, with what a search looks into."""
    return _to_row(user) | {"search": folded(f"{user.email}\n{user.name}")}


def _to_row(record: User | Account) -> dict[str, Any]:
    row = asdict(record)
    for name in _TIMES:
        if row.get(name) is not None:
            row[name] = microseconds(row[name])
    if row.get(_SPAN) is not None:
        row[_SPAN] //= timedelta(seconds=1)
    return row
