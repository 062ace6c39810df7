"""Webhooks: signed as Standard Webhooks has it; receivers that are slow, away or hostile do no harm."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from datetime import timedelta
from pathlib import Path

import pytest

from sojourn.delivery import Guard, Post
from sojourn.events import GivenUp
from sojourn.observe.notices import webhooks
from sojourn.observe.notices.ids import message_id
from sojourn.observe.notices.webhooks import Hook, described, signature
from sojourn.testing import MORNING, FakeClock
from tests.delivery.kit import Reader, Receiver, Writer, closed, never
from tests.observe.alerts.house import SECRET, House

HOW_TO = Path(__file__).parents[3] / "docs" / "how-to" / "webhooks.md"
GOOD = "whsec_" + base64.b64encode(b"k" * 32).decode()


# ── settings ──────────────────────────────────────────────────────────────────────────────────


def test_hooks_are_described_by_name():
    (hook,) = described({"ops": {"url": "https://ops.test/x", "secrets": [GOOD, GOOD[6:]]}}).values()
    assert (hook.name, hook.secrets, hook.events, hook.alerts) == ("ops", (b"k" * 32,) * 2, None, True)


@pytest.mark.parametrize(
    "said",
    [
        [],
        {"ops": {}},
        {"ops": {"url": "https://x", "secrets": []}},
        {"ops": {"url": "https://x", "secrets": ["hush"]}},
        {"ops": {"url": "https://x", "secrets": ["aHVzaA=="]}},
        {"ops": {"url": "ftp://x", "secrets": [GOOD]}},
        {"ops": {"url": "https://u:hush@x", "secrets": [GOOD]}},
        {"OPS 1": {"url": "https://x", "secrets": [GOOD]}},
        {"ops": {"url": "https://x", "secrets": [GOOD], "events": ["session-killed"]}},
        {"ops": {"url": "https://x", "secrets": [GOOD], "hush": 1}},
    ],
)
def test_what_is_wrong_with_a_hook_is_said_without_its_secret(said):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 -- each has its own words
        described(said)
    assert "hush`" not in str(caught.value) or "field" in str(caught.value)
    assert GOOD not in str(caught.value)


def test_a_hook_does_not_print_its_secrets():
    hook = Hook(name="ops", url="https://x/?key=hush", secrets=(SECRET,))
    assert repr(hook) == "<Hook ops>"


# ── signing ───────────────────────────────────────────────────────────────────────────────────


def test_the_signature_is_that_of_standard_webhooks():
    """The example of its specification."""
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    made = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_ids_follow_from_what_is_told():
    one = message_id(MORNING, "event", "a", "b")
    assert one == message_id(MORNING, "event", "a", "b")
    others = {message_id(MORNING, "event", "a b"), message_id(MORNING, "event", "ab"), one}
    others |= {message_id(MORNING + timedelta(seconds=1), "event", "a", "b")}
    assert len(others) == 4
    assert one.version == 7


# ── receivers ─────────────────────────────────────────────────────────────────────────────────


async def told(folder: Path, clock: FakeClock, url: str, **more: float) -> House:
    """A house with one webhook, and an alert on its way to it."""
    house = House(folder, clock, hooks={"ops": url}, least="low", **more)  # type: ignore[arg-type]
    await house.sign_in()
    await house.sign_in(device="d2")
    await house.look()
    return house


@pytest.mark.req("AX-6.3.5")
async def test_a_receiver_gets_an_alert_that_it_can_verify(
    tmp_path: Path, clock: FakeClock, receiver: Receiver
):
    house = await told(tmp_path, clock, receiver.url)
    assert (await house.courier().step(clock())).delivered == 1
    (asked,) = receiver.asked
    id, seconds = asked.headers["webhook-id"], asked.headers["webhook-timestamp"]
    mac = hmac.digest(SECRET, f"{id}.{seconds}.".encode() + asked.body, hashlib.sha256)
    assert asked.headers["webhook-signature"] == f"v1,{base64.b64encode(mac).decode()}"
    assert int(seconds) == int(clock().timestamp())
    assert asked.headers["content-type"] == "application/json"
    said = json.loads(asked.body)
    assert (said["type"], said["data"]["rule"]) == ("alert-opened", "new-device")
    await house.close()


async def test_while_a_secret_is_replaced_both_sign(clock: FakeClock):
    hook = Hook(name="ops", url="https://x", secrets=(b"n" * 32, b"o" * 32))
    sent = webhooks.signed_headers(hook, "id", clock(), b"{}")["webhook-signature"].split()
    assert sent == [signature(secret, "id", int(clock().timestamp()), b"{}") for secret in hook.secrets]


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(200, "delivered"), (202, "delivered"), (204, "delivered"), (410, "dead"), (301, "failed")]
    + [(status, "failed") for status in (307, 400, 401, 404, 429, 500, 503)],
)
async def test_what_an_answer_means(
    tmp_path: Path, clock: FakeClock, receiver: Receiver, status: int, outcome: str
):
    receiver.status = status
    receiver.headers = {"location": receiver.url}
    house = await told(tmp_path, clock, receiver.url)
    sent = await house.courier().step(clock())
    assert [name for name in ("delivered", "dead", "failed") if getattr(sent, name)] == [outcome]
    assert len(receiver.asked) == 1  # no redirect was followed
    await house.close()


async def endless(receiver: Receiver, reader: Reader, writer: Writer) -> None:
    """An answer that never ends, as fast as it is taken."""
    writer.write(b"HTTP/1.1 200 .\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        await writer.drain()


async def drop_by_drop(receiver: Receiver, reader: Reader, writer: Writer) -> None:
    """A header that never ends."""
    writer.write(b"HTTP/1.1 200 .\r\nx: ")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.01)


@pytest.mark.req("TH-25")
@pytest.mark.parametrize(
    ("hostility", "outcome"),
    [(endless, "delivered"), (drop_by_drop, "failed"), (never, "failed"), (closed, "failed")],
)
async def test_a_hostile_receiver_costs_little_time(
    tmp_path: Path, clock: FakeClock, receiver: Receiver, hostility, outcome
):
    receiver.instead = hostility
    house = await told(tmp_path, clock, receiver.url, deadline=0.5)
    async with asyncio.timeout(10):
        sent = await house.courier().step(clock())
    assert getattr(sent, outcome) == 1
    await house.close()


@pytest.mark.req("TH-25")
@pytest.mark.parametrize(
    "url", ["http://10.0.0.7/", "https://169.254.169.254/latest", "https://[::1]/", "https://192.168.1.1/"]
)
async def test_no_webhook_leads_into_the_network_of_the_server(tmp_path: Path, clock: FakeClock, url: str):
    house = await told(tmp_path, clock, url)
    house.hooks._post = Post(Guard.of())
    assert (await house.courier().step(clock())).failed == 1
    (waiting,) = await house.outbox.peek()
    assert "refused" in waiting.last_error
    await house.close()


async def test_who_was_away_is_told_later_with_the_same_id(
    tmp_path: Path, clock: FakeClock, receiver: Receiver
):
    receiver.statuses = [503, 503]
    house = await told(tmp_path, clock, receiver.url)
    for _ in range(3):
        await house.courier().step(clock())
        clock.tick(minutes=5)
    ids = {asked.headers["webhook-id"] for asked in receiver.asked}
    times = [asked.headers["webhook-timestamp"] for asked in receiver.asked]
    assert (len(ids), len(set(times))) == (1, 3)
    await house.close()


async def test_a_hook_that_is_gone_is_told_of_no_more(tmp_path: Path, clock: FakeClock, receiver: Receiver):
    house = await told(tmp_path, clock, receiver.url)
    house.hooks._hooks = {}
    assert (await house.courier().step(clock())).dead == 1
    (event,) = house.named(GivenUp.name)
    assert receiver.url not in repr(event)
    await house.close()


async def test_a_slow_receiver_does_not_keep_the_others_waiting(tmp_path: Path, clock: FakeClock):
    """Something comes for the quick one while the slow one is thinking."""
    async with Receiver.listening() as slow, Receiver.listening() as quick:
        slow.instead = never
        hooks = {"slow": slow.url, "quick": quick.url}
        house = House(tmp_path, clock, hooks=hooks, events=("session-revoked",), least="low", deadline=4)
        house.tellings = type(house.tellings)(hooks=house.hooks, least="high")
        one, two = await house.sign_in(), await house.sign_in(device="d2")
        await house.sessions.revoke(one.id, owner="ada")
        await house.look()
        from sojourn.delivery import Courier

        step = asyncio.create_task(
            Courier(house.outbox, house.senders, tell=house.sessions.emit).step(clock())
        )
        await quick.has_been_asked(1)
        await slow.has_been_asked(1)
        await house.sessions.revoke(two.id, owner="ada")
        await house.look(house.watch(holder="one"))
        async with asyncio.timeout(3):
            await quick.has_been_asked(2)
        assert not step.done()
        await step
        await house.close()


# ── the documented receiver ───────────────────────────────────────────────────────────────────


def documented() -> dict[str, object]:
    """The receiver that the page shows."""
    page = HOW_TO.read_text()
    code = page.split("```python\n")[1].split("```")[0]
    names: dict[str, object] = {}
    exec(compile(code, str(HOW_TO), "exec"), names)  # noqa: S102 -- our own page
    return names


def sent(at: int, body: bytes = b"{}", secret: bytes = SECRET, id: str = "m1") -> dict[str, str]:
    return {
        "webhook-id": id,
        "webhook-timestamp": str(at),
        "webhook-signature": signature(secret, id, at, body),
    }


@pytest.mark.parametrize(
    ("headers", "body", "good"),
    [
        (sent(1000), b"{}", True),
        (sent(1299), b"{}", True),
        (sent(600), b"{}", False),  # recorded, and sent once more
        (sent(1400), b"{}", False),
        (sent(1000), b'{"a":1}', False),
        (sent(1000, secret=b"x" * 32), b"{}", False),
        (sent(1000) | {"webhook-id": "m2"}, b"{}", False),
        (sent(1000) | {"webhook-timestamp": "1001"}, b"{}", False),
        (sent(1000) | {"webhook-timestamp": "soon"}, b"{}", False),
        (sent(1000) | {"webhook-signature": "v2,abc"}, b"{}", False),
        (sent(1000) | {"webhook-signature": "v1,é"}, b"{}", False),
        (sent(1000) | {"webhook-signature": "v1,AAAA " + sent(1000)["webhook-signature"]}, b"{}", True),
        ({}, b"{}", False),
    ],
)
def test_the_receiver_of_the_page_believes_what_was_signed_just_now(headers, body, good):
    verify = documented()["verified"]
    assert bool(verify(headers, body, [SECRET], now=1000)) == good  # type: ignore[operator]


def test_the_receiver_of_the_page_takes_each_message_once():
    """As it goes out from here: what comes twice has the same id."""
    names = documented()
    inbox = names["Inbox"]([base64.b64encode(SECRET).decode()])  # type: ignore[operator]
    body = b'{"type": "alert-opened", "timestamp": "2026-11-21T12:00:00Z", "data": {"title": "x"}}'
    assert inbox.receive(sent(1000, body), body, now=1000) == 204
    assert inbox.receive(sent(1010, body), body, now=1010) == 204
    assert inbox.receive(sent(1000, body, id="m2"), body, now=1000) == 204
    assert inbox.receive(sent(1000, body, secret=b"y" * 32), body, now=1000) == 401
    assert len(inbox.taken) == 2
