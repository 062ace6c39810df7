"""SQLite and the disk: who waits for it, who does not, and what is there when somebody is told that it is."""

from __future__ import annotations

import asyncio
import errno
import shutil
import sqlite3
import threading
from collections.abc import Callable, Coroutine
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sojourn.blocking import drive
from sojourn.session import Device, Reason, Seen, Session
from sojourn.stores.protocol import Cap, Query
from sojourn.stores.sqlite import SQLiteStore
from sojourn.stores.sqlite.engine import explain
from sojourn.testing import make_session
from tests.stores.acts import NOW
from tests.stores.platter import Platter, begun, head, over, revoke, rotated, seen_by_others

LAPTOP = Device(id="laptop")
Act = Callable[[SQLiteStore, Session], Coroutine[Any, Any, object]]

# ── what is promised ──────────────────────────────────────────────────────────────────────────

ENDING: dict[str, Act] = {
    "one": revoke,
    "of a user": lambda store, session: store.revoke(
        Query(user_id=session.user_id, limit=1000), at=NOW, reason=Reason.USER
    ),
    "among all": lambda store, session: store.revoke(
        Query(live_at=NOW, tenant_id=session.tenant_id), at=NOW, reason=Reason.ADMIN
    ),
    "by a sign-in": lambda store, session: store.insert(
        make_session(user_id=session.user_id, tenant_id=session.tenant_id, device=LAPTOP),
        cap=Cap(at=NOW, limit=9),
    ),
    "as a replay": lambda store, session: store.replace(
        session.change(revoked_at=NOW, reason=Reason.REPLAY), at=NOW
    ),
}
CHANGING: dict[str, Act] = {
    "renewed": lambda store, session: store.replace(
        session.voiding(salt=b"new" * 11, generation=1, rotated_at=NOW), at=NOW
    ),
    "data, at the moment of a rotation": lambda store, session: store.replace(
        rotated(session, data={"cart": [2]}), at=NOW
    ),
    "a name": lambda store, session: store.replace(session.change(device=Device(name="mine")), at=NOW),
}
LASTING = ENDING | CHANGING
PASSING: dict[str, Act] = {
    "a sign-in": lambda store, session: store.insert(
        make_session(user_id=session.user_id), cap=Cap(at=NOW, limit=9)
    ),
    "a visitor": lambda store, session: store.insert(make_session(user_id=None)),
    "a use": lambda store, session: store.touch({session.id: Seen(NOW, session.expires_at)}, at=NOW),
    "many uses": lambda store, session: store.touch(
        {make_session().id: Seen(NOW, session.expires_at) for _ in range(200)}, at=NOW
    ),
    "a rotation": lambda store, session: store.replace(rotated(session), at=NOW),
    "a repeated answer": lambda store, session: store.replace(session.change(forgiven_at=NOW), at=NOW),
    "a lease": lambda store, session: store.lease("work", "me", at=NOW, until=NOW + timedelta(minutes=1)),
}


@pytest.mark.parametrize("data", [{}, {"cart": [1]}], ids=["", "with data"])
@pytest.mark.parametrize("blocking", [False, True], ids=["on a loop", "blocking"])
@pytest.mark.parametrize("name", LASTING)
def test_law_11_what_was_acknowledged_survives_a_power_cut(
    platter: Platter, path: Path, name: str, blocking: bool, data: dict[str, Any]
) -> None:
    async def act(store: SQLiteStore) -> None:
        session = await begun(store, tenant_id="a", device=LAPTOP, data=data)
        before = platter.flushes
        await LASTING[name](store, session)
        assert platter.flushes > before
        now = await store.get(session.id)
        assert now is not None
        assert now != session
        assert (now.revoked_at is not None) is (name in ENDING)
        assert platter.after_a_power_cut(session) == now
        await store.close()

    store = SQLiteStore(path)
    drive(act(store.blocking())) if blocking else asyncio.run(act(store))


