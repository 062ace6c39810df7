"""The ledger on PostgreSQL: what many processes write, what a reader sees, and a server that is away."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from sojourn.blocking import drive
from sojourn.errors import SettingsError
from sojourn.events import AdminActed, SignInFailed
from sojourn.observe import open_ledger
from sojourn.observe.alerts.alert import Alert, Raised, opened
from sojourn.observe.journal.line import Filter, Line
from sojourn.observe.journal.writer import Journal
from sojourn.observe.ledger import Ledger
from sojourn.stores import migrate as migrations
from sojourn.stores.postgres import PostgresStore
from tests.observe.kit import KEYS, MINUTE, NOON, heard, many, revoked, started
from tests.servers.postgres import Postgres

pytestmark = pytest.mark.servers


@pytest.fixture
def url(postgres: Postgres) -> str:
    return postgres.new_database()


@pytest.fixture
async def ledger(url):
    found = open_ledger(url, keys=KEYS)
    yield found
    await found.close()


# ── many at once ──────────────────────────────────────────────────────────────────────────────

_WRITER = """
import asyncio, sys
from sojourn.observe import open_ledger
from tests.observe.kit import KEYS, heard, many
from sojourn.observe.journal.writer import Journal

async def main(url, name):
    ledger = open_ledger(url, keys=KEYS)
    journal = Journal(ledger)
    for batch in range(40):
        for event in many(5, f"{name} {batch}"):
            journal.hear(event)
        await journal.flush()
    await ledger.close()

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_reader_that_follows_misses_no_line_of_many_processes(ledger, url):
    """A place that was given out first, and committed last, would be passed over."""
    await ledger.last_place()  # the schema is there
    begun = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", _WRITER, url, name)
        for name in ("one", "two", "three")
    ]
    ends = asyncio.gather(*(process.wait() for process in begun))
    followed: list[Line] = []
    while True:
        over = ends.done()
        followed += await ledger.tail(followed[-1].place if followed else 0)
        if over:
            break
    assert ends.result() == [0, 0, 0]
    assert followed == await ledger.tail(0, 10_000)
    assert len(followed) == 3 * 40 * 5
    report = await ledger.verify()
    assert (report.ok, report.chains, report.lines) == (True, 3, 600)
    assert (await ledger.totals())["created", "pwd"][0] == 600


async def test_a_place_is_seen_before_any_later_one(ledger, url):
    """While one write has not committed, no other one has a place after it."""
    await heard(ledger, started())
    wrote, commit = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def slowly(db: Any) -> None:
        db.execute(
            "insert into lines (chain, number, at, name, facts, hash) values (1, 2, 0, 'x', '{}', ?)", (b"",)
        )
        loop.call_soon_threadsafe(wrote.set)
        asyncio.run_coroutine_threadsafe(commit.wait(), loop).result()

    writing = asyncio.create_task(ledger.engine.write(slowly))
    await wrote.wait()
    other = open_ledger(url, keys=KEYS)
    late = asyncio.create_task(heard(other, started("bob")))
    async with asyncio.timeout(10):
        await _waits(url)
    assert [line.place for line in await ledger.tail(0)] == [1]
    commit.set()
    await asyncio.gather(writing, late)
    assert [line.number for line in await ledger.tail(0)] == [1, 2, 1]
    await other.close()


async def _waits(url: str) -> None:
    """Until somebody waits for the lock that all take who write."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as watching:
        while True:
            found = await watching.execute(
                "select 1 from pg_locks where locktype = 'advisory' and not granted "
                "and database = (select oid from pg_database where datname = current_database())"
            )
            if await found.fetchone():
                return


async def test_all_may_begin_at_once(url):
    ledgers = [open_ledger(url, keys=KEYS) for _ in range(6)]
    try:
        assert await asyncio.gather(*(ledger.last_place() for ledger in ledgers)) == [0] * 6
    finally:
        await asyncio.gather(*(ledger.close() for ledger in ledgers))


_FORKING = """
import os, sys
from sojourn.blocking import drive
from sojourn.observe import open_ledger
from sojourn.observe.journal.writer import Journal
from tests.observe.kit import KEYS, started

