"""Better Auth's protocol: what its client gets, and what theirs gives away and ours does not."""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from sojourn.api.better_auth import routes
from sojourn.server import create_app
from sojourn.settings import Settings
from sojourn.testing import FakeClock, make_keys
from sojourn.token import derive
from tests.web.kit import ADA, BOB, CHROME, ORIGIN, PASSWORD, SESSION, Browser, Guests, make_signers

BASE = "/api/auth"
CREDENTIAL = re.compile(r"sj[nrb]_[\w-]{20}|eyJ[\w-]+\.[\w-]+\.[\w-]+")


@pytest.fixture
def server(open_server: Any) -> Guests:
    return open_server(better_auth=True, multi_session=True, session_fields=("theme",))


def page(server: Guests, agent: str = CHROME, **more: str) -> Browser:
    """A browser whose page is ours, and says so."""
    return saying(server.browser(agent, **more))


def saying(browser: Browser) -> Browser:
    browser.headers["origin"] = ORIGIN
    return browser


def entered(server: Guests, email: str = ADA, browser: Browser | None = None) -> Browser:
    browser = browser or page(server)
    body = {"name": email.partition("@")[0], "email": email, "password": PASSWORD}
    path = "sign-in" if server.run(server.accounts.by_email, email) else "sign-up"
    answer = browser.post(f"{BASE}/{path}/email", json=body)
    assert answer.status_code == 200, answer.text
    return browser


def session_of(browser: Browser, query: str = "") -> Any:
    answer = browser.get(f"{BASE}/get-session{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def said(answer: Any) -> tuple[int, str | None]:
    return answer.status_code, answer.json().get("code")


# ── the table ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("authvital", "better_auth", "authjs"), [*product([0, 1], [0, 1], ["off", "v4", "v5"])]
)
def test_no_two_routes_answer_the_same_request_whatever_is_spoken(authvital, better_auth, authjs, clock):
    settings = Settings(
        store="memory://", origin=ORIGIN, authvital=bool(authvital), better_auth=bool(better_auth),
        authjs=authjs, multi_session=True, worker=False,
    )  # fmt: skip
    create_app(settings, keys=make_keys(), signers=make_signers(), clock=clock)  # raises if two do


def test_every_route_that_changes_something_checks_where_it_comes_from():
    for route in routes():
        if route.method == "POST":
            assert route.before is not None, route.path
            assert route.says is not None, route.path


def test_it_is_not_spoken_unless_it_is_asked_for(open_server):
    browser = open_server().browser()
    assert browser.get(f"{BASE}/get-session").status_code == 404


# ── what is shown ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("A7-7.2.3")
def test_law_06_no_answer_holds_a_credential_but_where_one_is_handed_over(server):
    browser = entered(server)
    for path in ("get-session", "list-sessions", "list-accounts", "multi-session/list-device-sessions"):
        assert not CREDENTIAL.search(browser.get(f"{BASE}/{path}").text), path
    other = entered(server, BOB, browser)
    assert not CREDENTIAL.search(other.get(f"{BASE}/multi-session/list-device-sessions").text)


def test_the_handle_of_a_session_opens_nothing(server):
    handle = session_of(entered(server))["session"]["token"]
    script = server.script(authorization=f"Bearer {handle}")
    assert session_of(script) is None
    stranger = page(server)
    stranger.hold(handle)
    assert session_of(stranger) is None


def test_nobody_is_null_and_nothing_is_written(server):
    answer = page(server).get(f"{BASE}/get-session")
    assert (answer.status_code, answer.json()) == (200, None)
    assert "set-cookie" not in answer.headers


def test_a_session_that_has_ended_is_null_and_its_cookie_goes(server):
    browser, other = entered(server), entered(server)
    other.post(f"{BASE}/revoke-other-sessions", json={})
    answer = browser.get(f"{BASE}/get-session")
    assert answer.json() is None
    assert browser.token is None


def test_a_read_that_comes_late_takes_no_cookie_back_that_this_browser_has_since(server):
    browser = entered(server)
    late = page(server)
    late.hold(browser.token)
    assert browser.sign_up(BOB).status_code == 201  # in the same browser: it takes the place of the first
    assert session_of(late) is None
    assert "set-cookie" not in late.answers[-1].headers


