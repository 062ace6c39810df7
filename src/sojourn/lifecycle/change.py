"""What changes a session that goes on, and how fresh a proof has to be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec.structs import replace as _replaced

from sojourn.errors import Forbidden, FreshnessRequired, SessionChanged
from sojourn.events import Renewed
from sojourn.lifecycle.beginning import fitting
from sojourn.lifecycle.ends import lasting, living, stored_end
from sojourn.lifecycle.outcome import Outcome
from sojourn.policy import Policy
from sojourn.session import Device, Place, Session

__all__ = [
    "limit_idle",
    "mark_for_renewal",
    "rename",
    "renew",
    "require_fresh",
    "require_settled",
    "unproven",
    "update",
]

_ABSENT: Any = object()


def renew(
    session: Session | None,
    policy: Policy,
    now: datetime,
    *,
    salt: bytes,
    key_id: int,
    generation: int | None = None,
    authenticated: bool = False,
    amr: Iterable[str] | None = None,
    aal: int | None = None,
    remember: bool | None = None,
    device: Device | None = None,
    place: Place | None = None,
    ip: str | None = None,
) -> Outcome:
    """A new salt and the next generation: every earlier token stops being genuine, the id stays (ASVS 7.2.4).

    *generation* is the one that the caller decided upon: if another request rotated or renewed
    since, its answer and ours would race to the browser, and one of them carries a dead token.
    *authenticated*: the user has just proved who they are, which moves `authenticated_at` and
    counts as activity. The absolute end stays where it is. What is None stays as it was.
    """
    session = living(session, policy, now)
    if authenticated and session.parent_id is not None:
        raise Forbidden("Who acts as somebody else cannot prove to be that user.")
    if generation not in (None, session.generation):
        raise SessionChanged
    changes: dict[str, Any] = {
        "salt": salt,
        "key_id": key_id,
        "generation": session.generation + 1,
        "rotated_at": now,
        "confirmed_at": now,
        "forgiven_at": None,
        "renew_due": False,
    }
    if authenticated:
        changes |= {"authenticated_at": now, "seen_at": now}
    told: dict[str, Any] = {"amr": None if amr is None else tuple(amr), "aal": aal, "remember": remember}
    told |= {"device": device, "place": place, "ip": ip}
    changes |= {name: value for name, value in told.items() if value is not None}
    if ip not in (None, session.ip):
        changes["place"] = place  # also if nobody knows it: the one before was the other address's
    renewed = session.voiding(**changes)
    if authenticated:  # by the rules of the session as it is from now on
        end = stored_end(now, session.ends_at, policy.of(renewed))
        renewed = _replaced(renewed, expires_at=max(session.expires_at, end))
    event = Renewed(at=now, session_id=session.id, user_id=session.user_id, amr=renewed.amr)
    return Outcome(session=renewed, write=True, events=(event,))


def mark_for_renewal(
    session: Session | None, policy: Policy, now: datetime, *, profile: str | None = None
) -> Outcome:
    """Have the bearer's next request renew the token, since only an answer to it can carry the new one.

    The rules of *profile* hold at once. Those of an impersonation are its parent's.
    """
    session = lasting(session, policy, now)
    if session.parent_id is not None:
        profile = session.profile
    due = session.renew_due and session.profile == profile
    return Outcome(session=session.voiding(renew_due=True, profile=profile), write=not due)


def update(
    session: Session | None,
    policy: Policy,
    now: datetime,
    *,
    set: Mapping[str, Any] | None = None,
    remove: Iterable[str] = (),
    device: Device | None = None,
) -> Outcome:
    """Apply a patch of data keys to the newest record: two writers of different keys both win."""
    session = living(session, policy, now)
    gone = frozenset(remove)
    kept = {key: value for key, value in session.data.items() if key not in gone}
    data = fitting(kept | dict(set or {}), policy)
    if data == session.data and device in (None, session.device):
        return Outcome(session=session)
    known = any(data.get(key, _ABSENT) != session.data.get(key, _ABSENT) for key in policy.cached_data)
    change = session.voiding if known else session.change
    return Outcome(session=change(data=data, device=device or session.device), write=True)


def unproven(session: Session | None, policy: Policy, now: datetime) -> Outcome:
    """Have its user prove once more who they are before anything sensitive, however lately they did."""
    session = lasting(session, policy, now)
    if session.authenticated_at is None:
        return Outcome(session=session)
    return Outcome(session=session.voiding(authenticated_at=None), write=True)


def rename(session: Session | None, policy: Policy, now: datetime, *, name: str | None) -> Outcome:
    """Have the device called *name*, which is clean; None: what it says itself. No snapshot is void by it."""
    session = living(session, policy, now)
    device = _replaced(session.device, custom_name=name)
    if device == session.device:
        return Outcome(session=session)
    return Outcome(session=session.change(device=device), write=True)


def limit_idle(
    session: Session | None, policy: Policy, now: datetime, *, idle_timeout: timedelta | None
) -> Outcome:
    """Have the session end after *idle_timeout* without use, as its user wants it; None: as the policy does.

    A shorter one holds at once although the stored end stays where it is, because `ended` goes by the
    earlier of that and what the rules of now give. So it may end a session that was idle for longer.
    """
    session = lasting(session, policy, now)
    if session.idle_timeout == idle_timeout:
        return Outcome(session=session)
    rules = policy.of(_replaced(session, idle_timeout=idle_timeout))
    expires_at = stored_end(session.seen_at, session.ends_at, rules)
    return Outcome(session=session.voiding(idle_timeout=idle_timeout, expires_at=expires_at), write=True)


def require_settled(session: Session, policy: Policy, now: datetime, other: UUID | None = None) -> None:
    """Raise `FreshnessRequired` if *session* is too new to have a say in the session *other*, an older one.

    None: in any. Whoever steals a password must not lock its owner out with it: so for `quarantine_for`
    that takes one more proof, after the session began.
    """
    policy = policy.of(session)
    if now - session.created_at >= policy.quarantine_for:
        return
    if session.authenticated_at is not None and session.authenticated_at > session.created_at:
        return
    if other is None or other < session.id:  # ids are in the order in which sessions begin
        raise FreshnessRequired(policy.fresh_for)


def require_fresh(
    session: Session, policy: Policy, now: datetime, max_age: timedelta | None = None, *, aal: int = 0
) -> None:
    """Raise `FreshnessRequired` unless the user proved who they are within *max_age*, by *aal* or more."""
    limit = policy.of(session).fresh_for if max_age is None else max_age
    if session.aal < aal:
        raise FreshnessRequired(limit, aal=aal)
    if session.authenticated_at is None or now - session.authenticated_at >= limit:
        raise FreshnessRequired(limit)
