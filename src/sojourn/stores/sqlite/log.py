"""The log in an SQLite file, as polls read it."""

from __future__ import annotations

import sqlite3
from functools import partial
from typing import NamedTuple
from uuid import UUID

from sojourn.stores.protocol import Entries, Entry
from sojourn.stores.sqlite.engine import Engine
from sojourn.stores.sqlite.rows import reason_of, time_of

__all__ = ["Log"]

_LAST = 2**63 - 1  # no number is higher
_FEW = 100  # lines that are read in place; more would keep an event loop waiting

# One statement, so that epoch, end and lines belong together; there is always a row. `sqlite_sequence`
# holds the highest number ever given, even when every line is forgotten.
_PAGE = """
    select epoch, coalesce(seq, 0), coalesce(number, 0), written_at, session_id, version, revoked_at, reason
    from sojourn_log_epoch
    left join sqlite_sequence on name = 'sojourn_log'
    left join (select * from sojourn_log where number >= :number order by number limit :limit)
"""

# The first line to keep: what is written after this was asked is never among the old ones.
_OLD_END = """
    select coalesce(
        (select number from sojourn_log where written_at >= ? order by number limit 1),
        (select seq + 1 from sqlite_sequence where name = 'sojourn_log'),
        0
    )
"""
_FORGET = """
    delete from sojourn_log
    where number < (select min(number) from sojourn_log) + 10000 and number < ?
"""


class Log:
    """The log, and in which state of the file nothing came after which cursor: then nobody looks again."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._silence: tuple[object, Entries] | None = None

    async def page(self, after: str | None, limit: int) -> Entries:
        state = self._engine.state()  # before the log is read: what is committed in between moves it
        silence = self._silence
        if silence is not None and silence[0] == state and silence[1].cursor == after:
            return silence[1]
        page = await self._engine.read(partial(self._read, after=after, limit=min(limit, _FEW)))
        if not page.complete and limit > _FEW:
            page = await self._engine.scan(partial(self._read, after=after, limit=limit))
        if page.complete and state is not None:
            self._silence = state, Entries(entries=(), cursor=page.cursor, epoch=page.epoch)
        return page

    async def forget(self, before: int) -> None:
        """Forget what was written before that microsecond, a little at a time: nobody's write waits long."""
        end = await self._engine.scan(lambda db: db.execute(_OLD_END, (before,)).fetchone())
        while await self._engine.write(lambda db: db.execute(_FORGET, end).rowcount, durable=False):
            pass

    def _read(self, db: sqlite3.Connection, *, after: str | None, limit: int) -> Entries:
        read = _parsed(after)
        # The last line that was read comes again, and one more than asked for says whether there is more.
        epoch, end, lines = self._lines(db, read.number, limit + 2)
        if read.epoch == epoch and _continues(read, lines, end):
            return _page(read, [line for line in lines if line.number > read.number], limit)
        if read.number:
            epoch, end, lines = self._lines(db, 0, limit + 1)
        return _page(_Cursor(epoch, end, 0), lines, limit, continues=after is None)

    def _lines(self, db: sqlite3.Connection, number: int, limit: int) -> tuple[str, int, list[_Line]]:
        """The log's epoch, the highest number ever given, and lines from *number* on.

        A file that was restored or copied is another log: in it numbers may be given again that
        were given before.
        """
        rows = [_Line._make(row) for row in db.execute(_PAGE, {"number": number, "limit": limit})]
        epoch = f"{rows[0].epoch}-{self._engine.identity}"
        return epoch, rows[0].end, rows if rows[0].number else []


class _Line(NamedTuple):
    """A row of `_PAGE`; with number 0 it stands for no line."""

    epoch: str
    end: int
    number: int
    written_at: int
    session_id: bytes
    version: int
    revoked_at: int | None
    reason: str | None


class _Cursor(NamedTuple):
    """The last line that was read, by number and by when it was written."""

    epoch: str
    number: int
    written_at: int

    def __str__(self) -> str:
        return f"{self.epoch}.{self.number}.{self.written_at}"


_NOWHERE = _Cursor("", 0, 0)


def _parsed(cursor: str | None) -> _Cursor:
    match (cursor or "").split("."):
        case [epoch, number, written_at] if number.isdecimal() and written_at.isdecimal():
            return _Cursor(epoch, min(int(number), _LAST), int(written_at))
    return _NOWHERE


def _continues(read: _Cursor, lines: list[_Line], end: int) -> bool:
    """Whether all that follows *read* is in *lines*, or after them.

    The time tells a line from another one of the same number, after somebody put an older state
    back into this very file.
    """
    if lines and lines[0].number == read.number:
        return lines[0].written_at == read.written_at
    return (lines[0].number if lines else end + 1) == read.number + 1


def _page(start: _Cursor, lines: list[_Line], limit: int, *, continues: bool = True) -> Entries:
    taken = lines[:limit]
    last = _Cursor(start.epoch, taken[-1].number, taken[-1].written_at) if taken else start
    return Entries(
        entries=tuple(_entry(line) for line in taken),
        cursor=str(last),
        complete=len(lines) <= limit,
        continues=continues,
        epoch=start.epoch,
    )


def _entry(line: _Line) -> Entry:
    return Entry(
        UUID(bytes=line.session_id),
        line.version,
        None if line.revoked_at is None else time_of(line.revoked_at),
        None if line.reason is None else reason_of(line.reason),
    )
