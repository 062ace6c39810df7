"""Other rules for an application, a tenant, a profile, a remembered session; and caps of their own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from sojourn import AsyncSessions, Policy, lifecycle
from sojourn.errors import SessionExpired, SettingsError, TooManySessions
from sojourn.rules import Rulebook
from sojourn.session import Device, Session
from sojourn.stores.memory import MemoryStore
from sojourn.testing import FakeClock, make_keys, make_session

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


BOOK: dict[str, Any] = {
    "applications": {"bank": {"lifetime": HOUR, "idle_timeout": 10 * MINUTE, "max_sessions": 1}},
    "tenants": {"strict": {"idle_timeout": 5 * MINUTE}},
    "profiles": {"admin": {"lifetime": 2 * HOUR, "max_sessions": 2, "at_cap": "refuse"}},
    "remembered": {"lifetime": timedelta(days=90), "idle_timeout": timedelta(days=60)},
}


def policy(**fields: Any) -> Policy:
    return Policy(exceptions=Rulebook(**BOOK), **fields)


def of(**fields: Any) -> Policy:
    return policy().of(make_session(**fields))


class Sessions(AsyncSessions):
    """Sessions of one user over a store in memory, each on a device of its own."""

    def __init__(self, clock: FakeClock, policy: Policy) -> None:
        super().__init__(MemoryStore(), keys=make_keys(), policy=policy, clock=clock)
        self.devices = 0

    async def begin(self, **fields: Any) -> Session:
        self.devices += 1
        self.clock.tick(seconds=1)  # type: ignore[attr-defined]
        issued = await self.start("ada", device=Device(id=f"{self.devices:032x}"), **fields)
        return issued.session


# ── which rules ───────────────────────────────────────────────────────────────────────────────


def test_who_is_no_exception_has_the_policy_as_it_is():
    assert of() == Policy()
    assert Policy().of(make_session()) == Policy()


@pytest.mark.parametrize(
    ("fields", "lifetime", "idle"),
    [
        ({"application_id": "bank"}, HOUR, 10 * MINUTE),
        ({"application_id": "other"}, timedelta(days=30), timedelta(days=14)),
        ({"application_id": "bank", "tenant_id": "strict"}, HOUR, 5 * MINUTE),
        ({"remember": True}, timedelta(days=90), timedelta(days=60)),
        ({"application_id": "bank", "remember": True}, timedelta(days=90), timedelta(days=60)),
        ({"remember": True, "profile": "admin"}, 2 * HOUR, 2 * HOUR),
        ({"profile": "user"}, timedelta(days=30), timedelta(days=14)),
    ],
)
def test_the_later_layer_wins_and_what_it_leaves_no_room_for_is_lowered(fields, lifetime, idle):
    found = of(**fields)
    assert (found.lifetime, found.idle_timeout) == (lifetime, idle)
    assert found.touch_every * 4 <= idle


@pytest.mark.parametrize("remember", [True, False])
async def test_who_signs_in_again_gets_the_rules_of_what_they_said_now(remember):
    rules = Policy(
        idle_timeout=15 * MINUTE, exceptions=Rulebook(remembered={"idle_timeout": timedelta(hours=2)})
    )
    clock = FakeClock()
    sessions = Sessions(clock, rules)
    first = await sessions.begin(remember=not remember)
    clock.tick(minutes=1)
    again = (await sessions.start("ada", device=first.device, remember=remember, replacing=first)).session
    idle = timedelta(hours=2) if remember else 15 * MINUTE
    assert again.id == first.id
    assert lifecycle.idle_end(again, rules) == clock() + idle
    clock.tick(seconds=idle.total_seconds() - 1)
    assert lifecycle.ended(again, rules, clock()) is None


def test_the_longest_lifetime_and_the_shortest_touch_are_those_of_any_session():
    assert policy().longest == timedelta(days=90)
    assert policy().shortest_touch <= of(tenant_id="strict").touch_every
    assert Policy().longest == Policy().lifetime


@pytest.mark.parametrize(
    "book",
    [
        {"profiles": {"a": {"colour": "red"}}},
        {"profiles": {"a": {"cache_for": HOUR}}},
        {"tenants": {"a": {"max_sessions": 0}}},
        {"remembered": {"lifetime": timedelta(0)}},
        {"applications": {"a": {"lifetime": timedelta(days=401)}}},
    ],
)
def test_rules_that_cannot_be_are_refused_when_they_are_made(book):
    with pytest.raises(SettingsError):
        Rulebook(**book)


def test_what_is_learnt_holds_from_then_on():
    book = Rulebook()
    changing = Policy(exceptions=book)
    session = make_session(tenant_id="acme")
    assert changing.of(session).idle_timeout == timedelta(days=14)
    book.learn("tenant_id", {"acme": {"idle_timeout": HOUR}})
    assert changing.of(session).idle_timeout == HOUR
    book.learn_one("tenant_id", "acme", {})
    assert changing.of(session).idle_timeout == timedelta(days=14)


# ── how they hold ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("A7-7.3.1", "A7-7.3.2")
async def test_each_session_ends_by_its_own_limits(clock):
    sessions = Sessions(clock, policy())
    bank = await sessions.start("ada", application_id="bank")
    usual = await sessions.start("ada")
    clock.tick(minutes=12)
    with pytest.raises(SessionExpired) as caught:
        await sessions.validate(bank.token)
    assert (caught.value.limit, caught.value.after) == ("idle", 10 * MINUTE)
    await sessions.validate(usual.token)
    assert [s.id for s in await sessions.list("ada")] == [usual.session.id]


@pytest.mark.req("A7-7.3.2")
async def test_activity_moves_no_absolute_end_of_an_exception(clock):
    sessions = Sessions(clock, policy())
    bank = await sessions.start("ada", application_id="bank")
    for _ in range(11):
        clock.tick(minutes=5)
        await sessions.validate(bank.token)
    clock.tick(minutes=5)
    with pytest.raises(SessionExpired) as caught:
        await sessions.validate(bank.token)
    assert caught.value.limit == "absolute"


async def test_a_tightened_rule_holds_at_once_for_who_is_signed_in_already(clock):
    book = Rulebook()
    sessions = Sessions(clock, Policy(exceptions=book))
    issued = await sessions.start("ada", tenant_id="acme")
    clock.tick(minutes=20)
    book.learn("tenant_id", {"acme": {"idle_timeout": 15 * MINUTE}})
    with pytest.raises(SessionExpired):
        await sessions.validate(issued.token)


async def test_a_changed_role_has_its_rules_at_once(clock):
    sessions = Sessions(clock, policy())
    issued = await sessions.start("ada")
    clock.tick(hours=3)
    await sessions.renew_all("ada", profile="admin")
    with pytest.raises(SessionExpired):
        await sessions.validate(issued.token)


# ── caps ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("A7-7.1.2")
async def test_a_cap_of_an_application_counts_its_own_sessions_alone(clock):
    sessions = Sessions(clock, policy())
    usual = await sessions.begin()
    first = await sessions.begin(application_id="bank")
    second = await sessions.begin(application_id="bank")
    assert {s.id for s in await sessions.list("ada")} == {usual.id, second.id}
    assert first.id != second.id


@pytest.mark.req("A7-7.1.2")
async def test_the_cap_of_all_holds_beside_it(clock):
    sessions = Sessions(clock, policy(max_sessions=2, at_cap="end_oldest"))
    await sessions.begin()
    usual = await sessions.begin()
    bank = await sessions.begin(application_id="bank")
    assert {s.id for s in await sessions.list("ada")} == {usual.id, bank.id}


@pytest.mark.req("A7-7.1.2")
async def test_a_refusing_cap_ends_nothing_and_says_its_number(clock):
    sessions = Sessions(clock, policy())
    before = {(await sessions.begin(profile="admin")).id for _ in range(2)}
    with pytest.raises(TooManySessions) as caught:
        await sessions.begin(profile="admin")
    assert (caught.value.limit, caught.value.asks) == (2, False)
    assert {s.id for s in caught.value.sessions} == before
    assert {s.id for s in await sessions.list("ada")} == before


async def test_a_cap_that_asks_says_so(clock):
    sessions = Sessions(clock, Policy(max_sessions=1, at_cap="ask"))
    await sessions.begin()
    with pytest.raises(TooManySessions) as caught:
        await sessions.begin()
    assert caught.value.asks
