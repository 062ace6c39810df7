"""The feed: what was revoked, in order; whoever follows it may trust snapshots."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock
from uuid import UUID

from sojourn.clock import NEVER, PARTS, Clock, Edition, Good, StoreClock, part_of, wall_of
from sojourn.session import Reason
from sojourn.stores.protocol import Entries, Entry, Query, Store

__all__ = ["Feed"]

_log = logging.getLogger("sojourn")
_FINAL = 1 << 62  # above any version: an ending voids whatever snapshot there is
_SERVING = 250  # lines at once: about a millisecond of the event loop
_SKEW = timedelta(minutes=1)  # how far the clock of who made a snapshot may be ahead


class Feed:
    """One process's reading of the log of *store*.

    It is *current* while its last complete poll started less than *max_staleness* ago, by the
    monotonic clock and by the façade's: the first stands still in a suspended machine, the second
    may be set back. What the log said is kept for *keep*, the life of the longest-lived snapshot,
    and a bit, so that a read which began before a revocation cannot fill a cache after it.

    `editions`, one for each part of the ids, are replaced by others whenever it may trust less than before,
    but for the time that passes; and those before live no longer.
    """

    editions: list[Edition] = []  # noqa: RUF012 - of the class until there are some

    def __init__(
        self,
        store: Store,
        *,
        clock: Clock,
        max_staleness: timedelta,
        poll_every: timedelta,
        keep: timedelta,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._clock = clock
        self.wall = wall_of(clock)
        self.monotonic = monotonic
        self._staleness = max_staleness
        self._every = poll_every
        self._kept = (keep + max_staleness + _SKEW).total_seconds()
        self._listeners: list[Callable[[Entry], None]] = []
        self.forget()

    def forget(self) -> None:
        """Begin anew: nothing is known, nothing is trusted. A forked child does, with locks of its own."""
        self._polling, self._lock = Lock(), Lock()
        self._cursor: str | None = None
        self.epoch = ""  # of the log that is followed; none yet
        self._owed: dict[UUID, Entry] = {}  # endings that another log has not shown: perhaps they are lost
        self.timed = False  # whether the store has said what time it is, if it has a clock
        self._tried: tuple[float, datetime] | None = None
        self._started: tuple[float, datetime] | None = None  # of the last complete poll
        # What `current` compares with: until when by the monotonic clock, since and until when by the clock.
        self._window: tuple[float, datetime, datetime] | None = None
        # … and `holds`: until when by the monotonic clock, since and until when by `wall`. Not before
        # anything was last found good: who sets the clock back is noticed.
        self.awake_until, self.wall_since, self.wall_until = -math.inf, -math.inf, -math.inf
        self._renew()
        # By the number of the session's id, because hashing a UUID takes three times as long.
        self._recent: dict[int, Entry] = {}
        self._older: dict[int, Entry] = {}
        self._turned = self.monotonic()
        self.trusted_from: datetime | None = None  # snapshots that were made before a gap are not trusted

    def listen(self, listener: Callable[[Entry], None]) -> None:
        """Call *listener* with each line that a poll brings, on whatever thread polled."""
        self._listeners.append(listener)

    # ── what it says ─────────────────────────────────────────────────────────────────────────

    def current(self, now: datetime) -> bool:
        """Whether everything that was committed `max_staleness` before *now* is known here."""
        window = self._window
        return window is not None and self.monotonic() < window[0] and window[1] < now < window[2]

    def good(self, edition: Edition, until: datetime) -> Good:
        """That what was asked just now holds until *until*, in *edition*, and while this is current."""
        clock, since, now, end = self._clock, self.wall_since, self.wall(), until.timestamp()
        if self._window is None or now < since:
            return NEVER
        self.wall_since = now
        if now >= self.wall_until:  # nobody has polled since the clock was last found to be in no doubt
            self._compare()
        if not isinstance(clock, StoreClock):
            return edition, math.inf, end
        left, end = clock.when(end)
        return edition, self.monotonic() + left, end

    def holds(self, good: Good) -> bool:
        """Whether what was found good still is, and this is current: all that need be asked."""
        edition, awake, until = good
        now, ticks = self.wall(), self.monotonic()
        return (
            edition.live
            and now < until
            and ticks < awake
            and self.wall_since <= now < self.wall_until
            and ticks < self.awake_until
        )

    def trusts(self, number: int, version: int, made_at: datetime, now: datetime) -> bool:
        """Whether a snapshot of session *number*, its id's, may be used: all of the below, in one call."""
        window = self._window
        if window is None or not window[1] < now < window[2] or self.monotonic() >= window[0]:
            return False
        entry = self._recent.get(number) or self._older.get(number)
        if entry is not None and version < entry.version:
            return False
        return self.trusted_from is None or made_at >= self.trusted_from

    def voids(self, id: UUID, version: int) -> bool:
        """Whether a snapshot of session *id* in *version* is void."""
        number = id.int
        entry = self._recent.get(number) or self._older.get(number)
        return entry is not None and version < entry.version

    def line(self, id: UUID) -> Entry | None:
        """The last line about session *id*; None if there was none of late."""
        number = id.int
        return self._recent.get(number) or self._older.get(number)

    def age(self, now: datetime) -> timedelta | None:
        """How long ago the last complete poll started; None if there was none."""
        return None if self._started is None else self._since(self._started, now)

    def due(self, now: datetime, every: timedelta | None = None) -> bool:
        """Whether the last poll, successful or not, began longer than `poll_every`, or *every*, ago."""
        if self._tried is None:
            return True
        passed = self._since(self._tried, now)
        return passed >= (every or self._every)

    def _since(self, then: tuple[float, datetime], now: datetime) -> timedelta:
        return max(timedelta(seconds=self.monotonic() - then[0]), now - then[1])

    # ── what it learns ───────────────────────────────────────────────────────────────────────

    def void(self, entry: Entry) -> None:
        """Remember a change; this process tells its own before its verb returns."""
        number = entry.id.int
        with self._lock:
            known = self._recent.get(number) or self._older.get(number)
            self._recent[number] = entry if known is None or known.version <= entry.version else known
            part = part_of(number)
            self.editions[part].live, self.editions[part] = False, Edition()  # whoever asks now knows of it

    def ended(self, id: UUID, at: datetime, reason: Reason) -> None:
        """Remember an ending that this process made."""
        self.void(Entry(id, _FINAL, at, reason))

    async def poll(self) -> bool:
        """Read the log to its end; false if somebody else is at it just now. A fault is the driver's own."""
        polling = self._polling
        if not polling.acquire(blocking=False):
            return False
        try:
            began = self._tried = (self.monotonic(), self._clock())
            while not await self._page():
                pass
            await self._give_back()
            self._reached_the_end(began)
        finally:
            polling.release()
        return True

    async def _page(self) -> bool:
        page = await self._asked()
        if self._cursor is not None and not self._goes_on(page):
            self._over_the_gap(page)
            if page.continues:  # another log, of which this is not the beginning
                self._cursor, self.epoch = None, page.epoch
                return False
        for entry in page.entries:
            self._learn(entry)
        self._cursor, self.epoch = page.cursor, page.epoch
        return page.complete

    async def tell_time(self) -> None:
        """Set the façade's clock by the store's, without a poll. A fault is the driver's own."""
        await self._asked(limit=1)

    async def _asked(self, **bound: int) -> Entries:
        """A page of the log; the time that comes with it is the clock's from now on."""
        clock = self._clock if isinstance(self._clock, StoreClock) else None
        asked = clock.reading() if clock else 0.0
        if self._window is not None:  # requests are being served: let them in between
            bound.setdefault("limit", _SERVING)
        page = await self._store.entries(self._cursor, **bound)
        if clock and page.now is not None and clock.sync(page.now, asked=asked):
            self._renew()  # it was moved: ask anew what was answered by the other time
        self.timed = True
        return page

    def _goes_on(self, page: Entries) -> bool:
        return page.continues and page.epoch == self.epoch

    def _learn(self, entry: Entry) -> None:
        if entry.revoked_at is None:
            self.void(entry)
        else:
            self._owed.pop(entry.id, None)  # it was not lost
            self.ended(entry.id, entry.revoked_at, entry.reason or Reason.SYSTEM)
        for listener in self._listeners:
            try:
                listener(entry)
            except Exception:
                _log.exception("a listener failed on the log's line of session %s", entry.id)

    def _reached_the_end(self, began: tuple[float, datetime]) -> None:
        monotonic, now = began
        self._started = began
        trusted = self._staleness.total_seconds()
        # Somewhat before *now* too: another thread may have read the clock before this poll began.
        self._window = monotonic + trusted, now - self._staleness, now + self._staleness
        self._compare()
        self._turn()

    def _compare(self) -> None:
        """Work out what `holds` compares with, as long as `sync` does not move the clock."""
        if self._window is None:
            return
        lately, now = self.wall_since, self.wall()  # in this order: others find something good meanwhile
        if now < lately:  # it was set back
            self._renew()
            self.wall_since = -math.inf
        clock, (awake, *times) = self._clock, self._window
        since, until = (time.timestamp() for time in times)
        if isinstance(clock, StoreClock):
            (_, since), (left, until) = clock.when(since), clock.when(until)
            awake = min(awake, self.monotonic() + left)
            until = min(until, clock.believed_until())
        self.awake_until, self.wall_until = awake, until
        self.wall_since = max(self.wall_since, since)

    def _renew(self) -> None:
        """Ask anew whatever was found good."""
        with self._lock:
            before, self.editions = self.editions, [Edition() for _ in range(PARTS)]
            for edition in before:
                edition.live = False

    def _turn(self) -> None:
        """Forget, in two halves, what no snapshot can be older than any more.

        By the monotonic clock alone: one that jumped must not make anybody forget too early.
        """
        now = self.monotonic()
        if now - self._turned >= self._kept:
            with self._lock:
                self._older, self._recent = self._recent, {}
            self._turned = now

    # ── a gap ────────────────────────────────────────────────────────────────────────────────

    def _over_the_gap(self, page: Entries) -> None:
        """The log lost lines, or is another one: trust nothing from before.

        Another one says what happened in the store as it is now: of what the old one said only
        the endings stay, which are final; those that it does not show are given back to the store.
        """
        _log.warning(
            "the log of revocations does not go on where it was (epoch %s): reading it anew", page.epoch
        )
        self._window, self.awake_until = None, -math.inf
        self.trusted_from = self._clock()
        self._renew()
        if page.epoch != self.epoch:
            with self._lock:
                known = (self._older | self._recent).values()
                endings = [entry for entry in known if entry.revoked_at is not None]
                self._older, self._recent = {}, {entry.id.int: entry for entry in endings}
            self._turned = self.monotonic()
            self._owed = {entry.id: entry for entry in endings}

    async def _give_back(self) -> None:
        for entry in tuple(self._owed.values()):
            await self.write_back(entry)
            self._owed.pop(entry.id, None)

    async def write_back(self, entry: Entry) -> bool:
        """End a session again whose ending the store has lost; whether it had."""
        lost = await self._store.revoke(
            Query(id=entry.id),
            at=entry.revoked_at or self._clock(),
            reason=entry.reason or Reason.SYSTEM,
            note="written back: the store had lost this ending",
        )
        if lost:
            _log.warning("the store had lost the ending of session %s; it was written back", entry.id)
        return bool(lost)
