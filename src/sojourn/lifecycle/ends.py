"""When a session ends by time, and how its use moves that."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace as _replaced

from sojourn.errors import SessionError, SessionExpired, SessionNotFound, SessionRevoked, TokenInvalid
from sojourn.policy import Policy
from sojourn.session import Reason, Seen, Session
from sojourn.token import Keys, Token, genuine

__all__ = [
    "Ending",
    "absolute_end",
    "admitted",
    "end",
    "ended",
    "ending",
    "idle_end",
    "lasting",
    "living",
    "noted",
    "stored_end",
    "used",
]


class Ending(Struct, frozen=True):
    """How a session ended. By time: without a reason."""

    at: datetime
    reason: Reason | None
    by: str | None


def idle_end(session: Session, policy: Policy) -> datetime:
    """When the session ends if nobody comes back: what people are told, without the allowance."""
    policy = policy.of(session)
    last = min(session.expires_at, absolute_end(session, policy))
    return last if policy.idle_timeout is None else min(session.seen_at + policy.idle_timeout, last)


def ended(session: Session, policy: Policy, now: datetime) -> SessionError | None:
    """Why the session no longer lives, or None.

    The earlier of the stored end and the end that today's policy gives decides, so a tightened
    policy holds at once. One that is held is over for everybody, whether or not that can be undone.
    """
    if session.revoked_at is not None:
        return SessionRevoked(session.id, session.reason)
    if session.held is not None:
        return SessionRevoked(session.id, session.reason or Reason.USER, held=now < session.held.until)
    policy = policy.of(session)
    if now < _end(session, policy):
        return None
    last = absolute_end(session, policy)
    if now >= last:
        return SessionExpired("absolute", last - session.created_at)
    return SessionExpired("idle", policy.idle_timeout or now - session.seen_at)


def ending(session: Session, policy: Policy) -> Ending:
    """How the session ended, which is over. A hold that nobody lifted ended it when it ran out."""
    if session.revoked_at is not None:
        return Ending(session.revoked_at, session.reason, session.revoked_by)
    if session.held is not None:
        by = session.user_id if session.reason is None else session.revoked_by
        return Ending(session.held.until, session.reason or Reason.USER, by)
    return Ending(idle_end(session, policy), None, None)


def end(session: Session, policy: Policy) -> datetime:
    """When the session ends by time if it is not used again: the earlier of the stored end and today's."""
    return _end(session, policy.of(session))


def used(
    session: Session, policy: Policy, now: datetime, generation: int | None = None
) -> tuple[Seen, Session]:
    """A use by a person at *now*: what is to be recorded, and the session as it then is."""
    last = max(session.expires_at, stored_end(now, session.ends_at, policy.of(session)))
    return Seen(now, last, generation), _replaced(session, seen_at=now, expires_at=last)


def living(session: Session | None, policy: Policy, now: datetime) -> Session:
    if session is None:
        raise SessionNotFound
    if refusal := ended(session, policy, now):
        raise refusal
    return session


def lasting(session: Session | None, policy: Policy, now: datetime) -> Session:
    """`living`, or held and not over yet: what holds for all sessions of a user must not pass that one by."""
    if session is not None and session.held is not None and session.live(now):
        return session
    return living(session, policy, now)


def admitted(session: Session | None, policy: Policy, now: datetime, token: Token, keys: Keys) -> Session:
    """*session*, if *token* belongs to it and it lives. Genuineness first: a forger learns nothing more."""
    if session is None or not genuine(token, session, keys):
        raise TokenInvalid
    return living(session, policy, now)


def noted(
    session: Session, policy: Policy, now: datetime, used_at: datetime | None, generation: int | None
) -> tuple[Seen | None, Session]:
    """What of a use is worth a write: that somebody was active at *used_at*, that *generation* came."""
    slides = used_at is not None and _slides(session, policy, used_at)
    confirms = session.confirmed_at is None and session.rotated_at is not None
    if not (confirms and generation == session.generation):
        return used(session, policy, used_at) if slides and used_at is not None else (None, session)
    seen = Seen(session.seen_at, session.expires_at, generation)
    if slides and used_at is not None:
        seen, session = used(session, policy, used_at, generation)
    return seen, _replaced(session, confirmed_at=now)


def _slides(session: Session, policy: Policy, used_at: datetime) -> bool:
    """Whether a use at *used_at* is worth a write, and news."""
    return used_at - session.seen_at >= policy.touch_every and used_at >= session.seen_at


# Every request comes through these, and `min` takes as long as the rest of each.


def _end(session: Session, policy: Policy) -> datetime:
    """`end` by the policy as it is for *session*."""
    todays = stored_end(session.seen_at, absolute_end(session, policy), policy)
    stored = session.expires_at
    return stored if stored < todays else todays


def absolute_end(session: Session, policy: Policy) -> datetime:
    todays, stored = session.created_at + policy.lifetime_of(session.user_id), session.ends_at
    return stored if stored < todays else todays


def stored_end(seen_at: datetime, ends_at: datetime, policy: Policy) -> datetime:
    idle = policy.idle_timeout
    if idle is None:
        return ends_at
    unseen = seen_at + idle + policy.allowance
    return unseen if unseen < ends_at else ends_at
