"""The doctor: each thing that is wrong is found, with what to do about it."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from sojourn.accounts import Accounts, open_accounts
from sojourn.background import LEASE
from sojourn.demo import occupied, prepare
from sojourn.directory import open_directory
from sojourn.directory.outbox import new_message
from sojourn.doctor import Finding, examine
from sojourn.keyring import generate, rotate, write
from sojourn.observe import open_ledger
from sojourn.sessions import AsyncSessions
from sojourn.stores import open_store, sqlite_path
from sojourn.stores.memory import MemoryStore
from sojourn.stores.migrate import Difference, Status
from sojourn.stores.protocol import Entries
from sojourn.stores.sqlite import SQLiteStore
from sojourn.testing import MORNING, make_keys


@pytest.fixture
def place(tmp_path):
    """A healthy installation, as its environment names it."""
    (tmp_path / "keys").mkdir()
    write(tmp_path / "keys" / "sojourn.keys", generate(MORNING))
    environment = {
        "SOJOURN_STORE": f"sqlite:///{tmp_path / 'sojourn.db'}",
        "SOJOURN_JOURNAL": f"sqlite:///{tmp_path / 'journal.db'}",
        "SOJOURN_KEYS_FILE": str(tmp_path / "keys" / "sojourn.keys"),
        "SOJOURN_ORIGIN": "https://accounts.example.org",
        "SOJOURN_TRUSTED_PROXIES": "10.0.0.0/8",
    }
    asyncio.run(_install(environment["SOJOURN_STORE"], environment["SOJOURN_JOURNAL"]))
    return environment


async def _install(url, journal):
    ledger = open_ledger(journal, keys=None)
    await ledger.engine.migrate()
    await ledger.close()
    store = SQLiteStore(sqlite_path(url))
    accounts = Accounts(open_accounts(url), AsyncSessions(store, keys=make_keys()))
    await store.engine.migrate()
    await accounts.create("grace@example.org", None, role="admin")
    await accounts.close()
    await store.close()


def complaints(environment, *, now=MORNING, **more) -> list[Finding]:
    """What is not well, but for the disk of the machine that runs the tests."""
    found = asyncio.run(examine({}, environment | more, now=now))
    return [f for f in found if f.level != "ok" and not (f.about == "disk" and "free" in f.what)]


def test_a_healthy_installation_gives_no_complaint(place):
    assert complaints(place) == []


def test_every_setting_is_told_with_its_source_and_without_its_secret(place):
    found = asyncio.run(
        examine(
            {"port": 81}, place | {"SESSION_EXPIRY_DAYS": "7", "IP_GEOLOCATION_API_KEY": "hush"}, now=MORNING
        )
    )
    told = {finding.about: finding.what for finding in found}
    assert told["SOJOURN_PORT"] == "81 (argument)"
    assert told["SOJOURN_LIFETIME"] == "7d (SESSION_EXPIRY_DAYS)"
    assert told["SOJOURN_SIGN_UP"] == "1 (default)"
    assert "hush" not in repr(found)


@pytest.mark.parametrize(
    ("change", "level", "about", "remedy"),
    [
        ({"SOJOURN_PORT": "x"}, "error", "settings", "give a whole number"),
        ({"SOJOURN_SORE": "x"}, "warning", "SOJOURN_SORE", "is SOJOURN_STORE meant?"),
        ({"IP_GEOLOCATION_API_KEY": "x"}, "warning", "IP_GEOLOCATION_API_KEY", "set SOJOURN_PLACES_FROM too"),
        ({"SOJOURN_LIFETIME": "90d"}, "warning", "policy", "lower SOJOURN_LIFETIME"),
        ({"SOJOURN_IDLE_TIMEOUT": "none"}, "warning", "policy", "set SOJOURN_IDLE_TIMEOUT"),
        ({"SOJOURN_MAX_SESSIONS": "none"}, "warning", "policy", "set SOJOURN_MAX_SESSIONS"),
        ({"SOJOURN_FRESH_FOR": "2h"}, "warning", "policy", "lower SOJOURN_FRESH_FOR"),
        ({"SOJOURN_WHEN_AWAY": "go_on"}, "warning", "policy", "set SOJOURN_WHEN_AWAY=refuse"),
        ({"SOJOURN_TRUSTED_PROXIES": ""}, "error", "https", "set SOJOURN_TRUSTED_PROXIES"),
        ({"SOJOURN_TRUSTED_PROXIES": "0.0.0.0/0"}, "error", "https", "the proxy's own address"),
        ({"SOJOURN_DEVELOPMENT": "1"}, "warning", "https", "remove it"),
        (
            {"SOJOURN_DEVELOPMENT": "1", "SOJOURN_ORIGIN": "http://example.org"},
            "warning",
            "https",
            "https:// origin",
        ),
        (
            {"SOJOURN_ORIGIN": "http://localhost", "SOJOURN_HOST": "192.0.2.7"},
            "warning",
            "https",
            "set SOJOURN_ORIGIN",
        ),
        ({"SOJOURN_KEYS_FILE": "/nowhere/sojourn.keys"}, "error", "keys", "sojourn keys generate"),
        ({"SOJOURN_KEYS": "1 signing"}, "error", "keys", "sojourn keys generate"),
        ({"SOJOURN_ACCOUNTS": "sqlite:////nowhere/a.db"}, "error", "accounts", "correct the path"),
        ({"SOJOURN_ACCOUNTS": "memory://"}, "warning", "accounts", "to a file"),
        ({"SOJOURN_ACCOUNTS": "mysql://x"}, "error", "accounts", "use sqlite:///file.db"),
    ],
)
def test_what_is_set_wrong_is_found(place, change, level, about, remedy):
    (finding,) = complaints(place, **change)
    assert (finding.level, finding.about) == (level, about)
    assert remedy in finding.remedy


# ── keys ──────────────────────────────────────────────────────────────────────────────────────


def test_a_key_file_that_others_read_is_an_error(place, tmp_path):
    (tmp_path / "keys" / "sojourn.keys").chmod(0o640)
    (finding,) = complaints(place)
    assert (finding.level, "chmod 600" in finding.remedy) == ("error", True)


def test_a_key_that_signs_for_more_than_a_year_is_to_be_rotated(place):
    assert complaints(place, now=MORNING + timedelta(days=365)) == []
    (finding,) = complaints(place, now=MORNING + timedelta(days=366))
    assert finding == Finding("warning", "keys", "key 1 signs since 2026-03-02", "run `sojourn keys rotate`")


def test_a_rotation_that_was_never_finished_is_found(place, tmp_path):
    path = tmp_path / "keys" / "sojourn.keys"
    write(path, rotate(path.read_text(), MORNING).text, replace=True)
    (finding,) = complaints(place, now=MORNING + timedelta(days=31))
    assert "once more" in finding.remedy


def test_keys_beside_the_database_share_its_backups(place, tmp_path):
    write(tmp_path / "sojourn.keys", generate(MORNING))
    (finding,) = complaints(place, SOJOURN_KEYS_FILE=str(tmp_path / "sojourn.keys"))
    assert "one backup holds both" in finding.what


# ── databases ─────────────────────────────────────────────────────────────────────────────────


def run_sql(tmp_path, *statements):
    with closing(sqlite3.connect(tmp_path / "sojourn.db")) as connection, connection:
        for statement in statements:
            connection.execute(statement)


@pytest.mark.parametrize(
    ("statement", "level", "about", "what"),
    [
        ("drop index sessions_by_user", "error", "sessions", "index sessions_by_user"),
        ("alter table sessions add column colour text", "error", "sessions", "table sessions"),
        ("drop index accounts_by_user", "error", "accounts", "index accounts_by_user"),
        ("create index mine on sessions (ip)", "warning", "sessions", "index mine"),
        ("update users set role = 'user'", "warning", "accounts", "no administrator"),
        ("update users set disabled_at = 1", "warning", "accounts", "no administrator"),
        ("update sojourn_migrations set checksum = 'x'", "error", "sessions", "was changed"),
    ],
)
def test_what_differs_in_the_database_is_found(place, tmp_path, statement, level, about, what):
    run_sql(tmp_path, statement)
    finding = complaints(place)[0]
    assert (finding.level, finding.about) == (level, about)
    assert what in finding.what
    assert finding.remedy


def test_a_database_without_its_schema_waits_for_migrate(place, tmp_path):
    sqlite3.connect(tmp_path / "empty.db").close()
    (tmp_path / "empty.db").touch(0o600)
    (tmp_path / "empty.db").chmod(0o600)
    (finding,) = complaints(place, SOJOURN_ACCOUNTS=f"sqlite:///{tmp_path / 'empty.db'}")
    assert (finding.level, finding.about, finding.remedy) == ("error", "accounts", "run `sojourn migrate`")


def test_what_is_no_database_is_found_with_the_remedy_of_the_fault(place, tmp_path):
    text = tmp_path / "text.db"
    text.write_text("not a database, but long enough to look like one " * 20)
    text.chmod(0o600)
    (finding,) = complaints(place, SOJOURN_ACCOUNTS=f"sqlite:///{text}")
    assert (finding.level, finding.about) == ("error", "accounts")
    assert "Correct the path" in finding.remedy


def test_a_database_that_others_read_is_found(place, tmp_path):
    (tmp_path / "sojourn.db").chmod(0o644)
    (finding,) = complaints(place)
    assert (finding.about, "chmod 600" in finding.remedy) == ("disk", True)


def test_a_demos_database_is_found(place, tmp_path):
    with occupied(tmp_path / "demo"):
        asyncio.run(prepare(tmp_path / "demo", MORNING))
    (finding,) = complaints(place, SOJOURN_ACCOUNTS=f"sqlite:///{tmp_path / 'demo' / 'demo.db'}")
    assert (finding.level, "passwords are public" in finding.what) == ("error", True)


# ── background work ───────────────────────────────────────────────────────────────────────────


def worker_found(environment, **more):
    found = asyncio.run(examine({}, environment | more, now=MORNING))
    (finding,) = [finding for finding in found if finding.about == "worker"]
    return finding


def lease(environment, holder, until):
    async def take():
        store = open_store(environment["SOJOURN_STORE"])
        taken = await store.lease(LEASE, holder, at=MORNING, until=until)
        await store.close()
        return taken

    return asyncio.run(take())


def test_a_worker_that_lives_is_found_and_keeps_its_lease(place):
    assert "none is at work now" in worker_found(place).what
    lease(place, "a worker", MORNING + timedelta(seconds=30))
    assert "one has the lease" in worker_found(place).what
    assert worker_found(place).level == "ok"
    assert not lease(place, "another", MORNING + timedelta(seconds=30))


def test_looking_for_a_worker_takes_the_lease_from_nobody_who_comes_later(place):
    worker_found(place)
    assert lease(place, "a worker", MORNING + timedelta(seconds=30))


def test_that_nobody_works_and_nobody_will_is_found(place):
    (finding,) = complaints(place, SOJOURN_WORKER="0")
    assert (finding.level, finding.about) == ("warning", "worker")
    assert "sojourn worker" in finding.remedy
    lease(place, "a worker", MORNING + timedelta(seconds=30))
    assert complaints(place, SOJOURN_WORKER="0") == []


# ── stores that are servers ───────────────────────────────────────────────────────────────────


class Server(MemoryStore):
    """A store on a server: with a schema, a clock and opinions of its own. (It is its own engine.)"""

    faults: tuple[type[Exception], ...] = (ConnectionError,)
    pending: tuple[str, ...] = ()
    clock = MORNING
    opinions: tuple[tuple[str, str, str], ...] = ()
    fault: Exception | None = None
    difference = Difference()

    @property
    def engine(self):
        return self

    async def compare(self):
        if self.difference is None:
            raise ConnectionError("permission denied")
        return self.difference

    async def status(self):
        if self.fault:
            raise self.fault
        return Status(applied=("0001_sessions",), pending=self.pending)

    async def entries(self, after=None, *, limit=10_000):
        page = await super().entries(after, limit=limit)
        return Entries(entries=page.entries, cursor=page.cursor, epoch=page.epoch, now=self.clock)

    async def diagnose(self):
        return list(self.opinions)


@pytest.fixture
def server(monkeypatch, place):
    """What the doctor says about a store on a server; its address holds a password."""

    def server(**facts):
        store = Server()
        for name, value in facts.items():
            setattr(store, name, value)
        monkeypatch.setattr("sojourn.doctor.stores.open_store", lambda url, *, create: store)
        return complaints(
            place | {"SOJOURN_ACCOUNTS": place["SOJOURN_STORE"]}, SOJOURN_STORE="postgresql://ada:hush@db/app"
        )

    return server


def test_a_healthy_server_gives_no_complaint(server):
    assert server(clock=MORNING + timedelta(seconds=0.5)) == []


@pytest.mark.parametrize(
    ("apart", "which"), [(timedelta(seconds=-3), "ahead of"), (timedelta(minutes=2), "behind")]
)
def test_clocks_that_differ_are_found(server, apart, which):
    (finding,) = server(clock=MORNING + apart)
    assert (finding.level, finding.about) == ("warning", "clock")
    assert which in finding.what


def test_a_server_without_its_schema_waits_for_migrate(server):
    (finding,) = server(pending=("0002_log",))
    assert (finding.level, finding.remedy) == ("error", "run `sojourn migrate`")
    assert "0002_log" in finding.what


def test_what_differs_on_a_server_is_found(server):
    (finding,) = server(difference=Difference(missing=("index sessions_due",)))
    assert (finding.level, "index sessions_due" in finding.what) == ("error", True)


def test_a_role_that_may_not_make_schemas_is_no_fault(server):
    assert server(difference=None) == []


def test_a_server_speaks_for_itself(server):
    found = server(
        opinions=(
            ("ok", "it is large", ""),
            ("warn", "it is slow", "buy disks"),
            ("bad", "it is old", "upgrade"),
        )
    )
    assert [(finding.level, finding.what, finding.remedy) for finding in found] == [
        ("warning", "it is slow", "buy disks"),
        ("error", "it is old", "upgrade"),
    ]


def test_a_server_that_is_away_is_found_without_a_password(server):
    (finding,) = server(fault=ConnectionError("no route to postgresql://ada:hush@db/app"))
    assert (finding.level, finding.about) == ("error", "sessions")
    assert "postgresql://***@db/app" in finding.what
    assert "hush" not in repr(finding)


def test_without_a_place_for_users_there_is_no_server(place):
    found = complaints({**place, "SOJOURN_STORE": "postgresql://127.0.0.1:1/app"})
    assert (
        "error",
        "accounts",
        "SOJOURN_ACCOUNTS is not set, and users cannot be kept where the sessions are",
    ) in [(finding.level, finding.about, finding.what) for finding in found]


def test_little_room_is_found(place, monkeypatch):
    for free, level in ((10, "error"), (500, "warning"), (5000, "ok")):
        monkeypatch.setattr(
            "shutil.disk_usage", lambda _, free=free: type("Usage", (), {"free": free * 2**20})
        )
        found = asyncio.run(examine({}, place, now=MORNING))
        assert [f.level for f in found if "MB are free" in f.what] == [level] * 2  # and beside the journal


def test_looking_changes_nothing(place, tmp_path):
    before = {path.name for path in tmp_path.iterdir()}
    complaints(place, SOJOURN_ACCOUNTS=f"sqlite:///{tmp_path / 'not-there.db'}")
    assert {path.name for path in tmp_path.iterdir()} == before


# ── delivery ──────────────────────────────────────────────────────────────────────────────────


def test_messages_that_were_given_up_are_found_with_what_went_wrong(place):
    async def give_up() -> None:
        store = open_directory(place["SOJOURN_STORE"])
        messages = [new_message("back_channel_logout", f"app {n}", b"{}", at=MORNING) for n in range(3)]
        await store.enqueue(messages)
        (first,) = await store.claim(at=MORNING, until=MORNING, limit=1)
        await store.give_up(first.id, attempt=1, error="no answer within 10 s", at=MORNING)
        await store.close()

    assert not [finding for finding in complaints(place) if finding.about == "delivery"]
    asyncio.run(give_up())
    (finding,) = [finding for finding in complaints(place) if finding.about == "delivery"]
    assert finding.level == "warning"
    assert finding.what.startswith("1 messages were given up in the last 7 days, 2 are on their way")
    assert finding.what.endswith("no answer within 10 s")