def test_a_token_that_another_tab_has_renewed_is_null_and_the_cookie_stays(server):
    browser = entered(server)
    before = browser.token
    for _ in range(2):
        browser.post(f"{BASE.removesuffix('/auth')}/auth/refresh")
        session_of(browser)
    server.clock.tick(hours=1)
    late = page(server)
    late.hold(before)
    answer = late.get(f"{BASE}/get-session")
    assert answer.json() is None
    assert late.token == before


@pytest.mark.parametrize("text", ["false", "0", ""])
def test_a_boolean_of_the_query_is_read_as_it_is_written(server, text):
    browser = entered(server)
    server.clock.tick(hours=1)
    shown = session_of(browser, f"?disableRefresh={text}")["session"]
    assert shown["updatedAt"] != shown["createdAt"]


def test_reading_is_a_use_unless_it_says_otherwise(server):
    browser = entered(server)
    server.clock.tick(hours=1)
    unused = session_of(browser, "?disableRefresh=true&disableCookieCache=true")["session"]
    assert unused["updatedAt"] == unused["createdAt"]
    used = session_of(browser)["session"]
    assert used["expiresAt"] > unused["expiresAt"]


def test_where_it_is_deferred_reading_writes_nothing_and_a_post_does(open_server):
    server = open_server(better_auth=True, better_auth_defer=True)
    browser = entered(server)
    assert session_of(browser)["needsRefresh"] is False
    server.clock.tick(hours=1)
    shown = session_of(browser)
    assert shown["needsRefresh"] is True
    done = browser.post(f"{BASE}/get-session", json={}).json()
    assert done["session"]["expiresAt"] > shown["session"]["expiresAt"]
    assert session_of(browser)["needsRefresh"] is False


def test_without_deferring_there_is_nothing_to_post(server):
    answer = entered(server).post(f"{BASE}/get-session", json={})
    assert said(answer) == (405, "METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED")


def test_a_client_that_knows_no_refresh_is_rotated_in_passing(open_server):
    server = open_server(better_auth=True, rotate_every=timedelta(minutes=15))
    browser = entered(server)
    before = browser.token
    server.clock.tick(minutes=20)
    shown = session_of(browser)
    assert browser.token not in (None, before)
    assert (
        shown["session"]["updatedAt"] == "2026-03-02T08:20:00.000Z"
        or shown["session"]["updatedAt"] > shown["session"]["createdAt"]
    )
    assert session_of(browser) is not None


# ── ending ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("cookie_cache", [None, timedelta(minutes=5)])
@pytest.mark.parametrize("path", ["get-session", "list-sessions", "token", "list-accounts", "update-user"])
def test_a_revoked_device_can_do_nothing_at_once_whatever_is_cached(open_server, cookie_cache, path):
    server = open_server(better_auth=True, cookie_cache=cookie_cache)
    phone, laptop = entered(server), entered(server)
    jwt = phone.get(f"{BASE}/get-session").headers["set-auth-jwt"]
    session_of(phone)  # from the cache, if there is one
    handle = session_of(phone)["session"]["token"]
    assert laptop.post(f"{BASE}/revoke-session", json={"token": handle}).json() == {"status": True}
    if path == "update-user":
        assert said(phone.post(f"{BASE}/{path}", json={"name": "Eve"})) == (401, "UNAUTHORIZED")
    elif path == "get-session":
        assert session_of(phone) is None
    else:
        assert said(phone.get(f"{BASE}/{path}")) == (401, "UNAUTHORIZED")
    assert session_of(server.script(authorization=f"Bearer {jwt}")) is None


def test_somebody_elses_session_and_none_at_all_are_answered_alike(server):
    ada, bob = entered(server), entered(server, BOB)
    handle = session_of(bob)["session"]["token"]
    for token in (handle, "nothing", "00000000-0000-7000-8000-000000000000"):
        assert ada.post(f"{BASE}/revoke-session", json={"token": token}).json() == {"status": True}
    assert session_of(bob) is not None


def test_one_can_end_ones_own_session(server):
    browser = entered(server)
    handle = session_of(browser)["session"]["token"]
    browser.post(f"{BASE}/revoke-session", json={"token": handle})
    assert browser.token is None


