"""Proving who one is: administrators before a file of everybody, users because an administrator wants it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from tests.browser.account.site import PASSWORD, PHONE, Person, Site, rows
from tests.browser.account.site import taken_over as account_taken_over
from tests.browser.admin.site import ADMIN_API, Root, create_user, start_session

pytestmark = pytest.mark.browser

HOUR = timedelta(hours=1)


def test_who_is_required_to_proves_it_before_anything_sensitive_and_reads_on_meanwhile(
    root: Root, people: Callable[[Site], Person], site: Site
):
    ana = people(site)
    page = ana.on()
    phone = ana.on(PHONE)
    expect(rows(page)).to_have_count(2)

    desk = root.at(f"/admin/users/{ana.id}")
    desk.get_by_role("button", name="Require new sign-in…").click()
    with desk.expect_response(f"**{ADMIN_API}/users/{ana.id}/require-sign-in") as required:
        desk.get_by_role("dialog").get_by_role("button", name="Require new sign-in").click()
    assert (required.value.status, required.value.json()) == (200, {"count": 2})
    expect(desk.get_by_role("dialog")).to_have_count(0)

    page.reload()  # ordinary reading goes on
    account_taken_over(page)
    expect(rows(page)).to_have_count(2)
    page.get_by_role("button", name="Sign out all others…").click()
    page.get_by_role("button", name="Sign out 1 device").click()
    proof = page.get_by_role("dialog", name="Confirm it is you")
    field = proof.get_by_label("Password")
    field.fill("wrong")
    page.keyboard.press("Enter")
    expect(proof.get_by_role("alert")).to_be_visible()
    expect(phone.get_by_role("alertdialog")).to_have_count(0)
    field.fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(rows(page)).to_have_count(1)
    expect(page.get_by_role("dialog")).to_have_count(0)
    posts = ana.watched[page].asked("POST", "/sessions/revoke-others")
    answers = [one.response() for one in posts]
    assert [answer and answer.status for answer in answers] == [403, 200]
    expect(phone.get_by_role("alertdialog")).to_be_visible()


@pytest.mark.parametrize("scripted", [True, False], ids=["with-javascript", "without"])
def test_an_administrator_whose_sign_in_is_old_proves_it_and_exports_then(
    roots: Callable[[Site], Root], own_site: Site, scripted: bool
):
    root = roots(own_site)
    email = "exported@example.org"
    user_id = create_user(own_site, email)
    context = root.browser_of(java_script_enabled=scripted)
    root.enter(context)
    own_site.clock.ahead += HOUR / 6
    start_session(own_site, user_id)
    page = context.new_page()
    where = f"/admin/sessions?q={email}"
    if scripted:
        root.open(page, where)
    else:
        page.goto(where)
    page.get_by_role("link", name="Export CSV").click()
    expect(page).to_have_url(re.compile(r"/confirm\?next="))
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name=re.compile("Confirm|Continue")).click()
    expect(page).to_have_url(re.compile(r"/admin/sessions\?q=exported"))
    expect(page.get_by_role("status").filter(has_text="Confirmed. You can export now.")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Export CSV").click()
    assert download.value.suggested_filename == "sessions.csv"
    lines = download.value.path().read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2
    assert email in lines[1]
