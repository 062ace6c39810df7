"""The dialog that says that the session is over: once, why, and how one gets back."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.account.site import API, HOME, PASSWORD, PHONE, hide, rows, taken_over

pytestmark = pytest.mark.browser


def expired(page: Page) -> Any:
    return page.get_by_role("alertdialog", name="Session expired")


def refuse(page: Page, **said: Any) -> None:
    """Have the API say no to everything, as it would to who is no longer signed in."""
    body = json.dumps({"message": "No.", "request_id": "r"} | said)

    def answer(route: Any) -> None:
        route.fulfill(
            status=401,
            body=body,
            headers={"content-type": "application/problem+json", "x-session-code": said["code"]},
        )

    page.route(f"**{API}/**", answer)


def look(page: Page) -> None:
    """Press Refresh, even if the dialog was faster and lies above it."""
    page.get_by_role("button", name="Refresh").dispatch_event("click")


def log_in(page: Page, email: str) -> None:
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").first.fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Security", level=1)).to_be_visible()


# ── when it is shown ──────────────────────────────────────────────────────────────────────────


@pytest.mark.runtime
def test_c39_ten_refused_requests_are_one_dialog(person):
    page = person.on()
    refuse(page, code="session_expired", reason="idle", limit_seconds=900)
    look(page)
    expect(expired(page)).to_be_visible()
    for _ in range(9):
        page.evaluate(f"() => fetch('{API}/sessions').then((answer) => answer.status)")
        page.evaluate("() => window.dispatchEvent(new Event('focus'))")
    expect(page.locator("dialog[open]")).to_have_count(1)
    expect(page.get_by_role("alert")).to_have_text([])
    page.get_by_role("button", name="Close").click()
    expect(page.locator("dialog[open]")).to_have_count(0)
    page.evaluate("() => window.dispatchEvent(new Event('focus'))")
    expect(page.get_by_role("status").filter(has_text="You are signed out.")).to_be_visible()
    expect(page.locator("dialog[open]")).to_have_count(0)


def test_c39_what_was_one_persons_is_no_longer_on_the_page(person):
    person.on(PHONE, path=None)
    page = person.on()
    expect(rows(page)).to_have_count(2)
    refuse(page, code="session_revoked", reason="admin")
    look(page)
    expect(expired(page)).to_be_visible()
    expect(rows(page)).to_have_count(0)
    expect(page.locator("#sojourn-account")).not_to_contain_text("iPhone")


def test_c39_a_network_error_is_no_end_of_a_session(person):
    page = person.on()
    page.route(f"**{API}/**", lambda route: route.abort("connectionrefused"))
    look(page)
    expect(page.get_by_role("alert")).to_contain_text("Could not refresh")
    expect(expired(page)).to_have_count(0)
    expect(rows(page)).to_have_count(1)


REASONS = [
    ({"code": "session_expired", "reason": "idle"}, "because you were inactive for 15 minutes"),
    ({"code": "session_expired", "reason": "absolute"}, "sessions end after 30 days"),
    ({"code": "session_revoked", "reason": "user"}, "You signed this device out from another one."),
    ({"code": "session_revoked", "reason": "user", "device": "iPhone 13"}, "this device out from iPhone 13."),
    ({"code": "session_revoked", "reason": "admin"}, "An administrator signed you out."),
    ({"code": "session_revoked", "reason": "password_changed"}, "Your password was changed."),
    ({"code": "session_revoked", "reason": "account_disabled"}, "Your account was disabled."),
    ({"code": "session_revoked", "reason": "cap"}, "because you signed in on another device."),
    ({"code": "session_revoked", "reason": "replaced"}, "You signed in again in this browser."),
    ({"code": "refresh_reused"}, "We noticed something unusual and signed you out"),
    ({"code": "session_revoked", "reason": "something new"}, "Your session has ended."),
]


def test_c39_it_says_why(person):
    page = person.on()
    for said, text in REASONS:
        refuse(page, **said)
        look(page)
        expect(expired(page), str(said)).to_contain_text(text)
        page.unroute_all()
        page.reload()
        taken_over(page)


@pytest.mark.runtime
def test_c39_one_who_was_idle_sees_it_with_the_true_reason(people, own_site):
    """Nothing is faked here but the time."""
    person = people(own_site)
    page = person.on()
    own_site.clock.ahead += timedelta(minutes=17)
    look(page)
    expect(expired(page)).to_contain_text("You were signed out because you were inactive for 15 minutes.")
    expect(expired(page)).to_contain_text("we end sessions after 15 minutes without activity")
    expired(page).get_by_role("button", name="Log in again").click()
    expect(page).to_have_url(re.compile("/sign-in"))
    query = parse_qs(urlsplit(page.url).query)
    assert query == {"next": [HOME], "reason": ["idle"]}
    expect(page.get_by_role("main")).to_contain_text(re.compile("signed out|inactive", re.IGNORECASE))
    log_in(page, person.email)
    expect(page).to_have_url(re.compile(f"{HOME}$"))


def test_c39_the_way_back_leads_to_this_site_alone(person):
    page = person.on()
    page.goto(f"{HOME}?next=https://evil.test/#//evil.test")
    taken_over(page)
    refuse(page, code="session_revoked", reason="admin")
    look(page)
    link = expired(page).get_by_role("link", name="Open login in new tab")
    to = urlsplit(link.get_attribute("href") or "")
    assert (to.scheme, to.netloc, to.path) == ("", "", "/sign-in")
    (back,) = parse_qs(to.query)["next"]
    assert back.startswith(f"{HOME}?")
    assert link.get_attribute("rel") == "noopener"
    page.unroute_all()
    page.request.post(f"{API}/sign-out")
    for wanted in ("https://evil.test/", "//evil.test/", "/\\evil.test/", "javascript:alert(1)"):
        page.context.clear_cookies()
        page.goto("/sign-in")
        page.goto(f"/sign-in?next={wanted}")
        log_in(page, person.email)
        assert page.url.startswith(person.site.origin + "/account"), wanted


# ── the way back ──────────────────────────────────────────────────────────────────────────────


def ended(person: Any) -> Page:
    """The page of somebody who was signed out elsewhere a moment ago."""
    page = person.on()
    other = person.on(PHONE)
    other.get_by_role("button", name="Not me? Mac").click()
    other.get_by_role("button", name="Secure my account").click()
    expect(expired(page)).to_be_visible()
    return page


def new_tab(page: Page) -> Page:
    with page.expect_popup() as opened:
        expired(page).get_by_role("link", name="Open login in new tab").click()
    tab = opened.value
    tab.wait_for_load_state()
    return tab


@pytest.mark.runtime
def test_c40_who_signs_in_again_in_a_new_tab_goes_on_here(person):
    page = ended(person)
    page.evaluate("() => { window.mark = 'not reloaded'; }")
    log_in(new_tab(page), person.email)
    hide(page, hidden=False)
    expect(expired(page)).to_have_count(0)
    expect(page.get_by_role("status").filter(has_text="You are signed in again")).to_be_visible()
    expect(rows(page)).to_have_count(2)
    assert page.evaluate("() => window.mark") == "not reloaded"


def test_c40_somebody_else_gets_a_page_of_their_own(person, people):
    page = ended(person)
    other = people(person.site)
    other.on(PHONE, path=None)
    page.evaluate("() => { window.mark = 'not reloaded'; }")
    log_in(new_tab(page), other.email)
    hide(page, hidden=False)
    expect(page.get_by_role("banner")).to_contain_text(other.email)
    assert page.evaluate("() => window.mark") is None
    expect(page.get_by_role("banner")).not_to_contain_text(person.email)


def test_after_signing_out_here_the_page_sends_nobody_back(person):
    page = person.on()
    tab = person.page(page.context)
    tab.goto(HOME)
    taken_over(tab)
    page.get_by_role("banner").get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(re.compile("/sign-in"))
    expect(rows(tab)).to_have_count(0)
    expect(tab.locator("#sojourn-account")).not_to_contain_text("Chrome")
