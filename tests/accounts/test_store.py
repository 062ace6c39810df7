"""The laws of a store of accounts, on every store."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import asdict
from msgspec.structs import replace as _replaced

from sojourn.accounts import Account, User, limits, open_accounts
from sojourn.accounts.limits import Rate
from sojourn.accounts.sqlite import SQLiteAccounts
from sojourn.accounts.store import AccountsStore, Credentials, MemoryAccounts
from sojourn.accounts.user import password_account
from sojourn.errors import SettingsError
from sojourn.testing import MORNING, FakeClock

MOMENT = timedelta(microseconds=1)
FULL = User(
    id="019cadc6-9a80-7e64-b6e9-e4cc236c29ef",
    email="ада@пример.рф",
    name='Ада "Лавлейс" 🦊',
    role="admin",
    created_at=MORNING + MOMENT,
    disabled_at=MORNING + 999_999 * MOMENT,
    credentials_version=7,
    image="https://example.org/ada.png",
    email_verified_at=MORNING + 2 * MOMENT,
    updated_at=MORNING + 4 * MOMENT,
    disabled_until=MORNING + timedelta(days=400),
    disabled_note="слишком умна 🦊",
    idle_timeout=timedelta(minutes=15),
)
OIDC = Account(
    user_id=FULL.id,
    type="oidc",
    provider="example",
    provider_account_id="sub-1",
    refresh_token="refresh",
    access_token="access",
    expires_at=MORNING + 3 * MOMENT,
    token_type="bearer",
    scope="openid",
    id_token="id",
    session_state="state",
    password_hash="hash",
    created_at=MORNING + 5 * MOMENT,
    updated_at=MORNING + 6 * MOMENT,
)
RATE = Rate(3, timedelta(seconds=10))


def make_user(number: int = 1, **fields: object) -> User:
    plain = User(
        id=f"019cadc6-9a80-7e64-b6e9-{number:012}",
        email=f"user{number}@example.org",
        name=f"User {number}",
        created_at=MORNING,
    )
    return _replaced(plain, **fields)


# ── users and accounts ────────────────────────────────────────────────────────────────────────


async def test_every_field_survives(store: AccountsStore) -> None:
    assert await store.insert(FULL, OIDC)
    assert await store.get(FULL.id) == FULL
    assert await store.accounts_of(FULL.id) == [OIDC]


async def test_what_is_absent_is_none(store: AccountsStore) -> None:
    assert await store.get("nobody") is None
    assert await store.credentials(user_id="nobody") is None
    assert await store.credentials(email="nobody@example.org") is None
    assert await store.accounts_of("nobody") == []


@pytest.mark.parametrize("twin", [make_user(2, email="user1@example.org"), make_user(1, email="b@b.b")])
async def test_neither_id_nor_address_is_given_twice(store: AccountsStore, twin: User) -> None:
    await store.insert(make_user(1))
    assert not await store.insert(twin, password_account(twin.id, "hash"))
    assert await store.count() == 1
    assert await store.accounts_of(twin.id) == []


async def test_of_many_who_take_one_address_one_gets_it(store: AccountsStore) -> None:
    users = [make_user(number, email="same@example.org") for number in range(8)]
    assert sorted(await asyncio.gather(*map(store.insert, users))) == [False] * 7 + [True]


async def test_credentials_are_found_by_id_and_by_address(store: AccountsStore) -> None:
    user = make_user()
    await store.insert(user, password_account(user.id, "hash"))
    expected = Credentials(user, "hash")
    assert await store.credentials(user_id=user.id) == expected
    assert await store.credentials(email=user.email) == expected


async def test_credentials_without_a_password(store: AccountsStore) -> None:
    await store.insert(FULL, OIDC)
    assert await store.credentials(user_id=FULL.id) == Credentials(FULL, None)


async def test_setting_a_password_raises_the_version(store: AccountsStore) -> None:
    await store.insert(make_user())
    for version, hash in ((2, "first"), (3, "second")):
        changed = await store.set_password(make_user().id, hash)
        assert changed == make_user(credentials_version=version)
        assert await store.credentials(user_id=make_user().id) == Credentials(changed, hash)


async def test_a_password_is_set_over_the_version_that_was_seen(store: AccountsStore) -> None:
    user = make_user()
    await store.insert(user, password_account(user.id, "old"))
    assert await store.set_password(user.id, "new", version=1)
    assert await store.set_password(user.id, "late", version=1) is None
    found = await store.credentials(user_id=user.id)
    assert found is not None
    assert found.password_hash == "new"
    assert await store.set_password("nobody", "hash") is None


async def test_no_increment_is_lost(store: AccountsStore) -> None:
    user = make_user()
    await store.insert(user)
    await asyncio.gather(*(store.set_password(user.id, str(number)) for number in range(10)))
    found = await store.get(user.id)
    assert found is not None
    assert found.credentials_version == 11


async def test_a_rehash_is_no_change(store: AccountsStore) -> None:
    user = make_user()
    await store.insert(user, password_account(user.id, "old"))
    assert await store.rehash(user.id, "new", instead_of="old")
    assert not await store.rehash(user.id, "late", instead_of="old")
    assert await store.credentials(user_id=user.id) == Credentials(user, "new")


async def test_a_password_keeps_the_moment_of_the_first(store: AccountsStore) -> None:
    await store.insert(make_user())
    for hash, at in (("first", MORNING), ("second", MORNING + MOMENT)):
        await store.set_password(make_user().id, hash, at=at)
        (account,) = await store.accounts_of(make_user().id)
        assert (account.password_hash, account.created_at, account.updated_at) == (hash, MORNING, at)


async def test_disabling_keeps_the_first_moment(store: AccountsStore) -> None:
    user = make_user()
    await store.insert(user)
    later = MORNING + timedelta(hours=1)
    first = make_user(disabled_at=MORNING, credentials_version=2)
    assert await store.set_disabled(user.id, MORNING) == first
    assert await store.set_disabled(user.id, later) == make_user(disabled_at=MORNING, credentials_version=3)
    assert await store.set_disabled(user.id, None) == make_user(credentials_version=4)
    assert await store.set_disabled("nobody", None) is None


async def test_a_role_is_given(store: AccountsStore) -> None:
    await store.insert(make_user())
    admin = make_user(role="admin", credentials_version=2)
    assert await store.set_role(admin.id, "admin") == admin
    assert await store.get(admin.id) == admin
    assert await store.set_role("nobody", "admin") is None


async def test_deleting_takes_the_accounts_along(store: AccountsStore) -> None:
    user = make_user()
    await store.insert(user, password_account(user.id, "hash"))
    assert await store.delete(user.id)
    assert not await store.delete(user.id)
    assert await store.accounts_of(user.id) == []
    assert await store.insert(user)
    assert await store.credentials(user_id=user.id) == Credentials(user, None)


@pytest.mark.parametrize("others", [[], [make_user(2)], [make_user(2, role="admin", disabled_at=MORNING)]])
async def test_the_last_administrator_stays(store: AccountsStore, others: list[User]) -> None:
    admin = make_user(1, role="admin")
    for user in (admin, *others):
        await store.insert(user)
    assert await store.set_disabled(admin.id, MORNING) is None
    assert await store.set_role(admin.id, "user") is None
    assert await store.is_last_admin(admin.id)
    assert not await store.delete(admin.id)
    assert await store.get(admin.id) == admin
    assert await store.set_role(admin.id, "admin") == make_user(1, role="admin", credentials_version=2)


async def test_two_administrators_cannot_remove_each_other(store: AccountsStore) -> None:
    for number in (1, 2):
        await store.insert(make_user(number, role="admin"))
    assert not await store.is_last_admin(make_user(1).id)
    assert not await store.is_last_admin("nobody")
    done = await asyncio.gather(*(store.set_role(make_user(number).id, "user") for number in (1, 2)))
    assert [user is None for user in done].count(True) == 1


async def test_pages_are_newest_first_and_bounded(store: AccountsStore) -> None:
    users = [make_user(number) for number in range(5)]
    for user in users:
        await store.insert(user)
    first = await store.select(limit=2)
    assert first == [users[4], users[3]]
    assert await store.select(after=first[-1].id, limit=2) == [users[2], users[1]]
    assert await store.select(after=users[0].id) == []


@pytest.mark.parametrize("search", ["ПРИМЕР", "лавлейс", 'ада "', "🦊"])
async def test_a_search_looks_into_address_and_name(store: AccountsStore, search: str) -> None:
    await store.insert(FULL)
    await store.insert(make_user(1, name="100% _%"))
    assert await store.select(search=search) == [FULL]
    assert await store.count(search=search) == 1
    assert await store.count() == 2


@pytest.mark.parametrize(("search", "count"), [("%", 1), ("_", 1), ("'", 0), ("nobody", 0), ("", 2)])
async def test_a_search_has_no_wildcards(store: AccountsStore, search: str, count: int) -> None:
    await store.insert(FULL)
    await store.insert(make_user(1, name="100% _%"))
    assert await store.count(search=search) == count


# ── limits ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("AX-2.4.1")
async def test_a_burst_and_then_one_every_so_often(store: AccountsStore, clock: FakeClock) -> None:
    assert [await store.take("a", rate=RATE, at=clock()) for _ in range(3)] == [None] * 3
    assert await store.take("a", rate=RATE, at=clock()) == timedelta(seconds=10)
    assert await store.take("a", rate=RATE, at=clock.tick(seconds=4)) == timedelta(seconds=6)
    assert await store.take("a", rate=RATE, at=clock.tick(seconds=6)) is None
    assert await store.take("a", rate=RATE, at=clock()) == timedelta(seconds=10)
    assert await store.take("b", rate=RATE, at=clock()) is None


async def test_what_is_given_back_can_be_taken_again(store: AccountsStore) -> None:
    for _ in range(3):
        await store.take("a", rate=RATE, at=MORNING)
    await store.give_back("a", rate=RATE)
    assert await store.take("a", rate=RATE, at=MORNING) is None
    assert await store.take("a", rate=RATE, at=MORNING) == timedelta(seconds=10)
    await store.give_back("unknown", rate=RATE)


async def test_every_store_decides_as_the_pure_function(store: AccountsStore) -> None:
    due, at = None, MORNING
    for step in range(200):
        at += timedelta(seconds=(step * step * 7) % 23 - 3, microseconds=step)  # sometimes back
        due, wait = limits.take(due, RATE, at)
        assert await store.take("a", rate=RATE, at=at) == wait


async def test_of_many_at_once_as_many_pass_as_the_rate_admits(store: AccountsStore) -> None:
    waits = await asyncio.gather(*(store.take("a", rate=RATE, at=MORNING) for _ in range(20)))
    assert waits.count(None) == 3


async def test_limits_that_hold_nobody_up_are_purged(store: AccountsStore, clock: FakeClock) -> None:
    await store.take("old", rate=RATE, at=clock())
    await store.take("new", rate=RATE, at=clock.tick(seconds=30))
    assert await store.purge_limits(before=clock()) == 1
    assert await store.purge_limits(before=clock()) == 0
    assert await store.purge_limits(before=clock.tick(seconds=11)) == 1


# ── SQLite ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("AX-2.4.1")
async def test_two_stores_on_one_file_share_limits(path: Path) -> None:
    one, two = SQLiteAccounts(path), SQLiteAccounts(path)
    waits = [await store.take("a", rate=RATE, at=MORNING) for store in (one, two, one, two)]
    assert waits == [None, None, None, timedelta(seconds=10)]
    await two.give_back("a", rate=RATE)
    assert await one.take("a", rate=RATE, at=MORNING) is None
    await one.close()
    await two.close()


async def test_a_new_file_is_as_the_migrations_say(path: Path) -> None:
    store = SQLiteAccounts(path)
    await store.insert(FULL, OIDC)
    assert not await store.engine.compare()
    await store.close()
    again = SQLiteAccounts(path, create=False)
    assert await again.get(FULL.id) == FULL
    assert (await again.engine.status()).pending == ()
    await again.close()


async def test_times_come_back_in_utc(path: Path) -> None:
    store = SQLiteAccounts(path)
    await store.insert(FULL, OIDC)
    (account,) = await store.accounts_of(FULL.id)
    values = [*asdict(await store.get(FULL.id) or FULL).values(), *asdict(account).values()]
    assert {value.tzinfo for value in values if isinstance(value, datetime)} == {UTC}
    await store.close()


async def test_urls_name_stores(path: Path) -> None:
    assert isinstance(open_accounts("memory://"), MemoryAccounts)
    store = open_accounts(f"sqlite:///{path}")
    assert await store.insert(FULL)
    await store.close()
    in_memory = open_accounts("sqlite:///:memory:")
    assert await in_memory.count() == 0
    await in_memory.close()
    with pytest.raises(SettingsError, match="no accounts in 'postgresql'"):
        open_accounts("postgresql://db")


async def test_a_missing_file_is_not_made_without_create(path: Path) -> None:
    store = open_accounts(f"sqlite:///{path}", create=False)
    with pytest.raises(SettingsError, match="sojourn migrate --accounts"):
        await store.count()
    assert not path.exists()
    await store.close()
