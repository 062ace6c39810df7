"""How much one script does at most, counted by the server: nobody else is answered while a script runs."""

from __future__ import annotations

import re
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace as _replaced

from sojourn.blocking import drive
from sojourn.session import Device, Reason, Seen, Session
from sojourn.stores.protocol import Query
from sojourn.stores.redis import RedisStore
from sojourn.stores.redis.query import Walk
from sojourn.stores.redis.steps import (
    CHUNKS,
    ENDED,
    FORGOTTEN,
    LOOKED_AT,
    LOOKED_TO_END,
    OF_USER,
    TOGETHER,
    TOUCHED,
    UNTOLD,
)
from sojourn.stores.redis.store import steps_of_touch
from sojourn.stores.redis.wire import packed
from sojourn.testing import MORNING, make_session
from tests.servers.redis import Redis
from tests.stores.acts import NOW
from tests.stores.redis_acts import DAY, HOUR, Raw, opened

pytestmark = pytest.mark.servers

_CHUNK = 128  # sessions
_LINE = re.compile(rb'\+[0-9.]+ \[[0-9]+ (lua|[^\]]*)\] "([A-Za-z]+)"')


@pytest.fixture
def narrow(redis_server: Redis) -> Iterator[RedisStore]:
    """A store of one shard, where a script meets everybody."""
    with opened(redis_server.new_database(), shards=1) as store:
        yield store


@pytest.fixture
def wide(redis_server: Redis) -> Iterator[RedisStore]:
    with opened(redis_server.new_database(), shards=8) as store:
        yield store


@contextmanager
def watched(server: Redis) -> Iterator[list[Counter[str]]]:
    """What each script that runs meanwhile does: how often which command; there when the block is over."""
    scripts: list[Counter[str]] = []
    with socket.create_connection(("127.0.0.1", server.port), 20) as connection:
        connection.sendall(packed("MONITOR"))
        said = connection.recv(5)
        yield scripts
        server.ask("ECHO", "that was all")
        while b'"that was all"' not in said[-200:]:
            said += connection.recv(1 << 20)
    for who, command in _LINE.findall(said):
        name = command.decode().upper()
        if who == b"lua":
            scripts[-1][name] += 1
        elif name in ("EVAL", "EVALSHA"):
            scripts.append(Counter())
        elif name == "PUBLISH":
            scripts.append(Counter([name]))


def most(scripts: list[Counter[str]], *commands: str) -> int:
    """The largest number of *commands* in one script."""
    return max(sum(script[name] for name in commands) for script in scripts)


def total(scripts: list[Counter[str]], command: str) -> int:
    return sum(script[command] for script in scripts)


def crowd(store: RedisStore, count: int, **fields: Any) -> list[Session]:
    """*count* sessions of as many users, a second apart."""
    default = {"expires_at": NOW + DAY, "ends_at": NOW + DAY}
    sessions = [
        make_session(
            **default
            | {"user_id": f"user {n}", "created_at": MORNING + timedelta(seconds=n) - DAY}
            | {"seen_at": MORNING}
            | fields
        )
        for n in range(count)
    ]
    for session in sessions:
        assert drive(store.insert(session)).done
    return sessions


def test_the_numbers_are_small() -> None:
    """By what `steps` says that each takes: microseconds of the server that one step holds."""
    looked, ended, forgotten, script = 3, 30, 8, 25
    assert script + looked * LOOKED_TO_END + ended * ENDED <= 1000
    assert script + looked * CHUNKS * _CHUNK + max(ended * ENDED, forgotten * FORGOTTEN) <= 2000
    assert script * TOGETHER + looked * max(LOOKED_AT, TOUCHED) <= 1000
    assert script + looked * LOOKED_AT + ended * OF_USER <= 4000


# ── endings ───────────────────────────────────────────────────────────────────────────────────────


def test_a_script_ends_few_of_many(redis_server: Redis, narrow: RedisStore) -> None:
    sessions = crowd(narrow, 300)
    with watched(redis_server) as scripts:
        ended = drive(narrow.revoke(Query(live_at=NOW, limit=1000), at=NOW, reason=Reason.ADMIN))
    assert {*ended} == {session.id for session in sessions}
    assert (most(scripts, "XADD"), total(scripts, "XADD")) == (ENDED, 300)
    assert most(scripts, "GET") <= LOOKED_TO_END
    Raw(narrow, 1).check()