@pytest.mark.parametrize("data", [{}, {"cart": [1]}], ids=["", "with data"])
@pytest.mark.parametrize("name", PASSING)
def test_what_need_not_survive_one_does_not_wait_for_the_disk(
    run: Any, platter: Platter, name: str, data: dict[str, Any]
) -> None:
    async def test(store: SQLiteStore) -> None:
        session, other = await begun(store, data=data), await begun(store)
        platter.stuck = True
        ending = asyncio.create_task(revoke(store, other))
        await platter.begun()
        assert await PASSING[name](store, session) is not False
        assert not ending.done()
        platter.let_go(for_good=True)
        await ending
        assert platter.flushes == 1

    run(test)


def test_a_rotation_of_what_was_never_read_is_taken_for_a_change(run: Any, platter: Platter) -> None:
    async def test(store: SQLiteStore) -> None:
        session = make_session()
        await store.insert(session)
        assert await store.replace(rotated(session), at=NOW)
        assert platter.after_a_power_cut(session) == rotated(session)

    run(test)


def test_purged_is_what_is_gone_from_the_disk(run: Any, platter: Platter) -> None:
    async def test(store: SQLiteStore) -> None:
        session = await begun(store)
        await revoke(store, session)
        assert platter.after_a_power_cut(session) is not None
        assert await store.purge(before=NOW + timedelta(days=1)) == 1
        assert platter.after_a_power_cut(session) is None

    run(test)


# ── whose flush ───────────────────────────────────────────────────────────────────────────────


def test_law_11_a_flush_that_had_begun_counts_for_nobody_who_came_later(run: Any, platter: Platter) -> None:
    async def test(store: SQLiteStore) -> None:
        first, second = await begun(store), await begun(store)
        platter.stuck = True
        early = asyncio.create_task(revoke(store, first))
        await platter.begun()
        late = asyncio.create_task(revoke(store, second))
        await seen_by_others(store, second)
        platter.let_go()
        await early
        await platter.begun()
        assert not late.done()
        assert not platter.ended(second)
        platter.let_go(for_good=True)
        await late

    run(test)


def test_all_who_wait_share_a_flush_and_the_loop_runs_on(run: Any, platter: Platter) -> None:
    async def test(store: SQLiteStore) -> None:
        sessions = [await begun(store) for _ in range(30)]
        platter.stuck = True
        tasks = [asyncio.create_task(revoke(store, sessions[0]))]
        await platter.begun()
        tasks += [asyncio.create_task(revoke(store, session)) for session in sessions[1:]]
        for session in sessions:
            await seen_by_others(store, session)
        assert not any(task.done() for task in tasks)
        platter.let_go(for_good=True)
        await asyncio.gather(*tasks)
        assert [task.result() for task in tasks] == [[session.id] for session in sessions]
        assert platter.flushes == 2

    run(test)


def test_threads_share_a_flush(path: Path, platter: Platter) -> None:
    store = SQLiteStore(path).blocking()
    sessions = [drive(begun(store)) for _ in range(8)]
    platter.stuck = True
    threads = [threading.Thread(target=lambda s=s: drive(revoke(store, s))) for s in sessions]
    threads[0].start()
    asyncio.run(platter.begun())
    for thread in threads[1:]:
        thread.start()
    for session in sessions:
        while not drive(over(store, session)):
            pass
    platter.let_go(for_good=True)
    for thread in threads:
        thread.join()
    assert platter.flushes == 2
    assert all(platter.ended(session) for session in sessions)
    drive(store.close())


def test_who_gives_up_waiting_takes_the_flush_from_nobody(run: Any, platter: Platter) -> None:
    async def test(store: SQLiteStore) -> None:
        sessions = [await begun(store) for _ in range(3)]
        platter.stuck = True
        tasks = [asyncio.create_task(revoke(store, session)) for session in sessions]
        await platter.begun()
        tasks[1].cancel()
        await asyncio.wait([tasks[1]])
        platter.let_go(for_good=True)
        assert await tasks[0] == [sessions[0].id]
        assert await tasks[2] == [sessions[2].id]

    run(test)


def test_closing_waits_for_those_who_wait_for_the_disk(run: Any, platter: Platter) -> None:
    async def test(store: SQLiteStore) -> None:
        session = await begun(store)
        platter.stuck = True
        ending = asyncio.create_task(revoke(store, session))
        await platter.begun()
        closing = asyncio.create_task(store.close())
        for _ in range(20):
            await asyncio.sleep(0)
        assert not closing.done()
        assert not ending.done()
        platter.let_go(for_good=True)
        assert await ending == [session.id]
        await closing

    run(test)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux lists what is open")
