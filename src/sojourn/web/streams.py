"""The open event streams of one process: how many, of whom, and how they are told that it ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import RLock

from sojourn.errors import RateLimited

__all__ = ["Streams"]

_LATER = timedelta(seconds=30)


class Streams:
    """Counts streams, of one user at most *per_user*, from one address at most *per_address*.

    A browser opens one, whatever its number of tabs. Many people share the address of an office.
    """

    def __init__(self, *, per_user: int = 20, per_address: int = 1_000) -> None:
        self.per_user, self.per_address = per_user, per_address
        self._open: Counter[tuple[str, str | None]] = Counter()
        self._ends: set[Callable[[], object]] = set()
        self._closing = False
        self._lock = RLock()  # a signal that closes may come to the thread that has it

    @property
    def open(self) -> int:
        return len(self._ends)

    @property
    def closing(self) -> bool:
        return self._closing

    @contextmanager
    def one(self, user_id: str, ip: str | None, end: Callable[[], object]) -> Iterator[None]:
        """Count one while the block lasts, and call *end*, on whatever thread, when all are to end.

        `RateLimited` if there are too many.
        """
        whose = ((("user", user_id), self.per_user), (("address", ip), self.per_address))
        with self._lock:
            if any(self._open[slot] >= most for slot, most in whose):
                raise RateLimited(_LATER)
            self._open.update(slot for slot, _ in whose)
            self._ends.add(end)
        try:
            yield
        finally:
            with self._lock:
                self._ends.discard(end)
                for slot, _ in whose:
                    self._open[slot] -= 1
                    if not self._open[slot]:
                        del self._open[slot]

    def close(self) -> None:
        """Have all of them end: the process is about to. Those that come now end at once."""
        with self._lock:
            self._closing, ends = True, [*self._ends]
        for end in ends:
            end()
