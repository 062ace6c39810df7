"""What a client sees of its own session, and the tokens that bearer mode hands over with it."""

from __future__ import annotations

from typing import Literal, TypeVar

from msgspec import to_builtins

from sojourn import lifecycle
from sojourn.api.routes import Call
from sojourn.api.views import Changed, Current, Entered, instant, limits, row, user_view
from sojourn.custom import KEY, merged
from sojourn.errors import BodyRejected
from sojourn.session import Session
from sojourn.sessions import Issued
from sojourn.web import csrf
from sojourn.web.reply import Answer, as_json

__all__ = [
    "BASE",
    "Mode",
    "check_mode",
    "check_origin",
    "current",
    "current_view",
    "customised",
    "with_tokens",
]

BASE = "/api/auth"

Mode = Literal["cookie", "bearer"]
Entry = TypeVar("Entry", Entered, Current, Changed)


async def current(call: Call) -> Answer:
    """This session, its user, and the limits that people read."""
    sessions = call.visit.site.sessions
    left = lifecycle.idle_end(call.mine, sessions.policy) - sessions.clock()
    if (
        left <= sessions.policy.of(call.mine).activity_every
    ):  # perhaps not: it may have been used where our snapshot cannot tell
        call.session = await call.visit.require(sure=True)
    return await customised(call, call.mine, await current_view(call, call.mine))


async def customised(call: Call, session: Session, view: Current) -> Answer:
    """*view* with what the application adds to a session."""
    sessions = call.visit.site.sessions
    if sessions.custom is None:
        return as_json(view)
    fields = (await sessions.customised(session)).data.get(KEY) or {}
    return as_json(merged(to_builtins(view), fields))


async def current_view(call: Call, session: Session) -> Current:
    sessions = call.visit.site.sessions
    load = call.visit.site.load_user
    user = await load(session.user_id) if load and session.user_id else None
    return Current(
        user=user_view(user) if user else None,
        session=row(session, sessions.policy, session.id),
        limits=limits(sessions.policy.of(session)),
        server_now=instant(sessions.clock()),
    )


def check_origin(call: Call) -> None:
    """Where any cookie comes along, the request must say where it is from. (Our own check came before.)"""
    visit = call.visit
    if visit.bearer is None and visit.headers.get("cookie") is not None:
        csrf.check_stated(visit.headers, origin=visit.site.origin)


def check_mode(call: Call, mode: Mode) -> None:
    """Refuse bearer mode where nobody can sign an access token, before anything is done."""
    if mode == "bearer" and not call.visit.site.issuer:
        raise BodyRejected(
            "There are no keys for access tokens here: the operator makes them with `sojourn keys rotate`. "
            "Or use the cookie mode.",
            status=422,
        )


async def with_tokens(call: Call, view: Entry, issued: Issued) -> Entry:
    """*view* with what bearer mode hands over: an access token, and the token that refreshes it."""
    check_mode(call, "bearer")
    access = await call.visit.site.issuer.issue(issued.session)  # type: ignore[union-attr]
    view.access_token, view.expires_in = access.text, access.expires_in
    view.refresh_token, view.token_type = issued.token, "Bearer"
    return view
