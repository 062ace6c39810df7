"""Who sends the same Cookie header as a moment ago is answered in a shorter way, and not in another."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest

from sojourn import Policy, Session
from sojourn.blocking import drive
from sojourn.errors import CookieRejected
from sojourn.events import DeviceChanged, NetworkChanged
from sojourn.stores.memory import MemoryStore
from sojourn.testing import FakeClock
from sojourn.web.visit import Site, Visit
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


WHO = [
    pytest.param(True, id="known by all that tells"),
    pytest.param(False, id="without browser and address"),
]


def visit(site: Site, token: str, told: bool) -> Visit:
    """A request with *token*, which says who asks or does not."""
    headers = [(b"cookie", f"{SESSION}={token}".encode())] + [(b"user-agent", b"Firefox")] * told
    scope = {"method": "GET", "path": "/", "scheme": "https", "headers": headers}
    return Visit(site, scope | ({"client": (HOME, 50_000)} if told else {}))


@pytest.mark.parametrize("told", WHO)
def test_what_was_handed_over_goes_before_what_came(told):
    site = make_site(FakeClock())
    drive(site.sessions.feed.poll())
    ada, bob = (drive(site.sessions.start(name)) for name in ("ada", "bob"))
    for _ in range(4):
        found = drive(visit(site, ada.token, told).session())
        assert found is not None
        assert found.user_id == "ada"
    assert (visit(site, ada.token, told).at_hand() is not None) == told
    other = visit(site, ada.token, told)
    other.hand_over(bob.session, bob.token)
    found = drive(other.session())
    assert found is not None
    assert found.user_id == "bob"


@pytest.mark.parametrize("told", WHO)
def test_a_name_that_this_browser_was_given_just_now_stays(told):
    site = make_site(FakeClock())
    drive(site.sessions.feed.poll())
    token = drive(site.sessions.start("ada")).token
    for _ in range(4):
        one = visit(site, token, told)
        name = one.name_device()
        assert drive(one.session()) is not None
        assert one.name_device() == name
        drive(visit(site, token, told).session())


@pytest.mark.parametrize("kind", [list, tuple, iter], ids=lambda kind: kind.__name__)
def test_cookies_that_come_in_several_headers_are_all_looked_at(kind):
    site = make_site(FakeClock())
    drive(site.sessions.feed.poll())
    ada, bob = (f"{SESSION}={drive(site.sessions.start(name)).token}".encode() for name in ("ada", "bob"))

    def ask(*cookies: bytes) -> Session | None:
        headers = kind([(b"user-agent", b"Firefox"), *((b"cookie", cookie) for cookie in cookies)])
        scope = {"method": "GET", "path": "/", "scheme": "https", "headers": headers, "client": (HOME, 1)}
        return drive(Visit(site, scope).session())

    for _ in range(3):
        found = ask(ada)
        assert found is not None
    with pytest.raises(CookieRejected):
        ask(bob, ada)
    with pytest.raises(CookieRejected):
        ask(ada, bob)
    assert ask(b"theme=dark", ada) == found


def test_what_came_stays_though_somebody_changes_the_headers():
    site = make_site(FakeClock())
    drive(site.sessions.feed.poll())
    token = drive(site.sessions.start("ada")).token
    for at_hand in (False, False, True):
        scope = dict(visit(site, token, True)._asked)
        one = Visit(site, scope | {"headers": (sent := [*scope["headers"]])})
        sent[:] = [(b"cookie", b"theme=dark")]
        assert (one.at_hand() is not None) is at_hand
        assert drive(one.session()) is not None
        assert one.agent == "Firefox"


def test_behind_a_proxy_it_is_at_hand_too():
    site = make_site(FakeClock(), trusted_proxies=("203.0.113.0/24",))
    drive(site.sessions.feed.poll())
    token = drive(site.sessions.start("ada")).token

    def ask(address: bytes) -> Visit:
        one = visit(site, token, True)
        return Visit(site, one._asked | {"headers": [*one._asked["headers"], (b"x-forwarded-for", address)]})

    for _ in range(3):
        assert drive(ask(b"198.51.100.9").session()) is not None
    assert ask(b"198.51.100.9").at_hand() is not None
    assert ask(b"198.51.100.10").at_hand() is None


def test_what_is_at_hand_is_so_once_in_a_request():
    site = make_site(FakeClock())
    drive(site.sessions.feed.poll())
    issued = drive(site.sessions.start("ada"))
    for _ in range(3):
        one = visit(site, issued.token, True)
        known = drive(one.session())
    assert one.at_hand() is known
    drive(site.sessions.revoke_all("ada"))
    assert one.at_hand() is known  # as it was found: the next request is told
    assert visit(site, issued.token, True).at_hand() is None


def test_a_snapshot_that_has_no_cookie_cache_yet_is_asked_for_one():
    site = make_site(FakeClock(), policy=Policy(cookie_cache=timedelta(minutes=5)))
    drive(site.sessions.feed.poll())
    token = drive(site.sessions.start("ada")).token
    for _ in range(4):
        one = visit(site, token, True)
        assert drive(one.session()) is not None
        assert [name for name, _ in one.answered([])].count(b"set-cookie") == 1
    sent = next(value for name, value in one.answered([]) if name == b"set-cookie")
    cache = sent.decode().partition(";")[0]
    for _ in range(3):
        one = visit(site, f"{token}; {cache}", True)
        assert drive(one.session()) is not None
        assert b"set-cookie" not in dict(one.answered([]))
    assert visit(site, f"{token}; {cache}", True).at_hand() is not None


def test_what_every_request_looks_at_is_found_without_a_dictionary(serve: Any) -> None:
    """An instance has up to 29 attributes to hand, or none (CPython 3.11 to 3.13)."""
    site = serve().site
    for shared in (site, site.feed, site.snapshots, site.standings):
        assert len(vars(shared)) < 29


_OF_A_NEW_PROCESS = """
import gc
from sojourn import AsyncSessions, open_store
from sojourn.testing import make_keys
from sojourn.web.site import Site
from sojourn.web.visit import Visit

site = Site(AsyncSessions(open_store("memory://"), keys=make_keys()), origin="http://127.0.0.1:8000")
for _ in range(100):
    Visit(site, {"headers": []})
visit = Visit(site, {"headers": []})
visit._session = visit._record = visit._answered = visit.ahead = visit.refusal = None
visit._loaded = visit.left = True
visit._set = visit._user = visit._told = visit._peer = visit._bearer = visit.away = None
visit.by_program = visit.unanswerable = visit.in_passing = True
print(any("site" in held for held in gc.get_referents(visit) if type(held) is dict))
"""


def test_a_visit_has_no_dictionary_though_many_before_it_had_no_session() -> None:
    command = (sys.executable, "-c", _OF_A_NEW_PROCESS)
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout == "False\n", said.stderr
