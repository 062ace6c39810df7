"""A search of everybody takes no longer than it may, says so, and goes on where it stopped."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace as _replaced

from sojourn import AsyncSessions, Query
from sojourn.searching import Counted, Search, count, search
from sojourn.session import Session
from sojourn.testing import FakeClock, make_keys
from tests.conftest import STORES

RARE = Search(query=Query(signed_in=True, ip="10.0.0.1"))


class Watch:
    """A stopwatch on which each look at it takes *seconds*."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.now = seconds, 0.0

    def __call__(self) -> float:
        self.now += self.seconds
        return self.now


@pytest.fixture(params=STORES)
async def sessions(
    request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock
) -> AsyncIterator[AsyncSessions]:
    found = AsyncSessions(STORES[request.param](tmp_path), keys=make_keys(), clock=clock)
    yield found
    await found.close()


@pytest.fixture
async def old_and_new(sessions: AsyncSessions, clock: FakeClock) -> list[Session]:
    """Three that match, a week apart, among others; the newest first."""
    rare: list[Session] = []
    for _ in range(3):
        rare.insert(0, (await sessions.start("ada", ip="10.0.0.1")).session)
        for n in range(5):
            clock.tick(hours=6)
            await sessions.start(f"user {n}", ip="192.0.2.1")
        clock.tick(days=2)
    return rare


async def test_all_are_found_at_once_if_there_is_time(sessions, old_and_new):
    found = await search(sessions, RARE)
    assert [s.id for s in found.sessions] == [s.id for s in old_and_new]
    assert (found.complete, found.next) == (True, None)
    assert (await count(sessions, RARE)).count == 3


async def test_what_was_not_reached_in_time_is_on_the_pages_that_follow(sessions, old_and_new):
    found: list[Session] = []
    after, pages, incomplete = None, 0, 0
    while True:
        page = await search(sessions, RARE, after=after, within=1.0, stopwatch=Watch(0.1))
        found += page.sessions
        pages, incomplete = pages + 1, incomplete + (not page.complete)
        assert page.complete is (page.next is None)
        if page.next is None:
            break
        after = page.next
    assert [s.id for s in found] == [s.id for s in old_and_new]
    assert incomplete == pages - 1 > 0


async def test_without_time_there_is_one_look_at_least(sessions, old_and_new, clock):
    newest = (await sessions.start("ada", ip="10.0.0.1")).session
    page = await search(sessions, RARE, within=0.0, stopwatch=Watch(1.0))
    assert ([s.id for s in page.sessions], page.complete) == ([newest.id], False)


async def test_a_count_that_is_not_finished_says_at_least(sessions, old_and_new):
    counted = await count(sessions, RARE, within=1.0, stopwatch=Watch(0.6))
    assert (counted.how, counted.count <= 3) == ("at_least", True)
    exact = await count(sessions, RARE)
    assert (exact.how, exact.count) == ("exact", 3)


async def test_a_count_of_all_that_live_falls_back_to_the_kept_one(sessions, old_and_new):
    counted = await count(sessions, Search(), within=0.0, stopwatch=Watch(1.0))
    assert (counted.how, counted.count) == ("about", 18)


async def test_a_full_page_is_complete_and_has_a_next(sessions, old_and_new):
    page = await search(sessions, RARE, limit=2)
    assert ([s.id for s in page.sessions], page.complete) == ([s.id for s in old_and_new[:2]], True)
    rest = await search(sessions, RARE, after=page.next, limit=2)
    assert ([s.id for s in rest.sessions], rest.next) == ([old_and_new[2].id], None)


async def test_of_all_that_live_a_page_is_full_whatever_the_time(sessions, old_and_new):
    everybody = Search()
    page = await search(sessions, everybody, limit=4, within=0.0, stopwatch=Watch(1.0))
    rest = await search(sessions, everybody, after=page.next, within=0.0, stopwatch=Watch(1.0))
    whole = await search(sessions, everybody)
    assert (len(page.sessions), page.complete, rest.next, rest.complete) == (4, True, None, True)
    assert page.sessions + rest.sessions == whole.sessions
    assert len(whole.sessions) == 18


