"""Starlette: bare, with its signed cookie, with starsessions."""

from __future__ import annotations

from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from benchmarks.apps import Places, user_name

__all__ = ["make"]


def make(places: Places, *, sessions: str = "") -> Starlette:
    """An application without sessions, or with those of "signed-cookie" or "starsessions"."""
    if not sessions:
        return Starlette(routes=[Route("/me", _anybody)])
    routes = [Route("/me", _me), Route("/create", _create, methods=["POST"])]
    return Starlette(routes=routes, middleware=_MIDDLEWARE[sessions](places))


async def _anybody(request: Request) -> JSONResponse:
    return JSONResponse({"user": "user-000"})


async def _me(request: Request) -> JSONResponse:
    user = request.session.get("user")
    return JSONResponse({"user": user}, status_code=200 if user else 401)


async def _create(request: Request) -> JSONResponse:
    request.session["user"] = user_name(request.query_params["user"])
    return JSONResponse({})


def _signed_cookie(places: Places) -> list[Middleware]:
    return [Middleware(SessionMiddleware, secret_key="x" * 32)]


def _starsessions(places: Places) -> list[Middleware]:
    import starsessions
    from redis.asyncio import Redis
    from starsessions.stores.redis import RedisStore

    store = RedisStore(connection=Redis.from_url(places.redis))
    return [
        Middleware(starsessions.SessionMiddleware, store=store, cookie_https_only=False, lifetime=1_209_600),
        Middleware(starsessions.SessionAutoloadMiddleware),
    ]


_MIDDLEWARE: dict[str, Any] = {"signed-cookie": _signed_cookie, "starsessions": _starsessions}
