"""What the Redis store does when the server dies, freezes, forgets, refuses, or was set up badly."""

from __future__ import annotations

import asyncio
import logging
import os
import random
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from sojourn.blocking import drive
from sojourn.errors import SettingsError
from sojourn.session import Device, Reason, Session
from sojourn.stores.protocol import Cap, Entry, Query
from sojourn.stores.redis import RedisStore
from sojourn.stores.redis.faults import NotReplicated, RedisAway
from sojourn.testing import MORNING, make_session
from tests.servers.redis import Redis, until
from tests.stores.acts import NOW
from tests.stores.redis_acts import DAY, HOUR, Raw, ended, opened, run, signed_in

pytestmark = pytest.mark.servers


@pytest.fixture
def server() -> Iterator[Redis]:
    """A server of the test's own, to be killed."""
    with Redis.started() as server:
        yield server


@pytest.fixture
def store(server: Redis) -> Iterator[RedisStore]:
    with opened(f"{server.url}?timeout=0.5") as store:
        yield store


# ── away, and back ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_law_11_an_acknowledged_revocation_survives_the_server(
    server: Redis, store: RedisStore, end: str
) -> None:
    sessions = [signed_in(store) for _ in range(20)]
    for session in sessions:
        ended(store, session)
    getattr(server, end)()
    for verb in (store.get(sessions[0].id), store.entries(), store.insert(make_session())):
        with pytest.raises(store.faults):
            drive(verb)
    server.start()
    assert [drive(store.get(s.id)).reason for s in sessions] == [Reason.USER] * len(sessions)  # type: ignore[union-attr]
    assert {entry.id for entry in drive(store.entries()).entries} == {session.id for session in sessions}
    Raw(store).check()


def test_a_restart_is_another_epoch_and_the_log_is_read_anew(server: Redis, store: RedisStore) -> None:
    session = signed_in(store)
    ended(store, session)
    before = drive(store.entries())
    server.kill()
    server.start()
    page = drive(store.entries(before.cursor))
    assert not page.continues
    assert page.epoch != before.epoch
    assert page.entries == (Entry(session.id, 2, NOW, Reason.USER),)
    assert drive(store.entries(page.cursor)).continues


@pytest.mark.parametrize("command", ["FLUSHALL", "FLUSHDB"])
def test_memory_that_was_lost_is_another_epoch(server: Redis, store: RedisStore, command: str) -> None:
    ended(store, signed_in(store))
    before = drive(store.entries())
    server.ask(command)
    page = drive(store.entries(before.cursor))
    assert (page.continues, page.entries) == (False, ())
    assert page.epoch != before.epoch
    server.ask(command)  # and again, though nothing was written since
    assert not drive(store.entries(page.cursor)).continues


def test_a_frozen_server_is_a_fault_in_time_and_all_is_well_when_it_thaws(server: Redis) -> None:
    store = RedisStore(f"{server.url}?timeout=0.3")

    async def through_the_frost() -> None:
        session = make_session()
        await store.insert(session)
        with server.frozen():
            began = asyncio.get_running_loop().time()
            answers = await asyncio.gather(
                *(store.get(session.id) for _ in range(20)), store.entries(), return_exceptions=True
            )
            assert asyncio.get_running_loop().time() - began < 2
            assert {type(answer) for answer in answers} == {RedisAway}
            with pytest.raises(store.faults):
                drive(store.blocking().get(session.id))
        assert await store.get(session.id) == session
        assert drive(store.blocking().get(session.id)) == session

    run(store, through_the_frost())


def test_connections_that_are_cut_are_a_fault_once(server: Redis) -> None:
    store = RedisStore(server.url)

    async def cut() -> None:
        session = make_session()
        await store.insert(session)
        await store.blocking().get(session.id)
        for _ in range(3):
            server.ask("CLIENT", "KILL", "TYPE", "normal")
            await _recovers(store, session)
            assert drive(store.blocking().get(session.id)) == session  # noticed before it is used

    run(store, cut())


async def _recovers(store: RedisStore, session: Session) -> None:
    """At most one fault: the loop may not have heard yet that the connection was cut."""
    try:
        assert await store.get(session.id) == session
    except store.faults:
        assert await store.get(session.id) == session


