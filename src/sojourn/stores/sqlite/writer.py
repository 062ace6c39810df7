"""The one thread of a process that writes to an SQLite file: what waits together is committed together."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import Future
from copy import copy
from functools import partial
from queue import SimpleQueue
from threading import Lock, Thread
from traceback import clear_frames
from typing import Any, Generic, Literal, TypeVar

from sojourn.stores.sqlite.file import File, explained, patiently, transaction

__all__ = ["Job", "Writer"]

T = TypeVar("T")

_TOGETHER = 100  # jobs in one transaction: other processes wait for it


class Job(Generic[T]):
    """Work that waits for the thread, and then its outcome, which waits for the commit.

    A `read` or a `write`, or work on the `schema`, whichever that is at the moment.
    """

    __slots__ = ("durable", "error", "future", "kind", "result", "work")

    result: T

    def __init__(
        self,
        work: Callable[[sqlite3.Connection], T],
        kind: Literal["read", "write", "schema"],
        *,
        durable: bool = False,
    ) -> None:
        self.work, self.kind, self.durable = work, kind, durable
        self.future: Future[T] = Future()
        self.error: BaseException | None = None

    def deliver(self) -> None:
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


class _Undone(Exception):
    """Because of one job SQLite rolled the whole transaction back: the disk is full, for example."""

    def __init__(self, job: Job[Any]) -> None:
        self.job = job


class Writer:
    """A thread that starts with its first job, and its connection; *leave* closes what else there is.

    In a forked child the thread is gone, but it never returned: what it refers to, the connections
    of the parent, is never closed there, not even when the child exits.
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
        self._connection: sqlite3.Connection | None = None
        self._synchronous = ""

    def submit(self, job: Job[Any]) -> bool:
        """Queue *job*; false if the thread is on its way out, or has left."""
        with self._lock:
            if self._closing:
                return False
            if self._thread is None:
                self._thread = Thread(target=self._serve, name="sojourn-sqlite", daemon=True)
                self._thread.start()
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

    # ── on the thread ────────────────────────────────────────────────────────────────────────

    def _serve(self) -> None:
        jobs: list[Job[Any] | None] = []
        while None not in jobs:
            jobs = self._wait()
            self._process([job for job in jobs if job and job.future.set_running_or_notify_cancel()])
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
        schema, reads, writes = (
            [job for job in jobs if job.kind == kind] for kind in ("schema", "read", "write")
        )
        for job in schema:
            self._alone(job)
        if self._prepared(reads + writes):
            for job in reads:
                self._alone(job)
            if writes:
                self._together(writes)

    def _prepared(self, jobs: list[Job[Any]]) -> bool:
        """Whether *jobs* can be done; if not, they are told why, and the next ones find out anew."""
        try:
            if jobs and not self.ready:
                connection = self._connect()
                patiently(lambda: self._file.prepare(connection))
                self.ready = True
            self._file.check_unmoved()
        except Exception as error:
            self._fail(jobs, error)
            return False
        return True

    def _alone(self, job: Job[Any]) -> None:
        try:
            connection = self._connect()
            job.result = patiently(partial(job.work, connection))
        except BaseException as error:
            self._fail([job], error)
        else:
            job.deliver()

    def _together(self, jobs: list[Job[Any]]) -> None:
        """One transaction for all; each has a savepoint, so that one that fails does not undo another."""
        try:
            connection = self._connect()
            self._synchronise("full" if any(job.durable for job in jobs) else "normal")
            with transaction(connection):
                for job in jobs:
                    self._step(job, connection)
        except _Undone as undone:
            undone.job.deliver()
            if others := [job for job in jobs if job is not undone.job]:
                self._together(others)
        except Exception as error:
            self._fail(jobs, error)
        else:
            for job in jobs:
                job.deliver()

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

    def _synchronise(self, level: str) -> None:
        """`full` flushes the log to the disk with each commit, `normal` only before it is copied back."""
        if self._synchronous != level:
            self._connect().execute(f"pragma synchronous = {level}")
            self._synchronous = level

    def _fail(self, jobs: list[Job[Any]], error: BaseException) -> None:
        explained(error, self._file.path)
        clear_frames(error.__traceback__)
        if not self.ready:
            self._disconnect()
            self._file.forget()
        elif self._connection is not None and self._connection.in_transaction:
            self._disconnect()  # even the rollback failed
        for job in jobs:
            job.error = copy(error)  # each caller raises its own
            job.deliver()

    def _connect(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._file.connect()
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection, self._synchronous = None, ""
