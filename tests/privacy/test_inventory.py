"""Every column that is kept has an entry: what it is, why it is kept, until when, and how it is exported."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sojourn.privacy.inventory import INVENTORY, KINDS, entry

ROOT = Path(__file__).parents[2]
MIGRATIONS = sorted((ROOT / "src" / "sojourn").rglob("migrations"))


def columns() -> set[tuple[str, str]]:
    """Table and column of every schema that there is in SQLite, built from the migrations."""
    found = set()
    for folder in MIGRATIONS:
        place = folder / "sqlite" if (folder / "sqlite").is_dir() else folder
        with closing(sqlite3.connect(":memory:")) as db:
            for script in sorted(place.glob("[0-9]*.sql")):
                db.executescript(script.read_text(encoding="utf-8"))
            tables = db.execute("select name from sqlite_schema where type = 'table'").fetchall()
            for (table,) in tables:
                if table.startswith("sqlite_"):
                    continue
                found |= {(table, row[1]) for row in db.execute(f"pragma table_info({table})")}
    return found


@pytest.mark.req("P-01")
def test_every_column_has_an_entry():
    missing = sorted(pair for pair in columns() if entry(*pair) is None)
    assert missing == []  # say in sojourn/privacy/inventory.py what they are, and why they are kept


@pytest.mark.req("P-01")
def test_no_entry_is_about_a_column_that_is_gone():
    known = {(table, column) for table, named in INVENTORY.items() for column in named}
    assert known - columns() == set()


def test_the_schemas_are_all_looked_at():
    assert {"sessions", "users", "accounts", "outbox", "lines", "people", "alerts"} <= {
        t for t, _ in columns()
    }


@pytest.mark.req("P-01")
def test_a_column_of_postgresql_has_one_too():
    text = (ROOT / "src/sojourn/stores/migrations/postgres/0001_sessions.sql").read_text(encoding="utf-8")
    body = text[text.index("create table sessions (") :].partition("\n)")[0]
    names = [line.split()[0] for line in body.splitlines()[1:] if line.startswith("    ") and line.strip()]
    named = {name for name in names if name.isidentifier() and name not in ("primary", "check", "constraint")}
    assert {"id", "user_id", "ip"} <= named
    assert {name for name in named if entry("sessions", name) is None} - {"over"} == set()


@pytest.mark.parametrize("table", INVENTORY)
def test_an_entry_says_why_and_until_when(table: str):
    for said in INVENTORY[table].values():
        assert said.kind in KINDS
        assert said.why
        assert said.kept
        assert said.kind == "personal" or not said.exported


@pytest.mark.req("P-02")
def test_what_is_personal_says_by_what_right_it_is_kept():
    for named in INVENTORY.values():
        for said in named.values():
            assert said.kind != "personal" or said.why.startswith(("service: ", "security: "))