async def test_among_very_many_visitors_the_few_who_signed_in_are_looked_for_in_time(sessions, clock):
    ada = (await sessions.start("ada")).session
    clock.tick(days=1)
    for _ in range(4):
        await sessions.start(None)
    page = await search(sessions, Search(), within=0.0, stopwatch=Watch(1.0))
    assert (page.sessions, page.complete) == ([], False)
    rest = await search(sessions, Search(), after=page.next)
    assert ([session.id for session in rest.sessions], rest.next) == ([ada.id], None)


async def test_several_users_are_one_list(sessions, old_and_new):
    wanted = Search(users=("user 1", "user 3", "nobody"))
    page = await search(sessions, wanted, limit=4)
    rest = await search(sessions, wanted, after=page.next, limit=4)
    ids = [s.id for s in (*page.sessions, *rest.sessions)]
    assert ids == sorted(ids, reverse=True)
    assert (len(ids), (await count(sessions, wanted)).count) == (6, 6)


async def test_bounds_in_time_hold_for_pages_and_counts(sessions, old_and_new):
    middle = old_and_new[1].created_at
    day = timedelta(days=1)
    for since, until, number in ((middle, None, 2), (None, middle, 1), (middle, middle + day, 1)):
        wanted = Search(query=RARE.query, since=since, until=until)
        assert len((await search(sessions, wanted)).sessions) == number
        assert (await count(sessions, wanted)).count == number


async def test_the_ended_are_found_until_they_are_forgotten(sessions, old_and_new, clock):
    await sessions.revoke_all("ada")
    assert (await search(sessions, RARE)).sessions == []
    ended = Search(query=RARE.query, state="ended")
    clock.tick(days=60)
    assert [s.id for s in (await search(sessions, ended)).sessions] == [s.id for s in old_and_new]
    both = Search(query=Query(signed_in=True), state="all")
    assert len((await search(sessions, both)).sessions) == 18


# ── of several users ──────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def crowd(sessions: AsyncSessions, clock: FakeClock) -> list[Session]:
    """Sessions of 25 users, two of each, far apart, beside those of others; the newest first."""
    found: list[Session] = []
    for number in (*range(25), *range(24, -1, -1)):
        clock.tick(minutes=1)
        found.insert(0, (await sessions.start(f"crowd {number}")).session)
        await sessions.start(f"other {number}")
    return found


def of_crowd(*, cut: bool) -> Search:
    return Search(users=tuple(sorted(f"crowd {number}" for number in range(25))), cut=cut)


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("limit", [3, 7, 50, 60])
async def test_pages_of_many_users_are_in_order_and_the_last_says_whether_it_is_all(
    sessions, crowd, limit, cut
):
    found: list[Session] = []
    after = None
    while True:
        page = await search(sessions, of_crowd(cut=cut), after=after, limit=limit)
        found += page.sessions
        after = page.next
        assert page.complete is (after is not None or not cut)
        if after is None:
            break
    assert [s.id for s in found] == [s.id for s in crowd]


@pytest.mark.parametrize(("cut", "how"), [(False, "exact"), (True, "at_least")])
async def test_of_more_users_than_are_asked_about_the_count_is_a_lower_bound(sessions, crowd, cut, how):
    assert await count(sessions, of_crowd(cut=cut)) == Counted(50, how)


async def test_a_page_of_many_users_begins_no_earlier_than_was_asked(sessions, crowd):
    since = crowd[9].created_at
    page = await search(sessions, _replaced(of_crowd(cut=False), since=since), limit=4)
    assert [s.id for s in page.sessions] == [s.id for s in crowd[:4]]
    everything = await search(sessions, _replaced(of_crowd(cut=False), since=since))
    assert [s.id for s in everything.sessions] == [s.id for s in crowd[:10]]
