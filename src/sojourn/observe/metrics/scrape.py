"""Reading for a scrape: what is the same whichever process answers, and what each says of itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from sojourn.leading import passed
from sojourn.observe.metrics.gauges import Process
from sojourn.observe.metrics.table import Key, from_totals

if TYPE_CHECKING:
    from sojourn.observe.ledger import Ledger

__all__ = ["REPORT_EVERY", "Metrics"]

_log = logging.getLogger("sojourn.metrics")

REPORT_EVERY = timedelta(seconds=5)
_FRESH = 3 * REPORT_EVERY  # who was silent for longer is gone
_PATIENCE = 3.0  # seconds until an answer goes out without what could not be read
_BETWEEN = "\t"  # of name and labels in a report

T = TypeVar("T")
Part = Callable[[], Awaitable[Mapping[Key, float]]]


class Metrics:
    """What a scraper is told.

    *parts* are read when it asks, each by itself: what cannot be read is missing from the answer, which
    says so, and keeps the rest from nobody. Processes that share a *ledger* tell one another there how
    they do, so that whichever answers speaks for all; without one each speaks for itself.
    """

    def __init__(
        self,
        process: Process,
        *,
        parts: Mapping[str, Part],
        ledger: Ledger | None = None,
        faults: tuple[type[Exception], ...] = (),
    ) -> None:
        self.process, self._parts, self._ledger = process, dict(parts), ledger
        self._faults: tuple[type[Exception], ...] = (*faults, TimeoutError)
        if ledger is not None:
            self._parts["journal"] = self._counted

    async def read(self) -> tuple[dict[Key, float], dict[str, Mapping[Key, float]]]:
        """What is the same whoever answers, and what each process says of itself."""
        shared: dict[Key, float] = {}
        unread: dict[Key, float] = {}
        for name, part in self._parts.items():
            found = await self._tried(name, part)
            unread["sojourn_unread", name] = float(found is None)
            shared |= found or {}
        own: dict[str, Mapping[Key, float]] = {}
        if self._ledger is not None and not unread["sojourn_unread", "journal"]:
            own |= await self._tried("journal", self._others) or {}
        own[self.process.name] = self.process.values() | unread
        return shared, own

    async def _counted(self) -> dict[Key, float]:
        if self._ledger is None:
            return {}
        totals = from_totals(await self._ledger.totals())
        return totals | {("sojourn_alerts_open",): await self._ledger.count_alerts()}

    async def _others(self) -> dict[str, Mapping[Key, float]]:
        if self._ledger is None:
            return {}
        reports = await self._ledger.reports(self.process.sessions.clock() - _FRESH)
        return {name: _unfolded(said) for name, said in reports.items()}

    async def _tried(self, name: str, part: Callable[[], Awaitable[T]]) -> T | None:
        try:
            async with asyncio.timeout(_PATIENCE):
                return await part()
        except self._faults as fault:
            _log.debug("%s could not be read for the metrics: %r", name, fault)
        except Exception:  # whoever watches us must learn of it, and of all the rest
            _log.exception("%s could not be read for the metrics: a mistake of ours", name)
        return None

    # ── telling the others ───────────────────────────────────────────────────────────────────

    async def report(self) -> None:
        """Tell the others how this process does."""
        if self._ledger is not None:
            said = _folded(self.process.values())
            await self._ledger.report(self.process.name, said, self.process.sessions.clock())

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Report once in a while beside what is inside."""
        stop = asyncio.Event()
        running = asyncio.create_task(self._run(stop), name="sojourn metrics")
        try:
            yield
        finally:
            stop.set()
            await running

    async def _run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self._tried("journal", self.report)
            await passed(stop, REPORT_EVERY.total_seconds())


def _folded(values: Mapping[Key, float]) -> dict[str, float]:
    return {_BETWEEN.join(key): value for key, value in values.items()}


def _unfolded(said: Mapping[str, float]) -> dict[Key, float]:
    return {tuple(name.split(_BETWEEN)): value for name, value in said.items()}
