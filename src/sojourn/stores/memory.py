"""Sessions in this process's memory: for tests, examples and a single short-lived process."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from threading import Lock
from typing import Self
from uuid import UUID

from msgspec.structs import replace as _replaced

from sojourn.session import Reason, Seen, Session
from sojourn.stores.protocol import Cap, Inserted, Query, check_supported

__all__ = ["MemoryStore"]


class MemoryStore:
    """A dictionary with the laws of a store. Ends with the process; nothing is shared with others.

    A verb holds the lock and never waits inside it, so both faces and any number of threads may
    use one store.
    """

    faults: tuple[type[Exception], ...] = ()

    def __init__(self) -> None:
        self._sessions: dict[UUID, Session] = {}
        self._of_user: defaultdict[str, set[UUID]] = defaultdict(set)
        self._lock = Lock()

    async def insert(self, session: Session, *, cap: Cap | None = None) -> Inserted:
        with self._lock:
            if session.id in self._sessions:
                return Inserted(False)
            replaced, surplus = self._make_room(session, cap) if cap else ([], [])
            if surplus and cap and cap.action == "refuse":
                return Inserted(False, in_the_way=tuple(surplus))
            ending = [(s, Reason.REPLACED) for s in replaced] + [(s, Reason.CAP) for s in surplus]
            for other, reason in ending:
                self._put(other.change(revoked_at=cap.at if cap else None, reason=reason))
            self._put(session)
            return Inserted(True, tuple((other.id, reason) for other, reason in ending))

    def _make_room(self, session: Session, cap: Cap) -> tuple[list[Session], list[Session]]:
        """Who is replaced by *session*, and who is too many; with `refuse`, everybody who is in the way."""
        if session.user_id is None:
            return [], []
        others = list(self._matching(Query(user_id=session.user_id, live_at=cap.at)))
        same = session.device.id is not None
        replaced = [s for s in others if same and s.device.id == session.device.id]
        others = [s for s in others if s not in replaced]
        over = 0 if cap.limit is None else len(others) - cap.limit + 1
        if over <= 0:
            return replaced, []
        if cap.action == "refuse":
            return replaced, others
        by_age = (lambda s: s.id) if cap.action == "end_oldest" else (lambda s: (s.seen_at, s.id))
        return replaced, sorted(others, key=by_age)[:over]

    async def get(self, id: UUID) -> Session | None:
        return self._sessions.get(id)

    async def replace(self, session: Session, *, at: datetime) -> bool:
        with self._lock:
            stored = self._sessions.get(session.id)
            if stored is None or stored.version != session.version - 1 or not stored.live(at):
                return False
            same = stored.generation == session.generation
            self._put(
                _replaced(
                    session,
                    seen_at=max(stored.seen_at, session.seen_at),
                    expires_at=min(max(stored.expires_at, session.expires_at), session.ends_at),
                    confirmed_at=(stored.confirmed_at if same else None) or session.confirmed_at,
                )
            )
            return True

    async def touch(self, seen: Mapping[UUID, Seen], *, at: datetime) -> None:
        with self._lock:
            for id, use in seen.items():
                stored = self._sessions.get(id)
                if stored is None or not stored.live(at):
                    continue
                confirms = use.generation == stored.generation and stored.confirmed_at is None
                self._put(
                    _replaced(
                        stored,
                        seen_at=max(stored.seen_at, use.seen_at),
                        expires_at=min(max(stored.expires_at, use.expires_at), stored.ends_at),
                        confirmed_at=at if confirms else stored.confirmed_at,
                    )
                )

    async def select(self, query: Query) -> list[Session]:
        check_supported(query)
        with self._lock:
            return self._page(query)

    async def count(self, query: Query) -> int:
        check_supported(query)
        with self._lock:
            matching = list(self._matching(_replaced(query, after=None)))
            return len({s.user_id for s in matching} - {None}) if query.people else len(matching)

    async def revoke(
        self, query: Query, *, at: datetime, reason: Reason, by: str | None = None, note: str | None = None
    ) -> list[UUID]:
        check_supported(query)
        with self._lock:
            ending = self._page(_replaced(query, live_at=at))
            for session in ending:
                self._put(session.change(revoked_at=at, reason=reason, revoked_by=by, note=note))
            return [session.id for session in ending]

    async def purge(self, *, before: datetime, limit: int = 1000) -> int:
        with self._lock:
            over = [s for s in self._sessions.values() if (s.revoked_at or s.expires_at) < before][:limit]
            for session in over:
                del self._sessions[session.id]
                if session.user_id is not None:
                    self._of_user[session.user_id].discard(session.id)
            return len(over)

    def blocking(self) -> Self:
        return self

    async def close(self) -> None:
        pass

    def _put(self, session: Session) -> None:
        self._sessions[session.id] = session
        if session.user_id is not None:
            self._of_user[session.user_id].add(session.id)

    def _page(self, query: Query) -> list[Session]:
        return sorted(self._matching(query), key=lambda s: s.id, reverse=True)[: query.limit]

    def _matching(self, query: Query) -> Iterator[Session]:
        if query.id is not None:
            found = [self._sessions[query.id]] if query.id in self._sessions else []
        elif query.user_id is not None:
            found = [self._sessions[id] for id in self._of_user.get(query.user_id, ())]
        else:
            found = list(self._sessions.values())
        return (session for session in found if _matches(session, query))


def _matches(s: Session, q: Query) -> bool:
    over_at = s.revoked_at or s.expires_at
    return (
        (q.user_id is None or s.user_id == q.user_id)
        and (q.except_id is None or s.id != q.except_id)
        and (q.application_id is None or s.application_id == q.application_id)
        and (q.tenant_id is None or s.tenant_id == q.tenant_id)
        and (q.device_id is None or s.device.id == q.device_id)
        and (q.live_at is None or s.live(q.live_at))
        and (q.ended_since is None or over_at >= q.ended_since)
        and (q.ended_by is None or over_at <= q.ended_by)
        and (not q.signed_in or s.user_id is not None)
        and (q.after is None or s.id < q.after)
    )