def test_whoever_listens_is_told_that_the_server_went(server: Redis) -> None:
    store = RedisStore(server.url)

    async def listening() -> None:
        woken = asyncio.Event()
        task = asyncio.create_task(store.listen(woken.set))
        await asyncio.wait_for(woken.wait(), 10)  # it listens
        woken.clear()
        session = make_session()
        await store.insert(session)
        await store.revoke(Query(id=session.id), at=NOW, reason=Reason.USER)
        await asyncio.wait_for(woken.wait(), 10)
        await asyncio.to_thread(server.kill)
        with pytest.raises(store.faults):
            await asyncio.wait_for(task, 10)

    run(store, listening())


def test_whoever_stops_waiting_disturbs_nobody(server: Redis) -> None:
    """Each answer goes to whom it belongs, however many leave the queue."""
    store, chance = RedisStore(server.url), random.Random(7)
    sessions = [make_session(user_id=f"user {n}") for n in range(40)]

    async def storm() -> None:
        for session in sessions:
            await store.insert(session)
        for _ in range(30):
            asked = [chance.choice(sessions) for _ in range(60)]
            tasks = [asyncio.create_task(store.get(session.id)) for session in asked]
            for task in chance.sample(tasks, 30):
                for _ in range(chance.randrange(3)):
                    await asyncio.sleep(0)
                task.cancel()
            answers = await asyncio.gather(*tasks, return_exceptions=True)
            for session, answer in zip(asked, answers, strict=True):
                assert isinstance(answer, asyncio.CancelledError) or answer == session

    run(store, storm())


def test_many_tasks_share_one_connection(server: Redis) -> None:
    store = RedisStore(server.url)

    async def many() -> int:
        await asyncio.gather(*(store.get(make_session().id) for _ in range(500)))
        return server.ask("CLIENT", "LIST", "TYPE", "normal").count(b"name=sojourn")

    assert run(store, many()) == 1


def test_loops_that_run_by_turns_in_one_thread_have_each_its_own_connection(server: Redis) -> None:
    store, session = RedisStore(server.url), make_session()

    async def found() -> Session | None:
        return await store.get(session.id)

    with asyncio.Runner() as first, asyncio.Runner() as second:
        assert first.run(store.insert(session)).done
        for runner in (second, first, second):
            assert runner.run(found()) == session
        second.run(store.close())
        first.run(asyncio.sleep(0))


def test_loops_that_run_at_once_in_two_threads_have_each_its_own_connection(server: Redis) -> None:
    store, session = RedisStore(server.url), make_session()

    async def twice() -> list[Session | None]:
        return [await store.get(session.id) for _ in range(2)]

    async def there() -> list[Session | None]:
        try:
            return await twice()
        finally:
            await store.close()  # that of the other loop is told to go, too

    async def main() -> None:
        await store.insert(session)
        assert await asyncio.to_thread(lambda: asyncio.run(there())) == [session] * 2
        assert await twice() == [session] * 2

    run(store, main())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_opens_its_own_connections(server: Redis, tmp_path: Path) -> None:
    store = RedisStore(server.url)
    session, told = make_session(), tmp_path / "told"

    async def before_and_after() -> None:
        await store.insert(session)
        drive(store.blocking().get(session.id))
        child = os.fork()
        if child == 0:
            told.write_text(str(_reads_in_child(store, session)))
            os._exit(0)
        _, status = await asyncio.to_thread(os.waitpid, child, 0)
        assert (status, told.read_text()) == (0, "True")
        assert await store.get(session.id) == session
        assert drive(store.blocking().get(session.id)) == session

    run(store, before_and_after())


def _reads_in_child(store: RedisStore, session: Session) -> bool:
    try:
        asyncio._set_running_loop(None)  # the parent's; the child has none
        twice = drive(store.blocking().get(session.id)), asyncio.run(store.get(session.id))
        return twice == (session, session)
    except BaseException:
        return False


# ── full, and badly set up ────────────────────────────────────────────────────────────────────────


