"""What is kept of an address: all of it, its network, or a keyed hash that nobody can look up."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as some
from msgspec.structs import replace

from sojourn import AsyncSessions, Key, Keys, Place, Policy, Query, Reason
from sojourn.addresses import Addresses, around, cut, parsed, same_network
from sojourn.blocking import drive
from sojourn.directory import Directory
from sojourn.directory.memory import MemoryDirectory
from sojourn.events import Event, SignInFailed
from sojourn.place import Places
from sojourn.privacy.retention import Retention
from sojourn.stores.memory import MemoryStore
from sojourn.testing import MORNING, FakeClock, make_keys

DAY = timedelta(days=1)
KEYS = Keys([Key(id=1, secret=b"1" * 32)])
OTHERS = Keys([Key(id=1, secret=b"2" * 32)])


@pytest.mark.req("P-03")
@given(some.ip_addresses())
def test_a_cut_address_is_its_network_and_stays_one(ip):
    kept = cut(str(ip))
    plain = parsed(str(ip))
    assert kept is not None
    assert plain is not None
    assert plain in ip_network(kept)
    assert ip_network(kept).prefixlen == (24 if plain.version == 4 else 48)
    assert cut(kept) == kept
    assert plain in ip_network(around(kept) or "")


@pytest.mark.req("P-03")
@given(some.ip_addresses(v=4))
def test_a_mapped_address_is_cut_like_the_one_in_it(ip):
    assert cut(f"::ffff:{ip}") == cut(str(ip))


@pytest.mark.parametrize("text", ["", "nonsense", "1.2.3", "unix:/run/x"])
def test_what_is_no_address_is_not_kept_at_all(text: str):
    assert cut(text) is None


@given(some.ip_addresses(), some.ip_addresses())
def test_neighbours_are_told_the_same_way_round_whatever_is_kept_of_them(a, b):
    assert same_network(str(a), str(b)) == same_network(str(b), str(a))
    assert same_network(cut(str(a)), str(b)) in (same_network(str(a), str(b)), True)


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("203.0.113.7", "203.0.200.1", True),
        ("203.0.113.7", "203.1.113.7", False),
        ("203.0.113.0/24", "203.0.1.1", True),
        ("2001:db8:1::1", "2001:db8:2::1", True),
        ("2001:db8::1", "2001:db9::1", False),
        ("203.0.113.7", "2001:db8::1", None),  # one household has both
        ("203.0.113.7", "hash:0123456789abcdef", None),
        ("hash:0123456789abcdef", "hash:0123456789abcdef", True),
        (None, "203.0.113.7", None),
    ],
)
def test_networks_are_told_apart_as_far_as_they_are_known(a, b, same):
    assert same_network(a, b) is same


@pytest.mark.req("P-09")
def test_a_hash_is_keyed_and_says_nothing_of_the_address():
    one, other = Addresses("hashed", KEYS), Addresses("hashed", OTHERS)
    assert one.of("203.0.113.7") == one.of("203.0.113.7") != one.of("203.0.113.8")
    assert one.of("203.0.113.7") != other.of("203.0.113.7")
    assert one.of("::ffff:203.0.113.7") == one.of("203.0.113.7")
    assert "203" not in str(one.of("203.0.113.7"))
    assert one.of(one.of("203.0.113.7")) == one.of("203.0.113.7")


# ── in sessions ───────────────────────────────────────────────────────────────────────────────


class Atlas(Places):
    """They know one address."""

    def place_of(self, ip: str | None) -> Place | None:
        return Place(city="Lyon", country="FR") if ip == "203.0.113.7" else None


def make(clock: FakeClock, **policy) -> AsyncSessions:
    sessions = AsyncSessions(
        MemoryStore(), keys=make_keys(), policy=Policy(**policy), clock=clock, places=Atlas()
    )
    return sessions


@pytest.mark.parametrize(
    ("kept", "ip"), [("full", "203.0.113.7"), ("cut", "203.0.113.0/24"), ("hashed", "hash:")]
)
def test_an_address_is_stored_and_told_as_the_policy_has_it(kept: str, ip: str):
    sessions = make(FakeClock(), addresses=kept)
    told: list[Event] = []
    sessions.listen(told.append)
    issued = drive(sessions.start("ada", ip="203.0.113.7"))
    stored = drive(sessions.store.get(issued.session.id))
    assert stored is not None
    sessions.emit(SignInFailed(at=MORNING, ip="203.0.113.7", account="x"))
    assert str(stored.ip).startswith(ip)
    assert [event.ip for event in told] == [stored.ip, stored.ip]
    assert stored.place == Place(city="Lyon", country="FR")  # known before it was cut


def test_who_signs_in_again_elsewhere_is_at_no_place_of_before():
    sessions = make(FakeClock())
    first = drive(sessions.start("ada", ip="203.0.113.7")).session
    again = drive(sessions.start("ada", ip="198.51.100.4", replacing=first)).session
    assert (again.id, again.ip, again.place) == (first.id, "198.51.100.4", None)


def retained(sessions: AsyncSessions) -> Retention:
    return Retention(Directory(MemoryDirectory(), sessions))


def ips(sessions: AsyncSessions) -> list[str | None]:
    found = drive(sessions.select(Query(user_id="ada", limit=1000)))
    return [session.ip for session in reversed(found)]


def step(retention: Retention, sessions: AsyncSessions) -> int:
    return drive(retention.step(sessions.clock()))


@pytest.mark.req("P-03")
def test_an_address_is_cut_when_its_session_is_older_than_it_is_kept():
    clock = FakeClock()
    sessions = make(clock, lifetime=90 * DAY, idle_timeout=None)
    retention = retained(sessions)
    for ip in ("203.0.113.7", "2001:db8:1:2::3"):
        drive(sessions.start("ada", ip=ip))
        clock.tick(seconds=1)
    clock.tick(days=29)
    drive(sessions.start("ada", ip="198.51.100.4"))
    assert step(retention, sessions) == 0
    clock.tick(days=1, seconds=1)
    assert step(retention, sessions) == 2
    assert ips(sessions) == ["203.0.113.0/24", "2001:db8:1::/48", "198.51.100.4"]
    assert step(retention, sessions) == 0
    clock.tick(days=29)
    assert step(retention, sessions) == 1
    assert ips(sessions)[2] == "198.51.100.0/24"


@pytest.mark.req("P-03")
def test_the_address_of_a_session_that_has_ended_is_cut_at_the_same_time():
    clock = FakeClock()
    sessions = make(clock, lifetime=20 * DAY, idle_timeout=None)
    retention = retained(sessions)
    revoked = drive(sessions.start("ada", ip="203.0.113.7")).session
    clock.tick(seconds=1)
    drive(sessions.start("ada", ip="198.51.100.4"))
    drive(sessions.revoke(revoked.id, owner="ada", reason=Reason.USER))
    before = drive(sessions.store.get(revoked.id))
    assert before is not None
    clock.tick(days=29)
    assert step(retention, sessions) == 0
    clock.tick(days=1, seconds=1)
    assert step(retention, sessions) == 2
    assert ips(sessions) == ["203.0.113.0/24", "198.51.100.0/24"]
    assert drive(sessions.store.get(revoked.id)) == replace(before, ip="203.0.113.0/24")
    clock.tick(days=1)
    assert step(retention, sessions) == 0


@pytest.mark.req("P-03")
def test_the_first_walk_reaches_whoever_ended_and_is_kept():
    """From before addresses were cut: a session of 400 days, whose record is kept for 90 more."""
    clock = FakeClock()
    sessions = make(clock, lifetime=400 * DAY, idle_timeout=None)
    drive(sessions.start("ada", ip="203.0.113.7"))
    clock.tick(days=485)
    assert step(retained(sessions), sessions) == 1
    assert ips(sessions) == ["203.0.113.0/24"]


@pytest.mark.req("P-03")
@pytest.mark.parametrize("what", ["used", "ended"])
def test_who_changes_while_it_is_looked_at_is_cut_all_the_same(monkeypatch: pytest.MonkeyPatch, what: str):
    clock = FakeClock()
    sessions = make(clock, lifetime=90 * DAY, idle_timeout=None)
    mine = drive(sessions.start("ada", ip="203.0.113.7")).session
    clock.tick(days=31)
    select, store = sessions.store.select, sessions.store

    async def slow(query: Query):
        found = await select(query)
        if what == "ended":
            await store.revoke(Query(id=mine.id), at=clock(), reason=Reason.USER)
        else:
            assert await store.replace(found[0].change(aal=2), at=clock())
        return found

    monkeypatch.setattr(store, "select", slow)
    assert step(retained(sessions), sessions) == 1
    monkeypatch.undo()
    assert ips(sessions) == ["203.0.113.0/24"]


@pytest.mark.req("P-03")
def test_many_are_cut_little_by_little_by_whoever_leads():
    clock = FakeClock()
    sessions = make(clock, lifetime=90 * DAY, idle_timeout=None, max_sessions=None)
    for number in range(450):
        drive(sessions.start("ada", ip=f"203.0.{number // 250}.{number % 250}"))
    clock.tick(days=31)
    directory = Directory(MemoryDirectory(), sessions)
    assert [drive(Retention(directory).step(clock())) for _ in range(2)] == [200, 0]  # begun anew: not done
    one = Retention(directory)
    assert [drive(one.step(clock())) for _ in range(4)] == [0, 200, 50, 0]
    assert {str(ip).endswith("/24") for ip in ips(sessions)} == {True}


def test_a_session_that_is_old_gets_no_full_address_any_more():
    clock = FakeClock()
    sessions = make(clock, lifetime=90 * DAY, idle_timeout=None)
    first = drive(sessions.start("ada", ip="203.0.113.7")).session
    clock.tick(days=31)
    again = drive(sessions.start("ada", ip="198.51.100.4", replacing=first)).session
    assert (again.id, again.ip) == (first.id, "198.51.100.0/24")


def test_a_clock_that_was_ahead_does_not_end_it_for_good():
    clock = FakeClock()
    sessions = make(clock, lifetime=90 * DAY, idle_timeout=None)
    retention = retained(sessions)
    drive(retention.step(clock() + 5_000 * DAY))  # an accident, before anybody had signed in
    drive(sessions.start("ada", ip="203.0.113.7"))
    clock.tick(days=30, seconds=1)
    assert step(retention, sessions) == 1
    assert ips(sessions) == ["203.0.113.0/24"]


def test_a_clock_that_is_put_back_a_little_has_nobody_looked_at_again():
    clock = FakeClock()
    sessions = make(clock, lifetime=90 * DAY, idle_timeout=None)
    drive(sessions.start("ada", ip="203.0.113.7"))
    clock.tick(days=31)
    retention = retained(sessions)
    assert step(retention, sessions) == 1

    def looked(query: Query) -> None:
        raise AssertionError(query)

    sessions.store.select = looked  # type: ignore[assignment, method-assign]
    assert drive(retention.step(clock() - timedelta(minutes=59))) == 0
    with pytest.raises(AssertionError):
        drive(retention.step(clock() - timedelta(minutes=61)))


@pytest.mark.parametrize(("keep", "ip"), [(None, "203.0.113.7"), (timedelta(0), "203.0.113.0/24")])
def test_addresses_may_be_kept_to_the_end_or_not_at_all(keep, ip):
    clock = FakeClock()
    sessions = make(clock, lifetime=90 * DAY, idle_timeout=None, keep_addresses=keep)
    drive(sessions.start("ada", ip="203.0.113.7"))
    clock.tick(days=60)
    assert step(retained(sessions), sessions) == 0
    assert ips(sessions) == [ip]


def test_what_is_hashed_is_left_as_it_is():
    clock = FakeClock()
    sessions = make(clock, lifetime=90 * DAY, idle_timeout=None, addresses="hashed")
    drive(sessions.start("ada", ip="203.0.113.7"))
    clock.tick(days=60)
    assert step(retained(sessions), sessions) == 0
    assert str(ips(sessions)[0]).startswith("hash:")
