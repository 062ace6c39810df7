"""The link of a notice: a page that does nothing, a button that works once, and no sign-in in between."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import pytest

from sojourn import Reason
from sojourn.errors import FreshnessRequired
from sojourn.events import Reported
from sojourn.observe.notices import devices
from sojourn.testing import FakeClock
from tests.web.kit import CHROME, Browser, Guests

PATH = devices.PATH


@pytest.fixture
def thief(server: Guests, ada: Browser) -> Browser:
    browser = server.browser(CHROME, ip="198.51.100.23")
    browser.sign_in()
    return browser


def link_to(server: Guests, browser: Browser) -> str:
    at = server.clock()
    return devices.made(UUID(browser.session_id), server.sessions.keys, at=at)


def opened(browser: Browser, link: str, **headers: str) -> Any:
    return browser.get(PATH, params={"link": link}, headers=headers)


def pressed(browser: Browser, link: str, page: str | None = None, **chosen: str) -> Any:
    """A button of the page that *link* leads to."""
    html = page or opened(browser, link).text
    (field,) = re.findall(r'name="csrf" value="([^"]+)"', html)
    return browser.post(PATH, data={"csrf": field, "link": link, **chosen})


@pytest.mark.req("AX-6.3.5")
def test_to_open_the_link_changes_nothing(server: Guests, ada: Browser, thief: Browser):
    """As link scanners do, with and without headers of a browser, again and again."""
    link = link_to(server, thief)
    for visitor in (server.browser(), server.script(), server.browser("Scanner/1.0")):
        for _ in range(3):
            assert opened(visitor, link).status_code == 200
    assert thief.signed_in()
    assert server.told(Reported) == []


def test_the_page_says_no_more_than_the_notice(server: Guests, ada: Browser, thief: Browser):
    page = opened(server.browser(), link_to(server, thief))
    assert "Chrome on macOS" in page.text
    assert "Location unknown" in page.text
    for secret in ("198.51.100.23", "ada@example.org", thief.session_id, "Chrome 143"):
        assert secret not in page.text.replace(link_to(server, thief), "")


def test_the_button_ends_the_session_and_its_device_without_a_sign_in(
    server: Guests, ada: Browser, thief: Browser
):
    link, id = link_to(server, thief), UUID(thief.session_id)
    page = pressed(server.browser(), link)
    assert page.status_code == 200
    assert "That device is signed out" in page.text
    assert "1 session was ended." in page.text
    assert not thief.signed_in()
    assert ada.signed_in()
    ended = server.run(server.sessions.store.get, id)
    assert ended.reason is Reason.REPORTED
    (event,) = server.told(Reported)
    assert (event.session_id, event.by) == (id, None)


def test_afterwards_everybody_else_of_the_account_has_to_prove_who_they_are(
    server: Guests, ada: Browser, thief: Browser
):
    id = UUID(ada.session_id)
    server.sessions.require_fresh(server.run(server.sessions.store.get, id))
    pressed(server.browser(), link_to(server, thief))
    with pytest.raises(FreshnessRequired):
        server.sessions.require_fresh(server.run(server.sessions.store.get, id))
    assert ada.post("/api/auth/sessions/revoke-all").status_code == 403
    ada.post("/api/auth/reauthenticate", json={"password": "a ship in a bottle"})
    assert ada.post("/api/auth/sessions/revoke-all").status_code == 200


def test_it_works_once_and_says_so(server: Guests, ada: Browser, thief: Browser):
    link, visitor = link_to(server, thief), server.browser()
    page = opened(visitor, link).text
    pressed(visitor, link, page)
    thief.sign_in()  # it was their own after all
    for again in (opened(visitor, link), pressed(visitor, link, page)):
        assert "This link was used already" in again.text
    assert thief.signed_in()
    assert len(server.told(Reported)) == 1


@pytest.fixture
def back(server: Guests, ada: Browser, thief: Browser) -> str:
    """The link to a session that has ended, whose browser has signed in again."""
    link = link_to(server, thief)
    thief.post("/api/auth/sign-out")
    thief.sign_in()
    return link


def test_of_a_session_that_has_ended_the_page_says_so_and_nothing_else_ends(
    server: Guests, ada: Browser, thief: Browser, back: str
):
    """Nor by its button, which an older page still shows."""
    visitor = server.browser()
    page = opened(visitor, back)
    assert "That sign-in is over already" in page.text
    assert "Chrome on macOS" in page.text
    assert "That sign-in is over already" in pressed(visitor, back, page.text).text
    assert thief.signed_in()
    assert server.told(Reported) == []


def test_its_reader_chooses_to_sign_out_the_device(server: Guests, ada: Browser, thief: Browser, back: str):
    """A thief who signs out, and in again, does not save that browser's sessions, nor the account's proof."""
    visitor = server.browser()
    page = opened(visitor, back).text
    assert "1 session was ended." in pressed(visitor, back, page, instead="device").text
    assert (thief.signed_in(), ada.signed_in()) == (False, True)
    assert ada.post("/api/auth/sessions/revoke-all").status_code == 403
    thief.sign_in()
    assert "This link was used already" in pressed(visitor, back, page, instead="device").text
    assert thief.signed_in()
    assert len(server.told(Reported)) == 1


def test_its_reader_chooses_to_sign_out_all_devices(server: Guests, ada: Browser, thief: Browser, back: str):
    visitor, bob = server.browser(), server.browser()
    bob.sign_up("bob@example.org")
    assert "2 sessions were ended." in pressed(visitor, back, instead="all").text
    assert (thief.signed_in(), ada.signed_in(), bob.signed_in()) == (False, False, True)


def test_without_a_choice_of_ours_nothing_ends(server: Guests, ada: Browser, thief: Browser, back: str):
    visitor = server.browser()
    for wrong in ("", "everybody", "DEVICE"):
        assert "over already" in pressed(visitor, back, instead=wrong).text
    assert thief.signed_in()


def test_link_scanners_choose_nothing(server: Guests, ada: Browser, thief: Browser, back: str):
    for visitor in (server.browser(), server.script()):
        for choice in ("device", "all"):
            visitor.get(PATH, params={"link": back, "instead": choice})
            visitor.head(PATH, params={"link": back, "instead": choice})
    assert thief.signed_in()
    assert ada.signed_in()


@pytest.mark.parametrize("instead", ["device", "all"])
def test_while_the_store_is_away_a_choice_is_not_used_up(
    server: Guests, ada: Browser, thief: Browser, back: str, instead: str
):
    visitor = server.browser()
    page = opened(visitor, back).text
    flaky = server.lose_store("revoke")
    assert pressed(visitor, back, page, instead=instead).status_code == 503
    flaky.away = False
    assert "That device is signed out" in pressed(visitor, back, page, instead=instead).text
    assert not thief.signed_in()


def test_it_ends_after_a_week(server: Guests, clock: FakeClock, ada: Browser, thief: Browser):
    link = link_to(server, thief)
    clock.tick(days=7)
    answer = opened(server.browser(), link)
    assert (answer.status_code, "This link no longer works" in answer.text) == (404, True)


@pytest.mark.parametrize("wrong", ["", "x", "A" * 64, "AAAA" * 16, "é"])
def test_what_we_did_not_make_leads_nowhere(server: Guests, ada: Browser, thief: Browser, wrong: str):
    visitor = server.browser()
    page = opened(visitor, link_to(server, thief)).text
    assert opened(visitor, wrong).status_code == 404
    assert pressed(visitor, wrong, page).status_code == 404
    assert thief.signed_in()


def test_another_site_cannot_press_the_button(server: Guests, ada: Browser, thief: Browser):
    link = link_to(server, thief)
    for visitor in (server.browser(), server.script()):
        assert visitor.post(PATH, data={"link": link, "csrf": "x"}).status_code == 403
    foreign = server.browser(**{"sec-fetch-site": "cross-site"})
    assert foreign.post(PATH, data={"link": link}).status_code == 403
    assert thief.signed_in()


def test_an_address_may_not_press_without_end(server: Guests, ada: Browser, thief: Browser):
    visitor = server.browser(ip="192.0.2.99")
    page = opened(visitor, link_to(server, thief)).text
    statuses = [pressed(visitor, "x", page).status_code for _ in range(12)]
    assert statuses == [404] * 10 + [429] * 2


def test_while_the_store_is_away_the_link_is_not_used_up(server: Guests, ada: Browser, thief: Browser):
    link, visitor = link_to(server, thief), server.browser()
    page = opened(visitor, link).text
    flaky = server.lose_store("revoke")
    assert pressed(visitor, link, page).status_code == 503
    flaky.away = False
    assert "That device is signed out" in pressed(visitor, link, page).text
    assert not thief.signed_in()


@pytest.mark.parametrize(
    ("language", "title"),
    [
        ("de", "Das waren nicht Sie?"),
        ("fr", "Ce n’était pas vous ?"),
        ("ar", "لم تكن أنت؟"),
        ("zh", "不是您本人？"),
    ],
)
def test_it_is_in_the_language_of_its_reader(
    server: Guests, ada: Browser, thief: Browser, language: str, title: str
):
    answer = opened(server.browser(), link_to(server, thief), **{"accept-language": language})
    assert title in answer.text
    assert f'lang="{language}"' in answer.text
    assert "accept-language" in answer.headers["vary"].lower()
