"""A component's schema in PostgreSQL: which one it is, and its migrations.

What is here runs in a transaction of whoever calls it. The schema is next to that of the sessions, as
`sojourn_ledger` beside `public`: its tables are called what they are in a file, and nothing of one is looked
at, or taken away, with the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sojourn.errors import SettingsError
from sojourn.stores import migrate as _migrate
from sojourn.stores.migrate import Applied, Difference, Migration, Status

__all__ = ["PATIENCE", "compare", "migrate", "name", "pending", "status", "turn"]

PATIENCE = 600.0  # seconds that one migration may take

# Two Sojourns in one database have a schema each, and so their ledgers.
_NAME = """
    select quote_ident(
        case when coalesce(current_schema(), 'public') = 'public' then 'sojourn' else current_schema() end
        || '_ledger'
    )
"""
_LOCK = "select pg_advisory_xact_lock(hashtextextended($1 || ' sojourn migrations', 0))"
_EXISTS = "select exists (select from pg_namespace where quote_ident(nspname) = $1)"
_TABLES = """
    select relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where quote_ident(nspname) = $1 and relkind in ('r', 'p', 'v', 'm') order by relname
"""
_RECORDS = """
    create table sojourn_migrations (
        component  text        not null,
        number     integer     not null,
        name       text        not null,
        checksum   text        not null,
        applied_at timestamptz not null default clock_timestamp(), -- for people to read, and for nothing else
        primary key (component, number)
    )
"""
_APPLIED = "select number, name, checksum from sojourn_migrations where component = $1 order by number"
_RECORD = "insert into sojourn_migrations (component, number, name, checksum) values ($1, $2, $3, $4)"

# Each with a definition that does not name the schema.
_OBJECTS = """
    with ours as (
        select oid, relname from pg_class
        where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p')
        and relname <> 'sojourn_migrations'
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
    select 'rule ' || conname || ' of ' || relname, pg_get_constraintdef(k.oid)
    from ours join pg_constraint k on k.conrelid = ours.oid and contype in ('c', 'x')
"""


def name(connection: Any) -> str:
    """The schema's, quoted, as it follows from the search path that the connection came with."""
    return str(connection.execute(_NAME).fetchone()[0])


def turn(component: str) -> str:
    """The statement that waits for all who write *component*, until the transaction ends."""
    return f"select pg_advisory_xact_lock(hashtextextended(current_schema() || ' sojourn {component}', 0))"


def pending(connection: Any, *, component: str, where: str, known: Sequence[Migration]) -> list[Migration]:
    """Those of *known* that were not applied."""
    return _migrate.pending(known, _applied(connection, component), where=where)


def status(connection: Any, *, component: str, where: str, known: Sequence[Migration]) -> Status:
    applied = _applied(connection, component)
    waiting = _migrate.pending(known, applied, where=where)
    return Status(
        applied=tuple(migration.name for migration in applied),
        pending=tuple(migration.name for migration in waiting),
    )


def migrate(connection: Any, *, component: str, where: str, known: Sequence[Migration]) -> list[str]:
    """Apply what is pending; say what. Safe against others who do the same now."""
    connection.execute(f"set local statement_timeout = {PATIENCE * 1000:.0f}", prepare=False)
    connection.execute(_LOCK, (connection.schema,))
    waiting = pending(connection, component=component, where=where, known=known)
    if waiting and len(waiting) == len(known):
        _begin(connection, where)
    for each in waiting:
        connection.execute(each.sql, prepare=False)
        connection.execute(_RECORD, (component, each.number, each.name, each.checksum))
    return [each.name for each in waiting]


def compare(connection: Any, *, component: str, where: str, known: Sequence[Migration]) -> Difference:
    """How tables, indexes and rules differ from those that are made anew here, and never committed."""
    found = _objects(connection)
    fresh = "create schema sojourn_fresh; set local search_path to sojourn_fresh"
    connection.execute(fresh, prepare=False)
    for each in known:
        connection.execute(each.sql, prepare=False)
    return _migrate.compare(_objects(connection), found)


def _applied(connection: Any, component: str) -> list[Applied]:
    if "sojourn_migrations" not in _tables(connection):
        return []
    rows = connection.execute(_APPLIED, (component,)).fetchall()
    return [Applied(number=number, name=name, checksum=checksum) for number, name, checksum in rows]


def _tables(connection: Any) -> list[str]:
    return [name for (name,) in connection.execute(_TABLES, (connection.schema,)).fetchall()]


def _begin(connection: Any, where: str) -> None:
    """Make the schema, unless somebody has made it for the role that is used here, who may not."""
    schema = connection.schema
    ((there,),) = connection.execute(_EXISTS, (schema,)).fetchall()
    if not there:
        _create(connection, where)
    elif taken := _tables(connection):
        raise SettingsError(
            f"the schema {schema} in {where} has a table {taken[0]} that is not Sojourn's; rename the schema"
        )
    connection.execute(_RECORDS, prepare=False)


def _create(connection: Any, where: str) -> None:
    try:
        connection.execute(f"create schema {connection.schema}", prepare=False)
    except Exception as error:
        if getattr(error, "sqlstate", None) != "42501":  # insufficient privilege
            raise
        raise SettingsError(
            f"the role may not make a schema in {where}; have its owner run "
            f"`create schema {connection.schema} authorization the_role`"
        ) from error


def _objects(connection: Any) -> dict[str, str]:
    ((schema,),) = connection.execute("select quote_ident(current_schema())").fetchall()
    return {name: definition.replace(f"{schema}.", "") for name, definition in connection.execute(_OBJECTS)}
