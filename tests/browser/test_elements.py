"""The elements on a page that somebody else wrote: a strict policy, scripts in any order, plain or in Vue."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Route, expect

from sojourn.web.pages.assets import ASSETS_PATH
from sojourn.web.pages.rendering import HEADERS
from tests.browser.gallery import WEB

pytestmark = pytest.mark.browser

PASSWORD = "correct horse battery staple"
POLICY = dict(HEADERS)["content-security-policy"]

HEAD = f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Mine</title>
<link rel="icon" href="{ASSETS_PATH}/sojourn.svg"><link rel="stylesheet" href="{ASSETS_PATH}/styles.css">"""
DEFINE = f"async () => {{ await import('{ASSETS_PATH}/elements.js') }}"
SCRIPT = f'<script type="module" src="{ASSETS_PATH}/elements.js"></script>'
LIST = """<sojourn-active-sessions base-url="/api/auth" login-url="/sign-in">
<a href="/account/security">Your sessions</a></sojourn-active-sessions>"""
STATUS = '<sojourn-session-status base-url="/api/auth"></sojourn-session-status>'
EXPIRED = '<sojourn-session-expired base-url="/api/auth" login-url="/sign-in"></sojourn-session-expired>'

Show = Callable[..., Page]


@pytest.fixture
def someone(chromium: Browser, demo: str, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    """A browser in which somebody has just signed up."""
    context = chromium.new_context(base_url=demo, reduced_motion="reduce")
    email = f"{re.sub(r'[^a-z]+', '-', request.node.name.lower())[:50]}@example.org"
    given = {"email": email, "password": PASSWORD, "name": "Ana", "mode": "cookie"}
    assert context.request.post("/api/auth/sign-up", data=given).status == 201
    yield context
    context.close()


@pytest.fixture
def other(chromium: Browser, demo: str, someone: BrowserContext) -> Iterator[BrowserContext]:
    """The same person's browser on another device."""
    email = someone.request.get("/api/auth/sessions/current").json()["user"]["email"]
    context = chromium.new_context(base_url=demo)
    given = {"email": email, "password": PASSWORD, "remember": False, "mode": "cookie"}
    assert context.request.post("/api/auth/sign-in", data=given).status == 200
    yield context
    context.close()


@pytest.fixture
def show(someone: BrowserContext) -> Iterator[Show]:
    """Open a page with a body of one's own, on the demo's origin, under the policy of its pages."""
    complaints: list[str] = []

    def opened(body: str, head: str = SCRIPT, policy: str = POLICY, files: Path | None = None) -> Page:
        def answer(route: Route) -> None:
            headers = dict(HEADERS) | {"content-security-policy": policy}
            route.fulfill(body=f"{HEAD}{head}</head><body>{body}</body></html>", headers=headers)

        def serve(route: Route) -> None:
            route.fulfill(path=f"{files}{urlsplit(route.request.url).path.removeprefix('/built')}")

        def heard(said: ConsoleMessage) -> None:
            if said.type == "error" and "status of 401" not in said.text:  # refused, not broken
                complaints.append(said.text)

        page = someone.new_page()
        page.on("console", heard)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.route("**/built/**", serve)
        page.route("**/mine", answer)
        page.goto("/mine")
        return page

    yield opened
    assert complaints == []


def test_a_plain_page_shows_who_is_signed_in_where(show: Show):
    page = show(STATUS + LIST + EXPIRED)
    expect(page.get_by_role("heading", name="Active sessions")).to_be_visible()
    expect(page.get_by_text("This device", exact=True)).to_be_visible()
    expect(page.locator("sojourn-session-status")).to_contain_text("@example.org")
    expect(page.get_by_role("link", name="Your sessions")).to_have_count(0)


def test_another_device_is_signed_out_from_a_plain_page(show: Show, someone, other: BrowserContext):
    page = show(LIST + EXPIRED)
    page.get_by_role("button", name="Sign out of").click()
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()  # once it is done
    assert other.request.get("/api/auth/sessions/current").status == 401
    assert someone.request.get("/api/auth/sessions/current").status == 200


def test_who_is_quicker_than_the_page_signs_out_once_with_undo(show: Show, someone, other: BrowserContext):
    held: list[Route] = []
    someone.route("**/api/auth/sessions/current*", lambda route: held.append(route))
    page = show(LIST)
    page.get_by_role("button", name="Sign out of").dblclick()
    assert other.request.get("/api/auth/sessions/current").status == 200
    assert len(held) == 1
    someone.unroute("**/api/auth/sessions/current*")  # which lets go what was held
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()  # once it is done
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert other.request.get("/api/auth/sessions/current").status == 401


def test_elements_may_come_before_their_script_and_after(show: Show):
    page = show(LIST, head="")
    expect(page.get_by_role("link", name="Your sessions")).to_be_visible()
    page.evaluate(DEFINE)
    expect(page.get_by_role("heading", name="Active sessions")).to_be_visible()
    page.evaluate("document.body.append(document.createElement('sojourn-session-status'))")
    expect(page.locator("sojourn-session-status")).to_contain_text("@example.org")


def test_the_last_element_that_leaves_closes_the_connection(show: Show):
    page = show(LIST + STATUS, head="")
    with page.expect_request("**/api/auth/sessions/events"):
        page.evaluate(DEFINE)
    expect(page.get_by_role("heading", name="Active sessions")).to_be_visible()
    page.evaluate("document.querySelector('sojourn-active-sessions').remove()")
    expect(page.locator("sojourn-session-status")).to_contain_text("@example.org")
    with page.expect_event("requestfailed", lambda request: request.url.endswith("/sessions/events")):
        page.evaluate("document.querySelector('sojourn-session-status').remove()")


def test_an_element_speaks_the_language_of_its_page(show: Show):
    page = show(f'<div lang="de">{LIST}</div>')
    expect(page.get_by_role("heading", name="Aktive Sitzungen")).to_be_visible()


# ── in Vue, as the guide shows it ─────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code of docs/how-to/custom-elements.md, built with the npm package."""
    needed = (WEB / "node_modules" / "vue", WEB / "dist" / "elements.js")
    if missing := [path.name for path in needed if not path.exists()]:
        why = f"no {missing}: `npm ci && npm run build:lib` in web/"
        (pytest.fail if os.environ.get("SOJOURN_REQUIRE_BROWSER") else pytest.skip)(why)
    folder = tmp_path_factory.mktemp("vue")
    subprocess.run(["node", "samples/vue.mjs", folder], cwd=WEB, check=True)
    return folder


@pytest.fixture
def in_vue(show: Show, application: Path) -> Page:
    head = """<link rel="stylesheet" href="/built/main.css">
    <script type="module" src="/built/main.js"></script>"""
    assert "trusted-types 'none'" in POLICY
    policy = POLICY.replace("trusted-types 'none'", "trusted-types vue")
    return show('<div id="app"></div>', head=head, policy=policy, files=application)


def test_e55_vue_renders_the_elements_and_leaves_their_content_alone(in_vue: Page):
    expect(in_vue.get_by_role("heading", name="Active sessions")).to_be_visible()
    expect(in_vue.get_by_text("This device", exact=True)).to_be_visible()
    expect(in_vue.get_by_role("link", name="Your sessions")).to_have_count(0)


def test_e55_what_vue_binds_follows_its_state(in_vue: Page):
    expect(in_vue.get_by_role("heading", name="Active sessions")).to_be_visible()
    in_vue.get_by_label("Language").select_option("de")
    expect(in_vue.get_by_role("heading", name="Aktive Sitzungen")).to_be_visible()
    expect(in_vue.locator("sojourn-session-expired")).to_have_attribute("lang", "de")


def test_e55_vue_hears_what_is_pressed_and_the_element_goes_on(in_vue: Page):
    with in_vue.expect_response("**/api/auth/sessions"):
        in_vue.get_by_role("button", name="Refresh").click()
    expect(in_vue.get_by_text("Last pressed: Refresh")).to_be_visible()
    expect(in_vue.get_by_text("This device", exact=True)).to_be_visible()


def test_e55_an_element_goes_and_comes_with_the_state_of_vue(in_vue: Page):
    expect(in_vue.get_by_role("heading", name="Active sessions")).to_be_visible()
    in_vue.get_by_label("Show my sessions").uncheck()
    expect(in_vue.locator("sojourn-active-sessions")).to_have_count(0)
    in_vue.get_by_label("Show my sessions").check()
    expect(in_vue.get_by_text("This device", exact=True)).to_be_visible()


def test_e55_vue_is_told_when_the_session_is_over(in_vue: Page, other: BrowserContext, demo: str):
    expect(in_vue.get_by_text("This device", exact=True)).to_be_visible()
    answer = other.request.post("/api/auth/sessions/revoke-others", headers={"Origin": demo})
    assert answer.json() == {"count": 1}
    expect(in_vue.get_by_text("Your session is over: session_revoked")).to_be_visible()
    expect(in_vue.get_by_role("alertdialog")).to_be_visible()
