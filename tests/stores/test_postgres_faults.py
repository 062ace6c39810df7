"""PostgreSQL away, cut off, slow or full: a fault, and it works again by itself afterwards."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Thread
from typing import Any, cast
from uuid import UUID, uuid4

import psycopg
import pytest

from sojourn.blocking import drive
from sojourn.errors import SettingsError
from sojourn.session import Reason, Seen, Session
from sojourn.stores import open_store
from sojourn.stores.postgres import PostgresStore, seam
from sojourn.stores.postgres.lookups import Lookups
from sojourn.stores.postgres.rows import id_in
from sojourn.stores.postgres.seam import Lookup, PoolExhausted
from sojourn.stores.postgres.together import Writes
from sojourn.stores.protocol import Cap, Inserted, Query
from sojourn.testing import MORNING, make_session
from tests.servers import free_port
from tests.servers.fixtures import postgres
from tests.servers.postgres import Postgres

__all__ = ["postgres"]

pytestmark = pytest.mark.servers

NOW = MORNING + timedelta(hours=1)


@pytest.fixture
def url(postgres: Postgres) -> str:
    return postgres.new_database()


@pytest.fixture
def store(url: str) -> Iterator[PostgresStore]:
    store = PostgresStore(url).blocking()
    yield store
    drive(store.close())


@pytest.fixture
def session(store: PostgresStore) -> Session:
    session = make_session()
    assert drive(store.insert(session)).done
    return session


@contextmanager
def held(url: str, session: Session) -> Iterator[None]:
    """Somebody has the row of *session* in hand and does not let go."""
    with psycopg.connect(url) as other:
        other.execute("select from sessions where id = %s for update", (session.id,))
        yield


def cut_off(postgres: Postgres, url: str) -> None:
    """End every connection to the database at *url*, and wait until they are gone."""
    name = url.rpartition("/")[2].partition("?")[0]
    mine = f"from pg_stat_activity where datname = '{name}'"
    postgres.execute(f"select pg_terminate_backend(pid, 10000) {mine}", database="postgres")
    assert postgres.execute(f"select count(*) {mine}", database="postgres") == [(0,)]


# ── away ──────────────────────────────────────────────────────────────────────────────────────


def test_law_09_a_server_that_is_away_is_a_fault_in_both_faces() -> None:
    store = open_store(f"postgresql://nobody@127.0.0.1:{free_port()}/nothing?connect_timeout=1")
    with pytest.raises(store.blocking().faults):
        drive(store.blocking().get(uuid4()))

    async def main() -> None:
        with pytest.raises(store.faults):
            await store.get(uuid4())
        await store.close()

    asyncio.run(main())


def test_a_database_that_is_missing_is_a_fault(postgres: Postgres) -> None:
    store = PostgresStore(postgres.url("nowhere")).blocking()
    with pytest.raises(store.faults):
        drive(store.get(uuid4()))
    drive(store.close())


def test_law_09_connections_that_were_cut_are_replaced(
    postgres: Postgres, url: str, store: PostgresStore, session: Session
) -> None:
    cut_off(postgres, url)
    assert drive(store.get(session.id)) == session  # what broke while idle hurts nobody

    async def main() -> None:
        loops = PostgresStore(url)
        await asyncio.gather(*(loops.count(Query(user_id="ada")) for _ in range(10)))
        cut_off(postgres, url)
        for _ in range(10):  # the loop has not looked at its sockets yet, so the first use may find out
            try:
                assert await loops.get(session.id) == session
            except loops.faults:
                continue
        assert await loops.get(session.id) == session
        await loops.close()

    asyncio.run(main())


async def _revoke_until_stopped(store: PostgresStore, stop: asyncio.Event, done: list[UUID]) -> int:
    faults = 0
    while not stop.is_set():
        session = make_session()
        try:
            if not (await store.insert(session)).done:
                continue
            await store.revoke(Query(id=session.id), at=NOW, reason=Reason.USER)
        except store.faults:
            faults += 1
            await asyncio.sleep(0.01)  # a client that is told to come back does
        else:
            done.append(session.id)
    return faults


def test_law_11_a_server_that_is_killed_loses_nothing_that_was_acknowledged() -> None:
    with Postgres.started() as server:

        async def main() -> None:
            store = PostgresStore(server.new_database() + "?connect_timeout=2")
            cursor = (await store.entries()).cursor
            stop, done = asyncio.Event(), list[UUID]()
            workers = [asyncio.create_task(_revoke_until_stopped(store, stop, done)) for _ in range(8)]
            while len(done) < 100:
                await asyncio.sleep(0)
            await asyncio.to_thread(server.kill)
            before = len(done)
            await asyncio.to_thread(server.start)
            while len(done) < before + 100:  # by itself
                await asyncio.sleep(0)
            stop.set()
            faults = await asyncio.gather(*workers)
            assert all(faults)
            page = await store.entries(cursor)
            assert not page.continues
            assert set(done) <= {entry.id for entry in page.entries}
            for id in done:
                stored = await store.get(id)
                assert stored is not None
                assert stored.revoked_at == NOW
            await store.close()

        asyncio.run(main())


# ── slow ──────────────────────────────────────────────────────────────────────────────────────


def test_law_09_a_statement_that_waits_too_long_is_a_fault(
    url: str, store: PostgresStore, session: Session
) -> None:
    hasty = PostgresStore(url + "?command_timeout=0.2")
    change = session.change(data={"x": 1})
    with held(url, session):
        with pytest.raises(hasty.blocking().faults):
            drive(hasty.blocking().replace(change, at=NOW))

        async def main() -> None:
            with pytest.raises(hasty.faults):
                await hasty.replace(change, at=NOW)
            assert await hasty.get(session.id) == session
            await hasty.close()

        asyncio.run(main())
    assert drive(hasty.blocking().replace(change, at=NOW))
    drive(hasty.blocking().close())


def test_law_09_a_server_that_hangs_is_a_fault_and_its_connection_is_replaced(
    postgres: Postgres, url: str, store: PostgresStore, session: Session
) -> None:
    def pids() -> list[int]:
        name = url.rpartition("/")[2]
        found = "select pid, datname from pg_stat_activity where application_name = 'sojourn'"
        return [pid for pid, where in postgres.execute(found, database="postgres") if where == name]

    drive(store.close())
    hasty = PostgresStore(url + "?command_timeout=0.2")

    async def main() -> None:
        assert await hasty.get(session.id) == session
        (stopped,) = pids()
        os.kill(stopped, signal.SIGSTOP)
        try:
            with pytest.raises(TimeoutError, match=r"did not answer within 0.2 seconds"):
                await hasty.get(session.id)
            assert await hasty.get(session.id) == session
        finally:
            os.kill(stopped, signal.SIGCONT)
        await hasty.close()

    asyncio.run(main())
    blocking = hasty.blocking()
    assert drive(blocking.get(session.id)) == session
    (stopped,) = pids()
    os.kill(stopped, signal.SIGSTOP)
    try:
        with pytest.raises(TimeoutError, match=r"did not answer within 0.2 seconds"):
            drive(blocking.get(session.id))
        assert drive(blocking.get(session.id)) == session
    finally:
        os.kill(stopped, signal.SIGCONT)
    drive(blocking.close())


def test_a_request_that_is_cancelled_leaves_nothing_behind(url: str, store: PostgresStore) -> None:
    session = make_session()
    drive(store.insert(session))

    async def main() -> None:
        loops = PostgresStore(url + "?pool_size=1")
        await loops.get(session.id)
        with held(url, session):
            waiting = asyncio.create_task(loops.replace(session.change(data={"x": 1}), at=NOW))
            with psycopg.connect(url, autocommit=True) as other:
                blocked = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
                while other.execute(blocked).fetchone() == (0,):
                    await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert await loops.get(session.id) == session  # the only connection is whole again
        await loops.close()

    asyncio.run(main())


@pytest.mark.parametrize("verb", ["touch", "revoke"])
def test_whoever_wants_several_rows_takes_them_in_one_order(
    url: str, store: PostgresStore, verb: str
) -> None:
    """The newest first: two who want the same rows queue up, and neither waits for the other."""
    oldest, middle, newest = (make_session(created_at=MORNING + n * timedelta(hours=1)) for n in range(3))
    for session in (middle, newest, oldest):
        drive(store.insert(session))
    uses = {session.id: Seen(NOW, session.ends_at) for session in (oldest, newest, middle)}
    reason = {"at": NOW, "reason": Reason.ADMIN}
    works: dict[str, Any] = {
        "touch": lambda loops: loops.touch(uses, at=NOW),
        "revoke": lambda loops: loops.revoke(Query(user_id=oldest.user_id), **reason),
    }

    async def main() -> None:
        loops = PostgresStore(url)
        with psycopg.connect(url, autocommit=True) as other:
            with held(url, middle):
                working = asyncio.create_task(works[verb](loops))
                blocked = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
                while other.execute(blocked).fetchone() == (0,):
                    await asyncio.sleep(0)
                other.execute("select from sessions where id = %s for update nowait", (oldest.id,))
                with pytest.raises(psycopg.errors.LockNotAvailable):
                    other.execute("select from sessions where id = %s for update nowait", (newest.id,))
            await working
        await loops.close()

    asyncio.run(main())


# ── full ──────────────────────────────────────────────────────────────────────────────────────


def test_an_exhausted_pool_is_a_fault_for_who_waits_and_polls_go_on(url: str, store: PostgresStore) -> None:
    session = make_session()
    drive(store.insert(session))

    async def main() -> None:
        loops = PostgresStore(url + "?pool_size=2&pool_timeout=0.2")
        await loops.get(session.id)
        with held(url, session):
            stuck = [asyncio.create_task(loops.replace(session.change(), at=NOW)) for _ in range(2)]
            while not all(pool._open == 2 for pool in [_requests(loops)]) or _requests(loops)._idle:
                await asyncio.sleep(0)
            with pytest.raises(PoolExhausted, match=r"all 2 connections .* raise pool_size"):
                await loops.count(Query(user_id="ada"))
            assert (await loops.entries()).complete
        assert sorted(await asyncio.gather(*stuck)) == [False, True]
        assert await loops.count(Query(user_id="ada")) == 1
        await loops.close()

    asyncio.run(main())


def _requests(store: PostgresStore):
    ((holding,),) = store.engine._connections._holdings.values()  # type: ignore[attr-defined]
    return holding.requests


def test_an_exhausted_pool_of_threads_is_a_fault(url: str, store: PostgresStore) -> None:
    session = make_session()
    drive(store.insert(session))
    narrow = PostgresStore(url + "?pool_size=1&pool_timeout=0.2").blocking()
    drive(narrow.get(session.id))
    with held(url, session):
        stuck = Thread(target=lambda: drive(narrow.replace(session.change(), at=NOW)))
        stuck.start()
        pool, _ = narrow.engine._connections._pools[os.getpid()]  # type: ignore[attr-defined]
        while pool._idle:
            pass
        with pytest.raises(PoolExhausted):
            drive(narrow.get(session.id))
        assert drive(narrow.entries()).complete
    stuck.join()
    assert drive(narrow.get(session.id)) is not None
    drive(narrow.close())


# ── elsewhere ─────────────────────────────────────────────────────────────────────────────────


def test_a_forked_child_opens_connections_of_its_own(store: PostgresStore, session: Session) -> None:
    drive(store.entries())
    child = os.fork()
    if child == 0:
        status = 1
        try:
            if drive(store.get(session.id)) == session and drive(store.entries()).complete:
                drive(store.close())
                status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert drive(store.get(session.id)) == session
    assert drive(store.entries()).complete


def test_every_event_loop_has_connections_of_its_own(
    url: str, store: PostgresStore, session: Session
) -> None:
    loops = PostgresStore(url)
    get = cast(Callable[[UUID], Coroutine[Any, Any, Session | None]], loops.get)  # before a loop runs
    with asyncio.Runner() as first, asyncio.Runner() as second:
        for runner in (first, second, first):
            assert runner.run(get(session.id)) == session
            assert runner.run(loops.entries()).complete
        second.run(loops.close())
        first.run(asyncio.sleep(0))
        assert first.run(get(session.id)) == session
        first.run(loops.close())


def test_a_child_forked_while_a_loop_runs_has_connections_of_its_own(
    url: str, store: PostgresStore, session: Session
) -> None:
    loops = PostgresStore(url)
    get = cast(Callable[[UUID], Coroutine[Any, Any, Session | None]], loops.get)

    async def main() -> int:
        assert await loops.get(session.id) == session
        child = os.fork()
        if child == 0:
            status = 1
            try:
                with asyncio.Runner() as runner:
                    if runner.run(get(session.id)) == runner.run(found(loops, session.id)) == session:
                        status = 0
            finally:
                os._exit(status)
        assert await loops.get(session.id) == session
        await loops.close()
        return child

    assert os.waitpid(asyncio.run(main()), 0)[1] == 0


def test_loops_that_run_at_once_in_two_threads_have_each_its_own_connections(
    url: str, store: PostgresStore, session: Session
) -> None:
    loops = PostgresStore(url)

    async def twice() -> list[Session | None]:
        return [await loops.get(session.id) for _ in range(2)]

    async def there() -> list[Session | None]:
        try:
            return await twice()
        finally:
            await loops.close()  # those of the other loop are told to go, too

    async def main() -> None:
        assert await twice() == [session] * 2
        assert await asyncio.to_thread(lambda: asyncio.run(there())) == [session] * 2
        assert await twice() == [session] * 2
        await loops.close()

    asyncio.run(main())


def test_a_loop_that_goes_on_in_another_thread_keeps_its_connections(
    url: str, store: PostgresStore, session: Session
) -> None:
    loops, sessions = PostgresStore(url), []
    with asyncio.Runner() as runner:

        def look() -> None:
            sessions.append(runner.get_loop().run_until_complete(found(loops, session.id)))

        for _ in range(2):
            look()
            thread = Thread(target=look)
            thread.start()
            thread.join()
        (holding,) = loops.engine._connections._holdings[os.getpid()]  # type: ignore[attr-defined]
        assert holding.requests._open == 1
        runner.run(loops.close())
    assert sessions == [session] * 4


def test_a_missing_driver_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(seam, "import_module", missing)
    store = PostgresStore("postgresql://127.0.0.1/x")
    for face, name in ((store, "asyncpg"), (store.blocking(), "psycopg")):
        with pytest.raises(SettingsError, match=rf"needs {name}.*pip install 'sojourn\[postgres\]'"):
            drive(face.get(uuid4()))


@pytest.mark.parametrize(
    "option", ["connect_timeout=soon", "pool_size=0", "command_timeout=-1", "pooler=yes"]
)
def test_an_option_that_makes_no_sense_is_refused(option: str) -> None:
    with pytest.raises(SettingsError, match=option):
        PostgresStore(f"postgresql://127.0.0.1/x?{option}")


# ── together ──────────────────────────────────────────────────────────────────────────────────


def test_lookups_that_wait_share_a_round_trip_and_a_cancelled_one_hurts_nobody(
    url: str, store: PostgresStore
) -> None:
    sessions = [make_session() for _ in range(8)]
    for session in sessions:
        drive(store.insert(session))

    async def main() -> None:
        loops = PostgresStore(url)
        tasks = [asyncio.ensure_future(loops.get(session.id)) for session in [*sessions, sessions[5]]]
        missing = asyncio.ensure_future(loops.get(uuid4()))
        await asyncio.sleep(0)
        tasks[4].cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(answers.pop(4), asyncio.CancelledError)
        assert answers == [*sessions[:4], *sessions[5:], sessions[5]]
        assert await missing is None
        await loops.close()

    asyncio.run(main())


def made(id: UUID, packed: bytes) -> Session:
    assert id_in(packed) == id
    return make_session(id=id)


async def found(store: PostgresStore, id: UUID) -> Session | None:
    return await store.get(id)


class Statements:
    """What `Lookups` sends; each is answered when `answer` is set."""

    def __init__(self) -> None:
        self.sent: list[list[UUID]] = []
        self.gone: set[UUID] = set()
        self.torn: set[UUID] = set()
        self.answer = asyncio.Event()
        self.lookups = Lookups(self.fetch, Lookup("one", "many", self.made), self.elsewhere)
        self.asked_elsewhere: list[UUID] = []

    async def fetch(self, sql: str, values: Any) -> list[tuple[bytes]]:
        ids = values[0] if sql == "many" else [values[0]]
        assert sql == "one" or (min(ids), max(ids)) == values[1:]
        self.sent.append(list(ids))
        await asyncio.sleep(0)
        await self.answer.wait()
        return [(bytes(12) + id.bytes,) for id in sorted(set(ids) - self.gone)]

    def made(self, id: UUID, packed: bytes) -> Session:
        if id in self.torn:
            raise ValueError("no session")
        return made(id, packed)

    async def elsewhere(self, id: UUID) -> Session | None:
        self.asked_elsewhere.append(id)
        return None

    def find(self, id: UUID) -> asyncio.Task[Session | None]:
        async def found() -> Session | None:
            return await self.lookups.find(id)

        return asyncio.create_task(found())

    async def until_sent(self, number: int) -> None:
        while len(self.sent) < number:
            await asyncio.sleep(0)


def test_a_lookup_never_joins_one_that_was_sent() -> None:
    async def main() -> None:
        statements, ids = Statements(), [uuid4() for _ in range(5)]
        tasks = [statements.find(id) for id in [*ids, ids[0]]]
        await statements.until_sent(1)
        assert statements.sent == [[ids[0]]]
        statements.answer.set()
        rows = await asyncio.gather(*tasks)
        assert statements.sent[1:] == [[*ids[1:], ids[0]]]
        assert [row and row.id for row in rows] == [*ids, ids[0]]

    asyncio.run(main())


def test_lookups_that_come_at_once_go_together_where_the_last_ones_did() -> None:
    async def main() -> None:
        statements, ids = Statements(), [uuid4() for _ in range(6)]
        statements.answer.set()
        await asyncio.gather(*map(statements.find, ids[:3]))
        await asyncio.gather(*map(statements.find, ids[3:]))
        assert statements.sent == [ids[:1], ids[1:3], ids[3:]]
        await statements.find(ids[0])  # alone again, and the next one is sent at once
        await asyncio.gather(*map(statements.find, ids[:3]))
        assert statements.sent[3:] == [ids[:1], ids[:1], ids[1:3]]

    asyncio.run(main())


def test_the_server_is_not_asked_for_those_for_whom_nobody_waits_any_more() -> None:
    async def main() -> None:
        statements, ids = Statements(), [uuid4() for _ in range(4)]
        tasks = [statements.find(id) for id in ids]
        await statements.until_sent(1)
        for task in tasks[1:]:
            task.cancel()
        statements.answer.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert [isinstance(answer, asyncio.CancelledError) for answer in answers] == [False, True, True, True]
        assert await statements.find(ids[1]) is not None
        assert statements.sent == [ids[:1], ids[1:2]]

    asyncio.run(main())


def test_of_lookups_that_go_together_each_is_told_of_what_it_asked_for() -> None:
    async def main() -> None:
        statements, ids = Statements(), [uuid4() for _ in range(5)]
        statements.gone, statements.torn = {ids[1]}, {ids[2]}
        statements.answer.set()
        asked = [*ids, ids[2], ids[3]]
        answers = await asyncio.gather(*map(statements.find, asked), return_exceptions=True)
        assert statements.sent == [asked[:1], asked[1:]]
        assert answers[1] is None
        assert [str(answers[n]) for n in (2, 5)] == ["no session"] * 2
        assert answers[2] is not answers[5]
        sessions = [cast(Session, answers[n]) for n in (0, 3, 4, 6)]
        assert [session.id for session in sessions] == [ids[0], ids[3], ids[4], ids[3]]
        assert sessions[1] is not sessions[3]  # what one does to its data is nothing to the other

    asyncio.run(main())


def test_who_leaves_while_his_row_turns_out_to_be_torn_hurts_nobody() -> None:
    async def main() -> None:
        statements, ids = Statements(), [uuid4() for _ in range(4)]
        statements.torn = {ids[2]}
        tasks = [statements.find(id) for id in ids]
        await statements.until_sent(2)
        tasks[2].cancel()
        statements.answer.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(answers.pop(2), asyncio.CancelledError)
        assert [cast(Session, answer).id for answer in answers] == [*ids[:2], ids[3]]

    asyncio.run(main())


def test_lookups_of_another_loop_and_closed_ones_have_others_asked() -> None:
    id = uuid4()

    async def main() -> Statements:
        statements = Statements()
        statements.answer.set()
        assert await statements.find(id)
        return statements

    async def other(statements: Statements) -> None:
        assert await statements.find(id) is None

    async def closed() -> None:
        statements = await main()
        statements.lookups.close()
        assert await statements.find(id) is None
        assert (statements.sent, statements.asked_elsewhere) == ([[id]], [id])

    statements = asyncio.run(main())
    asyncio.run(other(statements))
    assert (statements.sent, statements.asked_elsewhere) == ([[id]], [id])
    asyncio.run(closed())


def test_a_lookup_that_hangs_does_not_hold_up_everybody() -> None:
    async def main() -> None:
        statements, ids = Statements(), [uuid4() for _ in range(4)]
        tasks = [statements.find(id) for id in ids[:3]]
        await statements.until_sent(2)  # though the first has not come back
        assert statements.sent == [ids[:1], ids[1:3]]
        tasks.append(statements.find(ids[3]))
        await asyncio.sleep(0)
        assert len(statements.sent) == 2  # a server that answers nobody is not asked by everybody
        statements.answer.set()
        assert all(await asyncio.gather(*tasks))

    asyncio.run(main())


def transactions(url: str) -> int:
    with psycopg.connect(url) as connection:
        return len({xid for (xid,) in connection.execute("select xmin::text from sessions")})


def test_writes_that_wait_share_a_transaction(url: str) -> None:
    async def main() -> None:
        loops = PostgresStore(url)
        await loops.count(Query(user_id="ada"))
        cap = Cap(at=NOW, limit=4)
        sessions = [make_session(user_id=f"user-{n % 4}") for n in range(20)]
        inserted = await asyncio.gather(*(loops.insert(session, cap=cap) for session in sessions))
        assert all(each.done for each in inserted)
        assert sum(len(each.ended) for each in inserted) == 4  # the fifth of each user ended another
        assert transactions(url) <= 3
        again = await asyncio.gather(*(loops.insert(session) for session in sessions))
        assert not any(each.done for each in again)
        kept = [session for session in sessions if (await loops.get(session.id)) == session]
        changed = [session.change(data={"n": n}) for session in kept for n in range(2)]
        won = await asyncio.gather(*(loops.replace(session, at=NOW) for session in changed))
        assert won.count(True) == len(kept) == 16
        for session, done in zip(changed, won, strict=True):
            assert (await loops.get(session.id) == session) is done
        await loops.close()

    asyncio.run(main())


def test_of_writes_that_go_together_one_that_is_refused_or_cancelled_hurts_nobody_else(url: str) -> None:
    async def main() -> None:
        loops = PostgresStore(url)
        await loops.count(Query(user_id="ada"))
        sessions = [make_session() for _ in range(12)]
        sessions[3] = make_session(ip="\0")  # the server refuses this ...
        sessions[4] = make_session(ip="\ud800")  # ... and the driver that
        tasks = [asyncio.create_task(loops.insert(session)) for session in sessions]
        await asyncio.sleep(0)
        tasks[7].cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        failed = {n: type(each) for n, each in enumerate(done) if isinstance(each, BaseException)}
        assert failed.pop(7) is asyncio.CancelledError
        assert failed.keys() == {3, 4}
        assert all(
            isinstance(each, Inserted) and each.done for n, each in enumerate(done) if n not in (3, 4, 7)
        )
        assert await loops.count(Query(user_id="ada")) == 9
        await loops.close()

    asyncio.run(main())


def test_a_row_that_a_stranger_has_in_hand_holds_up_no_other_write(
    url: str, store: PostgresStore, session: Session
) -> None:
    others = [make_session() for _ in range(12)]
    for other in others:
        drive(store.insert(other))

    async def main() -> None:
        loops = PostgresStore(url)
        with held(url, session):
            changes = [other.change(data={"x": 1}) for other in (others[0], session, *others[1:])]
            writes = [asyncio.create_task(loops.replace(change, at=NOW)) for change in changes]
            stuck = writes.pop(1)
            assert all(await asyncio.gather(*writes))
            added = await asyncio.gather(*(loops.insert(make_session()) for _ in range(5)))
            assert all(each.done for each in added)
            assert not stuck.done()
        assert await stuck
        await loops.close()

    asyncio.run(main())


def test_writes_whose_transaction_nobody_knows_the_end_of_fail_each_with_an_exception_of_its_own() -> None:
    async def main() -> None:
        alone: list[int] = []

        async def write_alone(sql: str, values: Any) -> list[tuple[int]]:
            await asyncio.sleep(0)
            alone.append(values[0])
            return [(0,)]

        async def write_together(sql: str, many: Any) -> list[tuple[int]]:
            raise ConnectionResetError("gone")

        writes = Writes(write_alone, write_together)
        done = await asyncio.gather(*(writes.run("sql", n, (n,)) for n in range(6)), return_exceptions=True)
        assert done[0] == [(0,)]
        assert [str(error) for error in done[1:]] == ["gone"] * 5
        assert len({id(error) for error in done}) == 6
        assert alone == [0]  # none was tried again: it may have been written
        assert await writes.run("sql", 6, (6,)) == [(0,)]

    asyncio.run(main())


def test_of_lookups_that_fail_together_each_has_an_exception_of_its_own() -> None:
    async def main() -> None:
        async def fetch(sql, values):
            await asyncio.sleep(0)
            raise ConnectionResetError("gone")

        lookups = Lookups(fetch, Lookup("one", "many", made), Statements().elsewhere)
        answers = await asyncio.gather(*(lookups.find(uuid4()) for _ in range(6)), return_exceptions=True)
        assert [str(error) for error in answers] == ["gone"] * 6
        assert len({id(error) for error in answers}) == 6
        with pytest.raises(ConnectionResetError):
            await lookups.find(uuid4())  # and it goes on

    asyncio.run(main())


def test_touches_revocations_and_purges_of_the_same_rows_do_not_fail(url: str, store: PostgresStore) -> None:
    sessions = [make_session(expires_at=NOW + timedelta(minutes=n)) for n in range(60)]
    for session in sessions:
        drive(store.insert(session))

    async def main() -> None:
        loops = PostgresStore(url)
        seen = {session.id: Seen(NOW, session.expires_at) for session in sessions}
        later = NOW + timedelta(hours=2)
        work: list[Any] = []
        for n in range(8):
            work += [
                loops.touch(dict(sorted(seen.items(), reverse=bool(n % 2))), at=NOW),
                loops.revoke(Query(user_id="ada", limit=9), at=NOW, reason=Reason.USER),
                loops.expire(at=later, limit=9),
                loops.purge(before=later, limit=9),
            ]
        answers = await asyncio.gather(*work)
        noticed = [session.id for found in answers[2::4] for session in cast(list[Session], found)]
        assert len(noticed) == len(set(noticed))
        while await loops.purge(before=later):
            pass
        assert await loops.count(Query(user_id="ada")) == 0
        assert await loops.count(Query(live_at=NOW, about=True)) == 0
        await loops.close()

    asyncio.run(main())
