"""The verbs of counts: series, totals, heatmap, and what each process reports about itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, tzinfo
from typing import Literal

import msgspec
from msgspec import Struct

from sojourn.observe.engine import Database, Engine
from sojourn.observe.series.tally import HOUR, MINUTE
from sojourn.stores.sqlite.rows import microseconds, time_of

__all__ = ["Counts", "Point", "Step"]

Step = Literal["minute", "hour", "day"]

_LENGTH = {"minute": MINUTE, "hour": HOUR, "day": 24 * HOUR}
_LONGEST = 20_000  # steps of one answer

_SERIES = """
    select at, label, count, total from tallies where step = ? and metric = ? and at >= ? and at < ?
"""
_LONGER = """
    select at / :length * :length, label, cast(sum(count) as bigint), sum(total) from tallies
    where step = 'hour' and metric = :metric and at >= :first and at < :end group by 1, 2
"""
_WATCHED = """
    select distinct at / ? from tallies where step = ? and metric = 'active' and at >= ? and at < ?
"""
_TOTALS = "select metric, label, count, total from totals"
_SET = """
    insert into tallies (step, at, metric, label, count, total) values ('minute', ?, ?, ?, 1, ?)
    on conflict (step, metric, at, label) do update set count = 1, total = excluded.total
"""
_SET_HOUR = """
    insert into tallies (step, at, metric, label, count, total)
    select 'hour', :hour, :metric, :label, sum(count), sum(total) from tallies
    where step = 'minute' and metric = :metric and label = :label and at >= :hour and at < :hour + :length
    on conflict (step, metric, at, label) do update set count = excluded.count, total = excluded.total
"""
_REPORT = """
    insert into reports (process, at, said) values (?, ?, ?)
    on conflict (process) do update set at = excluded.at, said = excluded.said
"""
_REPORTS = "select process, said from reports where at >= ?"
_FORGET_REPORTS = "delete from reports where at < ?"
_FORGET = "delete from tallies where step = ? and at < ? and metric = ?"
_METRICS = "select distinct metric from totals union select 'active'"


class Point(Struct, frozen=True, kw_only=True):
    """The counts of one step, by label; `total`: what they come to. Not *known*: nobody was watching then.

    Of `active`, which is a level and not a count, each is the mean over the step.
    """

    at: datetime
    counts: Mapping[str, int]
    total: float
    known: bool


class Counts:
    """What was counted. Steps begin on the full minute, hour or day in UTC."""

    engine: Engine

    async def series(self, metric: str, since: datetime, until: datetime, step: Step) -> list[Point]:
        """One point for each step from the one that holds *since* on, in order, to before *until*."""
        length = _LENGTH[step]
        first, end = microseconds(since) // length * length, microseconds(until)
        if (end - first) // length > _LONGEST:
            raise ValueError(f"more than {_LONGEST} steps; ask for longer steps, or for a shorter time")
        stored = "minute" if step == "minute" else "hour"

        def work(db: Database) -> list[Point]:
            if step == stored:
                rows = db.execute(_SERIES, (stored, metric, first, end)).fetchall()
            else:
                slots = {"length": length, "metric": metric, "first": first, "end": end}
                rows = db.execute(_LONGER, slots).fetchall()
            watched = {slot for (slot,) in db.execute(_WATCHED, (length, stored, first, end))}
            return _points(rows, watched, range(first, end, length), length, level=metric == "active")

        return await self.engine.scan(work)

    async def totals(self) -> dict[tuple[str, str], tuple[int, float]]:
        """Count and total since the beginning, by metric and label."""
        rows = await self.engine.scan(lambda db: db.execute(_TOTALS).fetchall())
        return {(metric, label): (count, total) for metric, label, count, total in rows}

    async def heatmap(self, since: datetime, until: datetime, zone: tzinfo) -> list[list[int]]:
        """How many sessions were seen to be used: seven rows, Monday first, of 24 hours as *zone* has them.

        Hours are counted in UTC: in a zone that is half an hour off each counts where it begins.
        """
        bounds = ("hour", "requests", microseconds(since) // HOUR * HOUR, microseconds(until))
        rows = await self.engine.scan(lambda db: db.execute(_SERIES, bounds).fetchall())
        cells = [[0] * 24 for _ in range(7)]
        for at, _, count, _ in rows:
            local = time_of(at).astimezone(zone)
            cells[local.weekday()][local.hour] += count
        return cells

    async def level(self, metric: str, values: Mapping[str, float], at: datetime) -> None:
        """Note what a level, such as `active`, was in the minute of *at*; the last word holds."""
        minute, hour = (microseconds(at) // length * length for length in (MINUTE, HOUR))

        def work(db: Database) -> None:
            for label, value in values.items():
                db.execute(_SET, (minute, metric, label, value))
                slot = {"hour": hour, "metric": metric, "label": label, "length": HOUR}
                db.execute(_SET_HOUR, slot)

        await self.engine.write(work, durable=False)

    async def report(self, process: str, values: Mapping[str, float], at: datetime) -> None:
        """Note what *process* says about itself now; what it said before is gone."""
        row = (process, microseconds(at), msgspec.json.encode(dict(values)).decode())
        await self.engine.write(lambda db: db.execute(_REPORT, row).rowcount, durable=False)

    async def reports(self, since: datetime) -> dict[str, dict[str, float]]:
        """What each process said last, of those that said something since then."""
        rows = await self.engine.scan(lambda db: db.execute(_REPORTS, (microseconds(since),)).fetchall())
        return {process: msgspec.json.decode(said, type=dict[str, float]) for process, said in rows}

    async def forget_counts(
        self, *, minutes_before: datetime, hours_before: datetime | None, reports_before: datetime
    ) -> int:
        """Forget steps, and what processes said; totals stay. How many rows."""
        ends = [("minute", microseconds(minutes_before))]
        if hours_before is not None:
            ends.append(("hour", microseconds(hours_before)))

        def work(db: Database) -> int:
            metrics = [metric for (metric,) in db.execute(_METRICS)]
            slots = [(step, end, metric) for step, end in ends for metric in metrics]
            gone = db.executemany(_FORGET, slots).rowcount
            return gone + db.execute(_FORGET_REPORTS, (microseconds(reports_before),)).rowcount

        return await self.engine.write(work, durable=False)


def _points(
    rows: Iterable[tuple[int, str, int, float]],
    watched: set[int],
    steps: range,
    length: int,
    *,
    level: bool,
) -> list[Point]:
    found: dict[int, dict[str, tuple[int, float]]] = {}
    for at, label, count, total in rows:
        labels = found.setdefault(at // length, {})
        counted, summed = labels.get(label, (0, 0.0))
        labels[label] = (counted + count, summed + total)
    return [
        _point(at, found.get(at // length, {}), level, known=at // length in watched or at // length in found)
        for at in steps
    ]


def _point(at: int, labels: Mapping[str, tuple[int, float]], level: bool, *, known: bool) -> Point:
    counts = {
        label: round(total / count) if level and count else count for label, (count, total) in labels.items()
    }
    total = float(sum(counts.values())) if level else sum(total for _, total in labels.values())
    return Point(at=time_of(at), counts=counts, total=total, known=known)
