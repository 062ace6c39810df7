"""A disk to be asked what a power cut would leave, and what is done over it again and again, awaited."""

from __future__ import annotations

import asyncio
import shutil
import threading
from pathlib import Path
from typing import Any
from uuid import UUID

from sojourn.blocking import drive
from sojourn.session import Reason, Session
from sojourn.stores.protocol import Query
from sojourn.stores.sqlite import SQLiteStore
from sojourn.testing import make_session
from tests.stores.acts import NOW


class Platter:
    """A disk that keeps what was written when a flush began, as soon as that has ended: no more is sure.

    While it is `stuck`, flushes wait to be let go, one by one.
    """

    def __init__(self, path: Path, folder: Path) -> None:
        self.path, self._folder = path, folder
        self.flushes, self.stuck = 0, False
        self.faults: list[OSError] = []
        self._began, self._may_end = threading.Semaphore(0), threading.Semaphore(0)

    def flush(self, descriptor: int) -> None:
        self.flushes += 1
        at_beginning = self._folder / f"{self.flushes}"
        at_beginning.mkdir()
        for file in (self.path, self.path.with_name(f"{self.path.name}-wal")):
            if file.exists():
                shutil.copy(file, at_beginning)
        if self.stuck:
            self._began.release()
            assert self._may_end.acquire(timeout=30)
        if self.faults:
            raise self.faults.pop()
        shutil.rmtree(self._kept, ignore_errors=True)
        at_beginning.rename(self._kept)

    @property
    def _kept(self) -> Path:
        return self._folder / "kept"

    async def begun(self) -> None:
        """Wait until a flush has begun."""
        assert await asyncio.to_thread(self._began.acquire, timeout=30)

    def let_go(self, *, for_good: bool = False) -> None:
        self.stuck = self.stuck and not for_good
        self._may_end.release()

    def after_a_power_cut(self, session: Session) -> Session | None:
        """What is in the file when the machine is on again."""
        copy = self._folder / "on again"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self._kept, copy)
        store = SQLiteStore(copy / self.path.name).blocking()
        found = drive(store.get(session.id))
        drive(store.close())
        return found

    def ended(self, session: Session) -> bool:
        found = self.after_a_power_cut(session)
        return found is not None and found.revoked_at is not None


async def begun(store: SQLiteStore, **fields: Any) -> Session:
    """A session that *store* has read."""
    session = make_session(**fields)
    assert (await store.insert(session)).done
    assert await store.get(session.id) == session
    return session


def rotated(session: Session, **fields: Any) -> Session:
    return session.change(generation=session.generation + 1, rotated_at=NOW, **fields)


async def revoke(store: SQLiteStore, session: Session) -> list[UUID]:
    return await store.revoke(Query(id=session.id), at=NOW, reason=Reason.USER)


async def over(store: SQLiteStore, session: Session) -> bool:
    found = await store.get(session.id)
    return found is not None and found.revoked_at == NOW


async def seen_by_others(store: SQLiteStore, session: Session) -> None:
    """Wait until the ending of *session* is committed."""
    while not await over(store, session):
        await asyncio.sleep(0)


def head(path: Path) -> bytes:
    """What tells one log from the next in the same file: its salts."""
    return path.with_name(f"{path.name}-wal").read_bytes()[16:24]
