"""An empty PostgreSQL database that many use first: whoever waited for its schema sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import psycopg
import pytest

from sojourn.blocking import drive
from sojourn.stores import migrate
from sojourn.stores.postgres import PostgresStore
from sojourn.stores.postgres.engine import _LEDGER, _LOCK, _RECORD
from tests.faults.kit import eventually
from tests.servers.postgres import Postgres

pytestmark = pytest.mark.servers

NOBODY = UUID(int=0)
WAITS = "select count(*) from pg_locks where locktype = 'advisory' and not granted"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def make_schema(connection: psycopg.Connection) -> None:
    """As `migrate` does, but without a commit."""
    connection.execute(_LOCK)
    connection.execute(_LEDGER)
    cursor = psycopg.RawCursor(connection)
    for each in migrate.load("sojourn.stores.migrations.postgres"):
        connection.execute(each.sql.encode(), prepare=False)
        cursor.execute(_RECORD, ("sessions", each.number, each.name, each.checksum))


async def blocking(url: str) -> object:
    def read() -> object:
        store = PostgresStore(url).blocking()
        try:
            return drive(store.get(NOBODY))
        finally:
            drive(store.close())

    return await asyncio.to_thread(read)


async def suspending(url: str) -> object:
    store = PostgresStore(url)
    try:
        return await store.get(NOBODY)
    finally:
        await store.close()


@pytest.mark.parametrize("face", [blocking, suspending])
@pytest.mark.parametrize(
    ("pooler", "isolation"), [(False, "read committed"), (True, "repeatable read")], ids=["direct", "pooler"]
)
async def test_who_waited_while_another_made_the_schema_uses_it(
    postgres: Postgres, face: Callable[[str], Awaitable[object]], pooler: bool, isolation: str
) -> None:
    url = postgres.new_database()
    name = url.rpartition("/")[2]
    postgres.execute(
        f"alter database {name} set default_transaction_isolation = '{isolation}'", database="postgres"
    )
    with psycopg.connect(url) as maker:
        make_schema(maker)
        asked: list[asyncio.Task[object]] = [
            asyncio.create_task(face(url + ("?pooler=transaction" if pooler else "")))  # type: ignore[arg-type]
            for _ in range(4)
        ]
        await eventually("waiting", lambda: postgres.execute(WAITS, database=name) == [(4,)])
        maker.commit()
        assert await asyncio.gather(*asked) == [None] * 4