def test_all_means_this_one_too(server):
    browser, other = entered(server), entered(server)
    assert browser.post(f"{BASE}/revoke-sessions", json={}).json() == {"status": True}
    assert browser.token is None
    assert session_of(other) is None


def test_a_new_password_ends_the_others_and_every_bearer_token(server):
    browser, other = entered(server), entered(server)
    old = derived(server, browser)
    answer = browser.post(
        f"{BASE}/change-password", json={"currentPassword": PASSWORD, "newPassword": "another ship, bottled"}
    )
    assert answer.status_code == 200
    assert answer.json()["token"] == answer.headers["set-auth-token"] != old
    assert session_of(browser) is not None
    assert session_of(other) is None
    assert session_of(server.script(authorization=f"Bearer {old}")) is None


def derived(server: Guests, browser: Browser) -> str:
    """The bearer token that the browser was given when it signed in."""
    (token,) = {
        a.headers["set-auth-token"]
        for a in browser.answers
        if "set-auth-token" in a.headers and a.cookies.get(SESSION) == browser.token
    }
    return token


# ── bearer tokens ─────────────────────────────────────────────────────────────────────────────


def bearer(server: Guests, email: str = ADA) -> str:
    entered(server, email)
    answer = saying(server.script()).post(
        f"{BASE}/sign-in/email", json={"email": email, "password": PASSWORD}
    )
    token: str = answer.json()["token"]
    assert token == answer.headers["set-auth-token"]
    return token


def test_a_bearer_token_opens_without_a_cookie_and_without_an_origin(server):
    script = server.script(authorization=f"bearer {bearer(server)}")
    assert session_of(script)["user"]["email"] == ADA
    assert script.post(f"{BASE}/update-user", json={"name": "Ada L."}).json() == {"status": True}


def test_a_bearer_token_is_no_cookie_and_refreshes_nothing(server):
    token = bearer(server)
    browser = page(server)
    browser.hold(token)
    assert session_of(browser) is None
    assert browser.post(f"{BASE}/refresh", json={"refresh_token": token}).status_code == 401


@pytest.mark.parametrize("kind", ["bearer", "jwt"])
def test_what_opens_in_a_header_is_no_cookie_even_while_it_is_remembered(open_server, kind):
    server = open_server(better_auth=True, cookie_cache=timedelta(minutes=5))
    browser = entered(server)
    jwt = browser.get(f"{BASE}/get-session").headers["set-auth-jwt"]
    held = jwt if kind == "jwt" else derived(server, browser)
    script = server.script(authorization=f"Bearer {held}")
    assert script.get(f"{BASE}/sessions/current").status_code == 200
    thief = page(server)
    thief.hold(held)
    assert session_of(thief) is None
    assert thief.get(f"{BASE}/sessions/current").status_code == 401


def test_a_cookie_is_no_bearer_token(server):
    script = server.script(authorization=f"Bearer {entered(server).token}")
    assert session_of(script) is None


def test_a_bearer_token_outlives_rotations_of_the_cookie_beside_it(server):
    browser = entered(server)
    token = derived(server, browser)
    for _ in range(3):
        browser.post(f"{BASE}/refresh")
        session_of(browser)
        server.clock.tick(minutes=30)
    assert session_of(server.script(authorization=f"Bearer {token}")) is not None


def test_a_bad_bearer_token_hides_no_cookie(server):
    browser = entered(server)
    answer = browser.get(f"{BASE}/get-session", headers={"authorization": "Bearer nonsense.nonsense"})
    assert answer.json()["user"]["email"] == ADA


def test_a_bad_bearer_token_excuses_no_page_from_saying_where_it_is_from(server):
    browser = entered(server)
    answer = browser.post(
        f"{BASE}/update-user",
        json={"name": "Eve"},
        headers={
            "authorization": "Bearer sjb_x",
            "origin": "https://evil.test",
            "sec-fetch-site": "cross-site",
        },
    )
    assert answer.status_code in (401, 403)
    assert session_of(browser)["user"]["name"] != "Eve"


