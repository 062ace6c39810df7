"""The account page as it loads, takes over from the server's list, and stays true while one looks at it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Page, expect

from tests.browser.account.passing import opened, pass_by
from tests.browser.account.site import API, HOME, PHONE, WINDOWS, hide, row, rows, taken_over
from tests.browser.client.tabs import until

pytestmark = pytest.mark.browser

SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries())
    for (const { node } of entry.sources)
      window.shifts.push({ at: entry.startTime, by: entry.value, of: node?.className || node?.nodeName });
}).observe({ type: 'layout-shift', buffered: true });
"""
# As much work of a script's own as takes `USUAL` s on the machine for which the limit of B32 was set.
WORK = """() => new Promise((done) => setTimeout(() => {
  const list = document.createElement('ul');
  for (let i = 0; i < 20_000; i++) {
    const row = document.createElement('li');
    row.className = `row-${i % 7}`;
    row.setAttribute('data-id', String(i));
    row.append(String(i), document.createElement('span'));
    list.append(row);
  }
  done(list.childElementCount);
}))"""
USUAL = 0.05


def count_of(person, page: Page, path: str = "/sessions") -> int:
    return len(person.watched[page].asked("GET", path))


# ── loading ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.runtime
def test_b21_it_loads_under_the_strict_policy_without_a_violation(person):
    page = person.on(path=None)
    answer = page.goto(HOME)
    taken_over(page)
    policy = answer.headers["content-security-policy"]
    assert "trusted-types 'none'" in policy
    assert "script-src 'self';" in policy
    page.get_by_role("button", name="Refresh").click()
    expect(page.get_by_role("button", name="Refresh", exact=True)).to_be_enabled()
    assert person.watched[page].complaints == []
    foreign = [one.url for one in person.watched[page].requests if not one.url.startswith(person.site.origin)]
    assert foreign == []


@pytest.mark.runtime
def test_below_the_list_the_servers_page_works_until_the_cards_are_here(person):
    person.on(PHONE)
    page = person.on(path=None)
    held: list[Any] = []
    page.route("**/later-cards*.js", lambda route: held.append(route))
    page.goto(HOME)
    expect(page.locator("#sojourn-account > div:not([hidden]) > section").first).to_be_visible()
    headings = page.locator("#sojourn-account h2")
    said = headings.all_inner_texts()
    assert len(said) == 4
    wish = page.locator("#sojourn-account > section").get_by_role("combobox")
    wish.focus()
    for route in held:
        route.continue_()
    taken_over(page)
    expect(headings).to_have_text(said)
    expect(page.get_by_role("combobox")).to_be_focused()
    assert person.watched[page].complaints == []


def test_b21_the_policy_is_watched(person):
    """The test above would see a violation if there were one."""
    page = person.on()
    page.evaluate("""() => { try { document.body.innerHTML = '<b>'; } catch {} }""")
    page.evaluate("""() => document.body.setAttribute('style', 'color: red')""")
    watched = person.watched[page]
    expect.soft(page.locator("body")).to_be_attached()
    assert any("require-trusted-types-for" in text for text in watched.complaints)
    assert any("style-src" in text for text in watched.complaints)
    watched.complaints.clear()


@pytest.mark.runtime
def test_the_list_is_there_before_the_script_and_nothing_of_it_moves(person):
    person.on(PHONE)
    page = person.on(path=None)
    page.add_init_script(SHIFTS)
    held: list[Any] = []
    page.route("**/account*.js", lambda route: held.append(route))
    page.goto(HOME, wait_until="commit")
    expect(page.locator("#sojourn-account > section li").first).to_contain_text("This device")
    page.wait_for_function("() => document.fonts.status === 'loaded'")
    page.wait_for_function(
        "() => [...document.querySelectorAll('link[rel=stylesheet]')].every((l) => l.sheet)"
    )
    before = page.evaluate(BOXES, "#sojourn-account > section")
    held[0].continue_()
    taken_over(page)
    after = page.evaluate(BOXES, "#sojourn-account > div > section")
    moved = {part: (box, after.get(part)) for part, box in before.items() if box != after.get(part)}
    assert moved == {}
    assert page.evaluate("() => window.shifts") == []


