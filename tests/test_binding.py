"""What follows when a session is used from another browser, system or network: a pure decision."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some
from msgspec.structs import replace

from sojourn import Device, Place, Policy, Reason, Session
from sojourn import device as devices
from sojourn.errors import FreshnessRequired, SessionExpired, SessionRevoked
from sojourn.events import Challenged, DeviceChanged, NetworkChanged, Revoked
from sojourn.lifecycle import Here, bind, changes, ended, require_bound
from sojourn.policy import Binding
from sojourn.rules import Rulebook
from sojourn.testing import MORNING, make_session
from tests.web.kit import CHROME, FIREFOX, FIREFOX_UPDATED, IPHONE

NOW = MORNING + timedelta(hours=1)
LYON, NEW_YORK = Place(city="Lyon", country="FR"), Place(city="New York", country="US")
EVERY: tuple[Binding, ...] = ("off", "notice", "step_up", "end")


def agent(text: str) -> Device:
    return devices.describe({"user-agent": text})


def make(**fields) -> Session:
    usual = {"device": agent(FIREFOX), "ip": "203.0.113.7", "place": LYON, "authenticated_at": MORNING}
    return make_session(**usual | fields)


SAME = Here(agent(FIREFOX), "203.0.113.7", "FR")
ELSEWHERE = Here(agent(CHROME), "198.51.100.9", "US")


# ── what is another one ───────────────────────────────────────────────────────────────────────


@pytest.mark.req("CT-02")
@pytest.mark.parametrize(
    ("here", "found"),
    [
        (SAME, ()),
        (replace(SAME, device=agent(FIREFOX_UPDATED)), ()),  # an update is not theft
        (replace(SAME, device=agent(CHROME)), ("browser",)),
        (replace(SAME, device=agent(IPHONE)), ("browser",)),
        (replace(SAME, device=agent("")), ()),  # what is not known is no change
        (replace(SAME, ip="203.0.222.9"), ()),  # the same /16
        (replace(SAME, ip="198.51.100.9"), ()),  # another network of the same country: a phone
        (replace(SAME, ip="198.51.100.9", country=None), ("network",)),
        (replace(SAME, ip="198.51.100.9", country="US"), ("network",)),
        (replace(SAME, ip="2001:db8::1", country=None), ()),  # the other address of the same household
        (replace(SAME, ip="2001:db8::1", country="US"), ("network",)),
        (Here(), ()),
        (ELSEWHERE, ("browser", "network")),
    ],
)
def test_meaning_is_compared_and_not_equality(here, found):
    assert changes(make(), here) == found


@pytest.mark.req("CT-02")
def test_another_system_is_another_browser():
    on_windows = FIREFOX.replace("X11; Linux x86_64", "Windows NT 10.0; Win64; x64")
    session = make(device=agent(on_windows))
    assert changes(session, SAME) == ("browser",)


def test_of_a_session_without_a_place_the_network_decides():
    session = make(place=None)
    assert changes(session, replace(SAME, country="US")) == ()
    assert changes(session, replace(SAME, ip="198.51.100.9", country="US")) == ("network",)
    assert changes(replace(session, ip=None), ELSEWHERE) == ("browser",)


@pytest.mark.parametrize("kept", ["203.0.113.0/24", "hash:0123456789abcdef"])
def test_what_is_left_of_an_address_will_do(kept: str):
    session = make(ip=kept, place=None)
    assert changes(session, replace(SAME, ip=kept)) == ()
    moved = changes(session, replace(SAME, ip="198.51.100.9", country=None))
    assert moved == (("network",) if kept.endswith("/24") else ())


# ── what follows ──────────────────────────────────────────────────────────────────────────────


def test_nothing_follows_from_nothing():
    for binding in EVERY:
        outcome = bind(make(), Policy(binding=binding), NOW, here=SAME)
        assert (outcome.write, outcome.events, outcome.refusal) == (False, (), None)


def test_off_tells_nobody():
    outcome = bind(make(), Policy(binding="off"), NOW, here=ELSEWHERE)
    assert (outcome.write, outcome.events, outcome.refusal) == (False, (), None)


def test_a_notice_is_told_and_changes_nothing():
    session = make()
    outcome = bind(session, Policy(), NOW, here=ELSEWHERE)
    assert (outcome.session, outcome.write, outcome.refusal) == (session, False, None)
    browser, network = outcome.events
    assert isinstance(browser, DeviceChanged)
    assert (browser.before, browser.after) == ("Firefox 143 on Linux", "Chrome 143 on macOS")
    assert isinstance(network, NetworkChanged)
    assert (network.before, network.after) == ("FR, 203.0.113.0/24", "US, 198.51.100.0/24")


def test_a_step_up_is_told_with_its_reason():
    outcome = bind(make(), Policy(binding="step_up"), NOW, here=ELSEWHERE)
    assert not outcome.write
    assert [event.name for event in outcome.events] == [
        DeviceChanged.name,
        NetworkChanged.name,
        Challenged.name,
    ]
    assert outcome.events[-1].why == "browser and network"  # type: ignore[attr-defined]


def test_an_end_ends_it_with_a_reason_of_its_own():
    outcome = bind(make(), Policy(binding="end"), NOW, here=replace(SAME, device=agent(CHROME)))
    assert outcome.write
    assert (outcome.session.revoked_at, outcome.session.reason) == (NOW, Reason.BINDING)
    assert isinstance(outcome.refusal, SessionRevoked)
    assert [event.name for event in outcome.events] == [DeviceChanged.name, Revoked.name]


def test_rules_of_a_role_may_bind_harder():
    policy = Policy(exceptions=Rulebook(profiles={"admin": {"binding": "end"}}))
    assert bind(make(profile="admin"), policy, NOW, here=ELSEWHERE).write
    assert not bind(make(), policy, NOW, here=ELSEWHERE).write


def test_what_is_over_is_over():
    with pytest.raises(SessionExpired):
        bind(make(expires_at=NOW), Policy(binding="end"), NOW, here=ELSEWHERE)


@pytest.mark.req("CT-03")
@pytest.mark.parametrize("binding", EVERY)
def test_only_a_step_up_asks_for_a_proof_and_only_elsewhere(binding: Binding):
    policy = Policy(binding=binding)
    require_bound(make(), policy, here=SAME)
    if binding != "step_up":
        require_bound(make(), policy, here=ELSEWHERE)
        return
    with pytest.raises(FreshnessRequired):
        require_bound(make(), policy, here=ELSEWHERE)


_PLACES = some.sampled_from([LYON, NEW_YORK, None])
_IPS = some.sampled_from([None, "203.0.113.7", "203.0.7.7", "198.51.100.9", "2001:db8::1", "hash:00", "x"])
_DEVICES = some.sampled_from([Device(), *map(agent, (FIREFOX, FIREFOX_UPDATED, CHROME, IPHONE))])
_HERE = some.builds(Here, some.none() | _DEVICES, _IPS, some.sampled_from([None, "FR", "US"]))


@given(_DEVICES, _PLACES, _IPS, _HERE, some.sampled_from(EVERY))
def test_law_01_binding_ends_or_leaves_alone_and_never_revives(device, place, ip, here, binding):
    session = make(device=device, place=place, ip=ip)
    policy = Policy(binding=binding)
    outcome = bind(session, policy, NOW, here=here)
    found = changes(session, here)
    assert outcome.write == bool(found and binding == "end") == (outcome.refusal is not None)
    assert bool(outcome.events) == bool(found and binding != "off")
    assert (ended(outcome.session, policy, NOW) is None) == (not outcome.write)
    assert outcome.session.authenticated_at == session.authenticated_at


@given(_DEVICES, _PLACES, _IPS)
def test_where_a_session_began_is_where_it_is(device, place, ip):
    session = make(device=device, place=place, ip=ip)
    assert changes(session, Here(device, ip, place.country if place else None)) == ()
