"""The contract on each store, and what only a file can show: other processes, one of them killed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sojourn.directory import open_directory
from sojourn.directory.memory import MemoryDirectory
from sojourn.directory.sqlite import SQLiteDirectory
from sojourn.directory.store import DirectoryStore
from sojourn.errors import SettingsError
from sojourn.stores.sqlite import SQLiteStore
from sojourn.testing import MORNING, make_session
from tests.directory.contract import DirectoryContract
from tests.directory.processes import claim_all, enqueue_and_wait, redeem_all
from tests.directory.records import (
    FULL_APPLICATION,
    FULL_TENANT,
    ID,
    MINUTE,
    MOMENT,
    make_application,
    make_code,
    make_message,
)
from tests.stores.processes import at_once, run


class TestMemory(DirectoryContract):
    @pytest.fixture
    async def store(self) -> DirectoryStore:
        return MemoryDirectory()


class TestSQLite(DirectoryContract):
    @pytest.fixture
    async def store(self, path: Path) -> AsyncIterator[DirectoryStore]:
        store = SQLiteDirectory(path)
        yield store
        await store.close()


class TestSQLiteInMemory(DirectoryContract):
    @pytest.fixture
    async def store(self) -> AsyncIterator[DirectoryStore]:
        store = SQLiteDirectory(None)
        yield store
        await store.close()


# ── processes ─────────────────────────────────────────────────────────────────────────────────


async def test_of_many_processes_one_gets_each_message(path: Path) -> None:
    store = SQLiteDirectory(path)
    messages = [make_message(number) for number in range(60)]
    await store.enqueue(messages)
    claimed = await asyncio.to_thread(at_once, claim_all, path, 2)
    assert sorted(id for mine in claimed for id in mine) == sorted(message.id for message in messages)
    await store.close()


async def test_of_many_processes_one_is_the_first_to_redeem(path: Path) -> None:
    store = SQLiteDirectory(path)
    digests = [str(number) for number in range(20)]
    for digest in digests:
        await store.put_code(digest, make_code())
    one, two = await asyncio.to_thread(at_once, redeem_all, path, 2, digests)
    assert [sorted(pair) for pair in zip(one, two, strict=True)] == [[False, True]] * 20
    await store.close()


async def test_messages_and_claims_outlive_a_process_that_is_killed(path: Path) -> None:
    script = f"from tests.directory.processes import {enqueue_and_wait.__name__} as work; import sys; "
    script += "from pathlib import Path; work(Path(sys.argv[1]))"
    with run(script, path) as process:
        assert process.stdout is not None
        claimed = UUID((await asyncio.to_thread(process.stdout.readline)).strip())
        process.kill()
    store = SQLiteDirectory(path)
    assert await store.count_messages() == 3
    others = await store.claim(at=MORNING + MINUTE - MOMENT, until=MORNING + 9 * MINUTE)
    assert len(others) == 2
    (freed,) = await store.claim(at=MORNING + MINUTE, until=MORNING + 9 * MINUTE)
    assert (freed.id, freed.attempts, freed.body) == (claimed, 2, b"body 0")
    await store.close()


# ── the file ──────────────────────────────────────────────────────────────────────────────────


async def test_one_file_holds_sessions_and_directory(path: Path) -> None:
    store, sessions = SQLiteDirectory(path), SQLiteStore(path)
    await store.insert_application(FULL_APPLICATION)
    session = make_session(application_id=FULL_APPLICATION.id)
    await sessions.insert(session)
    assert await store.application(FULL_APPLICATION.id) == FULL_APPLICATION
    assert await sessions.get(session.id) == session
    assert not await store.engine.compare()
    assert not await sessions.engine.compare()
    await sessions.close()
    await store.close()


async def test_a_new_file_is_as_the_migrations_say(path: Path) -> None:
    store = SQLiteDirectory(path)
    await store.insert_tenant(FULL_TENANT)
    await store.close()
    again = SQLiteDirectory(path, create=False)
    assert await again.tenant(FULL_TENANT.slug) == FULL_TENANT
    assert (await again.engine.status()).pending == ()
    await again.close()


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        ("select id from outbox where done_at is null and dead_at is null and due_at <= 1", "outbox_due"),
        ("select id from outbox where done_at < 1", "outbox_done"),
        ("select id from outbox where dead_at < 1", "outbox_dead"),
        ("select digest from authorization_codes where expires_at < 1", "authorization_codes_by_end"),
        ("select id from tenants where id = 'a' or slug = 'a'", "sqlite_autoindex_tenants"),
    ],
)
async def test_no_question_scans_a_table(path: Path, statement: str, index: str) -> None:
    store = SQLiteDirectory(path)
    plan = await store.engine.scan(lambda db: db.execute(f"explain query plan {statement}").fetchall())
    said = " ".join(row[-1] for row in plan)
    assert index in said
    assert "SCAN" not in said
    await store.close()


async def test_urls_name_stores(path: Path) -> None:
    assert isinstance(open_directory("memory://"), MemoryDirectory)
    for url in (f"sqlite:///{path}", "sqlite:///:memory:"):
        store = open_directory(url)
        assert await store.insert_application(make_application())
        await store.close()
    for url, said in (("postgresql://ada:hush@db", "no directory in 'postgresql'"), ("", "SOJOURN_ACCOUNTS")):
        with pytest.raises(SettingsError, match=said) as refused:
            open_directory(url)
        assert "hush" not in str(refused.value)


async def test_a_missing_file_is_not_made_without_create(path: Path) -> None:
    store = open_directory(f"sqlite:///{path}", create=False)
    with pytest.raises(SettingsError, match="sojourn migrate --accounts"):
        await store.application("shop")
    assert not path.exists()
    await store.close()


# ── both alike ────────────────────────────────────────────────────────────────────────────────

_NUMBERS = st.integers(0, 3)
_TIMES = st.integers(0, 6).map(lambda seconds: MORNING + timedelta(seconds=seconds))
_IDS = [UUID(int=ID.int + number) for number in range(4)]
_ACTS = st.one_of(
    st.builds(lambda n, due: ("enqueue", n, due), _NUMBERS, _TIMES),
    st.builds(lambda at, until, limit: ("claim", at, until, limit), _TIMES, _TIMES, st.integers(1, 3)),
    st.builds(lambda n, at: ("delivered", n, at), _NUMBERS, _TIMES),
    st.builds(lambda n, attempt, due: ("failed", n, attempt, due), _NUMBERS, st.integers(0, 3), _TIMES),
    st.builds(lambda n, attempt, at: ("give_up", n, attempt, at), _NUMBERS, st.integers(0, 3), _TIMES),
    st.builds(lambda before, limit: ("purge", before, limit), _TIMES, st.just(10)),
    st.builds(lambda n, at: ("put_code", n, at), _NUMBERS, _TIMES),
    st.builds(lambda n, at: ("redeem", n, at), _NUMBERS, _TIMES),
    st.builds(lambda n, m: ("bind", n, m), _NUMBERS, _NUMBERS),
)


async def _act(store: DirectoryStore, act: tuple[Any, ...]) -> Any:
    match act:
        case "enqueue", n, due:
            return await store.enqueue([make_message(n, id=_IDS[n], due_at=due)])
        case "claim", at, until, limit:
            return await store.claim(at=at, until=until, limit=limit)
        case "delivered", n, at:
            return await store.delivered(_IDS[n], at=at)
        case "failed", n, attempt, due:
            return await store.failed(_IDS[n], attempt=attempt, error="no", due_at=due)
        case "give_up", n, attempt, at:
            return await store.give_up(_IDS[n], attempt=attempt, error="no", at=at)
        case "purge", before, limit:
            codes = await store.purge_codes(before=before, limit=limit)
            return codes, await store.purge_outbox(before=before, limit=limit)
        case "put_code", n, at:
            return await store.put_code(str(n), make_code(expires_at=at))
        case "redeem", n, at:
            return await store.redeem_code(str(n), at=at)
        case "bind", n, m:
            return await store.bind_code(str(n), _IDS[m])
    raise AssertionError(act)


@given(st.lists(_ACTS, max_size=40))
def test_both_stores_answer_alike_whatever_is_done(acts: list[tuple[Any, ...]]) -> None:
    async def both() -> None:
        one, two = MemoryDirectory(), SQLiteDirectory(None)
        for act in acts:
            assert await _act(one, act) == await _act(two, act), act
        for state in ("waiting", "done", "dead"):
            assert await one.peek(state) == await two.peek(state)
        await two.close()

    asyncio.run(both())
