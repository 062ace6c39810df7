"""The two ways to wait: a blocking one for scripts, Django and Flask, and one for event loops."""

from __future__ import annotations

import os
import sys
import time
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from sojourn.blocking import drive
from sojourn.client.errors import AnswerRejected
from sojourn.client.wire import LARGEST, Lost, Reply

if TYPE_CHECKING:
    import httpx2

__all__ = ["Blocking", "Suspending", "forget_after_fork", "run"]

T = TypeVar("T")


class Blocking:
    """Over an `httpx2.BaseTransport`. Any number of threads may use it."""

    def __init__(
        self,
        transport: httpx2.BaseTransport | None,
        *,
        timeout: float,
        monotonic: Callable[[], float],
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self._given, self._own = transport, _Own()
        self._timeout, self._monotonic = timeout, monotonic
        self._sleep = sleep or time.sleep

    async def send(self, request: httpx2.Request, *, until: float) -> Reply:
        import httpx2

        transport: Any = self._given or self._own.get(httpx2.HTTPTransport)
        with _Told(httpx2):
            reading = _Reading(self._timeout, self._monotonic, until)
            reading.allow(request)
            response = transport.handle_request(request)
            try:
                reading.begin(response)
                for chunk in response.stream:
                    reading.add(chunk)
            finally:
                response.close()
            return reading.reply(response)

    async def sleep(self, seconds: float) -> None:
        self._sleep(seconds)

    def lock(self) -> AbstractAsyncContextManager[Any]:
        return _Held()

    async def close(self) -> None:
        transport: Any = self._own.take()
        if transport is not None:
            transport.close()


class Suspending:
    """Over an `httpx2.AsyncBaseTransport`. One event loop uses it."""

    def __init__(
        self,
        transport: httpx2.AsyncBaseTransport | None,
        *,
        timeout: float,
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] | None = None,
    ) -> None:
        self._given, self._own = transport, _Own()
        self._timeout, self._monotonic = timeout, monotonic
        self._sleep = sleep

    async def send(self, request: httpx2.Request, *, until: float) -> Reply:
        import asyncio

        import httpx2

        transport: Any = self._given or self._own.get(httpx2.AsyncHTTPTransport)
        with _Told(httpx2):
            reading = _Reading(self._timeout, self._monotonic, until)
            async with asyncio.timeout(reading.allow(request)):
                response = await transport.handle_async_request(request)
                try:
                    reading.begin(response)
                    async for chunk in response.stream:
                        reading.add(chunk)
                finally:
                    await response.aclose()
            return reading.reply(response)

    async def sleep(self, seconds: float) -> None:
        import asyncio

        await (self._sleep or asyncio.sleep)(seconds)

    def lock(self) -> AbstractAsyncContextManager[Any]:
        import asyncio

        return asyncio.Lock()

    async def close(self) -> None:
        transport: Any = self._own.take()
        if transport is not None:
            await transport.aclose()


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Drive a verb, unless an event loop runs here: blocking it would stop every other request."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is not None and asyncio._get_running_loop() is not None:
        coroutine.close()
        raise RuntimeError("Client blocks, and an event loop is running here; use connect_async()")
    return drive(coroutine)


def forget_after_fork(thing: Any) -> None:
    """A child must not share what its parent holds: *thing*, while it lives, is told to `forget` there."""
    alive = weakref.ref(thing)

    def forget() -> None:
        if (found := alive()) is not None:
            found.forget()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=forget)


class _Own:
    """The transport that nobody gave us. A forked child opens another: a shared socket mixes answers."""

    def __init__(self) -> None:
        self.forget()
        forget_after_fork(self)

    def forget(self) -> None:
        self._transport: Any = None
        self._lock = Lock()  # the parent may have been inside

    def get(self, make: Callable[[], Any]) -> Any:
        if self._transport is None:
            with self._lock:
                if self._transport is None:
                    self._transport = make()
        return self._transport

    def take(self) -> Any:
        """To be closed; the next question opens another."""
        found, self._transport = self._transport, None
        return found


class _Held(AbstractAsyncContextManager["_Held"]):
    """A lock of threads that a driven coroutine can hold; in a forked child nobody does."""

    def __init__(self) -> None:
        self.forget()
        forget_after_fork(self)

    def forget(self) -> None:
        self._lock = Lock()

    async def __aenter__(self) -> _Held:
        self._lock.acquire()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()


class _Reading:
    """One answer on its way in: neither larger nor later than agreed."""

    def __init__(self, timeout: float, monotonic: Callable[[], float], until: float) -> None:
        self._monotonic, self._body = monotonic, bytearray()
        self._left = min(timeout, max(until - monotonic(), 0.001))
        self._until = min(until, monotonic() + timeout)

    def allow(self, request: httpx2.Request) -> float:
        """Each of these may take the time that is left; the whole of them is watched while reading."""
        phases = ("connect", "read", "write", "pool")
        request.extensions["timeout"] = dict.fromkeys(phases, self._left)
        return self._left

    def begin(self, response: httpx2.Response) -> None:
        if response.headers.get("content-encoding", "identity").lower() not in ("identity", ""):
            raise AnswerRejected(
                "The answer is compressed, which was not asked for.", status=response.status_code
            )

    def add(self, chunk: bytes) -> None:
        self._body += chunk
        if len(self._body) > LARGEST:
            raise AnswerRejected(f"The answer is larger than {LARGEST // 1024**2} MB.")
        if self._monotonic() > self._until:
            raise Lost(TimeoutError("it came too slowly"), late=True)

    def reply(self, response: httpx2.Response) -> Reply:
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Reply(response.status_code, headers, bytes(self._body))


class _Told:
    """What the driver raises inside is a `Lost`."""

    def __init__(self, httpx2: Any) -> None:
        self._httpx2 = httpx2

    def __enter__(self) -> None: ...

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, (self._httpx2.TimeoutException, TimeoutError)):
            raise Lost(error, late=True) from error
        if isinstance(error, (self._httpx2.TransportError, OSError)):
            raise Lost(error, late=False) from error
