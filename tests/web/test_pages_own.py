"""Without a script: "not me", and after how long without use one is signed out."""

from __future__ import annotations

import re
from typing import Any

import pytest

from sojourn.events import Reported
from tests.web.kit import PASSWORD, Browser

PAGE = "/account/security"
FORM = {"content-type": "application/x-www-form-urlencoded"}


def field(browser: Browser, page: str = PAGE) -> str:
    """The hidden field of the forms on *page*."""
    found = re.search(r'name="csrf" value="([^"]+)"', browser.get(page).text)
    assert found
    return found[1]


def sent(browser: Browser, path: str, page: str = PAGE, **fields: str) -> Any:
    return browser.post(path, data={"csrf": field(browser, page)} | fields)


def other(browser: Browser) -> str:
    (id,) = [row["id"] for row in browser.rows() if not row["current"]]
    return str(id)


@pytest.fixture
def thief(server, ada) -> Browser:
    browser = server.browser()
    browser.sign_in()
    return browser


def test_a_device_that_nobody_knows_is_signed_out_for_good(server, ada, thief):
    path = f"{PAGE}/not-me/{other(ada)}"
    assert "You do not recognise this device?" in ada.get(path).text
    answer = sent(ada, path, path)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}?done=1-device")
    assert not thief.signed_in()
    assert ada.signed_in()
    assert len(server.told(Reported)) == 1


def test_with_it_everything_else_if_one_wants(server, ada, thief):
    phone = server.browser()
    phone.sign_in()
    path = f"{PAGE}/not-me/{next(row['id'] for row in ada.rows() if not row['current'])}"
    assert sent(ada, path, path, others="1").headers["location"] == f"{PAGE}?done=2-device"
    assert (ada.signed_in(), phone.signed_in(), thief.signed_in()) == (True, False, False)


def test_that_takes_a_fresh_sign_in(server, ada, thief):
    path = f"{PAGE}/not-me/{other(ada)}"
    csrf = field(ada, path)
    server.clock.tick(hours=1)
    answer = ada.post(path, data={"csrf": csrf, "others": "1"})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/confirm")
    assert thief.signed_in()


def test_one_s_own_device_cannot_be_unknown(ada):
    mine = ada.rows()[0]["id"]
    assert ada.get(f"{PAGE}/not-me/{mine}").status_code == 303
    assert sent(ada, f"{PAGE}/not-me/{mine}").status_code in (303, 422)
    assert ada.signed_in()


def test_somebody_else_s_device_is_none(server, ada):
    stranger = server.browser()
    stranger.sign_up("bob@example.org", PASSWORD)
    path = f"{PAGE}/not-me/{ada.rows()[0]['id']}"
    assert stranger.get(path).status_code == 404
    assert sent(stranger, path).status_code in (303, 404)
    assert ada.signed_in()


def test_a_form_from_nowhere_does_nothing(ada, thief):
    path = f"{PAGE}/not-me/{other(ada)}"
    assert ada.post(path, data={"csrf": "x"}).status_code == 403
    assert thief.signed_in()


def test_people_choose_after_how_long_they_are_signed_out(ada):
    answer = sent(ada, f"{PAGE}/preferences", idle_timeout="900")
    assert answer.headers["location"] == f"{PAGE}?done=0-saved"
    page = ada.get(answer.headers["location"]).text
    assert '<option value="900" selected>15 minutes</option>' in page
    assert "Saved." in page
    assert ada.get("/api/auth/sessions/current").json()["limits"]["idle_timeout"] == 900
    sent(ada, f"{PAGE}/preferences", idle_timeout="")
    assert ada.get("/api/auth/preferences").json()["idle_timeout"] is None


@pytest.mark.parametrize("given", ["-1", "1", "never", "9" * 12, "٣٠٠", "299"])
def test_what_is_no_choice_changes_nothing(ada, given):
    answer = sent(ada, f"{PAGE}/preferences", idle_timeout=given)
    assert answer.status_code == 422
    assert ada.get("/api/auth/preferences").json()["idle_timeout"] is None


def test_the_page_shows_what_is_known_of_each_device(ada):
    page = ada.get(PAGE).text
    assert re.search(r"<dt>Sign-in method</dt><dd>Password</dd>", page)
    assert '<span class="sojourn-badge sojourn-current">This device</span>' in page
