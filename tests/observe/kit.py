"""What tests of the ledger share: keys, times, and a ledger with what was heard in it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, closing, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID
from weakref import WeakKeyDictionary

import psycopg
import pytest

from sojourn import Key, Keys
from sojourn.events import Event, Revoked, Started
from sojourn.observe import open_ledger
from sojourn.observe.journal.writer import Journal
from sojourn.observe.ledger import Ledger
from sojourn.session import Reason, new_id
from tests.servers.postgres import Postgres

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)  # a Monday
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

KEYS = Keys([Key(id=1, secret=b"1" * 32)])
ROTATED = Keys([Key(id=1, secret=b"1" * 32, role="retired"), Key(id=2, secret=b"2" * 32)])
LATER = Keys([Key(id=2, secret=b"2" * 32)])  # the first one is gone
OTHERS = Keys([Key(id=1, secret=b"x" * 32)])  # somebody else's, with the same id


IN_A_FILE = pytest.mark.parametrize("everywhere", ["file"], indirect=True)


class InFiles:
    """Each path is what it says, and without one there is a ledger in memory."""

    def url(self, path: Path | None) -> str:
        return "memory://" if path is None else f"sqlite:///{path}"

    @contextmanager
    def altering(self, path: Path) -> Iterator[Any]:
        with closing(sqlite3.connect(path)) as db, db:
            yield db


class OnServer:
    """Each path is a schema of one database: its ledger lies beside it."""

    _databases: ClassVar[WeakKeyDictionary[Postgres, str]] = WeakKeyDictionary()
    _numbers = count(1)

    def __init__(self, server: Postgres) -> None:
        self._schemas: dict[Path, str] = {}
        self._database = self._databases.get(server) or server.new_database()
        self._databases[server] = self._database

    def url(self, path: Path | None) -> str:
        schema = f"place_{next(self._numbers)}" if path is None else self._schemas.get(path)
        if schema is None:
            schema = self._schemas[path] = f"place_{next(self._numbers)}"  # type: ignore[index]
        with psycopg.connect(self._database) as connection:
            connection.execute(f"create schema if not exists {schema}".encode())
        return f"{self._database}?options=-csearch_path%3D{schema}"

    @contextmanager
    def altering(self, path: Path) -> Iterator[Any]:
        with psycopg.connect(self._database) as connection:
            connection.execute(f"set search_path to {self._schemas[path]}_ledger".encode())
            connection.execute(
                "create or replace function zeroblob(int) returns bytea language sql as "
                "$$select decode(repeat('00', $1), 'hex')$$"
            )
            yield _Altering(
                connection, {str(known): f"{name}_ledger" for known, name in self._schemas.items()}
            )


class _Altering:
    """A connection to the server that is spoken to as one to a file."""

    def __init__(self, connection: psycopg.Connection, schemas: dict[str, str]) -> None:
        self._connection, self._schemas = connection, schemas
        self._attached: dict[str, str] = {}

    def execute(self, statement: str, values: Sequence[Any] = ()) -> Any:
        if found := re.fullmatch("attach '(.+)' as (.+)", statement):
            self._attached[found[2]] = self._schemas[found[1]]
            return None
        for alias, schema in self._attached.items():
            statement = re.sub(rf"\b{alias}\.", f"{schema}.", statement)
        statement = statement.replace("x'00'", "'\\x00'").replace("?", "%s")
        return self._connection.execute(statement.encode(), values or None)

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        for row in rows:
            self.execute(statement, row)


grounds: InFiles | OnServer = InFiles()


@asynccontextmanager
async def opened(path: Path | None = None, *, keys: Keys | None = KEYS) -> AsyncIterator[Ledger]:
    """A ledger of its own, or the one at *path*: in memory or a file, or where `everywhere` says."""
    ledger = open_ledger(grounds.url(path), keys=keys)
    try:
        yield ledger
    finally:
        await ledger.close()


def altering(path: Path) -> AbstractContextManager[Any]:
    """The tables of the ledger at *path*, as somebody has them who may write to them by hand."""
    return grounds.altering(path)


async def heard(ledger: Ledger, *events: Event) -> Journal:
    """A journal, a chain of its own, that has written *events*."""
    journal = Journal(ledger, clock=lambda: NOON)
    for event in events:
        journal.hear(event)
    await journal.flush()
    return journal


def started(
    user_id: str | None = "ada", at: datetime = NOON, *, id: UUID | None = None, ip: str | None = "192.0.2.1"
) -> Started:
    return Started(
        at=at,
        session_id=id or new_id(at, user_id),
        user_id=user_id,
        ip=ip,
        device="Chrome 143 on macOS",
        amr=("pwd",),
        kind="desktop",
    )


def revoked(
    start: Event, after: timedelta = HOUR, *, reason: Reason = Reason.SIGNED_OUT, by: str | None = None
) -> Revoked:
    """The end of the session that began with *start*; as the store tells it, without its user."""
    return Revoked(at=start.at + after, session_id=start.session_id, reason=reason, by=by)


def many(count: int, user_id: str = "ada", at: datetime = NOON) -> Iterable[Started]:
    return [started(user_id, at + timedelta(milliseconds=number)) for number in range(count)]
