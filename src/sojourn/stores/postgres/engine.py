"""One PostgreSQL database behind one seam: its connections, in either face, and its schema."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from copy import copy
from functools import partial
from typing import Any, Protocol, Self
from uuid import UUID

from sojourn.errors import SettingsError
from sojourn.session import Session
from sojourn.stores import migrate
from sojourn.stores.migrate import Applied, Difference, Migration, Status
from sojourn.stores.postgres.address import Address
from sojourn.stores.postgres.blocking import BlockingConnections
from sojourn.stores.postgres.loop import LoopConnections
from sojourn.stores.postgres.seam import Connection, Connections, Lookup, Row, again, lost_race

__all__ = ["Engine"]

_COMPONENT = "sessions"
_PATIENCE = 600.0  # seconds that one migration may take

# A database may have another default, which a pooler leaves: then who has waited would not see what was made.
_SEEING_OTHERS = "set transaction isolation level read committed"
_LOCK = "select pg_advisory_xact_lock(hashtextextended(current_schema() || ' sojourn migrations', 0))"
_LEDGER = """
    create table if not exists sojourn_migrations (
        component  text        not null,
        number     integer     not null,
        name       text        not null,
        checksum   text        not null,
        applied_at timestamptz not null default clock_timestamp(), -- for people to read, and for nothing else
        primary key (component, number)
    )
"""
# Not `to_regclass`: inside a transaction that has waited for the lock it answers from before the wait.
_HAS_LEDGER = """
    select exists (
        select from pg_class
        where relname = 'sojourn_migrations' and relnamespace = current_schema()::regnamespace
    )
"""
_APPLIED = "select number, name, checksum from sojourn_migrations where component = $1 order by number"
_RECORD = """
    insert into sojourn_migrations (component, number, name, checksum) values ($1, $2, $3, $4)
"""
_TAKEN = """
    select relname from pg_class
    where relnamespace = current_schema()::regnamespace and relname in ('sessions', 'sojourn_log')
"""

# Tables with their columns, indexes, triggers and functions, each with a definition that does not name the
# schema. Weekly partitions come and go.
_OBJECTS = """
    with ours as (
        select oid, relname, relkind from pg_class
        where relnamespace = current_schema()::regnamespace
        and (relname in ('sessions', 'sessions_default') or relname like 'sojourn\\_%')
        and relname <> 'sojourn_migrations' and relkind in ('r', 'p')
    )
    select 'table ' || relname, string_agg(
        concat_ws(
            ' ', a.attname, format_type(a.atttypid, a.atttypmod), case when a.attnotnull then 'not null' end
        ),
        ', ' order by a.attnum
    )
    from ours join pg_attribute a on a.attrelid = ours.oid and a.attnum > 0 and not a.attisdropped
    group by relname
    union all
    select 'index ' || c.relname, pg_get_indexdef(c.oid)
    from ours join pg_index i on i.indrelid = ours.oid join pg_class c on c.oid = i.indexrelid
    union all
    select 'trigger ' || tgname || ' on ' || relname, pg_get_triggerdef(t.oid)
    from ours join pg_trigger t on t.tgrelid = ours.oid and not tgisinternal
    union all
    select 'function ' || p.oid::regprocedure::text, p.prosrc from pg_proc p
    where pronamespace = current_schema()::regnamespace
    and (proname like 'sojourn\\_%' or proname = 'cleanup_expired_sessions')