ledger = open_ledger(sys.argv[1], keys=KEYS)
journal = Journal(ledger)
journal.hear(started("parent"))
journal.flush_now()
child = os.fork()
for number in range(20):
    journal.hear(started("child" if child == 0 else "parent"))
    journal.flush_now()
drive(ledger.blocking().close())
if child:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


async def test_a_forked_child_has_connections_of_its_own(ledger, url):
    """Without an event loop, as under WSGI."""
    await asyncio.to_thread(subprocess.run, [sys.executable, "-c", _FORKING, url], check=True)
    report = await ledger.verify()
    assert (report.ok, report.lines, report.chains) == (True, 41, 2)
    assert len(await ledger.lines(Filter(user_id="child"))) == 20


def test_it_blocks_where_no_event_loop_runs(url):
    ledger = open_ledger(url, keys=KEYS)
    journal = Journal(ledger)
    for event in many(3):
        journal.hear(event)
    assert journal.flush_now() == 3
    assert len(drive(ledger.blocking().lines())) == 3
    assert drive(ledger.blocking().seal(NOON)) is not None
    assert drive(ledger.blocking().verify()).ok
    drive(ledger.blocking().close())


# ── a server that is away ─────────────────────────────────────────────────────────────────────


@pytest.fixture
def own_server():
    """One that this test may stop."""
    with Postgres.started() as server:
        yield server


async def test_nothing_is_lost_while_the_server_is_away(own_server):
    ledger = open_ledger(own_server.new_database() + "?connect_timeout=1", keys=KEYS)
    journal = await heard(ledger, started("ada"))
    await ledger.seal(NOON)
    own_server.stop()
    journal.hear(started("bob"))
    with pytest.raises(ledger.faults):
        await journal.flush()
    with pytest.raises(ledger.faults):
        await ledger.lines()
    assert journal.queued == 1
    own_server.start()
    journal.hear(started("eve"))
    assert await journal.flush() == 2
    assert [line.user_id for line in await ledger.tail(0)] == ["ada", "bob", "eve"]
    await ledger.seal(NOON + MINUTE)
    own_server.kill()
    own_server.start()
    report = await ledger.verify()
    assert (report.ok, report.lines, report.seals, report.unsealed) == (True, 3, 2, 0)
    await ledger.close()


async def test_a_batch_whose_commit_nobody_heard_of_is_written_once(ledger, monkeypatch):
    journal = await heard(ledger, started("ada"))
    journal.hear(started("bob"))
    write = ledger.engine.write

    async def and_lose(*values: Any, **named: Any) -> Any:
        await write(*values, **named)
        raise psycopg.OperationalError("the connection was lost")

    monkeypatch.setattr(ledger.engine, "write", and_lose)
    with pytest.raises(ledger.faults):
        await journal.flush()
    monkeypatch.undo()
    await journal.flush()
    assert [line.user_id for line in await ledger.tail(0)] == ["ada", "bob"]
    assert (await ledger.totals())["created", "pwd"][0] == 2


async def test_who_waits_too_long_for_another_is_told(url):
    """A process that stands still in a write keeps nobody waiting for ever."""
    ledger = open_ledger(url + "?command_timeout=0.2", keys=KEYS)
    await heard(ledger, started())
    with psycopg.connect(url) as other:
        other.execute("select set_config('search_path', 'sojourn_ledger', false)")
        other.execute(
            "select pg_advisory_xact_lock(hashtextextended(current_schema() || ' sojourn ledger', 0))"
        )
        with pytest.raises(ledger.faults):
            await heard(ledger, started())
        assert len(await ledger.lines()) == 1  # who reads waits for nobody
    await heard(ledger, started())
    await ledger.close()


