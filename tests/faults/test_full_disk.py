"""An SQLite file that cannot grow, or that somebody else has locked: people wait, and nobody is wronged."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sojourn.stores.sqlite import SQLiteStore
from tests.faults.kit import Crowd, Process, eventually, processes


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sessions.db"


async def may_grow(process: Process, pages: int | None) -> None:
    """Let the file grow by so many *pages* and no more; None: without end."""
    store = process.sessions.store
    assert isinstance(store, SQLiteStore)

    def limit(db: sqlite3.Connection) -> None:
        (now,) = db.execute("pragma page_count").fetchone()
        db.execute(f"pragma max_page_count = {(1 << 30) if pages is None else now + pages}").fetchone()

    await store.engine.write(limit)


async def test_law_09_law_11_a_disk_that_is_full(path: Path) -> None:
    url = f"sqlite:///{path}"
    async with processes(url, url) as serving:
        async with Crowd(serving).at_work() as crowd:
            await crowd.more_have_left(30)
            for process in serving:
                await may_grow(process, 5)
            faults = crowd.faults
            await eventually("felt", lambda: crowd.faults > faults + 20)
            assert all(process.current for process in serving)  # to read needs no room
            for process in serving:
                await may_grow(process, None)
            await crowd.all_works_again()
            await crowd.more_have_left(30)
        await crowd.check(url)


async def test_law_09_law_11_a_file_that_somebody_else_has_locked(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sojourn.stores.sqlite.file.PATIENCE", 0.5)
    url = f"sqlite:///{path}"
    async with processes(url, url) as serving:
        async with Crowd(serving, people=12).at_work() as crowd:
            await crowd.more_have_left(30)
            with closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as other:
                other.execute("begin immediate")
                faults = crowd.faults
                await eventually("felt", lambda: crowd.faults > faults)
                assert all(process.current for process in serving)  # who reads does not wait
            await crowd.all_works_again()
            await crowd.more_have_left(30)
        await crowd.check(url)
