"""What one process says of itself: how current its feed is, what it keeps, what waits in it."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256

import sojourn
from sojourn.observe.journal.writer import Journal
from sojourn.observe.metrics.heard import Heard
from sojourn.observe.metrics.table import Key, from_totals
from sojourn.observe.metrics.timed import StoreTimes
from sojourn.sessions import AsyncSessions

__all__ = ["Process"]

_AGO = 86_400.0  # seconds: a feed that was never read


class Process:
    """This process. Nothing is counted here: it reads numbers that are there anyway, when somebody asks.

    *heard* counts events where no journal does. *streams*: how many event streams are open. One that does
    not serve keeps no snapshots, follows no feed, and says nothing of them: it would only look behind.
    """

    def __init__(
        self,
        sessions: AsyncSessions,
        *,
        times: StoreTimes | None = None,
        journal: Journal | None = None,
        heard: Heard | None = None,
        streams: Callable[[], int] = lambda: 0,
        serves: bool = True,
    ) -> None:
        self.sessions, self.heard = sessions, heard
        self._times, self._journal, self._streams = times, journal, streams
        self._serves = serves

    @property
    def name(self) -> str:
        """Another one for each process that runs now. It says nothing about whose machine this is."""
        return f"{os.getpid()}-{_machine()}"

    def values(self) -> dict[Key, float]:
        """Its own metrics now."""
        values: dict[Key, float] = {("sojourn_info", sojourn.__version__): 1}
        values["sojourn_activity_waiting",] = len(self.sessions.activity)
        if self._serves:
            values |= self._kept(self.sessions.clock())
            values["sojourn_streams_open",] = self._streams()
        if self._times is not None:
            values |= self._times.values()
        if self._journal is not None:
            values["sojourn_journal_queued",] = self._journal.queued
            values["sojourn_journal_lag_seconds",] = self._journal.lag.total_seconds()
        if self.heard is not None:
            values |= from_totals(self.heard.totals() | {("requests", "seen"): (self._seen(), 0.0)})
            del values["sojourn_journal_lost",]  # there is none that could lose anything
        return values

    def _kept(self, now: datetime) -> dict[Key, float]:
        feed, snapshots = self.sessions.feed, self.sessions.snapshots
        age = feed.age(now)
        return {
            ("sojourn_feed_lag_seconds",): _AGO if age is None else age.total_seconds(),
            ("sojourn_feed_current",): float(feed.current(now)),
            ("sojourn_snapshots", "snapshot"): snapshots.hits,
            ("sojourn_snapshots", "store"): snapshots.misses,
            ("sojourn_near_cache_entries",): len(snapshots.near),
        }

    def _seen(self) -> int:
        return self.sessions.activity.written


def _machine() -> str:
    return sha256(socket.gethostname().encode()).hexdigest()[:4]
