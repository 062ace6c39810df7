"""An HTTP answer as a value: JSON, or a refusal as problem details."""

from __future__ import annotations

import logging
import secrets
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any
from uuid import uuid4

import msgspec
from msgspec import Struct, field

from sojourn.errors import (
    FreshnessRequired,
    RateLimited,
    Refusal,
    RequestError,
    SessionError,
    TokenReplayed,
    Unauthenticated,
)
from sojourn.stores.protocol import StoreBusy
from sojourn.web.away import StoreAway

__all__ = ["BROKEN", "STATUS", "VERDICT", "Answer", "Streamed", "as_json", "broken", "problem", "unavailable"]

_log = logging.getLogger("sojourn")

VERDICT = "x-sojourn-verdict"  # what a refresh was, for whoever helps people: never a reason to act
BROKEN = "Something went wrong on our side. Please try again."

STATUS = {
    "unauthenticated": 401,
    "token_invalid": 401,
    "token_superseded": 401,
    "access_expired": 401,
    "session_expired": 401,
    "session_revoked": 401,
    "refresh_reused": 401,
    "invalid_credentials": 401,
    "reauth_required": 403,
    "forbidden": 403,
    "csrf_failed": 403,
    "https_required": 403,
    "not_found": 404,
    "session_changed": 409,
    "undo_expired": 409,
    "too_many_sessions": 409,
    "account_exists": 409,
    "last_way_in": 409,
    "flow_lost": 400,
    "other_account": 409,
    "provider_away": 502,
    "provider_denied": 403,
    "provider_rejected": 502,
    "data_too_large": 413,
    "email_rejected": 422,
    "password_rejected": 422,
    "application_rejected": 422,
    "tenant_rejected": 422,
    "invalid_request": 400,
    "invalid_grant": 400,
    "invalid_scope": 400,
    "unauthorized_client": 400,
    "unsupported_grant_type": 400,
    "invalid_client": 401,
    "insufficient_scope": 403,
    "journal_off": 409,
    "count_changed": 409,
    "job_over": 409,
    "rate_limited": 429,
    "unavailable": 503,
}


class Answer(Struct):
    """An HTTP answer as a value."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def add(self, headers: Iterable[tuple[str, str]]) -> Answer:
        """The same answer with *headers* behind its own."""
        return Answer(self.status, [*self.headers, *headers], self.body)


class Streamed(Answer, kw_only=True):
    """An answer that goes on: *chunks* are sent as they come, and *close* is called whatever ends it."""

    chunks: AsyncIterator[bytes]
    close: Callable[[], object]


def as_json(value: Any, status: int = 200) -> Answer:
    """*value* as JSON that no browser renders as anything else (ASVS 3.2.1)."""
    return Answer(status, [("content-type", "application/json"), *_STRICT], msgspec.json.encode(value))


def problem(refusal: Refusal, *, bearer: bool = False) -> Answer:
    """*refusal* as RFC 9457 problem details; 401 carries a challenge (RFC 9110 section 15.5.2).

    *bearer*: an access token was presented, so the challenge is of RFC 6750 and RFC 9470.
    """
    status = refusal.status if isinstance(refusal, RequestError) else STATUS[refusal.code]
    headers: list[tuple[str, str]] = []
    if isinstance(refusal, FreshnessRequired) and bearer:
        status = 401
    if status == 401:
        challenge = _challenge(refusal) if bearer else f'Cookie realm="sojourn", error="{refusal.code}"'
        headers.append(("www-authenticate", challenge))
    if isinstance(refusal, SessionError) and (status == 401 or isinstance(refusal, FreshnessRequired)):
        headers.append(("x-session-code", refusal.code))
    if isinstance(refusal, TokenReplayed):
        headers.append((VERDICT, "replay"))
    if isinstance(refusal, RateLimited):
        headers.append(("retry-after", str(refusal.retry_after)))
    return _problem(status, refusal.code, refusal.message, headers, refusal.facts)


def _challenge(refusal: Refusal) -> str:
    """What a service or an application is told in machine-readable words (RFC 6750 section 3)."""
    if isinstance(refusal, FreshnessRequired):
        asked = "".join(f', {name}="{value}"' for name, value in refusal.challenge.items())
        return (
            'Bearer realm="sojourn", error="insufficient_user_authentication", '
            f'error_description="{refusal.message}"{asked}'
        )
    if isinstance(refusal, Unauthenticated):
        return 'Bearer realm="sojourn"'
    return f'Bearer realm="sojourn", error="invalid_token", error_description="{refusal.message}"'


def broken() -> Answer:
    """500: a mistake of ours, of which nobody outside is told more."""
    return _problem(500, "internal_error", BROKEN, [], {})


def unavailable(away: StoreAway) -> Answer:
    """503: nobody is signed out by it, and clients do not all return at once."""
    if isinstance(away.__cause__, StoreBusy):  # one line each: there are many of them just then
        _log.warning("turned away: %s", away)
    else:
        _log.error("the store is away: %s", away, exc_info=away)
    headers = [("retry-after", str(1 + secrets.randbelow(5)))]
    return _problem(503, "unavailable", away.message, headers, {})


def _problem(
    status: int, code: str, message: str, headers: list[tuple[str, str]], facts: dict[str, Any]
) -> Answer:
    body = {
        "type": f"urn:sojourn:problem:{code}",
        "title": _TITLES.get(status, "Refused"),
        "status": status,
        "detail": message,
        "code": code,
        "message": message,
        "request_id": uuid4().hex,
    } | {name: value for name, value in facts.items() if name not in ("doubled",)}
    kind = ("content-type", "application/problem+json")
    return Answer(status, [kind, *_STRICT, *headers], msgspec.json.encode(body))


_STRICT = (("x-content-type-options", "nosniff"), ("cache-control", "no-store"))
_TITLES = {
    400: "Bad request",
    401: "Not signed in",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    413: "Too large",
    415: "Unsupported media type",
    422: "Not acceptable as given",
    429: "Too many requests",
    431: "Cookies too large",
    500: "Broken",
    502: "Another service failed",
    503: "Not available",
}
