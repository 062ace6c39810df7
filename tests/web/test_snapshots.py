"""Requests that are answered from a snapshot: what they may do, and what they must ask the store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sojourn import AsyncSessions, Policy
from sojourn.snapshot import LookupUnread
from sojourn.stores.protocol import StoreBusy
from sojourn.testing import FakeClock, make_keys
from sojourn.web import fastapi
from sojourn.web.starlette import (
    SessionMiddleware,
    data_from,
    login,
    logout,
    require_fresh,
    require_session,
    session_from,
)
from tests.web.conftest import OpenServer, Visiting
from tests.web.kit import (
    FIREFOX,
    Away,
    Browser,
    Counting,
    Guests,
    code,
    cookies_set,
    make_site,
    stand_in,
)

API = "/api/auth"


async def me(request: Request) -> Response:
    session = await session_from(request)
    return JSONResponse({"me": session and session.user_id})


async def theme(request: Request) -> Response:
    session = await session_from(request)
    return JSONResponse({"theme": session and session.data.get("theme")})


async def cart(request: Request) -> Response:
    session = await session_from(request)
    assert session is not None
    return JSONResponse({"cart": session.data["cart"]})


async def everything(request: Request) -> Response:
    await session_from(request)
    return JSONResponse(dict(await data_from(request)))


async def enter(request: Request) -> Response:
    session = await login(request, "ada", data={"cart": [1], "theme": "dark"})
    return JSONResponse({"id": str(session.id)})


async def leave(request: Request) -> Response:
    await session_from(request)
    return JSONResponse({"left": await logout(request)})


@require_session
async def private(request: Request) -> Response:
    return JSONResponse({})


@require_fresh()
async def sensitive(request: Request) -> Response:
    return JSONResponse({})


@require_session
async def first_private_then_sensitive(request: Request) -> Response:
    return await sensitive(request)


ROUTES = [
    Route("/me", me),
    Route("/theme", theme),
    Route("/cart", cart),
    Route("/everything", everything),
    Route("/enter", enter, methods=["POST"]),
    Route("/leave", leave, methods=["POST"]),
    Route("/private", private),
    Route("/sensitive", sensitive),
    Route("/both", first_private_then_sensitive),
]


@pytest.fixture
def store() -> Counting:
    return Counting()


Visited = Callable[..., Guests]


@pytest.fixture
def visited(clock: FakeClock, store: Counting, visiting: Visiting) -> Visited:
    """The application, under a policy."""

    def open_(**policy: Any) -> Guests:
        site = make_site(clock, store=store, policy=Policy(**policy))
        return visiting(Starlette(routes=ROUTES, middleware=[Middleware(SessionMiddleware, site=site)]), site)

    return open_


@pytest.fixture
def guests(visited: Visited) -> Guests:
    return visited()


def signed_in(guests: Guests) -> Browser:
    """A browser whose session is in the near cache."""
    browser = guests.browser()
    browser.post("/enter")
    assert browser.get("/me").json() == {"me": "ada"}
    return browser


def elsewhere(guests: Guests) -> AsyncSessions:
    """Another process over the same store."""
    return AsyncSessions(
        guests.sessions.store, keys=make_keys(), policy=guests.sessions.policy, clock=guests.clock
    )


def end_elsewhere(guests: Guests, browser: Browser) -> None:
    assert browser.token is not None
    assert guests.run(elsewhere(guests).end, browser.token)


def reads(store: Counting, ask: Callable[[], Any]) -> int:
    """How often *ask* has the store read a session."""
    store.reads = 0
    ask()
    return store.reads


# ── the near cache ────────────────────────────────────────────────────────────────────────────


def test_a_second_request_asks_the_store_nothing(guests, store):
    browser = signed_in(guests)
    assert reads(store, lambda: browser.get("/private")) == 0


def test_without_snapshots_each_request_asks(visited, store):
    browser = signed_in(visited(cache_for=timedelta(0)))
    assert reads(store, lambda: browser.get("/private")) == 1


def test_law_05_an_ending_elsewhere_is_felt_within_the_bound(guests):
    browser = signed_in(guests)
    end_elsewhere(guests, browser)
    guests.clock.tick(seconds=1)
    assert browser.get("/me").json() == {"me": None}


def test_a_session_that_is_in_the_near_cache_may_be_signed_out(guests):
    browser = signed_in(guests)
    token = browser.token
    browser.post("/leave")
    browser.hold(token)
    assert browser.get("/me").json() == {"me": None}


def test_a_request_that_changes_nothing_and_asks_nothing_sets_no_cookie(guests):
    assert cookies_set(signed_in(guests).get("/me")) == {}


def test_an_answer_from_the_near_cache_is_kept_by_no_cache(guests):
    answer = signed_in(guests).get("/me")
    assert (answer.headers["vary"], answer.headers["cache-control"]) == ("Cookie", "no-store")


# ── sensitive acts ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", ["/sensitive", "/both"])
def test_a_sensitive_act_asks_the_store(guests, store, path):
    browser = signed_in(guests)
    assert reads(store, lambda: browser.get(path)) == 1


@pytest.mark.parametrize("path", ["/sensitive", "/both"])
def test_a_sensitive_act_feels_an_ending_at_once(guests, path):
    browser = signed_in(guests)
    end_elsewhere(guests, browser)
    answer = browser.get(path)
    assert (answer.status_code, code(answer)) == (401, "session_revoked")


def test_who_was_refused_once_is_not_let_in_by_a_snapshot_again(guests):
    browser = signed_in(guests)
    end_elsewhere(guests, browser)
    browser.get("/sensitive")
    assert browser.get("/me").json() == {"me": None}


def test_signing_in_asks_the_store_what_it_replaces(guests):
    browser = signed_in(guests)
    id = browser.post("/enter").json()["id"]
    end_elsewhere(guests, browser)
    assert browser.post("/enter").json()["id"] != id


@pytest.fixture
def member(server: Guests) -> Browser:
    browser = server.browser()
    browser.sign_up()
    assert browser.signed_in()
    return browser


GUARDED = [
    ("GET", f"{API}/sessions"),
    ("GET", f"{API}/sessions/history"),
    ("POST", f"{API}/sessions/revoke-others"),
    ("DELETE", f"{API}/sessions/00000000-0000-7000-8000-000000000000"),
    ("POST", f"{API}/reauthenticate"),
    ("GET", "/api/admin/stats"),
]


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_the_api_feels_an_ending_at_once(server, member, method, path):
    end_elsewhere(server, member)
    answer = member.request(method, path, json={"password": "x"} if method == "POST" else None)
    assert (answer.status_code, code(answer)) == (401, "session_revoked")


@pytest.mark.parametrize("path", ["/account/security", "/account/password", "/admin", "/confirm"])
def test_the_pages_feel_an_ending_at_once(server, member, path):
    end_elsewhere(server, member)
    answer = member.get(path)
    assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/sign-in")


@pytest.mark.parametrize("path", ["/", "/sign-in"])
def test_nobody_is_sent_back_and_forth_between_a_page_and_the_door(server, member, path):
    end_elsewhere(server, member)
    answer = member.get(path)
    assert answer.headers.get("location", "/sign-in") == "/sign-in"


def test_a_form_that_was_made_with_the_store_is_good_with_a_snapshot(server, member):
    page = member.get("/account/password").text
    field = page.partition('name="csrf" value="')[2].partition('"')[0]
    member.get(f"{API}/sessions/current")
    assert member.post("/sign-out", data={"csrf": field}).headers["location"].startswith("/sign-in")


def test_the_current_session_is_told_from_a_snapshot(open_server: OpenServer):
    server = open_server()
    browser = server.browser()
    browser.sign_up()
    first = browser.get(f"{API}/sessions/current").json()
    counting = Counting()
    stand_in(server.sessions, counting)
    second = browser.get(f"{API}/sessions/current").json()
    assert (second["session"], counting.reads) == (first["session"], 0)


def test_a_session_that_seems_to_end_soon_is_looked_up(open_server: OpenServer):
    """It may have been used through another process, of which no snapshot tells."""
    server = open_server(idle_timeout=timedelta(minutes=30))
    browser = server.browser()
    browser.sign_up()
    end = browser.get(f"{API}/sessions/current").json()["session"]["expires_at"]
    server.clock.tick(minutes=26)
    passive = {"x-session-passive": "1"}
    browser.get(f"{API}/sessions/current", headers=passive)  # the snapshot is renewed, and says 09:30
    server.run(elsewhere(server).validate, browser.token)
    after = browser.get(f"{API}/sessions/current", headers=passive).json()["session"]["expires_at"]
    assert (end[11:16], after[11:16]) == ("09:30", "09:56")


# ── data ──────────────────────────────────────────────────────────────────────────────────────


def test_data_that_was_not_read_is_an_error_that_says_what_to_do(guests):
    browser = signed_in(guests)
    with pytest.raises(LookupUnread, match=r"await data_from\(request\)"):
        browser.get("/cart")


def test_so_it_is_in_the_request_that_asked_the_store(guests):
    browser = guests.browser()
    browser.post("/enter")
    with pytest.raises(LookupUnread, match=r"await data_from\(request\)"):
        browser.get("/cart")


def test_without_snapshots_all_data_is_there(visited):
    browser = visited(cache_for=timedelta(0)).browser()
    browser.post("/enter")
    assert browser.get("/cart").json() == {"cart": [1]}


def test_data_from_has_all_of_it(guests, store):
    browser = signed_in(guests)
    assert reads(store, lambda: browser.get("/everything")) == 1
    assert browser.get("/everything").json() == {"cart": [1], "theme": "dark"}


def test_data_from_reads_what_was_read_already_only_once(visited, store):
    browser = signed_in(visited(cache_for=timedelta(0)))
    assert reads(store, lambda: browser.get("/everything")) == 1


def test_who_has_no_session_has_no_data(guests):
    assert guests.browser().get("/everything").json() == {}


def test_data_of_a_session_that_has_just_ended_is_refused_and_not_empty(clock, store, visiting):
    async def overtaken(request: Request) -> Response:
        session = await session_from(request)
        assert session is not None
        await elsewhere(crowd).revoke_all("ada")
        return JSONResponse(dict(await data_from(request)))

    site, routes = make_site(clock, store=store), [*ROUTES, Route("/overtaken", overtaken)]
    crowd = visiting(Starlette(routes=routes, middleware=[Middleware(SessionMiddleware, site=site)]), site)
    answer = signed_in(crowd).get("/overtaken")
    assert (answer.status_code, code(answer)) == (401, "session_revoked")


def test_data_that_the_policy_names_is_in_the_snapshot(visited, store):
    browser = signed_in(visited(cached_data=("theme",)))
    store.reads = 0
    assert (browser.get("/theme").json(), store.reads) == ({"theme": "dark"}, 0)


def test_a_write_of_such_data_elsewhere_is_felt_within_the_bound(visited):
    guests = visited(cached_data=("theme",))
    browser = signed_in(guests)
    session = guests.run(guests.sessions.validate, browser.token).session
    guests.run(elsewhere(guests).update, session.id, set={"theme": "light"})
    guests.clock.tick(seconds=1)
    assert browser.get("/theme").json() == {"theme": "light"}


def test_data_from_is_a_dependency_of_fastapi(clock, visiting):
    site = make_site(clock)
    app = FastAPI()
    app.add_middleware(SessionMiddleware, site=site)

    @app.get("/data")
    async def data(data: Annotated[Any, Depends(fastapi.data_from)]) -> dict[str, Any]:
        return dict(data)

    guests = visiting(app, site)
    browser = guests.browser()
    browser.hold(guests.start(data={"cart": [1]}).token)
    assert [browser.get("/data").json() for _ in range(2)] == [{"cart": [1]}] * 2


# ── whose browser ─────────────────────────────────────────────────────────────────────────────


def test_another_browser_is_noticed_though_a_snapshot_answers(guests):
    browser = signed_in(guests)
    browser.headers["user-agent"] = "curl/8.5"
    for _ in range(3):
        assert browser.get("/me").json() == {"me": "ada"}
    assert [event.name for event in guests.events].count("device-changed") == 1


def test_an_updated_browser_is_recorded_though_a_snapshot_answers(guests):
    browser = signed_in(guests)
    browser.headers["user-agent"] = FIREFOX.replace("143", "144")
    browser.get("/me")
    (session,) = guests.run(guests.sessions.list, "ada")
    assert session.device.browser_version == "144"


# ── the store is away, or overrun ─────────────────────────────────────────────────────────────


def test_law_09_a_snapshot_answers_for_as_long_as_the_feed_is_current(guests):
    browser = signed_in(guests)
    guests.lose_store()
    assert browser.get("/me").json() == {"me": "ada"}


def test_law_09_when_it_is_not_the_store_is_asked_and_503_is_the_answer(guests):
    browser = signed_in(guests)
    flaky = guests.lose_store()
    guests.clock.tick(minutes=6)
    answer = browser.get("/me")
    flaky.away = False
    assert (answer.status_code, cookies_set(answer), browser.get("/me").json()) == (503, {}, {"me": "ada"})


class Overrun(Counting):
    """More wait for it than may."""

    async def get(self, id: Any) -> Any:
        raise StoreBusy("too many requests wait for the store of sessions")


def test_who_is_turned_away_gets_503_and_comes_back_at_a_time_of_their_own(guests):
    token = guests.start().token
    stand_in(guests.sessions, Overrun())
    browser = guests.browser()
    browser.hold(token)
    answers = [browser.get("/me") for _ in range(60)]
    assert {(a.status_code, code(a), bool(cookies_set(a))) for a in answers} == {(503, "unavailable", False)}
    assert {int(a.headers["retry-after"]) for a in answers} == {1, 2, 3, 4, 5}


def test_away_is_no_name_for_a_fault_of_the_application(clock, visiting):
    async def broken(request: Request) -> Response:
        raise Away("the application's own database")

    site = make_site(clock)
    routes = [Route("/", broken)]
    guests = visiting(Starlette(routes=routes, middleware=[Middleware(SessionMiddleware, site=site)]), site)
    with pytest.raises(Away):
        guests.browser().get("/")
