"""Whose turn it is to use the one connection that writes: the writing thread's, or a caller's."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from types import TracebackType

__all__ = ["Turn"]

Call = Callable[[], object]


class Turn:
    """A lock. Who may not wait for it is called when it is free: an event loop, for example."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._calls: deque[Call] = deque()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.give()

    def take(self, call: Call | None = None) -> bool:
        """Take it if it is free. If not, *call* comes, perhaps in vain, when it may be."""
        if self._lock.acquire(blocking=False):
            return True
        if call is None:
            return False
        self._calls.append(call)
        if not self._lock.acquire(blocking=False):
            return False  # whoever has it now finds the call when he gives it back
        with suppress(ValueError):  # he who gave it back in between has found it already
            self._calls.remove(call)
        return True

    def give(self) -> None:
        self._lock.release()
        while self._calls:
            with suppress(IndexError, RuntimeError):  # somebody else was faster; a loop that was closed
                self._calls.popleft()()
