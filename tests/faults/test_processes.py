"""Two processes of `sojourn serve` at one store: what one ends, the other refuses within the bound."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from threading import Timer
from typing import Any

import httpx2
import psycopg
import pytest
from msgspec import Struct

from sojourn import AsyncSessions, Issued, Query, keyring, open_store
from sojourn.clock import utc_now
from sojourn.settings import FIELDS
from tests.faults.kit import BACK
from tests.servers import free_port
from tests.servers.postgres import Postgres
from tests.servers.redis import Redis, until

pytestmark = pytest.mark.servers

BOUND = 1.0  # `Policy.max_staleness`
EMAIL, PASSWORD = "ada@example.org", "a ship in a bottle"
CURRENT = "/api/auth/sessions/current"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys and accounts, which the processes share."""
    folder = tmp_path_factory.mktemp("processes")
    run(folder, "keys", "generate")
    for line in (["migrate"], ["users", "create", EMAIL, "--password-stdin"]):
        run(folder, *line, typed=PASSWORD)
    return folder


def environment(store: str = "sqlite:///unused.db") -> dict[str, str]:
    ours = {field.alias for field in FIELDS}
    kept = {
        name: text
        for name, text in os.environ.items()
        if not name.startswith("SOJOURN_") and name not in ours
    }
    return kept | {"SOJOURN_STORE": store, "SOJOURN_ACCOUNTS": "sqlite:///accounts.db"}


def run(folder: Path, *line: str, typed: str = "") -> None:
    subprocess.run(
        [sys.executable, "-m", "sojourn", *line],
        cwd=folder,
        env=environment(),
        input=typed,
        text=True,
        check=True,
        capture_output=True,
        timeout=60,
    )