def test_a_full_server_is_a_fault_and_still_reads(server: Redis, store: RedisStore) -> None:
    session = signed_in(store)
    cursor = drive(store.entries()).cursor
    server.ask("CONFIG", "SET", "maxmemory", "1mb")
    with pytest.raises(store.faults, match="OOM"):
        drive(store.insert(make_session()))
    assert drive(store.get(session.id)) == session
    assert drive(store.entries(cursor)).continues
    server.ask("CONFIG", "SET", "maxmemory", "0")
    assert drive(store.insert(make_session())).done


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            ["--maxmemory-policy", "allkeys-lru"],
            "drops sessions when its memory is full .*; set maxmem",
        ),
        (["--appendonly", "no"], "forgets revocations when it restarts .*; set appendonly yes"),
    ],
)
def test_a_server_that_loses_sessions_is_refused_unless_that_is_wanted(
    settings: list[str], sentence: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Redis.started(*settings) as server:
        with opened(server.url) as store:
            for _ in range(2):
                with pytest.raises(SettingsError, match=sentence):
                    drive(store.get(make_session().id))
            assert [level for level, *_ in drive(store.diagnose())].count("bad") == 1
        with opened(f"{server.url}?allow_loss=1") as cache, caplog.at_level(logging.WARNING, "sojourn"):
            assert drive(cache.get(make_session().id)) is None
        assert len(caplog.records) == 1


def test_everysec_is_allowed_with_a_warning_that_says_what_it_costs(
    server: Redis, store: RedisStore, caplog: pytest.LogCaptureFixture
) -> None:
    server.ask("CONFIG", "SET", "appendfsync", "everysec")
    with caplog.at_level(logging.WARNING, "sojourn"):
        signed_in(store)
        signed_in(store)
    (record,) = caplog.records
    assert "loses up to one second of revocations" in record.getMessage()
    assert [level for level, *_ in drive(store.diagnose())].count("warn") == 1


def test_a_server_that_tells_nothing_of_its_settings_is_judged_by_what_it_does_tell(server: Redis) -> None:
    server.ask("ACL", "SETUSER", "app", "on", ">secret", "~sojourn:*", "&*", "+@all", "-config")
    url = f"redis://app:secret@127.0.0.1:{server.port}/0"
    with opened(url) as store:
        signed_in(store)
        assert {level for level, *_ in drive(store.diagnose())} == {"ok"}
    server.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    with opened(url) as store, pytest.raises(SettingsError, match="noeviction"):
        drive(store.get(make_session().id))


@pytest.mark.parametrize("user", ["app:wrong", ":wrong", "nobody:secret"])
def test_a_wrong_password_is_a_fault_that_does_not_tell_it(server: Redis, user: str) -> None:
    server.ask("ACL", "SETUSER", "app", "on", ">secret", "~*", "+@all")
    store = RedisStore(f"redis://{user}@127.0.0.1:{server.port}/0")
    for call in (store.get, store.blocking().get):
        with pytest.raises(store.faults) as fault:
            run(store, call(make_session().id))
        assert "wrong" not in str(fault.value).replace("WRONGPASS", "")
        assert "secret" not in repr(store._url) + str(fault.value)


def test_a_database_that_is_not_there_is_a_fault_and_not_another_one(server: Redis) -> None:
    store = RedisStore(f"redis://127.0.0.1:{server.port}/99")
    for call in (store.insert, store.blocking().insert):
        with pytest.raises(store.faults, match="out of range"):
            run(store, call(make_session()))
    assert server.ask("DBSIZE") == 0


def test_nobody_there_is_a_fault(server: Redis) -> None:
    server.stop()
    store = RedisStore(server.url)
    for call in (store.get, store.blocking().get):
        with pytest.raises(store.faults, match="cannot be reached"):
            run(store, call(make_session().id))


def test_what_the_program_does_wrong_is_no_fault(server: Redis, store: RedisStore) -> None:
    """A fault is answered 503 and tried again; this would never be better."""
    session = signed_in(store)
    key = Raw(store).key(0, b"s" + bytes(8) + session.id.bytes[8:])
    server.ask("LPUSH", key, "x")
    with pytest.raises(Exception, match="WRONGTYPE") as wrong:
        Raw(store).ask(0, "GET", key)
    assert not isinstance(wrong.value, store.faults)


# ── replicas ──────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def replica(server: Redis) -> Iterator[Redis]:
    with Redis.started("--replicaof", "127.0.0.1", str(server.port)) as replica:
        until("in step", lambda: replica.ask("ROLE")[3] == b"connected")
        yield replica


def test_law_11_a_revocation_is_acknowledged_when_the_replicas_have_it(server: Redis, replica: Redis) -> None:
    with opened(f"{server.url}?replicas=1&wait_ms=20000") as store:
        session, capped = signed_in(store), signed_in(store, user_id="grace", device=Device(id="laptop"))
        assert ended(store, session) == [session.id]
        assert _reason(replica, session) == b"user"
        new = make_session(user_id="grace", created_at=NOW, device=Device(id="laptop"))
        assert drive(store.insert(new, cap=Cap(at=NOW))).ended == ((capped.id, Reason.REPLACED),)
        assert _reason(replica, capped) == b"replaced"
        changed = new.change(revoked_at=NOW, reason=Reason.REPLAY)
        assert drive(store.replace(changed, at=NOW))
        assert _reason(replica, new) == b"replay"


def _reason(server: Redis, session: Session) -> bytes | None:
    """Why *session* ended, if *server* has its ending in its log."""
    shard = (session.id.int >> 64 & 0xFFF) % 64
    lines = server.ask("XRANGE", f"sojourn:{{{shard:02}}}:log", "-", "+")
    return next((value[28:] for _, (_, value) in lines if value[:16] == session.id.bytes), None)


@pytest.mark.parametrize("face", ["suspending", "blocking"])
def test_too_few_replicas_are_a_fault_that_says_so_and_to_ask_again_is_safe(
    server: Redis, replica: Redis, face: str
) -> None:
    suspending = RedisStore(f"{server.url}?replicas=1&wait_ms=100")
    store = suspending.blocking() if face == "blocking" else suspending
    session = make_session()

    async def without_and_with() -> Any:
        query = Query(id=session.id)
        await store.insert(session)
        with replica.frozen():
            for _ in range(2):  # the second one ends nobody, and is no acknowledgement either
                with pytest.raises(NotReplicated, match=r"done on the master.* 0 of 1 .*again is safe"):
                    await store.revoke(query, at=NOW, reason=Reason.USER)
            # nor is it on a connection that has written nothing yet
            with opened(f"{server.url}?replicas=1&wait_ms=100") as other, pytest.raises(NotReplicated):
                drive(other.revoke(query, at=NOW, reason=Reason.USER))
            stored = await store.get(session.id)
            assert stored is not None
            assert stored.reason is Reason.USER
        for _ in range(100):  # the replica thaws, and catches up
            with suppress(NotReplicated):
                return await store.revoke(query, at=NOW, reason=Reason.USER)
        raise AssertionError("never acknowledged")

    assert run(suspending, without_and_with()) == []


def test_a_sign_in_that_ends_nobody_does_not_wait_for_replicas(server: Redis) -> None:
    with opened(f"{server.url}?replicas=1&wait_ms=50") as store:
        assert drive(store.insert(make_session(), cap=Cap(at=NOW, limit=5))).done


def test_a_replica_is_not_asked_whether_anything_was_revoked(server: Redis, replica: Redis) -> None:
    with opened(server.url) as store:
        cursor = drive(store.entries()).cursor
        server.ask("REPLICAOF", "127.0.0.1", replica.port)
        with pytest.raises(store.faults, match="replica"):
            drive(store.entries(cursor))
    with opened(server.url) as store, pytest.raises(SettingsError, match="is a replica; name its master"):
        drive(store.get(make_session().id))


def test_purge_and_expire_go_on_after_a_fault(server: Redis, store: RedisStore) -> None:
    sessions = [signed_in(store, user_id=f"{n}", expires_at=MORNING + HOUR) for n in range(10)]
    assert len(drive(store.expire(at=NOW, limit=4))) == 4
    server.kill()
    with pytest.raises(store.faults):
        drive(store.expire(at=NOW))
    server.start()
    assert len(drive(store.expire(at=NOW))) == 6
    assert drive(store.purge(before=NOW + DAY)) == len(sessions)
    Raw(store).check()
