"""Time that somebody lived through: what was only ever claimed by a clock that leapt deletes nothing."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta

from msgspec import Struct

from sojourn.directory.bookmarks import Bookmarks

__all__ = ["LEAP", "TRIAL", "Lived"]

LEAP = timedelta(days=2)  # between two looks at the clock: more is a leap, as far as anybody can tell
TRIAL = timedelta(days=1)  # how long nothing is forgotten after one
_BOOKMARK = "time that was lived"
_OFTEN = timedelta(hours=1)  # how often it is written down


class _Mark(Struct):
    """The clock was last seen `at`, and goes on without a leap since `since`."""

    at: datetime
    since: datetime


class Lived:
    """Says whether a time was reached by living, or by a leap of the clock that may be taken back.

    A leap is an accident of a clock, or the end of a time in which nobody ran: nobody can tell which. So
    after one nothing is forgotten for a day of the new time. An accident is over by then, and where nobody
    ran all is forgotten a day later than it could have been. The mark outlives the process; the first look
    of all is believed, because there is nothing to compare it with.
    """

    def __init__(self, bookmarks: Bookmarks) -> None:
        self._bookmarks = bookmarks

    async def step(self, now: datetime) -> None:
        """Note that somebody is there at *now*; of two who do, one is enough."""
        was = await self._bookmarks.bookmark(_BOOKMARK)
        mark = _read(was)
        if mark is not None and timedelta(0) <= now - mark.at < _OFTEN:
            return
        since = now - TRIAL
        if mark is not None:
            since = min(mark.since, now) if abs(now - mark.at) <= LEAP else now
        to = f"{now.isoformat()} {since.isoformat()}"
        await self._bookmarks.turn(_BOOKMARK, was=was, to=to)

    async def since(self) -> datetime | None:
        """From when on the clock went without a leap; None: nobody has looked yet."""
        mark = _read(await self._bookmarks.bookmark(_BOOKMARK))
        return None if mark is None else mark.since

    async def vouched(self, now: datetime) -> bool:
        """Whether *now* was reached by living, so that what is past its time by it may go for good."""
        mark = _read(await self._bookmarks.bookmark(_BOOKMARK))
        return mark is not None and mark.since + TRIAL <= now and abs(now - mark.at) <= LEAP


def _read(text: str | None) -> _Mark | None:
    """None too for what somebody wrote by hand: then it begins anew."""
    with suppress(ValueError, TypeError):
        at, since = map(datetime.fromisoformat, (text or "").split())
        if at.tzinfo is not None and since.tzinfo is not None:
            return _Mark(at, since)
    return None
