"""The examples of the client, each in a process of its own, against a server in another."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zlib import crc32

import httpx2
import pytest

import sojourn.client
from sojourn.client import Client
from tests.client.processes import EXAMPLES, command, free_port, serving

PASSWORD = "a ship in a bottle"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server has its keys and its database."""
    folder = tmp_path_factory.mktemp("server")
    command(folder, "keys", "generate")
    command(folder, "migrate")
    return folder


@pytest.fixture(scope="module")
def port() -> int:
    """The server's, which is part of its name."""
    return free_port()


@pytest.fixture(scope="module")
def origin(folder: Path, port: int) -> Iterator[str]:
    """A server."""
    settings = {"SOJOURN_PORT": str(port)}
    with serving(folder, port, "-m", "sojourn", "serve", path="/readyz", settings=settings) as origin:
        yield origin


@pytest.fixture
def client(origin: str) -> Iterator[Client]:
    with sojourn.client.connect(origin) as client:
        yield client


@pytest.fixture
def email(client: Client, request: pytest.FixtureRequest) -> str:
    """Somebody who has signed up, and is signed in nowhere."""
    email = f"{crc32(request.node.name.encode())}@example.org"
    client.sessions.logout(client.auth.sign_up(email, PASSWORD).refresh_token)
    return email


def test_both_clients_open_connections_of_their_own(origin, client, email):
    signed = client.auth.sign_in(email, PASSWORD)

    async def main() -> int:
        async with sojourn.client.connect_async(origin) as suspending:
            await suspending.sessions.current(signed.access_token)
            return (await suspending.sessions.list(signed.access_token)).count

    assert asyncio.run(main()) == client.sessions.list(signed.access_token).count == 1


def test_a_server_that_is_not_there_is_a_fault():
    with pytest.raises(sojourn.client.ServiceUnavailable):
        sojourn.client.connect(f"http://127.0.0.1:{free_port()}", deadline=0.05).tokens.keys()


# ── seed 004 ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def application(origin: str, folder: Path) -> Iterator[str]:
    """The application of seed 004."""
    port = free_port()
    program = EXAMPLES / "seed_004.py"
    with serving(folder, port, program, origin, str(port), path="/api/sessions", settings={}) as application:
        yield application


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def test_seed_004_lists_the_sessions_in_its_own_shape(application, client, email):
    laptop, phone = (client.auth.sign_in(email, PASSWORD) for _ in range(2))
    answer = httpx2.get(f"{application}/api/sessions", headers=bearer(laptop.access_token))
    listed = answer.json()
    assert listed.keys() == {"sessions", "total"}
    assert listed["total"] == len(listed["sessions"]) == 2
    assert {row["id"] for row in listed["sessions"]} == {str(laptop.session.id), str(phone.session.id)}
    for row in listed["sessions"]:
        assert row.keys() == {"id", "device", "location", "lastActive", "expiresAt"}
        assert row["device"]
        assert row["location"].startswith("127.0.0.")
        assert datetime.fromisoformat(row["lastActive"]) < datetime.fromisoformat(row["expiresAt"])


def test_seed_004_revokes_a_session(application, client, email):
    laptop, phone = (client.auth.sign_in(email, PASSWORD) for _ in range(2))
    url = f"{application}/api/sessions/{phone.session.id}/revoke"
    answer = httpx2.post(url, headers=bearer(laptop.access_token))
    assert answer.json() == {"success": True, "message": "Session revoked successfully"}
    again = httpx2.post(url, headers=bearer(laptop.access_token))
    assert (again.status_code, again.json()["code"]) == (404, "not_found")
    assert client.sessions.list(laptop.access_token).count == 1


def test_seed_004_logs_out_everywhere(application, client, email):
    laptop, *_ = (client.auth.sign_in(email, PASSWORD) for _ in range(3))
    answer = httpx2.post(f"{application}/api/logout-all", headers=bearer(laptop.access_token))
    assert answer.json() == {"message": "Logged out of 3 devices"}
    answer = httpx2.get(f"{application}/api/sessions", headers=bearer(laptop.access_token))
    assert (answer.status_code, answer.json()["code"]) == (401, "session_revoked")


