"""The sample React application in examples/react, as somebody runs it: built, served, and used by people."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from tests.client.processes import EXAMPLES, free_port, serving

pytestmark = pytest.mark.browser

PASSWORD = "correct horse battery staple"
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.3 Mobile/15E148 Safari/604.1"
)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The origin of a running `python examples/react/app.py`."""
    if not (EXAMPLES / "react" / "dist" / "index.html").exists():
        missing = "the sample is not built: `make sample`"
        (pytest.fail if os.environ.get("SOJOURN_REQUIRE_BROWSER") else pytest.skip)(missing)
    port = free_port()
    program = (str(EXAMPLES / "react" / "app.py"), str(port))
    with serving(tmp_path_factory.mktemp("sample"), port, *program, path="/readyz", settings={}) as origin:
        yield origin


class Person:
    """Somebody with an account, who signs in by the form of the sample."""

    def __init__(self, browser: Browser, origin: str, email: str) -> None:
        self.browser, self.origin, self.email = browser, origin, email
        self.known = False
        self.complaints: list[str] = []

    def page(self, user_agent: str | None = None) -> Page:
        """A page in a browser of its own, where nobody is signed in."""
        context = self.browser.new_context(
            base_url=self.origin, user_agent=user_agent, locale="en-GB", timezone_id="Europe/Berlin"
        )
        context.set_default_timeout(30_000)
        page = context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        return page

    def enter(self, page: Page, path: str = "/") -> None:
        """Sign in, the first time with a new account."""
        page.goto(path)
        page.get_by_label("Email").fill(self.email)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in" if self.known else "Create an account").click()
        self.known = True
        expect(page.get_by_role("heading", name=re.compile("Active sessions", re.IGNORECASE))).to_be_visible()

    def on(self, user_agent: str | None = None) -> Page:
        page = self.page(user_agent)
        self.enter(page)
        return page


@pytest.fixture
def person(chromium: Browser, sample: str, request: pytest.FixtureRequest) -> Iterator[Person]:
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name).strip("-")[:50]
    person = Person(chromium, sample, f"{name}@example.org")
    before = list(chromium.contexts)
    yield person
    for context in chromium.contexts:
        if context not in before:
            context.close()
    assert person.complaints == []


def lists(page: Page) -> list[Request]:
    """The requests for the list from now on, in the order in which they are made."""
    asked: list[Request] = []
    page.on("request", lambda one: asked.append(one) if one.url.endswith("/api/auth/sessions") else None)
    return asked


def rows(page: Page):
    return page.get_by_role("main").get_by_role("listitem")


def toast(page: Page, text: str):
    return page.get_by_role("status").filter(has_text=text)


# ── the list with hooks of one's own ──────────────────────────────────────────────────────────


def test_the_list_says_where_one_is_signed_in(person):
    person.on(PHONE)
    page = person.on()
    expect(rows(page)).to_have_count(2)
    expect(rows(page).filter(has_text="Current")).to_have_count(1)
    phone = rows(page).filter(has_text="iOS")
    expect(phone).to_contain_text(re.compile(r"IP: 127\.0\.0\.1 • Logged in: .+ • Expires in \d+ "))
    expect(page.get_by_text(re.compile(r"Last updated: \d+:\d\d:\d\d"))).to_be_visible()


def test_it_is_fetched_again_every_minute_and_that_is_no_sign_of_a_person(person):
    page = person.page()
    page.clock.install(time=datetime.now(UTC))
    page.route("**/sessions/events", lambda route: route.abort())  # which would say that there is news
    person.enter(page)
    expect(rows(page)).to_have_count(1)
    asked = lists(page)
    person.on(PHONE)
    assert asked == []
    with page.expect_response("**/api/auth/sessions") as answer:
        page.clock.run_for(60_000)
    assert answer.value.ok
    assert {one.headers.get("x-session-passive") for one in asked} == {"1"}
    expect(rows(page)).to_have_count(2)


