"""The carrier: how a token travels in cookies."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Iterable, Iterator
from datetime import timedelta
from ipaddress import ip_address
from urllib.parse import urlsplit

from msgspec import Struct

from sojourn.errors import CookieRejected, SettingsError
from sojourn.lifecycle import Standing
from sojourn.near import Kept
from sojourn.token import Keys

__all__ = ["Carrier", "Cookies", "DeviceCookie", "is_loopback", "pairs"]

_LONGEST = 16_384  # bytes of all Cookie headers together; browsers send at most some 50 cookies of 4 kB
_BLANKS = b" \t"  # what browsers strip; more, and `\xa0__Host-sojourn` would pass for the protected name
_YEARLY = timedelta(days=400)  # RFC 6265bis section 5.5


class Cookies(Struct):
    """What one request presented under our names. `name`: the digest of the session's token, if to hand.

    `answered`: what did so for them last, where they are remembered.
    """

    session: str | None = None
    device: str | None = None
    cache: str | None = None
    name: bytes | None = None
    answered: Kept | Standing | None = None

    def __repr__(self) -> str:
        held = (f"{name}={getattr(self, name) is not None}" for name in self.__struct_fields__)
        return f"<Cookies {' '.join(held)}>"


class Carrier(Struct, frozen=True, kw_only=True):
    """Names and attributes of our cookies. They follow from the configured origin, never from a request.

    With https: `__Host-sojourn`, which no sibling host, no script and no plain-http attacker can
    plant (RFC 6265bis section 4.1.3.2). `sojourn` without `Secure` exists for plain http alone.
    """

    secure: bool
    name: str
    device_name: str
    cache_name: str
    hint_name: str
    names: tuple[bytes, bytes, bytes]  # the same as they come

    @classmethod
    def of(cls, origin: str, *, development: bool = False) -> Carrier:
        """The carrier for *origin*; plain http is refused off loopback, unless in development."""
        parts = urlsplit(origin)
        if parts.scheme == "https":
            return cls._named("__Host-sojourn", secure=True)
        if parts.scheme == "http" and (development or is_loopback(parts.hostname or "")):
            return cls._named("sojourn", secure=False)
        raise SettingsError(
            f"the origin {origin!r} would send credentials over plain http; "
            "use https://, or http:// on 127.0.0.1 or localhost, or set SOJOURN_DEVELOPMENT=1 for a test"
        )

    @classmethod
    def _named(cls, name: str, *, secure: bool) -> Carrier:
        device, cache, hint = f"{name}-device", f"{name}-cache", f"{name}-hint"
        names = (name.encode(), device.encode(), cache.encode())
        return cls(
            secure=secure, name=name, device_name=device, cache_name=cache, hint_name=hint, names=names
        )

    def read(self, headers: Iterable[bytes]) -> Cookies:
        """Our cookies among those of the Cookie *headers*."""
        return self.found(b"; ".join(headers))

    def found(self, header: bytes) -> Cookies:
        """Our cookies in *header*, which may be several, joined.

        A name that comes twice with two values is refused: the order of cookies says nothing, so
        one of them may be an attacker's (RFC 6265bis section 4.2.2). Two cookie caches are none:
        without one there is but a question to the store.
        """
        if len(header) > _LONGEST:
            raise CookieRejected(
                "The cookies of this site are too large. Clear the cookies of this site.", status=431
            )
        found: dict[bytes, bytes] = {}
        for name, value in pairs(header):
            if name not in self.names or found.setdefault(name, value) == value:
                continue
            if name == self.names[2]:
                found[name] = b""
                continue
            raise CookieRejected(
                f"Two different cookies are named {name.decode()}. Clear the cookies of this site.",
                doubled=True,
            )
        session, device, cache = (found.get(name, b"").decode("latin-1") or None for name in self.names)
        return Cookies(session, device, cache)

    def beside(self, header: bytes, before: str = "") -> dict[str, str]:
        """Cookies called like the session's, a hyphen and *before*: what follows that, and the values.

        A name that comes twice with two values is nobody's.
        """
        start = self.parked_name(before).encode()
        found: dict[str, set[bytes]] = {}
        for name, value in pairs(header):
            if name.startswith(start):
                found.setdefault(name.removeprefix(start).decode("latin-1"), set()).add(value)
        return {slot: one.decode("latin-1") for slot, (one, *others) in found.items() if not others}

    def set_session(self, token: str, *, lasting: timedelta | None) -> str:
        """A Set-Cookie value; without *lasting* the cookie goes with the browser session (NIST, N-09)."""
        return self._cookie(self.name, token, lasting)

    def set_device(self, value: str) -> str:
        """Outlives signing out, so that the same browser is known again: 400 days, the most there is."""
        return self._cookie(self.device_name, value, _YEARLY)

    def set_cache(self, sealed: str, life: timedelta | None) -> str:
        """A snapshot of the session, worth nothing without the token; the browser forgets it after *life*."""
        return self._cookie(self.cache_name, sealed, life)

    def clear_cache(self) -> str:
        return self._cookie(self.cache_name, "", timedelta(0))

    def set_hint(self, value: str, *, lasting: timedelta | None) -> str:
        """What scripts may read: see `hint`. It says when the token moved, never what it is."""
        return self._cookie(self.hint_name, value, lasting, readable=True)

    def clear_hint(self) -> str:
        return self._cookie(self.hint_name, "", timedelta(0), readable=True)

    def set_parked(self, slot: str, token: str, *, lasting: timedelta | None) -> str:
        """The token of a session that this browser keeps beside the one in use: see `parked`."""
        return self._cookie(self.parked_name(slot), token, lasting)

    def clear_parked(self, slot: str) -> str:
        return self._cookie(self.parked_name(slot), "", timedelta(0))

    def parked_name(self, slot: str) -> str:
        return f"{self.name}-{slot}"

    def clear_session(self) -> str:
        """Removes the cookie: same name, path and attributes as when it was set (RFC 6265bis section 5.7)."""
        return self._cookie(self.name, "", timedelta(0))

    def _cookie(self, name: str, value: str, lasting: timedelta | None, *, readable: bool = False) -> str:
        parts = [f"{name}={value}", "Path=/", *(() if readable else ("HttpOnly",)), "SameSite=Lax"]
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


def pairs(header: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Names and values in a Cookie *header*."""
    for pair in header.split(b";"):
        name, _, value = pair.partition(b"=")
        yield name.strip(_BLANKS), value.strip(_BLANKS)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches *host*, an address or a name."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _hashed(seed: bytes) -> str:
    return hashlib.blake2b(seed, digest_size=16, person=b"sojourn device").hexdigest()
