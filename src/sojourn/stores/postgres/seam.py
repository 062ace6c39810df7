"""What the store asks of connections, whether they suspend or block; and what both kinds share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from copy import copy
from importlib import import_module
from typing import Any, NamedTuple, Protocol, TypeVar
from uuid import UUID

from sojourn.errors import SettingsError
from sojourn.session import Session

__all__ = [
    "BACKSTOP",
    "Connection",
    "Connections",
    "Lookup",
    "PoolExhausted",
    "Row",
    "Undone",
    "again",
    "driver",
    "lost_race",
    "own",
]

T = TypeVar("T")
Row = Sequence[Any]

BACKSTOP = 1.0
"""Seconds that a client waits longer than the server should have taken: then the connection is given up."""

_LOST_RACES = ("40P01", "40001")  # deadlock, serialization: the server has undone it, and says try again
_TRIES = 3


class Lookup(NamedTuple):
    """How sessions are found by their ids."""

    one: str  # by an id
    many: str  # by ids, the lowest of them and the highest
    made: Callable[[UUID, bytes], Session]  # of the packed row


class PoolExhausted(TimeoutError):
    """Every connection of this process stayed in use for longer than `pool_timeout`."""


class Undone(Exception):
    """Of several writes in one transaction one was refused: nothing of any of them is left."""


class Connection(Protocol):
    """One connection, inside a transaction. Placeholders are `$1`, `$2` ..."""

    async def all(self, sql: str, *values: Any) -> Sequence[Row]: ...

    async def run(self, script: str) -> None:
        """Any number of statements, without values."""
        ...


class Connections(Protocol):
    """Connections of this process to one database: opened at the first use, and again after `close`."""

    faults: tuple[type[Exception], ...]

    def all(self, sql: str, *values: Any) -> Awaitable[Sequence[Row]]:
        """The rows of one statement, which is a transaction of its own."""
        ...

    def poll(self, sql: str, *values: Any) -> Awaitable[Sequence[Row]]:
        """The same on a connection that nobody else uses: the log never queues behind requests."""
        ...

    @property
    def look_up(self) -> Callable[[UUID], Awaitable[Session | None]]:
        """The session of an id, as the `Lookup` finds it that they were made with."""
        ...

    def write(self, sql: str, order: Any, values: Sequence[Any]) -> Awaitable[Sequence[Row]]:
        """The rows of one write, which may share its transaction with others of the same statement *sql*.

        It has a last value, a number, and answers with that first in each row. In a transaction
        writes are in their *order*, so that two transactions take what both want one after the other.
        """
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
            if not lost_race(error):
                raise
    return await attempt()


def lost_race(error: Exception) -> bool:
    """Whether PostgreSQL has undone the statement because of what another one did at the same time."""
    return getattr(error, "sqlstate", None) in _LOST_RACES


def own(error: Exception) -> Exception:
    """A copy of *error*: raised in several places, one object would collect the tracebacks of all."""
    try:
        twin = copy(error)
    except Exception:  # a constructor that wants more than it keeps
        return error
    twin.__cause__ = error
    return twin
