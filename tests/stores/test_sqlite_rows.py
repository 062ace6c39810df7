"""SQLite: what is in a row, and how a row is found."""

from __future__ import annotations

import sqlite3
from datetime import timedelta

from sojourn.blocking import drive
from sojourn.session import Device, Reason, Seen
from sojourn.stores.protocol import Cap, Query
from sojourn.stores.sqlite import SQLiteStore
from sojourn.stores.sqlite import store as sqlite
from sojourn.testing import make_session
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
        for sql in set(statements):
            plans.extend(row[3] for row in db.execute(f"explain query plan {sql}"))

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
    statements[:] = [sql for sql in statements if "sessions" in sql] + [sqlite._IS_DUE.replace("?", "1")]
    assert any(sql.lstrip().startswith("update sessions set due = case") for sql in statements)
    drive(store.engine.write(explain_all))
    assert plans
    assert not [plan for plan in plans if plan.startswith("SCAN")]
