"""The pages in a real browser without JavaScript: what a person does, and what the screen then says."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from sojourn.demo.cast import ADMIN

pytestmark = pytest.mark.browser

PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.3 Mobile/15E148 Safari/604.1"
)
LAPTOP = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/143.0.0.0 Safari/537.36"
)
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0"

PASSWORD = "correct horse battery staple"


def sign_up(page: Page, email: str) -> None:
    page.goto("/sign-up")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").first.fill(PASSWORD)
    page.get_by_role("button", name=re.compile("account|sign up", re.IGNORECASE)).click()
    expect(page.get_by_role("heading", name="Security", level=1)).to_be_visible()


def sign_in(page: Page, email: str, password: str = PASSWORD) -> None:
    page.goto("/sign-in")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").first.fill(password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Security", level=1)).to_be_visible()


def on_three_devices(device, email: str) -> tuple[Page, Page, Page]:
    laptop, phone, pc = device(LAPTOP), device(PHONE), device(WINDOWS)
    sign_up(laptop, email)
    sign_in(phone, email)
    sign_in(pc, email)
    return laptop, phone, pc


@pytest.fixture(scope="module")
def laptop_of_three(device) -> Page:
    """One person's laptop, who is also on a phone and a PC; for tests that only look."""
    return on_three_devices(device, "looks@example.org")[0]


@pytest.fixture
def three(device, request: pytest.FixtureRequest) -> tuple[Page, Page, Page]:
    """One person on a laptop, a phone and a PC; for tests that sign out."""
    found = on_three_devices(device, f"{re.sub(r'[^a-z]+', '-', request.node.name.lower())[:60]}@example.org")
    found[0].goto("/account/security")
    return found


def rows(page: Page):
    return page.get_by_role("region", name="Active sessions").get_by_role("listitem")


def test_every_device_is_listed_and_this_one_comes_first(laptop_of_three):
    laptop = laptop_of_three
    laptop.goto("/account/security")
    expect(rows(laptop)).to_have_count(3)
    expect(rows(laptop).first).to_contain_text("Chrome 143 on macOS")
    expect(rows(laptop).first).to_contain_text("This device")
    expect(rows(laptop).filter(has_text="Safari 17 on iOS")).to_have_count(1)
    expect(rows(laptop).filter(has_text="Firefox 145 on Windows")).to_have_count(1)


def test_a_row_says_what_people_want_to_know(laptop_of_three):
    laptop = laptop_of_three
    laptop.goto("/account/security")
    row = rows(laptop).filter(has_text="Safari 17 on iOS")
    for text in ("iPhone", "127.0.0.1", "Signed in", "Active now", "Expires in"):
        expect(row).to_contain_text(text)


def test_signing_one_device_out_passes_a_confirmation_and_is_felt_there(three):
    laptop, phone, pc = three
    rows(laptop).filter(has_text="Safari 17 on iOS").get_by_role("link", name="Sign out").click()
    laptop.get_by_role("main").get_by_role("button", name=re.compile("Sign out")).click()
    expect(rows(laptop)).to_have_count(2)
    phone.goto("/account/security")
    expect(phone).to_have_url(re.compile("/sign-in"))
    expect(phone.get_by_role("main")).to_contain_text("signed")
    pc.goto("/account/security")
    expect(rows(pc)).to_have_count(2)


def test_signing_all_others_out_keeps_this_device(three):
    laptop, phone, pc = three
    laptop.get_by_role("link", name=re.compile("Sign out all others")).click()
    expect(laptop.get_by_role("main")).to_contain_text("2 other devices will be signed out")
    laptop.get_by_role("main").get_by_role("button", name=re.compile("Sign out")).click()
    expect(rows(laptop)).to_have_count(1)
    expect(laptop.get_by_role("main")).to_contain_text("You are only signed in here.")
    for other in (phone, pc):
        other.goto("/account/security")
        expect(other).to_have_url(re.compile("/sign-in"))


@pytest.mark.req("A7-7.4.4")
def test_sign_out_is_visible_and_the_back_button_shows_nothing(three):
    laptop, _, _ = three
    laptop.get_by_role("banner").get_by_role("button", name="Sign out").click()
    expect(laptop).to_have_url(re.compile("/sign-in"))
    laptop.go_back()
    laptop.reload()
    expect(laptop).to_have_url(re.compile("/sign-in"))


@pytest.mark.req("A3-3.4.3")
def test_the_pages_break_no_rule_of_their_own_content_security_policy(laptop_of_three):
    laptop = laptop_of_three
    complaints: list[str] = []
    laptop.on("console", lambda message: complaints.append(message.text))
    for path in ("/account/security", "/account/password", "/sign-in", "/confirm"):
        laptop.goto(path)
    assert complaints == []


def test_nothing_is_wider_than_a_small_screen(device, demo):
    page = device(PHONE, viewport={"width": 320, "height": 700})
    sign_up(page, "narrow@example.org")
    for path in ("/account/security", "/sign-in", "/account/password", "/confirm"):
        page.goto(path)
        box = page.locator("body").bounding_box()
        assert box is not None
        assert box["width"] <= 320
        assert page.locator("html").evaluate("e => e.scrollWidth") <= 320


def test_an_administrator_sees_the_live_count(device, demo):
    page = device(LAPTOP)
    page.goto("/sign-in?next=/admin")
    page.get_by_label("E-mail").fill("grace@example.org")
    page.get_by_label("Password").first.fill(ADMIN.password)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile("/admin"))
    expect(page.get_by_role("main")).to_contain_text("Currently logged in")
    expect(page.get_by_role("main")).to_contain_text(re.compile(r"\d+ sessions · \d+ people"))


def test_a_user_is_told_that_the_overview_is_not_theirs(laptop_of_three):
    laptop = laptop_of_three
    response = laptop.goto("/admin")
    assert response is not None
    assert response.status == 403
    expect(laptop.get_by_role("main")).to_contain_text("administrator")
