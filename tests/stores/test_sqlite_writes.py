"""SQLite: which writes are made in place, which on the thread, and how long their log gets."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sojourn.blocking import drive
from sojourn.session import Reason
from sojourn.stores.protocol import Query
from sojourn.stores.sqlite import SQLiteStore, disk, writer
from sojourn.testing import make_session
from tests.stores.acts import NOW
from tests.stores.platter import begun, head, revoke, rotated

# ── in place, and when not ────────────────────────────────────────────────────────────────────


async def where(store: SQLiteStore) -> str:
    return await store.engine.jot(lambda db: threading.current_thread().name, durable=False)


def test_a_small_write_is_made_in_place(run: Any, path: Path) -> None:
    async def test(store: SQLiteStore) -> None:
        assert await where(store) == "MainThread"
        assert drive(where(store.blocking())) == "MainThread"

    run(test)


def test_a_small_write_waits_on_the_thread_for_another_process(run: Any, path: Path) -> None:
    async def test(store: SQLiteStore) -> None:
        session = await begun(store)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("begin immediate")
            acts = [
                where(store),
                revoke(store, session),
                store.replace(rotated(session), at=NOW),
                store.lease("work", "me", at=NOW, until=NOW),
            ]
            tasks = [asyncio.ensure_future(act) for act in acts]
            for _ in range(100):
                await asyncio.sleep(0.0005)
                assert await store.get(session.id) == session
            assert not any(task.done() for task in tasks)
            other.execute("rollback")
        thread, ended, replaced, leased = await asyncio.gather(*tasks)
        assert thread == "sojourn-sqlite"
        assert ended == [session.id] or replaced
        assert leased
        assert await where(store) == "MainThread"

    run(test)


def test_a_small_write_waits_for_a_large_one_and_is_made_in_place(run: Any) -> None:
    async def test(store: SQLiteStore) -> None:
        session = await begun(store)
        entered, may_leave = threading.Event(), threading.Event()

        def large(db: sqlite3.Connection) -> bool:
            entered.set()
            return may_leave.wait(30)

        writing = asyncio.create_task(store.engine.write(large, durable=False))
        assert await asyncio.to_thread(entered.wait, 30)
        small = [asyncio.ensure_future(where(store)) for _ in range(3)]
        for _ in range(100):
            await asyncio.sleep(0)
            assert await store.get(session.id) == session
        assert not any(task.done() for task in small)
        may_leave.set()
        assert await writing
        assert await asyncio.gather(*small) == ["MainThread"] * 3

    run(test)


@pytest.mark.parametrize(
    ("count", "limit", "thread"),
    [
        (1, 1000, "MainThread"),
        (16, 1000, "MainThread"),
        (17, 1000, "sojourn-sqlite"),
        (40, 16, "MainThread"),
        (40, 20, "sojourn-sqlite"),
    ],
)
def test_a_user_with_few_sessions_is_signed_out_in_place(
    run: Any, count: int, limit: int, thread: str
) -> None:
    async def test(store: SQLiteStore) -> None:
        live = [await begun(store) for _ in range(count)]
        await revoke(store, await begun(store))
        threads: list[str] = []

        def watch(db: sqlite3.Connection) -> None:
            db.create_function("note", 0, lambda: threads.append(threading.current_thread().name))
            db.execute("create temp trigger noted after update on sessions begin select note(); end")

        await store.engine.jot(watch, durable=False)
        query = Query(user_id="ada", limit=limit)
        ended = await store.revoke(query, at=NOW, reason=Reason.USER)
        assert ended == sorted((session.id for session in live), reverse=True)[:limit]
        assert threads == [thread] * len(ended)
        left = await store.revoke(query, at=NOW, reason=Reason.USER)
        assert len(left) == min(count - len(ended), limit)

    run(test)


def test_of_a_user_without_sessions_nothing_ends(run: Any) -> None:
    async def test(store: SQLiteStore) -> None:
        asked = (
            Query(user_id="ada", limit=1000),
            Query(user_id="ada", except_id=make_session().id, limit=1000),
        )
        for query in asked:
            assert await store.revoke(query, at=NOW, reason=Reason.USER) == []
        assert await store.count(Query(live_at=NOW)) == 1

    run(test)


def test_small_writes_of_one_turn_of_the_loop_are_committed_together(run: Any) -> None:
    async def test(store: SQLiteStore) -> None:
        statements: list[str] = []
        await store.engine.jot(lambda db: db.set_trace_callback(statements.append), durable=False)
        done = await asyncio.gather(*(store.insert(make_session()) for _ in range(20)))
        assert all(inserted.done for inserted in done)
        assert statements.count("commit") == 1
        await store.engine.jot(lambda db: db.set_trace_callback(None), durable=False)

    run(test)


def test_a_small_write_that_fails_undoes_itself_and_nothing_else(run: Any) -> None:
    def half(db: sqlite3.Connection) -> None:
        db.execute("delete from sessions")
        raise LookupError("on purpose")

    async def test(store: SQLiteStore) -> None:
        before, after = make_session(), make_session()
        outcomes = await asyncio.gather(
            store.insert(before),
            store.engine.jot(half, durable=True, single=False),
            store.insert(after),
            return_exceptions=True,
        )
        assert [type(outcome).__name__ for outcome in outcomes] == ["Inserted", "LookupError", "Inserted"]
        assert await store.get(before.id) == before
        assert await store.get(after.id) == after
        assert await store.count(Query(user_id="grace")) == 1
        assert await where(store) == "MainThread"

    run(test)


def test_two_loops_share_a_store(path: Path) -> None:
    store = SQLiteStore(path)
    barrier = threading.Barrier(2)

    async def sign_in_and_out() -> None:
        barrier.wait()
        for _ in range(20):
            sessions = [make_session() for _ in range(4)]
            await asyncio.gather(*(store.insert(session) for session in sessions))
            await asyncio.gather(*(revoke(store, session) for session in sessions[:2]))

    threads = [threading.Thread(target=asyncio.run, args=(sign_in_and_out(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert drive(store.blocking().count(Query(user_id="ada"))) == 160
    assert drive(store.blocking().count(Query(user_id="ada", live_at=NOW))) == 80
    drive(store.blocking().close())


# ── how long the log gets ─────────────────────────────────────────────────────────────────────


def test_small_writes_alone_keep_the_log_short(run: Any, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (disk, writer):
        monkeypatch.setattr(module, "LONG", 200_000)
    log = path.with_name(f"{path.name}-wal")

    async def test(store: SQLiteStore) -> None:
        begun_anew, longest = {head(path)}, 0
        threads = set()
        for _ in range(600):
            await store.insert(make_session(data={"long": "x" * 4000}))
            threads.add(await store.engine.jot(lambda db: threading.current_thread(), durable=False))
            begun_anew.add(head(path))
            longest = max(longest, log.stat().st_size)
            while store.engine._holding().writer.shortening:  # what is written meanwhile would count too
                await asyncio.sleep(0)
        assert threading.main_thread() in threads
        assert len(begun_anew) > 3
        assert longest < 2_000_000  # of some 20 MB that were written
        assert await store.count(Query(user_id="ada")) == 600

    run(test)


def test_a_log_that_somebody_else_left_long_is_shortened(
    run: Any, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (disk, writer):
        monkeypatch.setattr(module, "LONG", 200_000)
    log = path.with_name(f"{path.name}-wal")

    async def test(store: SQLiteStore) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("pragma wal_autocheckpoint = 0")
            other.execute("create table long (text)")
            other.execute("insert into long values (randomblob(1000000))")
            assert log.stat().st_size > 1_000_000
            for _ in range(writer._LOOK):
                await store.insert(make_session())
            for _ in range(3):  # the thread does this after it has begun the log anew
                await store.engine.write(lambda db: None, durable=False)
        assert log.stat().st_size <= 200_000

    run(test)
