"""A policy is tried out on the journal: what it would have ended is what it does end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sojourn import AsyncSessions, Policy
from sojourn.blocking import Sessions
from sojourn.errors import SessionError
from sojourn.events import Event, Presented
from sojourn.observe.journal.line import Line, drafted
from sojourn.observe.simulate import Effect, lives, simulate
from sojourn.rules import Rulebook
from sojourn.session import Place, new_id
from sojourn.stores.memory import MemoryStore
from sojourn.testing import FakeClock, make_keys
from tests.observe.kit import DAY, HOUR, MINUTE, NOON

SECOND = timedelta(seconds=1)
LONG = Policy()  # what was in force


def line(at: datetime, name: str, id: UUID, /, person: bytes | None = b"ada", **facts: Any) -> Line:
    return Line(
        place=1,
        writer="w",
        number=1,
        at=at,
        name=name,
        session_id=id,
        person=person,
        facts=facts,
        personal=None,
        digest=None,
        hash=b"",
    )


def begun(at: datetime = NOON, person: bytes | None = b"ada", **facts: Any) -> Line:
    return line(at, "session-established", new_id(at, "ada"), person, **({"kind": "desktop"} | facts))


def then(start: Line, after: timedelta, name: str, /, **facts: Any) -> Line:
    assert start.session_id is not None
    return line(start.at + after, name, start.session_id, start.person, **facts)


def paused(start: Line, after: timedelta, pause: timedelta) -> Line:
    return then(start, after, "session-presented", pause=pause.total_seconds())


def effect(lines: Sequence[Line], proposed: Policy, recorded: Policy = LONG) -> Effect:
    known = lives(lines)
    return simulate(
        known, proposed=proposed, recorded=recorded, since=NOON - 30 * DAY, until=NOON + 400 * DAY
    )


def numbers(found: Effect) -> tuple[int, int, int, int]:
    return (found.all.sessions, found.all.ended, found.all.noticed, found.all.challenged)


# ── each rule by itself ───────────────────────────────────────────────────────────────────────


def test_a_pause_longer_than_the_idle_timeout_would_have_ended_it_and_been_noticed() -> None:
    start = begun()
    lines = [start, paused(start, HOUR, 20 * MINUTE)]
    assert numbers(effect(lines, LONG.changed(idle_timeout=15 * MINUTE))) == (1, 1, 1, 0)
    assert numbers(effect(lines, LONG.changed(idle_timeout=30 * MINUTE))) == (1, 0, 0, 0)


def test_who_expired_would_have_earlier_and_nobody_would_have_noticed() -> None:
    start = begun()
    lasted = 2 * HOUR + LONG.idle_timeout + LONG.allowance  # type: ignore[operator]
    over = then(start, lasted + MINUTE, "session-expired", kind="idle", duration=lasted.total_seconds())
    found = effect([start, over], LONG.changed(idle_timeout=HOUR))
    assert numbers(found) == (1, 1, 0, 0)
    assert found.why == {"idle": 1}


def test_a_lifetime_ends_who_lived_longer() -> None:
    short, long = begun(), begun(NOON + SECOND)
    lines = [
        short,
        long,
        then(short, HOUR, "session-revoked", reason="signed_out"),
        then(long, 5 * HOUR, "session-revoked", reason="signed_out"),
    ]
    found = effect(lines, LONG.changed(lifetime=4 * HOUR, idle_timeout=None))
    assert numbers(found) == (2, 1, 1, 0)
    assert found.why == {"lifetime": 1}


def test_a_visitor_lives_as_long_as_visitors_do() -> None:
    visitor = begun(person=None)
    lines = [visitor, then(visitor, 12 * HOUR, "session-revoked", reason="replaced")]
    assert effect(lines, LONG.changed(visitor_lifetime=HOUR)).all.ended == 1
    assert effect([begun(), *lines[1:]], LONG.changed(visitor_lifetime=HOUR)).all.sessions == 2


def test_an_answer_that_was_lost_ends_it_where_none_is_forgiven() -> None:
    start = begun()
    lines = [
        start,
        then(start, HOUR, "session-refreshed", verdict="rotated"),
        then(start, HOUR + 2 * MINUTE, "session-refreshed", verdict="lost_answer"),
    ]
    found = effect(lines, LONG.changed(lost_answer=timedelta(0)))
    assert (numbers(found), found.why) == ((1, 1, 1, 0), {"replay": 1})
    twin = [*lines[:2], then(start, HOUR + 5 * SECOND, "session-refreshed", verdict="twin")]
    assert effect(twin, LONG.changed(lost_answer=timedelta(0))).all.ended == 0
    assert effect(twin, LONG.changed(grace=SECOND, lost_answer=timedelta(0))).all.ended == 1


def test_binding_challenges_or_ends_who_came_from_elsewhere() -> None:
    start = begun()
    lines = [start, then(start, HOUR, "device-changed", before="Chrome", after="Firefox"), begun()]
    assert numbers(effect(lines, LONG.changed(binding="step_up"))) == (2, 0, 0, 1)
    assert numbers(effect(lines, LONG.changed(binding="end"))) == (2, 1, 1, 0)
    assert numbers(effect(lines, LONG.changed(binding="end"), LONG.changed(binding="end"))) == (2, 0, 0, 0)


def test_a_cap_ends_the_oldest_of_the_same_person() -> None:
    lines = [begun(NOON + number * HOUR) for number in range(4)]
    lines.append(begun(NOON + 9 * HOUR, person=b"bob"))
    lines.insert(3, then(lines[2], MINUTE, "session-revoked", reason="signed_out"))
    found = effect(lines, LONG.changed(max_sessions=2))
    assert (numbers(found)[:2], found.why) == ((5, 1), {"cap": 1})


def test_rules_of_a_role_hold_for_its_sessions() -> None:
    admin, other = begun(profile="admin"), begun(NOON + SECOND)
    lines = [admin, other, *(paused(one, HOUR, 50 * MINUTE) for one in (admin, other))]
    strict = LONG.changed(exceptions=Rulebook(profiles={"admin": {"idle_timeout": 15 * MINUTE}}))
    found = effect(lines, strict)
    assert found.by["profile"]["admin"].ended == 1
    assert found.by["profile"]["none"].ended == 0


def test_each_cohort_has_its_numbers() -> None:
    phone, desk = begun(kind="mobile", country="AT", amr=["hwk"]), begun(NOON + SECOND, country="DE")
    found = effect([phone, desk, paused(phone, HOUR, HOUR)], LONG.changed(idle_timeout=30 * MINUTE))
    assert {kind: counts.ended for kind, counts in found.by["kind"].items()} == {"mobile": 1, "desktop": 0}
    assert {name: counts.ended for name, counts in found.by["country"].items()} == {"AT": 1, "DE": 0}
    assert {name: counts.ended for name, counts in found.by["method"].items()} == {"hwk": 1, "none": 0}


def test_of_who_began_before_the_lines_only_the_age_is_known() -> None:
    old = begun(NOON - 20 * DAY, kind="mobile")
    found = effect([paused(old, 20 * DAY, 3 * DAY)], LONG.changed(idle_timeout=DAY))
    assert found.by["kind"].keys() == {"not known"}
    assert found.all.ended == 1


def test_it_says_what_it_cannot_know() -> None:
    said = " ".join(effect([begun()], Policy.bank(), LONG.changed(binding="off")).assumptions)
    assert "at least 1/8" in said
    assert "fresh sign-in is not in the journal" in said
    assert "whatever at_cap says" in said
    short = LONG.changed(idle_timeout=2 * MINUTE, touch_every=30 * SECOND, activity_every=MINUTE)
    assert "shorter than what is known" in " ".join(effect([begun()], short).assumptions)
    assert "shorter than what is known" not in said


# ── laws ──────────────────────────────────────────────────────────────────────────────────────

spans = st.integers(1, 40 * 24 * 60).map(lambda minutes: minutes * MINUTE)
_STEPS = st.sampled_from(
    ["pause", "rotated", "twin", "lost_answer", "device", "network", "out", "idle", "end"]
)


@st.composite
def histories(draw: st.DrawFn) -> list[Line]:
    """Lines of a few sessions of a few people, as wild as they may come."""
    found: list[Line] = []
    for _ in range(draw(st.integers(0, 6))):
        at = NOON + draw(st.integers(0, 5_000)) * MINUTE
        start = begun(at, draw(st.sampled_from([b"ada", b"bob", None])), remember=draw(st.booleans()))
        found.append(start)
        after = timedelta(0)
        for _ in range(draw(st.integers(0, 5))):
            gap = draw(spans)
            after += gap
            found.append(_step(draw(_STEPS), start, after, gap))
    return sorted(found, key=lambda one: one.at)


def _step(kind: str, start: Line, after: timedelta, gap: timedelta) -> Line:
    match kind:
        case "pause":
            return paused(start, after, gap)
        case "rotated" | "twin" | "lost_answer":
            return then(start, after, "session-refreshed", verdict=kind)
        case "device" | "network":
            return then(start, after, f"{kind}-changed")
        case "out":
            return then(start, after, "session-revoked", reason="signed_out")
        case _:
            how = "idle" if kind == "idle" else "absolute"
            return then(start, after, "session-expired", kind=how, duration=after.total_seconds())


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    lifetime = draw(spans) + HOUR
    return Policy(
        lifetime=lifetime,
        idle_timeout=draw(st.none() | spans.map(lambda span: min(span + 10 * MINUTE, lifetime))),
        fresh_for=MINUTE,
        visitor_lifetime=HOUR,
        max_sessions=draw(st.none() | st.integers(1, 4)),
        binding=draw(st.sampled_from(["off", "notice", "step_up", "end"])),
        grace=draw(st.sampled_from([timedelta(0), 10 * SECOND])),
        lost_answer=draw(st.sampled_from([timedelta(0), 10 * MINUTE])),
    )


@given(histories(), policies())
def test_the_policy_that_was_in_force_changes_nothing(lines: list[Line], policy: Policy) -> None:
    found = effect(lines, policy, policy)
    assert numbers(found)[1:] == (0, 0, 0)
    assert found.why == {}


@given(histories(), policies(), policies(), spans)
def test_a_shorter_lifetime_never_ends_fewer(
    lines: list[Line], recorded: Policy, proposed: Policy, shorter: timedelta
) -> None:
    lifetime = max(min(proposed.lifetime, shorter), proposed.idle_timeout or HOUR, HOUR)
    lower = proposed.changed(lifetime=lifetime)
    assert effect(lines, lower, recorded).all.ended >= effect(lines, proposed, recorded).all.ended


@given(histories(), policies(), policies(), spans)
def test_a_shorter_idle_timeout_never_ends_fewer(
    lines: list[Line], recorded: Policy, proposed: Policy, shorter: timedelta
) -> None:
    idle = max(min(proposed.idle_timeout or proposed.lifetime, shorter), 10 * MINUTE)
    lower = proposed.changed(idle_timeout=min(idle, proposed.lifetime))
    assert effect(lines, lower, recorded).all.ended >= effect(lines, proposed, recorded).all.ended


@given(histories(), policies(), policies())
def test_the_parts_are_the_whole(lines: list[Line], recorded: Policy, proposed: Policy) -> None:
    found = effect(lines, proposed, recorded)
    assert sum(found.why.values()) == found.all.ended
    assert found.all.noticed <= found.all.ended <= found.all.sessions
    for parts in found.by.values():
        for name in ("sessions", "ended", "noticed", "challenged"):
            assert sum(getattr(counts, name) for counts in parts.values()) == getattr(found.all, name)


# ── against sessions that live ────────────────────────────────────────────────────────────────


def lived(policy: Policy, gaps: Sequence[int]) -> tuple[list[Event], bool]:
    """A session that is used after each of *gaps* (minutes): what the journal hears, and whether it ended."""
    clock, heard = FakeClock(), list[Event]()
    sessions = Sessions(MemoryStore(), keys=make_keys(), policy=policy, clock=clock, on_event=heard.append)
    sessions._sessions.activity.tell = heard.append
    issued = sessions.start("ada", place=Place(country="AT"))
    for gap in gaps:
        clock.tick(minutes=gap)
        try:
            sessions.validate(issued.token)
        except SessionError:
            return heard, True
    return heard, False


def as_lines(events: Sequence[Event]) -> list[Line]:
    lines = []
    for event in events:
        assert event.session_id is not None
        lines.append(line(event.at, event.name, event.session_id, **drafted(event).facts))
    return lines


@given(st.lists(st.integers(1, 95), max_size=5))
def test_what_would_have_ended_is_what_does_end(gaps: list[int]) -> None:
    """Over eight hours at most, of which a pause of an hour is an eighth."""
    hour = LONG.changed(idle_timeout=HOUR)
    heard, _ = lived(LONG, gaps)
    lines = as_lines(heard)
    found = simulate(
        lives(lines), proposed=hour, recorded=LONG, since=lines[0].at, until=lines[0].at + 12 * HOUR
    )
    assert bool(found.all.noticed) == lived(hour, gaps)[1]


def pauses(events: Sequence[Event]) -> list[timedelta]:
    return [event.pause for event in events if isinstance(event, Presented)]


def test_only_long_pauses_are_told() -> None:
    heard, _ = lived(LONG, [1, 4, 5, 30, 2])
    assert pauses(heard) == [5 * MINUTE, 30 * MINUTE]


def test_of_an_old_session_only_pauses_that_are_long_for_its_age() -> None:
    heard, _ = lived(LONG, [24 * 60, 60, 3 * 60, 4 * 60])
    assert pauses(heard) == [DAY, 4 * HOUR]


def test_a_session_that_is_always_in_use_is_hardly_told_of() -> None:
    heard, _ = lived(LONG, [6] * 2_000)
    assert len(pauses(heard)) < 20


async def test_a_pause_that_a_snapshot_answers_is_told_too() -> None:
    """A tab that polls keeps the snapshot young while nobody is there."""
    clock, heard = FakeClock(), list[Event]()
    sessions = AsyncSessions(MemoryStore(), keys=make_keys(), clock=clock)
    sessions.activity.tell = heard.append
    async with sessions.following():
        issued = await sessions.start("ada")
        for _ in range(10):
            clock.tick(minutes=4)
            await sessions.feed.poll()
            await sessions.validate(issued.token, passive=True)
        before = sessions.snapshots.hits
        await sessions.feed.poll()
        await sessions.validate(issued.token)
        assert sessions.snapshots.hits == before + 1
    assert pauses(heard) == [40 * MINUTE]


def test_nobody_else_hears_of_it() -> None:
    clock, heard = FakeClock(), list[Event]()
    sessions = Sessions(MemoryStore(), keys=make_keys(), clock=clock, on_event=heard.append)
    issued = sessions.start("ada")
    clock.tick(hours=3)
    sessions.validate(issued.token)
    assert pauses(heard) == []


@pytest.mark.parametrize("person", [b"ada", None])
def test_a_life_that_is_going_on_ends_when_the_policy_says(person: bytes | None) -> None:
    found = effect([begun(person=person)], LONG.changed(lifetime=20 * DAY))
    assert found.all.ended == (1 if person else 0)
