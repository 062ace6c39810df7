"""Work that one process at a time does for all: a lease in the store says which, a loop goes on."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import ClassVar

from sojourn.sessions import AsyncSessions
from sojourn.settings_text import without_password

__all__ = ["Leader", "passed"]

_chance = secrets.SystemRandom()  # its own: programs seed the other one, and tests watch it


class Leader(ABC):
    """A kind of work. Any number of processes may run it: the one that has the lease works.

    All times are those of the façade's clock, and so the store's where it has one. Where it has none,
    of two processes whose clocks are a minute apart the one that is ahead takes the lease from the
    other and keeps it, and when it dies the others wait a minute longer. For the rest of one step both
    may work: a step does no harm when two do it.
    """

    lease: ClassVar[str]
    called: ClassVar[str]  # in the log
    log: ClassVar[logging.Logger]
    patience: ClassVar[float] = 5.0  # seconds that a shutdown waits for the step under way

    def __init__(
        self, sessions: AsyncSessions, *, every: timedelta, lasts: timedelta, holder: str | None = None
    ) -> None:
        """*every*: how often there is a step; *lasts*: how long the lease is held without another one."""
        self.sessions = sessions
        self.every, self.lasts = every, lasts
        self.leading = False
        self.faults: tuple[type[Exception], ...] = sessions.store.faults  # that need no traceback
        self._holder = holder
        self._name = secrets.token_hex(4)
        self._outage: str | None = None

    @property
    def holder(self) -> str:
        """This process by machine, number and chance: a forked child is somebody else."""
        return self._holder or f"{socket.gethostname()}:{os.getpid()}:{self._name}"

    async def now(self) -> datetime:
        """What time it is by the façade's clock, which a poll of the feed has set by the store's."""
        sessions = self.sessions
        if sessions.feed.due(sessions.clock()):
            await sessions.feed.poll()
        return sessions.clock()

    @abstractmethod
    async def step(self, now: datetime) -> object:
        """Do what is due at *now*, if the lease is to be had."""

    async def take(self, now: datetime) -> bool:
        """Take the lease, or extend it; whether it is ours."""
        held = await self.sessions.store.lease(self.lease, self.holder, at=now, until=now + self.lasts)
        if held != self.leading:
            self.log.debug("%s %s the lease", self.holder, "has" if held else "lost")
        self.leading = held
        return held

    async def leave(self, now: datetime) -> None:
        """Give the lease back, so that another process need not wait for its end."""
        if self.leading:
            self.leading = False
            await self.sessions.store.lease(self.lease, self.holder, at=now, until=now)

    # ── the loop ─────────────────────────────────────────────────────────────────────────────

    async def run(self, stop: asyncio.Event) -> None:
        """One step after another until *stop* is set. No fault ends it; each is logged once."""
        try:
            while not stop.is_set():
                await self._attempt()
                await self.pause(stop)
        finally:
            await self._go()

    async def pause(self, stop: asyncio.Event) -> None:
        """Wait for the next step, jittered, so that many processes do not ask in the same moment."""
        await passed(stop, self.every.total_seconds() * _chance.uniform(0.8, 1.2))

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Run beside what is inside, and end with it."""
        stop = asyncio.Event()
        running = asyncio.create_task(self.run(stop), name=f"sojourn {self.lease}")
        try:
            yield
        finally:
            stop.set()
            try:
                async with asyncio.timeout(self.patience):
                    await running
            except TimeoutError:
                self.log.warning("%s did not end in time, and was cut off", self.called)

    async def _attempt(self) -> None:
        try:
            await self.step(await self.now())
        except Exception as error:
            self._failed(error)
            return
        if self._outage is not None:
            self.log.warning("%s goes on", self.called)
            self._outage = None

    def _failed(self, error: Exception) -> None:
        """Say it once an outage; again only if it is another kind of failure."""
        kind = type(error).__name__
        if self._outage == kind:
            return
        self._outage = kind
        expected = isinstance(error, self.faults)
        self.log.warning(
            "%s waits for the store: %s: %s",
            self.called,
            kind,
            without_password(str(error)),
            exc_info=None if expected else error,
        )

    async def _go(self) -> None:
        try:
            async with asyncio.timeout(1):
                await self.leave(self.sessions.clock())
        except Exception as error:
            self.log.debug("the lease was not given back, and runs out: %s", type(error).__name__)


async def passed(stop: asyncio.Event, seconds: float) -> None:
    """Return after so many *seconds*, or as soon as *stop* is set."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        pass
