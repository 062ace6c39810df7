"""Requests that another site made the browser send: refused before the application sees them."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from sojourn.errors import CsrfFailed
from sojourn.testing import make_keys
from sojourn.web import csrf
from sojourn.web.asgi import SessionMiddleware
from sojourn.web.starlette import login
from tests.web.conftest import Visiting
from tests.web.kit import ORIGIN, SESSION, Guests, code, make_site, vary

SAFE = ["GET", "HEAD", "OPTIONS", "TRACE"]
UNSAFE = ["POST", "PUT", "PATCH", "DELETE", "CONNECT"]
OURS, FOREIGN = ["same-origin", "none"], ["same-site", "cross-site"]


def passes(method: str = "POST", *, cookie: bool = True, **headers: str) -> bool:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        csrf.check(method, named, origin=ORIGIN, carries_cookie=cookie)
    except CsrfFailed:
        return False
    return True


@pytest.mark.req("CF-02")
@pytest.mark.parametrize("method", UNSAFE)
@pytest.mark.parametrize("site", OURS)
def test_an_unsafe_request_of_our_own_page_passes(method, site):
    assert passes(method, sec_fetch_site=site)


@pytest.mark.req("CF-02", "TH-05")
@pytest.mark.parametrize("method", UNSAFE)
@pytest.mark.parametrize("site", [*FOREIGN, "", "same-origin, cross-site", "SAME-ORIGIN"])
def test_an_unsafe_request_of_another_site_is_refused(method, site):
    assert not passes(method, sec_fetch_site=site)


@pytest.mark.req("CF-02", "CF-11")
@pytest.mark.parametrize("site", FOREIGN)
def test_an_unsafe_request_of_another_site_is_refused_without_a_cookie_too(site):
    assert not passes(cookie=False, sec_fetch_site=site)


@pytest.mark.req("CF-02")
@pytest.mark.parametrize("method", SAFE)
@pytest.mark.parametrize("site", [*OURS, *FOREIGN])
def test_a_safe_request_passes_from_anywhere(method, site):
    assert passes(method, sec_fetch_site=site)


@pytest.mark.req("CF-02")
def test_fetch_metadata_decides_before_the_origin():
    assert not passes(sec_fetch_site="cross-site", origin=ORIGIN)


@pytest.mark.req("CF-12")
def test_the_browsers_own_refresh_of_a_bound_session_passes():
    assert passes(
        sec_fetch_site="same-origin", sec_fetch_mode="no-cors", sec_fetch_dest="empty", origin=ORIGIN
    )


@pytest.mark.req("CF-03", "CF-04")
def test_without_fetch_metadata_our_origin_passes():
    assert passes(origin=ORIGIN)


FOREIGN_ORIGINS = [
    "null",
    "https://good.test.evil.test",
    "https://evil.test",
    "https://sub.good.test",
    "http://good.test",
    "https://good.test:8443",
    "https://good.test/",
    "",
    "https://[evil",
]


@pytest.mark.req("CF-03", "TH-05")
@pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
def test_without_fetch_metadata_another_origin_is_refused(origin):
    assert not passes(origin=origin)


@pytest.mark.req("CF-03", "CF-11")
@pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
def test_without_fetch_metadata_another_origin_is_refused_without_a_cookie_too(origin):
    assert not passes(origin=origin, cookie=False)


@pytest.mark.req("CF-03")
@pytest.mark.parametrize("referer", [f"{ORIGIN}/", f"{ORIGIN}/account/security?a=https://evil.test"])
def test_without_origin_our_referer_passes(referer):
    assert passes(referer=referer)


@pytest.mark.req("CF-03")
@pytest.mark.parametrize(
    "referer",
    [
        "https://evil.test/https://good.test/",
        "https://good.test.evil.test/",
        "https://good.test@evil.test/",
        "http://good.test/",
        "about:blank",
        "https://[evil",
        "\x00",
    ],
)
def test_without_origin_another_referer_is_refused(referer):
    assert not passes(referer=referer)


@pytest.mark.req("CF-03")
def test_the_origin_decides_before_the_referer():
    assert not passes(origin="null", referer=f"{ORIGIN}/")


@pytest.mark.req("CF-03")
def test_with_our_cookie_and_no_header_at_all_a_request_is_refused():
    assert not passes()


@pytest.mark.req("CF-03")
def test_with_neither_cookie_nor_header_a_script_passes():
    assert passes(cookie=False)


# ── over HTTP ─────────────────────────────────────────────────────────────────────────────────


async def act(request: Request) -> JSONResponse:
    return JSONResponse({"done": True})


async def enter(request: Request) -> JSONResponse:
    await login(request, "mallory")
    return JSONResponse({})


@pytest.fixture
def guests(clock, visiting: Visiting) -> Guests:
    site = make_site(clock)
    routes = [Route("/act", act, methods=["GET", "POST"]), Route("/enter", enter, methods=["POST"])]
    return visiting(Starlette(routes=routes, middleware=[Middleware(SessionMiddleware, site=site)]), site)


@pytest.mark.req("CF-03")
def test_a_script_with_our_cookie_and_no_header_is_answered_csrf_failed(guests):
    answer = guests.script().post("/act", headers={"cookie": f"{SESSION}={guests.start().token}"})
    assert (answer.status_code, code(answer)) == (403, "csrf_failed")


@pytest.mark.req("CF-03")
def test_a_script_signs_in_without_any_header(guests):
    assert guests.script().post("/enter").status_code == 200


@pytest.mark.req("CF-11", "TH-05")
def test_another_site_cannot_sign_somebody_in(guests):
    answer = guests.browser().post("/enter", headers={"sec-fetch-site": "cross-site"})
    assert (answer.status_code, answer.cookies) == (403, {})


@pytest.mark.req("CF-05", "E-05")
def test_the_answer_to_an_unsafe_request_says_what_it_depends_on(guests):
    assert vary(guests.browser().post("/act")) >= {"sec-fetch-site", "origin"}


@pytest.mark.req("CF-05", "E-05")
def test_the_refusal_of_an_unsafe_request_says_what_it_depends_on(guests):
    answer = guests.browser().post("/act", headers={"sec-fetch-site": "cross-site"})
    assert vary(answer) >= {"sec-fetch-site", "origin"}


@pytest.mark.req("A3-3.4.2")
def test_a_foreign_origin_is_never_reflected(guests):
    answer = guests.browser().get("/act", headers={"origin": "https://evil.test"})
    assert not [name for name in answer.headers if name.startswith("access-control-")]


# ── the field of a form ───────────────────────────────────────────────────────────────────────


@pytest.mark.req("CF-08")
def test_a_form_field_is_good_for_what_it_is_bound_to():
    csrf.check_field(make_keys(), "session 1", csrf.field(make_keys(), "session 1"))


@pytest.mark.req("CF-08")
def test_a_form_field_of_another_session_is_refused():
    with pytest.raises(CsrfFailed):
        csrf.check_field(make_keys(), "session 2", csrf.field(make_keys(), "session 1"))


@pytest.mark.req("CF-08")
@pytest.mark.parametrize("value", ["", "A", "AAAA", "A" * 32, "é", "\x00", "A" * 100_000, "\ud800"])
def test_a_broken_form_field_is_refused(value):
    with pytest.raises(CsrfFailed):
        csrf.check_field(make_keys(), "session 1", value)
