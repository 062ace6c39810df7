"""Ending the sessions of whole applications and tenants."""

from __future__ import annotations

from msgspec.structs import replace as _replaced

from sojourn.events import Revoked
from sojourn.session import Reason
from sojourn.sessions import AsyncSessions
from sojourn.stores.protocol import Query

__all__ = ["revoke_where"]

_BATCH = 1000  # rows that one statement may end


async def revoke_where(
    sessions: AsyncSessions,
    query: Query,
    *,
    reason: Reason,
    by: str | None = None,
    note: str | None = None,
) -> int:
    """End every live session that matches *query*, in batches; how many ended.

    The store does not say whose each was, so the events name no user.
    """
    total = 0
    while True:
        now = sessions.clock()
        batch = _replaced(query, live_at=now, limit=_BATCH)
        ids = await sessions.store.revoke(batch, at=now, reason=reason, by=by, note=note and note[:255])
        for id in ids:
            sessions.feed.ended(id, now, reason)
            sessions.emit(Revoked(at=now, session_id=id, user_id=query.user_id, reason=reason, by=by))
        total += len(ids)
        if len(ids) < _BATCH:
            return total
