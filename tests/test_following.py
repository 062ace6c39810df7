"""Following in the background: polls, pushes, outages, and a clean end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from threading import Thread
from typing import Any
from uuid import UUID

import pytest

from sojourn import AsyncSessions, Policy
from sojourn.session import Seen
from sojourn.stores.memory import MemoryStore
from sojourn.stores.protocol import Entries
from sojourn.testing import make_keys

MINUTE = timedelta(minutes=1)
FAST = Policy(poll_every=timedelta(milliseconds=5), flush_every=timedelta(milliseconds=5))
SLOW = Policy(poll_every=MINUTE, max_staleness=2 * MINUTE, flush_every=MINUTE)
PATIENCE = 10.0  # seconds: a test that waits so long has failed


class Away(Exception):
    """The store cannot be reached."""


class Watched(MemoryStore):
    """A store that tells when it was polled and written to, and what stands in the way."""

    faults: tuple[type[Exception], ...] = (Away,)

    def __init__(self) -> None:
        super().__init__()
        self.polled, self.touched, self.listened = 0, 0, 0
        self.moved = asyncio.Condition()
        self.away: BaseException | None = None
        self.stuck = False

    async def _tell(self) -> None:
        async with self.moved:
            self.moved.notify_all()

    async def entries(self, after: str | None = None, *, limit: int = 10_000) -> Entries:
        self.polled += 1
        await self._tell()
        if self.stuck:
            await asyncio.Event().wait()
        if self.away:
            raise self.away
        return await super().entries(after, limit=limit)

    async def touch(self, seen: Mapping[UUID, Seen], *, at: datetime, **how: Any) -> None:
        if self.away:
            raise self.away
        self.touched += 1
        await self._tell()
        await super().touch(seen, at=at, **how)

    async def listen(self, wake: Callable[[], None]) -> None:
        self.listened += 1
        await self._tell()
        if self.away:
            raise self.away
        await super().listen(wake)

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE), self.moved:
            await self.moved.wait_for(true)


def sessions_of(store: Watched, policy: Policy = FAST) -> AsyncSessions:
    return AsyncSessions(store, keys=make_keys(), policy=policy)


def others() -> set[asyncio.Task[Any]]:
    return asyncio.all_tasks() - {asyncio.current_task()}


@pytest.fixture
def store() -> Watched:
    return Watched()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_it_is_current_from_the_first_moment(store):
    sessions = sessions_of(store, SLOW)
    async with sessions.following():
        assert sessions.feed.current(sessions.clock())
        assert store.polled == 1


async def test_blocks_that_overlap_share_one_follower_until_the_last_one_ends(store):
    sessions = sessions_of(store)
    before = others()

    def waits() -> bool:
        return sessions.activity.waits

    async with sessions.following():
        alone = others()
        async with sessions.following():
            assert others() == alone
        assert others() == alone
        assert waits() is True
        polled = store.polled
        await store.until(lambda: store.polled >= polled + 2)
    assert others() == before
    assert waits() is False
    async with sessions.following():
        assert len(others()) == len(alone)


async def test_who_gives_up_while_it_begins_leaves_the_others_their_follower(store):
    sessions = sessions_of(store)
    store.stuck = True

    async def serve() -> None:
        async with sessions.following():
            await asyncio.Event().wait()

    first = asyncio.create_task(serve())
    await store.until(lambda: store.polled >= 1)
    second = asyncio.create_task(serve())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait({first}, timeout=PATIENCE)
    store.stuck = False
    await store.until(lambda: store.polled >= 3)
    assert sessions.feed.current(sessions.clock())
    second.cancel()
    await asyncio.wait({second}, timeout=PATIENCE)


async def test_it_polls_again_and_again_without_any_push(store, monkeypatch):
    async def silent(_: object) -> None:
        """A store without push."""

    monkeypatch.setattr(store, "listen", silent)
    async with sessions_of(store).following():
        await store.until(lambda: store.polled >= 5)


async def test_it_polls_where_no_snapshot_is_used_because_a_poll_tells_the_time(store):
    policy = FAST.changed(cache_for=timedelta(0))
    async with sessions_of(store, policy).following():
        await store.until(lambda: store.polled >= 3)


@pytest.mark.parametrize("elsewhere", [False, True], ids=["on the loop", "on another thread"])
async def test_a_push_wakes_the_poll(store, elsewhere):
    sessions = sessions_of(store, SLOW)
    async with sessions.following():
        await store.until(lambda: store.listened == 1 and bool(store._wakes))
        if elsewhere:
            thread = Thread(target=store._wakes[0])
            thread.start()
            thread.join()
        else:
            issued = await sessions.start("ada")
            await sessions.revoke(issued.session.id, owner="ada")
        await store.until(lambda: store.polled == 2)


async def test_a_push_after_the_end_is_nobodys_business(store):
    sessions = sessions_of(store, SLOW)
    async with sessions.following():
        await store.until(lambda: bool(store._wakes))
        wake = store._wakes[0]
    wake()
    assert store._wakes == []


async def test_it_ends_cleanly_and_writes_what_waits(store):
    sessions = sessions_of(store, SLOW)
    before = others()
    async with sessions.following():
        waits = sessions.activity.waits
        assert waits
        issued = await sessions.start("ada")
        sessions.activity.note(
            issued.session.id,
            Seen(issued.session.seen_at + MINUTE, issued.session.expires_at + MINUTE),
        )
        assert store.touched == 0
    assert store.touched == 1
    assert not sessions.activity.waits
    assert others() == before


async def test_it_writes_activity_at_intervals(store):
    sessions = sessions_of(store)
    async with sessions.following():
        issued = await sessions.start("ada")
        sessions.activity.note(issued.session.id, Seen(issued.session.seen_at, issued.session.expires_at))
        await store.until(lambda: store.touched == 1)


async def test_without_an_interval_each_use_is_written_at_once(store):
    sessions = sessions_of(store, FAST.changed(flush_every=timedelta(0)))
    async with sessions.following():
        assert not sessions.activity.waits


@pytest.mark.parametrize("fault", [Away("gone"), TimeoutError()], ids=repr)
async def test_an_outage_is_told_once_and_survived(store, caplog, monkeypatch, fault):
    monkeypatch.setattr("sojourn.following._PATIENCE", 0.02)
    sessions = sessions_of(store)
    with caplog.at_level(logging.WARNING, logger="sojourn"):
        async with sessions.following():
            store.away = fault
            polled = store.polled
            await store.until(lambda: store.polled >= polled + 5)
            store.away = None
            polled = store.polled
            await store.until(lambda: store.polled >= polled + 3)
            assert sessions.feed.current(sessions.clock())
    told = [record.getMessage() for record in caplog.records]
    assert len([text for text in told if text.startswith("the feed cannot be read")]) == 1
    assert len([text for text in told if text.startswith("over: the feed cannot be read")]) == 1


async def test_it_begins_while_the_store_is_away(store):
    store.away = Away()
    sessions = sessions_of(store)
    async with sessions.following():
        assert not sessions.feed.current(sessions.clock())
        store.away = None
        polled = store.polled
        await store.until(lambda: store.polled >= polled + 3)
        assert sessions.feed.current(sessions.clock())


async def test_who_pushed_and_failed_is_asked_again(store, monkeypatch):
    monkeypatch.setattr("sojourn.following._PATIENCE", 0.02)
    store.away = Away()
    async with sessions_of(store).following():
        await store.until(lambda: store.listened >= 3)
        store.away = None
        listened = store.listened
        await store.until(lambda: store.listened > listened)


async def test_activity_waits_for_the_store_to_come_back(store, caplog):
    sessions = sessions_of(store)
    async with sessions.following():
        issued = await sessions.start("ada")
        store.away = Away()
        sessions.activity.note(issued.session.id, Seen(issued.session.seen_at, issued.session.expires_at))
        polled = store.polled
        await store.until(lambda: store.polled >= polled + 6)
        store.away = None
        await store.until(lambda: store.touched == 1)
    assert caplog.text.count("activity cannot be written") <= 2  # "over: …" is the other


async def test_a_mistake_of_ours_does_not_stop_it(store, caplog):
    sessions = sessions_of(store)
    async with sessions.following():
        store.away = ZeroDivisionError()
        polled = store.polled
        await store.until(lambda: store.polled >= polled + 2)
        store.away = None
        polled = store.polled
        await store.until(lambda: store.polled >= polled + 2)
    assert "a mistake of ours" in caplog.text


async def test_a_poll_that_got_stuck_is_given_up(store, monkeypatch):
    monkeypatch.setattr("sojourn.following._PATIENCE", 0.05)
    sessions = sessions_of(store)
    async with sessions.following():
        store.stuck = True
        polled = store.polled
        await store.until(lambda: store.polled >= polled + 2)
        store.stuck = False
        polled = store.polled
        await store.until(lambda: store.polled >= polled + 3)


async def test_who_is_cancelled_during_a_poll_leaves_the_feed_usable(store):
    sessions = sessions_of(store)
    store.stuck = True
    polling = asyncio.create_task(sessions.feed.poll())
    await store.until(lambda: store.polled == 1)
    polling.cancel()
    await asyncio.wait({polling})
    assert polling.cancelled()
    store.stuck = False
    assert await sessions.feed.poll()


async def test_the_end_comes_during_a_poll_that_is_stuck_and_everybody_who_is_cancelled_knows_it(store):
    sessions = sessions_of(store)
    before = others()

    async def serve() -> None:
        async with sessions.following():
            store.stuck = True
            await asyncio.Event().wait()

    serving = asyncio.create_task(serve())
    await store.until(lambda: store.stuck and store.polled >= 2)
    serving.cancel()
    await asyncio.wait({serving}, timeout=PATIENCE)
    assert serving.cancelled()
    assert others() == before
    store.stuck = False
    assert await sessions.feed.poll()
