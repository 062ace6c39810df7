"""One SQLite file: how it is created and opened, whether it still is that file, and its schema."""

from __future__ import annotations

import math
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from sojourn.errors import SettingsError
from sojourn.stores import migrate
from sojourn.stores.migrate import Applied, Difference, Status

__all__ = ["File", "busy", "explain", "explained", "interrupted", "patiently", "transaction"]

T = TypeVar("T")

PATIENCE = 5.0  # seconds that a write waits for another process's
_OLDEST = (3, 37, 0)  # strict tables (3.37), returning (3.35)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Which option names the file of a component.
_OPTIONS = {"sessions": "store", "directory": "accounts", "ledger": "journal"}

_LEDGER = """
    create table if not exists sojourn_migrations (
        component  text    not null,
        number     integer not null,
        name       text    not null,
        checksum   text    not null,
        applied_at integer not null, -- microseconds since 1970, UTC
        primary key (component, number)
    ) strict
"""
_RECORD = """
    insert into sojourn_migrations (component, number, name, checksum, applied_at)
    values (?, ?, ?, ?, ?)
"""
_APPLIED = "select number, name, checksum from sojourn_migrations where component = ? order by number"
_COMPONENTS = "select distinct component from sojourn_migrations"
_TABLES = "select name from sqlite_schema where type = 'table' and name not like 'sqlite\\_%' escape '\\'"
_OBJECTS = """
    select type || ' ' || name, sql, tbl_name from sqlite_schema
    where sql is not null and name not like 'sqlite\\_%' escape '\\' and name <> 'sojourn_migrations'
"""

# Closing any descriptor of a file drops this process's locks on it, those of SQLite too (section 2.2 of
# sqlite.org/howtocorrupt.html). So nobody here opens a file until the descriptor that created it is closed.
_creating = threading.Lock()


