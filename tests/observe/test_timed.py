"""A timed store is the store, and what it noted is how long its verbs took."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from sojourn.observe.metrics.table import STORE_TIME, VERBS
from sojourn.observe.metrics.timed import StoreTimes, timed
from sojourn.stores.memory import MemoryStore
from sojourn.stores.protocol import Query, Store
from sojourn.testing import StoreContract

NOBODY = UUID(int=0)


class TestTimed(StoreContract):
    """Every law of a store holds of one that is timed."""

    @pytest.fixture
    def new_store(self) -> Store:
        return timed(MemoryStore(), StoreTimes())


class Away(Exception):
    pass


class Slow(MemoryStore):
    """Each question takes as long as it is told, on a stopwatch of its own."""

    faults: tuple[type[Exception], ...] = (Away,)
    now = 0.0

    def __init__(self, *took: float) -> None:
        super().__init__()
        self._took = [*took]

    async def get(self, id: UUID) -> None:
        self.now += self._took.pop(0)

    async def count(self, query: Query) -> int:
        raise Away

    async def diagnose(self) -> str:
        return "of some stores only"


def buckets(times: StoreTimes, verb: str) -> dict[str, float]:
    """What is not 0."""
    return {
        key[-1]: value for key, value in times.values().items() if key[:2] == (STORE_TIME, verb) and value
    }


async def test_each_call_is_in_the_bucket_of_its_time() -> None:
    times, slow = StoreTimes(), Slow(0.0004, 0.0005, 0.2, 30.0)
    store = timed(slow, times, stopwatch=lambda: slow.now)
    for _ in range(4):
        await store.get(NOBODY)
    assert buckets(times, "get") == {"0.0005": 2, "0.25": 1, "+Inf": 1, "sum": pytest.approx(30.2009)}
    assert buckets(times, "insert") == {}


async def test_a_fault_is_counted_and_goes_on_its_way() -> None:
    times = StoreTimes()
    with pytest.raises(Away):
        await timed(Slow(), times).count(Query())
    assert times.values()["sojourn_store_faults", "count"] == 1
    assert buckets(times, "count")["0.0005"] == 1


async def test_who_is_cancelled_is_no_fault() -> None:
    class Stuck(MemoryStore):
        async def get(self, id: UUID) -> None:
            raise asyncio.CancelledError

    times = StoreTimes()
    with pytest.raises(asyncio.CancelledError):
        await timed(Stuck(), times).get(NOBODY)
    assert times.values()["sojourn_store_faults", "get"] == 0


async def test_what_is_no_verb_is_the_stores_own() -> None:
    slow = Slow()
    store = timed(slow, StoreTimes())
    assert await store.diagnose() == "of some stores only"  # type: ignore[attr-defined]
    assert store.faults is slow.faults
    assert not hasattr(store, "nothing_of_the_kind")


def test_every_verb_that_asks_the_store_is_timed() -> None:
    asks = {name for name in vars(Store) if not name.startswith("_")}
    assert asks - {*VERBS} == {"listen", "blocking", "close"}
