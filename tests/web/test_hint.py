"""The hint: a cookie that scripts may read, and that opens nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sojourn import Policy
from sojourn.testing import MORNING, make_keys, make_session
from sojourn.web.hint import hint
from tests.web.kit import HINTS, SESSION, hint_set

API = "/api/auth"


def parts(answer) -> list[str]:
    return hint_set(answer).value.split(".")


def moment(text: str) -> int:
    """Seconds after the morning on which all clocks of the tests stand."""
    return round(int(text) / 1000 - MORNING.timestamp())


def test_it_says_the_generation_and_both_ends(server):
    browser = server.browser()
    _, generation, idle, absolute, now, _, _ = parts(browser.sign_up())
    policy = server.sessions.policy
    assert (generation, moment(now)) == ("0", 0)
    assert timedelta(seconds=moment(idle)) == policy.idle_timeout
    assert timedelta(seconds=moment(absolute)) == policy.lifetime


def test_without_an_idle_limit_there_is_no_idle_end():
    told = hint(make_session(), Policy(idle_timeout=None), make_keys(), MORNING)
    assert told.split(".")[2] == "-"


def test_a_visitor_has_no_tag():
    told = hint(make_session(user_id=None), Policy(), make_keys(), MORNING)
    assert told.split(".")[5] == "-"


def test_a_refresh_moves_the_generation_and_nothing_that_names_the_session(ada, server):
    before = parts(ada.post(f"{API}/refresh"))
    server.clock.tick(minutes=1)
    after = parts(ada.post(f"{API}/refresh"))
    assert int(after[1]) == int(before[1]) + 1
    assert after[5:] == before[5:]


def test_the_same_user_has_the_same_tag_in_another_session(server, ada):
    again = server.browser().sign_in()
    first = parts(ada.post(f"{API}/refresh"))
    assert parts(again)[5] == first[5]
    assert parts(again)[6] != first[6]


def test_another_user_has_another(server, ada):
    assert parts(server.browser().sign_up("bob@example.org"))[5] != parts(ada.post(f"{API}/refresh"))[5]


def test_it_tells_no_id(server, ada):
    answer = ada.post(f"{API}/refresh")
    session = answer.json()["session"]["id"]
    user = answer.json()["user"]["id"]
    assert session not in hint_set(answer).value
    assert user not in hint_set(answer).value


def test_it_goes_with_the_session(ada):
    gone = hint_set(ada.post(f"{API}/sign-out"))
    assert (gone.value, gone["max-age"]) == ("", "0")


def test_told_activity_moves_the_idle_end(ada, server):
    before = parts(ada.post(f"{API}/refresh"))
    server.clock.tick(minutes=10)
    after = parts(ada.post(f"{API}/activity", json={"idle_ms": 60_000}))
    assert moment(after[2]) - moment(before[2]) == 9 * 60


def test_law_10_activity_that_changes_nothing_writes_none(ada):
    assert hint_set(ada.post(f"{API}/activity")) is None


def test_law_10_looking_writes_none(ada, server):
    server.clock.tick(minutes=10)
    assert hint_set(ada.get(f"{API}/sessions")) is None


def test_in_bearer_mode_there_is_none(server, ada):
    answer = server.browser().sign_in(mode="bearer")
    assert answer.status_code in (200, 403)
    assert hint_set(answer) is None


@pytest.mark.req("A7-7.2.1")
def test_law_06_it_opens_nothing(server, ada):
    thief = server.browser()
    for name, value in ((SESSION, ada.cookies.get(HINTS[0])), (HINTS[0], ada.cookies.get(HINTS[0]))):
        thief.cookies.set(name, value, domain="good.test")
        assert thief.get(f"{API}/sessions/current").status_code == 401


@pytest.mark.parametrize("planted", ["v1.0.1.1.1.a.b", "", "x" * 3000, "v1." + "9" * 400])
def test_the_server_does_not_read_it(ada, planted):
    ada.cookies.delete(HINTS[0])
    ada.cookies.set(HINTS[0], planted, domain="good.test")
    assert ada.get(f"{API}/sessions/current").status_code == 200


def test_a_page_gives_it_to_a_browser_whose_session_is_older_than_hints(ada):
    assert hint_set(ada.get("/account/security")) is None
    ada.cookies.delete(HINTS[0])
    assert hint_set(ada.get("/api/auth/sessions")) is None
    assert hint_set(ada.get("/account/security", headers={"x-session-passive": "1"})) is None
    assert parts(ada.get("/account/security"))[1] == "0"
