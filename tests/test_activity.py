"""Uses that wait: written together, never lost while the store is away, never back in time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Thread
from typing import Any
from uuid import UUID

import pytest

from sojourn import AsyncSessions
from sojourn.activity import Activity
from sojourn.blocking import drive
from sojourn.session import Seen, Session
from sojourn.stores.memory import MemoryStore
from sojourn.testing import MORNING, FakeClock, make_keys, make_session

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


class Away(Exception):
    """The store cannot be written to."""


class Counting(MemoryStore):
    """A store that tells what it was given, and may be away."""

    faults: tuple[type[Exception], ...] = (Away,)

    def __init__(self) -> None:
        super().__init__()
        self.written: list[dict[UUID, Seen]] = []
        self.fault: BaseException | None = None

    async def touch(self, seen: Mapping[UUID, Seen], *, at: datetime, **how: Any) -> None:
        if self.fault:
            raise self.fault
        self.written.append(dict(seen))
        await super().touch(seen, at=at, **how)


@pytest.fixture
def store() -> Counting:
    return Counting()


@pytest.fixture
def activity(store: Counting, clock: FakeClock) -> Activity:
    found = Activity(store, clock)
    found.waits = True
    return found


def started(store: MemoryStore) -> Session:
    session = make_session()
    drive(store.insert(session))
    return session


def seen(minutes: float, generation: int | None = None) -> Seen:
    return Seen(MORNING + minutes * MINUTE, MORNING + timedelta(days=14) + minutes * MINUTE, generation)


def test_uses_of_one_session_are_one_write(store, activity):
    session = started(store)
    for minutes in (1, 3, 2):
        drive(activity.record(session.id, seen(minutes)))
    assert store.written == []
    assert drive(activity.flush()) == 1
    assert store.written == [{session.id: seen(3)}]
    assert drive(store.get(session.id)).seen_at == MORNING + 3 * MINUTE
    assert drive(activity.flush()) == 0


def test_where_nobody_flushes_a_use_is_written_at_once(store, activity):
    session = started(store)
    activity.waits = False
    drive(activity.record(session.id, seen(1)))
    assert store.written == [{session.id: seen(1)}]


def test_the_highest_generation_that_came_back_is_confirmed(store, activity):
    id = started(store).id
    for generation in (None, 1, 0, None):
        activity.note(id, seen(1, generation))
    drive(activity.flush())
    assert store.written == [{id: seen(1, 1)}]


def test_what_cannot_be_written_waits(store, activity, caplog):
    session = started(store)
    store.fault = Away()
    activity.note(session.id, seen(2))
    with pytest.raises(Away):
        drive(activity.flush())
    assert not drive(activity.try_flush())
    assert "not recorded yet" in caplog.text
    activity.note(session.id, seen(1))  # told late
    store.fault = None
    assert drive(activity.try_flush())
    assert store.written == [{session.id: seen(2)}]


def test_who_is_cancelled_loses_nobodys_uses(store, activity):
    activity.note(started(store).id, seen(1))
    store.fault = asyncio.CancelledError()
    with pytest.raises(asyncio.CancelledError):
        drive(activity.flush())
    assert len(activity) == 1


def test_a_mistake_of_ours_is_not_repeated_for_ever(store, activity):
    activity.note(started(store).id, seen(1))
    store.fault = TypeError()
    with pytest.raises(TypeError):
        drive(activity.flush())
    assert len(activity) == 0


def test_a_late_flush_revives_nobody(store, activity, clock):
    session = make_session(expires_at=MORNING + MINUTE)
    drive(store.insert(session))
    activity.note(session.id, seen(0.5))
    clock.tick(minutes=1)
    drive(activity.flush())
    assert drive(store.get(session.id)) == session


def test_many_are_written_in_parts(store, activity):
    for _ in range(2500):
        activity.note(make_session().id, seen(1))
    assert drive(activity.flush()) == 2500
    assert [len(batch) for batch in store.written] == [1000, 1000, 500]


def test_what_waits_is_bounded(store, activity, monkeypatch, caplog):
    monkeypatch.setattr("sojourn.activity._MOST", 3000)
    ids = [make_session().id for _ in range(5000)]
    with caplog.at_level(logging.WARNING):
        for id in ids:
            activity.note(id, seen(1))
    assert 2000 <= len(activity) <= 3000
    assert "given up" in caplog.text
    drive(activity.flush())
    assert {id for batch in store.written for id in batch} >= set(ids[-1000:])


def test_threads_share_it(store, activity):
    sessions = [started(store) for _ in range(40)]

    def work(seed: int) -> None:
        for step in range(200):
            activity.note(sessions[(seed + step) % 40].id, seen(seed + step / 1000))
            if step % 20 == 0:
                drive(activity.flush())

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    drive(activity.flush())
    assert {drive(store.get(session.id)).seen_at > MORNING + 7 * MINUTE for session in sessions} == {True}


def test_a_child_of_a_fork_forgets_even_when_somebody_held_the_lock(store, activity):
    activity.note(started(store).id, seen(1))
    holder = Thread(target=activity._lock.acquire)  # never lets go: that thread is not in the child
    holder.start()
    holder.join()
    activity.forget()
    assert len(activity) == 0
    assert not activity.waits
    activity.note(started(store).id, seen(1))
    assert drive(activity.flush()) == 1


def test_of_two_processes_one_writes_a_use(clock: FakeClock) -> None:
    store = MemoryStore()
    one, other = (AsyncSessions(store, keys=make_keys(), clock=clock) for _ in range(2))
    for sessions in (one, other):
        sessions.activity.waits = True
        drive(sessions.feed.poll())
    token = drive(one.start("ada")).token
    for sessions in (one, other):
        drive(sessions.validate(token))  # each has a snapshot now

    def used(sessions: AsyncSessions) -> datetime:
        drive(sessions.feed.poll())
        drive(sessions.validate(token))
        drive(sessions.flush())
        (session,) = drive(one.list("ada"))
        return session.seen_at

    first = clock.tick(seconds=61)
    assert used(one) == first
    clock.tick(seconds=20)
    assert used(other) == first  # recorded here too, and not written
    assert used(one) == first
    later = clock.tick(seconds=61)
    assert used(other) == later
