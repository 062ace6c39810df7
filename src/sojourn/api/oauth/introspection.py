"""Asking about a token (RFC 7662), and giving one back (RFC 7009)."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from sojourn import lifecycle
from sojourn.access import Claims
from sojourn.api.oauth.clients import CLIENT, authenticated, identified, said
from sojourn.api.oauth.token import issuer_of
from sojourn.api.routes import Call, Route
from sojourn.api.views import Done, SessionRow, row
from sojourn.directory import Application
from sojourn.errors import OAuthError, SessionError
from sojourn.session import Reason, Session
from sojourn.sessions import ANYBODY
from sojourn.token import PREFIX, REFRESH

__all__ = ["ROUTES"]


class Introspected(Struct, kw_only=True):
    """RFC 7662 section 2.2; of what is not good nothing but that. `ver`: which lines of the feed void it."""

    active: bool = False
    token_type: str | UnsetType = (
        UNSET  # "Bearer"; of what opens nothing as such refresh_token, session_token
    )
    scope: str | UnsetType = UNSET
    client_id: str | UnsetType = UNSET
    sub: str | UnsetType = UNSET
    aud: tuple[str, ...] | UnsetType = UNSET
    iss: str | UnsetType = UNSET
    iat: int | UnsetType = UNSET
    exp: int | UnsetType = UNSET
    jti: str | UnsetType = UNSET
    sid: str | UnsetType = UNSET
    ver: int | UnsetType = UNSET
    auth_time: int | UnsetType = UNSET
    acr: str | UnsetType = UNSET
    amr: tuple[str, ...] | UnsetType = UNSET
    tenant_id: str | UnsetType = UNSET
    username: str | UnsetType = UNSET
    session: SessionRow | UnsetType = UNSET


class Subject(Struct, frozen=True):
    """What a token turned out to be: of a session that lives, or of an application itself."""

    session: Session | None
    claims: Claims | None


async def introspect(call: Call) -> Introspected:
    """Whether a token is good now, and whose it is. The store is asked: a revocation is known at once."""
    by = await authenticated(call)
    found = await _subject(call, by, call.form.get("token", ""))
    if found is None:
        return Introspected()
    if found.session is None:
        return _facts(found.claims)
    kind = "refresh_token" if call.form["token"].startswith(REFRESH) else "session_token"
    return await _told(call, found.session, found.claims, kind)


async def _subject(call: Call, by: Application, text: str) -> Subject | None:
    """None for all that is not good, and for what is another application's: one answer (RFC 7662 2.2)."""
    sessions = call.visit.site.sessions
    try:
        claims = None if text.startswith((PREFIX, REFRESH)) else issuer_of(call).read(text)
        if claims is not None and claims.sid is None:
            return Subject(None, claims) if claims.client_id == by.id else None
        found = await (sessions.of(text) if claims is None else sessions.store.get(claims.sid or _never()))
    except SessionError:
        return None
    if found is None or found.user_id is None or found.application_id not in (None, by.id):
        return None
    if lifecycle.ended(found, sessions.policy, sessions.clock()) is not None:
        return None
    if claims is not None and (claims.ver < found.void_below or claims.sub != found.user_id):
        return None
    if claims is None and not _current(call, text, found):
        return None
    return Subject(found, claims)


def _current(call: Call, text: str, found: Session) -> bool:
    """Whether a request could use *text*: of an older generation nobody is told anything."""
    from sojourn.token import parse

    sessions = call.visit.site.sessions
    token = parse(text, sessions.keys)
    try:
        lifecycle.validate(
            found, sessions.policy, sessions.clock(), token=token, keys=sessions.keys, passive=True,
            rotating=False,
        )  # fmt: skip
    except SessionError:
        return False
    return True


async def _told(call: Call, session: Session, claims: Claims | None, kind: str) -> Introspected:
    policy = call.visit.site.sessions.policy
    user = await call.accounts.get(session.user_id or "")
    facts = _facts(claims)
    facts.active = True
    facts.token_type = "Bearer" if claims is not None else kind
    facts.sub, facts.sid, facts.ver = session.user_id or "", str(session.id), session.version
    facts.client_id = session.application_id or "sojourn"
    facts.session = row(session, policy, session.id)
    if claims is None:
        facts.iss, facts.iat = call.visit.site.origin, _seconds(session.created_at)
        facts.exp = _seconds(lifecycle.idle_end(session, policy))
        facts.aud = () if session.application_id is None else (session.application_id,)
    facts.acr, facts.amr = f"aal{session.aal}", session.amr
    if session.authenticated_at is not None:
        facts.auth_time = _seconds(session.authenticated_at)
    if session.tenant_id is not None:
        facts.tenant_id = session.tenant_id
    if user is not None:
        facts.username = user.email
    return facts


def _facts(claims: Claims | None) -> Introspected:
    if claims is None:
        return Introspected()
    known: dict[str, Any] = {
        name: getattr(claims, name)
        for name in ("scope", "client_id", "sub", "aud", "iss", "iat", "exp", "jti")
    }
    return Introspected(active=True, token_type="Bearer", **known)


def _seconds(at: datetime) -> int:
    return int(at.timestamp())


def _never() -> Any:
    raise AssertionError("checked before")


async def revoke_token(call: Call) -> Done:
    """Give a token back: its session ends, and every other token of it. Fine for what is none, too."""
    by = await identified(call)
    text, sessions = call.form.get("token", ""), call.visit.site.sessions
    if not text:
        raise OAuthError("invalid_request", "Say which token: token.")
    with suppress(SessionError):
        if text.startswith((PREFIX, REFRESH)):
            session = await sessions.of(text)
        else:
            claims = issuer_of(call).read(text)
            session = await sessions.store.get(claims.sid) if claims.sid else None
        if session is not None and session.application_id == (by.id if by else None):
            await sessions.revoke(session.id, owner=ANYBODY, reason=Reason.SIGNED_OUT, by=session.user_id)
    return Done()


ROUTES = (
    Route(
        method="POST",
        path="/oauth/introspect",
        guard="open",
        act=introspect,
        parameters={"token": "an access token or a refresh token", **CLIENT},
        refusals=("invalid_client",),
        refused=said,
        returns=Introspected,
        tag="oauth",
    ),
    Route(
        method="POST",
        path="/oauth/revoke",
        guard="open",
        act=revoke_token,
        cookieless=True,
        parameters={"token": "an access token or a refresh token", **CLIENT},
        refusals=("invalid_client",),
        refused=said,
        returns=Done,
        tag="oauth",
    ),
)
