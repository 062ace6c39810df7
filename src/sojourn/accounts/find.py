"""Which users are asked for, in which order, and which page of them: a question as a value."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Literal

from msgspec import Struct

from sojourn.accounts.user import User, folded

__all__ = ["Field", "Find", "How", "Sort", "matching", "ordered"]

Field = Literal["id", "email", "name", "role", "banned", "email_verified", "created_at"]
How = Literal["eq", "ne", "lt", "lte", "gt", "gte", "contains", "starts_with", "ends_with", "in", "not_in"]
Sort = Literal["id", "email", "name", "role", "created_at", "updated_at"]

_MOST = 1000  # users on one page
_FARTHEST = 1 << 40  # more than there are; a larger number would not fit into a database's
_YES, _NO = ("true", "1"), ("false", "0")


class Find(Struct, frozen=True, kw_only=True):
    """Users whose `search_in` has `search` in it, and whose `filter_field` is as `filter_how` says.

    Text is compared without cases. A value that the field cannot have matches nobody. Of users
    that are equal in `sort`, the order is that of their ids.
    """

    search: str = ""
    search_in: Literal["email", "name"] = "email"
    how: Literal["contains", "starts_with", "ends_with"] = "contains"
    filter_field: Field | None = None
    filter_value: str | bool | datetime | tuple[str, ...] = ""
    filter_how: How = "eq"
    sort: Sort = "created_at"
    descending: bool = False
    limit: int = 100
    offset: int = 0

    @property
    def size(self) -> int:
        return min(max(self.limit, 0), _MOST)

    @property
    def skipped(self) -> int:
        return min(max(self.offset, 0), _FARTHEST)

    @property
    def wanted(self) -> str:
        """`search` as it is compared."""
        return _plain(self.search)

    @property
    def operands(self) -> tuple[Any, ...]:
        """What `filter_field` is compared with: of its type, and several only for "in" and "not_in"."""
        if self.filter_field is None:
            return ()
        value = self.filter_value
        given: tuple[Any, ...] = value if isinstance(value, tuple) else (value,)
        given = given[: _MOST if self.filter_how in ("in", "not_in") else 1]
        read = _READ.get(self.filter_field, _text)
        return tuple(value for value in map(read, given) if value is not None)

    @property
    def textual(self) -> bool:
        """Whether `filter_how` asks for a part, which only text has."""
        return self.filter_how in ("contains", "starts_with", "ends_with")


def matching(find: Find, user: User) -> bool:
    """Whether *user* is among those that *find* asks for."""
    found = _PARTS[find.how](_VALUES[find.search_in](user), find.wanted)
    return found and (find.filter_field is None or _fits(find, _VALUES[find.filter_field](user)))


def ordered(find: Find, users: list[User]) -> list[User]:
    """*users* in the order of *find*; all of them."""
    return sorted(users, key=lambda user: (_VALUES[find.sort](user), user.id), reverse=find.descending)


def _fits(find: Find, value: Any) -> bool:
    operands = find.operands
    if not operands or (find.textual and not isinstance(value, str)):
        return False
    if find.filter_how in ("in", "not_in"):
        return (value in operands) is (find.filter_how == "in")
    return _PARTS[find.filter_how](value, operands[0])


# ── values ────────────────────────────────────────────────────────────────────────────────────


def _plain(text: str) -> str:
    """As names and addresses are compared; half characters, which no database takes, are question marks."""
    return folded(text).encode("utf-8", "replace").decode()


def _text(value: str | bool | datetime) -> str | None:
    return _plain(value) if isinstance(value, str) else None


def _flag(value: str | bool | datetime) -> bool | None:
    if isinstance(value, str):
        word = value.strip().lower()
        return True if word in _YES else False if word in _NO else None
    return value if isinstance(value, bool) else None


def _moment(value: str | bool | datetime) -> datetime | None:
    """A moment; one without an offset is in UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        return None


_READ: dict[str, Callable[[Any], Any]] = {"banned": _flag, "email_verified": _flag, "created_at": _moment}
_VALUES: dict[str, Callable[[User], Any]] = {
    "id": lambda user: user.id,
    "email": lambda user: user.email,
    "name": lambda user: folded(user.name),
    "role": lambda user: user.role,
    "banned": lambda user: not user.enabled,
    "email_verified": lambda user: user.email_verified_at is not None,
    "created_at": lambda user: user.created_at,
    "updated_at": lambda user: user.updated_at or user.created_at,
}
_PARTS: dict[str, Callable[[Any, Any], bool]] = {
    "contains": lambda value, wanted: wanted in value,
    "starts_with": lambda value, wanted: value.startswith(wanted),
    "ends_with": lambda value, wanted: value.endswith(wanted),
    "eq": eq,
    "ne": ne,
    "lt": lt,
    "lte": le,
    "gt": gt,
    "gte": ge,
}