class File:
    """The file at *path*, or a database in memory, as one component of Sojourn uses it."""

    def __init__(self, path: Path | None, *, component: str, migrations: str, create: bool) -> None:
        self.path = None if path is None else path.absolute()
        self.component = component
        self.known = migrate.load(migrations)
        self._create = create
        self._identity: tuple[int, int] | None = None
        self._checked = -math.inf

    @property
    def identity(self) -> str:
        """Device and inode of the file that is open: those of a copy differ. Empty for one in memory."""
        return "{:x}-{:x}".format(*self._identity) if self._identity else ""

    # ── connections ──────────────────────────────────────────────────────────────────────────

    def connect(self) -> sqlite3.Connection:
        """A connection to write with. The schema may be any: see `prepare`."""
        if sqlite3.sqlite_version_info < _OLDEST:
            raise SettingsError(
                f"SQLite {sqlite3.sqlite_version} is too old, 3.37 is needed; use a newer build of Python"
            )
        if self.path is not None and self._identity is None:
            self._find_or_create(self.path)
        connection = _connect(self._address)
        self._identity = self._identity or self._present()
        return connection

    def connect_reader(self) -> sqlite3.Connection:
        """A connection to read with: it cannot write, and it never waits."""
        self.check_unmoved()
        connection = _connect(self._address)
        try:
            self.check_unmoved()  # or it would read another file, and go on if the first one came back
            connection.execute("pragma query_only = on")
        except BaseException:
            connection.close()
            raise
        return connection

    def forget(self) -> None:
        """From now on whatever is at the path is the file, as it was in the beginning."""
        self._identity, self._checked = None, -math.inf

    def check_unmoved(self, *, lately: float = 0.0) -> None:
        """Raise if the path no longer leads to the file that was opened. Not again within *lately* seconds.

        SQLite would go on with a file that has no name, in silence: what is written is lost with
        the process, and what other processes revoke in the new file is not seen.
        """
        now = time.monotonic()
        if now - self._checked < lately:
            return
        if self._identity is not None and self._present() != self._identity:
            error = sqlite3.OperationalError(f"{self.path} was removed or replaced while it was in use")
            error.add_note("Put the file back, or restart the process to use the file that is there now.")
            raise error
        self._checked = now

    def _present(self) -> tuple[int, int] | None:
        if self.path is None:
            return None
        try:
            stat = os.stat(self.path)
        except FileNotFoundError:
            return None
        return stat.st_dev, stat.st_ino

    def _find_or_create(self, path: Path) -> None:
        if not path.parent.is_dir():
            raise SettingsError(f"the directory {path.parent} does not exist; create it, or correct the path")
        with _creating:
            if self._create:
                with suppress(FileExistsError):
                    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            elif not path.exists():
                raise SettingsError(f"there is no database at {path}; correct the path, or {self._remedy}")

    # ── schema ───────────────────────────────────────────────────────────────────────────────

    def prepare(self, connection: sqlite3.Connection) -> None:
        """See that the schema is the one this code knows; give a new file its schema."""
        applied = self._applied(connection)
        pending = migrate.pending(self.known, applied, where=self._where)
        if pending and applied:
            raise SettingsError(
                f"{self._where} has schema {len(applied)}, this Sojourn needs schema {len(self.known)}; "
                f"{self._remedy}"
            )
        if pending and not self._create:
            raise SettingsError(f"{self._where} has no schema for {self.component} yet; {self._remedy}")
        if pending and self._foreign(connection):
            raise SettingsError(
                f"{self._where} holds tables, but none of Sojourn's; correct the path, "
                f"or if it is the right file {self._remedy}"
            )
        if pending:
            self.migrate(connection)
        else:
            self._write_ahead(connection)

    def migrate(self, connection: sqlite3.Connection) -> list[str]:
        """Apply what is pending, in one transaction; say what. Safe against others who do the same now."""
        self._write_ahead(connection)
        with transaction(connection):
            connection.execute(_LEDGER)
            pending = migrate.pending(self.known, self._applied(connection), where=self._where)
            # For people to read, and for nothing else: no decision depends on this clock.
            at = (datetime.now(UTC) - _EPOCH) // timedelta(microseconds=1)
            for migration in pending:
                _execute_all(connection, migration.sql)
                record = (self.component, migration.number, migration.name, migration.checksum, at)
                connection.execute(_RECORD, record)
        return [migration.name for migration in pending]

    def status(self, connection: sqlite3.Connection) -> Status:
        applied = self._applied(connection)
        pending = migrate.pending(self.known, applied, where=self._where)
        return Status(
            applied=tuple(migration.name for migration in applied),
            pending=tuple(migration.name for migration in pending),
        )

    def compare(self, connection: sqlite3.Connection) -> Difference:
        """How the file differs from one freshly built. What other components keep in it is theirs."""
        with closing(_connect(":memory:")) as fresh:
            for migration in self.known:
                _execute_all(fresh, migration.sql)
            expected = fresh.execute(_OBJECTS).fetchall()
        found = connection.execute(_OBJECTS).fetchall()
        if self._shared(connection):
            tables = {table for _, _, table in expected}
            found = [row for row in found if row[2] in tables]
        return migrate.compare({row[0]: row[1] for row in expected}, {row[0]: row[1] for row in found})

    def _applied(self, connection: sqlite3.Connection) -> list[Applied]:
        if "sojourn_migrations" not in _tables(connection):
            return []
        rows = connection.execute(_APPLIED, (self.component,)).fetchall()
        return [Applied(number=number, name=name, checksum=checksum) for number, name, checksum in rows]

    def _foreign(self, connection: sqlite3.Connection) -> bool:
        tables = _tables(connection)
        return bool(tables) and "sojourn_migrations" not in tables

    def _shared(self, connection: sqlite3.Connection) -> bool:
        if "sojourn_migrations" not in _tables(connection):
            return False
        return {component for (component,) in connection.execute(_COMPONENTS)} - {self.component} != set()

    def _write_ahead(self, connection: sqlite3.Connection) -> None:
        """Readers and the writer do not wait for one another. The mode stays with the file."""
        (mode,) = connection.execute("pragma journal_mode = wal").fetchone()
        if self.path is not None and mode != "wal":
            raise SettingsError(
                f"{self.path} cannot be shared between processes (SQLite offers the journal mode {mode!r}, "
                "not 'wal'); move it to a disk of this machine"
            )

    @property
    def _address(self) -> str:
        return ":memory:" if self.path is None else self.path.as_uri() + "?mode=rw"

    @property
    def _where(self) -> str:
        return str(self.path or ":memory:")

    @property
    def _remedy(self) -> str:
        option = _OPTIONS.get(self.component, self.component)
        return f"run `sojourn migrate --{option} sqlite:///{self._where}`"


