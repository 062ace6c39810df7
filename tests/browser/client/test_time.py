"""Clocks, activity, sleep and hidden tabs, with a time that tests move (checks 10 to 14)."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from tests.browser.client.tabs import until

pytestmark = pytest.mark.browser

# Who wants to be remembered has no idle limit that comes before the absolute one.
SETTINGS = {"SOJOURN_REMEMBERED": "lifetime=2h,idle_timeout=2h"}

MINUTE, HOUR = 60, 3_600


def timed(browser, site, **options):
    """A browser whose clock goes with the server's, and moves as tests say."""
    person = browser(**options)
    person.context.clock.install(time=site.now)
    return person


def pass_time(site, tab, seconds):
    """Let time pass for the server and for the browser, a minute at a time; what is due then is done then.

    A limit on a request is not to be reached by moving the clock while the request is under way.
    """
    for step in [MINUTE] * (seconds // MINUTE) + [seconds % MINUTE]:
        site.forward(step)
        tab.page.clock.fast_forward(step * 1_000)
        quiet(tab)


def quiet(tab):
    """Wait until the client asks nothing, and nothing follows from what it asked."""
    before = None

    def asks_nothing():
        nonlocal before
        traffic, last = tab.run("h.traffic"), before
        before = traffic
        return traffic == last and traffic["pending"] == 0

    until(tab.page, asks_nothing, what="it asks nothing")


def remembered(person, tab):
    """Who is signed in signs in anew, to be remembered."""
    assert tab.tried("client.signOut()")["ok"]
    person.enter(tab, "signIn", remember=True)


def granted(site, path):
    """Those requests to *path* that were not refused for an access that is over, to be sent again."""
    return [seen for seen in site.requests(path) if seen["status"] == 200]


def at(text):
    return datetime.fromisoformat(text).timestamp()


def expires_at(tab):
    """When the server ends the session if nobody comes; asked for without a sign of a person."""
    return at(tab.tried("client.current({ passive: true })")["value"]["session"]["expires_at"])


@pytest.mark.parametrize("wrong", [HOUR, -HOUR])
def test_a10_a_wrong_clock_makes_no_storm_and_tells_the_right_time(site, browser, wrong):
    person = browser()
    person.context.clock.install(time=site.now + wrong)
    tabs = [person.signed_up(), *person.more(1)]
    site.forget()
    for tab in tabs:
        tab.run("h.burst(10, '/api/auth/sessions')")
        assert abs(tab.run("client.now()") / 1000 - site.now) < 3
        left = tab.run("client.getState().idleEndsAt - client.now()") / 1000
        assert 15 * MINUTE - 10 < left <= 15 * MINUTE + 1
        told = tab.run("h.formats.duration(client.getState().idleEndsAt - client.now() + 10_000, 'en')")
        assert told == "15 min"
        assert tab.run("client.getState().warning") is None
    assert site.requests("refresh") == []
    site.expire()
    for tab in tabs:
        outcomes = tab.run("h.burst(10, '/api/auth/sessions')")
        assert {one["value"]["status"] for one in outcomes} == {200}
    assert len(site.requests("refresh")) == 1
    assert [tab.heard("expired") for tab in tabs] == [[], []]


def test_a11_activity_extends_once_from_when_it_was(site, browser):
    person = timed(browser, site)
    tab = person.signed_up(push=False)
    site.forget()
    pass_time(site, tab, 40)
    tab.page.mouse.move(30, 40)
    active = tab.run("Date.now()") / 1000
    pass_time(site, tab, 4 * MINUTE)
    assert site.requests("activity") == []
    pass_time(site, tab, 21)
    until(tab.page, lambda: granted(site, "activity"), what="it is told that somebody was here")
    (told,) = granted(site, "activity")
    assert told["passive"]
    assert json.loads(told["body"])["idle_ms"] == pytest.approx(261_000, abs=3_000)
    assert expires_at(tab) == pytest.approx(active + 15 * MINUTE, abs=2)
    assert tab.run("client.getState().idleEndsAt") / 1000 == pytest.approx(expires_at(tab), abs=0.01)


def test_a11_who_does_nothing_is_not_extended(site, browser):
    person = timed(browser, site)
    tab = person.signed_up(push=False)
    before = expires_at(tab)
    site.forget()
    for _ in range(14):
        pass_time(site, tab, MINUTE)
        tab.page.evaluate("dispatchEvent(new PointerEvent('pointermove'))")  # by a script: nobody is here
    assert site.requests("activity") == []
    assert expires_at(tab) == before
    pass_time(site, tab, 2 * MINUTE)
    tab.until("client.getState().status === 'expired'")
    assert tab.heard("expired")[0]["detail"]["reason"] == "idle"
    assert site.requests("activity") == []


def test_a12_a_tab_that_polls_for_nobody_ends_all_the_same(site, browser):
    person = timed(browser, site)
    tab = person.signed_up()
    tab.run("h.poll(60_000)")
    for done in range(14):
        pass_time(site, tab, MINUTE)
        tab.until(f"h.polls.length >= {done + 1}")
    assert tab.run("h.polls") == ["ok"] * 14
    assert tab.status == "signedIn"
    site.forget()
    pass_time(site, tab, 2 * MINUTE)
    tab.until("client.getState().status === 'expired'")
    (told,) = tab.heard("expired")
    assert told["detail"] == {
        "code": "session_expired",
        "reason": "idle",
        "device": None,
        "undoUntil": None,
        "limit": 15 * MINUTE,
    }
    assert site.requests("activity") == []


def test_a13_a_hidden_tab_is_quiet_and_asks_once_when_seen(site, browser):
    person = timed(browser, site)
    tab = person.signed_up(push=False)
    pass_time(site, tab, 10)
    tab.page.mouse.move(50, 60)  # so that there is something to be told
    tab.hide()
    site.forget()
    pass_time(site, tab, 10 * MINUTE)
    assert site.requests("activity") == []
    assert site.requests("sessions") == []

    site.forget()
    tab.hide(False)
    tab.page.evaluate("dispatchEvent(new Event('focus'))")
    until(tab.page, lambda: granted(site, "sessions/current"), what="it looks")
    tab.page.evaluate("dispatchEvent(new Event('focus'))")
    assert tab.tried("client.sessions()")["ok"]  # whatever was sent before has come by now
    assert len(granted(site, "sessions/current")) == 1
    until(tab.page, lambda: granted(site, "activity"), what="it is told when somebody was here")
    (told,) = granted(site, "activity")
    assert json.loads(told["body"])["idle_ms"] == pytest.approx(10 * MINUTE * 1_000, abs=5_000)


@pytest.mark.parametrize(("remember", "reason"), [(False, "idle"), (True, "absolute")])
@pytest.mark.parametrize("how", ["timers ran", "timers stood still"])
def test_a14_who_slept_too_long_is_told_at_once(site, browser, remember, reason, how):
    person = timed(browser, site)
    tab = person.signed_up()
    if remember:
        remembered(person, tab)
    site.forward(8 * HOUR)
    site.forget()
    if how == "timers ran":
        tab.page.clock.fast_forward(8 * HOUR * 1_000)
    else:  # as on systems where the monotonic clock sleeps too
        tab.page.clock.set_system_time(tab.run("Date.now()") / 1000 + 8 * HOUR)
        tab.page.clock.fast_forward(MINUTE * 1_000)
    tab.until("client.getState().status === 'expired'", within=15)
    assert [one["detail"]["reason"] for one in tab.heard("expired")] == [reason]
    assert site.requests("activity") == []


def test_a14_who_slept_and_may_stay_is_asked_about_at_once(site, browser):
    person = timed(browser, site)
    tab = person.signed_up(push=False)
    remembered(person, tab)
    site.forward(HOUR)
    site.forget()
    tab.page.clock.fast_forward(HOUR * 1_000)
    until(tab.page, lambda: site.requests("sessions/current"), what="it looks")
    answer = tab.tried("client.fetch('/notes')")
    assert answer["ok"], answer
    assert (tab.status, tab.heard("expired")) == ("signedIn", [])
    assert site.requests("activity") == []
