"""What people do to one device in their list, over HTTP: undo, "not me", a name; and their preferences."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from sojourn import Reason
from sojourn.background import Worker
from sojourn.events import Reported, Revoked
from tests.web.conftest import OpenServer
from tests.web.kit import (
    ADA,
    BOB,
    CHROME,
    DEVICE,
    FIREFOX_UPDATED,
    IPHONE,
    PASSWORD,
    SESSION,
    Browser,
    Guests,
    code,
    cookies_set,
)

API = "/api/auth"
SESSIONS = f"{API}/sessions"


@pytest.fixture
def phone(server: Guests, ada: Browser) -> Browser:
    """Another browser of the same user."""
    browser = server.browser(IPHONE)
    assert browser.sign_in().status_code == 200
    return browser


def row_of(browser: Browser, id: str) -> dict[str, Any]:
    return next(row for row in browser.rows() if row["id"] == id)


def hold(browser: Browser, id: str) -> Any:
    return browser.delete(f"{SESSIONS}/{id}", params={"undo": "true"})


# ── undo ──────────────────────────────────────────────────────────────────────────────────────


def test_a_sign_out_that_can_be_undone_says_until_when(server, ada, phone):
    id = phone.session_id
    answer = hold(ada, id)
    assert answer.status_code == 200
    assert answer.json() == {"id": id, "undo_until": "2026-03-02T09:00:10.000Z"}
    assert [row["id"] for row in ada.rows()] == [ada.session_id]


def test_the_held_device_is_refused_and_keeps_its_cookie(ada, phone):
    hold(ada, phone.session_id)
    answer = phone.get(SESSIONS)
    assert (answer.status_code, code(answer), answer.headers["x-session-code"]) == (
        401,
        "session_revoked",
        "session_revoked",
    )
    assert (answer.json()["reason"], answer.json()["device"]) == ("user", "Firefox 143 on Linux")
    assert cookies_set(answer) == {}
    assert not phone.signed_in()
    assert code(phone.post(f"{API}/refresh")) == "session_revoked"
    assert phone.token is not None


def test_undo_brings_the_device_back(server, ada, phone):
    id = phone.session_id
    before = row_of(ada, id)
    hold(ada, id)
    assert not phone.signed_in()
    server.clock.tick(seconds=9)
    answer = ada.post(f"{SESSIONS}/{id}/undo")
    assert (answer.status_code, answer.json()) == (200, before)
    assert phone.signed_in()
    assert phone.post(f"{API}/refresh").status_code == 200
    assert server.told(Revoked) == []
    assert ada.get(f"{SESSIONS}/history").json()["count"] == 0


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", f"{API}/get-session"), ("POST", f"{API}/admin/stop-impersonating")],
)
def test_better_auths_client_keeps_the_cookie_of_what_is_held(open_server: OpenServer, method, path):
    """Once it is final they take it back."""
    server = open_server(better_auth=True)
    ada, phone = server.browser(), server.browser(IPHONE)
    ada.sign_up()
    phone.sign_in()
    id = phone.session_id
    for _ in range(2):
        hold(ada, id)
        assert cookies_set(phone.request(method, path)) == {}
        assert ada.post(f"{SESSIONS}/{id}/undo").status_code == 200
        assert phone.signed_in()
    hold(ada, id)
    server.clock.tick(seconds=10)
    assert cookies_set(phone.request(method, path))[SESSION].value == ""


def test_another_account_of_a_browser_is_not_lost_while_it_is_held(open_server: OpenServer):
    server = open_server(better_auth=True, multi_session=True)
    ada, phone = server.browser(), server.browser(IPHONE)
    ada.sign_up()
    phone.sign_in()
    id = phone.session_id
    bob = {"email": BOB, "password": PASSWORD, "name": "Bob"}
    assert phone.post(f"{API}/sign-up/email", json=bob).status_code == 200
    hold(ada, id)
    used = {"sessionToken": phone.session_id}
    assert phone.post(f"{API}/multi-session/revoke", json=used).status_code == 200
    assert ada.post(f"{SESSIONS}/{id}/undo").status_code == 200
    assert phone.post(f"{API}/multi-session/set-active", json={"sessionToken": id}).status_code == 200
    assert phone.session_id == id


def test_after_ten_seconds_it_is_final(server, ada, phone):
    id = phone.session_id
    hold(ada, id)
    assert ada.get(f"{SESSIONS}/history").json()["count"] == 0
    server.clock.tick(seconds=10)
    answer = ada.post(f"{SESSIONS}/{id}/undo")
    assert (answer.status_code, code(answer)) == (409, "undo_expired")
    assert not phone.signed_in()
    (ended,) = ada.get(f"{SESSIONS}/history").json()["sessions"]
    assert (ended["id"], ended["reason"], ended["by"]) == (id, "user", "user")
    assert ended["ended_at"] == "2026-03-02T09:00:10.000Z"


def test_the_end_of_a_hold_is_told_by_the_background_work(server, ada, phone):
    id = phone.session_id
    hold(ada, id)
    at = server.clock.tick(minutes=2)
    server.run(Worker(server.sessions).step, at)
    (told,) = server.told(Revoked)
    assert (str(told.session_id), told.reason, told.by) == (id, Reason.USER, told.user_id)


@pytest.mark.req("TH-24", "AX-8.2.2")
def test_only_the_browser_that_signed_it_out_undoes_it(server, ada, phone):
    id, mac, bob = phone.session_id, server.browser(CHROME), server.browser(CHROME)
    mac.sign_in()
    bob.sign_up(BOB)
    hold(ada, id)
    for browser in (mac, bob):
        answer = browser.post(f"{SESSIONS}/{id}/undo")
        assert (answer.status_code, code(answer)) == (404, "not_found")
    answer = phone.post(f"{SESSIONS}/{id}/undo")
    assert (answer.status_code, code(answer)) == (401, "session_revoked")
    assert ada.post(f"{SESSIONS}/{id}/undo").status_code == 200


@pytest.mark.parametrize("undo", ["", "false", "1", "True"])
def test_without_the_word_a_sign_out_is_final(ada, phone, undo):
    id = phone.session_id
    answer = ada.delete(f"{SESSIONS}/{id}", params={"undo": undo})
    assert answer.json() == {"id": id, "undo_until": None}
    answer = ada.post(f"{SESSIONS}/{id}/undo")
    assert (answer.status_code, code(answer)) == (404, "not_found")


def test_of_ones_own_session_it_is_a_sign_out(ada):
    id = ada.session_id
    answer = hold(ada, id)
    assert answer.json() == {"id": id, "undo_until": None}
    assert cookies_set(answer)[SESSION]["max-age"] == "0"


@pytest.mark.parametrize("path", ["", "/undo", "/report"])
@pytest.mark.parametrize("id", [uuid4(), "me"])
def test_of_what_is_not_there_nothing_is_told(ada, path, id):
    method, params = ("POST", {}) if path else ("DELETE", {"undo": "true"})
    answer = ada.request(method, f"{SESSIONS}/{id}{path}", params=params)
    assert (answer.status_code, code(answer)) == (404, "not_found")


def test_signed_out_twice_it_is_undone_once(ada, phone):
    id = phone.session_id
    assert hold(ada, id).json() == hold(ada, id).json()
    for _ in range(2):
        assert ada.post(f"{SESSIONS}/{id}/undo").status_code == 200
    assert phone.signed_in()


def test_where_the_policy_has_no_undo_a_sign_out_is_final(open_server: OpenServer):
    server = open_server(undo_for=timedelta(0))
    ada, phone = server.browser(), server.browser(IPHONE)
    ada.sign_up()
    phone.sign_in()
    id = phone.session_id
    assert ada.get(f"{SESSIONS}/current").json()["limits"]["undo_for"] == 0
    assert hold(ada, id).json() == {"id": id, "undo_until": None}
    assert [event.reason for event in server.told(Revoked)] == [Reason.USER]
    assert not phone.signed_in()


def test_a_client_is_told_how_long_undo_lasts(ada):
    assert ada.get(f"{SESSIONS}/current").json()["limits"]["undo_for"] == 10


def test_signing_in_again_on_the_held_device_leaves_nothing_to_undo(ada, phone):
    id = phone.session_id
    hold(ada, id)
    assert phone.sign_in().status_code == 200
    assert code(ada.post(f"{SESSIONS}/{id}/undo")) == "undo_expired"
    assert phone.signed_in()


# ── not me ────────────────────────────────────────────────────────────────────────────────────


def test_not_me_signs_the_device_out_for_good_and_tells_it(server, ada, phone):
    id, mine = phone.session_id, ada.session_id
    answer = ada.post(f"{SESSIONS}/{id}/report")
    assert (answer.status_code, answer.json()) == (200, {"id": id, "count": 1})
    assert code(phone.get(SESSIONS)) == "session_revoked"
    assert phone.get(SESSIONS).json()["reason"] == "reported"
    (told,) = server.told(Reported)
    assert (str(told.session_id), str(told.by), told.name) == (id, mine, "session-reported")
    assert [event.reason for event in server.told(Revoked)] == [Reason.REPORTED]
    assert code(ada.post(f"{SESSIONS}/{id}/undo")) == "not_found"
    (ended,) = ada.get(f"{SESSIONS}/history").json()["sessions"]
    assert (ended["reason"], ended["by"]) == ("reported", "user")


def test_not_me_may_take_all_others_along_after_a_fresh_sign_in(server, ada, phone):
    mac, id = server.browser(CHROME), phone.session_id
    mac.sign_in()
    server.clock.tick(minutes=10)
    answer = ada.post(f"{SESSIONS}/{id}/report", json={"others": True})
    assert (answer.status_code, code(answer)) == (403, "reauth_required")
    assert answer.json()["methods"] == ["password"]
    assert phone.signed_in()
    assert ada.post(f"{API}/reauthenticate", json={"password": PASSWORD}).status_code == 200
    answer = ada.post(f"{SESSIONS}/{id}/report", json={"others": True})
    assert answer.json() == {"id": id, "count": 2}
    assert [browser.signed_in() for browser in (ada, phone, mac)] == [True, False, False]


def test_not_me_without_the_others_needs_no_fresh_sign_in(server, ada, phone):
    server.clock.tick(minutes=10)
    assert ada.post(f"{SESSIONS}/{phone.session_id}/report", json={}).status_code == 200


def test_nobody_says_not_me_of_the_session_in_use(server, ada):
    answer = ada.post(f"{SESSIONS}/{ada.session_id}/report")
    assert (answer.status_code, answer.json()["message"]) == (
        422,
        "This is the session you are using now. Sign out instead.",
    )
    assert server.told(Reported) == []


@pytest.mark.req("TH-24", "AX-8.2.2")
@pytest.mark.parametrize("act", ["undo", "report", "rename", "hold"])
def test_nobody_does_any_of_it_to_somebody_elses_device(server, ada, phone, act):
    bob, id = server.browser(CHROME), phone.session_id
    bob.sign_up(BOB)
    answer = {
        "undo": lambda: bob.post(f"{SESSIONS}/{id}/undo"),
        "report": lambda: bob.post(f"{SESSIONS}/{id}/report"),
        "rename": lambda: bob.patch(f"{SESSIONS}/{id}", json={"name": "mine"}),
        "hold": lambda: hold(bob, id),
    }[act]()
    assert (answer.status_code, code(answer)) == (404, "not_found")
    assert phone.signed_in()
    assert row_of(ada, id)["device"]["custom_name"] is None


# ── a name ────────────────────────────────────────────────────────────────────────────────────


def test_a_device_gets_a_name_and_loses_it(ada, phone):
    id = phone.session_id
    answer = ada.patch(f"{SESSIONS}/{id}", json={"name": " Kitchen\u202e  tablet\n"})
    assert (answer.status_code, answer.json()["device"]["custom_name"]) == (200, "Kitchen tablet")
    assert answer.json()["current"] is False
    assert row_of(phone, id)["device"]["custom_name"] == "Kitchen tablet"
    for name in ("", None):
        assert ada.patch(f"{SESSIONS}/{id}", json={"name": name}).json()["device"]["custom_name"] is None


def test_the_device_in_use_shows_its_new_name_at_once(ada):
    id = ada.session_id
    ada.get(f"{SESSIONS}/current")
    ada.patch(f"{SESSIONS}/{id}", json={"name": "Desk"})
    current = ada.get(f"{SESSIONS}/current").json()["session"]
    assert (current["device"]["custom_name"], current["current"]) == ("Desk", True)


def test_a_name_outlives_an_update_of_the_browser(server, ada):
    ada.patch(f"{SESSIONS}/{ada.session_id}", json={"name": "Desk"})
    ada.headers["user-agent"] = FIREFOX_UPDATED
    ada.get(SESSIONS)
    device = ada.rows()[0]["device"]
    assert (device["custom_name"], device["browser_version"][:3]) == ("Desk", "144")


@pytest.mark.parametrize("again", ["replaced", "after a sign-out", "in another account"])
def test_who_signs_in_again_finds_the_name(server, ada, again):
    ada.patch(f"{SESSIONS}/{ada.session_id}", json={"name": "Desk"})
    if again != "replaced":
        ada.post(f"{API}/sign-out")
        server.clock.tick(days=1)
    if again == "in another account":
        assert ada.sign_up(BOB).status_code == 201
    else:
        assert ada.sign_in().status_code == 200
    (row,) = ada.rows()
    assert row["device"]["custom_name"] == (None if again == "in another account" else "Desk")


def test_a_browser_without_its_cookie_is_a_new_device(server, ada):
    ada.patch(f"{SESSIONS}/{ada.session_id}", json={"name": "Desk"})
    ada.cookies.delete(DEVICE)
    ada.post(f"{API}/sign-out")
    ada.cookies.clear()
    ada.sign_in()
    assert ada.rows()[0]["device"]["custom_name"] is None


def test_a_name_asks_for_a_fresh_sign_in(server, ada):
    id = ada.session_id
    server.clock.tick(minutes=10)
    answer = ada.patch(f"{SESSIONS}/{id}", json={"name": "Desk"})
    assert (answer.status_code, code(answer)) == (403, "reauth_required")


@pytest.mark.parametrize("body", [{}, {"name": 1}, {"name": "x" * 61}, {"name": "x" * 1001}, {"nom": "x"}])
def test_what_is_no_name_is_refused(ada, body):
    assert ada.patch(f"{SESSIONS}/{ada.session_id}", json=body).status_code == 422


# ── preferences ───────────────────────────────────────────────────────────────────────────────

PREFERENCES = f"{API}/preferences"
MINUTE, HOUR, DAY = 60, 3_600, 86_400
UNTOUCHED = {
    "idle_timeout": None,
    "idle_timeout_most": 14 * DAY,
    "idle_timeout_least": 5 * MINUTE,
    "choices": [5 * MINUTE, 15 * MINUTE, HOUR, 8 * HOUR, DAY, 7 * DAY],
}


def test_nothing_is_decided_at_first(ada):
    assert ada.get(PREFERENCES).json() == UNTOUCHED


def test_a_shorter_idle_timeout_holds_at_once_everywhere(server, ada, phone):
    answer = ada.patch(PREFERENCES, json={"idle_timeout": HOUR})
    assert (answer.status_code, answer.json()) == (200, UNTOUCHED | {"idle_timeout": HOUR})
    limits = phone.get(f"{SESSIONS}/current").json()["limits"]
    assert (limits["idle_timeout"], limits["idle_timeout_words"]) == (HOUR, "1 hour")
    server.clock.tick(minutes=62)
    answer = phone.get(SESSIONS)
    assert (code(answer), answer.json()["reason"]) == ("session_expired", "idle")
    assert answer.json()["limit_seconds"] == HOUR


@pytest.mark.parametrize("browser", ["a new one", "the same one"])
def test_it_holds_for_new_sign_ins(server, ada, browser):
    ada.patch(PREFERENCES, json={"idle_timeout": HOUR})
    ada.post(f"{API}/sign-out")
    again = ada if browser == "the same one" else server.browser(IPHONE)
    assert again.sign_in().status_code == 200
    current = again.get(f"{SESSIONS}/current").json()
    assert current["limits"]["idle_timeout"] == HOUR
    assert again.get(PREFERENCES).json()["idle_timeout"] == HOUR


def test_it_is_taken_back(server, ada):
    ada.patch(PREFERENCES, json={"idle_timeout": HOUR})
    assert ada.patch(PREFERENCES, json={"idle_timeout": None}).json() == UNTOUCHED
    server.clock.tick(hours=2)
    assert ada.signed_in()


@pytest.mark.parametrize("seconds", [5 * MINUTE, 301, 14 * DAY])
def test_any_span_that_the_policy_has_room_for_will_do(ada, seconds):
    assert ada.patch(PREFERENCES, json={"idle_timeout": seconds}).json()["idle_timeout"] == seconds


@pytest.mark.parametrize(
    "body",
    [
        *({"idle_timeout": seconds} for seconds in (0, -1, 299, 14 * DAY + 1, 1.5, "3600", True, 1 << 70)),
        {},
        {"idle_timeout": HOUR, "more": 1},
    ],
)
def test_what_cannot_be_is_refused(ada, body):
    assert ada.patch(PREFERENCES, json=body).status_code == 422
    assert ada.get(PREFERENCES).json() == UNTOUCHED


def test_what_may_be_chosen_is_bounded_by_the_policy(open_server: OpenServer):
    server = open_server(idle_timeout=timedelta(minutes=20))
    ada = server.browser()
    ada.sign_up()
    assert ada.get(PREFERENCES).json() == {
        "idle_timeout": None,
        "idle_timeout_most": 20 * MINUTE,
        "idle_timeout_least": 5 * MINUTE,
        "choices": [5 * MINUTE, 15 * MINUTE],
    }
    assert "20 minutes" in ada.patch(PREFERENCES, json={"idle_timeout": HOUR}).json()["message"]


def test_where_nothing_ends_by_idling_the_lifetime_bounds_it(open_server: OpenServer):
    server = open_server(idle_timeout=None, lifetime=timedelta(days=2))
    ada = server.browser()
    ada.sign_up()
    found = ada.get(PREFERENCES).json()
    assert (found["idle_timeout_most"], found["choices"][-1]) == (None, DAY)
    assert ada.patch(PREFERENCES, json={"idle_timeout": 2 * DAY}).status_code == 200
    assert ada.patch(PREFERENCES, json={"idle_timeout": 2 * DAY + 1}).status_code == 422


def test_under_a_very_short_policy_there_is_no_choice(open_server: OpenServer):
    short = timedelta(minutes=2)
    server = open_server(idle_timeout=short, activity_every=short / 2, touch_every=timedelta(seconds=10))
    ada = server.browser()
    ada.sign_up()
    assert ada.get(PREFERENCES).json()["choices"] == []
    answer = ada.patch(PREFERENCES, json={"idle_timeout": 300})
    assert (answer.status_code, "nothing to choose" in answer.json()["message"]) == (422, True)


def test_a_choice_that_the_policy_has_overtaken_is_not_shown(open_server: OpenServer, tmp_path):
    store = f"sqlite:///{tmp_path}/sojourn.db"
    first = open_server(store=store)
    ada = first.browser()
    ada.sign_up()
    ada.patch(PREFERENCES, json={"idle_timeout": DAY})
    again = open_server(store=store, idle_timeout=timedelta(hours=1)).browser()
    again.sign_in()
    found = again.get(PREFERENCES).json()
    assert (found["idle_timeout"], found["idle_timeout_most"]) == (None, HOUR)


def test_preferences_ask_for_a_fresh_sign_in(server, ada):
    server.clock.tick(minutes=10)
    answer = ada.patch(PREFERENCES, json={"idle_timeout": HOUR})
    assert (answer.status_code, code(answer)) == (403, "reauth_required")
    assert ada.get(PREFERENCES).status_code == 200


def test_preferences_are_nobodys_without_a_session(server):
    assert server.browser().get(PREFERENCES).status_code == 401


# ── quarantine ────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def strict(open_server: OpenServer) -> Guests:
    """A site that does not trust new sessions for a day, and on which somebody has a week-old one."""
    return open_server(quarantine_for=timedelta(days=1))


def two(server: Guests) -> tuple[Browser, Browser]:
    """Somebody's old device, and one on which they have just signed in."""
    old, new = server.browser(), server.browser(IPHONE)
    old.sign_up()
    server.clock.tick(hours=1)
    new.sign_in()
    return old, new


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("DELETE", "/sessions/{id}", None),
        ("DELETE", "/sessions/{id}?undo=true", None),
        ("POST", "/sessions/{id}/report", {}),
        ("POST", "/sessions/{id}/report", {"others": True}),
        ("PATCH", "/sessions/{id}", {"name": "x"}),
        ("POST", "/sessions/revoke-others", None),
        ("POST", "/sessions/revoke-all", {}),
        ("POST", "/sessions/revoke-all", {"include_current": True}),
    ],
)
def test_a_new_session_proves_itself_before_it_has_a_say_in_older_ones(strict, method, path, body):
    old, new = two(strict)
    address = API + path.format(id=old.session_id)
    answer = new.request(method, address, json=body)
    assert (answer.status_code, code(answer), answer.json()["methods"]) == (
        403,
        "reauth_required",
        ["password"],
    )
    assert old.signed_in()
    strict.clock.tick(seconds=1)
    assert new.post(f"{API}/reauthenticate", json={"password": PASSWORD}).status_code == 200
    assert new.request(method, address, json=body).status_code == 200


def test_an_old_session_needs_no_further_proof(strict):
    old, new = two(strict)
    assert old.delete(f"{SESSIONS}/{new.session_id}").status_code == 200


def test_a_page_asks_for_the_proof(strict):
    old, new = two(strict)
    answer = new.get(f"/account/security/sign-out/{old.session_id}")
    assert answer.status_code == 200
    field = answer.text.partition('name="csrf"')[2].partition('value="')[2].partition('"')[0]
    answer = new.post(f"/account/security/sign-out/{old.session_id}", data={"csrf": field})
    assert answer.headers["location"].startswith("/confirm?")
    assert old.signed_in()


# ── how they signed in ────────────────────────────────────────────────────────────────────────


def test_a_row_says_how_its_user_signed_in(server, ada):
    user = server.run(server.accounts.by_email, ADA)
    server.start(user.id, amr=("pwd", "otp"))
    assert sorted(row["amr"] for row in ada.rows()) == [["pwd"], ["pwd", "otp"]]
