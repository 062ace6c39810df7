"""What the ledger asks of its database, be it a file or a server: `Engine`, and what its work is done on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, Self, TypeVar

from sojourn.stores.migrate import Difference, Status

__all__ = ["Cursor", "Database", "Engine"]

T = TypeVar("T")
Values = Sequence[Any] | Mapping[str, Any]


class Cursor(Protocol):
    """What a statement has found, or done."""

    @property
    def rowcount(self) -> int: ...

    def fetchall(self) -> list[Any]: ...

    def fetchone(self) -> Any: ...

    def __iter__(self) -> Iterator[Any]: ...


class Database(Protocol):
    """What work is done on. Statements say `?` or `:name` for a value, and what both databases understand.

    So: `on conflict (columns) do update set n = table.n + 1`, `case` for the smaller of two, sums cast to
    whole numbers, and no word of SQLite's own.
    """

    @property
    def in_transaction(self) -> bool: ...

    def execute(self, statement: str, values: Any = ..., /) -> Cursor: ...

    def executemany(self, statement: str, rows: Iterable[Any], /) -> Cursor: ...


class Engine(Protocol):
    """The verbs of `sojourn.stores.sqlite.engine.Engine` that the ledger uses; see there.

    Only one write is at work at a time, whoever else writes, and what it wrote is seen by those who
    read after it before what a later one wrote.
    """

    @property
    def faults(self) -> tuple[type[Exception], ...]:
        """What is raised while the database is away."""
        ...

    async def read(self, work: Callable[[Any], T]) -> T: ...

    async def glance(self, work: Callable[[Any], T]) -> T: ...

    async def scan(self, work: Callable[[Any], T]) -> T: ...

    async def write(self, work: Callable[[Any], T], *, durable: bool = True) -> T: ...

    async def migrate(self) -> list[str]: ...

    async def status(self) -> Status: ...

    async def compare(self) -> Difference: ...

    def blocking(self) -> Self: ...

    async def close(self) -> None: ...
