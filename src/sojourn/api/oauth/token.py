"""The token endpoint: refresh, authorization code with PKCE, client credentials (RFC 6749)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import replace as _replaced

from sojourn import lifecycle
from sojourn.api.oauth.authorize import Agreed
from sojourn.api.oauth.clients import CLIENT, identified, said
from sojourn.api.oauth.ids import id_token
from sojourn.api.oauth.terms import BROWSER, SCOPE
from sojourn.api.routes import Call, Route
from sojourn.directory import Application, Tenant
from sojourn.directory.credentials import digest
from sojourn.errors import OAuthError, Refusal, SessionNotFound
from sojourn.issuer import Issuer
from sojourn.session import Reason, Session
from sojourn.sessions import ANYBODY, Issued
from sojourn.web.reply import VERDICT, Answer, as_json

__all__ = ["ROUTES", "issuer_of"]

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")  # RFC 7636 section 4.1


class TokenSet(Struct, kw_only=True, omit_defaults=True):
    """RFC 6749 section 5.1."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str
    refresh_token: str | None = None
    id_token: str | None = None


def issuer_of(call: Call) -> Issuer:
    issuer = call.visit.site.issuer
    if issuer is None:
        raise OAuthError(
            "temporarily_unavailable",
            "There are no keys for access tokens here: the operator makes them with `sojourn keys rotate`.",
            status=503,
        )
    return issuer


async def token(call: Call) -> Answer:
    """Hand over tokens: for a refresh token, a code, or an application's own secret."""
    call.visit.require_https()
    issuer_of(call)
    grant = _GRANTS.get(call.form.get("grant_type", ""))
    if grant is None:
        raise OAuthError(
            "unsupported_grant_type",
            "grant_type is refresh_token, authorization_code or client_credentials.",
        )
    return await grant(call)


def _nobody() -> OAuthError:
    return OAuthError("invalid_client", "Say which application asks: client_id.", status=401)


def _allowed(application: Application, grant: str) -> None:
    if grant not in application.grants:
        raise OAuthError("unauthorized_client", f"This application is not registered for {grant}.")


def _no() -> OAuthError:
    """One answer for all: unknown, expired, revoked, somebody else's (R-02)."""
    return OAuthError("invalid_grant", "This grant is not good, or no longer. Please sign in again.")


async def _tokens(call: Call, issued: Issued, scope: str, nonce: str | None = None) -> TokenSet:
    issuer = issuer_of(call)
    access_token = await issuer.issue(issued.session)
    identity = None
    if "openid" in scope.split() and issued.session.application_id is not None:
        identity = await id_token(call, issuer, issued.session, scope, nonce)
    return TokenSet(
        access_token=access_token.text,
        token_type="Bearer",
        expires_in=access_token.expires_in,
        scope=scope,
        refresh_token=issued.token,
        id_token=identity,
    )


# ── refresh ───────────────────────────────────────────────────────────────────────────────────


async def _refresh(call: Call) -> Answer:
    application = await identified(call)
    if application is not None:
        _allowed(application, "refresh_token")
    id = application.id if application else None
    try:
        session = await call.visit.site.sessions.of(call.form.get("refresh_token", ""))
        if session is None:
            raise _no()
        scope = await _scope_of(call, session)
        await call.directory.admit(session.application_id, session.tenant_id)
        issued = await call.visit.site.sessions.refresh(
            call.form.get("refresh_token", ""), bearer=True, application_id=id
        )
    except OAuthError:
        raise
    except Refusal as refusal:
        raise _no() from refusal
    return as_json(await _tokens(call, issued, scope)).add([(VERDICT, issued.verdict or "rotated")])


async def _scope_of(call: Call, session: Session) -> str:
    """What was granted; asking for more than that is refused, and for less changes nothing (R-04)."""
    terms = await issuer_of(call).terms_of(session)
    asked = call.form.get("scope", "").split()
    if not set(asked) <= set(terms.scope.split()):
        raise OAuthError("invalid_scope", "A refresh cannot widen what was granted.")
    return terms.scope


# ── authorization code ────────────────────────────────────────────────────────────────────────