def test_bearer_tokens_can_be_switched_off(open_server):
    server = open_server(better_auth=True, better_auth_bearer=False)
    browser = page(server)
    answer = browser.post(f"{BASE}/sign-up/email", json={"name": "Ada", "email": ADA, "password": PASSWORD})
    assert answer.json()["token"] is None
    assert "set-auth-token" not in answer.headers
    assert "set-auth-jwt" not in browser.get(f"{BASE}/get-session").headers


@pytest.mark.parametrize("settings", [{}, {"better_auth": True, "better_auth_bearer": False}])
def test_where_they_are_off_an_older_one_opens_nothing(open_server, settings):
    server = open_server(**settings)
    issued = server.start("ada")
    script = server.script(authorization=f"Bearer {derive(issued.session, server.sessions.keys, 'bearer')}")
    assert script.get(f"{BASE}/sessions/current").status_code == 401
    if settings:
        assert session_of(script) is None
        assert said(entered(server, BOB).get(f"{BASE}/token")) == (404, "NOT_FOUND")


@pytest.mark.req("N-07")
def test_no_credential_goes_over_a_line_that_others_read(open_server):
    server = open_server(better_auth=True, multi_session=True, rotate_every=timedelta(minutes=15))
    browser = entered(server, BOB, entered(server))
    ada = chosen(browser, ADA)
    server.clock.tick(minutes=20)
    browser.base_url = "http://good.test"
    for name, value in dict(browser.cookies).items():
        browser.cookies.set(name, value, domain="good.test")  # which no browser would send
    answer = browser.get(f"{BASE}/get-session")
    assert answer.json()["user"]["email"] == BOB
    assert not {"set-cookie", "set-auth-jwt"} & answer.headers.keys()
    for path in ("multi-session/set-active", "multi-session/revoke"):
        assert browser.post(f"{BASE}/{path}", json=ada).status_code in (200, 403)
        assert "sjn_" not in browser.answers[-1].headers.get("set-cookie", "")
    assert said(browser.get(f"{BASE}/token")) == (403, "HTTPS_REQUIRED")


# ── where a request comes from ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", ["update-user", "revoke-sessions", "change-password", "delete-user"])
@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"origin": "https://evil.test", "sec-fetch-site": "cross-site"}, "INVALID_ORIGIN"),
        ({"origin": "https://evil.test"}, "INVALID_ORIGIN"),
        ({"origin": "null"}, "MISSING_OR_NULL_ORIGIN"),
        ({}, "MISSING_OR_NULL_ORIGIN"),
        ({"referer": "https://evil.test/x"}, "INVALID_ORIGIN"),
    ],
)
def test_a_cookie_needs_an_origin_that_is_ours(server, path, headers, code):
    browser = entered(server)
    del browser.headers["origin"]
    if "sec-fetch-site" not in headers:
        del browser.headers["sec-fetch-site"]
    assert said(browser.post(f"{BASE}/{path}", json={}, headers=headers)) == (403, code)
    browser.headers["origin"] = ORIGIN
    assert session_of(browser) is not None


def test_no_other_site_signs_anybody_in(server):
    entered(server)
    victim = server.browser(CHROME)
    victim.headers |= {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    answer = victim.post(f"{BASE}/sign-in/email", data={"email": ADA, "password": PASSWORD})
    assert answer.status_code == 403
    assert victim.token is None


def test_a_page_of_nowhere_signs_nobody_in(server):
    script = server.script(**{"sec-fetch-mode": "cors"})
    answer = script.post(f"{BASE}/sign-in/email", json={"email": ADA, "password": PASSWORD})
    assert said(answer) == (403, "MISSING_OR_NULL_ORIGIN")


def test_a_form_signs_in_as_well(server):
    entered(server)
    browser = page(server)
    answer = browser.post(
        f"{BASE}/sign-in/email", data={"email": ADA, "password": PASSWORD, "rememberMe": "false"}
    )
    assert answer.status_code == 200
    assert "max-age" not in answer.headers["set-cookie"].split(SESSION + "=")[1].lower()


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.test/",
        "//evil.test",
        "/\\evil.test",
        f"{ORIGIN}.evil.test/",
        f"{ORIGIN}@evil.test",
        "/a\nb",
        "evil",
        "javascript:1",
        "/ü",
    ],
)
def test_nobody_is_sent_away_after_signing_in(server, url):
    entered(server)
    body = {"email": ADA, "password": PASSWORD, "callbackURL": url}
    answer = page(server).post(f"{BASE}/sign-in/email", json=body)
    assert said(answer) == (403, "INVALID_CALLBACK_URL")


