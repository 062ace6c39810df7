"""What changes a session that goes on, and how fresh a proof has to be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sojourn.errors import Forbidden, FreshnessRequired, SessionChanged
from sojourn.events import Renewed
from sojourn.lifecycle.beginning import fitting
from sojourn.lifecycle.ends import living, stored_end
from sojourn.lifecycle.outcome import Outcome
from sojourn.policy import Policy
from sojourn.session import Device, Place, Session

__all__ = ["mark_for_renewal", "renew", "require_fresh", "update"]

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
    policy = policy.of(session)
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
        changes |= {
            "authenticated_at": now,
            "seen_at": now,
            "expires_at": max(session.expires_at, stored_end(now, session.ends_at, policy)),
        }
    told: dict[str, Any] = {"amr": None if amr is None else tuple(amr), "aal": aal, "remember": remember}
    told |= {"device": device, "place": place, "ip": ip}
    changes |= {name: value for name, value in told.items() if value is not None}
    renewed = session.voiding(**changes)
    event = Renewed(at=now, session_id=session.id, user_id=session.user_id, amr=renewed.amr)
    return Outcome(session=renewed, write=True, events=(event,))


def mark_for_renewal(
    session: Session | None, policy: Policy, now: datetime, *, profile: str | None = None
) -> Outcome:
    """Have the bearer's next request renew the token, since only an answer to it can carry the new one.

    The rules of *profile* hold at once. Those of an impersonation are its parent's.
    """
    session = living(session, policy, now)
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


def require_fresh(
    session: Session, policy: Policy, now: datetime, max_age: timedelta | None = None, *, aal: int = 0
) -> None:
    """Raise `FreshnessRequired` unless the user proved who they are within *max_age*, by *aal* or more."""
    limit = policy.of(session).fresh_for if max_age is None else max_age
    if session.aal < aal:
        raise FreshnessRequired(limit, aal=aal)
    if session.authenticated_at is None or now - session.authenticated_at >= limit:
        raise FreshnessRequired(limit)
