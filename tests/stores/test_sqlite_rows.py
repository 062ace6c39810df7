"""SQLite: what is in a row, and how a row is found."""

from __future__ import annotations

import sqlite3
from datetime import UTC, timedelta, timezone
from itertools import product
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from sojourn.blocking import drive
from sojourn.session import Device, Held, Place, Reason, Seen, Session, new_id
from sojourn.stores.protocol import Cap, Query
from sojourn.stores.sqlite import SQLiteStore, sql
from sojourn.stores.sqlite.rows import COLUMNS, PACKED, packed, to_values, unpacked
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


ODD = "".join(map(chr, range(128))) + "\x85\u2028\ufeff\uffff é☃😀 \\\" '],[{}\0"


def _full() -> Session:
    """A session with something in every field, which differs from that in any other."""
    texts = dict.fromkeys(
        ("application_id", "tenant_id", "revoked_by", "note", "ip", "profile", "impersonator_id")
    )
    times = dict.fromkeys(("rotated_at", "confirmed_at", "forgiven_at", "revoked_at", "authenticated_at"))
    return make_session(
        **{name: f"{name} {ODD}" for name in texts},
        **{name: NOW + number * MINUTE for number, name in enumerate(times, start=10)},
        **{"reason": Reason.CAP, "generation": 3, "key_id": 65_535, "version": 1 << 40, "void_below": 7},
        **{"remember": True, "renew_due": True, "aal": 2, "amr": ("pwd", ODD), "place": Place(city=ODD)},
        **{"parent_id": UUID(int=11), "parent_version": 9},
        **{"held": Held(NOW, UUID(int=13), NOW + MINUTE), "idle_timeout": timedelta(seconds=301)},
        **{"device": Device(id="x", user_agent=ODD), "data": {ODD: [1 << 70, 1.5, None]}, "user_id": ODD},
    )


def _asked(db: sqlite3.Connection, columns: str, session: Session) -> Any:
    return db.execute(f"select {columns} from sessions where id = ?", (session.id.bytes,)).fetchone()  # noqa: S608


def test_what_is_packed_is_the_row(store: SQLiteStore, other: sqlite3.Connection) -> None:
    """Whatever is in it: columns that come together come apart again, each in its place."""
    for session in (make_session(), _full()):
        drive(store.insert(session))
        plain, row = (_asked(other, columns, session) for columns in (", ".join(COLUMNS), PACKED))
        assert unpacked(session.id.bytes, row) == plain == to_values(session)
        assert unpacked(session.id.bytes, packed(plain)) == plain
        assert drive(store.get(session.id)) == session
        assert drive(store.select(Query(id=session.id))) == [session]


def test_a_row_is_foretold_in_the_spelling_of_sqlite(store: SQLiteStore, other: sqlite3.Connection) -> None:
    session = started(store, note='a "note" on é☃😀', data={"a": 1})
    assert packed(to_values(session)) == _asked(other, PACKED, session)


@pytest.mark.parametrize("column", [name for name in COLUMNS if name != "id"])
def test_a_change_of_any_column_by_hand_is_seen(
    store: SQLiteStore, other: sqlite3.Connection, column: str
) -> None:
    session = _full()
    drive(store.insert(session))
    assert drive(store.get(session.id)) == session
    before = to_values(session)[COLUMNS.index(column)]
    by_hand: dict[str, Any] = {"reason": "admin", "amr": '["x"]', "device": "{}", "place": None, "data": "{}"}
    by_hand |= {
        "salt": bytes(32),
        "remember": 0,
        "renew_due": 0,
        "parent_id": str(UUID(int=12)),
        "held": None,
    }
    other_value = by_hand.get(column, before + 1 if isinstance(before, int) else "by hand")
    statement = f"update sessions set {column} = ? where id = ?"  # noqa: S608
    other.execute(statement, (other_value, session.id.bytes))
    found = drive(store.get(session.id))
    assert found is not None
    assert {name for name in COLUMNS if getattr(found, name) != getattr(session, name)} == {column}


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
    assert columns == {"id", "user_id", "due", "application_id", "tenant_id"}


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (
            Query(application_id="shop", live_at=NOW),
            "sessions_live_of_application (application_id=? AND id>?)",
        ),
        (Query(tenant_id="acme", live_at=NOW), "sessions_live_of_tenant (tenant_id=? AND id>?)"),
        (Query(user_id="ada", application_id="shop", live_at=NOW), "sessions_by_user (user_id=? AND id>?)"),
        (Query(user_id="ada", tenant_id="acme"), "sessions_by_user (user_id=?)"),
    ],
)
def test_the_live_ones_of_a_scope_are_found_without_reading_everybody_s(store, other, query, index):
    started(store)
    for statement in (sql.FIND, sql.SELECT, sql.COUNT):
        text, values = sql.asked(statement, query)
        (plan,) = other.execute(f"explain query plan {text}", values).fetchall()
        assert plan[3] == f"SEARCH sessions USING INDEX {index}"


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
