"""Small writes that the tasks of an event loop want in one turn of it, done together in the next."""

from __future__ import annotations

import asyncio
from copy import copy
from functools import partial
from typing import Any

from sojourn.stores.sqlite.writer import Job, Writer

__all__ = ["Together"]

_MOST = 32  # writes in one go: for so long the loop does nothing else, a millisecond as a rule


class Together:
    """Writes on a loop's own thread. To share a transaction saves more than to wait for it costs.

    (What is new goes to the end of a table and of two indexes, so several need hardly more pages
    than one, and pages are what a commit costs.)
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._open: _Batch | None = None

    async def join(self, job: Job[Any]) -> bool:
        """Do *job* with the others. False: nothing was done, the writing thread has to."""
        batch, loop = self._open, asyncio.get_running_loop()
        if batch is None or batch.loop is not loop or len(batch.jobs) >= _MOST:
            batch = self._open = _Batch(loop)
            loop.call_soon(self._do, batch)
        waiter: asyncio.Future[bool] = loop.create_future()
        batch.jobs.append((job, waiter))
        return await waiter

    def finish(self) -> None:
        """Do what this loop has waiting, now."""
        batch = self._open
        if batch is not None and batch.loop is asyncio.get_running_loop():
            self._do(batch)

    def _do(self, batch: _Batch) -> None:
        if self._open is batch:
            self._open = None
        waiting = [(job, waiter) for job, waiter in batch.jobs if not waiter.done()]
        if not waiting:
            return
        again = partial(batch.loop.call_soon_threadsafe, self._do, batch)
        try:
            done = self._writer.here([job for job, _ in waiting], again)
        except Exception as error:  # no thread can be started, for example
            for _, waiter in waiting:
                waiter.set_exception(copy(error))
            return
        if done is not None:
            for _, waiter in waiting:
                waiter.set_result(done)


class _Batch:
    __slots__ = ("jobs", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.jobs: list[tuple[Job[Any], asyncio.Future[bool]]] = []
