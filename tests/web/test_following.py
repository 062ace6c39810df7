"""The middleware follows the feed by itself, for as long as the application serves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, ClassVar

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from sojourn import AsyncSessions, following
from sojourn.testing import FakeClock
from sojourn.web.starlette import SessionMiddleware, Site, session_from
from tests.web.kit import ORIGIN, SESSION, make_server, make_site


class Followed:
    """How many follow the feed of a site now, and how many have at most at once."""

    every: ClassVar[dict[AsyncSessions, Followed]] = {}

    def __init__(self, site: Site) -> None:
        self.now, self.most = 0, 0
        self.every[site.sessions] = self


@pytest.fixture(autouse=True)
def counting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    begin = following._following

    @asynccontextmanager
    async def counted(sessions: AsyncSessions) -> AsyncIterator[None]:
        followed = Followed.every.get(sessions) or Followed(Site(sessions, origin=ORIGIN))
        async with begin(sessions):
            followed.now += 1
            followed.most = max(followed.most, followed.now)
            yield
            followed.now -= 1

    monkeypatch.setattr(following, "_following", counted)
    yield
    Followed.every.clear()


@pytest.fixture
def site(clock: FakeClock) -> Site:
    return make_site(clock)


@pytest.fixture
def followed(site: Site) -> Followed:
    return Followed(site)


async def me(request: Request) -> Response:
    session = await session_from(request)
    return JSONResponse({"me": session and session.user_id})


def application(site: Site, *more: Middleware, lifespan: Any = None) -> Starlette:
    own = Middleware(SessionMiddleware, site=site)
    return Starlette(routes=[Route("/me", me)], middleware=[own, *more], lifespan=lifespan)


def test_the_feed_is_followed_while_a_starlette_application_serves(site, followed):
    with TestClient(application(site)):
        assert followed.now == 1
    assert followed.now == 0


def test_the_feed_is_followed_while_a_fastapi_application_serves(site, followed):
    app = FastAPI()
    app.add_middleware(SessionMiddleware, site=site)
    with TestClient(app):
        assert followed.now == 1
    assert followed.now == 0


def test_two_middlewares_over_one_site_follow_once(site, followed):
    with TestClient(application(site, Middleware(SessionMiddleware, site=site))):
        assert followed.now == 1
    assert (followed.now, followed.most) == (0, 1)


def test_an_application_that_follows_and_the_middleware_around_it_follow_once(site, followed):
    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        async with site.sessions.following():
            assert followed.now == 1
            yield
            assert followed.now == 1

    with TestClient(application(site, lifespan=lifespan)):
        assert followed.now == 1
    assert (followed.now, followed.most) == (0, 1)


def test_two_event_loops_follow_each_for_itself(site, followed):
    with TestClient(application(site)), TestClient(application(site)):
        assert followed.now == 2
    assert followed.now == 0


def test_the_server_follows_once(clock):
    server = make_server(clock)
    followed = Followed(server.site)
    with server.open():
        assert followed.now == 1
    assert (followed.now, followed.most) == (0, 1)


def test_the_server_follows_where_it_is_mounted_too(clock):
    server = make_server(clock)
    followed = Followed(server.site)

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        async with server.app.router.lifespan_context(server.app):
            yield

    with TestClient(Starlette(routes=[Mount("/auth", server.app)], lifespan=lifespan)) as client:
        assert followed.now == 1
        assert client.get("/auth/readyz").json()["status"] == "ready"
    assert (followed.now, followed.most) == (0, 1)


@contextmanager
def serving(site: Site, **named: Any) -> Iterator[list[tuple[str, int]]]:
    """An application that notes who follows while it starts and while it ends."""
    noted: list[tuple[str, int]] = []
    followed = Followed(site)

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        noted.append(("starting", followed.now))
        yield
        noted.append(("ending", followed.now))

    with TestClient(application(site, lifespan=lifespan)):
        yield noted
    noted.append(("ended", followed.now))


def test_what_the_application_opens_around_serving_is_open_while_the_feed_is_followed(site):
    with serving(site) as noted:
        pass
    assert noted == [("starting", 0), ("ending", 0), ("ended", 0)]


def test_what_waits_is_written_before_the_application_closes_the_store(site, clock):
    seen: list[Any] = []
    issued = asyncio.run(site.sessions.start("ada"))

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        yield
        seen.append((await site.sessions.store.get(issued.session.id)).seen_at)

    with TestClient(application(site, lifespan=lifespan), base_url=ORIGIN) as client:
        assert site.sessions.activity.waits
        clock.tick(minutes=2)
        client.get("/me", headers={"cookie": f"{SESSION}={issued.token}"})
    assert seen == [clock()]


def test_an_application_that_does_not_start_follows_nothing(site, followed):
    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        if not followed.now:
            raise OSError("no database")
        yield

    with pytest.raises(OSError, match="no database"), TestClient(application(site, lifespan=lifespan)):
        pass
    assert (followed.now, followed.most) == (0, 0)


def test_where_no_lifespan_comes_requests_poll_for_themselves(site, clock):
    issued = asyncio.run(site.sessions.start("ada"))
    client = TestClient(application(site), base_url=ORIGIN)
    client.headers["cookie"] = f"{SESSION}={issued.token}"
    assert client.get("/me").json() == {"me": "ada"}
    asyncio.run(_revoked_elsewhere(site, clock))
    clock.tick(seconds=1)
    assert client.get("/me").json() == {"me": None}


async def _revoked_elsewhere(site: Site, clock: FakeClock) -> None:
    sessions = site.sessions
    await AsyncSessions(sessions.store, keys=sessions.keys, clock=clock).revoke_all("ada")
