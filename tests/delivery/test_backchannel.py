"""An application is told when a session of its own has ended: what it is told, of which endings, and when."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from sojourn import ANYBODY, Query, Reason, access
from sojourn.access import ALGORITHMS
from sojourn.backchannel import Notices, message_id
from sojourn.background import Worker
from sojourn.errors import TokenInvalid, TokenReplayed
from sojourn.lifecycle import idle_end
from sojourn.stores.protocol import Entries
from sojourn.testing import FakeClock, make_session
from tests.delivery.conftest import ISSUER, House, end
from tests.delivery.kit import Receiver, decoded, payload
from tests.web.kit import make_signers

EVENT = "http://schemas.openid.net/event/backchannel-logout"
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


# ── what it is told ───────────────────────────────────────────────────────────────────────────


@pytest.mark.req("L-01", "A10-10.5.5")
@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_the_token_says_what_the_standard_wants_signed_as_the_application_has_it(
    house: House, receiver: Receiver, algorithm: Any
):
    await house.register("shop", receiver.url, algorithm=algorithm)
    session = (await house.start()).session
    await end(house, session.id)
    await house.notices.read(house.clock())
    sent_at = house.clock.tick(minutes=30)  # the token is as old as its sending, not as the ending
    assert (await house.courier.step(sent_at)).delivered == 1
    (asked,) = receiver.asked
    assert asked.line == "POST /logout?from=sojourn HTTP/1.1"
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert asked.form.keys() == {"logout_token"}
    header = decoded(asked.token.split(".")[0])
    assert (header["typ"], header["alg"]) == ("logout+jwt", algorithm)
    said = access.opened(asked.token, make_signers().find, typ="logout+jwt", algorithms=[algorithm])
    assert said == {
        "iss": ISSUER,
        "aud": "shop",
        "iat": int(sent_at.timestamp()),
        "exp": int(sent_at.timestamp()) + 120,
        "jti": str(message_id(session.id)),
        "events": {EVENT: {}},
        "sub": "ada",
        "sid": str(session.id),
    }


@pytest.mark.req("L-01", "A10-10.5.5")
async def test_a_logout_token_is_neither_an_access_token_nor_an_id_token(shop: House, receiver: Receiver):
    await end(shop, (await shop.start()).session.id)
    await shop.step()
    token = receiver.asked[0].token
    with pytest.raises(TokenInvalid):
        access.verified(token, make_signers().find, shop.clock(), issuer=ISSUER, audience=None)
    with pytest.raises(TokenInvalid):
        access.opened(token, make_signers().find, typ="jwt", algorithms=ALGORITHMS)


@pytest.mark.req("L-01")
async def test_each_attempt_has_a_new_token_for_the_same_message(shop: House, receiver: Receiver):
    receiver.statuses = [503]
    await end(shop, (await shop.start()).session.id)
    await shop.step()
    shop.clock.tick(hours=1)
    await shop.step()
    first, second = receiver.payloads()
    assert first["jti"] == second["jti"]
    assert second["iat"] - first["iat"] == 3600


# ── of which endings ──────────────────────────────────────────────────────────────────────────


async def signs_out(house: House, issued: Any) -> None:
    assert await house.sessions.end(issued.token)


async def an_administrator(house: House, issued: Any) -> None:
    await house.sessions.revoke(issued.session.id, owner=ANYBODY, reason=Reason.ADMIN, by="grace")


async def everywhere(house: House, issued: Any) -> None:
    assert await house.sessions.revoke_all("ada") == 1


async def signs_in_again(house: House, issued: Any) -> None:
    await house.sessions.start("bob", application_id="shop", replacing=issued.session)


async def a_cap(house: House, issued: Any) -> None:
    limit = house.sessions.policy.max_sessions or 0
    house.clock.tick(minutes=5)  # then it is the longest idle of them
    for _ in range(limit):
        await house.start(None)
    assert (await house.sessions.store.get(issued.session.id)).reason is Reason.CAP  # type: ignore[union-attr]


async def a_replay(house: House, issued: Any) -> None:
    newer = await house.sessions.refresh(issued.token)
    await house.sessions.refresh(newer.token)
    house.clock.tick(hours=1)
    with pytest.raises(TokenReplayed):
        await house.sessions.refresh(issued.token)


async def its_application_is_disabled(house: House, issued: Any) -> None:
    assert await house.directory.disable_application("shop") == 1


async def another_process(house: House, issued: Any) -> None:
    """One that knows nothing of applications: it has the store."""
    query = Query(id=issued.session.id)
    await house.sessions.store.revoke(query, at=house.clock(), reason=Reason.SYSTEM)


ENDINGS = [
    signs_out,
    an_administrator,
    everywhere,
    signs_in_again,
    a_cap,
    a_replay,
    its_application_is_disabled,
    another_process,
]


@pytest.mark.req("L-11")
@pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: ending.__name__)
async def test_however_a_session_ends_its_application_is_told_once(
    shop: House, receiver: Receiver, ending: Any
):
    issued = await shop.start()
    await ending(shop, issued)
    for _ in range(3):
        await shop.step()
        shop.clock.tick(hours=2)
    assert [said["sid"] for said in receiver.payloads()] == [str(issued.session.id)]


@pytest.mark.req("L-11")
async def test_what_somebody_ends_by_hand_in_the_file_is_told_too(
    filed: tuple[House, House], receiver: Receiver
):
    house, _ = filed
    await house.register("shop", receiver.url)
    session = (await house.start()).session
    store: Any = house.sessions.store
    at = int(house.clock().timestamp() * 1_000_000)
    await store.engine.write(
        lambda db: db.execute("update sessions set revoked_at = ? where id = ?", (at, session.id.bytes))
    )
    assert (await house.step()).delivered == 1
    assert receiver.payloads()[0]["sid"] == str(session.id)


async def test_nobody_else_is_told(shop: House, receiver: Receiver):
    await shop.register("quiet", None)
    for application in (None, "quiet", "unknown"):
        await end(shop, (await shop.start(application)).session.id)
    await shop.sessions.start(None)
    await shop.sessions.renew((await shop.start()).session.id)  # a line of the log, and no ending
    await shop.step()
    assert receiver.asked == []
    assert await shop.outbox.count_messages() == 0


async def test_an_application_that_wants_to_be_told_no_more_is_not(
    shop: House, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    await end(shop, (await shop.start()).session.id)
    await shop.notices.read(shop.clock())

    async def gone(id: str) -> None:
        return None

    monkeypatch.setattr(shop.directory, "application", gone)
    assert (await shop.courier.step(shop.clock())).dead == 1
    assert receiver.asked == []


# ── an end by time ────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("L-11")
async def test_an_end_by_time_is_told_as_the_worker_notices_it(shop: House, receiver: Receiver):
    session = (await shop.start()).session
    worker = Worker(shop.sessions, expired=shop.notices.ended, first=[shop.notices.read])
    await worker.step(shop.clock())
    await shop.step()
    assert receiver.asked == []
    shop.clock.now = idle_end(session, shop.sessions.policy) + HOUR
    assert (await worker.step(shop.clock())).marked == 1
    await shop.step()
    assert [said["sid"] for said in receiver.payloads()] == [str(session.id)]


@pytest.mark.parametrize("undone", [False, True])
async def test_a_hold_is_told_once_it_is_final_and_never_if_it_was_lifted(
    shop: House, receiver: Receiver, undone: bool
):
    mine, session = (await shop.start(None)).session, (await shop.start()).session
    worker = Worker(shop.sessions, expired=shop.notices.ended, first=[shop.notices.read])
    await shop.sessions.hold(session.id, owner="ada", by=mine)
    await worker.step(shop.clock())
    await shop.step()
    if undone:
        await shop.sessions.undo(session.id, by=mine)
    await worker.step(shop.clock.tick(minutes=2))
    await shop.step()
    told = [] if undone else [str(session.id)]
    assert [said["sid"] for said in receiver.payloads()] == told


async def test_a_held_session_that_is_revoked_is_told_once(shop: House, receiver: Receiver):
    mine, session = (await shop.start(None)).session, (await shop.start()).session
    worker = Worker(shop.sessions, expired=shop.notices.ended, first=[shop.notices.read])
    await shop.sessions.hold(session.id, owner="ada", by=mine)
    await end(shop, session.id)
    for _ in range(3):
        await shop.step()
        await worker.step(shop.clock.tick(minutes=2))
    assert len(receiver.asked) == 1


async def test_who_was_noticed_while_the_outbox_was_away_is_told_at_the_next_step(
    shop: House, receiver: Receiver
):
    session = (await shop.start()).session
    away = [True]

    async def ended(over: Any, now: datetime) -> None:
        if away.pop() if away else False:
            raise OSError("the file is away")
        await shop.notices.ended(over, now)

    worker = Worker(shop.sessions, expired=ended)
    shop.clock.now = idle_end(session, shop.sessions.policy) + HOUR
    with pytest.raises(OSError, match="away"):
        await worker.step(shop.clock())
    await worker.step(shop.clock.tick(seconds=10))
    await shop.step()
    assert len(receiver.asked) == 1


async def test_the_log_is_read_before_its_lines_are_forgotten(shop: House, receiver: Receiver):
    """The server was down for days: the first step cuts the log, and may not cut what nobody has read."""
    session = (await shop.start()).session
    await end(shop, session.id)
    read: list[datetime | None] = []
    forget = shop.sessions.store.purge

    async def purge(**more: Any) -> int:
        read.append(await shop.outbox.bookmark("log, for back-channel logout"))  # type: ignore[arg-type]
        return await forget(**more)

    shop.sessions.store.purge = purge  # type: ignore[method-assign]
    worker = Worker(shop.sessions, expired=shop.notices.ended, first=[shop.notices.read])
    await worker.step(shop.clock.tick(days=3))
    assert read
    assert read[0] is not None
    await shop.courier.step(shop.clock())
    assert len(receiver.asked) == 1


# ── the log ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("L-11")
@pytest.mark.parametrize("where", ["before the outbox", "between outbox and bookmark"])
async def test_who_dies_on_the_way_from_the_log_to_the_outbox_loses_nothing(
    shop: House, receiver: Receiver, where: str, monkeypatch: pytest.MonkeyPatch
):
    sessions = [(await shop.start(user=f"user {n}")).session for n in range(3)]
    for session in sessions:
        await end(shop, session.id)

    async def dies(*_: Any, **__: Any) -> Any:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(shop.outbox, "enqueue" if where == "before the outbox" else "turn", dies)
        with pytest.raises(RuntimeError, match="killed"):
            await shop.notices.read(shop.clock())
    newcomer = Notices(shop.sessions, shop.directory)
    assert await newcomer.read(shop.clock()) == (3 if where == "before the outbox" else 0)
    assert (await shop.step()).delivered == 3
    assert sorted(said["sid"] for said in receiver.payloads()) == sorted(str(s.id) for s in sessions)


async def test_what_was_read_is_not_read_again_and_an_idle_log_writes_nothing(
    shop: House, monkeypatch: pytest.MonkeyPatch
):
    await end(shop, (await shop.start()).session.id)
    assert await shop.notices.read(shop.clock()) == 1
    asked: list[str | None] = []
    entries, turns = shop.sessions.store.entries, list[Any]()

    async def counted(after: str | None = None, *, limit: int = 10_000) -> Entries:
        asked.append(after)
        page = await entries(after, limit=limit)
        assert page.entries == ()
        return page

    async def turned(name: str, **more: Any) -> bool:
        turns.append(more)
        return True

    monkeypatch.setattr(shop.sessions.store, "entries", counted)
    monkeypatch.setattr(shop.outbox, "turn", turned)
    for _ in range(3):
        assert await shop.notices.read(shop.clock()) == 0
    assert (len(asked), asked[0] is not None, turns) == (3, True, [])


async def test_after_a_gap_the_log_is_read_anew_told_of_and_nothing_is_told_twice(
    shop: House, receiver: Receiver, caplog: pytest.LogCaptureFixture
):
    first = (await shop.start()).session
    await end(shop, first.id)
    await shop.step()
    place = await shop.outbox.bookmark("log, for back-channel logout")
    assert await shop.outbox.turn("log, for back-channel logout", was=place, to="another log's.7.7")
    second = (await shop.start()).session
    await end(shop, second.id)
    await shop.step()
    assert [said["sid"] for said in receiver.payloads()] == [str(first.id), str(second.id)]
    assert caplog.text.count("does not go on where it was left") == 1


# ── its id ──────────────────────────────────────────────────────────────────────────────────────


def test_the_id_of_a_message_follows_from_the_session_alone(clock: FakeClock):
    session = make_session(created_at=clock())
    id = message_id(session.id)
    assert (id, id.version, id.variant) == (message_id(session.id), 7, "specified in RFC 4122")
    assert id != session.id
    assert id.int >> 80 == session.id.int >> 80
    assert len({message_id(make_session(created_at=clock()).id) for _ in range(1000)}) == 1000


def test_a_token_is_read_by_its_middle():
    assert payload("x.eyJhIjoxfQ.y") == {"a": 1}
