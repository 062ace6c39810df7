"""The writer loses nothing that it can keep, says what it could not, and never holds anybody up."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from sojourn import Sessions
from sojourn.events import Event
from sojourn.observe import open_ledger
from sojourn.observe.journal import rows
from sojourn.observe.journal.line import Filter
from sojourn.observe.journal.writer import Journal
from sojourn.observe.ledger import Ledger
from sojourn.stores.memory import MemoryStore
from tests.observe.kit import KEYS, MINUTE, NOON, heard, many, opened, revoked, started


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def places(path: Path) -> list[tuple[int, int]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute("select chain, number from lines order by place").fetchall()


# ── at work ───────────────────────────────────────────────────────────────────────────────────


async def test_what_was_heard_is_written_when_the_work_ends():
    async with opened() as ledger:
        journal = Journal(ledger, flush_every=60 * MINUTE)
        async with journal.at_work():
            await asyncio.sleep(0)
            for event in many(1_234):
                journal.hear(event)
        assert await ledger.last_place() == 1_234
        assert (journal.queued, journal.lag.total_seconds()) == (0, 0)


async def test_it_is_written_beside_the_work(path):
    async with opened(path) as ledger:
        journal = Journal(ledger, flush_every=MINUTE / 6_000)
        async with journal.at_work():
            journal.hear(started())
            async with asyncio.timeout(30):
                while not await ledger.last_place():
                    await asyncio.sleep(0.01)  # until it is there, however long it takes


async def test_hearing_never_fails_and_lag_is_told():
    now = [0.0]
    async with opened() as ledger:
        journal = Journal(ledger, stopwatch=lambda: now[0])
        journal.hear(started())
        now[0] = 2.5
        journal.hear(started())
        assert (journal.queued, journal.lag.total_seconds()) == (2, 2.5)
        await journal.flush()
        assert (journal.queued, journal.lag.total_seconds()) == (0, 0)


async def test_flushes_at_once_write_each_event_once():
    async with opened() as ledger:
        journal = Journal(ledger)
        for event in many(3_000):
            journal.hear(event)
        counts = await asyncio.gather(*(journal.flush() for _ in range(8)))
        assert sum(counts) == 3_000
        assert await ledger.last_place() == 3_000
        assert (await ledger.verify()).ok


# ── bounds ────────────────────────────────────────────────────────────────────────────────────


async def test_what_finds_no_room_is_counted_in_the_journal():
    async with opened() as ledger:
        journal = Journal(ledger, most=10, clock=lambda: NOON)
        for event in many(25):
            journal.hear(event)
        assert (journal.queued, journal.lost) == (10, 15)
        await journal.flush()
        lines = await ledger.tail(0)
        assert [line.name for line in lines] == ["session-established"] * 10 + ["journal-gap"]
        assert lines[-1].facts == {"count": 15}
        assert journal.lost == 0


@pytest.mark.parametrize("field", ["ip", "device"])
async def test_text_that_is_no_unicode_stops_nothing(field):
    """It cannot come in a request, but from a program."""
    broken = msgspec.structs.replace(started("bob"), **{field: "\ud800"})
    async with opened() as ledger:
        await heard(ledger, started("ada"), broken, started("cy"))
        names = [line.name for line in await ledger.tail(0)]
        assert names == ["session-established", "journal-gap", "session-established"]
        assert (await ledger.verify()).ok


async def test_an_outage_loses_nothing_up_to_the_bound(path, caplog):
    """The ledger is locked by another process for longer than anybody waits."""
    async with opened(path) as ledger:
        journal = await heard(ledger, started())
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("begin immediate")
            for event in many(700, "bob"):
                journal.hear(event)
            with caplog.at_level(logging.WARNING, "sojourn.journal"):
                await journal.try_flush()
                await journal.try_flush()
            assert journal.queued == 700
            other.execute("rollback")
        await journal.try_flush()
        assert await ledger.last_place() == 701
        assert [line.number for line in await ledger.tail(0)] == list(range(1, 702))
        assert (await ledger.totals())[("created", "pwd")] == (701, 0.0)
        assert (await ledger.verify()).ok
    assert sum("the journal is not written" in record.message for record in caplog.records) == 1


async def test_a_full_disk_loses_nothing_up_to_the_bound(path):
    async with opened(path) as ledger:
        journal = await heard(ledger, started())

        def pages(db: sqlite3.Connection, more: int) -> None:
            ((count,),) = db.execute("pragma page_count").fetchall()
            db.execute(f"pragma max_page_count = {count + more}").fetchall()

        await ledger.engine.write(lambda db: pages(db, 0))
        for event in many(2_000, "bob"):
            journal.hear(event)
        await journal.try_flush()
        kept = await ledger.last_place()
        assert journal.queued == 2_001 - kept > 0
        await ledger.engine.write(lambda db: pages(db, 100_000))
        await journal.try_flush()
        assert await ledger.last_place() == 2_001
        assert (await ledger.verify()).ok


async def test_a_batch_of_which_nobody_learned_how_it_ended_is_written_once(path):
    """The task was cancelled after the thread had taken the work."""
    async with opened(path) as ledger:
        journal = await heard(ledger, started())
        began, go_on = threading.Event(), threading.Event()

        def hold(_: sqlite3.Connection) -> None:
            began.set()
            assert go_on.wait(30)

        for event in many(5):
            journal.hear(event)
        holding = asyncio.create_task(ledger.engine.write(hold))
        await asyncio.to_thread(began.wait, 30)
        flushing = asyncio.create_task(journal.flush())
        await asyncio.sleep(0)
        flushing.cancel()
        await asyncio.gather(flushing, return_exceptions=True)
        go_on.set()
        await holding
        await journal.flush()
        assert await ledger.last_place() == 6
        assert (await ledger.totals())[("created", "pwd")] == (6, 0.0)
        assert (await ledger.verify()).ok


# ── several at once ───────────────────────────────────────────────────────────────────────────


async def test_who_was_made_by_an_attempt_that_failed_is_made_again(path, monkeypatch):
    """Their key was never written: what lay under it could not be read."""
    start = started("ana")
    end = revoked(start)  # which names the session alone
    async with opened(path) as ledger:
        journal = Journal(ledger)
        journal.hear(start)
        journal.hear(end)
        with monkeypatch.context() as broken:
            broken.setattr(rows, "add", _full)
            with pytest.raises(OSError, match="full"):
                await journal.flush()
        await journal.flush()
        journal.hear(msgspec.structs.replace(end, ip="192.0.2.7"))
        await journal.flush()
    async with opened(path) as ledger:  # which has met nobody
        lines = await ledger.lines(Filter(newest_first=False))
        assert [line.user_id for line in lines] == ["ana", "ana", "ana"]
        assert len({line.person for line in lines}) == 1
        assert lines[2].personal is not None
        assert lines[2].personal["ip"] == "192.0.2.7"


def _full(*given: object) -> None:
    raise OSError("the disk is full")


async def test_several_ledgers_write_to_one_file_at_once(path):
    async def write(user_id: str) -> None:
        async with opened(path) as ledger:
            journal = Journal(ledger)
            for event in many(300, user_id):
                journal.hear(event)
                if journal.queued >= 25:
                    await journal.flush()
            await journal.flush()

    await asyncio.gather(*(write(name) for name in ("ada", "bob", "eve", "zoe")))
    async with opened(path) as ledger:
        report = await ledger.verify()
        assert report.faults == ()
        assert (report.lines, report.chains) == (1_200, 4)
        for name in ("ada", "bob", "eve", "zoe"):
            assert len(await ledger.lines(Filter(user_id=name, limit=1_000))) == 300


_WRITES = """
import asyncio, sys
from pathlib import Path
from tests.observe.kit import Journal, many, opened, started

