"""The cookie cache on the wire: when it is set, when it goes, and that it is worth nothing alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sojourn import AsyncSessions, Policy
from sojourn.errors import CookieRejected
from sojourn.snapshot import digest
from sojourn.testing import FakeClock
from sojourn.web.asgi import visit_of
from sojourn.web.carrier import Carrier, Cookies
from sojourn.web.starlette import SessionMiddleware, login, logout, require_fresh, session_from
from tests.web.kit import SESSION, Browser, Counting, Guests, cookies_set, make_site

CACHE = f"{SESSION}-cache"
LIFE = timedelta(minutes=5)
POLICY = Policy(cookie_cache=LIFE)
PASSIVE = {"x-session-passive": "1"}
HTTPS = Carrier.of("https://good.test")


async def me(request: Request) -> Response:
    session = await session_from(request)
    return JSONResponse({"me": session and session.user_id})


async def public(request: Request) -> Response:
    return JSONResponse({})


async def enter(request: Request) -> Response:
    await login(request, "ada")
    return JSONResponse({})


async def leave(request: Request) -> Response:
    await session_from(request)
    await logout(request)
    return JSONResponse({})


async def refresh(request: Request) -> Response:
    await visit_of(request.scope).refresh()
    return JSONResponse({})


async def renew(request: Request) -> Response:
    await visit_of(request.scope).renew()
    return JSONResponse({})


async def regret(request: Request) -> Response:
    await login(request, "ada")
    visit_of(request.scope).take_back()
    return JSONResponse({})


async def overtaken(request: Request) -> Response:
    """Another request of this process ends the session, or refreshes its token, before this one answers."""
    session = await session_from(request)
    sessions: AsyncSessions = visit_of(request.scope).site.sessions
    assert session is not None
    if "refreshed" in request.query_params:
        await sessions.refresh(request.cookies[SESSION])
    else:
        await sessions.revoke_all("ada")
    return JSONResponse({})


@require_fresh()
async def sensitive(request: Request) -> Response:
    return JSONResponse({})


ROUTES = [
    Route("/me", me),
    Route("/public", public),
    Route("/enter", enter, methods=["POST"]),
    Route("/leave", leave, methods=["POST"]),
    Route("/refresh", refresh, methods=["POST"]),
    Route("/renew", renew, methods=["POST"]),
    Route("/regret", regret, methods=["POST"]),
    Route("/overtaken", overtaken),
    Route("/sensitive", sensitive),
]


@pytest.fixture
def store() -> Counting:
    return Counting()


@pytest.fixture
def process(clock: FakeClock, store: Counting, visiting: Any) -> Any:
    """Another process of the site, with a near cache of its own."""

    def process(policy: Policy = POLICY, origin: str = "https://good.test") -> Guests:
        site = make_site(clock, store=store, policy=policy, origin=origin)
        return visiting(Starlette(routes=ROUTES, middleware=[Middleware(SessionMiddleware, site=site)]), site)

    return process


@pytest.fixture
def guests(process: Any) -> Guests:
    return process()


@pytest.fixture
def ada(guests: Guests) -> Browser:
    """A browser that has just signed in, and has no cookie cache yet."""
    browser = guests.browser()
    browser.post("/enter")
    return browser


def at(guests: Guests, browser: Browser) -> Browser:
    """The same browser, whose requests go to another process."""
    other = guests.browser()
    other.cookies.update(browser.cookies)
    return other


# ── when it is set ────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("A3-3.3.1", "A3-3.3.2", "A3-3.3.4")
def test_an_answer_from_the_store_brings_one_for_its_life(ada):
    morsel = cookies_set(ada.get("/me"))[CACHE]
    assert (morsel["max-age"], morsel["httponly"], morsel["secure"], morsel["samesite"], morsel["path"]) == (
        "300",
        True,
        True,
        "Lax",
        "/",
    )


def test_law_10_it_is_set_once_in_its_life(ada, guests):
    sent = []
    for _ in range(11):
        sent.append(list(cookies_set(ada.get("/me"))))
        guests.clock.tick(minutes=1)
        if guests.clock().minute % 5 == 0:
            ada.cookies.delete(CACHE)  # what a browser does when it is over
    assert sent == [[CACHE], [], [], [], [], [CACHE], [], [], [], [], [CACHE]]


def test_law_10_a_browser_that_keeps_it_too_long_gets_another_once_in_its_life(ada, guests):
    sent = []
    for _ in range(11):
        sent.append(list(cookies_set(ada.get("/me"))))
        guests.clock.tick(minutes=1)
    assert sent == [[CACHE], [], [], [], [], [CACHE], [], [], [], [], [CACHE]]


def test_law_10_a_passive_request_brings_none(ada):
    assert cookies_set(ada.get("/me", headers=PASSIVE)) == {}


def test_a_request_that_does_not_look_brings_none(ada):
    assert cookies_set(ada.get("/public")) == {}


def test_law_10_a_sensitive_act_asks_the_store_and_leaves_a_good_one_alone(ada, store):
    ada.get("/me")
    store.reads = 0
    assert (cookies_set(ada.get("/sensitive")), store.reads) == ({}, 1)


def test_an_answer_from_the_near_cache_brings_one_to_a_browser_that_has_none(ada, store):
    ada.get("/me")
    ada.cookies.delete(CACHE)
    store.reads = 0
    assert (list(cookies_set(ada.get("/me"))), store.reads) == ([CACHE], 0)


@pytest.mark.req("TH-15")
def test_the_answer_that_brings_one_is_kept_by_no_cache(ada):
    assert ada.get("/me").headers["cache-control"] == "no-store"


def test_on_loopback_it_has_no_prefix(process):
    browser = process(origin="http://127.0.0.1:8000").browser()
    browser.post("/enter")
    assert list(cookies_set(browser.get("/me"))) == ["sojourn-cache"]


def test_without_one_in_the_policy_it_is_neither_set_nor_read(process, ada, store):
    ada.get("/me")
    other = at(process(Policy()), ada)
    store.reads = 0
    assert (cookies_set(other.get("/me")), store.reads) == ({}, 1)


# ── what it is good for ───────────────────────────────────────────────────────────────────────


def test_another_process_asks_the_store_nothing(process, ada, store):
    ada.get("/me")
    other = at(process(), ada)
    store.reads = 0
    assert (other.get("/me").json(), store.reads) == ({"me": "ada"}, 0)


def test_a_sensitive_act_asks_it_all_the_same(process, ada, store):
    ada.get("/me")
    other = at(process(), ada)
    store.reads = 0
    assert (other.get("/sensitive").status_code, store.reads) == (200, 1)


def test_law_05_a_new_process_does_not_accept_what_was_ended_before_it_began(process, ada, guests):
    ada.get("/me")
    guests.run(guests.sessions.revoke_all, "ada")
    assert at(process(), ada).get("/me").json() == {"me": None}


@pytest.mark.req("TH-09")
def test_law_06_it_signs_nobody_in(guests, ada):
    cache = cookies_set(ada.get("/me"))[CACHE].value
    for header in (f"{CACHE}={cache}", f"{SESSION}={cache}", f"{SESSION}={cache}; {CACHE}={cache}"):
        assert guests.browser().get("/me", headers={"cookie": header}).json() == {"me": None}


@pytest.mark.req("TH-09")
def test_law_06_that_of_another_token_is_worth_nothing(process, guests, ada):
    cache = cookies_set(ada.get("/me"))[CACHE].value
    mallory = guests.start("mallory").token
    cookie = f"{SESSION}={mallory}; {CACHE}={cache}"
    answer = process().browser().get("/me", headers={"cookie": cookie})
    assert answer.json() == {"me": "mallory"}


@pytest.mark.parametrize("garbage", ["x", "AAAA", "x" * 3_900, "=;", '"quoted"', "\x01"])
def test_what_cannot_be_opened_is_no_error_and_no_sign_out(process, ada, garbage):
    cookie = f"{SESSION}={ada.token}; {CACHE}={garbage}"
    answer = process().browser().get("/me", headers={"cookie": cookie})
    assert (answer.json(), list(cookies_set(answer))) == ({"me": "ada"}, [CACHE])


def test_two_of_them_are_none(process, ada, store):
    cache = cookies_set(ada.get("/me"))[CACHE].value
    for twice in ((cache, "planted"), ("planted", cache)):
        cookie = f"{SESSION}={ada.token}; " + "; ".join(f"{CACHE}={value}" for value in twice)
        store.reads = 0
        answer = process().browser().get("/me", headers={"cookie": cookie})
        assert (answer.json(), store.reads) == ({"me": "ada"}, 1)


@pytest.mark.parametrize(
    ("header", "cache"),
    [
        (b"__Host-sojourn=t; __Host-sojourn-cache=c", "c"),
        (b"__Host-sojourn=t; __Host-sojourn-cache=c; __Host-sojourn-cache=c", "c"),
        (b"__Host-sojourn=t; __Host-sojourn-cache=c; __Host-sojourn-cache=d", None),
        (b"__Host-sojourn=t; __Host-sojourn-cache=c; __Host-sojourn-cache=d; __Host-sojourn-cache=c", None),
        (b"__Host-sojourn=t; __Host-sojourn-cache=", None),
    ],
)
def test_the_carrier_reads_it(header, cache):
    assert HTTPS.read([header]) == Cookies("t", None, cache)


# ── when it goes ──────────────────────────────────────────────────────────────────────────────


def gone(answer: Any) -> bool:
    morsel = cookies_set(answer).get(CACHE)
    return morsel is not None and (morsel.value, morsel["max-age"]) == ("", "0")


@pytest.mark.parametrize("path", ["/leave", "/refresh", "/renew", "/enter"])
def test_it_goes_with_the_token_that_it_was_made_for(ada, path):
    ada.get("/me")
    assert gone(ada.post(path))


@pytest.mark.parametrize("path", ["/refresh", "/renew", "/enter"])
def test_the_next_request_gets_one_of_the_new_token(process, ada, path, store):
    ada.get("/me")
    ada.post(path)
    assert cookies_set(ada.get("/me"))[CACHE].value
    other = at(process(), ada)
    store.reads = 0
    assert (other.get("/me").json(), store.reads) == ({"me": "ada"}, 0)


def test_a_new_token_is_seen_by_the_store_before_a_snapshot_answers_for_it(ada, guests):
    """The successor has come back: only then an older token can be told for what it is (`lost_answer`)."""
    ada.get("/me")
    ada.post("/refresh")
    ada.get("/me")
    (session,) = guests.run(guests.sessions.list, "ada")
    assert session.confirmed_at == guests.clock()


def test_a_sign_in_that_is_taken_back_leaves_none(ada):
    ada.get("/me")
    answer = ada.post("/regret")
    assert (gone(answer), cookies_set(answer)[SESSION].value) == (True, "")


def test_signing_out_while_the_store_is_away_takes_it_too(ada, guests):
    ada.get("/me")
    guests.lose_store()
    answer = ada.post("/leave")
    assert (answer.status_code, gone(answer)) == (503, True)


@pytest.mark.parametrize("how", ["ended", "refreshed"])
def test_no_answer_sets_one_for_what_ended_or_was_replaced_meanwhile(ada, how):
    assert cookies_set(ada.get(f"/overtaken?{how}")) == {}


def test_a_refusal_takes_nothing_back(ada, guests):
    ada.get("/me")
    guests.run(guests.sessions.revoke_all, "ada")
    assert cookies_set(ada.get("/me")) == {}


def test_data_that_is_too_large_for_a_cookie_sets_none(process, guests):
    policy = POLICY.changed(cached_data=("much",), cookie_cache_form="signed")
    other = process(policy)
    browser = other.browser()
    browser.hold(other.start(data={"much": "x" * 4_000}).token)
    answer = browser.get("/me")
    assert (answer.json(), cookies_set(answer)) == ({"me": "ada"}, {})


# ── what is remembered of a header must not change ────────────────────────────────────────────


def test_a_header_that_was_read_lately_says_the_same_again(clock):
    site = make_site(clock)
    for header in (
        b"__Host-sojourn=t; __Host-sojourn-cache=c",
        b"a=1; __Host-sojourn=u",
        b"__Host-sojourn=t",
        b"a=1",
        b"",
    ):
        first = site.cookies_in(header)
        assert first == site.cookies_in(header) == replace(site.carrier.found(header), name=first.name)
        assert first.name == (first.session and digest(first.session))


def test_two_cookies_of_one_name_are_refused_each_time(clock):
    site = make_site(clock)
    for _ in range(3):
        with pytest.raises(CookieRejected):
            site.cookies_in(b"__Host-sojourn=t; __Host-sojourn=u")


def test_headers_are_remembered_within_bounds(clock):
    site = make_site(clock)
    for number in range(5000):
        site.cookies_in(b"__Host-sojourn=t%d" % number)
    site.cookies_in(b"__Host-sojourn=long; a=" + b"x" * 5000)
    assert 0 < len(site.lately) <= 4096
    assert all(len(header or b"") <= 4096 for header in site.lately)


def test_a_protected_name_behind_a_blank_that_browsers_do_not_strip_is_another_name():
    assert HTTPS.read([b"\xa0__Host-sojourn=evil"]) == Cookies()
    assert HTTPS.read(["\u2003__Host-sojourn=evil".encode()]) == Cookies()
    assert HTTPS.read([b"\x0b__Host-sojourn=evil"]) == Cookies()
