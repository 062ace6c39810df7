"""How long is waited between attempts, when nobody tries any more, and who is left alone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sojourn.delivery.patience import GIVE_UP, Breakers, gives_up, next_try
from sojourn.testing import MORNING

SECOND, MINUTE, HOUR, DAY = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))

pytestmark = pytest.mark.req("L-11")


def waits(chance: float) -> list[timedelta]:
    """Between attempts that all fail, from the first to the last."""
    at, found = MORNING, list[timedelta]()
    while not gives_up(MORNING, at):
        due = next_try(MORNING, len(found) + 1, at, chance)
        found.append(due - at)
        at = due
    return found


def test_waits_double_from_seconds_to_an_hour_and_end_after_a_day():
    slowest = waits(0.0)
    assert slowest[:4] == [5 * SECOND, 10 * SECOND, 20 * SECOND, 40 * SECOND]
    assert max(slowest) == HOUR
    assert sum(slowest, timedelta()) == DAY
    assert 25 < len(slowest) < 50


def test_chance_shortens_them_to_a_half():
    slowest, quickest = waits(0.0), waits(1.0)
    assert [wait * 2 for wait in quickest[:10]] == slowest[:10]
    assert timedelta(0) <= sum(quickest, timedelta()) - DAY < 5 * SECOND


@given(
    attempt=st.integers(1, 100_000),
    age=st.timedeltas(timedelta(0), timedelta(days=400)),
    chance=st.floats(0, 1),
)
def test_the_next_attempt_is_always_later_and_within_the_hour(attempt: int, age: timedelta, chance: float):
    at = MORNING + age
    due = next_try(MORNING, attempt, at, chance)
    assert at < due <= at + HOUR
    assert due <= max(MORNING + GIVE_UP, at + 3 * SECOND)


def test_who_failed_five_times_in_a_row_rests_ever_longer():
    breakers, at = Breakers(), MORNING
    for _ in range(4):
        breakers.failed("shop", at)
        assert breakers.resting(at) == set()
    rests = []
    for _ in range(8):
        breakers.failed("shop", at)
        rest = timedelta(0)
        while "shop" in breakers.resting(at + rest):
            rest += 10 * SECOND
        rests.append(rest)
        at += rest
    assert rests[:3] == [30 * SECOND, MINUTE, 2 * MINUTE]
    assert rests[-1] == 10 * MINUTE


def test_what_was_under_way_when_it_was_noticed_makes_no_rest_longer():
    breakers = Breakers()
    for _ in range(50):
        breakers.failed("shop", MORNING)
    assert breakers.resting(MORNING + 30 * SECOND) == set()


def test_one_answer_makes_up_for_all_and_others_are_others():
    breakers = Breakers()
    for _ in range(5):
        breakers.failed("shop", MORNING)
    breakers.failed("bank", MORNING)
    assert breakers.resting(MORNING) == {"shop"}
    breakers.answered("shop")
    assert breakers.resting(MORNING) == set()
    breakers.failed("shop", MORNING)
    assert breakers.resting(MORNING) == set()
