"""The verbs of a store as plain calls, whichever face answers them: blocking, or on an event loop."""

# ruff: noqa: S101 - these are tests

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier
from typing import Any, TypeVar

import pytest

from sojourn.session import Session
from sojourn.sessions import drive
from sojourn.stores.protocol import Query, Store
from sojourn.testing import MORNING, make_session

__all__ = ["DAY", "HOUR", "MINUTE", "MOMENT", "NOW", "Face", "Laws"]

T = TypeVar("T")

MOMENT = timedelta(microseconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
NOW = MORNING + HOUR  # when most of what follows happens


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
        raise NotImplementedError

    def end(self) -> None:
        self.close()


class _Blocking(Face):
    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return drive(coroutine)

    def together(self, verb: str, values: Sequence[Any], **named: Any) -> list[Any]:
        barrier = Barrier(len(values))

        def call(value: Any) -> Any:
            barrier.wait()
            return self.run(getattr(self.store, verb)(value, **named))

        with ThreadPoolExecutor(len(values)) as pool:
            return list(pool.map(call, values))


class _OnLoop(Face):
    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._runner = asyncio.Runner()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(coroutine)

    def together(self, verb: str, values: Sequence[Any], **named: Any) -> list[Any]:
        async def calls() -> list[Any]:
            return await asyncio.gather(*(getattr(self.store, verb)(value, **named) for value in values))

        return self.run(calls())

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
