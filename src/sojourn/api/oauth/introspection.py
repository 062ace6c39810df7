"""Asking about a token (RFC 7662)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from sojourn import lifecycle
from sojourn.access import Claims
from sojourn.api.oauth.clients import CLIENT, authenticated, said
from sojourn.api.oauth.presented import Presented, presented
from sojourn.api.routes import Call, Route
from sojourn.api.views import SessionRow, row
from sojourn.directory import Application
from sojourn.errors import SessionError, TokenInvalid
from sojourn.session import Session

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


async def introspect(call: Call) -> Introspected:
    """Whether a token is good now, and whose it is. The store is asked: a revocation is known at once."""
    by = await authenticated(call)
    try:
        about = await presented(call, call.form.get("token", ""))
        if about.session is None:
            mine = about.claims is not None and about.claims.client_id == by.id
            return _facts(about.claims) if mine else Introspected()
        _check(call, by, about)
        if about.session.parent_id is not None and not await call.visit.site.sessions.carried(about.session):
            return Introspected()
    except SessionError:
        return Introspected()
    return await _told(call, about.session, about)


def _check(call: Call, by: Application, about: Presented) -> None:
    """Refuse what a request could not use, and what is another application's: one answer (RFC 7662 2.2)."""
    sessions, session = call.visit.site.sessions, about.session
    if session is None or session.user_id is None or session.application_id not in (None, by.id):
        raise TokenInvalid
    policy, now = sessions.policy, sessions.clock()
    if about.claims is not None:
        claims = about.claims
        lifecycle.admit(session, policy, now, user_id=claims.sub, version=claims.ver, passive=True)
    elif about.token is not None:
        lifecycle.validate(
            session, policy, now, token=about.token, keys=sessions.keys, passive=True, rotating=False
        )


async def _told(call: Call, session: Session, about: Presented) -> Introspected:
    policy, claims = call.visit.site.sessions.policy, about.claims
    user = await call.accounts.get(session.user_id or "")
    facts = _facts(claims)
    facts.active = True
    facts.token_type = "Bearer" if about.token is None else f"{about.token.kind}_token"
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
)
