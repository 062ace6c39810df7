"""Activity: uses of sessions, kept for a moment and written together."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from itertools import islice
from threading import Lock
from uuid import UUID

from sojourn.clock import Clock
from sojourn.events import Event, Presented
from sojourn.policy import Policy
from sojourn.session import Seen, Session
from sojourn.stores.protocol import Store

__all__ = ["LEAST_PAUSE", "SHARE", "Activity"]

_log = logging.getLogger("sojourn")
_TOGETHER = 1_000  # rows in one statement

LEAST_PAUSE = timedelta(minutes=5)
"""What is shorter is no pause, but a person who reads."""

SHARE = 8
"""… and so is what is shorter than this part of the time that the session has lasted.

So of each session there are few, however long it lasts and however often it is used: each of them makes it an
eighth older at least.
"""

_MOST = 200_000  # uses that may wait while the store is away; then the oldest are given up


class Activity:
    """Uses that wait to be written, at most one a session: the latest.

    One that is too little later than what is stored for *policy* is left out: another process was faster.
    Somebody has to call `flush` every `Policy.flush_every`, and says so with `waits`; until then a
    use is written at once, because what nobody flushes would end active people's sessions. `written`
    grows with the uses that were.
    """

    def __init__(self, store: Store, clock: Clock, *, policy: Policy | None = None) -> None:
        self.waits = False
        self.written = 0
        self._store, self._clock, self._policy = store, clock, policy
        self._lock = Lock()
        self._waiting: dict[UUID, Seen] = {}
        self._given_up = 0

        self.tell: Callable[[Event], None] | None = None  # of uses after a long pause

    def __len__(self) -> int:
        return len(self._waiting)

    def forget(self) -> None:
        """A forked child must not write what its parent will, nor wait for a lock that nobody lets go."""
        self._lock = Lock()
        self._waiting, self.waits = {}, False

    async def record(self, id: UUID, seen: Seen) -> None:
        """Write a use now or with the next flush. Nobody is refused because it cannot be written."""
        self.note(id, seen)
        if not self.waits:
            await self.try_flush()

    def note(self, id: UUID, seen: Seen) -> None:
        """Have a use written with the next flush."""
        with self._lock:
            self._keep(id, seen)

    def follows(self, session: Session, seen: Seen) -> None:
        """*seen* follows the use that *session* knows of: tell of it if it was long ago."""
        pause = seen.seen_at - session.seen_at
        if self.tell is None or pause < LEAST_PAUSE or pause * SHARE < session.seen_at - session.created_at:
            return
        self.tell(Presented(at=seen.seen_at, session_id=session.id, user_id=session.user_id, pause=pause))

    async def try_flush(self) -> bool:
        """`flush`; false if the store cannot be written to now, which the log is told."""
        try:
            await self.flush()
        except self._store.faults as fault:
            _log.warning("activity was not recorded yet: %s", fault)
            return False
        return True

    async def flush(self) -> int:
        """Write what waits; how many. What could not be written waits on, and the fault is raised."""
        written = 0
        while batch := self._take():
            try:
                await self._store.touch(batch, at=self._clock(), unless_since=self._since(batch))
            except BaseException as error:
                # A mistake of ours is not repeated for ever; who is cancelled loses nobody's uses.
                if isinstance(error, self._store.faults) or not isinstance(error, Exception):
                    self._put_back(batch)
                raise
            written += len(batch)
            self.written += len(batch)
        return written

    def _since(self, batch: Mapping[UUID, Seen]) -> datetime | None:
        """Whom another process has recorded after this was seen lately enough for all in *batch*."""
        apart = self._policy.shortest_touch if self._policy else None
        return max(seen.seen_at for seen in batch.values()) - apart if apart else None

    def _take(self) -> dict[UUID, Seen]:
        with self._lock:
            if len(self._waiting) <= _TOGETHER:
                batch, self._waiting = self._waiting, {}
            else:
                batch = {id: self._waiting.pop(id) for id in list(islice(self._waiting, _TOGETHER))}
        return batch

    def _put_back(self, batch: Mapping[UUID, Seen]) -> None:
        with self._lock:
            newer, self._waiting = self._waiting, dict(batch)
            for id, seen in newer.items():
                self._keep(id, seen)

    def _keep(self, id: UUID, seen: Seen) -> None:
        before = self._waiting.get(id)
        self._waiting[id] = seen if before is None else _later(before, seen)
        if len(self._waiting) > _MOST:  # many at once: after deletions the first key is far away
            for oldest in list(islice(self._waiting, _TOGETHER)):
                del self._waiting[oldest]
            self._given_up += _TOGETHER
            _log.warning("activity of %s sessions was given up: the store is away", self._given_up)


def _later(one: Seen, other: Seen) -> Seen:
    generations = [seen.generation for seen in (one, other) if seen.generation is not None]
    return Seen(
        max(one.seen_at, other.seen_at),
        max(one.expires_at, other.expires_at),
        max(generations, default=None),
    )
