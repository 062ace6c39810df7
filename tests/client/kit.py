"""Clients of both faces over a server in this process, or over answers that a test wrote down."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import httpx2
from anyio.from_thread import BlockingPortal

from sojourn.client import AsyncClient, Client, connect, connect_async

if TYPE_CHECKING:
    from tests.web.kit import Guests

__all__ = [
    "ACCESS",
    "COUNT",
    "LIST",
    "ORIGIN",
    "SESSION",
    "Awaited",
    "InProcess",
    "Script",
    "open_client",
    "over_server",
    "problem",
]

ORIGIN = "https://good.test"
ACCESS, SESSION = "eyJh.eyJz.c2ln", "sjn_abc"
COUNT = httpx2.Response(200, json={"count": 2})
LIST = httpx2.Response(200, json={"sessions": [], "count": 0, "server_now": "2026-03-02T09:00:00.000Z"})


class InProcess(httpx2.BaseTransport):
    """Blocking requests to an application that runs in another thread's event loop."""

    def __init__(self, app: Any, portal: BlockingPortal) -> None:
        self._inner, self._portal = httpx2.ASGITransport(app, client=("203.0.113.9", 50_000)), portal

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        return self._portal.call(self._answer, request)

    async def _answer(self, request: httpx2.Request) -> httpx2.Response:
        answer = await self._inner.handle_async_request(request)
        return httpx2.Response(answer.status_code, headers=answer.headers, content=await answer.aread())


class Awaited:
    """What suspends, behind a face that blocks: one test serves both clients."""

    def __init__(self, inner: Any, run: Callable[..., Any]) -> None:
        self._inner, self._run = inner, run

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if inspect.isasyncgenfunction(found):
            return lambda *given, **named: self._drained(found(*given, **named))
        if inspect.iscoroutinefunction(found):
            return lambda *given, **named: self._run(lambda: found(*given, **named))
        if type(found).__name__.startswith("Async"):
            return Awaited(found, self._run)
        return found

    def _drained(self, rows: Any) -> Iterator[Any]:
        async def drain() -> list[Any]:
            return [row async for row in rows]

        yield from self._run(drain)


def over_server(guests: Guests, face: str, **named: Any) -> Any:
    """A client of a server in this process; its tests see the blocking face in either case."""
    portal = guests.portal
    assert portal is not None
    if face == "blocking":
        return connect(ORIGIN, transport=InProcess(guests.app, portal), **named)
    transport = httpx2.ASGITransport(guests.app, client=("203.0.113.9", 50_000))
    return Awaited(connect_async(ORIGIN, transport=transport, **named), portal.call)


class Script:
    """Answers one after another, the last for good: a status, a response, or a fault that is raised.

    A pretended clock: a sleep, and whatever a test says, lets time pass.
    """

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)
        self.requests: list[httpx2.Request] = []
        self.allowed: list[float] = []  # seconds for each attempt
        self.slept: list[float] = []
        self.now = 1_000.0

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        request.read()
        self.requests.append(request)
        self.allowed.append(request.extensions["timeout"]["read"])
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if callable(answer):
            answer = answer(self, request)
        if isinstance(answer, Exception):
            raise answer
        return problem(answer) if isinstance(answer, int) else answer

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    async def sleep_async(self, seconds: float) -> None:
        self.sleep(seconds)

    def monotonic(self) -> float:
        return self.now


def open_client(script: Script, face: str, run: Callable[..., Any], url: str = ORIGIN, **named: Any) -> Any:
    """A client whose requests *script* answers."""
    given: dict[str, Any] = {"transport": httpx2.MockTransport(script), "monotonic": script.monotonic} | named
    if face == "blocking":
        client: Client = connect(url, sleep=script.sleep, **given)
        return client
    suspending: AsyncClient = connect_async(url, sleep=script.sleep_async, **given)
    return Awaited(suspending, run)


def problem(status: int, code: str | None = None, **fields: Any) -> httpx2.Response:
    """A refusal as the server says it."""
    headers = {"retry-after": str(fields.pop("after"))} if "after" in fields else {}
    known = {401: "token_invalid", 404: "not_found", 429: "rate_limited", 500: "internal_error"}
    body = {
        "code": code or known.get(status, "unavailable"),
        "message": "No.",
        "request_id": "5eed",
        "status": status,
    }
    return httpx2.Response(status, json=body | fields, headers=headers)
