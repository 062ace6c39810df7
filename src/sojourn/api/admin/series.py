"""What was counted over time, and how it is spread: for charts and tables."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct
from msgspec.structs import replace as _replaced

from sojourn.api.admin.base import ledger, line, moment
from sojourn.api.routes import Call
from sojourn.api.views import Time, instant
from sojourn.errors import BodyRejected
from sojourn.searching import Search, search
from sojourn.session import Session
from sojourn.sessions import AsyncSessions
from sojourn.stores.protocol import Query

if TYPE_CHECKING:
    from sojourn.observe.ledger import Ledger
    from sojourn.observe.series.reading import Point, Step

__all__ = ["ROUTES", "Heat", "Histogram", "Series"]

_METRICS = (
    *("active", "created", "ended", "revoked", "refresh", "refused", "duration"),
    *("sign-in-failed", "device-changed", "requests", "admin"),
)
_LENGTH = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
_MOST_STEPS = 1500
_SAMPLE = 80  # users whose devices are counted where there are many


class Reading(Struct, kw_only=True):
    """One step: what was counted by label; null where nobody was watching. Of `active` the mean."""

    at: Time
    values: dict[str, int | None]


class Series(Struct, kw_only=True, rename={"from_": "from"}):
    """`before`: the same for the time of equal length that ended at `from`, if it was asked for."""

    metric: str
    step: Literal["minute", "hour", "day"]
    from_: Time
    to: Time
    labels: list[str]
    points: list[Reading]
    before: list[Reading] | None
    summary: str | None
    server_now: Time


class Bucket(Struct):
    """How many are at most `up_to`, and above the bucket before; null: above all others."""

    up_to: int | None
    count: int


class Histogram(Struct, kw_only=True):
    """`of`: sessions that ended, or users. If it is `approximate` they are a part of all."""

    metric: str
    buckets: list[Bucket]
    approximate: bool
    of: int
    server_now: Time


class Heat(Struct, kw_only=True):
    """Uses of sessions: seven rows of 24 hours, Monday first; `most`: the highest of them."""

    zone: str
    cells: list[list[int]]
    most: int
    server_now: Time


async def series(call: Call) -> Series:
    """What was counted over time."""
    book, now = ledger(call), call.visit.site.sessions.clock()
    metric = _one_of("metric", call.query.get("metric", "active"), _METRICS)
    since, until = _span(call, now, timedelta(days=1))
    step = _step(call, until - since)
    points = await book.series(metric, since, until, step)
    before = await _before(call, book, metric, since, until, step)
    labels = sorted({label for point in (*points, *before) for label in point.counts})
    return Series(
        metric=metric,
        step=step,
        from_=instant(since),
        to=instant(until),
        labels=labels,
        points=[_reading(point, labels) for point in points],
        before=[_reading(point, labels) for point in before] if _compares(call) else None,
        summary=_summary(metric, step, points, before),
        server_now=instant(now),
    )


async def histogram(call: Call) -> Histogram:
    """How long sessions lasted, or how many devices a user has."""
    now = call.visit.site.sessions.clock()
    metric = _one_of("metric", call.query.get("metric", "duration"), ("duration", "devices"))
    if metric == "duration":
        buckets, approximate = await _durations(ledger(call)), False
    else:
        buckets, approximate = await _devices(call.visit.site.sessions)
    return Histogram(
        metric=metric,
        buckets=buckets,
        approximate=approximate,
        of=sum(bucket.count for bucket in buckets),
        server_now=instant(now),
    )


async def heatmap(call: Call) -> Heat:
    """When sessions are used, by day of the week and hour."""
    book, now = ledger(call), call.visit.site.sessions.clock()
    name = call.query.get("zone", "UTC")
    since, until = _span(call, now, timedelta(days=28))
    cells = await book.heatmap(since, until, _zone(name))
    return Heat(zone=name, cells=cells, most=max(map(max, cells)), server_now=instant(now))


# ── what is asked ─────────────────────────────────────────────────────────────────────────────


def _one_of(name: str, given: str, known: Sequence[str]) -> str:
    if given not in known:
        raise BodyRejected(f"{name} must be one of {', '.join(known)}.", status=422, field=name)
    return given


def _span(call: Call, now: datetime, usual: timedelta) -> tuple[datetime, datetime]:
    until = moment("to", call.query["to"]) if "to" in call.query else now
    since = moment("from", call.query["from"]) if "from" in call.query else until - usual
    if since >= until:
        raise BodyRejected("from must be before to.", status=422, field="from")
    return since, until


def _step(call: Call, span: timedelta) -> Step:
    fitting: Step = (
        "minute" if span <= timedelta(hours=6) else "hour" if span <= timedelta(days=14) else "day"
    )
    given = call.query.get("step", fitting)
    _one_of("step", given, tuple(_LENGTH))
    if span / _LENGTH[given] > _MOST_STEPS:
        raise BodyRejected(
            f"That is more than {_MOST_STEPS} steps. Ask for longer ones.", status=422, field="step"
        )
    return given  # type: ignore[return-value]


def _compares(call: Call) -> bool:
    return _one_of("compare", call.query.get("compare", "none"), ("none", "previous")) == "previous"


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BodyRejected(
            "zone must be a time zone, such as Europe/Berlin.", status=422, field="zone"
        ) from None


# ── what is said ──────────────────────────────────────────────────────────────────────────────


async def _before(
    call: Call, book: Ledger, metric: str, since: datetime, until: datetime, step: Step
) -> list[Point]:
    return await book.series(metric, since - (until - since), since, step) if _compares(call) else []


def _reading(point: Point, labels: Sequence[str]) -> Reading:
    """What somebody counted is known even where nobody wrote down how many live."""
    return Reading(
        at=instant(point.at),
        values={label: point.counts.get(label, 0 if point.known else None) for label in labels},
    )


def _summary(metric: str, step: Step, points: Sequence[Point], before: Sequence[Point]) -> str | None:
    """A sentence for who does not see the chart."""
    known = [point for point in points if point.known or point.counts]
    if not known:
        return None
    sums = [_sum(metric, point) for point in known]
    highest = max(range(len(known)), key=sums.__getitem__)
    peak = f"{sums[highest]:,} in the {step} from {known[highest].at:%Y-%m-%d %H:%M} UTC"
    if metric == "active":
        return f"Between {min(sums):,} and {max(sums):,}; most, {peak}."
    text = f"{sum(sums):,} in all; most, {peak}."
    earlier = sum(_sum(metric, point) for point in before)
    return f"{text} {_change(sum(sums), earlier)}" if earlier else text


def _sum(metric: str, point: Point) -> int:
    return point.counts.get("sessions", 0) if metric == "active" else sum(point.counts.values())


def _change(now: int, earlier: int) -> str:
    percent = round(100 * (now - earlier) / earlier)
    way = "more than" if percent > 0 else "less than" if percent < 0 else "as many as"
    return f"{abs(percent)} % {way} before." if percent else "As many as before."


async def _durations(book: Ledger) -> list[Bucket]:
    from sojourn.observe.series.tally import BUCKETS

    counts = {
        label: count for (metric, label), (count, _) in (await book.totals()).items() if metric == "duration"
    }
    return [
        *(Bucket(bound, counts.get(str(bound), 0)) for bound in BUCKETS),
        Bucket(None, counts.get("inf", 0)),
    ]


_DEVICES = (1, 2, 3, 4, 5, 10)


async def _devices(sessions: AsyncSessions) -> tuple[list[Bucket], bool]:
    """Of how many devices users are signed in: of all, or of some who signed in last."""
    found = await search(sessions, Search(), limit=1000)
    counted = _devices_of(found.sessions)
    whole = found.next is None
    if not whole:
        users = list(dict.fromkeys(s.user_id for s in found.sessions if s.user_id))[:_SAMPLE]
        query = Query(live_at=sessions.clock(), limit=50)
        pages = [sessions.store.select(_replaced(query, user_id=user_id)) for user_id in users]
        counted = _devices_of([session for page in await asyncio.gather(*pages) for session in page])
    sizes = Counter(len(devices) for devices in counted.values())
    buckets, last = [], 0
    for bound in _DEVICES:
        buckets.append(Bucket(bound, sum(sizes[size] for size in range(last + 1, bound + 1))))
        last = bound
    more = sum(count for size, count in sizes.items() if size > last)
    return [*buckets, Bucket(None, more)], not whole


def _devices_of(sessions: Sequence[Session]) -> dict[str, set[str]]:
    """Each user's devices; what has no cookie of its own is one for each session."""
    devices: dict[str, set[str]] = {}
    for session in sessions:
        if session.user_id is not None:
            devices.setdefault(session.user_id, set()).add(session.device.id or str(session.id))
    return devices


_SPAN = {"from": "the first instant", "to": "the instant after the last"}

ROUTES = (
    line(
        "GET",
        "/series",
        series,
        returns=Series,
        query={"metric": ", ".join(_METRICS)}
        | _SPAN
        | {"step": "minute, hour or day", "compare": "previous: with the same time before"},
        refusals=("journal_off", "body_rejected"),
    ),
    line(
        "GET",
        "/histogram",
        histogram,
        returns=Histogram,
        query={"metric": "duration (the default), or devices"},
        refusals=("journal_off", "body_rejected"),
    ),
    line(
        "GET",
        "/heatmap",
        heatmap,
        returns=Heat,
        query={"zone": "a time zone, such as Europe/Berlin"} | _SPAN,
        refusals=("journal_off", "body_rejected"),
    ),
)
