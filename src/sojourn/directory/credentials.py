"""The names and secrets that are made up here, and the one form in which a secret is kept."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import string
from datetime import datetime

from sojourn.directory.records import Application

__all__ = ["digest", "new_code", "new_name", "new_secret", "proves"]

_ALPHABET = string.ascii_letters + string.digits
_LENGTH = 22  # of 62 characters: 131 bits
_NOBODYS = "0" * 64  # what a secret is compared with where there is none: no secret has this hash


def new_name(prefix: str) -> str:
    """A public id such as `app_…`."""
    return f"{prefix}_" + "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def new_secret() -> str:
    """256 bits, with a prefix that scanners for leaked secrets can know."""
    return "sjs_" + secrets.token_urlsafe(32)


def new_code() -> str:
    """An authorization code (RFC 6749 section 10.10 asks for 128 bits, and recommends 160)."""
    return "sjc_" + secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """SHA-256 in hexadecimal digits: under this a secret or a code is kept."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def proves(secret: str, application: Application | None, at: datetime) -> bool:
    """Whether *secret* is that of *application* at *at*. Nobody, wrong and right take the same time."""
    presented = digest(secret)
    current = previous = None
    if application is not None:
        current = application.secret_hash
        if application.previous_until is not None and at < application.previous_until:
            previous = application.previous_secret_hash
    right = hmac.compare_digest(presented, current or _NOBODYS)
    overlapping = hmac.compare_digest(presented, previous or _NOBODYS)
    return right | overlapping
