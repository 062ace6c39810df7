"""Requests that another site made the browser send: Fetch Metadata first, Origin and Referer as fallback.

The scheme of the OWASP CSRF Prevention cheat sheet. SameSite is extra depth and never relied on.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from urllib.parse import urlsplit

from sojourn.errors import CsrfFailed
from sojourn.token import Keys

__all__ = ["SAFE", "check", "check_field", "check_stated", "field", "stated"]

SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


def check(method: str, headers: Mapping[str, str], *, origin: str, carries_cookie: bool) -> None:
    """Refuse an unsafe request unless it comes from *origin*, or is no browser's.

    A request with neither header nor cookie passes: a script signs in like that, and nothing of
    the user's travels with it.
    """
    if method in SAFE:
        return
    site = headers.get("sec-fetch-site")
    if site is not None:
        if site not in ("same-origin", "none"):
            raise CsrfFailed
        return
    source = stated(headers)
    if source is None:
        if carries_cookie:  # no browser of the last years sends neither; a script can say where it comes from
            raise CsrfFailed(hint=f"A script sends the header Origin: {origin}")
    elif source != origin:
        raise CsrfFailed


def check_stated(headers: Mapping[str, str], *, origin: str) -> None:
    """Refuse a request that does not say itself that it comes from *origin*: the rule of Better Auth."""
    if stated(headers) != origin:
        raise CsrfFailed


def stated(headers: Mapping[str, str]) -> str | None:
    """The origin that a request says it comes from: by Origin, or without one by Referer."""
    source = headers.get("origin")
    if source is None and (referer := headers.get("referer")):
        return _origin(referer)
    return source


def _origin(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "null"
    return f"{parts.scheme}://{parts.netloc}"


def field(keys: Keys, binding: str) -> str:
    """The hidden field of a form: an HMAC over what this browser is known by, its session or its device."""
    return base64.urlsafe_b64encode(keys.mac("form field", binding.encode())[:24]).decode()


def check_field(keys: Keys, binding: str, value: str) -> None:
    """Refuse a form whose field is of another session or browser; compared in constant time."""
    try:
        mac = base64.urlsafe_b64decode(value.encode())
    except ValueError:
        raise CsrfFailed from None
    if len(mac) != 24 or not keys.made("form field", binding.encode(), mac):
        raise CsrfFailed
