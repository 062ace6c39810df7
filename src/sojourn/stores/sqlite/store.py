"""Sessions in one SQLite file, for any number of processes on one machine."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from copy import copy
from datetime import datetime, timedelta
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any, Self
from uuid import UUID

import msgspec
from msgspec.structs import replace as _replaced

from sojourn.errors import SettingsError
from sojourn.session import Reason, Seen, Session, lowest_id
from sojourn.stores.decoded import Decoded
from sojourn.stores.protocol import Cap, Entries, Inserted, Query, check_supported, is_kept
from sojourn.stores.room import Other, make_room, other
from sojourn.stores.sqlite import sql
from sojourn.stores.sqlite.engine import LATELY, Engine
from sojourn.stores.sqlite.log import Log
from sojourn.stores.sqlite.rows import (
    MINUTE,
    due_of,
    from_row,
    in_utc,
    microseconds,
    only_rotated,
    packed,
    to_row,
    to_values,
    unpacked,
)

__all__ = ["SQLiteStore"]

_SHORT = 100  # rows of a page
_FEW = 50  # uses that may be written where an event loop waits for it: half a millisecond
_FEW_ENDINGS = 16  # the same of endings
_ANY = 1 << 62  # microseconds, at any time
_SMALL = 1_000  # characters of data, up to which a row is remembered


class SQLiteStore:
    """The file at *path*; None: a database in memory, which ends with this process.

    What ends a session, voids its tokens or snapshots or changes anything in it is on the disk when it
    is acknowledged. Sign-ins, activity and a mere rotation outlive a killed process at once, and a power
    cut as soon as anything that came after them is on the disk. (A record that lost its rotation is
    behind its token, and is moved forward when that comes.)
    """

    faults = (*Engine.faults, SettingsError)  # a schema that does not fit: the file is away all the same
    remote = False

    def __init__(self, path: Path | str | None, *, create: bool = True) -> None:
        self.engine = Engine(
            None if path is None else Path(path),
            component="sessions",
            migrations="sojourn.stores.migrations.sqlite",
            create=create,
        )
        self._log = Log(self.engine)
        self._decoded = Decoded(_decode, with_data=_is_small)
        self._purged: tuple[datetime, bytes] | None = None  # until when, and up to which id

    async def insert(self, session: Session, *, cap: Cap | None = None) -> Inserted:
        row = (*to_values(session), session.device.id, due_of(session))
        if cap is None or session.user_id is None:
            return Inserted(await self._changed(sql.INSERT, row, durable=False))
        statement = sql.insert_within(tuple(rule.same for rule in cap.all_rules))
        limits = (rule.limit for rule in cap.all_rules)
        within = (*row, microseconds(cap.at), sql.oldest(cap.at), *limits)
        if await self._changed(statement, within, durable=False):
            return Inserted(True)
        work = partial(_insert, session, row, cap)
        return await self.engine.jot(work, durable=True, single=False)

    async def _changed(self, statement: str, values: Any, *, durable: bool) -> bool:
        """Run *statement*, which writes one row or none; whether it did."""
        return await self.engine.jot(lambda db: db.execute(statement, values).rowcount == 1, durable=durable)

    async def get(self, id: UUID) -> Session | None:
        number, decoded, state = id.int, self._decoded, None
        known = decoded.known(number)
        if known is not None:
            state = self.engine.state(lately=LATELY)  # before the row is read: a commit in between moves it
            if known.state == state and state is not None:
                return known.session
        asked = (id.bytes,)
        found = self.engine.here(sql.GET, asked)  # nearly always: every request comes through here
        row = await self.engine.row(sql.GET, asked) if found is None else found[0] if found else None
        return None if row is None else decoded.of(id, row, state)

    async def replace(self, session: Session, *, at: datetime) -> bool:
        row, number = to_values(session), session.id.int
        known = self._decoded.known(number)
        before = None if known is None else known.row
        values = (*row, session.device.id, due_of(session), microseconds(at))
        if before is None or not only_rotated(unpacked(row[0], before), row):
            return await self._changed(sql.REPLACE, values, durable=True)
        rotated = await self._changed(sql.ROTATE, values, durable=False)
        if rotated and in_utc(session):  # as it would be read
            self._decoded.keep(number, packed(row), session)
        return rotated

    async def touch(
        self, seen: Mapping[UUID, Seen], *, at: datetime, unless_since: datetime | None = None
    ) -> None:
        ids = sorted(seen, key=_number)  # neighbours share pages
        uses = [seen[id] for id in ids]
        values = {
            "at": microseconds(at),
            "since": _ANY if unless_since is None else microseconds(unless_since),
            "ids": b"".join(id.bytes for id in ids),
            "uses": msgspec.json.encode(
                [(microseconds(use.seen_at), microseconds(use.expires_at), use.generation) for use in uses]
            ).decode(),
        }
        write = self.engine.jot if len(seen) <= _FEW else self.engine.write
        await write(lambda db: db.execute(sql.TOUCH, values).rowcount, durable=False)

    async def select(self, query: Query) -> list[Session]:
        check_supported(query)
        statement, values = sql.asked(sql.SELECT, query)
        if _is_short(query):  # those in use, as a rule; a long list would push them out of memory
            return await self.engine.glance(
                lambda db: [self._known(row) for row in db.execute(statement, values)]
            )
        return await self.engine.scan(lambda db: [_found(row) for row in db.execute(statement, values)])

    def _known(self, row: tuple[Any, ...]) -> Session:
        return self._decoded.of(UUID(int=int.from_bytes(row[0])), row[1:])

    async def count(self, query: Query) -> int:
        check_supported(query)
        if is_kept(query):
            row = await self.engine.row(sql.COUNT_KEPT, (query.signed_in,))
            return int(row[0]) if row else 0
        statement, values = sql.asked(
            sql.COUNT_PEOPLE if query.people else sql.COUNT, _replaced(query, after=None)
        )
        read = self.engine.glance if _is_short(query) else self.engine.scan
        return await read(lambda db: int(db.execute(statement, values).fetchone()[0]))

    async def revoke(
        self, query: Query, *, at: datetime, reason: Reason, by: str | None = None, note: str | None = None
    ) -> list[UUID]:
        check_supported(query)
        query = _replaced(query, live_at=at)
        ending = {"at": microseconds(at), "reason": str(reason), "by": by, "note": note, "few": _FEW_ENDINGS}
        if query.user_id is None and query.id is None:
            return await self._revoke_among_all(query, ending)
        if query.id is not None or query.limit <= _FEW_ENDINGS:
            return await self._ended(self.engine.jot, sql.REVOKE, query, ending)
        # Whether they are few is asked in the statement: to read that before would take a tenth of the time.
        ended = await self._ended(self.engine.jot, sql.REVOKE_FEW, query, ending)
        if ended or not await self._is_many(query):
            return ended
        return await self._ended(self.engine.write, sql.REVOKE, query, ending)

    async def _ended(
        self, write: Callable[..., Awaitable[Any]], statement: str, query: Query, ending: dict[str, Any]
    ) -> list[UUID]:
        statement, values = sql.asked(statement, query)
        values |= ending
        ended = await write(lambda db: db.execute(statement, values).fetchall(), durable=True)
        return _newest_first(id for (id,) in ended)

    async def _is_many(self, query: Query) -> bool:
        statement, values = sql.asked(sql.COUNT_FEW, _replaced(query, limit=_FEW_ENDINGS + 1))
        return await self.engine.glance(lambda db: db.execute(statement, values).fetchone()[0] > _FEW_ENDINGS)

    async def _revoke_among_all(self, query: Query, ending: dict[str, Any]) -> list[UUID]:
        """Look for them outside the transaction: that may take seconds, and every write would wait."""
        ended: list[bytes] = []
        while True:
            limit = query.limit - len(ended)
            statement, values = sql.asked(sql.FIND, _replaced(query, limit=limit))
            found = await self.engine.scan(partial(_ids, statement, values))
            ended += await self.engine.write(partial(_end_found, found, ending)) if found else []
            # Some may have ended meanwhile by other hands; then there are more to be found.
            if len(found) < limit or len(ended) == query.limit:
                return _newest_first(ended)

    async def entries(self, after: str | None = None, *, limit: int = 10_000) -> Entries:
        return await self._log.page(after, limit)

    async def listen(self, wake: Callable[[], None]) -> None:
        """Nothing wakes anybody: looking costs microseconds, so polls may be frequent."""

    async def expire(self, *, at: datetime, limit: int = 1000) -> list[Session]:
        values = {"at": microseconds(at), "minute": microseconds(at) // MINUTE, "limit": limit}
        if await self.engine.row(sql.IS_DUE, (values["minute"],)) is None:
            return []  # without a transaction: this is so almost always
        while True:  # a batch of those who were seen meanwhile must not look like the end
            rows = await self.engine.write(lambda db: db.execute(sql.EXPIRE, values).fetchall())
            ended = [from_row(row[:-1]) for row in rows if row[-1] is None]
            if ended or len(rows) < limit:
                return ended

    async def lease(self, name: str, holder: str, *, at: datetime, until: datetime) -> bool:
        asked = {"name": name, "holder": holder, "at": microseconds(at), "until": microseconds(until)}
        return await self._changed(sql.LEASE, asked, durable=False)

    async def purge(self, *, before: datetime, limit: int = 1000, log_before: datetime | None = None) -> int:
        if log_before is not None:
            await self._log.forget(microseconds(log_before))
        values: dict[str, Any] = {
            "before": microseconds(before),
            "newest": lowest_id(before + timedelta(milliseconds=1)).bytes,
            "limit": limit,
        }
        while True:
            # Where the last call stopped, or each would walk over all that live once more.
            after = self._purged[1] if self._purged and self._purged[0] == before else b""
            # Looked for outside the transaction, so that nobody's write waits for the search.
            found = await self.engine.scan(partial(_ids, sql.FIND_OVER, values | {"after": after}))
            at_end = len(found) < limit
            self._purged = None if at_end else (before, found[-1])
            stretch = {"first": found[0], "last": found[-1]} | values if found else {}
            removed = await self.engine.write(partial(_forget, stretch)) if found else 0
            if removed or (at_end and not after):
                return removed

    async def forget(self, ids: Collection[UUID], *, at: datetime) -> int:
        over = microseconds(at) + 1
        return await self.engine.write(partial(_forget_each, [id.bytes for id in ids], over))

    async def redact(self, sessions: Collection[Session], *, at: datetime) -> int:
        rows = [to_row(session) | {"at": microseconds(at)} for session in sessions]
        return await self.engine.write(lambda db: sum(db.execute(sql.REDACT, row).rowcount for row in rows))

    def blocking(self) -> Self:
        twin = copy(self)
        twin.engine = self.engine.blocking()
        twin._log = Log(twin.engine)
        return twin

    async def close(self) -> None:
        await self.engine.close()


_number = attrgetter("int")


def _decode(id: UUID, row: tuple[Any, ...]) -> Session:
    return from_row(unpacked(b"", row), id)


def _found(row: tuple[Any, ...]) -> Session:
    """The session in *row*, which is an id and what is packed."""
    return from_row(unpacked(row[0], row[1:]))


def _is_small(row: tuple[Any, ...]) -> bool:
    _, _, _, _, data, _ = row
    return len(data) <= _SMALL


def _is_short(query: Query) -> bool:
    """Whether it takes few rows to answer *query*, as a rule."""
    return (query.user_id is not None or query.id is not None) and query.limit <= _SHORT


def _ids(statement: str, values: dict[str, Any], db: sqlite3.Connection) -> list[bytes]:
    return [id for (id,) in db.execute(statement, values)]


def _end_found(found: list[bytes], ending: dict[str, Any], db: sqlite3.Connection) -> list[bytes]:
    return _ids(sql.REVOKE_FOUND, ending | {"ids": b"".join(found)}, db)


def _newest_first(ids: Iterable[bytes]) -> list[UUID]:
    return sorted((UUID(bytes=id) for id in ids), reverse=True)


def _forget(stretch: dict[str, Any], db: sqlite3.Connection) -> int:
    db.execute(sql.NOT_DUE, stretch)
    return db.execute(sql.PURGE, stretch).rowcount


def _forget_each(ids: list[bytes], before: int, db: sqlite3.Connection) -> int:
    return sum(_forget({"first": id, "last": id, "before": before}, db) for id in ids)


def _get(db: sqlite3.Connection, id: bytes) -> Session | None:
    row = db.execute(sql.GET, (id,)).fetchone()
    return None if row is None else _found((id, *row))


def _insert(session: Session, row: tuple[Any, ...], cap: Cap, db: sqlite3.Connection) -> Inserted:
    """Insert *session*, which is *row*, after room was made for it if necessary."""
    if _get(db, row[0]) is not None:
        return Inserted(False)
    at = microseconds(cap.at)
    asked = {"user_id": session.user_id, "at": at, "oldest": sql.oldest(cap.at)}
    others = [Other(*found) for found in db.execute(sql.OTHERS, asked)]
    room = make_room(other(session), others, cap)
    if room.refused_by:
        in_the_way = tuple(s for id in room.in_the_way if (s := _get(db, id)))
        return Inserted(False, in_the_way=in_the_way, refused_by=room.refused_by)
    db.executemany(sql.END, [{"id": id, "at": at, "reason": str(why)} for id, why in room.ending])
    db.execute(sql.INSERT, row)
    return Inserted(True, tuple((UUID(bytes=id), why) for id, why in room.ending))
