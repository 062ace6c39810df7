"""Sessions like real ones by the million, and each engine's own way to take them in.

Ten sessions a user, signed in over 90 days; the newest 18 % live, of the others half were revoked and half
ran out. Of those that live a share belongs to the application "bulk", to be revoked by query.
Beyond the first million the engine makes copies of them under other ids and users.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from sojourn.session import Device, Place, Reason, Session, new_id

__all__ = ["BULK", "MADE", "fill", "people", "ten_of"]

BULK = "bulk"
SPREAD = timedelta(days=90)
LIVE = 0.18
IDLE = timedelta(days=14)  # as the default policy has it
CHUNK = 20_000
MADE = 1_000_000  # one by one; the rest are copies
DEVICE = Device(
    kind="desktop",
    name="Chrome 143 on macOS",
    browser="Chrome",
    browser_version="143.0.0.0",
    os="macOS",
    os_version="15.1",
    user_agent="Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/143.0.0.0 Safari/537.36"[:120],
)


def people(count: int, now: datetime, *, bulk: int, live: float = LIVE) -> Iterator[Session]:
    """*count* sessions, oldest first; the newest *bulk* are of the application "bulk"."""
    users = max(1, count // 10)
    first_live = int(count * (1 - live))
    for number in range(count):
        created = now - SPREAD * ((count - number) / count)
        user_id = str(UUID(int=number % users))
        lives = number >= first_live
        ended = None if lives or number % 2 else created + timedelta(hours=8)
        yield _session(
            user_id,
            created,
            expires_at=now + timedelta(days=10) if lives else created + timedelta(hours=9),
            application_id=BULK if number >= count - bulk else None,
            revoked_at=ended,
            reason=Reason.USER if ended else None,
        )


def ten_of(user_id: str, now: datetime) -> list[Session]:
    """Ten sessions of one user that live."""
    return [
        _session(user_id, now - timedelta(hours=hour), expires_at=now + timedelta(days=10))
        for hour in range(10)
    ]


def _session(user_id: str, created: datetime, *, expires_at: datetime, **fields: Any) -> Session:
    id = new_id(created, user_id)
    return Session(
        id=id,
        user_id=user_id,
        salt=id.bytes + id.bytes,  # as long as a real one; drawing millions would be most of the time
        key_id=1,
        created_at=created,
        seen_at=max(created, expires_at - IDLE),
        authenticated_at=created,
        expires_at=expires_at,
        ends_at=max(expires_at, created + timedelta(days=30)),
        device=DEVICE,
        place=Place(city="Zürich", country="CH"),
        ip="203.0.113.9",
        **fields,
    )


async def fill(kind: str, url: str, store: Any, sessions: Iterator[Session], *, copies: int = 1) -> None:
    """Give *sessions* to an empty store, by the shortest way that its engine has; *copies* times as many."""
    await store.get(UUID(int=0))  # so that the schema is there
    if kind == "sqlite":
        _fill_sqlite(store, sessions, copies)
    elif kind == "postgres":
        await _fill_postgres(store, sessions, copies)
    else:
        async with _at_ease(url):
            await _fill_by_verbs(store, sessions)


@asynccontextmanager
async def _at_ease(url: str) -> AsyncIterator[None]:
    """Redis need not flush each write of the filling."""
    from redis.asyncio import Redis

    client = Redis.from_url(url)
    before = (await client.config_get("appendfsync"))["appendfsync"] or "always"
    await client.config_set("appendfsync", "no")
    yield
    await client.config_set("appendfsync", before)
    await client.aclose()


def _chunks(sessions: Iterator[Session]) -> Iterator[list[Session]]:
    while chunk := list(islice(sessions, CHUNK)):
        yield chunk


def _fill_sqlite(store: Any, sessions: Iterator[Session], copies: int) -> None:
    import sqlite3

    from sojourn.stores.sqlite.rows import microseconds, to_row

    db = sqlite3.connect(store.engine.path, isolation_level=None)
    db.execute("pragma synchronous = off")
    db.execute("pragma cache_size = -2000000")  # kB: of the user index every page is written again and again
    db.execute("begin")
    for chunk in _chunks(sessions):
        rows = [to_row(session) for session in chunk]
        names = list(rows[0])
        marks = ", ".join(f":{name}" for name in names)
        db.executemany(f"insert into sessions ({', '.join(names)}) values ({marks})", rows)
    for copy in range(1, copies):
        db.execute("commit")  # or the log would get as long as the file
        db.execute("begin")
        db.execute(_copied("sessions where rowid <= ?", names, _SQLITE_COPY), (copy, MADE))
    noticed = "update sessions set due = null where due is not null and expires_at <= ?"
    db.execute(noticed, (microseconds(datetime.now(UTC)),))
    db.execute("commit")
    db.execute("pragma wal_checkpoint(truncate)")
    db.execute("analyze")
    db.close()


async def _fill_postgres(store: Any, sessions: Iterator[Session], copies: int) -> None:
    import asyncpg

    from sojourn.stores.postgres.rows import COLUMNS, to_row

    columns = [*COLUMNS, "due", "over"]
    connection = await asyncpg.connect(store.engine.address.url)
    begin = datetime.now(UTC) - SPREAD
    await connection.fetchval("select sojourn_make_partitions($1, $2)", begin, SPREAD.days // 7 + 1)
    for chunk in _chunks(sessions):
        records = [(*to_row(session), *_minutes(session)) for session in chunk]
        await connection.copy_records_to_table("sessions", columns=columns, records=records)
    if copies > 1:
        await connection.execute("create temp table made as select * from sessions")
    for copy in range(1, copies):
        await connection.execute(
            _copied("made", columns, _POSTGRES_COPY).replace("$1", str(copy)), timeout=3600
        )
    await connection.execute("vacuum analyze", timeout=3600)
    await connection.close()


# The time in an id stays, and with it the order; nothing is asked of an application by a copy.
_SQLITE_COPY = {
    "id": "cast(substr(id, 1, 9) || randomblob(7) as blob)",
    "user_id": "printf('%08d', ?) || substr(user_id, 9)",
    "application_id": "null",
}
_POSTGRES_COPY = {
    "id": "overlay(id::text placing substr(md5(random()::text), 1, 12) from 25)::uuid",
    "user_id": "lpad('$1', 8, '0') || substr(user_id, 9)",
    "application_id": "null",
}


def _copied(source: str, names: Sequence[str], changed: dict[str, str]) -> str:
    """The statement that adds a copy of *source*."""
    taken = ", ".join(changed.get(name, name) for name in names)
    return f"insert into sessions ({', '.join(names)}) select {taken} from {source}"


def _minutes(session: Session) -> tuple[int | None, int | None]:
    """`due` of one that waits for its end, `over` of one that has ended and was noticed."""
    if session.revoked_at is None and session.expires_at > datetime.now(UTC):
        return -int(-session.expires_at.timestamp() // 60), None
    return None, int((session.revoked_at or session.expires_at).timestamp() // 60)


async def _fill_by_verbs(store: Any, sessions: Iterator[Session]) -> None:
    """256 at once, which a store with one connection sends together; what has run out is taken note of."""
    for chunk in _chunks(sessions):
        for start in range(0, len(chunk), 256):
            await asyncio.gather(*(store.insert(session) for session in chunk[start : start + 256]))
    while await store.expire(at=datetime.now(UTC), limit=10_000):
        pass
