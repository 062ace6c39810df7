"""What one process counts of events by itself, where no journal does it for all."""

from __future__ import annotations

from sojourn.events import Event
from sojourn.observe.series.tally import counted

__all__ = ["Heard"]


class Heard:
    """A listener: `sessions.listen(heard.hear)`. It counts as the journal does, and begins at nothing."""

    def __init__(self) -> None:
        self._totals: dict[tuple[str, str], tuple[int, float]] = {}

    def hear(self, event: Event) -> None:
        for tally in counted(event):
            slot = (tally.metric, tally.label)
            count, total = self._totals.get(slot, (0, 0.0))
            self._totals[slot] = (count + tally.count, total + tally.total)

    def totals(self) -> dict[tuple[str, str], tuple[int, float]]:
        """Count and total since the process began, by metric and label, as `Ledger.totals` has them."""
        return dict(self._totals)
