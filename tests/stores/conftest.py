"""A store in a file, and somebody else's connection to it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sojourn.blocking import drive
from sojourn.stores.sqlite import SQLiteStore, disk
from sojourn.testing import make_session
from tests.stores.acts import started
from tests.stores.platter import Platter


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sessions.db"


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStore]:
    store = SQLiteStore(path).blocking()
    yield store
    drive(store.close())


@pytest.fixture
def other(path: Path, store: SQLiteStore) -> Iterator[sqlite3.Connection]:
    """A connection of somebody else to the file of *store*."""
    started(store)
    with closing(
        sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    ) as connection:
        yield connection


@pytest.fixture
def platter(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Platter:
    folder = tmp_path / "platter"
    folder.mkdir()
    platter = Platter(path, folder)
    monkeypatch.setattr(disk, "_flush", platter.flush)
    return platter


@pytest.fixture
def run(path: Path, platter: Platter) -> Callable[[Callable[[SQLiteStore], Awaitable[None]]], None]:
    """Run a test on a loop, over a store that has been written to: so small writes are made in place."""

    async def main(test: Callable[[SQLiteStore], Awaitable[None]]) -> None:
        store = SQLiteStore(path)
        await store.insert(make_session(user_id="grace"))
        try:
            async with asyncio.timeout(60):
                await test(store)
        finally:
            platter.let_go(for_good=True)
            await store.close()

    return lambda test: asyncio.run(main(test))
