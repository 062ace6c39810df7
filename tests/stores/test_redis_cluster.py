"""What the Redis store does in a cluster: when a master dies, and while a slot is moved."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from sojourn.blocking import drive
from sojourn.errors import SettingsError
from sojourn.session import Reason, Seen, Session
from sojourn.stores.protocol import Query
from sojourn.stores.redis import RedisStore
from sojourn.testing import make_session
from tests.servers.redis import Cluster, Redis, until
from tests.stores.acts import NOW
from tests.stores.redis_acts import Raw, ended, opened, run, signed_in

pytestmark = pytest.mark.servers


@pytest.fixture
def store(cluster: Cluster) -> Iterator[RedisStore]:
    with opened(cluster.emptied(timeout=1)) as store:
        yield store


def _key(session: Session) -> str:
    return f"sojourn:{{{(session.id.int >> 64 & 0xFFF) % 64:02}}}:log"


def test_sessions_are_spread_over_the_masters(cluster: Cluster, store: RedisStore) -> None:
    sessions = [signed_in(store, user_id=f"user {n}") for n in range(60)]
    assert len({cluster.owner(_key(session)).port for session in sessions}) == 3
    assert drive(store.count(Query(live_at=NOW))) == 60


def test_law_11_a_failover_loses_no_revocation_that_a_replica_has(cluster: Cluster) -> None:
    store = RedisStore(cluster.emptied(timeout=1, replicas=1, wait_ms=5000)).blocking()
    sessions = [signed_in(store, user_id=f"user {n}") for n in range(40)]
    for session in sessions[::2]:
        ended(store, session)
    before = drive(store.entries())
    cluster.kill_master_of(_key(sessions[0]))
    elsewhere = next(s for s in sessions if cluster.owner(_key(s))._process is not None)
    assert _patiently(store, elsewhere) is not None  # the other masters are there all the while
    with pytest.raises(store.faults):
        drive(store.get(sessions[0].id))
    until("served again", lambda: _served(store, sessions))
    for n, session in enumerate(sessions):
        stored = drive(store.get(session.id))
        assert stored is not None
        assert stored.reason is (Reason.USER if n % 2 == 0 else None)
    page = drive(store.entries(before.cursor))
    assert not page.continues
    assert page.epoch != before.epoch
    assert {entry.id for entry in page.entries} == {session.id for session in sessions[::2]}
    drive(store.close())


def _patiently(store: RedisStore, session: Session) -> Session | None:
    """Its record; the first try may be the one that finds out that the topology has changed."""
    try:
        return drive(store.get(session.id))
    except store.faults:
        return drive(store.get(session.id))


def _served(store: RedisStore, sessions: list[Session]) -> bool:
    try:
        for session in sessions:
            drive(store.get(session.id))
        drive(store.entries())
    except store.faults:
        return False
    return True


def test_a_loop_goes_on_by_itself_when_a_replica_has_taken_over(cluster: Cluster) -> None:
    store = RedisStore(cluster.emptied(timeout=1))
    sessions = [make_session(user_id=f"user {n}") for n in range(20)]

    async def through_a_failover() -> tuple[int, float]:
        for session in sessions:
            await store.insert(session)
        await asyncio.to_thread(until, "copied", lambda: _copied(cluster))
        await asyncio.to_thread(cluster.kill_master_of, _key(sessions[0]))
        began, faults = time.monotonic(), 0
        while time.monotonic() - began < 30:
            try:
                assert await asyncio.gather(*(store.get(session.id) for session in sessions)) == sessions
                break
            except store.faults:
                faults += 1
                await asyncio.sleep(0.05)
        else:
            raise AssertionError("nobody has taken over")
        assert await store.revoke(Query(id=sessions[0].id), at=NOW, reason=Reason.USER) == [sessions[0].id]
        return faults, time.monotonic() - began

    faults, _ = run(store, through_a_failover())
    assert faults > 0


def _copied(cluster: Cluster) -> bool:
    masters = [server for server in cluster.servers if server.ask("ROLE")[0] == b"master"]
    return all(server.ask("ROLE")[2][0][2] == str(server.ask("ROLE")[1]).encode() for server in masters)


def test_while_a_slot_is_moved_nothing_is_half_done(cluster: Cluster, store: RedisStore) -> None:
    session = signed_in(store)
    ended(store, signed_in(store, user_id="ada"))
    before = drive(store.entries())
    moving = _Moving(cluster, _key(session))
    moving.begin()
    moving.move(1)
    assert drive(store.get(session.id)) == session
    for refused in (
        store.insert(make_session()),
        store.revoke(Query(user_id="ada"), at=NOW, reason=Reason.USER),
        store.touch({session.id: Seen(NOW, session.ends_at)}, at=NOW),
    ):
        with pytest.raises(store.faults, match="TRYAGAIN"):
            drive(refused)
    moving.move(1000)
    assert drive(store.get(session.id)) == session
    with pytest.raises(store.faults, match="TRYAGAIN"):
        drive(store.insert(make_session()))
    assert set(drive(store.entries()).entries) == set(before.entries)
    moving.finish()
    assert drive(store.get(session.id)) == session
    assert drive(store.insert(make_session())).done
    assert len(drive(store.revoke(Query(user_id="ada"), at=NOW, reason=Reason.USER))) == 2
    assert {entry.reason for entry in drive(store.entries()).entries} == {Reason.USER}
    Raw(store).check()
    moving.back()


class _Moving:
    """The slot of a key, on its way from one master to another."""

    def __init__(self, cluster: Cluster, key: str) -> None:
        self.cluster = cluster
        self.source = cluster.owner(key)
        self.slot = self.source.ask("CLUSTER", "KEYSLOT", key)
        masters = [server for server in cluster.servers if server.ask("ROLE")[0] == b"master"]
        self.target = next(server for server in masters if server is not self.source)

    def begin(self) -> None:
        self.target.ask("CLUSTER", "SETSLOT", self.slot, "IMPORTING", self._name(self.source))
        self.source.ask("CLUSTER", "SETSLOT", self.slot, "MIGRATING", self._name(self.target))

    def move(self, count: int) -> None:
        for key in self.source.ask("CLUSTER", "GETKEYSINSLOT", self.slot, count):
            assert self.source.ask("MIGRATE", "127.0.0.1", self.target.port, key, 0, 5000) == b"OK"

    def finish(self) -> None:
        for server in (self.target, self.source):
            server.ask("CLUSTER", "SETSLOT", self.slot, "NODE", self._name(self.target))

    def back(self) -> None:
        self.source, self.target = self.target, self.source
        self.begin()
        self.move(1000)
        self.finish()

    @staticmethod
    def _name(server: Redis) -> bytes:
        name: bytes = server.ask("CLUSTER", "MYID")
        return name


def test_a_url_of_the_wrong_kind_is_refused_with_the_right_one(cluster: Cluster, redis_server: Redis) -> None:
    with (
        opened(f"redis://127.0.0.1:{cluster.servers[0].port}/0") as store,
        pytest.raises(SettingsError, match=r"one of a cluster; write redis\+cluster://"),
    ):
        drive(store.get(make_session().id))
    with (
        opened(f"redis+cluster://127.0.0.1:{redis_server.port}") as store,
        pytest.raises(store.faults, match="use redis:// in the URL"),
    ):
        drive(store.get(make_session().id))


def test_memory_that_one_master_lost_is_another_epoch(cluster: Cluster, store: RedisStore) -> None:
    for n in range(20):
        ended(store, signed_in(store, user_id=f"user {n}"))
    before = drive(store.entries())
    cluster.owner("sojourn:{63}:log").ask("FLUSHALL")
    page = drive(store.entries(before.cursor))
    assert not page.continues
    assert page.epoch != before.epoch
