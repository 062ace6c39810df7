"""A user's own sessions, as Better Auth's client asks for and ends them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct

from sojourn import lifecycle
from sojourn.accounts import User
from sojourn.api.better_auth.shapes import both, shown_session
from sojourn.api.better_auth.words import NO_SESSION, Wrong, line
from sojourn.api.routes import Call
from sojourn.errors import SessionError, SessionExpired, SessionNotFound, SessionRevoked
from sojourn.session import Reason, Session
from sojourn.web import parked
from sojourn.web.reply import Answer, as_json

__all__ = ["ROUTES", "me", "no_session", "truth"]

_MOST = 1_000  # rows: their list has no pages
_NOT_KEPT = [("pragma", "no-cache")]


class RevokeSession(Struct, kw_only=True):
    token: Annotated[str, Meta(max_length=400)]


def truth(query: Mapping[str, str], name: str) -> bool:
    """A boolean of the query, as it is written: `false` and `0` are no."""
    return query.get(name, "").lower() not in ("", "0", "false", "null", "undefined")


def no_session() -> Wrong:
    return Wrong(*NO_SESSION)


async def me(call: Call) -> User:
    """The user who asks. Their session ends with them, so one without is as good as none."""
    user = await call.visit.user()
    if not isinstance(user, User):
        raise no_session()
    return user


async def get_session(call: Call) -> Answer:
    """This session and its user, or null. It counts as a use, like any request of a person."""
    visit = call.visit
    visit.by_program = truth(call.query, "disableRefresh") or call.defers
    session = await visit.session(sure=truth(call.query, "disableCookieCache"))
    user = await visit.user() if session is not None else None
    if session is None or not isinstance(user, User):
        if _is_dead(visit.refusal) and visit.presented.session is not None and not visit.passive:
            visit.clear()
        return as_json(None).add(_NOT_KEPT)
    shown = await both(call, session, user)
    if call.defers:
        shown["needsRefresh"] = _needs_refresh(call, session)
    return (await _with_jwt(call, as_json(shown), session)).add(_NOT_KEPT)


def _is_dead(refusal: SessionError | None) -> bool:
    """Whether the cookie of a session that is over may go with the answer to a mere read.

    Not if this browser ended it itself, since the cookie of what it did then may be there already; nor
    if it was superseded, or may come back.
    """
    if isinstance(refusal, SessionRevoked):
        return not refusal.held and refusal.reason not in (Reason.REPLACED, Reason.SIGNED_OUT, Reason.SYSTEM)
    return isinstance(refusal, SessionExpired | SessionNotFound)


async def refresh_session(call: Call) -> Answer:
    """The same, where reading defers the note that the session is in use."""
    if not call.defers:
        raise Wrong(
            405,
            "METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED",
            "Reading the session is not deferred here, so there is nothing to post",
        )
    session = await call.visit.session(sure=True)
    user = await call.visit.user() if session is not None else None
    if session is None or not isinstance(user, User):
        return as_json(None)
    return as_json(await both(call, session, user) | {"needsRefresh": False})


def _needs_refresh(call: Call, session: Session) -> bool:
    sessions = call.visit.site.sessions
    policy = sessions.policy.of(session)
    return sessions.clock() - session.seen_at >= policy.touch_every or lifecycle.rotation_due(
        session, policy, sessions.clock()
    )


async def _with_jwt(call: Call, answer: Answer, session: Session) -> Answer:
    """*answer* with an access token beside it, as their plugin looks for it."""
    site = call.visit.site
    if not site.bearer_tokens or not site.issuer or session.parent_id is not None or not call.visit.private:
        return answer
    token = await site.issuer.lately(session, await me(call))
    return answer.add([("set-auth-jwt", token.text), ("access-control-expose-headers", "set-auth-jwt")])


async def list_sessions(call: Call) -> list[dict[str, Any]]:
    """The live sessions, most recently active first. None shows what it could be used with."""
    found = await call.visit.site.sessions.list(call.me, limit=_MOST)
    return [shown_session(call, session, call.mine) for session in found if session.parent_id is None]


async def revoke_session(call: Call) -> dict[str, bool]:
    """End one session, by its handle. Of one that is not there, or not yours, nothing is told."""
    with suppress(ValueError):
        id = UUID(call.body.token)
        call.settled(id)
        with suppress(SessionNotFound):
            await call.visit.site.sessions.revoke(id, owner=call.me, by=call.mine.actor)
        if id == call.mine.id:
            await _forget_cookie(call)
    return {"status": True}


async def revoke_sessions(call: Call) -> dict[str, bool]:
    """End every session, this one too."""
    call.settled()
    await call.visit.site.sessions.revoke_all(call.me, by=call.mine.actor)
    await _forget_cookie(call)
    return {"status": True}


async def _forget_cookie(call: Call) -> None:
    """The session of this browser has ended: other accounts go on, an administrator behind it does not."""
    if call.visit.bearer is None:
        call.visit.clear()
        await parked.end(call.visit, only=parked.ADMIN)


async def revoke_other_sessions(call: Call) -> dict[str, bool]:
    """End every session but this one."""
    call.settled()
    await call.visit.site.sessions.revoke_all(call.me, keep=call.mine.id, by=call.mine.actor)
    return {"status": True}


async def update_session(call: Call) -> dict[str, Any]:
    """Set data of this session: the fields that the operator lets clients set, and no others."""
    given: Any = call.body
    if not isinstance(given, dict):
        raise Wrong(400, "BODY_MUST_BE_AN_OBJECT", "Body must be an object")
    wanted = {name: value for name, value in given.items() if name in call.session_fields}
    if not wanted:
        raise Wrong(400, None, "No fields to update")
    for value in wanted.values():
        if not isinstance(value, str | int | float | bool | None):
            raise Wrong(400, "FIELD_NOT_ALLOWED", "Field not allowed to be set")
    session = await call.visit.site.sessions.update(call.mine.id, set=wanted)
    return {"session": shown_session(call, session, session)}


async def better_auth_token(call: Call) -> dict[str, str]:
    """An access token of this session, for other services."""
    issuer = call.visit.site.issuer
    if issuer is None or not call.visit.site.bearer_tokens:
        raise Wrong(404, "NOT_FOUND", "There are no access tokens here.")
    call.visit.require_https()
    return {"token": (await issuer.lately(call.mine, await me(call))).text}


async def better_auth_jwks(call: Call) -> Answer:
    """The public keys of access tokens."""
    issuer = call.visit.site.issuer
    return as_json(issuer.signers.jwks() if issuer else {"keys": []})


async def better_auth_ok(call: Call) -> dict[str, bool]:
    """The dialect is spoken here."""
    return {"ok": True}


_FRESHLY = {
    "disableCookieCache": "ask the store, whatever is cached",
    "disableRefresh": "do not count this as a use",
}

ROUTES = (
    line("GET", "/get-session", get_session, guard="open", query=_FRESHLY),
    line("POST", "/get-session", refresh_session, guard="open"),
    line("GET", "/list-sessions", list_sessions),
    line("POST", "/revoke-session", revoke_session, body=RevokeSession),
    line("POST", "/revoke-sessions", revoke_sessions),
    line("POST", "/revoke-other-sessions", revoke_other_sessions),
    line("POST", "/update-session", update_session, body=Any),
    line("GET", "/token", better_auth_token),
    line("GET", "/jwks", better_auth_jwks, guard="open"),
    line("GET", "/ok", better_auth_ok, guard="open"),
)
