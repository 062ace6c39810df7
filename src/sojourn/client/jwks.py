"""The server's public keys, kept here: fetched when one is needed, and never oftener than agreed."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from sojourn.client.errors import AnswerRejected, ClientError, RemoteRefusal, ServiceUnavailable
from sojourn.client.tokens import AsyncTokenVerbs
from sojourn.client.wire import Wire

__all__ = ["KeySet"]

_log = logging.getLogger("sojourn")
_KINDS = {"RS256": "RSA", "ES256": "EC", "EdDSA": "OKP"}
_MOST = 100  # keys of one server


class KeySet:
    """Fetched anew after *fresh*, and for a `kid` that nobody knows, but once in *every* whatever comes.

    *fresh* bounds for how long a key that the server withdrew is still believed here. While the server
    is away the ones that are here go on to serve, until they are older than *stale*.
    """

    def __init__(
        self,
        wire: Wire,
        *,
        every: timedelta = timedelta(seconds=30),
        fresh: timedelta = timedelta(minutes=5),
        stale: timedelta = timedelta(days=1),
    ) -> None:
        self._verbs, self._monotonic = AsyncTokenVerbs(wire), wire.monotonic
        self._every, self._fresh, self._stale = (span.total_seconds() for span in (every, fresh, stale))
        self._lock = wire.seam.lock()
        self._keys: dict[tuple[str, str], Any] = {}
        self._fetched: float | None = None
        self._tried: float | None = None
        self._fault: Exception | None = None  # of the last attempt
        self.withdrawn = 0  # how often a key was gone

    def find(self, kid: str, algorithm: str) -> Any:
        """The key *kid*, if it is here and one for *algorithm*; else None."""
        return self._keys.get((kid, algorithm))

    async def renew(self) -> None:
        """Fetch if they are no longer fresh; one caller does, the others go on with what is here."""
        now = self._monotonic()
        if self._fetched is not None and now - self._fetched >= self._fresh and self._may_try(now):
            await self._fetch(now)
        if self._fetched is not None and now - self._fetched >= self._stale:
            self._keys, self._fetched = {}, None

    async def look_for(self, kid: str, algorithm: str) -> bool:
        """Whether the server has a key *kid*. A fault if that cannot be known: it is no refusal then."""
        async with self._lock:
            now = self._monotonic()
            if self.find(kid, algorithm) is None and self._may_try(now):
                await self._fetch(now)
        if self.find(kid, algorithm) is not None:
            return True
        if self._fault is not None:
            raise ServiceUnavailable(f"The server's keys cannot be read: {self._fault}") from self._fault
        return False

    def _may_try(self, now: float) -> bool:
        return self._tried is None or now - self._tried >= self._every

    async def _fetch(self, now: float) -> None:
        self._tried = now
        try:
            keys = _read(await self._verbs.keys())
        except (ClientError, RemoteRefusal) as fault:
            self._fault = fault
            _log.warning("the server's keys cannot be read, going on with %d: %s", len(self._keys), fault)
        else:
            self.withdrawn += not self._keys.keys() <= keys.keys()
            self._keys, self._fetched, self._fault = keys, now, None


def _read(found: dict[str, Any]) -> dict[tuple[str, str], Any]:
    """Keys by `kid` and algorithm. Each is good for one algorithm alone; what is none of ours is left out."""
    from joserfc.errors import JoseError
    from joserfc.jwk import import_key

    listed = found.get("keys")
    if not isinstance(listed, list):
        raise AnswerRejected("The server's keys are not a list: is the url right?")
    keys: dict[tuple[str, str], Any] = {}
    for said in listed[:_MOST]:
        if not isinstance(said, dict) or "d" in said or said.get("use", "sig") != "sig":
            continue
        kid, algorithm = said.get("kid"), said.get("alg")
        if not isinstance(kid, str) or _KINDS.get(str(algorithm)) != said.get("kty"):
            continue
        try:
            keys[kid, str(algorithm)] = import_key(said)
        except (JoseError, ValueError, TypeError, KeyError):
            _log.warning("a key of the server cannot be used")
    return keys
