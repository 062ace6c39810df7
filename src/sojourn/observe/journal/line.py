"""A line of the journal, the question after lines, and what of an event is chained, and what is personal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum
from functools import cache, lru_cache
from typing import Any
from uuid import UUID

from msgspec import Struct

from sojourn.events import Event
from sojourn.session import Discreet, Place

__all__ = ["OTHER", "Draft", "Filter", "Line", "drafted", "family"]


class Line(Discreet, frozen=True, kw_only=True):
    """One event as it was written down.

    `place` grows in the order of commits, over all writers: the cursor of readers. `number` is the line's
    in the chain of `writer`. `person` is the user's pseudonym, and `facts` say nothing about them. What does
    is in `personal`, with the `user_id` itself; None once the user was erased. Who else is named (`by`, and
    the `target` of what an administrator did) is in `facts` as a pseudonym, and in `personal` by their id,
    until they were erased.
    """

    place: int
    writer: str
    number: int
    at: datetime
    name: str
    session_id: UUID | None
    person: bytes | None
    facts: Mapping[str, Any]
    personal: Mapping[str, Any] | None
    digest: bytes | None
    hash: bytes

    @property
    def user_id(self) -> str | None:
        """Whose it is, if that is known, and still to be known."""
        return None if self.personal is None else self.personal.get("user_id")

    def __repr__(self) -> str:
        return f"<Line {self.place}: {self.name} at {self.at:%Y-%m-%dT%H:%M:%SZ}>"


class Filter(Struct, frozen=True, kw_only=True):
    """Which lines are meant; fields are joined by *and*. From *since* on, and before *until*.

    *target*: to whom an administrator did it; all that they did is looked at. *after*: the place of the last
    line of the page before, so that the next one goes on in its direction.
    """

    names: tuple[str, ...] = ()
    session_id: UUID | None = None
    user_id: str | None = None
    target: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    after: int | None = None
    newest_first: bool = True
    limit: int = 100


class Draft(Struct, frozen=True):
    """What is written of an event: `facts` are chained, `personal` lies beside them under the user's key.

    `persons`: ids of other users, of whom a pseudonym is chained.
    """

    facts: dict[str, Any]
    personal: dict[str, Any]
    persons: dict[str, str]


_APART = frozenset({"at", "session_id", "user_id"})  # they have columns, or the person has


def drafted(event: Event) -> Draft:
    """What of *event* is written where. What no event class calls plain is personal."""
    facts: dict[str, Any] = {}
    personal: dict[str, Any] = {}
    persons: dict[str, str] = {}
    for name, chained, software, person in _fields(type(event)):
        value = getattr(event, name)
        if not value and (value is None or value is False or value == ()):
            continue  # what is left out was not so
        if chained:
            facts[name] = _plain(value)
        elif person and type(value) is str:
            persons |= {name: value} if value else {}
        elif isinstance(value, Place):
            _placed(value, facts, personal)
        else:
            personal[name] = _plain(value)
            if software:
                facts[name] = family(value)
    return Draft(facts, personal, persons)


@cache
def _fields(kind: type[Event]) -> tuple[tuple[str, bool, bool, bool], ...]:
    names = (name for name in kind.__struct_fields__ if name not in _APART)
    return tuple((name, name in kind.plain, name in kind.software, name in kind.persons) for name in names)


def _placed(place: Place, facts: dict[str, Any], personal: dict[str, Any]) -> None:
    if place.country is not None:
        facts["country"] = place.country
    if place.city is not None:
        personal["city"] = place.city


_AS_IT_IS = frozenset({str, int, float, bool})


def _plain(value: Any) -> Any:
    """*value* as JSON has it, always in the same way."""
    if type(value) in _AS_IT_IS:
        return value
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple | list | frozenset):
        return [_plain(one) for one in value]
    return str(value)


OTHER = "other"
_VERSION = re.compile(r"\s*\d[\w.]*")
_BROWSERS = frozenset(
    {
        *(
            "Chrome",
            "Firefox",
            "Safari",
            "Edge",
            "Opera",
            "Brave",
            "Vivaldi",
            "Chromium",
            "Internet Explorer",
        ),
        *("Samsung Internet", "DuckDuckGo", "Mi Browser", "Yandex Browser", "UC Browser", "Headless Chrome"),
        *("In-app browser", "Meta Quest Browser", "Arc", "Silk", "Tor Browser", "LibreWolf", "Slack"),
        *("Google app", "Android Browser"),
        *("curl", "Wget", "Postman", "python-requests", "httpx", "okhttp", "Go-http-client", "axios"),
    }
)
_SYSTEMS = frozenset(
    {"macOS", "Windows", "Linux", "iOS", "iPadOS", "Android", "ChromeOS", "Ubuntu", "Fedora", "Debian"}
)


@lru_cache(maxsize=4_096)
def family(name: str) -> str:
    """Which well-known software that is, without its version.

    Everything else is `OTHER`: a program may call itself anything, and what is chained stays for good.
    """
    software, on, system = _VERSION.sub("", name[:200]).strip().rpartition(" on ")
    if not on:
        software, system = system, ""
    words = (software if software in _BROWSERS else OTHER, system if system in _SYSTEMS else "")
    return " on ".join(word for word in words if word)
