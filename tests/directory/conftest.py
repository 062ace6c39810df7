"""A directory in each store, with the sessions that end with it beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sojourn import AsyncSessions, Keys
from sojourn.directory import Directory
from sojourn.directory.memory import MemoryDirectory
from sojourn.directory.sqlite import SQLiteDirectory
from sojourn.directory.store import DirectoryStore
from sojourn.events import Event
from sojourn.stores.memory import MemoryStore
from sojourn.stores.sqlite import SQLiteStore
from sojourn.testing import FakeClock


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sojourn.db"


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, path: Path) -> AsyncIterator[DirectoryStore]:
    store: DirectoryStore = MemoryDirectory() if request.param == "memory" else SQLiteDirectory(path)
    yield store
    await store.close()


@pytest.fixture
async def sessions(
    store: DirectoryStore, path: Path, keys: Keys, clock: FakeClock, events: list[Event]
) -> AsyncIterator[AsyncSessions]:
    """In the same file as the directory, if it is in one."""
    kept = MemoryStore() if isinstance(store, MemoryDirectory) else SQLiteStore(path)
    sessions = AsyncSessions(kept, keys=keys, clock=clock, on_event=events.append)
    yield sessions
    await sessions.close()


@pytest.fixture
def directory(store: DirectoryStore, sessions: AsyncSessions) -> Directory:
    return Directory(store, sessions)
