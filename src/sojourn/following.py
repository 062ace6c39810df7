"""Following the feed in the background of an event loop: poll, be woken by a push, flush activity."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from random import SystemRandom
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sojourn.sessions import AsyncSessions

__all__ = ["Followed", "following"]

_log = logging.getLogger("sojourn")
_random = SystemRandom()  # `random` itself is the application's, which may have seeded it; a fork copies it
_PATIENCE = 5.0  # seconds until a store is asked again for its push, and that a poll may take


class Followed:
    """What the blocks of one event loop share that follow at the same time."""

    def __init__(self) -> None:
        self.blocks = 0
        self.beginning = asyncio.Lock()
        self.follower: AsyncExitStack | None = None


@asynccontextmanager
async def following(sessions: AsyncSessions) -> AsyncIterator[None]:
    """Keep the feed of *sessions* current for as long as the block lasts; then write what waits.

    Blocks of one event loop that overlap share one follower: an application may follow, and the
    middleware around it. The bound of law 5 never depends on the push: a poll comes every
    `Policy.poll_every` without it.
    """
    loop = asyncio.get_running_loop()
    followed = sessions.followed.setdefault(loop, Followed())
    followed.blocks += 1
    try:
        async with followed.beginning:  # if the first gives up the second begins
            if followed.follower is None:
                async with AsyncExitStack() as begun:
                    await begun.enter_async_context(_following(sessions))
                    followed.follower = begun.pop_all()
        yield
    finally:
        followed.blocks -= 1
        if not followed.blocks:
            del sessions.followed[loop]
            if followed.follower is not None:
                await followed.follower.aclose()


@asynccontextmanager
async def _following(sessions: AsyncSessions) -> AsyncIterator[None]:
    follower = _Follower(sessions)
    await follower.read()  # so that the first request finds a current feed, and the store's time
    tasks = [asyncio.create_task(loop()) for loop in (follower.poll, follower.listen, follower.flush)]
    sessions.activity.waits = bool(sessions.policy.flush_every)
    try:
        yield
    finally:
        sessions.activity.waits = False
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await sessions.activity.try_flush()


class _Follower:
    def __init__(self, sessions: AsyncSessions) -> None:
        self._sessions = sessions
        self._pushed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._reading = _Outage(sessions, "the feed cannot be read")
        self._hearing = _Outage(sessions, "the store pushes nothing, the feed is polled all the same")
        self._writing = _Outage(sessions, "activity cannot be written, and waits")

    async def poll(self) -> None:
        """Also where no snapshot is used: a poll tells the time."""
        every = self._sessions.policy.poll_every.total_seconds()
        while True:
            # Jittered, so that many processes do not ask in the same moment.
            with suppress(TimeoutError):
                async with asyncio.timeout(every * _random.uniform(0.8, 1.0)):
                    await self._pushed.wait()
            self._pushed.clear()
            await self.read()

    async def read(self) -> None:
        """Poll once. A poll that got stuck is given up, or nobody would ever poll again."""
        with self._reading:
            async with asyncio.timeout(_PATIENCE):
                await self._sessions.feed.poll()
            self._reading.over()

    async def listen(self) -> None:
        """Be woken by the store. One that gives no hints returns at once, and is left alone."""
        while True:
            with self._hearing:
                return await self._sessions.store.listen(self._wake)
            await asyncio.sleep(_PATIENCE * _random.uniform(0.1, 1.0))

    async def flush(self) -> None:
        every = self._sessions.policy.flush_every.total_seconds()
        while every:
            await asyncio.sleep(every)
            with self._writing:
                if await self._sessions.activity.flush():
                    self._writing.over()

    def _wake(self) -> None:
        """The log may have grown; called on whatever thread noticed."""
        with suppress(RuntimeError):  # the loop has closed meanwhile
            self._loop.call_soon_threadsafe(self._pushed.set)


class _Outage:
    """Swallows what goes wrong inside: whoever follows goes on, whatever happens to the store.

    The log is told once when something stops to work, and once when it works again.
    """

    def __init__(self, sessions: AsyncSessions, what: str) -> None:
        self._faults = (*sessions.faults, TimeoutError)
        self._what, self._on = what, False

    def __enter__(self) -> None: ...

    def __exit__(self, _: object, error: BaseException | None, __: object) -> bool:
        if isinstance(error, self._faults):
            if not self._on:
                self._on = True
                _log.warning("%s: %r", self._what, error)
        elif isinstance(error, Exception):
            _log.error("%s: a mistake of ours; going on", self._what, exc_info=error)
        return isinstance(error, Exception)

    def over(self) -> None:
        if self._on:
            self._on = False
            _log.warning("over: %s", self._what)
