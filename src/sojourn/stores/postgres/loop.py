"""Connections that suspend: asyncpg, one small pool for each event loop of each process."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from threading import Lock
from typing import Any
from uuid import UUID

from sojourn.errors import SettingsError
from sojourn.stores.postgres.address import Address
from sojourn.stores.postgres.lookups import Lookups
from sojourn.stores.postgres.seam import BACKSTOP, PoolExhausted, Row, driver

__all__ = ["LoopConnections"]

_GOODBYE = 2.0  # seconds that a connection has to close in good order
_HEARTBEAT = 30.0  # seconds after which a silent listener asks whether anybody is there


class LoopConnections:
    """Each process and each of its event loops has connections of its own: nobody else can use them."""

    def __init__(self, address: Address) -> None:
        self._address = address
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
        self._lock = Lock()

    async def all(self, sql: str, *values: Any) -> Sequence[Row]:
        return await self._holding().requests.all(sql, values)

    async def poll(self, sql: str, *values: Any) -> Sequence[Row]:
        return await self._holding().log.all(sql, values)

    async def look_up(self, one: str, many: str, id: UUID) -> Row | None:
        return await self._holding().lookups.find(one, many, id)

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
            holdings = self._holdings.pop(os.getpid(), [])
        for holding in holdings:
            if holding.loop is here:
                await holding.close()
            else:
                holding.abandon()

    def close_abruptly(self) -> None:
        """The same where there is no loop to wait on."""
        with self._lock:
            holdings = self._holdings.pop(os.getpid(), [])
        for holding in holdings:
            holding.abandon()

    def _holding(self) -> _Holding:
        loop = asyncio.get_running_loop()
        # What a forked child inherited stays where it is, untouched: its sockets are the parent's.
        for holding in self._holdings.get(os.getpid(), ()):
            if holding.loop is loop:
                return holding
        with self._lock:
            holdings = self._holdings.setdefault(os.getpid(), [])
            for holding in [holding for holding in holdings if holding.loop.is_closed()]:
                holding.abandon()
                holdings.remove(holding)
            holdings.append(_Holding(loop, self._connect, self._address))
            return holdings[-1]

    async def _connect(self) -> Any:
        address = self._address
        try:
            return await self._asyncpg.connect(
                address.url,
                timeout=address.connect_timeout,
                statement_cache_size=0 if address.pooler else 100,
                max_cached_statement_lifetime=0,
                server_settings=address.settings,
            )
        except TimeoutError:
            raise TimeoutError(
                f"{address} did not let us in within {address.connect_timeout:g} seconds"
            ) from None


class _Holding:
    """What one event loop holds."""

    def __init__(self, loop: asyncio.AbstractEventLoop, connect: Callable[[], Any], address: Address) -> None:
        self.loop = loop
        self.requests = _Pool(connect, address.pool_size, address)
        self.log = _Pool(connect, 1, address)
        self.lookups = Lookups(self.requests.all)

    async def close(self) -> None:
        for pool in (self.requests, self.log):
            for connection in pool.shut():
                await _part(connection)

    def abandon(self) -> None:
        """Let go of connections whose loop is another thread's, or over."""
        for pool in (self.requests, self.log):
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
        self._idle: list[Any] = []
        self._open = 0
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._shut = False

    async def all(self, sql: str, values: Sequence[Any]) -> Sequence[Row]:
        while True:
            connection = await self._take()
            try:
                rows: Sequence[Row] = await connection.fetch(
                    sql, *values, timeout=self._address.command_timeout + BACKSTOP
                )
                return rows
            except self._unsent:  # the server has said goodbye to an idle connection: take the next one
                connection.terminate()
            except BaseException as error:
                raise self._judged(connection, error) from error.__cause__
            finally:
                self._give(connection)

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

    def _judged(self, connection: Any, error: BaseException) -> BaseException:
        """Give *connection* up unless the server itself has said what is wrong: then it is in good order.

        So after a cancellation or a time-out, too. A request to cancel that overtook its statement
        would hit somebody else's next one.
        """
        if getattr(error, "sqlstate", None) is None or connection.is_in_transaction():
            connection.terminate()
        if type(error) is TimeoutError and not error.args:
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
        turn: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            return await asyncio.wait_for(turn, self._address.pool_timeout)
        except TimeoutError:
            if turn.done() and not turn.cancelled():  # it came at the last moment
                return turn.result()
            raise PoolExhausted(
                f"all {self._size} connections to {self._address} were in use for "
                f"{self._address.pool_timeout:g} seconds; raise pool_size in its URL, "
                "or look for slow statements"
            ) from None
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it came too late for us
                self._give(turn.result())
            raise

    def _give(self, connection: Any) -> None:
        if connection is None or connection.is_closed():
            return self._leave_place()
        if self._shut:
            connection.terminate()
            return self._leave_place()
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                return turn.set_result(connection)
        self._idle.append(connection)
        return None

    def _leave_place(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
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