async def test_nothing_of_a_write_that_fails_is_left(ledger):
    def half(db: Any) -> None:
        db.execute("update people_changes set number = 1000")
        raise KeyError("half")

    with pytest.raises(KeyError):
        await ledger.engine.write(half)
    assert await ledger.engine.read(
        lambda db: db.execute("select number from people_changes").fetchall()
    ) == [(0,)]


# ── what may be in it ─────────────────────────────────────────────────────────────────────────

HOSTILE = [
    "a\0b",
    "\0",
    "\x10",
    "\x100",
    "a\x101\0",
    "'; drop table lines; --",
    "%s $1 :name ?",
    "\\",
    "𝔘\u202e",
    "x" * 9_000,
]


@pytest.mark.parametrize("user_id", HOSTILE, ids=range(len(HOSTILE)))
async def test_any_text_comes_back_as_it_was(ledger, user_id):
    event = started(user_id, ip=user_id)
    journal = await heard(
        ledger, event, revoked(event, by=user_id), AdminActed(at=NOON, act="x", by=user_id, target=None)
    )
    lines = await ledger.lines(Filter(user_id=user_id))
    assert {line.user_id for line in lines} == {user_id}
    assert lines[-1].personal["ip"] == user_id
    assert len(await ledger.lines()) == 3
    await ledger.seal(NOON)
    assert (await ledger.verify()).ok
    assert await ledger.erase(user_id) >= 1
    assert await ledger.lines(Filter(user_id=user_id)) == []
    journal.hear(started("ada"))
    assert await journal.flush() == 1


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
async def test_an_alert_may_be_about_anything(ledger, text):
    def raised() -> Alert:
        return opened(
            Raised(
                subject=text,
                rule="not-me",
                severity="high",
                title=text,
                factors=(text,),
                at=NOON,
                user_id=text,
            )
        )

    alert = raised()
    assert await ledger.advance(0, 1, [alert]) == [alert]
    assert await ledger.advance(1, 2, [raised()]) == []
    (found,) = await ledger.alerts()
    assert (found.title, found.factors, found.user_id, found.key) == (text, (text,), text, alert.key)


async def test_text_that_is_no_unicode_stops_nothing(ledger, caplog):
    journal = await heard(ledger, started("ada"))
    journal.hear(SignInFailed(at=NOON, ip=None, account="\ud800"))
    journal.hear(started("bob"))
    with caplog.at_level(logging.WARNING):
        await journal.flush()
    assert [line.name for line in await ledger.tail(0)] == [
        "session-established",
        "journal-gap",
        "session-established",
    ]
    assert "no Unicode" in caplog.text


# ── the schema ────────────────────────────────────────────────────────────────────────────────


async def test_it_lies_beside_sessions_and_neither_is_strange_to_the_other(url, ledger):
    store = PostgresStore(url)
    try:
        await store.migrate()
        await ledger.engine.migrate()
        assert await ledger.engine.migrate() == []
        assert not await store.engine.compare()
        assert not await ledger.engine.compare()
    finally:
        await store.close()


@pytest.mark.parametrize(
    ("change", "kind", "what"),
    [
        ("drop index sojourn_ledger.lines_by_name", "missing", "index lines_by_name"),
        ("alter table sojourn_ledger.lines add column x int", "changed", "table lines"),
        (
            "alter table sojourn_ledger.alerts drop constraint alerts_at_work",
            "missing",
            "rule alerts_at_work of alerts",
        ),
        ("create table sojourn_ledger.x (y int)", "unexpected", "table x"),
    ],
)
async def test_what_differs_is_found(url, ledger, change, kind, what):
    await ledger.last_place()
    with psycopg.connect(url) as db:
        db.execute(change.encode())
    assert what in getattr(await ledger.engine.compare(), kind)


async def test_who_may_not_create_is_told_to_migrate(url):
    ledger = open_ledger(url, keys=KEYS, create=False)
    with pytest.raises(SettingsError, match="run `sojourn migrate`"):
        await ledger.last_place()
    assert len(await ledger.engine.migrate()) == len((await ledger.engine.status()).applied) > 0
    assert await ledger.last_place() == 0
    await ledger.close()