def _connect(address: str) -> sqlite3.Connection:
    # Waiting is `patiently`'s job. The engine sees to it that one thread at a time uses a connection.
    connection = sqlite3.connect(address, uri=True, timeout=0, isolation_level=None, check_same_thread=False)
    connection.execute("pragma foreign_keys = on")
    connection.execute("pragma secure_delete = on")  # who is erased is not to be found in the file either
    connection.create_function("sojourn_within", 2, _within, deterministic=True)
    return connection


def _within(ip: str | None, wanted: str) -> bool:
    """Whether an address is in a network, for those who search. Imported late: nobody else needs it."""
    from sojourn.stores.narrowing import within

    return within(ip, wanted)


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute(_TABLES)}


def _execute_all(connection: sqlite3.Connection, sql: str) -> None:
    """Run a script inside the present transaction, which `executescript` would commit first."""
    statement = ""
    for line in sql.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            connection.execute(statement)
            statement = ""
    connection.execute(statement)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit at the end, or undo. Immediate: what reads before it writes fails while others write."""
    patiently(lambda: connection.execute("begin immediate"))
    try:
        yield
        connection.execute("commit")
    finally:
        if connection.in_transaction:
            connection.execute("rollback")


def patiently(attempt: Callable[[], T]) -> T:
    """Repeat *attempt* while another process holds the lock, for `PATIENCE`.

    Not `busy_timeout`: it asks every 100 ms in the end, and a busy neighbour starves this process
    (four processes writing without pause: 3.8 s at worst, against 0.4 s). Nor does it cover the
    change to write-ahead logging, which fails at once.
    """
    deadline, pause = time.monotonic() + PATIENCE, 0.0005
    while True:
        try:
            return attempt()
        except sqlite3.OperationalError as error:
            if not busy(error) or time.monotonic() >= deadline:
                raise
        time.sleep(pause)
        pause = min(pause * 1.5, 0.004)


# ── faults ────────────────────────────────────────────────────────────────────────────────────


_REMEDIES = {
    sqlite3.SQLITE_BUSY: "Another process has kept {path} locked for longer than {patience:g} seconds. "
    "End its transaction (a shell, a backup or a migration, perhaps) and try again.",
    sqlite3.SQLITE_READONLY: "{path} cannot be written. Let the user who runs this process write the file, "
    "its -wal and -shm files and the directory around them, on a disk that is not mounted read-only.",
    sqlite3.SQLITE_FULL: "No room is left for {path}; nothing was changed. Free disk space, or raise the "
    "limit on it.",
    sqlite3.SQLITE_IOERR: "The disk under {path} did not do as told. It may be full, broken or gone: "
    "look into the system's log.",
    sqlite3.SQLITE_CANTOPEN: "{path} cannot be opened. See that it is a file, and that the user who runs "
    "this process may read and write it and the directory around it.",
    sqlite3.SQLITE_NOTADB: "{path} is not an SQLite database. Correct the path; the file was left as it is.",
    sqlite3.SQLITE_CORRUPT: "{path} is damaged. Stop every process that uses it and restore a backup, "
    "or save what can be read with `sqlite3 {path} .recover`.",
}
_REMEDIES[sqlite3.SQLITE_LOCKED] = _REMEDIES[sqlite3.SQLITE_BUSY]
_REMEDIES[sqlite3.SQLITE_PERM] = _REMEDIES[sqlite3.SQLITE_READONLY]


def busy(error: BaseException) -> bool:
    """Whether somebody else holds a lock, so that trying again may help."""
    return _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def interrupted(error: BaseException) -> bool:
    """Whether a progress handler has stopped the statement."""
    return _code(error) == sqlite3.SQLITE_INTERRUPT


def explain(error: BaseException) -> str:
    """What to do about a fault of the database: one or two sentences for an operator."""
    notes: list[str] = getattr(error, "__notes__", [])
    return notes[0] if notes else _remedy(error, "the database file") or str(error)


def explained(error: BaseException, path: Path | None) -> BaseException:
    """The same *error*, with its remedy as a note (PEP 678), once."""
    remedy = _remedy(error, str(path or "the database in memory"))
    if remedy is not None and not getattr(error, "__notes__", None):
        error.add_note(remedy)
    return error


def _remedy(error: BaseException, path: str) -> str | None:
    remedy = _REMEDIES.get(_code(error))
    return remedy and remedy.format(path=path, patience=PATIENCE)


def _code(error: BaseException) -> int:
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF  # the rest says more than a remedy needs
