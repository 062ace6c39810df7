"""The floors once more, with what no session layer may leave out: still written by hand, in one function.

Beside `floor`: the token is checked, ends by time, by idleness and by revocation are seen, a change of
browser is noticed, the use is noted, and no shared cache keeps the answer. What was worked out of a
cookie or a row that is still the same is remembered, as the product does. There are no snapshots to
open, no bearers, no WebSockets, no refusals, no policy but the one that is written into the code, and
whoever follows the feed does nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec
from msgspec import Struct
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from benchmarks.apps import Places, user_name
from benchmarks.apps.floor import KINDS

__all__ = ["make"]

_LIFE, _IDLE, _TOUCH, _FOR = 14 * 24 * 3600.0, 24 * 3600.0, 60.0, 60.0
_STALE = 1.0  # seconds that the near cache is trusted after the feed was heard
_KEY = os.urandom(32)
_COOKIE = b"floor="


class _Record(Struct, gc=False):
    """What is kept of a session; about as many bytes as a row of the product."""

    user: str
    seen: float
    expires: float
    ends: float
    revoked: float | None
    agent: str
    device: str = "d" * 200


class _Near(Struct, gc=False):
    record: _Record
    made: float
    stale: float
    touch: float


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Record).decode


class _Middleware:
    def __init__(self, app: Any, store: Any, near: bool) -> None:
        self.app, self.store = app, store
        self.cookies: dict[bytes, bytes] = {}  # headers that were read, and the name in the store
        self.records: dict[bytes, tuple[bytes, _Record]] = {}
        self.near: dict[bytes, _Near] | None = {} if near else None
        self.noted: dict[bytes, float] = {}
        self.heard = time.time()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._following(scope, receive, send)
            return
        cookie = agent = None
        for name, value in scope["headers"]:
            if name == b"cookie":
                cookie = value
            elif name == b"user-agent":
                agent = value.decode("latin-1")
        record = None
        if cookie is not None and (name := self._name(cookie)) is not None:
            record = await self._valid(name)
            if record is not None and record.agent != agent and record.agent:
                record = None
        scope["user"] = record and record.user

        def sent(message: Any) -> Any:
            if message["type"] == "http.response.start":
                headers = message["headers"]
                headers.append((b"vary", b"Cookie"))
                if not any(name == b"cache-control" for name, _ in headers):
                    headers.append((b"cache-control", b"no-store"))
            return send(message)

        await self.app(scope, receive, sent)

    def _name(self, header: bytes) -> bytes | None:
        name = self.cookies.get(header)
        if name is None and (at := header.find(_COOKIE)) >= 0:
            end = header.find(b";", at)
            token = header[at + len(_COOKIE) : end if end >= 0 else None]
            id, mac = token[:22], token[22:]
            if len(token) == 44 and hmac.compare_digest(_mac(id), mac):
                name = urlsafe_b64decode(id + b"==")
                self.cookies[header] = name
        return name

    async def _valid(self, name: bytes) -> _Record | None:
        now = time.time()
        kept = None if self.near is None else self.near.get(name)
        if kept is not None and kept.made <= now < kept.stale and now - self.heard < _STALE:
            if now >= kept.touch:
                kept.touch = now + _TOUCH
                self.noted[name] = now
            return kept.record
        body = await self.store.get(name)
        if body is None:
            return None
        known = self.records.get(name)
        if known is None or known[0] != body:
            known = self.records[name] = body, _decode(body)
        record = known[1]
        if record.revoked is not None or now >= record.expires or now >= record.ends:
            return None
        if now - record.seen >= _TOUCH and now - self.noted.get(name, 0.0) >= _TOUCH:
            self.noted[name] = now
        if self.near is not None:
            self.near[name] = _Near(record, now, min(now + _FOR, record.expires), record.seen + _TOUCH)
        return record

    async def _following(self, scope: Any, receive: Any, send: Any) -> None:
        async def follow() -> None:
            while True:
                self.heard = time.time()
                await asyncio.sleep(0.25)

        task = asyncio.create_task(follow())
        await self.app(scope, receive, send)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _mac(id: bytes) -> bytes:
    return urlsafe_b64encode(hmac.digest(_KEY, id, hashlib.sha256)[:16])[:22]


def make(places: Places, *, store: str, near: bool = False, beside: int = 0) -> Starlette:
    """An application over the floor of *store*, which is asked each time unless there is a *near* cache.

    *beside*: bytes of another cookie that comes with each request, and of which nothing is made.
    """
    kept = KINDS[store](places, whole=True)

    async def me(request: Request) -> JSONResponse:
        user = request.scope["user"]
        return JSONResponse({"user": user}, status_code=200 if user else 401)

    async def create(request: Request) -> JSONResponse:
        name, now = os.urandom(16), time.time()
        user, agent = user_name(request.query_params["user"]), request.headers.get("user-agent", "")
        record = _Record(user, now, now + _IDLE, now + _LIFE, None, agent)
        await kept.put(name, user, now + _LIFE, _encode(record))
        id = urlsafe_b64encode(name)[:22]
        answer = JSONResponse({})
        answer.set_cookie("floor", (id + _mac(id)).decode(), httponly=True)
        if beside:
            answer.set_cookie("beside", "b" * beside, httponly=True)
        return answer

    @asynccontextmanager
    async def lifespan(app: Starlette) -> Any:
        await kept.open()
        yield

    return Starlette(
        routes=[Route("/me", me), Route("/create", create, methods=["POST"])],
        middleware=[Middleware(_Middleware, store=kept, near=near)],
        lifespan=lifespan,
    )
