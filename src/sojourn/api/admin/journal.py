"""What happened, line by line: of everybody, of one user, of one session."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from msgspec import Struct

from sojourn.api.admin.base import account_for, known, ledger, line, moment
from sojourn.api.routes import Call
from sojourn.api.views import Time, instant
from sojourn.errors import BodyRejected, SessionNotFound
from sojourn.observe.journal.line import Filter, Line

__all__ = ["ROUTES", "LineView", "Lines"]

_MASK = "•••"


class LineView(Struct, kw_only=True):
    """One event. `personal` is null where it was erased, or is kept no longer; what is masked is `•••`."""

    place: int
    at: Time
    name: str
    session_id: UUID | None
    user_id: str | None
    facts: dict[str, Any]
    personal: dict[str, Any] | None


class Lines(Struct, kw_only=True):
    """One page, newest first. `next` is the `after` of the next page, null on the last."""

    lines: list[LineView]
    next: int | None
    server_now: Time


async def journal(call: Call) -> Lines:
    """The journal, newest first."""
    return await _page(call, user_id=call.query.get("user_id"), session_id=_session(call))


async def user_journal(call: Call) -> Lines:
    """What happened to one user's sessions, newest first."""
    return await _page(call, user_id=await known(call))


async def session_journal(call: Call) -> Lines:
    """What happened to one session, newest first."""
    return await _page(call, session_id=call.id())


async def _page(call: Call, *, user_id: str | None = None, session_id: UUID | None = None) -> Lines:
    query, limit = call.query, call.limit()
    found = await ledger(call).lines(
        Filter(
            names=(query["name"],) if "name" in query else (),
            user_id=user_id,
            session_id=session_id,
            since=moment("from", query["from"]) if "from" in query else None,
            until=moment("to", query["to"]) if "to" in query else None,
            after=_place(query),
            limit=limit,
        )
    )
    shown = query.get("show") == "personal"
    if shown:
        account_for(call, "show-personal", target=user_id or session_id, count=len(found))
    return Lines(
        lines=[_view(one, shown) for one in found],
        next=found[-1].place if len(found) == limit else None,
        server_now=instant(call.visit.site.sessions.clock()),
    )


def _view(found: Line, shown: bool) -> LineView:
    return LineView(
        place=found.place,
        at=instant(found.at),
        name=found.name,
        session_id=found.session_id,
        user_id=found.user_id,
        facts=dict(found.facts),
        personal=_told(found.personal, shown),
    )


def _told(personal: Mapping[str, Any] | None, shown: bool) -> dict[str, Any] | None:
    """What is kept; unless it is *shown*, that something is, and not what. Whose it is stands beside it."""
    if personal is None or shown:
        return None if personal is None else dict(personal)
    return {name: value if name == "user_id" else _MASK for name, value in personal.items()}


def _session(call: Call) -> UUID | None:
    given = call.query.get("session_id")
    if given is None:
        return None
    try:
        return UUID(given)
    except ValueError:
        raise SessionNotFound from None


def _place(query: Mapping[str, str]) -> int | None:
    given = query.get("after")
    if given is None:
        return None
    if not given.isascii() or not given.isdigit():
        raise BodyRejected("after must be the `next` of the page before.", status=422, field="after")
    return int(given[:18])


_QUERY = {
    "name": "only events of this name, such as session-revoked",
    "from": "only at or after this instant",
    "to": "only before this instant",
    "after": "where the page begins: `next` of the one before",
    "limit": "at most this many, up to 100",
    "show": "personal: with addresses, names and notes, which is written into the journal",
}
_REFUSALS = ("not_found", "journal_off")

ROUTES = (
    line(
        "GET",
        "/journal",
        journal,
        returns=Lines,
        query={"user_id": "only about this user", "session_id": "only about this session"} | _QUERY,
        refusals=_REFUSALS,
    ),
    line("GET", "/users/{id}/journal", user_journal, returns=Lines, query=_QUERY, refusals=_REFUSALS),
    line("GET", "/sessions/{id}/journal", session_journal, returns=Lines, query=_QUERY, refusals=_REFUSALS),
)