@pytest.mark.parametrize(
    "query", [Query(live_at=NOW, application_id="shop"), Query(live_at=NOW, tenant_id="acme")]
)
def test_a_script_ends_few_of_a_group_and_looks_at_nobody_else(
    redis_server: Redis, narrow: RedisStore, query: Query
) -> None:
    crowd(narrow, 300)
    sessions = crowd(narrow, 300, application_id="shop", tenant_id="acme")
    with watched(redis_server) as scripts:
        ended = drive(narrow.revoke(_replaced(query, limit=1000), at=NOW, reason=Reason.ADMIN))
    assert {*ended} == {session.id for session in sessions}
    assert (most(scripts, "XADD"), total(scripts, "XADD")) == (ENDED, 300)
    assert total(scripts, "GET") == 300
    Raw(narrow, 1).check()


def test_those_who_follow_are_not_woken_by_each_step(redis_server: Redis, narrow: RedisStore) -> None:
    """With the first ending, now and then, and after the last: each waking is a poll of everybody."""
    crowd(narrow, 390)
    with watched(redis_server) as scripts:
        drive(narrow.revoke(Query(live_at=NOW, limit=1000), at=NOW, reason=Reason.ADMIN))
    told, untold = [script["PUBLISH"] for script in scripts if script["XADD"] or script["PUBLISH"]], 0
    assert (told[0], told[-1]) == (1, 1)
    assert sum(told) <= 390 // UNTOLD + 2
    for script in scripts:
        untold = 0 if script["PUBLISH"] else untold + script["XADD"]
        assert untold <= UNTOLD


def test_a_script_that_finds_nobody_to_end_looks_at_few(redis_server: Redis, narrow: RedisStore) -> None:
    crowd(narrow, 350)
    with watched(redis_server) as scripts:
        query = Query(live_at=NOW, device_id="phone")
        assert drive(narrow.revoke(query, at=NOW, reason=Reason.ADMIN)) == []
    assert (most(scripts, "GET"), total(scripts, "GET")) == (LOOKED_TO_END, 350)


def test_the_sessions_of_one_user_end_together_up_to_a_bound(redis_server: Redis, narrow: RedisStore) -> None:
    crowd(narrow, OF_USER, user_id="ada")
    crowd(narrow, OF_USER + 50, user_id="grace")
    for user, ends in (("ada", [OF_USER]), ("grace", [OF_USER, 50])):
        with watched(redis_server) as scripts:
            drive(narrow.revoke(Query(user_id=user, limit=1000), at=NOW, reason=Reason.USER))
        assert [script["XADD"] for script in scripts if script["XADD"]] == ends
    Raw(narrow, 1).check()


def test_a_script_notices_few_ends(redis_server: Redis, narrow: RedisStore) -> None:
    sessions = crowd(narrow, 300, expires_at=NOW)
    with watched(redis_server) as scripts:
        noticed = drive(narrow.expire(at=NOW, limit=1000))
    assert sorted(s.id for s in noticed) == sorted(s.id for s in sessions)
    assert (most(scripts, "SETRANGE"), total(scripts, "SETRANGE")) == (ENDED, 300)
    assert most(scripts, "GETRANGE") <= CHUNKS * _CHUNK
    assert total(scripts, "GETRANGE") <= 300 + 2 * len(scripts)  # nobody is looked at again for each step
    Raw(narrow, 1).check()


def test_a_chunk_of_which_some_have_ended_is_noticed_bit_by_bit(narrow: RedisStore) -> None:
    over, living = crowd(narrow, 60, expires_at=NOW), crowd(narrow, 60)
    noticed = []
    while page := drive(narrow.expire(at=NOW, limit=7)):
        assert len(page) <= 7
        noticed += page
        Raw(narrow, 1).check()
    assert sorted(s.id for s in noticed) == sorted(s.id for s in over)
    assert drive(narrow.count(Query(live_at=NOW))) == len(living)


def test_a_script_forgets_few(redis_server: Redis, narrow: RedisStore) -> None:
    crowd(narrow, 250, revoked_at=NOW, reason=Reason.USER)
    crowd(narrow, 250, expires_at=NOW)  # whose end nobody has noticed
    with watched(redis_server) as scripts:
        assert drive(narrow.purge(before=NOW + HOUR, limit=1000)) == 500
    assert most(scripts, "GET") <= FORGOTTEN
    assert most(scripts, "GETRANGE") <= CHUNKS * _CHUNK
    Raw(narrow, 1).check()


