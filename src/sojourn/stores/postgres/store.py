"""Sessions in PostgreSQL, for any number of processes on any number of machines."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from copy import copy
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from msgspec.structs import replace as _replaced

from sojourn.session import Reason, Seen, Session
from sojourn.stores.decoded import Decoded
from sojourn.stores.migrate import Status
from sojourn.stores.narrowing import counted, each_revoked, walked
from sojourn.stores.postgres import sql
from sojourn.stores.postgres.address import Address
from sojourn.stores.postgres.engine import Engine
from sojourn.stores.postgres.log import poll
from sojourn.stores.postgres.rows import COLUMNS, from_packed, id_in, to_row
from sojourn.stores.postgres.seam import Lookup
from sojourn.stores.protocol import Cap, Entries, Inserted, Query, check_supported, is_kept

__all__ = ["PostgresStore"]

_CHANNEL = "sojourn"
_TOUCHED_AT_ONCE = 1000  # rows of one transaction; others may wait for them
_DIALECT = "postgresql://"
_SAME = {"application_id": 1, "tenant_id": 2, "profile": 4}  # as `sojourn_make_room` reads it
_PROBLEMS = (
    ("bad", "fsync is off: a power cut can damage the database", "set fsync = on"),
    (
        "warn",
        "synchronous_commit is off: a server that crashes can lose revocations it has acknowledged",
        "set synchronous_commit = on, for the role or the database of Sojourn",
    ),
    ("bad", "this is a standby: it knows of revocations late, and takes none", "name the primary in the URL"),
    (
        "warn",
        "no partition is there for the weeks to come: what is new will go into the default one",
        "run `sojourn purge`, or cleanup_expired_sessions() by a scheduler, as the owner of the tables",
    ),
)


class PostgresStore:
    """The database at *url*, in the first schema of its search path.

    The URL takes, beside what libpq knows, `connect_timeout`, `command_timeout`, `pool_timeout` (seconds),
    `pool_size`, and `pooler=transaction` for a pooler in between that gives out connections by transaction.

    Acknowledged means: on the disk, as far as the server's `synchronous_commit` says so. Activity alone is
    acknowledged before that: a server that crashes may lose the last half second of it.
    """

    remote = True

    if TYPE_CHECKING:
        faults: tuple[type[Exception], ...]

    def __init__(self, url: str, *, create: bool = True) -> None:
        _, _, rest = url.partition("://")
        self._decoded = Decoded(from_packed)
        lookup = Lookup(sql.GET, sql.GET_MANY, self._decoded.of)
        self.engine = Engine(Address.of(_DIALECT + rest), lookup, create=create)

    if not TYPE_CHECKING:

        @property
        def faults(self):
            # Only when asked: each face imports its own driver, and nobody needs both.
            return self.engine.faults

    # ── one session ──────────────────────────────────────────────────────────────────────────

    async def insert(self, session: Session, *, cap: Cap | None = None) -> Inserted:
        row = to_row(session)
        if cap is None or session.user_id is None:
            return Inserted(bool(await self.engine.write(sql.INSERT, session.id.int, *row)))
        rules = cap.all_rules
        bounds = (
            *(cap.at, sql.oldest(cap.at, cap.created_since)),
            [rule.limit for rule in rules],
            [rule.action for rule in rules],
            [sum(_SAME[name] for name in rule.same) for rule in rules],
        )
        rows = await self.engine.write(sql.INSERT_WITHIN, session.user_id, *row, *bounds)
        _, done, _, _, refused_by = rows[0]
        if refused_by is not None:
            in_the_way = await self._found([id for _, _, id, _, _ in rows])
            return Inserted(False, in_the_way=in_the_way, refused_by=rules[refused_by - 1])
        ended = [(id, Reason(because)) for _, _, id, because, _ in rows if because is not None]
        ended.sort(key=lambda each: (each[1] is Reason.CAP, each[0]))
        return Inserted(bool(done), tuple(ended))

    def get(self, id: UUID) -> Awaitable[Session | None]:
        return self.engine.reads.look_up(id)

    async def replace(self, session: Session, *, at: datetime) -> bool:
        # By descending id, as those are who end many.
        return bool(await self.engine.write(sql.REPLACE, -session.id.int, *to_row(session), at))

    async def touch(
        self, seen: Mapping[UUID, Seen], *, at: datetime, unless_since: datetime | None = None
    ) -> None:
        uses = sorted(seen.items(), key=lambda use: use[0], reverse=True)
        for first in range(0, len(uses), _TOUCHED_AT_ONCE):
            batch = uses[first : first + _TOUCHED_AT_ONCE]
            await self.engine.all(
                sql.TOUCH,
                [id for id, _ in batch],
                [use.seen_at for _, use in batch],
                [use.expires_at for _, use in batch],
                [use.generation for _, use in batch],
                at,
                batch[-1][0],
                batch[0][0],
                unless_since,
            )

    # ── many sessions ────────────────────────────────────────────────────────────────────────

    async def select(self, query: Query) -> list[Session]:
        check_supported(query)
        if _of_nobody(query):
            return []
        if sql.says_all(query):
            return await self._page(query)
        return await walked(self._page, query)

    async def _page(self, query: Query) -> list[Session]:
        """The page of *query*, as far as SQL says it: what is packed cannot be asked for."""
        statement, values = sql.asked(sql.SELECT, query, limit=query.limit)
        return [self._session(packed) for (packed,) in await self.engine.all(statement, *values)]

    async def count(self, query: Query) -> int:
        check_supported(query)
        if _of_nobody(query):
            return 0
        if is_kept(query):
            sessions, signed_in = (await self.engine.all(sql.KEPT))[0]
            return int(signed_in if query.signed_in else sessions)
        if not sql.says_all(query):
            return await counted(self._page, query)
        statement = sql.COUNT_PEOPLE if query.people else sql.COUNT
        statement, values = sql.asked(statement, _replaced(query, after=None))
        return int((await self.engine.all(statement, *values))[0][0])

    async def revoke(
        self, query: Query, *, at: datetime, reason: Reason, by: str | None = None, note: str | None = None
    ) -> list[UUID]:
        check_supported(query)
        if _of_nobody(query):
            return []
        if not sql.says_all(query):
            return await each_revoked(self, query, at=at, reason=reason, by=by, note=note)
        statement, values = sql.asked(
            sql.REVOKE,
            _replaced(query, live_at=at, order="id"),
            limit=query.limit,
            at=at,
            reason=str(reason),
            by=by,
            note=note,
        )
        return sorted((row[0] for row in await self.engine.all(statement, *values)), reverse=True)

    # ── the log ──────────────────────────────────────────────────────────────────────────────

    async def entries(self, after: str | None = None, *, limit: int = 10_000) -> Entries:
        return await poll(self.engine, after, limit)

    async def listen(self, wake: Callable[[], None]) -> None:
        await self.engine.listen(_CHANNEL, wake)

    # ── in the background ────────────────────────────────────────────────────────────────────

    async def expire(self, *, at: datetime, limit: int = 1000) -> list[Session]:
        while True:
            rows = await self.engine.all(sql.EXPIRE, at, limit)
            found = [self._session(packed) for _, packed in rows if packed is not None]
            if found or rows[0][0] < limit:  # else all of them had been touched: look further
                return found

    async def lease(self, name: str, holder: str, *, at: datetime, until: datetime) -> bool:
        return await self.engine.one(sql.LEASE, name, holder, at, until) is not None

    async def purge(self, *, before: datetime, limit: int = 1000, log_before: datetime | None = None) -> int:
        if log_before is not None:
            await self.engine.all(sql.TRIM, log_before)
        await self.engine.all(sql.MAKE_PARTITIONS)
        (dropped,) = (await self.engine.all(sql.DROP_PARTITIONS, before))[0]
        (deleted,) = (await self.engine.all(sql.FORGET, before, limit))[0]
        return int(dropped + deleted)

    async def forget(self, ids: Collection[UUID], *, at: datetime) -> int:
        return int((await self.engine.all(sql.FORGET_EACH, list(ids), at))[0][0])

    async def redact(self, sessions: Collection[Session], *, at: datetime) -> int:
        if not sessions:
            return 0
        ids = [session.id for session in sessions]
        given = [dict(zip(COLUMNS, to_row(session), strict=True)) for session in sessions]
        columns = ([row[name] for row in given] for name in sql.REDACTED)
        rows = await self.engine.all(sql.REDACT, ids, min(ids), max(ids), at, *columns)
        return int(rows[0][0])

    # ── the store itself ─────────────────────────────────────────────────────────────────────

    async def status(self) -> Status:
        """Which migrations were applied, and which wait for `sojourn migrate`."""
        return await self.engine.status()

    async def migrate(self) -> list[str]:
        """Bring the schema up to date; the names of the migrations that were applied now."""
        return await self.engine.migrate()

    async def diagnose(self) -> list[tuple[str, str, str]]:
        """What of the server would break a promise: how bad ("warn", "bad"), what, and what to do."""
        synced, durable, standby, ahead = (await self.engine.all(sql.DIAGNOSE))[0]
        return [
            problem
            for found, problem in zip((not synced, not durable, standby, not ahead), _PROBLEMS, strict=True)
            if found
        ]

    def blocking(self) -> Self:
        twin = copy(self)
        twin.engine = self.engine.blocking()
        return twin

    async def close(self) -> None:
        await self.engine.close()

    async def _found(self, ids: list[Any]) -> tuple[Session, ...]:
        rows = await self.engine.all(sql.GET_MANY, ids, min(ids), max(ids))
        sessions = (self._session(packed) for (packed,) in rows)
        return tuple(sorted(sessions, key=lambda session: session.id, reverse=True))

    def _session(self, packed: bytes) -> Session:
        return self._decoded.of(id_in(packed), packed)


def _of_nobody(query: Query) -> bool:
    """Whether *query* names what no row can hold: PostgreSQL knows no text with a zero in it."""
    named = (query.user_id, query.application_id, query.tenant_id, query.device_id, query.ip, query.country)
    return any(text is not None and "\0" in text for text in named)
