"""Clocks: the machine's, and one that runs with the store's, so that processes agree what time it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

__all__ = ["NEVER", "Clock", "Good", "StoreClock", "seconds_of", "utc_now"]

Clock = Callable[[], datetime]

_APART = 1.0  # seconds between what two clocks say has passed: from here on one of them must have jumped
_CORRECTED = 2.0  # seconds: less is slewed (the clock waits), more was a jump that has been corrected


def utc_now() -> datetime:
    """The wall clock of this machine. Hand another to `AsyncSessions(clock=...)` in tests."""
    return datetime.now(UTC)


class Good(NamedTuple):
    """What was answered stays true in this `edition` of a feed while the clocks are between these."""

    edition: object
    awake: float  # until when, by the monotonic clock
    since: float  # seconds since 1970
    until: float


NEVER = Good(None, 0.0, 0.0, 0.0)


def seconds_of(clock: Clock) -> Callable[[], float]:
    """The same in seconds since 1970, for who only compares: making a `datetime` takes longer than asking."""
    return clock.seconds if isinstance(clock, StoreClock) else lambda: clock().timestamp()


class StoreClock:
    """The store's time, as the last poll of the feed told it; until one did, this machine's.

    Between polls it runs on the monotonic clock, which nobody sets. That one stands still while a
    machine is suspended, so the wall clock counts where it says that more has passed. It never
    steps back, except from seconds ahead: then somebody had set the clock that it ran with.
    """

    def __init__(
        self,
        *,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall, self._monotonic = wall, monotonic
        # By how much the store's time is ahead of the monotonic clock, and of the wall clock.
        self._synced: tuple[float, float] | None = None
        self._last = 0.0
        self.in_doubt = False  # `doubtful`, as the last call found it

    def __call__(self) -> datetime:
        return datetime.fromtimestamp(self.seconds(), UTC)

    def seconds(self) -> float:
        """The same in seconds since 1970."""
        synced, last = self._synced, self._last
        if synced is None:
            now = self._wall()
        else:  # `reading` and `doubtful`, spelt out: every request asks
            now, wall = self._monotonic() + synced[0], self._wall() + synced[1]
            if wall > now:
                self.in_doubt = wall - now > _APART
                now = wall
            else:
                self.in_doubt = False
        if now < last and last - _CORRECTED <= now:
            now = last
        self._last = now
        return now

    def reading(self) -> float:
        """Seconds since 1970. Unlike the clock itself, this may step back by any span."""
        synced = self._synced
        if synced is None:
            return self._wall()
        return max(self._monotonic() + synced[0], self._wall() + synced[1])

    def sync(self, store_now: datetime, *, asked: float) -> None:
        """The store said *store_now* after the reading *asked*, and before now.

        If it lies between the two, both clocks agree as far as anybody can tell. If not, this one
        moves by the least that makes them: a slow answer never makes it worse than it was.
        """
        told, now = store_now.timestamp(), self.reading()
        if told < asked:
            now -= asked - told
        then = max(now, told)
        self._synced = then - self._monotonic(), then - self._wall()
        self.in_doubt = False

    @property
    def doubtful(self) -> bool:
        """Whether the wall clock jumped ahead since the last poll: somebody set it, or a suspend is over."""
        if self._synced is None:
            return False
        monotonic, wall = self._synced
        return (self._wall() + wall) - (self._monotonic() + monotonic) > _APART
