"""The loop: who delivers, how soon, and what is left behind when it ends."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from typing import Any

import pytest

from sojourn import ANYBODY, Policy
from sojourn.delivery import LEASE, Dispatch
from sojourn.delivery.courier import Sent
from sojourn.settings import Settings
from tests.delivery.conftest import House
from tests.delivery.kit import Receiver

NEVER = timedelta(days=1)


def dispatch(house: House, **more: Any) -> Dispatch:
    return Dispatch(house.sessions, house.courier, first=[house.notices.read], **more)


async def end(house: House) -> str:
    session = (await house.start()).session
    await house.sessions.revoke(session.id, owner=ANYBODY)
    return str(session.id)


@pytest.mark.req("L-11")
async def test_of_two_processes_one_delivers_and_the_other_takes_over(
    filed: tuple[House, House], receiver: Receiver
):
    one, two = filed
    await one.register("shop", receiver.url)
    first, second = dispatch(one, holder="one"), dispatch(two, holder="two")
    assert isinstance(await first.step(one.clock()), Sent)
    id = await end(one)
    assert await second.step(one.clock()) is None
    assert receiver.asked == []
    now = one.clock.tick(seconds=30)  # the first one is dead
    sent = await second.step(now)
    assert sent is not None
    assert (sent.delivered, receiver.payloads()[0]["sid"]) == (1, id)
    assert await first.step(now) is None


async def test_who_ends_gives_the_lease_back(house: House):
    stop = asyncio.Event()
    first = dispatch(house, holder="one")
    running = asyncio.create_task(first.run(stop))
    async with asyncio.timeout(30):
        while not first.leading:
            await asyncio.sleep(0.001)
        stop.set()
        await running
    now = house.clock()
    assert await house.sessions.store.lease(LEASE, "two", at=now, until=now + timedelta(minutes=1))


async def test_the_lease_is_written_a_few_times_a_minute_and_not_at_each_step(house: House):
    taken = []
    lease = house.sessions.store.lease

    async def counted(*args: Any, **named: Any) -> bool:
        taken.append(named["at"])
        return await lease(*args, **named)

    house.sessions.store.lease = counted  # type: ignore[method-assign]
    delivering = dispatch(house)
    for _ in range(60):
        await delivering.step(house.clock.tick(seconds=1))
    assert len(taken) == 6
    await delivering.step(house.clock.tick(hours=-1))  # a clock that was set back
    assert len(taken) == 7


@pytest.mark.req("L-11")
async def test_an_ending_that_the_feed_brings_is_told_at_once(house: House, receiver: Receiver):
    """Whoever ended it; there is a step by itself only tomorrow."""
    await house.register("shop", receiver.url)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(house.sessions.following())
        await stack.enter_async_context(dispatch(house, every=NEVER).at_work())
        ids = [await end(house) for _ in range(3)]
        await receiver.has_been_asked(3)
    assert sorted(said["sid"] for said in receiver.payloads()) == sorted(ids)


async def test_without_a_feed_it_looks_by_itself(house: House, receiver: Receiver):
    await house.register("shop", receiver.url)
    async with dispatch(house, every=timedelta(milliseconds=10)).at_work():
        id = await end(house)
        await receiver.has_been_asked(1)
    assert receiver.payloads()[0]["sid"] == id


async def test_an_outage_is_said_once_and_ends_nothing(
    house: House, receiver: Receiver, caplog: pytest.LogCaptureFixture
):
    await house.register("shop", receiver.url)
    failures = [OSError("away")] * 3

    async def fails(now: datetime) -> None:
        if failures:
            raise failures.pop()

    working = Dispatch(
        house.sessions,
        house.courier,
        first=[fails, house.notices.read],
        every=timedelta(milliseconds=1),
        faults=(OSError,),
    )
    id = await end(house)
    with caplog.at_level(logging.WARNING, "sojourn.delivery"):
        async with working.at_work():
            await receiver.has_been_asked(1)
    assert receiver.payloads()[0]["sid"] == id
    assert [record.getMessage() for record in caplog.records] == [
        "delivery waits for the store: OSError: away",
        "delivery goes on",
    ]


async def test_a_shutdown_lets_what_is_under_way_come_to_its_end(house: House, receiver: Receiver):
    answered = asyncio.Event()

    async def late(_: Receiver, reader: Any, writer: Any) -> None:
        await answered.wait()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    receiver.instead = late
    await house.register("shop", receiver.url)
    await end(house)
    async with dispatch(house).at_work():
        await receiver.has_been_asked(1)
        asyncio.get_running_loop().call_later(0.05, answered.set)
    assert await house.outbox.count_messages("done") == 1


# ── what the settings make of it ─────────────────────────────────────────────────────────────


@pytest.mark.req("TH-25")
@pytest.mark.parametrize(
    ("settings", "local"),
    [
        ({}, True),
        ({"origin": "http://localhost:8000"}, True),
        ({"origin": "https://login.example.org"}, False),
        ({"origin": "https://login.example.org", "development": True}, True),
    ],
)
def test_this_machine_is_reached_by_a_server_of_this_machine_or_in_development(settings: Any, local: bool):
    from sojourn import duties

    made = Settings(**settings, delivery_networks=("10.1.0.0/16",))
    guard = duties.guard(made)
    assert guard.local is local
    assert guard.check("https", ["10.1.0.5"]) == ["10.1.0.5"]


def test_by_default_no_network_inside_may_be_reached():
    assert Settings().delivery_networks == ()
    assert Policy().log_kept >= timedelta(hours=1)  # so that a leader is followed by the next in time
