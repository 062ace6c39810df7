"""Whose request it is: the credential in a token, a header or a request object of any framework."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from sojourn.client.errors import unauthenticated
from sojourn.errors import TokenInvalid
from sojourn.session import Discreet
from sojourn.token import PREFIX
from sojourn.web.carrier import Carrier

__all__ = ["Credential", "credential_of"]

# What a token may consist of: nothing that could end a header or begin another cookie.
_BEARER = re.compile(r"[A-Za-z0-9\-._~+/]+=*")  # RFC 6750 section 2.1
_SESSION = re.compile(rf"{PREFIX}[A-Za-z0-9_\-]+")
_LONGEST = 16_384
_WSGI = {"HTTP_AUTHORIZATION": "authorization", "HTTP_COOKIE": "cookie"}


class Credential(Discreet, frozen=True, kw_only=True):
    """An access token, sent as `Authorization: Bearer`, or a session token, sent as our cookie."""

    kind: Literal["access", "session"]
    token: str

    def __repr__(self) -> str:
        return f"<Credential: {self.kind} token>"


def credential_of(who: Any, carrier: Carrier) -> Credential:
    """The credential in *who*: `Authorization: Bearer` first, else the cookie that *carrier* names.

    *who* is an access token, a session token, a `Cookie` header, a mapping of headers, a WSGI
    environ, an ASGI scope, or a request that has one of them (Starlette, FastAPI, Litestar,
    Django, Flask, werkzeug, aiohttp). A query string or a body is never read (RFC 9700 section
    4.3.2). A bearer header that is no good is not made up for by a cookie.
    """
    if isinstance(who, Credential):
        return who
    if isinstance(who, str):
        return _of_text(who.strip(), carrier)
    if who is None:  # of a cookie that is not there
        raise unauthenticated()
    authorization, cookies = _headers(who)
    split = [value.partition(" ") for value in authorization]
    bearers = [rest.strip() for scheme, _, rest in split if scheme.lower() == "bearer"]
    if len(bearers) > 1:
        raise TokenInvalid("Two Authorization headers came; send one.")
    if bearers:
        return _access(bearers[0])
    return _cookie("; ".join(cookies), carrier)


def _of_text(text: str, carrier: Carrier) -> Credential:
    if text.startswith(PREFIX):
        return _session(text)
    if text[:7].lower() == "bearer ":
        return _access(text[7:].strip())
    if f"{carrier.name}=" in text:
        return _cookie(text, carrier)
    return _access(text)


def _access(token: str) -> Credential:
    if not token:
        raise unauthenticated()
    if len(token) > _LONGEST or not _BEARER.fullmatch(token):
        raise TokenInvalid
    return Credential(kind="access", token=token)


def _cookie(header: str, carrier: Carrier) -> Credential:
    token = carrier.found(header.encode("latin-1", "replace")).session
    if token is None:
        raise unauthenticated()
    return _session(token)


def _session(token: str) -> Credential:
    if len(token) > _LONGEST or not _SESSION.fullmatch(token):
        raise TokenInvalid
    return Credential(kind="session", token=token)


# ── where frameworks keep headers ─────────────────────────────────────────────────────────────


def _headers(who: Any) -> tuple[list[str], list[str]]:
    """The values of `Authorization` and of `Cookie`."""
    for attribute in ("scope", "META", "environ", "headers"):
        found = getattr(who, attribute, None)
        if found is not None and not callable(found):
            return _headers(found) if attribute == "scope" else _picked(found)
    if isinstance(who, Mapping) and not isinstance(who.get("headers", ""), str):
        return _picked(who["headers"])  # an ASGI scope
    return _picked(who)


def _picked(headers: Any) -> tuple[list[str], list[str]]:
    """From a mapping, or from pairs, of text or bytes; names in any case, or as WSGI spells them."""
    found: dict[str, list[str]] = {"authorization": [], "cookie": []}
    for name, value in _pairs(headers):
        plain = _text(name)
        plain = _WSGI.get(plain, plain).lower()
        if plain in found:
            found[plain].append(_text(value).strip())
    return found["authorization"], found["cookie"]


def _pairs(headers: Any) -> Iterable[tuple[Any, Any]]:
    items = getattr(headers, "items", None)
    try:
        return [(name, value) for name, value in (items() if callable(items) else headers)]
    except (TypeError, ValueError):
        kind = type(headers).__name__
        raise TypeError(
            f"no credential can be looked for in a {kind}; give a token, a request or its headers"
        ) from None


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
