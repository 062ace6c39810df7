"""Migrations: in order, once, all or nothing; and what a database is told that is not of this schema."""

from __future__ import annotations

import re
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sojourn.blocking import drive
from sojourn.errors import SettingsError
from sojourn.stores.migrate import Applied, Difference, Migration, Status, compare, load, pending
from sojourn.stores.sqlite import SQLiteStore
from sojourn.stores.sqlite.engine import Engine

ONE = "create table stays (days integer not null) strict; -- a comment with a ; in it\n"
TWO = """
create trigger longer after insert on stays begin
    update stays set days = days + 1;
    select 1;
end;
create index stays_by_days on stays (days);
"""
Package = Callable[..., str]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    """Writes a package of migrations, or changes it; its name."""
    folder = tmp_path / "some_migrations"
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "some_migrations", raising=False)

    def write(**files: str) -> str:
        for old in folder.glob("*.sql"):
            old.unlink()
        for name, sql in files.items():
            (folder / f"{name.lstrip('_')}.sql").write_text(sql)
        return "some_migrations"

    return write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "stays.db"


def engine(path: Path | None, migrations: str, **options: Any) -> Engine:
    return Engine(
        path, component=options.pop("component", "stays"), migrations=migrations, **options
    ).blocking()


def use(engine: Engine) -> Any:
    """What a first use says; then the engine is closed."""
    try:
        return drive(engine.read(lambda db: db.execute("select count(*) from stays").fetchone()[0]))
    finally:
        drive(engine.close())


def known(*texts: str) -> list[Migration]:
    return [Migration(number=n, name=f"{n:04}_name", sql=sql) for n, sql in enumerate(texts, start=1)]


def applied(*migrations: Migration) -> list[Applied]:
    return [Applied(number=m.number, name=m.name, checksum=m.checksum) for m in migrations]


# ── which ─────────────────────────────────────────────────────────────────────────────────────


def test_the_files_of_a_package_are_its_migrations_in_order(package: Package) -> None:
    found = load(package(_0002_more=TWO, _0001_stays=ONE))
    assert [(m.number, m.name, m.sql) for m in found] == [(1, "0001_stays", ONE), (2, "0002_more", TWO)]


@pytest.mark.parametrize(
    ("files", "remedy"),
    [
        ({"_0001_a": "", "_0003_b": ""}, "0003_b should have number 0002"),
        ({"_0002_a": ""}, "0002_a should have number 0001"),
        ({"_0001_a": "", "_0001_b": ""}, "0001_b should have number 0002"),
        ({"_1_a": ""}, "1_a.sql is not named like 0001_name.sql"),
    ],
)
def test_files_without_order_are_refused(package: Package, files: dict[str, str], remedy: str) -> None:
    name = package(**files)
    with pytest.raises(SettingsError, match=remedy):
        load(name)


def test_the_ends_of_lines_do_not_change_a_checksum() -> None:
    unix, windows = known("a\nb\n")[0], known("a\r\nb\r\n")[0]
    assert unix.checksum == windows.checksum
    assert unix.checksum != known("a\nc\n")[0].checksum


def test_what_was_not_applied_is_pending() -> None:
    one, two, three = all_three = known("1", "2", "3")
    assert pending(all_three, [], where="here") == all_three
    assert pending(all_three, applied(two, one), where="here") == [three]
    assert pending(all_three, applied(*all_three), where="here") == []


def test_a_gap_in_what_was_applied_is_refused() -> None:
    one, _, three = all_three = known("1", "2", "3")
    with pytest.raises(SettingsError, match="here records migration 0003_name, but not 0002_name before it"):
        pending(all_three, applied(one, three), where="here")


def test_a_migration_that_was_changed_after_the_fact_is_refused() -> None:
    with pytest.raises(SettingsError, match="0001_name was changed after it had been applied to here"):
        pending(known("2"), applied(*known("1")), where="here")


def test_a_newer_schema_is_refused() -> None:
    one, two = known("1", "2")
    message = re.escape("written by a newer Sojourn (schema 2, this one knows 1); upgrade Sojourn")
    with pytest.raises(SettingsError, match=message):
        pending([one], applied(one, two), where="here")


def test_compare_says_what_is_missing_unexpected_and_changed() -> None:
    expected = {"table a": "create table a (x)", "index b": "create index b", "table c": "create table c (x)"}
    found = {"table a": "create  table a\n(x)", "table c": "create table c (y)", "index d": "create index d"}
    difference = compare(expected, found)
    assert difference == Difference(missing=("index b",), unexpected=("index d",), changed=("table c",))
    assert difference
    assert not compare(expected, expected)


