"""Tabs that come, go, sleep in the cache and sign out (checks 9 and 18 to 20)."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from tests.browser.client.tabs import PASSWORD

pytestmark = pytest.mark.browser

SECOND = 1_000
WHY_NOT = "JSON.stringify(performance.getEntriesByType('navigation')[0].notRestoredReasons)"


def test_a09_a_sign_out_is_felt_in_the_other_tab_within_a_second(site, browser):
    person = browser()
    here, other = person.signed_up(), person.more(1)[0]
    began = here.run("Date.now()")
    assert here.tried("client.signOut()")["ok"]
    other.until("client.getState().status === 'signedOut'")
    assert [one["detail"] for one in here.heard("signedOut")] == [{"here": True}]
    (told,) = other.heard("signedOut")
    assert told["detail"] == {"here": False}
    assert told["at"] - began < SECOND
    assert other.page.locator("#who").inner_text() == ""
    assert other.heard("expired") == []


# ── the back/forward cache ────────────────────────────────────────────────────────────────────


def leave(tab):
    """Go to another page, as by a link."""
    tab.page.goto("/healthz")


def back(tab):
    tab.page.go_back(wait_until="commit")
    tab.until("true")


def test_a18_a_page_comes_back_from_the_cache_and_works(site, browser):
    person = browser()
    tab = person.signed_up(cached=True)
    other = person.more(1)[0]
    leave(tab)
    site.expire()  # and the other tab speaks of it, which would throw the page out if it listened
    assert other.tried("client.fetch('/notes')")["value"]["status"] == 200
    assert len(other.heard("refreshed")) == 1
    back(tab)
    assert tab.run("h.shown") == [False, True], tab.run(WHY_NOT)
    assert tab.run(WHY_NOT) == "null"
    assert tab.tried("client.fetch('/notes')")["value"]["status"] == 200
    assert tab.status == "signedIn"
    began = other.run("Date.now()")
    assert other.tried("client.signOut()")["ok"]
    tab.until("client.getState().status === 'signedOut'")
    assert tab.heard("signedOut")[0]["at"] - began < SECOND, "its channel was not opened again"


@pytest.mark.parametrize("cached", [True, False], ids=["kept by the browser", "as our pages are"])
@pytest.mark.parametrize("again", ["as nobody", "as somebody else"])
def test_a18_after_a_sign_out_back_shows_nothing_of_who_was_there(site, browser, again, cached):
    person = browser()
    tab = person.signed_up(cached=cached)
    tab.run("h.list()")
    body = tab.page.locator("body")
    assert person.email in body.inner_text()
    assert "Chrom" in body.inner_text()
    leave(tab)
    other = person.more(1)[0]
    before = person.email
    assert other.tried("client.signOut()")["ok"]
    if again == "as somebody else":
        person.email = before.replace("somebody", "else")
        person.enter(other, "signUp")
    tab.page.go_back(wait_until="commit")
    status = "signedIn" if again == "as somebody else" else "signedOut"
    tab.until(f"!document.body.innerText.includes('{before}') && client.getState().status === '{status}'")
    assert before not in body.inner_text()
    assert "Chrom" not in body.inner_text()


# ── started twice ─────────────────────────────────────────────────────────────────────────────

COUNT_CHANNELS = """
    window.channels = 0;
    window.BroadcastChannel = class extends BroadcastChannel {
        constructor(name) { super(name); window.channels++; }
        close() { super.close(); window.channels--; }
    };
