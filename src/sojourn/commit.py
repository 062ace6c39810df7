"""Load, decide, commit: how a decision about one session reaches the store, and what it is decided upon."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from sojourn import lifecycle
from sojourn.clock import Clock, StoreClock
from sojourn.errors import SessionChanged, SessionError, SessionExpired, SessionNotFound, SessionRevoked
from sojourn.events import Event, Refused, Revoked
from sojourn.feed import Feed
from sojourn.lifecycle import Outcome, Standing
from sojourn.policy import Policy
from sojourn.session import Reason, Seen, Session
from sojourn.stores.protocol import Entry, Query, Store, StoreBusy

__all__ = ["Commits", "add_holder"]

_log = logging.getLogger("sojourn")
_TRIES = 5  # decisions after lost races, before 409
_TOO_MANY = "too many requests wait for the store of sessions"
_RETOLD = timedelta(minutes=1)  # how long a clock runs on its own before the store is asked for the time


class Commits:
    """Decisions over the records of *store*, as far as the *feed* does not know better.

    *used* is told of each use that is to be recorded, and of the session before it. *cached*: whether
    snapshots are in use, so that what took long to answer has to be checked.
    """

    def __init__(
        self,
        store: Store,
        feed: Feed,
        *,
        policy: Policy,
        clock: Clock,
        emit: Callable[[Event], None],
        used: Callable[[Session, Seen], None],
        most_reads: int,
        cached: bool,
    ) -> None:
        self._store, self._feed = store, feed
        self._policy, self._clock, self._emit, self._used = policy, clock, emit, used
        self._most_reads, self._cached = most_reads, cached
        self.places: list[bool] = []  # one for each request that may read: taken before, given back after
        self.alike = policy.exceptions is None  # whoever's session it is, the same holds
        self._told = clock if isinstance(clock, StoreClock) else None  # what time it is, by the store
        self.forget()

    def forget(self) -> None:
        """A forked child begins anew: the parent's places may be taken, by threads that are not here."""
        self.places[:] = [True] * self._most_reads

    async def change(
        self,
        id: UUID,
        decide: Callable[..., Outcome],
        *,
        tries: int = _TRIES,
        telling: bool = False,
        refreshing: bool = False,
        carrying: bool = False,
    ) -> tuple[Outcome, datetime]:
        """Load, decide, commit; after a lost race decide again, never re-send what was decided before.

        With the outcome comes when the store was asked: an answer is as old as its question.
        *telling*: a bearer asks, so that a refusal is an event, and *refreshing* for what. *carrying*: it
        is asked about for one that ends with it. Of any other session that has a parent, this is asked
        for, too.
        """
        session = None
        try:
            for _ in range(tries):
                asked_at = await self.tell_time()
                session = await self.read(id)
                if session is not None and session.parent_id is not None and not carrying:
                    session = await self._with_parent(session)
                now = self._clock()
                if now - asked_at > self._policy.max_staleness:
                    self._check_age(now)
                line = self._feed.line(id)
                if line is not None and session is not None:
                    session = await self._in_the_light_of(line, session)
                    if session is None:
                        continue  # it was read before it changed
                outcome = decide(session, self._policy, now)
                if outcome.write and not await self._written(outcome.session, now):
                    continue
                if outcome.seen is not None and session is not None:
                    self._used(session, outcome.seen)
                for event in outcome.events:
                    self._emit(event)
                if outcome.refusal is not None:
                    raise outcome.refusal
                return outcome, asked_at
            raise SessionChanged
        except SessionError as refusal:
            if telling and isinstance(refusal, SessionRevoked) and session is not None:
                await add_holder(self._store, session, refusal)
            if telling and refusal.code != "access_expired":
                refused = Refused(at=self._clock(), session_id=id, code=refusal.code, refreshing=refreshing)
                self._emit(refused)
            raise

    async def again(self, standing: Standing) -> Session | None:
        """The record of *standing*, read once more, if that stands; None: it is over, `change` can tell.

        A fault of the store is the driver's own. Nobody asks how old the answer is, so that the clock is
        read once: not for snapshots.
        """
        if standing.over:
            return None
        known, places = standing.session, self.places
        try:  # `read`, spelt out: it would be one more coroutine
            places.pop()
        except IndexError:
            raise StoreBusy(_TOO_MANY) from None
        try:
            found = await self._store.get(known.id)
        finally:
            places.append(True)
        if found is known and (self.alike or self._policy.of(known) is standing.policy):
            feed, (edition, awake, until) = self._feed, standing.plain
            if edition.live:  # `Feed.holds`, spelt out
                wall, monotonic = feed.wall, feed.monotonic  # as methods they would take longer
                now, ticks = wall(), monotonic()
                if (
                    now < until
                    and ticks < awake
                    and feed.wall_since <= now < feed.wall_until
                    and ticks < feed.awake_until
                ):
                    return known
            if await self._stands(standing):
                return known
        standing.end()
        return None

    async def _stands(self, standing: Standing) -> bool:
        """Whether it does, by the feed and the clock; until something is due, that is remembered."""
        feed, now = self._feed, await self.tell_time()
        edition = feed.editions[standing.part]
        if feed.line(standing.session.id) is not None or not standing.since <= now < standing.until:
            return False
        standing.plain = feed.good(edition, standing.until)
        return True

    async def read(self, id: UUID) -> Session | None:
        """The record of session *id*, as the store has it. A fault of the store is the driver's own."""
        try:
            self.places.pop()
        except IndexError:
            raise StoreBusy(_TOO_MANY) from None
        try:
            return await self._store.get(id)
        finally:
            self.places.append(True)

    async def carried(self, session: Session) -> bool:
        """Whether the parent of *session*, if it has one, lets it live. The store is asked."""
        if session.parent_id is None:
            return True
        try:
            await self.change(session.parent_id, partial(lifecycle.carry, child=session), carrying=True)
        except (SessionExpired, SessionNotFound, SessionRevoked):
            return False
        return True

    async def _with_parent(self, session: Session) -> Session:
        """*session* as it is: ended, if its parent has ended."""
        if not session.live(self._clock()) or await self.carried(session):
            return session
        now = self._clock()
        for id in await self._store.revoke(Query(id=session.id), at=now, reason=Reason.SYSTEM):
            self._feed.ended(id, now, Reason.SYSTEM)
            self._emit(Revoked(at=now, session_id=id, user_id=session.user_id, reason=Reason.SYSTEM))
        return session.change(revoked_at=now, reason=Reason.SYSTEM)

    def _check_age(self, now: datetime) -> None:
        """What took long to answer is believed only if the feed says what happened meanwhile."""
        if self._cached and not self._feed.current(now):
            raise StoreBusy("the store of sessions took too long to answer")

    async def _in_the_light_of(self, line: Entry, session: Session) -> Session | None:
        """*session* as it is: the store may have answered before it ended, or have lost the ending.

        None: as it was before it changed.
        """
        if line.revoked_at is None:
            return None if session.version < line.version else session
        if session.revoked_at is not None:
            return session
        await self._feed.write_back(line)
        return session.change(revoked_at=line.revoked_at, reason=line.reason)

    async def _written(self, session: Session, now: datetime) -> bool:
        if not await self._store.replace(session, at=now):
            return False
        self._void(session)
        return True

    def _void(self, session: Session) -> None:
        if session.revoked_at is not None:
            self._feed.ended(session.id, session.revoked_at, session.reason or Reason.SYSTEM)
        elif session.void_below == session.version:
            self._feed.void(Entry(session.id, session.version))

    async def tell_time(self) -> datetime:
        """What time it is. If nobody follows, the store is asked now and then, and before a jump is believed.

        With clocks a minute apart an honest twin looks like a replay, and a wall clock that somebody
        set ahead would end sessions that are in use.
        """
        now = self._clock()
        if self._told is not None and (self._told.in_doubt or not self._feed.current(now)):
            await self._ask_for_the_time()
            now = self._clock()
        return now

    async def _ask_for_the_time(self) -> None:
        clock = self._clock
        if self._feed.timed and not (self._told is not None and self._told.doubtful):
            if self._feed.due(clock(), _RETOLD):
                await self.try_poll()
        elif not (self._feed.due(clock()) and await self.try_poll()):
            # Another request is polling, or a poll has failed: no reason to decide by a clock that is wrong.
            await self._feed.tell_time()

    async def try_poll(self) -> bool:
        try:
            return await self._feed.poll()
        except self._store.faults as fault:
            _log.warning("the feed cannot be polled: %s", fault)
            return False


async def add_holder(store: Store, session: Session, refusal: SessionRevoked) -> None:
    """Let *refusal* say on which device *session* was signed out, if it was held there and that is known."""
    if session.held is None or session.revoked_at is not None or session.reason is not None:
        return  # an administrator's device is nobody's business
    holder = await store.get(session.held.by)
    if holder is not None and holder.user_id == session.user_id:
        refusal.facts["device"] = holder.device.title