# Where the cards and what is in the list are, and how large: to the pixel.
BOXES = """(cards) => {
  const found = {};
  const note = (name, one) => {
    const { x, y, width, height } = one.getBoundingClientRect();
    found[name] = [x, y, width, height].map(Math.round);
  };
  document.querySelectorAll(cards).forEach((card, at) => {
    const name = card.querySelector('h2').textContent;
    if (at < 2) note(name, card);
    card.querySelectorAll('a, button, li, li svg, li p, li summary').forEach((one) => {
      if (!one.checkVisibility()) return;
      const number = Object.keys(found).filter((other) => other.startsWith(name)).length;
      note(`${name}, ${number}`, one);
    });
  });
  return found;
}"""


def test_it_works_without_its_script(person):
    person.on(PHONE)
    page = person.on(path=None)
    page.route(re.compile(r"\.js$"), lambda route: route.abort())
    page.goto(HOME)
    listed = page.locator("#sojourn-account > section ul.sojourn-rows").first.locator("> li")
    expect(listed).to_have_count(2)
    listed.filter(has_text="iPhone").get_by_role("link", name="Sign out").click()
    page.get_by_role("main").get_by_role("button", name=re.compile("Sign out")).click()
    expect(listed).to_have_count(1)


def test_it_works_when_its_words_do_not_come(person):
    """The server's page speaks the reader's language, and stays."""
    page = person.on(path=None, locale="de-DE")
    page.route("**/locale-de*.json", lambda route: route.fulfill(status=500, body="no"))
    with page.expect_response("**/locale-de*.json"):
        page.goto(HOME)
    expect(page.locator("#sojourn-account > section ul.sojourn-rows").first.locator("> li")).to_have_count(1)
    person.watched[page].complaints.clear()  # that it did not come is said in the console


# ── what a row says ───────────────────────────────────────────────────────────────────────────


@pytest.mark.runtime
def test_b23_every_row_says_what_people_want_to_know_and_this_device_comes_first(person):
    person.on(PHONE)
    person.on(WINDOWS)
    page = person.on()
    expect(rows(page)).to_have_count(3)
    here = rows(page).first
    expect(here.locator(".sojourn-badge")).to_have_text(["This device"])
    expect(here.get_by_role("button", name=re.compile("Sign out|Not me"))).to_have_count(0)
    for text in ("Mac", "Chrome 143 on macOS", "127.0.0.1", "Location unknown", "Signed in ", "Active now"):
        expect(here).to_contain_text(text)
    expect(here).to_contain_text(re.compile(r"Expires in 1[45] minutes"))
    phone = row(page, "iPhone")
    expect(phone).to_contain_text("Safari 17 on iOS")
    expect(phone.locator("svg").first).to_have_attribute("aria-hidden", "true")
    expect(phone).to_contain_text("Phone: iPhone")
    expect(phone.get_by_role("button", name="Sign out of iPhone")).to_be_visible()
    expect(row(page, "Firefox 145 on Windows")).to_contain_text("Computer: ")
    phone.locator("summary").click()
    expect(phone.locator("dl")).to_contain_text("Sign-in methodPassword")
    page.get_by_text("3 devices · Last updated").wait_for()


# ── time ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.runtime
def test_b24_times_move_by_themselves_and_the_last_update_is_the_last_answer(people, own_site):
    person = people(own_site)
    page = opened(person, person.on(path=None))
    here = rows(page).first
    expect(here).to_contain_text("Active now")
    updated = page.locator(".sojourn-head time")
    before = updated.get_attribute("datetime") or ""
    page.get_by_role("button", name="Refresh").click()
    expect(updated).not_to_have_attribute("datetime", before)  # else it would be asked, or told, later
    page.clock.pause_at(person.site.clock() + timedelta(seconds=5))
    said = updated.get_attribute("datetime")
    asked = count_of(person, page)
    pass_by(person, 0.75, page)
    assert count_of(person, page) == asked
    assert updated.get_attribute("datetime") == said
    page.route(f"**{API}/sessions", lambda route: route.fulfill(status=500, json={}))
    for _ in range(2):
        pass_by(person, 1, page)
    expect(here).to_contain_text("Last active 2 minutes ago")
    expect(here).to_contain_text("Expires in 12 minutes")
    assert updated.get_attribute("datetime") == said


