"""The verbs of a store as plain calls, whichever face answers them: blocking, or on an event loop."""

# ruff: noqa: S101 - these are tests

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from threading import Barrier
from typing import Any, TypeVar

import pytest

from sojourn.blocking import drive
from sojourn.session import Session
from sojourn.stores.protocol import Query, Store
from sojourn.testing import MORNING, make_session

__all__ = ["DAY", "HOUR", "MINUTE", "MOMENT", "NOW", "Call", "Face", "Laws"]

T = TypeVar("T")
Call = Callable[[], Coroutine[Any, Any, Any]]

MOMENT = timedelta(microseconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
NOW = MORNING + HOUR  # when most of what follows happens
_SEVERAL = 8


class Face:
    """One face of a store: `store.get(id)` is the answer, not a promise of it."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def __getattr__(self, verb: str) -> Callable[..., Any]:
        method = getattr(self.store, verb)
        return lambda *values, **named: self.run(method(*values, **named))

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        raise NotImplementedError

    def together(self, verb: str, values: Sequence[Any], **named: Any) -> list[Any]:
        """Call *verb* with each of *values*, all at once; the answers, in order."""
        return self.at_once([partial(getattr(self.store, verb), value, **named) for value in values])

    def at_once(self, calls: Sequence[Call]) -> list[Any]:
        """Begin all *calls* at once; the answers, in order."""
        raise NotImplementedError

    def meanwhile(self, calls: Sequence[Call], look: Call) -> None:
        """Make all *calls*, several at a time, and *look* again and again until they are done."""
        raise NotImplementedError

    def end(self) -> None:
        self.close()


class _Blocking(Face):
    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return drive(coroutine)

    def at_once(self, calls: Sequence[Call]) -> list[Any]:
        barrier = Barrier(len(calls))

        def begin(call: Call) -> Any:
            barrier.wait()
            return self.run(call())

        with ThreadPoolExecutor(len(calls)) as pool:
            return list(pool.map(begin, calls))

    def meanwhile(self, calls: Sequence[Call], look: Call) -> None:
        def begin(call: Call) -> Any:
            return self.run(call())

        with ThreadPoolExecutor(_SEVERAL) as pool:
            running = [pool.submit(begin, call) for call in calls]
            while not all(future.done() for future in running):
                self.run(look())
        for future in running:
            future.result()


class _OnLoop(Face):
    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._runner = asyncio.Runner()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(coroutine)

    def at_once(self, calls: Sequence[Call]) -> list[Any]:
        async def begin() -> list[Any]:
            return await asyncio.gather(*(call() for call in calls))

        return self.run(begin())

    def meanwhile(self, calls: Sequence[Call], look: Call) -> None:
        async def begin(remaining: Iterator[Call]) -> None:
            for call in remaining:
                await call()

        async def main() -> None:
            remaining = iter(calls)  # shared: each takes the next one
            running = [asyncio.create_task(begin(remaining)) for _ in range(_SEVERAL)]
            while not all(task.done() for task in running):
                await asyncio.sleep(0)  # a verb that never suspends would keep the others from running
                await look()
            await asyncio.gather(*running)

        self.run(main())

    def end(self) -> None:
        super().end()
        self._runner.close()


class Laws:
    """What the parts of `StoreContract` share."""

    @pytest.fixture
    def new_store(self) -> Store:
        raise NotImplementedError("override the fixture new_store: it returns a new, empty store")

    @pytest.fixture(params=["blocking", "on a loop"])
    def store(self, new_store: Store, request: pytest.FixtureRequest) -> Iterator[Face]:
        face = _Blocking(new_store.blocking()) if request.param == "blocking" else _OnLoop(new_store)
        yield face
        face.end()

    @staticmethod
    def started(store: Face, *, at: timedelta = timedelta(0), **fields: Any) -> Session:
        """A session that is in the store, signed in on `MORNING` or *at* that much later."""
        session = make_session(created_at=MORNING + at, **fields)
        assert store.insert(session).done
        return session

    @staticmethod
    def living(store: Face, at: datetime = NOW) -> list[Any]:
        return [session.id for session in store.select(Query(user_id="ada", live_at=at))]