async def _code(call: Call) -> Answer:
    application = await identified(call)
    if application is None:
        raise _nobody()
    _allowed(application, "authorization_code")
    name, now = digest(call.form.get("code", "")), call.visit.site.sessions.clock()
    redeemed = await call.directory.store.redeem_code(name, at=now)
    if redeemed is None:
        raise _no()
    agreed = msgspec.json.decode(redeemed.code.payload, type=Agreed)
    if not redeemed.first:
        await _end(call, redeemed.code.session_id)
        raise _no()
    if redeemed.code.application_id != application.id or not _same_asker(call, agreed):
        raise _no()
    issued = await _start(call, application, agreed)
    if not await call.directory.store.bind_code(name, issued.session.id):
        await _end(call, issued.session.id)  # somebody else has presented it meanwhile
        raise _no()
    return as_json(await _tokens(call, issued, agreed.scope, agreed.nonce))


def _same_asker(call: Call, agreed: Agreed) -> bool:
    """Whether it is who asked for the code: where it was sent, and what its hash was made of (RFC 7636)."""
    verifier = call.form.get("code_verifier", "")
    if not _VERIFIER.fullmatch(verifier) or call.form.get("redirect_uri") != agreed.redirect_uri:
        return False
    made = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return hmac.compare_digest(made, agreed.challenge)


async def _start(call: Call, application: Application, agreed: Agreed) -> Issued:
    """The session of the application: on the device where its user agreed, not the one that asks for it."""
    sessions = call.visit.site.sessions

    async def start(_: Application | None, tenant: Tenant | None) -> Issued:
        parent = await sessions.store.get(agreed.session_id)
        if parent is None or parent.user_id != agreed.user_id:
            raise _no()
        if lifecycle.ended(parent, sessions.policy, sessions.clock()):  # or is held
            raise _no()
        return await sessions.start(
            agreed.user_id,
            application_id=application.id,
            tenant_id=tenant.id if tenant else None,
            # Each tab of a page has tokens of its own; of a server there is one for each browser.
            device=_replaced(parent.device, id=None) if application.public else parent.device,
            place=agreed.place,
            ip=agreed.ip,
            amr=agreed.amr,
            aal=agreed.aal,
            authenticated_at=agreed.authenticated_at,
            idle_timeout=parent.idle_timeout,
            data={SCOPE: agreed.scope, BROWSER: parent.device.id},
            bearer=True,
        )

    try:
        return await call.directory.start(start, application_id=application.id, tenant=agreed.tenant_id)
    except OAuthError:
        raise
    except Refusal as refusal:
        raise _no() from refusal


async def _end(call: Call, id: UUID | None) -> None:
    """End the session that came of a code which somebody else has too (RFC 6749 section 4.1.2)."""
    if id is not None:
        with suppress(SessionNotFound):
            await call.visit.site.sessions.revoke(id, owner=ANYBODY, reason=Reason.REPLAY)


# ── client credentials ────────────────────────────────────────────────────────────────────────


async def _machine(call: Call) -> Answer:
    application = await identified(call)
    if application is None:
        raise _nobody()
    _allowed(application, "client_credentials")
    try:
        await call.directory.admit(application.id, None)  # the store is asked: nothing else ends these tokens
    except Refusal as refusal:
        raise OAuthError("unauthorized_client", refusal.message) from refusal
    asked = call.form.get("scope", "").split()
    if not set(asked) <= set(application.scopes):
        raise OAuthError("invalid_scope", "This application is not registered for all of that.")
    scope = " ".join(asked or application.scopes)
    made = issuer_of(call).machine(application.id, scope, application.algorithm, application.access_ttl)
    return as_json(
        TokenSet(access_token=made.text, token_type="Bearer", expires_in=made.expires_in, scope=scope)
    )


_GRANTS: dict[str, Callable[[Call], Awaitable[Answer]]] = {
    "refresh_token": _refresh,
    "authorization_code": _code,
    "client_credentials": _machine,
}

ROUTES = (
    Route(
        method="POST",
        path="/oauth/token",
        guard="open",
        act=token,
        cookieless=True,
        parameters={
            "grant_type": "refresh_token, authorization_code or client_credentials",
            "refresh_token": "the token that is to be refreshed",
            "code": "the code, with redirect_uri and code_verifier (PKCE)",
            "redirect_uri": "where it was sent",
            "code_verifier": "what its code_challenge was made of",
            "scope": "what is asked for, at most what was granted",
            **CLIENT,
        },
        refusals=(
            "invalid_client",
            "invalid_grant",
            "invalid_scope",
            "unauthorized_client",
            "unsupported_grant_type",
            "https_required",
        ),
        refused=said,
        returns=TokenSet,
        tag="oauth",
    ),
)
