"""SQLite when something is wrong: each fault stays the driver's, and says what to do about it."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from sojourn import open_store
from sojourn.blocking import drive
from sojourn.errors import SettingsError
from sojourn.stores.protocol import Query
from sojourn.stores.sqlite import SQLiteStore
from sojourn.stores.sqlite import engine as sqlite_engine
from sojourn.stores.sqlite import file as sqlite_file
from sojourn.stores.sqlite.engine import explain
from sojourn.testing import make_session
from tests.stores.acts import NOW, revoke, started
from tests.stores.processes import run


def fails(path: Path, error: type[Exception], remedy: str, **options: bool) -> None:
    """A store at *path* cannot be used, and says why."""
    store = SQLiteStore(path, **options).blocking()
    with pytest.raises(error) as caught:
        drive(store.get(make_session().id))
    assert isinstance(caught.value, store.faults)
    assert remedy in explain(caught.value)
    drive(store.close())


# ── locked, full, read-only ───────────────────────────────────────────────────────────────────


def test_law_09_a_lock_that_stays_is_a_fault(
    store: SQLiteStore, path: Path, other: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = started(store)
    monkeypatch.setattr(sqlite_file, "PATIENCE", 0.02)
    other.execute("begin immediate")
    with pytest.raises(sqlite3.OperationalError, match="locked") as caught:
        revoke(store, session)
    assert isinstance(caught.value, store.faults)
    assert f"Another process has kept {path} locked" in explain(caught.value)
    assert caught.value.__notes__ == [explain(caught.value)]
    assert drive(store.get(session.id)) == session  # reading needs no lock
    other.execute("rollback")
    assert revoke(store, session) == [session.id]


def test_all_who_waited_are_told_each_in_an_exception_of_their_own(
    path: Path, store: SQLiteStore, other: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "PATIENCE", 0.02)

    async def main() -> None:
        on_loop = SQLiteStore(path)
        await on_loop.touch({}, at=NOW)  # opened
        other.execute("begin immediate")
        writes = [on_loop.insert(make_session()) for _ in range(9)]
        told = await asyncio.gather(*writes, return_exceptions=True)
        assert all(isinstance(error, sqlite3.OperationalError) for error in told)
        assert len({id(error) for error in told}) == 9
        assert len({explain(error) for error in told if isinstance(error, Exception)}) == 1
        other.execute("rollback")
        await on_loop.close()

    asyncio.run(main())


def test_law_09_a_full_disk_is_a_fault_and_nothing_is_lost(store: SQLiteStore, path: Path) -> None:
    session = started(store)
    limit = "pragma max_page_count = {}".format
    drive(store.engine.write(lambda db: db.execute(limit(1)).fetchone()))  # as many pages as there are
    with pytest.raises(sqlite3.OperationalError, match="full") as caught:
        started(store, data={"long": "x" * 100_000})
    assert f"No room is left for {path}" in explain(caught.value)
    assert drive(store.get(session.id)) == session
    drive(store.engine.write(lambda db: db.execute(limit(1 << 30)).fetchone()))
    started(store, data={"long": "x" * 100_000})


FULL = """
import pathlib, resource, sqlite3, sys
from sojourn.blocking import drive
from sojourn.stores.sqlite import SQLiteStore
from sojourn.stores.sqlite.engine import explain
from sojourn.testing import make_session

store = SQLiteStore(pathlib.Path(sys.argv[1])).blocking()
acknowledged = []
drive(store.insert(make_session()))
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))  # a disk that ends there
try:
    while True:
        session = make_session(data={"long": "x" * 20_000})
        drive(store.insert(session))
        acknowledged.append(session)
except sqlite3.OperationalError as error:
    print(explain(error))
