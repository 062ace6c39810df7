"""The carrier: which cookies are ours, what they say, and what is refused of those that come."""

from __future__ import annotations

from datetime import timedelta

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from sojourn import Key, Keys
from sojourn.errors import CookieRejected, SettingsError
from sojourn.events import CookieDoubled
from sojourn.testing import make_keys
from sojourn.web.asgi import SessionMiddleware
from sojourn.web.carrier import Carrier, Cookies, DeviceCookie
from sojourn.web.starlette import login, logout, session_from
from tests.web.conftest import Visiting
from tests.web.kit import DEVICE, SESSION, Guests, code, cookies_set, make_site

KEYS = make_keys()
HTTPS = Carrier.of("https://good.test")
LOOPBACK = Carrier.of("http://127.0.0.1:8000")


# ── names ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("A3-3.3.1", "A3-3.3.3")
@pytest.mark.parametrize("origin", ["https://good.test", "https://good.test:8443", "https://127.0.0.1"])
def test_an_https_origin_has_host_cookies(origin):
    carrier = Carrier.of(origin)
    assert (carrier.secure, carrier.name, carrier.device_name) == (True, SESSION, DEVICE)


@pytest.mark.parametrize(
    "origin",
    [
        "http://127.0.0.1:8000",
        "http://127.8.8.8",
        "http://localhost",
        "http://app.localhost",
        "http://[::1]:8000",
    ],
)
def test_plain_http_on_loopback_has_cookies_without_prefix(origin):
    carrier = Carrier.of(origin)
    assert (carrier.secure, carrier.name, carrier.device_name) == (False, "sojourn", "sojourn-device")


@pytest.mark.req("A3-3.3.1")
@pytest.mark.parametrize(
    "origin",
    [
        "http://good.test",
        "http://10.0.0.5:8000",
        "http://localhost.evil.test",
        "http://[2001:db8::1]",
        "good.test",
        "",
    ],
)
def test_plain_http_off_loopback_is_refused_with_a_remedy(origin):
    with pytest.raises(SettingsError, match="use https://"):
        Carrier.of(origin)


def test_plain_http_off_loopback_is_for_development():
    assert Carrier.of("http://good.test", development=True).name == "sojourn"


# ── what a cookie says ────────────────────────────────────────────────────────────────────────


@pytest.mark.req("A3-3.3.1", "A3-3.3.2", "A3-3.3.4")
def test_a_session_cookie_is_for_the_browser_session_alone():
    assert HTTPS.set_session("t", lasting=None) == f"{SESSION}=t; Path=/; HttpOnly; SameSite=Lax; Secure"


def test_a_remembered_session_cookie_lasts_as_long_as_the_session():
    assert HTTPS.set_session("t", lasting=timedelta(days=30)).endswith("; Max-Age=2592000")


@pytest.mark.req("C-05")
def test_no_cookie_lasts_longer_than_browsers_keep_one():
    assert HTTPS.set_session("t", lasting=timedelta(days=900)).endswith("; Max-Age=34560000")


def test_the_device_cookie_outlives_signing_out():
    assert HTTPS.set_device("d") == f"{DEVICE}=d; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=34560000"


def test_on_loopback_a_cookie_is_not_secure():
    assert LOOPBACK.set_session("t", lasting=None) == "sojourn=t; Path=/; HttpOnly; SameSite=Lax"


@pytest.mark.req("C-11")
@pytest.mark.parametrize("carrier", [HTTPS, LOOPBACK])
def test_deletion_repeats_name_and_attributes(carrier):
    was_set = carrier.set_session("t", lasting=timedelta(seconds=60))
    assert carrier.clear_session() == was_set.replace("=t;", "=;").replace("Max-Age=60", "Max-Age=0")


# ── reading ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "header",
    [
        b"__Host-sojourn=t; __Host-sojourn-device=d",
        b"__Host-sojourn-device=d;__Host-sojourn=t",
        b"a=1;  __Host-sojourn=t ;b; =c; ;__Host-sojourn-device=d;",
        b"a=\xff\xfe; __Host-sojourn=t; \x80=1; __Host-sojourn-device=d",
    ],
)
def test_our_cookies_are_found_among_others(header):
    assert HTTPS.read([header]) == Cookies("t", "d")


