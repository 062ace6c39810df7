"""Whether to ask if anything was committed, before a row is read that was read lately."""

from __future__ import annotations

__all__ = ["Calm"]

_ROUND = 500  # questions, before it is seen whether they were worth it: after a commit many are in vain
_PAUSE = 2_000  # reads without, if they were not


class Calm:
    """To ask takes less than half of what a read takes, and is in vain where somebody commits all the time.

    So after a round of questions of which fewer than half spared a read, there is a pause.
    """

    def __init__(self) -> None:
        # Threads may lose a count: then a round is a little longer.
        self.spared = 0  # reads in this round; whoever is spared one counts
        self._vain = self._pause = 0

    def asks(self) -> bool:
        """Whether to ask this time."""
        if self._pause > 0:
            self._pause -= 1
            return False
        return True

    def vain(self) -> None:
        """A question was in vain: somebody has committed."""
        self._vain += 1
        if self._vain + self.spared >= _ROUND:
            self._pause = _PAUSE if self._vain > self.spared else 0
            self._vain = self.spared = 0
