"""When what was committed is on the disk: one flush of the log at a time, for all who wait for one."""

from __future__ import annotations

import os
import sqlite3
from concurrent.futures import Future
from contextlib import suppress
from copy import copy
from pathlib import Path
from queue import SimpleQueue
from threading import Lock, Thread

__all__ = ["LONG", "Disk"]

LONG = 4 << 20  # bytes of a log that should be copied into the file: a thousand pages

# SQLite's own choice: of the file's attributes only its length matters. macOS has no such call.
_flush = getattr(os, "fdatasync", os.fsync)


class Disk:
    """The write-ahead log of the file at *path*, on the disk below it; None: in memory, and there is none.

    SQLite commits without a flush, and whoever has promised more waits for `flushed`. A descriptor of
    our own can do it, because a flush concerns the file and not the descriptor; because the log, unlike
    the file and its -shm, carries no locks that closing a descriptor would drop; because the log stays
    the same file as long as a connection is open; and because SQLite begins it anew only when all of it
    is in the file, flushed.

    The descriptor stays open, or an error in writing back that somebody else has met would be missed.
    """

    def __init__(self, path: Path | None) -> None:
        self.doubt: Exception | None = None
        """Why what is in the log may never reach the disk, though later flushes say that it did."""
        self._path = path
        self._log: int | None = None
        self._queue: SimpleQueue[Future[None] | None] = SimpleQueue()
        self._lock = Lock()
        self._next: Future[None] | None = None
        self._thread: Thread | None = None

    def open(self) -> None:
        """Begin to watch the log, which must be there: so before anything is written to it."""
        if self._path is not None and self._log is None:
            self._log = os.open(f"{self._path}-wal", os.O_RDONLY | os.O_CLOEXEC)
            _flush_directory(self._path.parent)

    @property
    def long(self) -> bool:
        """Whether the log has grown. (Whoever begins it anew cuts it to that: `Writer`.)"""
        return self._log is not None and os.fstat(self._log).st_size > LONG

    def flushed(self) -> Future[None] | None:
        """Done when a flush has ended that began after this call, or failed; None: there is no disk."""
        if self._path is None:
            return None
        with self._lock:
            if self._next is None:
                self._next = Future()
                self._next.set_running_or_notify_cancel()  # one who gives up cancels nobody else
                self._queue.put(self._next)
                if self._thread is None:
                    self._thread = Thread(target=self._serve, name="sojourn-sqlite-disk", daemon=True)
                    self._thread.start()
            return self._next

    def trust(self) -> None:
        """The log began anew, and nothing that is wanted is in the old one."""
        self.doubt = None

    def close(self) -> None:
        """Flush for all who wait, then let go of the log."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None
        if self._log is not None:
            os.close(self._log)
            self._log = None

    # ── on a thread of its own ───────────────────────────────────────────────────────────────

    def _serve(self) -> None:
        while (asked := self._queue.get()) is not None:
            with self._lock:
                self._next = None  # who asks from here on may have committed too late for this flush
            try:
                self._flush()
            except Exception as error:
                asked.set_exception(error)
            else:
                asked.set_result(None)

    def _flush(self) -> None:
        """The kernel tells of an error once, and takes what was lost for written from then on."""
        if self.doubt is not None:
            raise copy(self.doubt)
        log = self._log
        if log is None:
            raise ValueError("the log was closed before it was flushed")
        try:
            _flush(log)
            if os.fstat(log).st_nlink == 0:
                raise sqlite3.OperationalError(f"{self._path}-wal was removed while it was in use")
        except Exception as error:
            error.add_note(
                f"What was just written to {self._path} may not be on the disk, so it was not confirmed. "
                "The disk may be full, broken or gone: look into the system's log."
            )
            self.doubt = error
            raise


def _flush_directory(path: Path) -> None:
    """A file whose name is not on the disk is lost. SQLite too goes on where that cannot be done."""
    with suppress(OSError):
        directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
