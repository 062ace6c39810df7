"""A small language that says which sessions are meant: `country = 'XX' and created_at > '2026-01-01'`.

    conditions = condition { "and" condition }
    condition  = field sign value | field "in" "(" value { "," value } ")"
    sign       = "=" | "!=" | ">" | "<" | ">=" | "<=" | "like"
    value      = text between single or double quotes, a quote in it twice | a word without quotes

Nothing of it is run, by Python or by a database: each condition is a value that is compared.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace as _replaced

from sojourn.errors import SettingsError
from sojourn.searching import Search, State
from sojourn.session import Session
from sojourn.stores.narrowing import folded, within
from sojourn.stores.protocol import Query

__all__ = ["FIELDS", "Condition", "WhereError", "fits", "parsed", "wanted"]

Sign = Literal["=", "!=", ">", "<", ">=", "<=", "like", "in"]

_TEXTS: dict[str, Callable[[Session], str | None]] = {
    "id": lambda s: str(s.id),
    "user_id": lambda s: s.user_id,
    "ip": lambda s: s.ip,
    "country": lambda s: s.place.country if s.place else None,
    "city": lambda s: s.place.city if s.place else None,
    "device": lambda s: s.device.custom_name or s.device.name,
    "kind": lambda s: s.device.kind,
    "browser": lambda s: s.device.browser,
    "os": lambda s: s.device.os,
    "application_id": lambda s: s.application_id,
    "tenant_id": lambda s: s.tenant_id,
    "profile": lambda s: s.profile,
    "impersonator_id": lambda s: s.impersonator_id,
}
_TIMES: dict[str, Callable[[Session], datetime]] = {
    "created_at": lambda s: s.created_at,
    "seen_at": lambda s: s.seen_at,
    "ends_at": lambda s: s.ends_at,
}
FIELDS = (*_TEXTS, *_TIMES)

_ORDER: dict[str, Callable[[Any, Any], bool]] = {"=": eq, "!=": ne, ">": gt, "<": lt, ">=": ge, "<=": le}
_OF_TEXTS = ("=", "!=", "like", "in")
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<text>'(?:[^']|'')*'|"(?:[^"]|"")*") |
        (?P<sign><=|>=|!=|<>|=|<|>) |
        (?P<mark>[(),]) |
        (?P<word>[^\s'"(),<>=!]+)
    )""",
    re.VERBOSE,
)


class WhereError(SettingsError):
    """What is wrong with the text, and where: the line below it points there."""

    def __init__(self, what: str, text: str, at: int) -> None:
        self.at = at
        super().__init__(f"{what}\n  {text}\n  {' ' * at}^")


class Condition(Struct, frozen=True):
    """`field` `sign` one of `values`; only "in" has more than one."""

    field: str
    sign: Sign
    values: tuple[str | datetime, ...]


class _Token(Struct, frozen=True):
    kind: str  # "text", "sign", "mark", "word"; "end" after the last one
    value: str
    at: int


def parsed(text: str) -> list[Condition]:
    """The conditions that *text* joins by "and"; a `WhereError` says what is wrong with it, and where."""
    tokens = list(_tokens(text))
    found, place = [], 0
    while True:
        condition, place = _condition(text, tokens, place)
        found.append(condition)
        last = tokens[place]
        if last.kind == "end":
            return found
        if last.kind != "word" or last.value.lower() != "and":
            raise WhereError("expected `and`, or the end", text, last.at)
        place += 1


def fits(session: Session, conditions: Sequence[Condition]) -> bool:
    """Whether *session* is as all *conditions* say. What a session does not have is like nothing."""
    return all(_fits(session, condition) for condition in conditions)


def wanted(conditions: Sequence[Condition], state: State = "active") -> Search:
    """A search that finds whatever fits *conditions*, and as little else as a store can tell apart."""
    search = Search(query=Query(signed_in=True), state=state)
    for condition in conditions:
        search = _narrowed(search, condition)
    return search


# ── reading ───────────────────────────────────────────────────────────────────────────────────


def _tokens(text: str) -> Iterator[_Token]:
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            start = at + len(text[at:]) - len(text[at:].lstrip())
            what = "a quote that is not closed" if text[start] in "'\"" else f"unexpected {text[start]!r}"
            raise WhereError(what, text, start)
        kind = str(match.lastgroup)
        value = match[kind]
        if kind == "text":
            value = value[1:-1].replace(value[0] * 2, value[0])
        yield _Token(kind, value, match.start(kind))
        at = match.end()
    yield _Token("end", "", end)


