"""Asking for users: every filter and order, the same answer from every store, and nothing is ever run."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sojourn.accounts import Find, User
from sojourn.accounts.find import Field, How, Sort, matching, ordered
from sojourn.accounts.sqlite import SQLiteAccounts
from sojourn.accounts.store import AccountsStore, MemoryAccounts
from sojourn.testing import MORNING
from tests.accounts.test_store import make_user

HOUR = timedelta(hours=1)
USERS = [
    make_user(0, email="ada@example.org", name="Ada", role="admin", created_at=MORNING),
    make_user(1, email="bob%@example.org", name="50% Bob_", created_at=MORNING + HOUR),
    make_user(2, email="carol@example.net", name="CAROL", disabled_at=MORNING, created_at=MORNING + HOUR),
    make_user(3, email="dan@example.org", name='O\'Dan "x"', email_verified_at=MORNING, updated_at=MORNING),
    make_user(4, email="straße@example.org", name="ÅSA ﬁ", created_at=MORNING + 3 * HOUR),
]
HOSTILE = [
    "%",
    "_",
    "'",
    '"',
    "' or 1=1 --",
    "; drop table users",
    "\\",
    "\x00",
    "\ud800",
    "a" * 5000,
    "*",
    "?1",
]


@pytest.fixture
async def filled(store: AccountsStore) -> AccountsStore:
    for user in reversed(USERS):
        assert await store.insert(user)
    return store


async def numbers(store: AccountsStore, **asked: Any) -> list[int]:
    """Which users are found, in the order in which they come."""
    found, count = await store.find(Find(**asked))
    assert count == len(found)
    return [int(user.id[-12:]) for user in found]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, [0, 3, 1, 2, 4]),
        ({"search": "EXAMPLE.ORG"}, [0, 3, 1, 4]),
        ({"search": "ada", "how": "starts_with"}, [0]),
        ({"search": "da", "how": "starts_with"}, [3]),
        ({"search": ".net", "how": "ends_with"}, [2]),
        ({"search": "example", "how": "ends_with"}, []),
        ({"search": "%"}, [1]),
        ({"search": "_", "search_in": "name"}, [1]),
        ({"search": "a_a"}, []),
        ({"search": "bob", "search_in": "name"}, [1]),
        ({"search": "carol", "search_in": "name", "how": "starts_with"}, [2]),
        ({"search": "example", "search_in": "name"}, []),
        ({"search": "åsa FI", "search_in": "name"}, [4]),
        ({"search": "'dan", "search_in": "name"}, [3]),
        ({"search": "a" * 400, "how": "ends_with"}, []),
    ],
)
async def test_a_search(filled: AccountsStore, asked: dict[str, Any], expected: list[int]) -> None:
    assert await numbers(filled, **asked) == expected


@pytest.mark.parametrize(
    ("field", "how", "value", "expected"),
    [
        ("id", "eq", USERS[2].id, [2]),
        ("id", "in", (USERS[0].id, USERS[4].id, "nobody"), [0, 4]),
        ("id", "in", (), []),
        ("id", "gt", USERS[2].id, [3, 4]),
        ("email", "eq", "ADA@EXAMPLE.ORG", [0]),
        ("email", "contains", "%", [1]),
        ("name", "eq", "carol", [2]),
        ("name", "ends_with", '"X"', [3]),
        ("name", "starts_with", "50% b", [1]),
        ("role", "eq", "admin", [0]),
        ("role", "ne", "admin", [3, 1, 2, 4]),
        ("role", "in", "user", [3, 1, 2, 4]),
        ("role", "not_in", ("admin", "nobody"), [3, 1, 2, 4]),
        ("role", "not_in", (), []),
        ("banned", "eq", "true", [2]),
        ("banned", "eq", True, [2]),
        ("banned", "ne", "1", [0, 3, 1, 4]),
        ("banned", "in", ("true", "false"), [0, 3, 1, 2, 4]),
        ("banned", "contains", "true", []),
        ("banned", "eq", "perhaps", []),
        ("banned", "ne", "perhaps", []),
        ("email_verified", "eq", "true", [3]),
        ("email_verified", "eq", "0", [0, 1, 2, 4]),
        ("created_at", "eq", MORNING, [0, 3]),
        ("created_at", "gt", (MORNING + HOUR).isoformat(), [4]),
        ("created_at", "gte", f"{MORNING + HOUR:%Y-%m-%dT%H:%M:%S}.000Z", [1, 2, 4]),
        ("created_at", "lt", f"{MORNING + HOUR:%Y-%m-%dT%H:%M:%S}", [0, 3]),
        ("created_at", "lte", MORNING + HOUR, [0, 3, 1, 2]),
        ("created_at", "eq", "yesterday", []),
        ("created_at", "lt", "9999-12-31T23:59:59-23:59", []),
        ("created_at", "starts_with", "2026", []),
    ],
)
async def test_a_filter(
    filled: AccountsStore, field: Field, how: How, value: Any, expected: list[int]
) -> None:
    found = await numbers(filled, filter_field=field, filter_how=how, filter_value=value)
    assert sorted(found) == sorted(expected)


async def test_search_and_filter_both_hold(filled: AccountsStore) -> None:
    asked = {"search": ".org", "filter_field": "role", "filter_value": "user"}
    assert await numbers(filled, **asked) == [3, 1, 4]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("id", [0, 1, 2, 3, 4]),
        ("email", [0, 1, 2, 3, 4]),
        ("name", [1, 0, 2, 3, 4]),
        ("role", [0, 1, 2, 3, 4]),
        ("created_at", [0, 3, 1, 2, 4]),
        ("updated_at", [0, 3, 1, 2, 4]),
    ],
)
async def test_an_order_and_its_reverse(filled: AccountsStore, sort: Sort, expected: list[int]) -> None:
    assert await numbers(filled, sort=sort) == expected
    assert await numbers(filled, sort=sort, descending=True) == expected[::-1]


@pytest.mark.parametrize(
    ("limit", "offset", "expected"),
    [
        (2, 0, [0, 1]),
        (2, 2, [2, 3]),
        (2, 4, [4]),
        (100, 5, []),
        (0, 0, []),
        (-1, 0, []),
        (1, -5, [0]),
        (10**30, 0, [0, 1, 2, 3, 4]),
        (10, 10**30, []),
    ],
)
async def test_a_page(filled: AccountsStore, limit: int, offset: int, expected: list[int]) -> None:
    found, count = await filled.find(Find(sort="id", limit=limit, offset=offset))
    assert [int(user.id[-12:]) for user in found] == expected
    assert count == len(USERS)


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("how", ["contains", "starts_with", "ends_with"])
async def test_no_value_is_more_than_a_value(filled: AccountsStore, value: str, how: Any) -> None:
    for part in ("email", "name"):
        asked = Find(search=value, search_in=part, how=how, sort="id")
        assert (await filled.find(asked))[0] == [user for user in USERS if matching(asked, user)]
    for field in get_args(Field):
        asked = Find(filter_field=field, filter_value=value, filter_how=how, sort="id")
        assert (await filled.find(asked))[0] == [user for user in USERS if matching(asked, user)]
    assert await filled.count() == len(USERS)


async def test_a_thousand_values_are_not_too_many(filled: AccountsStore) -> None:
    values = tuple(str(number) for number in range(100_000))
    found, count = await filled.find(
        Find(filter_field="id", filter_how="in", filter_value=(USERS[0].id, *values))
    )
    assert (found, count) == ([USERS[0]], 1)


words = st.one_of(
    st.sampled_from(["", "a", "A", "example", "%", "_", "O'", "50% ", "ß"]), st.text(max_size=3)
)
values = st.one_of(
    words,
    st.booleans(),
    st.datetimes(),
    st.lists(words, max_size=3).map(tuple),
    st.sampled_from(["true", "0"]),
)
finds = st.builds(
    Find,
    search=words,
    search_in=st.sampled_from(["email", "name"]),
    how=st.sampled_from(["contains", "starts_with", "ends_with"]),
    filter_field=st.sampled_from([None, *get_args(Field)]),
    filter_value=values,
    filter_how=st.sampled_from(get_args(How)),
    sort=st.sampled_from(get_args(Sort)),
    descending=st.booleans(),
    limit=st.integers(-1, 6),
    offset=st.integers(-1, 6),
)


async def _both() -> tuple[MemoryAccounts, SQLiteAccounts]:
    memory, sqlite = MemoryAccounts(), SQLiteAccounts(None)
    for user in USERS:
        await memory.insert(user)
        await sqlite.insert(user)
    return memory, sqlite


def test_every_store_finds_as_the_pure_function() -> None:
    import asyncio

    with asyncio.Runner() as runner:
        memory, sqlite = runner.run(_both())

        @settings(max_examples=400)
        @given(finds)
        def same(find: Find) -> None:
            wanted: list[User] = ordered(find, [user for user in USERS if matching(find, user)])
            page = wanted[find.skipped : find.skipped + find.size]
            assert runner.run(memory.find(find)) == (page, len(wanted))
            assert runner.run(sqlite.find(find)) == (page, len(wanted))

        same()
        runner.run(sqlite.close())
