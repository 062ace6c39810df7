"""The bare drivers: what a lookup, a list of ten and an ending of ten cost without any session layer.

On tables of their own, without log and counters, with rows of about the size of a session; values come
ready-made, and what ends is as durable as it is in the store.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import cycle
from typing import Any

from msgspec import Struct

from benchmarks.apps import Places

__all__ = ["Floor", "by_hand", "floor"]

USERS = [f"floor-{number:030}" for number in range(200)]
BODY = "x" * 400
_ROWS = [(os.urandom(16), user, None, BODY) for user in USERS for _ in range(10)]
_MANY = 100_000  # more rows, to be ended by the thousand

_TABLE = "create table floor (id {id} primary key, user_id text, revoked_at {at}, body text)"
_AGAIN = "drop table if exists floor"
_INDEX = "create index floor_user on floor (user_id) where revoked_at is null"
_LOOK_UP = "select id, user_id, revoked_at, body from floor where id = {0}"
_LIST = "select id, user_id, revoked_at, body from floor where user_id = {0} and revoked_at is null"
_END_MANY = "update floor set revoked_at = {now} where id = {id} and revoked_at is null"
_BY_HAND = "update sessions set revoked_at = {now} where user_id = {0} and revoked_at is null returning id"
_END = "update floor set revoked_at = {now} where user_id = {0} and revoked_at is null returning id"

Call = Callable[[], Awaitable[Any]]


class Floor(Struct, frozen=True):
    """One call each; the next call is about the next row, user or thousand of rows."""

    look_up: Call
    list_ten: Call
    end_ten: Call
    end_thousand: Call


def floor(kind: str, places: Places) -> AbstractAsyncContextManager[Floor] | None:
    """The floor of an engine; memory has none."""
    engine = _ENGINES.get(kind)
    return None if engine is None else engine(places)


@asynccontextmanager
async def by_hand(kind: str, places: Places) -> AsyncIterator[Callable[[str], Awaitable[Any]] | None]:
    """End the sessions of a user by one plain UPDATE of the store's own table; None where there is no SQL.

    The log and the counters are kept by the database's triggers then, as in the store's own statement.
    """
    if kind == "postgres":
        import asyncpg

        connection = await asyncpg.connect(places.postgres)
        yield (await connection.prepare(_BY_HAND.format("$1", now="now()"))).fetch
        await connection.close()
    elif kind == "sqlite":
        db = sqlite3.connect(places.file("sojourn.db"), isolation_level=None)
        db.execute("pragma synchronous = full")
        statement = _BY_HAND.format("?", now=f"{time.time_ns() // 1000}")

        async def end(user: str) -> None:
            db.execute(statement, (user,)).fetchall()

        yield end
        db.close()
    else:
        yield None


@asynccontextmanager
async def _sqlite(places: Places) -> AsyncIterator[Floor]:
    db = sqlite3.connect(places.file("floor.db"), isolation_level=None)
    db.execute("pragma journal_mode = wal")
    db.execute("pragma synchronous = full")
    db.execute(_AGAIN)
    db.execute(_TABLE.format(id="blob", at="integer"))
    db.execute(_INDEX)
    db.execute("begin")
    db.executemany("insert into floor values (?, ?, ?, ?)", _ROWS)
    db.execute("commit")

    many = _many()
    db.execute("begin")
    db.executemany("insert into floor values (?, 'bulk', ?, ?)", [(id, None, BODY) for id in many])
    db.execute("commit")

    def asking(statement: str, values: list[Any]) -> Call:
        turn = cycle(values)

        async def ask() -> None:
            db.execute(statement, (next(turn),)).fetchall()

        return ask

    thousands = _thousands(many)

    async def end_thousand() -> None:
        db.execute("begin")
        db.executemany(_END_MANY.format(id="?", now="1"), [(id,) for id in next(thousands)])
        db.execute("commit")

    yield Floor(
        asking(_LOOK_UP.format("?"), [row[0] for row in _ROWS]),
        asking(_LIST.format("?"), USERS),
        asking(_END.format("?", now="1"), USERS),
        end_thousand,
    )
    db.close()


@asynccontextmanager
async def _postgres(places: Places) -> AsyncIterator[Floor]:
    import asyncpg

    connection = await asyncpg.connect(places.postgres)
    await connection.execute(_AGAIN)
    await connection.execute(_TABLE.format(id="bytea", at="timestamptz"))
    await connection.execute(_INDEX)
    await connection.executemany("insert into floor values ($1, $2, $3, $4)", _ROWS)

    many = _many()
    await connection.copy_records_to_table("floor", records=[(id, "bulk", None, BODY) for id in many])
    end = await connection.prepare(_END_MANY.format(id="any ($1::bytea[])", now="now()"))
    thousands = _thousands(many)

    async def asking(statement: str, values: list[Any]) -> Call:
        prepared, turn = await connection.prepare(statement), cycle(values)
        return lambda: prepared.fetch(next(turn))

    yield Floor(
        await asking(_LOOK_UP.format("$1"), [row[0] for row in _ROWS]),
        await asking(_LIST.format("$1"), USERS),
        await asking(_END.format("$1", now="now()"), USERS),
        lambda: end.fetch(next(thousands)),
    )
    await connection.close()


@asynccontextmanager
async def _redis(places: Places) -> AsyncIterator[Floor]:
    """A key for each session; a list is MGET, an ending is one transaction of ten SET."""
    from redis.asyncio import Redis

    client = Redis.from_url(places.redis)
    names = {user: [f"{user}:{number}" for number in range(10)] for user in USERS}
    everything = [name for ten in names.values() for name in ten]
    await client.mset(dict.fromkeys(everything, BODY))
    lookups, lists, endings = cycle(everything), cycle(USERS), cycle(USERS)

    async def end_ten() -> None:
        async with client.pipeline(transaction=True) as pipeline:
            for name in names[next(endings)]:
                pipeline.set(name, BODY)
            await pipeline.execute()

    thousands = _thousands([b"bulk:" + id for id in _many()])

    async def end_thousand() -> None:
        await client.mset(dict.fromkeys(next(thousands), BODY))

    yield Floor(
        lambda: client.get(next(lookups)), lambda: client.mget(names[next(lists)]), end_ten, end_thousand
    )
    await client.aclose()


def _many() -> list[bytes]:
    return [os.urandom(16) for _ in range(_MANY)]


def _thousands(ids: list[bytes]) -> Iterator[list[bytes]]:
    return cycle([ids[first : first + 1000] for first in range(0, len(ids), 1000)])


_ENGINES: dict[str, Callable[[Places], AbstractAsyncContextManager[Floor]]] = {
    "sqlite": _sqlite,
    "postgres": _postgres,
    "redis": _redis,
}
