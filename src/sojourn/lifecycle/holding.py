"""An ending that can still be undone, for a few seconds, by the session that asked for it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sojourn.errors import Forbidden, SessionNotFound, UndoExpired
from sojourn.events import Event, HeldBack, Restored, Revoked
from sojourn.lifecycle.change import require_settled
from sojourn.lifecycle.ends import end, living, stored_end
from sojourn.lifecycle.outcome import Outcome
from sojourn.policy import Policy
from sojourn.session import Held, Reason, Session

__all__ = ["hold", "hold_for", "lift", "lift_for"]


def hold(session: Session | None, policy: Policy, now: datetime, *, by: Session) -> Outcome:
    """End *session* for *by*, a session of the same user, so that `lift` can bring it back for a while.

    Both ends move to when the hold runs out. So a hold that nobody lifts is an ending by itself, and
    final as any is: a store replaces nothing that is over. Where `undo_for` is 0 it is revoked at once,
    and by who acts as somebody else: that it was not the user is said of a revocation only.
    Who asks twice gets the same hold.
    """
    if session is not None and _is_held(session, now, by):
        return Outcome(session=session)
    session = living(session, policy, now)
    if session.user_id is None or session.user_id != by.user_id:
        raise SessionNotFound
    if session.id == by.id:
        raise Forbidden("A session cannot be held by itself: nobody would be left to undo it. Sign out.")
    require_settled(by, policy, now, session.id)
    if not policy.undo_for or by.parent_id is not None:
        return _revoked(session, now, by)
    until = min(now + policy.undo_for, end(session, policy))
    held = Held(until, by.id, session.ends_at)
    return Outcome(session=session.voiding(held=held, ends_at=until, expires_at=until), write=True)


def lift(session: Session | None, policy: Policy, now: datetime, *, by: Session) -> Outcome:
    """Bring *session* back, which *by* holds; `UndoExpired` once it is over.

    One that lives and is not held is left as it is: the answer to an earlier undo may have been lost.
    """
    if session is None or session.user_id is None or session.user_id != by.user_id:
        raise SessionNotFound
    held = session.held
    if held is None:
        return Outcome(session=living(session, policy, now))
    if held.by != by.id:
        raise SessionNotFound
    if session.revoked_at is not None or now >= held.until:
        raise UndoExpired
    return _lifted(session, held, policy)


def hold_for(
    session: Session | None,
    policy: Policy,
    now: datetime,
    *,
    by: UUID,
    actor: str | None,
    until: datetime,
    note: str | None,
) -> Outcome:
    """End *session* for the administrator *actor*, so that `lift_for` can bring it back before *until*.

    *by* is the session that they do it in. What a revocation would say stands in the record at once, but
    when it was: so it is theirs whoever notices its end. Who asks twice gets the same hold. What somebody
    else holds ends for good, or they could bring back what the administrator has ended.
    """
    if session is not None and session.note == note and _is_held_by(session, now, by):
        return Outcome(session=session)
    if session is not None and session.held is not None and session.live(now):
        over = session.change(revoked_at=now, reason=Reason.ADMIN, revoked_by=actor, note=note)
        told = Revoked(at=now, session_id=over.id, user_id=over.user_id, reason=Reason.ADMIN, by=actor)
        return Outcome(session=over, write=True, events=(told,))
    session = living(session, policy, now)
    until = min(until, end(session, policy))
    held = session.voiding(
        held=Held(until, by, session.ends_at),
        ends_at=until,
        expires_at=until,
        reason=Reason.ADMIN,
        revoked_by=actor,
        note=note,
    )
    held_back = HeldBack(
        at=now, session_id=held.id, user_id=held.user_id, by=actor, undo_for=until - now, note=note
    )
    return Outcome(session=held, write=True, events=(held_back,))


def lift_for(
    session: Session | None, policy: Policy, now: datetime, *, by: UUID, note: str | None
) -> Outcome:
    """Bring *session* back, which `hold_for` holds with the same *by* and *note*.

    `UndoExpired` once it is over. One that nobody holds is left as it is; anybody else's is not found.
    """
    if session is None:
        raise SessionNotFound
    held = session.held
    if held is None:
        return Outcome(session=living(session, policy, now))
    if held.by != by or session.reason is not Reason.ADMIN or session.note != note:
        raise SessionNotFound
    if session.revoked_at is not None or now >= held.until:
        raise UndoExpired
    actor = session.revoked_by
    told = Restored(at=now, session_id=session.id, user_id=session.user_id, by=actor, note=note)
    return _lifted(session, held, policy, told)


def _lifted(session: Session, held: Held, policy: Policy, *told: Event) -> Outcome:
    expires_at = stored_end(session.seen_at, held.ends_at, policy.of(session))
    back = session.voiding(
        held=None, ends_at=held.ends_at, expires_at=expires_at, reason=None, revoked_by=None, note=None
    )
    return Outcome(session=back, write=True, events=told)


def _is_held(session: Session, now: datetime, by: Session) -> bool:
    return _is_held_by(session, now, by.id)


def _is_held_by(session: Session, now: datetime, by: UUID) -> bool:
    held = session.held
    return held is not None and held.by == by and now < held.until and session.revoked_at is None


def _revoked(session: Session, now: datetime, by: Session) -> Outcome:
    over = session.change(revoked_at=now, reason=Reason.USER, revoked_by=by.actor)
    event = Revoked(at=now, session_id=session.id, user_id=session.user_id, reason=Reason.USER, by=by.actor)
    return Outcome(session=over, write=True, events=(event,))
