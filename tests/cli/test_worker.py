"""`sojourn worker` and the worker inside `sojourn serve`, each a process of its own that signals end."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Timer
from typing import Any

import httpx2
import pytest

from sojourn import open_store
from sojourn.background import LEASE
from sojourn.cli.listening import bind
from sojourn.observe import open_ledger
from sojourn.sessions import utc_now
from sojourn.stores.protocol import Store
from sojourn.testing import make_session

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals that Windows does not have")

SOJOURN = [sys.executable, "-m", "sojourn"]
URL = "sqlite:///sojourn.db"


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A command in the directory of the test; killed if the test fails, or waits for it in vain."""
    with subprocess.Popen([*SOJOURN, *arguments], stderr=subprocess.PIPE, text=True) as process:
        watchdog = Timer(60, process.kill)
        watchdog.start()
        try:
            yield process
        finally:
            watchdog.cancel()
            if process.poll() is None:
                process.kill()


def until(process: subprocess.Popen[str], *words: str) -> list[str]:
    """The lines of stderr that hold *words*, in whatever order they come. Reading waits for them."""
    assert process.stderr is not None
    said: list[str] = []
    found: dict[str, str] = {}
    while len(found) < len(words):
        line = process.stderr.readline()
        assert line, f"{words} were not all said:\n{''.join(said)}"
        said.append(line)
        found |= {word: line for word in words if word in line}
    return [found[word] for word in words]


def on_the_store(act: Any) -> Any:
    """What `act(store)` answers, asked by this process."""

    async def ask() -> Any:
        store = open_store(URL)
        try:
            return await act(store)
        finally:
            await store.close()

    return asyncio.run(ask())


def expired_session() -> str:
    """Leave a session behind that ended a minute ago."""
    now = utc_now()
    session = make_session(created_at=now - timedelta(days=1), ends_at=now - timedelta(minutes=1))
    assert on_the_store(lambda store: store.insert(session)).done
    return str(session.id)


def free_at(seconds: float) -> bool:
    """Whether the lease will be free so many seconds from now."""

    async def ask(store: Store) -> bool:
        at = utc_now() + timedelta(seconds=seconds)
        return await store.lease(LEASE, "the test", at=at, until=at)

    return bool(on_the_store(ask))


def told(line: str) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(line[line.index("{") :])
    return fields


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_worker_works_until_it_is_told_to_stop(installed, name):
    id = expired_session()
    with running("worker") as process:
        until(process, "Sojourn works in the background, on sqlite:///sojourn.db.")
        event = told(until(process, "session-expired")[0])
        assert (event["session_id"], event["kind"]) == (id, "absolute")
        assert not free_at(0)
        process.send_signal(getattr(signal, name))
        assert process.wait(timeout=60) == 0
    assert free_at(0)  # given back: nobody has to wait


def test_a_worker_says_how_it_does(installed):
    expired_session()

    async def reports() -> dict[str, dict[str, float]]:
        ledger = open_ledger("sqlite:///sojourn-journal.db", keys=None)
        try:
            return await ledger.reports(utc_now() - timedelta(minutes=5))
        finally:
            await ledger.close()

    with running("worker") as process:
        until(process, "session-expired")  # it reports before its first step
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    ((name, said),) = asyncio.run(reports()).items()
    assert name.startswith(f"{process.pid}-")
    assert {"sojourn_journal_queued", "sojourn_journal_lag_seconds"} <= set(said)
    assert not any("feed" in key or "snapshot" in key for key in said)  # or it would look behind


def test_of_a_worker_that_was_killed_the_lease_runs_out(installed):
    expired_session()
    with running("worker") as process:
        until(process, "session-expired")
        process.kill()
        process.wait(timeout=60)
    assert not free_at(0)
    assert free_at(31)


def test_a_worker_that_cannot_reach_its_store_says_so_in_one_line(shell):
    ran = shell("worker")
    assert ran.code == 2
    assert ran.err.startswith("sojourn: there is no database at ")


def test_a_worker_does_not_work_on_what_no_other_process_has(shell):
    ran = shell("worker", "--store", "memory://")
    assert ran.code == 2
    assert "inside the server's process" in ran.err


@pytest.mark.parametrize(("option", "works"), [("--worker", True), ("--no-worker", False)])
def test_the_server_works_in_the_background_unless_it_is_told_not_to(installed, option, works):
    id = expired_session()
    with bind("127.0.0.1", 0, other="") as listener:
        port = listener.getsockname()[1]
    with running("serve", "--port", str(port), option) as process:
        words = [f"Uvicorn running on http://127.0.0.1:{port}", "session-expired"][: 1 + works]
        said = until(process, *words)
        if works:
            assert told(said[1])["session_id"] == id
        assert free_at(0) is not works
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
    assert free_at(0)


def test_of_several_processes_that_serve_one_tells_an_expiry(installed):
    ids = {expired_session() for _ in range(3)}
    with bind("127.0.0.1", 0, other="") as listener:
        port = listener.getsockname()[1]
    with running("serve", "--port", str(port), "--workers", "2") as process:
        assert process.stderr is not None
        said, started = [], 0
        for line in process.stderr:
            said.append(line)
            started += "Application startup complete" in line
            if started == 2 and sum("session-expired" in one for one in said) >= len(ids):
                break
        process.send_signal(signal.SIGTERM)
        said += process.stderr.readlines()
        process.wait(timeout=60)
    events = [told(line)["session_id"] for line in said if "session-expired" in line]
    assert len(events) == len(ids)
    assert set(events) == ids
    assert free_at(0)


def test_a_server_below_a_path_says_so_in_its_addresses(installed):
    with bind("127.0.0.1", 0, other="") as listener:
        place = f"127.0.0.1:{listener.getsockname()[1]}"
    port = place.rpartition(":")[2]
    with running("serve", "--port", port, "--prefix", "/auth", "--workers", "2") as process:
        until(process, f"sign in  http://{place}/auth/sign-in", "Application startup complete")
        answer = httpx2.get(f"http://{place}/account/security")  # as a proxy asks that takes the path off
        assert answer.headers["location"].startswith("/auth/sign-in?next=%2Fauth%2Faccount%2Fsecurity")
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        process.stderr.read()
        process.wait(timeout=60)


def test_a_server_process_has_its_garbage_collector_leave_alone_what_was_loaded(installed):
    """`sojourn.server.application` is what uvicorn calls in each worker. A library changes nothing there."""
    asked = (
        "import gc; before = gc.get_threshold(); import sojourn.server as s; {}; "
        "print(gc.get_freeze_count() > 10_000, gc.get_threshold() == (10_000, *before[1:]), "
        "gc.get_threshold() == before)"
    )
    for made, said in (
        ("s.application()", "True True False"),
        ("s.create_app(s.load().settings)", "False False True"),
    ):
        command = [sys.executable, "-c", asked.format(made)]
        found = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        assert found.stdout.strip() == said
