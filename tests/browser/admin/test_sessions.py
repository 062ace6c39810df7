"""Finding sessions and ending them: one, those chosen, all of a user, all that match."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from itertools import count

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from sojourn.observe.journal.line import Filter, Line
from tests.browser.account.site import API, HOME, PASSWORD, PHONE, WINDOWS, Person, Site
from tests.browser.account.site import taken_over as account_taken_over
from tests.browser.admin.site import ADMIN_API, Root, create_user, start_many, start_session, with_ledger
from tests.browser.client.tabs import until

pytestmark = pytest.mark.browser

_numbers = count(1)


@pytest.fixture
def ana(site: Site) -> tuple[str, str]:
    """The id and the e-mail address of somebody with an account, who is not here."""
    email = f"ana-{next(_numbers)}@example.org"
    return create_user(site, email), email


def rows(page: Page) -> Locator:
    return page.locator(".sojourn-sessions tbody tr")


def search(page: Page, text: str) -> None:
    page.get_by_role("searchbox").fill(text)


def found(page: Page, words: str) -> None:
    expect(page.locator(".sojourn-found[role=status]")).to_have_text(words)


def why(page: Page, reason: str = "Suspicious", note: str = "") -> Locator:
    """Say in the dialog why."""
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").select_option(label=reason)
    dialog.get_by_label(re.compile("^Note")).fill(note)
    return dialog


def the_line(page: Page, site: Site, saying: str = "", **asked: object) -> Line:
    """The one line that says *saying*, once it is written: the journal is a moment behind."""
    found: list[Line] = []

    def written() -> bool:
        lines = with_ledger(site, lambda ledger: ledger.lines(Filter(**asked)))  # type: ignore[arg-type]
        found[:] = [line for line in lines if saying in str(line.personal)]
        return bool(found)

    until(page, written, within=20, what="a line of the journal")
    (line,) = found
    return line


# ── finding ───────────────────────────────────────────────────────────────────────────────────


def test_d44_by_user_address_and_device(root: Root, site: Site, ana: tuple[str, str]):
    user_id, email = ana
    session = start_session(site, user_id, agent=PHONE, ip="192.0.2.77")
    start_session(site, user_id, agent=WINDOWS, ip="192.0.2.78")
    page = root.at("/admin/sessions")
    search(page, email)
    found(page, "2 sessions found")
    search(page, "192.0.2.77")
    found(page, "1 session found")
    expect(rows(page)).to_contain_text("iPhone")
    search(page, "192.0.2.64/27")
    found(page, "2 sessions found")
    search(page, str(session.id))
    found(page, "1 session found")
    page.goto(f"/admin/sessions?user_id={user_id}")
    search(page, "Windows")
    found(page, "1 session found")
    expect(rows(page)).to_contain_text("Firefox 145 on Windows")
    page.get_by_role("combobox", name="Device").select_option(label="Phone")
    found(page, "0 sessions found")
    page.get_by_role("button", name="Clear filters").click()
    expect(page).to_have_url(re.compile("/admin/sessions$"))


def test_d44_filters_survive_a_reload_and_back(root: Root, site: Site, ana: tuple[str, str]):
    user_id, email = ana
    start_many(site, user_id, 2)
    page = root.at("/admin/sessions")
    search(page, email)
    found(page, "2 sessions found")
    page.get_by_role("combobox", name="Device").select_option(label="Phone")
    found(page, "1 session found")
    page.reload()
    found(page, "1 session found")
    expect(page.get_by_role("searchbox")).to_have_value(email)
    page.go_back()
    found(page, "2 sessions found")
    expect(page.get_by_role("combobox", name="Device")).to_have_value("")
    page.go_back()
    expect(page.get_by_role("searchbox")).to_have_value("")


def test_d44_what_comes_late_does_not_replace_what_is_newer(root: Root, site: Site, ana: tuple[str, str]):
    user_id, email = ana
    start_session(site, user_id)
    page = root.at("/admin/sessions")
    held: list[Route] = []
    page.route(re.compile(r"/api/admin/sessions\?.*q=192"), lambda route: held.append(route))
    search(page, "192.0.2.1")
    page.wait_for_function("() => location.search.includes('q=192')")
    search(page, email)
    found(page, "1 session found")
    assert len(held) == 1
    for route in held:
        route.abort()  # the browser has given it up already; it must not matter
    expect(rows(page)).to_have_count(1)
    expect(rows(page)).to_contain_text(email.split("@")[0])
    expect(page.get_by_role("alert")).to_have_count(0)


def test_d44_from_page_to_page_and_back(root: Root, site: Site, ana: tuple[str, str]):
    user_id, email = ana
    start_many(site, user_id, 52)
    page = root.at(f"/admin/sessions?q={email}")
    expect(rows(page)).to_have_count(50)
    page.get_by_role("button", name="Next ›").click()
    expect(rows(page)).to_have_count(2)
    page.reload()
    expect(rows(page)).to_have_count(2)
    page.get_by_role("button", name="‹ Previous").click()
    expect(rows(page)).to_have_count(50)


def test_d44_slash_leads_to_the_search_unless_one_types(root: Root):
    page = root.at("/admin/sessions")
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("/")
    expect(page.get_by_role("searchbox")).to_have_value("/")
    page.get_by_text("Settings").click()
    page.get_by_role("checkbox", name=re.compile("leads to the search")).uncheck()
    page.get_by_role("heading", name="Sessions", level=1).click()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).not_to_be_focused()


def test_the_same_search_without_a_script(root: Root, site: Site, ana: tuple[str, str]):
    user_id, email = ana
    start_session(site, user_id)
    context = root.browser_of(java_script_enabled=False)
    root.enter(context)
    page = context.new_page()
    page.goto("/admin/sessions")
    search(page, email)
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("1 session found")).to_be_visible()
    page.get_by_role("link", name=re.compile(f"^Revoke session of {re.escape(email)} on")).click()
    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("status")).to_have_text("1 session revoked.")


def test_the_export_has_the_filters_of_the_page(root: Root, site: Site, ana: tuple[str, str]):
    user_id, email = ana
    start_session(site, user_id)
    page = root.at(f"/admin/sessions?q={email}")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export CSV").click()
    text = download.value.path().read_text(encoding="utf-8-sig")
    assert len(text.strip().splitlines()) == 2
    assert email in text


# ── revoking ──────────────────────────────────────────────────────────────────────────────────


def test_d45_one_with_a_reason(root: Root, people: Callable[..., Person], site: Site):
    ana = people(site)
    theirs = ana.on(PHONE)
    page = root.at(f"/admin/sessions?q={ana.email}")
    page.get_by_role("button", name=re.compile("^Revoke session of")).click()
    page.get_by_role("dialog").get_by_label("Can be undone").select_option(label="Not at all")
    why(page, "Lost device", "left in a train").get_by_role("button", name="Revoke session").click()
    expect(page.locator(".sojourn-job")).to_contain_text("1 session revoked.")
    found(page, "0 sessions found")  # and what was done is still to be read
    expect(page.locator(".sojourn-job")).to_contain_text("1 session revoked.")
    assert page.evaluate("() => document.activeElement !== document.body")
    expect(theirs.get_by_role("alertdialog")).to_contain_text("administrator")
    act = the_line(page, site, "train", names=("admin-action",))
    assert (act.facts["act"], act.facts["count"], act.user_id) == ("bulk-revoke", 1, root.id)
    ended = the_line(page, site, names=("session-revoked",), user_id=ana.id)
    assert ended.facts["reason"] == "admin"
    assert "left in a train" not in theirs.content()


def test_d45_those_that_are_chosen(root: Root, site: Site, ana: tuple[str, str]):
    user_id, email = ana
    start_many(site, user_id, 3)
    page = root.at(f"/admin/sessions?q={email}")
    found(page, "3 sessions found")
    for box in page.get_by_role("checkbox", name=re.compile("^Select the session of")).all()[:2]:
        box.check()
    page.get_by_role("button", name="2 selected: Revoke…").click()
    why(page).get_by_role("button", name="Revoke 2 sessions").click()
    expect(page.locator(".sojourn-job")).to_contain_text("2 sessions revoked")
    held = rows(page).filter(has_text="Revoked, can be undone")
    expect(held).to_have_count(2)
    expect(rows(page).get_by_role("button", name=re.compile("^Revoke session of"))).to_have_count(1)
    page.locator(".sojourn-job").get_by_role("button", name=re.compile("^Undo")).click()
    expect(page.locator(".sojourn-job")).to_contain_text("Undone")
    expect(held).to_have_count(0)


def test_d45_all_of_a_user_whose_name_is_typed(root: Root, people: Callable[..., Person], site: Site):
    ana = people(site)
    theirs = [ana.on(), ana.on(PHONE)]
    page = root.at(f"/admin/users/{ana.id}")
    page.get_by_role("button", name="Revoke all sessions…").click()
    dialog = why(page, "Offboarding")
    dialog.get_by_label("Can be undone").select_option(label="Not at all")
    dialog.get_by_label(re.compile("to confirm")).fill("somebody@example.org")
    dialog.get_by_role("button", name="Revoke all sessions").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Type the name of the user.")
    dialog.get_by_label(re.compile("to confirm")).fill(ana.email)
    dialog.get_by_role("button", name="Revoke all sessions").click()
    expect(page.get_by_text("This user is not signed in anywhere.")).to_be_visible()
    for one in theirs:
        expect(one.get_by_role("alertdialog")).to_be_visible()


def test_d45_ones_own_session_is_flagged(root: Root, site: Site):
    page = root.at(f"/admin/sessions?q={root.email}")
    page.get_by_role("row").filter(has_text="This session").get_by_role("button", name="Revoke").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("This is the session you are using now.")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("button", name=re.compile("^Revoke session of")).first).to_be_focused()


def test_d45_all_that_match_counted_typed_done_and_undone(root: Root, site: Site, ana: tuple[str, str]):
    user_id, email = ana
    start_many(site, user_id, 5)
    page = root.at(f"/admin/sessions?q={email}")
    page.get_by_role("link", name="Revoke all that match…").click()
    expect(page.get_by_text(f"Sessions matching “{email}”")).to_be_visible()
    page.get_by_label("Reason").select_option(label="Suspicious")
    page.get_by_label("Can be undone").select_option(label="For 5 minutes")
    page.get_by_role("button", name="Count them").click()
    expect(page.locator(".sojourn-job")).to_contain_text("5 sessions would be revoked.")
    expect(page.get_by_role("heading", name="Some of them")).to_be_visible()

    page.get_by_label(re.compile("to confirm")).fill("4")
    page.get_by_role("button", name="Revoke 5 sessions").click()
    expect(page.get_by_role("alert")).to_contain_text("Type the number of sessions.")
    page.get_by_label(re.compile("to confirm")).fill("5")
    page.get_by_role("button", name="Revoke 5 sessions").click()
    expect(page.locator(".sojourn-job")).to_contain_text("5 sessions revoked; this can still be undone.")

    page.goto("/admin")  # it can be left ...
    page.goto("/admin/revoke")
    page.get_by_role("button", name=f"Open: Sessions matching “{email}”").first.click()  # ... and returned to
    page.get_by_role("button", name=re.compile("^Undo")).click()
    expect(page.locator(".sojourn-job")).to_contain_text("Undone: the sessions may be used again.")
    page.goto(f"/admin/sessions?q={email}")
    found(page, "5 sessions found")


def test_d45_everyone_except_administrators(
    start_site: Callable[..., Site], roots: Callable[[Site], Root], people: Callable[..., Person]
):
    site = start_site()
    root, ana = roots(site), people(site)
    theirs = ana.on(PHONE)
    page = root.at("/admin/revoke")
    page.get_by_role("link", name="revoke everyone’s sessions…").click()
    expect(page.get_by_role("heading", name="Revoke everyone", level=1)).to_be_visible()
    page.get_by_label("Reason").select_option(label="Suspicious")
    expect(page.get_by_role("checkbox", name="Except administrators")).to_be_checked()
    page.get_by_role("button", name="Count them").click()
    page.get_by_label(re.compile("to confirm")).fill("1")
    page.get_by_role("button", name="Revoke 1 session").click()
    expect(page.locator(".sojourn-job")).to_contain_text("1 session revoked")
    expect(theirs.get_by_role("alertdialog")).to_be_visible()
    root.open(page, "/admin")


def test_d45_a_destructive_act_asks_who_is_here_once(
    start_site: Callable[..., Site], roots: Callable[[Site], Root]
):
    site = start_site(idle_timeout=timedelta(hours=2))
    root = roots(site)
    user_id = create_user(site, "victim@example.org")
    session = start_session(site, user_id)
    context = root.browser_of()
    root.enter(context)
    site.clock.ahead += timedelta(minutes=30)
    page = root.page(context)
    root.open(page, f"/admin/sessions?q={session.id}")
    page.get_by_role("button", name=re.compile("^Revoke session of")).click()
    why(page).get_by_role("button", name="Revoke session").click()
    asked = page.get_by_role("dialog", name="Confirm it is you")
    asked.get_by_label("Password").fill(PASSWORD)
    asked.get_by_role("button", name="Confirm").click()
    expect(page.locator(".sojourn-job")).to_contain_text("1 session revoked")
    sent = [
        r for r in root.watched[page].requests if r.method == "POST" and r.url.endswith(f"{ADMIN_API}/revoke")
    ]
    assert len(sent) == 2  # refused, and done


# ── forbidden ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "path",
    ["/admin", "/admin/sessions", "/admin/users", "/admin/alerts", "/admin/revoke", "/admin/everyone"],
)
def test_d46_who_is_no_administrator_sees_nothing(person: Person, root: Root, path: str):
    page = person.page(context := person.browser_of())
    person.enter(context)
    answer = page.goto(path)
    assert answer is not None
    assert answer.status == 403
    expect(page.get_by_text("You need the administrator role to see this page.")).to_be_visible()
    html = page.content()
    for word in ("sojourn-admin", "sojourn-boot", "admin.js", root.email, "Currently logged in"):
        assert word not in html
    assert context.request.get(f"{ADMIN_API}/stats").status == 403


# ── acting as a user ──────────────────────────────────────────────────────────────────────────


def test_acting_as_a_user_is_shown_all_the_time_and_stopped(
    root: Root, people: Callable[..., Person], site: Site
):
    ana = people(site)
    ana.enter(ana.browser_of(PHONE))
    page = root.at(f"/admin/users/{ana.id}")
    page.get_by_role("button", name="Act as this user…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("Ticket 4711")
    dialog.get_by_label("For at most").select_option(label="5 minutes")
    dialog.get_by_role("button", name="Act as this user").click()
    page.wait_for_url(f"**{HOME}")
    account_taken_over(page)
    banner = page.get_by_role("form", name=f"You are acting as {ana.email}.")
    expect(banner).to_contain_text("Ends at")
    expect(page.get_by_text("Support access").first).to_be_visible()
    page.goto("/admin")
    expect(page.get_by_text("You need the administrator role to see this page.")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    page.wait_for_url(f"**/admin/users/{ana.id}*")
    expect(page.get_by_role("form", name=re.compile("You are acting as"))).to_have_count(0)
    user = page.request.get(f"{API}/sessions/current").json()["user"]
    assert user["email"] == root.email
