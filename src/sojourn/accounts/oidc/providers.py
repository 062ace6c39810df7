"""The services with which people may sign in, as the operator describes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from sojourn.errors import SettingsError
from sojourn.session import Discreet

__all__ = ["Provider", "described", "is_endpoint"]

_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_RESERVED = frozenset(
    {"password", "credential", "credentials"}
)  # what a password is called, here and elsewhere
_SCOPE = re.compile(r"[!#-\[\]-~]+")  # RFC 6749 section 3.3
_USUAL = ("openid", "email", "profile")


class Provider(Discreet, frozen=True, kw_only=True):
    """One service. `issuer` is compared to the letter with what the service says of itself.

    `trusted_email`: that it says an address is verified counts here too, so that it may connect people
    to accounts which have that address. For a service at which anybody can claim anything: false.
    """

    id: str  # in addresses, and in the accounts of users: it must never mean another service
    name: str
    issuer: str
    client_id: str
    client_secret: str
    scopes: tuple[str, ...] = _USUAL
    trusted_email: bool = False

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id) or self.id in _RESERVED:
            raise self._wrong("call it by a short name in lower case, such as google, and not password")
        if not is_endpoint(self.issuer, plain=True) or "?" in self.issuer or "#" in self.issuer:
            raise self._wrong("its issuer is an address such as https://accounts.example.org")
        if not (self.name.strip() and self.name.isprintable() and len(self.name) <= 50):
            raise self._wrong("its name is what people read, of at most 50 characters")
        if not self.client_id or not self.client_secret:
            raise self._wrong("it needs the client_id and the client_secret that the service has given you")
        if "openid" not in self.scopes or not all(_SCOPE.fullmatch(scope) for scope in self.scopes):
            raise self._wrong("its scopes are a list of words, openid among them")

    def _wrong(self, why: str) -> SettingsError:
        return SettingsError(f"the provider {self.id[:40]!r} cannot be like that: {why}")

    def __repr__(self) -> str:
        return f"<Provider {self.id}, {self.issuer}>"

    @property
    def plain(self) -> bool:
        """Whether it is reached by plain http."""
        return self.issuer.startswith("http:")


class _Described(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    issuer: str
    client_id: str
    client_secret: str
    name: str | None = None
    scopes: tuple[str, ...] | str = _USUAL
    trusted_email: bool = False


def described(said: Any) -> dict[str, Provider]:
    """The providers that *said*, a JSON object by id, describes. No value of it is quoted in an error."""
    if not isinstance(said, Mapping):
        raise SettingsError('give a JSON object such as {"google": {"issuer": …, "client_id": …}}')
    found = {}
    for id, facts in said.items():
        try:
            given = msgspec.convert(facts, _Described)
        except msgspec.ValidationError as error:
            raise SettingsError(f"the provider {str(id)[:40]!r} cannot be like that: {error}") from None
        scopes = tuple(given.scopes.split()) if isinstance(given.scopes, str) else given.scopes
        found[id] = Provider(
            id=id,
            name=given.name or id.capitalize(),
            issuer=given.issuer,
            client_id=given.client_id,
            client_secret=given.client_secret,
            scopes=scopes,
            trusted_email=given.trusted_email,
        )
    return found


def is_endpoint(url: object, *, plain: bool) -> bool:
    """Whether *url* is one that we may ask: https, or where *plain* http too; no user, no fragment."""
    if (
        not isinstance(url, str)
        or len(url) > 2_048
        or not url.isascii()
        or not url.isprintable()
        or " " in url
    ):
        return False
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 -- a ValueError if it is none
    except ValueError:
        return False
    secure = parts.scheme == "https" or (plain and parts.scheme == "http")
    return secure and bool(parts.hostname) and "@" not in parts.netloc and not parts.fragment