def _condition(text: str, tokens: list[_Token], place: int) -> tuple[Condition, int]:
    field, sign = tokens[place], tokens[min(place + 1, len(tokens) - 1)]
    if field.kind != "word" or field.value not in FIELDS:
        raise WhereError(f"expected a field: {', '.join(FIELDS)}", text, field.at)
    word = sign.value.lower() if sign.kind in ("word", "sign") else ""
    word = "!=" if word == "<>" else word
    if word not in (*_ORDER, "like", "in"):
        raise WhereError("expected =, !=, >, <, >=, <=, like or in", text, sign.at)
    if field.value in _TEXTS and word not in _OF_TEXTS:
        raise WhereError(f"{field.value} is text: expected =, !=, like or in", text, sign.at)
    if field.value in _TIMES and word not in _ORDER:
        raise WhereError(f"{field.value} is a time: expected =, !=, >, <, >= or <=", text, sign.at)
    values, place = _values(text, tokens, place + 2, several=word == "in")
    read = tuple(_value(text, field.value, token) for token in values)
    return Condition(field.value, word, read), place  # type: ignore[arg-type]


def _values(text: str, tokens: list[_Token], place: int, *, several: bool) -> tuple[list[_Token], int]:
    if not several:
        return [_one(text, tokens[place])], place + 1
    _expect(text, tokens[place], "(")
    found = [_one(text, tokens[place + 1])]
    place += 2
    while tokens[place].value == "," and tokens[place].kind == "mark":
        found.append(_one(text, tokens[place + 1]))
        place += 2
    _expect(text, tokens[place], ")")
    return found, place + 1


def _one(text: str, token: _Token) -> _Token:
    if token.kind not in ("text", "word"):
        raise WhereError("expected a value, such as 'DE'", text, token.at)
    return token


def _expect(text: str, token: _Token, mark: str) -> None:
    if token.kind != "mark" or token.value != mark:
        raise WhereError(f"expected `{mark}`", text, token.at)


def _value(text: str, field: str, token: _Token) -> str | datetime:
    if field not in _TIMES:
        return token.value.upper() if field == "country" else token.value
    try:
        at = datetime.fromisoformat(token.value)
    except ValueError:
        raise WhereError(
            "expected a date or an instant, such as '2026-01-31' or '2026-01-31T12:00:00Z'", text, token.at
        ) from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


# ── comparing ─────────────────────────────────────────────────────────────────────────────────


def _fits(session: Session, condition: Condition) -> bool:
    if condition.field in _TIMES:
        return _ORDER[condition.sign](_TIMES[condition.field](session), condition.values[0])
    value = _TEXTS[condition.field](session)
    if condition.sign == "like":
        return value is not None and _pattern(str(condition.values[0])).fullmatch(folded(value)) is not None
    one_of = any(_same(condition.field, value, str(wanted)) for wanted in condition.values)
    return not one_of if condition.sign == "!=" else one_of


def _same(field: str, value: str | None, wanted: str) -> bool:
    return within(value, wanted) if field == "ip" else value == wanted


@lru_cache(maxsize=64)
def _pattern(like: str) -> re.Pattern[str]:
    """`%` stands for anything, `_` for one character; the case of ASCII letters does not matter."""
    parts = {"%": ".*", "_": "."}
    return re.compile("".join(parts.get(mark, re.escape(mark)) for mark in folded(like)), re.DOTALL)


# ── asking the store for less ─────────────────────────────────────────────────────────────────

_PUSHED = {"user_id", "ip", "country", "kind", "application_id", "tenant_id"}
_MILLISECOND = timedelta(milliseconds=1)


def _narrowed(search: Search, condition: Condition) -> Search:
    query, value = search.query, condition.values[0]
    if condition.field == "created_at" and isinstance(value, datetime):
        return _bounded(search, condition.sign, value)
    if condition.sign != "=" or not isinstance(value, str):
        return search
    if condition.field == "id":
        try:
            return _replaced(search, query=_replaced(query, id=UUID(value)))
        except ValueError:
            return search
    if condition.field in _PUSHED and getattr(query, condition.field) is None:
        return _replaced(search, query=_replaced(query, **{condition.field: value}))
    return search


def _bounded(search: Search, sign: Sign, at: datetime) -> Search:
    """Ids tell the millisecond of a beginning: what lies within one is looked at once more."""
    since, until = search.since, search.until
    if sign in (">", ">=", "="):
        since = at - _MILLISECOND if since is None else max(since, at - _MILLISECOND)
    if sign in ("<", "<=", "="):
        until = at + _MILLISECOND if until is None else min(until, at + _MILLISECOND)
    return _replaced(search, since=since, until=until)
