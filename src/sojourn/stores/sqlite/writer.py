"""Who writes to an SQLite file in this process: callers themselves what is small, one thread the rest."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from copy import copy
from functools import partial
from queue import SimpleQueue
from threading import Lock, Thread
from traceback import clear_frames
from typing import Any, Generic, Literal, TypeVar

from sojourn.stores.sqlite.disk import LONG, Disk
from sojourn.stores.sqlite.file import File, busy, explained, patiently
from sojourn.stores.sqlite.turn import Call, Turn

__all__ = ["Job", "Writer"]

T = TypeVar("T")
Kind = Literal["read", "write", "schema", "log"]

_log = logging.getLogger("sojourn")
_TOGETHER = 100  # jobs in one transaction: other processes wait for it
_LOOK = 50  # writes by callers after which somebody looks how long the log has become


class Job(Generic[T]):
    """Work that waits for the connection, and then its outcome, which waits for the commit.

    A `read` or a `write`, or work on the `schema`, whichever that is at the moment; or on the `log`.
    """

    __slots__ = ("durable", "error", "flushed", "future", "kind", "result", "single", "work")

    result: T
    future: Future[T]

    def __init__(
        self,
        work: Callable[[sqlite3.Connection], T],
        kind: Kind,
        *,
        durable: bool = False,
        single: bool = False,
    ) -> None:
        self.work, self.kind, self.durable = work, kind, durable
        self.single = single  # one statement, which is a transaction by itself
        self.error: BaseException | None = None
        self.flushed: Future[None] | None = None  # done when the commit is on the disk, if that was promised

    def deliver(self, flushed: Future[None] | None = None) -> None:
        if flushed is not None and self.error is None:
            fault = flushed.exception()
            self.error = fault and copy(fault)
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


class _Undone(Exception):
    """Because of one job SQLite rolled the whole transaction back: the disk is full, for example."""

    def __init__(self, job: Job[Any]) -> None:
        self.job = job


class Writer:
    """One connection, used in turns: by a thread that starts with its first job, and by callers (`here`).

    *leave* closes what else there is. In a forked child the thread is gone, but it never returned:
    what it refers to, the connections of the parent, is never closed there, not even when the
    child exits.
    """

    def __init__(self, file: File, leave: Callable[[], None]) -> None:
        self.ready = False  # the file is open, and of the right schema
        self._file = file
        self._leave = leave
        self._queue: SimpleQueue[Job[Any] | None] = SimpleQueue()
        self._lock = Lock()
        self._thread: Thread | None = None
        self._closing = False
        self._closed: Future[None] = Future()
        self._turn = Turn()
        self._connection: sqlite3.Connection | None = None
        self._copying: sqlite3.Connection | None = None
        self._disk = Disk(file.path)
        # The first write after the log began anew is the thread's, because it flushes. See `_shorten`.
        self._begun = False
        self._looked = 0
        self.shortening = False
        """The log has become long, and the thread is about to do something about it."""

    def submit(self, job: Job[Any]) -> bool:
        """Queue *job*; false if the thread is on its way out, or has left."""
        with self._lock:
            if self._closing:
                return False
            if self._thread is None:
                self._thread = Thread(target=self._serve, name="sojourn-sqlite", daemon=True)
                self._thread.start()
            job.future = Future()
            self._queue.put(job)
            return True

    def close(self) -> Future[None]:
        """Do what is queued, then leave; the future is done when the connection is closed."""
        with self._lock:
            if not self._closing:
                self._closing = True
                self._closed.set_running_or_notify_cancel()  # a caller that gives up cannot cancel it
                self._queue.put(None)
                if self._thread is None:
                    self._closed.set_result(None)
            return self._closed

    # ── on a caller's thread ─────────────────────────────────────────────────────────────────

    def here(self, jobs: list[Job[Any]], call: Call | None = None) -> bool | None:
        """Do *jobs*, which are small writes, in one transaction without waiting for anything.

        False: nothing was done, and the thread has to: somebody holds the lock, or something is wrong.
        None: it is somebody else's turn in this process, and *call* comes after that.
        """
        if not self._may_here():
            return False
        if not self._turn.take(call):
            return None if call else False
        try:
            return self._may_here() and self._now(jobs)
        finally:
            self._turn.give()

    def _may_here(self) -> bool:
        return self._begun and self._disk.doubt is None

    def _now(self, jobs: list[Job[Any]]) -> bool:
        connection = self._connect()
        try:
            self._file.check_unmoved()
            if len(jobs) == 1 and jobs[0].single:
                jobs[0].result = jobs[0].work(connection)
            else:
                connection.execute("begin immediate")
                for job in jobs:
                    job.result = job.work(connection)
                connection.execute("commit")
        except BaseException as error:
            clear_frames(error.__traceback__)  # a cursor in one of them would go on reading
            if connection.in_transaction:
                with suppress(sqlite3.Error):  # then the thread opens another connection
                    connection.execute("rollback")
            if isinstance(error, Exception):
                return False  # the thread meets it again, one job at a time
            raise
        self._committed(jobs)
        self._looked += len(jobs)
        if self._looked >= _LOOK:
            self._look()
        return True

    def _committed(self, jobs: list[Job[Any]]) -> None:
        if any(job.durable for job in jobs):
            flushed = self._disk.flushed()
            for job in jobs:
                if job.durable:
                    job.flushed = flushed

    def _look(self) -> None:
        """Have the log shortened if it has become long."""
        self._looked = 0
        if self._disk.long and not self.shortening:
            self.shortening = True
            self.submit(Job(lambda _: None, "log"))

    # ── on the thread ────────────────────────────────────────────────────────────────────────

    def _serve(self) -> None:
        jobs: list[Job[Any] | None] = []
        while None not in jobs:
            jobs = self._wait()
            self._process([job for job in jobs if job and job.future.set_running_or_notify_cancel()])
        with self._turn:
            self._begun = self.ready = False
            self._disk.close()
            self._disconnect()
        self._leave()
        self._file.forget()
        self._closed.set_result(None)

    def _wait(self) -> list[Job[Any] | None]:
        jobs = [self._queue.get()]
        while jobs[-1] is not None and len(jobs) < _TOGETHER and not self._queue.empty():
            jobs.append(self._queue.get())
        return jobs

    def _process(self, jobs: list[Job[Any]]) -> None:
        """Schema first; then reads, which must see nothing that may still be undone; then writes."""
        schema, reads, writes, log = (
            [job for job in jobs if job.kind == kind] for kind in ("schema", "read", "write", "log")
        )
        for job in schema:
            self._alone(job)
        if self._prepared(reads + writes):
            for job in reads:
                self._alone(job)
            if writes:
                self._together(writes)
        if log:
            self._try_to_shorten()

    def _prepared(self, jobs: list[Job[Any]]) -> bool:
        """Whether *jobs* can be done; if not, they are told why, and the next ones find out anew."""
        try:
            if jobs and not self.ready:
                patiently(self._open)
            self._file.check_unmoved()
            if self._disk.doubt is not None and any(job.kind == "write" for job in jobs):
                self._mend(self._disk.doubt)
        except Exception as error:
            self._fail(jobs, error)
            return False
        return True

    def _open(self) -> None:
        with self._turn:
            connection = self._connect()
            self._file.prepare(connection)
            self._rely_on_disk(connection)
            self.ready = True

    def _alone(self, job: Job[Any]) -> None:
        try:
            job.result = patiently(partial(self._taking_turns, job.work))
        except BaseException as error:
            self._fail([job], error)
        else:
            job.deliver()

    def _taking_turns(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with self._turn:
            return work(self._connect())

    def _together(self, jobs: list[Job[Any]]) -> None:
        """One transaction for all; each has a savepoint, so that one that fails does not undo another."""
        try:
            patiently(partial(self._taking_turns, partial(self._transact, jobs)))
        except _Undone as undone:
            undone.job.deliver()
            if others := [job for job in jobs if job is not undone.job]:
                self._together(others)
        except Exception as error:
            self._fail(jobs, error)
        else:
            for job in jobs:
                if job.flushed is None:
                    job.deliver()
                else:
                    job.flushed.add_done_callback(job.deliver)

    def _transact(self, jobs: list[Job[Any]], connection: sqlite3.Connection) -> None:
        # Immediate: what reads before it writes fails while others write. Who is told "busy" waits
        # for the other process without keeping the turn.
        connection.execute("begin immediate")
        try:
            for job in jobs:
                self._step(job, connection)
            connection.execute("commit")
        finally:
            if connection.in_transaction:
                connection.execute("rollback")
        self._committed([job for job in jobs if job.error is None])
        self._begun = True
        self._look()

    def _step(self, job: Job[Any], connection: sqlite3.Connection) -> None:
        connection.execute("savepoint job")
        try:
            job.result, job.error = job.work(connection), None
        except BaseException as error:
            job.error = explained(error, self._file.path)
            clear_frames(error.__traceback__)  # a cursor in one of them would go on reading
            if not connection.in_transaction:
                raise _Undone(job) from None
            connection.execute("rollback to job")
        connection.execute("release job")

    def _fail(self, jobs: list[Job[Any]], error: BaseException) -> None:
        explained(error, self._file.path)
        clear_frames(error.__traceback__)
        with self._turn:
            if not self.ready:
                self._disconnect()
                self._file.forget()
            elif self._connection is not None and self._connection.in_transaction:
                self._begun = False
                self._disk.close()  # the log may be another file then
                self._disconnect()  # even the rollback failed
        for job in jobs:
            job.error = copy(error)  # each caller raises its own
            job.deliver()

    def _connect(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._file.connect()
            self._connection.execute("pragma wal_autocheckpoint = 0")  # see `_shorten`
            self._connection.execute(f"pragma journal_size_limit = {LONG}")
            if self.ready:
                self._rely_on_disk(self._connection)
        return self._connection

    def _rely_on_disk(self, connection: sqlite3.Connection) -> None:
        """A new schema is flushed with its commit; from then on `Disk` does that, for whoever wants it."""
        connection.execute("pragma schema_version").fetchall()  # so that the log is there
        self._disk.open()
        connection.execute("pragma synchronous = normal")

    def _disconnect(self) -> None:
        for connection in (self._connection, self._copying):
            if connection is not None:
                connection.close()
        self._connection = self._copying = None

    # ── the log ──────────────────────────────────────────────────────────────────────────────

    def _try_to_shorten(self) -> None:
        try:
            self._shorten()
        except (sqlite3.Error, OSError) as error:
            _log.warning("the write-ahead log of %s was not shortened: %s", self._file.path, error)
        finally:
            self.shortening = False

    def _shorten(self) -> bool:
        """Copy the log into the file, and begin it anew; false if somebody still reads what is in it.

        A connection of its own copies, so that others write meanwhile. What they have added then is
        copied while they may not, or it would never end; that is little. The first write to a new
        log flushes its head, so that is made here and not on an event loop.
        """
        if self._copying is None:
            self._copying = self._file.connect_reader()
        self._copying.execute("pragma wal_checkpoint(passive)").fetchall()
        with self._turn:
            connection = self._connect()
            ((unfinished, _, _),) = connection.execute("pragma wal_checkpoint(restart)").fetchall()
            if not unfinished:
                _begin_log(connection)
        return not unfinished

    def _mend(self, doubt: Exception) -> None:
        """Confirm nothing before all that was committed is in the file itself, and that on the disk."""
        try:
            mended = patiently(self._shorten)
        except sqlite3.Error as error:
            raise copy(doubt) from error
        if not mended:
            raise copy(doubt)
        self._disk.trust()


def _begin_log(connection: sqlite3.Connection) -> None:
    """Write something that changes nothing."""
    try:
        connection.execute("begin immediate")
        ((version,),) = connection.execute("pragma user_version").fetchall()
        connection.execute(f"pragma user_version = {version}")
        connection.execute("commit")
    except sqlite3.OperationalError as error:
        if not busy(error):  # or another process was faster
            raise
    finally:
        if connection.in_transaction:
            connection.execute("rollback")
