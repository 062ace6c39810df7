"""Sessions in this process's memory: for tests, examples and a single short-lived process."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from heapq import heappop, heappush
from threading import Lock
from typing import Any, Self
from uuid import UUID

import msgspec
from msgspec.structs import replace as _replaced

from sojourn.session import NO_DATA, Reason, Seen, Session
from sojourn.stores.narrowing import matches
from sojourn.stores.protocol import Cap, Entries, Entry, Inserted, Query, check_supported, is_kept
from sojourn.stores.room import make_room, other

__all__ = ["MemoryStore"]


class MemoryStore:
    """A dictionary with the laws of a store. Ends with the process; nothing is shared with others.

    A verb holds the lock and never waits inside it, so both faces and any number of threads may
    use one store.
    """

    faults: tuple[type[Exception], ...] = ()
    remote = False

    def __init__(self) -> None:
        self._sessions: dict[UUID, Session] = {}
        self._of_user: defaultdict[str, set[UUID]] = defaultdict(set)
        self._lock = Lock()
        self._log = _Log()
        self._counted: tuple[set[UUID], set[UUID]] = (
            set(),
            set(),
        )  # not known to have ended: visitors, others
        self._due: list[tuple[datetime, UUID]] = []  # a heap: when to look whether they have expired
        self._leases: dict[str, tuple[str, datetime]] = {}
        self._wakes: list[Callable[[], None]] = []

    # ── one session ──────────────────────────────────────────────────────────────────────────────

    async def insert(self, session: Session, *, cap: Cap | None = None) -> Inserted:
        with self._writing():
            if session.id in self._sessions:
                return Inserted(False)
            if cap is None or session.user_id is None:
                self._put(_copied(session))
                return Inserted(True)
            found = self._matching(Query(user_id=session.user_id, live_at=cap.at))
            room = make_room(other(session), (other(s) for s in found if s.parent_id is None), cap)
            if room.refused_by:
                in_the_way = tuple(_copied(self._sessions[id]) for id in room.in_the_way)
                return Inserted(False, in_the_way=in_the_way, refused_by=room.refused_by)
            for id, reason in room.ending:
                self._put(self._sessions[id].change(revoked_at=cap.at, reason=reason))
            self._put(_copied(session))
            return Inserted(True, room.ending)

    async def get(self, id: UUID) -> Session | None:
        stored = self._sessions.get(id)
        return None if stored is None else _copied(stored)

    async def replace(self, session: Session, *, at: datetime) -> bool:
        with self._writing():
            stored = self._sessions.get(session.id)
            if stored is None or stored.version != session.version - 1 or not self._lives(stored, at):
                return False
            same = stored.generation == session.generation
            self._put(
                _copied(
                    session,
                    seen_at=max(stored.seen_at, session.seen_at),
                    expires_at=min(max(stored.expires_at, session.expires_at), session.ends_at),
                    confirmed_at=(stored.confirmed_at if same else None) or session.confirmed_at,
                )
            )
            return True

    async def touch(
        self, seen: Mapping[UUID, Seen], *, at: datetime, unless_since: datetime | None = None
    ) -> None:
        with self._lock:
            for id, use in seen.items():
                stored = self._sessions.get(id)
                if stored is None or not self._lives(stored, at):
                    continue
                confirms = use.generation == stored.generation and stored.confirmed_at is None
                if unless_since is not None and stored.seen_at > unless_since and not confirms:
                    continue
                self._sessions[id] = _replaced(
                    stored,
                    seen_at=max(stored.seen_at, use.seen_at),
                    expires_at=min(max(stored.expires_at, use.expires_at), stored.ends_at),
                    confirmed_at=at if confirms else stored.confirmed_at,
                )

    # ── many ─────────────────────────────────────────────────────────────────────────────────────

    async def select(self, query: Query) -> list[Session]:
        check_supported(query)
        with self._lock:
            return [_copied(session) for session in self._page(query)]

    async def count(self, query: Query) -> int:
        check_supported(query)
        with self._lock:
            if is_kept(query):
                visitors, others = self._counted
                return len(others) + (0 if query.signed_in else len(visitors))
            matching = list(self._matching(_replaced(query, after=None)))
            return len({s.user_id for s in matching} - {None}) if query.people else len(matching)

    async def revoke(
        self, query: Query, *, at: datetime, reason: Reason, by: str | None = None, note: str | None = None
    ) -> list[UUID]:
        check_supported(query)
        with self._writing():
            ending = self._page(_replaced(query, live_at=at))
            for session in ending:
                self._put(session.change(revoked_at=at, reason=reason, revoked_by=by, note=note))
            return [session.id for session in ending]

    # ── the log ──────────────────────────────────────────────────────────────────────────────────

    async def entries(self, after: str | None = None, *, limit: int = 10_000) -> Entries:
        with self._lock:
            return self._log.page(after, limit)

    async def listen(self, wake: Callable[[], None]) -> None:
        """Call *wake* after each change that is in the log, on whatever thread made it."""
        from asyncio import Event

        self._wakes.append(wake)
        try:
            await Event().wait()  # for ever: until cancelled
        finally:
            self._wakes.remove(wake)

    # ── in the background ────────────────────────────────────────────────────────────────────────

    async def expire(self, *, at: datetime, limit: int = 1000) -> list[Session]:
        noticed: list[Session] = []
        with self._lock:
            while self._due and self._due[0][0] <= at and len(noticed) < limit:
                _, id = heappop(self._due)
                if not self._is_counted(id):
                    continue
                session = self._sessions[id]
                if session.expires_at > at:
                    heappush(self._due, (session.expires_at, id))
                else:
                    self._discount(session)
                    noticed.append(_copied(session))
        return noticed

    async def lease(self, name: str, holder: str, *, at: datetime, until: datetime) -> bool:
        with self._lock:
            present = self._leases.get(name)
            if present is not None and present[0] != holder and present[1] > at:
                return False
            self._leases[name] = (holder, until)
            return True

    async def purge(self, *, before: datetime, limit: int = 1000, log_before: datetime | None = None) -> int:
        with self._lock:
            over = [s for s in self._sessions.values() if (s.revoked_at or s.expires_at) < before][:limit]
            for session in over:
                self._drop(session)
            if log_before is not None:
                self._log.forget(log_before)
            return len(over)

    async def forget(self, ids: Collection[UUID], *, at: datetime) -> int:
        with self._lock:
            found = [session for id in ids if (session := self._sessions.get(id)) is not None]
            over = [s for s in found if (s.revoked_at or s.expires_at) <= at]
            for session in over:
                self._drop(session)
            return len(over)

    async def redact(self, sessions: Collection[Session], *, at: datetime) -> int:
        with self._lock:
            found = [(stored, given) for given in sessions if (stored := self._sessions.get(given.id))]
            over = [
                (stored, given)
                for stored, given in found
                if stored.version == given.version and (stored.revoked_at or stored.expires_at) <= at
            ]
            for stored, given in over:
                self._sessions[given.id] = _replaced(
                    stored,
                    ip=given.ip,
                    place=given.place,
                    device=given.device,
                    impersonator_id=given.impersonator_id,
                    revoked_by=given.revoked_by,
                    note=given.note,
                )
            return len(over)

    def blocking(self) -> Self:
        return self

    async def close(self) -> None:
        pass

    # ── under the lock ───────────────────────────────────────────────────────────────────────────

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Hold the lock; if the log has grown, wake those who listen, after it is let go."""
        with self._lock:
            end = self._log.end
            yield
            grown = self._log.end > end
        if grown:
            for wake in tuple(self._wakes):
                wake()

    def _drop(self, session: Session) -> None:
        self._discount(session)
        del self._sessions[session.id]
        if session.user_id is not None:
            self._of_user[session.user_id].discard(session.id)

    def _put(self, session: Session) -> None:
        """Store *session*, with all that follows: whose it is, what the log says, whether it counts."""
        before = self._sessions.get(session.id)
        self._sessions[session.id] = session
        if session.user_id is not None:
            self._of_user[session.user_id].add(session.id)
        if before is not None and session.revoked_at is not None:
            self._log.write(Entry(session.id, session.version, session.revoked_at, session.reason))
        elif before is not None and session.void_below > before.void_below:
            self._log.write(Entry(session.id, session.version))
        if before is None or self._is_counted(session.id):
            self._count(session, before)

    def _count(self, session: Session, before: Session | None) -> None:
        if before is not None:
            self._discount(before)
        if session.revoked_at is None:
            self._counted[session.user_id is not None].add(session.id)
            if before is None or session.expires_at < before.expires_at:
                heappush(self._due, (session.expires_at, session.id))

    def _lives(self, session: Session, at: datetime) -> bool:
        """Whether *session* lives *at* this moment, and nobody whose clock is ahead has noticed its end."""
        return session.live(at) and self._is_counted(session.id)

    def _discount(self, session: Session) -> None:
        self._counted[session.user_id is not None].discard(session.id)

    def _is_counted(self, id: UUID) -> bool:
        return any(id in counted for counted in self._counted)

    def _page(self, query: Query) -> list[Session]:
        order = _BY_SEEN if query.order == "seen" else _BY_ID
        return sorted(self._matching(query), key=order, reverse=True)[: query.limit]

    def _matching(self, query: Query) -> Iterator[Session]:
        if query.id is not None:
            found = [self._sessions[query.id]] if query.id in self._sessions else []
        elif query.user_id is not None:
            found = [self._sessions[id] for id in self._of_user.get(query.user_id, ())]
        else:
            found = list(self._sessions.values())
        return (session for session in found if matches(session, query))


