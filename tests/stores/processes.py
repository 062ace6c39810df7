"""Other processes at the same file. They begin together at a barrier; nobody sleeps."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any
from uuid import UUID

from sojourn.blocking import drive
from sojourn.session import Reason
from sojourn.stores.protocol import Cap, Query
from sojourn.stores.sqlite import SQLiteStore
from sojourn.testing import make_session
from tests.stores.acts import NOW, revoke, started

ROOT = Path(__file__).parents[2]


def at_once(work: Callable[..., Any], path: Path, count: int, *values: Any) -> list[Any]:
    """The answers of *count* processes that run `work(path, barrier, number, *values)`."""
    spawn = get_context("spawn")
    with spawn.Manager() as manager:
        barrier = manager.Barrier(count, timeout=60)
        with spawn.Pool(count) as pool:
            return pool.starmap(work, [(path, barrier, number, *values) for number in range(count)])


def replace_all(path: Path, barrier: Barrier, number: int, ids: list[Any]) -> list[bool]:
    """Try to replace each session with this process's version, each from the same start."""
    store = SQLiteStore(path).blocking()
    wins = []
    for id in ids:
        session = drive(store.get(id))
        assert session is not None
        barrier.wait()
        wins.append(drive(store.replace(session.change(data={"process": number}), at=NOW)))
        barrier.wait()  # nobody reads the next one before all are done with this one
    drive(store.close())
    return wins


def sign_in(path: Path, barrier: Barrier, number: int, times: int, cap: Cap) -> int:
    """Sign in *times* times, in two applications; how often it was allowed. The first makes the file."""
    store = SQLiteStore(path).blocking()
    sessions = [
        make_session(created_at=NOW - timedelta(seconds=number + n), application_id=("shop", None)[n % 2])
        for n in range(times)
    ]
    barrier.wait()
    done = sum(drive(store.insert(session, cap=cap)).done for session in sessions)
    drive(store.close())
    return done


def revoke_or_follow(path: Path, barrier: Barrier, number: int, ids: list[list[UUID]]) -> Any:
    """End the sessions in *ids* that are this process's; the last one follows until it has seen all."""
    store = SQLiteStore(path).blocking()
    cursor, seen = drive(store.entries()).cursor, set[UUID]()
    barrier.wait()
    if number < len(ids):
        return [len(drive(store.revoke(Query(id=id), at=NOW, reason=Reason.USER))) for id in ids[number]]
    deadline = time.monotonic() + 60  # lost is what has not come by then
    while len(seen) < sum(map(len, ids)) and time.monotonic() < deadline:
        page = drive(store.entries(cursor))
        assert page.continues
        cursor = page.cursor
        seen |= {entry.id for entry in page.entries}
    drive(store.close())
    return seen


def revoke_until_killed(path: Path) -> None:
    """Sign in and out without end, and print each id as soon as its revocation is acknowledged."""
    store = SQLiteStore(path).blocking()
    while True:
        session = started(store)
        revoke(store, session)
        print(session.id, flush=True)


def run(script: str, *arguments: object) -> subprocess.Popen[str]:
    """A process that runs *script*, with pipes in both directions."""
    command = [sys.executable, "-W", "error::ResourceWarning", "-c", script, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
