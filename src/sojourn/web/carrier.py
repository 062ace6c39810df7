"""The carrier: how a token travels in cookies."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Iterable
from datetime import timedelta
from ipaddress import ip_address
from urllib.parse import urlsplit

from msgspec import Struct

from sojourn.errors import CookieRejected, SettingsError
from sojourn.token import Keys

__all__ = ["Carrier", "Cookies", "DeviceCookie", "is_loopback"]

_LONGEST = 16_384  # bytes of all Cookie headers together; browsers send at most some 50 cookies of 4 kB
_YEARLY = timedelta(days=400)  # RFC 6265bis section 5.5


class Cookies(Struct, frozen=True):
    """What one request presented under our two names."""

    session: str | None = None
    device: str | None = None

    def __repr__(self) -> str:
        return f"<Cookies session={self.session is not None} device={self.device is not None}>"


class Carrier(Struct, frozen=True, kw_only=True):
    """Names and attributes of our cookies. They follow from the configured origin, never from a request.

    With https: `__Host-sojourn`, which no sibling host, no script and no plain-http attacker can
    plant (RFC 6265bis section 4.1.3.2). `sojourn` without `Secure` exists for plain http alone.
    """

    secure: bool
    name: str
    device_name: str

    @classmethod
    def of(cls, origin: str, *, development: bool = False) -> Carrier:
        """The carrier for *origin*; plain http is refused off loopback, unless in development."""
        parts = urlsplit(origin)
        if parts.scheme == "https":
            return cls(secure=True, name="__Host-sojourn", device_name="__Host-sojourn-device")
        if parts.scheme == "http" and (development or is_loopback(parts.hostname or "")):
            return cls(secure=False, name="sojourn", device_name="sojourn-device")
        raise SettingsError(
            f"the origin {origin!r} would send credentials over plain http; "
            "use https://, or http:// on 127.0.0.1 or localhost, or set SOJOURN_DEVELOPMENT=1 for a test"
        )

    def read(self, headers: Iterable[bytes]) -> Cookies:
        """Our cookies among those of the Cookie *headers*.

        A name that comes twice with two values is refused: the order of cookies says nothing, so
        one of them may be an attacker's (RFC 6265bis section 4.2.2).
        """
        found: dict[bytes, bytes] = {}
        ours = (self.name.encode(), self.device_name.encode())
        for header in self._checked(headers):
            for pair in header.split(b";"):
                name, _, value = pair.partition(b"=")
                name, value = name.strip(), value.strip()
                if name in ours and found.setdefault(name, value) != value:
                    raise CookieRejected(
                        f"Two different cookies are named {name.decode()}. Clear the cookies of this site.",
                        doubled=True,
                    )
        session, device = (found.get(name, b"").decode("latin-1") or None for name in ours)
        return Cookies(session, device)

    @staticmethod
    def _checked(headers: Iterable[bytes]) -> list[bytes]:
        sent = list(headers)
        if sum(map(len, sent)) > _LONGEST:
            raise CookieRejected(
                "The cookies of this site are too large. Clear the cookies of this site.", status=431
            )
        return sent

    def set_session(self, token: str, *, lasting: timedelta | None) -> str:
        """A Set-Cookie value; without *lasting* the cookie goes with the browser session (NIST, N-09)."""
        return self._cookie(self.name, token, lasting)

    def set_device(self, value: str) -> str:
        """Outlives signing out, so that the same browser is known again: 400 days, the most there is."""
        return self._cookie(self.device_name, value, _YEARLY)

    def clear_session(self) -> str:
        """Removes the cookie: same name, path and attributes as when it was set (RFC 6265bis section 5.7)."""
        return self._cookie(self.name, "", timedelta(0))

    def _cookie(self, name: str, value: str, lasting: timedelta | None) -> str:
        parts = [f"{name}={value}", "Path=/", "HttpOnly", "SameSite=Lax"]
        if self.secure:
            parts.append("Secure")
        if lasting is not None:
            parts.append(f"Max-Age={int(min(lasting, _YEARLY).total_seconds())}")
        return "; ".join(parts)


class DeviceCookie(Struct, frozen=True, kw_only=True):
    """A random, signed name of one browser. Not a credential: it says *same browser*, never *who*."""

    value: str
    id: str  # hash of the random part: `device.id` of the sessions of this browser

    @classmethod
    def new(cls, keys: Keys) -> DeviceCookie:
        seed = os.urandom(16)
        signed = base64.urlsafe_b64encode(seed + keys.mac("device cookie", seed)[:16])
        return cls(value=signed.rstrip(b"=").decode(), id=_hashed(seed))

    @classmethod
    def read(cls, value: str | None, keys: Keys) -> DeviceCookie | None:
        """The device that *value* names, or None: unsigned, foreign, or under a key that is gone."""
        if value is None or len(value) != 43 or not value.isascii():
            return None
        try:
            body = base64.b64decode(value + "=", altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        return (
            cls(value=value, id=_hashed(body[:16]))
            if keys.made("device cookie", body[:16], body[16:])
            else None
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches *host*, an address or a name."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _hashed(seed: bytes) -> str:
    return hashlib.blake2b(seed, digest_size=16, person=b"sojourn device").hexdigest()
