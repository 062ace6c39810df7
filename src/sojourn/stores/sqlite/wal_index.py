"""Whether anybody has committed, by the shared memory in which SQLite itself looks: the wal-index.

Its header changes with each commit of whatever process (https://sqlite.org/walformat.html, section 2).
To compare its bytes takes a fiftieth of what it takes to ask SQLite, which locks something to look there.
"""

from __future__ import annotations

import os
import sys
from mmap import ACCESS_READ, mmap
from pathlib import Path
from threading import Lock

__all__ = ["WalIndex", "borrow", "give_back"]

_HEADER = 96  # bytes: it is there twice, one behind the other
_VERSION = (3_007_000).to_bytes(4, sys.byteorder)  # of its format, the first of its fields


class WalIndex:
    """The wal-index of one file, for as long as somebody in this process has borrowed it."""

    def __init__(self, descriptor: int, view: mmap | None) -> None:
        self.descriptor, self._view = descriptor, view
        self.users = 0

    @property
    def fits(self) -> bool:
        """Whether it is there, and of the only format that there has been since 2010."""
        return self._view is not None and self._view[:4] == _VERSION

    def header(self) -> bytes | None:
        """What differs as soon as anybody has committed anything; None: it is gone."""
        try:
            return self._view[:_HEADER]  # type: ignore[index]
        except ValueError:  # closed by another thread
            return None

    def close(self) -> None:
        if self._view is not None:
            self._view.close()
        os.close(self.descriptor)


# Whoever closes any descriptor of a file drops all locks that the process has on it (fcntl, POSIX), those of
# SQLite's connections too, whosesoever they are. So nothing is closed before SQLite has removed the file,
# which it does when the last connection of the last process is closed.
_open: dict[tuple[int, int], WalIndex] = {}
_superfluous: list[WalIndex] = []
_lock = Lock()


def borrow(path: Path) -> WalIndex | None:
    """The wal-index of the database at *path*, or None if there is none to look at.

    For as long as the caller has it, he has a connection to the database, too, which has read something:
    while that is open, neither the index nor the write-ahead mode goes away.
    """
    if os.name != "posix":
        return None
    with _lock:
        _let_go()
        try:
            index = _found(os.path.realpath(path) + "-shm")
        except OSError:
            return None
        if not index.fits:
            return None
        index.users += 1
        return index


def give_back(index: WalIndex) -> None:
    with _lock:
        index.users -= 1
        _let_go()


def _found(name: str) -> WalIndex:
    stat = os.stat(name)
    known = _open.get((stat.st_dev, stat.st_ino))
    if known is not None:
        return known
    descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC)
    stat = os.fstat(descriptor)
    try:
        view = mmap(descriptor, _HEADER, access=ACCESS_READ)
    except (OSError, ValueError):  # too short, or on a file system without
        view = None
    index, key = WalIndex(descriptor, view), (stat.st_dev, stat.st_ino)
    if key in _open:  # it was replaced just now, by one that is known: this one stays open for good
        _superfluous.append(index)
    return _open.setdefault(key, index)


def _let_go() -> None:
    for key, index in list(_open.items()):
        if not index.users and not os.fstat(index.descriptor).st_nlink:
            del _open[key]
            index.close()


def _forget_the_lock() -> None:
    """A forked child has what its parent had open, but not the thread that may hold the lock."""
    global _lock
    _lock = Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_the_lock)
