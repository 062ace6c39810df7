"""Each rule, by a table of what it says and what it does not; every one is a pure function."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from sojourn import Reason
from sojourn.observe.alerts.alert import Raised
from sojourn.observe.alerts.rules import RULES, judged
from sojourn.observe.alerts.window import AlertRules, Tallied, Window, changed, thresholds
from tests.observe.alerts.kit import (
    BERLIN,
    HOUR,
    LONDON,
    NEW_YORK,
    NOON,
    PARIS,
    POTSDAM,
    attempts,
    line,
    session,
    sign_in,
    travelled,
)

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def said(rule: str, **window: object) -> list[Raised]:
    return list(RULES[rule](Window(now=NOON, **window)))  # type: ignore[arg-type]


def one(rule: str, **window: object) -> Raised:
    (raised,) = said(rule, **window)
    assert raised.rule == rule
    return raised


# ── failed sign-ins ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("total", "fresh", "count"), [(9, 9, 0), (10, 1, 10), (10, 10, 10), (14, 3, 3)])
def test_failures_for_one_account_count_from_the_limit_on(total, fresh, count):
    found = said("failed-sign-ins", attempts=attempts(total), fresh=fresh)
    assert sum(raised.count for raised in found) == count


def test_failures_that_nothing_was_added_to_say_nothing_again():
    assert said("failed-sign-ins", attempts=attempts(20), fresh=0) == []


@pytest.mark.parametrize("rule", ["failed-sign-ins", "failed-sign-ins-from-address"])
def test_who_fails_everywhere_floods_nobody(rule):
    """Names and addresses cost nothing to make up."""
    made_up = [replace(one, account=f"a{n}", origin=f"o{n}") for n in range(500) for one in attempts(30)]
    raised = one(rule, attempts=made_up, fresh=len(made_up))
    assert (raised.subject, raised.severity, raised.count) == ("many", "high", 15_000)
    assert "500" in raised.factors[1]


@pytest.mark.req("AX-6.3.5")
def test_failures_from_one_address_are_worse_the_more_accounts_are_tried():
    same = one("failed-sign-ins-from-address", attempts=attempts(30), fresh=1)
    many = [attempt for n in range(30) for attempt in attempts(1, account=f"a{n}")]
    several = one("failed-sign-ins-from-address", attempts=many, fresh=1)
    assert (same.severity, several.severity) == ("medium", "high")
    assert "30 accounts tried" in several.factors
    assert "from 198.51.100.0/24" in several.factors


def test_failures_whose_account_is_not_known_are_nobody_s():
    unknown = [a for _ in range(50) for a in attempts(1, account=None, origin=None)]  # type: ignore[arg-type]
    assert judged(Window(now=NOON, attempts=unknown, fresh=50)) == []


# ── devices and countries ─────────────────────────────────────────────────────────────────────


@pytest.mark.req("AX-6.3.5")
def test_a_new_device_is_told_but_not_the_very_first():
    raised = one("new-device", sign_ins=[sign_in(session(device="d2"), session(NOON - DAY))])
    assert (raised.severity, raised.user_id, raised.subject) == ("low", "ada", "ada")
    assert "Chrome on macOS" in raised.factors
    assert said("new-device", sign_ins=[sign_in(session())]) == []
    assert said("new-device", sign_ins=[sign_in(session(), session(NOON - DAY), knows=True)]) == []


@pytest.mark.parametrize(
    ("now", "before", "told"),
    [
        ("FR", ("DE",), True),
        ("FR", ("DE", "AT"), True),
        ("DE", ("DE",), False),
        ("FR", ("DE", "FR"), False),
        (None, ("DE",), False),
        ("FR", (None,), False),
        ("FR", (), False),
    ],
)
def test_a_country_is_new_if_all_before_were_others(now, before, told):
    earlier = [session(NOON - (n + 1) * DAY, country=country) for n, country in enumerate(before)]
    found = said("new-country", sign_ins=[sign_in(session(country=now), *earlier)])
    assert bool(found) == told
    if told:
        assert f"before: {', '.join(sorted(filter(None, before)))}" in found[0].factors


# ── travel ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("TH-20")
@pytest.mark.parametrize(
    ("before", "after", "span", "told"),
    [
        (NEW_YORK, LONDON, 2 * HOUR, True),
        (NEW_YORK, LONDON, 7 * HOUR, False),
        (LONDON, PARIS, 25 * MINUTE, False),  # about 820 km/h
        (LONDON, PARIS, 15 * MINUTE, True),
        (BERLIN, POTSDAM, MINUTE, False),  # nearer than a database is exact
        (NEW_YORK, LONDON, timedelta(0), True),
        (None, LONDON, HOUR, False),
        (NEW_YORK, None, HOUR, False),
    ],
)
def test_travel_is_impossible_by_its_speed(before, after, span, told):
    assert bool(said("impossible-travel", sign_ins=[travelled(before, after, span)])) == told


def test_travel_says_how_far_and_how_fast():
    raised = one("impossible-travel", sign_ins=[travelled(NEW_YORK, LONDON, 2 * HOUR)])
    assert raised.severity == "high"
    assert "about 5,570 km apart, which takes 2,785 km/h" in raised.factors


def test_a_phone_s_gateway_may_be_far_away():
    span = 30 * MINUTE
    assert said("impossible-travel", sign_ins=[travelled(LONDON, BERLIN, span)])
    assert said("impossible-travel", sign_ins=[travelled(LONDON, BERLIN, span, kind="mobile")]) == []
    assert said("impossible-travel", sign_ins=[travelled(NEW_YORK, BERLIN, span, kind="mobile")])


def test_the_same_device_has_not_moved_but_its_network_has():
    before = session(NOON - HOUR, device="d1")
    assert said("impossible-travel", sign_ins=[sign_in(session(), before, at=(LONDON, NEW_YORK))]) == []


def test_a_network_that_is_known_says_nothing_about_places():
    rules = AlertRules(known_networks=("198.51.100.0/24",))
    way = [travelled(NEW_YORK, LONDON, HOUR)]
    assert said("impossible-travel", sign_ins=way)
    assert said("impossible-travel", sign_ins=way, rules=rules) == []
    abroad = [sign_in(session(country="FR"), session(NOON - DAY))]
    assert said("new-country", sign_ins=abroad)
    assert said("new-country", sign_ins=abroad, rules=rules) == []


def test_where_somebody_comes_from_every_other_day_is_no_surprise():
    often = [session(NOON - n * DAY, device="other") for n in (2, 4)]
    last = session(NOON - HOUR, device="other")
    places = (LONDON, NEW_YORK, LONDON, LONDON)
    assert said("impossible-travel", sign_ins=[sign_in(session(), last, *often, at=places)]) == []
    assert said("impossible-travel", sign_ins=[sign_in(session(), last, often[0], at=places)])


def test_what_a_place_may_be_off_counts_for_the_traveller():
    wide = type(BERLIN)(latitude=52.52, longitude=13.405, radius=1000)
    assert said("impossible-travel", sign_ins=[travelled(LONDON, wide, MINUTE)]) == []


# ── what must not happen ──────────────────────────────────────────────────────────────────────


def test_a_replay_and_a_report_are_of_the_user_they_concern():
    lines = [line("token-reused", generation=3, current=5), line("session-reported", user_id="bob")]
    found = judged(Window(now=NOON, lines=lines))
    assert [(raised.key, raised.severity) for raised in found] == [
        ("refresh-replay:ada", "high"),
        ("not-me:bob", "high"),
    ]
    assert "generation 3 came, the session was at 5" in found[0].factors


@pytest.mark.parametrize(
    ("revoked", "told"),
    [
        ({"admin": 50}, True),
        ({"admin": 49}, False),
        ({"system": 30, "account_disabled": 20}, True),
        ({"signed_out": 5000, "replaced": 100, "cap": 50, "user": 70}, False),
    ],
)
def test_many_revocations_are_told_unless_people_do_them(revoked, told):
    found = said("mass-revocation", tallied=Tallied(revoked=revoked))
    assert bool(found) == told
    assert all(not raised.adds and raised.count == sum(revoked.values()) for raised in found)


def test_every_ordinary_reason_is_one():
    assert {"signed_out", "replaced", "cap", "user"} < {reason.value for reason in Reason}


# ── rates ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("now", "usually", "told"),
    [
        ({"rotated": 100, "refused:token_invalid": 10}, {}, True),
        ({"rotated": 100, "refused:token_invalid": 9}, {}, False),  # too few to say
        ({"rotated": 1000, "replayed": 10}, {}, False),  # 1 %
        ({"rotated": 100, "refused:session_expired": 90}, {}, False),  # who comes back late
        ({"rotated": 900, "replayed": 100}, {"rotated": 900, "replayed": 100}, False),  # as ever
        ({"rotated": 600, "replayed": 400}, {"rotated": 900, "replayed": 100}, True),
        ({}, {"rotated": 5}, False),
    ],
)
def test_refreshes_that_fail_are_compared_with_what_is_usual(now, usually, told):
    tallied = Tallied(refreshes=now, refreshes_usually=usually)
    assert bool(said("refresh-failures", tallied=tallied)) == told


def test_failing_refreshes_are_explained():
    tallied = Tallied(
        refreshes={"rotated": 94, "refused:token_invalid": 5, "replayed": 8},
        refreshes_usually={"rotated": 997, "replayed": 3},
    )
    raised = one("refresh-failures", tallied=tallied)
    assert raised.title == "Refresh failures 12%"
    assert raised.factors == (
        "13 of 107 refreshes within 15 minutes",
        "usually 0.3%",
        "8 replayed, 5 token_invalid",
    )


@pytest.mark.parametrize(
    ("now", "before", "key"),
    [
        (400, (100, 110, 90), "creation-rate:more"),
        (300, (100, 100, 100), None),
        (400, (100, 100), None),  # too little history
        (49, (1, 1, 1), None),  # below the floor
        (50, (1, 1, 1), "creation-rate:more"),
        (20, (100, 90, 110), "creation-rate:fewer"),
        (0, (49, 49, 49), None),
        (400, (100, 100, 5000), "creation-rate:more"),  # one odd week does not make it usual
    ],
)
def test_sign_ins_are_compared_with_the_same_hour_of_earlier_weeks(now, before, key):
    found = said("creation-rate", tallied=Tallied(created=now, created_before=before))
    assert [raised.key for raised in found] == ([key] if key else [])


# ── all of them ───────────────────────────────────────────────────────────────────────────────


def test_a_rule_that_is_switched_off_is_silent():
    window = Window(
        now=NOON,
        sign_ins=[sign_in(session(device="d2"), session(NOON - DAY))],
        rules=AlertRules(off=("new-device",)),
    )
    assert judged(window) == []


def test_nothing_happened_says_nothing():
    assert judged(Window(now=NOON)) == []


@pytest.mark.req("P-16")
def test_no_rule_tells_a_whole_address_or_a_name():
    """Whatever raises an alert: what is said of it leaves the server."""
    ip, name = "198.51.100.7", "Ada's very own laptop"
    window = Window(
        now=NOON,
        lines=[line("token-reused", ip=ip, account=name), line("session-reported", ip=ip, device=name)],
        sign_ins=[
            travelled(NEW_YORK, LONDON, HOUR),
            sign_in(session(device="d2", country="FR"), session(NOON - DAY)),
        ],
        attempts=attempts(40),
        fresh=40,
        tallied=Tallied(revoked={"admin": 90}, refreshes={"rotated": 1, "replayed": 20}),
    )
    found = judged(window)
    assert {raised.rule for raised in found} == RULES.keys() - {"creation-rate"}
    for raised in found:
        assert ip not in repr(raised)
        assert name not in repr(raised)
        assert raised.factors


# ── thresholds ────────────────────────────────────────────────────────────────────────────────


def test_thresholds_are_read_by_their_kind():
    rules = changed(thresholds("failed_per_account=5, travel_speed=900, quiet=12h"), off=("not-me",))
    assert (rules.failed_per_account, rules.travel_speed, rules.quiet) == (5, 900.0, timedelta(hours=12))
    assert (rules.off, rules.revoked) == (("not-me",), AlertRules().revoked)


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("speed=5", "names among"),
        ("failed_per_account=many", "failed_per_account=10"),
        ("quiet=12", "quiet=1d"),
        ("travel_speed=-1", "more than 0"),
        ("failed_per_account", "failed_per_account=10"),
        ("off=not-me", "names among"),
    ],
)
def test_a_wrong_threshold_is_refused_with_what_would_be_right(text, remedy):
    with pytest.raises(ValueError, match=remedy):
        thresholds(text)
