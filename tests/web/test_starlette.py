"""Sessions in a Starlette application that has users of its own."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from sojourn import Policy
from sojourn.blocking import drive
from sojourn.errors import SessionChanged
from sojourn.web import asgi
from sojourn.web.starlette import (
    SessionMiddleware,
    current_user,
    login,
    logout,
    require_fresh,
    require_role,
    require_session,
    session_from,
)
from sojourn.web.visit import Visit
from tests.web.conftest import Visiting
from tests.web.kit import DEVICE, ORIGIN, SESSION, Counting, Guests, code, cookies_set, make_site, vary


class Person:
    """A user as the application knows them; the library knows but the id."""

    def __init__(self, name: str, *roles: str) -> None:
        self.name, self.roles = name, roles


class People:
    """The application's users, who count how often they are looked up."""

    def __init__(self) -> None:
        self.loads = 0
        self.known = {"ada": Person("Ada"), "boss": Person("Boss", "staff", "admin")}

    async def load(self, user_id: str) -> Person | None:
        self.loads += 1
        return self.known.get(user_id)


async def public(request: Request) -> Response:
    return PlainTextResponse("hello")


async def me(request: Request) -> Response:
    session = await session_from(request)
    return JSONResponse({"me": session and session.user_id})


async def enter(request: Request) -> Response:
    session = await login(request, request.query_params["user"], data={"cart": [1]})
    return JSONResponse({"id": str(session.id), "data": dict(session.data)})


async def leave(request: Request) -> Response:
    return JSONResponse({"left": await logout(request)})


async def hop(request: Request) -> Response:
    await login(request, "ada")
    await logout(request)
    return JSONResponse({})


@require_session
async def private(request: Request) -> Response:
    user = await current_user(request)
    again = await current_user(request)
    return JSONResponse({"name": user and user.name, "same": user is again})


@require_fresh()
async def sensitive(request: Request) -> Response:
    return JSONResponse({})


@require_fresh(timedelta(seconds=30))
async def very_sensitive(request: Request) -> Response:
    return JSONResponse({})


@require_role("admin")
async def office(request: Request) -> Response:
    return JSONResponse({"name": (await current_user(request)).name})


async def cached(request: Request) -> Response:
    await session_from(request)
    return PlainTextResponse("mine", headers={"cache-control": "private, max-age=60"})


async def socket(websocket: WebSocket) -> None:
    session = await session_from(websocket)
    await websocket.accept()
    await websocket.send_json({"me": session and session.user_id})
    await websocket.close()


async def shared(request: Request) -> Response:
    await login(request, "ada")
    return PlainTextResponse("for all", headers={"cache-control": "public, max-age=60"})


@require_session
async def private_socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close()


ROUTES = [
    Route("/public", public, methods=["GET", "POST"]),
    Route("/me", me),
    Route("/enter", enter, methods=["POST"]),
    Route("/leave", leave, methods=["POST"]),
    Route("/hop", hop, methods=["POST"]),
    Route("/private", private),
    Route("/sensitive", sensitive),
    Route("/very-sensitive", very_sensitive),
    Route("/office", office),
    Route("/cached", cached),
    Route("/shared", shared),
    WebSocketRoute("/socket", socket),
    WebSocketRoute("/private-socket", private_socket),
]


@pytest.fixture
def people() -> People:
    return People()


@pytest.fixture
def store() -> Counting:
    return Counting()


@pytest.fixture
def guests(clock, store, people, visiting: Visiting) -> Guests:
    site = make_site(clock, store=store, load_user=people.load)
    return visiting(Starlette(routes=ROUTES, middleware=[Middleware(SessionMiddleware, site=site)]), site)


@pytest.fixture
def ada(guests: Guests):
    browser = guests.browser()
    browser.post("/enter?user=ada")
    return browser


@pytest.fixture
def boss(guests: Guests):
    browser = guests.browser()
    browser.post("/enter?user=boss")
    return browser


# ── the words ─────────────────────────────────────────────────────────────────────────────────


def test_login_starts_a_session(ada):
    assert ada.get("/me").json() == {"me": "ada"}


def test_login_keeps_data_of_the_application(guests):
    assert guests.browser().post("/enter?user=ada").json()["data"] == {"cart": [1]}


def test_session_from_is_none_for_whoever_is_not_signed_in(guests):
    assert guests.browser().get("/me").json() == {"me": None}


