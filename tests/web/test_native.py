"""The native API over HTTP: what people do with their own sessions, and what each answer says."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from sojourn.events import DeviceChanged, Replayed
from tests.web.kit import (
    ADA,
    BOB,
    CHROME,
    DEVICE,
    FIREFOX,
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
PASSIVE = {"x-session-passive": "1"}
NAVIGATING = {"sec-fetch-mode": "navigate"}

ROW = {
    "id", "current", "device", "ip", "place", "created_at", "seen_at", "expires_at", "ends_at",
    "authenticated_at", "application_id", "tenant_id", "amr", "remember", "impersonated",
}  # fmt: skip
DEVICE_FIELDS = {
    "id",
    "kind",
    "name",
    "custom_name",
    "model",
    "browser",
    "browser_version",
    "os",
    "os_version",
}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture
def phone(server: Guests, ada: Browser) -> Browser:
    """Another browser of the same user."""
    browser = server.browser(IPHONE)
    assert browser.sign_in().status_code == 200
    return browser


@pytest.fixture
def mac(server: Guests, ada: Browser) -> Browser:
    """A third one."""
    browser = server.browser(CHROME)
    assert browser.sign_in().status_code == 200
    return browser


# ── a user with three devices ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("store", ["memory://", "sqlite:///{}/sojourn.db"], ids=["memory", "sqlite"])
def test_a_user_signs_in_on_three_devices_and_out_of_each(open_server, tmp_path, store):
    server = open_server(store=store.format(tmp_path))
    laptop, phone, mac = (server.browser(agent) for agent in (FIREFOX, IPHONE, CHROME))
    assert laptop.sign_up().status_code == 201
    server.clock.tick(minutes=1)
    assert phone.sign_in().status_code == 200
    server.clock.tick(minutes=1)
    assert mac.sign_in().status_code == 200
    assert [row["device"]["os"] for row in mac.rows()] == ["macOS", "iOS", "Linux"]
    assert mac.delete(f"{API}/sessions/{phone.session_id}").status_code == 200
    assert [browser.signed_in() for browser in (laptop, phone, mac)] == [True, False, True]
    assert mac.post(f"{API}/sessions/revoke-others").json() == {"count": 1}
    assert [browser.signed_in() for browser in (laptop, phone, mac)] == [False, False, True]
    assert mac.post(f"{API}/sign-out").json() == {"success": True}
    assert [browser.signed_in() for browser in (laptop, phone, mac)] == [False, False, False]


# ── sign-up and sign-in ───────────────────────────────────────────────────────────────────────


def test_signing_up_answers_the_user_and_the_session(server):
    body = server.browser().sign_up(name="Ada").json()
    assert (body["user"]["email"], body["user"]["name"], body["session"]["current"]) == (ADA, "Ada", True)


def test_signing_up_twice_is_refused(server, ada):
    answer = server.browser().sign_up()
    assert (answer.status_code, code(answer)) == (409, "account_exists")


def test_signing_up_can_be_closed(open_server):
    answer = open_server(sign_up=False).browser().sign_up()
    assert (answer.status_code, code(answer)) == (403, "forbidden")


def test_a_weak_password_is_refused(server):
    answer = server.browser().sign_up(password="password1")
    assert (answer.status_code, code(answer)) == (422, "password_rejected")


def test_what_is_no_address_is_refused(server):
    answer = server.browser().sign_up(email="ada")
    assert (answer.status_code, code(answer)) == (422, "email_rejected")


@pytest.mark.parametrize("fields", [{"password": "wrong password"}, {"email": BOB}, {"email": "nobody"}])
def test_a_wrong_password_and_an_unknown_user_are_the_same_answer(server, ada, fields):
    answer = server.browser().sign_in(**fields)
    assert (answer.status_code, code(answer)) == (401, "invalid_credentials")


def test_a_refused_sign_in_sets_no_cookie(server, ada):
    assert not cookies_set(server.browser().sign_in(password="wrong password"))


@pytest.mark.req("TH-01", "OS-06")
def test_a_planted_token_is_not_adopted(server, ada):
    planted = server.start("mallory").token
    browser = server.browser()
    browser.hold(planted)
    browser.sign_in()
    assert browser.token != planted


def test_remember_makes_the_cookie_last(server, ada):
    answer = server.browser().sign_in(remember=True)
    assert cookies_set(answer)[SESSION]["max-age"] == str(30 * 24 * 3600)


def test_without_remember_the_cookie_goes_with_the_browser_session(server, ada):
    assert cookies_set(server.browser().sign_in())[SESSION]["max-age"] == ""


def test_signing_in_again_in_the_same_browser_replaces_the_session(server, ada):
    ada.hold(None)
    ada.sign_in()
    assert len(ada.rows()) == 1


def test_what_was_replaced_is_in_the_history(server, ada):
    ada.hold(None)
    ada.sign_in()
    assert [row["reason"] for row in ada.get(f"{API}/sessions/history").json()["sessions"]] == ["replaced"]


@pytest.mark.req("TH-01", "A7-7.2.4")
def test_signing_in_over_a_session_makes_its_old_token_worthless(server, ada):
    old = ada.token
    ada.sign_in()
    assert ada.token != old
    ada.hold(old)
    assert not ada.signed_in()


def test_another_user_in_the_same_browser_ends_the_session_that_was_there(server, ada):
    old = ada.token
    ada.sign_up(BOB)
    ada.hold(old)
    assert not ada.signed_in()


def test_the_browser_keeps_its_name_when_somebody_signs_out(server, ada):
    before = ada.cookies[DEVICE]
    ada.post(f"{API}/sign-out")
    ada.sign_in()
    assert ada.cookies[DEVICE] == before


@pytest.mark.req("E-04")
def test_too_many_attempts_are_refused_for_a_while(server, ada):
    script = server.browser()
    answers = [script.sign_in(password="wrong password").status_code for _ in range(11)]
    assert answers == [401] * 10 + [429]


@pytest.mark.req("E-04")
def test_whoever_waits_as_long_as_it_says_may_try_again(server, ada):
    browser = server.browser()
    for _ in range(10):
        browser.sign_in(password="wrong password")
    server.clock.tick(seconds=int(browser.sign_in().headers["retry-after"]))
    assert browser.sign_in().status_code == 200


@pytest.mark.req("E-04")
def test_one_address_cannot_try_many_accounts(server):
    browser = server.browser()
    answers = {browser.sign_in(email=f"user{n}@example.org").status_code for n in range(31)}
    assert answers == {401, 429}


# ── the list ──────────────────────────────────────────────────────────────────────────────────


def test_the_list_has_exactly_these_fields(ada):
    assert ada.get(f"{API}/sessions").json().keys() == {"sessions", "count", "version", "server_now"}


def test_a_row_has_exactly_these_fields(ada):
    (row,) = ada.rows()
    assert row.keys() == ROW


def test_a_device_has_exactly_these_fields(ada):
    (row,) = ada.rows()
    assert row["device"].keys() == DEVICE_FIELDS


@pytest.mark.parametrize("field", ["created_at", "seen_at", "expires_at", "ends_at", "authenticated_at"])
def test_times_have_milliseconds_and_are_utc(ada, field):
    (row,) = ada.rows()
    assert TIME.fullmatch(row[field])


def test_the_time_of_the_server_comes_with_the_list(ada):
    assert ada.get(f"{API}/sessions").json()["server_now"] == "2026-03-02T09:00:00.000Z"


def test_a_row_says_who_where_and_until_when(ada):
    (row,) = ada.rows()
    assert (row["ip"], row["device"]["name"], row["device"]["kind"]) == (
        "203.0.113.7",
        "Firefox 143 on Linux",
        "desktop",
    )
    assert (row["expires_at"], row["ends_at"]) == ("2026-03-16T09:00:00.000Z", "2026-04-01T09:00:00.000Z")


def test_this_device_is_first_and_then_the_most_recently_active(server, ada, phone, mac):
    server.clock.tick(minutes=5)
    phone.rows()
    server.clock.tick(minutes=5)
    ada.rows()
    assert [row["device"]["os"] for row in mac.rows()] == ["macOS", "Linux", "iOS"]


def test_only_the_asking_session_is_current(ada, phone):
    assert [row["current"] for row in phone.rows()] == [True, False]


def test_the_list_counts_its_rows(ada, phone):
    assert phone.get(f"{API}/sessions").json()["count"] == 2


def test_a_limit_holds(ada, phone):
    assert len(phone.get(f"{API}/sessions?limit=1").json()["sessions"]) == 1


def test_a_filter_by_application_holds(ada):
    assert ada.get(f"{API}/sessions?application_id=shop").json()["sessions"] == []


@pytest.mark.req("AX-8.2.2", "TH-24")
def test_nobody_sees_sessions_of_others(server, ada):
    other = server.browser()
    other.sign_up(BOB)
    assert len(other.rows()) == 1


def test_an_expired_session_leaves_the_list_and_the_count_in_the_same_tick(server, ada, phone):
    counts = []
    for span in ({"days": 13}, {"days": 1, "seconds": 60}, {"seconds": 1}):
        server.clock.tick(**span)
        answer = ada.get(f"{API}/sessions").json()
        counts.append((len(answer["sessions"]), answer["count"]))
    assert counts == [(2, 2), (2, 2), (1, 1)]


# ── the current session ───────────────────────────────────────────────────────────────────────


def test_the_current_session_comes_with_its_user(ada):
    body = ada.get(f"{API}/sessions/current").json()
    assert (body["user"]["email"], body["session"]["current"]) == (ADA, True)


def test_limits_come_from_the_policy(open_server):
    server = open_server(idle_timeout=timedelta(minutes=15), activity_every=timedelta(minutes=5))
    browser = server.browser()
    browser.sign_up()
    limits = browser.get(f"{API}/sessions/current").json()["limits"]
    assert (limits["idle_timeout"], limits["idle_timeout_words"], limits["activity_every"]) == (
        900,
        "15 minutes",
        300,
    )


def test_without_a_session_the_current_one_is_refused(server):
    answer = server.browser().get(f"{API}/sessions/current")
    assert (answer.status_code, code(answer)) == (401, "unauthenticated")


def test_an_expired_session_is_refused_with_what_ended_it(server, ada):
    server.clock.tick(days=15)
    answer = ada.get(f"{API}/sessions/current")
    assert (answer.status_code, code(answer), answer.json()["reason"]) == (401, "session_expired", "idle")


def test_a_refused_session_keeps_its_cookie_so_that_the_reason_can_be_asked_for(server, ada):
    server.clock.tick(days=15)
    assert not cookies_set(ada.get(f"{API}/sessions/current"))


# ── signing out ───────────────────────────────────────────────────────────────────────────────

BODIES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "an empty object": {"json": {}},
    "a form": {"data": {"a": "b"}},
    "text": {"content": b"\xff", "headers": {"content-type": "text/plain"}},
}


@pytest.mark.parametrize("body", BODIES)
def test_signing_out_takes_any_body(ada, body):
    answer = ada.post(f"{API}/sign-out", **BODIES[body])
    assert (answer.status_code, answer.json()) == (200, {"success": True})


@pytest.mark.parametrize("body", BODIES)
def test_signing_out_without_a_session_succeeds(server, body):
    answer = server.browser().post(f"{API}/sign-out", **BODIES[body])
    assert (answer.status_code, answer.json()) == (200, {"success": True})


def test_signing_out_with_a_garbage_token_takes_the_cookie_back(server):
    browser = server.browser()
    browser.hold("garbage")
    assert cookies_set(browser.post(f"{API}/sign-out"))[SESSION]["max-age"] == "0"


def test_signing_out_ends_the_session_on_the_server(ada):
    token = ada.token
    ada.post(f"{API}/sign-out")
    ada.hold(token)
    answer = ada.get(f"{API}/sessions/current")
    assert (code(answer), answer.json()["reason"]) == ("session_revoked", "signed_out")


def test_signing_out_takes_the_cookie_back(ada):
    ada.post(f"{API}/sign-out")
    assert ada.token is None


@pytest.mark.req("TH-27", "L-08")
def test_another_site_cannot_sign_somebody_out(ada):
    answer = ada.post(f"{API}/sign-out", headers={"sec-fetch-site": "cross-site"})
    assert (answer.status_code, ada.signed_in()) == (403, True)


# ── signing out others ────────────────────────────────────────────────────────────────────────


def test_signing_out_one_device_answers_its_id(ada, phone):
    id = phone.session_id
    assert ada.delete(f"{API}/sessions/{id}").json() == {"id": id, "undo_until": None}


def test_signing_out_one_device_ends_no_other(ada, phone, mac):
    ada.delete(f"{API}/sessions/{phone.session_id}")
    assert [ada.signed_in(), phone.signed_in(), mac.signed_in()] == [True, False, True]


def test_signing_out_the_current_device_is_a_sign_out(ada):
    answer = ada.delete(f"{API}/sessions/{ada.session_id}")
    assert (answer.status_code, cookies_set(answer)[SESSION]["max-age"]) == (200, "0")


@pytest.mark.req("AX-8.2.2", "TH-24")
def test_law_07_what_is_not_yours_is_not_there(server, ada, phone):
    stranger = server.browser()
    stranger.sign_up(BOB)
    targets = [phone.session_id, str(uuid4()), "garbage", "current", "%00"]
    answers = [stranger.delete(f"{API}/sessions/{target}") for target in targets]
    bodies = [{k: v for k, v in answer.json().items() if k != "request_id"} for answer in answers]
    assert [answer.status_code for answer in answers] == [404] * 5
    assert bodies == [bodies[0]] * 5


@pytest.mark.req("TH-24")
def test_law_07_what_is_not_yours_stays(server, ada, phone):
    stranger = server.browser()
    stranger.sign_up(BOB)
    stranger.delete(f"{API}/sessions/{phone.session_id}")
    assert phone.signed_in()


def test_a_session_that_has_ended_cannot_be_ended_again(ada, phone):
    id = phone.session_id
    ada.delete(f"{API}/sessions/{id}")
    assert ada.delete(f"{API}/sessions/{id}").status_code == 404


def test_signing_out_all_others_counts_them(ada, phone, mac):
    assert ada.post(f"{API}/sessions/revoke-others").json() == {"count": 2}


def test_signing_out_everywhere_spares_this_device(ada, phone):
    answer = ada.post(f"{API}/sessions/revoke-all")
    assert (answer.json(), ada.signed_in(), phone.signed_in()) == ({"count": 1}, True, False)


def test_signing_out_everywhere_can_include_this_device(ada, phone):
    answer = ada.post(f"{API}/sessions/revoke-all", json={"include_current": True})
    assert (answer.json(), cookies_set(answer)[SESSION]["max-age"]) == ({"count": 2}, "0")


@pytest.mark.req("A7-7.5.1", "AX-7.5.2")
@pytest.mark.parametrize("path", ["revoke-others", "revoke-all"])
def test_signing_out_all_others_asks_for_a_fresh_sign_in(server, ada, path):
    server.clock.tick(minutes=10)
    answer = ada.post(f"{API}/sessions/{path}")
    assert (answer.status_code, code(answer), answer.json()["max_age"]) == (403, "reauth_required", 600)


@pytest.mark.req("A7-7.5.1")
def test_until_the_very_last_moment_a_sign_in_is_fresh(server, ada):
    server.clock.tick(minutes=9, seconds=59)
    assert ada.post(f"{API}/sessions/revoke-others").status_code == 200


# ── the history ───────────────────────────────────────────────────────────────────────────────


def ended(browser: Browser) -> list[tuple[str | None, str | None]]:
    rows = browser.get(f"{API}/sessions/history").json()["sessions"]
    return [(row["reason"], row["by"]) for row in rows]


def test_a_row_of_the_history_says_when_why_and_by_whom(ada, phone):
    phone.post(f"{API}/sign-out")
    (row,) = ada.get(f"{API}/sessions/history").json()["sessions"]
    assert row.keys() == ROW | {"ended_at", "reason", "by"}


def test_the_history_tells_a_sign_out_from_an_end_by_another_device(server, ada, phone, mac):
    phone.post(f"{API}/sign-out")
    server.clock.tick(seconds=1)
    ada.delete(f"{API}/sessions/{mac.session_id}")
    assert ended(ada) == [("user", "user"), ("signed_out", "user")]


def test_a_session_that_ended_by_time_has_no_reason(server, ada):
    server.clock.tick(days=15)
    ada.sign_in()
    assert ended(ada) == [(None, None)]


def test_the_history_goes_back_as_far_as_people_are_shown(server, ada, phone):
    phone.post(f"{API}/sign-out")
    for _ in range(28):
        server.clock.tick(days=1)
        ada.rows()
    server.clock.tick(seconds=1)
    assert ended(ada) == []


# ── refreshing ────────────────────────────────────────────────────────────────────────────────


def test_refreshing_hands_over_a_new_token(ada):
    old = ada.token
    assert ada.post(f"{API}/refresh").status_code == 200
    assert ada.token != old


@pytest.mark.req("R-05", "TH-07")
def test_a_twin_gets_the_same_token(ada):
    old = ada.token
    first = cookies_set(ada.post(f"{API}/refresh"))[SESSION].value
    ada.hold(old)
    assert cookies_set(ada.post(f"{API}/refresh"))[SESSION].value == first


@pytest.mark.req("R-07", "TH-07")
def test_a_replay_ends_that_session_and_no_other(server, ada, phone):
    old = ada.token
    for _ in range(2):
        ada.post(f"{API}/refresh")
        ada.rows()
        server.clock.tick(minutes=1)
    thief = server.browser(CHROME)
    thief.hold(old)
    answer = thief.post(f"{API}/refresh")
    assert (answer.status_code, code(answer)) == (401, "refresh_reused")
    assert (ada.signed_in(), phone.signed_in(), len(server.told(Replayed))) == (False, True, 1)


def test_refreshing_without_a_session_is_refused(server):
    answer = server.browser().post(f"{API}/refresh")
    assert (answer.status_code, code(answer)) == (401, "unauthenticated")


def test_refreshing_never_slides(server, ada):
    (before,) = ada.rows()
    server.clock.tick(hours=1)
    after = ada.post(f"{API}/refresh").json()["session"]
    assert (after["seen_at"], after["expires_at"]) == (before["seen_at"], before["expires_at"])


@pytest.mark.req("A3-3.5.1")
def test_refreshing_needs_our_own_page(ada):
    assert ada.post(f"{API}/refresh", headers={"sec-fetch-site": "same-site"}).status_code == 403


# ── rotation that is due ──────────────────────────────────────────────────────────────────────


@pytest.fixture
def rotating(open_server) -> Guests:
    server: Guests = open_server(rotate_every=timedelta(minutes=15))
    return server


@pytest.fixture
def due(rotating: Guests) -> Browser:
    """A browser whose token is as old as a token gets."""
    browser = rotating.browser()
    browser.sign_up()
    rotating.clock.tick(minutes=15)
    return browser


def test_a_program_with_an_old_token_is_told_to_refresh(due):
    answer = due.get(f"{API}/sessions")
    assert (answer.status_code, code(answer), answer.headers["x-session-code"]) == (
        401,
        "access_expired",
        "access_expired",
    )


def test_after_refreshing_the_request_succeeds(due):
    due.post(f"{API}/refresh")
    assert due.get(f"{API}/sessions").status_code == 200


def test_a_navigation_with_an_old_token_is_rotated_in_passing(due):
    old = due.token
    assert due.get(f"{API}/sessions", headers=NAVIGATING).status_code == 200
    assert due.token != old


def test_a_passive_navigation_rotates_nothing(due):
    assert not cookies_set(due.get(f"{API}/sessions", headers=NAVIGATING | PASSIVE))


# ── proving again who one is ──────────────────────────────────────────────────────────────────


def reauthenticate(browser: Browser, password: str = PASSWORD):
    return browser.post(f"{API}/reauthenticate", json={"password": password})


@pytest.mark.req("A7-7.2.4", "TH-01")
def test_proving_again_makes_the_old_token_worthless(server, ada):
    old = ada.token
    assert reauthenticate(ada).status_code == 200
    thief = server.browser()
    thief.hold(old)
    answer = thief.get(f"{API}/sessions/current")
    assert (answer.status_code, ada.signed_in()) == (401, True)


def test_proving_again_moves_the_time_of_authentication(server, ada):
    server.clock.tick(hours=1)
    assert reauthenticate(ada).json()["session"]["authenticated_at"] == "2026-03-02T10:00:00.000Z"


def test_proving_again_makes_the_session_fresh(server, ada):
    server.clock.tick(hours=1)
    reauthenticate(ada)
    assert ada.post(f"{API}/sessions/revoke-others").status_code == 200


def test_a_wrong_password_proves_nothing_and_ends_nothing(server, ada):
    server.clock.tick(hours=1)
    answer = reauthenticate(ada, "wrong password")
    assert (answer.status_code, code(answer)) == (401, "invalid_credentials")
    assert ada.signed_in()
    assert code(ada.post(f"{API}/sessions/revoke-others")) == "reauth_required"


@pytest.mark.req("TH-11")
def test_guessing_at_a_session_that_was_left_open_is_limited(server, ada):
    answers = [reauthenticate(ada, "wrong password").status_code for _ in range(11)]
    assert answers == [401] * 10 + [429]


# ── the password ──────────────────────────────────────────────────────────────────────────────

NEW = "a bottle in a ship"


def change(browser: Browser, current: str = PASSWORD, new: str = NEW):
    return browser.post(f"{API}/password", json={"current_password": current, "new_password": new})


@pytest.mark.req("A7-7.4.3")
def test_a_changed_password_ends_the_other_sessions(ada, phone, mac):
    assert change(ada).json() == {"count": 2}
    assert [ada.signed_in(), phone.signed_in(), mac.signed_in()] == [True, False, False]


@pytest.mark.req("A7-7.2.4")
def test_a_changed_password_renews_this_session(ada):
    old = ada.token
    change(ada)
    assert ada.token not in (None, old)


def test_a_changed_password_is_the_one_that_counts(server, ada):
    change(ada)
    browser = server.browser()
    assert [browser.sign_in(password=p).status_code for p in (PASSWORD, NEW)] == [401, 200]


def test_a_changed_password_is_the_reason_in_the_history(ada, phone):
    change(ada)
    assert ended(ada) == [("password_changed", "user")]


def test_without_the_current_password_it_is_not_changed(server, ada):
    answer = change(ada, current="wrong password")
    assert (answer.status_code, code(answer)) == (401, "invalid_credentials")
    assert server.browser().sign_in().status_code == 200


def test_a_weak_new_password_is_refused_and_ends_nothing(ada, phone):
    answer = change(ada, new="12345678")
    assert (answer.status_code, code(answer), phone.signed_in()) == (422, "password_rejected", True)


# ── what requests do in passing ───────────────────────────────────────────────────────────────


def test_use_slides_the_session(server, ada):
    server.clock.tick(hours=1)
    (row,) = ada.rows()
    assert (row["seen_at"], row["expires_at"]) == ("2026-03-02T10:00:00.000Z", "2026-03-16T10:00:00.000Z")


def test_law_10_a_passive_request_never_slides(server, ada):
    server.clock.tick(hours=1)
    (row,) = ada.get(f"{API}/sessions", headers=PASSIVE).json()["sessions"]
    assert row["seen_at"] == "2026-03-02T09:00:00.000Z"


def test_law_10_a_browser_that_only_polls_is_signed_out_in_the_end(server, ada):
    for _ in range(15):
        server.clock.tick(days=1)
        ada.get(f"{API}/sessions", headers=PASSIVE)
    assert not ada.signed_in()


def test_an_updated_browser_is_noted_and_no_event(server, ada):
    ada.headers["user-agent"] = FIREFOX_UPDATED
    ada.rows()
    (row,) = ada.rows()
    assert (row["device"]["browser_version"], server.told(DeviceChanged)) == ("144", [])


@pytest.mark.req("OS-18")
def test_another_browser_in_the_same_session_is_an_event(server, ada):
    ada.headers["user-agent"] = IPHONE
    ada.rows()
    (event,) = server.told(DeviceChanged)
    assert event.before == "Firefox 143 on Linux"
    assert event.after.startswith("Safari")


@pytest.mark.req("OS-18")
def test_another_browser_in_the_same_session_is_told_once(server, ada):
    ada.headers["user-agent"] = IPHONE
    for _ in range(3):
        ada.rows()
    assert len(server.told(DeviceChanged)) == 1


@pytest.mark.req("OS-18")
def test_another_browser_in_the_same_session_does_not_change_its_row(server, ada):
    ada.headers["user-agent"] = IPHONE
    ada.rows()
    (row,) = ada.rows()
    assert row["device"]["name"] == "Firefox 143 on Linux"
