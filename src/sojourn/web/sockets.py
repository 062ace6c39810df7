"""WebSockets outlive their request: they are closed when their session ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

from sojourn import lifecycle
from sojourn.session import Session
from sojourn.sessions import AsyncSessions
from sojourn.web.site import Site, Wake
from sojourn.web.visit import Visit

__all__ = ["Handshake", "until_it_ends"]

_log = logging.getLogger("sojourn")
_PATIENCE = 10  # times `max_staleness`: how long a socket may stay open that could not be told of its end


class Handshake(Visit):
    """The visit of a WebSocket. From the moment that its session is asked for, it ends with that."""

    def __init__(self, *asked: Any) -> None:
        super().__init__(*asked)
        self.unanswerable = True  # a token that was replaced now would be lost
        self._let_go: Wake | None = None
        self._guards: list[asyncio.Task[None]] = []

    async def session(self, *, sure: bool = False) -> Session | None:
        session = await super().session(sure=sure)
        if session is not None and self._let_go is not None and not self._guards:
            self._guards.append(asyncio.create_task(_guard(self.site, session, self._let_go)))
        return session

    def begin(self, let_go: Wake) -> None:
        """Call *let_go* when the session ends."""
        self._let_go = let_go

    async def over(self) -> None:
        """The socket is closed."""
        self._let_go = None
        for task in self._guards:
            task.cancel()
        await asyncio.gather(*self._guards, return_exceptions=True)


async def until_it_ends(visit: Handshake, application: Callable[[], Awaitable[None]]) -> bool:
    """Let *application* run; false if it was cut off because the session of *visit* ended."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:  # another kind of loop, on which nobody follows the feed
        await application()
        return True
    try:
        async with visit.site.following(), asyncio.timeout(None) as limit:
            visit.begin(lambda: limit.reschedule(loop.time()))
            await application()
    except TimeoutError:
        if not limit.expired():
            raise
        return False
    finally:
        await visit.over()
    return True


async def _guard(site: Site, session: Session, let_go: Wake) -> None:
    """Wait for the end of *session*: told by the feed, or by time."""
    try:
        await _end(site, session)
    except Exception:
        _log.exception("a WebSocket is closed, because nobody watches over its session any more")
    let_go()


async def _end(site: Site, session: Session) -> None:
    sessions, loop, told = site.sessions, asyncio.get_running_loop(), asyncio.Event()
    patience = _PATIENCE * sessions.policy.max_staleness
    lives: Session | None = session
    if session.parent_id is not None:  # it ends with that one, also with a renewal, which wakes nobody
        patience = sessions.policy.max_staleness

    def wake() -> None:
        loop.call_soon_threadsafe(told.set)

    with site.waiting(session.id, wake), site.waiting(session.parent_id or session.id, wake):
        while lives is not None and not told.is_set():
            left = lifecycle.end(lives, sessions.policy) - sessions.clock()
            wait = max(min(left, patience), sessions.policy.poll_every)
            with suppress(TimeoutError):
                await asyncio.wait_for(told.wait(), wait.total_seconds())
            lives = await _still(sessions, lives, sessions.clock())


async def _still(sessions: AsyncSessions, session: Session, now: datetime) -> Session | None:
    """*session* if it lives at *now*, as far as anybody can tell; None also if nobody could have told us."""
    age = sessions.feed.age(now)
    if age is None or age > _PATIENCE * sessions.policy.max_staleness:
        return None
    try:
        if session.parent_id is not None and not await sessions.carried(session):
            return None
        if now < lifecycle.end(session, sessions.policy):
            return session
        found = await sessions.store.get(session.id)  # it may have been used meanwhile
    except sessions.faults:
        return session
    ended = found is None or lifecycle.ended(found, sessions.policy, now)
    return None if ended else found
