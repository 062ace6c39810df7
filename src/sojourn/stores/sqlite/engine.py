"""One SQLite file behind one seam: what is small is done in place, what may take long on threads.

Reading or writing a row takes microseconds, less than any way to another thread. In write-ahead mode
no writer makes a reader wait. Writes do wait, for other processes and for the disk; no caller's
thread does that, see `Writer` and `Disk`.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from copy import copy
from functools import cached_property, partial
from pathlib import Path
from threading import Lock
from traceback import clear_frames
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from sojourn.stores import process
from sojourn.stores.sqlite.file import File, busy, explain, explained, interrupted
from sojourn.stores.sqlite.wal_index import WalIndex, borrow, give_back
from sojourn.stores.sqlite.writer import Job, Writer

if TYPE_CHECKING:
    from sojourn.stores.migrate import Difference, Status
    from sojourn.stores.sqlite.together import Together

__all__ = ["Engine", "explain"]

T = TypeVar("T")

_GLANCE = 5000  # of SQLite's steps, of which a row takes ten to fifty: half a millisecond
LATELY = 0.05  # seconds for which a read believes that the file is the same: to ask takes as long as to read
_serial = itertools.count()  # never twice in a process, nor in a child that inherits an answer of its parent


class Engine:
    """One file, or without a path one database in memory, as one *component* of Sojourn uses it.

    It is opened at the first use, and again at the first one after `close` or in a forked child;
    with *create* it is made if it is not there. `work` is a function of a connection that reads
    its cursors to their end and touches nothing else: it may be run again if it failed.
    """

    faults: ClassVar[tuple[type[Exception], ...]] = (sqlite3.Error, OSError)

    def __init__(self, path: Path | None, *, component: str, migrations: str, create: bool = True) -> None:
        self._file = File(path, component=component, migrations=migrations, create=create)
        # By process id: a forked child must neither use nor close what its parent holds.
        self._holdings: dict[int, _Holding] = {}
        self._blocks = False

    def __repr__(self) -> str:
        return f"<Engine of {self._file.component} in {self._file.path or ':memory:'}>"

    @property
    def identity(self) -> str:
        """Which file this is, whatever its name; known once it is open."""
        return self._file.identity

    @property
    def path(self) -> Path | None:
        """Absolute; None for a database in memory."""
        return self._file.path

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run *work*, which reads one row or very few, here and now."""
        holding = self._holding()
        if holding.readable:
            try:
                return holding.read(work)
            except sqlite3.OperationalError as error:
                if not busy(error):
                    raise
        return await self._answer(self._submit(Job(work, "read")))

    async def row(self, statement: str, values: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """The first row that *statement* finds, here and now; None if there is none."""
        found = self.here(statement, values)
        if found is None:
            return await self.read(lambda db: _row(db, statement, values))
        return found[0] if found else None

    def here(self, statement: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]] | None:
        """The few rows that *statement* finds, without waiting; None if somebody has to wait: see `read`."""
        holding = self._holding()
        if not holding.readable:
            return None
        try:
            return holding.rows(statement, values)
        except sqlite3.OperationalError as error:
            if not busy(error):
                raise
            return None

    def state(self, *, lately: float = 0.0) -> object | None:
        """What differs as soon as anybody has committed anything, and is cheap to ask; None if unknown.

        *lately*: for how many seconds it is believed that the path leads to the same file.
        """
        holding = self._holdings.get(process.id)
        if holding is None or not holding.writer.ready:
            return None
        try:
            return holding.state(lately)
        except sqlite3.OperationalError as error:
            if not busy(error):
                raise
            return None

    async def scan(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run *work*, which may read many rows, where it keeps no event loop waiting."""
        if self._blocks or not self._holding().readable:
            return await self.read(work)
        from asyncio import to_thread

        return await to_thread(self._scan, work)

    async def glance(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run *work*, which reads few rows nearly always, here and now; on a thread if they are many.

        The way to a thread and back takes as long as reading ten rows five times.
        """
        holding = self._holding()
        if holding.readable:
            try:
                return holding.read(partial(_within, work, _GLANCE))
            except sqlite3.OperationalError as error:
                if not (busy(error) or interrupted(error)):
                    raise
        return await self.scan(work)

    async def write(self, work: Callable[[sqlite3.Connection], T], *, durable: bool = True) -> T:
        """Run *work* in a transaction, and answer after its commit. If it raises, it has done nothing.

        What is *durable* outlives a power cut; the rest outlives the process, killed or not.
        """
        return await self._answer(self._submit(Job(work, "write", durable=durable)))

    async def jot(self, work: Callable[[sqlite3.Connection], T], *, durable: bool, single: bool = True) -> T:
        """`write` for what takes microseconds: here and now, unless somebody else writes at the moment.

        *single*: *work* is one statement, which needs no transaction around it.
        """
        job = Job(work, "write", durable=durable, single=single)
        holding = self._holding()
        done = holding.writer.here([job]) if self._blocks else await holding.together.join(job)
        if not done:
            return await self._answer(self._submit(job))
        if job.flushed is not None:
            try:
                await self._answer(job.flushed)
            except Engine.faults as error:
                raise copy(error) from error  # each caller raises its own
        return job.result

    async def migrate(self) -> list[str]:
        """Bring the schema up to date; the names of the migrations that were applied now."""
        return await self._answer(self._submit(Job(self._file.migrate, "schema")))

    async def status(self) -> Status:
        """Which migrations were applied, and which wait for `migrate`."""
        return await self._answer(self._submit(Job(self._file.status, "schema")))

    async def compare(self) -> Difference:
        """How tables and indexes differ from those of a new file."""
        return await self._answer(self._submit(Job(self._file.compare, "schema")))

    def blocking(self) -> Self:
        """The same file and the same writing thread, behind verbs that block instead of suspending."""
        twin = copy(self)
        twin._blocks = True
        return twin

    async def close(self) -> None:
        """Finish the writes that wait, then let go of the thread and the connections of this process."""
        holding = self._holdings.get(process.id)
        if holding is None:
            return
        if not self._blocks:
            from asyncio import sleep

            holding.together.finish()
            await sleep(0)  # those who are told to ask the thread do so now
        if self._holdings.get(process.id) is holding:
            del self._holdings[process.id]
        await self._answer(holding.close())

    def _holding(self) -> _Holding:
        pid = process.id
        return self._holdings.get(pid) or self._holdings.setdefault(pid, _Holding(self._file))

    def _submit(self, job: Job[T]) -> Future[T]:
        while not self._holding().writer.submit(job):
            pass  # it was closed at this very moment; the next one opens the file anew
        return job.future

    def _scan(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return self._holding().read(work)
        except sqlite3.OperationalError as error:
            if not busy(error):
                raise
        return self._submit(Job(work, "read")).result()

    async def _answer(self, future: Future[T]) -> T:
        if self._blocks:
            return future.result()
        from asyncio import wrap_future

        return await wrap_future(future)


class _Holding:
    """What one process holds of a file: its writer, and connections for reading that nobody uses now."""

    def __init__(self, file: File) -> None:
        self.writer = Writer(file, leave=self._close_idle)
        self._file = file
        self._idle: list[sqlite3.Cursor] = []
        # The wal-index, its number among those of this process, and the connection that keeps it there.
        self._watched: tuple[int, WalIndex, sqlite3.Connection] | None = None
        self._watches = file.path is not None
        self._watching = Lock()
        self._closed = False

    @cached_property
    def together(self) -> Together:
        """Imported late: the blocking face has no use for asyncio."""
        from sojourn.stores.sqlite.together import Together

        return Together(self.writer)

    @property
    def readable(self) -> bool:
        """A database in memory has one connection, the writer's: a second one would be another database."""
        return self.writer.ready and self._file.path is not None

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        self._file.check_unmoved(lately=LATELY)
        cursor = self._reader()
        try:
            found = work(cursor.connection)
        except BaseException as error:
            self._failed(cursor, error)
            raise
        self._release(cursor)
        return found

    def rows(self, statement: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """`read` without a function in between, and with the cursor that is there: for the hot path."""
        self._file.check_unmoved(lately=LATELY)
        cursor = self._reader()
        try:
            found: list[tuple[Any, ...]] = cursor.execute(statement, values).fetchall()
        except BaseException as error:
            self._failed(cursor, error)
            raise
        self._release(cursor)
        return found

    def _reader(self) -> sqlite3.Cursor:
        try:
            return self._idle.pop()
        except IndexError:
            return self._file.connect_reader().cursor()

    def _release(self, cursor: sqlite3.Cursor) -> None:
        self._idle.append(cursor)
        if self._closed:
            self._close_idle()

    def _failed(self, cursor: sqlite3.Cursor, error: BaseException) -> None:
        # A cursor in a dead frame would keep reading for as long as the traceback lives.
        clear_frames(error.__traceback__)
        if interrupted(error):
            self._release(cursor)  # by ourselves: nothing is wrong with it
            return
        cursor.connection.close()
        explained(error, self._file.path)

    def state(self, lately: float) -> object | None:
        """The header of the wal-index; of one that was made anew it says nothing of the one before."""
        watched = self._watched
        if watched is None:
            if not self._watches:
                return None
            watched = self._watch()
            if watched is None:
                return None
        self._file.check_unmoved(lately=lately)
        header = watched[1].header()
        return None if header is None else (watched[0], header)

    def _watch(self) -> tuple[int, WalIndex, sqlite3.Connection] | None:
        with self._watching:
            if self._watched is not None or self._closed:
                return self._watched
            connection = self._file.connect_reader()
            try:
                connection.execute("select 1 from sqlite_schema").fetchone()
            except BaseException as error:
                connection.close()
                explained(error, self._file.path)
                raise
            index = borrow(self._file.path) if self._file.path else None
            if index is None:
                self._watches = False
                connection.close()
            else:
                self._watched = next(_serial), index, connection
            return self._watched

    def close(self) -> Future[None]:
        self._closed = True
        return self.writer.close()

    def _close_idle(self) -> None:
        while self._idle:
            with suppress(IndexError):  # another thread was faster
                self._idle.pop().connection.close()
        with self._watching:
            watched, self._watched = self._watched, None
        if watched is not None:
            watched[2].close()
            give_back(watched[1])


def _row(db: sqlite3.Connection, statement: str, values: tuple[Any, ...]) -> tuple[Any, ...] | None:
    found: tuple[Any, ...] | None = db.execute(statement, values).fetchone()
    return found


def _within(work: Callable[[sqlite3.Connection], T], steps: int, db: sqlite3.Connection) -> T:
    """Run *work*, or give it up after *steps* and at most twice as many of SQLite's.

    SQLite counts on where the statement's last run stopped, so the first report may come at once.
    """
    reports = iter((0,))
    db.set_progress_handler(lambda: next(reports, 1), steps)
    try:
        return work(db)
    finally:
        db.set_progress_handler(None, 0)
