"""People in the journal: a pseudonym each, and a key for what is personal, until it is destroyed."""

from __future__ import annotations

import hashlib
import hmac
import os
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from sojourn.session import Discreet
from sojourn.token import Keys

__all__ = ["NOBODY", "PURPOSE", "Met", "People", "Person", "Sealed"]

PURPOSE = "journal people"
NOBODY = bytes(16)  # the pseudonym of whoever is not known; in a line it is left out

_NONCE, _KEY = 12, 32
_DAY = timedelta(days=1)
_MOST = 20_000  # people whose keys are ready; more are unwrapped again

_encode = msgspec.json.Encoder().encode


class Sealed(Discreet, frozen=True):
    """Personal fields as they are written: `body` under the key, and the `digest` that is chained."""

    body: bytes
    digest: bytes

    def __repr__(self) -> str:
        return f"<Sealed {len(self.body)} bytes>"


class Person(Discreet, frozen=True):
    """Somebody with a key that is at hand."""

    pseudonym: bytes
    user_id: str | None
    cipher: Any
    digesting: bytes

    def __repr__(self) -> str:
        return f"<Person {self.pseudonym.hex()}>"

    def seal(self, personal: dict[str, Any], line: bytes) -> Sealed:
        """*personal* under the key, for the *line* of that name alone.

        The nonce goes into the digest. It goes with the body, and from then on nobody can try out
        what the digest was of, not even with the key: an address is soon guessed.
        """
        nonce, text = os.urandom(_NONCE), _encode(personal)
        body = nonce + self.cipher.encrypt(nonce, text, line)
        return Sealed(body, hmac.digest(self.digesting, nonce + text, hashlib.sha256))

    def open(self, body: bytes, line: bytes) -> tuple[dict[str, Any], bytes] | None:
        """The personal fields of *line*, and their digest; None if they were altered, or are another's."""
        from cryptography.exceptions import InvalidTag

        nonce = body[:_NONCE]
        try:
            text = self.cipher.decrypt(nonce, body[_NONCE:], line)
        except (InvalidTag, ValueError):
            return None
        return msgspec.json.decode(text), hmac.digest(self.digesting, nonce + text, hashlib.sha256)


class Met(Discreet, frozen=True):
    """People whose keys are at hand, by their user id, and by their sessions."""

    users: dict[str, Person]
    sessions: dict[UUID, Person]

    def __repr__(self) -> str:
        return f"<Met {len(self.users)} people>"


class People:
    """Keys of people, wrapped under a sub-key of the ring. Without *keys* nobody's is at hand."""

    def __init__(self, keys: Keys | None) -> None:
        self.keys = keys
        self._ready: dict[bytes, Person] = {}  # by the wrapped key
        self._met = Met({}, {})
        self._wrappers: dict[int, Any] = {}
        self._changes = -1
        self._named: dict[bytes, datetime] = {}

    def new(
        self, keys: Keys, user_id: str | None, pseudonym: bytes | None = None
    ) -> tuple[Person, int, bytes]:
        """Somebody new, the id of the server key, and the key as it is stored."""
        pseudonym = pseudonym or os.urandom(16)
        secret = os.urandom(2 * _KEY)
        wrapped = self._wrap(secret, _name(pseudonym, user_id), keys)
        return self._keep(wrapped, _person(pseudonym, user_id, secret)), keys.signing_id, wrapped

    def known(self, pseudonym: bytes, user_id: str | None, key_id: int, wrapped: bytes) -> Person | None:
        """The person with that row; None if its server key is gone, or it was altered."""
        found = self._ready.get(wrapped)
        if found is not None and (found.pseudonym, found.user_id) == (pseudonym, user_id):
            return found
        secret = self._unwrap(_name(pseudonym, user_id), key_id, wrapped)
        return None if secret is None else self._keep(wrapped, _person(pseudonym, user_id, secret))

    def altered(self, pseudonym: bytes, user_id: str | None, key_id: int, wrapped: bytes) -> bool:
        """Whether that row is not what was written: its server key is there, and does not open it."""
        if self.keys is None or key_id not in self.keys:
            return False
        return self.known(pseudonym, user_id, key_id, wrapped) is None

    def rewrapped(
        self, pseudonym: bytes, user_id: str | None, key_id: int, wrapped: bytes
    ) -> tuple[int, bytes] | None:
        """The same key under the server key that signs now; None if it cannot be had."""
        name = _name(pseudonym, user_id)
        secret = self._unwrap(name, key_id, wrapped)
        if secret is None or self.keys is None:
            return None
        return self.keys.signing_id, self._wrap(secret, name, self.keys)

    def met(self, changes: int) -> Met:
        """Who was found since the rows changed last, as the number *changes* tells."""
        met = self._met
        if changes != self._changes or len(met.users) > _MOST or len(met.sessions) > _MOST:
            met = self._met = Met({}, {})  # another one: the one before may be in use on another thread
            self._changes = changes
        return met

    def name(self, pseudonym: bytes, at: datetime) -> bool:
        """Whether it is to be written down that they were named: once a day is enough."""
        last = self._named.get(pseudonym)
        if last is not None and abs(at - last) < _DAY:
            return False
        if len(self._named) >= _MOST:
            self._named.clear()
        self._named[pseudonym] = at
        return True

    def forget(self) -> None:
        """Have no key at hand, so that none outlives its row in memory."""
        self._ready, self._met, self._named = {}, Met({}, {}), {}

    def _keep(self, wrapped: bytes, person: Person) -> Person:
        if len(self._ready) >= _MOST:
            self._ready.clear()
        self._ready[wrapped] = person
        return person

    def _wrap(self, secret: bytes, name: bytes, keys: Keys) -> bytes:
        nonce = os.urandom(_NONCE)
        return nonce + bytes(self._wrapping(keys, keys.signing_id).encrypt(nonce, secret, name))

    def _wrapping(self, keys: Keys, key_id: int) -> Any:
        """What wraps under one of the server keys; to make it takes as long as to use it."""
        found = self._wrappers.get(key_id)
        if found is None:
            found = self._wrappers[key_id] = _cipher(keys.subkey(PURPOSE, key_id))
        return found

    def _unwrap(self, name: bytes, key_id: int, wrapped: bytes) -> bytes | None:
        from cryptography.exceptions import InvalidTag

        if self.keys is None or key_id not in self.keys:
            return None
        cipher = self._wrapping(self.keys, key_id)
        try:
            return bytes(cipher.decrypt(wrapped[:_NONCE], wrapped[_NONCE:], name))
        except (InvalidTag, ValueError):
            return None


def _name(pseudonym: bytes, user_id: str | None) -> bytes:
    """Whose a key is: wrapped under this, it opens for nobody to whom the row was given."""
    return pseudonym + (b"" if user_id is None else b" " + user_id.encode())


def _person(pseudonym: bytes, user_id: str | None, secret: bytes) -> Person:
    """Two keys: what encrypts does not digest."""
    return Person(pseudonym, user_id, _cipher(secret[:_KEY]), secret[_KEY:])


def _cipher(key: bytes) -> Any:
    # Imported late: the OpenSSL bindings cost more than the rest of the journal.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)
