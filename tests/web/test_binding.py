"""A session that is used from elsewhere: told, asked for one more proof, or ended, as the policy has it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from sojourn import Reason, Session
from sojourn.events import Challenged, DeviceChanged, NetworkChanged, Revoked
from sojourn.place import Places
from sojourn.stores.memory import MemoryStore
from sojourn.testing import FakeClock
from tests.mmdb import database
from tests.web.kit import CHROME, FIREFOX, FIREFOX_UPDATED, PASSWORD, Browser, Guests, make_server

HOME, NEIGHBOUR, ABROAD = "203.0.113.7", "203.0.200.9", "198.51.100.9"

Serve = Callable[..., Guests]


@pytest.fixture
def places(tmp_path: Path) -> Path:
    path = tmp_path / "places.mmdb"
    path.write_bytes(database())
    return path


@pytest.fixture
def serve(places: Path) -> Iterator[Serve]:
    with ExitStack() as stack:

        def serve(binding: str = "notice", **settings: Any) -> Guests:
            guests = make_server(FakeClock(), binding=binding, **settings)
            guests.sessions.places = Places(places, documentation=True)
            return stack.enter_context(guests.open())

        yield serve


def stolen(
    guests: Guests, browser: Browser, *, agent: str = FIREFOX, ip: str = HOME, **headers: str
) -> Browser:
    """Another browser, with the cookies of *browser*."""
    thief = guests.browser(agent, ip=ip, **headers)
    thief.cookies.update(browser.cookies)
    return thief


def signed_up(guests: Guests, **more: Any) -> Browser:
    browser = guests.browser(ip=HOME, **more)
    assert browser.sign_up().status_code in (200, 201)
    return browser


def reads(browser: Browser) -> int:
    return browser.get("/api/auth/sessions/current").status_code


def sensitive(browser: Browser) -> int:
    """An act that asks for a fresh sign-in."""
    return browser.post("/api/auth/sessions/revoke-others").status_code


@pytest.mark.parametrize("ip", [HOME, NEIGHBOUR, ABROAD])
def test_a_network_that_was_noticed_once_is_looked_at_once_a_request_and_no_more(serve, ip):
    guests = serve()
    elsewhere = stolen(guests, signed_up(guests), ip=ip)
    for _ in range(3):
        assert reads(elsewhere) == 200
    snapshots = guests.sessions.snapshots
    hits, misses = snapshots.hits, snapshots.misses
    for _ in range(4):
        assert reads(elsewhere) == 200
    assert (snapshots.hits - hits, snapshots.misses - misses) == (4, 0)


def told(guests: Guests) -> list[str]:
    kinds = (DeviceChanged, NetworkChanged, Challenged, Revoked)
    return [event.name for event in guests.events if isinstance(event, kinds)]


# ── places ────────────────────────────────────────────────────────────────────────────────────


def test_a_session_is_started_with_the_place_of_its_address(serve: Serve):
    guests = serve()
    (row,) = signed_up(guests).rows()
    assert (row["place"], row["ip"]) == ({"city": "Lyon", "country": "FR"}, HOME)


def test_the_page_says_about_where_it_is_or_that_nobody_knows(serve: Serve):
    guests = serve()
    page = signed_up(guests).get("/account/security").text
    assert "about Lyon, FR" in page
    guests.sessions.places = None
    nowhere = guests.browser(CHROME)
    nowhere.sign_in()
    assert "Location unknown" in nowhere.get("/account/security").text


def test_a_trusted_proxy_may_say_the_country_and_nobody_else(serve: Serve):
    guests = serve(trusted_proxies=("10.0.0.0/8",), country_header="CF-IPCountry")
    guests.sessions.places = None
    behind = guests.browser(ip="10.0.0.1", **{"x-forwarded-for": HOME, "cf-ipcountry": "fr"})
    behind.sign_up()
    assert behind.rows()[0]["place"] == {"city": None, "country": "FR"}
    alone = guests.browser(CHROME, ip=HOME, **{"cf-ipcountry": "FR"})
    alone.sign_in()
    assert [row["place"] for row in alone.rows() if row["current"]] == [None]


@pytest.mark.parametrize("code", ["XX", "T1", "", "France", "<b>", "EU"])
def test_what_is_no_country_is_none(serve: Serve, code: str):
    guests = serve(trusted_proxies=("10.0.0.0/8",), country_header="cf-ipcountry")
    guests.sessions.places = None
    behind = guests.browser(ip="10.0.0.1", **{"x-forwarded-for": HOME, "cf-ipcountry": code})
    behind.sign_up()
    assert behind.rows()[0]["place"] is None


@pytest.mark.req("P-03")
def test_addresses_are_stored_as_the_settings_have_it(serve: Serve):
    assert signed_up(serve(addresses="cut")).rows()[0]["ip"] == "203.0.113.0/24"
    assert signed_up(serve(addresses="hashed")).rows()[0]["ip"].startswith("hash:")


# ── notice ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("CT-02")
def test_by_default_a_change_is_told_once_and_nothing_is_refused(serve: Serve):
    guests = serve()
    browser = signed_up(guests)
    elsewhere = stolen(guests, browser, agent=CHROME, ip=ABROAD)
    assert [reads(elsewhere), reads(elsewhere), sensitive(elsewhere)] == [200, 200, 200]
    assert told(guests) == ["device-changed", "network-changed"]
    (network,) = guests.told(NetworkChanged)
    assert (network.before, network.after) == ("FR, 203.0.113.0/24", "US, 198.51.100.0/24")


@pytest.mark.req("CT-02")
@pytest.mark.parametrize(
    ("change", "event"), [({"agent": CHROME}, "device-changed"), ({"ip": ABROAD}, "network-changed")]
)
def test_a_change_is_told_after_many_uses_from_where_it_was(serve: Serve, change, event: str):
    guests = serve()
    browser = signed_up(guests)
    assert [reads(browser) for _ in range(3)] == [200] * 3
    elsewhere = stolen(guests, browser, **change)
    for _ in range(2):  # a program asks in passing, which tells of no browser
        elsewhere.get("/api/auth/sessions/current", headers={"x-session-passive": "1"})
    assert "device-changed" not in told(guests)
    for _ in range(2):
        assert [reads(elsewhere), reads(browser)] == [200, 200]
        assert told(guests) == [event]


@pytest.mark.req("CT-02")
def test_neither_an_update_nor_a_neighbour_is_a_change(serve: Serve):
    guests = serve("end")
    browser = signed_up(guests)
    assert reads(stolen(guests, browser, agent=FIREFOX_UPDATED, ip=NEIGHBOUR)) == 200
    assert told(guests) == []


def test_with_binding_off_nobody_is_told(serve: Serve):
    guests = serve("off")
    assert reads(stolen(guests, signed_up(guests), agent=CHROME, ip=ABROAD)) == 200
    assert told(guests) == []


def test_who_moved_is_answered_from_the_snapshot_again(serve: Serve, monkeypatch: pytest.MonkeyPatch):
    guests = serve()
    moved = stolen(guests, signed_up(guests), ip=ABROAD)
    asked: list[object] = []
    get = MemoryStore.get

    async def counted(store: MemoryStore, id: UUID) -> Session | None:
        asked.append(id)
        return await get(store, id)

    monkeypatch.setattr(MemoryStore, "get", counted)
    path = "/api/auth/sessions/current"
    counts = []
    for _ in range(4):
        asked.clear()
        assert moved.get(path).status_code == 200
        counts.append(len(asked))
    assert counts[0] > 0  # the change is told
    assert counts[2:] == [0, 0]
    assert told(guests) == ["network-changed"]


def test_a_passive_request_tells_of_nothing(serve: Serve):
    guests = serve()
    moved = stolen(guests, signed_up(guests), agent=CHROME, ip=ABROAD)
    assert moved.get("/api/auth/sessions/current", headers={"x-session-passive": "1"}).status_code == 200
    assert told(guests) == []


# ── step_up ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("CT-03")
def test_a_step_up_refuses_what_is_sensitive_from_elsewhere_alone(serve: Serve):
    guests = serve("step_up")
    browser = signed_up(guests)
    elsewhere = stolen(guests, browser, ip=ABROAD)
    assert (reads(elsewhere), sensitive(elsewhere)) == (200, 403)
    assert told(guests) == ["network-changed", "session-challenged"]
    assert (reads(browser), sensitive(browser)) == (200, 200)  # its owner is none the wiser
    assert sensitive(elsewhere) == 403  # however fresh the session is
    answer = elsewhere.post("/api/auth/sessions/revoke-others")
    assert answer.json()["code"] == "reauth_required"


@pytest.mark.req("CT-03")
def test_one_more_proof_moves_the_session_there(serve: Serve):
    guests = serve("step_up")
    browser = signed_up(guests)
    moved = stolen(guests, browser, agent=CHROME, ip=ABROAD)
    assert sensitive(moved) == 403
    assert moved.post("/api/auth/reauthenticate", json={"password": "a guess"}).status_code == 401
    assert sensitive(moved) == 403
    assert moved.post("/api/auth/reauthenticate", json={"password": PASSWORD}).status_code == 200
    assert sensitive(moved) == 200
    (row,) = moved.rows()
    assert (row["ip"], row["place"]["country"], row["device"]["browser"]) == (ABROAD, "US", "Chrome")


def test_a_step_up_holds_without_a_user_agent_or_with_the_same_one(serve: Serve):
    guests = serve("step_up")
    browser = signed_up(guests)
    assert sensitive(stolen(guests, browser, agent="", ip=ABROAD)) == 403
    assert sensitive(stolen(guests, browser, agent=FIREFOX, ip=ABROAD)) == 403


# ── end ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("CT-03")
@pytest.mark.parametrize("change", [{"agent": CHROME}, {"ip": ABROAD}], ids=["browser", "network"])
def test_an_end_ends_it_for_everybody_with_the_reason(serve: Serve, change: dict[str, str]):
    guests = serve("end")
    browser = signed_up(guests)
    thief = stolen(guests, browser, **change)
    answer = thief.get("/api/auth/sessions/current")
    assert (answer.status_code, answer.json()["reason"]) == (401, "binding")
    assert reads(browser) == 401
    assert told(guests)[-1] == "session-revoked"
    (revoked,) = guests.told(Revoked)
    assert revoked.reason is Reason.BINDING


@pytest.mark.parametrize("headers", [{"x-session-passive": "1"}, {"sec-fetch-mode": "navigate"}])
def test_no_kind_of_request_gets_around_an_end(serve: Serve, headers: dict[str, str]):
    guests = serve("end")
    browser = signed_up(guests)
    thief = stolen(guests, browser, agent=CHROME, ip=ABROAD)
    assert thief.get("/api/auth/sessions/current", headers=headers).status_code == 401
    assert reads(browser) == 401


def test_nor_does_a_refresh(serve: Serve):
    guests = serve("end")
    browser = signed_up(guests)
    thief = stolen(guests, browser, ip=ABROAD)
    answer = thief.post("/api/auth/refresh")
    assert answer.status_code == 401
    assert "sjn_" not in answer.headers.get("set-cookie", "")
    assert reads(browser) == 401


def test_while_the_store_is_away_an_end_is_not_forgotten(serve: Serve):
    guests = serve("end")
    thief = stolen(guests, signed_up(guests), ip=ABROAD)
    flaky = guests.lose_store()
    assert reads(thief) == 503
    flaky.away = False
    assert reads(thief) == 401


def test_a_page_says_why(serve: Serve):
    guests = serve("end")
    thief = stolen(guests, signed_up(guests), ip=ABROAD)
    answer = thief.get("/account/security", headers={"sec-fetch-mode": "navigate"})
    assert answer.status_code in (302, 303)
    page = thief.get(answer.headers["location"]).text
    assert "used from another browser or network" in page
