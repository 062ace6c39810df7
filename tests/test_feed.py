"""The feed: when it is current, what it remembers and for how long, and what it does after a gap."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace as _replaced

from sojourn import Query, Reason, Session
from sojourn.blocking import drive
from sojourn.clock import NEVER, StoreClock
from sojourn.feed import Feed
from sojourn.stores.memory import MemoryStore
from sojourn.stores.protocol import Entries, Entry
from sojourn.testing import MORNING, FakeClock, make_session

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
KEEP = 5 * MINUTE


class Away(Exception):
    """The store cannot be reached."""


class Log(MemoryStore):
    """A store in front of which something may happen at each page."""

    faults: tuple[type[Exception], ...] = (Away,)

    def __init__(self) -> None:
        super().__init__()
        self.page, self.asked = 10_000, 0
        self.before: Callable[[int], object] = lambda _: None
        self.told: datetime | None = None
        self.revoked: list[UUID | None] = []

    async def entries(self, after: str | None = None, *, limit: int = 10_000) -> Entries:
        self.asked += 1
        self.before(self.asked)
        found = await super().entries(after, limit=self.page)
        return _replaced(found, now=self.told)

    async def revoke(self, query: Query, **other: Any) -> list[UUID]:
        self.revoked.append(query.id)
        return await super().revoke(query, **other)

    def lose(self, session: Session) -> None:
        """A failover: *session* is as it was before, and so is the log, which is another one now."""
        self._sessions[session.id] = session
        self._log._lines = [line for line in self._log._lines if line[1].id != session.id]
        self._log.epoch += "'"


class Monotonic:
    """Seconds that a machine has been awake."""

    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store() -> Log:
    return Log()


@pytest.fixture
def monotonic() -> Monotonic:
    return Monotonic()


@pytest.fixture
def feed(store: Log, clock: FakeClock, monotonic: Monotonic) -> Feed:
    return Feed(
        store,
        clock=clock,
        max_staleness=SECOND,
        poll_every=SECOND / 4,
        keep=KEEP,
        monotonic=monotonic,
    )


def ended(store: MemoryStore, **fields: Any) -> Session:
    """A session that was revoked a moment ago; as it was before."""
    session = make_session(**fields)
    drive(store.insert(session))
    drive(store.revoke(Query(id=session.id), at=MORNING, reason=Reason.USER))
    return session


# ── current ───────────────────────────────────────────────────────────────────────────────────


def test_it_is_current_from_the_first_complete_poll_for_as_long_as_the_bound(feed, clock, monotonic):
    assert not feed.current(clock())
    assert feed.age(clock()) is None
    assert drive(feed.poll())
    assert feed.current(clock())
    clock.tick(seconds=0.999)
    monotonic.now += 0.999
    assert feed.current(clock())
    assert feed.age(clock()) == 0.999 * SECOND
    clock.tick(seconds=0.001)
    monotonic.now += 0.001
    assert not feed.current(clock())


def test_nothing_is_remembered_as_good_before_it_is_current(feed, clock):
    assert feed.good(feed.editions[0], clock() + MINUTE) is NEVER
    drive(feed.poll())
    assert feed.good(feed.editions[0], clock() + MINUTE) is not NEVER


def test_what_is_good_is_so_no_longer_than_it_is_current_or_the_clock_takes(clock, monotonic):
    machine = SimpleNamespace(wall=clock().timestamp(), awake=50.0)  # not the feed's: only spans count
    told = StoreClock(wall=lambda: machine.wall, monotonic=lambda: machine.awake)
    feed = Feed(
        MemoryStore(), clock=told, max_staleness=SECOND, poll_every=SECOND, keep=MINUTE, monotonic=monotonic
    )
    drive(feed.poll())
    found = SimpleNamespace(good=feed.good(feed.editions[7], told() + MINUTE))
    assert found.good == (feed.editions[7], math.inf, machine.wall + 60)
    assert feed.holds(found.good)
    monotonic.now += 1
    assert not feed.holds(found.good)
    told.sync(clock(), asked=told.reading())
    drive(feed.poll())
    assert feed.holds(found.good)
    machine.wall += 0.999
    assert feed.holds(found.good)
    machine.wall += 0.001
    assert not feed.holds(found.good)
    machine.wall -= 2.0
    assert not feed.holds(found.good)
    machine.wall += 1.0
    found.good = feed.good(feed.editions[7], told() + SECOND / 4)
    assert found.good == (feed.editions[7], monotonic.now + 0.25, machine.wall + 0.25)
    began = monotonic.now, machine.wall
    for awake, wall in ((0, 0), (0.24, 0.24), (0, 0.26), (0.26, 0), (0, -0.1)):
        monotonic.now, machine.wall = began[0] + awake, began[1] + wall
        assert feed.holds(found.good) == ((awake, wall) in ((0, 0), (0.24, 0.24)))


def test_nothing_holds_while_the_clock_is_in_doubt_however_long_the_feed_is_trusted(clock):
    machine = SimpleNamespace(wall=clock().timestamp(), awake=50.0)
    told = StoreClock(wall=lambda: machine.wall, monotonic=lambda: machine.awake)
    feed = Feed(
        MemoryStore(),
        clock=told,
        max_staleness=MINUTE,
        poll_every=MINUTE,
        keep=MINUTE,
        monotonic=lambda: machine.awake,
    )
    told.sync(clock(), asked=told.reading())
    drive(feed.poll())
    found = SimpleNamespace(good=feed.good(feed.editions[0], told() + MINUTE))
    machine.wall, machine.awake = machine.wall + 1.5, machine.awake + 1.5
    assert not feed.holds(found.good)  # so long after a poll that nobody would know: it is looked at ...
    feed.good(feed.editions[1], told() + MINUTE)
    assert feed.holds(found.good)  # ... and was no leap
    machine.wall += 1.5
    feed.good(feed.editions[1], told() + MINUTE)
    assert not feed.holds(found.good)


def test_who_sets_the_clock_back_is_noticed_and_the_next_poll_begins_anew(feed, clock):
    drive(feed.poll())
    clock.tick(seconds=0.2)
    found = SimpleNamespace(good=feed.good(feed.editions[0], clock() + MINUTE))
    clock.tick(seconds=-0.1)
    assert not feed.holds(found.good)  # it was found good later than now
    assert feed.good(feed.editions[0], clock() + MINUTE) is NEVER
    drive(feed.poll())
    assert not feed.holds(found.good)
    anew = SimpleNamespace(good=feed.good(feed.editions[0], clock() + MINUTE))
    assert feed.holds(anew.good)
    clock.tick(seconds=0.5)
    assert feed.holds(anew.good)
    assert not feed.holds(found.good)


def test_who_sets_the_clock_back_after_a_poll_is_noticed_too(feed, clock):
    drive(feed.poll())
    found = SimpleNamespace(good=feed.good(feed.editions[0], clock() + MINUTE))
    clock.tick(seconds=30)
    drive(feed.poll())
    assert feed.holds(found.good)
    clock.tick(seconds=-20)
    assert not feed.current(clock())
    assert not feed.holds(found.good)


def test_what_is_learnt_of_one_session_leaves_the_others_good(feed, clock):
    drive(feed.poll())
    good = [SimpleNamespace(good=feed.good(feed.editions[part], clock() + MINUTE)) for part in (5, 6)]
    feed.void(Entry(UUID(int=5), 3))
    assert [feed.holds(one.good) for one in good] == [False, True]
    feed.ended(UUID(int=6 + 1024), clock(), Reason.USER)  # of the same part
    assert not feed.holds(good[1].good)


def test_a_poll_that_moves_the_clock_begins_an_edition(clock, monotonic):
    told, store = StoreClock(wall=lambda: clock().timestamp(), monotonic=monotonic), Log()
    feed = Feed(store, clock=told, max_staleness=MINUTE, poll_every=SECOND, keep=MINUTE)
    editions = []
    for ahead in (0.0, 0.0, 0.0005, 0.01, 0.01, -0.01):
        store.told = clock() + ahead * SECOND
        drive(feed.poll())
        editions.append(feed.editions[3])
    moved = [one is not other for one, other in pairwise(editions)]
    assert moved == [False, False, True, False, True]


def test_a_suspended_machine_is_not_current_though_its_monotonic_clock_stood_still(feed, clock):
    drive(feed.poll())
    clock.tick(minutes=10)
    assert not feed.current(clock())
    assert feed.age(clock()) == 10 * MINUTE


def test_a_wall_clock_that_was_set_back_does_not_prolong_trust(feed, clock, monotonic):
    drive(feed.poll())
    monotonic.now += 1
    clock.tick(seconds=-0.5)
    assert not feed.current(clock())
    drive(feed.poll())
    clock.tick(hours=-1)
    assert not feed.current(clock())
    drive(feed.poll())
    assert feed.current(clock())


def test_the_age_of_a_poll_counts_from_when_it_began(feed, store, clock, monotonic):
    def slow(_: int) -> None:
        clock.tick(seconds=0.7)
        monotonic.now += 0.7

    store.before = slow
    drive(feed.poll())
    assert feed.current(clock())
    clock.tick(seconds=0.3)
    monotonic.now += 0.3
    assert not feed.current(clock())


def test_a_poll_that_is_cut_off_does_not_make_it_current(feed, store, clock):
    for _ in range(5):
        ended(store)
    store.page = 2

    def away(asked: int) -> None:
        if asked == 3:
            raise Away

    store.before = away
    with pytest.raises(Away):
        drive(feed.poll())
    assert not feed.current(clock())
    drive(feed.poll())  # goes on where it was
    assert feed.current(clock())
    assert store.asked == 4


def test_a_poll_that_fails_leaves_it_as_current_as_it_was(feed, store, clock, monotonic):
    drive(feed.poll())

    def away(_: int) -> None:
        raise Away

    store.before = away
    with pytest.raises(Away):
        drive(feed.poll())
    assert feed.current(clock())
    monotonic.now += 1
    assert not feed.current(clock())


def test_one_polls_at_a_time(feed, store):
    meanwhile = []
    store.before = lambda asked: meanwhile.append(drive(feed.poll())) if asked == 1 else None
    assert drive(feed.poll())
    assert meanwhile == [False]
    assert drive(feed.poll())


def test_the_next_poll_is_due_after_the_interval_successful_or_not(feed, store, clock, monotonic):
    assert feed.due(clock())

    def away(_: int) -> None:
        raise Away

    store.before = away
    with pytest.raises(Away):
        drive(feed.poll())
    assert not feed.due(clock())
    monotonic.now += 0.25
    assert feed.due(clock())
    assert not feed.due(clock(), MINUTE)
    clock.tick(minutes=1)
    assert feed.due(clock(), MINUTE)


def test_a_clock_that_runs_with_the_store_is_told_the_time(store, monotonic):
    clock = StoreClock(wall=lambda: MORNING.timestamp() + 60, monotonic=monotonic)
    feed = Feed(
        store, clock=clock, max_staleness=SECOND, poll_every=SECOND / 4, keep=KEEP, monotonic=monotonic
    )
    drive(feed.poll())
    assert clock() == MORNING + MINUTE  # this store has no clock
    store.told = MORNING
    drive(feed.poll())
    assert not feed.current(clock())  # its poll began in the future: the next one counts
    drive(feed.poll())
    assert clock() == MORNING
    assert feed.current(clock())


# ── what is void ──────────────────────────────────────────────────────────────────────────────


def test_a_line_voids_the_versions_below_it(feed):
    id = make_session().id
    assert not feed.voids(id, 1)
    feed.void(Entry(id, 5))
    assert [version for version in range(1, 9) if feed.voids(id, version)] == [1, 2, 3, 4]
    assert feed.line(id) == Entry(id, 5)


def test_an_ending_voids_every_version_and_nothing_lifts_it(feed, store):
    session = ended(store)
    drive(feed.poll())
    feed.void(Entry(session.id, 900))
    assert feed.voids(session.id, 1000)
    ending = feed.line(session.id)
    assert ending is not None
    assert (ending.revoked_at, ending.reason) == (MORNING, Reason.USER)


def test_an_ending_made_by_hand_may_have_no_reason(feed, store):
    session = make_session()
    store._log.write(Entry(session.id, 2, MORNING, None))
    drive(feed.poll())
    assert feed.voids(session.id, 7)


def test_lines_may_come_in_any_order_and_twice(feed):
    id = make_session().id
    for version in (3, 5, 4, 5):
        feed.void(Entry(id, version))
    assert feed.voids(id, 4)
    assert not feed.voids(id, 5)


def test_a_line_is_remembered_longer_than_any_snapshot_lives(feed, store, monotonic):
    for _ in range(6):
        session = ended(store)
        drive(feed.poll())
        for _ in range(6):
            monotonic.now += 60
            drive(feed.poll())
            assert feed.voids(session.id, 1)
    monotonic.now += 800
    drive(feed.poll())
    monotonic.now += 800
    drive(feed.poll())
    assert not feed.voids(session.id, 1)


@pytest.mark.parametrize("jump", [-1, 1])
def test_a_clock_that_jumps_makes_nobody_forget(feed, store, clock, jump):
    session = ended(store)
    drive(feed.poll())
    for _ in range(5):
        clock.tick(days=jump)
        drive(feed.poll())
    assert feed.voids(session.id, 1)


def test_whoever_begins_reads_what_is_there(feed, store):
    session = ended(store)
    store.page = 1
    drive(feed.poll())
    assert feed.voids(session.id, 1)


def test_listeners_are_told_and_one_that_fails_stops_nobody(feed, store, clock, caplog):
    heard: list[UUID] = []

    def fails(_: Entry) -> None:
        raise ZeroDivisionError

    feed.listen(fails)
    feed.listen(lambda entry: heard.append(entry.id))
    session = ended(store)
    drive(feed.poll())
    assert heard == [session.id]
    assert feed.current(clock())
    assert "a listener failed" in caplog.text


# ── a gap ─────────────────────────────────────────────────────────────────────────────────────


def test_after_a_gap_nothing_from_before_is_trusted(feed, store, clock, caplog):
    ended(store)
    drive(feed.poll())
    assert feed.trusted_from is None
    clock.tick(seconds=0.25)
    ended(store)
    store._log.forget(datetime.max.replace(tzinfo=MORNING.tzinfo))
    with caplog.at_level(logging.WARNING):
        drive(feed.poll())
    assert feed.trusted_from == clock()
    assert store.revoked[2:] == []  # it is the same log: nothing was lost but lines
    assert "does not go on" in caplog.text


def test_until_a_gap_was_read_over_it_is_not_current(feed, store, clock):
    for _ in range(4):
        ended(store)
    drive(feed.poll())
    store._log.epoch = "another"
    store.page = 1

    def away(asked: int) -> None:
        if asked == 4:
            raise Away

    store.before = away
    with pytest.raises(Away):
        drive(feed.poll())
    assert not feed.current(clock())
    drive(feed.poll())
    assert feed.current(clock())


def test_endings_that_a_failover_lost_are_given_back(feed, store, caplog):
    lost, kept = ended(store), ended(store)
    drive(feed.poll())
    store.lose(lost)
    assert drive(store.get(lost.id)).revoked_at is None
    store.revoked.clear()
    drive(feed.poll())
    assert store.revoked == [lost.id]  # and not of what the other log still says
    again = drive(store.get(lost.id))
    assert (again.revoked_at, again.reason) == (MORNING, Reason.USER)
    assert drive(store.get(kept.id)).version == 2
    assert "written back" in caplog.text


def test_endings_that_this_process_made_are_given_back_though_no_poll_brought_them(feed, store):
    drive(feed.poll())
    session = ended(store)
    feed.ended(session.id, MORNING, Reason.USER)
    store.lose(session)
    drive(feed.poll())
    assert drive(store.get(session.id)).revoked_at == MORNING


def test_a_store_that_goes_away_while_it_is_given_back_gets_it_later(feed, store, clock, monkeypatch):
    lost = ended(store)
    drive(feed.poll())
    store.lose(lost)

    async def away(*_: object, **__: object) -> list[UUID]:
        raise Away

    with monkeypatch.context() as patch:
        patch.setattr(store, "revoke", away)
        with pytest.raises(Away):
            drive(feed.poll())
    assert not feed.current(clock())
    drive(feed.poll())
    assert drive(store.get(lost.id)).revoked_at == MORNING
    assert feed.current(clock())


def test_of_what_another_log_does_not_say_only_endings_stay(feed, store):
    ending, renewed = ended(store), make_session()
    feed.void(Entry(renewed.id, 7))
    drive(feed.poll())
    store._log.epoch = "another"
    drive(feed.poll())
    assert feed.voids(ending.id, 1)
    assert not feed.voids(renewed.id, 1)  # the store was set back: its word is version 1


def test_another_log_that_claims_to_go_on_is_read_from_its_beginning(feed, store, clock, monkeypatch):
    first = ended(store)
    drive(feed.poll())
    feed.forget()
    drive(feed.poll())
    feed._recent.clear()  # as if the first log had not said it
    entries = MemoryStore.entries

    async def another(after: str | None = None, *, limit: int = 10_000) -> Entries:
        page = await entries(store, after, limit=limit)
        return _replaced(page, epoch="another")

    monkeypatch.setattr(store, "entries", another)
    drive(feed.poll())
    assert feed.voids(first.id, 1)
    assert feed.epoch == "another"
    assert feed.trusted_from == clock()


def test_whoever_forgot_begins_anew(feed, store, clock):
    session = ended(store)
    drive(feed.poll())
    feed._polling.acquire()  # held by a thread that is not in the child of a fork
    feed._lock.acquire()
    feed.forget()
    assert not feed.current(clock())
    assert not feed.voids(session.id, 1)
    assert drive(feed.poll())
    assert feed.voids(session.id, 1)
