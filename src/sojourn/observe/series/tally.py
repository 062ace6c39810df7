"""Tallies: what an event adds to which count, and the counts of many events together."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

from msgspec import Struct

from sojourn.errors import TokenReplayed
from sojourn.events import (
    AdminActed,
    Challenged,
    DeviceChanged,
    Event,
    Expired,
    Impersonated,
    JournalGap,
    NewDevice,
    NewPlace,
    Refreshed,
    Refused,
    Replayed,
    Revoked,
    SignInFailed,
    Started,
    Travelled,
)
from sojourn.observe.engine import Database
from sojourn.session import Reason
from sojourn.stores.sqlite.rows import microseconds

__all__ = ["BUCKETS", "HOUR", "MINUTE", "STEPS", "Tally", "add", "bucket", "counted", "summed"]

MINUTE, HOUR = 60_000_000, 3_600_000_000  # microseconds
STEPS = {"minute": MINUTE, "hour": HOUR}

BUCKETS = (60, 300, 900, 3_600, 14_400, 86_400, 604_800, 2_592_000)
"""Upper bounds of durations, in seconds; what is longer is in `inf`."""

_BUCKETS = (*map(str, BUCKETS), "inf")
_WORD = re.compile(r"[a-z0-9][a-z0-9_:.-]{0,39}")
S = TypeVar("S")
Sums = Mapping[tuple[str, int, str, str], tuple[int, float]]


class Tally(Struct, frozen=True):
    """So many more of *label* in *metric*; *total*: what they come to, in the metric's own unit."""

    metric: str
    label: str
    count: int = 1
    total: float = 0.0


def bucket(seconds: float) -> str:
    """The label of a duration: the upper bound of its bucket."""
    return _BUCKETS[bisect_left(BUCKETS, seconds)]


def counted(event: Event) -> Iterator[Tally]:
    """What *event* counts as. Labels are words of ours, and few: never a name, an address, an id."""
    of = _COUNTED.get(type(event))
    return iter(()) if of is None else of(event)


def summed(events: Iterable[Event], *, uses: int = 0, at: datetime | None = None) -> Sums:
    """The counts of *events* by step, time, metric and label; with the *uses* of sessions that were seen."""
    minutes: dict[tuple[int, str, str], tuple[int, float]] = {}
    for event in events:
        when = microseconds(event.at) // MINUTE
        for tally in counted(event):
            _add(minutes, (when, tally.metric, tally.label), tally.count, tally.total)
    if uses and at is not None:
        _add(minutes, (microseconds(at) // MINUTE, "requests", "seen"), uses, 0.0)
    found: dict[tuple[str, int, str, str], tuple[int, float]] = {}
    for (minute, metric, label), (count, total) in minutes.items():
        for step, length in STEPS.items():
            slot = (step, minute * MINUTE // length * length, metric, label)
            _add(found, slot, count, total)
    return found


def _add(found: dict[S, tuple[int, float]], slot: S, count: int, total: float) -> None:
    before, summed = found.get(slot, (0, 0.0))
    found[slot] = (before + count, summed + total)


_ADD = """
    insert into tallies (step, at, metric, label, count, total) values (?, ?, ?, ?, ?, ?)
    on conflict (step, metric, at, label) do update set
        count = tallies.count + excluded.count, total = tallies.total + excluded.total
"""
_TOTAL = """
    insert into totals (metric, label, count, total) values (?, ?, ?, ?)
    on conflict (metric, label) do update set
        count = totals.count + excluded.count, total = totals.total + excluded.total
"""


def add(db: Database, sums: Sums) -> None:
    """Add *sums* to what is counted."""
    if sums:
        db.executemany(_ADD, [(*slot, *sum) for slot, sum in sums.items()])
        hours = [(metric, label, *sum) for (step, _, metric, label), sum in sums.items() if step == "hour"]
        db.executemany(_TOTAL, hours)


# ── which event counts as what ────────────────────────────────────────────────────────────────


def _started(event: Started) -> Iterator[Tally]:
    yield Tally("created", _word(event.amr[0]) if event.amr else "other")


def _impersonated(event: Impersonated) -> Iterator[Tally]:
    yield Tally("created", "impersonation")


def _expired(event: Expired) -> Iterator[Tally]:
    yield Tally("ended", f"expired-{event.kind}")
    yield from _lasted(event.duration)


def _revoked(event: Revoked) -> Iterator[Tally]:
    yield from _ended(event.reason, event.duration)


def _replayed(event: Replayed) -> Iterator[Tally]:
    """The session ended with it, and no other event says so."""
    yield Tally("refresh", "replayed")
    yield from _ended(Reason.REPLAY, event.duration)


def _ended(reason: Reason, duration: timedelta | None) -> Iterator[Tally]:
    yield Tally("ended", reason.value)
    yield Tally("revoked", reason.value)
    yield from _lasted(duration)


def _lasted(duration: timedelta | None) -> Iterator[Tally]:
    if duration is not None:
        seconds = duration.total_seconds()
        yield Tally("duration", bucket(seconds), 1, seconds)


def _refused(event: Refused) -> Iterator[Tally]:
    yield Tally("refused", _word(event.code))
    if event.refreshing and event.code != _REPLAY:  # which was counted as what it is
        yield Tally("refresh", f"refused:{_word(event.code)}")


def _word(text: str) -> str:
    return text if _WORD.fullmatch(text) else "other"


def _one(metric: str, label: Callable[[Any], str] = lambda event: "all") -> Callable[[Any], Iterator[Tally]]:
    return lambda event: iter((Tally(metric, label(event)),))


_REPLAY = TokenReplayed.code
_COUNTED: dict[type[Event], Callable[[Any], Iterator[Tally]]] = {
    Started: _started,
    Impersonated: _impersonated,
    Expired: _expired,
    Revoked: _revoked,
    Replayed: _replayed,
    Refreshed: _one("refresh", lambda event: str(event.verdict)),
    Refused: _refused,
    SignInFailed: _one("sign-in-failed"),
    DeviceChanged: _one("device-changed"),
    NewDevice: _one("new-device"),
    NewPlace: _one("new-country"),
    Travelled: _one("impossible-travel"),
    Challenged: _one("challenged", lambda event: _word(event.why)),
    AdminActed: _one("admin", lambda event: _word(event.act)),
    JournalGap: lambda event: iter((Tally("lost", "all", event.count),)),
}
