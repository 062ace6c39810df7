"""The server as it runs: how soon an alert arrives, and that it does if the server is killed in between."""

from __future__ import annotations

import asyncio
import base64
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import httpx2
import pytest

from tests.client.processes import command, environment, free_port
from tests.delivery.kit import Receiver, never

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals that Windows does not have")

SECRET = base64.b64encode(b"s" * 32).decode()
PASSWORD = "a ship in a bottle"
AGENTS = ("Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0", "curl/8.5")


def installed(folder: Path) -> None:
    command(folder, "keys", "generate")
    command(folder, "migrate")


def settings(**receivers: Receiver) -> dict[str, str]:
    hooks = {name: {"url": receiver.url, "secrets": [SECRET]} for name, receiver in receivers.items()}
    return {"SOJOURN_WEBHOOKS": json.dumps(hooks), "SOJOURN_ALERTS_LEAST": "low"}


@asynccontextmanager
async def serving(folder: Path, **settings: str) -> AsyncIterator[tuple[subprocess.Popen[bytes], str]]:
    port = free_port()
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "sojourn", "serve", "--port", str(port)],
            cwd=folder,
            env=environment(**settings),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    origin = f"http://127.0.0.1:{port}"
    try:
        async with asyncio.timeout(30):
            while not await answers(origin):
                await asyncio.sleep(0.05)
        yield process, origin
    finally:
        process.terminate()
        process.wait(20)


async def answers(origin: str) -> bool:
    try:
        async with httpx2.AsyncClient(base_url=origin) as client:
            return (await client.get("/healthz")).status_code == 200
    except httpx2.TransportError:
        return False


async def enter(origin: str, path: str, agent: str) -> None:
    async with httpx2.AsyncClient(base_url=origin, headers={"user-agent": agent}) as client:
        body = {"email": "ada@example.org", "password": PASSWORD}
        answer = await client.post(f"/api/auth/{path}", json=body)
        assert answer.status_code < 300, answer.text


async def test_an_alert_arrives_within_ten_seconds_whoever_else_is_slow(tmp_path: Path):
    installed(tmp_path)
    async with Receiver.listening() as quick, Receiver.listening() as slow:
        slow.instead = never
        async with serving(tmp_path, **settings(quick=quick, slow=slow)) as (_, origin):
            await enter(origin, "sign-up", AGENTS[0])
            began = time.monotonic()
            await enter(origin, "sign-in", AGENTS[1])
            await quick.has_been_asked(1)
            took = time.monotonic() - began
        assert json.loads(quick.asked[0].body)["data"]["rule"] == "new-device"
        print(f"from the sign-in to the alert: {took:.2f} s")
        assert took < 10


@pytest.mark.req("L-11")
async def test_killed_with_an_alert_in_its_hands_the_next_server_delivers_it(tmp_path: Path):
    installed(tmp_path)
    async with Receiver.listening() as receiver:
        async with serving(tmp_path, **settings(ops=receiver)) as (process, origin):

            async def kills(_: Receiver, reader: object, writer: object) -> None:
                process.kill()

            receiver.instead = kills
            await enter(origin, "sign-up", AGENTS[0])
            await enter(origin, "sign-in", AGENTS[1])
            await receiver.has_been_asked(1)
            process.wait(20)
        receiver.instead = None
        a_minute_passes(tmp_path / "sojourn.db")
        async with serving(tmp_path, **settings(ops=receiver)):
            await receiver.has_been_asked(2)
        first, second = receiver.asked
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        assert first.body == second.body
    found = json.loads(command(tmp_path, "alerts", "list", "--json"))
    assert [(alert["rule"], alert["count"]) for alert in found] == [("new-device", 1)]


def a_minute_passes(file: Path) -> None:
    """For the leases and the claim of who was killed; waiting for it would show nothing more."""
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("update outbox set due_at = due_at - 60000000")
        assert db.execute("update sojourn_leases set until = until - 60000000").rowcount >= 1


async def test_the_command_line_lists_acknowledges_and_resolves(tmp_path: Path):
    installed(tmp_path)
    async with (
        Receiver.listening() as receiver,
        serving(tmp_path, **settings(ops=receiver)) as (_, origin),
    ):
        await enter(origin, "sign-up", AGENTS[0])
        await enter(origin, "sign-in", AGENTS[1])
        await receiver.has_been_asked(1)
    (alert,) = json.loads(command(tmp_path, "alerts", "list", "--json"))
    assert "Sign-in on a new device" in command(tmp_path, "alerts", "list")
    said = command(tmp_path, "alerts", "ack", alert["id"])
    assert said == "Acknowledged: Sign-in on a new device.\n"
    assert json.loads(command(tmp_path, "alerts", "list", "--json")) == []
    over = json.loads(command(tmp_path, "alerts", "resolve", alert["id"], "--json"))
    assert over["state"] == "resolved"
    acts = [json.loads(line) for line in command(tmp_path, "journal", "export").splitlines()]
    assert [line["facts"]["act"] for line in acts if line["name"] == "admin-action"] == [
        "alert-acknowledge",
        "alert-resolve",
    ]


async def test_the_worker_of_the_command_line_watches_too(tmp_path: Path):
    """Servers that only serve, and a cron that works for them."""
    installed(tmp_path)
    async with Receiver.listening() as receiver:
        more = settings(ops=receiver)
        async with serving(tmp_path, SOJOURN_WORKER="0", **more) as (_, origin):
            await enter(origin, "sign-up", AGENTS[0])
            await enter(origin, "sign-in", AGENTS[1])
        await asyncio.to_thread(lambda: command(tmp_path, "worker", "--once", **more))
        (asked,) = receiver.asked
        assert json.loads(asked.body)["data"]["rule"] == "new-device"
