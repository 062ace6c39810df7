"""Alerts in the ledger: they move with the cursor, in one transaction, and one key is one alert."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sojourn.observe.alerts.alert import Alert, Raised, opened
from sojourn.session import new_id
from tests.observe.kit import HOUR, NOON
from tests.observe.kit import opened as open_ledger

pytestmark = pytest.mark.usefixtures("everywhere")


def raised(subject: str = "ada", **more: Any) -> Alert:
    fields: dict[str, Any] = {
        "rule": "not-me",
        "severity": "high",
        "title": "A title",
        "factors": ("one", "two"),
        "at": NOON,
    }
    return opened(Raised(subject=subject, **fields | more))


@pytest.fixture
async def ledger():
    async with open_ledger() as ledger:
        yield ledger


async def test_a_new_ledger_begins_at_its_beginning(ledger):
    assert (await ledger.alert_cursor(), await ledger.alert_cursor("counts")) == (0, 0)
    assert await ledger.alerts() == []


async def test_what_is_raised_comes_back_as_it_was(ledger):
    alert = raised(user_id="ada", session_id=new_id(NOON, "ada"), count=3)
    assert await ledger.advance(0, 5, [alert]) == [alert]
    assert await ledger.alerts() == [alert]
    assert (await ledger.alert(alert.id), await ledger.alert_cursor()) == (alert, 5)


async def test_who_is_too_late_raises_nothing(ledger):
    assert await ledger.advance(0, 5, []) == []
    assert await ledger.advance(0, 5, [raised()]) is None
    assert await ledger.alerts() == []


async def test_of_many_who_looked_at_the_same_one_raises(tmp_path: Path):
    """Eight leaders, each with a connection of its own."""
    path = tmp_path / "journal.db"
    async with open_ledger(path) as first:
        await first.alert_cursor()
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_advance(path)) for _ in range(8)]
        assert sorted(task.result() is None for task in tasks) == [False] + [True] * 7
        (alert,) = await first.alerts()
        assert alert.count == 1


async def _advance(path: Path) -> list[Alert] | None:
    async with open_ledger(path) as ledger:
        found: list[Alert] | None = await ledger.advance(0, 5, [raised()])
        return found


async def test_the_same_key_is_one_alert_until_it_is_resolved(ledger):
    first, again = raised(), raised(at=NOON + HOUR, count=4, factors=("three",))
    assert await ledger.advance(0, 1, [first]) == [first]
    assert await ledger.advance(1, 2, [again]) == []
    (alert,) = await ledger.alerts()
    assert (alert.id, alert.count, alert.factors) == (first.id, 5, ("three",))
    assert (alert.opened_at, alert.last_at) == (NOON, NOON + HOUR)
    await ledger.acknowledge(first.id, at=NOON, by="root")
    assert await ledger.advance(2, 3, [again]) == []
    await ledger.resolve(first.id, at=NOON, by="root")
    assert await ledger.advance(3, 4, [again]) == [again]
    assert [alert.state for alert in await ledger.alerts()] == ["open", "resolved"]


async def test_the_same_twice_in_one_look_is_one_alert(ledger):
    assert len(await ledger.advance(0, 1, [raised(), raised(), raised("bob")])) == 2
    assert sorted(alert.count for alert in await ledger.alerts()) == [1, 2]


async def test_a_count_of_all_is_not_added_up(ledger):
    for place, count in enumerate((60, 90, 70)):
        await ledger.advance(place, place + 1, [raised(count=count, adds=False)])
    (alert,) = await ledger.alerts()
    assert alert.count == 90


async def test_states_and_pages(ledger):
    many = [raised(f"user {n}", at=NOON + n * timedelta(seconds=1)) for n in range(5)]
    await ledger.advance(0, 1, many)
    newest = [alert.id for alert in reversed(many)]
    page = await ledger.alerts("all", limit=2)
    following = await ledger.alerts("all", after=page[-1].id, limit=10)
    assert [alert.id for alert in page + following] == newest
    taken = await ledger.acknowledge(newest[0], at=NOON + HOUR, by="root")
    assert (taken.state, taken.acknowledged_by, taken.acknowledged_at) == (
        "acknowledged",
        "root",
        NOON + HOUR,
    )
    again = await ledger.acknowledge(newest[0], at=NOON + 2 * HOUR, by="bob")
    assert again == taken
    over = await ledger.resolve(newest[1], at=NOON + HOUR, by=None)
    assert (over.state, over.resolved_at) == ("resolved", NOON + HOUR)
    assert [len(await ledger.alerts(state)) for state in ("open", "acknowledged", "resolved", "all")] == [
        *(3, 1, 1),
        5,
    ]
    assert await ledger.count_alerts() == 3


async def test_what_is_unknown_is_none(ledger):
    id = new_id(NOON, None)
    assert await ledger.acknowledge(id, at=NOON, by=None) is None
    assert await ledger.resolve(id, at=NOON, by=None) is None
    assert await ledger.alert(id) is None


async def test_after_quiet_an_alert_is_over(ledger):
    await ledger.advance(0, 1, [raised(), raised("bob", at=NOON + HOUR)])
    assert await ledger.settle_alerts(before=NOON + HOUR, at=NOON + 2 * HOUR) == 1
    assert [alert.key for alert in await ledger.alerts("open")] == ["not-me:bob"]
    (over,) = await ledger.alerts("resolved")
    assert (over.resolved_at, over.resolved_by) == (NOON + 2 * HOUR, None)


async def test_what_was_not_told_is_known_until_it_is(ledger):
    one, two = raised(), raised("bob")
    await ledger.advance(0, 1, [one, two])
    assert {alert.id for alert in await ledger.untold_alerts()} == {one.id, two.id}
    await ledger.told_alerts([one.id], at=NOON)
    assert [alert.id for alert in await ledger.untold_alerts()] == [two.id]


async def test_only_what_is_over_and_told_is_forgotten(ledger):
    one, two, three = raised(), raised("bob"), raised("eve")
    await ledger.advance(0, 1, [one, two, three])
    for alert in (one, two):
        await ledger.resolve(alert.id, at=NOON, by=None)
    await ledger.told_alerts([one.id, three.id], at=NOON)
    assert await ledger.forget_alerts(before=NOON + HOUR) == 1
    assert {alert.id for alert in await ledger.alerts()} == {two.id, three.id}


@pytest.mark.req("P-06")
async def test_a_user_who_is_erased_is_in_no_alert(ledger):
    bobs = raised("bob", user_id="bob")
    await ledger.advance(0, 1, [raised(user_id="user-ada"), bobs])
    await ledger.acknowledge(bobs.id, at=NOON, by="user-ada")
    assert await ledger.erase_alerts("user-ada") == 1
    assert "user-ada" not in repr(await ledger.alerts())