def test_logout_ends_the_session(guests, ada):
    token = ada.token
    assert ada.post("/leave").json() == {"left": True}
    ada.hold(token)
    assert ada.get("/me").json() == {"me": None}


def test_logout_says_that_there_was_no_session(guests):
    assert guests.browser().post("/leave").json() == {"left": False}


@pytest.mark.req("C-01")
def test_login_and_logout_in_one_request_set_one_cookie(guests):
    assert cookies_set(guests.browser().post("/hop"))[SESSION].value == ""


def test_require_session_refuses_whoever_is_not_signed_in(guests):
    answer = guests.browser().get("/private")
    assert (answer.status_code, code(answer)) == (401, "unauthenticated")


def test_require_session_lets_the_user_in(ada):
    assert ada.get("/private").json()["name"] == "Ada"


def test_current_user_is_loaded_once_per_request(ada, people):
    people.loads = 0
    assert ada.get("/private").json()["same"] is True
    assert people.loads == 1


def test_a_request_that_asks_for_no_user_loads_none(ada, people):
    people.loads = 0
    ada.get("/me")
    assert people.loads == 0


def test_current_user_without_a_session_loads_nobody(guests, people):
    guests.browser().get("/office")
    assert people.loads == 0


def test_require_fresh_lets_a_recent_sign_in_pass(ada):
    assert ada.get("/sensitive").status_code == 200


def test_require_fresh_refuses_a_sign_in_of_long_ago(guests, ada):
    guests.clock.tick(minutes=10)
    answer = ada.get("/sensitive")
    assert (answer.status_code, code(answer)) == (403, "reauth_required")


def test_require_fresh_takes_an_age_of_its_own(guests, ada):
    guests.clock.tick(seconds=30)
    assert ada.get("/very-sensitive").json()["max_age"] == 30


@pytest.mark.req("E-01")
def test_require_role_is_401_without_a_session(guests):
    assert guests.browser().get("/office").status_code == 401


@pytest.mark.req("E-01")
def test_require_role_is_403_without_the_role(ada):
    answer = ada.get("/office")
    assert (answer.status_code, code(answer)) == (403, "forbidden")


def test_require_role_lets_whoever_has_it_in(boss):
    assert boss.get("/office").json() == {"name": "Boss"}


def test_a_user_who_is_gone_has_no_role(boss, people):
    people.known.clear()
    assert boss.get("/office").status_code == 401


def test_a_visitors_session_is_no_sign_in(guests):
    browser = guests.browser()
    browser.hold(guests.start(None).token)
    assert browser.get("/private").status_code == 401


def test_without_the_middleware_the_words_say_what_is_missing(clock, visiting):
    guests = visiting(Starlette(routes=ROUTES), make_site(clock))
    with pytest.raises(RuntimeError, match=r"call app\.add_middleware"):
        guests.browser().get("/me")


def test_of_two_requests_that_prove_again_at_once_one_wins_and_its_token_stays_good(clock):
    site = make_site(clock)
    token = drive(site.sessions.start("ada")).token
    headers = [(b"cookie", f"{SESSION}={token}".encode())]
    scope: dict[str, Any] = {"method": "POST", "path": "/", "headers": headers, "scheme": "https"}
    first, second = (Visit(site, scope) for _ in range(2))
    drive(first.session())
    drive(second.session())
    issued = drive(first.renew())
    with pytest.raises(SessionChanged):
        drive(second.renew())
    assert drive(site.sessions.validate(issued.token)).session.user_id == "ada"


# ── what a request costs ──────────────────────────────────────────────────────────────────────


@pytest.mark.req("TH-12", "E-05")
def test_a_request_that_does_not_look_at_its_session_reads_no_store(ada, store):
    store.reads = 0
    ada.get("/public")
    assert store.reads == 0


@pytest.mark.req("E-05")
def test_a_request_that_does_not_look_at_its_session_varies_by_nothing(ada):
    answer = ada.get("/public")
    assert (vary(answer), "cache-control" in answer.headers) == (set(), False)


def test_a_request_looks_at_its_session_once(ada, store):
    store.reads = 0
    ada.get("/private")
    assert store.reads == 1


@pytest.mark.req("E-05")
def test_a_request_that_looks_varies_by_cookie_whether_or_not_there_is_one(guests, ada):
    assert [vary(browser.get("/me")) for browser in (ada, guests.browser())] == [{"cookie"}] * 2


