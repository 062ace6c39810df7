"""The token: proof that we handed this session to the bearer, derived and never stored."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from uuid import UUID

from sojourn.errors import SettingsError, TokenInvalid
from sojourn.session import Discreet

if TYPE_CHECKING:
    from sojourn.session import Session

__all__ = ["BEARER", "PREFIX", "REFRESH", "Key", "Keys", "Kind", "Token", "derive", "genuine", "parse"]

K = TypeVar("K")
V = TypeVar("V")

PREFIX = "sjn_"  # so that secret scanners recognise a leaked one
REFRESH = "sjr_"  # of one that refreshes, and opens nothing
BEARER = "sjb_"  # of one that opens without a cookie, for clients that know no refresh

# id 16 · generation 4 · key id 2 · proof 32 · checksum 8
_HEAD = struct.Struct(">16sIH")
_PROOF, _CHECK = 32, 8
_SIZE = _HEAD.size + _PROOF + _CHECK
_LENGTH = len(PREFIX) + (_SIZE * 8 + 5) // 6
_LAST = frozenset("AEIMQUYcgkosw048")
_STANDARD = bytes.maketrans(b"-_", b"+/")
_LATELY = 10_000  # tokens whose arithmetic is remembered: those in use just now

Role = Literal["next", "signing", "retired"]
Kind = Literal["session", "refresh", "bearer"]

_KINDS: dict[str, Kind] = {PREFIX: "session", REFRESH: "refresh", BEARER: "bearer"}
_PREFIXES = {kind: prefix for prefix, kind in _KINDS.items()}
_PURPOSES: dict[Kind, str] = {
    "session": "token proof",
    "refresh": "refresh token proof",
    "bearer": "bearer token proof",
}


class Key(Discreet, frozen=True, kw_only=True):
    """One server key. It first only verifies (`next`), then signs, then only verifies again (`retired`)."""

    id: int
    secret: bytes
    role: Role = "signing"

    def __post_init__(self) -> None:
        if not 0 < self.id < 1 << 16:
            raise SettingsError(f"key id {self.id} is not between 1 and 65535; run `sojourn keys generate`")
        if len(self.secret) < 32:
            raise SettingsError(
                f"key {self.id} has {len(self.secret)} bytes, 32 are needed; run `sojourn keys generate`"
            )
        if self.role not in ("next", "signing", "retired"):
            raise SettingsError(f"key {self.id} has the role {self.role!r}; use next, signing or retired")

    def __repr__(self) -> str:
        return f"<Key {self.id}, {self.role}>"


class Keys:
    """The ring of server keys, with separate sub-keys per purpose (HKDF, RFC 5869).

    Never kept in the store or its backups: with the salts and these keys together one can forge
    every session; with either alone, none.
    """

    def __init__(self, keys: Iterable[Key]) -> None:
        ring = tuple(keys)
        signing = [key for key in ring if key.role == "signing"]
        if len(signing) != 1:
            raise SettingsError(
                f"exactly one key must sign, {len(signing)} do; "
                "run `sojourn keys generate` or `sojourn keys rotate`"
            )
        self._ring = {key.id: key for key in ring}
        if len(self._ring) != len(ring):
            raise SettingsError("two keys have the same id; give each key an id of its own")
        self._subkeys: dict[tuple[int, str], bytes] = {}
        self.ciphers: dict[int, Any] = {}  # ready-made, by key id: see `snapshot`
        self.read: dict[str, Token] = {}  # tokens that were read lately: see `parse`
        self.proven: dict[
            bytes, tuple[UUID, int, int, bytes, Kind]
        ] = {}  # proofs that were right lately, and for what: see `genuine`
        self.signing_id = signing[0].id

    def __contains__(self, key_id: int) -> bool:
        return key_id in self._ring

    def __iter__(self) -> Iterator[Key]:
        return iter(self._ring.values())

    def __repr__(self) -> str:
        return f"<Keys {', '.join(f'{key.id}: {key.role}' for key in self._ring.values())}>"

    def retired(self, key_id: int) -> bool:
        """Whether tokens under this key should be issued anew; false for a key that is still to come."""
        return self._ring[key_id].role == "retired"

    def subkey(self, purpose: str, key_id: int | None = None) -> bytes:
        """32 bytes for one *purpose*, from the signing key unless *key_id* names another."""
        slot = (key_id or self.signing_id, purpose)
        found = self._subkeys.get(slot)
        if found is None:
            found = self._subkeys[slot] = _expand(self._ring[slot[0]].secret, purpose)
        return found

    def mac(self, purpose: str, message: bytes, key_id: int | None = None) -> bytes:
        """HMAC-SHA-256 of *message* under the sub-key for *purpose*."""
        return hmac.digest(self.subkey(purpose, key_id), message, hashlib.sha256)

    def made(self, purpose: str, message: bytes, mac: bytes) -> bool:
        """Whether any key of the ring made *mac* for *message*; compared in constant time (ASVS 11.2.4)."""
        size = len(mac)
        return size >= 16 and any(
            hmac.compare_digest(self.mac(purpose, message, key_id)[:size], mac) for key_id in self._ring
        )


class Token(Discreet, frozen=True, kw_only=True):
    """What a presented token claims. Its checksum is right, so we made it; `genuine` says for what.

    `kind`: the token of a cookie, which opens, one that refreshes, or one for the Authorization
    header. The proofs differ, so who has one cannot make another.
    """

    session_id: UUID
    generation: int
    key_id: int
    proof: bytes
    kind: Kind = "session"

    def __repr__(self) -> str:
        return f"<Token of {self.session_id}, generation {self.generation}>"


def derive(session: Session, keys: Keys, kind: Kind = "session") -> str:
    """The token of *session*: the same text in every process that holds the key."""
    head = _HEAD.pack(session.id.bytes, session.generation, session.key_id)
    proof = _proof(head, session.salt, session.key_id, keys, kind)
    body = head + proof
    body += _checksum(body, session.key_id, keys)
    text = _PREFIXES[kind] + base64.urlsafe_b64encode(body).rstrip(b"=").decode()
    was = (session.id, session.generation, session.key_id, session.salt, kind)
    _keep(keys.proven, proof, was)  # it will soon be presented
    return text


def parse(text: str, keys: Keys) -> Token:
    """Read a token, or raise `TokenInvalid` without a question to the store.

    The keyed checksum turns garbage and guesses away (OWASP: treat the id as untrusted input). Read
    lately, it is not read again: nothing but the text and the keys decides.
    """
    known = keys.read.get(text)
    return known if known is not None else _keep(keys.read, text, _parse(text, keys))


def _parse(text: str, keys: Keys) -> Token:
    body = _decoded(text)
    session_id, generation, key_id = _HEAD.unpack_from(body)
    if key_id not in keys or not hmac.compare_digest(_checksum(body[:-_CHECK], key_id, keys), body[-_CHECK:]):
        raise TokenInvalid
    return Token(
        session_id=UUID(bytes=session_id),
        generation=generation,
        key_id=key_id,
        proof=body[_HEAD.size : _HEAD.size + _PROOF],
        kind=_KINDS[text[: len(PREFIX)]],
    )


def genuine(token: Token, session: Session, keys: Keys) -> bool:
    """Whether *token* was derived from the present salt of *session*, in whatever generation.

    A proof that was right is not worked out again for the same id, generation, key and salt.
    """
    wanted = (session.id, token.generation, token.key_id, session.salt, token.kind)
    if keys.proven.get(token.proof) == wanted:
        return True
    head = _HEAD.pack(session.id.bytes, token.generation, token.key_id)
    right = hmac.compare_digest(_proof(head, session.salt, token.key_id, keys, token.kind), token.proof)
    return right and bool(_keep(keys.proven, token.proof, wanted))


def _keep(lately: dict[K, V], key: K, value: V) -> V:
    """Remember what was right; what was wrong is not, so that nobody fills memory with guesses."""
    if len(lately) >= _LATELY:
        lately.clear()
    lately[key] = value
    return value


def _decoded(text: str) -> bytes:
    if len(text) != _LENGTH or text[: len(PREFIX)] not in _KINDS or not text.isascii():
        raise TokenInvalid
    # The last character carries two unused bits, and `+/` are not of this alphabet: one spelling is accepted.
    if text[-1] not in _LAST or "+" in text or "/" in text:
        raise TokenInvalid
    try:
        return binascii.a2b_base64(text[len(PREFIX) :].encode().translate(_STANDARD) + b"=", strict_mode=True)
    except (binascii.Error, ValueError):
        raise TokenInvalid from None


def _proof(head: bytes, salt: bytes, key_id: int, keys: Keys, kind: Kind) -> bytes:
    return keys.mac(_PURPOSES[kind], head + salt, key_id)


def _checksum(body: bytes, key_id: int, keys: Keys) -> bytes:
    # It keeps garbage from the store and proves nothing, so the faster of two good functions will do.
    return hashlib.blake2b(body, digest_size=_CHECK, key=keys.subkey("token checksum", key_id)).digest()


def _expand(secret: bytes, purpose: str) -> bytes:
    # Imported late: the OpenSSL bindings cost more than everything else that `import sojourn` loads.
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), length=32, salt=None, info=b"sojourn " + purpose.encode()).derive(secret)
