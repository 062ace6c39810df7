"""WebSockets and the end of their session."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import WebSocketTestSession
from starlette.websockets import WebSocket, WebSocketDisconnect

from sojourn import AsyncSessions, Policy, Session
from sojourn.testing import FakeClock, make_keys
from sojourn.web.finding import Finding
from sojourn.web.starlette import SessionMiddleware, session_from
from tests.web.conftest import Visiting
from tests.web.kit import ORIGIN, SESSION, Guests, make_site

# Soon told, and soon given up: waiting is real time, the clock stands still.
SOON = Policy(poll_every=timedelta(milliseconds=20), max_staleness=timedelta(milliseconds=40))


class Talk:
    """An application that echoes, and notes how each conversation ended."""

    def __init__(self) -> None:
        self.ended: list[str] = []

    async def echo(self, websocket: WebSocket) -> None:
        await session_from(websocket)
        await websocket.accept()
        try:
            while True:
                await websocket.send_text(await websocket.receive_text())
        except WebSocketDisconnect:
            self.ended.append("left")
        except asyncio.CancelledError:
            self.ended.append("cut off")
            raise

    async def me(self, request: Request) -> Response:
        session = await session_from(request)
        return PlainTextResponse(session and session.user_id)

    async def anybody(self, websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(await websocket.receive_text())
        await websocket.close()


@pytest.fixture
def talk() -> Talk:
    return Talk()


@pytest.fixture
def policy() -> Policy:
    return SOON


@pytest.fixture
def guests(clock: FakeClock, visiting: Visiting, talk: Talk, policy: Policy) -> Guests:
    site = make_site(clock, policy=policy)
    routes = [
        WebSocketRoute("/echo", talk.echo),
        WebSocketRoute("/anybody", talk.anybody),
        Route("/me", talk.me),
    ]
    return visiting(Starlette(routes=routes, middleware=[Middleware(SessionMiddleware, site=site)]), site)


def connected(guests: Guests, token: str, path: str = "/echo") -> WebSocketTestSession:
    headers = {"origin": ORIGIN, "cookie": f"{SESSION}={token}"}
    return guests.browser().websocket_connect(f"wss://good.test{path}", headers=headers)


def said(socket: WebSocketTestSession, word: str) -> str:
    socket.send_text(word)
    return socket.receive_text()


def closed(socket: WebSocketTestSession) -> int:
    """The code with which the server closes; waits until it does."""
    with pytest.raises(WebSocketDisconnect) as over:
        socket.receive_text()
    return over.value.code


def elsewhere(guests: Guests) -> AsyncSessions:
    return AsyncSessions(guests.sessions.store, keys=make_keys(), policy=SOON, clock=guests.clock)


@pytest.mark.parametrize("process", ["here", "elsewhere"])
def test_a_socket_is_closed_when_its_session_is_revoked(guests, talk, process):
    sessions = guests.sessions if process == "here" else elsewhere(guests)
    with connected(guests, guests.start().token) as socket:
        assert said(socket, "hello") == "hello"
        guests.run(sessions.revoke_all, "ada")
        assert closed(socket) == 1008
    assert talk.ended == ["cut off"]


@pytest.mark.parametrize("policy", [SOON.changed(max_staleness=timedelta(minutes=1))])
def test_a_socket_whose_session_was_at_hand_is_closed_too(guests, talk, monkeypatch):
    token, found, at_hand = guests.start().token, [], Finding.at_hand

    def noted(visit: Finding) -> Session | None:
        found.append(at_hand(visit))
        return found[-1]

    monkeypatch.setattr(Finding, "at_hand", noted)
    for _ in range(3):
        answer = guests.browser().get("/me", headers={"cookie": f"{SESSION}={token}"})
        assert answer.text == "ada"
    with connected(guests, token) as socket:
        assert said(socket, "hello") == "hello"
        assert found[-1] is not None
        guests.run(guests.sessions.revoke_all, "ada")
        assert closed(socket) == 1008
    assert talk.ended[-1] == "cut off"


def test_a_socket_of_another_session_stays_open(guests):
    with (
        connected(guests, guests.start("ada").token) as ada,
        connected(guests, guests.start("bob").token) as bob,
    ):
        guests.run(guests.sessions.revoke_all, "bob")
        assert (closed(bob), said(ada, "still here")) == (1008, "still here")


def test_a_socket_is_closed_when_its_session_ends_by_time(guests):
    with connected(guests, guests.start().token) as socket:
        assert said(socket, "hello") == "hello"
        guests.clock.tick(days=31)
        assert closed(socket) == 1008


def test_a_socket_stays_open_while_its_session_is_used_elsewhere(guests):
    issued = guests.start()
    with connected(guests, issued.token) as socket:
        guests.clock.tick(days=10)
        guests.run(elsewhere(guests).validate, issued.token)
        guests.clock.tick(days=10)  # past the end that the socket was opened with
        assert guests.run(until_it_was_looked_at, guests) is None
        assert said(socket, "still here") == "still here"


async def until_it_was_looked_at(guests: Guests) -> None:
    """Until somebody has asked the store about the session, and been answered."""
    asked, store = asyncio.Event(), guests.sessions.store
    get = store.get

    async def noted(id: Any) -> Any:
        found = await get(id)
        asyncio.get_running_loop().call_soon(asked.set)
        return found

    store.get = noted  # type: ignore[method-assign]
    async with asyncio.timeout(10):
        await asked.wait()


def test_a_socket_is_closed_when_nobody_could_be_told_any_more(guests):
    with connected(guests, guests.start().token) as socket:
        assert said(socket, "hello") == "hello"
        guests.lose_store("entries")
        guests.sessions.feed._store = guests.sessions.store
        guests.clock.tick(seconds=1)
        assert closed(socket) == 1008


def test_a_socket_that_never_asked_for_its_session_is_left_alone(guests):
    with connected(guests, guests.start().token, "/anybody") as socket:
        guests.run(guests.sessions.revoke_all, "ada")
        assert said(socket, "hello") == "hello"


def test_a_socket_that_was_left_leaves_nothing_behind(guests, talk):
    with connected(guests, guests.start().token) as socket:
        said(socket, "hello")
        assert len(guests.site.wakes._waiting) == 1
    assert talk.ended == ["left"]
    assert not guests.site.wakes._waiting