async def main():
    async with opened(Path(sys.argv[1])) as ledger:
        journal = Journal(ledger)
        for event in many(int(sys.argv[3]), sys.argv[2]):
            journal.hear(event)
            if journal.queued == 50:
                await journal.flush()
        await journal.flush()
        journal.hear(started("unwritten"))
        print("written", flush=True)
        await asyncio.sleep(float(sys.argv[4]))

asyncio.run(main())
"""


def process(path: Path, user_id: str, count: int, stay: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _WRITES, str(path), user_id, str(count), str(stay)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])


def written(running: subprocess.Popen[str]) -> None:
    assert running.stdout is not None
    assert running.stdout.readline() == "written\n"


def closed(running: subprocess.Popen[str]) -> None:
    assert running.stdout is not None
    running.stdout.close()


async def test_what_was_flushed_outlives_a_process_that_is_killed(path):
    running = process(path, "ada", 120, 60)
    try:
        written(running)
        running.send_signal(signal.SIGKILL)
    finally:
        running.wait(30)
        closed(running)
    async with opened(path) as ledger:
        report = await ledger.verify()
        assert report.faults == ()
        assert report.lines == 120
        assert await ledger.lines(Filter(user_id="unwritten")) == []


async def test_two_processes_write_at_once(path):
    running = [process(path, name, 400, 0) for name in ("ada", "bob")]
    for one in running:
        written(one)
        assert one.wait(60) == 0
        closed(one)
    async with opened(path) as ledger:
        report = await ledger.verify()
        assert report.faults == ()
        assert (report.lines, report.chains) == (800, 2)


# ── where no event loop runs ──────────────────────────────────────────────────────────────────


def beside(path: Path) -> tuple[Ledger, Journal]:
    ledger = open_ledger(f"sqlite:///{path}", keys=KEYS)
    journal = Journal(ledger, flush_every=MINUTE / 6_000)
    journal.beside()
    return ledger, journal


def until_written(path: Path, count: int, journal: Journal) -> None:
    """Wait for the thread, however long it takes."""
    deadline = threading.Event()
    for _ in range(3_000):
        if not journal.queued and len(places(path)) >= count:
            return
        deadline.wait(0.01)
    raise AssertionError("the thread has not written")


def test_a_thread_writes_for_the_blocking_face(path):
    from sojourn.blocking import drive

    ledger, journal = beside(path)
    drive(ledger.blocking().engine.write(lambda _: None))
    sessions = Sessions(MemoryStore(), keys=KEYS, on_event=journal.hear)
    sessions.start("ada")
    until_written(path, 1, journal)
    sessions.start("bob")
    journal.end()
    assert places(path) == [(1, 1), (1, 2)]
    drive(ledger.blocking().close())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_has_a_chain_of_its_own(path):
    """A server that forks its workers: each writes what it heard, and nobody what another will."""
    from sojourn.blocking import drive

    ledger = open_ledger(f"sqlite:///{path}", keys=KEYS)
    drive(ledger.blocking().engine.write(lambda _: None))
    drive(ledger.blocking().close())
    journal = Journal(ledger)
    journal.hear(started("ada"))
    child = os.fork()
    if not child:
        try:
            journal.hear(started("bob"))
            journal.flush_now()
            drive(ledger.blocking().close())
        finally:
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    journal.flush_now()
    drive(ledger.blocking().close())
    assert sorted(places(path)) == [(1, 1), (2, 1)]


def test_what_a_listener_hears_is_any_event():
    class Odd(Event, frozen=True, kw_only=True):
        name = "odd"
        what: object = None

    async def write() -> list[str]:
        async with opened() as ledger:
            await heard(ledger, Odd(at=NOON, what={"a": object}), Odd(at=NOON))
            return [line.name for line in await ledger.lines()]

    assert asyncio.run(write()) == ["odd", "odd"]