class Served(Struct):
    """One store, with two processes that serve it."""

    kind: str
    url: str
    server: Any  # Postgres, Redis or None
    folder: Path
    a: httpx2.Client
    b: httpx2.Client

    def sign_in(self) -> str:
        """The token of a new session of Ada, who signs in at A."""
        answer = self.a.post("/api/auth/sign-in", json={"email": EMAIL, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        token = answer.cookies["sojourn"]
        self.a.cookies.clear()
        return token

    def get(self, client: httpx2.Client, token: str) -> httpx2.Response:
        return client.get(CURRENT, headers={"cookie": f"sojourn={token}", "x-session-passive": "1"})

    def revoke(self, token: str, id: str) -> None:
        """At A, by the session of *token*."""
        headers = {"cookie": f"sojourn={token}", "origin": str(self.a.base_url).rstrip("/")}
        answer = self.a.delete(f"/api/auth/sessions/{id}", headers=headers)
        assert answer.status_code == 200, answer.text

    def others(self, count: int) -> list[Issued]:
        """More sessions of Ada, without the pains that a password takes."""

        async def start(sessions: AsyncSessions) -> list[Issued]:
            (one, *_) = await sessions.select(Query(live_at=sessions.clock(), signed_in=True))
            return [await sessions.start(one.user_id) for _ in range(count)]

        issued: list[Issued] = self.aside(start)
        return issued

    def aside(self, act: Callable[[AsyncSessions], Coroutine[Any, Any, Any]]) -> Any:
        """What *act* answers in a third process, which this one is."""

        async def main() -> Any:
            keys = keyring.read(self.folder / "sojourn.keys")
            sessions = AsyncSessions(open_store(self.url), keys=keys)
            try:
                return await act(sessions)
            finally:
                await sessions.close()

        return asyncio.run(main())

    def felt_after(self, token: str, end: Callable[[], object]) -> tuple[float, float]:
        """Seconds from *end* until B was last asked and accepted, and until it was asked and refused."""
        for _ in range(2):
            assert self.get(self.b, token).status_code == 200  # the second time from its near cache
        end()
        ended, accepted = time.monotonic(), 0.0
        while True:
            began = time.monotonic() - ended
            status = self.get(self.b, token).status_code
            if status == 401:
                return accepted, began
            assert status == 200
            assert began < 10, "never refused"
            accepted = began


@contextmanager
def serving(folder: Path, url: str) -> Iterator[Callable[[], httpx2.Client]]:
    """A process that serves the store at *url*; call what is given for a client, once it is up."""
    port = free_port()
    command = [sys.executable, "-m", "sojourn", "serve", "--port", str(port)]
    with (
        (folder / f"{port}.log").open("wb") as log,
        subprocess.Popen(command, cwd=folder, env=environment(url), stdout=log, stderr=log) as process,
        httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client,
    ):
        watchdog = Timer(120, process.kill)
        watchdog.start()
        try:
            yield lambda: until("up", lambda: _answers(process, client)) and client
        finally:
            watchdog.cancel()
            process.terminate()


def _answers(process: subprocess.Popen[bytes], client: httpx2.Client) -> bool:
    assert process.poll() is None, "the server ended"
    try:
        return client.get("/readyz").status_code == 200
    except httpx2.TransportError:
        return False


@pytest.fixture(scope="module", params=["postgres", "redis", "sqlite"])
def served(request: pytest.FixtureRequest, folder: Path) -> Iterator[Served]:
    with ExitStack() as stack:
        server: Any = None
        if request.param == "sqlite":
            url = f"sqlite:///{folder / 'sessions.db'}"
        else:
            started = Postgres.started if request.param == "postgres" else Redis.started
            server = stack.enter_context(started())
            url = server.new_database()
        served = Served(request.param, url, server, folder, None, None)  # type: ignore[arg-type]
        served.aside(lambda sessions: sessions.count())  # makes the schema
        starting = [stack.enter_context(serving(folder, url)) for _ in range(2)]
        served.a, served.b = (up() for up in starting)
        yield served


def test_law_05_what_one_process_ends_the_other_refuses(
    served: Served, record_testsuite_property: Callable[[str, object], None]
) -> None:
    mine = served.sign_in()
    times = []
    for issued in served.others(20 if served.kind == "sqlite" else 90):
        id = str(issued.session.id)
        accepted, refused = served.felt_after(issued.token, lambda: served.revoke(mine, id))  # noqa: B023
        assert accepted <= BOUND
        times.append(refused)
    times.sort()
    for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0)):
        record_testsuite_property(
            f"revocation felt, {served.kind}, {name}", times[min(len(times) - 1, int(len(times) * share))]
        )
    if served.kind != "sqlite":  # these push; what has to wait for the next poll takes 0.1 s on average
        assert times[len(times) // 2] < 0.05


def test_law_05_signed_in_at_one_used_at_the_other_signed_out_at_the_first(served: Served) -> None:
    token = served.sign_in()

    def sign_out() -> None:
        headers = {"cookie": f"sojourn={token}", "origin": str(served.a.base_url).rstrip("/")}
        assert served.a.post("/api/auth/sign-out", headers=headers).status_code == 200
        served.a.cookies.clear()

    accepted, _ = served.felt_after(token, sign_out)
    assert accepted <= BOUND


@pytest.mark.parametrize("served", ["postgres", "sqlite"], indirect=True, scope="module")
def test_law_05_an_update_by_hand_is_felt_as_soon(
    served: Served, record_testsuite_property: Callable[[str, object], None]
) -> None:
    served.sign_in()
    times = []
    for issued in served.others(5):
        accepted, refused = served.felt_after(issued.token, lambda: _by_hand(served, issued))  # noqa: B023
        assert accepted <= BOUND
        times.append(refused)
    record_testsuite_property(f"update by hand felt, {served.kind}, max", max(times))


def _by_hand(served: Served, issued: Issued) -> None:
    """As an operator does who has nothing but a shell of the database."""
    id = issued.session.id
    if served.kind == "postgres":
        with psycopg.connect(served.url) as shell:
            done = shell.execute("update sessions set revoked_at = now() where id = %s", (id,)).rowcount
    else:
        now = int(utc_now().timestamp() * 1_000_000)
        with closing(sqlite3.connect(served.folder / "sessions.db")) as file, file:
            done = file.execute("update sessions set revoked_at = ? where id = ?", (now, id.bytes)).rowcount
    assert done == 1


@pytest.mark.parametrize("served", ["postgres", "redis"], indirect=True, scope="module")
def test_law_09_while_the_server_of_sessions_is_gone_people_wait_and_stay_signed_in(
    served: Served, record_testsuite_property: Callable[[str, object], None]
) -> None:
    mine = served.sign_in()
    (issued,) = served.others(1)
    assert [served.get(client, mine).status_code for client in (served.a, served.b)] == [200, 200]
    served.server.kill()
    told: list[httpx2.Response] = []
    for client in (served.a, served.b):
        until("told to wait", lambda: _status(served, client, mine, told) == 503)  # noqa: B023
    served.server.start()
    began = time.monotonic()
    for client in (served.a, served.b):
        until("back", lambda: _status(served, client, mine, told) == 200)  # noqa: B023
    back = time.monotonic() - began
    record_testsuite_property(f"served again, {served.kind}", back)
    assert back < BACK
    assert {answer.status_code for answer in told} == {200, 503}
    assert not any("set-cookie" in answer.headers for answer in told)
    accepted, _ = served.felt_after(issued.token, lambda: served.revoke(mine, str(issued.session.id)))
    assert accepted <= BOUND


def _status(served: Served, client: httpx2.Client, token: str, told: list[httpx2.Response]) -> int:
    answer = served.get(client, token)
    told.append(answer)
    return int(answer.status_code)
