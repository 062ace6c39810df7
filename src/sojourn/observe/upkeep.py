"""Upkeep of the ledger: sealed and counted each minute, and forgetful as the settings have it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from sojourn.directory import open_directory
from sojourn.directory.lived import Lived
from sojourn.directory.store import DirectoryStore
from sojourn.errors import SettingsError
from sojourn.observe.journal.noted import Notes
from sojourn.observe.ledger import Ledger
from sojourn.sessions import AsyncSessions
from sojourn.stores.protocol import Query

__all__ = ["Upkeep"]

_log = logging.getLogger("sojourn.journal")

_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)
_MINUTES_KEPT = timedelta(days=15)  # of counts by minute; by the hour they are kept as long as the journal
_REPORTS_KEPT = timedelta(hours=1)
_MOST, _BATCH = 20_000, 2_000  # lines of one step; rows of one transaction
_LONGEST = timedelta(hours=1)  # until users are counted once more, however long that took
_SHARE = 60  # a count of users that took a second is not made again for a minute


class Upkeep:
    """What one process, the leader, does for the ledger. Two who do it do no harm.

    *keep*: how long lines are kept, and counts by the hour; *keep_personal*: how long what is personal in
    them. None: for good. *beside*: a store that is another file than the ledger: there lies which time was
    lived, and the last seal that was made.
    """

    def __init__(
        self,
        ledger: Ledger,
        sessions: AsyncSessions,
        *,
        keep: timedelta | None = timedelta(days=400),
        keep_personal: timedelta | None = timedelta(days=30),
        beside: DirectoryStore | None = None,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger, self._sessions = ledger, sessions
        self._keep, self._keep_personal = keep, keep_personal
        self._stopwatch = stopwatch
        beside = beside or open_directory("memory://")
        self._lived, self._notes = Lived(beside), Notes(beside)
        self._faults: tuple[type[Exception], ...] = (*ledger.faults, *beside.faults, SettingsError)
        self._minute: datetime | None = None
        self._hour: datetime | None = None
        self._users_counted: tuple[datetime, timedelta] | None = None  # and for how long that will do
        self._outage: str | None = None
        self._lacks = False  # the seal that was noted, and that is said

    async def step(self, now: datetime) -> None:
        """Do what is due at *now*. What the ledger cannot do now it is asked to do the next time."""
        try:
            await self._step(now)
        except self._faults as fault:
            if self._outage != type(fault).__name__:
                self._outage = type(fault).__name__
                _log.warning("the journal is not looked after: %s", fault)
        else:
            self._outage = None

    async def _step(self, now: datetime) -> None:
        await self._lived.step(now)
        minute = _floor(now, _MINUTE)
        if minute != self._minute:
            await self.count(now)
            if self._ledger.people.keys is not None:
                await self._seal(now)
            self._minute = minute
        hour = _floor(now, _HOUR)
        if hour != self._hour and await self.forget(now):
            self._hour = hour

    async def _seal(self, now: datetime) -> None:
        """Seal, and note outside the ledger which seal that was, while the one that was noted is there."""
        noted = await self._notes.read()
        lacks = noted is not None and not await self._ledger.has_seal(noted.id, noted.mac)
        seal = await self._ledger.seal(now)
        if lacks:
            if not self._lacks:
                _log.error(
                    "the journal lacks seal %s: its end was taken off, or it is another journal; see "
                    "`sojourn journal verify`, and run it with --restored if you have restored a backup",
                    noted,
                )
        elif seal is not None:
            await self._notes.write(seal)
        self._lacks = lacks

    async def count(self, now: datetime) -> None:
        """Note how many sessions of how many users live now; without those that a bulk revocation holds."""
        sessions = self._sessions
        living = await sessions.count(Query(live_at=now, signed_in=True, about=True))
        level = {"sessions": float(max(0, living - await self._ledger.count_held(now)))}
        if self._counts_users(now):
            began = self._stopwatch()
            level["users"] = float(await sessions.count(Query(live_at=now, signed_in=True, people=True)))
            took = timedelta(seconds=_SHARE * (self._stopwatch() - began))
            self._users_counted = now, min(took, _LONGEST)
        await self._ledger.level("active", level, now)

    def _counts_users(self, now: datetime) -> bool:
        """Not so soon again where it takes long; a clock that was ahead at the last time says nothing."""
        if self._users_counted is None:
            return True
        last, will_do = self._users_counted
        return not timedelta(0) <= now - last < will_do

    async def forget(self, now: datetime) -> bool:
        """Let go of what is past its time, and have the new key wrap the rest; whether that is all.

        A little at a time: with the same steps others notice who ended. And by a time alone that was lived:
        a clock that is ahead is put right, but what it has deleted does not come back.
        """
        ledger = self._ledger
        most = await ledger.rewrap()
        if not await self._lived.vouched(now):
            return most < _BATCH
        if self._keep_personal is not None:
            most = max(most, await ledger.forget_personal(now - self._keep_personal, most=_MOST))
        if self._keep is not None and ledger.people.keys is not None:
            most = max(most, await ledger.forget(now - self._keep, now=now, most=_MOST))
            most = max(most, await ledger.forget_people(now - self._keep))
        await ledger.forget_counts(
            minutes_before=now - _MINUTES_KEPT,
            hours_before=None if self._keep is None else now - self._keep,
            reports_before=now - _REPORTS_KEPT,
        )
        return most < _BATCH


def _floor(now: datetime, step: timedelta) -> datetime:
    seconds = step.total_seconds()
    return datetime.fromtimestamp(now.timestamp() // seconds * seconds, tz=now.tzinfo)
