"""A PostgreSQL database behind the verbs of `sqlite.engine.Engine`: work runs on threads that may wait.

A write is alone, as it is in a file: it holds a lock of its component until its commit. So numbers that are
given out in order become visible in order, and what a write has read still holds when it commits.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar

from sojourn.errors import SettingsError
from sojourn.stores import migrate
from sojourn.stores.postgres import schema
from sojourn.stores.postgres.address import Address
from sojourn.stores.postgres.blocking import Pool, connected
from sojourn.stores.postgres.plain import register
from sojourn.stores.postgres.seam import driver, lost_race
from sojourn.stores.postgres.spelling import Values, spelled

if TYPE_CHECKING:
    from sojourn.stores.migrate import Difference, Status

__all__ = ["Database", "ThreadedEngine"]

T = TypeVar("T")

_MOST = 4  # connections of a process, and threads that use them
_TRIES = 3
_IDLE = 30.0  # seconds after which the server ends a transaction that was left open: others wait for it


class Database:
    """What `work` gets: a connection that is asked as one of SQLite's is."""

    def __init__(self, connection: Any, *, in_transaction: bool) -> None:
        self._connection = connection
        self.in_transaction = in_transaction

    def execute(self, statement: str, values: Values = (), /) -> Any:
        """A cursor, which has read all that was found. A pragma is an affair of SQLite's own."""
        if statement.startswith("pragma "):
            return self._connection.cursor()
        sql, given = spelled(statement, values)
        return self._connection.execute(sql, given, binary=True)

    def executemany(self, statement: str, rows: Iterable[Values], /) -> Any:
        """The statement once for each of *rows*; `rowcount` is of all of them."""
        pairs = [spelled(statement, values) for values in rows]
        cursor = self._connection.cursor()
        if pairs:
            cursor.executemany(pairs[0][0], [given for _, given in pairs])
        return cursor


class ThreadedEngine:
    """The tables of one *component*, in a schema of their own in the database at *url*.

    It is connected to at the first use, and again after `close`, after a fork, and when the server was
    away. With *create* the schema is made if it is not there. `work` is a function of a `Database` that
    touches nothing else: it may be run again if it failed.
    """

    def __init__(self, url: str, *, component: str, migrations: str, create: bool = True) -> None:
        self._address = _Address.of("postgresql://" + url.partition("://")[2])
        self._component, self._create = component, create
        self._known = migrate.load(migrations)
        # By process id: a forked child must neither use nor close what its parent holds.
        self._holdings: dict[int, _Holding] = {}
        self._ready: set[bool] = set()  # has the one member True when the schema was found to be right
        self._blocks = False

    def __repr__(self) -> str:
        return f"<ThreadedEngine of {self}>"

    def __str__(self) -> str:
        return f"{self._component} in {self._address}"

    @property
    def faults(self) -> tuple[type[Exception], ...]:
        return (driver("psycopg").Error, OSError, SettingsError)

    async def read(self, work: Callable[[Any], T]) -> T:
        """Run *work*, which reads."""
        return await self._run(partial(self._reading, work, ""))

    glance = read

    async def scan(self, work: Callable[[Any], T]) -> T:
        """Run *work*, which may read much, and all of it as it was at one moment."""
        return await self._run(
            partial(self._reading, work, "begin isolation level repeatable read read only")
        )

    async def write(self, work: Callable[[Any], T], *, durable: bool = True) -> T:
        """Run *work* in a transaction, and answer after its commit. If it raises, it has done nothing.

        What is *durable* is on the disk by then; the rest outlives this process, and not a crash of the
        server that follows within a second.
        """
        begin = "begin isolation level read committed"
        if not durable:
            begin += "; set local synchronous_commit = off"
        return await self._run(partial(self._writing, work, begin))

    async def migrate(self) -> list[str]:
        """Bring the schema up to date; the names of the migrations that were applied now."""
        return await self._run(self._migrate, ready=True)

    async def status(self) -> Status:
        """Which migrations were applied, and which wait for `migrate`."""
        return await self._run(partial(self._asking, partial(schema.status, known=self._known)), ready=True)

    async def compare(self) -> Difference:
        """How tables and indexes differ from those of a new database. It takes the right to make schemas."""
        return await self._run(partial(self._asking, partial(schema.compare, known=self._known)), ready=True)

    def blocking(self) -> Self:
        """The same database and connections, behind verbs that block instead of suspending."""
        twin = copy(self)
        twin._blocks = True
        return twin

    async def close(self) -> None:
        """Let go of the connections of this process; those in use go when they are given back."""
        holding = self._holdings.pop(os.getpid(), None)
        if holding is not None:
            holding.close()

    # ── running ──────────────────────────────────────────────────────────────────────────────

    async def _run(self, act: Callable[[], T], *, ready: bool = False) -> T:
        if self._blocks:
            return self._prepared(act, ready)
        from asyncio import get_running_loop

        threads = self._holding().threads
        return await get_running_loop().run_in_executor(threads, self._prepared, act, ready)

    def _prepared(self, act: Callable[[], T], ready: bool) -> T:
        if not (ready or self._ready):
            self._prepare()
        for _ in range(_TRIES - 1):
            try:
                return act()
            except Exception as error:
                if not lost_race(error):
                    raise
        return act()

    def _reading(self, work: Callable[[Any], T], begin: str) -> T:
        # Behind a pooler what is outside a transaction may come to a connection that knows no schema.
        if not begin and self._address.pooler:
            begin = "begin read only"
        with self._holding().pool.taken() as connection:
            if not begin:
                return work(Database(connection, in_transaction=False))
            self._begin(connection, begin)
            found = work(Database(connection, in_transaction=True))
            connection.execute("commit", prepare=False)
        return found

    def _writing(self, work: Callable[[Any], T], begin: str) -> T:
        with self._holding().pool.taken() as connection:
            self._begin(connection, begin, schema.turn(self._component))
            found = work(Database(connection, in_transaction=True))
            connection.execute("commit", prepare=False)
        return found

    def _asking(self, work: Callable[..., T], patience: float = schema.PATIENCE) -> T:
        """Run *work*, about the schema, in a transaction that leaves nothing behind."""
        with self._holding().pool.taken() as connection, _patient(connection, patience):
            self._begin(connection, "begin isolation level read committed")
            found = work(connection, component=self._component, where=str(self._address))
            connection.execute("rollback", prepare=False)
        return found

    def _begin(self, connection: Any, *statements: str) -> None:
        """All in one message."""
        begin, *rest = statements
        first, *more = begin.split("; ")
        connection.execute("; ".join([first, *connection.settings, *more, *rest]), prepare=False)

    def _holding(self) -> _Holding:
        pid = os.getpid()
        return self._holdings.get(pid) or self._holdings.setdefault(pid, _Holding(self._address))

    # ── schema ───────────────────────────────────────────────────────────────────────────────

    def _prepare(self) -> None:
        pending = self._asking(partial(schema.pending, known=self._known), self._address.command_timeout)
        applied = len(self._known) - len(pending)
        if pending and applied:
            raise SettingsError(
                f"{self._address} has schema {applied} of the {self._component}, this Sojourn needs "
                f"{len(self._known)}; run `sojourn migrate`"
            )
        if pending and not self._create:
            raise SettingsError(
                f"{self._address} has no schema for the {self._component} yet; run `sojourn migrate`"
            )
        if pending:
            self._migrate()
        self._ready.add(True)

    def _migrate(self) -> list[str]:
        with self._holding().pool.taken() as connection, _patient(connection, schema.PATIENCE):
            self._begin(connection, "begin isolation level read committed")
            applied = schema.migrate(
                connection, component=self._component, where=str(self._address), known=self._known
            )
            connection.execute("commit", prepare=False)
        self._ready.add(True)
        return applied


