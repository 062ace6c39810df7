"""What an ID token says, if the provider signed it, for us, for this sign-in (OpenID Connect 3.1.3.7)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import msgspec
from msgspec import Struct

from sojourn.errors import ProviderRejected

__all__ = ["ALGORITHMS", "LEEWAY", "KeySet", "UnknownKey", "Wanted", "checked", "payload"]

LEEWAY = timedelta(seconds=60)  # between the provider's clock and ours
_LARGEST = 16_384  # characters
_MOST = 100  # keys of one provider
_CURVES = {"RS256": ("RSA", None), "ES256": ("EC", "P-256"), "EdDSA": ("OKP", "Ed25519")}
_CURVES["Ed25519"] = _CURVES["EdDSA"]  # its name since RFC 9864
ALGORITHMS = tuple(_CURVES)
_LEAST_RSA = 256  # bytes: 2,048 bits


class UnknownKey(ProviderRejected):
    """Signed with a key that is not among those that we know: perhaps there are new ones."""


class KeySet:
    """The public keys of a provider (RFC 7517), each for signatures of one kind alone."""

    def __init__(self, said: Any) -> None:
        listed = said.get("keys") if isinstance(said, dict) else None
        if not isinstance(listed, list):
            raise ProviderRejected("its keys are not a list")
        self._keys = [jwk for jwk in listed[:_MOST] if isinstance(jwk, dict) and "d" not in jwk]

    def find(self, kid: object, algorithm: str) -> Any:
        """The key *kid* for *algorithm*; where no *kid* is said, the only one that it can be (Core 10.1)."""
        fitting = [jwk for jwk in self._keys if kid in (None, jwk.get("kid")) and _fits(jwk, algorithm)]
        if len(fitting) != 1:
            raise UnknownKey(f"{len(fitting)} keys fit its signature")
        return _imported(fitting[0])


class Wanted(Struct, frozen=True, kw_only=True):
    """What a token must say to be of this sign-in. *fresh*: the user had to prove anew who they are."""

    issuer: str
    client_id: str
    nonce: str
    began_at: datetime
    access_token: str | None = None
    fresh: bool = False


class _Claims(Struct, frozen=True, kw_only=True):
    """What must be there, and of these types. What a token says of a person is looked at elsewhere."""

    iss: str
    sub: str
    aud: str | list[str]
    exp: float
    iat: float
    nonce: str
    azp: str | None = None
    nbf: float | None = None
    auth_time: float | None = None
    at_hash: str | None = None


def payload(text: str, keys: KeySet) -> tuple[Mapping[str, Any], str]:
    """The payload of the JWT *text*, whose signature is good, and the algorithm. Nothing else is checked."""
    if len(text) > _LARGEST or not text.isascii() or text.count(".") != 2:
        raise ProviderRejected("its ID token is no signed JWT")
    header = _object(_decoded(text.partition(".")[0]), "the head of its ID token")
    algorithm = header.get("alg")
    # `none`, and HMAC with a public key as its secret, are not of these; nor is what changes the rules.
    if not isinstance(algorithm, str) or algorithm not in _CURVES or "crit" in header or "b64" in header:
        raise ProviderRejected("its ID token is signed in a way that is not taken")
    key = keys.find(header.get("kid"), algorithm)
    return _object(_verified(text, key, algorithm), "its ID token"), algorithm


def checked(said: Mapping[str, Any], algorithm: str, wanted: Wanted, now: datetime) -> datetime | None:
    """When its user proved who they are, if it says so; a refusal unless it is the token *wanted*."""
    try:
        claims = msgspec.convert(dict(said), _Claims)
    except msgspec.ValidationError as error:
        raise ProviderRejected(f"its ID token: {error}") from None
    for wrong, why in (
        (claims.iss != wanted.issuer, "another issuer"),
        (not 0 < len(claims.sub) <= 255, "no subject"),
        (not _for_us(claims, wanted.client_id), "it is for somebody else"),
        (not hmac.compare_digest(_bytes(claims.nonce), wanted.nonce.encode()), "another nonce"),
        (not _in_time(claims, wanted, now), "it is not of this time"),
        (not _of_access_token(claims.at_hash, wanted.access_token, algorithm), "of another access token"),
        (wanted.fresh and not _anew(claims, wanted), "nobody proved anew who they are"),
    ):
        if wrong:
            raise ProviderRejected(f"its ID token is refused: {why}")
    if claims.auth_time is None:
        return None
    return min(now, datetime.fromtimestamp(max(claims.auth_time, 0), UTC))


def _for_us(claims: _Claims, client_id: str) -> bool:
    audience = [claims.aud] if isinstance(claims.aud, str) else claims.aud
    if client_id not in audience or (len(audience) > 1 and claims.azp is None):
        return False
    return claims.azp in (None, client_id)


def _in_time(claims: _Claims, wanted: Wanted, now: datetime) -> bool:
    leeway, at = LEEWAY.total_seconds(), now.timestamp()
    begun = wanted.began_at.timestamp() - leeway  # older ones are of another sign-in
    latest = max(claims.iat, claims.nbf or claims.iat)
    proved = claims.auth_time or 0
    return begun <= claims.iat and max(latest, proved) <= at + leeway and at < claims.exp + leeway


def _of_access_token(at_hash: str | None, access_token: str | None, algorithm: str) -> bool:
    """The left half of the hash that the algorithm of the signature uses (Core 3.1.3.6)."""
    if at_hash is None:
        return True
    hashed = (hashlib.sha256 if algorithm in ("RS256", "ES256") else hashlib.sha512)(
        (access_token or "").encode()
    )
    half = base64.urlsafe_b64encode(hashed.digest()[: hashed.digest_size // 2]).rstrip(b"=")
    return access_token is not None and hmac.compare_digest(half, _bytes(at_hash.rstrip("=")))


def _anew(claims: _Claims, wanted: Wanted) -> bool:
    since = (wanted.began_at - LEEWAY).timestamp()
    return claims.auth_time is not None and claims.auth_time >= since


def _fits(jwk: Mapping[str, Any], algorithm: str) -> bool:
    kind, curve = _CURVES[algorithm]
    if jwk.get("kty") != kind or jwk.get("use", "sig") != "sig" or (curve and jwk.get("crv") != curve):
        return False
    if kind == "RSA" and len(str(jwk.get("n"))) * 3 // 4 < _LEAST_RSA:
        return False
    return jwk.get("alg") in (None, *(name for name in ALGORITHMS if _CURVES[name] == _CURVES[algorithm]))


def _imported(jwk: Mapping[str, Any]) -> Any:
    from joserfc.errors import JoseError
    from joserfc.jwk import import_key

    try:
        return import_key({name: value for name, value in jwk.items() if name in _OF_A_KEY})
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        raise ProviderRejected("one of its keys is none") from None


# Other members, such as a chain of certificates, say nothing about the key that we take.
_OF_A_KEY = frozenset({"kty", "n", "e", "crv", "x", "y"})


def _verified(text: str, key: Any, algorithm: str) -> bytes:
    from joserfc import jws
    from joserfc.errors import JoseError

    try:
        return jws.deserialize_compact(text, key, registry=_registry(algorithm)).payload
    except (JoseError, ValueError, TypeError):
        raise ProviderRejected("the signature of its ID token is wrong") from None


@cache
def _registry(algorithm: str) -> Any:
    """One algorithm, and no warning of the name `EdDSA`: providers use it, whatever RFC 9864 wishes."""
    from joserfc.jws import JWSRegistry

    class One(JWSRegistry):
        def get_alg(self, name: str) -> Any:
            return self.algorithms[name] if name == algorithm else super().get_alg(name)

    return One(algorithms=[algorithm], strict_check_header=False)


def _decoded(part: str) -> bytes:
    try:
        return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise ProviderRejected("its ID token is not well-formed") from None


def _object(raw: bytes, what: str) -> dict[str, Any]:
    """An object in which no name comes twice: readers differ in which of two they believe."""

    def unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError
        return found

    def refused(_: str) -> None:
        raise ValueError

    try:
        found = json.loads(raw, object_pairs_hook=unique, parse_constant=refused)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ProviderRejected(f"{what} is no JSON object")
    return found


def _bytes(text: str) -> bytes:
    """Half characters, which JSON can smuggle in, are as wrong as any others."""
    return text.encode("utf-8", "surrogatepass")