assert acknowledged
assert [drive(store.get(session.id)) for session in acknowledged] == acknowledged
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert drive(store.insert(session)).done
drive(store.close())
"""


def test_law_09_a_disk_that_fills_up_while_running_is_a_fault_and_nothing_is_lost(path: Path) -> None:
    with run(FULL, path) as process:
        said = process.communicate(timeout=60)[0]
    assert process.returncode == 0
    assert str(path) in said
    assert "full" in said or "No room is left" in said


def test_one_write_too_many_for_the_disk_undoes_no_other(path: Path) -> None:
    async def main() -> None:
        store = SQLiteStore(path)
        await store.engine.write(lambda db: db.execute("pragma max_page_count = 40").fetchone())
        small = [make_session() for _ in range(9)]
        large = make_session(data={"long": "x" * 1_000_000})
        answers = await asyncio.gather(
            *(store.insert(session) for session in [*small[:5], large, *small[5:]]), return_exceptions=True
        )
        assert isinstance(answers.pop(5), sqlite3.OperationalError)
        assert all(answer.done for answer in answers if not isinstance(answer, BaseException))
        assert len(await store.select(Query(user_id="ada"))) == 9
        await store.close()

    asyncio.run(main())


def test_law_09_a_database_that_cannot_be_written_is_a_fault_and_can_be_read(
    store: SQLiteStore, path: Path
) -> None:
    session = started(store)
    drive(store.engine.write(lambda db: db.execute("pragma query_only = on")))
    with pytest.raises(sqlite3.OperationalError, match="readonly") as caught:
        revoke(store, session)
    assert f"{path} cannot be written" in explain(caught.value)
    assert drive(store.get(session.id)) == session


READ_ONLY = """
import os, pathlib, sqlite3, sys
from sojourn.session import Reason
from sojourn.blocking import drive
from sojourn.stores.protocol import Query
from sojourn.stores.sqlite import SQLiteStore
from sojourn.stores.sqlite.engine import explain
from sojourn.testing import MORNING, make_session

path = pathlib.Path(sys.argv[1])
owner, session = SQLiteStore(path).blocking(), make_session()
drive(owner.insert(session))
for file in path.parent.iterdir():
    file.chmod(0o444)
path.parent.chmod(0o555)
if os.getuid() == 0:
    os.setuid(65534)  # permissions do not stop root
reader = SQLiteStore(path).blocking()
assert drive(reader.get(session.id)) == session
try:
    drive(reader.revoke(Query(id=session.id), at=MORNING, reason=Reason.USER))
except sqlite3.OperationalError as error:
    print(explain(error))
