"""What is said of sessions: lists, numbers, and whether one lives or is fresh enough."""

from __future__ import annotations

from datetime import timedelta

from sojourn import lifecycle
from sojourn.lifecycle import Here
from sojourn.session import Session
from sojourn.stores.protocol import Query
from sojourn.verbs.base import Rows, Verbs

__all__ = ["LookVerbs"]


class LookVerbs(Verbs):
    """To look at sessions."""

    async def list(
        self,
        user_id: str | None,
        *,
        application_id: str | None = None,
        tenant_id: str | None = None,
        limit: int = 100,
    ) -> Rows:
        """The live sessions of a user, most recently active first; a visitor (None) has no list."""
        if user_id is None:
            return []
        now = self.clock()
        query = Query(
            user_id=user_id,
            application_id=application_id,
            tenant_id=tenant_id,
            live_at=now,
            created_since=self._oldest(now),
            limit=limit,
        )
        # A tightened policy holds at once, also for rows that were written under the old one.
        live = [s for s in await self.store.select(query) if lifecycle.ended(s, self.policy, now) is None]
        live = [s for s in live if s.parent_id is None or await self._commits.carried(s)]
        return sorted(live, key=lambda s: (s.seen_at, s.id), reverse=True)

    async def history(self, user_id: str, *, limit: int = 100) -> Rows:
        """The sessions of a user that ended within `show_ended`, latest end first."""
        now = self.clock()
        since = now - self.policy.show_ended
        found = await self.store.select(Query(user_id=user_id, ended_since=since, ended_by=now, limit=limit))
        return sorted(found, key=lambda s: s.revoked_at or s.expires_at, reverse=True)

    async def select(self, query: Query) -> Rows:
        """One page of sessions of anybody: for administrators."""
        return await self.store.select(query)

    async def count(self, query: Query | None = None) -> int:
        """How many sessions match; without a query, how many signed-in ones live now.

        One that is held is counted until the hold has run out: the store knows it only as short-lived.
        """
        return await self.store.count(query or Query(live_at=self.clock(), signed_in=True))

    async def carried(self, session: Session) -> bool:
        """Whether the session with which *session* ends lets it live; true for all that end by themselves."""
        return await self._commits.carried(session)

    def require_fresh(self, session: Session, max_age: timedelta | None = None, *, aal: int = 0) -> None:
        """Raise `FreshnessRequired` unless *session* was authenticated recently, and strongly, enough."""
        lifecycle.require_fresh(session, self.policy, self.clock(), max_age, aal=aal)

    def require_bound(self, session: Session, here: Here) -> None:
        """Raise `FreshnessRequired` if by `Policy.binding` a use *here* wants one more proof first."""
        lifecycle.require_bound(session, self.policy, here=here)