@pytest.mark.parametrize("where", ["cookie", "body"])
def test_seed_004_logs_out_and_clears_its_cookies(application, client, email, where):
    laptop = client.auth.sign_in(email, PASSWORD)
    with httpx2.Client(base_url=application) as browser:
        if where == "cookie":
            browser.cookies = httpx2.Cookies({"access_token": "x", "refresh_token": laptop.refresh_token})
            answer = browser.post("/api/logout")
        else:
            answer = browser.post("/api/logout", json={"refresh_token": laptop.refresh_token})
    assert answer.json() == {"success": True}
    cleared = answer.headers.get_list("set-cookie")
    assert [cookie.partition("=")[0] for cookie in cleared] == ["access_token", "refresh_token"]
    assert all("Max-Age=0" in cookie for cookie in cleared)
    with pytest.raises(sojourn.client.RemoteRefusal):
        client.sessions.refresh(laptop.refresh_token)


def test_seed_004_refuses_nobody_as_the_server_would(application):
    answer = httpx2.get(f"{application}/api/sessions")
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


# ── a service that validates by itself ────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def registered(folder: Path) -> tuple[str, str]:
    """The service's id and secret."""
    made = json.loads(command(folder, "applications", "create", "orders", "--json"))
    return made["id"], made["secret"]


@pytest.fixture(scope="module")
def service(origin: str, folder: Path, registered: tuple[str, str]) -> Iterator[str]:
    port = free_port()
    settings = {"SOJOURN_APPLICATION": registered[0], "SOJOURN_SECRET": registered[1]}
    program = EXAMPLES / "remote_service.py"
    with serving(folder, port, program, origin, str(port), settings=settings) as service:
        yield service


@pytest.fixture(params=["over HTTP", "by the operator"])
def of_orders(
    request: pytest.FixtureRequest,
    client: Client,
    email: str,
    folder: Path,
    port: int,
    registered: tuple[str, str],
) -> dict[str, str]:
    """The tokens of somebody who has signed in to the service."""
    if request.param == "over HTTP":
        signed = client.auth.sign_in(email, PASSWORD, application_id=registered[0])
        return {
            "user_id": signed.user.id,
            "session_id": str(signed.session.id),
            "access_token": signed.access_token,
            "refresh_token": signed.refresh_token,
        }
    arguments = ("--user", "ada", "--application", registered[0], "--json")
    made = command(folder, "sessions", "start", *arguments, SOJOURN_PORT=str(port))
    return {"user_id": "ada", **json.loads(made)}


def test_a_service_accepts_a_session_and_feels_its_end(service, client, of_orders):
    headers = bearer(of_orders["access_token"])
    with httpx2.Client(base_url=service, headers=headers) as browser:
        assert browser.get("/").json() == {"hello": of_orders["user_id"]}
        assert browser.get("/orders").json()["session"] == of_orders["session_id"]
        assert browser.post("/orders/7/cancel").json() == {"cancelled": "7", "by": of_orders["user_id"]}
        client.sessions.logout(of_orders["refresh_token"])
        ended = time.monotonic()
        last = ended
        while True:
            began = time.monotonic()
            answer = browser.get("/orders")
            if answer.status_code != 200:
                break
            last = began
            assert began < ended + 10, "never refused"
    assert (answer.status_code, answer.json()["code"]) == (401, "session_revoked")
    assert last - ended <= 1.0


def test_a_service_refuses_a_token_that_is_for_another(service, client, email):
    signed = client.auth.sign_in(email, PASSWORD)
    answer = httpx2.get(f"{service}/orders", headers=bearer(signed.access_token))
    assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid")


def test_a_service_refuses_nobody(service):
    answer = httpx2.get(f"{service}/orders")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="sojourn"'
