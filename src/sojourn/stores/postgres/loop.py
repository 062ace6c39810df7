"""Connections that suspend: asyncpg, one small pool for each event loop of each process."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from threading import Lock
from typing import Any
from uuid import UUID
from weakref import WeakSet

from sojourn.errors import SettingsError
from sojourn.session import Session
from sojourn.stores import process
from sojourn.stores.postgres.address import Address
from sojourn.stores.postgres.lookups import Lookups
from sojourn.stores.postgres.seam import BACKSTOP, Lookup, PoolExhausted, Row, Undone, driver
from sojourn.stores.postgres.together import Writes

__all__ = ["LoopConnections"]

_GOODBYE = 2.0  # seconds that a connection has to close in good order
_SHARED = 2  # connections for writes that share a transaction
_LOCK_TIMEOUT = "200ms"  # that these wait for one row, so that few wait for what a stranger has in hand
_HEARTBEAT = 30.0  # seconds after which a silent listener asks whether anybody is there


class LoopConnections:
    """Each process and each of its event loops has connections of its own: nobody else can use them."""

    def __init__(self, address: Address, lookup: Lookup) -> None:
        self._address, self._lookup = address, lookup
        self._asyncpg = driver("asyncpg")
        errors = self._asyncpg.exceptions
        self.faults: tuple[type[Exception], ...] = (
            errors.PostgresConnectionError,
            errors.InsufficientResourcesError,
            errors.OperatorInterventionError,  # shut down, starting up, out of patience
            errors.TransactionRollbackError,
            errors.LockNotAvailableError,
            errors.PostgresSystemError,
            errors.InternalServerError,
            errors.ReadOnlySQLTransactionError,  # connected to what is no longer the primary
            errors.InvalidAuthorizationSpecificationError,
            errors.InvalidCatalogNameError,
            errors.InterfaceError,
            OSError,  # asyncio's and our time-outs are some, too
            SettingsError,
        )
        self._holdings: dict[int, list[_Holding]] = {}
        # Those of the loop that asked last, which know whether it is the one that runs.
        self.look_up: Callable[[UUID], Awaitable[Session | None]] = self._look_up
        self._lock = Lock()
        _everyone.add(self)

    def all(self, sql: str, *values: Any) -> Awaitable[Sequence[Row]]:
        return self._holding().requests.all(sql, values)

    def poll(self, sql: str, *values: Any) -> Awaitable[Sequence[Row]]:
        return self._holding().log.all(sql, values)

    async def _look_up(self, id: UUID) -> Session | None:
        lookups = self._holding().lookups
        lookups.serve()
        find = self.look_up = lookups.find  # of another thread by the next moment, perhaps
        return await find(id)

    def write(self, sql: str, order: Any, values: Sequence[Any]) -> Awaitable[Sequence[Row]]:
        if self._address.pooler:
            return self._holding().requests.all(sql, (*values, 0))
        return self._holding().writes.run(sql, order, values)

    @asynccontextmanager
    async def transaction(self, patience: float) -> AsyncIterator[_Transaction]:
        async with self._holding().requests.taken() as connection, connection.transaction():
            yield _Transaction(connection, patience)

    async def listen(self, channel: str, wake: Callable[[], None]) -> None:
        if self._address.pooler:
            return  # what it would listen to is another connection the next moment
        connection = await self._connect()
        lost = asyncio.Event()
        try:
            connection.add_termination_listener(lambda _: lost.set())
            await connection.add_listener(channel, lambda *_: wake())
            wake()  # for what was written until now
            while not lost.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(lost.wait(), _HEARTBEAT)
                if not lost.is_set():
                    await connection.execute("select 1", timeout=self._address.command_timeout)
            raise ConnectionResetError("the connection that listens to PostgreSQL was lost")
        finally:
            await _part(connection)

    async def close(self) -> None:
        """Gently on the running loop; what belongs to other loops is told to go."""
        here = asyncio.get_running_loop()
        with self._lock:
            holdings = self._holdings.pop(process.id, [])
        for holding in holdings:
            if holding.loop is here:
                await holding.close()
            else:
                holding.abandon()

    def forget(self) -> None:
        """In a forked child: what the parent holds stays where it is, untouched."""
        self._lock = Lock()
        self.look_up = self._look_up

    def close_abruptly(self) -> None:
        """The same where there is no loop to wait on."""
        with self._lock:
            holdings = self._holdings.pop(process.id, [])
        for holding in holdings:
            holding.abandon()

    def _holding(self) -> _Holding:
        loop = asyncio.get_running_loop()
        # What a forked child inherited stays where it is, untouched: its sockets are the parent's.
        for holding in self._holdings.get(process.id, ()):
            if holding.loop is loop:
                return holding
        with self._lock:
            holdings = self._holdings.setdefault(process.id, [])
            for holding in [holding for holding in holdings if holding.loop.is_closed()]:
                holding.abandon()
                holdings.remove(holding)
            holdings.append(_Holding(loop, self._connect, self._address, self._lookup, self._look_up))
            return holdings[-1]

    async def _connect(self, **settings: str) -> Any:
        address = self._address
        try:
            return await self._asyncpg.connect(
                address.url,
                timeout=address.connect_timeout,
                statement_cache_size=0 if address.pooler else 100,
                max_cached_statement_lifetime=0,
                server_settings=address.settings | settings,
            )
        except TimeoutError:
            raise TimeoutError(
                f"{address} did not let us in within {address.connect_timeout:g} seconds"
            ) from None


class _Holding:
    """What one event loop holds."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        connect: Callable[..., Any],
        address: Address,
        lookup: Lookup,
        elsewhere: Callable[[UUID], Awaitable[Session | None]],
    ) -> None:
        self.loop = loop
        self.requests = _Pool(connect, address.pool_size, address)
        self.log = _Pool(connect, 1, address)
        self.shared = _Pool(partial(connect, lock_timeout=_LOCK_TIMEOUT), _SHARED, address)
        self.lookups = Lookups(self.requests.all, lookup, elsewhere)
        self.writes = Writes(self.requests.all, self.shared.together)

    @property
    def pools(self) -> tuple[_Pool, ...]:
        return (self.requests, self.log, self.shared)

    async def close(self) -> None:
        self.lookups.close()
        for pool in self.pools:
            for connection in pool.shut():
                await _part(connection)

    def abandon(self) -> None:
        """Let go of connections whose loop is another thread's, or over."""
        self.lookups.close()
        for pool in self.pools:
            for connection in pool.shut():
                try:
                    self.loop.call_soon_threadsafe(connection.terminate)
                except RuntimeError:  # the loop is closed: what is left to do is to tell the server
                    with suppress(AttributeError, OSError):
                        connection._transport.get_extra_info("socket").shutdown(2)


