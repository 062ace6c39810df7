"""PostgreSQL: the log, in whatever order transactions commit."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from sojourn.blocking import drive
from sojourn.session import Reason, Session
from sojourn.stores.postgres import PostgresStore
from sojourn.stores.protocol import Entries, Query
from sojourn.testing import MORNING, make_session
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
    drive(store.entries())
    yield store
    drive(store.close())


class Writer:
    """Somebody whose transaction takes its time."""

    def __init__(self, url: str) -> None:
        self.connection = psycopg.connect(url)
        self.connection.execute("select pg_current_xact_id()")

    def end(self, session: Session) -> None:
        self.connection.execute("update sessions set revoked_at = %s where id = %s", (NOW, session.id))

    def commit(self) -> None:
        self.connection.commit()
        self.connection.close()


def started(store: PostgresStore, count: int) -> list[Session]:
    sessions = [make_session() for _ in range(count)]
    for session in sessions:
        assert drive(store.insert(session)).done
    return sessions


def revoke(store: PostgresStore, session: Session) -> None:
    assert drive(store.revoke(Query(id=session.id), at=NOW, reason=Reason.USER)) == [session.id]


def polled(store: PostgresStore, cursor: str, **limit: Any) -> tuple[set[UUID], Entries]:
    page = drive(store.entries(cursor, **limit))
    assert page.continues
    return {entry.id for entry in page.entries}, page


def test_law_05_lines_that_commit_in_another_order_than_they_were_written_all_come(
    url: str, store: PostgresStore
) -> None:
    first, second, third = started(store, 3)
    cursor = drive(store.entries()).cursor
    early, late = Writer(url), Writer(url)
    early.end(first)
    late.end(second)
    late.commit()
    found, page = polled(store, cursor)
    assert (found, page.complete) == ({second.id}, True)
    found, page = polled(store, page.cursor)
    assert found == set()
    revoke(store, third)
    early.commit()
    found, page = polled(store, page.cursor)
    assert found == {first.id, third.id}
    assert polled(store, page.cursor)[0] == set()


def test_law_05_a_transaction_that_stays_open_hides_nothing(url: str, store: PostgresStore) -> None:
    first, second, third = started(store, 3)
    cursor = drive(store.entries()).cursor
    dump = Writer(url)  # writes something else, for hours
    revoke(store, first)
    found, page = polled(store, cursor)
    assert found == {first.id}
    revoke(store, second)
    found, page = polled(store, page.cursor)
    assert found == {second.id}
    dump.end(third)
    assert polled(store, page.cursor)[0] == set()
    dump.commit()
    assert polled(store, page.cursor)[0] == {third.id}


def test_law_05_what_commits_during_a_sweep_of_pages_comes_after_it(url: str, store: PostgresStore) -> None:
    sessions = started(store, 12)
    cursor = drive(store.entries()).cursor
    slow = Writer(url)
    slow.end(sessions[0])
    for session in sessions[1:7]:
        revoke(store, session)
    found, page = polled(store, cursor, limit=2)
    assert not page.complete
    slow.commit()  # a number that the sweep has passed already
    for session in sessions[7:]:
        revoke(store, session)
    while True:
        more, page = polled(store, page.cursor, limit=2)
        found |= more
        if page.complete:
            break
    assert found == {session.id for session in sessions}


def test_law_05_the_end_of_a_sweep_is_not_the_end_of_the_log(store: PostgresStore) -> None:
    sessions = started(store, 4)
    cursor = drive(store.entries()).cursor
    for session in sessions[:3]:
        revoke(store, session)
    _, page = polled(store, cursor, limit=2)
    revoke(store, sessions[3])
    _, page = polled(store, page.cursor, limit=2)
    assert not page.complete
    found, page = polled(store, page.cursor, limit=2)
    assert (found, page.complete) == ({sessions[3].id}, True)


def test_a_transaction_that_stays_open_survives_the_trimming_of_the_log(
    url: str, store: PostgresStore
) -> None:
    old, slow, new = started(store, 3)
    writer = Writer(url)
    writer.end(slow)
    revoke(store, old)
    page = drive(store.entries())
    assert page.now is not None
    drive(store.purge(before=MORNING, log_before=page.now + timedelta(days=1)))
    assert polled(store, page.cursor)[0] == set()
    revoke(store, new)
    writer.commit()
    assert polled(store, page.cursor)[0] == {slow.id, new.id}


def test_only_what_is_old_enough_is_trimmed(store: PostgresStore) -> None:
    old, new = started(store, 2)
    before = drive(store.entries()).cursor
    revoke(store, old)
    middle = drive(store.entries())
    revoke(store, new)
    drive(store.purge(before=MORNING, log_before=middle.now))
    assert not drive(store.entries(before)).continues
    assert [entry.id for entry in drive(store.entries(before)).entries] == [new.id]
    assert polled(store, middle.cursor)[0] == {new.id}


def test_a_cursor_from_the_future_begins_anew(store: PostgresStore) -> None:
    (session,) = started(store, 1)
    page = drive(store.entries())
    revoke(store, session)
    for future in ("99999999:99999999:", "5:99999999:7,8"):
        found = drive(store.entries(f"{page.epoch};{future};;0;0"))
        assert not found.continues
        assert [entry.id for entry in found.entries] == [session.id]
        assert polled(store, found.cursor)[0] == set()


@pytest.mark.parametrize("cursor", ["", "0-0", "nonsense;1:1:;;0;0", "x"])
def test_a_cursor_of_another_log_begins_anew(store: PostgresStore, cursor: str) -> None:
    (session,) = started(store, 1)
    revoke(store, session)
    page = drive(store.entries(cursor))
    assert not page.continues
    assert [entry.id for entry in page.entries] == [session.id]


def test_a_crash_of_the_server_begins_a_new_epoch_and_a_restart_does_not() -> None:
    with Postgres.started() as server:
        store = PostgresStore(server.new_database()).blocking()
        (session,) = started(store, 1)
        page = drive(store.entries())
        drive(store.close())
        server.stop()
        server.start()
        assert drive(store.entries(page.cursor)).epoch == page.epoch
        revoke(store, session)
        drive(store.close())
        server.kill()
        server.start()
        after = drive(store.entries(page.cursor))
        assert after.epoch != page.epoch
        assert not after.continues
        assert [entry.id for entry in after.entries] == [session.id]
        drive(store.close())


def test_who_listens_is_woken_by_the_log_and_by_nothing_else(url: str, postgres: Postgres) -> None:
    async def main() -> None:
        store = PostgresStore(url)
        session, other = make_session(), make_session()
        await store.insert(session)
        woken: asyncio.Queue[None] = asyncio.Queue()
        listening = asyncio.create_task(store.listen(lambda: woken.put_nowait(None)))
        await asyncio.wait_for(woken.get(), 10)  # for what was before
        await store.insert(other)
        await store.replace(other.change(data={"x": 1}), at=NOW)
        await store.revoke(Query(id=session.id), at=NOW, reason=Reason.USER)
        await asyncio.wait_for(woken.get(), 10)
        assert woken.empty()
        with closing(psycopg.connect(postgres.url("postgres"), autocommit=True)) as root:
            root.execute("select pg_terminate_backend(pid) from pg_stat_activity where query ilike 'listen%'")
        with pytest.raises(store.faults):
            await asyncio.wait_for(listening, 10)
        await store.close()

    asyncio.run(main())


def test_listening_ends_when_it_is_cancelled(url: str) -> None:
    async def main() -> None:
        store = PostgresStore(url)
        woken = asyncio.Event()
        listening = asyncio.create_task(store.listen(woken.set))
        await asyncio.wait_for(woken.wait(), 10)
        listening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await listening
        await store.close()

    asyncio.run(main())


def test_behind_a_pooler_nobody_listens(url: str) -> None:
    async def main() -> None:
        store = PostgresStore(url + "?pooler=transaction")
        await store.listen(lambda: None)
        session = make_session()
        assert (await store.insert(session)).done
        assert await store.get(session.id) == session
        blocking = store.blocking()
        assert drive(blocking.get(session.id)) == session
        await store.close()

    asyncio.run(main())
