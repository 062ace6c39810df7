"""Receivers that answer as they should, or do not: what each answer means, how many go out at a time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sojourn import Query, Reason
from sojourn.backchannel import KIND
from sojourn.testing import make_session
from tests.delivery.conftest import House, end
from tests.delivery.kit import Receiver, closed, never

# ── the receiver ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("L-06")
@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, "delivered"),
        (204, "delivered"),
        (400, "dead"),
        (201, "failed"),
        (401, "failed"),
        (404, "failed"),
        (429, "failed"),
        (500, "failed"),
        (503, "failed"),
    ],
)
async def test_each_answer_means_what_the_standard_says(
    shop: House, receiver: Receiver, status: int, outcome: str
):
    receiver.status = status
    await end(shop, (await shop.start()).session.id)
    sent = await shop.step()
    assert {name: getattr(sent, name) for name in ("delivered", "failed", "dead")} == {
        "delivered": 0,
        "failed": 0,
        "dead": 0,
    } | {outcome: 1}
    if outcome == "dead":
        (event,) = shop.dead()
        assert (event.name, event.kind, event.target) == ("delivery-given-up", KIND, "shop")
        assert "400" in event.error
        (message,) = await shop.outbox.peek("dead")
        assert (event.message_id, event.attempts) == (message.id, 1)
    else:
        assert shop.dead() == []


@pytest.mark.req("TH-25", "L-11")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(shop: House, receiver: Receiver, status: int):
    async with Receiver.listening() as elsewhere:
        receiver.status, receiver.headers = status, {"location": elsewhere.url}
        await end(shop, (await shop.start()).session.id)
        assert (await shop.step()).failed == 1
        assert (len(receiver.asked), elsewhere.connections) == (1, 0)


@pytest.mark.req("L-11")
async def test_a_receiver_that_was_down_is_told_when_it_is_up(house: House, receiver: Receiver):
    """Nothing listens at its port for an hour."""
    port = receiver.port
    async with Receiver.listening() as other:
        port = other.port
    url = f"http://127.0.0.1:{port}/"
    await house.register("shop", url)
    session = (await house.start()).session
    await end(house, session.id)
    for _ in range(6):
        await house.step()
        house.clock.tick(minutes=10)
    (waiting,) = await house.outbox.peek()
    assert waiting.attempts >= 5
    assert "ConnectError" in (waiting.last_error or "")
    async with Receiver.listening(port=port) as back:
        house.clock.tick(hours=1)
        assert (await house.step()).delivered == 1
        assert [said["sid"] for said in back.payloads()] == [str(session.id)]
    assert await house.outbox.count_messages() == 0


@pytest.mark.req("L-11", "TH-25")
async def test_a_receiver_that_never_answers_is_given_up_in_time(shop: House, receiver: Receiver):
    receiver.instead = never
    courier = shop.make_courier(deadline=0.05)
    await end(shop, (await shop.start()).session.id)
    await shop.notices.read(shop.clock())
    assert (await courier.step(shop.clock())).failed == 1
    (waiting,) = await shop.outbox.peek()
    assert waiting.last_error == "no answer within 0.05 s"


async def endless_body(receiver: Receiver, reader: Any, writer: Any) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    sent = 0
    try:
        while sent < 1 << 30:
            writer.write(b"x" * 65_536)
            await writer.drain()
            sent += 65_536
    finally:
        receiver.headers["sent"] = str(sent)


async def endless_head(receiver: Receiver, reader: Any, writer: Any) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    sent = 0
    try:
        while sent < 1 << 30:
            writer.write(b"x-more: " + b"x" * 65_000 + b"\r\n")
            await writer.drain()
            sent += 65_000
    finally:
        receiver.headers["sent"] = str(sent)


async def nonsense(receiver: Receiver, reader: Any, writer: Any) -> None:
    writer.write(b"220 mail.example.org ESMTP\r\n")


@pytest.mark.req("TH-25", "L-11")
@pytest.mark.parametrize(
    ("answer", "outcome"),
    [(endless_body, "delivered"), (endless_head, "failed"), (nonsense, "failed"), (closed, "failed")],
)
async def test_of_a_huge_answer_next_to_nothing_is_read(
    shop: House, receiver: Receiver, answer: Any, outcome: str
):
    receiver.instead = answer
    await end(shop, (await shop.start()).session.id)
    async with asyncio.timeout(20):
        sent = await shop.step()
        assert getattr(sent, outcome) == 1
        await receiver.is_idle()
    assert int(receiver.headers.get("sent", 0)) < 32 << 20  # what fits into the buffers between the two


@pytest.mark.req("TH-25", "L-11")
async def test_an_address_inside_is_refused_and_in_the_end_given_up(shop: House, receiver: Receiver):
    """The server is no longer this machine's alone: what it could tell there it no longer does."""
    courier = shop.make_courier(local=False)
    await end(shop, (await shop.start()).session.id)
    await shop.notices.read(shop.clock())
    assert (await courier.step(shop.clock())).failed == 1
    (waiting,) = await shop.outbox.peek()
    assert "refused" in (waiting.last_error or "")
    shop.clock.tick(days=1)
    assert (await courier.step(shop.clock())).dead == 1
    assert receiver.connections == 0
    assert "/logout" not in shop.dead()[0].error


# ── many ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("L-11")
async def test_a_thousand_endings_at_once_go_out_a_few_at_a_time(house: House):
    async with Receiver.listening() as one, Receiver.listening() as two:
        await house.register("one", one.url)
        await house.register("two", two.url)
        ids: set[str] = set()
        for n in range(1000):
            session = make_session(
                created_at=house.clock(), user_id=f"user {n % 50}", application_id=("one", "two")[n % 2]
            )
            await house.sessions.store.insert(session)
            ids.add(str(session.id))
        query = Query(live_at=house.clock(), limit=1000)
        assert len(await house.sessions.store.revoke(query, at=house.clock(), reason=Reason.ADMIN)) == 1000
        assert (await house.step()).delivered == 1000
        assert {said["sid"] for said in (*one.payloads(), *two.payloads())} == ids
        assert (len(one.asked), len(two.asked)) == (500, 500)
        assert max(one.most_at_once, two.most_at_once) <= 4
    assert await house.outbox.count_messages() == 0


@pytest.mark.req("L-11")
async def test_two_processes_deliver_each_message_once(filed: tuple[House, House], receiver: Receiver):
    one, two = filed
    await one.register("shop", receiver.url)
    ids = set()
    for n in range(60):
        session = (await one.start(user=f"user {n}")).session
        await end((one, two)[n % 2], session.id)
        ids.add(str(session.id))
    sent = await asyncio.gather(one.step(), two.step())
    assert sum(each.delivered for each in sent) == 60
    assert len(receiver.asked) == 60
    assert {said["sid"] for said in receiver.payloads()} == ids
