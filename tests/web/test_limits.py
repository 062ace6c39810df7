"""How many sessions, for how long: by role, application, tenant, and for who wants to stay signed in."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest

from sojourn.directory import Directory
from tests.web.kit import IPHONE, Browser, Guests, code

API = "/api/auth"


def current(browser: Browser) -> dict[str, Any]:
    answer = browser.get(f"{API}/sessions/current")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def seconds(browser: Browser) -> tuple[int, int]:
    limits = current(browser)["limits"]
    return limits["lifetime"], limits["idle_timeout"]


@pytest.mark.req("A7-7.1.2")
def test_who_is_asked_chooses_which_session_gives_way(open_server):
    server: Guests = open_server(max_sessions=1, at_cap="ask")
    first, second = server.browser(), server.browser(IPHONE)
    first.sign_up()
    full = second.sign_in()
    assert (full.status_code, code(full)) == (409, "too_many_sessions")
    (shown,) = full.json()["sessions"]
    assert shown["device"]["name"] == "Firefox 143 on Linux"
    assert str(first.token) not in full.text
    assert first.signed_in()
    assert second.sign_in(end=[shown["id"]]).status_code == 200
    assert second.signed_in()
    assert not first.signed_in()


def test_who_is_refused_is_not_told_which_are_there(open_server):
    server: Guests = open_server(max_sessions=1, at_cap="refuse")
    server.browser().sign_up()
    full = server.browser(IPHONE).sign_in()
    assert code(full) == "too_many_sessions"
    assert "sessions" not in full.json()


@pytest.mark.req("AX-8.2.2")
def test_nobody_makes_room_among_somebody_elses_sessions(server, ada):
    eve = server.browser()
    eve.sign_up("eve@example.org")
    victim = current(ada)["session"]["id"]
    assert server.browser(IPHONE).sign_in("eve@example.org", end=[victim]).status_code == 200
    assert ada.signed_in()


def test_a_wrong_password_makes_no_room(server, ada):
    mine = current(ada)["session"]["id"]
    assert server.browser(IPHONE).sign_in(password="a wrong one", end=[mine]).status_code == 401
    assert ada.signed_in()


def test_who_wants_to_stay_signed_in_may_for_longer(open_server):
    server: Guests = open_server(remembered={"lifetime": "90d", "idle_timeout": "60d"})
    browser, other = server.browser(), server.browser(IPHONE)
    browser.sign_up()
    other.sign_in(remember=True)
    assert seconds(browser) == (30 * 86_400, 14 * 86_400)
    assert seconds(other) == (90 * 86_400, 60 * 86_400)
    server.clock.tick(days=40)
    assert not browser.signed_in()
    assert other.signed_in()


@pytest.mark.req("A7-7.3.1")
def test_a_role_has_limits_of_its_own_from_the_moment_it_is_given(open_server):
    server: Guests = open_server(profiles={"admin": {"lifetime": "12h", "idle_timeout": "15m"}})
    browser = server.browser()
    browser.sign_up()
    accounts = server.accounts
    server.run(accounts.set_role, current(browser)["user"]["id"], "admin")
    assert seconds(browser) == (12 * 3600, 15 * 60)
    server.clock.tick(minutes=20)
    assert not browser.signed_in()


def test_rules_of_an_application_hold_for_its_sessions_alone(server, directory: Directory, ada):
    server.run(
        directory.create_application,
        "Bank",
        id="bank",
        public=True,
        redirect_uris=["https://bank.test/"],
        rules={"lifetime": "1h", "idle_timeout": "5m"},
    )
    answer = server.script().sign_in(mode="bearer", application_id="bank").json()
    assert answer["session"]["application_id"] == "bank"
    headers = {"authorization": f"Bearer {answer['access_token']}"}
    limits = server.script().get(f"{API}/sessions/current", headers=headers).json()["limits"]
    assert (limits["lifetime"], limits["idle_timeout"]) == (3600, 300)
    assert seconds(ada)[0] == 30 * 86_400
    server.clock.tick(minutes=7)
    assert {row["application_id"] for row in ada.rows()} == {None}


@pytest.mark.parametrize(("field", "name"), [("application_id", "nobody"), ("tenant_id", "nowhere")])
def test_an_unknown_application_or_tenant_is_refused_after_the_password(server, ada, field, name):
    assert server.script().sign_in(mode="bearer", **{field: name}).status_code == 404
    wrong = server.script().sign_in(mode="bearer", password="a wrong one", **{field: name})
    assert wrong.status_code == 401
    assert len(ada.rows()) == 1


def test_lists_and_endings_go_by_application_and_tenant(server, directory: Directory, ada):
    tenant = server.run(directory.create_tenant, "acme")
    server.script().sign_in(mode="bearer", tenant_id="acme")
    rows = ada.get(f"{API}/sessions", params={"tenant_id": tenant.id}).json()
    assert (rows["count"], rows["sessions"][0]["tenant_id"]) == (1, tenant.id)
    assert server.run(directory.suspend_tenant, "acme") == 1
    refused = server.script().sign_in(mode="bearer", tenant_id="acme")
    assert refused.status_code == 403
    assert len(ada.rows()) == 1
    server.clock.tick(seconds=5)
    server.run(directory.resume_tenant, "acme")
    assert server.script().sign_in(mode="bearer", tenant_id="acme").status_code == 200


def test_without_javascript_a_page_asks_which_session_gives_way(open_server):
    server: Guests = open_server(max_sessions=1, at_cap="ask")
    first, second = server.browser(), server.browser(IPHONE)
    first.sign_up()
    field = re.search(r'name="csrf" value="([^"]*)"', second.get("/sign-in").text)
    assert field
    form = {
        "csrf": html.unescape(field.group(1)),
        "email": "ada@example.org",
        "password": "a ship in a bottle",
    }
    asked = second.post("/sign-in", data=form)
    assert asked.status_code == 409
    assert "Firefox 143 on Linux</bdi> · <bdi>Location unknown</bdi> · Active now" in asked.text
    (choice,) = re.findall(r'name="end" type="radio" value="([^"]*)"', asked.text)
    assert second.post("/sign-in", data=form | {"end": choice}).status_code == 303
    assert second.signed_in()
    assert not first.signed_in()


def test_administrators_look_for_sessions_by_application_and_tenant(server, directory: Directory, ada):
    tenant = server.run(directory.create_tenant, "acme")
    user = current(ada)["user"]["id"]
    server.start(user, application_id="app_one", bearer=True)
    server.start(user, tenant_id=tenant.id, bearer=True)
    server.run(server.accounts.set_role, user, "admin")
    for query in ({"application_id": "app_one"}, {"tenant_id": tenant.id}):
        found = ada.get("/api/admin/sessions", params=query).json()
        assert found["count"] == len(found["sessions"]) == 1
        assert found["sessions"][0].items() >= query.items()
