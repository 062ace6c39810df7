"""The wal-index says that somebody has committed, and looking at it takes nobody's locks away."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sojourn.blocking import drive
from sojourn.stores.sqlite import SQLiteStore
from sojourn.stores.sqlite.wal_index import _open as held
from sojourn.stores.sqlite.wal_index import borrow, give_back
from sojourn.testing import make_session
from tests.stores.acts import started

pytestmark = pytest.mark.skipif(os.name != "posix", reason="SQLite locks in another way there")


_MOVE = "db.execute(\"update sessions set ip = '::1'\")"


def in_another_process(path: Path, script: str) -> str:
    code = f"import sqlite3; db = sqlite3.connect({str(path)!r}, timeout=0, isolation_level=None)\n{script}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    return done.stdout + done.stderr


def watching(store: SQLiteStore) -> Any:
    """A session of *store*, which knows of it that nobody has committed since."""
    session = started(store)
    for _ in range(3):
        assert drive(store.get(session.id)) == session
    assert store.engine.state() is not None
    return session


def test_the_commit_of_another_process_changes_the_state(store, path):
    session = watching(store)
    before = store.engine.state()
    assert store.engine.state() == before
    in_another_process(path, _MOVE)
    assert store.engine.state() != before
    found = drive(store.get(session.id))
    assert found is not None
    assert found.ip == "::1"


@pytest.mark.parametrize("how", ["passive", "full", "restart", "truncate"])
def test_a_commit_after_a_checkpoint_changes_it_too(store, path, how):
    """The log begins anew then, so that the numbers of its frames come again."""
    session = watching(store)
    states = {store.engine.state()}
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for number in range(20):
            db.execute(f"pragma wal_checkpoint({how})")
            db.execute("update sessions set ip = ? where id = ?", (f"192.0.2.{number}", session.id.bytes))
            found = drive(store.get(session.id))
            assert found is not None
            assert found.ip == f"192.0.2.{number}"
            states.add(store.engine.state())
    assert len(states) == 21


def test_what_does_not_commit_changes_nothing(store, path):
    watching(store)
    before = store.engine.state()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("begin immediate")
        db.execute("update sessions set ip = '::1'")
        assert store.engine.state() == before
        db.execute("rollback")
    assert store.engine.state() == before


def test_a_store_that_is_closed_takes_nobody_s_locks_away(store, path):
    """`close` of any descriptor drops the locks of all connections of the process: POSIX has it so."""
    watching(store)
    with closing(sqlite3.connect(path, isolation_level=None)) as others:
        others.execute("begin immediate")
        drive(store.close())
        assert "locked" in in_another_process(path, "db.execute('begin immediate')")
        more = [SQLiteStore(path.with_name(f"{number}.db")).blocking() for number in range(3)]
        for one in more:
            watching(one)
            drive(one.close())
        assert "locked" in in_another_process(path, "db.execute('begin immediate')")
        others.execute("commit")
    assert in_another_process(path, "db.execute('begin immediate')") == ""


def test_closing_one_store_leaves_another_of_the_same_file_watching(store, path):
    watching(store)
    second = SQLiteStore(path).blocking()
    watching(second)
    drive(second.close())
    before = store.engine.state()
    assert before is not None
    in_another_process(path, _MOVE)
    assert store.engine.state() not in (before, None)


def test_a_store_that_is_opened_again_believes_nothing_of_before(path):
    """Of an index that was made anew the header may be the same as of the one before."""
    store = SQLiteStore(path).blocking()
    watching(store)
    states = set()
    for _ in range(3):
        drive(store.close())
        drive(store.get(make_session().id))
        states.add(store.engine.state())
    drive(store.close())
    assert store.engine.state() is None
    assert len(states) == 3


def test_descriptors_are_let_go_of_when_the_file_is_gone(tmp_path):
    before = len(os.listdir("/dev/fd"))
    for number in range(30):
        store = SQLiteStore(tmp_path / f"{number}.db").blocking()
        watching(store)
        drive(store.close())
    assert not [index for index in held.values() if index.users]
    gone = [index for index in held.values() if not os.fstat(index.descriptor).st_nlink]
    assert len(gone) <= 1  # the last one is let go of when somebody asks next
    assert len(os.listdir("/dev/fd")) <= before + 4


def test_where_there_is_none_there_is_nothing_to_look_at(tmp_path):
    assert borrow(tmp_path / "none.db") is None
    short = tmp_path / "short.db-shm"
    short.write_bytes(b"")
    assert borrow(tmp_path / "short.db") is None
    other = tmp_path / "other.db-shm"
    other.write_bytes(bytes(32_768))
    assert borrow(tmp_path / "other.db") is None
    for _ in range(2):
        assert borrow(tmp_path / "other.db") is None  # and it is not opened once more


def test_without_one_each_row_is_read_each_time(store, path, monkeypatch):
    monkeypatch.setattr("sojourn.stores.sqlite.engine.borrow", lambda path: None)
    session = started(store)
    assert store.engine.state() is None
    for number in range(3):
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("update sessions set ip = ? where id = ?", (f"192.0.2.{number}", session.id.bytes))
        found = drive(store.get(session.id))
        assert found is not None
        assert found.ip == f"192.0.2.{number}"


def test_one_index_serves_all_who_borrow_it(store, path):
    watching(store)
    one, two = borrow(path), borrow(path)
    assert one is two
    assert one is not None
    assert one.header() is not None
    give_back(one)
    give_back(one)
    assert one.header() is not None  # the store has it still


def test_a_symbolic_link_leads_to_the_same_index(store, path):
    watching(store)
    link = path.with_name("link.db")
    link.symlink_to(path)
    index = borrow(link)
    assert index is not None
    assert index is borrow(path)
    give_back(index)
    give_back(index)


_FORK = """
import os, sqlite3, sys
from pathlib import Path
from sojourn.blocking import drive
from sojourn.stores.sqlite import SQLiteStore
from sojourn.testing import make_session

path = Path(sys.argv[1])
store = SQLiteStore(path).blocking()
session = make_session()
drive(store.insert(session))
for _ in range(3):
    drive(store.get(session.id))
asked, answered = os.pipe(), os.pipe()
child = os.fork()
if not child:
    for _ in range(3):
        drive(store.get(session.id))
    os.write(answered[1], b".")
    os.read(asked[0], 1)
    found = drive(store.get(session.id)).ip
    drive(store.close())
    os.write(answered[1], found.encode())
    os._exit(0)
os.read(answered[0], 1)
other = sqlite3.connect(path, isolation_level=None)
other.execute("update sessions set ip = '192.0.2.1' where id = ?", (session.id.bytes,))
here = drive(store.get(session.id)).ip
os.write(asked[1], b".")
there = os.read(answered[0], 100).decode()
os.waitpid(child, 0)
other.execute("update sessions set ip = '192.0.2.2' where id = ?", (session.id.bytes,))
print(here, there, drive(store.get(session.id)).ip)
"""


def test_a_forked_child_and_its_parent_see_what_is_committed(path):
    done = subprocess.run([sys.executable, "-c", _FORK, path], capture_output=True, text=True)
    assert done.stdout.split() == ["192.0.2.1", "192.0.2.1", "192.0.2.2"], done.stderr
