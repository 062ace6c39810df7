"""The access token: a snapshot of a session that other services can verify (RFC 9068)."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Literal, get_args
from uuid import UUID

import msgspec
from msgspec import Struct

from sojourn.errors import AccessExpired, SettingsError, TokenInvalid
from sojourn.session import Discreet, Session

__all__ = [
    "ALGORITHMS",
    "LEEWAY",
    "LONGEST",
    "Algorithm",
    "Claims",
    "Find",
    "Role",
    "Signer",
    "Signers",
    "check_time",
    "claims_of",
    "opened",
    "signed",
    "verified",
]

Algorithm = Literal["RS256", "ES256", "EdDSA"]
Role = Literal["next", "signing", "retired"]

ALGORITHMS: tuple[Algorithm, ...] = get_args(Algorithm)
LONGEST = timedelta(hours=1)  # RFC 6750 section 5.3: no access token lives longer
LEEWAY = timedelta(seconds=30)  # between the clocks of who signs and who verifies
TYPE = "at+jwt"
NOBODY = "sojourn"  # the client of a session that no application asked for

_SIZE = 8_192  # characters of a token; one of ours has some 900
_CENTURY = 4_102_444_800  # the year 2100: whoever is later wrote milliseconds (RFC 7519 section 2)
_HEADER = {"alg", "kid", "typ"}  # no other: jwk, jku, x5u and x5c name keys, crit and b64 change the rules
_LIFE = timedelta(days=1)
_KIND: Mapping[str, Any] = {"RS256": "RSA", "ES256": "EC", "EdDSA": "OKP"}


class Claims(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an access token says. `ver` is the session's version: a line of the feed voids lower ones.

    `gen` is the generation of the refresh token that came with it, so that its use tells that the
    answer with both has arrived. Without `sid` it is a machine's: then `sub` is its `client_id`.
    Times are whole seconds (T-11).
    """

    iss: str
    sub: str
    aud: tuple[str, ...]
    client_id: str
    iat: int
    exp: int
    jti: str
    sid: UUID | None = None
    ver: int = 0
    gen: int | None = None
    auth_time: int | None = None
    amr: tuple[str, ...] = ()
    acr: str | None = None
    scope: str = ""
    tenant_id: str | None = None
    tenant: str | None = None  # its slug ...
    tenant_subdomain: str | None = None  # ... and as AuthVital's SDK reads it
    nbf: int | None = None
    email: str | None = None
    name: str | None = None


class Signer(Discreet, frozen=True, kw_only=True):
    """A private key for one algorithm, never for another. `kid` is its thumbprint (RFC 7638)."""

    algorithm: Algorithm
    role: Role
    kid: str
    private: bytes  # PKCS #8, DER

    def __repr__(self) -> str:
        return f"<Signer {self.kid}, {self.algorithm}, {self.role}>"


class Signers:
    """The keys of access tokens: for each algorithm at most one signs, all of them verify."""

    def __init__(self, ring: Iterable[Signer] = ()) -> None:
        self._ring = {signer.kid: signer for signer in ring}
        self._signing: dict[str, Signer] = {}
        for signer in self._ring.values():
            if signer.role == "signing" and self._signing.setdefault(signer.algorithm, signer) is not signer:
                raise SettingsError(
                    f"two keys sign {signer.algorithm} access tokens; run `sojourn keys rotate --emergency`"
                )
        self._keys: dict[str, Any] = {}

    def __len__(self) -> int:
        return len(self._ring)

    def __repr__(self) -> str:
        return f"<Signers {', '.join(map(repr, self._ring.values()))}>"

    def signing(self, algorithm: Algorithm) -> Signer:
        """The key that signs with *algorithm*."""
        found = self._signing.get(algorithm)
        if found is None:
            raise SettingsError(f"no key signs {algorithm} access tokens; run `sojourn keys rotate`")
        return found

    def key(self, signer: Signer) -> Any:
        """*signer* as the library for JOSE knows it."""
        found = self._keys.get(signer.kid)
        if found is None:
            from joserfc.jwk import KeyParameters, import_key

            facts: KeyParameters = {"kid": signer.kid, "alg": signer.algorithm, "use": "sig"}
            found = self._keys[signer.kid] = import_key(_pem(signer.private), _KIND[signer.algorithm], facts)
        return found

    def find(self, kid: str, algorithm: str) -> Any:
        """The key *kid*, if it is one for *algorithm*; else None."""
        signer = self._ring.get(kid)
        return self.key(signer) if signer is not None and signer.algorithm == algorithm else None

    def jwks(self) -> dict[str, Any]:
        """All public keys (RFC 7517), those to come too: verifiers know each before its first use."""
        return {
            "keys": [
                self.key(signer).as_dict(private=False, kid=signer.kid) for signer in self._ring.values()
            ]
        }


# ── make ──────────────────────────────────────────────────────────────────────────────────────


