"""Which passwords are refused, and what hashing costs."""

from __future__ import annotations

import asyncio
import os
import threading

import pytest

from sojourn.accounts.common import COMMON
from sojourn.accounts.passwords import PasswordHasher, check_password
from sojourn.errors import PasswordRejected
from tests.accounts.conftest import PASSWORD, QuickHasher


@pytest.mark.parametrize(
    "password",
    [
        "",
        "short 7",
        "x" * 257,
        "aaaaaaaaaa",
        "Password123",
        " qwertyuiop ",
        "ADA.LOVELACE@example.org",
        "Ada.Lovelace",
    ],
)
def test_what_is_guessed_first_is_refused(password: str) -> None:
    with pytest.raises(PasswordRejected):
        check_password(password, "ada.lovelace@example.org")


@pytest.mark.parametrize(
    "password",
    [
        "12345679",
        "eight ch",
        "x" * 255 + "y",
        "пароль-пароль",
        "🦊🐻🦊🐻🦊🐻🦊🐻",
        "e\u0301" * 128 + "ab" * 64,
    ],
)
def test_any_other_is_accepted(password: str) -> None:
    check_password(password, "ada@example.org")


def test_the_message_says_how_long() -> None:
    with pytest.raises(PasswordRejected) as refused:
        check_password("short", "ada@example.org")
    assert refused.value.facts == {"min_length": 8}


def test_the_list_holds_what_the_other_rules_let_pass() -> None:
    assert len(COMMON) >= 200
    assert all(len(word) >= 8 and word == word.casefold() for word in COMMON)


async def test_a_hash_is_of_its_password_alone(hasher: QuickHasher) -> None:
    hash = await hasher.hash(PASSWORD)
    assert hash != await hasher.hash(PASSWORD)
    assert await hasher.verify(PASSWORD, hash)
    assert not await hasher.verify(PASSWORD + " ", hash)


@pytest.mark.parametrize("hash", [None, "", "garbage", "$2b$12$abc", "$argon2id$v=19$m=8,t=1,p=1$$", "é"])
async def test_what_is_no_hash_is_nobodys(hasher: QuickHasher, hash: str | None) -> None:
    assert not await hasher.verify(PASSWORD, hash)


async def test_two_spellings_of_one_password_are_one(hasher: QuickHasher) -> None:
    assert await hasher.verify("caf\u00e9 caf\u00e9", await hasher.hash("cafe\u0301 cafe\u0301"))
    assert await hasher.verify("half \ud83e fox", await hasher.hash("half \ud83e fox"))


async def test_other_parameters_ask_for_a_rehash(hasher: QuickHasher) -> None:
    hash = await hasher.hash(PASSWORD)
    stricter = QuickHasher(passes=2)
    assert not hasher.needs_rehash(hash)
    assert stricter.needs_rehash(hash)
    assert await stricter.verify(PASSWORD, hash)


async def test_the_default_is_the_one_of_owasp() -> None:
    assert (await PasswordHasher().hash(PASSWORD)).startswith("$argon2id$v=19$m=19456,t=2,p=1$")


@pytest.mark.req("AX-2.4.1")
async def test_no_more_than_two_are_hashed_at_once() -> None:
    class Watched(PasswordHasher):
        working = most = 0
        lock = threading.Lock()
        together = threading.Barrier(2)

        def _hash(self, password: str) -> str:
            with self.lock:
                self.working += 1
                self.most = max(self.most, self.working)
            self.together.wait(timeout=30)  # so that two at once are seen, and a third would be
            hash = super()._hash(password)
            with self.lock:
                self.working -= 1
            return hash

    hasher = Watched(memory_kib=8, passes=1)
    await asyncio.gather(*(hasher.hash(PASSWORD) for _ in range(10)))
    assert hasher.most == 2


def test_one_hasher_serves_one_loop_after_another(hasher: QuickHasher) -> None:
    async def several() -> list[str]:
        return await asyncio.gather(*(hasher.hash(PASSWORD) for _ in range(5)))

    for _ in range(2):
        assert len(asyncio.run(several())) == 5


def test_a_forked_child_has_threads_of_its_own(hasher: QuickHasher, monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.run(hasher.hash(PASSWORD))
    before = hasher._pool()
    assert hasher._pool() is before
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert hasher._pool() is not before
