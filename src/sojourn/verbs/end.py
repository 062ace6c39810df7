"""How a session ends for good: by its token, by its id, or with all others of its user."""

from __future__ import annotations

from enum import Enum
from uuid import UUID

from sojourn.errors import SessionNotFound
from sojourn.session import Reason, Session
from sojourn.stores.protocol import Query
from sojourn.token import genuine, parse
from sojourn.verbs.base import BATCH, Verbs

__all__ = ["ANYBODY", "Anybody", "EndVerbs"]


class Anybody(Enum):
    """The owner in an administrator's word: whoever it is. A word of its own, because None is a visitor."""

    ANYBODY = "anybody"


ANYBODY = Anybody.ANYBODY


class EndVerbs(Verbs):
    """To end sessions, and to forget those that have ended."""

    async def revoke(
        self,
        id: UUID,
        *,
        owner: str | Anybody | None,
        reason: Reason = Reason.USER,
        by: str | None = None,
        note: str | None = None,
    ) -> None:
        """End one session for good. *owner* is whose it must be: somebody else's is `SessionNotFound`.

        `ANYBODY` is an administrator's word. None, the user id of a visitor, owns nothing.
        """
        query = Query(id=id, user_id=owner if isinstance(owner, str) else None)
        if owner is None or not await self._revoke(query, reason=reason, by=by, note=note):
            raise SessionNotFound

    async def end(self, token: str, *, reason: Reason = Reason.SIGNED_OUT) -> bool:
        """Sign out: end the session of *token*, whatever its generation. False if there was none."""
        session = await self.of(token)
        if session is None:
            return False
        query = Query(id=session.id, user_id=session.user_id)
        return await self._revoke(query, reason=reason, by=session.actor) > 0

    async def of(self, token: str) -> Session | None:
        """The session that *token* was made for, in whatever generation, live or ended; else None.

        Nothing is decided, recorded or told: for who asks about a token, not with it.
        """
        presented = parse(token, self.keys)
        session = await self.store.get(presented.session_id)
        return session if session is not None and genuine(presented, session, self.keys) else None

    async def revoke_all(
        self,
        user_id: str,
        *,
        keep: UUID | None = None,
        reason: Reason = Reason.USER,
        by: str | None = None,
        note: str | None = None,
        application_id: str | None = None,
        tenant_id: str | None = None,
    ) -> int:
        """End every session of a user, perhaps sparing one; how many ended."""
        query = Query(
            user_id=user_id,
            except_id=keep,
            application_id=application_id,
            tenant_id=tenant_id,
            limit=BATCH,
        )
        return await self._revoke_every(query, reason=reason, by=by, note=note)

    async def purge(self) -> int:
        """Forget the sessions that ended longer than `keep_ended` ago, in batches; how many."""
        before = self.clock() - self.policy.keep_ended
        total = 0
        while count := await self.store.purge(before=before, limit=BATCH):
            total += count
        return total
