"""The leader looks after the ledger: it seals, counts, lets go, and an outage stops nothing else."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from sojourn import AsyncSessions
from sojourn.background import Worker
from sojourn.directory import open_directory
from sojourn.observe.journal.noted import Note, Notes
from sojourn.observe.ledger import Ledger
from sojourn.observe.upkeep import Upkeep
from sojourn.stores.memory import MemoryStore
from sojourn.testing import FakeClock
from tests.observe.kit import (
    DAY,
    HOUR,
    IN_A_FILE,
    KEYS,
    LATER,
    MINUTE,
    NOON,
    ROTATED,
    heard,
    many,
    opened,
    started,
)

pytestmark = pytest.mark.usefixtures("everywhere")


def upkeep(ledger: Ledger, **more: Any) -> Upkeep:
    return Upkeep(ledger, AsyncSessions(MemoryStore(), keys=KEYS, clock=FakeClock(NOON)), **more)


async def lives(keeper: Upkeep, since: datetime, until: datetime) -> None:
    """Have *keeper* live from *since* to *until*, with a step each day."""
    while since < until:
        await keeper.step(since)
        since += DAY
    await keeper.step(until)


async def seals(ledger: Ledger) -> list[str]:
    rows = await ledger.engine.read(lambda db: db.execute("select kind from seals order by id").fetchall())
    return [kind for (kind,) in rows]


async def test_it_seals_once_a_minute_what_happened():
    async with opened() as ledger:
        keeper = upkeep(ledger)
        await heard(ledger, started())
        for seconds in (0, 10, 50, 60, 70, 130):
            await keeper.step(NOON + seconds * MINUTE / 60)
        assert await seals(ledger) == ["seal"]  # nothing has happened after the first
        await heard(ledger, started())
        await keeper.step(NOON + 5 * MINUTE)
        assert await seals(ledger) == ["seal", "seal"]
        assert (await ledger.verify()).unsealed == 0


async def test_two_leaders_do_no_harm():
    async with opened() as ledger:
        one, other = upkeep(ledger), upkeep(ledger)
        for minute in range(4):
            await heard(ledger, started())
            for keeper in (one, other):
                await keeper.step(NOON + minute * MINUTE)
        assert (await ledger.verify()).faults == ()
        points = await ledger.series("active", NOON, NOON + 4 * MINUTE, "minute")
        assert [dict(point.counts) for point in points] == [{"sessions": 0, "users": 0}] * 4


async def test_it_lets_go_of_what_is_past_its_time():
    async with opened() as ledger:
        keeper = upkeep(ledger, keep=10 * DAY, keep_personal=DAY)
        await heard(ledger, started("ada"))
        await lives(keeper, NOON, NOON + 2 * DAY)
        (line,) = await ledger.lines()
        assert line.personal == {"user_id": "ada"}
        await heard(ledger, started("bob", NOON + 9 * DAY))
        await lives(keeper, NOON + 3 * DAY, NOON + 11 * DAY)
        (line,) = await ledger.lines()
        assert line.user_id == "bob"
        assert (await ledger.verify()).faults == ()
        rows = await ledger.engine.read(lambda db: db.execute("select user_id from people").fetchall())
        assert [user_id for (user_id,) in rows] == ["bob"]


async def test_it_lets_go_a_little_at_a_time(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sojourn.observe.upkeep._MOST", 4)
    monkeypatch.setattr("sojourn.observe.upkeep._BATCH", 2)
    for module in ("sealing", "keeping"):
        monkeypatch.setattr(f"sojourn.observe.journal.{module}._BATCH", 2)
    async with opened() as ledger:
        keeper = upkeep(ledger, keep=10 * DAY, keep_personal=DAY)
        await heard(ledger, *many(10))
        await lives(keeper, NOON, NOON + 9 * DAY)
        left = []
        for second in range(5):  # of the same hour
            await keeper.step(NOON + 10 * DAY + HOUR + second * MINUTE / 60)
            left.append(len(await ledger.lines()))
            assert (await ledger.verify()).faults == ()
        assert left == [6, 2, 0, 0, 0]


async def whole(ledger: Ledger) -> list[bool]:
    """Of each line that is left, whether what is personal in it is."""
    return ["ip" in (line.personal or {}) for line in await ledger.lines()]


@pytest.mark.parametrize("steps", [1, 100])
async def test_a_clock_that_was_ahead_deletes_nothing(steps: int):
    async with opened() as ledger:
        beside = open_directory("memory://")
        keeper = upkeep(ledger, keep=10 * DAY, keep_personal=5 * DAY, beside=beside)
        await heard(ledger, *many(3))
        await lives(keeper, NOON, NOON + 2 * DAY)
        for step in range(steps):  # of ten minutes; and processes that begin meanwhile know no better
            other = upkeep(ledger, keep=10 * DAY, keep_personal=5 * DAY, beside=beside)
            for one in (keeper, other):
                await one.step(NOON + 500 * DAY + step * 10 * MINUTE)
        assert await whole(ledger) == [True] * 3
        back = NOON + 3 * DAY
        await lives(keeper, back, back + DAY)
        assert await whole(ledger) == [True] * 3
        await lives(keeper, back + 2 * DAY, back + 3 * DAY)
        assert await whole(ledger) == [False] * 3  # in its time
        assert (await ledger.series("active", back, back + MINUTE, "minute"))[0].counts["users"] == 0
        assert (await ledger.verify()).faults == ()


async def test_where_nobody_ran_for_long_all_is_forgotten_a_day_later():
    async with opened() as ledger:
        keeper = upkeep(ledger, keep=10 * DAY, keep_personal=5 * DAY)
        await heard(ledger, *many(3))
        await lives(keeper, NOON, NOON + DAY)
        again = NOON + 60 * DAY
        await lives(keeper, again, again + DAY - MINUTE)
        assert await whole(ledger) == [True] * 3
        await keeper.step(again + DAY + MINUTE)
        assert await whole(ledger) == []


async def test_users_are_counted_though_the_clock_was_ahead_at_the_last_time():
    watch = iter(range(0, 1_000_000, 10))
    async with opened() as ledger:
        keeper = upkeep(ledger, stopwatch=lambda: float(next(watch)))
        for now in (NOON + 90 * DAY, NOON):
            await keeper.step(now)
        points = await ledger.series("active", NOON, NOON + MINUTE, "minute")
    assert "users" in points[0].counts


# ── the last seal ─────────────────────────────────────────────────────────────────────────────


async def test_the_last_seal_is_noted_beside_the_ledger():
    async with opened() as ledger:
        beside = open_directory("memory://")
        keeper, notes = upkeep(ledger, beside=beside), Notes(beside)
        await keeper.step(NOON)
        assert await notes.read() is None  # nothing has happened
        for minute in (1, 2, 3):
            await heard(ledger, started())
            await keeper.step(NOON + minute * MINUTE)
            last, noted = await ledger.last_seal(), await notes.read()
            assert last is not None
            assert noted == Note(id=minute, mac=last.mac, key_id=1, at=NOON + minute * MINUTE)


async def test_what_was_noted_stays_when_it_is_missing_whoever_seals_then(caplog: pytest.LogCaptureFixture):
    async with opened() as ledger:
        beside = open_directory("memory://")
        keeper, notes = upkeep(ledger, beside=beside), Notes(beside)
        for minute in range(3):
            await heard(ledger, started())
            await keeper.step(NOON + minute * MINUTE)
        noted = await notes.read()
        await ledger.engine.write(lambda db: db.execute("delete from seals").rowcount)
        for minute in range(3, 9):  # the new ones have the numbers of the old
            await heard(ledger, started())
            await keeper.step(NOON + minute * MINUTE)
        assert len(await seals(ledger)) == 6
        assert await notes.read() == noted
        assert sum(f"lacks seal {noted}" in record.message for record in caplog.records) == 1


async def test_the_seal_that_was_noted_may_be_forgotten_with_the_rest():
    async with opened() as ledger:
        beside = open_directory("memory://")
        keeper, notes = upkeep(ledger, keep=10 * DAY, beside=beside), Notes(beside)
        await heard(ledger, started())
        await lives(keeper, NOON, NOON + 11 * DAY)
        assert await ledger.lines() == []
        await heard(ledger, started(at=NOON + 11 * DAY))
        await keeper.step(NOON + 11 * DAY + MINUTE)
        last, noted = await ledger.last_seal(), await notes.read()
        assert last is not None
        assert noted is not None
        assert (noted.id, noted.mac) == (last.id, last.mac)


async def test_what_is_kept_for_good_stays():
    async with opened() as ledger:
        keeper = upkeep(ledger, keep=None, keep_personal=None)
        await heard(ledger, started("ada"))
        await keeper.step(NOON)
        await lives(keeper, NOON + 9_000 * DAY, NOON + 9_002 * DAY)
        (line,) = await ledger.lines()
        assert line.personal is not None
        assert line.personal["ip"] == "192.0.2.1"


async def test_after_a_change_of_keys_all_is_readable_when_the_old_one_is_gone(tmp_path: Path):
    path = tmp_path / "journal.db"
    async with opened(path, keys=KEYS) as ledger:
        await heard(ledger, *many(3), *many(3, "bob"))
        await upkeep(ledger).step(NOON)
    async with opened(path, keys=ROTATED) as ledger:
        await upkeep(ledger).step(NOON + HOUR)
    async with opened(path, keys=LATER) as ledger:
        assert all(line.personal and "ip" in line.personal for line in await ledger.lines())
        report = await ledger.verify()
        assert (report.faults, report.closed) == ((), 0)


async def test_without_keys_nothing_is_sealed_and_the_rest_is_done():
    async with opened(keys=None) as ledger:
        await heard(ledger, started())
        await upkeep(ledger).step(NOON)
        assert await seals(ledger) == []
        assert (await ledger.series("active", NOON, NOON + MINUTE, "minute"))[0].known


@IN_A_FILE
async def test_an_outage_of_the_ledger_stops_nobody_from_noticing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    clock = FakeClock(NOON)
    sessions = AsyncSessions(MemoryStore(), keys=KEYS, clock=clock)
    path = tmp_path / "journal.db"
    async with opened(path) as ledger:
        await heard(ledger, started())
        worker = Worker(sessions, each=[Upkeep(ledger, sessions).step])
        issued = await sessions.start("ada")
        clock.tick(days=100)
        told: list[object] = []
        sessions.listen(told.append)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("begin immediate")
            with caplog.at_level(logging.WARNING, "sojourn.journal"):
                done = await worker.step(clock())
            other.execute("rollback")
        assert done.marked == 1
        assert [getattr(event, "session_id", None) for event in told] == [issued.session.id]
        assert sum("not looked after" in record.message for record in caplog.records) == 1
        assert await seals(ledger) == []
        await worker.step(clock())
        assert await seals(ledger) == ["seal"]  # it is made up for, in the same minute


async def test_users_are_counted_less_often_where_that_takes_long():
    watch = iter(range(0, 1_000_000, 10))  # each look at it is ten seconds later
    async with opened() as ledger:
        keeper = upkeep(ledger, stopwatch=lambda: float(next(watch)))
        for minute in range(12):
            await keeper.step(NOON + minute * MINUTE)
        points = await ledger.series("active", NOON, NOON + 12 * MINUTE, "minute")
    assert ["users" in point.counts for point in points] == [True] + [False] * 9 + [True, False]
    assert all("sessions" in point.counts for point in points)
