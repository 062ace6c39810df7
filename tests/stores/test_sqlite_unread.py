"""A row that was read lately is not read again while nobody commits; whatever anybody commits is seen."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from sojourn.blocking import drive
from sojourn.stores.protocol import Query
from sojourn.stores.sqlite import SQLiteStore, sql
from sojourn.stores.sqlite.rows import COLUMNS, microseconds
from sojourn.testing import MORNING
from tests.stores.acts import started

LATER = MORNING + timedelta(minutes=1)


def reads(store: SQLiteStore) -> Callable[[], int]:
    """How often a row was read since the last time."""
    seen: list[str] = []
    drive(store.engine.read(lambda db: db.set_trace_callback(seen.append)))
    begins = sql.GET.partition("?")[0]

    def since() -> int:
        found = sum(text.startswith(begins) for text in seen)
        seen.clear()
        return found

    return since


def by_hand(path: Path, statement: str, *values: Any) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        assert db.execute(statement, values).rowcount == 1


def test_while_nobody_commits_a_row_is_read_twice_at_most(store):
    session = started(store)
    since = reads(store)
    found = [drive(store.get(session.id)) for _ in range(10)]
    assert found == [session] * 10
    assert since() == 2  # the second time it is known that it is worth to ask, and not since when it is so


@pytest.mark.req("A7-7.4.1")
def test_law_05_a_plain_update_by_anybody_is_seen_by_the_next_read(store, path):
    session = started(store)
    for _ in range(4):
        drive(store.get(session.id))
    by_hand(path, "update sessions set revoked_at = ? where id = ?", microseconds(LATER), session.id.bytes)
    found = drive(store.get(session.id))
    assert found is not None
    assert found.revoked_at == LATER


@pytest.mark.parametrize("column", [name for name in COLUMNS if name not in ("id", "parent_id", "held")])
def test_whatever_column_it_is(store, path, column):
    session = started(store)
    before = [drive(store.get(session.id)) for _ in range(4)]
    value = _OTHER.get(column, 7)
    by_hand(path, f"update sessions set {column} = ? where id = ?", value, session.id.bytes)  # noqa: S608
    found = drive(store.get(session.id))
    assert found is not None
    assert getattr(found, column) != getattr(before[-1], column)


_OTHER: dict[str, Any] = {
    "salt": b"t" * 32,
    **dict.fromkeys(
        ("user_id", "application_id", "tenant_id", "revoked_by", "note", "ip", "profile"), "other"
    ),
    "impersonator_id": "other",
    "reason": "admin",
    "renew_due": 1,
    "remember": 1,
    "amr": '["otp"]',
    "device": '{"name": "another"}',
    "place": '{"city": "Graz", "country": "AT"}',
    "data": '{"cart": 1}',
}


def test_what_this_process_writes_is_seen_too(store):
    session = started(store)
    for number in range(1, 6):
        for _ in range(3):
            assert drive(store.get(session.id)) == session
        session = session.change(note=f"note {number}")
        assert drive(store.replace(session, at=LATER))


def test_a_row_that_is_gone_is_gone(store):
    session = started(store, expires_at=MORNING, ends_at=MORNING)
    for _ in range(4):
        drive(store.get(session.id))
    assert drive(store.purge(before=LATER))
    assert drive(store.get(session.id)) is None


def test_what_is_committed_between_the_question_and_the_row_is_not_missed(store, path, monkeypatch):
    """The answer is older than the row, so the next read asks for the row again."""
    session = started(store)
    drive(store.get(session.id))
    state = store.engine.state

    def and_then_somebody_writes(**how: Any) -> object | None:
        answer = state(**how)
        by_hand(path, "update sessions set ip = ? where id = ?", "192.0.2.99", session.id.bytes)
        return answer

    monkeypatch.setattr(store.engine, "state", and_then_somebody_writes)
    found = drive(store.get(session.id))
    assert found is not None
    assert found.ip == "192.0.2.99"
    monkeypatch.undo()
    since = reads(store)
    by_hand(path, "update sessions set ip = ? where id = ?", "192.0.2.7", session.id.bytes)
    again = drive(store.get(session.id))
    assert again is not None
    assert (again.ip, since()) == ("192.0.2.7", 1)


def test_data_are_each_caller_s_own(store):
    session = started(store, data={"cart": [1]})
    for _ in range(4):
        found: Any = drive(store.get(session.id))
        found.data["cart"].append(2)
    assert drive(store.get(session.id)) == session


def test_a_file_that_was_replaced_is_not_taken_for_calm(store, path):
    session = started(store)
    for _ in range(4):
        drive(store.get(session.id))
    path.rename(path.with_suffix(".old"))
    store.engine._file._checked = 0.0  # some time ago
    with pytest.raises(sqlite3.OperationalError, match="removed or replaced"):
        drive(store.get(session.id))


def test_readers_on_many_threads_see_every_commit(store, path):
    """Each compares with what its own connection was told: numbers of two say nothing of each other."""
    session = started(store, ip="192.0.2.0")
    wrong: list[Any] = []

    def read(least: int) -> None:
        for _ in range(50):
            found = drive(store.get(session.id))
            if found is None or int((found.ip or "").rpartition(".")[2]) < least:
                wrong.append(found)

    for number in range(1, 12):
        by_hand(path, "update sessions set ip = ? where id = ?", f"192.0.2.{number}", session.id.bytes)
        threads = [Thread(target=read, args=(number,)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_in_memory_there_is_nobody_to_ask():
    store = SQLiteStore(None).blocking()
    session = started(store)
    assert [drive(store.get(session.id)) for _ in range(4)] == [session] * 4
    assert drive(store.count(Query(user_id=session.user_id))) == 1
