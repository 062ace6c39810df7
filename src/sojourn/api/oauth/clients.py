"""Which application asks, and how it is told no."""

from __future__ import annotations

import base64
import binascii
from urllib.parse import unquote_plus

from sojourn.api.routes import Call
from sojourn.directory import Application
from sojourn.errors import BodyRejected, OAuthError, Refusal
from sojourn.web.reply import Answer, as_json, problem

__all__ = ["CLIENT", "authenticated", "identified", "said"]

CLIENT = {
    "client_id": "which application asks, unless it says so by HTTP Basic",
    "client_secret": "its secret",
}

_BASIC = ("www-authenticate", 'Basic realm="sojourn", charset="UTF-8"')


async def authenticated(call: Call) -> Application:
    """The confidential application that asks, by its secret (RFC 6749 section 2.3)."""
    application = await identified(call)
    if application is None or application.public:
        raise _wrong()
    return application


async def identified(call: Call) -> Application | None:
    """The application that asks: a confidential one by its secret, a public one by its id; None: none."""
    id, secret = _presented(call)
    if id is None:
        return None
    application = await call.directory.identify(id, secret)
    if application is None:
        raise _wrong()
    return application


def _presented(call: Call) -> tuple[str | None, str | None]:
    """Id and secret, from the one place where they stand."""
    body_id, body_secret = call.form.get("client_id"), call.form.get("client_secret")
    scheme, _, given = call.visit.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return body_id, body_secret or None
    try:
        pair = base64.b64decode(given.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        raise _wrong() from None
    id, _, secret = pair.partition(":")
    id, secret = unquote_plus(id), unquote_plus(secret)
    if body_secret or (body_id is not None and body_id != id):
        raise OAuthError("invalid_request", "Say who asks in the header or in the body, not in both.")
    return id, secret


def _wrong() -> OAuthError:
    return OAuthError(
        "invalid_client", "The application is not known here, or its secret is wrong.", status=401
    )


async def said(call: Call, refusal: Refusal) -> Answer:
    """*refusal* as OAuth says it, with the `message` that other clients look for."""
    if isinstance(refusal, BodyRejected):
        refusal = OAuthError("invalid_request", refusal.message, status=refusal.status)
    if not isinstance(refusal, OAuthError):
        return problem(refusal, bearer=True)
    body = {
        "error": refusal.error,
        "error_description": refusal.message,
        "message": refusal.message,
        "code": refusal.error,
    }
    headers = [_BASIC] if refusal.status == 401 else []
    if refusal.status == 403:
        headers = [("www-authenticate", f'Bearer realm="sojourn", error="{refusal.error}", scope="openid"')]
    return as_json(body, refusal.status).add(headers)
