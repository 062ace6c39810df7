"""What a provider says of itself (OpenID Connect Discovery), asked for seldom and kept for a while."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
from msgspec import Struct

from sojourn.accounts.oidc.id_token import ALGORITHMS, KeySet
from sojourn.accounts.oidc.providers import Provider, is_endpoint
from sojourn.accounts.oidc.wire import Wire
from sojourn.errors import ProviderAway, ProviderRejected

__all__ = ["Directory", "Metadata"]

_log = logging.getLogger("sojourn")

_FRESH = timedelta(hours=1)
_STALE = timedelta(days=1)  # while it cannot be asked, what it said goes on to count for so long
_AGAIN = timedelta(seconds=5)  # after a failure nobody is asked before that ...
_KEYS_AGAIN = timedelta(seconds=30)  # ... nor for keys that nobody knows, however many tokens name one


class Metadata(Struct, frozen=True, kw_only=True):
    """The members that we use. Those which have a default in the specification have it here."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    id_token_signing_alg_values_supported: tuple[str, ...] = ("RS256",)
    code_challenge_methods_supported: tuple[str, ...] = ("S256",)
    authorization_response_iss_parameter_supported: bool = False


class Directory:
    """Metadata and keys of one provider."""

    def __init__(self, provider: Provider, wire: Wire, clock: Callable[[], datetime]) -> None:
        self._provider, self._wire, self._clock = provider, wire, clock
        self._lock = asyncio.Lock()
        self._metadata: Metadata | None = None
        self._keys: KeySet | None = None
        self._read_at = self._tried_at = self._keys_at = _NEVER

    async def metadata(self) -> Metadata:
        """What it says of itself, at most an hour old; a day, while it cannot be asked."""
        async with self._lock:
            now = self._clock()
            if self._metadata is None or now - self._read_at >= _FRESH:
                if now - self._tried_at < _AGAIN:
                    return self._known(now)
                self._tried_at = now
                try:
                    self._metadata, self._read_at = await self._discovered(), now
                except (ProviderAway, ProviderRejected) as fault:
                    _log.warning("%s cannot be asked for its metadata: %s", self._provider.id, fault.why)
                    if self._metadata is None or now - self._read_at >= _STALE:
                        raise
            return self._known(now)

    async def keys(self, *, newer_than: KeySet | None = None) -> KeySet:
        """Its keys, at most an hour old; *newer_than* those among which one was missing, if it is time."""
        metadata = await self.metadata()
        async with self._lock:
            now = self._clock()
            age = now - self._keys_at
            if self._keys is None or age >= _FRESH or (newer_than is self._keys and age >= _KEYS_AGAIN):
                said = await self._wire.get(metadata.jwks_uri)
                if said.status != 200:
                    raise ProviderAway(f"it answered {said.status} for its keys")
                self._keys, self._keys_at = KeySet(said.object()), now
            return self._keys

    def _known(self, now: datetime) -> Metadata:
        if self._metadata is None or now - self._read_at >= _STALE:
            raise ProviderAway("it could not be asked a moment ago")
        return self._metadata

    async def _discovered(self) -> Metadata:
        said = await self._wire.get(f"{self._provider.issuer.rstrip('/')}/.well-known/openid-configuration")
        if said.status != 200:
            raise ProviderAway(f"it answered {said.status} for its metadata")
        try:
            found = msgspec.convert(said.object(), Metadata)
        except msgspec.ValidationError as error:
            raise ProviderRejected(f"its metadata: {error}") from None
        if found.issuer != self._provider.issuer:
            raise ProviderRejected("its metadata is another issuer's; the setting must say it to the letter")
        asked = (found.authorization_endpoint, found.token_endpoint, found.jwks_uri, found.userinfo_endpoint)
        if not all(is_endpoint(url, plain=self._provider.plain) for url in asked if url is not None):
            raise ProviderRejected("its metadata names an address that is not https")
        if "S256" not in found.code_challenge_methods_supported:
            raise ProviderRejected("it does not know PKCE with S256")
        if not set(ALGORITHMS) & set(found.id_token_signing_alg_values_supported):
            raise ProviderRejected(f"it signs ID tokens with none of {', '.join(ALGORITHMS)}")
        return found


_NEVER = datetime.fromtimestamp(0, UTC)
