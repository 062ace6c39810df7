"""Cutting a write-ahead log to nothing, so that what was deleted is not to be read in it."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

__all__ = ["scrub"]

_TRIES, _PAUSE = 20, 0.1  # seconds between: those who read are done soon


async def scrub(path: Path) -> bool:
    """Copy the log of the database at *path* into it, and cut it; false if somebody reads all the time."""
    for _ in range(_TRIES):
        if await asyncio.to_thread(_cut, path):
            return True
        await asyncio.sleep(_PAUSE)
    return False


def _cut(path: Path) -> bool:
    if not path.exists():
        return True
    with closing(sqlite3.connect(path, timeout=1.0, isolation_level=None)) as connection:
        try:
            ((unfinished, _, _),) = connection.execute("pragma wal_checkpoint(truncate)").fetchall()
        except sqlite3.OperationalError:
            return False
        return not unfinished
