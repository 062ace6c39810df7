"""What an application may ask of /oauth/authorize, and what comes of it: a code, or an error, at its address.

The page itself is `web.pages.authorize`. A code only with PKCE (RFC 9700 section 2.1.1), to an address
that is registered to the letter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import urlencode, urlsplit
from uuid import UUID

import msgspec
from msgspec import Struct

from sojourn.api.routes import Call, in_person
from sojourn.directory import Application, Tenant
from sojourn.directory.codes import Code
from sojourn.directory.credentials import digest, new_code
from sojourn.errors import OAuthError
from sojourn.session import Place, Session
from sojourn.web.bound import place_of
from sojourn.web.reply import Answer

__all__ = ["Agreed", "Asked", "asked", "code_for", "sent_back", "wanted"]

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")  # SHA-256 in base64url
_LIFE = timedelta(seconds=60)  # RFC 6749 section 4.1.2 recommends ten minutes at most
_LONGEST = 512  # of state and nonce
_PROMPTS = {"none", "login", "consent", "select_account"}


class Asked(Struct, frozen=True, kw_only=True):
    """A request by an application that exists, for an address of its own."""

    application: Application
    redirect_uri: str
    state: str | None


class Wanted(Struct, frozen=True, kw_only=True):
    """The same, once everything else about it is right."""

    asked: Asked
    scope: str
    challenge: str
    nonce: str | None
    prompt: frozenset[str]
    max_age: timedelta | None
    tenant: Tenant | None


class Agreed(Struct, frozen=True, kw_only=True):
    """What a user agreed to: the payload of the code."""

    user_id: str
    session_id: UUID
    redirect_uri: str
    challenge: str
    scope: str
    nonce: str | None
    tenant_id: str | None
    amr: tuple[str, ...]
    aal: int
    authenticated_at: datetime | None
    ip: str | None  # as it may be stored
    place: Place | None = None


async def asked(call: Call) -> Asked:
    """Who asks, and where the answer goes; a mistake in either is not sent there (RFC 9700 section 4.11)."""
    id, uri = call.query.get("client_id", ""), call.query.get("redirect_uri", "")
    application = await call.directory.application(id)
    if application is None or not application.enabled:
        raise OAuthError("invalid_client", "The application that sent you here is not known.")
    if uri not in application.redirect_uris:
        raise OAuthError(
            "invalid_request", "The application that sent you here gave an address that is not registered."
        )
    state = call.query.get("state")
    return Asked(application=application, redirect_uri=uri, state=state and state[:_LONGEST])


async def wanted(call: Call, asked: Asked) -> Wanted:
    """What *asked* asks for, or the `OAuthError` that its application is told."""
    query, application = call.query, asked.application
    if query.get("response_type") != "code":
        raise OAuthError("unsupported_response_type", "response_type is code.")
    if "authorization_code" not in application.grants:
        raise OAuthError("unauthorized_client", "This application is not registered for codes.")
    challenge = query.get("code_challenge", "")
    if query.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(challenge):
        raise OAuthError("invalid_request", "Give a code_challenge, with code_challenge_method=S256 (PKCE).")
    scope = query.get("scope", "openid").split()
    if not scope or not set(scope) <= set(application.scopes):
        raise OAuthError("invalid_scope", "This application is not registered for all of that.")
    prompt = frozenset(query.get("prompt", "").split())
    if not prompt <= _PROMPTS or ("none" in prompt and len(prompt) > 1):
        raise OAuthError("invalid_request", "prompt is none, or login, consent or select_account.")
    nonce = query.get("nonce")
    if nonce is not None and len(nonce) > _LONGEST:
        raise OAuthError("invalid_request", f"nonce has at most {_LONGEST} characters.")
    return Wanted(
        asked=asked,
        scope=" ".join(dict.fromkeys(scope)),
        challenge=challenge,
        nonce=nonce,
        prompt=prompt,
        max_age=_max_age(query),
        tenant=await _tenant(call),
    )


def _max_age(query: Mapping[str, str]) -> timedelta | None:
    text = query.get("max_age")
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise OAuthError("invalid_request", "max_age is a whole number of seconds.")
    return timedelta(seconds=int(text))


async def _tenant(call: Call) -> Tenant | None:
    """The organisation for which the user signs in, by id or slug: a parameter of ours."""
    which = call.query.get("tenant") or call.query.get("tenant_id")
    if which is None:
        return None
    tenant = await call.directory.tenant(which)
    if tenant is None or not tenant.active:
        raise OAuthError("access_denied", "This organisation is not known here, or suspended.")
    return tenant


async def code_for(call: Call, wanted: Wanted, session: Session) -> Answer:
    """The answer that brings the browser back to the application, with a code that is good once."""
    in_person(session)  # the application's session would not end with the impersonation
    asked, sessions = wanted.asked, call.visit.site.sessions
    agreed = Agreed(
        user_id=session.user_id or "",
        session_id=session.id,
        redirect_uri=asked.redirect_uri,
        challenge=wanted.challenge,
        scope=wanted.scope,
        nonce=wanted.nonce,
        tenant_id=wanted.tenant.id if wanted.tenant else session.tenant_id,
        amr=session.amr,
        aal=session.aal,
        authenticated_at=session.authenticated_at,
        ip=call.visit.site.sessions.kept(call.visit.peer.ip),
        place=place_of(call.visit),
    )
    code = new_code()
    kept = Code(
        application_id=asked.application.id,
        payload=msgspec.json.encode(agreed).decode(),
        expires_at=sessions.clock() + _LIFE,
    )
    await call.directory.store.put_code(digest(code), kept)
    return sent_back(call, asked, code=code)


def sent_back(call: Call, asked: Asked, **said: str) -> Answer:
    """303 to the application, with what it is *said*, its own state, and who says so (RFC 9207)."""
    pairs = {**said, **({"state": asked.state} if asked.state is not None else {})}
    pairs["iss"] = call.visit.site.origin
    between = "&" if urlsplit(asked.redirect_uri).query else "?"
    location = f"{asked.redirect_uri}{between}{urlencode(pairs)}"
    headers = [("location", location), ("cache-control", "no-store"), ("referrer-policy", "no-referrer")]
    return Answer(303, headers)
