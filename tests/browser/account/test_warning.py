"""The warning before a session ends: in time, with a way to stay, and never louder than it has to be."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.account.passing import opened, pass_by
from tests.browser.account.site import API, hide, rows

pytestmark = pytest.mark.browser


@pytest.fixture
def person(people, own_site):
    return people(own_site)


def warning(page: Page) -> Any:
    return page.get_by_role("alertdialog", name="Still there?")


def until_warned(person: Any, *pages: Page) -> None:
    """To two minutes before the end. The server is asked before anything is said."""
    pass_by(person, 12, *pages)
    for page in pages:
        expect(warning(page)).to_have_count(0)
    pass_by(person, 1, *pages)
    for _ in range(20):
        if all(warning(page).count() for page in pages):
            return
        pass_by(person, 1 / 20, *pages)
    for page in pages:
        expect(warning(page)).to_be_visible()


def counting(page: Page) -> Any:
    """For the eye alone."""
    return warning(page).locator("p span[aria-hidden=true]")


def clock_of(page: Page) -> int:
    minutes, seconds = counting(page).inner_text().split(":")
    return int(minutes) * 60 + int(seconds)


@pytest.mark.runtime
def test_c41_two_minutes_before_the_end_it_asks_and_stay_extends(person):
    page = opened(person, person.on(path=None))
    until_warned(person, page)
    assert 60 <= clock_of(page) <= 120
    stay = warning(page).get_by_role("button", name="Stay signed in")
    expect(stay).to_be_focused()
    with page.expect_response(f"**{API}/activity") as answered:
        stay.click()
    assert answered.value.ok
    expect(warning(page)).to_have_count(0)
    expect(rows(page)).to_have_count(1)
    ends = page.evaluate(f"() => fetch('{API}/sessions/current').then((answer) => answer.json())")
    assert ends["session"]["expires_at"] > (person.site.clock() + timedelta(minutes=14)).isoformat()


@pytest.mark.runtime
def test_c41_any_key_is_a_sign_of_life(person):
    page = opened(person, person.on(path=None))
    until_warned(person, page)
    with page.expect_response(f"**{API}/activity"):
        page.keyboard.press("a")
    expect(warning(page)).to_have_count(0)


def test_c41_sign_out_now_signs_out(person):
    page = opened(person, person.on(path=None))
    until_warned(person, page)
    page.mouse.move(20, 20)  # the way there is no answer
    warning(page).get_by_role("button", name="Sign out now").click()
    expect(warning(page)).to_have_count(0)
    expect(rows(page)).to_have_text([])
    assert not page.request.get(f"{API}/sessions/current").ok


def test_c41_a_sign_of_life_in_another_tab_closes_it(person):
    page = opened(person, person.on(path=None))
    tab = opened(person, person.page(page.context))
    until_warned(person, page, tab)
    with tab.expect_response(f"**{API}/activity"):
        tab.mouse.wheel(0, 50)
    expect(warning(tab)).to_have_count(0)
    expect(warning(page)).to_have_count(0)


def test_c41_it_speaks_at_the_thresholds_only(person):
    page = opened(person, person.on(path=None))
    until_warned(person, page)
    page.evaluate(
        """() => {
            const live = document.querySelector('[role=alertdialog] [aria-live]');
            window.spoken = [];
            new MutationObserver(() => window.spoken.push(live.textContent))
                .observe(live, { childList: true, subtree: true, characterData: true });
        }"""
    )
    expect(counting(page)).to_be_visible()
    while clock_of(page) > 15:  # the machine's own seconds pass, too
        pass_by(person, 1 / 60, page)
    spoken = page.evaluate("() => window.spoken")
    said = [re.findall(r"\d+ \w+", one)[0] for one in spoken]
    assert said in (["1 minute", "30 seconds", "20 seconds"], ["30 seconds", "20 seconds"])
    expect(warning(page)).to_be_visible()


def test_c41_nobody_answers_and_it_is_over(person):
    page = opened(person, person.on(path=None))
    until_warned(person, page)
    over = page.get_by_role("alertdialog", name="Session expired")
    for _ in range(120):
        if over.count():
            break
        pass_by(person, 1 / 20, page)
    expect(over).to_contain_text("because you were inactive for 15 minutes")
    expect(page.locator("dialog[open]")).to_have_count(1)


def test_c41_a_tab_that_nobody_looks_at_says_it_in_its_title(person):
    page = opened(person, person.on(path=None))
    title = page.title()
    until_warned(person, page)
    page.clock.run_for(200)  # what is on the screen is heard from then
    hide(page, hidden=True)
    expect(page).to_have_title(f"Signing out soon – {title}")
    hide(page, hidden=False)
    expect(page).to_have_title(title)


def test_c41_an_end_that_cannot_be_moved_is_told_before_it_comes(people, start_site):
    person = people(start_site(lifetime=timedelta(minutes=10), idle_timeout=None))
    page = opened(person, person.on(path=None))
    pass_by(person, 7, page)
    told = page.get_by_role("alertdialog", name="Your session ends soon")
    expect(told).to_have_count(0)
    pass_by(person, 1, page)
    for _ in range(20):
        if told.count():
            break
        pass_by(person, 1 / 20, page)
    expect(told).to_contain_text("and cannot be extended. Save your work.")
    expect(told.get_by_role("button", name="Stay signed in")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(told).to_have_count(0)
    pass_by(person, 0.5, page)
    expect(told).to_have_count(0)
