"""A server of sessions dies, is cut off, hangs or crawls under load: people wait, and nobody is wronged."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

import psycopg
import pytest

from tests.faults.kit import Crowd, eventually, last_accepted, processes
from tests.faults.proxy import Proxy
from tests.servers.postgres import Postgres
from tests.servers.redis import Redis

pytestmark = pytest.mark.servers


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Server(Protocol):
    """What both kinds of server have."""

    port: int

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...
    def new_database(self) -> str: ...


KINDS: dict[str, Callable[[], AbstractContextManager[Server]]] = {
    "postgres": Postgres.started,
    "redis": Redis.started,
}
PATIENT = {"postgres": "connect_timeout=2&command_timeout=2", "redis": "timeout=2"}


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def server(kind: str) -> Iterator[Server]:
    """A server of this file's own, to be killed."""
    with KINDS[kind]() as server:
        yield server


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_law_11_a_server_that_ends_under_load_and_comes_back(
    server: Server, kind: str, end: str, record_testsuite_property: Callable[[str, object], None]
) -> None:
    url = f"{server.new_database()}?{PATIENT[kind]}"
    async with processes(url, url) as serving:
        async with Crowd(serving).at_work() as crowd:
            await crowd.more_have_left(30)
            await asyncio.to_thread(getattr(server, end))
            await crowd.some_were_told_to_wait()
            await asyncio.to_thread(server.start)
            record_testsuite_property(f"back, {kind}, {end}", await crowd.all_works_again())
            await crowd.more_have_left(30)
        await crowd.check(url)


async def test_law_05_law_09_connections_that_are_cut_again_and_again(server: Server, kind: str) -> None:
    url = server.new_database()
    async with Proxy.to(server.port) as proxy:
        async with processes(proxy.instead(url), proxy.instead(url)) as serving:
            async with Crowd(serving).at_work() as crowd:
                for _ in range(10):
                    await crowd.more_have_left(5)
                    proxy.cut()
                await crowd.all_works_again()
                await crowd.more_have_left(10)
            assert crowd.faults > 0
        await crowd.check(url)


async def test_law_05_law_09_a_store_that_takes_a_second_for_each_answer(server: Server, kind: str) -> None:
    url = server.new_database()
    async with Proxy.to(server.port) as proxy:
        crawling = f"{proxy.instead(url)}?{PATIENT[kind]}"
        async with processes(crawling, crawling) as serving, Crowd(serving).at_work() as crowd:
            await crowd.more_have_left(30)
            proxy.delay = 1.0
            await crowd.some_were_told_to_wait(4)
            proxy.delay = 0.0
            await crowd.all_works_again()
            await crowd.more_have_left(30)
        await crowd.check(url)


async def test_law_05_a_store_that_is_slow_is_followed_all_the_same(server: Server) -> None:
    """A poll is as old as its question, and this one is answered when a quarter of the bound is over."""
    url = server.new_database()
    async with Proxy.to(server.port) as proxy:
        async with processes(proxy.instead(url), url) as (slow, quick):
            issued = await quick.sessions.start("ada")
            assert await slow.accepts(issued.token)
            proxy.delay = 0.25
            async with Crowd([slow, quick], people=3).at_work() as crowd:
                await crowd.more_have_left(2)
            await eventually("current", lambda: slow.current)
            assert slow.sessions.snapshots.recall(issued.token, passive=True) is not None
            await quick.sessions.revoke(issued.session.id, owner="ada")
            bound = slow.sessions.policy.max_staleness.total_seconds()
            assert await last_accepted(slow, issued.token) <= bound
            proxy.delay = 0.0
        await crowd.check(url)


async def test_law_09_a_store_that_accepts_and_never_answers(server: Server, kind: str) -> None:
    """Cables that are pulled: nothing says that the connection is gone."""
    url = server.new_database()
    async with Proxy.to(server.port) as proxy:
        patience = PATIENT[kind].replace("=2", "=0.5")
        serving = processes(f"{proxy.instead(url)}?{patience}", url)
        async with serving as (cut_off, other), Crowd([cut_off, other]).at_work() as crowd:
            await crowd.more_have_left(20)
            with proxy.silent():
                faults = crowd.faults
                await eventually("felt", lambda: crowd.faults > faults + 5)
                await eventually("stale", lambda: not cut_off.current)
            await crowd.all_works_again()
            await crowd.more_have_left(20)
        await crowd.check(url)


async def test_law_05_who_is_told_nothing_of_an_ending_stops_in_time(server: Server, kind: str) -> None:
    url = server.new_database()
    async with Proxy.to(server.port) as proxy:
        patience = PATIENT[kind].replace("=2", "=0.5")
        async with processes(f"{proxy.instead(url)}?{patience}", url) as (deaf, other):
            issued = [await other.sessions.start(f"user {n}") for n in range(10)]
            assert all([await deaf.accepts(each.token) for each in issued])
            with proxy.silent():
                for each in issued:
                    await other.sessions.revoke(each.session.id, owner=each.session.user_id)
                trying = [asyncio.create_task(last_accepted(deaf, each.token)) for each in issued]
                await eventually("stale", lambda: not deaf.current)
            last = max(await asyncio.gather(*trying))
            assert 0 < last <= deaf.sessions.policy.max_staleness.total_seconds()


# ── too many ──────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def held(url: str) -> Iterator[None]:
    """Somebody locks the whole table, and does not let go."""
    with psycopg.connect(url) as other:
        other.execute("lock table sessions in access exclusive mode")
        yield


async def test_law_09_a_pool_that_is_exhausted(postgres: Postgres) -> None:
    url = postgres.new_database()
    ours = f"{url}?pool_size=2&pool_timeout=0.3&command_timeout=20"
    async with processes(ours, ours) as serving, Crowd(serving, people=12).at_work() as crowd:
        await crowd.more_have_left(30)
        with await asyncio.to_thread(_entered, held(url)):
            faults = crowd.faults
            await eventually("felt", lambda: crowd.faults > faults + 10)
            assert all(process.current for process in serving)  # the log is polled on a connection of its own
        await crowd.all_works_again()
        await crowd.more_have_left(30)
    await crowd.check(url)


def _entered(manager: AbstractContextManager[Any]) -> Any:
    """*manager*, entered on this thread; leave it anywhere."""
    manager.__enter__()

    @contextmanager
    def leaving() -> Iterator[None]:
        try:
            yield
        finally:
            manager.__exit__(None, None, None)

    return leaving()