@pytest.mark.req("C-04")
def test_our_cookies_are_found_in_several_headers():
    assert HTTPS.read([b"a=1", b"__Host-sojourn-device=d", b"__Host-sojourn=t"]) == Cookies("t", "d")


@pytest.mark.req("TH-06")
@pytest.mark.parametrize(
    "planted",
    [
        b"sojourn=evil",
        b"__host-sojourn=evil",
        b"__Host-Sojourn=evil",
        b"__Host-sojourn2=evil",
        b"__Secure-sojourn=evil",
    ],
)
def test_no_other_name_is_read(planted):
    assert HTTPS.read([planted]) == Cookies()


@pytest.mark.parametrize("empty", [b"", b";", b"__Host-sojourn=", b"__Host-sojourn"])
def test_an_empty_cookie_is_none(empty):
    assert HTTPS.read([empty]) == Cookies()


@pytest.mark.req("TH-06", "C-04")
@pytest.mark.parametrize(
    "headers", [[b"__Host-sojourn=x; __Host-sojourn=y"], [b"__Host-sojourn=x", b"__Host-sojourn=y"]]
)
@pytest.mark.parametrize("turn", [1, -1])
def test_two_values_under_one_name_are_refused_in_either_order(headers, turn):
    swapped = [header.replace(b"x", b"?").replace(b"y", b"x").replace(b"?", b"y") for header in headers]
    with pytest.raises(CookieRejected, match="Clear the cookies"):
        HTTPS.read(headers if turn == 1 else swapped)


def test_one_value_twice_is_no_harm():
    assert HTTPS.read([b"__Host-sojourn=t; __Host-sojourn=t"]) == Cookies("t")


def test_cookies_are_not_in_the_representation():
    assert "secret" not in repr(HTTPS.read([b"__Host-sojourn=secret; __Host-sojourn-device=secret"]))


# ── the device cookie ─────────────────────────────────────────────────────────────────────────


def test_a_device_cookie_names_the_same_browser_each_time():
    made = DeviceCookie.new(KEYS)
    assert DeviceCookie.read(made.value, KEYS) == made


def test_a_device_cookie_does_not_contain_what_is_stored():
    made = DeviceCookie.new(KEYS)
    assert made.id not in made.value


@pytest.mark.parametrize("value", [None, "", "x", "A" * 43, "é" * 43, "?" * 43, "A" * 10_000])
def test_an_unsigned_device_cookie_names_nobody(value):
    assert DeviceCookie.read(value, KEYS) is None


def test_a_device_cookie_under_a_key_that_is_gone_names_nobody():
    others = Keys([Key(id=1, secret=b"another key of thirty-two bytes!")])
    assert DeviceCookie.read(DeviceCookie.new(KEYS).value, others) is None


# ── over HTTP ─────────────────────────────────────────────────────────────────────────────────


async def me(request: Request) -> JSONResponse:
    session = await session_from(request)
    return JSONResponse({"me": session and session.user_id})


async def enter(request: Request) -> JSONResponse:
    session = await login(request, "ada", remember="remember" in request.query_params)
    return JSONResponse({"id": str(session.id)})


async def leave(request: Request) -> JSONResponse:
    return JSONResponse({"left": await logout(request)})


ROUTES = [
    Route("/me", me),
    Route("/enter", enter, methods=["POST"]),
    Route("/leave", leave, methods=["POST"]),
]


@pytest.fixture
def guests(clock, visiting: Visiting) -> Guests:
    site = make_site(clock)
    return visiting(Starlette(routes=ROUTES, middleware=[Middleware(SessionMiddleware, site=site)]), site)


@pytest.mark.req("TH-06", "C-04")
@pytest.mark.parametrize("turn", [1, -1])
def test_a_tossed_cookie_is_refused_in_either_order(guests, turn):
    victim, attacker = (f"{SESSION}={guests.start(user).token}" for user in ("ada", "mallory"))
    answer = guests.browser().get("/me", headers={"cookie": "; ".join([victim, attacker][::turn])})
    assert (answer.status_code, code(answer)) == (400, "cookie_rejected")


