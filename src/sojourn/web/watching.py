"""What outlives a request hears how its session is doing: from the feed, and by time."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, suppress
from datetime import timedelta
from types import TracebackType
from typing import Self

from msgspec import Struct

from sojourn import lifecycle
from sojourn.commit import add_holder
from sojourn.errors import SessionError, SessionNotFound, SessionRevoked
from sojourn.session import Reason, Session
from sojourn.web.site import Site

__all__ = ["State", "Watch"]

PATIENCE = 10  # times `max_staleness`: how long anything may stay open that could not be told of its end


class State(Struct, frozen=True):
    """How a session is, as far as anybody can tell. Without either, nobody could have told us."""

    session: Session | None = None  # the record that was looked at last
    refusal: SessionError | None = None  # why it may not be used, perhaps only for now: see `Session.held`

    @property
    def lives(self) -> bool:
        return self.session is not None and self.refusal is None


class Watch:
    """Watches over *session* on the running event loop, while the `with` block lasts.

    An ending is heard of by the feed, in this process or another; an end by time, and that nobody
    follows the feed any more, are seen when the wait for them is over.
    """

    def __init__(self, site: Site, session: Session) -> None:
        self.session = session
        self._site, self._stack = site, ExitStack()
        self._loop, self._woken = asyncio.get_running_loop(), asyncio.Event()
        self._heard: set[str] = set()
        self._unasked = False  # whether something happened to it and the store could not be asked

    def __enter__(self) -> Self:
        for id in {self.session.id, self.session.parent_id or self.session.id}:
            self._stack.enter_context(self._site.wakes.waiting(id, lambda: self.wake("session")))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def wake(self, what: str) -> None:
        """Say, on any thread, that *what* happened: the next `heard` tells it."""
        with suppress(RuntimeError):  # the loop is closed, and with it whoever waited
            self._loop.call_soon_threadsafe(self._note, what)

    def _note(self, what: str) -> None:
        self._heard.add(what)
        self._woken.set()

    async def heard(self, at_most: timedelta) -> set[str]:
        """Wait until something is heard, the session's end has come, or *at_most* has passed; what it was."""
        sessions = self._site.sessions
        left = lifecycle.end(self.session, sessions.policy) - sessions.clock()
        wait = max(min(left, at_most), sessions.policy.poll_every)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), wait.total_seconds())
        self._woken.clear()
        heard, self._heard = self._heard, set()
        return heard

    async def look(self, *, again: bool) -> State:
        """How the session is now. *again*: something happened to it, so the store is asked in any case."""
        sessions, session = self._site.sessions, self.session
        now = sessions.clock()
        age = sessions.feed.age(now)
        if age is None or age > PATIENCE * sessions.policy.max_staleness:
            return State()
        line = sessions.feed.line(session.id)
        if line is not None and line.revoked_at is not None:  # whatever the store says, if it says anything
            return State(session, SessionRevoked(session.id, line.reason))
        self._unasked = again or self._unasked
        try:
            if session.parent_id is not None and not await sessions.carried(session):
                return State(session, SessionRevoked(session.id, Reason.SYSTEM))
            if not self._unasked and now < lifecycle.end(session, sessions.policy):
                return State(session)
            found = await sessions.store.get(session.id)  # it may have been used meanwhile
        except sessions.faults:
            return State(session)
        self._unasked = False
        if found is None:
            return State(session, SessionNotFound())
        self.session = found
        return State(found, await self._over(found))

    async def _over(self, found: Session) -> SessionError | None:
        """Why *found* no longer lives; of one that is held, with the device from which that was asked."""
        sessions = self._site.sessions
        refusal = lifecycle.ended(found, sessions.policy, sessions.clock())
        if isinstance(refusal, SessionRevoked):
            with suppress(*sessions.faults):
                await add_holder(sessions.store, found, refusal)
        return refusal
