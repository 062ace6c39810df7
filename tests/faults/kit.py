"""An application under load: its processes, the people who use it, and what must never happen to them."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Self
from uuid import UUID

from sojourn import AsyncSessions, Issued, Policy, Query, open_store
from sojourn.clock import StoreClock
from sojourn.errors import SessionError
from sojourn.testing import make_keys

__all__ = ["BACK", "Crowd", "Process", "eventually", "last_accepted", "processes"]

BACK = 5.0
"""Seconds after which everything must work again, once the store answers."""

_PATIENCE = 30.0  # seconds until what must come about counts as never coming
_FAULT = object()


async def eventually(what: str, true: Callable[[], Any], *, within: float = _PATIENCE) -> float:
    """How many seconds passed until *true* was true; what it answers may be awaited."""
    began = time.monotonic()
    while True:
        answer = true()
        if isinstance(answer, Awaitable):
            answer = await answer
        passed = time.monotonic() - began
        if answer:
            return passed
        assert passed < within, f"not {what} within {within:g} s"
        await asyncio.sleep(0.01)


class Process:
    """What one process of the application has: a façade over a store of its own; *ahead*: its wall clock."""

    def __init__(self, url: str, policy: Policy | None = None, *, ahead: float = 0.0) -> None:
        clock = StoreClock(wall=lambda: time.time() + ahead)
        self.sessions = AsyncSessions(open_store(url), keys=make_keys(), policy=policy, clock=clock)
        self.faults: tuple[type[Exception], ...] = (*self.sessions.faults, TimeoutError)

    @asynccontextmanager
    async def serving(self, *, following: bool = True) -> AsyncIterator[Self]:
        try:
            if following:
                async with self.sessions.following():
                    yield self
            else:
                yield self
        finally:
            await self.sessions.close()

    @property
    def current(self) -> bool:
        return self.sessions.feed.current(self.sessions.clock())

    async def accepts(self, token: str) -> bool | None:
        """Whether *token* is accepted; None: a fault."""
        try:
            await self.sessions.validate(token, passive=True)
        except self.faults:
            return None
        except SessionError:
            return False
        return True

    async def works(self) -> bool:
        """Whether each kind of verb works, and snapshots may be used."""
        try:
            issued = await self.sessions.start("somebody who looks whether it works")
            await self.sessions.validate(issued.token, sure=True)
            await self.sessions.refresh(issued.token)
            await self.sessions.revoke(issued.session.id, owner=issued.session.user_id)
        except self.faults:
            return False
        return self.current


@asynccontextmanager
async def processes(*urls: str, policy: Policy | None = None) -> AsyncIterator[list[Process]]:
    """One process for each of *urls*, all of which follow."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(Process(url, policy).serving()) for url in urls]


async def last_accepted(process: Process, token: str) -> float:
    """Seconds from now to the beginning of the last request with *token* that was accepted."""
    now, last = time.monotonic(), 0.0
    while True:
        began = time.monotonic()
        accepted = await process.accepts(token)
        if accepted:
            last = began - now
        if accepted is False:
            return last
        assert began < now + BACK, "never refused"
        await asyncio.sleep(0.005)


class Crowd:
    """People who sign in, use any of the processes, refresh and sign out, without end; and those who doubt.

    `wrong` says who was signed out, though he had not signed out; and which session was accepted longer
    than `max_staleness` after its ending had been acknowledged.
    """

    def __init__(self, processes: list[Process], *, people: int = 6, seed: int = 7) -> None:
        self.processes = processes
        self.ended: dict[str, tuple[UUID, float]] = {}  # by token: whose, and when that was acknowledged
        self.faults = 0
        self.wrong: list[str] = []
        self._stop = False
        self._people, self._seed = people, seed

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[Self]:
        """Everybody is busy inside; whatever else is raised there comes out of here."""
        async with asyncio.TaskGroup() as group:
            for number in range(self._people):
                group.create_task(self._person(number))
            group.create_task(self._doubter())
            try:
                yield self
            finally:
                self._stop = True

    async def more_have_left(self, number: int) -> None:
        """Wait until so many more have signed out."""
        enough = len(self.ended) + number
        await eventually("used by anybody", lambda: len(self.ended) >= enough)

    async def some_were_told_to_wait(self, number: int = 10) -> None:
        """Wait until so many more had a fault, and nobody is current."""
        enough = self.faults + number
        await eventually("felt by anybody", lambda: self.faults >= enough)
        await eventually("stale", lambda: not any(each.current for each in self.processes))

    async def all_works_again(self) -> float:
        """How many seconds that took."""
        began = time.monotonic()
        for process in self.processes:
            await eventually("back by itself", process.works, within=BACK)
        return time.monotonic() - began

    async def check(self, url: str) -> None:
        """Nobody was wronged, and every acknowledged ending is in the store, for who comes now."""
        assert self.wrong == []
        async with Process(url).serving() as newcomer:
            for token, (id, _) in self.ended.items():
                assert await newcomer.accepts(token) is False
                (stored,) = await newcomer.sessions.select(Query(id=id))
                assert stored.revoked_at is not None

    # ── what they do ─────────────────────────────────────────────────────────────────────────

    async def _person(self, number: int) -> None:
        chance = random.Random(f"{self._seed} {number}")
        while not self._stop:
            await self._stay(chance, f"user {number}")
            await asyncio.sleep(0.002)  # a person is not a loop

    async def _stay(self, chance: random.Random, user: str) -> None:
        """From signing in to signing out, at whatever process."""
        issued = await self._try(chance, lambda sessions: sessions.start(user))
        if not isinstance(issued, Issued):
            return
        id, token = issued.session.id, issued.token
        for _ in range(chance.randrange(2, 8)):
            if chance.random() < 0.2:
                issued = await self._try(chance, lambda sessions: sessions.refresh(token))  # noqa: B023
                token = issued.token if isinstance(issued, Issued) else token
            else:
                sure = chance.random() < 0.2
                await self._try(chance, lambda sessions: sessions.validate(token, sure=sure))  # noqa: B023
        if await self._try(chance, lambda sessions: sessions.revoke(id, owner=user)) is not _FAULT:
            self.ended[token] = id, time.monotonic()

    async def _try(self, chance: random.Random, act: Callable[[AsyncSessions], Awaitable[Any]]) -> Any:
        process = chance.choice(self.processes)
        try:
            return await act(process.sessions)
        except process.faults:
            self.faults += 1
            await asyncio.sleep(0.02)  # who is told to come back later does
        except SessionError as refusal:
            self.wrong.append(f"an honest user was refused: {refusal!r}")
        return _FAULT

    async def _doubter(self) -> None:
        while not self._stop:
            for token, (id, when) in list(self.ended.items())[-20:]:
                for process in self.processes:
                    began = time.monotonic()
                    bound = process.sessions.policy.max_staleness.total_seconds()
                    if await process.accepts(token) and began > when + bound:
                        self.wrong.append(f"{id} was accepted {began - when:.3f} s after its end")
            await asyncio.sleep(0.02)
