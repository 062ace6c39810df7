"""The session as their client sees it, asked for and changed."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from sojourn.api.authjs import csrf_cookie
from sojourn.api.authjs.dialect import Dialect
from sojourn.api.routes import Call
from sojourn.api.views import instant
from sojourn.custom import KEY, merged
from sojourn.errors import (
    BodyRejected,
    SessionError,
    SessionExpired,
    SessionNotFound,
    SessionRevoked,
    TokenInvalid,
    TokenReplayed,
    Unauthenticated,
)
from sojourn.lifecycle import idle_end
from sojourn.session import Session
from sojourn.web.reply import Answer, as_json

__all__ = ["Update", "read", "update"]

# Nobody is signed in, whatever there was. Any other refusal says something else, and is said.
_OVER = (SessionExpired, SessionNotFound, SessionRevoked, TokenInvalid, TokenReplayed, Unauthenticated)


class Update(Struct, kw_only=True):
    """What `update(data)` sends. Without data it is a GET, and so is this."""

    csrfToken: str = ""  # noqa: N815 - their name
    data: Any = None


async def read(call: Call, dialect: Dialect) -> Answer:
    """The session, or nobody's. A person looks at the page that asks, so it counts as a use."""
    session = await _present(call)
    return as_json(dialect.nobody) if session is None else await _shown(call, dialect, session)


async def update(call: Call, dialect: Dialect) -> Answer:
    """Set data of the session: the keys that a client may set, all of them or none."""
    body: Update = call.body
    csrf_cookie.check(call, dialect.csrf_cookie(call), body.csrfToken)
    patch = _patch(call, body.data)
    session = await _present(call)
    if session is None:
        return as_json(dialect.nobody)
    if patch:
        try:
            session = await call.visit.site.sessions.update(session.id, set=patch)
        except _OVER:  # it ended a moment ago
            return as_json(dialect.nobody)
    return await _shown(call, dialect, session)


def _patch(call: Call, data: Any) -> dict[str, Any]:
    """*data*, if a client may set it (what it may not set is never left out in silence)."""
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise BodyRejected("`data` must be an object.", status=422, field="data")
    known = call.session_fields
    if unknown := sorted(data.keys() - set(known)):
        allowed = f"it may set {', '.join(known)}" if known else "it may set nothing here"
        raise BodyRejected(
            f"A client may not set {', '.join(unknown)[:200]}; {allowed}. "
            "SOJOURN_SESSION_FIELDS names what it may.",
            status=422,
            field="data",
        )
    return data


async def _present(call: Call) -> Session | None:
    """The session of a signed-in user; None if there is none, or if it is over."""
    session = await call.visit.session()
    refusal = call.visit.refusal
    if session is None and isinstance(refusal, SessionError) and not isinstance(refusal, _OVER):
        raise refusal
    return session


async def _shown(call: Call, dialect: Dialect, session: Session) -> Answer:
    """The user, the idle end, what a client may set, and what the application adds."""
    user = await call.visit.user()
    if user is None:  # a visitor, or somebody whose account has just gone
        return as_json(dialect.nobody)
    sessions = call.visit.site.sessions
    view = call.fields_of(session) | {
        "user": {
            "name": user.name,
            "email": user.email,
            "image": user.image,
            "id": user.id,
        },
        "expires": instant(idle_end(session, sessions.policy)),
    }
    if sessions.custom is None:
        return as_json(view)
    fields = (await sessions.customised(session)).data.get(KEY) or {}
    return as_json(merged(view, fields))
