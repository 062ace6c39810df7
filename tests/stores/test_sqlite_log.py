"""SQLite: what its triggers write, whoever the writer is, and what a poll makes of it."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from sojourn.blocking import drive
from sojourn.session import Reason, Session
from sojourn.stores import migrate
from sojourn.stores.migrate import Migration
from sojourn.stores.protocol import Cap, Entries, Entry, Query
from sojourn.stores.sqlite import SQLiteStore, sql
from sojourn.stores.sqlite.log import _PAGE
from sojourn.stores.sqlite.rows import microseconds, to_row
from sojourn.testing import MORNING, make_session
from tests.stores import processes
from tests.stores.acts import NOW, revoke, started
from tests.stores.processes import at_once

MINUTE = timedelta(minutes=1)
AT = microseconds(NOW)


def polled(store: SQLiteStore, after: str | None = None) -> Entries:
    return drive(store.entries(after))


def counts(store: SQLiteStore) -> tuple[int, int]:
    """All that live and all that are signed in: by the counters, which are right."""
    queries = Query(live_at=NOW), Query(live_at=NOW, signed_in=True)
    exact = tuple(drive(store.count(query)) for query in queries)
    kept = tuple(drive(store.count(Query(live_at=NOW, signed_in=q.signed_in, about=True))) for q in queries)
    assert kept == exact
    return kept[0], kept[1]


def looks(store: SQLiteStore) -> Callable[[], int]:
    """How often a reader of *store* has looked into the log since the last time."""
    seen: list[str] = []
    drive(store.engine.read(lambda db: db.set_trace_callback(seen.append)))

    def since() -> int:
        found = sum("sojourn_log" in sql for sql in seen)
        seen.clear()
        return found

    return since


# ── by hand ───────────────────────────────────────────────────────────────────────────────────


def test_an_ending_by_hand_has_its_line(store: SQLiteStore, other: sqlite3.Connection) -> None:
    session = started(store, version=4)
    cursor = polled(store).cursor
    other.execute("update sessions set revoked_at = ? where id = ?", (AT, session.id.bytes))
    assert polled(store, cursor).entries == (Entry(session.id, 5, NOW, Reason.SYSTEM),)
    assert counts(store) == (1, 1)
    assert drive(store.expire(at=session.ends_at)) == [drive(store.get(s.id)) for s in living(store)]


def living(store: SQLiteStore) -> list[Session]:
    return drive(store.select(Query(live_at=NOW)))


@pytest.mark.parametrize(
    ("change", "version", "reason"),
    [
        ("revoked_at = 1, reason = 'admin', version = version + 1", 2, Reason.ADMIN),
        ("revoked_at = 1, reason = 'admin', version = version + 5", 6, Reason.ADMIN),
        ("revoked_at = 1, version = 0", 2, Reason.SYSTEM),
        ("revoked_at = 1, reason = 'boredom'", 2, Reason.SYSTEM),
        ("void_below = 1", 2, None),
        ("void_below = 9", 9, None),
    ],
)
def test_a_line_voids_every_snapshot_there_can_be(
    store: SQLiteStore, other: sqlite3.Connection, change: str, version: int, reason: Reason | None
) -> None:
    other.execute(f"update sessions set {change}")  # noqa: S608
    (entry,) = polled(store).entries
    assert (entry.version, entry.reason) == (version, reason)
    assert (entry.revoked_at is None) == (reason is None)


@pytest.mark.parametrize(
    "change", ["seen_at = seen_at + 1, expires_at = expires_at + 1", "void_below = 0", "revoked_at = null"]
)
def test_what_ends_and_voids_nothing_has_no_line(
    store: SQLiteStore, other: sqlite3.Connection, change: str
) -> None:
    other.execute(f"update sessions set {change}, version = version + 1")  # noqa: S608
    assert polled(store).entries == ()


def test_what_was_ended_by_hand_is_not_ended_again(store: SQLiteStore, other: sqlite3.Connection) -> None:
    other.execute("update sessions set revoked_at = 1, reason = 'admin'")
    cursor = polled(store).cursor
    other.execute("update sessions set revoked_at = 2, reason = 'user'")
    assert polled(store, cursor).entries == ()


def test_a_deletion_by_hand_is_felt_too(store: SQLiteStore, other: sqlite3.Connection) -> None:
    ended = started(store, revoked_at=MORNING, reason=Reason.USER)
    session, visitor = started(store, version=3), started(store, user_id=None)
    delete = "delete from sessions where id = ?"
    other.executemany(delete, [(s.id.bytes,) for s in (ended, session, visitor)])
    assert set(polled(store).entries) == {Entry(session.id, 4), Entry(visitor.id, 2)}
    assert counts(store) == (1, 1)


def test_an_insertion_by_hand_counts_and_expires(store: SQLiteStore, other: sqlite3.Connection) -> None:
    session = make_session(expires_at=NOW + MINUTE)
    insert_as_before(other, session)
    insert_as_before(other, make_session(revoked_at=MORNING, reason=Reason.USER))
    assert counts(store) == (2, 2)
    assert drive(store.expire(at=NOW + 2 * MINUTE)) == [session]


def insert_as_before(db: sqlite3.Connection, session: Session) -> None:
    """The insertion of a release that knows only the first schema."""
    row = to_row(session)
    later = ("impersonator_id", "parent_id", "parent_version", "held", "idle_timeout")
    for unknown in ("void_below", "due", "profile", *later):
        del row[unknown]
    names = ", ".join(row)
    db.execute(f"insert into sessions ({names}) values ({', '.join(':' + name for name in row)})", row)  # noqa: S608


def test_a_visitor_who_becomes_somebody_is_counted_as_one(
    store: SQLiteStore, other: sqlite3.Connection
) -> None:
    visitor = started(store, user_id=None)
    assert counts(store) == (2, 1)
    assert drive(store.replace(visitor.change(user_id="grace"), at=NOW))
    assert counts(store) == (2, 2)
    other.execute("update sessions set user_id = null")
    assert counts(store) == (2, 0)


def test_what_is_rolled_back_has_no_line(store: SQLiteStore, other: sqlite3.Connection) -> None:
    cursor = polled(store).cursor
    other.execute("begin immediate")
    other.execute("update sessions set revoked_at = 1")
    assert polled(store, cursor).entries == ()
    other.execute("rollback")
    assert polled(store, cursor).entries == ()
    assert counts(store) == (1, 1)


def test_a_job_that_fails_leaves_no_line(store: SQLiteStore, other: sqlite3.Connection) -> None:
    def half(db: sqlite3.Connection) -> None:
        db.execute("update sessions set revoked_at = 1")
        raise LookupError("on purpose")

    with pytest.raises(LookupError):
        drive(store.engine.write(half))
    assert polled(store).entries == ()
    assert counts(store) == (1, 1)


def test_a_touch_pays_for_no_trigger(store: SQLiteStore, other: sqlite3.Connection) -> None:
    def programs(statement: str) -> int:
        values = dict.fromkeys(re.findall(r":(\w+)", statement))
        return sum(row[1] == "Program" for row in other.execute(f"explain {statement}", values))

    assert programs(sql.TOUCH) == 0
    assert programs(sql.END) > 0


# ── looking, and not looking ──────────────────────────────────────────────────────────────────


def test_a_poll_looks_only_if_something_was_committed(store: SQLiteStore, other: sqlite3.Connection) -> None:
    session = started(store)
    cursor = polled(store).cursor
    since = looks(store)
    for _ in range(3):
        assert polled(store, cursor) == Entries(entries=(), cursor=cursor, epoch=polled(store).epoch)
    since()
    assert polled(store, cursor).entries == ()
    assert since() == 0
    other.execute("update sessions set seen_at = seen_at + 1")
    assert polled(store, cursor).entries == ()
    assert since() == 1
    revoke(store, session)  # a commit of this process, by another connection
    assert polled(store, cursor).entries == (Entry(session.id, 2, NOW, Reason.USER),)
    assert polled(store, cursor).entries == (Entry(session.id, 2, NOW, Reason.USER),)  # an older cursor
    assert since() == 2


def test_a_poll_after_closing_looks_anew(store: SQLiteStore, other: sqlite3.Connection) -> None:
    cursor = polled(store).cursor
    assert polled(store, cursor).entries == ()
    drive(store.close())
    other.execute("update sessions set revoked_at = 1")
    assert len(polled(store, cursor).entries) == 1
    assert polled(store, cursor).continues


def test_many_lines_are_read_at_once(store: SQLiteStore) -> None:
    sessions = [started(store, user_id=f"user {n}") for n in range(350)]
    drive(store.revoke(Query(live_at=NOW, limit=1000), at=NOW, reason=Reason.SYSTEM))
    first = drive(store.entries(limit=300))
    assert (len(first.entries), first.complete) == (300, False)
    second = polled(store, first.cursor)
    assert (len(second.entries), second.complete) == (50, True)
    assert {entry.id for entry in first.entries + second.entries} == {session.id for session in sessions}
    assert len(polled(store).entries) == 350


def test_the_log_is_found_by_its_number(store: SQLiteStore, other: sqlite3.Connection) -> None:
    plan = other.execute(f"explain query plan {_PAGE}", {"number": 1, "limit": 1}).fetchall()
    assert [row[3] for row in plan if "SCAN sojourn_log" in row[3]] == ["SCAN sojourn_log_epoch"]


def test_law_05_no_line_of_many_processes_is_passed_over(path: Path, store: SQLiteStore) -> None:
    users = [[started(store, user_id=f"user {n}") for _ in range(25)] for n in range(3)]
    ids = [[session.id for session in sessions] for sessions in users]
    *endings, seen = at_once(processes.revoke_or_follow, path, 4, ids)
    assert [sum(ended) for ended in endings] == [25, 25, 25]
    assert seen == {id for each in ids for id in each}


# ── another log ───────────────────────────────────────────────────────────────────────────────


def copied(path: Path, name: str) -> Path:
    """A backup of the file at *path*."""
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(path.with_name(name))) as target:
        source.backup(target)
    return path.with_name(name)


def test_a_restored_file_is_another_log(store: SQLiteStore, path: Path) -> None:
    session = started(store)
    revoke(store, session)
    backup, before = copied(path, "backup.db"), polled(store)
    drive(store.close())
    restored = path.with_name("restored.db")
    shutil.copy(backup, restored)  # while the old file is there, so that it is another inode
    restored.replace(path)
    after = polled(store, before.cursor)
    assert not after.continues
    assert after.epoch != before.epoch
    assert after.entries == before.entries


@pytest.mark.parametrize("since", [0, 1, 2])
def test_an_older_state_put_into_the_same_file_is_noticed(
    store: SQLiteStore, path: Path, other: sqlite3.Connection, since: int
) -> None:
    """Even if as many lines were written *since* as were lost."""
    kept, lost, *later = (started(store) for _ in range(5))
    revoke(store, kept)
    backup = copied(path, "backup.db")
    revoke(store, lost)
    before = polled(store)
    with closing(sqlite3.connect(backup)) as source:
        source.backup(other)
    for session in later[:since]:
        revoke(store, session)
        # A line of the same number, but not of the same moment.
        other.execute("update sojourn_log set written_at = written_at + 1000000 where number > 1")
    after = polled(store, before.cursor)
    assert not after.continues
    assert {entry.id for entry in after.entries} == {kept.id, *(session.id for session in later[:since])}


def test_a_number_that_no_log_has_is_of_another_log(store: SQLiteStore, other: sqlite3.Connection) -> None:
    epoch = polled(store).epoch
    for number in (1, 10**30):
        assert not polled(store, f"{epoch}.{number}.0").continues
    assert polled(store, f"{epoch}.0.0").continues


def test_each_database_in_memory_is_another_log() -> None:
    one, two = SQLiteStore(None).blocking(), SQLiteStore(None).blocking()
    assert polled(one).epoch != polled(two).epoch
    assert not polled(two, polled(one).cursor).continues
    for store in (one, two):
        drive(store.close())


# ── forgetting ────────────────────────────────────────────────────────────────────────────────


def test_what_was_written_before_is_forgotten_and_no_more(
    store: SQLiteStore, other: sqlite3.Connection
) -> None:
    sessions = [started(store) for _ in range(4)]
    cursors = [polled(store).cursor]
    for session in sessions:
        revoke(store, session)
        cursors.append(polled(store).cursor)
    other.execute("update sojourn_log set written_at = number")  # 1 to 4 microseconds after 1970 began
    drive(store.purge(before=MORNING, log_before=MORNING.replace(year=1970, month=1, day=1, hour=0)))
    assert len(polled(store).entries) == 4
    third = MORNING.replace(year=1970, month=1, day=1, hour=0) + timedelta(microseconds=3)
    drive(store.purge(before=MORNING, log_before=third))
    assert [entry.id for entry in polled(store).entries] == [session.id for session in sessions[2:]]
    marked = [cursor.rpartition(".")[0] + f".{n}" for n, cursor in enumerate(cursors)]
    assert [polled(store, cursor).continues for cursor in marked] == [False, False, True, True, True]


def test_numbers_are_not_given_again(store: SQLiteStore, other: sqlite3.Connection) -> None:
    one, two = started(store), started(store)
    revoke(store, one)
    cursor = polled(store).cursor
    other.execute("delete from sojourn_log")
    revoke(store, two)
    assert polled(store, cursor).entries == (Entry(two.id, 2, NOW, Reason.USER),)
    assert polled(store, cursor).continues


def test_a_long_log_is_forgotten_in_pieces(store: SQLiteStore, other: sqlite3.Connection) -> None:
    other.execute("""
        with recursive n(n) as (select 1 union all select n + 1 from n where n < 25000)
        insert into sojourn_log (session_id, version, written_at) select x'00', 1, n from n
    """)
    levels: list[str] = []
    drive(store.engine.write(lambda db: db.set_trace_callback(levels.append)))
    drive(store.purge(before=MORNING, log_before=NOW))
    assert other.execute("select count(*) from sojourn_log").fetchone() == (0,)
    assert sum("delete from sojourn_log" in sql for sql in levels) == 4  # the last one finds nothing


# ── from the first schema ─────────────────────────────────────────────────────────────────────


def test_a_file_of_the_second_schema_knows_no_profiles(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = of_an_older_release(path, monkeypatch, schema=2)
    session = make_session(data={"x": 1})
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        insert_as_before(db, session)
    store = SQLiteStore(path, create=False).blocking()
    assert drive(store.engine.migrate()) == [migration.name for migration in known[2:]]
    assert not drive(store.engine.compare())
    stored = drive(store.get(session.id))
    assert stored == session
    assert stored is not None
    assert stored.profile is None
    drive(store.close())


def of_an_older_release(path: Path, monkeypatch: pytest.MonkeyPatch, *, schema: int) -> list[Migration]:
    """Make a file whose schema is an earlier one; all migrations that there are now."""
    known = migrate.load("sojourn.stores.migrations.sqlite")
    with monkeypatch.context() as before:
        before.setattr(migrate, "load", lambda package: known[:schema])
        old = SQLiteStore(path).blocking()
        drive(old.engine.migrate())
        drive(old.close())
    return known


def test_a_file_of_the_first_schema_is_migrated(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = of_an_older_release(path, monkeypatch, schema=1)
    expired, live = make_session(expires_at=NOW - MINUTE), make_session(data={"x": 1})
    visitor, revoked = make_session(user_id=None), make_session(revoked_at=MORNING, reason=Reason.USER)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for session in (expired, live, visitor, revoked):
            insert_as_before(db, session)
    store = SQLiteStore(path, create=False).blocking()
    assert drive(store.engine.migrate()) == [migration.name for migration in known[1:]]
    assert not drive(store.engine.compare())
    for session in (expired, live, visitor, revoked):
        assert drive(store.get(session.id)) == session
    assert drive(store.count(Query(live_at=NOW, about=True))) == 3  # one of them unnoticed
    assert drive(store.expire(at=NOW)) == [expired]
    assert counts(store) == (2, 1)
    assert polled(store).entries == ()
    new = make_session(created_at=NOW)
    assert drive(store.insert(new, cap=Cap(at=NOW, limit=1))).ended == ((live.id, Reason.CAP),)
    assert polled(store).entries == (Entry(live.id, 2, NOW, Reason.CAP),)
    drive(store.close())
