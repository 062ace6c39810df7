"""Background work: who does it, what is told once, how much is forgotten at a time, and what stops it."""

from __future__ import annotations

import asyncio
import logging
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sojourn import AsyncSessions, Policy
from sojourn.background import LEASE, Done, Worker
from sojourn.events import Event, Expired
from sojourn.session import Session
from sojourn.stores.memory import MemoryStore
from sojourn.stores.protocol import Entries, Store
from sojourn.stores.sqlite import SQLiteStore
from sojourn.testing import FakeClock, make_keys, make_session

DAY, MINUTE, SECOND = timedelta(days=1), timedelta(minutes=1), timedelta(seconds=1)
LONG_AGO = timedelta(days=200)


class Slow(MemoryStore):
    """A store that takes its time by a watch, `per_row` seconds a row, and remembers what it was asked."""

    def __init__(self, per_row: float = 0.0, *, now: datetime | None = None) -> None:
        super().__init__()
        self.per_row, self.now, self.watch = per_row, now, 0.0
        self.took: list[float] = []
        self.log_cut: list[datetime | None] = []
        self.rested: list[float] = []

    def spend(self, rows: int) -> None:
        self.watch += rows * self.per_row
        self.took.append(rows * self.per_row)

    async def rest(self, seconds: float) -> None:
        self.rested.append(seconds)

    async def expire(self, *, at: datetime, limit: int = 1000) -> list[Session]:
        over = await super().expire(at=at, limit=limit)
        self.spend(len(over))
        return over

    async def purge(self, *, before: datetime, limit: int = 1000, log_before: datetime | None = None) -> int:
        rows = await super().purge(before=before, limit=limit, log_before=log_before)
        self.spend(rows)
        self.log_cut.append(log_before)
        return rows

    async def entries(self, after: str | None = None, *, limit: int = 10_000) -> Entries:
        page = await super().entries(after, limit=limit)
        return Entries(entries=page.entries, cursor=page.cursor, epoch=page.epoch, now=self.now)


class Gone(MemoryStore):
    """A store that is away for its first `failures` steps, and goes on as if nothing had been."""

    faults: tuple[type[Exception], ...] = (ConnectionError,)

    def __init__(self, failures: int, error: Exception) -> None:
        super().__init__()
        self.failures, self.error = failures, error

    async def expire(self, *, at: datetime, limit: int = 1000) -> list[Session]:
        if self.failures:
            self.failures -= 1
            raise self.error
        return await super().expire(at=at, limit=limit)


def over(store: Store, clock: FakeClock, events: list[Event] | None = None) -> AsyncSessions:
    told = None if events is None else events.append
    return AsyncSessions(store, keys=make_keys(), clock=clock, on_event=told)


def worker(store: Store, clock: FakeClock, events: list[Event] | None = None, **more: Any) -> Worker:
    if isinstance(store, Slow):
        more |= {"stopwatch": lambda: store.watch, "rest": store.rest}
    return Worker(over(store, clock, events), **more)


async def kept(store: Store, count: int, *, ended: timedelta, clock: FakeClock) -> list[Session]:
    """Sessions that ended by time, that long ago."""
    end = clock() - ended
    sessions = [
        make_session(created_at=end - DAY - n * SECOND, ends_at=end, user_id=f"user {n}")
        for n in range(count)
    ]
    for session in sessions:
        assert (await store.insert(session)).done
    return sessions


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.name == "sojourn.background" and record.levelno > 10
    ]


# ── expiry ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("expires", "kind", "duration"),
    [(timedelta(hours=3), "idle", timedelta(hours=3)), (timedelta(days=2), "absolute", timedelta(days=2))],
)
async def test_an_expiry_is_told_with_its_kind_and_how_long_the_session_was(
    store: Store, clock: FakeClock, events: list[Event], expires: timedelta, kind: Any, duration: timedelta
) -> None:
    session = make_session(ends_at=clock() + 2 * DAY, expires_at=clock() + expires, ip="192.0.2.7")
    await store.insert(session)
    working = worker(store, clock, events)
    assert (await working.step(clock())).marked == 0
    now = clock.tick(days=2)
    assert (await working.step(now)).marked == 1
    assert (await working.step(clock.tick(days=1))).marked == 0
    expired = Expired(
        at=now,
        session_id=session.id,
        user_id="ada",
        ip="192.0.2.7",
        kind=kind,
        duration=duration,
    )
    assert events == [expired]


