"""A `Find` as SQL: what is compared comes from a table of ours, what it is compared with as parameters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from sojourn.accounts.find import Find
from sojourn.stores.sqlite.rows import microseconds

__all__ = ["Question", "asked"]

_NAME = "substr(search, instr(search, char(10)) + 1)"  # folded; behind the address, which has no line feed
_COLUMNS = {
    "id": "id",
    "email": "email",
    "name": _NAME,
    "role": "role",
    "banned": "(disabled_at is not null)",
    "email_verified": "(email_verified_at is not null)",
    "created_at": "created_at",
    "updated_at": "coalesce(updated_at, created_at)",
}
_SIGNS = {"eq": "=", "ne": "<>", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
# Not `like`: it has wildcards, and cases of its own.
_PARTS = {
    "contains": "instr({column}, :{value})",
    "starts_with": "substr({column}, 1, :{value}_size) = :{value}",
    "ends_with": "substr({column}, -:{value}_size) = :{value}",
}
_TEXT = ("id", "email", "name", "role")


class Question(Struct, frozen=True):
    """Two statements with the same values."""

    page: str
    count: str
    values: dict[str, Any]


def asked(find: Find, columns: Sequence[str]) -> Question:
    """The statements that answer *find*; *columns* are those of a row of the page."""
    values: dict[str, Any] = {"limit": find.size, "offset": find.skipped}
    where = [_part(_COLUMNS[find.search_in], find.how, "search", find.wanted, values)]
    if find.filter_field is not None:
        where.append(_filter(find, values))
    said = f"from users where {' and '.join(where)}"
    way = "desc" if find.descending else "asc"
    return Question(
        page=f"select {', '.join(columns)} {said} "
        f"order by {_COLUMNS[find.sort]} {way}, id {way} limit :limit offset :offset",
        count=f"select count(*) {said}",
        values=values,
    )


def _filter(find: Find, values: dict[str, Any]) -> str:
    field, operands = str(find.filter_field), [_plain(value) for value in find.operands]
    column = _COLUMNS[field]
    if not operands or (find.textual and field not in _TEXT):
        return "0"
    if find.textual:
        return _part(column, find.filter_how, "filter", operands[0], values)
    names = [f"filter_{number}" for number in range(len(operands))]
    values |= dict(zip(names, operands, strict=True))
    if find.filter_how in ("in", "not_in"):
        return f"{column} {find.filter_how.replace('_', ' ')} ({', '.join(f':{name}' for name in names)})"
    return f"{column} {_SIGNS[find.filter_how]} :filter_0"


def _part(column: str, how: str, name: str, wanted: str, values: dict[str, Any]) -> str:
    if not wanted:
        return "1"
    values |= {name: wanted, f"{name}_size": len(wanted)}  # counted here: SQLite stops at a NUL
    return _PARTS[how].format(column=column, value=name)


def _plain(value: Any) -> Any:
    return microseconds(value) if isinstance(value, datetime) else value