def test_b25_it_asks_every_minute_at_a_look_and_at_a_press_but_not_while_hidden(people, own_site):
    person = people(own_site)
    page = opened(person, person.on(path=None))
    page.clock.pause_at(person.site.clock() + timedelta(seconds=10))
    updated = page.locator(".sojourn-head time")
    for minute in (1, 2, 3):  # wherever a minute begins, there is one in it
        before = updated.get_attribute("datetime") or ""
        with page.expect_response(f"**{API}/sessions") as polled:
            page.clock.run_for(60_000)
        until(page, person.watched[page].quiet)
        page.clock.run_for(1_000)
        expect(updated).not_to_have_attribute("datetime", before)  # the next minute counts from then
        assert polled.value.request.headers["x-session-passive"] == "1"
        assert count_of(person, page) == minute

    with page.expect_response(f"**{API}/sessions") as pressed:
        page.get_by_role("button", name="Refresh").click()
    assert "x-session-passive" not in pressed.value.request.headers
    assert count_of(person, page) == 4

    hide(page, hidden=True)
    page.clock.run_for(300_000)
    assert count_of(person, page) == 4
    with page.expect_response(f"**{API}/sessions"):
        hide(page, hidden=False)
    page.clock.run_for(3_000)
    assert count_of(person, page) == 5


# ── before the stream ─────────────────────────────────────────────────────────────────────────

EVENTS = f"**{API}/sessions/events"


@pytest.mark.runtime
def test_a_sign_in_between_the_page_and_its_stream_is_shown_at_once(person):
    page = person.on(path=None)
    held: list[Any] = []
    page.route(EVENTS, lambda route: held.append(route))
    page.goto(HOME)
    taken_over(page)
    until(page, lambda: bool(held), what="the stream is asked for")
    person.on(PHONE, path=None)
    held[0].continue_()
    expect(row(page, "iPhone")).to_be_visible(timeout=15_000)
    assert count_of(person, page) == 1


@pytest.mark.runtime
def test_a_sign_in_that_another_tab_was_told_of_is_shown_in_one_that_came_too_late(person):
    first = person.on(path=None)
    with first.expect_response(EVENTS):
        first.goto(HOME)
    taken_over(first)
    page = person.page(first.context)
    held: list[Any] = []
    page.route("**/account*.js", lambda route: held.append(route))
    page.goto(HOME, wait_until="commit")
    until(page, lambda: bool(held), what="the script is asked for")
    person.on(PHONE, path=None)
    expect(row(first, "iPhone")).to_be_visible(timeout=15_000)
    held[0].continue_()
    taken_over(page)
    expect(row(page, "iPhone")).to_be_visible(timeout=15_000)
    assert count_of(person, page) == 1


def test_where_nothing_happened_nothing_is_asked_for(person):
    person.on(PHONE, path=None)
    first = person.on(path=None)
    with first.expect_response(EVENTS):
        first.goto(HOME)
    taken_over(first)
    second = person.page(first.context)
    second.goto(HOME)
    taken_over(second)
    second.wait_for_timeout(2_000)
    assert [count_of(person, page) for page in (first, second)] == [0, 0]


# ── many, and secret ──────────────────────────────────────────────────────────────────────────