async def test_two_workers_at_one_file_tell_each_expiry_once(tmp_path: Path, clock: FakeClock) -> None:
    stores: list[Store] = [SQLiteStore(tmp_path / "sessions.db") for _ in range(2)]
    told: list[list[Event]] = [[], []]
    workers = [worker(store, clock, events) for store, events in zip(stores, told, strict=True)]
    for day in range(4):
        sessions = await kept(stores[0], 60, ended=timedelta(0), clock=clock)
        # Each step is that of a leader: the other's lease is over, or both believe to have it.
        now = clock.tick(minutes=1)
        first, second = (workers[0], workers[1]) if day % 2 else (workers[1], workers[0])
        await first.step(now)
        await asyncio.gather(second._notice(now, within=1), first._notice(now, within=1))
        ids = [event.session_id for events in told for event in events]
        assert len(ids) == len(set(ids)) == 60 * (day + 1)
        assert {session.id for session in sessions} <= set(ids)
    for store in stores:
        await store.close()


async def test_two_that_both_believe_to_lead_share_the_expiries(tmp_path: Path, clock: FakeClock) -> None:
    stores: list[Store] = [SQLiteStore(tmp_path / "sessions.db") for _ in range(2)]
    told: list[list[Event]] = [[], []]
    sessions = await kept(stores[0], 300, ended=SECOND, clock=clock)
    workers = [worker(store, clock, events) for store, events in zip(stores, told, strict=True)]
    for one in workers:
        one._noticing.size = 10  # many small batches, so that they meet
    await asyncio.gather(*(one._notice(clock(), within=60) for one in workers))
    ids = [event.session_id for events in told for event in events]
    assert sorted(ids, key=str) == sorted((session.id for session in sessions), key=str)
    for store in stores:
        await store.close()


async def test_a_listener_that_fails_stops_nothing(clock: FakeClock, events: list[Event]) -> None:
    store = MemoryStore()
    await kept(store, 3, ended=SECOND, clock=clock)
    sessions = over(store, clock)
    sessions.listen(lambda event: print(1 / 0))
    sessions.listen(events.append)
    assert (await Worker(sessions).step(clock())).marked == 3
    assert len(events) == 3


# ── the lease ─────────────────────────────────────────────────────────────────────────────────


async def test_one_of_two_works(store: Store, clock: FakeClock, events: list[Event]) -> None:
    await kept(store, 1, ended=SECOND, clock=clock)
    first, second = worker(store, clock, holder="first"), worker(store, clock, events, holder="second")
    await first.step(clock())
    await kept(store, 1, ended=SECOND, clock=clock)
    assert await second.step(clock.tick(seconds=10)) == Done(skipped=1)
    assert (first.leading, second.leading, events) == (True, False, [])


async def test_of_a_holder_that_died_the_lease_is_free_after_three_steps(
    store: Store, clock: FakeClock
) -> None:
    dead, heir = worker(store, clock, holder="dead"), worker(store, clock, holder="heir")
    await dead.step(clock())
    assert await heir.step(clock.tick(seconds=29)) == Done(skipped=1)
    await heir.step(clock.tick(seconds=1))
    assert heir.leading
    assert await dead.step(clock()) == Done(skipped=1)  # it was not dead, only slow, and learns it now
    assert not dead.leading


async def test_a_lease_that_was_given_back_is_free_at_once(store: Store, clock: FakeClock) -> None:
    first, second = worker(store, clock, holder="first"), worker(store, clock, holder="second")
    await first.step(clock())
    await first.leave(clock())
    await second.step(clock())
    assert second.leading