async def test_a_role_that_may_not_make_schemas_uses_one_that_was_made_for_it(postgres):
    url = postgres.new_database()
    name = url.rpartition("/")[2]
    if not postgres.execute("select 1 from pg_roles where rolname = 'plain'", database=name):
        postgres.execute("create role plain login", database=name)
    ledger = open_ledger(postgres.url(name, user="plain"), keys=KEYS)
    with pytest.raises(SettingsError, match="create schema sojourn_ledger authorization the_role"):
        await ledger.last_place()
    postgres.execute("create schema sojourn_ledger authorization plain", database=name)
    await heard(ledger, started())
    assert len(await ledger.lines()) == 1
    await ledger.close()


async def test_a_schema_of_somebody_else_is_left_alone(url):
    with psycopg.connect(url) as db:
        db.execute("create schema sojourn_ledger create table lines (mine text)")
    ledger = open_ledger(url, keys=KEYS)
    with pytest.raises(SettingsError, match="has a table lines that is not Sojourn's"):
        await ledger.last_place()
    await ledger.close()


async def test_a_database_that_cannot_hold_all_text_is_refused(postgres):
    postgres.execute(
        "create database latin encoding 'LATIN1' template template0 locale 'C'", database="postgres"
    )
    ledger = open_ledger(postgres.url("latin"), keys=KEYS)
    with pytest.raises(SettingsError, match="UTF8"):
        await ledger.last_place()
    await ledger.close()


async def test_a_pooler_may_stand_in_between(url):
    """Each transaction brings its own settings: the connection may be another one the next time."""
    ledger = open_ledger(url + "?pooler=transaction", keys=KEYS)
    await heard(ledger, started("ada"), started("bob"))
    with psycopg.connect(url, autocommit=True) as db:
        assert db.execute("select count(*) from sojourn_ledger.lines").fetchone() == (2,)
    assert [line.user_id for line in await ledger.lines(Filter(user_id="ada"))] == ["ada"]
    assert await ledger.seal(NOON)
    assert (await ledger.verify()).ok
    assert not await ledger.engine.compare()
    await ledger.close()


def _columns(script: str) -> dict[str, list[str]]:
    """The names of the columns of each table, as a migration has them."""
    import re

    found = {}
    for table, body in re.findall(r"create table (\w+) \((.*?)\n\)", script, re.DOTALL):
        lines = (line.strip().split()[0] for line in body.splitlines() if line.strip())
        found[table] = [word for word in lines if word not in ("--", "primary", "constraint")]
    return found


def test_both_databases_have_the_same_migrations():
    in_files = migrations.load("sojourn.observe.migrations")
    on_servers = migrations.load("sojourn.observe.migrations.postgres")
    assert [one.name for one in in_files] == [one.name for one in on_servers]
    for file, server in zip(in_files, on_servers, strict=True):
        assert _columns(file.sql) == _columns(server.sql)


# ── secrets ───────────────────────────────────────────────────────────────────────────────────


async def test_the_password_is_shown_nowhere(caplog, tmp_path: Path):
    url = "postgresql://canary-user:canary-word@127.0.0.1:1/x?connect_timeout=1"
    ledger: Ledger = open_ledger(url, keys=KEYS)
    journal = Journal(ledger)
    journal.hear(started())
    with caplog.at_level(logging.DEBUG):
        await journal.try_flush()
    with pytest.raises(ledger.faults) as failed:
        await ledger.lines()
    shown = f"{ledger!r} {ledger.engine} {failed.value} {failed.value!r} {caplog.text}"
    assert "127.0.0.1" in shown
    assert "canary" not in shown
    assert "journal is not written" in caplog.text
    await ledger.close()


def test_an_address_that_cannot_be_read_is_not_repeated():
    with pytest.raises(SettingsError) as failed:
        open_ledger("postgresql://ada:canary/word@host/x", keys=KEYS)
    assert "canary" not in str(failed.value)
