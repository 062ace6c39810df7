"""The courier: what is settled how, who waits for whom, and what happens when it is cut off."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from sojourn.delivery import Courier, Declined, Sent, Undelivered
from sojourn.directory.memory import MemoryDirectory
from sojourn.directory.outbox import Message, new_message
from sojourn.events import Event, GivenUp
from sojourn.testing import FakeClock

KIND = "greeting"


class Desk:
    """An outbox, a courier, and receivers that do what *does* says, by target."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock, self.outbox = clock, MemoryDirectory()
        self.does: dict[str, Callable[[Message], Awaitable[None]]] = {}
        self.tried: list[str] = []
        self.events: list[Event] = []
        self.watch = 0.0
        self.courier = self.another()

    def another(self) -> Courier:
        return Courier(
            self.outbox,
            {KIND: self._send},
            tell=self.events.append,
            stopwatch=lambda: self.watch,
            chance=lambda: 0.0,
        )

    async def put(self, target: str, count: int = 1, kind: str = KIND) -> list[Message]:
        messages = [new_message(kind, target, b"hello", at=self.clock()) for _ in range(count)]
        await self.outbox.enqueue(messages)
        return messages

    async def step(self) -> Sent:
        return await self.courier.step(self.clock())

    async def _send(self, message: Message, at: datetime) -> None:
        self.tried.append(message.target)
        if message.target in self.does:
            await self.does[message.target](message)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def desk(clock: FakeClock) -> Desk:
    return Desk(clock)


async def away(message: Message) -> None:
    raise Undelivered("nobody is there")


async def gone(message: Message) -> None:
    raise Declined("never again")


async def broken(message: Message) -> None:
    raise KeyError("a mistake")


@pytest.mark.req("L-11")
async def test_who_is_away_is_tried_again_and_given_up_after_a_day_with_one_event(desk: Desk):
    (message,) = await desk.put("shop")
    desk.does["shop"] = away
    for _ in range(24 * 60):
        await desk.step()
        desk.clock.tick(minutes=1)
    assert desk.events == []
    desk.clock.tick(minutes=1)
    assert (await desk.step()).dead == 1
    (event,) = desk.events
    assert isinstance(event, GivenUp)
    assert (event.message_id, event.target, event.error) == (message.id, "shop", "nobody is there")
    assert 25 < event.attempts == len(desk.tried) < 60
    for _ in range(3):
        assert await desk.courier.step(desk.clock.tick(days=1)) == Sent()
    assert len(desk.events) == 1


@pytest.mark.req("L-11")
async def test_a_receiver_that_hangs_holds_up_nobody_else(desk: Desk):
    hanging = asyncio.Event()

    async def hangs(message: Message) -> None:
        await hanging.wait()
        raise Undelivered("no answer within 10 s")

    desk.does["slow"] = hangs
    await desk.put("slow", 50)
    desk.clock.tick(seconds=1)
    await desk.put("quick", 50)
    stepping = asyncio.create_task(desk.step())
    async with asyncio.timeout(20):
        while await desk.outbox.count_messages("done") < 50:
            await asyncio.sleep(0)
    assert desk.tried.count("slow") == 4
    hanging.set()
    sent = await stepping
    assert (sent.delivered, desk.tried.count("quick")) == (50, 50)
    assert desk.tried.count("slow") == 8  # the second wave made it five failures, and the rest was left


@pytest.mark.req("L-11")
async def test_one_that_is_away_is_left_alone_for_a_while_and_then_tried_with_a_few(desk: Desk):
    desk.does["dead"] = away
    await desk.put("dead", 1000)
    await desk.step()
    assert len(desk.tried) == 8
    desk.clock.tick(seconds=29)
    await desk.step()
    assert len(desk.tried) == 8
    desk.clock.tick(seconds=1)
    await desk.step()
    assert len(desk.tried) == 12
    del desk.does["dead"]
    desk.clock.tick(minutes=10)
    assert (await desk.step()).delivered == 1000


