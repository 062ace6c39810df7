"""Fixtures that more than one file of tests needs: a clock, keys, every store, and both faces over them."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol, cast

import pytest
from hypothesis import settings

from sojourn import AsyncSessions, Keys, Policy, Sessions
from sojourn.blocking import drive
from sojourn.events import Event
from sojourn.stores.memory import MemoryStore
from sojourn.stores.protocol import Store
from sojourn.stores.sqlite import SQLiteStore
from sojourn.testing import FakeClock, make_keys
from tests.servers import LEFT_OUT
from tests.servers.fixtures import cluster, postgres, redis_server  # noqa: F401

# The same examples in every run: a test that fails today failed yesterday.
settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
settings.load_profile("repeatable")

STORES: dict[str, Callable[[Path], Store]] = {
    "memory": lambda _: MemoryStore(),
    "sqlite": lambda folder: SQLiteStore(folder / "sessions.db"),
}


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """One line says what the run did without."""
    if LEFT_OUT:
        terminalreporter.write_line(f"left out, for want of a server: {'; '.join(sorted(LEFT_OUT))}")


class Awaited:
    """`AsyncSessions` behind the face of `Sessions`, each verb run by a loop: one test serves both."""

    def __init__(self, sessions: AsyncSessions, run: Callable[..., Any]) -> None:
        self._sessions, self._run = sessions, run

    def __getattr__(self, name: str) -> Any:
        verb = getattr(self._sessions, name)
        if not inspect.iscoroutinefunction(verb):
            return verb
        return lambda *args, **kwargs: self._run(verb(*args, **kwargs))


class Open(Protocol):
    """Sessions over the store of the test, or over another one, in the face that the test is run with."""

    def __call__(self, policy: Policy | None = ..., *, store: Store = ..., keys: Keys = ...) -> Sessions: ...


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def keys() -> Keys:
    return make_keys()


@pytest.fixture
def events() -> list[Event]:
    """What the sessions of the test have told."""
    return []


@pytest.fixture
def loop() -> Iterator[asyncio.Runner]:
    runner = asyncio.Runner()  # begins with the first coroutine that it is given
    yield runner
    runner.close()


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Each store that needs no server."""
    opened = STORES[request.param](tmp_path)
    yield opened
    drive(opened.blocking().close())


@pytest.fixture(params=["blocking", "async"])
def open_sessions(
    request: pytest.FixtureRequest,
    store: Store,
    clock: FakeClock,
    keys: Keys,
    events: list[Event],
    loop: asyncio.Runner,
) -> Iterator[Open]:
    opened: list[Sessions] = []

    def open_sessions(policy: Policy | None = None, *, store: Store = store, keys: Keys = keys) -> Sessions:
        face = Sessions if request.param == "blocking" else AsyncSessions
        sessions = face(store, keys=keys, policy=policy, clock=clock, on_event=events.append)
        if isinstance(sessions, AsyncSessions):
            sessions = cast(Sessions, Awaited(sessions, loop.run))
        opened.append(sessions)
        return sessions

    yield open_sessions
    for sessions in opened:
        sessions.close()


@pytest.fixture
def sessions(open_sessions: Open) -> Sessions:
    """Sessions under the consumer policy: each test runs with every store and both faces."""
    return open_sessions()
