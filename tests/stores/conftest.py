"""A store in a file, and somebody else's connection to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sojourn.blocking import drive
from sojourn.stores.sqlite import SQLiteStore
from tests.stores.acts import started


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
