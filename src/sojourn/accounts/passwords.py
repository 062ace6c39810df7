"""Passwords: which may be chosen, and how they are hashed without filling the memory."""

from __future__ import annotations

import asyncio
import os
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from unicodedata import normalize

from sojourn.accounts.common import COMMON
from sojourn.errors import PasswordRejected

__all__ = ["PasswordHasher", "check_password"]

T = TypeVar("T")

_SHORTEST, _LONGEST = 8, 256
_SALT, _HASH = 16, 32  # bytes


def check_password(password: str, email: str) -> None:
    """Raise `PasswordRejected` for what is guessed first. No rule asks for digits or signs (ASVS 6.2.5)."""
    text = normalize("NFC", password[: 4 * (_LONGEST + 1)])  # four characters become one at most
    if len(text) < _SHORTEST:
        raise PasswordRejected(f"Please use at least {_SHORTEST} characters.", min_length=_SHORTEST)
    if len(text) > _LONGEST:
        raise PasswordRejected(f"Please use at most {_LONGEST} characters.", max_length=_LONGEST)
    guess = text.strip().casefold()
    if guess in (email.casefold(), email.casefold().partition("@")[0]):
        raise PasswordRejected("Please use something else than your e-mail address.")
    if guess in COMMON or len(set(text)) == 1:
        raise PasswordRejected("This is one of the passwords that are guessed first. Please use another one.")


class PasswordHasher:
    """Argon2id (RFC 9106) with the first choice of the OWASP cheat sheet for a small memory.

    *at_once* bounds how many are at work in this process, so a flood of sign-ins waits instead of
    taking `memory_kib` each. The threads are its own: one that was started works on when its request
    is cancelled, and must still be counted.
    """

    def __init__(
        self, *, memory_kib: int = 19_456, passes: int = 2, lanes: int = 1, at_once: int = 2
    ) -> None:
        self._cost = memory_kib, passes, lanes
        self._prefix = f"$argon2id$v=19$m={memory_kib},t={passes},p={lanes}$"
        # Looks like a hash, and takes as long to refute, but no password leads to it.
        self._nobodys = self._prefix + "$".join(_base64(os.urandom(size)) for size in (_SALT, _HASH))
        self._at_once = at_once
        self._threads: tuple[int, ThreadPoolExecutor] | None = None

    async def hash(self, password: str) -> str:
        """A PHC string, with a new salt."""
        return await self._in_thread(lambda: self._hash(password))

    async def verify(self, password: str, hash: str | None) -> bool:
        """Whether *hash* is of *password*. None is nobody's, and takes as long."""
        return await self._in_thread(lambda: _verify(password, hash or self._nobodys))

    def needs_rehash(self, hash: str) -> bool:
        """Whether *hash* was made with other parameters than today's."""
        return not hash.startswith(self._prefix)

    def _hash(self, password: str) -> str:
        # Imported late: the OpenSSL bindings cost more than the rest of the accounts.
        from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

        memory_kib, passes, lanes = self._cost
        kdf = Argon2id(
            salt=os.urandom(_SALT), length=_HASH, iterations=passes, lanes=lanes, memory_cost=memory_kib
        )
        return kdf.derive_phc_encoded(_encoded(password))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool(), work)

    def _pool(self) -> ThreadPoolExecutor:
        pid = os.getpid()
        if self._threads is None or self._threads[0] != pid:  # threads do not follow into a forked child
            self._threads = pid, ThreadPoolExecutor(self._at_once, thread_name_prefix="sojourn-password")
        return self._threads[1]


def _verify(password: str, hash: str) -> bool:
    from cryptography.exceptions import InvalidKey
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    try:
        Argon2id.verify_phc_encoded(_encoded(password), hash)
    except (InvalidKey, ValueError):  # the latter for a hash, from elsewhere, that can be nobody's
        return False
    return True


def _encoded(password: str) -> bytes:
    """One spelling, whatever keyboard it came from (NIST SP 800-63B-4 section 3.1.1.2)."""
    return normalize("NFC", password).encode("utf-8", "surrogatepass")


def _base64(raw: bytes) -> str:
    return b64encode(raw).rstrip(b"=").decode()