@pytest.mark.parametrize("url", ["/account", f"{ORIGIN}/account?x=1", ORIGIN])
def test_a_place_of_ours_is_where_to_go(server, url):
    entered(server)
    body = {"email": ADA, "password": PASSWORD, "callbackURL": url}
    answer = page(server).post(f"{BASE}/sign-in/email", json=body)
    assert (answer.json()["redirect"], answer.json()["url"], answer.headers["location"]) == (True, url, url)


@pytest.mark.parametrize("dialect", [False, True])
@pytest.mark.parametrize("sent", [{}, {"json": {}}, {"data": {"a": "b"}}, {"content": b""}])
@pytest.mark.parametrize("signed_in", [False, True])
def test_signing_out_is_one_route_for_everybody(open_server, dialect, sent, signed_in):
    server = open_server(better_auth=dialect)
    browser = page(server)
    if signed_in:
        browser.sign_up()
    answer = browser.post(f"{BASE}/sign-out", **sent)
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert browser.token is None


@pytest.mark.parametrize("headers", [{}, {"origin": "null"}, {"origin": "https://evil.test"}])
@pytest.mark.parametrize("fetch", [{}, {"sec-fetch-site": "same-origin"}])
def test_signing_out_takes_the_stricter_of_both_rules(server, headers, fetch):
    browser = entered(server)
    del browser.headers["origin"], browser.headers["sec-fetch-site"]
    assert browser.post(f"{BASE}/sign-out", json={}, headers=headers | fetch).status_code == 403
    browser.headers["origin"] = ORIGIN
    assert session_of(browser) is not None


# ── several accounts ──────────────────────────────────────────────────────────────────────────


def accounts_in(browser: Browser) -> list[str]:
    shown = browser.get(f"{BASE}/multi-session/list-device-sessions").json()
    return [each["user"]["email"] for each in shown]


def chosen(browser: Browser, email: str) -> dict[str, str]:
    shown = browser.get(f"{BASE}/multi-session/list-device-sessions").json()
    (handle,) = [each["session"]["token"] for each in shown if each["user"]["email"] == email]
    return {"sessionToken": handle}


def test_a_browser_keeps_several_accounts_and_changes_between_them(server):
    browser = entered(server, BOB, entered(server))
    assert accounts_in(browser) == [BOB, ADA]
    answer = browser.post(f"{BASE}/multi-session/set-active", json=chosen(browser, ADA))
    assert answer.json()["user"]["email"] == ADA
    assert session_of(browser)["user"]["email"] == ADA
    assert accounts_in(browser) == [ADA, BOB]


def test_what_is_parked_is_the_newest_token_whatever_came(open_server):
    server = open_server(better_auth=True, multi_session=True, rotate_every=timedelta(minutes=15))
    browser = entered(server, BOB, entered(server))
    server.clock.tick(minutes=16)
    jar, bob = dict(browser.cookies), chosen(browser, BOB)  # the list has rotated Bob's token in passing
    tab = page(server)
    for name, value in jar.items():
        tab.cookies.set(name, value, domain="good.test")
    assert session_of(browser)["user"]["email"] == BOB
    assert tab.post(f"{BASE}/multi-session/set-active", json=chosen(tab, ADA)).status_code == 200
    server.clock.tick(minutes=11)
    assert tab.post(f"{BASE}/multi-session/set-active", json=bob).json()["user"]["email"] == BOB


def test_who_signs_in_again_has_one_session_here(server):
    browser = entered(server, ADA, entered(server, BOB, entered(server)))
    assert accounts_in(browser) == [ADA, BOB]
    assert len(browser.get(f"{BASE}/list-sessions").json()) == 1


def test_when_the_active_account_goes_the_next_one_is_active(server):
    browser = entered(server, BOB, entered(server))
    browser.post(f"{BASE}/multi-session/revoke", json=chosen(browser, BOB))
    assert session_of(browser)["user"]["email"] == ADA
    browser.post(f"{BASE}/multi-session/revoke", json=chosen(browser, ADA))
    assert accounts_in(browser) == []
    assert browser.token is None


