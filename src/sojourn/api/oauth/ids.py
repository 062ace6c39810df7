"""ID tokens: what an application learns of who signed in (OpenID Connect Core 1.0, section 2)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from msgspec import Struct

from sojourn import access
from sojourn.api.routes import Call
from sojourn.issuer import Issuer
from sojourn.session import Session

__all__ = ["TYPE", "IdClaims", "about", "id_token"]

TYPE = "jwt"
_LIFE = timedelta(minutes=5)


class IdClaims(Struct, kw_only=True, omit_defaults=True):
    iss: str
    sub: str
    aud: str
    iat: int
    exp: int
    sid: UUID
    auth_time: int | None = None
    nonce: str | None = None
    acr: str | None = None
    amr: tuple[str, ...] = ()
    email: str | None = None
    name: str | None = None
    tenant_id: str | None = None


async def id_token(call: Call, issuer: Issuer, session: Session, scope: str, nonce: str | None) -> str:
    """An ID token of *session* for its application; of another type, so it is no access token."""
    terms, now = await issuer.terms_of(session), int(issuer.sessions.clock().timestamp())
    claims = IdClaims(
        iss=issuer.url,
        sub=session.user_id or "",
        aud=session.application_id or "",
        iat=now,
        exp=now + int(_LIFE.total_seconds()),
        sid=session.id,
        auth_time=int(session.authenticated_at.timestamp()) if session.authenticated_at else None,
        nonce=nonce,
        acr=f"aal{session.aal}",
        amr=session.amr,
        tenant_id=session.tenant_id,
        **await about(call, session.user_id or "", scope),
    )
    return access.signed(claims, issuer.signers.signing(terms.algorithm), issuer.signers, typ="JWT")


async def about(call: Call, user_id: str, scope: str) -> dict[str, Any]:
    """What *scope* lets be known of a user (OpenID Connect Core 1.0, section 5.4)."""
    user, may = await call.accounts.get(user_id), scope.split()
    if user is None:
        return {}
    return {name: getattr(user, name) for name, by in _BY.items() if by in may}


_BY = {"email": "email", "name": "profile"}
