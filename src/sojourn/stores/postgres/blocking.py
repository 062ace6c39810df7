"""Connections that block: psycopg, one small pool for each process, shared by its threads."""

from __future__ import annotations

import select
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from math import ceil
from threading import Condition
from time import monotonic
from typing import Any
from uuid import UUID

from sojourn.errors import SettingsError
from sojourn.session import Session
from sojourn.stores import process
from sojourn.stores.postgres.address import Address
from sojourn.stores.postgres.seam import BACKSTOP, Lookup, PoolExhausted, Row, driver

__all__ = ["BlockingConnections", "Pool", "connected"]

_Y2K = datetime(2000, 1, 1, tzinfo=UTC)


class BlockingConnections:
    """The verbs of `Connections`, none of which ever suspends."""

    def __init__(self, address: Address, lookup: Lookup) -> None:
        self._address, self._lookup = address, lookup
        self._psycopg = driver("psycopg")
        self.faults: tuple[type[Exception], ...] = (
            self._psycopg.OperationalError,
            self._psycopg.InternalError,  # damage, and a primary that has become a standby
            self._psycopg.InterfaceError,
            OSError,
            SettingsError,
        )
        # By process id: a forked child must neither use nor close what its parent holds.
        self._pools: dict[int, tuple[Pool, Pool]] = {}

    async def all(self, sql: str, *values: Any) -> Sequence[Row]:
        return self._all(self._pool(0), sql, values)

    async def poll(self, sql: str, *values: Any) -> Sequence[Row]:
        return self._all(self._pool(1), sql, values)

    async def look_up(self, id: UUID) -> Session | None:
        rows = self._all(self._pool(0), self._lookup.one, (id,))
        return self._lookup.made(id, rows[0][0]) if rows else None

    async def write(self, sql: str, order: Any, values: Sequence[Any]) -> Sequence[Row]:
        return self._all(self._pool(0), sql, (*values, 0))

    @asynccontextmanager
    async def transaction(self, patience: float) -> AsyncIterator[_Transaction]:
        with self._pool(0).taken() as connection:
            usual, connection.patience = connection.patience, patience
            with connection.transaction():
                yield _Transaction(connection)
            connection.patience = usual

    async def listen(self, channel: str, wake: Callable[[], None]) -> None:
        raise RuntimeError("a blocking store listens to nobody; poll it, or listen on an event loop")

    async def close(self) -> None:
        for pool in self._pools.pop(process.id, ()):
            pool.close()

    def _all(self, pool: Pool, sql: str, values: Sequence[Any]) -> Sequence[Row]:
        with pool.taken() as connection:
            return _rows(connection.execute(sql, values, binary=True))

    def _pool(self, which: int) -> Pool:
        pid = process.id
        pools = self._pools.get(pid)
        if pools is None:
            size, address = self._address.pool_size, self._address
            pools = (Pool(self._connect, size, address), Pool(self._connect, 1, address))
            pools = self._pools.setdefault(pid, pools)
        return pools[which]

    def _connect(self) -> Any:
        connection = connected(self._psycopg, self._address)
        if self._address.pooler:  # which may have left the connection in any time zone
            connection.adapters.register_loader("timestamptz", _utc_loader(self._psycopg))
        return connection


def connected(psycopg: Any, address: Address) -> Any:
    """A connection with the settings of *address*; placeholders are `$1`, `$2` ..., statements prepared."""
    asked = psycopg.conninfo.conninfo_to_dict(address.url)
    ours = [f"-c {name}={value}" for name, value in _escaped(address.settings)]
    asked["options"] = " ".join(filter(None, [asked.get("options"), *ours]))
    asked["connect_timeout"] = ceil(address.connect_timeout)
    connection = _class(psycopg).connect(
        **{name: value for name, value in asked.items() if value != ""},
        autocommit=True,
        cursor_factory=psycopg.RawCursor,
        prepare_threshold=None if address.pooler else 0,
    )
    connection.patience = address.command_timeout + BACKSTOP
    return connection


class Pool:
    """At most *size* connections, for any number of threads."""

    def __init__(self, connect: Callable[[], Any], size: int, address: Address) -> None:
        self._connect, self._size, self._address = connect, size, address
        self._idle: list[Any] = []
        self._open = 0
        self._changed = Condition()
        self._shut = False

    @contextmanager
    def taken(self) -> Iterator[Any]:
        connection = self._take()
        try:
            yield connection
        except BaseException as error:
            # In good order only if the server itself has said what is wrong.
            if getattr(error, "sqlstate", None) is None or connection.info.transaction_status != 0:
                connection.close()
            if type(error).__name__ == "_WaitTimeout":
                seconds = connection.patience - BACKSTOP
                raise TimeoutError(f"{self._address} did not answer within {seconds:g} seconds") from None
            raise
        finally:
            self._give(connection)

    def close(self) -> None:
        with self._changed:
            self._shut = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> Any:
        while True:
            connection = self._idle_or_place()
            if connection is None:
                try:
                    return self._connect()
                except BaseException:
                    self._give(None)
                    raise
            if _untouched(connection):
                return connection
            connection.close()  # the server has said goodbye meanwhile
            self._give(connection)

    def _idle_or_place(self) -> Any:
        """An idle connection; None: room for a new one, which counts already."""
        until = monotonic() + self._address.pool_timeout
        with self._changed:
            while not self._idle and self._open >= self._size:
                if not self._changed.wait(until - monotonic()):
                    raise PoolExhausted(
                        f"all {self._size} connections to {self._address} were in use for "
                        f"{self._address.pool_timeout:g} seconds; raise pool_size in its URL, "
                        "or look for slow statements"
                    )
            if self._idle:
                return self._idle.pop()
            self._open += 1
            return None

    def _give(self, connection: Any) -> None:
        if connection is not None and self._shut:
            connection.close()
        with self._changed:
            if connection is None or connection.closed:
                self._open -= 1
            else:
                self._idle.append(connection)
            self._changed.notify()


class _Transaction:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def all(self, sql: str, *values: Any) -> Sequence[Row]:
        return _rows(self._connection.execute(sql, values, binary=True))

    async def run(self, script: str) -> None:
        self._connection.execute(script, prepare=False)


def _rows(cursor: Any) -> Sequence[Row]:
    rows: Sequence[Row] = cursor.fetchall() if cursor.description else ()
    return rows


def _untouched(connection: Any) -> bool:
    """Whether nothing has come in on an idle connection: what comes unasked is a goodbye."""
    poll = select.poll()
    poll.register(connection.pgconn.socket, select.POLLIN)
    return not poll.poll(0)


def _escaped(settings: dict[str, str]) -> Iterator[tuple[str, str]]:
    for name, value in settings.items():
        yield name, value.replace("\\", "\\\\").replace(" ", "\\ ")


def _class(psycopg: Any) -> Any:
    """psycopg's connection with an end to its patience: `statement_timeout` needs a server that runs."""

    class Bounded(psycopg.Connection):  # type: ignore[misc]
        patience: float | None = None

        def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
            return super().wait(gen, interval=interval, timeout=timeout or self.patience)

    return Bounded


def _utc_loader(psycopg: Any) -> Any:
    class Loader(psycopg.adapt.Loader):  # type: ignore[misc]
        format = psycopg.pq.Format.BINARY

        def load(self, data: Any) -> datetime:
            return _Y2K + timedelta(microseconds=int.from_bytes(data, signed=True))

    return Loader
