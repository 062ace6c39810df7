"""Sojourn in Starlette: any store, any policy."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from benchmarks.apps import Places, user_name
from sojourn import AsyncSessions, Policy, open_store
from sojourn.testing import make_keys
from sojourn.web.asgi import visit_of
from sojourn.web.starlette import SessionMiddleware, Site, login, session_from

__all__ = ["address", "make"]


def make(
    places: Places,
    *,
    store: str,
    policy: dict[str, Any],
    commits: int = 0,
    settled: bool = False,
    trusted_proxies: Sequence[str] = (),
) -> Starlette:
    """An application over the store of kind *store*, under the default policy but for *policy*.

    *commits*: so many times a second something is written that no request asks for. *settled*: what
    is loaded is frozen, as `docs/how-to/deploy.md` advises and `sojourn serve` does.
    """
    sessions = AsyncSessions(open_store(address(store, places)), keys=make_keys(), policy=Policy(**policy))
    site = Site(sessions, origin="http://127.0.0.1:8000", trusted_proxies=trusted_proxies)
    routes = [
        Route("/me", _me),
        Route("/create", _create, methods=["POST"]),
        Route("/refresh", _refresh, methods=["POST"]),
    ]

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        writing = asyncio.create_task(_write(sessions, commits))
        async with sessions.following():
            if settled:
                _settle()
            yield
        writing.cancel()
        await sessions.close()

    return Starlette(routes=routes, middleware=[Middleware(SessionMiddleware, site=site)], lifespan=lifespan)


def _settle() -> None:
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)


async def _write(sessions: AsyncSessions, commits: int) -> None:
    while commits:
        now = sessions.clock()
        await sessions.store.lease("benchmark", "benchmark", at=now, until=now + timedelta(minutes=1))
        await asyncio.sleep(1 / commits)


def address(store: str, places: Places) -> str:
    """The URL of an empty store of kind *store*."""
    return {
        "memory": "memory://",
        "sqlite": f"sqlite:///{places.file('sojourn.db')}",
        "postgres": places.postgres,
        "redis": places.redis,
    }[store]


async def _me(request: Request) -> JSONResponse:
    session = await session_from(request)
    if session is None:
        return JSONResponse({}, status_code=401)
    return JSONResponse({"user": session.user_id})


async def _create(request: Request) -> JSONResponse:
    await login(request, user_name(request.query_params["user"]))
    return JSONResponse({})


async def _refresh(request: Request) -> JSONResponse:
    await visit_of(request.scope).refresh()
    return JSONResponse({})
