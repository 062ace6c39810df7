"""What one request costs with its session validated, as a ratio to bare Starlette: in process, without HTTP.

CPU time of this process, median of rounds that take turns, so that a busy machine hits all alike.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.routing import Route

from sojourn import AsyncSessions, Policy, open_store
from sojourn.testing import make_keys
from sojourn.web.starlette import SessionMiddleware, Site, session_from

ROUNDS, REQUESTS = 15, 400
ORIGIN = "http://127.0.0.1:8000"


async def bare_me(request: Any) -> JSONResponse:
    return JSONResponse({"user": "ada"})


async def me(request: Any) -> JSONResponse:
    session = await session_from(request)
    return JSONResponse({"user": session.user_id if session else None})


async def run() -> None:
    with tempfile.TemporaryDirectory() as folder:
        asked: dict[str, tuple[Any, dict[str, Any]]] = {
            "bare Starlette": (Starlette(routes=[Route("/me", bare_me)]), _scope(""))
        }
        for name, url in (("memory", "memory://"), ("SQLite", f"sqlite:///{Path(folder) / 'bench.db'}")):
            asked[f"validated, {name}"] = await _with_sessions(url)
        spent: dict[str, list[float]] = {name: [] for name in asked}
        for _ in range(ROUNDS):
            for name, (app, scope) in asked.items():
                spent[name].append(await _round(app, scope))
    bare = median(spent["bare Starlette"])
    print(f"{'GET /me in process':28} {'µs CPU':>8} {'over bare':>10} {'ratio':>6}")
    for name, rounds in spent.items():
        cost = median(rounds)
        print(f"{name:28} {cost:8.1f} {cost - bare:10.1f} {bare / cost:6.2f}")


async def _with_sessions(url: str) -> tuple[Any, dict[str, Any]]:
    sessions = AsyncSessions(open_store(url), keys=make_keys(), policy=Policy())
    site = Site(sessions, origin=ORIGIN)
    app = Starlette(routes=[Route("/me", me)], middleware=[Middleware(SessionMiddleware, site=site)])
    issued = await sessions.start("ada")
    return app, _scope(f"theme=dark; {site.carrier.name}={issued.token}")


def _scope(cookie: str) -> dict[str, Any]:
    headers = [(b"host", b"127.0.0.1:8000"), (b"user-agent", b"bench"), (b"accept", b"*/*")]
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/me",
        "raw_path": b"/me",
        "query_string": b"",
        "root_path": "",
        "headers": [*headers, (b"cookie", cookie.encode())] if cookie else headers,
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
    }


async def _round(app: Callable[..., Any], scope: dict[str, Any]) -> float:
    """Microseconds of CPU for one request, over a round."""
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    began = time.process_time()
    for _ in range(REQUESTS):
        await app(dict(scope), receive, send)
    spent = time.process_time() - began
    if set(statuses) != {200} or len(statuses) != REQUESTS:
        raise RuntimeError(f"not every request was answered 200: {set(statuses)}")
    return spent / REQUESTS * 1e6


def main() -> None:
    asyncio.run(run())


if __name__ == "__main__":
    main()
