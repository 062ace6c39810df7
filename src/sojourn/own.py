"""What users do to their own sessions: undo a sign-out, report one, name a device, say how long is idle."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Literal
from uuid import UUID

from msgspec.structs import replace as _replaced

from sojourn import lifecycle
from sojourn.clock import Clock
from sojourn.commit import Commits
from sojourn.errors import Forbidden, SessionExpired, SessionNotFound, SessionRevoked
from sojourn.events import Event, Reported, Revoked
from sojourn.feed import Feed
from sojourn.lifecycle import Outcome
from sojourn.policy import Policy
from sojourn.session import Reason, Session
from sojourn.stores.protocol import Query, Store

__all__ = ["Instead", "OwnVerbs"]

Instead = Literal["device", "all"]

_ENDED = (SessionExpired, SessionRevoked, SessionNotFound)
_log = logging.getLogger("sojourn")
_BATCH = 1000  # rows that one statement may end


class OwnVerbs:
    """The verbs that a session, *by*, has over the others of its user. Somebody else's is `SessionNotFound`.

    So is one that is over: were it `SessionRevoked`, who asks would take it for an ending of their own.
    While the policy quarantines *by*, an older one is `FreshnessRequired`.
    """

    store: Store
    policy: Policy
    clock: Clock
    feed: Feed
    kept: Callable[[str | None], str | None]
    _commits: Commits
    _listeners: list[Callable[[Event], None]]

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
        decide = partial(lifecycle.hold_for, by=by, actor=actor, until=until, note=_short(note))
        return await self._decided(id, decide)

    async def lift_for(self, id: UUID, *, by: UUID, note: str | None) -> Session:
        """Lift the hold that `hold_for` placed with the same *by* and *note*, and no other."""
        return await self._decided(id, partial(lifecycle.lift_for, by=by, note=_short(note)))

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
            rest = Query(user_id=by.user_id, except_id=by.id, limit=_BATCH)
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
        query = Query(user_id=found.user_id, id=id, limit=_BATCH)
        if found.device.id is not None:
            query = Query(user_id=found.user_id, device_id=found.device.id, limit=_BATCH)
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
            rest = Query(user_id=found.user_id, limit=_BATCH)
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
        query = Query(user_id=by.user_id, id=id, limit=_BATCH)
        if found.device.id is not None:
            query = Query(user_id=by.user_id, device_id=found.device.id, except_id=spare, limit=_BATCH)
        family = {session.id: session for session in await self.store.select(_replaced(query, live_at=now))}
        if id not in family:
            raise SessionNotFound
        return family, query

    async def _decided(self, id: UUID, decide: Callable[..., Outcome]) -> Session:
        try:
            outcome, _ = await self._commits.change(id, decide)
        except _ENDED:
            raise SessionNotFound from None
        return outcome.session

    async def _change_all_of(self, user_id: str, decide: Callable[..., Outcome]) -> int:
        """Decide about each live session of a user; about how many it was decided."""
        total, last = 0, None
        while True:
            query = Query(user_id=user_id, live_at=self.clock(), after=last, limit=_BATCH)
            page = await self.store.select(query)
            total += await self._change_all([session.id for session in page], decide)
            if len(page) < _BATCH:
                return total
            last = page[-1].id

    async def _change_all(self, ids: Iterable[UUID], decide: Callable[..., Outcome]) -> int:
        total = 0
        for id in ids:
            with suppress(*_ENDED):
                await self._commits.change(id, decide)
                total += 1
        return total

    async def _revoke_every(
        self, query: Query, *, reason: Reason, by: str | None, note: str | None = None
    ) -> int:
        """End all that match, batch by batch; how many."""
        total = 0
        while True:
            count = await self._revoke(query, reason=reason, by=by, note=note)
            total += count
            if count < query.limit:
                return total

    async def _revoke(self, query: Query, *, reason: Reason, by: str | None, note: str | None = None) -> int:
        now, note = self.clock(), _short(note)
        ids = await self.store.revoke(query, at=now, reason=reason, by=by, note=note)
        for id in ids:
            self.feed.ended(id, now, reason)
            self.emit(Revoked(at=now, session_id=id, user_id=query.user_id, reason=reason, by=by))
        return len(ids)

    def emit(self, event: Event) -> None:
        """Tell every listener. Of an address no more than what may be stored."""
        if event.ip is not None and (ip := self.kept(event.ip)) != event.ip:
            event = _replaced(event, ip=ip)
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:
                _log.exception("a listener failed on %s", event.name)


def _short(note: str | None) -> str | None:
    """*note* as it is stored: PostgreSQL knows no zero in a text."""
    return note and note.replace("\0", "")[:255]
