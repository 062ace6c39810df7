"""Two processes whose clocks are two minutes apart, on one server: both run with the server's time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from sojourn import Issued, Policy, Query
from sojourn.clock import utc_now
from sojourn.session import Reason
from tests.faults.kit import Process, eventually, last_accepted
from tests.faults.proxy import Proxy

pytestmark = pytest.mark.servers

SECOND = timedelta(seconds=1)
SHORT = Policy(
    lifetime=timedelta(minutes=10),
    fresh_for=timedelta(minutes=5),
    idle_timeout=45 * SECOND,  # less than the clocks are apart
    touch_every=SECOND,
    activity_every=10 * SECOND,
    max_sessions=3,
    at_cap="end_oldest",
    cookie_cache=timedelta(minutes=2),
    lost_answer=timedelta(0),  # so that a replay is one as soon as the grace is over
)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["postgres", "redis_server"])
def url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param).new_database())


@pytest.fixture(params=[True, False], ids=["following", "polling with requests"])
def following(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@asynccontextmanager
async def apart(url: str, following: bool) -> AsyncIterator[list[Process]]:
    """A process whose clock is a minute behind, and one whose clock is a minute ahead."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(Process(url, SHORT, ahead=ahead).serving(following=following))
            for ahead in (-60.0, 60.0)
        ]


async def stored(process: Process, **query: Any) -> list[Any]:
    return await process.sessions.select(Query(**query))


async def test_law_03_refreshes_that_race_sign_nobody_out(url: str, following: bool) -> None:
    async with apart(url, following) as (behind, ahead):
        token = (await behind.sessions.start("ada")).token
        for _ in range(3):
            both = [process.sessions.refresh(token) for _ in range(4) for process in (behind, ahead)]
            issued = await asyncio.gather(*both)
            assert len({each.token for each in issued}) == 1
            late = [await process.sessions.refresh(token) for process in (ahead, behind)]
            assert {each.token for each in late} == {issued[0].token}  # within the grace, by either clock
            token = issued[0].token
            for process in (ahead, behind):
                await process.sessions.validate(token)
                await process.sessions.flush()
        (session,) = await stored(ahead, user_id="ada")
        assert session.generation == 3
        assert session.revoked_at is None


async def test_law_03_the_first_requests_of_a_process_come_together(url: str, following: bool) -> None:
    """While one of them asks for the time, the others do not decide by the machine's."""
    async with apart(url, following) as (behind, ahead):
        issued = [await behind.sessions.start("ada") for _ in range(3)]
        tokens = [each.token for each in issued] * 4
        accepted = await asyncio.gather(*(ahead.accepts(token) for token in tokens))
        assert accepted == [True] * 12


async def test_law_03_a_process_that_begins_while_the_store_is_away(url: str) -> None:
    """Its clock is as wrong when the store is back, whenever it last tried."""
    port = int(url.rpartition(":")[2].partition("/")[0])
    async with Proxy.to(port) as proxy, apart(url, True) as (behind, _):
        token = (await behind.sessions.start("ada")).token
        async with Process(proxy.instead(url), SHORT, ahead=60.0).serving(following=False) as late:
            proxy.refuses = True
            assert await late.accepts(token) is None
            proxy.refuses = False
            assert await late.accepts(token) is True


async def test_a_cap_ends_the_oldest_by_one_time(url: str, following: bool) -> None:
    async with apart(url, following) as both:
        issued = [await _started(both[n % 2]) for n in range(8)]
        sessions = {session.id: session for session in await stored(both[0], user_id="ada")}
        for each in issued[:-3]:
            assert sessions[each.session.id].reason is Reason.CAP
        for each in issued[-3:]:
            assert [await process.accepts(each.token) for process in both] == [True, True]


async def _started(process: Process) -> Issued:
    """A sign-in that is later than the one before even by clocks that are a round trip apart."""
    issued = await process.sessions.start("ada")
    await eventually("later", lambda: utc_now() > issued.session.created_at + SECOND / 20)
    return issued


async def test_law_02_a_use_is_written_at_one_time(url: str, following: bool) -> None:
    async with apart(url, following) as both:
        issued = [await process.sessions.start("ada") for process in both]
        last = issued[0].session.seen_at
        for n in range(6):
            for each in issued:
                validated = await both[n % 2].sessions.validate(each.token, sure=True)
                await both[n % 2].sessions.flush()
                assert abs(validated.session.seen_at - utc_now()) < 10 * SECOND
        for session in await stored(both[0], user_id="ada"):
            assert session.revoked_at is None
            assert last - SECOND <= session.seen_at <= utc_now() + SECOND
            assert abs(session.expires_at - session.seen_at - SHORT.allowance - 45 * SECOND) < SECOND


async def test_law_05_a_snapshot_of_one_is_good_for_the_other_until_the_session_ends(url: str) -> None:
    async with apart(url, True) as both:
        await eventually("current", lambda: all(process.current for process in both))
        for one, other in (both, both[::-1]):
            issued = await one.sessions.start("ada")
            await one.sessions.validate(issued.token)
            sealed = one.sessions.snapshots.seal(issued.token)
            assert sealed is not None
            assert other.sessions.snapshots.recall(issued.token, sealed, passive=True) is not None
            await one.sessions.revoke(issued.session.id, owner="ada")
            assert await one.accepts(issued.token) is False
            assert await last_accepted(other, issued.token) <= SHORT.max_staleness.total_seconds()
            assert other.sessions.snapshots.recall(issued.token, sealed, passive=True) is None