class _Address(Address, frozen=True, kw_only=True):
    """The same URL as that of sessions, whose statements need other plans than these."""

    @property
    def settings(self) -> dict[str, str]:
        if self.pooler:
            return {}
        return {
            "application_name": "sojourn",
            "timezone": "UTC",
            "statement_timeout": f"{self.command_timeout * 1000:.0f}",
            "idle_in_transaction_session_timeout": f"{_IDLE * 1000:.0f}",
        }


class _Holding:
    """What one process holds of a database: connections that nobody uses now, and threads."""

    def __init__(self, address: _Address) -> None:
        self._address = address
        self._psycopg = driver("psycopg")
        self.pool = Pool(self._connect, min(address.pool_size, _MOST), address)
        # Of their own: those of the loop would all be gone while a server is away that does not say so.
        self.threads = ThreadPoolExecutor(min(address.pool_size, _MOST), thread_name_prefix="sojourn-ledger")

    def close(self) -> None:
        self.threads.shutdown(wait=False)
        self.pool.close()

    def _connect(self) -> Any:
        address = self._address
        connection = connected(self._psycopg, address)
        try:
            register(self._psycopg, connection)
            self._settle(connection, address)
        except BaseException:
            connection.close()
            raise
        return connection

    def _settle(self, connection: Any, address: _Address) -> None:
        encoding = connection.info.parameter_status("server_encoding")
        if encoding != "UTF8":
            raise SettingsError(
                f"{address} keeps text as {encoding}, which cannot hold all of it; make a database with "
                "`encoding 'UTF8'`"
            )
        name = schema.name(connection)
        connection.schema = name
        path = f"set local search_path to {name}"
        connection.settings = [path]
        if address.pooler:
            connection.settings += [
                f"set local statement_timeout = {address.command_timeout * 1000:.0f}",
                f"set local idle_in_transaction_session_timeout = {_IDLE * 1000:.0f}",
            ]
        else:
            connection.execute(path.replace(" local", ""), prepare=False)
            connection.settings = []


@contextmanager
def _patient(connection: Any, patience: float) -> Iterator[None]:
    """Have *connection* wait for as long as work on the schema may take."""
    usual, connection.patience = connection.patience, patience
    try:
        yield
    finally:
        connection.patience = usual