@pytest.mark.req("TH-06", "C-04")
def test_a_tossed_cookie_is_told_once(guests):
    guests.browser().get("/me", headers={"cookie": f"{SESSION}=x; {SESSION}=y"})
    assert [event.ip for event in guests.told(CookieDoubled)] == ["203.0.113.7"]


@pytest.mark.req("TH-06")
def test_a_tossed_cookie_ends_nothing_and_clears_nothing(guests):
    issued = guests.start()
    answer = guests.browser().get("/me", headers={"cookie": f"{SESSION}={issued.token}; {SESSION}=evil"})
    assert not cookies_set(answer)
    assert guests.run(guests.sessions.validate, issued.token).session.id == issued.session.id


@pytest.mark.req("TH-06", "C-07")
def test_sixty_junk_cookies_do_no_harm(guests):
    junk = [f"junk{n}={'x' * 100}" for n in range(60)]
    cookie = "; ".join([*junk[:30], f"{SESSION}={guests.start().token}", *junk[30:]])
    assert guests.browser().get("/me", headers={"cookie": cookie}).json() == {"me": "ada"}


@pytest.mark.req("TH-31")
def test_a_megabyte_of_cookies_is_refused_with_a_code(guests):
    answer = guests.browser().get("/me", headers={"cookie": f"{SESSION}={'x' * 1_000_000}"})
    assert (answer.status_code, code(answer)) == (431, "cookie_rejected")


@pytest.mark.req("TH-31")
def test_a_megabyte_of_cookies_in_several_headers_is_refused(guests):
    headers = [("cookie", f"a{n}={'x' * 1000}") for n in range(1000)]
    assert guests.browser().get("/me", headers=headers).status_code == 431


@pytest.mark.req("C-04")
def test_several_cookie_headers_are_one(guests):
    headers = [("cookie", "a=1"), ("cookie", f"{SESSION}={guests.start().token}"), ("cookie", "b=2")]
    assert guests.browser().get("/me", headers=headers).json() == {"me": "ada"}


def test_invalid_utf_8_around_our_cookie_does_no_harm(guests):
    headers = [(b"cookie", b"a=\xff\xfe; " + f"{SESSION}={guests.start().token}".encode())]
    assert guests.browser().get("/me", headers=headers).json() == {"me": "ada"}


def test_invalid_utf_8_in_our_cookie_is_nobody(guests):
    headers = [(b"cookie", f"{SESSION}=".encode() + b"\xff\xfe\x00")]
    assert guests.browser().get("/me", headers=headers).json() == {"me": None}


@pytest.mark.req("TH-06", "A3-3.3.3")
def test_the_name_follows_from_the_origin_and_not_from_the_request(guests):
    browser = guests.browser(**{"x-forwarded-proto": "http"})
    browser.base_url = "http://good.test"
    answer = browser.get("/me", headers={"cookie": f"sojourn={guests.start().token}"})
    assert answer.json() == {"me": None}


def test_without_remember_the_cookie_goes_with_the_browser_session(guests):
    assert cookies_set(guests.browser().post("/enter"))[SESSION]["max-age"] == ""


def test_with_remember_the_cookie_lasts_as_long_as_the_session(guests):
    answer = guests.browser().post("/enter?remember")
    assert cookies_set(answer)[SESSION]["max-age"] == str(30 * 24 * 3600)


@pytest.mark.req("C-11")
def test_signing_out_takes_the_session_cookie_back_and_leaves_the_device_cookie(guests):
    browser = guests.browser()
    browser.post("/enter")
    taken = cookies_set(browser.post("/leave"))
    assert (list(taken), taken[SESSION].value, taken[SESSION]["max-age"]) == ([SESSION], "", "0")


@pytest.mark.req("C-01")
def test_signing_in_again_sets_each_cookie_once(guests):
    browser = guests.browser()
    browser.post("/enter")
    assert list(cookies_set(browser.post("/enter"))) == [SESSION]
