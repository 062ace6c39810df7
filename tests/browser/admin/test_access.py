"""Everybody can work with these pages: axe, keys, narrow screens, and tables that say what they are."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from sojourn.observe.alerts.alert import Raised
from tests.browser.account.site import Site
from tests.browser.admin.site import Root, create_user, raise_alerts, start_many, taken_over
from tests.browser.gallery import WEB
from tests.browser.test_gallery import AXE

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def peopled(site: Site) -> str:
    """The id of somebody who is signed in a few times, and about whom there is an alert."""
    user_id = create_user(site, "watched@example.org")
    start_many(site, user_id, 4)
    raise_alerts(
        site,
        Raised(
            rule="refresh-replay",
            severity="high",
            subject=user_id,
            title="A token was used twice",
            factors=("An old token of generation 3 was used.",),
            at=site.clock(),
            user_id=user_id,
        ),
    )
    return user_id


def places(user_id: str) -> list[str]:
    lists = ["/admin/sessions", "/admin/users", f"/admin/users/{user_id}", "/admin/alerts"]
    return ["/admin", *lists, "/admin/revoke?country=DE", "/admin/everyone"]


def complaints(page: Page) -> list[str]:
    page.evaluate((WEB / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate("options => axe.run(document, options)", AXE)
    return [
        f"{violation['id']}: {node['target']} {node['failureSummary']}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


LOOKS: tuple[dict[str, Any], ...] = (
    {"color_scheme": "light"},
    {"color_scheme": "dark"},
    {"forced_colors": "active"},
)


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: "-".join(look.values()))
def test_d48_axe_has_nothing_to_say(root: Root, peopled: str, look: dict[str, Any]):
    if not (WEB / "node_modules" / "axe-core").is_dir():
        pytest.skip("axe is not installed: `npm ci` in web/")
    page = root.at("/admin", **look)
    wrong: dict[str, list[str]] = {}
    for path in places(peopled):
        root.open(page, path)
        expect(page.locator("[aria-busy=true]")).to_have_count(0)
        if found := complaints(page):
            wrong[path] = found
    for button in page.get_by_role("button", name=re.compile("as a table$")).all():
        button.click()
    root.open(page, f"/admin/users/{peopled}")
    for words in ("Revoke all sessions…", "Require new sign-in…", "Act as this user…"):
        page.get_by_role("button", name=words).click()
        expect(page.get_by_role("dialog")).to_be_visible()
        if found := complaints(page):
            wrong[words] = found
        page.keyboard.press("Escape")
        expect(page.get_by_role("button", name=words)).to_be_focused()
    assert wrong == {}


def test_d48_axe_has_nothing_to_say_of_the_tables(root: Root, peopled: str):
    if not (WEB / "node_modules" / "axe-core").is_dir():
        pytest.skip("axe is not installed: `npm ci` in web/")
    page = root.at("/admin")
    expect(page.locator("[aria-busy=true]")).to_have_count(0)
    for button in page.get_by_role("button", name=re.compile("as a table$")).all():
        button.click()
    assert page.locator(".sojourn-numbers").count() >= 6
    assert complaints(page) == []


def test_d48_tables_have_captions_sort_state_and_actions_that_name(root: Root, peopled: str):
    page = root.at("/admin/sessions?q=watched@example.org")
    table = page.get_by_role("table", name="Active sessions, newest first")
    signed_in = table.get_by_role("columnheader", name="Signed in")
    expect(signed_in).to_have_attribute("aria-sort", "descending")
    signed_in.get_by_role("button").click()
    expect(signed_in).to_have_attribute("aria-sort", "ascending")
    names = table.get_by_role("button", name=re.compile("^Revoke"))
    for button in names.all():
        expect(button).to_have_accessible_name(re.compile("^Revoke session of watched on (iPhone|Firefox)"))
    assert names.count() == 4
    assert page.locator("table:not(:has(caption))").count() == 0
    head = table.locator("thead th").first
    assert head.evaluate("(cell) => getComputedStyle(cell).position") == "sticky"


def test_d48_no_page_is_wider_than_a_narrow_screen(root: Root, peopled: str):
    page = root.at("/admin", viewport={"width": 320, "height": 800})
    for path in places(peopled):
        root.open(page, path)
        expect(page.locator("[aria-busy=true]")).to_have_count(0)
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 320, path


def test_d48_by_keys_alone(root: Root, peopled: str):
    page = root.at("/admin/sessions?q=watched@example.org")
    expect(page.get_by_role("row")).to_have_count(5)
    reached: list[str] = []
    page.get_by_role("searchbox").focus()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                """() => {
                    const one = document.activeElement;
                    const seen = getComputedStyle(one).outlineStyle !== 'none';
                    return `${one.getAttribute('aria-label') ?? one.textContent}${seen ? '' : ' UNSEEN'}`;
                }"""
            )
        )
        if reached[-1].startswith("Export CSV"):
            break
    assert not [name for name in reached if name.endswith("UNSEEN")], reached
    for wanted in ("Select all on this page", "Revoke session of watched on iPhone", "None selected"):
        assert any(name.startswith(wanted) for name in reached), (wanted, reached)


def test_the_pages_work_behind_their_policy_from_right_to_left(root: Root, peopled: str):
    page = root.at("/admin")
    page.evaluate("() => { document.documentElement.dir = 'rtl'; }")
    expect(page.get_by_role("img", name="Session length")).to_be_visible()
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


def test_the_script_takes_over_without_losing_the_focus(roots: Callable[[Site], Root], site: Site):
    root = roots(site)
    page = root.page(context := root.browser_of())
    root.enter(context)
    held: list[Any] = []
    page.route("**/locale-en.json", lambda route: held.append(route))
    page.goto("/admin", wait_until="commit")
    page.get_by_role("link", name="Active sessions").focus()
    for route in held:
        route.continue_()
    page.unroute("**/locale-en.json")
    taken_over(page)
    expect(page.get_by_role("link", name="Active sessions")).to_be_focused()