assert drive(reader.get(session.id)) == session
drive(reader.close())
"""


def test_law_09_a_file_without_write_permission_is_a_fault_and_can_be_read() -> None:
    # Not `tmp_path`: above that are folders into which only their owner may look.
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    with run(READ_ONLY, folder / "sessions.db") as process:
        said = process.communicate(timeout=60)[0]
    folder.chmod(0o755)
    shutil.rmtree(folder)
    assert process.returncode == 0
    assert f"{folder / 'sessions.db'} cannot be written" in said


# ── not there, or not ours ────────────────────────────────────────────────────────────────────


def test_a_directory_that_is_missing_is_named(path: Path) -> None:
    fails(path.parent / "nowhere" / "sessions.db", SettingsError, "nowhere does not exist; create it")


def test_a_file_that_must_not_be_created_is_not(path: Path) -> None:
    fails(path, SettingsError, f"`sojourn migrate --store sqlite:///{path}`", create=False)
    assert not path.exists()
    with pytest.raises(SettingsError, match="there is no database at"):
        drive(open_store(f"sqlite:///{path}", create=False).blocking().get(make_session().id))


def test_an_empty_file_that_must_not_be_created_stays_empty(path: Path) -> None:
    path.touch()
    fails(path, SettingsError, "has no schema for sessions yet; run `sojourn migrate --store", create=False)
    assert path.stat().st_size == 0


def test_a_new_file_is_its_owners_alone(store: SQLiteStore, path: Path) -> None:
    started(store)
    assert {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {
        "sessions.db": 0o600,
        "sessions.db-shm": 0o600,
        "sessions.db-wal": 0o600,
    }


def test_a_directory_in_place_of_a_file_is_a_fault(path: Path) -> None:
    path.mkdir()
    fails(path, sqlite3.OperationalError, f"{path} cannot be opened. See that it is a file")


def test_a_file_that_is_no_database_is_left_as_it_is(path: Path) -> None:
    path.write_text("Dear diary, " * 1000)
    fails(path, sqlite3.DatabaseError, f"{path} is not an SQLite database")
    assert path.read_text() == "Dear diary, " * 1000


def test_somebody_elses_database_is_left_as_it_is(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("create table diary (day text)")
    before = path.read_bytes()
    fails(path, SettingsError, "holds tables, but none of Sojourn's")
    assert path.read_bytes() == before


def test_a_damaged_database_is_a_fault(store: SQLiteStore, path: Path) -> None:
    sessions = [started(store) for _ in range(200)]
    drive(store.close())
    with path.open("r+b") as file:
        file.seek(8 * 4096)
        file.write(os.urandom(path.stat().st_size - 9 * 4096))
    with pytest.raises(sqlite3.DatabaseError) as caught:
        _ = [drive(store.get(session.id)) for session in sessions]
    assert f"{path} is damaged" in explain(caught.value)


# ── gone, or another one, while running ───────────────────────────────────────────────────────


@pytest.mark.parametrize("replaced", [False, True])
def test_law_09_a_file_that_goes_while_running_is_a_fault(
    store: SQLiteStore, path: Path, replaced: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_engine, "LATELY", 0)
    session = started(store)
    cursor = drive(store.entries()).cursor
    away = path.rename(path.with_name("away.db"))
    if replaced:
        shutil.copy(away, path)
    for use in (
        store.get(session.id),
        store.count(Query(user_id="ada")),
        store.touch({}, at=NOW),
        store.entries(cursor),
    ):
        with pytest.raises(sqlite3.OperationalError, match="removed or replaced") as caught:
            drive(use)
        assert explain(caught.value).startswith("Put the file back, or restart the process")
    away.replace(path)
    assert drive(store.get(session.id)) == session
    assert revoke(store, session) == [session.id]


def test_law_05_a_file_that_was_replaced_is_noticed_soon(
    store: SQLiteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(now=1000.0, sleep=time.sleep)
    clock.monotonic = lambda: clock.now
    monkeypatch.setattr(sqlite_file, "time", clock)
    session = started(store)
    cursor = drive(store.entries()).cursor
    for _ in range(2):  # from the second read on it is asked whether anybody has committed
        assert drive(store.get(session.id)) == session
    shutil.copy(path.rename(path.with_name("away.db")), path)
    clock.now += sqlite_engine.LATELY - 0.001
    assert drive(store.get(session.id)) == session  # still believes what it saw
    for act in (revoke, lambda store, _: drive(store.entries(cursor))):  # these do not
        with pytest.raises(sqlite3.OperationalError, match="removed or replaced"):
            act(store, session)
    clock.now += 0.002
    with pytest.raises(sqlite3.OperationalError, match="removed or replaced"):
        drive(store.get(session.id))


def test_no_connection_is_opened_to_a_file_that_took_the_place(store: SQLiteStore, path: Path) -> None:
    session = started(store)
    away = path.rename(path.with_name("away.db"))
    shutil.copy(away, path)

    def two_readers(db: sqlite3.Connection) -> None:
        drive(store.get(session.id))  # needs a connection of its own

    with pytest.raises(sqlite3.OperationalError, match="removed or replaced"):
        drive(store.engine.read(two_readers))
    away.replace(path)
    assert drive(store.get(session.id)) == session


def test_after_a_restart_the_file_that_is_there_is_used(store: SQLiteStore, path: Path) -> None:
    session = started(store)
    drive(store.close())
    path.unlink()
    assert drive(store.get(session.id)) is None
    started(store)


def test_a_fault_at_the_start_goes_with_its_cause(path: Path) -> None:
    store = SQLiteStore(path).blocking()
    path.write_text("Dear diary, " * 1000)
    with pytest.raises(sqlite3.DatabaseError):
        drive(store.get(make_session().id))
    path.unlink()
    assert drive(store.get(make_session().id)) is None
    drive(store.close())


def test_a_fault_that_nobody_foresaw_explains_itself() -> None:
    assert explain(sqlite3.OperationalError("no such thing")) == "no such thing"
    assert explain(PermissionError(13, "Permission denied")) == "[Errno 13] Permission denied"
