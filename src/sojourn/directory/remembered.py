"""What the store said a few seconds ago, so that a hot path need not ask it each time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from threading import Lock
from typing import Generic, TypeVar

__all__ = ["Remembered"]

V = TypeVar("V")


class Remembered(Generic[V]):
    """Answers of *ask*, each as old as the moment its question was sent, and used for *span*.

    That nothing is there is remembered too, or whoever makes names up would make us ask. At most
    *limit* answers: then the oldest go.
    """

    def __init__(
        self,
        ask: Callable[[str], Awaitable[V | None]],
        *,
        clock: Callable[[], datetime],
        span: timedelta,
        limit: int = 1000,
    ) -> None:
        self._ask, self._clock, self._span, self._limit = ask, clock, span, limit
        self._answers: dict[str, tuple[datetime, V | None]] = {}
        self._changes = 0  # made by this process: what was asked before one is not remembered after it
        self._lock = Lock()

    async def get(self, name: str) -> V | None:
        """What is known of *name*, or is asked now."""
        asked_at, changes = self._clock(), self._changes
        known = self._answers.get(name)
        if known is not None and timedelta(0) <= asked_at - known[0] < self._span:
            return known[1]
        answer = await self._ask(name)
        self._remember(name, asked_at, answer, changes)
        return answer

    async def sure(self, name: str) -> V | None:
        """What the store says now."""
        asked_at, changes = self._clock(), self._changes
        answer = await self._ask(name)
        self._remember(name, asked_at, answer, changes)
        return answer

    def forget(self) -> None:
        """This process has changed something. Called after the change."""
        with self._lock:
            self._changes += 1
            self._answers.clear()

    def _remember(self, name: str, asked_at: datetime, answer: V | None, changes: int) -> None:
        with self._lock:
            if changes != self._changes:
                return
            self._answers.pop(name, None)
            self._answers[name] = asked_at, answer
            while len(self._answers) > self._limit:
                del self._answers[next(iter(self._answers))]
