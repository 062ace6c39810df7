"""What each verb of a store costs, beside the same statement given to the bare sqlite3 driver.

    python -m benchmarks stores [SESSIONS]

Medians in microseconds of one call at a time, and the ratio to the driver, which gets the values
ready-made and flushes to the disk where the store does. Compare the ratios; the rest is the machine.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from sojourn.blocking import drive
from sojourn.session import Device, Place, Reason, Seen, Session
from sojourn.stores.memory import MemoryStore
from sojourn.stores.protocol import Query, Store
from sojourn.stores.sqlite import SQLiteStore, sql
from sojourn.stores.sqlite.rows import microseconds, to_row
from sojourn.testing import MORNING, make_session

NOW = MORNING + timedelta(hours=1)
VERBS = ("insert", "get", "touch", "replace", "revoke")
Times = dict[str, float]

LAPTOP = Device(
    id="x" * 43,
    kind="desktop",
    name="Chrome 143 on macOS",
    browser="Chrome",
    browser_version="143.0.0.0",
    os="macOS",
    os_version="15.1",
    user_agent="Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Chrome/143.0.0.0 Safari/537.36",
)


def people(count: int) -> list[Session]:
    """Sessions like real ones, of a few users each with several."""
    return [
        make_session(
            user_id=f"user {n % (count // 4 + 1)}",
            created_at=MORNING + timedelta(milliseconds=n),
            device=LAPTOP,
            place=Place(city="Zürich", country="CH"),
            ip="203.0.113.9",
        )
        for n in range(count)
    ]


def verb(store: Store, name: str) -> Callable[[Session], Any]:
    """The coroutine of verb *name* on one session."""
    verbs: dict[str, Callable[[Session], Any]] = {
        "insert": store.insert,
        "get": lambda session: store.get(session.id),
        "touch": lambda session: store.touch({session.id: Seen(NOW, session.expires_at)}, at=NOW),
        "replace": lambda session: store.replace(session.change(ip="192.0.2.1"), at=NOW),
        "revoke": lambda session: store.revoke(Query(id=session.id), at=NOW, reason=Reason.USER),
    }
    return verbs[name]


def blocking(store: Store, sessions: list[Session]) -> Times:
    def act(coroutine_of: Callable[[Session], Any], session: Session) -> None:
        drive(coroutine_of(session))

    face = store.blocking()
    times = {name: clocked(partial(act, verb(face, name)), sessions) for name in VERBS}
    drive(face.close())
    return times


def on_loop(store: Store, sessions: list[Session]) -> Times:
    async def main() -> Times:
        times = {}
        for name in VERBS:
            act, taken = verb(store, name), []
            for session in sessions:
                began = perf_counter()
                await act(session)
                taken.append(perf_counter() - began)
            times[name] = median(taken) * 1e6
        await store.close()
        return times

    return asyncio.run(main())


def driver(path: Path, sessions: list[Session]) -> Times:
    """The store's own statements, without the store."""
    drive(SQLiteStore(path).blocking().engine.migrate())
    db = sqlite3.connect(path, isolation_level=None)
    times = {}
    for name in VERBS:
        db.execute(f"pragma synchronous = {'full' if name in ('replace', 'revoke') else 'normal'}")
        statements = [statement(name, session) for session in sessions]
        times[name] = clocked(lambda ready: db.execute(*ready).fetchone(), statements)
    db.close()
    return times


def statement(name: str, session: Session) -> tuple[str, Any]:
    values = tuple(to_row(session).values())
    match name:
        case "insert":
            return sql.INSERT, values
        case "get":
            return sql.GET, values[:1]
        case "touch":
            uses = f"[[{microseconds(NOW)},{microseconds(session.expires_at)},null]]"
            return sql.TOUCH, {"ids": session.id.bytes, "uses": uses, "at": microseconds(NOW)}
        case "replace":
            changed = to_row(session.change(ip="192.0.2.1"))
            return sql.REPLACE, (*changed.values(), microseconds(NOW))
    revoke, asked = sql.asked(sql.REVOKE, Query(id=session.id, live_at=NOW))
    return revoke, asked | {"at": microseconds(NOW), "reason": "user", "by": None, "note": None}


def clocked(call: Callable[[Any], Any], subjects: Iterable[Any]) -> float:
    taken = []
    for subject in subjects:
        began = perf_counter()
        call(subject)
        taken.append(perf_counter() - began)
    return median(taken) * 1e6


def main(arguments: Sequence[str] = ()) -> None:
    count = int(arguments[0]) if arguments else 3000
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:  # a disk; /tmp may be memory
        base = driver(Path(folder, "driver.db"), people(count))
        table = {
            "memory, blocking": blocking(MemoryStore(), people(count)),
            "memory, on a loop": on_loop(MemoryStore(), people(count)),
            "SQLite, blocking": blocking(SQLiteStore(Path(folder, "blocking.db")), people(count)),
            "SQLite, on a loop": on_loop(SQLiteStore(Path(folder, "loop.db")), people(count)),
        }
    print(f"{'µs (ratio)':18}" + "".join(f"{name:>16}" for name in VERBS))
    print(f"{'sqlite3 alone':18}" + "".join(f"{base[name]:8.1f}        " for name in VERBS))
    for title, times in table.items():
        cells = (f"{times[name]:8.1f} ({times[name] / base[name]:4.1f})" for name in VERBS)
        print(f"{title:18}" + "".join(f"{cell:>16}" for cell in cells))
