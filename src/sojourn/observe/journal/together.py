"""Many rows in few statements: Python lets go of its lock with each, and may wait long to have it back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sojourn.observe.engine import Database

__all__ = ["among", "insert"]

_SIZES = (256, 32, 4, 1)  # few, so that each statement is prepared once


def insert(db: Database, into: str, rows: Sequence[tuple[Any, ...]], otherwise: str = "") -> None:
    """Insert *rows*, which have all columns that *into* names; *otherwise*: where there is one already."""
    done = 0
    for size in _SIZES:
        while len(rows) - done >= size:
            chunk = rows[done : done + size]
            db.execute(
                _values(into, size, len(chunk[0]), otherwise), [value for row in chunk for value in row]
            )
            done += size


def among(db: Database, question: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    """The rows that *question* finds, with `{}` for a list of values."""
    found: list[tuple[Any, ...]] = []
    done = 0
    for size in _SIZES:
        while len(values) - done >= size:
            statement = question.format(_marks(size))
            found += db.execute(statement, values[done : done + size]).fetchall()
            done += size
    return found


@cache
def _values(into: str, size: int, width: int, otherwise: str) -> str:
    return f"{into} values {', '.join([f'({_marks(width)})'] * size)} {otherwise}"


def _marks(count: int) -> str:
    return ", ".join("?" * count)
