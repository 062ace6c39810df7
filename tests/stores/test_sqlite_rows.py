"""SQLite: what is in a row, and how a row is found."""

from __future__ import annotations

import sqlite3
from datetime import UTC, timedelta, timezone
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from sojourn.blocking import drive
from sojourn.session import Device, Reason, Seen, new_id
from sojourn.stores.protocol import Cap, Query
from sojourn.stores.sqlite import SQLiteStore, sql
from sojourn.testing import MORNING, make_session
from tests.stores.acts import NOW, started


def test_what_a_newer_release_wrote_can_be_read(store: SQLiteStore, other: sqlite3.Connection) -> None:
    session = started(store, device=Device(name="Firefox on Linux"))
    other.execute(
        "update sessions set revoked_at = 1, reason = 'boredom', device = json_set(device, '$.hue', 'red')"
    )
    found = drive(store.get(session.id))
    assert found is not None
    assert found.device == session.device
    assert found.reason is Reason.SYSTEM


MINUTE = timedelta(minutes=1)
TIMES = [NOW - MINUTE, NOW, NOW + 10_000 * MINUTE]


@pytest.mark.parametrize("data", [{}, {"cart": [1]}], ids=["", "with data"])
def test_a_rotation_leaves_what_replacing_the_whole_row_would(
    store: SQLiteStore, tmp_path: Path, data: dict[str, Any]
) -> None:
    """Whatever was seen meanwhile, and whichever of the two statements did it."""
    unread = SQLiteStore(tmp_path / "unread.db").blocking()  # knows no row, so it replaces
    for seen_at, expires_at, generation, confirmed_at, touched in product(
        TIMES, TIMES, (0, 1), (None, NOW), (False, True)
    ):
        session = started(store, data=data, seen_at=NOW, expires_at=NOW + MINUTE)
        drive(unread.insert(session))
        assert drive(store.get(session.id)) == session
        changed = session.change(
            **{"seen_at": seen_at, "expires_at": expires_at, "generation": generation, "key_id": 2},
            **{"confirmed_at": confirmed_at, "forgiven_at": NOW, "rotated_at": NOW},
        )
        for each in (store, unread):
            if touched:
                use = Seen(NOW + MINUTE, NOW + 3 * MINUTE, generation=0)
                drive(each.touch({session.id: use}, at=NOW))
            assert drive(each.replace(changed, at=NOW))
            assert not drive(each.replace(changed, at=NOW))
        assert drive(store.get(session.id)) == drive(unread.get(session.id))
    drive(unread.close())


def test_a_rotation_does_not_undo_what_was_changed_by_hand(
    store: SQLiteStore, other: sqlite3.Connection
) -> None:
    session = started(store)
    drive(store.get(session.id))
    other.execute("update sessions set note = 'watch this one' where id = ?", (session.id.bytes,))
    assert drive(store.replace(session.change(generation=1, rotated_at=NOW), at=NOW))
    found = drive(store.get(session.id))
    assert found is not None
    assert (found.generation, found.note) == (1, "watch this one")


def test_what_is_read_after_a_rotation_is_in_utc(store: SQLiteStore) -> None:
    session = started(store)
    drive(store.get(session.id))
    elsewhere = NOW.astimezone(timezone(timedelta(hours=9)))
    drive(store.replace(session.change(generation=1, rotated_at=elsewhere), at=NOW))
    found = drive(store.get(session.id))
    assert found is not None
    assert found.rotated_at == NOW
    assert found.rotated_at.tzinfo is UTC


def test_a_purge_that_goes_on_where_it_stopped_passes_nobody_over(
    store: SQLiteStore, other: sqlite3.Connection
) -> None:
    sessions = [started(store, id=new_id(MORNING - n * MINUTE, "ada")) for n in range(12)][::-1]
    for session in sessions[1::2]:
        drive(store.revoke(Query(id=session.id), at=NOW, reason=Reason.USER))
    before = NOW + MINUTE
    assert drive(store.purge(before=before, limit=2)) == 2
    other.execute("update sessions set revoked_at = 1 where id = ?", (sessions[0].id.bytes,))  # behind it
    removed = []
    while count := drive(store.purge(before=before, limit=2)):
        removed.append(count)
    assert sum(removed) == 5
    left = drive(store.select(Query(user_id="ada")))
    assert {session.id for session in left} >= {session.id for session in sessions[2::2]}
    assert not {session.id for session in left} & {session.id for session in [*sessions[1::2], sessions[0]]}


def test_no_index_holds_what_a_touch_changes(other: sqlite3.Connection) -> None:
    (indexes,) = other.execute("select group_concat(name) from pragma_index_list('sessions')").fetchone()
    columns = {
        column
        for index in indexes.split(",")
        for (column,) in other.execute("select name from pragma_index_info(?)", (index,))
    }
    assert columns == {"id", "user_id", "due"}


def test_every_statement_finds_its_rows_by_an_index(store: SQLiteStore) -> None:
    session = started(store)
    plans: list[str] = []

    def explain_all(db: sqlite3.Connection) -> None:
        for statement in set(statements):
            plans.extend(row[3] for row in db.execute(f"explain query plan {statement}"))

    statements: list[str] = []
    drive(store.engine.write(lambda db: db.set_trace_callback(statements.append)))
    for query in (
        Query(user_id="ada"),
        Query(live_at=NOW, signed_in=True),
        Query(id=session.id, user_id="ada"),
    ):
        drive(store.revoke(query, at=NOW, reason=Reason.ADMIN))
    drive(store.insert(make_session(), cap=Cap(at=NOW, limit=1)))
    drive(store.touch({session.id: Seen(NOW, NOW)}, at=NOW))
    drive(store.replace(session.change(), at=NOW))
    started(store)
    drive(store.expire(at=NOW + timedelta(days=900)))
    drive(store.purge(before=NOW + timedelta(days=900)))
    drive(store.engine.write(lambda db: db.set_trace_callback(None)))
    statements[:] = [each for each in statements if "sessions" in each] + [sql.IS_DUE.replace("?", "1")]
    assert any(each.lstrip().startswith("update sessions set due = case") for each in statements)
    drive(store.engine.write(explain_all))
    assert plans
    own = ("SCAN json_each", "SCAN place", "SCAN CONSTANT ROW")  # what is given with the statement
    assert not [plan for plan in plans if plan.startswith("SCAN") and not plan.startswith(own)]