def claims_of(
    session: Session,
    now: datetime,
    ends_at: datetime,
    *,
    issuer: str,
    life: timedelta,
    jti: str,
    scope: str = "",
    tenant: str | None = None,
) -> Claims:
    """What an access token for *session* says at *now*: good for *life*, never past *ends_at* (law 12).

    Somewhat shorter by chance, up to a tenth: what was issued together is not refreshed together.
    """
    shorter = int.from_bytes(hashlib.blake2b(jti.encode(), digest_size=2).digest()) / 65_536 / 10
    exp = min(now + life * (1 - shorter), ends_at)
    application = session.application_id
    return Claims(
        iss=issuer,
        sub=session.user_id or "",
        aud=(issuer,) if application is None else (application, issuer),
        client_id=application or NOBODY,
        iat=int(now.timestamp()),
        exp=int(exp.timestamp()),
        jti=jti,
        sid=session.id,
        ver=session.version,
        gen=session.generation,
        auth_time=int(session.authenticated_at.timestamp()) if session.authenticated_at else None,
        amr=session.amr,
        acr=f"aal{session.aal}",
        scope=scope,
        tenant_id=session.tenant_id,
        tenant=tenant,
        tenant_subdomain=tenant,
    )


def signed(claims: Struct, signer: Signer, signers: Signers, *, typ: str = TYPE) -> str:
    """*claims* as a JWT of the type *typ*."""
    from joserfc import jws

    header = {"alg": signer.algorithm, "kid": signer.kid, "typ": typ}
    payload = msgspec.json.encode(claims)
    return jws.serialize_compact(header, payload, signers.key(signer), registry=_registry(signer.algorithm))


# ── verify ────────────────────────────────────────────────────────────────────────────────────

Find = Callable[[str, str], Any]  # a `kid` and an algorithm → the key, as joserfc knows it, or None


def verified(
    text: str,
    find: Find,
    now: datetime,
    *,
    issuer: str,
    audience: str | None,
    algorithms: Iterable[str] = ALGORITHMS,
) -> Claims:
    """What the access token *text* says, or `TokenInvalid`; `AccessExpired` if nothing but its time is over.

    The signature comes before anything that it covers is believed (ASVS 9.1.1). *find* gives the
    public key of a `kid` and an algorithm, from a source that the token does not name (9.1.3).
    """
    payload = opened(text, find, typ=TYPE, algorithms=algorithms)
    try:
        claims = msgspec.convert(payload, Claims)
    except msgspec.ValidationError:
        raise TokenInvalid from None
    if claims.iss != issuer or (audience is not None and audience not in claims.aud) or not claims.sub:
        raise TokenInvalid
    check_time(claims, now)
    return claims


def check_time(claims: Claims, now: datetime) -> None:
    """Refuse a token from the future, one that lives too long, and one whose time is over (ASVS 9.2.1)."""
    at, leeway = now.timestamp(), LEEWAY.total_seconds()
    begins = max(claims.iat, claims.nbf or 0)
    if begins > at + leeway or claims.exp > _CENTURY or claims.exp - claims.iat > _LIFE.total_seconds():
        raise TokenInvalid
    if at >= claims.exp + leeway:
        raise AccessExpired


def opened(text: str, find: Find, *, typ: str, algorithms: Iterable[str]) -> Mapping[str, Any]:
    """The payload of the JWT *text* of the type *typ*, if one of our keys signed it (RFC 8725)."""
    if len(text) > _SIZE or not text.isascii() or text.count(".") != 2:
        raise TokenInvalid
    header = _json(_decoded(text.partition(".")[0]))
    named = [header.get(name) for name in ("alg", "kid", "typ")]
    if not header.keys() <= _HEADER or not all(isinstance(name, str) for name in named):
        raise TokenInvalid
    algorithm, kid, kind = map(str, named)
    if algorithm not in algorithms or kind.lower().removeprefix("application/") != typ:
        raise TokenInvalid
    key = find(kid, algorithm)
    if key is None:
        raise TokenInvalid
    return _json(_payload(text, key, algorithm))


def _payload(text: str, key: Any, algorithm: str) -> bytes:
    from joserfc import jws
    from joserfc.errors import JoseError

    try:
        return jws.deserialize_compact(text, key, registry=_registry(algorithm)).payload
    except (JoseError, ValueError):
        raise TokenInvalid from None


@cache
def _registry(algorithm: str) -> Any:
    """One algorithm, and no warning of the name `EdDSA`: verifiers expect it, whatever RFC 9864 wishes."""
    from joserfc.jws import JWSRegistry

    class One(JWSRegistry):
        def get_alg(self, name: str) -> Any:
            return self.algorithms[name] if name == algorithm else super().get_alg(name)

    return One(algorithms=[algorithm])


def _decoded(part: str) -> bytes:
    try:
        return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise TokenInvalid from None


def _json(raw: bytes) -> dict[str, Any]:
    """An object in which no name comes twice: readers differ in which of two they believe."""
    try:
        found = json.loads(raw, object_pairs_hook=_unique, parse_constant=_refused)
    except (ValueError, RecursionError):
        raise TokenInvalid from None
    if not isinstance(found, dict):
        raise TokenInvalid
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _refused(constant: str) -> None:
    raise ValueError


def _pem(der: bytes) -> bytes:
    body = base64.b64encode(der).decode()
    lines = "\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    return f"-----BEGIN PRIVATE KEY-----\n{lines}\n-----END PRIVATE KEY-----\n".encode()
