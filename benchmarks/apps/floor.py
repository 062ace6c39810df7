"""The floors: the least that asks for a session, written by hand, without any feature.

A cookie is found, hashed and looked up, and what is found is compared with the time. There is no device, no
idle limit, no revocation, no rotation, no CSRF, and no header that keeps an answer out of caches.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sqlite3
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from benchmarks.apps import Places, user_name

__all__ = ["KINDS", "make"]

_LIFE = 14 * 24 * 3600
_BODY = b"x" * 350
Found = Any  # the user and the end, or the body if that is wanted; None if there is nothing


class _Memory:
    """Rows by name. Read are the user and the end, or of *whole* ones the body."""

    def __init__(self, places: Places, *, whole: bool = False) -> None:
        self.whole = whole
        self.rows: dict[bytes, Found] = {}

    async def open(self) -> None: ...

    async def put(self, name: bytes, user: str, end: float, body: bytes = _BODY) -> None:
        self.rows[name] = body if self.whole else (user, end)

    async def get(self, name: bytes) -> Found:
        return self.rows.get(name)


class _Sqlite(_Memory):
    """The standard library on the event loop's own thread."""

    def __init__(self, places: Places, *, whole: bool = False) -> None:
        super().__init__(places, whole=whole)
        self.db = db = sqlite3.connect(
            places.file("floor-app.db"), isolation_level=None, check_same_thread=False
        )
        db.execute("pragma journal_mode = wal")
        db.execute("pragma synchronous = normal")
        db.execute("pragma mmap_size = 1000000000")
        db.execute("create table s (name blob primary key, user text, ends real, body blob) without rowid")

        self.one = f"select {'body' if whole else 'user, ends'} from s where name = ?"

    async def put(self, name: bytes, user: str, end: float, body: bytes = _BODY) -> None:
        self.db.execute("insert into s values (?, ?, ?, ?)", (name, user, end, body))

    async def get(self, name: bytes) -> Found:
        row = self.db.execute(self.one, (name,)).fetchone()
        return row[0] if self.whole and row else row


class _Batched(_Memory, ABC):
    """Lookups that come while one is under way go together in the next."""

    def __init__(self, places: Places, *, whole: bool = False) -> None:
        super().__init__(places, whole=whole)
        self.places = places
        self.waiting: dict[bytes, asyncio.Future[Found]] = {}
        self.task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        self.loop = asyncio.get_running_loop()  # which asks the kernel: not with each request

    def get(self, name: bytes) -> Awaitable[Found]:  # type: ignore[override]
        found = self.waiting.get(name)
        if found is None:
            found = self.waiting[name] = self.loop.create_future()
            if self.task is None:
                self.task = asyncio.create_task(self._run())
        return found

    async def _run(self) -> None:
        while self.waiting:
            asked, self.waiting = self.waiting, {}
            rows = await self.ask(list(asked))
            for name, future in asked.items():
                future.set_result(rows.get(name))
        self.task = None

    @abstractmethod
    async def ask(self, names: list[bytes]) -> dict[bytes, Found]:
        """What is there of *names*, in one question."""


class _Postgres(_Batched):
    async def open(self) -> None:
        import asyncpg

        await super().open()
        # A connection takes one statement at a time: those who sign in must not meet those who look up.
        self.reads, self.writes = [await asyncpg.connect(self.places.postgres) for _ in range(2)]
        self.turn = asyncio.Lock()
        await self.writes.execute(
            "create table s (name bytea primary key, usr text, ends float8, body bytea)"
        )
        columns = "body" if self.whole else "usr, ends"
        self.one = await self.reads.prepare(f"select name, {columns} from s where name = any($1)")

    async def put(self, name: bytes, user: str, end: float, body: bytes = _BODY) -> None:
        async with self.turn:
            await self.writes.execute("insert into s values ($1, $2, $3, $4)", name, user, end, body)

    async def ask(self, names: list[bytes]) -> dict[bytes, Found]:
        rows = await self.one.fetch(names)
        return {row[0]: row[1] if self.whole else (row[1], row[2]) for row in rows}


class _Redis(_Batched):
    async def open(self) -> None:
        from redis.asyncio import Redis

        await super().open()
        self.db: Any = Redis.from_url(self.places.redis)

    async def put(self, name: bytes, user: str, end: float, body: bytes = _BODY) -> None:
        await self.db.set(name, body if self.whole else f"{end} {user}")

    async def ask(self, names: list[bytes]) -> dict[bytes, Found]:
        values = await self.db.mget(names)
        if self.whole:
            return dict(zip(names, values, strict=True))
        pairs = (
            (name, value.decode().split(" ")) for name, value in zip(names, values, strict=True) if value
        )
        return {name: (user, float(end)) for name, (end, user) in pairs}


KINDS: dict[str, Callable[[Places], Any]] = {
    "memory": _Memory,
    "sqlite": _Sqlite,
    "postgres": _Postgres,
    "redis": _Redis,
}


class _Middleware:
    def __init__(self, app: Any, store: Any) -> None:
        self.app, self.store = app, store

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope["user"] = None
            for name, value in scope["headers"]:
                if name == b"cookie":
                    at = value.find(b"floor=")
                    if at >= 0:
                        end = value.find(b";", at)
                        token = value[at + 6 : end if end >= 0 else None]
                        found = await self.store.get(hashlib.sha256(token).digest())
                        if found is not None and time.time() < found[1]:
                            scope["user"] = found[0]
        await self.app(scope, receive, send)


def make(places: Places, *, store: str) -> Starlette:
    """An application over the floor of *store*."""
    kept = KINDS[store](places)

    async def me(request: Request) -> JSONResponse:
        user = request.scope["user"]
        return JSONResponse({"user": user}, status_code=200 if user else 401)

    async def create(request: Request) -> JSONResponse:
        token = os.urandom(32).hex()
        name = hashlib.sha256(token.encode()).digest()
        await kept.put(name, user_name(request.query_params["user"]), time.time() + _LIFE)
        answer = JSONResponse({})
        answer.set_cookie("floor", token, httponly=True)
        return answer

    @asynccontextmanager
    async def lifespan(app: Starlette) -> Any:
        await kept.open()
        yield

    return Starlette(
        routes=[Route("/me", me), Route("/create", create, methods=["POST"])],
        middleware=[Middleware(_Middleware, store=kept)],
        lifespan=lifespan,
    )
