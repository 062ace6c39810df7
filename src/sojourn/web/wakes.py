"""Who waits to hear that something may have happened to a session, or to the sessions of a user."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from uuid import UUID

__all__ = ["Wake", "Wakes"]

Wake = Callable[[], object]


class Wakes:
    """Functions to be called, on whatever thread, by the id of a session or the bucket of a user."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._waiting: dict[UUID | int, list[Wake]] = {}

    @contextmanager
    def waiting(self, what: UUID | int, wake: Wake) -> Iterator[None]:
        """Call *wake* whenever `tell` names *what*, while the block lasts."""
        with self._lock:
            self._waiting.setdefault(what, []).append(wake)
        try:
            yield
        finally:
            with self._lock:
                self._waiting[what].remove(wake)
                if not self._waiting[what]:
                    del self._waiting[what]

    def tell(self, *what: UUID | int) -> None:
        """Wake those who wait for any of *what*."""
        if not self._waiting:
            return
        with self._lock:
            wakes = [wake for one in what for wake in self._waiting.get(one, ())]
        for wake in wakes:
            wake()
