"""What can go wrong between an application and the server.

    Exception
    ├── sojourn.errors.Refusal              an expected "no"
    │   └── RemoteRefusal                   ... that came over HTTP: `code`, `status`, `message`,
    │       │                               `request_id`, `retry_after`, and the facts of the refusal
    │       ├── (and SessionRevoked)        session_revoked    each is also the class of `sojourn.errors`
    │       ├── (and SessionExpired)        session_expired    that its code names, so the same `except`
    │       ├── (and FreshnessRequired)     reauth_required    serves sessions here and on a server
    │       ├── (and SessionNotFound)       not_found
    │       ├── (and Unauthenticated)       unauthenticated    also if the request holds no credential:
    │       │                                                  then nothing was sent, `request_id` is None
    │       ├── ...
    │       └── OAuthRefused                invalid_client, invalid_grant ... (and OAuthError)
    └── ClientError                         there is no answer, or none that says anything
        ├── ServiceUnavailable              unavailable        nobody there, or 429, 502, 503, 504
        │   └── ClientTimeout               timeout            no answer in time: perhaps it was done
        ├── ServerBroken                    internal_error     500: a mistake on the server
        └── AnswerRejected                  answer_rejected    no JSON, another shape, too large, a redirect

A setting that cannot work raises `sojourn.errors.SettingsError`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from sojourn import errors
from sojourn.errors import Refusal, SettingsError
from sojourn.session import Reason

__all__ = [
    "AnswerRejected",
    "ClientError",
    "ClientTimeout",
    "OAuthRefused",
    "RemoteRefusal",
    "ServerBroken",
    "ServiceUnavailable",
    "SettingsError",
    "refused",
]


class ClientError(Exception):
    """No answer that says anything. `status` is None if there was none at all."""

    code = "client_error"

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.message, self.status = message, status
        self.request_id, self.retry_after = request_id, retry_after
        super().__init__(message)


class ServiceUnavailable(ClientError):
    """The server cannot be reached, or says that it cannot answer now. Nobody is signed out by it."""

    code = "unavailable"


class ClientTimeout(ServiceUnavailable):
    """No answer in time. Whether the server did what it was asked for is not known."""

    code = "timeout"


class ServerBroken(ClientError):
    """The server made a mistake; its log knows which, under `request_id`."""

    code = "internal_error"


class AnswerRejected(ClientError):
    """Something answered that does not speak as the server does: is the url right?"""

    code = "answer_rejected"


class RemoteRefusal(Refusal):
    """A "no" from the server. `facts` are what it says besides: `max_age`, `reason`, `limit` ..."""

    status: int = 400
    request_id: str | None = None
    retry_after: float | None = None


class OAuthRefused(RemoteRefusal, errors.OAuthError):
    """A "no" of the routes under /oauth, in their own words: `code` is `invalid_grant`, for example."""


# ── from the wire ─────────────────────────────────────────────────────────────────────────────

_SAID = {"type", "title", "status", "detail", "code", "message", "request_id", "error", "error_description"}


def refused(
    status: int,
    body: Mapping[str, Any],
    *,
    retry_after: float | None = None,
    missing: type[Refusal] = errors.NothingHere,
) -> RemoteRefusal:
    """The refusal that *body* tells; *missing* is what its `not_found` means on this route."""
    spoken = _text(body, "error")
    code = spoken or _text(body, "code") or "refused"
    known = None if spoken else missing if code == "not_found" else _KNOWN.get(code)
    kind = OAuthRefused if spoken else _mixed(known) if known else RemoteRefusal
    message = _text(body, "message") or _text(body, "detail") or _text(body, "error_description")
    error = kind.__new__(kind)
    Refusal.__init__(error, message, **{name: fact for name, fact in body.items() if name not in _SAID})
    vars(error).update(
        (_TYPED[known](body) if known in _TYPED else {})
        | {"status": status, "request_id": _text(body, "request_id"), "retry_after": retry_after}
    )
    if not known:
        vars(error).update(code=code, **({"error": spoken} if spoken else {}))
    return error


def unauthenticated(message: str | None = None) -> RemoteRefusal:
    """Refused here already, because the request holds no credential."""
    return refused(401, {"code": "unauthenticated", "message": message})


def _mixed(known: type[Refusal]) -> type[RemoteRefusal]:
    """*known* as it comes over the wire: both a `RemoteRefusal` and itself."""
    made = _MIXED.get(known.__qualname__)
    if made is None:
        members = {"__doc__": known.__doc__, "__module__": __name__}
        made = _MIXED[known.__qualname__] = type(known.__name__, (RemoteRefusal, known), members)
    return made


_MIXED: dict[str, type[RemoteRefusal]] = {}


def _text(body: Mapping[str, Any], name: str) -> str | None:
    found = body.get(name)
    return found if isinstance(found, str) and found else None


def _seconds(body: Mapping[str, Any], name: str) -> timedelta | None:
    found = body.get(name)
    return timedelta(seconds=found) if isinstance(found, int) and 0 <= found < 1 << 32 else None


def _reason(body: Mapping[str, Any]) -> Reason | None:
    try:
        return Reason(body.get("reason"))  # type: ignore[arg-type]
    except ValueError:
        return None


_KNOWN: dict[str, type[Refusal]] = {
    known.code: known
    for name in errors.__all__
    if isinstance(known := getattr(errors, name), type)
    and issubclass(known, Refusal)
    and "code" in vars(known)
    and known is not Refusal
}

# Attributes that the class has besides its facts. (Which session ended, the wire does not say.)
_TYPED: dict[type[Refusal] | None, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    errors.SessionExpired: lambda b: {"limit": b.get("reason"), "after": _seconds(b, "limit_seconds")},
    errors.SessionRevoked: lambda b: {"id": None, "reason": _reason(b)},
    errors.FreshnessRequired: lambda b: {"max_age": _seconds(b, "max_age"), "aal": _aal(b)},
    errors.TooManySessions: lambda b: {"limit": b.get("limit"), "sessions": ()},
}


def _aal(body: Mapping[str, Any]) -> int:
    said = (_text(body, "acr_values") or "").removeprefix("aal")
    return int(said) if said in ("1", "2", "3") else 0
