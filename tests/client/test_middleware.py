"""Another application with our sessions in it: what it is told, and what it says to those who ask it."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import timedelta
from typing import Any
from wsgiref.util import setup_testing_defaults

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from sojourn.client import OAuthRefused, connect, connect_async
from sojourn.client.middleware import (
    RemoteSessionMiddleware,
    WsgiRemoteSessionMiddleware,
    require,
    require_fresh,
    session_from,
)
from sojourn.client.remote import BlockingRemote, Remote
from sojourn.testing import FakeClock
from tests.client.fake import APPLICATION, SECRET, FakeServer
from tests.client.kit import ORIGIN

FEED, INTROSPECT = "/oauth/feed", "/oauth/introspect"


_NOTHING: Any = (None, None)


async def hello(request: Request) -> JSONResponse:
    session = await session_from(request)
    return JSONResponse({"user": session.user_id if session else None})


async def mine(request: Request) -> JSONResponse:
    session = await require(request)
    again = await require(request)
    assert again is session
    return JSONResponse({"user": session.user_id, "session": str(session.id)})


async def twice(request: Request) -> JSONResponse:
    return JSONResponse([await session_from(request) is None, await session_from(request) is None])


async def public(request: Request) -> JSONResponse:
    return JSONResponse({})


async def cached(request: Request) -> JSONResponse:
    await session_from(request)
    return JSONResponse({}, headers={"cache-control": "private, max-age=60"})


async def pay(request: Request) -> JSONResponse:
    session = await require_fresh(timedelta(minutes=5), aal=1)(request)
    return JSONResponse({"user": session.user_id})


async def socket(socket: WebSocket) -> None:
    session = await require(socket)
    await socket.accept()
    await socket.send_text(session.user_id)
    await socket.close()


@pytest.fixture
def named(fake: FakeServer, clock: FakeClock) -> dict[str, Any]:
    return {
        "application": APPLICATION,
        "secret": SECRET,
        "transport": httpx2.MockTransport(fake),
        "monotonic": lambda: clock().timestamp(),
        "deadline": 0.01,
    }


@pytest.fixture
def remote(named, clock) -> Remote:
    return Remote(connect_async(ORIGIN, **named), clock=clock)


@pytest.fixture
def visitor(remote) -> TestClient:
    """Whoever asks the other service."""
    app = Starlette(
        routes=[
            Route("/hello", hello, methods=["GET", "POST"]),
            Route("/mine", mine, methods=["GET", "POST"]),
            Route("/open", public),
            Route("/twice", twice),
            Route("/cached", cached),
            Route("/pay", pay, methods=["POST"]),
            WebSocketRoute("/socket", socket),
        ],
        middleware=[Middleware(RemoteSessionMiddleware, remote=remote)],
    )
    return TestClient(app, base_url=ORIGIN)


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def cookie(token: str, **headers: str) -> dict[str, str]:
    return {"cookie": f"__Host-sojourn={token}"} | headers


# ── who ───────────────────────────────────────────────────────────────────────────────────────


def test_an_access_token_and_a_cookie_are_both_taken(visitor, fake):
    session, token = fake.start()
    for headers in (bearer(fake.access(session)), cookie(token)):
        answer = visitor.get("/mine", headers=headers)
        assert answer.json() == {"user": "ada", "session": str(session.id)}


def test_a_visitor_is_nobody_and_may_be_told_so(visitor):
    assert visitor.get("/hello").json() == {"user": None}
    answer = visitor.get("/mine")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="sojourn"'
    assert answer.json()["code"] == "unauthenticated"


def test_a_bad_token_is_told_in_the_words_of_rfc_6750(visitor):
    answer = visitor.get("/mine", headers=bearer("eyJh.eyJz.c2ln"))
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_revoked_session_is_refused_within_the_bound(visitor, fake, clock):
    session, token = fake.start()
    assert visitor.get("/mine", headers=cookie(token)).status_code == 200
    fake.revoke(session)
    clock.tick(milliseconds=250)
    answer = visitor.get("/mine", headers=cookie(token))
    assert (answer.status_code, answer.json()["code"]) == (401, "session_revoked")


def test_a_sign_in_that_is_too_old_gets_the_challenge_of_rfc_9470(visitor, fake, clock):
    session, _ = fake.start()
    assert visitor.post("/pay", headers=bearer(fake.access(session))).status_code == 200
    clock.tick(minutes=6)
    answer = visitor.post("/pay", headers=bearer(fake.access(session)))
    challenge = answer.headers["www-authenticate"]
    assert answer.status_code == 401
    assert 'error="insufficient_user_authentication"' in challenge
    assert re.search(r'max_age="300"', challenge)
    assert 'acr_values="aal1"' in challenge
    assert answer.json()["code"] == "reauth_required"


def test_a_server_that_is_away_is_503_and_signs_nobody_out(visitor, fake):
    _, token = fake.start()
    fake.away = True
    for path in ("/mine", "/hello"):
        answer = visitor.get(path, headers=cookie(token))
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert int(answer.headers["retry-after"]) >= 1
        assert "set-cookie" not in answer.headers


def test_a_server_that_is_broken_is_503_too(visitor, fake):
    _, _ = fake.start()
    fake.jwks = lambda: "nonsense"
    session, _ = fake.start()
    assert visitor.get("/mine", headers=bearer(fake.access(session))).status_code == 503


def test_a_secret_that_is_wrong_is_this_services_mistake_and_not_its_users(named, clock, fake):
    remote = Remote(connect_async(ORIGIN, **named | {"secret": "other"}), clock=clock)
    app = RemoteSessionMiddleware(Starlette(routes=[Route("/mine", mine)]), remote=remote)
    _, token = fake.start()
    with pytest.raises(OAuthRefused):
        TestClient(app, base_url=ORIGIN).get("/mine", headers=cookie(token))


def test_an_application_without_the_middleware_is_told_what_is_missing():
    async def ask() -> None:
        await require(Request({"type": "http", "headers": []}))

    with pytest.raises(RuntimeError, match="add_middleware"):
        asyncio.run(ask())


def test_of_a_request_the_server_is_asked_once_whatever_it_says(visitor, fake):
    assert visitor.get("/twice", headers=cookie("sjn_nonsense")).json() == [True, True]
    assert fake.asked[INTROSPECT] == 1


def test_no_shared_cache_hands_an_answer_to_the_next(visitor, fake):
    _, token = fake.start()
    answer = visitor.get("/mine", headers=cookie(token))
    assert (answer.headers["vary"], answer.headers["cache-control"]) == ("Cookie, Authorization", "no-store")
    assert "vary" not in visitor.get("/open").headers


def test_what_the_application_says_of_caching_stays(visitor):
    assert visitor.get("/cached").headers.get_list("cache-control") == ["private, max-age=60"]


# ── other sites ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"origin": ORIGIN}, 200),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "https://evil.test"}, 403),
        ({}, 403),
    ],
    ids=str,
)
def test_another_site_cannot_make_a_browser_act(visitor, fake, headers, status):
    _, token = fake.start()
    answer = visitor.post("/hello", headers=cookie(token, **headers))
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["code"] == "csrf_failed"
        assert fake.asked[INTROSPECT] == 0


def test_a_bearer_token_is_sent_by_no_browser_of_itself(visitor, fake):
    session, token = fake.start()
    headers = bearer(fake.access(session)) | cookie(token) | {"origin": "https://evil.test"}
    assert visitor.post("/mine", headers=headers).status_code == 200


def test_a_visitor_may_post(visitor):
    assert visitor.post("/hello", headers={"origin": "https://evil.test"}).status_code == 200


def test_a_socket_of_another_site_is_closed(visitor, fake):
    _, token = fake.start()
    with visitor.websocket_connect("/socket", headers=cookie(token, origin=ORIGIN)) as opened:
        assert opened.receive_text() == "ada"
    for headers in (cookie(token, origin="https://evil.test"), {"origin": ORIGIN}):
        with (
            pytest.raises(WebSocketDisconnect) as caught,
            visitor.websocket_connect("/socket", headers=headers),
        ):
            pass
        assert caught.value.code == 1008


# ── following ─────────────────────────────────────────────────────────────────────────────────


def test_the_log_is_followed_while_the_application_serves(visitor, remote, fake):
    assert not remote.followed
    with visitor:
        assert remote.followed
        assert fake.asked[FEED] >= 1
    assert not remote.followed


def test_what_is_no_request_is_the_applications(remote):
    async def main() -> list[Any]:
        seen: list[Any] = []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            seen.append(scope)

        await RemoteSessionMiddleware(app, remote=remote)({"type": "other"}, *_NOTHING)
        return seen

    assert asyncio.run(main()) == [{"type": "other"}]


# ── WSGI ──────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def ask(named, clock):
    """Ask an application under WSGI: the status, the headers and the body."""
    remote = BlockingRemote(connect(ORIGIN, **named), clock=clock)

    def app(environ, start_response):
        session = remote.require_fresh(environ) if environ["PATH_INFO"] == "/pay" else remote.require(environ)
        start_response("200 OK", [("content-type", "application/json")])
        return [json.dumps({"user": session.user_id}).encode()]

    wrapped = WsgiRemoteSessionMiddleware(app, remote=remote)

    def ask(method: str = "GET", path: str = "/", **headers: str) -> tuple[str, dict[str, str], Any]:
        environ: dict[str, Any] = {"REQUEST_METHOD": method, "PATH_INFO": path}
        environ |= {f"HTTP_{name.upper()}": value for name, value in headers.items()}
        setup_testing_defaults(environ)
        started: list[Any] = []
        body = b"".join(wrapped(environ, lambda status, sent: started.extend((status, dict(sent)))))
        return started[0], started[1], json.loads(body)

    return ask


def test_wsgi_takes_both(ask, fake):
    session, token = fake.start()
    for headers in (bearer(fake.access(session)), cookie(token)):
        assert ask(**headers)[2] == {"user": "ada"}


def test_wsgi_says_no_in_the_same_words(ask, fake, clock):
    session, token = fake.start()
    status, headers, body = ask()
    assert (status, body["code"]) == ("401 Unauthorized", "unauthenticated")
    assert headers["www-authenticate"] == 'Bearer realm="sojourn"'
    clock.tick(minutes=6)
    status, headers, body = ask(path="/pay", **cookie(token))
    assert status == "401 Unauthorized"
    assert "insufficient_user_authentication" in headers["www-authenticate"]
    fake.revoke(session)
    clock.tick(milliseconds=250)
    assert ask(**cookie(token))[2]["code"] == "session_revoked"
    fake.away = True
    clock.tick(seconds=2)
    _, other = fake.start()
    assert ask(**cookie(other))[0] == "503 Service Unavailable"


def test_wsgi_refuses_other_sites(ask, fake):
    _, token = fake.start()
    assert ask("POST", **cookie(token, origin="https://evil.test"))[0] == "403 Forbidden"
    assert ask("POST", **cookie(token, sec_fetch_site="same-origin"))[0] == "200 OK"


def test_wsgi_lets_its_own_mistakes_through(named, clock, fake):
    remote = BlockingRemote(connect(ORIGIN, **named | {"secret": "other"}), clock=clock)

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        return [remote.require(environ).user_id.encode()]

    wrapped = WsgiRemoteSessionMiddleware(app, remote=remote)
    environ: dict[str, Any] = {"HTTP_COOKIE": f"__Host-sojourn={fake.start()[1]}"}
    setup_testing_defaults(environ)
    with pytest.raises(OAuthRefused):
        wrapped(environ, print)
