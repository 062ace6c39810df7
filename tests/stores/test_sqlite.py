"""SQLite among many: processes, threads and forks, one that is killed, one that keeps the lock, a batch."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import threading
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from sojourn.blocking import drive
from sojourn.session import Reason
from sojourn.stores.protocol import Cap, CapRule, Query
from sojourn.stores.sqlite import SQLiteStore
from sojourn.stores.sqlite.file import File
from sojourn.stores.sqlite.writer import Job, Writer
from sojourn.testing import make_session
from tests.stores import processes
from tests.stores.acts import NOW, revoke, started
from tests.stores.processes import at_once, run

# ── many processes ────────────────────────────────────────────────────────────────────────────


def test_law_03_one_process_of_many_wins(path: Path, store: SQLiteStore) -> None:
    sessions = [started(store) for _ in range(25)]
    wins = at_once(processes.replace_all, path, 4, [session.id for session in sessions])
    assert [sum(each) for each in zip(*wins, strict=True)] == [1] * 25


@pytest.mark.parametrize(("action", "allowed"), [("end_idle", 40), ("refuse", 3)])
def test_processes_that_start_and_sign_in_together_keep_the_cap(
    path: Path, store: SQLiteStore, action: Any, allowed: int
) -> None:
    rule = CapRule(limit=2, action=action, same=("application_id",))
    done = at_once(processes.sign_in, path, 4, 10, Cap(at=NOW, rules=(rule,), limit=3, action=action))
    assert sum(done) == allowed
    living = [session.application_id for session in drive(store.select(Query(user_id="ada", live_at=NOW)))]
    assert sorted(map(living.count, ("shop", None))) == [1, 2]


SIGN_IN_AND_OUT = """
import pathlib, sys
from tests.stores.processes import revoke_until_killed

revoke_until_killed(pathlib.Path(sys.argv[1]))
"""


def test_law_11_an_acknowledged_revocation_survives_kill_9(path: Path, store: SQLiteStore) -> None:
    with run(SIGN_IN_AND_OUT, path) as victim:
        assert victim.stdout is not None
        acknowledged = [UUID(victim.stdout.readline().strip()) for _ in range(20)]
        victim.send_signal(signal.SIGKILL)
        acknowledged += [UUID(line.strip()) for line in victim.stdout if line.endswith("\n")]
    assert victim.returncode == -signal.SIGKILL
    for id in acknowledged:
        found = drive(store.get(id))
        assert found is not None
        assert (found.revoked_at, found.reason) == (NOW, Reason.USER)


FORK = """
import gc, os, sqlite3, sys, pathlib, threading
from sojourn.session import Reason
from sojourn.blocking import drive
from sojourn.stores.protocol import Query
from sojourn.stores.sqlite import SQLiteStore
from sojourn.testing import MORNING, make_session

store = SQLiteStore(pathlib.Path(sys.argv[1])).blocking()
before, inside, after = make_session(), make_session(), make_session()
drive(store.insert(before))
drive(store.get(before.id))
cursor = drive(store.entries()).cursor
drive(store.entries(cursor))

def with_which():
    return drive(store.engine.jot(lambda db: (id(db), threading.current_thread().name), durable=False))

mine = with_which()
assert mine[1] == "MainThread"

def connections():
    return sum(isinstance(thing, sqlite3.Connection) for thing in gc.get_objects())

assert connections() == 3  # the writer's, a reader's, and one that watches
child = os.fork()
if child == 0:
    assert drive(store.insert(inside)).done
    assert drive(store.get(before.id)) == before
    assert drive(store.revoke(Query(id=inside.id), at=MORNING, reason=Reason.USER)) == [inside.id]
    assert len(drive(store.entries(cursor)).entries) == 1
    assert with_which()[1] == "MainThread"
    assert with_which()[0] != mine[0]
    assert connections() == 6
    drive(store.close())
    del store
    gc.collect()
    assert connections() == 3  # nobody closes those of the parent, or its locks would be lost
    sys.exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
