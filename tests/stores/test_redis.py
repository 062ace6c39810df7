"""What the Redis store does beyond the contract: its indexes, its shards, and what it refuses."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from threading import Barrier
from threading import Event as ThreadEvent
from typing import Any

import pytest
from msgspec.structs import replace as _replaced

from sojourn.blocking import drive
from sojourn.errors import SettingsError
from sojourn.session import Device, Reason, Seen, Session, new_id
from sojourn.stores import open_store
from sojourn.stores.memory import MemoryStore
from sojourn.stores.protocol import Cap, CapRule, Query, Store
from sojourn.stores.redis import RedisStore
from sojourn.testing import MORNING, make_session
from tests.servers.redis import Redis
from tests.stores.acts import NOW
from tests.stores.redis_acts import DAY, HOUR, MINUTE, Raw, opened, run, signed_in

pytestmark = pytest.mark.servers


@pytest.fixture
def url(redis_server: Redis) -> str:
    return redis_server.new_database()


@pytest.fixture
def store(url: str) -> Iterator[RedisStore]:
    with opened(url) as store:
        yield store


@pytest.fixture
def narrow(url: str) -> Iterator[RedisStore]:
    """A store of one shard, where everybody meets everybody."""
    with opened(url, shards=1) as store:
        yield store


# ── against the model ─────────────────────────────────────────────────────────────────────────────


class Twins:
    """The same verbs at two stores; their answers have to be the same."""

    def __init__(self, seed: int, *stores: Store) -> None:
        self.stores = stores
        self.chance = random.Random(seed)
        self.now = NOW
        self.known: list[Session] = []

    def both(self, verb: str, *values: Any, **named: Any) -> Any:
        one, two = (drive(getattr(store, verb)(*values, **named)) for store in self.stores)
        assert _plain(one) == _plain(two), verb
        return one

    def step(self) -> None:
        self.now += timedelta(seconds=self.chance.randrange(120))
        act = self.chance.choice(
            [self.sign_in] * 5 + [self.touch, self.change, self.end, self.look, self.tidy]
        )
        act()

    def sign_in(self) -> None:
        chance = self.chance
        user = chance.choice([None, "ada", "grace", "mary", *(f"user {n}" for n in range(20))])
        lasts = timedelta(minutes=chance.choice([1, 30, 600]))
        session = make_session(
            user_id=user,
            created_at=self.now - timedelta(days=chance.choice([0, 0, 3])),
            seen_at=self.now,
            expires_at=self.now + lasts,
            ends_at=self.now + 3 * lasts,
            device=Device(id=chance.choice([None, "laptop", "phone"])),
            application_id=chance.choice([None, "shop"]),
            tenant_id=chance.choice([None, None, *(f"tenant {n}" for n in range(9))]),
            profile=chance.choice([None, "kiosk"]),
        )
        action: Any = chance.choice(["end_idle", "end_oldest"])
        same: Any = chance.choice([("application_id",), ("profile",)])
        rule = CapRule(limit=3, action=action, same=same)
        cap = Cap(
            at=self.now, rules=chance.choice([(), (rule,)]), limit=chance.choice([None, 5]), action=action
        )
        self.both("insert", session, cap=chance.choice([None, cap]))
        self.known.append(session)

    def touch(self) -> None:
        if self.known:
            some = self.chance.choices(self.known, k=5)
            seen = {s.id: Seen(self.now, self.now + HOUR, self.chance.choice([None, 0, 1])) for s in some}
            self.both("touch", seen, at=self.now)

    def change(self) -> None:
        if self.known:
            session = drive(self.stores[0].get(self.chance.choice(self.known).id))
            if session is not None:
                fields: list[dict[str, Any]] = [
                    {"data": {"x": 1}},
                    {"ends_at": self.now + MINUTE},
                    {"application_id": self.chance.choice([None, "shop", "blog"])},
                    {"tenant_id": "tenant 1"},
                    {"revoked_at": self.now, "reason": Reason.REPLAY},
                ]
                self.both("replace", session.change(**self.chance.choice(fields)), at=self.now)

    def end(self) -> None:
        user = self.chance.choice(["ada", "grace", "user 1"])
        query = self.chance.choice(
            [
                Query(user_id=user),
                Query(live_at=self.now, application_id="shop"),
                Query(
                    live_at=self.now, tenant_id="tenant 1", application_id=self.chance.choice([None, "blog"])
                ),
            ]
        )
        self.both("revoke", query, at=self.now, reason=Reason.ADMIN)

    def look(self) -> None:
        page = Query(limit=self.chance.choice([3, 100]), live_at=self.now)
        for query in (
            page,
            _replaced(page, after=self.chance.choice([None, *(s.id for s in self.known[-5:])])),
            _replaced(page, application_id="shop", order="seen"),
            _replaced(
                page, application_id="shop", after=self.chance.choice([s.id for s in self.known] or [None])
            ),
            _replaced(page, tenant_id="tenant 2"),
            _replaced(page, tenant_id="tenant 1", application_id="shop"),
            _replaced(page, seen_since=self.now - MINUTE, order="seen"),
            _replaced(page, user_id="ada", live_at=None),
            _replaced(page, device_id="phone", signed_in=True),
        ):
            self.both("select", query)
        for query in (page, _replaced(page, people=True), Query(live_at=self.now, about=True)):
            self.both("count", query)

    def tidy(self) -> None:
        noticed = self.both("expire", at=self.now)
        while noticed:
            noticed = self.both("expire", at=self.now)
        self.both("purge", before=self.now - timedelta(hours=2), limit=10_000)


def _plain(answer: Any) -> Any:
    """Lists of sessions that a store may give in whatever order are compared in one."""
    if isinstance(answer, list) and answer and isinstance(answer[0], Session):
        return sorted(answer, key=lambda session: session.id)
    if hasattr(answer, "ended"):
        return answer.done, sorted(answer.ended)
    return answer


@pytest.mark.parametrize("seed", range(4))
def test_every_answer_is_that_of_the_memory_store(narrow: RedisStore, seed: int) -> None:
    twins = Twins(seed, narrow, MemoryStore())
    raw = Raw(narrow, 1)
    for n in range(500):
        twins.step()
        if n % 100 == 99:
            raw.check()
    for session in twins.known:
        twins.both("get", session.id)


# ── by application and tenant ─────────────────────────────────────────────────────────────────────

SHOP = Query(live_at=MORNING, application_id="shop", limit=1000)
ACME = Query(live_at=MORNING, tenant_id="acme", limit=1000)


def found(store: RedisStore, query: Query) -> list[Session]:
    sessions: list[Session] = drive(store.select(query))
    assert drive(store.count(query)) == len(sessions)
    return sessions


@pytest.mark.parametrize("count", [1, 3, 4, 300])
def test_the_indexes_of_applications_and_tenants_follow_every_verb(narrow: RedisStore, count: int) -> None:
    raw = Raw(narrow, 1)
    sessions = crowd(narrow, count, application_id="shop", tenant_id="acme")
    others = crowd(narrow, 5)
    raw.check()
    assert found(narrow, SHOP) == found(narrow, ACME) == sessions[::-1]
    moved = sessions[0].change(application_id=None)
    assert drive(narrow.replace(moved, at=MORNING))
    raw.check()
    assert found(narrow, SHOP) == sessions[:0:-1]
    back = moved.change(application_id="shop", tenant_id="other")
    assert drive(narrow.replace(back, at=MORNING))
    raw.check()
    assert found(narrow, ACME) == sessions[:0:-1]
    assert drive(narrow.replace(back.change(revoked_at=MORNING, reason=Reason.REPLAY), at=MORNING))
    raw.check()
    third = count // 3
    assert (
        len(drive(narrow.revoke(_replaced(SHOP, limit=third or 1), at=MORNING, reason=Reason.ADMIN))) == third
    )
    raw.check()
    left = found(narrow, ACME)
    assert len(left) == count - 1 - third
    assert len(drive(narrow.expire(at=NOW, limit=1000))) == len(left) + len(others)
    raw.check()
    assert found(narrow, SHOP) == []
    drive(narrow.purge(before=NOW + DAY, limit=1000))
    raw.check()
    assert not [key for key in raw._keys(0) if b":apps" in key or b":tenants" in key]


def test_who_is_purged_unnoticed_leaves_application_and_tenant(narrow: RedisStore) -> None:
    crowd(narrow, 200, application_id="shop", tenant_id="acme")
    assert drive(narrow.purge(before=NOW + HOUR, limit=1000)) == 200
    raw = Raw(narrow, 1)
    raw.check()
    assert not [key for key in raw._keys(0) if b":apps" in key or b":tenants" in key]


def test_a_cap_takes_those_who_end_out_of_every_index(narrow: RedisStore) -> None:
    for n in range(9):
        session = make_session(created_at=MORNING + n * MINUTE, application_id="shop", tenant_id="acme")
        drive(narrow.insert(session, cap=Cap(at=MORNING, limit=2)))
    Raw(narrow, 1).check()
    assert drive(narrow.count(SHOP)) == drive(narrow.count(ACME)) == 2


def test_names_that_look_like_keys_are_kept_apart(narrow: RedisStore) -> None:
    for name in ("shop", "shop:", "shop:" + "x" * 16, "shop." + "x" * 16, "7", ""):
        crowd(narrow, 6, application_id=name, tenant_id=name)
        assert drive(narrow.count(_replaced(SHOP, application_id=name))) == 6
    Raw(narrow, 1).check()


@pytest.mark.parametrize("count", [3, 400])
def test_what_an_older_release_has_written_is_found_at_once_and_put_into_the_index_by_a_purge(
    narrow: RedisStore, count: int
) -> None:
    raw = Raw(narrow, 1)
    sessions = crowd(narrow, count, application_id="shop", tenant_id="acme")
    for key in raw._keys(0):
        if re.search(rb"}:(apps|tenants|grouped)", key):
            raw.ask(0, "DEL", key)
    late = signed_in(
        narrow, user_id="late", created_at=MORNING + HOUR, application_id="shop", tenant_id="acme"
    )
    assert found(narrow, SHOP) == found(narrow, ACME) == [late, *sessions[::-1]]
    ended = drive(narrow.revoke(_replaced(SHOP, limit=2), at=MORNING, reason=Reason.ADMIN))
    assert ended == [late.id, sessions[-1].id]
    drive(narrow.purge(before=MORNING))
    assert raw.ask(0, "EXISTS", raw.key(0, b"grouped")) == 1
    raw.check()
    assert found(narrow, SHOP) == found(narrow, ACME) == sessions[-2::-1]


def test_one_application_of_many_is_ended_without_looking_at_the_others(
    narrow: RedisStore,
) -> None:
    crowd(narrow, 600)
    few = crowd(narrow, 30, application_id="shop", tenant_id="acme")
    before = reads(narrow)
    assert len(drive(narrow.revoke(SHOP, at=MORNING, reason=Reason.ADMIN))) == len(few)
    assert reads(narrow) - before <= 2 * len(few)


def test_of_a_stretch_of_time_nothing_older_is_looked_at(narrow: RedisStore) -> None:
    sessions = crowd(narrow, 600)
    query = Query(live_at=MORNING, created_since=sessions[-10].created_at)
    before = reads(narrow)
    assert drive(narrow.select(query)) == sessions[:-11:-1]
    assert drive(narrow.count(query)) == 10
    assert drive(narrow.select(_replaced(query, user_id="user 3"))) == []
    assert drive(narrow.revoke(query, at=MORNING, reason=Reason.ADMIN)) == [s.id for s in sessions[:-11:-1]]
    assert reads(narrow) - before <= 5 * 10  # to end one it is read once more


def reads(store: RedisStore) -> int:
    """How many records the server was asked for so far, by scripts or not."""
    text = Raw(store, 1).ask(0, "INFO", "commandstats").decode()
    match = re.search(r"cmdstat_get:calls=(\d+)", text)
    return int(match[1]) if match else 0


# ── the indexes ───────────────────────────────────────────────────────────────────────────────────


def crowd(store: RedisStore, count: int, **fields: Any) -> list[Session]:
    """*count* sessions of as many users, a second apart."""
    sessions = [
        make_session(
            **{"user_id": f"user {n}", "created_at": MORNING + timedelta(seconds=n), "expires_at": NOW}
            | fields
        )
        for n in range(count)
    ]
    for session in sessions:
        drive(store.insert(session))
    return sessions


def test_sessions_in_order_fill_chunks_and_others_split_them(narrow: RedisStore) -> None:
    sessions = crowd(narrow, 400)
    raw = Raw(narrow, 1)
    assert [len(ids) for ids in raw.chunks(0).values()] == [128, 128, 128, 16]
    between = [
        make_session(user_id=f"late {n}", created_at=MORNING + timedelta(seconds=64.5)) for n in range(80)
    ]
    for session in between:
        drive(narrow.insert(session))
    raw.check()
    assert max(len(ids) for ids in raw.chunks(0).values()) <= 128
    found = drive(narrow.select(Query(live_at=MORNING, limit=1000)))
    assert found == sorted(sessions + between, key=lambda session: session.id, reverse=True)


def test_those_who_stay_do_not_keep_a_chunk_each(narrow: RedisStore) -> None:
    sessions = crowd(narrow, 1280)
    stay = sessions[::128]
    drive(narrow.touch({session.id: Seen(NOW, NOW + DAY) for session in stay}, at=MORNING))
    gone = []
    while page := drive(narrow.expire(at=NOW, limit=500)):
        gone += page
    assert len(gone) == len(sessions) - len(stay)
    raw = Raw(narrow, 1)
    raw.check()
    assert len(raw.chunks(0)) == 1
    assert drive(narrow.select(Query(live_at=NOW))) == [drive(narrow.get(s.id)) for s in reversed(stay)]


def test_a_chunk_of_the_seen_is_looked_at_once_for_each_of_its_bounds(narrow: RedisStore) -> None:
    sessions = crowd(narrow, 100)
    drive(narrow.touch({session.id: Seen(NOW, NOW + DAY) for session in sessions}, at=MORNING))
    assert drive(narrow.expire(at=NOW)) == []
    (score,) = Raw(narrow, 1).ask(0, "ZRANGE", b"sojourn:{00}:due", 0, 0, "WITHSCORES")[1:]
    assert float(score) == (NOW + DAY).timestamp() * 1e6


@pytest.mark.parametrize("count", [3, 4, 40])
def test_a_user_of_many_sessions_is_found_by_all_and_forgotten_with_the_last(
    store: RedisStore, count: int
) -> None:
    sessions = [signed_in(store, created_at=MORNING + n * MINUTE, expires_at=NOW) for n in range(count)]
    raw = Raw(store)
    newest_first = sessions[::-1]
    assert drive(store.select(Query(user_id="ada", limit=2))) == newest_first[:2]
    assert drive(store.select(Query(user_id="ada", after=sessions[2].id))) == newest_first[count - 2 :]
    assert drive(store.revoke(Query(user_id="ada", limit=2), at=MORNING, reason=Reason.USER))
    raw.check()
    assert len(drive(store.select(Query(user_id="ada")))) == count
    assert len(drive(store.expire(at=NOW))) == count - 2
    raw.check()
    assert drive(store.purge(before=NOW + HOUR)) == count
    raw.check()
    left = {key for shard in range(64) for key in raw._keys(shard)}
    assert {key.partition(b"}:")[2] for key in left} <= {b"counts", b"log", b"shards", b"epoch", b"grouped"}


def test_pages_of_a_long_past_have_no_gaps(store: RedisStore) -> None:
    sessions = [signed_in(store, created_at=MORNING + n * MINUTE) for n in range(450)]
    for session in sessions[::2]:
        drive(store.revoke(Query(id=session.id), at=NOW, reason=Reason.USER))
    found: list[Session] = []
    while page := drive(store.select(Query(user_id="ada", limit=40, after=found[-1].id if found else None))):
        found += page
    assert [session.id for session in found] == [session.id for session in reversed(sessions)]


def test_a_question_that_few_match_is_answered_in_pieces(narrow: RedisStore) -> None:
    crowd(narrow, 1200)
    first = make_session(user_id="first", created_at=MORNING - DAY, application_id="shop")
    drive(narrow.insert(first))
    query = Query(live_at=MORNING, application_id="shop")
    assert drive(narrow.select(query)) == [first]
    assert drive(narrow.count(query)) == 1
    assert drive(narrow.select(_replaced(query, order="seen"))) == [first]
    assert drive(narrow.revoke(query, at=MORNING, reason=Reason.ADMIN)) == [first.id]


def test_what_was_noticed_has_ended_for_a_clock_that_is_behind(store: RedisStore) -> None:
    session = signed_in(store, expires_at=NOW)
    assert drive(store.expire(at=NOW)) == [session]
    earlier = NOW - MINUTE
    drive(store.touch({session.id: Seen(NOW, NOW + DAY)}, at=earlier))
    assert not drive(store.replace(session.change(), at=earlier))
    assert drive(store.revoke(Query(id=session.id), at=earlier, reason=Reason.USER)) == []
    assert drive(store.get(session.id)) == session


def test_a_change_may_sign_a_visitor_in(store: RedisStore) -> None:
    visitor = make_session(id=new_id(MORNING, "ada"), user_id=None)
    drive(store.insert(visitor))
    assert drive(store.replace(visitor.change(user_id="ada"), at=NOW))
    assert [session.id for session in drive(store.select(Query(user_id="ada")))] == [visitor.id]
    Raw(store).check()


# ── shards and refusals ───────────────────────────────────────────────────────────────────────────


def test_an_id_of_another_bucket_than_its_users_is_refused(store: RedisStore) -> None:
    session = make_session(id=new_id(MORNING, "grace"))
    with pytest.raises(ValueError, match=r"new_id\(created_at, user_id\)"):
        drive(store.insert(session))
    with pytest.raises(ValueError, match="new_id"):
        drive(store.replace(signed_in(store).change(user_id="grace"), at=NOW))


def test_the_number_of_shards_stays(url: str, store: RedisStore) -> None:
    signed_in(store)
    with opened(url, shards=32) as other:
        with pytest.raises(SettingsError, match="begun with 64 shards, not 32; open it with shards=64"):
            drive(other.get(make_session().id))
        assert SettingsError in other.faults


def test_databases_of_one_server_are_apart(redis_server: Redis, store: RedisStore) -> None:
    session = signed_in(store)
    with opened(redis_server.new_database()) as other:
        assert drive(other.get(session.id)) is None


def test_open_store_knows_the_urls(url: str) -> None:
    assert isinstance(open_store(url), RedisStore)
    assert isinstance(open_store("redis+cluster://127.0.0.1:7000"), RedisStore)


# ── both faces, loops and scripts ─────────────────────────────────────────────────────────────────


def test_a_server_that_has_forgotten_the_scripts_is_told_again(url: str, redis_server: Redis) -> None:
    store = RedisStore(url)

    async def forgetful() -> None:
        for _ in range(3):
            session = make_session()
            assert (await store.insert(session)).done
            redis_server.ask("SCRIPT", "FLUSH")
            await store.touch({session.id: Seen(NOW, session.expires_at)}, at=NOW)
            redis_server.ask("SCRIPT", "FLUSH")
            assert session.id in [s.id for s in await store.select(Query(live_at=NOW))]
            redis_server.ask("SCRIPT", "FLUSH")
            assert await store.revoke(Query(id=session.id), at=NOW, reason=Reason.USER) == [session.id]

    run(store, forgetful())


def test_one_store_serves_several_loops(url: str) -> None:
    store = RedisStore(url)
    session = make_session()
    run(store, store.insert(session))
    assert run(store, store.get(session.id)) == session

    async def at_once() -> None:
        all_read, closed = Barrier(5), ThreadEvent()
        reading = [asyncio.to_thread(asyncio.run, _read(store, session, all_read, closed)) for _ in range(4)]
        others = asyncio.gather(*reading)
        assert await store.get(session.id) == session
        await asyncio.to_thread(all_read.wait, 30)
        await store.close()
        closed.set()
        assert await others == [session] * 4

    asyncio.run(at_once())


async def _read(store: RedisStore, session: Session, all_read: Barrier, closed: ThreadEvent) -> Any:
    """Keep the loop until the store is closed: that takes the connections of every loop."""
    found = await asyncio.gather(*(store.get(session.id) for _ in range(50)))
    await asyncio.to_thread(all_read.wait, 30)
    await asyncio.to_thread(closed.wait, 30)
    return found[-1]


def test_an_empty_poll_writes_nothing_and_asks_once(redis_server: Redis, store: RedisStore) -> None:
    cursor = drive(store.entries()).cursor
    redis_server.ask("CONFIG", "RESETSTAT")
    for _ in range(5):
        page = drive(store.entries(cursor))
        assert (page.entries, page.complete, page.continues, page.cursor) == ((), True, True, cursor)
    stats = redis_server.ask("INFO", "commandstats").decode()
    calls = dict(re.findall(r"cmdstat_([a-z|]+):calls=([0-9]+)", stats))
    calls.pop("config|resetstat")
    assert calls == {"get": "5", "info": "5", "time": "5", "xread": "5"}


def test_the_time_of_a_poll_is_the_servers(redis_server: Redis, store: RedisStore) -> None:
    before, after = (datetime.fromtimestamp(_server_time(redis_server) + n, NOW.tzinfo) for n in (0, 5))
    told = drive(store.entries()).now
    assert told is not None
    assert before <= told <= after


def _server_time(server: Redis) -> int:
    return int(server.ask("TIME")[0])


def test_trimming_an_idle_log_leaves_it_as_it_is(redis_server: Redis, store: RedisStore) -> None:
    session = signed_in(store)
    drive(store.revoke(Query(id=session.id), at=NOW, reason=Reason.USER))
    forget = partial(store.purge, before=MORNING, log_before=NOW + 36_500 * DAY)
    drive(forget())
    page = drive(store.entries())
    assert page.entries == ()
    for _ in range(3):
        drive(forget())
        assert drive(store.entries(page.cursor)).cursor == page.cursor


def test_a_long_log_that_was_trimmed_is_read_in_small_pages(narrow: RedisStore) -> None:
    for log_before in (NOW + 36_500 * DAY, None):
        sessions = crowd(narrow, 60, created_at=MORNING, expires_at=NOW + DAY)
        drive(narrow.revoke(Query(live_at=NOW), at=NOW, reason=Reason.ADMIN))
        drive(narrow.purge(before=MORNING, log_before=log_before))
    cursor, entries = None, set[Any]()
    while True:
        page = drive(narrow.entries(cursor, limit=7))
        assert page.continues
        entries |= {*page.entries}
        cursor = page.cursor
        if page.complete:
            break
    assert {entry.id for entry in entries} == {session.id for session in sessions}
