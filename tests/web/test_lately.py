"""Who sends the same Cookie header as a moment ago is answered in a shorter way, and not in another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest

from sojourn.blocking import drive
from sojourn.events import DeviceChanged, NetworkChanged
from sojourn.stores.memory import MemoryStore
from sojourn.testing import FakeClock
from sojourn.web.visit import Visit
from tests.web.kit import CHROME, SESSION, Browser, Guests, make_server, make_site
from tests.web.test_bearer import Bearer

CURRENT = "/api/auth/sessions/current"
HOME, ELSEWHERE = "203.0.113.7", "198.51.100.9"


@pytest.fixture(params=["snapshot", "record", "record that was read ahead"])
def serve(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    if "ahead" in request.param:
        monkeypatch.setattr(MemoryStore, "remote", True)
    how = {} if request.param == "snapshot" else {"cache_for": timedelta(0), "cookie_cache": None}
    with ExitStack() as stack:

        def serve(**settings: Any) -> Guests:
            return stack.enter_context(make_server(FakeClock(), **(how | settings)).open())

        yield serve


def often(browser: Browser, **headers: str) -> Any:
    """The answer to who asked the same a moment ago, and a moment before."""
    for _ in range(4):
        answer = browser.get(CURRENT, headers=headers)
        assert answer.status_code == 200
    return answer


def signed_up(guests: Guests, **more: Any) -> Browser:
    browser = guests.browser(**more)
    assert browser.sign_up().status_code == 201
    return browser


def test_it_says_the_same_to_caches_and_to_the_browser(serve):
    ada = signed_up(serve())
    first, last = ada.get(CURRENT), often(ada)
    assert first.json()["session"]["id"] == last.json()["session"]["id"]
    for name in ("cache-control", "vary", "strict-transport-security", "set-cookie"):
        assert first.headers.get_list(name) == last.headers.get_list(name)
    assert "Cookie" in last.headers["vary"]


def test_an_access_token_goes_before_the_cookie_that_comes_with_it(serve):
    guests = serve()
    ada = signed_up(guests)
    often(ada)
    program = Bearer(guests, guests.script().sign_in(mode="bearer"))
    sent = {"authorization": f"Bearer {program.access}"}
    assert (
        ada.get(CURRENT, headers=sent).json()["session"]["id"]
        == program.id
        != ada.get(CURRENT).json()["session"]["id"]
    )
    assert ada.get(CURRENT, headers={"authorization": "Bearer none"}).status_code == 401


def test_where_no_cookie_counts_it_does_not_count(serve):
    guests = serve()
    ada = signed_up(guests)
    often(ada)
    guests.site.cookieless |= {("GET", CURRENT)}
    answer = ada.get(CURRENT)
    assert answer.status_code == 401
    assert "Cookie" not in answer.headers.get("vary", "")


@pytest.mark.req("A7-7.4.1")
def test_an_ending_is_felt_at_once(serve):
    guests = serve()
    ada = signed_up(guests)
    often(ada)
    guests.run(guests.sessions.revoke_all, ada.get(CURRENT).json()["user"]["id"])
    assert ada.get(CURRENT).status_code == 401


def test_another_browser_or_network_is_noticed(serve):
    guests = serve(binding="notice")
    ada = signed_up(guests, ip=HOME)
    often(ada)
    for agent, ip, kind in (
        (CHROME, HOME, DeviceChanged),
        (ada.headers["user-agent"], ELSEWHERE, NetworkChanged),
    ):
        thief = guests.browser(agent, ip=ip)
        thief.cookies.update(ada.cookies)
        often(thief)
        assert len(guests.told(kind)) == 1
        often(ada)


def test_another_network_behind_the_same_proxy_is_noticed(serve):
    guests = serve(binding="end", trusted_proxies=("10.0.0.0/8",))
    sent = {"x-forwarded-for": HOME, "x-forwarded-proto": "https"}
    ada = signed_up(guests, ip="10.0.0.1", **sent)
    often(ada)
    thief = guests.browser(ip="10.0.0.1", **(sent | {"x-forwarded-for": ELSEWHERE}))
    thief.cookies.update(ada.cookies)
    assert thief.get(CURRENT).status_code == 401


def test_what_was_handed_over_goes_before_what_came():
    site = make_site(FakeClock())
    drive(site.sessions.feed.poll())
    ada, bob = (drive(site.sessions.start(name)) for name in ("ada", "bob"))
    headers = [(b"cookie", f"{SESSION}={ada.token}".encode())]

    def visit() -> Visit:
        return Visit(site, {"method": "GET", "path": "/", "scheme": "https", "headers": headers})

    for _ in range(4):
        found = drive(visit().session())
        assert found is not None
        assert found.user_id == "ada"
    other = visit()
    other.hand_over(bob.session, bob.token)
    found = drive(other.session())
    assert found is not None
    assert found.user_id == "bob"


def test_a_name_that_this_browser_was_given_just_now_stays():
    site = make_site(FakeClock())
    drive(site.sessions.feed.poll())
    headers = [(b"cookie", f"{SESSION}={drive(site.sessions.start('ada')).token}".encode())]
    for _ in range(4):
        visit = Visit(site, {"method": "GET", "path": "/", "scheme": "https", "headers": headers})
        name = visit.name_device()
        assert drive(visit.session()) is not None
        assert visit.name_device() == name
        drive(Visit(site, {"method": "GET", "path": "/", "scheme": "https", "headers": headers}).session())
