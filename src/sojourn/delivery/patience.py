"""When a message is tried again, when never again, and whom to leave alone for a while."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct

__all__ = ["ABANDON", "GIVE_UP", "Breakers", "gives_up", "next_try"]

GIVE_UP = timedelta(days=1)  # whoever could not be told for so long is not told any more
ABANDON = timedelta(days=1, hours=2)  # the same for what never came to its last attempt

_FIRST, _LONGEST = timedelta(seconds=5), timedelta(hours=1)
_IN_A_ROW = 5  # failures after which a receiver counts as away
_REST, _LONGEST_REST = timedelta(seconds=30), timedelta(minutes=10)
_DOUBLINGS = 20  # enough for either; 2 to the power of a year's attempts would be no number


def next_try(created_at: datetime, attempt: int, at: datetime, chance: float) -> datetime:
    """When to try again after the *attempt*-th failed at *at*; *chance* from 0 to 1 shortens it, to a half.

    The last one is at the end of the patience, whenever the one before was.
    """
    longest = min(_FIRST * (1 << min(attempt - 1, _DOUBLINGS)), _LONGEST)
    return at + max(min(longest * (1 - chance / 2), created_at + GIVE_UP - at), _FIRST / 2)


def gives_up(created_at: datetime, at: datetime) -> bool:
    """Whether the attempt that failed at *at* was the last."""
    return at - created_at >= GIVE_UP


class _Breaker(Struct):
    failures: int = 0
    until: datetime | None = None


class Breakers:
    """Which receivers are left alone, so that one that is away takes no time from the others.

    One that failed five times in a row rests for half a minute; then it is tried again, and rests twice as
    long if that fails too, at last for ten minutes. Known to this process alone: another one learns it anew.
    """

    def __init__(self) -> None:
        self._of: dict[str, _Breaker] = {}

    def resting(self, at: datetime) -> set[str]:
        """The receivers to leave alone at *at*."""
        return {target for target, breaker in self._of.items() if breaker.until and at < breaker.until}

    def answered(self, target: str) -> None:
        self._of.pop(target, None)

    def failed(self, target: str, at: datetime) -> None:
        breaker = self._of.setdefault(target, _Breaker())
        if breaker.until is not None and at < breaker.until:
            return  # one of those that were under way when it was noticed
        breaker.failures += 1
        if breaker.failures >= _IN_A_ROW:
            more = min(breaker.failures - _IN_A_ROW, _DOUBLINGS)
            breaker.until = at + min(_REST * (1 << more), _LONGEST_REST)