# ── on SQLite ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("memory", [False, True])
def test_a_new_file_is_given_the_whole_schema(package: Package, path: Path, memory: bool) -> None:
    new = engine(None if memory else path, package(_0001_stays=ONE, _0002_more=TWO))
    assert drive(new.status()) == Status(applied=(), pending=("0001_stays", "0002_more"))
    drive(new.write(lambda db: db.execute("insert into stays values (1)")))
    assert drive(new.read(lambda db: db.execute("select days from stays").fetchone())) == (2,)  # the trigger
    assert drive(new.status()) == Status(applied=("0001_stays", "0002_more"), pending=())
    assert not drive(new.compare())
    drive(new.close())


def test_an_older_schema_is_refused_until_it_is_migrated(package: Package, path: Path) -> None:
    assert use(engine(path, package(_0001_stays=ONE))) == 0
    newer = package(_0001_stays=ONE, _0002_more=TWO)
    with pytest.raises(SettingsError) as caught:
        use(engine(path, newer))
    assert str(caught.value) == (
        f"{path} has schema 1, this Sojourn needs schema 2; run `sojourn migrate --stays sqlite:///{path}`"
    )
    migrating = engine(path, newer, create=False)
    assert drive(migrating.migrate()) == ["0002_more"]
    assert drive(migrating.migrate()) == []
    assert use(migrating) == 0


def test_a_newer_schema_says_so_and_is_left_alone(package: Package, path: Path) -> None:
    use(engine(path, package(_0001_stays=ONE, _0002_more=TWO)))
    older = engine(path, package(_0001_stays=ONE))
    for act in (older.status, older.migrate, lambda: older.read(lambda db: None)):
        with pytest.raises(SettingsError, match="newer Sojourn"):
            drive(act())
    drive(older.close())


def test_a_migration_that_fails_leaves_nothing_behind(package: Package, path: Path) -> None:
    use(engine(path, package(_0001_stays=ONE)))
    broken = "create table half (x integer) strict;\nalter table nowhere add column x;"
    failing = engine(path, package(_0001_stays=ONE, _0002_fine=TWO, _0003_broken=broken))
    with pytest.raises(sqlite3.OperationalError, match="no such table: nowhere"):
        drive(failing.migrate())
    assert drive(failing.status()).pending == ("0002_fine", "0003_broken")
    drive(failing.close())
    assert use(engine(path, package(_0001_stays=ONE))) == 0
    assert not drive(engine(path, "some_migrations").compare())


def test_two_components_share_a_file(package: Package, path: Path) -> None:
    sessions = SQLiteStore(path).blocking().engine
    assert drive(sessions.read(lambda db: db.execute("select count(*) from sessions").fetchone())) == (0,)
    stays = engine(path, package(_0001_stays=ONE))
    assert drive(stays.read(lambda db: db.execute("select count(*) from stays").fetchone())) == (0,)
    for each in (sessions, stays):
        assert drive(each.status()).pending == ()
        assert not drive(each.compare())
        drive(each.close())


def test_compare_finds_what_somebody_else_did_to_the_schema(package: Package, path: Path) -> None:
    name = package(_0001_stays=ONE, _0002_more=TWO)
    use(engine(path, name))
    with closing(sqlite3.connect(path)) as db:
        db.executescript(
            "drop index stays_by_days; create index stays_twice on stays (days, days);"
            "alter table stays add column nights integer; create table diary (day text);"
        )
    looking = engine(path, name)
    assert drive(looking.compare()) == Difference(
        missing=("index stays_by_days",),
        unexpected=("index stays_twice", "table diary"),
        changed=("table stays",),
    )
    drive(looking.close())


def test_a_migration_records_when_it_was_applied(package: Package, path: Path) -> None:
    use(engine(path, package(_0001_stays=ONE)))
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute(
            "select component, number, name, typeof(applied_at) from sojourn_migrations"
        ).fetchall()
    assert rows == [("stays", 1, "0001_stays", "integer")]


def test_the_released_migrations_are_what_they_were() -> None:
    """A change here breaks every database there is: put it into a migration of its own."""
    checksums = {m.name: m.checksum[:8] for m in load("sojourn.stores.migrations.sqlite")}
    assert checksums == {
        "0001_sessions": "9fb602fd",
        "0002_log": "2f6c94d2",
        "0003_profile": "156a5b02",
        "0004_impersonation": "b7ff14a1",
        "0005_holds": "9c96117c",
        "0006_scopes": "8b694cd5",
    }