"""


class Engine:
    """The database at *address*. Its schema is looked at before the first use, and with *create* made."""

    def __init__(self, address: Address, lookup: Lookup, *, create: bool = True) -> None:
        self.address, self._lookup = address, lookup
        self._create = create
        self._known = migrate.load("sojourn.stores.migrations.postgres")
        self._faces: dict[str, Connections] = {}  # what both faces share
        self._blocks = False
        self._ready: set[bool] = set()  # has the one member True when the schema was found to be right
        self.reads: _Reads = self  # whose `look_up` to call: after the first one that of the connections

    def __repr__(self) -> str:
        return f"<Engine of {_COMPONENT} in {self.address}>"

    @property
    def faults(self) -> tuple[type[Exception], ...]:
        return self._connections.faults

    # ── statements ───────────────────────────────────────────────────────────────────────────

    async def all(self, sql: str, *values: Any) -> Sequence[Row]:
        if not self._ready:
            await self._prepare()
        try:
            return await self._connections.all(sql, *values)
        except Exception as error:
            if not lost_race(error):
                raise
        return await again(partial(self._connections.all, sql, *values))

    async def one(self, sql: str, *values: Any) -> Row | None:
        rows = await self.all(sql, *values)
        return rows[0] if rows else None

    async def write(self, sql: str, order: Any, *values: Any) -> Sequence[Row]:
        """The rows of *sql*, each with a number before it; see `Connections.write`."""
        if not self._ready:
            await self._prepare()
        try:
            return await self._connections.write(sql, order, values)
        except Exception as error:
            if not lost_race(error):
                raise
        return await again(partial(self._connections.write, sql, order, values))

    async def look_up(self, id: UUID) -> Session | None:
        if not self._ready:
            await self._prepare()
        self.reads = self._connections
        return await self.reads.look_up(id)

    async def poll(self, sql: str, *values: Any) -> Sequence[Row]:
        if not self._ready:
            await self._prepare()
        return await self._connections.poll(sql, *values)

    async def listen(self, channel: str, wake: Callable[[], None]) -> None:
        if not self._ready:
            await self._prepare()
        await self._connections.listen(channel, wake)

    def blocking(self) -> Self:
        """The same database behind verbs that block."""
        twin = copy(self)
        twin._blocks, twin.reads = True, twin
        return twin

    async def close(self) -> None:
        """Let go of every connection of this process, in both faces."""
        loops, blocks = self._faces.get("loops"), self._faces.get("blocks")
        if blocks is not None:
            await blocks.close()
        if isinstance(loops, LoopConnections):
            if self._blocks:
                loops.close_abruptly()
            else:
                await loops.close()

    @property
    def _connections(self) -> Connections:
        kind = "blocks" if self._blocks else "loops"
        found = self._faces.get(kind)
        if found is None:
            make = BlockingConnections if self._blocks else LoopConnections
            found = self._faces.setdefault(kind, make(self.address, self._lookup))
        return found

    # ── schema ───────────────────────────────────────────────────────────────────────────────

    async def migrate(self) -> list[str]:
        """Apply what is pending, in one transaction; say what. Safe against others who do the same now."""
        async with self._connections.transaction(_PATIENCE) as connection:
            await connection.run(_SEEING_OTHERS)
            await connection.run(f"set local statement_timeout = {_PATIENCE * 1000:.0f}")
            await connection.all(_LOCK)
            pending = await self._pending(connection)
            if pending and len(pending) == len(self._known):
                await self._refuse_strangers(connection)
                await connection.run(_LEDGER)
            for migration in pending:
                await connection.run(migration.sql)
                await connection.all(
                    _RECORD, _COMPONENT, migration.number, migration.name, migration.checksum
                )
        self._ready.add(True)
        return [migration.name for migration in pending]

    async def status(self) -> Status:
        """Which migrations were applied, and which wait for `migrate`."""
        async with self._connections.transaction(_PATIENCE) as connection:
            applied = await self._applied(connection)
        pending = migrate.pending(self._known, applied, where=str(self.address))
        return Status(
            applied=tuple(migration.name for migration in applied),
            pending=tuple(migration.name for migration in pending),
        )

    async def compare(self) -> Difference:
        """How tables, indexes, triggers and functions differ from those of a new database.

        They are made once more in a schema that never gets committed; that needs the right to make one.
        """
        async with self._connections.transaction(_PATIENCE) as connection:
            found = await _objects(connection)
        try:
            async with self._connections.transaction(_PATIENCE) as connection:
                await connection.run("create schema sojourn_fresh; set local search_path to sojourn_fresh")
                for migration in self._known:
                    await connection.run(migration.sql)
                raise _Seen(await _objects(connection))
        except _Seen as seen:
            return migrate.compare(seen.objects, found)

    async def _prepare(self) -> None:
        async with self._connections.transaction(_PATIENCE) as connection:
            pending = await self._pending(connection)
        applied = len(self._known) - len(pending)
        if pending and applied:
            raise SettingsError(
                f"{self.address} has schema {applied}, this Sojourn needs schema {len(self._known)}; "
                f"{self._remedy}"
            )
        if pending and not self._create:
            raise SettingsError(f"{self.address} has no schema for {_COMPONENT} yet; {self._remedy}")
        if pending:
            await self.migrate()
        self._ready.add(True)

    async def _pending(self, connection: Connection) -> list[Migration]:
        return migrate.pending(self._known, await self._applied(connection), where=str(self.address))

    async def _applied(self, connection: Connection) -> list[Applied]:
        (has_ledger,) = (await connection.all(_HAS_LEDGER))[0]
        if not has_ledger:
            return []
        rows = await connection.all(_APPLIED, _COMPONENT)
        return [Applied(number=number, name=name, checksum=checksum) for number, name, checksum in rows]

    async def _refuse_strangers(self, connection: Connection) -> None:
        if taken := await connection.all(_TAKEN):
            raise SettingsError(
                f"{self.address} has a table {taken[0][0]} that is not Sojourn's; give Sojourn a schema "
                "of its own: create one, and add ?options=-csearch_path%3Dits_name to the URL"
            )

    @property
    def _remedy(self) -> str:
        return f"run `sojourn migrate --store {self.address}`"


class _Reads(Protocol):
    def look_up(self, id: UUID) -> Awaitable[Session | None]: ...


class _Seen(Exception):
    """Carries what was seen out of a transaction that is undone by it."""

    def __init__(self, objects: dict[str, str]) -> None:
        self.objects = objects


async def _objects(connection: Connection) -> dict[str, str]:
    (schema,) = (await connection.all("select current_schema()"))[0]
    return {name: definition.replace(f"{schema}.", "") for name, definition in await connection.all(_OBJECTS)}
