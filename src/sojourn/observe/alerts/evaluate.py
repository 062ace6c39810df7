"""The watch: one process looks through the journal as it grows, and raises what is unusual in it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from sojourn.directory.lived import Lived
from sojourn.directory.outbox import Message, Outbox
from sojourn.leading import Leader, passed
from sojourn.observe.alerts.alert import Alert, opened
from sojourn.observe.alerts.gathering import HEARD, Gathering
from sojourn.observe.alerts.happened import happened
from sojourn.observe.alerts.rules import judged
from sojourn.observe.alerts.window import AlertRules, Window
from sojourn.observe.journal.line import Filter
from sojourn.observe.notices.telling import Tellings, told_of
from sojourn.sessions import AsyncSessions

if TYPE_CHECKING:
    from sojourn.observe.ledger import Ledger
    from sojourn.place import Places

__all__ = ["LEASE", "Looked", "Watch"]

LEASE = "alerts"

_log = logging.getLogger("sojourn.alerts")
_LASTS = timedelta(seconds=10)
_STANDS_BY = 3  # times as long between two steps of who does not lead
_PAGE = 500  # lines at a time
_UNHEARD = 10_000  # places without a line that anybody hears, until the cursor goes on for them
_BUDGET = 20  # pages of one step: what is left then comes with the next one
_SPAN = timedelta(seconds=5)  # how often counts are looked at
_TIDIES = timedelta(minutes=5)
_KEPT = timedelta(days=180)  # an alert that was resolved
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Looked(Struct, frozen=True, kw_only=True):
    """What one step did. `more`: there are lines left."""

    lines: int = 0
    raised: int = 0
    more: bool = False


class Watch(Leader):
    """The watch of one process. It does no harm that two watch for the rest of a step.

    What was looked at and what that raised are written in one transaction, and of two who looked at the
    same one is too late. Messages about lines are in the outbox before that, those about alerts are
    written until it is noted that they were; whatever is written twice has the same id, and is one.
    """

    lease = LEASE
    called = "the watch for alerts"
    log = _log

    def __init__(
        self,
        sessions: AsyncSessions,
        ledger: Ledger,
        outbox: Outbox,
        tellings: Tellings,
        *,
        rules: AlertRules | None = None,
        places: Places | None = None,
        wake: Callable[[], object] = lambda: None,
        every: timedelta = timedelta(seconds=1),
        faults: tuple[type[Exception], ...] = (),
        lived: Lived | None = None,
        holder: str | None = None,
    ) -> None:
        """*wake*: whoever delivers, as soon as there is something. *faults*: those of the outbox's store.

        *lived* says which time is to be believed when alerts are settled or forgotten.
        """
        super().__init__(sessions, every=every, lasts=_LASTS, holder=holder)
        self.faults = (*sessions.store.faults, *ledger.faults, *faults)
        self.rules = rules or AlertRules()
        self._ledger, self._outbox, self._tellings = ledger, outbox, tellings
        self._gathering = Gathering(sessions, ledger, rules=self.rules, places=places)
        self._wake, self._lived = wake, lived
        self._heard = tuple(sorted(HEARD | tellings.heard))
        self._held_until: datetime | None = None
        self._tidied_at: datetime | None = None
        self._more = False

    async def step(self, now: datetime) -> Looked | None:
        """Look at what is new, and have it told; None: another process does."""
        self._more = False
        if not await self._lead(now):
            return None
        lines = raised = 0
        for _ in range(_BUDGET):
            page, new = await self._read(now)
            lines, raised = lines + page, raised + new
            if page < _PAGE:
                break
        raised += await self._count(now)
        await self._tell(now)
        await self._tidy(now)
        self._more = lines >= _BUDGET * _PAGE
        return Looked(lines=lines, raised=raised, more=self._more)

    async def pause(self, stop: asyncio.Event) -> None:
        seconds = self.every.total_seconds() * (1 if self.leading else _STANDS_BY)
        await passed(stop, 0 if self._more else seconds)

    async def _lead(self, now: datetime) -> bool:
        """Take the lease, or go on with it, without a write each time."""
        until = self._held_until
        if self.leading and until is not None and now < until <= now + self.lasts:
            return True
        leads = await self.take(now)
        self._held_until = now + self.lasts / 3 if leads else None
        return leads

    # ── looking ──────────────────────────────────────────────────────────────────────────────

    async def _read(self, now: datetime) -> tuple[int, int]:
        """One page of lines; how many they are, and how many alerts were opened.

        Of those alone that anybody hears: most are refreshes, and to read one costs as much as to write it.
        """
        was, end = await self._ledger.alert_cursor(), await self._ledger.last_place()
        wanted = Filter(names=self._heard, after=was, newest_first=False, limit=_PAGE)
        found = await self._ledger.lines(wanted) if end > was else []
        lines = [line for line in found if line.place <= end]  # of later ones not all may be among them
        if not lines and end - was < _UNHEARD:
            return 0, 0
        to = lines[-1].place if len(lines) == _PAGE else end
        window = await self._gathering.window(lines, was=was, to=to, now=now)
        tellings = self._tellings
        await self._put(
            [
                *tellings.of_lines(lines, now),
                *tellings.of_sign_ins(window.sign_ins, now),
                *tellings.of_changes(lines, now),
            ]
        )
        new = await self._raise(window, was=was, to=to)
        if new is None:
            self._gathering.forget()
            return len(lines), 0
        for event in happened(window):
            self.sessions.emit(event)
        return len(lines), len(new)

    async def _raise(self, window: Window, *, was: int, to: int) -> list[Alert] | None:
        return await self._ledger.advance(was, to, [opened(raised) for raised in judged(window)])

    async def _count(self, now: datetime) -> int:
        """Look at counts, once in a span of time: that is a cursor, too."""
        was = await self._ledger.alert_cursor("counts")
        to = (now - _EPOCH) // _SPAN
        if to <= was <= to + 1:  # further ahead it was put by a clock that has been put right since
            return 0
        raised = judged(await self._gathering.counted(now))
        new = await self._ledger.advance(was, to, [opened(one) for one in raised], name="counts")
        return len(new or ())

    # ── telling ──────────────────────────────────────────────────────────────────────────────

    async def _tell(self, now: datetime) -> None:
        """Write down the messages about alerts, however long ago they were opened."""
        while untold := await self._ledger.untold_alerts():
            for alert in untold:
                _said(alert)
            await self._put([message for alert in untold for message in self._tellings.of_alert(alert, now)])
            await self._ledger.told_alerts([alert.id for alert in untold], at=now)

    async def _put(self, messages: Iterable[Message]) -> None:
        if (waiting := list(messages)) and await self._outbox.enqueue(waiting):
            self._wake()

    async def _tidy(self, now: datetime) -> None:
        last = self._tidied_at
        if last is not None and timedelta(0) <= now - last < _TIDIES:
            return
        if self._lived is None or await self._lived.vouched(now):
            await self._ledger.settle_alerts(before=now - self.rules.quiet, at=now)
            while await self._ledger.forget_alerts(before=now - _KEPT):
                pass
        self._tidied_at = now


def _said(alert: Alert) -> None:
    """One line of JSON, as events have it: what is in it cannot begin another line."""
    level = logging.INFO if alert.severity == "low" else logging.WARNING
    line = {"alert": alert.rule} | {name: value for name, value in told_of(alert).items() if name != "rule"}
    _log.log(level, "%s", msgspec.json.encode(line).decode())
