"""Redis that forgets, or goes back to what it was: what is lost is said, and nothing that ended revives."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest

from sojourn import Issued, Query
from sojourn.session import Session
from tests.faults.kit import BACK, Process, eventually, processes
from tests.servers.redis import Cluster, Redis, until

pytestmark = pytest.mark.servers


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def forgetful() -> Iterator[Redis]:
    """A server that keeps what it is told to save, and nothing else."""
    with Redis.started(durable=False) as server:
        yield server


async def followed(process: Process, session: Session) -> None:
    """Wait until *process* has heard that *session* ended."""
    await eventually("heard of", lambda: process.sessions.feed.line(session.id) is not None)


async def ended(process: Process, id: UUID) -> bool:
    """Whether the store says that the session has ended."""
    found = await process.sessions.select(Query(id=id))
    return bool(found and found[0].revoked_at)


@asynccontextmanager
async def never_accepted(issued: list[Issued], serving: list[Process]) -> AsyncIterator[None]:
    """Each of these has ended for good, whatever happens meanwhile: everybody tries them all the time."""
    accepted, tried, stop = [], 0, False

    async def try_them() -> None:
        nonlocal tried
        while not stop:
            for one in issued:
                for number, process in enumerate(serving):
                    if await process.accepts(one.token):
                        accepted.append((number, one.session.id))
            tried += 1
            await asyncio.sleep(0.01)

    trying = asyncio.create_task(try_them())
    try:
        yield
        enough = tried + 2
        await eventually("tried", lambda: tried >= enough)
    finally:
        stop = True
        await trying
    assert accepted == []


async def signed_in(process: Process, count: int) -> list[Issued]:
    return [await process.sessions.start(f"user {n}") for n in range(count)]


async def test_law_01_law_11_endings_that_a_server_forgot_are_written_back(
    forgetful: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """It comes back with what it had saved an hour ago, in which all of them are alive."""
    url = f"{forgetful.url}?allow_loss=1&timeout=1"
    async with processes(url, url) as serving:
        one, other = serving
        sessions = await signed_in(one, 10)
        assert all([await each.accepts(issued.token) for issued in sessions for each in serving])
        assert forgetful.ask("SAVE") == b"OK"
        for issued in sessions[:5]:
            await one.sessions.revoke(issued.session.id, owner=issued.session.user_id)
            await followed(other, issued.session)
        epochs = [each.sessions.feed.epoch for each in serving]
        async with never_accepted(sessions[:5], serving):
            await asyncio.to_thread(forgetful.kill)
            await eventually("stale", lambda: not any(each.current for each in serving))
            with caplog.at_level(logging.WARNING, logger="sojourn"):
                await asyncio.to_thread(forgetful.start)
                await eventually("current", lambda: all(each.current for each in serving), within=BACK)
            for issued in sessions[:5]:
                assert await ended(other, issued.session.id)
        for before, each in zip(epochs, serving, strict=True):
            assert each.sessions.feed.epoch not in ("", before)
        assert caplog.text.count("the log of revocations does not go on where it was") == 2
        assert caplog.text.count("the store had lost the ending of session") == 5  # by whoever was first
        assert all([await each.accepts(issued.token) for issued in sessions[5:] for each in serving])
        async with Process(url).serving() as newcomer:  # who has followed nothing needs nobody's memory
            assert not any([await newcomer.accepts(issued.token) for issued in sessions[:5]])


@pytest.mark.parametrize("how", ["FLUSHALL", "restart"])
async def test_law_05_of_a_server_that_lost_all_its_memory_no_snapshot_is_trusted(
    forgetful: Redis, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    url = f"{forgetful.url}?allow_loss=1&timeout=1"
    async with processes(url, url) as serving:
        one, other = serving
        gone, kept = await signed_in(one, 2)
        assert all([await each.accepts(each_of.token) for each_of in (gone, kept) for each in serving])
        await one.sessions.revoke(gone.session.id, owner="user 0")
        await followed(other, gone.session)
        async with never_accepted([gone], serving):
            with caplog.at_level(logging.WARNING, logger="sojourn"):
                if how == "FLUSHALL":
                    forgetful.ask("FLUSHALL")
                else:
                    await asyncio.to_thread(forgetful.kill)
                    await asyncio.to_thread(forgetful.start)
                for each in serving:
                    # All that was kept is lost, and every process says so: nobody lives on in a cache.
                    await eventually("refused", lambda: _refuses(each, kept), within=BACK)  # noqa: B023
            assert await one.works()
            assert await other.works()
        assert caplog.text.count("the log of revocations does not go on where it was") == 2


async def _refuses(process: Process, issued: Issued) -> bool:
    return await process.accepts(issued.token) is False


# ── a cluster ─────────────────────────────────────────────────────────────────────────────────────


def key_of(session: Session) -> str:
    return f"sojourn:{{{(session.id.int >> 64 & 0xFFF) % 64:02}}}:log"


def replica_of(cluster: Cluster, master: Redis) -> Redis:
    _, _, (answer, *_) = master.ask("ROLE")
    return next(server for server in cluster.servers if server.port == int(answer[1]))


async def test_law_11_endings_that_a_failover_lost_are_written_back(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    """The master acknowledges them, the replica never hears of them, and then it takes over."""
    url = cluster.emptied(timeout=1)
    async with processes(url, url) as serving:
        one, other = serving
        sessions = await signed_in(one, 12)
        assert all([await each.accepts(issued.token) for issued in sessions for each in serving])
        master = cluster.owner(key_of(sessions[0].session))
        there = [each for each in sessions if cluster.owner(key_of(each.session)) is master]
        replica = replica_of(cluster, master)
        await asyncio.to_thread(until, "copied", lambda: _in_step(master))
        with replica.frozen():
            master.ask("CLIENT", "KILL", "TYPE", "replica")
            for issued in sessions:
                await one.sessions.revoke(issued.session.id, owner=issued.session.user_id)
            for issued in sessions:
                await followed(other, issued.session)
            await asyncio.to_thread(master.kill)
        async with never_accepted(sessions, serving):
            with caplog.at_level(logging.WARNING, logger="sojourn"):
                key = key_of(there[0].session)
                await asyncio.to_thread(until, "taken over", lambda: _owned(cluster, key, replica))
                await eventually("current", lambda: all(each.current for each in serving), within=BACK)
            for issued in sessions:
                assert await ended(other, issued.session.id)
        lost = [each for each in there if f"the ending of session {each.session.id}" in caplog.text]
        assert lost == there
        assert await one.works()


def _in_step(master: Redis) -> bool:
    _, position, ((_, _, acknowledged), *_) = master.ask("ROLE")
    return bool(acknowledged == str(position).encode())


def _owned(cluster: Cluster, key: str, server: Redis) -> bool:
    """Whether *server* says of itself that it has *key*, and the others know."""
    try:
        return server.ask("ROLE")[0] == b"master" and cluster.owner(key) is server
    except AssertionError:
        return False
