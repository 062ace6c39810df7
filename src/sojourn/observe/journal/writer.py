"""The writer: hears events in a process, keeps them for a moment, and writes them together."""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import secrets
import time
import weakref
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from functools import partial
from threading import Event as Flag
from threading import Lock, Thread

import msgspec
from msgspec.structs import replace as _replaced

from sojourn.blocking import drive
from sojourn.clock import utc_now
from sojourn.events import Event, JournalGap
from sojourn.leading import passed
from sojourn.observe.journal.rows import Batch, Forgotten, write
from sojourn.observe.ledger import Ledger

__all__ = ["Journal"]

_log = logging.getLogger("sojourn.journal")
_TOGETHER = 500  # lines in one transaction: another process waits for it
_PATIENCE = 10.0  # seconds that a shutdown waits for what is still to be written


class Journal:
    """What one process tells the ledger. `hear` is the listener: `sessions.listen(journal.hear)`.

    Somebody has to flush: `at_work` around serving does, on an event loop; `beside` starts a thread, where
    there is none. What was not flushed is lost with a process that is killed: `flush_every` at most, or as
    long as the ledger cannot be written to. At most *most* events wait then; how many did not find
    room stands in the journal afterwards. *uses* is a number that grows with the uses of sessions that
    were written.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        flush_every: timedelta = timedelta(milliseconds=500),
        most: int = 100_000,
        uses: Callable[[], int] = lambda: 0,
        clock: Callable[[], datetime] = utc_now,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        self.ledger = ledger
        self.flush_every, self.most = flush_every, most
        self._uses, self._clock, self._stopwatch = uses, clock, stopwatch
        self._beside = False
        self._begin()
        _begin_after_fork(self)

    def _begin(self) -> None:
        """A chain of its own for each start of a process: also a forked child's, whose parent writes on."""
        self._waiting: deque[tuple[float, Event]] = deque()
        self._lost = 0
        self._batch: Batch | None = None
        self._counted = self._uses()
        self._new_chain()
        self._turn, self._lock = asyncio.Lock(), Lock()
        self._thread: Thread | None = None
        self._stop = Flag()
        self._outage: str | None = None

    def _new_chain(self) -> None:
        self.writer, self._number = secrets.token_hex(8), 0

    # ── hearing ──────────────────────────────────────────────────────────────────────────────

    def hear(self, event: Event) -> None:
        """Have *event* written with the next flush. Nobody waits for it, and it never fails."""
        if len(self._waiting) >= self.most:
            self._lost += 1
            return
        self._waiting.append((self._stopwatch(), event))
        if self._beside and self._thread is None:
            self._start()

    @property
    def queued(self) -> int:
        """How many events wait to be written."""
        return len(self._waiting) + (len(self._batch.events) if self._batch else 0)

    @property
    def lost(self) -> int:
        """How many did not find room since the last flush."""
        return self._lost

    @property
    def lag(self) -> timedelta:
        """How long the oldest of them has waited."""
        try:
            heard, _ = self._waiting[0]
        except IndexError:
            return timedelta(0)
        return timedelta(seconds=max(0.0, self._stopwatch() - heard))

    # ── writing ──────────────────────────────────────────────────────────────────────────────

    async def flush(self) -> int:
        """Write what waits, and count it; how many lines. What could not be written waits on."""
        async with self._turn:
            return await self._flush(self.ledger)

    def flush_now(self) -> int:
        """`flush`, blocking: for threads, and where no event loop runs."""
        with self._lock:
            return drive(self._flush(self.ledger.blocking()))

    async def _flush(self, ledger: Ledger) -> int:
        """What comes meanwhile is left to the next flush: under load this one would go on in small steps."""
        written, left = 0, self.queued
        while batch := self._next():
            try:
                work = partial(write, people=ledger.people, batch=batch)
                written += await ledger.engine.write(work, durable=False)
            except Forgotten:
                self._new_chain()
                self._batch = Batch(self.writer, 1, batch.events, batch.uses, batch.at)
                continue
            except UnicodeEncodeError:
                events = tuple(map(_writable, batch.events))
                if events == batch.events:
                    raise
                self._batch = _replaced(batch, events=events)
                continue
            self._number += len(batch.events)
            self._batch = None
            left -= len(batch.events)
            if left <= 0:
                break
        return written

    def _next(self) -> Batch | None:
        """The same batch until it is written, so that it is written once; then the next one."""
        if self._batch is not None:
            return self._batch
        taken = [self._waiting.popleft()[1] for _ in range(min(len(self._waiting), _TOGETHER))]
        if not self._waiting and self._lost:
            lost, self._lost = self._lost, 0
            taken.append(JournalGap(at=self._clock(), count=lost))
        uses = self._uses() - self._counted
        if not taken and uses <= 0:
            return None
        self._counted += uses
        self._batch = Batch(self.writer, self._number + 1, tuple(taken), max(uses, 0), self._clock())
        return self._batch

    # ── at work ──────────────────────────────────────────────────────────────────────────────

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Flush beside what is inside, and once more after it."""
        stop = asyncio.Event()
        running = asyncio.create_task(self._run(stop), name="sojourn journal")
        try:
            yield
        finally:
            stop.set()
            try:
                async with asyncio.timeout(_PATIENCE):
                    await running
                    await self.try_flush()
            except TimeoutError:
                _log.warning("the journal did not end in time; %s events were not written", self.queued)

    async def _run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self.try_flush()
            await passed(stop, self.flush_every.total_seconds())

    async def try_flush(self) -> None:
        """`flush`; what fails is logged, once."""
        try:
            await self.flush()
        except Exception as error:
            self._failed(error)
        else:
            self._succeeded()

    def beside(self) -> None:
        """Flush on a thread of its own from the first event on, and when the interpreter ends.

        For `Sessions`, under WSGI or in a script. A forked child starts its own thread.
        """
        self._beside = True
        atexit.register(_at_exit, weakref.ref(self))

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = Thread(target=self._serve, name="sojourn-journal", daemon=True)
                self._thread.start()

    def _serve(self) -> None:
        while not self._stop.wait(self.flush_every.total_seconds()):
            self.try_flush_now()

    def try_flush_now(self) -> None:
        """`flush_now`; what fails is logged, once."""
        try:
            self.flush_now()
        except Exception as error:
            self._failed(error)
        else:
            self._succeeded()

    def end(self) -> None:
        """End the thread of `beside`, and write what waits."""
        self._beside = False
        thread, self._thread = self._thread, None
        if thread is not None:
            self._stop.set()
            thread.join(_PATIENCE)
            self._stop.clear()
        self.try_flush_now()

    def _failed(self, error: Exception) -> None:
        """Say it once an outage; again only if it is another kind of failure."""
        kind = type(error).__name__
        if self._outage == kind:
            return
        self._outage = kind
        expected = isinstance(error, self.ledger.faults)
        _log.warning(
            "the journal is not written, %s events wait: %s: %s",
            self.queued,
            kind,
            error,
            exc_info=None if expected else error,
        )

    def _succeeded(self) -> None:
        if self._outage is not None:
            self._outage = None
            _log.warning("the journal is written again")


def _writable(event: Event) -> Event:
    """*event*; or, if it holds text that is none (a lone surrogate), that one is missing here."""
    try:
        drafted = {name: getattr(event, name) for name in event.__struct_fields__}
        msgspec.json.encode(drafted)
    except UnicodeEncodeError:
        _log.warning("an event %s was not written: its text is no Unicode", event.name)
        return JournalGap(at=event.at, count=1)
    return event


def _at_exit(journal: weakref.ref[Journal]) -> None:
    if (alive := journal()) is not None:
        alive.end()


def _begin_after_fork(journal: Journal) -> None:
    """A child writes nothing that its parent will."""
    found = weakref.ref(journal)

    def begin() -> None:
        if (alive := found()) is not None:
            with suppress(Exception):
                alive._begin()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=begin)
