"""The commands on a store that is a server, with the users in a file beside it."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import timedelta

import pytest

from sojourn import AsyncSessions, open_store
from sojourn.background import LEASE
from sojourn.sessions import utc_now
from sojourn.testing import FakeClock, make_keys
from tests.servers.fixtures import postgres  # noqa: F401 -- a fixture

pytestmark = pytest.mark.servers


@pytest.fixture
def url(postgres, monkeypatch):  # noqa: F811
    """An empty database, as the environment names it, with a password that nobody checks."""
    url = postgres.new_database().replace("postgres@", "postgres:analytical%20engine@")
    monkeypatch.setenv("SOJOURN_STORE", url)
    return url


def signed_in(url, user, ago):
    async def start():
        sessions = AsyncSessions(open_store(url), keys=make_keys(), clock=FakeClock(utc_now() - ago))
        await sessions.start(user)
        await sessions.close()

    asyncio.run(start())


def test_sessions_on_a_server_need_no_users_but_the_server_does(shell, url):
    assert shell("purge").code == 2  # nothing was migrated yet
    ran = shell("migrate")
    assert ran.code == 0
    assert "0001_sessions" in ran.out
    assert "accounts" not in ran.out
    assert shell("migrate").out.endswith(": up to date\n")
    for command in (["purge"], ["worker", "--once"], ["sessions", "list"]):
        assert shell(*command).code == 0
    shell("keys", "generate")
    for command in (["serve"], ["users", "list"]):
        ran = shell(*command)
        assert ran.code == 2
        assert "SOJOURN_ACCOUNTS is not set" in ran.err
        assert "sqlite:///accounts.db" in ran.err


def test_background_work_on_a_server(shell, url):
    shell("migrate")
    signed_in(url, "ada", timedelta(days=200))
    signed_in(url, "bea", timedelta(days=50))
    signed_in(url, "eve", timedelta(0))
    ran = shell("worker", "--once")
    assert re.match(r"purge: marked 2, removed 1, skipped 0, time ", ran.out)
    assert ran.err.count('"event":"session-expired"') == 2
    assert "marked 0, removed 0, skipped 0" in shell("purge").out


def test_the_doctor_looks_at_a_server(shell, url, monkeypatch, postgres):  # noqa: F811
    monkeypatch.setenv("SOJOURN_ACCOUNTS", "sqlite:///accounts.db")
    shell("keys", "generate")
    found = about(shell)
    assert found["sessions"] == [("error", "run `sojourn migrate`")]
    shell("migrate")
    shell("users", "create", "grace@example.org", "--admin", "--generate")
    found = about(shell)
    unwell = [finding for finding in found["sessions"] if finding[0] != "ok"]
    assert unwell == [("error", "set fsync = on")]  # which servers for tests have off
    assert found["clock"] == [("ok", "")]
    assert found["worker"] == [("ok", "")]
    assert len(found["accounts"]) == 2
    database = url.rpartition("/")[2]
    weeks = postgres.execute(
        "select relname from pg_class where relname ~ '^sessions_[0-9]+$'", database=database
    )
    for (week,) in weeks:
        postgres.execute(f"drop table {week}", database=database)
    found = about(shell)
    assert len([finding for finding in found["sessions"] if finding[0] != "ok"]) == len(unwell) + 1
    assert shell("migrate").code == shell("worker", "--once").code == 0  # either makes them anew
    found = about(shell)
    assert [finding for finding in found["sessions"] if finding[0] != "ok"] == unwell


def about(shell):
    """What the doctor says: levels and remedies by what they are about; never with a password."""
    ran = shell("doctor", "--json")
    assert "analytical" not in ran.out + ran.err
    found: dict[str, list[tuple[str, str]]] = {}
    for finding in json.loads(ran.out):
        found.setdefault(finding["about"], []).append((finding["level"], finding["remedy"]))
    return found


def test_who_has_the_lease_on_a_server_is_left_alone(shell, url):
    shell("migrate")

    async def lease(span):
        store, now = open_store(url), utc_now()
        taken = await store.lease(LEASE, "a worker", at=now, until=now + span)
        await store.close()
        return taken

    assert asyncio.run(lease(timedelta(minutes=5)))
    assert "skipped 1" in shell("worker", "--once").out
    shell("doctor", "--json")
    assert asyncio.run(lease(timedelta(0)))
    assert "skipped 0" in shell("worker", "--once").out


@pytest.mark.parametrize(
    "command", [["purge"], ["worker"], ["migrate"], ["serve"], ["doctor"], ["sessions", "list"]]
)
def test_no_command_tells_the_password_of_a_server_that_is_away(shell, monkeypatch, command):
    shell("keys", "generate")
    monkeypatch.setenv("SOJOURN_ACCOUNTS", "sqlite:///accounts.db")
    for address in (
        "postgresql://ada:analytical@127.0.0.1:1/app",
        "postgresql://ada:ana/analytical@127.0.0.1:1/app",
        "postgresql://127.0.0.1:1/app?user=ada&password=analytical",
        "redis://ada:analytical@127.0.0.1:1/0",
        "redis://ada:ana@analytical@127.0.0.1:1/0",
    ):
        monkeypatch.setenv("SOJOURN_STORE", address)
        ran = shell(*command)
        assert ran.code in (1, 2)
        assert "analytical" not in ran.out + ran.err
        assert "Traceback" not in ran.err