@pytest.mark.req("TH-12")
def test_visitors_have_no_row(guests):
    browser = guests.browser()
    for _ in range(20):
        browser.cookies.clear()
        browser.get("/me")
    assert guests.run(guests.sessions.count) == 0


def test_other_scopes_pass_untouched(clock):
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)

    drive(asgi.SessionMiddleware(app, site=make_site(clock))({"type": "lifespan"}, None, None))  # type: ignore[arg-type]
    assert seen == [{"type": "lifespan"}]


# ── WebSockets ────────────────────────────────────────────────────────────────────────────────


def handshake(guests: Guests, path: str = "/socket", **headers: str):
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return guests.browser().websocket_connect(f"wss://good.test{path}", headers=sent)


@pytest.mark.req("AX-4.4.2")
def test_a_handshake_of_our_own_page_has_its_session(guests):
    with handshake(guests, origin=ORIGIN, cookie=f"{SESSION}={guests.start().token}") as socket:
        assert socket.receive_json() == {"me": "ada"}


@pytest.mark.req("AX-4.4.2", "TH-05")
@pytest.mark.parametrize(
    "origin", ["https://evil.test", "null", "https://good.test.evil.test", "http://good.test"]
)
def test_a_handshake_of_another_site_is_refused(guests, origin):
    cookie = f"{SESSION}={guests.start().token}"
    with pytest.raises(WebSocketDisconnect) as refused, handshake(guests, origin=origin, cookie=cookie):
        pass
    assert refused.value.code == 1008


def test_a_handshake_of_a_program_names_no_origin_and_passes(guests):
    with handshake(guests) as socket:
        assert socket.receive_json() == {"me": None}


def test_a_handshake_without_a_session_is_refused_where_one_is_required(guests):
    with pytest.raises(WebSocketDisconnect) as refused, handshake(guests, "/private-socket", origin=ORIGIN):
        pass
    assert refused.value.code == 1008


def test_a_handshake_while_the_store_is_away_is_to_be_repeated(guests):
    cookie = f"{SESSION}={guests.start().token}"
    guests.lose_store()
    with pytest.raises(WebSocketDisconnect) as refused, handshake(guests, origin=ORIGIN, cookie=cookie):
        pass
    assert refused.value.code == 1013


def test_a_handshake_replaces_no_token_because_nothing_would_carry_it_back(guests):
    token = guests.start().token
    guests.run(guests.sessions.renew_all, "ada")
    with handshake(guests, origin=ORIGIN, cookie=f"{SESSION}={token}"):
        pass
    browser = guests.browser()
    browser.hold(token)
    assert browser.get("/me").json() == {"me": "ada"}


# ── faults and headers of the application ─────────────────────────────────────────────────────


def test_what_the_application_says_about_caching_stays(ada):
    for _ in range(4):
        assert ada.get("/cached").headers.get_list("cache-control") == ["private, max-age=60"]


@pytest.mark.req("TH-15")
def test_an_answer_that_carries_a_cookie_is_stored_by_no_cache_whatever_the_application_says(guests):
    answer = guests.browser().get("/shared")
    assert (list(cookies_set(answer)), answer.headers["cache-control"]) == ([DEVICE, SESSION], "no-store")


def test_an_origin_with_a_slash_is_the_same_origin(clock, visiting):
    site = make_site(clock, origin=f"{ORIGIN}/")
    guests = visiting(Starlette(routes=ROUTES, middleware=[Middleware(SessionMiddleware, site=site)]), site)
    answer = guests.script().post("/enter?user=ada", headers={"origin": ORIGIN})
    assert answer.status_code == 200


def test_too_many_sessions_are_refused_where_the_policy_refuses(clock, visiting):
    site = make_site(clock, policy=Policy(max_sessions=1, at_cap="refuse"))
    guests = visiting(Starlette(routes=ROUTES, middleware=[Middleware(SessionMiddleware, site=site)]), site)
    guests.browser().post("/enter?user=ada")
    answer = guests.browser().post("/enter?user=ada")
    assert (answer.status_code, code(answer)) == (409, "too_many_sessions")


# ── what is loaded ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("framework", ["starlette", "fastapi"])
def test_an_application_with_users_of_its_own_loads_nothing_of_our_accounts(framework):
    script = (
        f"import sys, sojourn.web.{framework}\n"
        "print([name for name in sys.modules if name.startswith('sojourn.accounts')])"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
