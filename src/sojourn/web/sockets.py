"""WebSockets outlive their request: they are closed when their session ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from sojourn.session import Session
from sojourn.web.site import Site
from sojourn.web.visit import Visit
from sojourn.web.wakes import Wake
from sojourn.web.watching import PATIENCE, Watch

__all__ = ["Handshake", "until_it_ends"]

_log = logging.getLogger("sojourn")


class Handshake(Visit):
    """The visit of a WebSocket. From the moment that its session is asked for, it ends with that."""

    def __init__(self, *asked: Any) -> None:
        super().__init__(*asked)
        self.unanswerable = True  # a token that was replaced now would be lost
        self._let_go: Wake | None = None
        self._guards: list[asyncio.Task[None]] = []

    def at_hand(self) -> Session | None:
        return self._guarded(super().at_hand())

    async def asked(self, *, sure: bool = False) -> Session | None:
        return self._guarded(await super().asked(sure=sure))

    def _guarded(self, session: Session | None) -> Session | None:
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
    policy = site.sessions.policy
    # One with a parent ends with that one, also with a renewal, which wakes nobody.
    patience = policy.max_staleness * (PATIENCE if session.parent_id is None else 1)
    with Watch(site, session) as watch:
        while (await watch.look(again=bool(await watch.heard(patience)))).lives:
            pass
