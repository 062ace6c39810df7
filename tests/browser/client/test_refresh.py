"""Refreshes of many tabs at once, and what may become of one (checks 1 to 3, 6 to 8 and 17)."""

from __future__ import annotations

import json
import time

import pytest

from tests.browser.client.tabs import until
from tests.browser.quick import quickest

pytestmark = pytest.mark.browser

WITHOUT_LOCKS = "delete Navigator.prototype.locks"
WITHOUT_STORAGE = "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') }"


def stampede(site, tabs, each=10, *, holding=1):
    """What comes of it when all *tabs* ask at the same moment, with an access that is over.

    The first refreshes are held until all of the tabs, or without locks *holding* of them, need one:
    else whoever is fast may be done before the others have begun.
    """
    site.fault("held", "refresh")
    site.forget()
    site.expire()
    for tab in tabs:
        tab.begin(f"h.burst({each}, '/notes')")
    refused = each * len(tabs) if holding == 1 else 0
    until(tabs[0].page, lambda: len(site.requests("/notes")) >= refused and site.waiting >= holding)
    site.heal()
    return [one["value"]["status"] for tab in tabs for one in tab.outcome()["value"]]


def refreshing(site, tab):
    """*tab* in the middle of a refresh that the server holds."""
    tab.begin("client.fetch('/notes')")
    until(tab.page, lambda: site.waiting == 1, what="the refresh is under way")


def test_a01_six_tabs_refresh_once(site, browser):
    person = browser()
    tabs = [person.signed_up(), *person.more(5)]
    assert stampede(site, tabs) == [200] * 60
    assert len(site.requests("refresh")) == 1
    assert [tab.heard("expired") for tab in tabs] == [[]] * 6


def test_a02_without_locks_nothing_is_lost_either(site, browser):
    person = browser()
    person.context.add_init_script(WITHOUT_LOCKS)
    tabs = [person.signed_up(), *person.more(5)]
    assert [tab.run("navigator.locks === undefined") for tab in tabs] == [True] * 6
    assert stampede(site, tabs, holding=3) == [200] * 60
    assert 3 <= len(site.requests("refresh")) <= 6
    assert [tab.heard("expired") for tab in tabs] == [[]] * 6
    assert site.events("token-reused") == []


def test_a03_a_frozen_tab_holds_the_lock_and_nobody_up(site, browser):
    def given_up_after() -> float:
        person = browser()
        frozen, other = person.signed_up(), person.more(1)[0]
        site.expire()
        site.fault("held", "refresh", times=1)
        refreshing(site, frozen)
        cdp = frozen.cdp()
        cdp.send("Page.setWebLifecycleState", {"state": "frozen"})
        began = time.monotonic()
        assert other.tried("client.fetch('/notes')")["value"]["status"] == 200
        took = time.monotonic() - began
        assert took > 4.5, "the lock was not held"
        cdp.send("Page.setWebLifecycleState", {"state": "active"})
        site.let_go()
        assert frozen.outcome()["value"]["status"] == 200
        assert other.heard("expired") == frozen.heard("expired") == []
        return took

    assert quickest(given_up_after, under=6) < 6, "the lock was not given up"


def test_a06_an_api_that_always_answers_401_is_asked_three_times(site, browser):
    tab = browser().signed_up()
    site.fault("always expired", "/notes")
    site.forget()
    refused = tab.tried("client.fetch('/notes')")
    assert (refused["ok"], refused["code"]) == (False, "access_expired")
    assert 1 <= len(site.requests("/notes")) <= 3
    assert len(site.requests("refresh")) <= 2
    assert tab.status == "signedIn"
    assert tab.heard("expired") == []


@pytest.mark.parametrize("mode", ["cookie"])
def test_a07_blocked_cookies_make_no_loop(site, browser):
    tab = browser().signed_up()
    site.expire()
    site.fault("no cookies", "refresh")
    site.forget()
    refused = tab.tried("client.fetch('/notes')")
    assert refused["code"] == "cookies-blocked"
    assert "cookies" in refused["message"]
    site.forward(15)  # until then the cookie that it has is forgiven
    assert tab.tried("client.fetch('/notes')").get("code") == "cookies-blocked"
    assert len(site.requests("refresh")) == 1
    assert len(site.requests("/notes")) <= 3
    assert tab.heard("expired") == []