@pytest.mark.runtime
def test_b32_a_hundred_sessions_are_quick_and_stand_still(person):
    context = person.browser_of()
    person.enter(context)
    person.site.start_sessions(person.id, 99)
    page = person.page(context)
    page.add_init_script(SHIFTS)
    cdp = context.new_cdp_session(page)
    button = page.get_by_role("button", name="Refresh", exact=True)
    page.goto(HOME)  # so that what follows is in the same process
    cdp.send("Performance.enable", {"timeDomain": "threadTicks"})  # a busy machine takes nothing from these

    def refresh() -> None:
        with page.expect_response(f"**{API}/sessions"):
            button.click()

    def taken() -> float:
        return in_scripts(cdp.send("Performance.getMetrics"))

    def measured(act: Callable[[], object]) -> float:
        act()
        taken_over(page)
        expect(rows(page)).to_have_count(100)
        expect(button).not_to_have_attribute("aria-disabled", "true")
        until(page, person.watched[page].quiet)
        return taken()

    loads = [measured(page.reload) for _ in range(5)]  # each document counts from nothing
    # A shift is told some time after it was; those of the load are not those of the refresh.
    loaded = page.evaluate("() => performance.now()")
    refreshes = [-taken() + measured(refresh) for _ in range(5)]
    works = [-taken() + measured(lambda: page.evaluate(WORK)) for _ in range(5)]
    slower = max(1, min(works) / USUAL)
    print(
        f"100 sessions: script {min(loads) * 1000:.0f} ms to load, {min(refreshes) * 1000:.0f} to refresh;"
        f" a machine {slower:.2f} times as slow as the usual one"
    )
    assert page.evaluate("(loaded) => window.shifts.filter(({ at }) => at > loaded)", loaded) == []
    assert min(refreshes) < 0.2 * slower
    assert min(loads) < 0.2 * slower


def in_scripts(answer: dict[str, Any]) -> float:
    """Seconds of the page's thread that its scripts have had so far, compiling included."""
    seen = {metric["name"]: metric["value"] for metric in answer["metrics"]}
    return seen["ScriptDuration"] + seen["V8CompileDuration"]


def test_b38_no_answer_and_no_part_of_the_page_holds_a_secret(person):
    person.on(PHONE)
    page = person.on(path=None)
    bodies: list[str] = []
    page.on("response", lambda answer: bodies.append(text_of(answer)))
    page.goto(HOME)
    taken_over(page)
    with page.expect_response(f"**{API}/sessions/*undo=true"):
        row(page, "iPhone").get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Refresh").click()
    expect(page.get_by_role("button", name=re.compile("Undo"))).to_be_visible()
    secrets = [one for one in page.context.cookies() if one["httpOnly"]]
    assert {one["name"] for one in secrets} >= {"sojourn"}
    seen = "\n".join([*bodies, page.content(), page.url, page.evaluate(STORED)])
    assert "This device" in seen
    for cookie in secrets:
        for piece in (cookie["value"], cookie["value"].split(".")[-1]):
            assert len(piece) > 10
            assert piece not in seen, cookie["name"]


STORED = """async () => {
  const found = [JSON.stringify(localStorage), JSON.stringify(sessionStorage), document.cookie];
  for (const name of await caches.keys()) found.push(name);
  for (const base of await indexedDB.databases()) found.push(base.name);
  return found.join('\\n');
}"""


def text_of(answer) -> str:
    kind = answer.headers.get("content-type", "")
    if "json" not in kind and "html" not in kind:
        return ""
    return answer.text()


def test_b21_the_page_says_the_same_compressed_or_not(person):
    """Nothing of the page depends on what an intermediary does with its bytes."""
    context = person.browser_of()
    person.enter(context)
    cookies = {one["name"]: one["value"] for one in context.cookies()}
    with httpx2.Client(base_url=person.site.origin, cookies=cookies) as client:
        plain = client.get(HOME, headers={"accept-encoding": "identity"})
        asked = client.get(HOME, headers={"accept-encoding": "gzip"})
    assert plain.status_code == asked.status_code == 200
    assert "sojourn-boot" in plain.text
    assert plain.headers["content-security-policy"] == asked.headers["content-security-policy"]