class _Log:
    """Numbered lines, from 1; `begin` is the number of the first that is kept."""

    def __init__(self) -> None:
        self.epoch = os.urandom(8).hex()
        self.begin = 1
        self._lines: list[tuple[datetime, Entry]] = []

    @property
    def end(self) -> int:
        """The number of the last line."""
        return self.begin - 1 + len(self._lines)

    def write(self, entry: Entry) -> None:
        self._lines.append((datetime.now(UTC), entry))  # this clock says what `forget` may forget, no more

    def page(self, after: str | None, limit: int) -> Entries:
        read = self._number(after)
        start = 0 if read is None else read - self.begin + 1
        entries = tuple(entry for _, entry in self._lines[start : start + limit])
        last = self.begin - 1 + start + len(entries)
        return Entries(
            entries=entries,
            cursor=f"{self.epoch}.{last}",
            complete=last == self.end,
            continues=after is None or read is not None,
            epoch=self.epoch,
        )

    def forget(self, before: datetime) -> None:
        kept = next((n for n, (at, _) in enumerate(self._lines) if at >= before), len(self._lines))
        self._lines = self._lines[kept:]
        self.begin += kept

    def _number(self, cursor: str | None) -> int | None:
        """The number of the last line read, if all that follow it are here."""
        epoch, _, number = (cursor or "").rpartition(".")
        known = epoch == self.epoch and number.isdecimal()
        return int(number) if known and self.begin - 1 <= int(number) <= self.end else None


def _copied(session: Session, **fields: Any) -> Session:
    """*session*, but for *fields*, with data of its own: what a caller does to his is not seen here."""
    if session.data:
        return _replaced(session, data=_decode(_encode(session.data)), **fields)
    return session if session.data is NO_DATA and not fields else _replaced(session, data=NO_DATA, **fields)


_encode, _decode = msgspec.json.Encoder().encode, msgspec.json.Decoder(dict[str, Any]).decode
_BY_ID: Callable[[Session], Any] = lambda s: s.id  # noqa: E731
_BY_SEEN: Callable[[Session], Any] = lambda s: (s.seen_at, s.id)  # noqa: E731