assert [entry.id for entry in drive(store.entries(cursor)).entries] == [inside.id]
assert drive(store.insert(after)).done
assert with_which() == mine
drive(store.close())
print("done")
"""


def test_a_forked_child_opens_the_file_anew_and_leaves_its_parents_connections_alone(path: Path) -> None:
    with run(FORK, path) as parent:
        assert parent.communicate(timeout=60)[0] == "done\n"
    assert parent.returncode == 0


def test_threads_share_a_store(store: SQLiteStore) -> None:
    barrier = threading.Barrier(8)
    found: list[bool] = []

    def use() -> None:
        barrier.wait()
        for _ in range(20):
            session = started(store)
            found.append(drive(store.get(session.id)) == session and revoke(store, session) == [session.id])

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 160


# ── waiting, and not waiting ──────────────────────────────────────────────────────────────────

LOCK = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("begin immediate")
print("locked", flush=True)
sys.stdin.readline()
db.execute("commit")
"""


def test_the_loop_runs_on_while_another_process_holds_the_lock(path: Path, store: SQLiteStore) -> None:
    session = started(store)

    async def main() -> None:
        on_loop = SQLiteStore(path)
        assert await on_loop.get(session.id) == session  # opened
        with run(LOCK, path) as holder:
            assert holder.stdin is not None
            assert holder.stdout is not None
            holder.stdout.readline()
            waiting = asyncio.create_task(on_loop.revoke(Query(id=session.id), at=NOW, reason=Reason.USER))
            for _ in range(
                100
            ):  # the lock goes only after these: a loop that waited for it would not get here
                await asyncio.sleep(0.001)
                assert await on_loop.get(session.id) == session
            assert not waiting.done()
            holder.communicate("go on\n", timeout=60)
        assert await waiting == [session.id]
        await on_loop.close()

    asyncio.run(main())


def test_what_a_reader_may_not_wait_for_is_left_to_the_writing_thread(
    store: SQLiteStore, other: sqlite3.Connection
) -> None:
    tried: list[str] = []
    on_thread = threading.Event()

    def work(db: sqlite3.Connection) -> str:
        tried.append(threading.current_thread().name)
        if tried[-1] == "sojourn-sqlite":
            on_thread.set()
        db.execute("pragma query_only = off")
        db.execute("begin immediate")  # stands for a recovery, for which a reader too may have to wait
        db.execute("rollback")
        return tried[-1]

    answers: list[str] = []
    other.execute("begin immediate")
    caller = threading.Thread(target=lambda: answers.append(drive(store.engine.read(work))), name="caller")
    caller.start()
    assert on_thread.wait(5)
    other.execute("rollback")
    caller.join()
    assert answers == ["sojourn-sqlite"]
    assert tried[:2] == ["caller", "sojourn-sqlite"]


