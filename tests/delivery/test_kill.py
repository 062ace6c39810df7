"""kill -9 of the server between an ending and its delivery: the next one tells it."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest

from sojourn import ANYBODY, AsyncSessions, open_store
from sojourn.testing import make_keys
from tests.client.processes import command, environment, free_port
from tests.delivery.kit import Receiver

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals that Windows does not have")

URL = "sqlite:///sojourn.db"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def started(folder: Path, port: int) -> subprocess.Popen[bytes]:
    log = (folder / "server.log").open("ab")
    with log:
        return subprocess.Popen(
            [sys.executable, "-m", "sojourn", "serve", "--port", str(port), "--log-level", "debug"],
            cwd=folder,
            env=environment(),
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def installed(folder: Path, receiver: Receiver) -> list[str]:
    """A server's files, an application that wants to be told, and ids of three sessions of it."""
    command(folder, "keys", "generate")
    command(folder, "migrate")
    command(folder, "users", "create", "ada@example.org", "--generate")
    made = json.loads(
        command(folder, "applications", "create", "Shop", "--back-channel-logout-uri", receiver.url, "--json")
    )
    application = made.get("id") or made["client_id"]
    return [
        json.loads(
            command(
                folder,
                *("sessions", "start", "--user", "ada@example.org", "--application", application, "--json"),
            )
        )["session_id"]
        for _ in range(3)
    ]


async def revoke(folder: Path, ids: list[str]) -> None:
    """By another process of the operator's, such as a script."""
    sessions = AsyncSessions(open_store(f"sqlite:///{folder / 'sojourn.db'}"), keys=make_keys())
    for id in ids:
        await sessions.revoke(UUID(id), owner=ANYBODY)
    await sessions.close()


@pytest.mark.req("L-11")
async def test_what_ended_before_a_kill_is_told_after_it(tmp_path: Path):
    """The first server is killed while the receiver has its request and does not answer."""
    async with Receiver.listening() as receiver:
        ids = installed(tmp_path, receiver)
        port = free_port()
        hanging: list[str] = []

        async def hangs(_: Receiver, reader: object, writer: object) -> None:
            if first.poll() is None:
                first.kill()
            hanging.append("killed")

        receiver.instead = hangs
        first = started(tmp_path, port)
        try:
            await revoke(tmp_path, ids[:1])
            await receiver.has_been_asked(1)
            first.wait(20)
        finally:
            first.kill()
            first.wait()
        await revoke(tmp_path, ids[1:])  # while no server runs
        a_minute_passes(tmp_path / "sojourn.db")
        receiver.instead = None
        seen = len(receiver.asked)
        second = started(tmp_path, port)
        try:
            await told(receiver, seen, set(ids))
        finally:
            second.terminate()
            second.wait(20)
        assert hanging
        assert {said["aud"] for said in receiver.payloads()} == {receiver.payloads()[0]["aud"]}
        jtis = {said["sid"]: said["jti"] for said in receiver.payloads()}
        assert all(jtis[said["sid"]] == said["jti"] for said in receiver.payloads())


def a_minute_passes(file: Path) -> None:
    """For the lease and the claim of who was killed; waiting for it would show nothing more."""
    with closing(sqlite3.connect(file)) as db, db:
        held = db.execute("select attempts from outbox where done_at is null").fetchall()
        assert held == [(1,)]  # it was killed with a message in its hands
        db.execute("update outbox set due_at = due_at - 60000000")
        assert db.execute("update sojourn_leases set until = until - 60000000").rowcount >= 1


async def told(receiver: Receiver, before: int, ids: set[str]) -> None:
    """Wait until each of *ids* was told since."""
    async with asyncio.timeout(40), receiver.changed:
        await receiver.changed.wait_for(lambda: {s["sid"] for s in receiver.payloads()[before:]} >= ids)


@pytest.mark.req("L-11")
async def test_the_worker_of_the_command_line_delivers_too(tmp_path: Path):
    async with Receiver.listening() as receiver:
        ids = installed(tmp_path, receiver)
        await revoke(tmp_path, ids)
        await asyncio.to_thread(command, tmp_path, "worker", "--once")
        assert sorted(said["sid"] for said in receiver.payloads()) == sorted(ids)
