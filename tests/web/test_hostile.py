"""Bad input, a store that is away, plain http: a clear refusal in one shape, and nothing lost."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from sojourn.api.routes import Route
from sojourn.blocking import drive
from sojourn.server import API as TABLE
from sojourn.testing import FakeClock
from sojourn.web.pages import PAGES
from sojourn.web.table import mounted
from sojourn.web.visit import Visit
from tests.web.kit import (
    ADA,
    PASSWORD,
    SESSION,
    Browser,
    Counting,
    Guests,
    check_problem,
    code,
    cookies_set,
    make_site,
    stand_in,
    vary,
)

API = "/api/auth"
JSON = {"content-type": "application/json"}
WITH_BODY = [route for route in TABLE if route.body is not None and not route.any_body]
UNSAFE = [route for route in (*TABLE, *PAGES) if route.method != "GET" and not route.cookieless]
BY_COOKIE = [route for route in TABLE if not route.cookieless]
GUARDED = [route for route in BY_COOKIE if route.guard != "open"]
DONE = [route for route in TABLE if not route.streams]  # what goes on has tests of its own, in test_stream


def called(route: Route) -> str:
    return f"{route.method} {route.path}"


def path(route: Route) -> str:
    return route.path.replace("{id}", "00000000-0000-7000-8000-000000000000")


# ── bodies ────────────────────────────────────────────────────────────────────────────────────


def sent(browser: Browser, content: bytes, kind: str = "application/json", at: str = "sign-in"):
    return browser.post(f"{API}/{at}", content=content, headers={"content-type": kind})


@pytest.mark.req("TH-31")
def test_a_body_that_is_too_large_is_refused(server):
    answer = sent(server.browser(), b'{"email": "' + b"x" * 65_536 + b'"}')
    assert (answer.status_code, code(answer)) == (413, "body_rejected")


@pytest.mark.req("TH-31")
def test_a_body_that_never_ends_is_not_read_to_its_end(server):
    taken = 0

    def chunks() -> Iterator[bytes]:
        nonlocal taken
        for _ in range(1000):
            taken += 1
            yield b"x" * 65_536

    answer = server.browser().post(f"{API}/sign-in", content=chunks(), headers=JSON)
    assert (answer.status_code, code(answer)) == (413, "body_rejected")


@pytest.mark.req("TH-31")
@pytest.mark.parametrize(
    "deep", [b"[" * 30_000, b'{"x":' * 10_000, b'{"a":' + b"[" * 30_000 + b"]" * 30_000 + b"}"]
)
def test_a_body_that_is_too_deep_is_refused(server, deep):
    answer = sent(server.browser(), deep)
    assert (answer.status_code in (400, 422), code(answer)) == (True, "body_rejected")


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b'{"email": 1, "password": "x"}', "$.email"),
        (b'{"email": "a@b.test", "password": null}', "$.password"),
        (b'{"email": "a@b.test", "password": "x", "remember": "yes"}', "$.remember"),
        (b'{"email": "a@b.test"}', "password"),
        (b"[]", "object"),
        (b"null", "object"),
        (b'{"email": "a@b.test", "password": "' + b"x" * 1025 + b'"}', "$.password"),
    ],
)
def test_a_body_of_the_wrong_shape_is_refused_naming_the_field(server, body, named):
    answer = sent(server.browser(), body)
    assert (answer.status_code, code(answer)) == (422, "body_rejected")
    assert named in answer.json()["message"]


@pytest.mark.req("CF-09", "A3-3.5.2")
@pytest.mark.parametrize(
    "kind",
    ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonp"],
)
@pytest.mark.parametrize("route", WITH_BODY, ids=called)
def test_what_is_not_sent_as_json_is_refused(server, ada, route, kind):
    headers = {"content-type": kind} if kind else {}
    answer = ada.request(route.method, path(route), content=b'{"a": 1}', headers=headers)
    assert answer.status_code == (403 if "admin" in route.guard else 415)


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON", "application/json;"])
def test_json_is_json_in_every_spelling_of_its_type(server, kind):
    assert sent(server.browser(), b"{}", kind).status_code == 422


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b" ",
        b"{",
        b"{'email': 1}",
        b'{"email": "\xff\xfe"}',
        b"\xff",
        b'{"email": "\\ud800"}',
        b'{"email": "a@b.test", "password": "x"} {}',
        b"NaN",
    ],
)
def test_what_is_not_json_is_refused(server, broken):
    answer = sent(server.browser(), broken)
    assert (answer.status_code, code(answer)) == (400, "body_rejected")


def test_a_refused_body_shows_nothing_of_what_was_sent(server):
    answer = sent(server.browser(), b'{"email": "a@b.test", "password": ["a ship in a bottle"]}')
    assert "ship" not in answer.text


# ── text ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("TH-13")
@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("A\x00d\x00a", "Ada"),
        ("Ada \N{SAILBOAT}", "Ada \N{SAILBOAT}"),
        ("Ada\r\nSet-Cookie: a=b", "Ada Set-Cookie: a=b"),
        ("\x1b[31mAda", "[31mAda"),
        ("Ada\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe", "Adagnp.exe"),
        ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
        ("\x00", "ada"),
        ("家族\N{ZERO WIDTH JOINER}", "家族\N{ZERO WIDTH JOINER}"),
    ],
)
def test_a_name_is_kept_as_one_printable_line(server, name, kept):
    assert server.browser().sign_up(name=name).json()["user"]["name"] == kept


@pytest.mark.parametrize(
    "email", ["a\x00@b.test", "a\n@b.test", "\N{SAILBOAT}", "a@b\N{SAILBOAT}.test", "@", "a@@b.test"]
)
def test_what_is_no_address_cannot_be_signed_up(server, email):
    assert server.browser().sign_up(email).status_code == 422


@pytest.mark.req("AX-6.2.8")
@pytest.mark.parametrize(
    "password", ["\x00" + PASSWORD, PASSWORD + "\N{SAILBOAT}", "  " + PASSWORD + "  ", "пароль и ещё"]
)
def test_a_password_may_contain_anything(server, password):
    server.browser().sign_up(password=password)
    assert server.browser().sign_in(password=password).status_code == 200
    assert server.browser().sign_in(password=password.strip("\x00 \N{SAILBOAT}")[:-1]).status_code == 401


@pytest.mark.req("TH-13")
@pytest.mark.parametrize(
    "agent", ["", "\x1b]0;x\x07", "x" * 65_000, "<script>", "=cmd|' /C calc'!A0", "\xff\xfe"]
)
def test_any_user_agent_can_sign_up(server, agent):
    headers = [(b"user-agent", agent.encode("latin-1")), (b"sec-fetch-site", b"same-origin")]
    body = {"email": ADA, "password": PASSWORD}
    answer = server.browser().post(f"{API}/sign-up", json=body, headers=headers)
    name = answer.json()["session"]["device"]["name"]
    assert (answer.status_code, len(name) <= 512, name.isprintable()) == (201, True, True)


# ── queries and paths ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("limit", ["0", "-1", "1.5", "x", "", "१", "1e9", "0x10", "%00", "+1", " 1"])
def test_a_limit_that_is_no_number_is_refused(ada, limit):
    answer = ada.get(f"{API}/sessions?limit={limit}")
    assert (answer.status_code, code(answer), answer.json()["field"]) == (422, "body_rejected", "limit")


@pytest.mark.parametrize("limit", ["101", "9" * 18, "9" * 5000])
def test_a_huge_limit_is_the_largest_page(ada, limit):
    assert ada.get(f"{API}/sessions?limit={limit}").status_code == 200


@pytest.mark.parametrize(
    "query", ["application_id=%00", "application_id=%ff", "a=b&a=c&&=", "limit=1&limit=2"]
)
def test_an_odd_query_is_no_fault(ada, query):
    assert ada.get(f"{API}/sessions?{query}").status_code == 200


ODD = [
    "",
    "%00",
    "%ff%fe",
    "..",
    "%2e%2e%2f",
    "x" * 5000,
    "9" * 40,
    "{}",
    "0x" + "0" * 30,
    "-" * 32,
    "\N{SAILBOAT}",
]


@pytest.mark.parametrize("id", ODD)
def test_an_odd_id_is_not_found(ada, id):
    answer = ada.delete(f"{API}/sessions/{id}")
    assert answer.status_code in (404, 405)
    check_problem(answer)


@pytest.mark.parametrize(
    "unknown",
    ["/api/auth/nothing", "/api/auth/sign-in/", "/api/", "/api/auth//sessions", "/api/auth/SESSIONS"],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unknown_address_of_the_api_is_404(server, unknown, method):
    answer = server.browser().request(method, unknown)
    assert (answer.status_code, code(answer)) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "place", "allow"),
    [
        ("GET", "/api/auth/sign-in", {"POST"}),
        ("POST", "/api/auth/sessions", {"GET", "HEAD"}),
        ("POST", "/api/admin/users/ada/sessions", {"GET", "HEAD", "DELETE"}),
        ("PUT", "/api/auth/sessions/revoke-all", {"POST", "PATCH", "DELETE"}),
    ],
)
def test_a_wrong_method_is_405_and_says_which_are_right(server, method, place, allow):
    answer = server.browser().request(method, place)
    assert (answer.status_code, code(answer)) == (405, "method_not_allowed")
    assert set(answer.headers["allow"].split(", ")) == allow


@pytest.mark.req("A3-3.5.3", "CF-07")
@pytest.mark.parametrize("route", [route for route in TABLE if route.method != "GET"], ids=called)
def test_what_changes_something_does_not_answer_to_get(ada, route):
    gettable = {route.path for route in TABLE if route.method == "GET"}
    answer = ada.get(path(route))
    assert answer.status_code == 405 or route.path in gettable


@pytest.mark.req("A3-3.5.1")
@pytest.mark.parametrize("route", UNSAFE, ids=called)
def test_what_changes_something_is_refused_to_other_sites(ada, route):
    answer = ada.request(route.method, path(route), headers={"sec-fetch-site": "cross-site"})
    assert (answer.status_code, code(answer)) == (403, "csrf_failed")


@pytest.mark.parametrize(
    "twin", [TABLE[0], Route(method="POST", path=TABLE[0].path, guard="open", act=TABLE[1].act)]
)
def test_two_routes_with_one_method_and_path_are_refused(twin):
    with pytest.raises(ValueError, match="give one of them another path"):
        mounted([*TABLE, twin], accounts=None, directory=None, sign_up_open=True)  # type: ignore[arg-type]


# ── one shape ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("E-01", "E-03")
@pytest.mark.parametrize("route", [route for route in TABLE if route.guard != "open"], ids=called)
def test_without_a_session_every_guarded_route_challenges(server, route):
    answer = server.browser().request(route.method, path(route), headers=JSON)
    assert (answer.status_code, code(answer)) == (401, "unauthenticated")
    scheme = "Bearer " if route.path.startswith("/oauth/") else "Cookie "
    assert answer.headers["www-authenticate"].startswith(scheme)
    check_problem(answer)


@pytest.mark.parametrize("route", BY_COOKIE, ids=called)
def test_tossed_cookies_are_refused_on_every_route(server, route):
    headers = JSON | {"cookie": f"{SESSION}=x; {SESSION}=y"}
    answer = server.browser().request(route.method, path(route), headers=headers, content=b"{}")
    unread = route.guard == "open" and route.method == "GET"
    assert unread or (answer.status_code, code(answer)) == (400, "cookie_rejected")


@pytest.mark.req("E-05", "TH-15")
@pytest.mark.parametrize("route", GUARDED, ids=called)
def test_no_guarded_answer_is_stored_and_each_depends_on_the_cookie(ada, route):
    method = "HEAD" if route.streams else route.method
    answer = ada.request(method, path(route), headers=JSON, content=b"{}")
    assert (answer.headers["cache-control"], "cookie" in vary(answer)) == ("no-store", True)


@pytest.mark.req("A3-3.2.1", "A3-3.4.4")
@pytest.mark.parametrize("route", DONE, ids=called)
def test_no_answer_is_taken_for_something_else(ada, route):
    answer = ada.request(route.method, path(route), headers=JSON, content=b"{}")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-type"].split(";")[0] in ("application/json", "application/problem+json")


def test_each_refusal_has_its_own_request_id(server):
    ids = {server.browser().get(f"{API}/sessions").json()["request_id"] for _ in range(3)}
    assert len(ids) == 3


@pytest.mark.req("E-03")
def test_a_mistake_of_ours_is_500_in_the_same_shape_and_tells_nothing(server, ada):
    async def broken(_: object) -> None:
        raise KeyError("a secret of ours")

    server.site.load_user = broken
    client = TestClient(server.app, base_url="https://good.test", raise_server_exceptions=False)
    answer = client.get(f"{API}/sessions/current", headers={"cookie": f"{SESSION}={ada.token}"})
    check_problem(answer)
    assert (answer.status_code, code(answer), "secret" in answer.text) == (500, "internal_error", False)


# ── tokens ────────────────────────────────────────────────────────────────────────────────────


def flips(token: str) -> Iterator[str]:
    for place in range(len(token)):
        yield token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]


@pytest.mark.req("TH-11")
def test_no_changed_token_reaches_the_store(server, ada):
    token = ada.token
    assert token is not None
    counting = Counting()
    stand_in(server.sessions, counting)
    for changed in [*flips(token), token[:-1], token + "A", token.upper(), "", " ", "sjn_", "x" * 4000]:
        answer = server.browser().get(f"{API}/sessions/current", headers={"cookie": f"{SESSION}={changed}"})
        assert code(answer) in ("token_invalid", "unauthenticated")
    assert counting.reads == 0


@pytest.mark.req("TH-11")
@given(value=st.binary(max_size=300).filter(lambda v: not {*b";\r\n"} & {*v}))
def test_no_fuzzed_cookie_raises_anything_but_the_refusal(value):
    site = make_site(FakeClock(), store=(counting := Counting()))
    sent = [(b"cookie", SESSION.encode() + b"=" + value)]
    visit = Visit(site, {"method": "GET", "path": "/", "headers": sent, "scheme": "https"})
    assert drive(visit.session()) is None
    assert counting.reads == 0


# ── the store is away ─────────────────────────────────────────────────────────────────────────

ASKING = GUARDED


@pytest.mark.req("E-04", "AX-16.5.3")
@pytest.mark.parametrize("route", ASKING, ids=called)
def test_law_09_a_store_that_is_away_is_503_on_every_guarded_route(server, ada, route):
    server.lose_store()
    answer = ada.request(route.method, path(route), headers=JSON, content=b"{}")
    assert (answer.status_code, code(answer), cookies_set(answer)) == (503, "unavailable", {})


@pytest.mark.req("E-04")
@pytest.mark.parametrize("verb", ["get", "replace"])
def test_law_09_refreshing_while_the_store_is_away_is_503_and_sets_no_cookie(server, ada, verb):
    server.lose_store(verb)
    answer = ada.post(f"{API}/refresh")
    assert (answer.status_code, cookies_set(answer)) == (503, {})


def test_law_09_signing_in_while_the_store_is_away_is_503_and_gives_no_session(server, ada):
    server.lose_store("insert")
    answer = server.browser().sign_in()
    assert (answer.status_code, SESSION in cookies_set(answer)) == (503, False)


@pytest.mark.parametrize("verb", ["get", "select", "replace", "insert", "revoke"])
def test_law_09_nobody_is_signed_out_by_a_store_that_was_away(server, ada, verb):
    flaky = server.lose_store(verb)
    for route in DONE:
        if not route.path.endswith(("sign-out", "password", "revoke-all")):
            ada.request(route.method, path(route), headers=JSON, content=b"{}")
    flaky.away = False
    assert ada.signed_in()


def test_law_09_a_store_that_cannot_write_refuses_no_reader(server, ada):
    server.clock.tick(hours=1)
    server.lose_store("touch")
    assert ada.get(f"{API}/sessions").status_code == 200


def test_a_fault_tells_nothing_of_the_machine(server, ada):
    server.lose_store()
    assert "10.0.0.5" not in ada.get(f"{API}/sessions").text


def test_a_fault_is_in_the_log(server, ada, caplog):
    server.lose_store()
    with caplog.at_level(logging.ERROR):
        ada.get(f"{API}/sessions")
    assert "connection refused by 10.0.0.5" in caplog.text


def test_signing_out_while_the_store_is_away_takes_the_cookie_back_and_says_so(server, ada):
    server.lose_store("get")
    answer = ada.post(f"{API}/sign-out")
    assert (answer.status_code, cookies_set(answer)[SESSION]["max-age"]) == (503, "0")
    assert answer.json()["message"].startswith("This browser is signed out")


def test_signing_out_by_its_id_while_the_store_cannot_write_takes_the_cookie_back(server, ada):
    (row,) = ada.rows()
    server.lose_store("revoke")
    answer = ada.delete(f"{API}/sessions/{row['id']}")
    assert (answer.status_code, cookies_set(answer)[SESSION]["max-age"]) == (503, "0")


def test_health_is_fine_while_the_store_is_away(server):
    server.lose_store()
    assert server.browser().get("/healthz").json() == {"status": "ok"}


def test_readiness_is_not(server):
    server.lose_store()
    assert server.browser().get("/readyz").status_code == 503


def test_accounts_that_are_away_are_503_though_the_sessions_are_there(open_server, tmp_path):
    server = open_server(accounts=f"sqlite:///{tmp_path / 'accounts.db'}")
    server.browser().sign_up()
    with sqlite3.connect(tmp_path / "accounts.db") as away:
        away.execute("ALTER TABLE users RENAME TO elsewhere")
    away.close()
    answer = server.browser().sign_in()
    assert (answer.status_code, cookies_set(answer)) == (503, {})


# ── https ─────────────────────────────────────────────────────────────────────────────────────


def over_http(server: Guests, ip: str = "203.0.113.7", **headers: str) -> Browser:
    browser = server.browser(ip=ip, **headers)
    browser.base_url = "http://good.test"
    return browser


@pytest.mark.req("A3-3.3.1", "N-07")
@pytest.mark.parametrize("path", ["sign-in", "sign-up"])
def test_over_plain_http_nobody_signs_in(server, path):
    answer = over_http(server).post(f"{API}/{path}", json={"email": ADA, "password": PASSWORD})
    assert (answer.status_code, code(answer), cookies_set(answer)) == (403, "https_required", {})


@pytest.mark.req("N-07")
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("refresh", {}),
        ("reauthenticate", {"password": PASSWORD}),
        ("password", {"current_password": PASSWORD, "new_password": "a bottle in a ship"}),
    ],
)
def test_over_plain_http_no_token_is_handed_over_and_nothing_changes(server, ada, path, body):
    browser, token = over_http(server), ada.token
    answer = browser.post(f"{API}/{path}", json=body, headers={"cookie": f"{SESSION}={token}"})
    assert (answer.status_code, code(answer), cookies_set(answer)) == (403, "https_required", {})
    assert ada.signed_in()
    assert server.browser().sign_in().status_code == 200


@pytest.mark.req("TH-14", "R-13")
def test_a_forged_forwarded_scheme_does_not_help(server):
    answer = over_http(server, **{"x-forwarded-proto": "https"}).sign_up()
    assert code(answer) == "https_required"


@pytest.fixture
def behind_a_proxy(open_server) -> Guests:
    server: Guests = open_server(trusted_proxies=("10.0.0.0/8",))
    return server


@pytest.mark.req("TH-14")
def test_the_scheme_that_a_trusted_proxy_tells_counts(behind_a_proxy):
    browser = over_http(behind_a_proxy, ip="10.0.0.1", **{"x-forwarded-proto": "https"})
    assert browser.sign_up().status_code == 201


@pytest.mark.req("TH-14")
def test_plain_http_that_a_trusted_proxy_tells_is_refused(behind_a_proxy):
    browser = over_http(behind_a_proxy, ip="10.0.0.1", **{"x-forwarded-proto": "http"})
    assert code(browser.sign_up()) == "https_required"


@pytest.mark.req("TH-14", "AX-15.3.4")
def test_the_address_that_a_trusted_proxy_tells_is_the_sessions(behind_a_proxy):
    forwarded = {"x-forwarded-for": "1.2.3.4, 203.0.113.9", "x-forwarded-proto": "https"}
    answer = behind_a_proxy.browser(ip="10.0.0.1", **forwarded).sign_up()
    assert answer.json()["session"]["ip"] == "203.0.113.9"


@pytest.mark.req("A3-3.4.1")
@pytest.mark.parametrize("place", ["/healthz", "/sign-in", f"{API}/sessions", "/nothing"])
def test_https_answers_ask_for_https_from_now_on(server, place):
    sent = server.browser().get(place).headers["strict-transport-security"]
    assert int(sent.split(";")[0].removeprefix("max-age=")) >= 31_536_000


@pytest.mark.req("A3-3.4.1")
def test_http_answers_do_not(server):
    assert "strict-transport-security" not in over_http(server).get("/healthz").headers


def test_on_loopback_people_sign_in_over_plain_http(open_server):
    server = open_server(origin="", port=8000)
    browser = server.browser(ip="127.0.0.1")
    assert (browser.sign_up().status_code, browser.signed_in()) == (201, True)