def test_a_reader_cannot_write(store: SQLiteStore, other: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        drive(store.engine.read(lambda db: db.execute("delete from sessions")))
    assert drive(store.count(Query(user_id="ada"))) == 1


def test_a_reader_that_fails_lets_go_of_what_it_read(store: SQLiteStore, other: sqlite3.Connection) -> None:
    def work(db: sqlite3.Connection) -> None:
        cursor = db.execute("select id from sessions")
        raise LookupError(cursor.fetchone())

    started(store)
    with pytest.raises(LookupError) as caught:
        drive(store.engine.read(work))
    busy, _, _ = other.execute("pragma wal_checkpoint(truncate)").fetchone()  # waits for whoever still reads
    assert not busy
    assert caught.tb is not None


def test_a_scan_is_not_run_on_the_loop(path: Path, store: SQLiteStore) -> None:
    async def main() -> None:
        on_loop = SQLiteStore(path)
        for _ in range(2):  # before the file is open, and after
            thread = await on_loop.engine.scan(lambda db: threading.current_thread())
            assert thread is not threading.main_thread()
        await on_loop.close()

    asyncio.run(main())


def test_a_glance_is_taken_on_the_loop_until_it_turns_out_long(path: Path, store: SQLiteStore) -> None:
    """And one that was given up spoils neither its connection nor the next glance."""

    def numbers(last: int) -> Any:
        counting = (
            "with recursive n (i) as (select 1 union all select i + 1 from n limit ?) select count(*) from n"
        )
        return lambda db: (db.execute(counting, (last,)).fetchone()[0], threading.current_thread())

    async def main() -> None:
        on_loop = SQLiteStore(path)
        await on_loop.get(make_session().id)
        for _ in range(3):
            assert await on_loop.engine.glance(numbers(50)) == (50, threading.main_thread())
            counted, thread = await on_loop.engine.glance(numbers(100_000))
            assert counted == 100_000
            assert thread is not threading.main_thread()
        await on_loop.close()

    asyncio.run(main())


# ── the writing thread ────────────────────────────────────────────────────────────────────────


async def held_up(store: SQLiteStore, other: sqlite3.Connection, writes: list[Any]) -> list[Any]:
    """The outcomes of *writes* that had to wait together until *other* let them go."""
    other.execute("begin immediate")
    first = asyncio.create_task(store.touch({}, at=NOW))  # this one waits for the lock, the others for it
    tasks = [asyncio.create_task(write) for write in writes]
    await asyncio.sleep(0)
    other.execute("rollback")
    return (await asyncio.gather(first, *tasks, return_exceptions=True))[1:]


def test_writes_that_wait_together_are_committed_together(
    path: Path, store: SQLiteStore, other: sqlite3.Connection
) -> None:
    async def main() -> None:
        on_loop = SQLiteStore(path)
        statements: list[str] = []
        await on_loop.engine.write(lambda db: db.set_trace_callback(statements.append))
        statements.clear()
        new = [make_session() for _ in range(60)]
        answers = await held_up(on_loop, other, [on_loop.insert(session) for session in new])
        assert all(answer.done for answer in answers)
        assert statements.count("commit") <= 2  # the one that met the lock, and all the others
        await on_loop.close()

    asyncio.run(main())


def test_a_write_that_fails_undoes_itself_and_nothing_else(
    path: Path, store: SQLiteStore, other: sqlite3.Connection
) -> None:
    def half(db: sqlite3.Connection) -> None:
        db.execute("delete from sessions")
        raise LookupError("on purpose")

    async def main() -> None:
        on_loop = SQLiteStore(path)
        before, after = make_session(), make_session()
        writes = [on_loop.insert(before), on_loop.engine.write(half), on_loop.insert(after)]
        first, failed, last = await held_up(on_loop, other, writes)
        assert first.done
        assert isinstance(failed, LookupError)
        assert last.done
        assert await on_loop.get(before.id) == before
        assert await on_loop.get(after.id) == after
        await on_loop.close()

    asyncio.run(main())


def test_who_gives_up_waiting_disturbs_nobody(
    path: Path, store: SQLiteStore, other: sqlite3.Connection
) -> None:
    async def main() -> None:
        on_loop = SQLiteStore(path)
        sessions = [make_session() for _ in range(3)]
        other.execute("begin immediate")
        tasks = [asyncio.create_task(on_loop.insert(session)) for session in sessions]
        await asyncio.sleep(0)
        tasks[1].cancel()
        other.execute("rollback")
        await asyncio.wait(tasks)
        assert tasks[1].cancelled()
        assert tasks[0].result().done
        assert tasks[2].result().done
        await on_loop.close()

    asyncio.run(main())


def test_close_finishes_what_waits_and_the_next_use_opens_anew(path: Path) -> None:
    async def main() -> None:
        store = SQLiteStore(path)
        sessions = [make_session() for _ in range(30)]
        tasks = [asyncio.create_task(store.insert(session)) for session in sessions]
        await asyncio.sleep(0)
        await store.close()
        assert all(task.done() and task.result().done for task in tasks)
        assert await store.get(sessions[0].id) == sessions[0]
        await store.close()

    asyncio.run(main())


def test_a_writer_that_was_closed_takes_no_more(path: Path) -> None:
    file = File(path, component="nothing", migrations="tests.stores", create=True)
    writer = Writer(file, leave=lambda: None)
    assert writer.submit(Job(lambda db: None, "schema"))
    assert writer.close() is writer.close()
    assert writer.close().result() is None
    assert not writer.submit(Job(lambda db: None, "schema"))


def test_a_store_that_was_never_used_closes(path: Path) -> None:
    drive(SQLiteStore(path).blocking().close())
    assert not path.exists()


def test_closing_while_others_write_loses_nothing(path: Path) -> None:
    store = SQLiteStore(path).blocking()
    barrier = threading.Barrier(5)

    def use() -> None:
        barrier.wait()
        for _ in range(20):
            started(store)

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    barrier.wait()
    for _ in range(10):
        drive(store.close())
    for thread in threads:
        thread.join()
    assert drive(store.count(Query(user_id="ada"))) == 80
    drive(store.close())
