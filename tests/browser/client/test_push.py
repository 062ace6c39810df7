"""The event stream: how soon an ending is felt, one connection for all tabs, and what comes after a break."""

from __future__ import annotations

import pytest

from tests.browser.client.tabs import until
from tests.browser.quick import quickest

pytestmark = pytest.mark.browser

EVENTS = "sessions/events"
SECOND = 1_000


def streams(site, *, open=True):
    return [seen for seen in site.requests(EVENTS) if seen["open"] or not open]


def connected(site, tab, count=1):
    """Wait until *count* streams are open and were answered."""
    until(
        tab.page,
        lambda: [seen["status"] for seen in streams(site)] == [200] * count,
        what=f"{count} open streams, not {streams(site)}",
    )


@pytest.mark.parametrize("undo", [False, True], ids=["for good", "with undo"])
def test_a_revocation_elsewhere_is_felt_within_a_second(site, browser, undo, capsys):
    def felt_after() -> float:
        site.forget()
        person = browser()
        tab = person.signed_up()
        connected(site, tab)
        elsewhere = browser().signed_in(person.email, push=False)
        connected(site, tab)
        id = tab.run("client.getState().session.id")
        began = elsewhere.run("Date.now()")
        elsewhere.run(f"client.revoke(arg, {{ undo: {str(undo).lower()} }})", id)
        tab.until("client.getState().status === 'expired'")
        (told,) = tab.heard("expired")
        assert (told["detail"]["code"], told["detail"]["reason"]) == ("session_revoked", "user")
        assert bool(told["detail"]["undoUntil"]) == undo
        if undo:
            assert elsewhere.tried("client.undo(arg)", id)["ok"]
            tab.until("client.getState().status === 'signedIn'")
            assert len(tab.heard("restored")) == 1
            assert tab.tried("client.fetch('/notes')")["value"]["status"] == 200
        return float(told["at"] - began)

    took = quickest(felt_after, under=SECOND)
    with capsys.disabled():
        print(f"\n    a revocation elsewhere was felt after {took:.0f} ms", end="")
    assert took < SECOND


def test_six_tabs_have_one_connection_and_all_hear(site, browser):
    person = browser()
    tabs = [person.signed_up(), *person.more(5)]
    connected(site, tabs[0])
    assert len(streams(site, open=False)) == 1
    browser().signed_in(person.email, push=False)
    for tab in tabs:
        tab.until("h.heard.some(({ name }) => name === 'sessions')")
    assert len(streams(site, open=False)) == 1


def test_another_tab_takes_over_when_the_one_that_listened_is_closed(site, browser):
    person = browser()
    first = person.signed_up()
    connected(site, first)
    rest = person.more(2)
    first.page.close()
    until(rest[0].page, lambda: len(streams(site, open=False)) == 2, what="another one connects")
    connected(site, rest[0])
    elsewhere = browser().signed_in(person.email, push=False)
    elsewhere.run("client.revokeOthers()")
    for tab in rest:
        tab.until("client.getState().status === 'expired'")
    assert len(streams(site, open=False)) == 2


def test_a_frozen_tab_keeps_nobody_from_hearing(site, browser):
    def felt_after() -> float:
        site.forget()
        person = browser()
        frozen = person.signed_up()
        connected(site, frozen)
        other = person.more(1)[0]
        cdp = frozen.cdp()
        cdp.send("Page.setWebLifecycleState", {"state": "frozen"})
        elsewhere = browser().signed_in(person.email, push=False)
        began = elsewhere.run("Date.now()")
        elsewhere.run("client.revokeOthers()")
        other.until("client.getState().status === 'expired'")
        cdp.send("Page.setWebLifecycleState", {"state": "active"})
        return float(other.heard("expired")[0]["at"] - began)

    assert quickest(felt_after, under=2 * SECOND) < 2 * SECOND


def test_after_a_restart_it_goes_on_from_where_it_was(site, browser):
    person = browser()
    person.context.clock.install(time=site.now)
    tab = person.signed_up()
    connected(site, tab)
    elsewhere = browser().tab(push=False)
    tab.page.clock.pause_at(tab.run("Date.now()") / 1000 + 1)
    site.stop()
    site.start()
    elsewhere.tried("client.signIn(arg)", {"email": person.email, "password": "difference engine no. 2"})
    assert streams(site, open=False) == []
    assert tab.heard("sessions") == []
    tab.page.clock.resume()
    tab.until("h.heard.some(({ name }) => name === 'sessions')")
    connected(site, tab)
    assert streams(site)[0]["last_event_id"]
    elsewhere.run("client.revokeOthers()")
    tab.until("client.getState().status === 'expired'")


@pytest.mark.parametrize(("fault", "facts"), [("missing", {}), ("away", {"retry_after": 60})])
def test_without_push_it_asks(site, browser, fault, facts):
    person = browser()
    person.context.clock.install(time=site.now)
    site.fault(fault, EVENTS, **facts)
    tab = person.signed_up()
    until(tab.page, lambda: streams(site, open=False), what="it tries once")
    tab.run("h.poll(5_000)")
    elsewhere = browser().signed_in(person.email, push=False)
    for polled in range(3):
        tab.page.clock.fast_forward(5_000)
        tab.until(f"h.polls.length > {polled}")
    assert tab.status == "signedIn"
    elsewhere.run("client.revokeOthers()")
    tab.page.clock.fast_forward(6_000)
    tab.until("client.getState().status === 'expired'")
    assert len(streams(site, open=False)) == 1


def test_push_comes_back_when_the_server_says_so(site, browser):
    person = browser()
    person.context.clock.install(time=site.now)
    site.fault("away", EVENTS, times=1, retry_after=30)
    tab = person.signed_up()
    until(tab.page, lambda: streams(site, open=False), what="it tries once")
    tab.page.clock.fast_forward(25_000)
    assert tab.tried("client.sessions()")["ok"]
    assert len(streams(site, open=False)) == 1
    tab.page.clock.fast_forward(25_000)
    connected(site, tab)
