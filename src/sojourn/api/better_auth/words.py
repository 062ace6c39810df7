"""How refusals are said to a client of Better Auth: `{"message", "code"}`, with the codes it knows."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from sojourn.api.current import BASE, check_origin
from sojourn.api.routes import Act, Call, Route
from sojourn.errors import (
    AccountExists,
    BodyRejected,
    CsrfFailed,
    FreshnessRequired,
    InvalidCredentials,
    PasswordRejected,
    RateLimited,
    Refusal,
    RequestError,
    SessionError,
)
from sojourn.web import csrf
from sojourn.web.reply import STATUS, Answer
from sojourn.web.visit import Visit

__all__ = ["NO_SESSION", "Wrong", "check_sign_in_origin", "line", "refused", "said", "says"]


class Wrong(RequestError):
    """A refusal in the dialect's own words. Some have no code, as theirs have none."""

    def __init__(self, status: int, name: str | None, message: str) -> None:
        self.name = name
        super().__init__(message, status=status)


def said(status: int, name: str | None, message: str, *headers: tuple[str, str]) -> Answer:
    """*headers* go beside those of every refusal; 401 carries a challenge (RFC 9110 section 15.5.2)."""
    body = {"message": message} if name is None else {"message": message, "code": name}
    challenge = [("www-authenticate", 'Cookie realm="sojourn"')] if status == 401 else []
    return Answer(status, [*_HEADERS, *challenge, *headers], msgspec.json.encode(body))


_HEADERS = (
    ("content-type", "application/json"),
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
)

_PLAIN = {
    "invalid_credentials": (401, "INVALID_EMAIL_OR_PASSWORD", "Invalid email or password"),
    "account_exists": (
        422,
        "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL",
        "There is an account with this address already",
    ),
    "email_rejected": (400, "INVALID_EMAIL", "Invalid email"),
    "last_way_in": (400, "FAILED_TO_UNLINK_LAST_ACCOUNT", "This is the only way in that the account has"),
}
NO_SESSION = (401, "UNAUTHORIZED", "Unauthorized")
_BANNED = (
    403,
    "BANNED_USER",
    "This account may not sign in here. Ask whoever runs this site.",
)
_NOT_FRESH = (403, "SESSION_NOT_FRESH", "Session is not fresh")
_MEDIA = "Send application/json"


async def refused(call: Call, refusal: Refusal) -> Answer:
    """*refusal* as a route of the dialect says it."""
    return says(call.visit, refusal)


def says(visit: Visit, refusal: Refusal) -> Answer:
    if isinstance(refusal, Wrong):
        return said(refusal.status, refusal.name, refusal.message)
    if isinstance(refusal, CsrfFailed):
        return _origin(visit)
    if isinstance(refusal, RateLimited):
        wait = str(refusal.retry_after)
        return said(429, None, refusal.message, ("retry-after", wait), ("x-retry-after", wait))
    if isinstance(refusal, FreshnessRequired):
        return said(*_NOT_FRESH)
    if isinstance(refusal, BodyRejected):
        return _body(refusal)
    if isinstance(refusal, PasswordRejected):
        long = "max_length" in refusal.facts
        return said(400, "PASSWORD_TOO_LONG" if long else "PASSWORD_TOO_SHORT", refusal.message)
    if isinstance(refusal, SessionError) and STATUS[refusal.code] == 401:
        return said(*NO_SESSION)
    if isinstance(refusal, InvalidCredentials) and refusal.banned:
        return said(*_BANNED)
    if type(refusal) is AccountExists and refusal.message != AccountExists.message:
        return said(422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL", refusal.message)
    if refusal.code in _PLAIN:
        return said(*_PLAIN[refusal.code])
    status = refusal.status if isinstance(refusal, RequestError) else STATUS[refusal.code]
    return said(status, refusal.code.upper(), refusal.message)


def _body(refusal: BodyRejected) -> Answer:
    if refusal.status == 422:
        return said(400, "VALIDATION_ERROR", _located(refusal.message))
    if refusal.status == 415:
        return said(415, "UNSUPPORTED_MEDIA_TYPE", _MEDIA)
    if refusal.status == 413:
        return said(413, "PAYLOAD_TOO_LARGE", refusal.message)
    return said(400, "BAD_REQUEST", "Invalid JSON in request body")


_MISSING = re.compile(r"missing required field `(\w+)`")
_AT = re.compile(r"(?::|^) ?([^:]*) - at `\$\.?([\w.\[\]]*)`")


def _located(message: str) -> str:
    """`[body.field] reason`, from the words of our own check."""
    if missing := _MISSING.search(message):
        return f"[body.{missing[1]}] Invalid input: expected a value, received undefined"
    if at := _AT.search(message):
        return f"[body.{at[2]}] Invalid input: {at[1].strip()}"
    return f"[body] {message.partition(': ')[2] or message}"


def _origin(visit: Visit) -> Answer:
    if _sent_along(visit):
        return said(403, "CROSS_SITE_NAVIGATION_LOGIN_BLOCKED", "Another site may not sign anybody in here.")
    if csrf.stated(visit.headers) in (None, "null"):
        return said(403, "MISSING_OR_NULL_ORIGIN", "Missing or null Origin")
    return said(403, "INVALID_ORIGIN", "Invalid origin")


def _sent_along(visit: Visit) -> bool:
    """Whether another site makes somebody who is nobody here sign in, by a form of its own."""
    headers = visit.headers
    crossing = headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") == "navigate"
    return crossing and headers.get("cookie") is None and visit.path.endswith("/email")


def check_sign_in_origin(call: Call) -> None:
    """Signing in needs no cookie to come along: whatever a browser sends must say that it is from here."""
    headers = call.visit.headers
    telling = ("cookie", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest")
    if csrf.stated(headers) is not None or any(headers.get(name) is not None for name in telling):
        csrf.check_stated(headers, origin=call.visit.site.origin)


def line(method: str, path: str, act: Act, **more: Any) -> Route:
    """A line of the dialect's table: for who has a session, and a POST for who says where it is from."""
    facts: dict[str, Any] = {"guard": "session", "refused": refused}
    if method == "POST":
        facts |= {"before": check_origin, "says": says}
    facts |= more
    return Route(
        method=method,
        path=f"{BASE}{path}",
        act=act,
        also="_of_better_auth",
        in_passing=True,
        tag="better-auth",
        **facts,
    )
