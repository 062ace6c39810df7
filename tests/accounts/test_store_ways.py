"""The laws of a store of accounts about profiles, bans, and the ways in which people sign in."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import timedelta
from importlib import resources
from pathlib import Path

import pytest
from msgspec.structs import replace as _replaced

from sojourn.accounts import Account, Find, User
from sojourn.accounts.sqlite import SQLiteAccounts
from sojourn.accounts.store import AccountsStore, Linked
from sojourn.accounts.user import Changes, password_account
from sojourn.testing import MORNING
from tests.accounts.test_store import make_user

LATER = MORNING + timedelta(hours=1)


def make_account(user: User, provider: str = "example", subject: str = "sub-1", **fields: object) -> Account:
    plain = Account(
        user_id=user.id,
        type="oidc",
        provider=provider,
        provider_account_id=subject,
        created_at=MORNING,
        updated_at=MORNING,
    )
    return _replaced(plain, **fields)


# ── ways of signing in ────────────────────────────────────────────────────────────────────────


async def test_an_account_leads_to_its_user(store: AccountsStore) -> None:
    user, account = make_user(), make_account(make_user())
    await store.insert(user, account)
    assert await store.by_account("example", "sub-1") == Linked(user, account)
    for wrong in (("example", "sub-2"), ("another", "sub-1"), ("example", "%"), ("", "")):
        assert await store.by_account(*wrong) is None


async def test_an_account_is_given_once(store: AccountsStore) -> None:
    one, two = make_user(1), make_user(2)
    await store.insert(one, make_account(one))
    assert not await store.insert(two, make_account(two))
    assert await store.get(two.id) is None
    await store.insert(two)
    assert not await store.link(make_account(two))
    assert not await store.link(make_account(one))
    assert await store.link(make_account(two, subject="sub-2"))
    assert [a.provider_account_id for a in await store.accounts_of(two.id)] == ["sub-2"]


async def test_nobody_gets_no_account(store: AccountsStore) -> None:
    assert not await store.link(make_account(make_user()))
    await store.insert(make_user())
    assert await store.accounts_of(make_user().id) == []


async def test_of_many_who_connect_one_account_one_gets_it(store: AccountsStore) -> None:
    users = [make_user(number) for number in range(8)]
    for user in users:
        await store.insert(user)
    done = await asyncio.gather(*(store.link(make_account(user)) for user in users))
    assert sorted(done) == [False] * 7 + [True]


async def test_an_account_is_connected_over_the_version_that_was_seen(store: AccountsStore) -> None:
    await store.insert(make_user())
    await store.set_password(make_user().id, "hash")
    assert not await store.link(make_account(make_user()), version=1, verified_at=MORNING)
    assert await store.get(make_user().id) == make_user(credentials_version=2)
    assert await store.link(make_account(make_user()), version=2)


async def test_connecting_verifies_the_address_once(store: AccountsStore) -> None:
    user = make_user()
    await store.insert(user)
    assert await store.link(make_account(user), verified_at=MORNING)
    assert await store.link(make_account(user, "another"), verified_at=LATER)
    assert await store.link(make_account(user, "third"))
    assert await store.get(user.id) == make_user(email_verified_at=MORNING)


async def test_taking_a_way_away_raises_the_version(store: AccountsStore) -> None:
    user = make_user()
    await store.insert(user, password_account(user.id, "hash"))
    await store.link(make_account(user))
    await store.link(make_account(user, subject="sub-2"))
    assert await store.unlink(user.id, "example", "sub-2") == 1
    assert await store.unlink(user.id, "example") == 1
    assert [account.provider for account in await store.accounts_of(user.id)] == ["password"]
    assert await store.get(user.id) == make_user(credentials_version=3)


async def test_all_accounts_with_a_provider_go_at_once(store: AccountsStore) -> None:
    user = make_user()
    await store.insert(user, password_account(user.id, "hash"))
    for subject in ("sub-1", "sub-2"):
        await store.link(make_account(user, subject=subject))
    assert await store.unlink(user.id, "example") == 2


@pytest.mark.parametrize(
    "asked", [("example", None), ("example", "sub-1"), ("another", None), ("example", "sub-2"), ("%", None)]
)
async def test_the_last_way_in_stays(store: AccountsStore, asked: tuple[str, str | None]) -> None:
    user, other = make_user(1), make_user(2)
    await store.insert(user, make_account(user))
    await store.insert(other, make_account(other, "another"))
    assert await store.unlink(user.id, *asked) == 0
    assert await store.accounts_of(user.id) == [make_account(user)]
    assert await store.get(user.id) == user


async def test_a_provider_with_two_accounts_may_be_the_last_way_in(store: AccountsStore) -> None:
    user = make_user()
    await store.insert(user, make_account(user))
    await store.link(make_account(user, subject="sub-2"))
    assert await store.unlink(user.id, "example") == 0
    assert await store.unlink(user.id, "example", "sub-1") == 1


async def test_of_two_ways_that_go_at_once_one_stays(store: AccountsStore) -> None:
    user = make_user()
    await store.insert(user, make_account(user))
    await store.link(make_account(user, "another"))
    done = await asyncio.gather(store.unlink(user.id, "example"), store.unlink(user.id, "another"))
    assert sorted(done) == [0, 1]
    assert len(await store.accounts_of(user.id)) == 1


async def test_tokens_are_put_over_the_old_ones(store: AccountsStore) -> None:
    user = make_user()
    old = make_account(user, refresh_token="r1", access_token="a1", expires_at=MORNING, scope="openid")
    await store.insert(user, old)
    new = make_account(user, access_token="a2", id_token="i2", updated_at=LATER, created_at=LATER)
    assert await store.set_tokens(new)
    assert await store.accounts_of(user.id) == [_replaced(new, refresh_token="r1", created_at=MORNING)]
    assert await store.set_tokens(_replaced(new, refresh_token="r2"))
    assert await store.accounts_of(user.id) == [_replaced(new, refresh_token="r2", created_at=MORNING)]
    assert await store.get(user.id) == user


async def test_tokens_are_put_nowhere_else(store: AccountsStore) -> None:
    one, two = make_user(1), make_user(2)
    await store.insert(one, make_account(one))
    await store.insert(two)
    assert not await store.set_tokens(make_account(two, access_token="theirs"))
    assert not await store.set_tokens(make_account(one, subject="sub-2"))
    assert await store.accounts_of(one.id) == [make_account(one)]


# ── profiles ──────────────────────────────────────────────────────────────────────────────────


async def test_only_what_is_set_changes(store: AccountsStore) -> None:
    user = make_user(image="https://example.org/1.png", email_verified_at=MORNING)
    await store.insert(user)
    changed = await store.update(user.id, Changes(at=LATER, name="Ada"))
    assert changed == _replaced(user, name="Ada", updated_at=LATER)
    changed = await store.update(user.id, Changes(at=LATER, image=None))
    assert changed == _replaced(user, name="Ada", image=None, updated_at=LATER)
    assert await store.get(user.id) == changed
    assert await store.update("nobody", Changes(at=LATER, name="Ada")) is None


async def test_an_idle_timeout_is_kept_and_taken_back(store: AccountsStore) -> None:
    user = make_user()
    await store.insert(user)
    for idle_timeout in (timedelta(seconds=301), timedelta(days=30), None):
        changed = await store.update(user.id, Changes(at=LATER, idle_timeout=idle_timeout))
        assert changed == _replaced(user, idle_timeout=idle_timeout, updated_at=LATER)
        assert await store.get(user.id) == changed
        kept = await store.update(user.id, Changes(at=LATER, name=user.name))
        assert kept == changed


async def test_another_address_is_unverified_and_a_new_version(store: AccountsStore) -> None:
    user = make_user(email_verified_at=MORNING)
    await store.insert(user, password_account(user.id, "hash"))
    changed = await store.update(user.id, Changes(at=LATER, email="new@example.org"))
    assert changed == make_user(email="new@example.org", updated_at=LATER, credentials_version=2)
    found = await store.credentials(email="new@example.org")
    assert found is not None
    assert found.user == changed
    assert await store.credentials(email=user.email) is None
    assert await store.insert(make_user(2, email=user.email))


async def test_an_address_is_verified_if_it_is_said_to_be(store: AccountsStore) -> None:
    user = make_user(email_verified_at=MORNING)
    await store.insert(user)
    same = await store.update(user.id, Changes(at=LATER, email=user.email, email_verified=True))
    assert same == _replaced(user, updated_at=LATER)
    other = await store.update(user.id, Changes(at=LATER, email="new@example.org", email_verified=True))
    assert other is not None
    assert (other.email_verified_at, other.credentials_version) == (LATER, 2)
    none = await store.update(user.id, Changes(at=LATER, email_verified=False))
    assert none is not None
    assert (none.email_verified_at, none.credentials_version) == (None, 2)


async def test_an_address_is_taken_from_nobody(store: AccountsStore) -> None:
    one, two = make_user(1), make_user(2)
    await store.insert(one)
    await store.insert(two)
    assert await store.update(one.id, Changes(at=LATER, email=two.email, name="Thief")) is None
    assert [await store.get(user.id) for user in (one, two)] == [one, two]


async def test_of_many_who_change_to_one_address_one_gets_it(store: AccountsStore) -> None:
    users = [make_user(number) for number in range(8)]
    for user in users:
        await store.insert(user)
    changes = Changes(at=LATER, email="same@example.org")
    done = await asyncio.gather(*(store.update(user.id, changes) for user in users))
    assert [user is None for user in done].count(False) == 1


async def test_a_search_follows_name_and_address(store: AccountsStore) -> None:
    user = make_user(name="Ada")
    await store.insert(user)
    await store.update(user.id, Changes(at=LATER, name="GRACE", email="grace@example.org"))
    assert [await store.count(search=word) for word in ("ada", "user1", "grace", "GRACE@")] == [0, 0, 1, 1]
    for part in ("email", "name"):
        assert (await store.find(Find(search="grace", search_in=part)))[1] == 1
        assert (await store.find(Find(search="ada", search_in=part)))[1] == 0


# ── bans ──────────────────────────────────────────────────────────────────────────────────────


async def test_a_ban_has_an_end_and_a_note(store: AccountsStore) -> None:
    await store.insert(make_user())
    banned = await store.set_disabled(make_user().id, MORNING, until=LATER, note="spam")
    assert banned == make_user(
        disabled_at=MORNING, disabled_until=LATER, disabled_note="spam", credentials_version=2
    )
    forever = await store.set_disabled(make_user().id, LATER)
    assert forever == make_user(disabled_at=MORNING, credentials_version=3)
    assert await store.set_disabled(make_user().id, None, until=LATER, note="x") == make_user(
        credentials_version=4
    )


async def test_a_ban_is_lifted_when_it_is_over_and_not_before(store: AccountsStore) -> None:
    await store.insert(make_user())
    banned = await store.set_disabled(make_user().id, MORNING, until=LATER, note="spam")
    assert await store.lift(make_user().id, LATER - timedelta(microseconds=1)) == banned
    lifted = make_user(credentials_version=3)
    assert await store.lift(make_user().id, LATER) == lifted
    assert await store.lift(make_user().id, LATER) == lifted
    assert await store.lift("nobody", LATER) is None


async def test_a_ban_without_an_end_is_not_lifted(store: AccountsStore) -> None:
    await store.insert(make_user())
    banned = await store.set_disabled(make_user().id, MORNING)
    assert await store.lift(make_user().id, LATER + timedelta(days=4000)) == banned


async def test_a_banned_administrator_does_not_count_until_the_ban_is_lifted(store: AccountsStore) -> None:
    one, two = (make_user(number, role="admin") for number in (1, 2))
    for admin in (one, two):
        await store.insert(admin)
    assert await store.set_disabled(one.id, MORNING, until=LATER)
    assert await store.set_disabled(two.id, LATER + timedelta(days=1), until=LATER) is None
    assert await store.set_role(two.id, "user") is None
    assert not await store.delete(two.id)
    await store.lift(one.id, LATER)
    assert await store.set_disabled(two.id, LATER)
    assert await store.set_disabled(one.id, LATER, until=LATER) is None


# ── SQLite ────────────────────────────────────────────────────────────────────────────────────


async def test_a_file_from_before_keeps_its_users(path: Path) -> None:
    """As a file of schema 1 is: the first migration, its line in the ledger, and rows."""
    old = SQLiteAccounts(path)
    first, *_ = await _names(old)
    await old.close()
    path.unlink()
    _schema_1(path, first)
    store = SQLiteAccounts(path)
    assert (await store.engine.migrate()) == ["0002_profiles", "0003_idle_timeout"]
    assert not await store.engine.compare()
    user = make_user(1, role="admin", credentials_version=3)
    assert await store.get(user.id) == user
    assert await store.accounts_of(user.id) == [password_account(user.id, "hash")]
    assert await store.find(Find(search="user1")) == ([user], 1)
    await store.close()


async def _names(store: SQLiteAccounts) -> list[tuple[int, str, str]]:
    def read(db: sqlite3.Connection) -> list[tuple[int, str, str]]:
        return db.execute("select number, name, checksum from sojourn_migrations order by number").fetchall()

    await store.count()
    return await store.engine.scan(read)


def _schema_1(path: Path, first: tuple[int, str, str]) -> None:
    sql = (
        resources.files("sojourn.accounts.migrations.sqlite").joinpath("0001_accounts.sql").read_text("utf-8")
    )
    user = make_user(1)
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(sql)
        db.execute(
            "create table sojourn_migrations (component text not null, number integer not null, "
            "name text not null, checksum text not null, applied_at integer not null, "
            "primary key (component, number)) strict"
        )
        db.execute("insert into sojourn_migrations values ('accounts', ?, ?, ?, 0)", first)
        at = int(MORNING.timestamp()) * 1_000_000
        db.execute(
            "insert into users values (?, ?, ?, 'admin', ?, null, 3, ?)",
            (user.id, user.email, user.name, at, f"{user.email}\n{user.name.casefold()}"),
        )
        db.execute(
            "insert into accounts (user_id, type, provider, provider_account_id, password_hash) "
            "values (?, 'credentials', 'password', ?, 'hash')",
            (user.id, user.id),
        )
