"""What users do to their own sessions: undo a sign-out, report one, name a device, say how long is idle."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Literal
from uuid import UUID

from msgspec.structs import replace as _replaced

from sojourn import lifecycle
from sojourn.errors import Forbidden, SessionNotFound
from sojourn.events import Reported
from sojourn.lifecycle import Outcome
from sojourn.session import Reason, Session
from sojourn.stores.protocol import Query
from sojourn.verbs.base import BATCH, ENDED, Verbs, shortened

__all__ = ["Instead", "OwnVerbs"]

Instead = Literal["device", "all"]


class OwnVerbs(Verbs):
    """The verbs that a session, *by*, has over the others of its user. Somebody else's is `SessionNotFound`.

    So is one that is over: were it `SessionRevoked`, who asks would take it for an ending of their own.
    While the policy quarantines *by*, an older one is `FreshnessRequired`.
    """

    async def hold(self, id: UUID, *, owner: str | None, by: Session) -> Session:
        """End one session of *owner*, so that *by* can `undo` it until its `held_until`.

        It is refused everywhere at once, like any that has ended. That it ended is told, to listeners
        and to applications, when the hold has run out and the background work has noticed it; the
        reason is `USER`. With `undo_for=0` it is revoked at once, and `held_until` is None.
        """
        if owner is None or owner != by.user_id:
            raise SessionNotFound
        return await self._decided(id, partial(lifecycle.hold, by=by))

    async def undo(self, id: UUID, *, by: Session) -> Session:
        """Lift the hold that *by* placed; `UndoExpired` if that comes too late."""
        return await self._decided(id, partial(lifecycle.lift, by=by))

    async def hold_for(
        self, id: UUID, *, by: UUID, actor: str | None, until: datetime, note: str | None
    ) -> Session:
        """End one session, whoever's it is, so that the administrator *actor* can bring it back for a while.

        *by* is their own session, in which they do it. `HeldBack` is told at once, and that it ended when
        the hold has run out, with the reason `ADMIN`. Once ended it is `SessionNotFound`.
        """
        decide = partial(lifecycle.hold_for, by=by, actor=actor, until=until, note=shortened(note))
        return await self._decided(id, decide)

    async def lift_for(self, id: UUID, *, by: UUID, note: str | None) -> Session:
        """Lift the hold that `hold_for` placed with the same *by* and *note*, and no other."""
        return await self._decided(id, partial(lifecycle.lift_for, by=by, note=shortened(note)))

    async def report(self, id: UUID, *, by: Session, others: bool = False) -> int:
        """End a session that its user does not know, with every one of the same device, for good.

        How many ended. *others*: all other sessions of the user, too. *by* is always spared.
        """
        if id == by.id:
            raise Forbidden("You are using this session just now. Sign out instead.")
        family, query = await self._family(id, by, spare=by.id)
        now = self.clock()
        lifecycle.require_settled(by, self.policy, now, None if others else min(family))
        reported = family[id]
        self.emit(
            Reported(
                at=now,
                session_id=id,
                user_id=by.user_id,
                ip=reported.ip,
                by=by.id,
                device=reported.device.name,
            )
        )
        count = await self._revoke_every(query, reason=Reason.REPORTED, by=by.actor)
        if others:
            rest = Query(user_id=by.user_id, except_id=by.id, limit=BATCH)
            count += await self._revoke_every(rest, reason=Reason.USER, by=by.actor)
        return count

    async def disown(self, id: UUID, *, instead: Instead | None = None) -> int:
        """`report` by the link of a notice, for who has no session to say it in; how many ended.

        Every other session of the user has to prove itself once more before anything sensitive. A session
        that has ended is `SessionNotFound`, or what is to end *instead* does: what lives on the same
        device by now, or all that its user has.
        """
        found, now = await self.store.get(id), self.clock()
        if found is None or found.user_id is None:
            raise SessionNotFound
        # One that is held may come back.
        lives = found.live(now) and (found.held is not None or not lifecycle.ended(found, self.policy, now))
        if not lives and instead is None:
            raise SessionNotFound
        query = Query(user_id=found.user_id, id=id, limit=BATCH)
        if found.device.id is not None:
            query = Query(user_id=found.user_id, device_id=found.device.id, limit=BATCH)
        self.emit(
            Reported(
                at=now,
                session_id=id,
                user_id=found.user_id,
                ip=found.ip,
                device=found.device.name,
            )
        )
        count = await self._revoke_every(query, reason=Reason.REPORTED, by=found.user_id)
        if not lives and instead == "all":
            rest = Query(user_id=found.user_id, limit=BATCH)
            count += await self._revoke_every(rest, reason=Reason.USER, by=found.user_id)
        await self.require_proof(found.user_id)
        return count

    async def require_proof(self, user_id: str) -> int:
        """Have every live session of a user prove once more who it is before anything sensitive; how many."""
        return await self._change_all_of(user_id, lifecycle.unproven)

    async def rename(self, id: UUID, *, by: Session, name: str | None) -> Session:
        """Call the device of a session *name*, in every live session of its user; None or blank: no longer.

        What of it cannot be seen, or turns text around, is left out. At most 60 characters may be left.
        """
        from sojourn.label import cleaned

        decide = partial(lifecycle.rename, name=cleaned(name))
        family, _ = await self._family(id, by)
        lifecycle.require_settled(by, self.policy, self.clock(), min(family))
        renamed = await self._decided(id, decide)
        await self._change_all([other for other in family if other != id], decide)
        return renamed

    async def limit_idle(self, user_id: str, idle_timeout: timedelta | None) -> int:
        """End the sessions of a user after *idle_timeout* without use; None: as the policy has it. How many.

        In whole seconds, at least five minutes; never later than by the policy. Those that live now:
        for new ones `start` is told.
        """
        return await self._change_all_of(user_id, partial(lifecycle.limit_idle, idle_timeout=idle_timeout))

    def require_settled(self, session: Session, id: UUID | None = None) -> None:
        """Raise `FreshnessRequired` if *session* is in quarantine, and *id* older than it; None: any is."""
        lifecycle.require_settled(session, self.policy, self.clock(), id)

    # ── how ──────────────────────────────────────────────────────────────────────────────────

    async def _family(
        self, id: UUID, by: Session, *, spare: UUID | None = None
    ) -> tuple[dict[UUID, Session], Query]:
        """The live sessions of *by*'s user on the device of the session *id*; and how to ask for them."""
        now, found = self.clock(), await self.store.get(id)
        if found is None or by.user_id is None or found.user_id != by.user_id:
            raise SessionNotFound
        query = Query(user_id=by.user_id, id=id, limit=BATCH)
        if found.device.id is not None:
            query = Query(user_id=by.user_id, device_id=found.device.id, except_id=spare, limit=BATCH)
        family = {session.id: session for session in await self.store.select(_replaced(query, live_at=now))}
        if id not in family:
            raise SessionNotFound
        return family, query

    async def _decided(self, id: UUID, decide: Callable[..., Outcome]) -> Session:
        try:
            outcome, _ = await self._commits.change(id, decide)
        except ENDED:
            raise SessionNotFound from None
        return outcome.session
