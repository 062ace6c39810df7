"""A time that a clock has only leapt to is not believed for a day; nobody has to be there all the time."""

from __future__ import annotations

import pytest

from sojourn.directory import open_directory
from sojourn.directory.lived import Lived
from sojourn.directory.store import DirectoryStore
from tests.observe.kit import DAY, HOUR, MINUTE, NOON


@pytest.fixture
def store() -> DirectoryStore:
    return open_directory("memory://")


async def lived(store: DirectoryStore, *times) -> list[bool]:
    """Whether each of *times* is believed, by a process that lives for one step."""
    found = []
    for now in times:
        one = Lived(store)
        await one.step(now)
        found.append(await one.vouched(now))
    return found


async def test_the_first_look_is_believed_and_what_follows(store):
    assert not await Lived(store).vouched(NOON)
    assert await lived(store, NOON, NOON + HOUR, NOON + DAY, NOON + 3 * DAY) == [True] * 4
    assert await Lived(store).since() == NOON - DAY


async def test_a_leap_is_believed_when_a_day_has_passed_after_it(store):
    await lived(store, NOON, NOON + DAY)
    far = NOON + 500 * DAY
    assert await lived(store, far, far + HOUR, far + DAY - MINUTE) == [False, False, False]
    assert await lived(store, far + DAY) == [True]


async def test_a_clock_that_was_put_right_is_believed_a_day_later(store):
    await lived(store, NOON, NOON + DAY, NOON + 500 * DAY)
    back = NOON + DAY + HOUR
    assert await lived(store, back, back + DAY) == [False, True]


async def test_a_clock_that_was_behind_is_not_believed_when_it_comes_back(store):
    await lived(store, NOON, NOON + DAY)
    assert await lived(store, NOON - 9_000 * DAY, NOON + DAY + HOUR) == [False, False]


async def test_a_clock_that_is_put_back_a_little_goes_on(store):
    await lived(store, NOON, NOON + DAY + HOUR)
    assert await lived(store, NOON + DAY, NOON + DAY + MINUTE) == [True, True]


async def test_a_cron_once_a_day_is_enough(store):
    assert await lived(store, *(NOON + day * DAY for day in range(5))) == [True] * 5


async def test_who_only_asks_believes_no_time_that_nobody_has_noted(store):
    await lived(store, NOON, NOON + DAY)
    asking = Lived(store)
    assert await asking.vouched(NOON + 2 * DAY)
    assert not await asking.vouched(NOON + 4 * DAY)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-11-02T12:00:00 2026-11-02T12:00:00", "2026-11-02"])
async def test_what_somebody_wrote_by_hand_begins_anew(store, text):
    assert await store.turn("time that was lived", was=None, to=text)
    assert not await Lived(store).vouched(NOON)
    assert await lived(store, NOON) == [True]