@pytest.mark.parametrize("mode", ["cookie"])
def test_a07_who_blocks_cookies_is_told_so_when_signing_in(site, browser):
    person = browser()
    tab = person.tab()
    site.fault("no cookies", "sign-up")
    given = {"email": person.email, "password": "difference engine no. 2"}
    assert tab.tried("client.signUp(arg)", given).get("code") == "cookies-blocked"
    assert tab.status != "signedIn"


@pytest.mark.parametrize("mode", ["bearer"])
def test_a07_a_tab_works_on_where_nothing_can_be_stored(site, browser):
    person = browser()
    person.context.add_init_script(WITHOUT_STORAGE)
    tab = person.signed_up()
    assert stampede(site, [tab]) == [200] * 10
    assert len(site.requests("refresh")) == 1


@pytest.mark.parametrize("who", ["the tab that refreshes", "another tab"])
def test_a08_a_sign_out_beats_a_refresh_that_is_under_way(site, browser, who):
    person = browser()
    refresher, other = tabs = [person.signed_up(), person.more(1)[0]]
    site.expire()
    site.fault("answer held", "refresh", times=1)
    refreshing(site, refresher)
    leaver = refresher if who == "the tab that refreshes" else other
    assert leaver.tried("client.signOut()")["ok"]
    for tab in tabs:
        tab.until("client.getState().status === 'signedOut'")
    until(refresher.page, lambda: site.waiting == 0, what="it no longer waits for the refresh")
    assert not refresher.outcome()["ok"]
    for tab in tabs:
        assert tab.tried("client.current()")["code"] == "unauthenticated"
        assert (tab.status, tab.heard("expired")) == ("signedOut", [])
    names = [cookie["name"] for cookie in person.context.cookies()]
    assert [name for name in names if "device" not in name] == []
    assert "refresh" not in refresher.run("JSON.stringify(localStorage)")


def test_a08_a_refresh_that_comes_back_after_the_sign_out_opens_nothing(site, browser):
    person = browser()
    leaver, deaf = person.signed_up(), person.tab(started=False)  # it hears no other tab
    site.expire()
    site.fault("answer held", "refresh", times=1)
    refreshing(site, deaf)
    assert leaver.tried("client.signOut()")["ok"]
    site.let_go()
    assert deaf.outcome()["code"] in ("session_revoked", "unauthenticated", "aborted")
    assert "refresh" not in deaf.run("JSON.stringify(localStorage)")
    late = person.tab()
    for tab in (leaver, late):
        tab.until("client.getState().status === 'signedOut'")
        assert tab.tried("client.current()")["ok"] is False
        assert tab.heard("expired") == []


def test_a17_a_post_is_sent_again_after_the_refresh_and_executed_once(site, browser):
    tab = browser().signed_up(push=False)
    site.expire()
    site.forget()
    before = site.notes
    text = '{"note": "née"}'
    sent = "{ method: 'POST', body: arg, headers: { 'content-type': 'application/json' } }"
    answer = tab.tried(f"client.fetch('/notes', {sent})", text)["value"]
    assert answer["status"] == 200
    assert json.loads(answer["text"])["text"] == text
    assert [seen["status"] for seen in site.requests("/notes")] == [401, 200]
    assert site.notes == before + 1


def test_a17_a_post_whose_answer_was_lost_is_not_sent_again(site, browser):
    person = browser()
    tab = person.signed_up()
    before = site.notes

    def lost(route):
        route.fetch()
        route.abort("connectionreset")

    person.context.route("**/notes", lost)
    refused = tab.tried("client.fetch('/notes', { method: 'POST', body: 'once' })")
    assert refused["code"] == "network"
    assert site.notes == before + 1


def test_a17_a_stream_cannot_be_sent_again(site, browser):
    person = browser()
    tab = person.signed_up()
    sends = []

    def expired(route):  # by Playwright: Chromium itself streams a body over HTTP/2 alone
        sends.append(route.request.method)
        problem = {"content-type": "application/problem+json", "x-session-code": "access_expired"}
        route.fulfill(status=401, headers=problem, body='{"code": "access_expired"}')

    person.context.route("**/notes", expired)
    body = "new Blob(['a long film']).stream()"
    refused = tab.tried(f"client.fetch('/notes', {{ method: 'POST', duplex: 'half', body: {body} }})")
    assert refused["code"] == "not-replayable"
    assert sends == ["POST"]
