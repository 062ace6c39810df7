"""Every decision, as a table: what a token may do, when a session ends, what is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from msgspec import Struct
from msgspec.structs import replace

from sojourn import Device, Key, Keys, Place, Policy, Reason, Session, lifecycle
from sojourn.errors import (
    AccessExpired,
    DataTooLarge,
    FreshnessRequired,
    SessionChanged,
    SessionError,
    SessionExpired,
    SessionNotFound,
    SessionRevoked,
    TokenInvalid,
    TokenReplayed,
    TokenSuperseded,
)
from sojourn.events import Recovered, Refreshed, Renewed, Replayed
from sojourn.lifecycle import Outcome
from sojourn.session import Seen, new_id, new_salt
from sojourn.token import Token, derive, parse

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
MICROSECOND, SECOND, MINUTE = timedelta(microseconds=1), timedelta(seconds=1), timedelta(minutes=1)
ALLOWANCE = MINUTE + SECOND  # one touch and one flush
HOUR, DAY, ZERO = timedelta(hours=1), timedelta(days=1), timedelta(0)

POLICY = Policy(idle_timeout=HOUR)
STRICT = Policy(idle_timeout=HOUR, grace=ZERO, lost_answer=ZERO)
RING = [
    Key(id=1, secret=b"o" * 32, role="retired"),
    Key(id=2, secret=b"n" * 32, role="signing"),
    Key(id=3, secret=b"c" * 32, role="next"),
]
KEYS = Keys(RING)
ID = new_id(NOON, "ada")


def begun(policy: Policy = POLICY, **fields: Any) -> Session:
    """A session of noon; *fields* are set on the record as they are."""
    return replace(_started(policy), **fields)


def _started(policy: Policy, user_id: str | None = "ada", **fields: Any) -> Session:
    given: dict[str, Any] = {"id": ID, "salt": b"s" * 32, "key_id": 2, "device": Device()}
    return lifecycle.start(policy, NOON, user_id=user_id, **given | fields)


def token_of(session: Session, *, behind: int = 0, key_id: int | None = None) -> Token:
    """The token of the generation that is *behind* that of the record."""
    issued = replace(session, generation=session.generation - behind, key_id=key_id or session.key_id)
    return parse(derive(issued, KEYS), KEYS)


def validated(session: Session, policy: Policy = POLICY, *, at: datetime, **options: Any) -> Outcome:
    token = options.pop("token", None) or token_of(session)
    return lifecycle.validate(session, policy, at, token=token, keys=KEYS, **options)


def refreshed(
    session: Session, policy: Policy = POLICY, *, at: datetime, token: Token | None = None
) -> Outcome:
    return lifecycle.refresh(session, policy, at, token=token or token_of(session), keys=KEYS)


# ── start ─────────────────────────────────────────────────────────────────────────────────────


def test_a_sign_in_is_authenticated_seen_and_created_at_once():
    session = begun()
    assert {session.created_at, session.seen_at, session.authenticated_at} == {NOON}


@pytest.mark.req("A7-7.3.2")
def test_a_session_ends_its_lifetime_after_signing_in():
    assert begun().ends_at == NOON + 30 * DAY


def test_a_session_carries_what_the_application_said():
    said: dict[str, Any] = {
        "device": Device(name="Firefox on Linux"),
        "place": Place(city="Paris", country="FR"),
        "ip": "192.0.2.1",
        "amr": ("pwd", "otp"),
        "aal": 2,
        "remember": True,
        "application_id": "shop",
        "tenant_id": "acme",
        "data": {"cart": [1]},
    }
    session = _started(POLICY, **said)
    assert {name: getattr(session, name) for name in said} == said


def test_a_sign_in_of_which_nothing_is_said_has_one_factor_and_is_not_remembered():
    session = _started(POLICY)
    assert (session.aal, session.amr, session.remember, session.data) == (1, (), False, {})


def test_methods_may_come_from_any_iterable():
    assert _started(POLICY, amr=iter(["pwd", "otp"])).amr == ("pwd", "otp")


def test_a_visitor_is_not_authenticated():
    visitor = _started(POLICY, user_id=None, aal=2)
    assert (visitor.authenticated_at, visitor.aal) == (None, 0)


@pytest.mark.req("TH-12")
def test_a_visitor_lives_for_the_visitor_lifetime():
    assert _started(Policy(), user_id=None).ends_at == NOON + DAY


def test_starting_with_too_much_data_is_refused():
    with pytest.raises(DataTooLarge, match="The session data has 16397 bytes, 16384 are allowed"):
        _started(POLICY, data={"cart": "x" * 16_386})


@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {"in": inner}, lambda inner: (inner,)])
def test_data_is_nested_32_deep_at_most(wrap):
    value: Any = "core"
    for _ in range(31):
        value = wrap(value)
    assert _started(POLICY, data={"cart": value}).data["cart"] == value
    for deep in (wrap(value), wrap(wrap(wrap(value)))):
        with pytest.raises(DataTooLarge, match="nested more than 32 deep"):
            _started(POLICY, data={"cart": deep})


def test_the_data_of_a_session_is_a_copy():
    data = {"cart": 1}
    session = _started(POLICY, data=data)
    data["cart"] = 2
    assert session.data == {"cart": 1}


# ── the two ends ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("A7-7.3.1")
def test_the_idle_limit_is_exact_when_every_use_is_written():
    exact = Policy(idle_timeout=HOUR, touch_every=ZERO)
    session = begun(exact)
    assert lifecycle.ended(session, exact, NOON + HOUR - MICROSECOND) is None
    assert isinstance(lifecycle.ended(session, exact, NOON + HOUR), SessionExpired)


@pytest.mark.req("A7-7.3.1")
def test_the_idle_limit_is_kept_up_to_the_allowance_for_unwritten_uses():
    session = begun()
    assert lifecycle.ended(session, POLICY, NOON + HOUR + ALLOWANCE - MICROSECOND) is None
    assert isinstance(lifecycle.ended(session, POLICY, NOON + HOUR + ALLOWANCE), SessionExpired)


def test_nobody_is_refused_before_the_idle_limit_since_their_last_act():
    last_act = NOON + MINUTE - MICROSECOND  # too early after the last write to be written
    session = validated(begun(), at=last_act).session
    assert session.seen_at == NOON
    assert lifecycle.ended(session, POLICY, last_act + HOUR) is None


@pytest.mark.req("A7-7.3.2")
def test_the_absolute_end_holds_under_constant_use():
    policy, session, now = (
        Policy(lifetime=DAY, idle_timeout=HOUR),
        begun(Policy(lifetime=DAY, idle_timeout=HOUR)),
        NOON,
    )
    while now + 30 * MINUTE < NOON + DAY:
        now += 30 * MINUTE
        session = validated(session, policy, at=now).session
    assert lifecycle.ended(session, policy, NOON + DAY - MICROSECOND) is None
    assert isinstance(lifecycle.ended(session, policy, NOON + DAY), SessionExpired)


@pytest.mark.req("A10-10.4.8")
def test_refreshing_never_moves_an_end():
    session = begun()
    later = refreshed(session, at=NOON + 30 * MINUTE).session
    assert (later.seen_at, later.expires_at, later.ends_at) == (
        session.seen_at,
        session.expires_at,
        session.ends_at,
    )


@pytest.mark.parametrize(
    ("policy", "at", "limit", "after"),
    [
        (POLICY, NOON + 2 * HOUR, "idle", HOUR),
        (POLICY, NOON + 31 * DAY, "absolute", 30 * DAY),
        (Policy(idle_timeout=None), NOON + 30 * DAY, "absolute", 30 * DAY),
    ],
)
def test_an_expiry_says_which_end_was_reached_and_how_long_it_was(policy, at, limit, after):
    refusal = lifecycle.ended(begun(policy), policy, at)
    assert isinstance(refusal, SessionExpired)
    assert (refusal.limit, refusal.after) == (limit, after)


def test_a_revocation_is_told_before_an_expiry():
    over = begun(revoked_at=NOON, reason=Reason.ADMIN)
    refusal = lifecycle.ended(over, POLICY, NOON + 31 * DAY)
    assert isinstance(refusal, SessionRevoked)
    assert refusal.reason == Reason.ADMIN


def test_without_an_idle_limit_only_the_lifetime_ends_a_session():
    policy = Policy(idle_timeout=None)
    assert lifecycle.ended(begun(policy), policy, NOON + 30 * DAY - MICROSECOND) is None


def test_a_tightened_idle_limit_holds_at_once():
    session = begun(Policy())
    assert lifecycle.ended(session, Policy(), NOON + 2 * HOUR) is None
    assert isinstance(lifecycle.ended(session, POLICY, NOON + 2 * HOUR), SessionExpired)


def test_a_tightened_lifetime_holds_at_once():
    session, tight = begun(Policy()), Policy(lifetime=DAY, idle_timeout=None)
    assert isinstance(lifecycle.ended(session, tight, NOON + DAY), SessionExpired)


def test_a_tightened_visitor_lifetime_holds_at_once():
    visitor, tight = _started(Policy(), user_id=None), Policy(visitor_lifetime=HOUR)
    assert isinstance(lifecycle.ended(visitor, tight, NOON + HOUR), SessionExpired)


@pytest.mark.parametrize("loose", [Policy(idle_timeout=DAY), Policy(idle_timeout=None)])
def test_a_loosened_policy_does_not_lengthen_what_was_stored(loose):
    session = begun()
    refusal = lifecycle.ended(session, loose, session.expires_at)
    assert isinstance(refusal, SessionExpired)
    assert refusal.limit == "idle"


def test_people_are_told_the_idle_end_without_the_allowance():
    assert lifecycle.idle_end(begun(), POLICY) == NOON + HOUR


def test_people_are_told_the_absolute_end_if_it_comes_first():
    session = begun(seen_at=NOON + 30 * DAY - MINUTE, expires_at=NOON + 30 * DAY)
    assert lifecycle.idle_end(session, POLICY) == NOON + 30 * DAY


def test_people_are_told_the_absolute_end_if_there_is_no_idle_limit():
    policy = Policy(idle_timeout=None)
    assert lifecycle.idle_end(begun(policy), policy) == NOON + 30 * DAY


@pytest.mark.parametrize("policy", [POLICY, Policy(), Policy(idle_timeout=None), Policy.bank()])
@pytest.mark.parametrize("stored", [POLICY, Policy(), Policy(idle_timeout=None), Policy.bank()])
def test_people_are_never_told_an_end_after_the_real_one(stored, policy):
    session = begun(stored)
    told = lifecycle.idle_end(session, policy)
    assert lifecycle.ended(session, policy, told - MICROSECOND) is None


# ── the table of a presented token ────────────────────────────────────────────────────────────

Answer = Literal["confirms", "yes", "rotates", "twin", "lost_answer", "superseded", "replay", "recovers"]


class Case(Struct, frozen=True):
    """A record rotated at noon, and a token that is *behind* it, presented *after*."""

    behind: int
    after: timedelta
    validate: Answer
    refresh: Answer
    confirmed: bool = False
    forgiven_after: timedelta | None = None
    policy: Policy = POLICY

    @property
    def session(self) -> Session:
        return begun(
            generation=5,
            rotated_at=NOON,
            confirmed_at=NOON if self.confirmed else None,
            forgiven_at=None if self.forgiven_after is None else NOON + self.forgiven_after,
        )

    @property
    def token(self) -> Token:
        return token_of(self.session, behind=self.behind)


S10, M10 = 10 * SECOND, 10 * MINUTE
TABLE = {
    "current, first seen": Case(0, SECOND, "confirms", "rotates"),
    "current, seen before": Case(0, SECOND, "yes", "rotates", confirmed=True),
    "one behind, at once": Case(1, ZERO, "yes", "twin"),
    "one behind, within the grace": Case(1, S10 - MICROSECOND, "yes", "twin"),
    "one behind, within the grace, successor seen": Case(1, SECOND, "yes", "twin", confirmed=True),
    "one behind, grace over, successor not seen": Case(1, S10, "yes", "lost_answer"),
    "one behind, last moment of a lost answer": Case(1, M10 - MICROSECOND, "yes", "lost_answer"),
    "one behind, too late for a lost answer": Case(1, M10, "superseded", "replay"),
    "one behind, grace over, successor seen": Case(1, S10, "superseded", "replay", confirmed=True),
    "one behind, grace begun anew": Case(1, MINUTE + SECOND, "yes", "twin", forgiven_after=MINUTE),
    "one behind, grace begun anew, successor seen": Case(
        1, MINUTE + SECOND, "yes", "twin", confirmed=True, forgiven_after=MINUTE
    ),
    "one behind, the new grace over, successor seen": Case(
        1, MINUTE + S10, "superseded", "replay", confirmed=True, forgiven_after=MINUTE
    ),
    "one behind, the new grace over, still not seen": Case(
        1, MINUTE + S10, "yes", "lost_answer", forgiven_after=MINUTE
    ),
    "one behind, the new grace over, too late": Case(
        1, M10 + S10, "superseded", "replay", forgiven_after=M10 - S10
    ),
    "one behind, strict": Case(1, ZERO, "superseded", "replay", policy=STRICT),
    "one behind, grace only": Case(1, S10, "superseded", "replay", policy=STRICT.changed(grace=S10)),
    "one behind, lost answer only": Case(
        1, SECOND, "yes", "lost_answer", policy=STRICT.changed(lost_answer=M10)
    ),
    "two behind, at once": Case(2, ZERO, "superseded", "replay"),
    "five behind": Case(5, SECOND, "superseded", "replay"),
    "one ahead": Case(-1, SECOND, "recovers", "recovers"),
    "far ahead": Case(-100, SECOND, "recovers", "recovers"),
    "ahead, strict": Case(-1, SECOND, "recovers", "recovers", policy=STRICT),
}


@pytest.fixture(params=TABLE.values(), ids=list(TABLE))
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


@pytest.mark.req("R-07")
def test_what_a_token_may_do_in_a_request(case):
    at = NOON + case.after
    decide = lambda: validated(case.session, case.policy, at=at, token=case.token)  # noqa: E731
    match case.validate:
        case "confirms":
            assert decide().seen == Seen(NOON, case.session.expires_at, 5)
        case "yes":
            assert decide() == Outcome(session=case.session)
        case "superseded":
            with pytest.raises(TokenSuperseded):
                decide()
        case "recovers":
            assert _recovered(decide(), case, at).generation == case.token.generation


@pytest.mark.req("R-06")
def test_what_a_token_may_do_in_a_refresh(case):
    at = NOON + case.after
    outcome = refreshed(case.session, case.policy, at=at, token=case.token)
    match case.refresh:
        case "rotates":
            assert _verdict(outcome) == "rotated"
            assert outcome.session == case.session.change(
                generation=6, rotated_at=at, confirmed_at=None, forgiven_at=None
            )
        case "twin":
            assert (_verdict(outcome), outcome.write) == ("twin", False)
            assert outcome.session == case.session
        case "lost_answer":
            assert (_verdict(outcome), outcome.write) == ("lost_answer", True)
            assert outcome.session == case.session.change(forgiven_at=at)
        case "replay":
            assert (outcome.write, type(outcome.refusal)) == (True, TokenReplayed)
            assert outcome.session == case.session.change(revoked_at=at, reason=Reason.REPLAY)
        case "recovers":
            assert _recovered(outcome, case, at).generation == case.token.generation + 1


def _verdict(outcome: Outcome) -> str:
    (event,) = outcome.events
    assert isinstance(event, Refreshed)
    assert outcome.refusal is None
    return event.verdict


def _recovered(outcome: Outcome, case: Case, at: datetime) -> Session:
    recovered = outcome.events[0]
    assert outcome.write
    assert isinstance(recovered, Recovered)
    assert (recovered.at, recovered.generation, recovered.stored) == (at, case.token.generation, 5)
    return outcome.session


def test_the_successor_of_a_twin_and_of_a_lost_answer_is_the_very_same_token():
    rotated = refreshed(begun(), at=NOON).session
    old = token_of(begun())
    twin = refreshed(rotated, at=NOON + SECOND, token=old).session
    again = refreshed(rotated, at=NOON + MINUTE, token=old).session
    assert derive(rotated, KEYS) == derive(twin, KEYS) == derive(again, KEYS)


def test_a_replay_says_which_generation_came_and_which_is_current():
    session = begun(generation=5, rotated_at=NOON, confirmed_at=NOON)
    (event,) = refreshed(session, at=NOON + MINUTE, token=token_of(session, behind=3)).events
    assert event == Replayed(at=NOON + MINUTE, session_id=session.id, user_id="ada", generation=2, current=5)


@pytest.mark.parametrize("decided", [Outcome(session=begun()), begun(), RING[0], token_of(begun())])
def test_what_decisions_are_made_of_cannot_be_altered(decided):
    with pytest.raises(AttributeError):
        setattr(decided, decided.__struct_fields__[0], None)


def test_a_recovery_by_refresh_tells_of_both():
    session = begun(generation=5)
    kinds = [type(event) for event in refreshed(session, at=NOON, token=token_of(session, behind=-2)).events]
    assert kinds == [Recovered, Refreshed]


def test_a_recovered_generation_is_confirmed():
    session = begun(generation=5, rotated_at=NOON - DAY, forgiven_at=NOON - DAY)
    moved = validated(session, at=NOON, token=token_of(session, behind=-1)).session
    assert (moved.confirmed_at, moved.forgiven_at) == (NOON, None)


def test_a_recovery_takes_over_the_key_of_the_token():
    session = begun(generation=5)
    moved = validated(session, at=NOON, token=token_of(session, behind=-1, key_id=1)).session
    assert moved.key_id == 1


def test_a_clock_that_steps_back_makes_no_replay():
    session = begun(generation=5, rotated_at=NOON, confirmed_at=NOON)
    assert refreshed(session, at=NOON - MINUTE, token=token_of(session, behind=1)).refusal is None


@pytest.mark.parametrize("verb", [validated, refreshed])
@pytest.mark.parametrize("behind", [-1, 0, 1, 2])
def test_a_token_that_is_not_genuine_ends_nothing(verb, behind):
    session = begun(generation=5, rotated_at=NOON)
    stranger = token_of(replace(session, salt=new_salt()), behind=behind)
    with pytest.raises(TokenInvalid):
        verb(session, at=NOON + DAY, token=stranger)


@pytest.mark.req("OS-06")
@pytest.mark.parametrize("decide", [lifecycle.validate, lifecycle.refresh])
def test_a_token_of_no_session_is_refused(decide):
    with pytest.raises(TokenInvalid):
        decide(None, POLICY, NOON, token=token_of(begun()), keys=KEYS)


@pytest.mark.parametrize("verb", [validated, refreshed])
def test_a_stranger_does_not_learn_that_a_session_was_revoked(verb):
    over = begun(revoked_at=NOON, reason=Reason.ADMIN)
    with pytest.raises(TokenInvalid):
        verb(over, at=NOON, token=token_of(replace(over, salt=new_salt())))


@pytest.mark.parametrize("verb", [validated, refreshed])
@pytest.mark.parametrize("behind", [-1, 0, 1, 2])
@pytest.mark.parametrize(
    ("fields", "refusal"),
    [({"revoked_at": NOON, "reason": Reason.USER}, SessionRevoked), ({"expires_at": NOON}, SessionExpired)],
)
def test_an_ended_session_is_refused_whatever_the_generation(verb, behind, fields, refusal):
    over = begun(generation=5, rotated_at=NOON, **fields)
    with pytest.raises(refusal):
        verb(over, at=NOON, token=token_of(over, behind=behind))


# ── activity ──────────────────────────────────────────────────────────────────────────────────


def test_a_use_slides_the_idle_end():
    at = NOON + MINUTE
    assert validated(begun(), at=at).seen == Seen(at, at + HOUR + ALLOWANCE)


def test_a_use_is_written_at_most_once_per_touch_every():
    assert validated(begun(), at=NOON + MINUTE - MICROSECOND).seen is None


def test_a_use_never_slides_past_the_absolute_end():
    session = begun(Policy(lifetime=DAY, idle_timeout=HOUR), seen_at=NOON + DAY - HOUR, expires_at=NOON + DAY)
    seen = validated(session, at=NOON + DAY - MINUTE).seen
    assert seen is not None
    assert seen.expires_at == session.ends_at


def test_the_outcome_of_a_use_is_the_session_as_it_will_be():
    outcome = validated(begun(), at=NOON + MINUTE)
    assert outcome.seen is not None
    assert (outcome.session.seen_at, outcome.session.expires_at) == (
        outcome.seen.seen_at,
        outcome.seen.expires_at,
    )


def test_a_use_leaves_the_version_alone():
    assert validated(begun(), at=NOON + MINUTE).session.version == 1


def test_a_use_under_a_tightened_policy_never_moves_an_end_back():
    session = begun(Policy())
    assert validated(session, POLICY, at=NOON + MINUTE).session.expires_at == session.expires_at


def test_a_passive_request_never_slides():
    assert validated(begun(), at=NOON + 30 * MINUTE, passive=True) == Outcome(session=begun())


def test_a_passive_request_confirms_the_generation():
    session = begun(generation=1, rotated_at=NOON)
    assert validated(session, at=NOON + 30 * MINUTE, passive=True).seen == Seen(NOON, session.expires_at, 1)


def test_a_use_that_slides_may_confirm_too():
    session, at = begun(generation=1, rotated_at=NOON), NOON + 30 * MINUTE
    assert validated(session, at=at).seen == Seen(at, at + HOUR + ALLOWANCE, 1)


def test_a_generation_is_confirmed_once():
    session = validated(begun(generation=1, rotated_at=NOON), at=NOON + SECOND).session
    assert session.confirmed_at == NOON + SECOND
    assert validated(session, at=NOON + 2 * SECOND).seen is None


def test_the_first_generation_needs_no_confirmation():
    assert validated(begun(), at=NOON + SECOND).seen is None


# ── rotation by age ───────────────────────────────────────────────────────────────────────────

EAGER = POLICY.changed(rotate_every=15 * MINUTE)


def test_a_generation_that_is_too_old_asks_for_a_refresh():
    with pytest.raises(AccessExpired):
        validated(begun(), EAGER, at=NOON + 15 * MINUTE)


def test_a_generation_is_good_until_its_age():
    assert validated(begun(), EAGER, at=NOON + 15 * MINUTE - MICROSECOND).session.user_id == "ada"


def test_the_age_of_a_generation_counts_from_its_rotation():
    session = begun(generation=1, rotated_at=NOON + 14 * MINUTE)
    assert validated(session, EAGER, at=NOON + 28 * MINUTE).session.user_id == "ada"


def test_a_request_that_is_rotated_in_passing_is_not_refused_for_its_age():
    assert validated(begun(), EAGER, at=NOON + 15 * MINUTE, rotating=False).session.user_id == "ada"


@pytest.mark.parametrize(("after", "asked"), [(9 * SECOND, False), (10 * SECOND, True)])
def test_whoever_never_got_the_successor_is_asked_to_refresh_once_the_grace_is_over(after, asked):
    session = begun(EAGER, generation=1, rotated_at=NOON)
    old = token_of(session, behind=1)
    if asked:
        with pytest.raises(AccessExpired):
            validated(session, EAGER, at=NOON + after, token=old)
    else:
        assert validated(session, EAGER, at=NOON + after, token=old) == Outcome(session=session)


def test_whoever_never_got_the_successor_is_handed_it_when_rotated_in_passing():
    session = begun(EAGER, generation=1, rotated_at=NOON)
    outcome = validated(session, EAGER, at=NOON + MINUTE, token=token_of(session, behind=1), rotating=False)
    assert (_verdict(outcome), outcome.reissue, outcome.write) == ("lost_answer", True, True)
    assert outcome.session == session.change(forgiven_at=NOON + MINUTE)


def test_a_passive_request_is_handed_no_lost_answer():
    session = begun(EAGER, generation=1, rotated_at=NOON)
    old = token_of(session, behind=1)
    outcome = validated(session, EAGER, at=NOON + MINUTE, token=old, rotating=False, passive=True)
    assert outcome == Outcome(session=session)


def test_an_old_generation_can_be_refreshed():
    assert _verdict(refreshed(begun(), EAGER, at=NOON + 30 * MINUTE)) == "rotated"


def test_without_rotate_every_a_generation_grows_as_old_as_the_session():
    policy = Policy(idle_timeout=None)
    assert validated(begun(policy), policy, at=NOON + 29 * DAY).session.user_id == "ada"


# ── keys ──────────────────────────────────────────────────────────────────────────────────────


def test_a_token_under_a_retired_key_is_issued_anew_in_the_same_generation():
    session = begun(key_id=1, generation=4)
    outcome = validated(session, at=NOON)
    assert (outcome.reissue, outcome.write) == (True, True)
    assert outcome.session == session.change(key_id=2)


def test_a_token_under_a_retired_key_whose_record_has_moved_is_issued_anew_without_a_write():
    session = begun(key_id=2)
    outcome = validated(session, at=NOON, token=token_of(session, key_id=1))
    assert outcome == Outcome(session=session, reissue=True)


def test_a_token_under_a_key_that_is_still_to_come_stays():
    assert validated(begun(key_id=3), at=NOON) == Outcome(session=begun(key_id=3))


@pytest.mark.parametrize("session", [begun(key_id=1), begun(key_id=2)], ids=["record behind", "record moved"])
def test_a_passive_request_is_issued_no_token(session):
    outcome = validated(session, at=NOON, token=token_of(session, key_id=1), passive=True)
    assert outcome == Outcome(session=session)


def test_issuing_anew_keeps_the_use_that_came_with_it():
    session = begun(key_id=1, generation=1, rotated_at=NOON)
    moved = validated(session, at=NOON + MINUTE).session
    assert (moved.seen_at, moved.confirmed_at) == (NOON + MINUTE, NOON + MINUTE)


def test_a_rotation_moves_to_the_signing_key():
    assert [refreshed(begun(key_id=id), at=NOON).session.key_id for id in (1, 2, 3)] == [2, 2, 2]


def test_a_predecessor_under_a_retired_key_gets_the_very_same_successor():
    before = begun(key_id=1)
    rotated = refreshed(before, at=NOON).session
    twin = refreshed(rotated, at=NOON + SECOND, token=token_of(before)).session
    assert derive(twin, KEYS) == derive(rotated, KEYS)


# ── renew ─────────────────────────────────────────────────────────────────────────────────────


def renewed(
    session: Session | None, policy: Policy = POLICY, *, at: datetime = NOON, **options: Any
) -> Outcome:
    return lifecycle.renew(session, policy, at, salt=b"r" * 32, key_id=2, **options)


@pytest.mark.req("A7-7.2.4")
@pytest.mark.parametrize("behind", [-1, 0, 1, 2])
def test_after_a_renewal_every_earlier_token_is_invalid(behind):
    session = begun(generation=5, rotated_at=NOON)
    over = renewed(session).session
    with pytest.raises(TokenInvalid):
        validated(over, at=NOON, token=token_of(session, behind=behind))


def test_a_renewal_keeps_the_id_and_goes_on_counting():
    session = begun(generation=5)
    outcome = renewed(session)
    assert (outcome.session.id, outcome.session.generation, outcome.write) == (session.id, 6, True)


def test_a_renewed_session_accepts_its_new_token():
    session = renewed(begun()).session
    assert validated(session, at=NOON).session == session


def test_a_renewal_moves_to_the_signing_key():
    assert renewed(begun(key_id=1)).session.key_id == 2


def test_a_renewal_begins_a_new_age():
    session = renewed(begun(EAGER), EAGER, at=NOON + 14 * MINUTE).session
    assert validated(session, EAGER, at=NOON + 28 * MINUTE).session.generation == 1


def test_a_renewal_alone_is_neither_authentication_nor_activity():
    session = begun()
    after = renewed(session, at=NOON + 30 * MINUTE).session
    assert (after.authenticated_at, after.seen_at, after.expires_at) == (NOON, NOON, session.expires_at)


def test_an_authentication_is_activity():
    at = NOON + 30 * MINUTE
    after = renewed(begun(), at=at, authenticated=True).session
    assert (after.authenticated_at, after.seen_at, after.expires_at) == (at, at, at + HOUR + ALLOWANCE)


@pytest.mark.req("A7-7.3.2")
def test_an_authentication_never_moves_the_absolute_end():
    session = begun()
    assert renewed(session, at=NOON + 30 * MINUTE, authenticated=True).session.ends_at == session.ends_at


def test_a_renewal_changes_only_what_is_named():
    session = begun(amr=("pwd",), aal=1, remember=True)
    after = renewed(session).session
    assert (after.amr, after.aal, after.remember) == (("pwd",), 1, True)


def test_a_step_up_records_methods_and_assurance():
    after = renewed(begun(), amr=iter(["pwd", "otp"]), aal=2, remember=False).session
    assert (after.amr, after.aal, after.remember) == (("pwd", "otp"), 2, False)


def test_methods_may_be_emptied():
    assert renewed(begun(amr=("pwd",)), amr=()).session.amr == ()


def test_a_renewal_tells_by_which_methods():
    (event,) = renewed(begun(), amr=["otp"]).events
    assert isinstance(event, Renewed)
    assert event.amr == ("otp",)


def test_a_renewal_of_another_generation_than_the_caller_saw_is_refused():
    with pytest.raises(SessionChanged):
        renewed(begun(generation=6), generation=5)


def test_a_renewal_of_the_generation_that_the_caller_saw_is_done():
    assert renewed(begun(generation=5), generation=5).session.generation == 6


# ── renew at the next use ─────────────────────────────────────────────────────────────────────


def test_a_marked_session_is_renewed_by_the_next_use():
    assert validated(begun(renew_due=True), at=NOON).renew


def test_a_marked_session_under_a_retired_key_is_renewed_by_the_next_use():
    assert validated(begun(renew_due=True, key_id=1), at=NOON).renew


def test_an_unmarked_session_is_not_renewed():
    assert not validated(begun(), at=NOON).renew


def test_a_passive_request_renews_nothing():
    assert not validated(begun(renew_due=True), at=NOON, passive=True).renew


def test_a_predecessor_renews_nothing_because_it_may_be_a_thief_and_the_renewal_would_evict_the_owner():
    session = begun(renew_due=True, generation=1, rotated_at=NOON)
    assert not validated(session, at=NOON + SECOND, token=token_of(session, behind=1)).renew


def test_marking_is_a_change():
    outcome = lifecycle.mark_for_renewal(begun(), POLICY, NOON)
    assert (outcome.write, outcome.session) == (True, begun().voiding(renew_due=True))


def test_marking_twice_writes_once():
    assert not lifecycle.mark_for_renewal(begun(renew_due=True), POLICY, NOON).write


def test_a_renewal_clears_the_mark():
    assert not renewed(begun(renew_due=True)).session.renew_due


def test_a_refresh_keeps_the_mark():
    assert refreshed(begun(renew_due=True), at=NOON).session.renew_due


# ── data ──────────────────────────────────────────────────────────────────────────────────────


def updated(session: Session | None, policy: Policy = POLICY, **patch: Any) -> Outcome:
    return lifecycle.update(session, policy, NOON, **patch)


@pytest.mark.parametrize(
    ("patch", "data"),
    [
        ({"set": {"b": 2}}, {"a": 1, "b": 2}),
        ({"set": {"a": 2}}, {"a": 2}),
        ({"remove": ["a"]}, {}),
        ({"remove": ["b"], "set": {"b": 3}}, {"a": 1, "b": 3}),
        ({"remove": ["a"], "set": {"a": 3}}, {"a": 3}),
    ],
)
def test_a_patch_sets_and_removes_keys(patch, data):
    outcome = updated(begun(data={"a": 1}), **patch)
    assert (outcome.session.data, outcome.write, outcome.session.version) == (data, True, 2)


@pytest.mark.parametrize("patch", [{}, {"set": {"a": 1}}, {"remove": ["b"]}, {"device": Device()}])
def test_a_patch_that_changes_nothing_writes_nothing(patch):
    session = begun(data={"a": 1})
    assert updated(session, **patch) == Outcome(session=session)


def test_keys_to_remove_may_come_from_any_iterable():
    keys: Iterator[str] = iter(["a", "b", "c"])
    assert updated(begun(data={"a": 1, "b": 2, "c": 3, "d": 4}), remove=keys).session.data == {"d": 4}


@pytest.mark.req("AX-15.4.2")
def test_two_writers_of_different_keys_both_win():
    first = updated(begun(data={"cart": 0}), set={"cart": 1}).session
    assert updated(first, set={"flash": "saved"}).session.data == {"cart": 1, "flash": "saved"}


def test_of_two_writers_of_the_same_key_the_later_wins():
    first = updated(begun(), set={"cart": 1}).session
    assert updated(first, set={"cart": 2}).session.data == {"cart": 2}


def test_a_device_may_be_named_later():
    phone = Device(name="Pixel 9", kind="mobile")
    outcome = updated(begun(), device=phone)
    assert (outcome.session.device, outcome.write) == (phone, True)


def test_a_new_device_leaves_the_data_alone():
    assert updated(begun(data={"a": 1}), device=Device(name="Pixel 9")).session.data == {"a": 1}


@pytest.mark.parametrize(("length", "fits"), [(4, True), (5, False)])
def test_data_may_be_as_large_as_the_policy_says(length, fits):
    policy = POLICY.changed(max_data=len('{"a":"1234"}'))
    patch: Mapping[str, str] = {"a": "x" * length}
    if fits:
        assert updated(begun(), policy, set=patch).write
    else:
        with pytest.raises(DataTooLarge, match="13 bytes, 12 are allowed"):
            updated(begun(), policy, set=patch)


def test_the_refusal_of_large_data_says_what_to_do():
    with pytest.raises(DataTooLarge, match=r"your own tables, or raise Policy\.max_data"):
        updated(begun(), set={"a": "x" * 20_000})


# ── what they have in common ──────────────────────────────────────────────────────────────────

CHANGES = [renewed, updated, lambda session: lifecycle.mark_for_renewal(session, POLICY, NOON)]


@pytest.mark.parametrize("change", CHANGES, ids=["renew", "update", "mark"])
@pytest.mark.parametrize(
    ("session", "refusal"),
    [
        (None, SessionNotFound),
        (begun(revoked_at=NOON, reason=Reason.USER), SessionRevoked),
        (begun(expires_at=NOON), SessionExpired),
        (begun(ends_at=NOON), SessionExpired),
    ],
    ids=["absent", "revoked", "idle", "over"],
)
def test_nothing_changes_a_session_that_does_not_live(change, session, refusal):
    with pytest.raises(refusal):
        change(session)


@pytest.mark.parametrize("change", [refreshed, validated], ids=["refresh", "validate"])
def test_a_decision_changes_nothing_by_itself(change):
    session = begun(generation=1, rotated_at=NOON)
    before = replace(session)
    change(session, at=NOON + MINUTE)
    assert session == before


# ── freshness ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("A7-7.5.1")
@pytest.mark.parametrize(
    ("age", "max_age", "fresh"),
    [
        (ZERO, None, True),
        (10 * MINUTE - MICROSECOND, None, True),
        (10 * MINUTE, None, False),
        (MINUTE, 30 * SECOND, False),
        (20 * SECOND, 30 * SECOND, True),
        (20 * MINUTE, HOUR, True),
        (ZERO, ZERO, False),
    ],
)
def test_fresh_is_what_was_authenticated_recently(age, max_age, fresh):
    assert _is_fresh(begun(), NOON + age, max_age) is fresh


def test_a_visitor_is_never_fresh():
    assert not _is_fresh(_started(POLICY, user_id=None), NOON, None)


@pytest.mark.req("S-01")
def test_the_refusal_says_how_fresh_it_must_be():
    with pytest.raises(FreshnessRequired) as refused:
        lifecycle.require_fresh(begun(), POLICY, NOON + HOUR)
    assert refused.value.max_age == POLICY.fresh_for


def _is_fresh(session: Session, at: datetime, max_age: timedelta | None) -> bool:
    try:
        lifecycle.require_fresh(session, POLICY, at, max_age)
    except SessionError:
        return False
    return True


# ── access tokens ─────────────────────────────────────────────────────────────────────────────


def admit(session: Session | None, at: datetime = NOON, **given: Any) -> Outcome:
    facts: dict[str, Any] = {"user_id": "ada", "version": 1} | given
    return lifecycle.admit(session, POLICY, at, **facts)


def test_an_access_token_uses_its_session_and_slides_it():
    outcome = admit(begun(), NOON + 2 * MINUTE)
    assert outcome.seen is not None
    assert outcome.session.seen_at == NOON + 2 * MINUTE
    assert not outcome.write


def test_a_program_that_shows_one_slides_nothing():
    assert admit(begun(), NOON + 2 * MINUTE, passive=True) == Outcome(session=begun())


def test_what_a_client_reports_slides_to_when_the_person_was_active():
    outcome = admit(begun(), NOON + 5 * MINUTE, idle=2 * MINUTE)
    assert outcome.session.seen_at == NOON + 3 * MINUTE
    assert admit(begun(), NOON + 5 * MINUTE, idle=DAY).seen is None


def test_its_use_confirms_the_refresh_token_that_came_with_it_and_no_other():
    rotated = begun(generation=1, rotated_at=NOON)
    assert admit(rotated, NOON + SECOND, generation=0).seen is None
    outcome = admit(rotated, NOON + SECOND, generation=1)
    assert outcome.seen == Seen(rotated.seen_at, rotated.expires_at, 1)
    assert outcome.session.confirmed_at == NOON + SECOND
    assert admit(outcome.session, NOON + SECOND, generation=1).seen is None


@pytest.mark.parametrize(
    ("session", "refusal"),
    [
        (None, TokenInvalid),
        (begun(user_id="bob"), TokenInvalid),
        (begun(revoked_at=NOON), SessionRevoked),
        (begun(ends_at=NOON - SECOND), SessionExpired),
        (begun(void_below=2), AccessExpired),
    ],
)
def test_an_access_token_opens_nothing_else(session, refusal):
    with pytest.raises(refusal):
        admit(session)


def test_a_refresh_token_is_good_for_its_own_application_alone_and_ends_nothing_elsewhere():
    session = begun(application_id="shop", generation=3, rotated_at=NOON, confirmed_at=NOON)
    for behind in (0, 3):
        token = token_of(session, behind=behind)
        with pytest.raises(TokenInvalid):
            lifecycle.refresh(session, POLICY, NOON + HOUR / 2, token=token, keys=KEYS, bearer=True)


@pytest.mark.req("S-01")
def test_an_act_may_ask_for_a_stronger_proof():
    with pytest.raises(FreshnessRequired) as refused:
        lifecycle.require_fresh(begun(), POLICY, NOON, aal=2)
    assert refused.value.aal == 2
    lifecycle.require_fresh(begun(aal=2), POLICY, NOON, aal=2)
