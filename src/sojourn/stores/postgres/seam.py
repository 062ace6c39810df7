"""What the store asks of connections, whether they suspend or block; and what both kinds share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from importlib import import_module
from typing import Any, Protocol, TypeVar
from uuid import UUID

from sojourn.errors import SettingsError

__all__ = ["BACKSTOP", "Connection", "Connections", "PoolExhausted", "Row", "again", "driver"]

T = TypeVar("T")
Row = Sequence[Any]

BACKSTOP = 1.0
"""Seconds that a client waits longer than the server should have taken: then the connection is given up."""

_LOST_RACES = ("40P01", "40001")  # deadlock, serialization: the server has undone it, and says try again
_TRIES = 4


class PoolExhausted(TimeoutError):
    """Every connection of this process stayed in use for longer than `pool_timeout`."""


class Connection(Protocol):
    """One connection, inside a transaction. Placeholders are `$1`, `$2` ..."""

    async def all(self, sql: str, *values: Any) -> Sequence[Row]: ...

    async def run(self, script: str) -> None:
        """Any number of statements, without values."""
        ...


class Connections(Protocol):
    """Connections of this process to one database: opened at the first use, and again after `close`."""

    faults: tuple[type[Exception], ...]

    async def all(self, sql: str, *values: Any) -> Sequence[Row]:
        """The rows of one statement, which is a transaction of its own."""
        ...

    async def poll(self, sql: str, *values: Any) -> Sequence[Row]:
        """The same on a connection that nobody else uses: the log never queues behind requests."""
        ...

    async def look_up(self, one: str, many: str, id: UUID) -> Row | None:
        """The row that *one* finds for *id*, or *many* for an array of ids; its first column is the id."""
        ...

    def transaction(self, patience: float) -> AbstractAsyncContextManager[Connection]:
        """Several statements, each of which may take *patience* seconds."""
        ...

    async def listen(self, channel: str, wake: Callable[[], None]) -> None: ...

    async def close(self) -> None: ...


def driver(name: str) -> Any:
    """Import the driver *name*, or say which extra brings it."""
    try:
        return import_module(name)
    except ImportError as error:
        raise SettingsError(
            f"PostgreSQL needs {name}, which cannot be imported ({error}); "
            "install it with `pip install 'sojourn[postgres]'`"
        ) from error


async def again(attempt: Callable[[], Awaitable[T]]) -> T:
    """Repeat *attempt*, one statement, while it loses a race that PostgreSQL ended by undoing it."""
    for _ in range(_TRIES - 1):
        try:
            return await attempt()
        except Exception as error:
            if getattr(error, "sqlstate", None) not in _LOST_RACES:
                raise
    return await attempt()
