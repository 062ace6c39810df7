"""What goes wrong on the way to the server, or in it, when a test asks for it by name."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from msgspec import Struct

__all__ = ["Fault", "Faults"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


class Fault(Struct, kw_only=True):
    """*name* befalls the requests to *path*: so many *times*, or all until it is healed."""

    name: str
    path: str
    times: int | None = None
    retry_after: int | None = None

    def befalls(self, path: str) -> bool:
        return path == self.path and self.times != 0


def _problem(status: int, code: str) -> tuple[int, dict[str, str], bytes]:
    body = json.dumps({"code": code, "message": "As the test asked.", "request_id": "req-of-the-test"})
    headers = {"content-type": "application/problem+json"}
    if status == 401:
        headers["x-session-code"] = code
    return status, headers, body.encode()


# What is answered in the place of the application.
ANSWERS: dict[str, tuple[int, dict[str, str], bytes]] = {
    "broken": _problem(500, "internal"),
    "away": _problem(503, "unavailable"),
    "busy": _problem(429, "rate_limited"),
    "forbidden": _problem(403, "forbidden"),
    "not fresh": _problem(403, "reauth_required"),
    "forged": _problem(403, "csrf_failed"),
    "missing": _problem(404, "not_found"),
    "always expired": _problem(401, "access_expired"),
    "somebody else's 401": (
        401,
        {"content-type": "text/html", "www-authenticate": "Negotiate"},
        b"<h1>Proxy authentication</h1>",
    ),
    "a portal": (200, {"content-type": "text/html"}, b"<h1>Welcome to our wireless network</h1>"),
}


class Faults:
    """The faults of one server. `held` answers or requests wait until they are let go."""

    def __init__(self) -> None:
        self._all: list[Fault] = []
        self._let_go = asyncio.Event()
        self.waiting = 0

    def add(self, fault: Fault) -> None:
        if fault.name not in (*ANSWERS, "held", "answer held", "no cookies"):
            raise ValueError(f"there is no fault called {fault.name!r}")
        self._all.append(fault)

    def let_go(self) -> None:
        """What waits goes on; what comes later waits for the next time."""
        self._let_go.set()
        self._let_go = asyncio.Event()

    def heal(self) -> None:
        self._all.clear()
        self.let_go()

    async def befall(self, app: App, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """*app*'s answer to this request, or what came between."""
        fault = next((fault for fault in self._all if fault.befalls(scope["path"])), None)
        if fault is None:
            await app(scope, receive, send)
            return
        if fault.times is not None:
            fault.times -= 1
        if fault.name in ANSWERS:
            await _answer(fault, send)
        elif fault.name == "held":
            await self._wait()
            await app(scope, receive, send)
        elif fault.name == "answer held":
            await app(scope, receive, self._later(receive, send))
        else:
            await app(scope, receive, _without_cookies(send))

    async def _wait(self) -> None:
        self.waiting += 1
        try:
            await self._let_go.wait()
        finally:
            self.waiting -= 1

    def _later(self, receive: Receive, send: Send) -> Send:
        """*send*, once it may; what nobody waits for any more is given up, as a connection that is cut."""

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                waits = [asyncio.ensure_future(self._wait()), asyncio.ensure_future(_left(receive))]
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                for wait in waits:
                    wait.cancel()
                await asyncio.gather(*waits, return_exceptions=True)
            await send(message)

        return sent


async def _left(receive: Receive) -> None:
    """Wait until the browser has closed its connection."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _without_cookies(send: Send) -> Send:
    """A browser that keeps no cookies looks like this from inside."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [(name, value) for name, value in message["headers"] if name != b"set-cookie"]
            message = {**message, "headers": kept}
        await send(message)

    return sent


async def _answer(fault: Fault, send: Send) -> None:
    status, headers, body = ANSWERS[fault.name]
    if fault.retry_after is not None:
        headers = {**headers, "retry-after": str(fault.retry_after)}
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    raw.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
