"""Clocks: the machine's, and one that runs with the store's, so that processes agree what time it is."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import UTC, datetime

__all__ = ["NEVER", "PARTS", "Clock", "Edition", "Good", "StoreClock", "part_of", "utc_now", "wall_of"]

Clock = Callable[[], datetime]

_APART = 1.0  # seconds between what two clocks say has passed: from here on one of them must have jumped
_CORRECTED = 2.0  # seconds: less is slewed (the clock waits), more was a jump that has been corrected
_ALIKE = 0.001  # seconds: by less the store never moves it


def utc_now() -> datetime:
    """The wall clock of this machine. Hand another to `AsyncSessions(clock=...)` in tests."""
    return datetime.now(UTC)


class Edition:
    """What a feed knows of one part of the ids: `live` until it may trust less than before."""

    __slots__ = ("live",)

    def __init__(self) -> None:
        self.live = True


# What was answered stays true while this edition lives, until then by the monotonic clock and until then by
# what `wall_of` gives, as long as the feed is current. A plain tuple: every request takes one apart.
Good = tuple[Edition, float, float]

_DEAD = Edition()
_DEAD.live = False
NEVER: Good = (_DEAD, 0.0, 0.0)

PARTS = 1_024
"""Of the ids, each with an edition of its own: what is learnt of one session leaves most others good."""


def part_of(number: int) -> int:
    """The part of session *number*, its id's."""
    return number % PARTS


def wall_of(clock: Clock) -> Callable[[], float]:
    """What `Good` is compared with, in seconds: the cheapest that tells how far *clock* went."""
    return clock.wall if isinstance(clock, StoreClock) else lambda: clock().timestamp()


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
        self.wall, self._monotonic = wall, monotonic
        # By how much the store's time is ahead of the monotonic clock, and of the wall clock.
        self._synced: tuple[float, float] | None = None
        self._last = 0.0
        self.in_doubt = False  # `doubtful`, as the last call found it

    def __call__(self) -> datetime:
        synced, last = self._synced, self._last
        if synced is None:
            now = self.wall()
        else:  # `reading` and `doubtful`, spelt out: nearly every request asks
            now, wall = self._monotonic() + synced[0], self.wall() + synced[1]
            if wall > now:
                self.in_doubt = wall - now > _APART
                now = wall
            else:
                self.in_doubt = False
        if now < last and last - _CORRECTED <= now:
            now = last
        self._last = now
        return datetime.fromtimestamp(now, UTC)

    def reading(self) -> float:
        """Seconds since 1970. Unlike the clock itself, this may step back by any span."""
        synced = self._synced
        if synced is None:
            return self.wall()
        return max(self._monotonic() + synced[0], self.wall() + synced[1])

    def when(self, told: float) -> tuple[float, float]:
        """In how many seconds by the monotonic clock, and when by `wall`, it says *told*: if either says so.

        For who only compares, as long as `sync` does not move it: that takes longer to ask.
        """
        synced = self._synced
        if synced is None:
            return math.inf, told
        return told - synced[0] - self._monotonic(), told - synced[1]

    def believed_until(self) -> float:
        """Until when by `wall` it cannot be in doubt; in the past if it is."""
        synced = self._synced
        return math.inf if synced is None else self._monotonic() + synced[0] - synced[1] + _APART

    def sync(self, store_now: datetime, *, asked: float) -> bool:
        """The store said *store_now* after the reading *asked*, and before now. Whether that moved it.

        If it lies between the two, both clocks agree as far as anybody can tell. If not, this one
        moves by the least that makes them: a slow answer never makes it worse than it was.
        """
        told, now = store_now.timestamp(), self.reading()
        if told < asked:
            now -= asked - told
        then, was = max(now, told), self._synced
        synced = then - self._monotonic(), then - self.wall()
        self.in_doubt = False
        if was is not None and max(abs(synced[0] - was[0]), abs(synced[1] - was[1])) < _ALIKE:
            return False
        self._synced = synced
        return True

    @property
    def doubtful(self) -> bool:
        """Whether the wall clock jumped ahead since the last poll: somebody set it, or a suspend is over."""
        if self._synced is None:
            return False
        monotonic, wall = self._synced
        return (self.wall() + wall) - (self._monotonic() + monotonic) > _APART