def test_the_refresh_button_fetches_it(person):
    page = person.on()
    expect(rows(page)).to_have_count(1)
    with page.expect_response("**/api/auth/sessions") as answer:
        page.get_by_title("Refresh sessions").click()
    assert answer.value.ok


def test_signing_one_device_out_says_so_and_fetches_the_list(person):
    phone, page = person.on(PHONE), person.on()
    rows(page).filter(has_text="iOS").get_by_role("button", name="Logout").click()
    expect(toast(page, "Logged out from this device")).to_be_visible()
    expect(rows(page)).to_have_count(1)
    expect(phone.get_by_role("alertdialog", name="Session expired")).to_be_visible()


def test_signing_all_out_spares_this_device(person):
    others = [person.on(PHONE), person.on()]
    page = person.on()
    expect(rows(page)).to_have_count(3)
    page.get_by_role("button", name="Logout All").click()
    expect(toast(page, "Logged out from all devices")).to_be_visible()
    expect(rows(page)).to_have_count(1)
    expect(rows(page)).to_contain_text("Current")
    for other in others:
        expect(other.get_by_role("alertdialog", name="Session expired")).to_be_visible()


# ── the end of a session ──────────────────────────────────────────────────────────────────────


def test_an_end_from_elsewhere_is_told_to_whoever_subscribed_and_to_the_person(person):
    phone, page = person.on(PHONE), person.on()
    with phone.expect_console_message(lambda said: said.text == "Session expired!"):
        rows(page).filter(has_text="iOS").get_by_role("button", name="Logout").click()
    dialog = phone.get_by_role("alertdialog", name="Session expired")
    expect(dialog).to_contain_text("You signed this device out from")
    expect(rows(phone)).to_have_count(0)  # what was the person's is no longer shown


def test_the_sign_in_page_says_why_and_leads_back(person):
    phone, page = person.on(PHONE), person.on()
    phone.get_by_role("link", name="Security").click()
    expect(phone.get_by_role("heading", name="Recently signed out")).to_be_visible()
    rows(page).filter(has_text="iOS").get_by_role("button", name="Logout").click()
    phone.get_by_role("alertdialog").get_by_role("button", name="Log in again").click()
    expect(phone).to_have_url(re.compile(r"/sign-in\?next=%2Fsecurity&reason=user$"))
    expect(phone.get_by_role("alertdialog")).to_have_count(0)
    expect(phone.get_by_text("You are signed out.")).to_have_count(0)
    expect(phone.get_by_role("status")).to_contain_text(["You signed this device out from another one."])
    phone.get_by_label("Email").fill(person.email)
    phone.get_by_label("Password").fill(PASSWORD)
    phone.get_by_role("button", name="Sign in").click()
    expect(phone).to_have_url(re.compile(r"/security$"))
    expect(phone.get_by_role("heading", name="Active sessions")).to_be_visible()


def test_the_sign_in_page_leads_nowhere_else(person):
    person.on()
    page = person.page()
    person.enter(page, "/sign-in?next=//elsewhere.example/")
    assert page.url == f"{person.origin}/"


# ── the components of the package ─────────────────────────────────────────────────────────────


@pytest.fixture
def security(person: Person) -> Callable[[], Page]:
    def opened() -> Page:
        page = person.on()
        page.get_by_role("link", name="Security").click()
        expect(page.get_by_role("heading", name="Active sessions")).to_be_visible()
        return page

    return opened


def test_a_sign_out_can_be_undone_on_the_page_of_the_package(person, security):
    person.on(PHONE)
    page = security()
    row = rows(page).filter(has_text="iPhone")
    row.get_by_role("button", name="Sign out of").click()
    row.get_by_role("button", name="Undo").click()
    expect(row.get_by_role("button", name="Sign out of")).to_be_visible()


def test_the_side_bar_says_who_is_signed_in_and_signs_out(person):
    page = person.on()
    bar = page.get_by_role("navigation")
    expect(bar).to_contain_text(f"Signed in as {person.email}")
    bar.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(re.compile(r"/sign-in$"))
    expect(bar.get_by_role("link", name="Sign in")).to_be_visible()
