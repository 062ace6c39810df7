"""Statements as SQLite has them, `?` or `:name` for a value, in the spelling of PostgreSQL, `$1`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

__all__ = ["spelled"]

# What may hold a mark and is none: quoted text and names, comments, casts.
_PARTS = re.compile(
    r"""(?P<apart> '(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | /\*.*?\*/ | ::)
    | (?P<mark> \?) | :(?P<name> [a-z_][a-z0-9_]*)""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
Values = Sequence[Any] | Mapping[str, Any]


def spelled(statement: str, values: Values) -> tuple[str, Sequence[Any]]:
    """*statement* with numbered marks, and *values* in their order; a mapping may hold more than is asked."""
    text, names = _translated(statement)
    if isinstance(values, Mapping):
        return text, [values[name] for name in names]
    return text, values


@lru_cache(maxsize=1_024)
def _translated(statement: str) -> tuple[str, tuple[str, ...]]:
    names: list[str] = []
    marks = 0

    def mark(found: re.Match[str]) -> str:
        nonlocal marks
        if found["apart"]:
            return found["apart"]
        if found["mark"]:
            marks += 1
            return f"${marks}"
        name = found["name"]
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    text = _PARTS.sub(mark, statement)
    if marks and names:
        raise ValueError("a statement has either ? or :name for its values, not both")
    return text, tuple(names)
