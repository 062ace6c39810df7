"""Two servers and the command line, with sessions and journal in one PostgreSQL database."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import psycopg
import pytest

from tests.client.processes import command, environment
from tests.observe.alerts.test_server import AGENTS, enter, serving
from tests.observe.kit import HOUR
from tests.servers.postgres import Postgres

pytestmark = pytest.mark.servers

ROOT = "root@example.org"


@pytest.fixture
def settings(postgres: Postgres, tmp_path: Path) -> dict[str, str]:
    database = postgres.new_database()
    return {
        "SOJOURN_STORE": database.replace("postgres@", "postgres:canary-word@"),
        "SOJOURN_ACCOUNTS": "sqlite:///accounts.db",
    }


async def test_machines_share_one_journal(settings, tmp_path):
    """If nobody says where, it is with the sessions, in a schema of its own."""

    def run(*arguments: str) -> str:
        return command(tmp_path, *arguments, **settings)

    run("keys", "generate")
    migrated = run("migrate")
    assert "journal in postgresql://" in migrated
    password = run("users", "create", ROOT, "--admin", "--generate").split()[-1]
    async with AsyncExitStack() as stack:
        origins = [(await stack.enter_async_context(serving(tmp_path, **settings)))[1] for _ in range(2)]
        await enter(origins[0], "sign-up", AGENTS[0])
        await enter(origins[1], "sign-in", AGENTS[1])
        found = await _followed(run, 2)
        await _administered(origins[1], password)
        alerts = await _raised(run)
    assert len({line["writer"] for line in found if line["name"] == "session-established"}) == 2
    assert [alert["rule"] for alert in alerts] == ["new-device"]
    assert not (tmp_path / "accounts-journal.db").exists()
    _commanded(run)
    with psycopg.connect(settings["SOJOURN_STORE"]) as db:
        names = db.execute("select name from sojourn_ledger.lines").fetchall()
    assert names.count(("session-revoked",)) == 2
    shown = migrated + (tmp_path / "server.log").read_text() + _examined(tmp_path, settings)
    assert "canary-word" not in shown


async def _administered(origin: str, password: str) -> None:
    """The overview, and what it asks of the journal."""
    async with httpx2.AsyncClient(base_url=origin, follow_redirects=True) as client:
        answer = await client.post("/api/auth/sign-in", json={"email": ROOT, "password": password})
        assert answer.status_code == 200, answer.text
        assert (await client.get("/admin")).status_code == 200
        now = datetime.now(UTC)
        span = {"from": (now - HOUR).isoformat(), "to": now.isoformat()}
        for path in ("stats", "alerts", "journal", "heatmap"):
            answer = await client.get(
                f"/api/admin/{path}", params=span if path in ("journal", "heatmap") else None
            )
            assert answer.status_code == 200, (path, answer.text)


def _commanded(run: Callable[..., str]) -> None:
    """The command line, when no server runs."""
    assert json.loads(run("stats", "--json"))
    since = "created_at > '2020-01-01'"
    assert "2" in run("sessions", "revoke", "--where", since, "--except-administrators", "--yes")
    exported = [json.loads(line) for line in run("journal", "export").splitlines()]
    assert [line["place"] for line in exported] == sorted(line["place"] for line in exported)
    assert json.loads(run("journal", "verify", "--json"))["faults"] == []


def _examined(folder: Path, settings: dict[str, str]) -> str:
    """What the doctor says: of the journal nothing bad. Of the sessions it may: this server does not sync."""
    asked = [sys.executable, "-m", "sojourn", "doctor", "--json"]
    ran = subprocess.run(
        asked, cwd=folder, env=environment(**settings), capture_output=True, text=True, check=False
    )
    found = [one for one in json.loads(ran.stdout) if one["about"] == "journal"]
    assert {one["level"] for one in found} == {"ok"}, found
    return ran.stdout + ran.stderr


async def _followed(run: Callable[..., str], count: int) -> list[dict]:
    """What `tail` prints, once it is that much: it is written half a second later."""
    async with asyncio.timeout(20):
        while True:
            text = await asyncio.to_thread(run, "journal", "tail", "--json")
            found = [json.loads(line) for line in text.splitlines()]
            if sum(line["name"] == "session-established" for line in found) >= count:
                return found


async def _raised(run: Callable[..., str]) -> list[dict]:
    """The alerts, once there are any: a leader looks every second."""
    async with asyncio.timeout(20):
        while not (found := json.loads(await asyncio.to_thread(run, "alerts", "list", "--json"))):
            pass
    return found