"""


def listeners(tab):
    """How many listeners of which type the browser itself says there are, on window and document."""
    cdp = tab.cdp()
    found: Counter[str] = Counter()
    for target in ("window", "document"):
        id = cdp.send("Runtime.evaluate", {"expression": target})["result"]["objectId"]
        listed = cdp.send("DOMDebugger.getEventListeners", {"objectId": id})["listeners"]
        found.update(f"{target} {one['type']}" for one in listed)
    return found


def test_a19_a_double_start_has_one_set_of_listeners(site, browser):
    person = browser()
    person.context.add_init_script(COUNT_CHANNELS)
    tab = person.signed_up(started=False)
    idle = listeners(tab)
    assert tab.run("client.open") == 0

    tab.run("(window.stop = client.start(), 0)")
    tab.until("client.getState().limits !== null")
    tab.until("channels === 1")
    tab.until("client.open > 15")
    once, opened = listeners(tab), tab.run("client.open")
    assert once != idle

    tab.run("(window.stop(), window.stop = client.start(), window.again = client.start(), 0)")  # Strict Mode
    tab.until(f"client.open === {opened}")
    assert listeners(tab) == once
    assert tab.run("channels") == 1
    assert tab.tried("client.fetch('/notes')")["value"]["status"] == 200

    tab.run("(window.again(), window.again(), 0)")  # whoever stops twice has stopped once
    assert tab.run("client.open") == opened
    tab.run("(window.stop(), 0)")
    tab.until("client.open === 0")
    assert listeners(tab) == idle
    assert tab.run("channels") == 0


def test_a19_strict_mode_mounts_twice_before_anything_is_loaded(site, browser):
    person = browser()
    person.context.add_init_script(COUNT_CHANNELS)
    once = person.signed_up(push=False)
    strict = person.tab(push=False, started=False)
    idle = listeners(strict)
    strict.run("(client.start()(), window.stop = client.start(), 0)")
    for tab in (once, strict):
        tab.until("client.getState().limits !== null && channels === 1 && client.open > 15")
    assert listeners(strict) == listeners(once)
    assert strict.run("client.open") == once.run("client.open")
    strict.run("(window.stop(), 0)")
    strict.until("client.open === 0 && channels === 0")
    assert listeners(strict) == idle


def test_a19_two_clients_of_one_name_share_their_work(site, browser):
    tab = browser().signed_up()
    tab.run("window.second = null")
    tab.run(
        """import('/harness/lib/client.js').then(({ createSessionClient }) => {
            window.second = createSessionClient(client.options);
            window.second.start();
        })"""
    )
    tab.until("window.second.getState().limits !== null")
    site.expire()
    site.forget()
    both = "[client, second].map((one) => one.fetch('/notes').then(({ status }) => status))"
    assert tab.run(f"Promise.all({both})") == [200, 200]
    assert len(site.requests("refresh")) == 1


# ── what is loaded later ──────────────────────────────────────────────────────────────────────


def test_a_part_that_could_not_be_loaded_is_loaded_later(site, browser):
    person = browser()
    chunks = re.compile(r"/harness/lib/live\w*\.js")
    person.context.route(chunks, lambda route: route.abort("connectionreset"))
    tab = person.tab()
    tab.run("client.signUp(arg)", {"email": person.email, "password": PASSWORD})
    assert tab.status == "signedIn"
    site.expire()
    assert tab.tried("client.fetch('/notes')")["value"]["status"] == 200
    person.context.unroute(chunks)
    tab.page.evaluate("dispatchEvent(new Event('focus'))")
    tab.until("client.open > 15")
    other = person.more(1)[0]
    assert other.tried("client.signOut()")["ok"]
    tab.until("client.getState().status === 'signedOut'")


# ── without a window ──────────────────────────────────────────────────────────────────────────


ASK_WORKER = """
    (given) => new Promise((done) => {
        const worker = new Worker("/harness/worker.js", { type: "module" });
        worker.onmessage = ({ data }) => done(data);
        worker.postMessage(given);
    })
"""


def test_a20_it_works_without_window_and_document(site, browser):
    """In a worker; on a server: web/test/client/server-side.test.ts."""
    person = browser()
    tab = person.signed_up()
    tab.page.goto("/harness/worker.html")
    given = {"mode": person.mode, "email": person.email, "password": PASSWORD}
    said = tab.page.evaluate(ASK_WORKER, given)
    # A worker reads no storage: there the bearer of tokens signs in anew.
    count = 1 if person.mode == "cookie" else 2
    assert said == {
        "window": "undefined",
        "document": "undefined",
        "email": person.email,
        "open": 0,
        "sessions": count,
    }