@pytest.mark.req("L-11")
async def test_what_no_attempt_reaches_in_time_is_given_up_all_the_same(desk: Desk):
    desk.does["dead"] = away
    await desk.put("dead", 500)
    dead = 0
    for _ in range(27 * 4):
        dead += (await desk.step()).dead
        desk.clock.tick(minutes=15)
    assert dead == len(desk.events) == 500
    assert await desk.outbox.count_messages() == 0
    assert {event.error for event in desk.events if isinstance(event, GivenUp)} == {
        "nobody is there",
        "it waited for too long, behind others for the same receiver",
    }


async def test_after_days_without_a_courier_each_is_tried_before_it_is_given_up(desk: Desk):
    await desk.put("shop", 300)
    desk.clock.tick(days=3)
    assert (await desk.step()).delivered == 300
    assert desk.events == []


async def test_a_refusal_is_final_and_says_that_the_receiver_is_there(desk: Desk):
    desk.does["shop"] = away
    await desk.put("shop", 4)
    await desk.step()
    desk.does["shop"] = gone
    await desk.put("shop")
    assert (await desk.step()).dead == 1
    desk.does["shop"] = away
    await desk.put("shop", 4)
    await desk.step()
    await desk.put("shop")
    assert (await desk.step()).failed == 1  # not five in a row


async def test_a_mistake_of_ours_is_logged_and_counts_as_a_failure(
    desk: Desk, caplog: pytest.LogCaptureFixture
):
    desk.does["shop"] = broken
    await desk.put("shop")
    await desk.put("shop", kind="of a newer version")
    assert (await desk.step()).failed == 2
    assert {message.last_error for message in await desk.outbox.peek()} == {
        "a mistake of ours: KeyError",
        "nobody here can deliver a of a newer version",
    }
    assert caplog.text.count("could not be sent") == 1


async def test_a_step_takes_nothing_more_when_its_time_is_up(desk: Desk):
    async def takes_long(message: Message) -> None:
        desk.watch += 2.0

    desk.does["shop"] = takes_long
    await desk.put("shop", 40)
    first = await desk.step()
    assert (first.delivered, first.more) == (4, True)
    while (await desk.step()).more:
        pass
    assert await desk.outbox.count_messages("done") == 40


async def test_who_is_cut_off_leaves_its_messages_to_the_end_of_its_claims(desk: Desk):
    begun = asyncio.Event()

    async def hangs(message: Message) -> None:
        begun.set()
        await asyncio.Event().wait()

    desk.does["shop"] = hangs
    await desk.put("shop")
    stepping = asyncio.create_task(desk.step())
    await begun.wait()
    stepping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stepping
    del desk.does["shop"]
    newcomer = desk.another()
    assert await newcomer.step(desk.clock.tick(seconds=29)) == Sent()
    assert (await newcomer.step(desk.clock.tick(seconds=1))).delivered == 1


async def test_an_outbox_that_goes_away_ends_the_step_and_nothing_else(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    await desk.put("shop", 3)

    async def fails(*_: Any, **__: Any) -> bool:
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(desk.outbox, "delivered", fails)
        with pytest.raises(OSError, match="full"):
            await desk.step()
    desk.clock.tick(minutes=1)
    assert (await desk.step()).delivered == 3


async def test_the_time_of_an_attempt_is_when_it_is_made(desk: Desk):
    """Not when the step began: a logout token is good for two minutes."""
    times: list[datetime] = []

    async def noted(message: Message, at: datetime) -> None:
        times.append(at)
        desk.watch += 1.0

    courier = Courier(desk.outbox, {KIND: noted}, tell=desk.events.append, stopwatch=lambda: desk.watch)
    for target in ("a", "b", "c"):
        await desk.put(target)
    began = desk.clock()
    await courier.step(began)
    assert times == [began + timedelta(seconds=n) for n in range(3)]
