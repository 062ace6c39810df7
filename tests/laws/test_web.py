"""Laws 6, 7, 9 and 10 over HTTP: in what the API and the pages answer, and in what the server logs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from sojourn import Key, Keys
from sojourn.api.routes import Route
from sojourn.server import API
from sojourn.testing import FakeClock
from sojourn.web.pages import PAGES
from tests.web.kit import (
    BOB,
    CHROME,
    DEVICE,
    FIREFOX_UPDATED,
    IPHONE,
    PASSWORD,
    SESSION,
    Browser,
    Guests,
    cookies_set,
    make_server,
)

JSON = {"content-type": "application/json", "sec-fetch-mode": "cors"}
PASSIVE, NAVIGATING = {"x-session-passive": "1"}, {"sec-fetch-mode": "navigate"}
NOBODYS = "00000000-0000-7000-8000-000000000000"
TABLE = [route for route in (*API, *PAGES) if not route.streams]  # for those there is tests/web/test_stream
BODIES = {"PATCH /api/auth/sessions/{id}": b'{"name": "x"}'}  # where an empty one will not do
GETS = [route for route in TABLE if route.method == "GET"]


def called(route: Route) -> str:
    return f"{route.method} {route.path}"


def sent(browser: Browser, route: Route, id: str = NOBODYS, **headers: str) -> httpx2.Response:
    """A request to *route* that is well formed as far as its guard and its body go."""
    content = {} if route.method == "GET" or route.form else {"content": BODIES.get(called(route), b"{}")}
    kind = {"content-type": "application/x-www-form-urlencoded"} if route.form else JSON
    path = route.path.replace("{id}", id)
    return browser.request(route.method, path, headers=kind | headers, **content)  # type: ignore[arg-type]


@pytest.fixture
def server(clock: FakeClock) -> Iterator[Guests]:
    with make_server(clock).open() as server:
        yield server


@pytest.fixture
def ada(server: Guests) -> Browser:
    """A browser in which an administrator has just signed up, so that every route can be reached."""
    browser = server.browser()
    assert browser.sign_up().status_code == 201
    load = server.site.load_user

    async def promoted(user_id: str) -> Any:
        assert load is not None
        user = await load(user_id)
        return user and msgspec.structs.replace(user, role="admin")

    server.site.load_user = promoted
    return browser


# ── 6: no credential but in Set-Cookie ────────────────────────────────────────────────────────


class Overheard:
    """A life full of events, and everything that could be overheard of it."""

    def __init__(self, server: Guests, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.DEBUG):
            self.live(server)
        self.answers, self.log = server.answers, caplog.text + repr(server.events)
        values = (morsel.value for a in self.answers for morsel in cookies_set(a).values())
        self.canaries = sorted({PASSWORD, "a bottle in a ship", *values} - {""})

    def live(self, server: Guests) -> None:
        laptop, phone, thief = (server.browser(agent) for agent in (CHROME, IPHONE, CHROME))
        laptop.sign_up(remember=True)
        phone.sign_in()
        phone.sign_in(password="wrong password")
        self.see_everything(laptop)
        stolen = laptop.token
        for _ in range(2):
            laptop.post("/api/auth/refresh")
            laptop.rows()
            server.clock.tick(minutes=1)
        laptop.post("/api/auth/reauthenticate", json={"password": PASSWORD})
        body = {"current_password": PASSWORD, "new_password": "a bottle in a ship"}
        laptop.post("/api/auth/password", json=body)
        laptop.headers["user-agent"] = FIREFOX_UPDATED
        self.see_everything(laptop)
        thief.hold(stolen)
        thief.post("/api/auth/refresh")
        self.see_everything(thief)
        thief.get("/account/security", headers={"cookie": f"{SESSION}={stolen}; {SESSION}={laptop.token}"})
        thief.get("/account/security", headers={"cookie": f"{SESSION}={stolen}" + "x" * 20_000})
        flaky = server.lose_store()
        self.see_everything(laptop)
        flaky.away = False
        server.clock.tick(days=40)
        self.see_everything(laptop)
        laptop.post("/api/auth/sign-out")

    def see_everything(self, browser: Browser) -> None:
        for route in GETS:
            sent(browser, route)


@pytest.fixture
def overheard(server: Guests, caplog: pytest.LogCaptureFixture) -> Overheard:
    return Overheard(server, caplog)


@pytest.mark.req("TH-10", "A3-3.3.4")
def test_law_06_the_life_hands_over_many_credentials(overheard):
    assert len(overheard.canaries) >= 8


@pytest.mark.req("TH-10", "A3-3.3.4", "A7-7.2.4")
def test_law_06_no_body_contains_a_credential(overheard):
    leaks = [
        (str(answer.url), canary)
        for answer in overheard.answers
        for canary in overheard.canaries
        if canary in answer.text
    ]
    assert leaks == []


@pytest.mark.req("TH-10", "A3-3.3.4")
def test_law_06_no_header_but_set_cookie_contains_a_credential(overheard):
    headers = [
        f"{name}: {value}"
        for answer in overheard.answers
        for name, value in answer.headers.multi_items()
        if name != "set-cookie"
    ]
    assert [line for line in headers for canary in overheard.canaries if canary in line] == []


@pytest.mark.req("TH-10", "AX-14.2.1")
def test_law_06_no_address_contains_a_credential(overheard):
    places = [str(answer.url) + answer.headers.get("location", "") for answer in overheard.answers]
    assert [place for place in places for canary in overheard.canaries if canary in place] == []


@pytest.mark.req("TH-10", "AX-16.2.5")
def test_law_06_no_line_of_the_log_and_no_event_contains_a_credential(overheard):
    assert "session-established" in overheard.log
    assert [canary for canary in overheard.canaries if canary in overheard.log] == []


@pytest.mark.req("TH-09")
def test_law_06_no_cookie_can_be_read_from_the_files(tmp_path: Path, clock: FakeClock):
    with make_server(clock, store=f"sqlite:///{tmp_path / 'sojourn.db'}").open() as server:
        browser = server.browser()
        browser.sign_up()
        browser.post("/api/auth/refresh")
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    values = [m.value for answer in server.answers for m in cookies_set(answer).values()]
    assert [value for value in (*values, PASSWORD) if value.encode() in kept] == []


@pytest.mark.req("TH-09", "TH-24")
def test_law_06_nothing_that_is_shown_signs_anybody_in(server, ada):
    shown = "".join(sent(ada, route).text for route in GETS)
    words = {
        w for w in shown.replace('"', " ").replace("<", " ").replace(">", " ").split() if 8 < len(w) < 200
    }
    assert len(words) > 50
    for word in words:
        thief = server.browser()
        thief.hold(word.encode("ascii", "ignore").decode().replace(";", ""))
        assert not thief.signed_in()


# ── 7: not yours is not there ─────────────────────────────────────────────────────────────────


@pytest.mark.req("AX-8.2.2", "TH-24")
@pytest.mark.parametrize(
    "route", [route for route in API if "{id}" in route.path and "admin" not in route.guard], ids=called
)
def test_law_07_on_every_route_with_an_id_what_is_not_yours_is_not_there(server, ada, route):
    stranger = server.browser()
    stranger.sign_up(BOB)
    (row,) = ada.rows()
    answers = [sent(stranger, route, id=id) for id in (row["id"], NOBODYS, "garbage")]
    said = [(a.status_code, {k: v for k, v in a.json().items() if k != "request_id"}) for a in answers]
    assert said == [said[0]] * 3
    assert (said[0][0], ada.signed_in()) == (404, True)


# ── 9: a fault is 503, never a sign-out ───────────────────────────────────────────────────────


@pytest.mark.req("E-04")
@pytest.mark.parametrize(
    "route", [route for route in TABLE if route.guard != "open" and not route.cookieless], ids=called
)
def test_law_09_while_the_store_is_away_every_guarded_route_is_503_and_takes_no_cookie(server, ada, route):
    flaky = server.lose_store()
    answer = sent(ada, route)
    flaky.away = False
    assert (answer.status_code, SESSION in cookies_set(answer), ada.signed_in()) == (503, False, True)


# ── 10: who changes nothing writes no cookie ──────────────────────────────────────────────────


@pytest.mark.parametrize("mode", ["navigate", "cors"])
@pytest.mark.parametrize("route", GETS, ids=called)
def test_law_10_looking_writes_no_cookie(server, ada, route, mode):
    server.clock.tick(hours=1)
    assert cookies_set(sent(ada, route, **{"sec-fetch-mode": mode})) == {}


@pytest.mark.parametrize("route", GETS, ids=called)
def test_law_10_passive_requests_write_no_cookie_even_when_a_new_token_is_due(clock, route):
    with make_server(clock, rotate_every=timedelta(minutes=15)).open() as server:
        browser = server.browser()
        user = browser.sign_up().json()["user"]["id"]
        server.run(server.sessions.renew_all, user)
        clock.tick(hours=1)
        assert cookies_set(sent(browser, route, **PASSIVE, **NAVIGATING)) == {}


def test_law_10_passive_requests_do_not_slide(server, ada):
    before = ada.rows()[0]["seen_at"]
    server.clock.tick(hours=1)
    assert ada.get("/api/auth/sessions", headers=PASSIVE).json()["sessions"][0]["seen_at"] == before


OLD, NEW = (Key(id=n, secret=bytes([n]) * 32) for n in (1, 2))


@pytest.fixture
def under_an_old_key(tmp_path: Path, clock: FakeClock) -> Iterator[Browser]:
    """A browser whose token was made under a key that is retired by now."""
    store = f"sqlite:///{tmp_path / 'sojourn.db'}"
    with make_server(clock, keys=Keys([OLD]), store=store).open() as server:
        before = server.browser()
        before.sign_up()
    retired = Keys([msgspec.structs.replace(OLD, role="retired"), NEW])
    with make_server(clock, keys=retired, store=store).open() as server:
        browser = server.browser()
        browser.hold(before.token)
        browser.cookies.set(DEVICE, before.cookies[DEVICE], domain="good.test")
        yield browser


def test_law_10_a_token_under_an_old_key_is_replaced_once(under_an_old_key):
    answers = [under_an_old_key.get("/api/auth/sessions") for _ in range(3)]
    assert [list(cookies_set(answer)) for answer in answers] == [[SESSION], [], []]


def test_law_10_a_token_under_an_old_key_is_not_replaced_in_a_passive_request(under_an_old_key):
    assert cookies_set(under_an_old_key.get("/api/auth/sessions", headers=PASSIVE)) == {}
