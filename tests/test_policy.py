"""A policy cannot be wrong, and the presets and known configurations are what their names say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from msgspec.structs import replace

from sojourn import Device, Policy, Session, Sessions, lifecycle
from sojourn.errors import SettingsError
from sojourn.policy import _MOST_KNOWN, LEAST_IDLE, _impossible, _known, words
from sojourn.rules import Rulebook
from sojourn.session import new_id
from sojourn.stores.memory import MemoryStore
from sojourn.testing import FakeClock, make_keys, make_session

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
HOUR, DAY, ZERO = timedelta(hours=1), timedelta(days=1), timedelta(0)

IMPOSSIBLE: dict[str, tuple[dict[str, Any], str]] = {
    "no lifetime": ({"lifetime": ZERO}, "give a timedelta"),
    "a lifetime before its start": ({"lifetime": -DAY}, "give a timedelta"),
    "longer than a cookie lives": ({"lifetime": 401 * DAY}, "lower lifetime"),
    "no idle time": ({"idle_timeout": ZERO}, "use None"),
    "idle for longer than it lives": ({"idle_timeout": 31 * DAY}, "lower idle_timeout or raise lifetime"),
    "a negative touch": ({"touch_every": -SECOND}, "0 writes every use"),
    "touched too seldom for its idle limit": (
        {"idle_timeout": HOUR, "touch_every": 15 * MINUTE + SECOND},
        "raise idle_timeout or lower touch_every",
    ),
    "activity too seldom for its idle limit": (
        {"idle_timeout": 5 * MINUTE, "activity_every": 5 * MINUTE},
        "raise idle_timeout or lower activity_every",
    ),
    "activity all the time": ({"activity_every": ZERO}, "usual value"),
    "never fresh": ({"fresh_for": ZERO}, "raise fresh_for"),
    "fresh beyond its end": ({"fresh_for": 31 * DAY}, "lower fresh_for or raise lifetime"),
    "rotating all the time": ({"rotate_every": 59 * SECOND}, "use None to rotate only on demand"),
    "rotating after its end": ({"rotate_every": 31 * DAY}, "use None to rotate only on demand"),
    "a negative grace": ({"grace": -SECOND}, "0 forgives nothing"),
    "a grace that a thief enjoys": ({"grace": MINUTE + SECOND}, "lower grace"),
    "a negative lost answer": ({"lost_answer": -SECOND}, "0 forgives nothing"),
    "a lost answer that a thief enjoys": ({"lost_answer": HOUR + SECOND}, "lower lost_answer"),
    "no session at all": ({"max_sessions": 0}, "use None for any number"),
    "an unknown act at the cap": ({"at_cap": "shrug"}, "'end_oldest', 'end_idle', 'refuse' or 'ask'"),
    "no life for visitors": ({"visitor_lifetime": ZERO}, "visitor_lifetime"),
    "snapshots of yesterday": ({"cache_for": DAY + SECOND}, "lower cache_for"),
    "snapshots from the future": ({"cache_for": -SECOND}, "0 asks the store each time"),
    "a cookie cache for no time": ({"cookie_cache": ZERO}, "None switches it off"),
    "an unknown cookie cache": ({"cookie_cache_form": "plain"}, "'encrypted' or 'signed'"),
    "an unknown answer to an outage": ({"when_away": "panic"}, "'refuse' or 'go_on'"),
    "polling all the time": ({"poll_every": ZERO}, "usual value is 250"),
    "too few polls for its staleness": ({"poll_every": 0.6 * SECOND}, "raise max_staleness or lower"),
    "staleness without end": ({"max_staleness": 6 * MINUTE}, "at most 5 minutes; lower it"),
    "a negative flush": ({"flush_every": -SECOND}, "0 writes activity at once"),
    "activity that waits long": ({"flush_every": MINUTE + SECOND}, "lost when the process is killed"),
    "less than no data": ({"max_data": -1}, "0 allows no data"),
    "showing what is forgotten": ({"keep_ended": 27 * DAY}, "raise keep_ended or lower show_ended"),
    "showing the future": ({"show_ended": -DAY}, "0 shows nothing"),
    "a negative undo": ({"undo_for": -SECOND}, "0 signs out for good at once"),
    "an undo after all was told": ({"undo_for": MINUTE + SECOND}, "lower undo_for"),
    "a negative quarantine": ({"quarantine_for": -SECOND}, "0 trusts new sessions at once"),
    "another binding": ({"binding": "hard"}, "'step_up' or 'end'"),
    "addresses kept otherwise": ({"addresses": "half"}, "addresses must be"),
    "addresses kept for less than no time": ({"keep_addresses": -SECOND}, "keep_addresses must not"),
}

POSSIBLE: dict[str, dict[str, Any]] = {
    "as long as a cookie lives": {"lifetime": 400 * DAY},
    "idle for the whole lifetime": {"idle_timeout": 30 * DAY},
    "a touch of a quarter of the idle limit": {"idle_timeout": HOUR, "touch_every": 15 * MINUTE},
    "a touch at every use": {"touch_every": ZERO},
    "no idle limit": {"idle_timeout": None, "touch_every": 20 * DAY},
    "fresh for the whole lifetime": {"fresh_for": 30 * DAY},
    "rotating every minute": {"rotate_every": MINUTE},
    "rotating once in a lifetime": {"rotate_every": 30 * DAY},
    "a day's work": {"lifetime": 8 * HOUR, "idle_timeout": HOUR / 2},
    "nothing forgiven": {"grace": ZERO, "lost_answer": ZERO},
    "the longest kindness": {"grace": MINUTE, "lost_answer": HOUR},
    "one session": {"max_sessions": 1, "at_cap": "refuse"},
    "any number of sessions": {"max_sessions": None},
    "no data": {"max_data": 0},
    "no snapshots": {"cache_for": ZERO, "cookie_cache": None},
    "a day of snapshots": {"cache_for": DAY, "cookie_cache": DAY, "cookie_cache_form": "signed"},
    "the slowest feed": {"max_staleness": 5 * MINUTE, "poll_every": 150 * SECOND, "flush_every": MINUTE},
    "activity written at once": {"flush_every": ZERO},
    "going on without a store": {"when_away": "go_on"},
    "nothing kept": {"keep_ended": ZERO, "show_ended": ZERO},
    "no undo": {"undo_for": ZERO},
    "the longest undo": {"undo_for": MINUTE},
    "a quarantine for ever": {"quarantine_for": 400 * DAY},
}


@pytest.mark.parametrize(("fields", "remedy"), IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_an_impossible_policy_is_refused_with_its_remedy(fields, remedy):
    with pytest.raises(SettingsError, match=remedy):
        Policy(**fields)


@pytest.mark.parametrize("fields", POSSIBLE.values(), ids=POSSIBLE.keys())
def test_the_outermost_possible_policies_are_accepted(fields):
    policy = Policy(**fields)
    assert {name: getattr(policy, name) for name in fields} == fields


def test_every_rule_has_an_example_that_breaks_it():
    broken = {remedy for _, remedy in _impossible(Policy())}
    shown = {remedy for remedy in broken for _, part in IMPOSSIBLE.values() if part in remedy}
    assert shown == broken


def test_a_changed_policy_is_checked_again():
    with pytest.raises(SettingsError, match="lower idle_timeout"):
        Policy().changed(lifetime=DAY)


def test_a_changed_policy_keeps_what_is_not_named():
    assert Policy().changed(max_sessions=3) == Policy(max_sessions=3)


def test_a_policy_cannot_be_altered():
    with pytest.raises(AttributeError):
        Policy().lifetime = DAY  # type: ignore[misc]


def test_a_policy_takes_keywords_only():
    with pytest.raises(TypeError):
        Policy(DAY)  # type: ignore[call-arg]


# ── presets ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("N-01")
def test_without_arguments_it_is_the_consumer_preset():
    policy = Policy()
    assert (policy.lifetime, policy.idle_timeout, policy.fresh_for) == (30 * DAY, 14 * DAY, 10 * MINUTE)


def test_the_consumer_preset_forgives_ten_seconds_and_ten_minutes():
    assert (Policy().grace, Policy().lost_answer) == (10 * SECOND, 10 * MINUTE)


def test_the_consumer_preset_writes_activity_each_minute_and_asks_for_it_every_five():
    assert (Policy().touch_every, Policy().allowance, Policy().activity_every) == (
        MINUTE,
        MINUTE + SECOND,
        5 * MINUTE,
    )


@pytest.mark.req("P-04")
def test_what_ended_is_kept_for_ninety_days_and_shown_for_twenty_eight():
    assert (Policy().keep_ended, Policy().show_ended) == (90 * DAY, 28 * DAY)


@pytest.mark.req("TH-12")
def test_what_one_user_or_visitor_can_pile_up_is_bounded():
    policy = Policy()
    assert (policy.max_sessions, policy.at_cap, policy.max_data) == (100, "end_idle", 16_384)
    assert (policy.visitor_lifetime, Policy.workforce().visitor_lifetime) == (DAY, HOUR)


def test_the_presets_for_work_rotate_and_the_consumer_preset_does_not():
    presets = (Policy(), Policy.workforce(), Policy.high(), Policy.bank())
    assert [preset.rotate_every for preset in presets] == [None, 15 * MINUTE, 15 * MINUTE, 5 * MINUTE]


@pytest.mark.req("A7-7.1.2")
def test_the_presets_cap_sessions():
    presets = (Policy.workforce(), Policy.high(), Policy.bank())
    assert [preset.max_sessions for preset in presets] == [20, 5, 3]


@pytest.mark.req("N-02")
def test_the_workforce_preset_is_aal2():
    policy = Policy.workforce()
    assert (policy.lifetime, policy.idle_timeout, policy.fresh_for) == (24 * HOUR, HOUR, 5 * MINUTE)


@pytest.mark.req("N-04")
def test_the_high_preset_is_aal3():
    policy = Policy.high()
    assert (policy.lifetime, policy.idle_timeout) == (12 * HOUR, 15 * MINUTE)


@pytest.mark.req("N-04")
def test_the_high_preset_refuses_more_than_twelve_hours():
    with pytest.raises(SettingsError, match=r"lower lifetime or build on Policy\.workforce"):
        Policy.high(lifetime=12 * HOUR + SECOND)


def test_the_high_preset_may_be_shorter():
    assert Policy.high(lifetime=8 * HOUR).lifetime == 8 * HOUR


def test_the_bank_preset_is_five_minutes_and_four_hours():
    policy = Policy.bank()
    assert (policy.lifetime, policy.idle_timeout) == (4 * HOUR, 5 * MINUTE)


def test_the_bank_preset_repeats_no_lost_answer():
    assert Policy.bank().lost_answer == ZERO


@pytest.mark.parametrize("preset", [Policy.high, Policy.bank])
def test_the_strict_presets_ask_again_for_each_sensitive_act(preset):
    assert preset().fresh_for == MINUTE


@pytest.mark.parametrize("preset", [Policy.workforce, Policy.high, Policy.bank])
def test_a_preset_can_be_changed_by_name(preset):
    assert preset(max_sessions=2).max_sessions == 2


@pytest.mark.parametrize("preset", [Policy.workforce, Policy.high, Policy.bank])
def test_a_changed_preset_is_checked_too(preset):
    with pytest.raises(SettingsError):
        preset(grace=HOUR)


def test_the_presets_grow_stricter():
    presets = [Policy(), Policy.workforce(), Policy.high(), Policy.bank()]
    for looser, stricter in pairwise(presets):
        assert looser.lifetime > stricter.lifetime
        assert (looser.idle_timeout or looser.lifetime) > (stricter.idle_timeout or stricter.lifetime)
        assert (looser.max_sessions or 0) > (stricter.max_sessions or 0)


# ── the configurations that the project began with ────────────────────────────────────────────


def test_seed_001_thirty_days_without_a_short_idle_limit():
    policy = Policy(lifetime=timedelta(days=30), idle_timeout=None)
    session = _begun(policy, at=datetime(2026, 11, 1, tzinfo=UTC))
    assert lifecycle.ended(session, policy, datetime(2026, 11, 30, tzinfo=UTC)) is None
    assert lifecycle.idle_end(session, policy) == datetime(2026, 12, 1, tzinfo=UTC)


def test_seed_002_thirty_days_with_fifteen_minutes_idle_checked_every_five():
    policy = Policy(
        lifetime=timedelta(days=30),
        idle_timeout=timedelta(minutes=15),
        activity_every=timedelta(minutes=5),
        rotate_every=timedelta(minutes=15),
    )
    noon = datetime(2026, 11, 1, 12, tzinfo=UTC)
    assert lifecycle.idle_end(_begun(policy, at=noon), policy) == noon + timedelta(minutes=15)


def test_seed_003_seven_days_sliding_with_one_day_touch_every():
    calendar = _Calendar(Policy(idle_timeout=timedelta(days=7), touch_every=timedelta(days=1)))
    assert calendar.ends_on == 8
    calendar.use(day=2)
    assert calendar.ends_on == 9
    calendar.use(day=5)
    assert calendar.ends_on == 12


def test_seed_003_a_second_use_on_the_same_day_writes_nothing():
    calendar = _Calendar(Policy(idle_timeout=timedelta(days=7), touch_every=timedelta(days=1)))
    calendar.use(day=5)
    written = calendar.store.touches
    calendar.use(day=5, hour=18)
    assert (calendar.store.touches, calendar.ends_on) == (written, 12)


class _CountingStore(MemoryStore):
    def __init__(self) -> None:
        super().__init__()
        self.touches = 0

    async def touch(self, *args: Any, **kwargs: Any) -> None:
        self.touches += 1
        await super().touch(*args, **kwargs)


class _Calendar:
    """A sign-in at noon of the first day of a month, and what its user is told since."""

    def __init__(self, policy: Policy) -> None:
        self.clock, self.store = FakeClock(datetime(2026, 11, 1, 12, tzinfo=UTC)), _CountingStore()
        self.sessions = Sessions(self.store, keys=make_keys(), policy=policy, clock=self.clock)
        self.token = self.sessions.start("ada").token

    def use(self, *, day: int, hour: int = 12) -> None:
        self.clock.tick(seconds=(datetime(2026, 11, day, hour, tzinfo=UTC) - self.clock()).total_seconds())
        self.sessions.validate(self.token)

    @property
    def ends_on(self) -> int:
        """The day of the month that the account page names."""
        (session,) = self.sessions.list("ada")
        return lifecycle.idle_end(session, self.sessions.policy).day


def _begun(policy: Policy, *, at: datetime) -> Session:
    keys = make_keys()
    return lifecycle.start(
        policy,
        at,
        id=new_id(at, "ada"),
        salt=bytes(32),
        key_id=keys.signing_id,
        user_id="ada",
        device=Device(),
    )


# ── what people read ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("span", "said"),
    [
        (timedelta(minutes=15), "15 minutes"),
        (timedelta(days=30), "30 days"),
        (timedelta(days=1), "1 day"),
        (timedelta(hours=24), "1 day"),
        (timedelta(hours=36), "36 hours"),
        (timedelta(minutes=90), "90 minutes"),
        (timedelta(hours=1), "1 hour"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(seconds=90), "90 seconds"),
        (timedelta(hours=2, minutes=59), "2 hours"),
        (timedelta(seconds=1), "1 second"),
        (timedelta(seconds=10), "10 seconds"),
        (timedelta(milliseconds=1500), "1 second"),
        (timedelta(0), "0 seconds"),
    ],
)
def test_words_say_a_span_as_people_do(span, said):
    assert words(span) == said


# ── a shorter idle timeout of one's own ───────────────────────────────────────────────────────


def of(policy: Policy, own: timedelta | None) -> Policy:
    return policy.of(make_session(idle_timeout=own))


def test_without_a_choice_of_its_user_a_session_has_the_policy_itself():
    policy = Policy()
    assert of(policy, None) is policy


@pytest.mark.parametrize(
    ("own", "idle", "touch", "activity"),
    [
        (HOUR, HOUR, MINUTE, 5 * MINUTE),
        (5 * MINUTE, 5 * MINUTE, MINUTE, 2.5 * MINUTE),
        (SECOND, LEAST_IDLE, MINUTE, 2.5 * MINUTE),  # nobody may choose that, so somebody wrote it by hand
    ],
)
def test_a_shorter_idle_timeout_brings_touch_and_activity_along(own, idle, touch, activity):
    policy = of(Policy(), own)
    assert (policy.idle_timeout, policy.touch_every, policy.activity_every) == (idle, touch, activity)
    assert of(policy, own) is policy


@pytest.mark.parametrize("own", [14 * DAY, 15 * DAY])
def test_a_longer_one_is_the_policys(own):
    policy = Policy()
    assert of(policy, own) is policy


def test_where_the_policy_has_none_the_lifetime_bounds_it():
    policy = Policy(idle_timeout=None)
    assert (of(policy, DAY).idle_timeout, of(policy, 60 * DAY).idle_timeout) == (DAY, 30 * DAY)


def test_it_is_worked_out_once_for_each_policy():
    one, two = Policy(), Policy(lifetime=20 * DAY)
    assert of(one, HOUR) is of(one, HOUR)
    assert (of(one, HOUR).lifetime, of(two, HOUR).lifetime) == (30 * DAY, 20 * DAY)


def test_what_was_worked_out_is_forgotten_before_it_is_too_much():
    policy = Policy()
    for seconds in range(300, 300 + 2 * _MOST_KNOWN):
        of(policy, timedelta(seconds=seconds))
    assert len(_known) <= _MOST_KNOWN


def test_exceptions_come_first():
    policy = Policy(exceptions=Rulebook(applications={"bank": {"idle_timeout": HOUR}}))
    session = make_session(application_id="bank", idle_timeout=DAY)
    assert policy.of(session).idle_timeout == HOUR
    assert policy.of(replace(session, idle_timeout=HOUR / 2)).idle_timeout == HOUR / 2


def test_uses_are_told_apart_as_finely_as_the_shortest_choice_needs():
    assert Policy(touch_every=HOUR).shortest_touch == LEAST_IDLE / 4
    assert Policy(touch_every=ZERO).shortest_touch == ZERO


def test_the_bank_preset_undoes_nothing_and_does_not_trust_new_sessions():
    assert (Policy.bank().undo_for, Policy.bank().quarantine_for) == (ZERO, DAY)
    assert (Policy().undo_for, Policy().quarantine_for) == (10 * SECOND, ZERO)
