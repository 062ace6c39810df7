"""Provider tokens at rest: unreadable in the file, readable after a rotation, worth nothing elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace as _replaced

from sojourn import AsyncSessions, Key, Keys
from sojourn.accounts import Account, Accounts, Proof, ProviderTokens
from sojourn.accounts.sealed import opened, sealed, shown
from sojourn.accounts.sqlite import SQLiteAccounts
from sojourn.stores.memory import MemoryStore
from sojourn.testing import MORNING

TOKENS: dict[str, Any] = {
    name: f"secret-{name}-🦊" for name in ("refresh_token", "access_token", "id_token", "session_state")
}
ACCOUNT = Account(
    user_id="ada",
    type="oidc",
    provider="example",
    provider_account_id="sub-1",
    token_type="bearer",
    scope="openid",
    expires_at=MORNING,
    **TOKENS,
)
OLD, NEW = (Key(id=id, secret=bytes([id]) * 32) for id in (1, 2))
KEYS = Keys([OLD])


def test_what_is_sealed_opens_again() -> None:
    kept = sealed(ACCOUNT, KEYS)
    assert all(TOKENS[name] not in str(getattr(kept, name)) for name in TOKENS)
    assert (kept.scope, kept.token_type, kept.expires_at) == ("openid", "bearer", MORNING)
    assert opened(kept, KEYS) == ACCOUNT


def test_nothing_is_sealed_alike_twice() -> None:
    assert sealed(ACCOUNT, KEYS).access_token != sealed(ACCOUNT, KEYS).access_token


def test_what_is_absent_stays_absent() -> None:
    bare = shown(ACCOUNT)
    assert bare == sealed(bare, KEYS) == opened(bare, KEYS)
    assert not any(getattr(bare, name) for name in TOKENS)


def test_it_opens_under_every_key_of_the_ring_and_no_other() -> None:
    kept = sealed(ACCOUNT, KEYS)
    rotated = Keys([_replaced(OLD, role="retired"), NEW])
    assert opened(kept, rotated) == ACCOUNT
    assert opened(sealed(opened(kept, rotated), rotated), Keys([NEW])) == ACCOUNT
    assert opened(kept, Keys([NEW])) == shown(ACCOUNT)
    same_id = Keys([_replaced(OLD, secret=b"x" * 32)])
    assert opened(kept, same_id) == shown(ACCOUNT)


@pytest.mark.parametrize("moved", [{"provider": "another"}, {"provider_account_id": "sub-2"}])
def test_it_opens_at_no_other_account(moved: dict[str, str]) -> None:
    kept = _replaced(sealed(ACCOUNT, KEYS), **moved)
    assert not any(getattr(opened(kept, KEYS), name) for name in TOKENS)


def test_it_opens_in_no_other_field() -> None:
    kept = sealed(ACCOUNT, KEYS)
    assert opened(_replaced(kept, access_token=kept.refresh_token), KEYS).access_token is None


@pytest.mark.parametrize(
    "text", ["", "A", "plain-token", "AQAB", "AQAC" + "A" * 40, "é", "AQAB====", "\ud800"]
)
def test_whatever_else_is_there_opens_as_nothing(text: str) -> None:
    assert opened(_replaced(ACCOUNT, access_token=text), KEYS).access_token is None


def test_a_changed_bit_opens_as_nothing() -> None:
    kept = sealed(ACCOUNT, KEYS).access_token or ""
    for place in range(0, len(kept), 5):
        other = "A" if kept[place] != "A" else "B"
        changed = _replaced(ACCOUNT, access_token=kept[:place] + other + kept[place + 1 :])
        assert opened(changed, KEYS).access_token is None


async def test_no_file_holds_a_token(path: Path) -> None:
    store = SQLiteAccounts(path)
    accounts = Accounts(store, AsyncSessions(MemoryStore(), keys=KEYS))
    proof = Proof(
        provider="example", subject="sub-1", email="ada@example.org", tokens=ProviderTokens(**TOKENS)
    )
    user = await accounts.create("ada@example.org", None)
    await accounts.link(user.id, proof)
    await accounts.link(user.id, proof)  # which writes them again
    assert TOKENS["access_token"] not in repr((proof, proof.tokens, await store.accounts_of(user.id)))
    files = [file.read_bytes() for file in path.parent.iterdir()]
    assert any(b"sub-1" in file for file in files)
    assert not any(b"secret-" in file for file in files)
    rotated = Accounts(store, AsyncSessions(MemoryStore(), keys=Keys([_replaced(OLD, role="retired"), NEW])))
    account = await rotated.provider_tokens(user.id, "example")
    assert account is not None
    assert {name: getattr(account, name) for name in TOKENS} == TOKENS
    assert await rotated.provider_tokens(user.id, "another") is None
    (way,) = await rotated.ways(user.id)
    assert not any(getattr(way, name) for name in TOKENS)
    await store.close()
