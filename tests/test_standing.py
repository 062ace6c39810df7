"""What was decided lately of a record is decided again only when that could come out otherwise."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from sojourn import Device, Key, Keys, Policy, Reason, Session, Sessions, lifecycle
from sojourn.blocking import drive
from sojourn.clock import StoreClock
from sojourn.errors import AccessExpired, SessionError, SessionExpired, SessionRevoked, TokenInvalid
from sojourn.lifecycle import Outcome
from sojourn.rules import Rulebook
from sojourn.session import NO_DATA, new_id
from sojourn.stores.memory import MemoryStore
from sojourn.stores.protocol import Query
from sojourn.testing import FakeClock, make_keys
from sojourn.token import derive, parse

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))
ZERO = timedelta(0)
RING = [Key(id=1, secret=b"o" * 32, role="retired"), Key(id=2, secret=b"n" * 32, role="signing")]
KEYS = Keys(RING)
UNCACHED: dict[str, Any] = {"cache_for": ZERO}

# Few moments, close together and far apart, so that bounds meet.
moments = st.sampled_from([0, 1, 10, 29, 31, 59, 61, 119, 121, 300, 599, 601, 1800, 3599, 3601, 7200]).map(
    lambda seconds: timedelta(seconds=seconds)
)
policies = st.builds(
    lambda idle, rotate, touch, lifetime: Policy(
        lifetime=lifetime,
        idle_timeout=None if idle is None else max(idle, 4 * touch),
        touch_every=touch,
        rotate_every=rotate,
    ),
    st.none() | st.sampled_from([10 * MINUTE, HOUR]),
    st.none() | st.sampled_from([2 * MINUTE, 10 * MINUTE, HOUR]),
    st.sampled_from([ZERO, 10 * SECOND, MINUTE, 10 * MINUTE]),
    st.sampled_from([HOUR, 3 * HOUR, DAY]),
)


@st.composite
def records(draw: Any) -> tuple[Policy, Session]:
    policy = draw(policies)
    session = lifecycle.start(
        policy, NOON, user_id="ada", id=new_id(NOON, "ada"), salt=b"s" * 32, key_id=2, device=Device()
    )
    generation = draw(st.integers(0, 2))
    rotated_at = NOON + draw(moments) if generation else None
    return policy, replace(
        session,
        generation=generation,
        key_id=draw(st.sampled_from([1, 2, 2, 2])),
        rotated_at=rotated_at,
        confirmed_at=draw(st.sampled_from([None, rotated_at])),
        seen_at=NOON + draw(moments),
        expires_at=NOON + draw(moments) + HOUR,
        renew_due=draw(st.sampled_from([False, False, True])),
        revoked_at=draw(st.sampled_from([None, None, None, NOON + HOUR])),
    )


@settings(max_examples=1500)
@given(records(), st.integers(0, 1), moments, st.data())
def test_a_standing_outcome_is_what_would_be_decided(record, behind, passed, data):
    policy, session = record
    issued = replace(session, generation=max(0, session.generation - behind))
    token = parse(derive(issued, KEYS), KEYS)

    def decided(at: datetime, **how: Any) -> Outcome | str:
        try:
            return lifecycle.validate(session, policy, at, token=token, keys=KEYS, **how)
        except SessionError as refusal:
            return refusal.code

    first = decided(NOON + passed)
    standing = lifecycle.standing(first, policy, NOON + passed, token) if isinstance(first, Outcome) else None
    if standing is None:
        return
    assert standing.session is session
    assert standing.since < standing.until
    inside = (standing.until - standing.since) // timedelta(microseconds=1) - 1
    later = data.draw(st.sampled_from([0, inside]) | st.integers(0, inside))
    at = standing.since + timedelta(microseconds=later)
    for how in ({}, {"passive": True}, {"rotating": False}, {"idle": 5 * SECOND}):
        assert decided(at, **how) == Outcome(session=session)


@pytest.mark.parametrize(
    ("policy", "fields", "until"),
    [
        (Policy(touch_every=MINUTE), {}, NOON + MINUTE),
        (Policy(touch_every=DAY, idle_timeout=None, lifetime=HOUR), {}, NOON + HOUR),
        (Policy(touch_every=DAY, idle_timeout=None), {"expires_at": NOON + HOUR}, NOON + HOUR),
        (Policy(touch_every=DAY, idle_timeout=None, rotate_every=HOUR), {}, NOON + HOUR),
        (Policy(touch_every=ZERO), {}, None),
        (Policy(), {"renew_due": True}, None),
        (Policy(), {"key_id": 1}, None),
    ],
)
def test_until_the_first_thing_that_is_due(policy, fields, until):
    begun = {"id": new_id(NOON, "ada"), "salt": b"s" * 32, "key_id": 2, "device": Device()}
    session = replace(lifecycle.start(policy, NOON, user_id="ada", **begun), **fields)  # type: ignore[arg-type]
    token = parse(derive(session, KEYS), KEYS)
    first = lifecycle.validate(session, policy, NOON, token=token, keys=KEYS)
    standing = lifecycle.standing(first, policy, NOON, token)
    assert (standing and standing.until) == until


@given(records(), moments)
def test_it_stands_for_as_long_as_it_can(record, passed):
    """When it no longer stands something else is decided, so that nothing is decided anew in vain."""
    policy, session = record
    token = parse(derive(session, KEYS), KEYS)
    try:
        first = lifecycle.validate(session, policy, NOON + passed, token=token, keys=KEYS)
    except SessionError:
        return
    standing = lifecycle.standing(first, policy, NOON + passed, token)
    if standing is None:
        return
    try:
        after = lifecycle.validate(session, policy, standing.until, token=token, keys=KEYS)
    except (SessionExpired, AccessExpired):
        return
    assert not after.plain


# ── through the verbs: three times, so that something stands ──────────────────────────────────


class World:
    def __init__(self, **policy: Any) -> None:
        self.clock, self.store = FakeClock(), MemoryStore()
        self.sessions = Sessions(
            self.store, keys=make_keys(), clock=self.clock, policy=Policy(**UNCACHED, **policy)
        )
        self.issued = self.sessions.start("ada")
        self.decided = 0

    def ask(self, **how: Any) -> Session:
        return self.sessions.validate(self.issued.token, **how).session

    @property
    def id(self) -> Any:
        return self.issued.session.id


class Reading(MemoryStore):
    reads = 0

    async def get(self, id: UUID) -> Session | None:
        self.reads += 1
        return await super().get(id)


@pytest.fixture
def counted(monkeypatch) -> Callable[[], int]:
    """How often it was decided about a token since the last time."""
    times = []
    validate = lifecycle.validate

    def counting(*given: Any, **how: Any) -> Outcome:
        times.append(1)
        return validate(*given, **how)

    monkeypatch.setattr(lifecycle, "validate", counting)

    def since() -> int:
        found = len(times)
        times.clear()
        return found

    return since


def test_of_the_same_record_it_is_decided_until_it_is_asked_for_again(counted):
    """What is decided the first time is not worked out to stand: most who come once do not come back soon."""
    world = World()
    assert world.ask() == world.ask() == world.issued.session
    assert counted() == 2
    assert world.ask() == world.ask(passive=True) == world.issued.session
    assert counted() == 0


def test_what_no_longer_stands_stands_anew_once_it_was_decided(counted):
    world = World(touch_every=MINUTE)
    for _ in range(3):
        world.ask()
    counted()
    for _ in range(2):
        world.clock.tick(minutes=1)
        assert [world.ask().seen_at, world.ask().seen_at] == [world.clock()] * 2
        world.ask()
        assert counted() == 2
        world.ask()
        assert counted() == 0


@pytest.mark.parametrize("followed", [True, False])
@pytest.mark.parametrize("data", [{}, {"cart": [1]}])
def test_a_request_reads_its_record_once_whether_or_not_it_is_known_again(data, followed, counted):
    """Also by the clock of a store that nobody follows, which is in no hurry to be told the time again."""
    store, passed = Reading(), [0.0]
    told = StoreClock(wall=lambda: NOON.timestamp() + passed[0], monotonic=lambda: passed[0])
    clock = FakeClock() if followed else told
    sessions = Sessions(store, keys=make_keys(), clock=clock, policy=Policy(**UNCACHED))
    token = sessions.start("ada", data=data).token
    for _ in range(2):
        sessions.validate(token)
    passed[0] += 5
    counted()
    store.reads = 0
    found = [sessions.validate(token).session.data for _ in range(5)]
    assert found == [data] * 5
    assert (store.reads, counted()) == (5, 5 if data else 0)


def test_with_snapshots_nothing_stands_because_nothing_is_asked_twice(counted):
    sessions = Sessions(MemoryStore(), keys=make_keys(), clock=FakeClock(), policy=Policy())
    token = sessions.start("ada").token
    for _ in range(3):
        sessions.validate(token, sure=True)
    assert counted() == 3


@pytest.mark.req("A7-7.4.1", "A7-7.4.2")
def test_a_revocation_is_seen_at_once_by_whoever_had_decided():
    world = World()
    for _ in range(3):
        world.ask()
    world.sessions.revoke(world.id, owner="ada", by="root", reason=Reason.ADMIN)
    with pytest.raises(SessionRevoked):
        world.ask()


@pytest.mark.req("A7-7.3.1", "A7-7.3.2")
@pytest.mark.parametrize("how", [{"idle_timeout": HOUR}, {"idle_timeout": None, "lifetime": HOUR}])
def test_an_end_by_time_is_seen_to_the_microsecond(how):
    world = World(touch_every=ZERO, **how) if how["idle_timeout"] else World(**how)
    for _ in range(3):
        world.ask(passive=True)
    world.clock.tick(hours=1, microseconds=-1)
    world.ask(passive=True)
    world.clock.tick(microseconds=1)
    with pytest.raises(SessionExpired):
        world.ask(passive=True)


def test_the_use_that_is_due_is_recorded():
    world = World(touch_every=MINUTE)
    for _ in range(3):
        world.ask()
    world.clock.tick(minutes=1)
    assert world.ask().seen_at == world.clock()
    stored = drive(world.store.get(world.id))
    assert stored is not None
    assert stored.seen_at == world.clock()


def test_a_rotation_that_is_due_is_asked_for():
    world = World(rotate_every=10 * MINUTE, touch_every=HOUR, idle_timeout=None)
    for _ in range(3):
        world.ask()
    world.clock.tick(minutes=10)
    with pytest.raises(AccessExpired):
        world.ask()


def test_a_renewal_refuses_what_stood():
    world = World()
    for _ in range(3):
        world.ask()
    world.sessions.renew(world.id, generation=0)
    with pytest.raises(TokenInvalid):
        world.ask()


def test_one_that_ends_with_another_never_stands_for_itself():
    world = World()
    parent = world.sessions.start("grace")
    world.issued = world.sessions.impersonate(parent.session, "ada")
    for _ in range(3):
        world.ask()
    by_another_process = Query(id=parent.session.id)
    assert drive(world.store.revoke(by_another_process, at=world.clock(), reason=Reason.ADMIN))
    with pytest.raises(SessionRevoked):
        world.ask()


@pytest.mark.req("A7-7.4.1")
def test_what_another_process_ended_is_seen_by_the_next_request():
    world = World()
    for _ in range(3):
        world.ask()
    assert drive(world.store.revoke(Query(id=world.id), at=world.clock(), reason=Reason.ADMIN))
    with pytest.raises(SessionRevoked):
        world.ask()


def test_rules_that_are_learnt_hold_at_once(counted):
    book = Rulebook()
    world = World(exceptions=book, idle_timeout=None, touch_every=12 * HOUR)
    world.issued = world.sessions.start("ada", tenant_id="acme")
    for _ in range(3):
        world.ask()
    world.clock.tick(hours=2)
    world.ask()
    assert counted() == 2
    book.learn("tenant_id", {"acme": {"lifetime": HOUR}})
    with pytest.raises(SessionExpired):
        world.ask()


def test_a_clock_that_steps_back_behind_what_stands_is_decided_by(counted):
    world = World()
    world.clock.tick(hours=1)
    for _ in range(3):
        world.ask()
    assert counted() == 2
    world.clock.tick(minutes=-30)
    world.ask()
    assert counted() == 1


def test_what_stands_is_bounded():
    world = World()
    tokens = [world.sessions.start(f"user-{n}").token for n in range(4_200)]
    for token in tokens:
        world.sessions.validate(token)
    assert 0 < len(world.sessions._sessions.standings._lately) <= 4_096


# ── data that several have in common ──────────────────────────────────────────────────────────


def test_no_caller_can_put_anything_into_the_data_that_others_share():
    world = World()
    data: Any = world.ask().data
    acts: list[Callable[[], Any]] = [
        lambda: data.update(mine=1),
        lambda: data.setdefault("mine", 1),
        lambda: data.__setitem__("mine", 1),
        lambda: data.__ior__({"mine": 1}),
    ]
    for act in acts:
        with pytest.raises(TypeError, match="call update"):
            act()
    assert data == world.ask().data == {}


def test_it_is_copied_and_written_like_any_other():
    for copied in (copy.deepcopy(NO_DATA), copy.copy(NO_DATA), pickle.loads(pickle.dumps(NO_DATA))):  # noqa: S301
        assert (type(copied), copied) == (dict, {})
    assert msgspec.json.encode(NO_DATA) == b"{}"
    assert {**NO_DATA, "mine": 1} == {"mine": 1}