async def test_who_does_not_lead_gives_nothing_back(store: Store, clock: FakeClock) -> None:
    first, second = worker(store, clock, holder="first"), worker(store, clock, holder="second")
    await first.step(clock())
    await second.step(clock())
    await second.leave(clock.tick(minutes=1))
    await first.step(clock())
    assert first.leading


async def test_of_clocks_a_minute_apart_the_one_ahead_leads(store: Store, clock: FakeClock) -> None:
    ahead = FakeClock(clock() + MINUTE)
    slow, fast = worker(store, clock, holder="slow"), worker(store, ahead, holder="fast")
    await slow.step(clock())
    await fast.step(ahead())
    assert fast.leading  # to it the other's lease is over
    for _ in range(10):
        await slow.step(clock.tick(seconds=10))
        await fast.step(ahead.tick(seconds=10))
        assert (slow.leading, fast.leading) == (False, True)
    # It dies. The other waits for the lease, and for the minute.
    assert await slow.step(clock.tick(seconds=89)) == Done(skipped=1)
    await slow.step(clock.tick(seconds=1))
    assert slow.leading


def test_a_forked_child_is_another_holder(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    working = worker(MemoryStore(), clock)
    before = working.holder
    assert working.holder == before
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert working.holder != before
    assert worker(MemoryStore(), clock).holder != working.holder


# ── purge ─────────────────────────────────────────────────────────────────────────────────────


async def test_what_is_long_over_is_forgotten_and_nothing_else(store: Store, clock: FakeClock) -> None:
    long_over = await kept(store, 5, ended=Policy().keep_ended + SECOND, clock=clock)
    over_now = await kept(store, 5, ended=Policy().keep_ended - SECOND, clock=clock)
    assert (await worker(store, clock).step(clock())).removed == 5
    assert [await store.get(session.id) for session in long_over] == [None] * 5
    assert None not in [await store.get(session.id) for session in over_now]


async def test_each_purge_that_did_something_is_one_line(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sojourn")
    store = Slow(0.0001)
    await kept(store, 4, ended=LONG_AGO, clock=clock)
    working = worker(store, clock, [])
    await working.step(clock())
    assert lines(caplog) == ["purge: marked 4, removed 4, skipped 0, time 0.001 s"]
    await kept(store, 3, ended=SECOND, clock=clock)
    await working.step(clock.tick(seconds=10))  # noticed, and nothing to forget before the next purge
    await working.step(clock.tick(minutes=5))
    assert lines(caplog)[1:] == ["purge: marked 3, removed 0, skipped 0, time 0.000 s"]
    await working.step(clock.tick(minutes=5))
    assert len(lines(caplog)) == 2


async def test_between_two_purges_expiry_alone_is_looked_for(clock: FakeClock) -> None:
    store = Slow()
    working = worker(store, clock, every=10 * SECOND, purge_every=MINUTE)
    for _ in range(13):
        await working.step(clock())
        clock.tick(seconds=10)
    assert len(store.log_cut) == 3  # at once, after a minute, after two
    await working.step(clock.tick(days=-1))  # a clock that was set back does not put it off for a day
    assert len(store.log_cut) == 4


async def test_batches_become_as_small_as_the_store_is_slow(clock: FakeClock) -> None:
    store = Slow(0.005)  # a batch of 200 takes a second
    await kept(store, 1500, ended=LONG_AGO, clock=clock)
    working = worker(store, clock)
    while (await working.step(clock())).skipped:
        pass
    assert [seconds for seconds in store.took if seconds > 0.05] == [
        1.0,
        1.0,
    ]  # the first of each: nobody knew
    assert (await working.step(clock())).removed == 0


async def test_batches_become_larger_where_the_store_is_quick(clock: FakeClock) -> None:
    store = Slow(0.00001)
    await kept(store, 4000, ended=LONG_AGO, clock=clock)
    working = worker(store, clock)
    await working.step(clock())
    rows = [round(seconds / store.per_row) for seconds in store.took]
    assert rows == 2 * [200, 400, 800, 1600, 1000, 0]


async def test_between_batches_others_get_as_much_time(clock: FakeClock) -> None:
    store = Slow(0.0001)
    await kept(store, 1500, ended=LONG_AGO, clock=clock)
    await worker(store, clock).step(clock())
    assert store.rested == pytest.approx([seconds for seconds in store.took if seconds])
    assert sum(store.rested) > 0.2


async def test_a_step_ends_when_its_time_is_up_and_the_next_one_goes_on(
    clock: FakeClock, events: list[Event], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sojourn")
    store = Slow(0.005)
    await kept(store, 1200, ended=LONG_AGO, clock=clock)
    working = worker(store, clock, events)
    steps = [await working.step(clock())]
    assert (steps[0].marked, steps[0].removed, steps[0].skipped) == (200, 0, 1)
    while steps[-1].skipped:
        steps.append(await working.step(clock.tick(seconds=10)))
    assert sum(step.removed for step in steps) == len(events) == 1200
    assert max(step.seconds for step in steps) < 2.2
    # The first line sums up the steps that only noticed, and counts how often their time was up.
    first, *others = [step for step in steps if step.removed]
    behind = len(steps) - len(others) - 1
    assert lines(caplog)[0].startswith(f"purge: marked 1200, removed {first.removed}, skipped {behind + 1},")
    assert lines(caplog)[1:] == [str(step) for step in others]


async def test_the_log_is_cut_once_a_purge_and_by_the_earlier_clock(clock: FakeClock) -> None:
    kept_for = Policy().log_kept
    assert kept_for >= timedelta(hours=1)
    for theirs, cut in [
        (None, clock() - kept_for),
        (clock() - 3 * timedelta(hours=1), clock() - 3 * timedelta(hours=1) - kept_for),  # ours is ahead
        (clock() + DAY, clock() - kept_for),
    ]:
        store = Slow(now=theirs)
        await kept(store, 1, ended=LONG_AGO, clock=clock)
        await worker(store, clock).step(clock())
        assert store.log_cut == [cut, None]


async def test_what_else_is_to_be_forgotten_goes_with_each_purge(clock: FakeClock) -> None:
    times = []

    async def forget_limits() -> int:
        times.append(clock())
        return 7

    working = worker(MemoryStore(), clock, also=[forget_limits])
    await working.step(clock())
    await working.step(clock.tick(seconds=10))
    await working.step(clock.tick(minutes=5))
    assert len(times) == 2
    await working.purge(clock())
    assert len(times) == 3


async def test_a_purge_by_hand_does_everything_whoever_has_the_lease(
    clock: FakeClock, events: list[Event]
) -> None:
    store = Slow(0.002)
    await kept(store, 2000, ended=LONG_AGO, clock=clock)
    counts: list[int] = []
    done = await worker(store, clock, events).purge(clock(), tell=counts.append)
    assert (done.marked, done.removed, done.skipped) == (2000, 2000, 0)
    assert len(events) == counts[-1] == 2000
    assert await store.lease(LEASE, "somebody else", at=clock(), until=clock() + MINUTE)  # it was given back


async def test_a_purge_by_hand_leaves_expiry_to_the_worker_that_runs(
    store: Store, clock: FakeClock, events: list[Event]
) -> None:
    running = worker(store, clock, events)
    await running.step(clock())
    await kept(store, 2, ended=LONG_AGO, clock=clock)
    await kept(store, 1, ended=SECOND, clock=clock)
    by_hand: list[Event] = []
    done = await worker(store, clock, by_hand).purge(clock())
    assert (done.marked, done.removed, done.skipped, by_hand) == (0, 2, 1, [])
    await running.step(clock.tick(seconds=10))
    assert running.leading
    assert len(events) >= 1


# ── the loop ──────────────────────────────────────────────────────────────────────────────────

QUICKLY = timedelta(milliseconds=2)


async def until_told(working: Worker) -> None:
    """Run the loop until something expired."""
    stop = asyncio.Event()
    working.sessions.listen(lambda event: stop.set())
    async with asyncio.timeout(30):
        await working.run(stop)


@pytest.mark.parametrize(
    ("error", "traceback"), [(ConnectionError("refused"), False), (ZeroDivisionError("ours"), True)]
)
async def test_an_outage_is_said_once_and_the_work_goes_on_after_it(
    clock: FakeClock, caplog: pytest.LogCaptureFixture, error: Exception, traceback: bool
) -> None:
    caplog.set_level(logging.WARNING, "sojourn")
    store = Gone(5, error)
    await kept(store, 1, ended=SECOND, clock=clock)
    await until_told(worker(store, clock, every=QUICKLY))
    assert store.failures == 0
    assert lines(caplog) == [
        f"background work waits for the store: {type(error).__name__}: {error}",
        "background work goes on",
    ]
    assert (caplog.records[0].exc_info is not None) == traceback


async def test_a_second_outage_is_said_again(clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "sojourn")
    store = Gone(2, ConnectionError("refused"))
    working = worker(store, clock, every=QUICKLY)
    for _ in range(2):
        store.failures = 2
        await kept(store, 1, ended=SECOND, clock=clock)
        await until_told(working)
    assert lines(caplog) == 2 * [
        "background work waits for the store: ConnectionError: refused",
        "background work goes on",
    ]


async def test_no_fault_tells_a_password(clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    store = Gone(1, ConnectionError("cannot reach redis://ada:analytical@engine@cache:6379/0"))
    await kept(store, 1, ended=SECOND, clock=clock)
    await until_told(worker(store, clock, every=QUICKLY))
    assert "cannot reach redis://***@cache:6379/0" in caplog.text
    assert "analytical" not in caplog.text
    assert "engine" not in caplog.text


async def test_at_the_end_the_lease_is_given_back(
    store: Store, clock: FakeClock, events: list[Event]
) -> None:
    await kept(store, 1, ended=SECOND, clock=clock)
    working = worker(store, clock, events)
    noticed = asyncio.Event()
    working.sessions.listen(lambda event: noticed.set())
    async with asyncio.timeout(30), working.at_work():
        await noticed.wait()
        assert not await store.lease(LEASE, "heir", at=clock(), until=clock() + MINUTE)
    assert await store.lease(LEASE, "heir", at=clock(), until=clock() + MINUTE)


async def test_what_fails_inside_passes_and_ends_the_work(clock: FakeClock) -> None:
    working = worker(MemoryStore(), clock)
    with pytest.raises(ZeroDivisionError):
        async with working.at_work():
            raise ZeroDivisionError
    assert not working.leading


async def test_a_store_that_never_answers_does_not_hold_up_the_end(
    clock: FakeClock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()

    class Silent(MemoryStore):
        async def expire(self, *, at: datetime, limit: int = 1000) -> list[Session]:
            asked.set()
            await asyncio.Event().wait()
            raise AssertionError

    monkeypatch.setattr(Worker, "patience", 0.01)
    store = Silent()
    async with asyncio.timeout(30), worker(store, clock).at_work():
        await asked.wait()
    assert "was cut off" in caplog.text
    assert await store.lease(LEASE, "heir", at=clock(), until=clock() + MINUTE)


async def test_a_store_that_is_away_at_the_end_is_no_error(clock: FakeClock) -> None:
    class Leaving(MemoryStore):
        faults: tuple[type[Exception], ...] = (ConnectionError,)
        away = False

        async def lease(self, name: str, holder: str, *, at: datetime, until: datetime) -> bool:
            if self.away:
                raise ConnectionError
            return await super().lease(name, holder, at=at, until=until)

    store = Leaving()
    await kept(store, 1, ended=SECOND, clock=clock)
    working = worker(store, clock)
    stop = asyncio.Event()

    def leave(event: Event) -> None:
        store.away = True
        stop.set()

    working.sessions.listen(leave)
    async with asyncio.timeout(30):
        await working.run(stop)
    assert store.away