class _Pool:
    """At most *size* connections. Not asyncpg's own, which pays a round trip for each return."""

    def __init__(self, connect: Callable[[], Any], size: int, address: Address) -> None:
        self._connect, self._size, self._address = connect, size, address
        self._unsent = driver("asyncpg").InternalClientError
        self._patience = address.command_timeout + BACKSTOP
        self._timeout = self._patience if address.pooler else None  # there the server has no limit of its own
        self._busy: dict[Any, float | None] = {}  # since when; None: given up
        self._watch: asyncio.TimerHandle | None = None
        self._idle: list[Any] = []
        self._open = 0
        self._waiting: deque[tuple[asyncio.Future[Any], float]] = deque()  # since when
        self._shut = False

    async def all(self, sql: str, values: Sequence[Any]) -> Sequence[Row]:
        while True:
            connection = await self._take()
            loop = asyncio.get_running_loop()
            self._busy[connection] = loop.time()
            self._watch_from(loop)
            try:
                rows: Sequence[Row] = await connection.fetch(sql, *values, timeout=self._timeout)
                return rows
            except self._unsent:  # the server has said goodbye to an idle connection: take the next one
                connection.terminate()
            except BaseException as error:
                raise self._judged(connection, error) from error.__cause__
            finally:
                del self._busy[connection]
                self._give(connection)

    async def together(self, sql: str, many: Sequence[Sequence[Any]]) -> Sequence[Row]:
        """The rows of *sql* with each of *many* values, in one transaction."""
        async with self.taken() as connection:
            loop = asyncio.get_running_loop()
            self._busy[connection] = loop.time()
            self._watch_from(loop)
            try:
                rows: Sequence[Row] = await connection.fetchmany(sql, many)
                return rows
            except self._unsent as error:
                connection.terminate()
                reason: Exception = error
            except Exception as error:
                if connection.is_closed():  # nobody knows how it has ended
                    raise self._judged(connection, error) from error.__cause__
                reason = error
            finally:
                del self._busy[connection]
        raise Undone from reason

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[Any]:
        connection = await self._take()
        try:
            yield connection
        except BaseException as error:
            raise self._judged(connection, error) from error.__cause__
        finally:
            self._give(connection)

    def shut(self) -> list[Any]:
        """The idle connections, which are the caller's now; those in use end when they come back."""
        self._shut = True
        idle, self._idle = self._idle, []
        return idle

    def _watch_from(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._watch is None:
            tick = min(self._patience, self._address.pool_timeout) / 8
            self._watch = loop.call_later(tick, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """End what has taken too long: one timer for all; one for each would be a tenth of a lookup."""
        self._watch = None
        now = loop.time()
        for connection, since in list(self._busy.items()):
            if since is not None and now - since > self._patience:  # the server's own limit did not hold
                self._busy[connection] = None
                connection.terminate()
        while self._waiting and now - self._waiting[0][1] > self._address.pool_timeout:
            turn, _ = self._waiting.popleft()
            if not turn.done():
                turn.set_exception(self._exhausted())
        if self._busy or self._waiting:
            self._watch_from(loop)

    def _judged(self, connection: Any, error: BaseException) -> BaseException:
        """Give *connection* up unless the server itself has said what is wrong: then it is in good order.

        So after a cancellation or a time-out, too. A request to cancel that overtook its statement
        would hit somebody else's next one.
        """
        if not connection.is_closed() and (
            getattr(error, "sqlstate", None) is None or connection.is_in_transaction()
        ):
            connection.terminate()
        if self._busy.get(connection, 0.0) is None or (type(error) is TimeoutError and not error.args):
            patience = self._address.command_timeout
            error = TimeoutError(f"{self._address} did not answer within {patience:g} seconds")
        return error

    async def _take(self) -> Any:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
            self._open -= 1
        if self._open < self._size:
            self._open += 1
            return await self._opened()
        connection = await self._wait()
        return connection or await self._opened()

    async def _opened(self) -> Any:
        """A new connection, in a place that is counted already."""
        try:
            return await self._connect()
        except BaseException:
            self._leave_place()
            raise

    async def _wait(self) -> Any:
        """A connection that somebody gives back; None: the place of one that broke."""
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[Any] = loop.create_future()
        self._waiting.append((turn, loop.time()))
        self._watch_from(loop)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and not turn.exception():  # it came too late for us
                self._give(turn.result())
            raise

    def _exhausted(self) -> PoolExhausted:
        return PoolExhausted(
            f"all {self._size} connections to {self._address} were in use for "
            f"{self._address.pool_timeout:g} seconds; raise pool_size in its URL, or look for slow statements"
        )

    def _give(self, connection: Any) -> None:
        if connection is None or connection.is_closed():
            return self._leave_place()
        if self._shut:
            connection.terminate()
            return self._leave_place()
        while self._waiting:
            turn, _ = self._waiting.popleft()
            if not turn.done():
                return turn.set_result(connection)
        self._idle.append(connection)
        return None

    def _leave_place(self) -> None:
        while self._waiting:
            turn, _ = self._waiting.popleft()
            if not turn.done():
                return turn.set_result(None)
        self._open -= 1
        return None


class _Transaction:
    def __init__(self, connection: Any, patience: float) -> None:
        self._connection, self._patience = connection, patience

    async def all(self, sql: str, *values: Any) -> Sequence[Row]:
        rows: Sequence[Row] = await self._connection.fetch(sql, *values, timeout=self._patience)
        return rows

    async def run(self, script: str) -> None:
        await self._connection.execute(script, timeout=self._patience)


async def _part(connection: Any) -> None:
    try:
        await connection.close(timeout=_GOODBYE)
    except Exception:  # it was lost, or hangs; gone is gone
        connection.terminate()


_everyone: WeakSet[LoopConnections] = WeakSet()


def _forget() -> None:
    """In a forked child the thread is called what it was, and its loop says that it runs."""
    for connections in tuple(_everyone):
        connections.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
