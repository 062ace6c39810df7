"""Failures: which of them end a session (none), and what people read (checks 4, 5, 15 and 16)."""

from __future__ import annotations

import pytest

from tests.browser.client.tabs import until

pytestmark = pytest.mark.browser


class Network:
    """What goes wrong before a request reaches the server: it is cut off there, and counted."""

    def __init__(self, context, pattern):
        self.context, self.pattern, self.cut = context, pattern, 0
        context.route(pattern, self._cut)

    def _cut(self, route):
        self.cut += 1
        route.abort("connectionrefused")

    def heal(self):
        self.context.unroute(self.pattern)


@pytest.mark.parametrize(
    ("fault", "code", "pause"),
    [("broken", "server", 5), ("busy", "rate_limited", 7), ("network", "network", 5)],
)
def test_a04_a_failed_refresh_costs_nobody_the_session(site, browser, fault, code, pause):
    person = browser()
    person.context.clock.install(time=site.now)
    tab = person.signed_up(push=False)
    site.expire()
    if fault == "network":
        wrong = Network(person.context, "**/api/auth/refresh")
        calls, heal = (lambda: wrong.cut), wrong.heal
    else:
        site.fault(fault, "refresh", **({"retry_after": pause} if fault == "busy" else {}))
        calls, heal = (lambda: len(site.requests("refresh"))), site.heal
    site.forget()
    assert tab.tried("client.fetch('/notes')")["code"] == code
    assert (tab.status, tab.heard("expired")) == ("signedIn", [])
    assert calls() == 1

    tab.page.clock.fast_forward((pause - 1) * 1000)
    assert tab.tried("client.fetch('/notes')")["code"] == code
    assert calls() == 1, "it did not wait as long as it was told to"

    heal()
    before = calls()
    tab.page.clock.fast_forward(3_000)
    assert tab.tried("client.fetch('/notes')")["value"]["status"] == 200
    assert calls() == before + (fault != "network")
    assert (tab.status, tab.heard("expired")) == ("signedIn", [])


def test_a04_the_other_tabs_wait_too(site, browser):
    person = browser()
    tab, others = person.signed_up(), person.more(2)
    for other in others:
        other.run("void (new BroadcastChannel('sojourn').onmessage = () => { window.told = true; })")
    site.expire()
    site.fault("busy", "refresh", retry_after=30)
    site.forget()
    assert tab.tried("client.fetch('/notes')")["code"] == "rate_limited"
    for other in others:
        other.until("window.told")
        assert [one["code"] for one in other.run("h.burst(3, '/notes')")] == ["rate_limited"] * 3
    assert len(site.requests("refresh")) == 1


def test_a05_somebody_elses_401_is_not_ours(site, browser):
    tab = browser().signed_up()
    site.fault("somebody else's 401", "/notes")
    site.forget()
    answer = tab.tried("client.fetch('/notes')")["value"]
    assert (answer["status"], answer["text"]) == (401, "<h1>Proxy authentication</h1>")
    assert len(site.requests("/notes")) == 1
    assert site.requests("refresh") == []
    assert (tab.status, tab.heard("expired")) == ("signedIn", [])


def test_a15_offline_has_a_code_and_online_asks_for_the_session_first(site, browser):
    person = browser()
    tab = person.signed_up()
    tab.until("client.getState().limits !== null")
    tab.run("client.on('online', (online) => online && client.sessions()), 0")
    person.context.set_offline(True)
    tab.until("client.getState().online === false")
    refused = tab.tried("client.sessions()")
    assert (refused["code"], refused["message"]) == ("offline", "You are offline.")
    assert tab.status == "signedIn"
    site.forget()
    person.context.set_offline(False)
    until(tab.page, lambda: site.requests("sessions"), what="the list is asked for")
    asked = [seen["path"] for seen in site.requests() if not seen["path"].endswith("/events")]
    assert asked == ["/api/auth/sessions/current", "/api/auth/sessions"]
    assert [one["detail"] for one in tab.heard("online")] == [False, True]


SERVER = "Something went wrong on our side. Please try again."
LATER = "Too many requests. Please try again later."
MESSAGES = {
    ("forbidden", None): ("forbidden", "You do not have permission"),
    ("not fresh", None): ("reauth_required", "Please confirm it is you."),
    ("forged", None): ("csrf", "This page is out of date. Reload and try again."),
    ("busy", None): ("rate_limited", LATER),
    ("busy", 7): ("rate_limited", "Too many requests. Please try again in 7 seconds."),
    ("busy", 1): ("rate_limited", "Too many requests. Please try again in 1 second."),
    ("broken", None): ("server", SERVER),
    ("away", 3): ("server", SERVER),
    ("a portal", None): ("server", SERVER),
}


def test_a16_every_failure_has_its_words(site, browser):
    tab = browser().signed_up()
    said, waits, ids = {}, {}, {}
    for fault, wait in MESSAGES:
        site.fault(fault, "sessions", times=1, **({} if wait is None else {"retry_after": wait}))
        refused = tab.tried("client.sessions()")
        assert refused["name"] == "SessionError"
        said[fault, wait] = refused["code"], refused["message"]
        waits[fault, wait] = refused["retryAfter"]
        ids[fault, wait] = refused["requestId"]
    assert said == MESSAGES
    assert waits == {key: key[1] for key in MESSAGES}
    assert ids == {key: None if key[0] == "a portal" else "req-of-the-test" for key in MESSAGES}
    assert (tab.status, tab.heard("expired")) == ("signedIn", [])


def test_a16_failures_without_an_answer_have_their_words_too(site, browser):
    person = browser()
    person.signed_up()
    tab = person.tab(timeout=300, started=False)
    site.fault("held", "sessions")
    refused = tab.tried("client.sessions()")
    assert (refused["code"], refused["message"]) == ("timeout", "Request timeout. Please try again.")
    assert tab.tried("client.sessions(undefined, { signal: AbortSignal.timeout(50) })")["code"] == "aborted"
    Network(person.context, "**/api/auth/sessions")
    refused = tab.tried("client.sessions()")
    words = ("network", "Network error. Please check your connection.")
    assert (refused["code"], refused["message"]) == words


def test_a16_a_session_that_is_over_is_told_once_and_in_words(site, browser):
    person = browser()
    tab = person.signed_up(push=False)
    tab.until("client.getState().limits !== null")
    elsewhere = browser().signed_in(person.email)
    elsewhere.run("client.revoke(arg)", tab.run("client.getState().session.id"))
    tab.run("h.burst(10, '/notes')")
    refused = tab.tried("client.sessions()")
    assert refused["code"] == "session_revoked"
    assert refused["message"] == "You were signed out from another device."
    assert [one["detail"]["reason"] for one in tab.heard("expired")] == ["user"]


def test_a16_who_never_signed_in_is_asked_to(site, browser):
    refused = browser().tab().tried("client.sessions()")
    assert (refused["code"], refused["message"]) == ("unauthenticated", "Please sign in to continue.")
