"""Reading the server's log of revocations: by requests, or in the background of an event loop."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import SystemRandom
from typing import TYPE_CHECKING

from sojourn.feed import Feed

if TYPE_CHECKING:
    from sojourn.client.remote import Remote

__all__ = ["Reader", "following"]

_log = logging.getLogger("sojourn")
_random = SystemRandom()


class Reader:
    """Polls *feed*, whatever happens to the server meanwhile; *faults* are what that may raise."""

    def __init__(self, feed: Feed, faults: tuple[type[Exception], ...]) -> None:
        self._feed, self._faults = feed, faults
        self._away = False

    async def read(self) -> None:
        """Poll once; it is told once when that stops to work, and once when it works again."""
        try:
            await self._feed.poll()
        except Exception as error:
            if not isinstance(error, self._faults):
                _log.exception("the server's log of revocations: a mistake of ours; going on")
            elif not self._away:
                _log.warning("the server's log of revocations cannot be read: %s", error)
            self._away = True
        else:
            if self._away:
                _log.warning("over: the server's log of revocations can be read again")
            self._away = False


@asynccontextmanager
async def following(remote: Remote) -> AsyncIterator[None]:
    """Read the log of *remote* again and again until the block ends."""
    import asyncio

    await remote.reader.read()  # so that the first request finds a current feed ...
    if not remote.feed.current(remote.clock()):
        await remote.reader.read()  # ... although it was this poll that told what time it is
    task = asyncio.create_task(_read_on(remote))
    remote.followed = True
    try:
        yield
    finally:
        remote.followed = False
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _read_on(remote: Remote) -> None:
    import asyncio

    every = remote.poll_every.total_seconds()
    while True:
        # Jittered, so that many processes do not ask in the same moment.
        await asyncio.sleep(every * _random.uniform(0.8, 1.0))
        await remote.reader.read()
