"""Which users the query of Better Auth's list asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, get_args

from sojourn.accounts import Find
from sojourn.accounts.find import Field, How, Sort
from sojourn.api.better_auth.words import Wrong

__all__ = ["FACTS", "find", "number"]

FACTS = {
    "searchValue": "a part of the address or the name",
    "searchField": "where that is looked for: email or name",
    "searchOperator": "contains, starts_with or ends_with",
    "filterField": "id, email, name, role, banned, emailVerified or createdAt",
    "filterOperator": "eq, ne, lt, lte, gt, gte, in, not_in, contains, starts_with or ends_with",
    "filterValue": "what the field is compared with; several behind commas for in and not_in",
    "sortBy": "id, email, name, role, createdAt or updatedAt",
    "sortDirection": "asc or desc",
    "limit": "at most this many",
    "offset": "after so many",
}

_MOST = 100
_PARTS = ("contains", "starts_with", "ends_with")
_FILTERS: dict[str, Field] = {
    "id": "id",
    "email": "email",
    "name": "name",
    "role": "role",
    "banned": "banned",
    "emailVerified": "email_verified",
    "createdAt": "created_at",
}
_SORTS: dict[str, Sort] = {
    "id": "id",
    "email": "email",
    "name": "name",
    "role": "role",
    "createdAt": "created_at",
    "updatedAt": "updated_at",
}


def find(query: Mapping[str, str]) -> Find | None:
    """What *query* asks for; None for a field that no user has, of which theirs finds nobody either."""
    search_in = _one_of(query, "searchField", ("email", "name"), "email")
    part = _one_of(query, "searchOperator", _PARTS, "contains")
    how = _one_of(query, "filterOperator", get_args(How), "eq")
    direction = _one_of(query, "sortDirection", ("asc", "desc"), "asc")
    value: Any = query.get("filterValue")
    field = None if value is None else _FILTERS.get(query.get("filterField") or "email")
    sort = _SORTS.get(query.get("sortBy") or "createdAt")
    if sort is None or (value is not None and field is None):
        return None
    return Find(
        search=query.get("searchValue", ""),
        search_in=search_in,
        how=part,
        filter_field=field,
        filter_how=how,
        filter_value=tuple(value.split(",")) if value and how in ("in", "not_in") else value or "",
        sort=sort,
        descending=direction == "desc",
        limit=number(query, "limit") or _MOST,
        offset=number(query, "offset"),
    )


def number(query: Mapping[str, str], name: str) -> int:
    """A whole number of the query; 0 for whatever else stands there, as theirs takes it."""
    text = query.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


def _one_of(query: Mapping[str, str], name: str, words: Iterable[str], usual: str) -> Any:
    word = query.get(name, usual)
    if word not in words:
        wanted = "|".join(f'"{one}"' for one in words)
        raise Wrong(400, "VALIDATION_ERROR", f"[query.{name}] Invalid option: expected one of {wanted}")
    return word