def test_signing_out_ends_every_account_of_the_browser(server):
    browser = entered(server, BOB, entered(server))
    kept = dict(browser.cookies)
    browser.post(f"{BASE}/sign-out", json={})
    assert accounts_in(browser) == []
    thief = page(server)
    for name, value in kept.items():
        thief.cookies.set(name, value, domain="good.test")
    assert session_of(thief) is None
    assert accounts_in(thief) == []


def test_no_forged_or_borrowed_cookie_makes_an_account(server):
    ada, bob = entered(server), entered(server, BOB)
    theirs = session_of(bob)["session"]["id"].replace("-", "")
    mine = session_of(ada)["session"]["id"].replace("-", "")
    for value in ("forged", ada.token or "", f"{theirs}", derived(server, ada)):
        ada.cookies.set(f"{SESSION}-other-{theirs}", value, domain="good.test")
        assert accounts_in(ada) == [ADA]
        answer = ada.post(
            f"{BASE}/multi-session/set-active", json={"sessionToken": session_of(bob)["session"]["id"]}
        )
        assert said(answer) == (401, "INVALID_SESSION_TOKEN")
        ada.post(f"{BASE}/multi-session/revoke", json={"sessionToken": session_of(bob)["session"]["id"]})
        assert session_of(bob) is not None
    assert mine != theirs


def test_who_bears_a_token_takes_nobodys_cookie_back(server):
    ada, bob = entered(server), entered(server, BOB)
    bob.headers["authorization"] = f"Bearer {derived(server, ada)}"
    handle = {"sessionToken": session_of(ada)["session"]["token"]}
    answer = bob.post(f"{BASE}/multi-session/revoke", json=handle)
    assert answer.json() == {"status": True}
    assert "set-cookie" not in answer.headers
    assert session_of(ada) is None


def test_where_a_browser_has_one_account_the_next_one_replaces_it(open_server):
    server = open_server(better_auth=True)
    browser = entered(server)
    before = browser.token
    entered(server, BOB, browser)
    ada = page(server)
    ada.hold(before)
    assert session_of(ada) is None


# ── what a client may set ─────────────────────────────────────────────────────────────────────


def test_a_client_sets_the_fields_that_it_may_and_no_others(server):
    browser = entered(server)
    answer = browser.post(f"{BASE}/update-session", json={"theme": "dark", "userId": "eve", "role": "admin"})
    assert answer.json()["session"]["theme"] == "dark"
    shown = session_of(browser)["session"]
    assert shown["theme"] == "dark"
    assert "role" not in shown
    assert shown["userId"] != "eve"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, (400, None)),
        ({"userId": "eve"}, (400, None)),
        ([], (400, "BODY_MUST_BE_AN_OBJECT")),
        ({"theme": {"deep": 1}}, (400, "FIELD_NOT_ALLOWED")),
        ({"theme": "x" * 20_000}, (413, "DATA_TOO_LARGE")),
    ],
)
def test_what_a_client_may_not_set_is_said(server, body, expected):
    assert said(entered(server).post(f"{BASE}/update-session", json=body)) == expected


def test_a_store_that_is_away_is_no_sign_out(server):
    browser = entered(server)
    server.lose_store()
    answer = browser.get(f"{BASE}/get-session?disableCookieCache=true")
    assert answer.status_code == 503
    assert browser.token is not None


def test_forwarded_addresses_are_believed_from_named_proxies_only(server):
    browser = entered(server, browser=page(server, **{"x-forwarded-for": "198.51.100.1"}))
    assert session_of(browser)["session"]["ipAddress"] == "203.0.113.7"


def test_an_account_is_forgotten_with_its_password_or_soon_after_signing_in(server, clock: FakeClock):
    browser = entered(server)
    clock.tick(hours=1)
    assert said(browser.post(f"{BASE}/delete-user", json={})) == (400, "SESSION_EXPIRED")
    assert said(browser.post(f"{BASE}/delete-user", json={"password": "not this one"})) == (
        400,
        "INVALID_PASSWORD",
    )
    assert browser.post(f"{BASE}/delete-user", json={"password": PASSWORD}).json()["success"] is True
    assert browser.token is None
    assert server.run(server.accounts.by_email, ADA) is None
