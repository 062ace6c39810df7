"""What the worker of a server is made of: it forgets by a time alone that was lived."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sojourn import AsyncSessions, duties
from sojourn.accounts import Accounts, open_accounts
from sojourn.background import Worker
from sojourn.directory import Directory, open_directory
from sojourn.events import Event, Expired
from sojourn.policy import Policy
from sojourn.stores.memory import MemoryStore
from sojourn.testing import FakeClock, make_keys, make_session

DAY = timedelta(days=1)


class House:
    """A server's sessions in memory, with their worker."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        policy = Policy(lifetime=400 * DAY, idle_timeout=None, keep_addresses=30 * DAY, keep_ended=30 * DAY)
        self.sessions = AsyncSessions(MemoryStore(), keys=make_keys(), clock=self.clock, policy=policy)
        self.accounts = Accounts(open_accounts("memory://"), self.sessions, clock=self.clock)
        beside = Directory(open_directory("memory://"), self.sessions)
        self.worker: Worker = duties.worker(self.accounts, beside)

    async def live(self, days: int) -> None:
        """A step each day."""
        for _ in range(days):
            await self.worker.step(self.clock())
            self.clock.tick(days=1)
        await self.worker.step(self.clock())


@pytest.fixture
def house() -> House:
    return House()


async def test_a_clock_that_was_ahead_neither_forgets_a_session_nor_cuts_its_address(house):
    await house.live(2)
    heard: list[Event] = []
    house.sessions.listen(heard.append)
    living = (await house.sessions.start("ada", ip="203.0.113.7")).session
    ended = (await house.sessions.start("ada", ip="203.0.113.7")).session
    await house.sessions.revoke(ended.id, owner="ada")
    leap = 700 * DAY
    for _ in range(5):
        house.clock.tick(minutes=10)
        await house.worker.step(house.clock() + leap)
    await house.live(2)
    assert [event for event in heard if isinstance(event, Expired)] == []
    assert [(await house.sessions.store.get(one.id)).ip for one in (living, ended)] == ["203.0.113.7"] * 2
    await house.live(35)
    assert (await house.sessions.store.get(living.id)).ip == "203.0.113.0/24"
    assert await house.sessions.store.get(ended.id) is None


async def test_who_has_stood_by_for_long_takes_over_at_once(house):
    """On another machine, which has a file of its own beside the sessions."""
    heard: list[Event] = []
    house.sessions.listen(heard.append)
    other = duties.worker(house.accounts, Directory(open_directory("memory://"), house.sessions))
    await other.step(house.clock())
    await other.leave(house.clock())
    for _ in range(10):
        house.clock.tick(days=1)
        await house.worker.step(house.clock())
        assert (await other.step(house.clock())).skipped == 1
    session = make_session(created_at=house.clock(), ends_at=house.clock() + DAY)
    assert (await house.sessions.store.insert(session)).done
    house.clock.tick(days=1, minutes=1)
    assert (await other.step(house.clock())).marked == 1
    assert [event.session_id for event in heard if isinstance(event, Expired)] == [session.id]


async def test_who_was_away_for_long_forgets_a_day_later(house):
    await house.live(2)
    ended = (await house.sessions.start("ada")).session
    await house.sessions.revoke(ended.id, owner="ada")
    house.clock.tick(days=60)
    await house.live(0)
    assert await house.sessions.store.get(ended.id) is not None
    house.clock.tick(days=1)
    await house.live(0)
    assert await house.sessions.store.get(ended.id) is None
