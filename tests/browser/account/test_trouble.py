"""What the list shows while it waits, when it gets nothing, and when what was asked for went wrong."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.account.site import API, HOME, PHONE, row, rows, taken_over

pytestmark = pytest.mark.browser

LIST = f"**{API}/sessions"


def region(page: Page) -> Any:
    return page.get_by_role("region", name="Active sessions")


def problem(
    page: Page, status: int, path: str = LIST, *, method: str = "GET", headers: Any = None, **said: Any
) -> None:
    """Have *path* answered so from now on."""
    body = json.dumps({"message": "What the server says.", "request_id": "req-1"} | said)
    kind = {"content-type": "application/problem+json"}

    def answer(route: Any) -> None:
        if route.request.method == method:
            route.fulfill(status=status, body=body, headers=kind | (headers or {}))
        else:
            route.fallback()

    page.unroute_all()
    page.route(path, answer)


def refresh(page: Page) -> None:
    page.get_by_role("button", name="Refresh").click()


def without_data(page: Page, answer: Any) -> None:
    """The page as if the server had written no data into it, so that the list has to be asked for."""

    def strip(route: Any) -> None:
        whole = route.fetch()
        text = re.sub(
            r'("sessions":)\{.*?\}(,"history":)', r"\1null\2", whole.text(), count=1, flags=re.DOTALL
        )
        assert '"sessions":null' in text
        route.fulfill(response=whole, body=text)

    page.route(f"**{HOME}", strip)
    page.route(LIST, answer)
    page.goto(HOME)


# ── waiting ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.runtime
def test_b31_while_the_list_is_fetched_its_shape_is_there(person):
    page = person.on(path=None)
    page.clock.install()
    held: list[Any] = []
    without_data(page, lambda route: held.append(route))
    expect(region(page).locator("[aria-busy=true] .sojourn-skeleton")).to_have_count(3)
    said = region(page).get_by_role("status")
    expect(said).to_have_text("Loading your sessions…")
    page.clock.run_for(11_000)
    expect(said).to_contain_text("This is taking longer than usual.")
    held[0].continue_()
    expect(rows(page)).to_have_count(1)
    expect(region(page).locator("[aria-busy]")).to_have_count(0)


def test_b31_while_it_is_refreshed_it_stays(person):
    page = person.on()
    held: list[Any] = []
    page.route(LIST, lambda route: held.append(route))
    refresh(page)
    button = page.get_by_role("button", name="Refreshing…")
    expect(button).to_have_attribute("aria-disabled", "true")
    expect(rows(page)).to_have_count(1)
    button.dispatch_event("click")
    held[0].continue_()
    expect(page.get_by_role("button", name="Refresh", exact=True)).to_be_visible()
    assert len(held) == 1


def test_b31_an_empty_list_says_so(person):
    page = person.on()
    page.route(
        LIST,
        lambda route: route.fulfill(
            json={"sessions": [], "count": 0, "server_now": "2026-01-01T00:00:00.000Z"}
        ),
    )
    refresh(page)
    expect(region(page)).to_contain_text("No active sessions found.")
    expect(page.get_by_role("button", name="Refresh")).to_be_visible()
    expect(page.get_by_role("button", name="Sign out all others…")).to_have_count(0)


# ── refused ───────────────────────────────────────────────────────────────────────────────────

CODES: list[tuple[int, dict[str, Any], str]] = [
    (403, {"code": "forbidden"}, "You do not have permission"),
    (404, {"code": "not_found"}, ""),
    (409, {"code": "session_changed"}, ""),
    (422, {"code": "new_rule"}, "What the server says"),
    (429, {"code": "rate_limited", "retry_after": 7}, "Too many requests. Try again in 7 seconds"),
    (500, {"code": "internal"}, ""),
    (503, {"code": "unavailable"}, ""),
]


def test_b31_an_error_with_nothing_to_show_says_what_is_wrong_and_how_to_go_on(person):
    page = person.on(path=None)
    body = json.dumps({"code": "forbidden", "message": "No.", "request_id": "req-7"})
    kind = "application/problem+json"
    without_data(page, lambda route: route.fulfill(status=403, body=body, content_type=kind))
    alert = region(page).get_by_role("alert")
    expect(alert).to_contain_text("req-7")
    page.unroute(LIST)
    alert.get_by_role("button", name="Try again").click()
    expect(rows(page)).to_have_count(1)
    expect(alert).to_have_count(0)


def test_b31_an_error_with_old_data_keeps_it_for_every_code(person):
    page = person.on()
    page.clock.install()  # what is tried again by itself is tried when the test says
    alert = region(page).get_by_role("alert")
    for status, said, text in CODES:
        problem(page, status, headers={"retry-after": "7"} if status == 429 else None, **said)
        page.get_by_role("button", name="Refresh").click()
        page.clock.run_for(20_000 if status >= 500 else 100)
        expect(alert, str(said)).to_contain_text("Could not refresh (")
        expect(alert, str(said)).to_contain_text("Showing data from")
        expect(alert, str(said)).to_contain_text(text.split(".")[0])
        expect(alert, str(said)).not_to_contain_text("error.")
        expect(rows(page)).to_have_count(1)
        expect(page.get_by_role("button", name="Refresh", exact=True)).to_be_visible()
        page.unroute_all()
        page.clock.run_for(8_000)  # as long as was asked for
        page.get_by_role("button", name="Try again").click()
        expect(alert).to_have_count(0)


def test_b31_who_asks_too_often_is_told_when_to_try_again(person):
    page = person.on()
    page.clock.install()
    problem(page, 429, code="rate_limited", retry_after=7, headers={"retry-after": "7"})
    refresh(page)
    again = region(page).get_by_role("button", name=re.compile("Try again"))
    expect(again).to_have_attribute("aria-disabled", "true")
    expect(again.locator("[aria-hidden=true]")).to_contain_text(re.compile("[67] seconds"))
    page.clock.run_for(7_000)
    expect(again).not_to_have_attribute("aria-disabled", "true")


def test_b31_offline_nothing_can_be_signed_out_and_that_is_explained(person):
    person.on(PHONE, path=None)
    page = person.on()
    page.clock.install()
    page.context.set_offline(True)
    note = region(page).get_by_role("status")
    expect(note).to_have_text("You are offline. The list may be out of date.")
    out = page.get_by_role("button", name="Sign out of iPhone")
    for button in (out, page.get_by_role("button", name="Sign out all others…")):
        expect(button).to_have_attribute("aria-disabled", "true")
        expect(button).to_have_accessible_description("You are offline. The list may be out of date.")
    out.dispatch_event("click")
    expect(rows(page)).to_have_count(2)
    assert person.watched[page].asked("DELETE", "") == []
    page.clock.run_for(6_000)  # what is known is a little old by now
    with page.expect_response(LIST):
        page.context.set_offline(False)
    expect(note).to_have_count(0)
    expect(out).not_to_have_attribute("aria-disabled", "true")


# ── acts that fail ────────────────────────────────────────────────────────────────────────────


@pytest.mark.runtime
def test_b31_a_sign_out_that_fails_brings_the_row_back_and_says_so_there(person):
    person.on(PHONE, path=None)
    page = person.on()
    problem(page, 503, f"**{API}/sessions/*", method="DELETE", code="unavailable")
    page.get_by_role("button", name="Sign out of iPhone").click()
    line = row(page, "iPhone")
    expect(line.get_by_role("alert")).to_be_visible()
    expect(line).to_contain_text("Expires in")
    page.unroute_all()
    line.get_by_role("button", name="Try again").click()
    expect(line).to_contain_text("Signed out")
    expect(line.get_by_role("alert")).to_have_count(0)


def test_b31_what_is_gone_already_is_a_success(person):
    phone = person.on(PHONE, path=None)
    page = person.on(path=None)
    page.route(f"**{API}/sessions/events", lambda route: route.abort())  # this page does not hear of it
    page.goto(HOME)
    taken_over(page)
    line = row(page, "iPhone")
    held: list[Any] = []
    page.route(f"**{API}/sessions/*undo=true", lambda route: held.append(route))
    line.get_by_role("button", name="Sign out of iPhone").click()
    phone.goto(HOME)
    phone.get_by_role("banner").get_by_role("button", name="Sign out").click()
    expect(phone).to_have_url(re.compile("/sign-in"))
    held[0].continue_()
    expect(page.get_by_role("status").filter(has_text="That device was already signed out.")).to_be_visible()
    expect(rows(page)).to_have_count(1)
    expect(page.get_by_role("alert")).to_have_count(0)


@pytest.mark.runtime
def test_b31_all_others_that_fail_say_so_in_the_dialog(person):
    person.on(PHONE, path=None)
    page = person.on()
    problem(page, 500, f"**{API}/sessions/revoke-others", method="POST", code="internal")
    page.get_by_role("button", name="Sign out all others…").click()
    asked = page.get_by_role("dialog", name="Sign out everywhere else?")
    asked.get_by_role("button", name="Sign out 1 device").click()
    expect(asked.get_by_role("alert")).to_be_visible()
    expect(rows(page)).to_have_count(2)
    page.unroute_all()
    asked.get_by_role("button", name="Sign out 1 device").click()
    expect(rows(page)).to_have_count(1)
