"""The keys of access tokens as lines of the ring's text, below the server keys.

# jwt role since algorithm key
jwt signing 2026-03-02 RS256 MIIEvQIBADANBgkqhkiG9w0B…
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, cast, get_args

from msgspec.structs import replace as _replaced

from sojourn.access import ALGORITHMS, LONGEST, Algorithm, Role, Signer, Signers
from sojourn.errors import SettingsError
from sojourn.session import Discreet

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

__all__ = ["KEEP", "WORD", "Line", "generate", "lines", "parse", "rotate"]

WORD = "jwt"  # what such a line begins with
PUBLISHED = timedelta(hours=1)  # how long verifiers keep the list of keys: `max-age` of jwks.json
KEEP = LONGEST + PUBLISHED + timedelta(days=1)  # a day more, because `since` says the day and not the hour
_FORM = f"`{WORD} <next|signing|retired> <since YYYY-MM-DD> <RS256|ES256|EdDSA> <key, PKCS #8 in base64url>`"


class Line(Discreet, frozen=True):
    """One key, and the day on which it got its role."""

    signer: Signer
    since: date

    def __repr__(self) -> str:
        return f"<Line {self.signer!r} since {self.since}>"

    @property
    def text(self) -> str:
        key = base64.urlsafe_b64encode(self.signer.private).rstrip(b"=").decode()
        return f"{WORD} {self.signer.role} {self.since} {self.signer.algorithm} {key}\n"


def parse(found: Iterable[Line]) -> Signers:
    """The keys of *found*, to sign and verify with."""
    return Signers(line.signer for line in found)


def lines(texts: Iterable[str], *, where: str) -> list[Line]:
    """Those of *texts*, lines of the ring, that hold keys of access tokens. No error quotes one."""
    return [
        _line(text, f"access token key {n} of {where}")
        for n, text in enumerate((text for text in texts if text.split()[0] == WORD), start=1)
    ]


def _line(text: str, what: str) -> Line:
    try:
        _, role, since, algorithm, key = text.split()
        if role not in get_args(Role) or algorithm not in ALGORITHMS:
            raise ValueError
        private = base64.b64decode(key + "=" * (-len(key) % 4), altchars=b"-_", validate=True)
        signer = _signer(algorithm, cast(Role, role), private)
        return Line(signer, date.fromisoformat(since))
    except (ValueError, TypeError, binascii.Error):
        raise SettingsError(f"{what} is not written as {_FORM}; restore it, or delete the line") from None


def _signer(algorithm: Algorithm, role: Role, private: bytes) -> Signer:
    """Raises `ValueError` or `TypeError` if *private* is no key for *algorithm*."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    key = load_der_private_key(private, password=None)
    fits = {
        "RS256": isinstance(key, rsa.RSAPrivateKey) and key.key_size >= 2048,
        "ES256": isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name == "secp256r1",
        "EdDSA": isinstance(key, ed25519.Ed25519PrivateKey),
    }
    if not fits[algorithm]:
        raise ValueError
    return _named(Signer(algorithm=algorithm, role=role, kid="", private=private))


def _named(signer: Signer) -> Signer:
    return _replaced(signer, kid=Signers().key(signer).thumbprint())


# ── changing ──────────────────────────────────────────────────────────────────────────────────


def generate(now: datetime, role: Role = "signing") -> list[Line]:
    """A key for each algorithm."""
    return [_new(algorithm, role, now) for algorithm in ALGORITHMS]


def rotate(ring: list[Line], now: datetime) -> tuple[list[Line], tuple[str, ...]]:
    """The next step: keys are announced, or those announced begin to sign. With what happened, for people.

    Whoever verifies knows a key before its first use, and after its last one until no token of it
    is left. A ring without such keys gets some that sign at once: no token was ever made.
    """
    if not ring:
        return generate(now), ("Keys for access tokens were made; restart every process with this file.",)
    ring = [line for line in ring if not _outlived(line, now)]
    if any(line.signer.role == "next" for line in ring):
        said = "The announced keys sign access tokens from the next restart on."
        return [_promoted(line, ring, now) for line in ring], (said,)
    said = "Keys for access tokens are announced; let an hour pass, in which verifiers learn of them."
    return [*generate(now, "next"), *ring], (said,)


def _outlived(line: Line, now: datetime) -> bool:
    return line.signer.role == "retired" and now.date() - line.since > KEEP


def _promoted(line: Line, ring: list[Line], now: datetime) -> Line:
    role = line.signer.role
    if role == "next":
        return Line(_replaced(line.signer, role="signing"), now.date())
    coming = {other.signer.algorithm for other in ring if other.signer.role == "next"}
    if role == "signing" and line.signer.algorithm in coming:
        return Line(_replaced(line.signer, role="retired"), now.date())
    return line


def _new(algorithm: Algorithm, role: Role, now: datetime) -> Line:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = _private(algorithm)
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return Line(_named(Signer(algorithm=algorithm, role=role, kid="", private=der)), now.date())


def _private(algorithm: Algorithm) -> PrivateKeyTypes:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if algorithm == "RS256":
        return rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    if algorithm == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    return ed25519.Ed25519PrivateKey.generate()