def test_one_whose_end_nobody_noticed_leaves_nothing_when_he_is_forgotten(narrow: RedisStore) -> None:
    crowd(narrow, 3, expires_at=NOW)
    crowd(narrow, 3, user_id=None, expires_at=NOW)
    assert drive(narrow.purge(before=NOW + HOUR)) == 6
    left = {key.partition(b"}:")[2] for key in Raw(narrow, 1)._keys(0)}
    assert left <= {b"counts", b"shards", b"grouped"}


# ── questions ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("query", [Query(live_at=NOW, device_id="phone"), Query(live_at=NOW)])
def test_scripts_that_are_sent_together_look_at_few(
    redis_server: Redis, wide: RedisStore, query: Query
) -> None:
    crowd(wide, 1200)
    with watched(redis_server) as scripts:
        number = drive(wide.count(query))
        page = drive(wide.select(query))
    assert (number, len(page)) == ((1200, 100) if query.device_id is None else (0, 0))
    assert TOGETHER * most(scripts[:8], "GET") <= LOOKED_AT
    assert most(scripts, "GET") <= LOOKED_AT


# ── uses ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_script_records_few_uses(redis_server: Redis, narrow: RedisStore) -> None:
    sessions = crowd(narrow, 450)
    seen = {session.id: Seen(NOW, NOW + DAY) for session in sessions}
    with watched(redis_server) as scripts:
        drive(narrow.touch(seen, at=NOW))
    assert (most(scripts, "SETRANGE"), total(scripts, "SETRANGE")) == (TOUCHED, 450)


@pytest.mark.parametrize("sizes", [[], [1], [1000], [3] * 64, [TOUCHED - 1, 2, TOUCHED], [TOUCHED] * 3])
def test_uses_that_are_sent_together_are_few_and_none_is_lost(sizes: list[int]) -> None:
    values: dict[int, list[Any]] = {
        shard: [(shard, n) for n in range(4 * size)] for shard, size in enumerate(sizes)
    }
    steps = [*steps_of_touch(values)]
    assert all(sum(len(part) for _, part in step) <= 4 * TOUCHED for step in steps)
    assert all(0 < len(step) <= TOGETHER for step in steps)
    assert all(part and len(part) % 4 == 0 for step in steps for _, part in step)
    told = [value for step in steps for _, part in step for value in part]
    assert told == [value for part in values.values() for value in part]


# ── a walk in several calls ───────────────────────────────────────────────────────────────────────


def test_the_next_call_begins_where_the_last_had_enough_and_goes_all_round() -> None:
    walk, shop, library = Walk(), Query(application_id="shop", live_at=NOW), Query(application_id="library")
    for shard in walk.shards(shop, range(6)):
        if shard == 4:
            break
    later = Query(application_id="shop", live_at=NOW + HOUR, limit=7)
    assert [*walk.shards(later, range(6))] == [4, 5, 0, 1, 2, 3]
    assert [*walk.shards(library, range(6))] == [0, 1, 2, 3, 4, 5]
    assert [*walk.shards(library, [3])] == [3]
    assert [*walk.shards(library, range(3))] == [0, 1, 2]


def test_who_ends_many_does_not_walk_past_the_others_for_every_batch(
    redis_server: Redis, wide: RedisStore
) -> None:
    crowd(wide, 800)
    phones = crowd(wide, 160, device=Device(id="phone"))
    query = Query(live_at=NOW, device_id="phone", limit=10)
    ended = []
    with watched(redis_server) as scripts:
        while batch := drive(wide.revoke(query, at=NOW, reason=Reason.ADMIN)):
            ended += batch
    assert sorted(ended) == sorted(session.id for session in phones)
    # all once, the last call all once more, and for each batch some of one shard; not 16 times all
    assert total(scripts, "GET") < 2 * 960 + 16 * 150 + 160


def test_a_batch_that_is_not_full_has_found_those_who_came_meanwhile(wide: RedisStore) -> None:
    query = Query(live_at=NOW, application_id="shop", limit=10)
    for _ in range(6):
        crowd(wide, 15, application_id="shop")
        assert len(drive(wide.revoke(query, at=NOW, reason=Reason.ADMIN))) == 10
        late = crowd(wide, 1, application_id="shop")
        rest = [*iter(lambda: drive(wide.revoke(query, at=NOW, reason=Reason.ADMIN)), [])]
        assert late[0].id in {id for batch in rest for id in batch}
        assert drive(wide.count(query)) == 0
