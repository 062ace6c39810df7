"""The ledger: the journal, the counts, the alerts and the jobs, in one file or in one database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from copy import copy
from typing import Self

from sojourn.observe.alerts.store import AlertVerbs
from sojourn.observe.engine import Engine
from sojourn.observe.jobs.store import JobVerbs
from sojourn.observe.journal.keeping import Keeping
from sojourn.observe.journal.people import People
from sojourn.observe.journal.reading import Reading
from sojourn.observe.journal.sealing import Sealing
from sojourn.observe.series.reading import Counts
from sojourn.token import Keys

__all__ = ["Ledger"]


class Ledger(Reading, Sealing, Keeping, Counts, AlertVerbs, JobVerbs):
    """What `open_ledger` opens; at its first use.

    A file of its own, or a schema: writes here never wait for those of sessions, nor the other way round.
    Every process has one, and they may write at once. What is written outlives the process; a power cut may
    take what came after the last seal.
    """

    written: Callable[[], Awaitable[object]] | None = None  # writes what this process has heard so far

    def __init__(self, engine: Engine, *, keys: Keys | None) -> None:
        self.engine = engine
        self.people = People(keys)

    def __repr__(self) -> str:
        return f"<Ledger on {self.engine!r}>"

    @property
    def faults(self) -> tuple[type[Exception], ...]:
        """What is raised while the database is away."""
        return self.engine.faults

    def blocking(self) -> Self:
        """The same ledger behind verbs that block instead of suspending: see `sojourn.blocking.drive`."""
        twin = copy(self)
        twin.engine = self.engine.blocking()
        return twin

    async def close(self) -> None:
        """Let go of the database. A `Journal` writes first what it has."""
        await self.engine.close()