def test_closing_lets_go_of_the_log(path: Path) -> None:
    async def test() -> None:
        store = SQLiteStore(path)
        await revoke(store, await begun(store))
        assert opened(path) > 0
        await store.close()
        assert opened(path) == 0

    asyncio.run(test())


def opened(path: Path) -> int:
    links = [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return sum(str(link).startswith(str(path)) for link in links)


# ── a disk that fails ─────────────────────────────────────────────────────────────────────────


def alone(path: Path, folder: Path) -> SQLiteStore:
    """The file without its log, opened elsewhere."""
    folder.mkdir()
    shutil.copy(path, folder)
    return SQLiteStore(folder / path.name).blocking()


def test_law_09_law_11_a_flush_that_failed_confirms_nothing_and_neither_do_later_ones(
    run: Any, platter: Platter, path: Path, tmp_path: Path
) -> None:
    """The kernel says so once. A log with a gap is read up to the gap, so what follows needs a new one."""

    async def test(store: SQLiteStore) -> None:
        sessions = [await begun(store) for _ in range(4)]
        platter.stuck = True
        told = [asyncio.create_task(revoke(store, sessions[0]))]
        await platter.begun()
        told += [asyncio.create_task(revoke(store, session)) for session in sessions[1:3]]
        for session in sessions[:3]:
            await seen_by_others(store, session)
        platter.faults.append(OSError(errno.EIO, "Input/output error"))
        old = head(path)
        platter.let_go(for_good=True)
        errors = await asyncio.gather(*told, return_exceptions=True)
        assert [type(error) for error in errors] == [OSError] * 3
        assert len({id(error) for error in errors}) == 3
        assert all(isinstance(error, store.faults) for error in errors)
        assert all("was not confirmed" in explain(error) for error in errors if isinstance(error, OSError))
        assert platter.flushes == 1  # the two who came later were told as well, without asking the disk
        assert await revoke(store, sessions[3]) == [sessions[3].id]
        assert head(path) != old
        saved = alone(path, tmp_path / "saved")
        assert all(drive(over(saved, session)) for session in sessions[:3])
        drive(saved.close())
        assert platter.ended(sessions[3])

    run(test)


@pytest.mark.parametrize("act", [revoke, PASSING["a rotation"]])
def test_law_11_after_a_failed_flush_nothing_is_written_while_the_log_cannot_begin_anew(
    run: Any, platter: Platter, path: Path, act: Act
) -> None:
    async def test(store: SQLiteStore) -> None:
        first, second = await begun(store), await begun(store)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("begin")
            other.execute("select count(*) from sessions").fetchall()  # and reads on in this log
            platter.faults.append(OSError(errno.ENOSPC, "No space left on device"))
            with pytest.raises(OSError, match="No space"):
                await revoke(store, first)
            for _ in range(2):
                with pytest.raises(OSError, match="No space"):
                    await act(store, second)
            assert await store.get(second.id) == second
            other.execute("rollback")
        assert await act(store, second)
        assert await store.get(second.id) != second

    run(test)


def test_law_09_a_thread_that_commits_is_told_of_a_failed_flush_as_well(run: Any, platter: Platter) -> None:
    async def test(store: SQLiteStore) -> None:
        sessions = [await begun(store, tenant_id="a") for _ in range(2)]
        platter.faults.append(OSError(errno.EIO, "Input/output error"))
        with pytest.raises(OSError, match="Input/output"):
            await ENDING["among all"](store, sessions[0])
        assert await ENDING["among all"](store, sessions[0]) == []  # they had ended, and were not confirmed

    run(test)


def test_law_11_a_log_that_was_removed_confirms_nothing(run: Any, path: Path) -> None:
    async def test(store: SQLiteStore) -> None:
        session = await begun(store)
        path.with_name(f"{path.name}-wal").unlink()
        with pytest.raises(sqlite3.OperationalError, match="wal was removed while it was in use"):
            await revoke(store, session)

    run(test)
