"""A store that notes how long each of its verbs took."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Any, cast

from sojourn.observe.metrics.table import BOUNDS, STORE_TIME, VERBS, Key
from sojourn.stores.protocol import Store

__all__ = ["StoreTimes", "timed"]

Span = Callable[[str], AbstractContextManager[object]]

_BUCKETS = (*map(repr, BOUNDS), "+Inf")


class _Times:
    """One verb: how many calls in each bucket, how long all of them took, how many failed."""

    __slots__ = ("counts", "faults", "total")

    def __init__(self) -> None:
        self.counts, self.total, self.faults = [0] * len(_BUCKETS), 0.0, 0


class StoreTimes:
    """How long the verbs of one process's store took. What a snapshot answers comes not through here."""

    def __init__(self) -> None:
        self._times = {verb: _Times() for verb in VERBS}

    def of(self, verb: str) -> _Times:
        return self._times[verb]

    def values(self) -> dict[Key, float]:
        """As metrics: each bucket by itself."""
        found: dict[Key, float] = {}
        for verb, times in self._times.items():
            for bucket, count in zip(_BUCKETS, times.counts, strict=True):
                found[STORE_TIME, verb, bucket] = count
            found[STORE_TIME, verb, "sum"] = times.total
            found["sojourn_store_faults", verb] = times.faults
        return found


def timed(
    store: Store,
    times: StoreTimes,
    *,
    span: Span | None = None,
    stopwatch: Callable[[], float] = time.perf_counter,
) -> Store:
    """*store*, with the time of each verb noted in *times*; with *span* each call is inside one.

    Behind its blocking face it is *store* itself, and nothing is noted.
    """
    return cast(Store, _Timed(store, times, span, stopwatch))


class _Timed:
    """Whatever is no verb is the store's own: its faults, its blocking twin, what only some stores have."""

    def __init__(
        self, store: Store, times: StoreTimes, span: Span | None, stopwatch: Callable[[], float]
    ) -> None:
        self._store = store
        for verb in VERBS:
            act = getattr(store, verb)
            if span is not None:
                act = _spanned(act, span, f"sojourn.store.{verb}")
            setattr(self, verb, _noted(act, times.of(verb), store.faults, stopwatch))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def __repr__(self) -> str:
        return repr(self._store)


Verb = Callable[..., Awaitable[Any]]


def _noted(
    act: Verb, times: _Times, faults: tuple[type[Exception], ...], stopwatch: Callable[[], float]
) -> Verb:
    counts = times.counts

    async def noted(*args: Any, **named: Any) -> Any:
        began = stopwatch()
        try:
            return await act(*args, **named)
        except faults:
            times.faults += 1
            raise
        finally:
            took = stopwatch() - began
            counts[bisect_left(BOUNDS, took)] += 1
            times.total += took

    return noted


def _spanned(act: Verb, span: Span, name: str) -> Verb:
    async def spanned(*args: Any, **named: Any) -> Any:
        with span(name):
            return await act(*args, **named)

    return spanned
