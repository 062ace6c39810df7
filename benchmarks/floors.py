"""The bare drivers: what a lookup, a list of ten and an ending of ten cost without any session layer.

On tables of their own, without log and counters, with rows of about the size of a session; values come
ready-made, and what ends is as durable as it is in the store.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import cycle
from typing import Any

from msgspec import Struct

from benchmarks.apps import Places

__all__ = ["Floor", "floor"]

USERS = [f"floor-{number:030}" for number in range(200)]
BODY = "x" * 400
_ROWS = [(os.urandom(16), user, None, BODY) for user in USERS for _ in range(10)]

_TABLE = "create table floor (id {id} primary key, user_id text, revoked_at {at}, body text)"
_INDEX = "create index floor_user on floor (user_id) where revoked_at is null"
_LOOK_UP = "select id, user_id, revoked_at, body from floor where id = {0}"
_LIST = "select id, user_id, revoked_at, body from floor where user_id = {0} and revoked_at is null"
_END = "update floor set revoked_at = {now} where user_id = {0} and revoked_at is null returning id"

Call = Callable[[], Awaitable[Any]]


class Floor(Struct, frozen=True):
    """One call each; the next call is about the next row or user."""

    look_up: Call
    list_ten: Call
    end_ten: Call


def floor(kind: str, places: Places) -> AbstractAsyncContextManager[Floor] | None:
    """The floor of an engine; memory has none."""
    engine = _ENGINES.get(kind)
    return None if engine is None else engine(places)


@asynccontextmanager
async def _sqlite(places: Places) -> AsyncIterator[Floor]:
    db = sqlite3.connect(places.file("floor.db"), isolation_level=None)
    db.execute("pragma journal_mode = wal")
    db.execute("pragma synchronous = full")
    db.execute(_TABLE.format(id="blob", at="integer"))
    db.execute(_INDEX)
    db.execute("begin")
    db.executemany("insert into floor values (?, ?, ?, ?)", _ROWS)
    db.execute("commit")

    def asking(statement: str, values: list[Any]) -> Call:
        turn = cycle(values)

        async def ask() -> None:
            db.execute(statement, (next(turn),)).fetchall()

        return ask

    yield Floor(
        asking(_LOOK_UP.format("?"), [row[0] for row in _ROWS]),
        asking(_LIST.format("?"), USERS),
        asking(_END.format("?", now="1"), USERS),
    )
    db.close()


@asynccontextmanager
async def _postgres(places: Places) -> AsyncIterator[Floor]:
    import asyncpg

    connection = await asyncpg.connect(places.postgres)
    await connection.execute(_TABLE.format(id="bytea", at="timestamptz"))
    await connection.execute(_INDEX)
    await connection.executemany("insert into floor values ($1, $2, $3, $4)", _ROWS)

    async def asking(statement: str, values: list[Any]) -> Call:
        prepared, turn = await connection.prepare(statement), cycle(values)
        return lambda: prepared.fetch(next(turn))

    yield Floor(
        await asking(_LOOK_UP.format("$1"), [row[0] for row in _ROWS]),
        await asking(_LIST.format("$1"), USERS),
        await asking(_END.format("$1", now="now()"), USERS),
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

    yield Floor(lambda: client.get(next(lookups)), lambda: client.mget(names[next(lists)]), end_ten)
    await client.aclose()


_ENGINES: dict[str, Callable[[Places], AbstractAsyncContextManager[Floor]]] = {
    "sqlite": _sqlite,
    "postgres": _postgres,
    "redis": _redis,
}
