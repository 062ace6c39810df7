"""Every decision about a session: pure functions from session, policy and now to an outcome."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import replace as _replaced

from sojourn.errors import (
    AccessExpired,
    DataTooLarge,
    FreshnessRequired,
    SessionChanged,
    SessionError,
    SessionExpired,
    SessionNotFound,
    SessionRevoked,
    TokenInvalid,
    TokenReplayed,
    TokenSuperseded,
)
from sojourn.events import Event, Recovered, Refreshed, Renewed, Replayed, Verdict
from sojourn.policy import Policy
from sojourn.session import Device, Place, Reason, Seen, Session
from sojourn.token import Keys, Token, genuine

__all__ = [
    "Outcome",
    "admit",
    "end",
    "ended",
    "idle_end",
    "mark_for_renewal",
    "refresh",
    "renew",
    "require_fresh",
    "rotation_due",
    "start",
    "update",
    "used",
    "validate",
]


_NOT_AT_ALL = timedelta(0)  # idle: a person is active just now


class Outcome(Struct, frozen=True, kw_only=True):
    """What was decided. Nothing has happened yet: the façade commits it, and decides again if it lost a race.

    `session` is the record as it is to be. `write`: it must replace the stored version.
    `seen`: a use to record. `reissue`: the bearer is to get the current token. `renew`: the bearer
    is to get the token of a renewed session. `refusal`: raised after the write, which is how a
    replay both ends the session and is refused.
    """

    session: Session
    write: bool = False
    seen: Seen | None = None
    reissue: bool = False
    renew: bool = False
    refusal: SessionError | None = None
    events: tuple[Event, ...] = ()


# ── the two ends ──────────────────────────────────────────────────────────────────────────────


def idle_end(session: Session, policy: Policy) -> datetime:
    """When the session ends if nobody comes back: what people are told, without the allowance."""
    policy = policy.of(session)
    last = min(session.expires_at, _absolute_end(session, policy))
    return last if policy.idle_timeout is None else min(session.seen_at + policy.idle_timeout, last)


def ended(session: Session, policy: Policy, now: datetime) -> SessionError | None:
    """Why the session no longer lives, or None.

    The earlier of the stored end and the end that today's policy gives decides, so a tightened
    policy holds at once.
    """
    if session.revoked_at is not None:
        return SessionRevoked(session.id, session.reason)
    policy = policy.of(session)
    if now < _end(session, policy):
        return None
    last = _absolute_end(session, policy)
    if now >= last:
        return SessionExpired("absolute", last - session.created_at)
    return SessionExpired("idle", policy.idle_timeout or now - session.seen_at)


def end(session: Session, policy: Policy) -> datetime:
    """When the session ends by time if it is not used again: the earlier of the stored end and today's."""
    return _end(session, policy.of(session))


def used(
    session: Session, policy: Policy, now: datetime, generation: int | None = None
) -> tuple[Seen, Session]:
    """A use by a person at *now*: what is to be recorded, and the session as it then is."""
    last = max(session.expires_at, _stored_end(now, session.ends_at, policy.of(session)))
    return Seen(now, last, generation), _replaced(session, seen_at=now, expires_at=last)


# Every request comes through these, and `min` takes as long as the rest of each.


def _end(session: Session, policy: Policy) -> datetime:
    """`end` by the policy as it is for *session*."""
    todays = _stored_end(session.seen_at, _absolute_end(session, policy), policy)
    stored = session.expires_at
    return stored if stored < todays else todays


def _absolute_end(session: Session, policy: Policy) -> datetime:
    todays, stored = session.created_at + policy.lifetime_of(session.user_id), session.ends_at
    return stored if stored < todays else todays


def _stored_end(seen_at: datetime, ends_at: datetime, policy: Policy) -> datetime:
    idle = policy.idle_timeout
    if idle is None:
        return ends_at
    unseen = seen_at + idle + policy.allowance
    return unseen if unseen < ends_at else ends_at


# ── start ─────────────────────────────────────────────────────────────────────────────────────


def start(
    policy: Policy,
    now: datetime,
    *,
    id: UUID,
    salt: bytes,
    key_id: int,
    user_id: str | None,
    device: Device,
    place: Place | None = None,
    ip: str | None = None,
    amr: Iterable[str] = (),
    aal: int = 1,
    remember: bool = False,
    application_id: str | None = None,
    tenant_id: str | None = None,
    profile: str | None = None,
    authenticated_at: datetime | None = None,
    data: Mapping[str, Any] | None = None,
) -> Session:
    """A new session of *user_id*, or of a visitor, as the policy has it.

    *authenticated_at*: when the user proved who they are, if that was not now but for another session.
    """
    session = Session(
        id=id,
        user_id=user_id,
        application_id=application_id,
        tenant_id=tenant_id,
        salt=salt,
        key_id=key_id,
        created_at=now,
        seen_at=now,
        authenticated_at=None if user_id is None else min(authenticated_at or now, now),
        expires_at=now,
        ends_at=now,
        amr=tuple(amr),
        aal=0 if user_id is None else aal,
        device=device,
        place=place,
        ip=ip,
        remember=remember,
        profile=profile,
        data=_fitting(dict(data or {}), policy),
    )
    policy = policy.of(session)
    ends_at = now + policy.lifetime_of(user_id)
    return _replaced(session, ends_at=ends_at, expires_at=_stored_end(now, ends_at, policy))


# ── validate and refresh ──────────────────────────────────────────────────────────────────────


def validate(
    session: Session | None,
    policy: Policy,
    now: datetime,
    *,
    token: Token,
    keys: Keys,
    passive: bool = False,
    rotating: bool = True,
    idle: timedelta = _NOT_AT_ALL,
) -> Outcome:
    """Say whether *token* may use *session* at *now*, and what must be written if so; else raise.

    *passive* requests come from a program, not from a person: they never slide the session. *idle*:
    how long ago the person was active, as their client says; what is longer ago than known slides nothing.
    With *rotating*, a generation older than `policy.rotate_every` is answered `AccessExpired`;
    without, the caller rotates in passing.
    """
    session = _admitted(session, policy, now, token, keys)
    policy = policy.of(session)
    behind = session.generation - token.generation
    if behind < 0:
        return _recover(session, token, now)
    if behind == 0:
        if rotating and rotation_due(session, policy, now):
            raise AccessExpired
        return _accept(session, policy, now, token, keys, used_at=None if passive else now - idle)
    if behind == 1 and _within_grace(session, policy, now):
        return Outcome(session=session)
    if behind == 1 and _answer_was_lost(session, policy, now):
        return _remind(session, policy, now, passive=passive, rotating=rotating)
    raise TokenSuperseded


def admit(
    session: Session | None,
    policy: Policy,
    now: datetime,
    *,
    user_id: str,
    version: int,
    generation: int | None = None,
    passive: bool = False,
    idle: timedelta = _NOT_AT_ALL,
) -> Outcome:
    """Say whether an access token of *user_id*, made of the session's *version*, may use it at *now*.

    A renewal since then voids it: its bearer has to refresh, and gets one that knows of the change.
    *generation*: of the refresh token that came with it, which has arrived as well.
    """
    if session is None or session.user_id != user_id:
        raise TokenInvalid
    session = _living(session, policy, now)
    policy = policy.of(session)
    if version < session.void_below:
        raise AccessExpired
    seen, session = _noted(session, policy, now, None if passive else now - idle, generation)
    return Outcome(session=session, seen=seen)


def refresh(
    session: Session | None,
    policy: Policy,
    now: datetime,
    *,
    token: Token,
    keys: Keys,
    bearer: bool = False,
    application_id: str | None = None,
) -> Outcome:
    """Rotate the token, repeat an answer that was lost, or end the session that is being replayed.

    Never moves `seen_at`, `authenticated_at` or an end: a refresh is not a person (RFC 9470 section 6.1).

    *bearer*: the token is presented nowhere else, so this is the use at which a renewal falls due;
    twins could not follow a new salt, and what a change of privilege voids are access tokens. Then it
    must be of a session of *application_id*, or nothing is ended and nothing is told.
    """
    session = _admitted(session, policy, now, token, keys)
    if bearer and session.application_id != application_id:
        raise TokenInvalid
    policy = policy.of(session)
    behind = session.generation - token.generation
    if behind <= 0:
        return _rotate(session, token, now, keys, renew_due=session.renew_due and not bearer)
    if behind == 1 and _within_grace(session, policy, now):
        return Outcome(session=session, events=(_refreshed(session, now, "twin"),))
    if behind == 1 and _answer_was_lost(session, policy, now):
        return _repeat(session, now)
    return _replay(session, token, now)


def _admitted(session: Session | None, policy: Policy, now: datetime, token: Token, keys: Keys) -> Session:
    """*session*, if *token* belongs to it and it lives. Genuineness first: a forger learns nothing more."""
    if session is None or not genuine(token, session, keys):
        raise TokenInvalid
    return _living(session, policy, now)


def _living(session: Session | None, policy: Policy, now: datetime) -> Session:
    if session is None:
        raise SessionNotFound
    if refusal := ended(session, policy, now):
        raise refusal
    return session


def _slides(session: Session, policy: Policy, used_at: datetime) -> bool:
    """Whether a use at *used_at* is worth a write, and news."""
    return used_at - session.seen_at >= policy.touch_every and used_at >= session.seen_at


def _noted(
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


def _accept(
    session: Session, policy: Policy, now: datetime, token: Token, keys: Keys, *, used_at: datetime | None
) -> Outcome:
    """*used_at*: when a person last was active; None: a program asks."""
    seen, session = _noted(session, policy, now, used_at, token.generation)
    passive = used_at is None
    if passive:
        return Outcome(session=session, seen=seen)
    if keys.retired(session.key_id):
        moved = session.change(key_id=keys.signing_id)
        return Outcome(session=moved, write=True, reissue=True, renew=session.renew_due)
    return Outcome(
        session=session, seen=seen, reissue=token.key_id != session.key_id, renew=session.renew_due
    )


def _recover(session: Session, token: Token, now: datetime) -> Outcome:
    """The record is older than a token that we made: the store was rolled back, so move it forward."""
    ahead = session.change(
        generation=token.generation, key_id=token.key_id, rotated_at=now, confirmed_at=now, forgiven_at=None
    )
    return Outcome(session=ahead, write=True, events=(_recovered(session, token, now),))


def _rotate(session: Session, token: Token, now: datetime, keys: Keys, *, renew_due: bool) -> Outcome:
    events: tuple[Event, ...] = (_refreshed(session, now, "rotated"),)
    if token.generation > session.generation:
        events = (_recovered(session, token, now), *events)
    rotated = session.change(
        generation=token.generation + 1,
        key_id=keys.signing_id,
        rotated_at=now,
        confirmed_at=None,
        forgiven_at=None,
        renew_due=renew_due,
    )
    return Outcome(session=rotated, write=True, events=events)


def _remind(session: Session, policy: Policy, now: datetime, *, passive: bool, rotating: bool) -> Outcome:
    """Have the bearer get the successor that never arrived.

    Who rotates by age goes on with the old token unless told, until it is too late to ask.
    """
    if policy.rotate_every is None:
        return Outcome(session=session)
    if rotating:
        raise AccessExpired
    return Outcome(session=session) if passive else _replaced(_repeat(session, now), reissue=True)


def _repeat(session: Session, now: datetime) -> Outcome:
    """The successor once more, and the grace begins anew."""
    again = session.change(forgiven_at=now)
    return Outcome(session=again, write=True, events=(_refreshed(session, now, "lost_answer"),))


def _replay(session: Session, token: Token, now: datetime) -> Outcome:
    over = session.change(revoked_at=now, reason=Reason.REPLAY)
    event = Replayed(
        at=now,
        session_id=session.id,
        user_id=session.user_id,
        generation=token.generation,
        current=session.generation,
    )
    return Outcome(session=over, write=True, refusal=TokenReplayed(), events=(event,))


def rotation_due(session: Session, policy: Policy, now: datetime) -> bool:
    """Whether the generation is older than `policy.rotate_every`."""
    every = policy.of(session).rotate_every
    return every is not None and now - (session.rotated_at or session.created_at) >= every


def _within_grace(session: Session, policy: Policy, now: datetime) -> bool:
    began = session.forgiven_at or session.rotated_at
    return began is not None and now - began < policy.grace


def _answer_was_lost(session: Session, policy: Policy, now: datetime) -> bool:
    """Nobody has shown the successor yet, so its answer may never have arrived."""
    made_at = session.rotated_at
    return session.confirmed_at is None and made_at is not None and now - made_at < policy.lost_answer


def _refreshed(session: Session, now: datetime, verdict: Verdict) -> Refreshed:
    return Refreshed(at=now, session_id=session.id, user_id=session.user_id, verdict=verdict)


def _recovered(session: Session, token: Token, now: datetime) -> Recovered:
    return Recovered(
        at=now,
        session_id=session.id,
        user_id=session.user_id,
        generation=token.generation,
        stored=session.generation,
    )


# ── renew and update ──────────────────────────────────────────────────────────────────────────


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
    session = _living(session, policy, now)
    policy = policy.of(session)
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
            "expires_at": max(session.expires_at, _stored_end(now, session.ends_at, policy)),
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

    The rules of *profile* hold at once.
    """
    session = _living(session, policy, now)
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
    session = _living(session, policy, now)
    gone = frozenset(remove)
    kept = {key: value for key, value in session.data.items() if key not in gone}
    data = _fitting(kept | dict(set or {}), policy)
    if data == session.data and device in (None, session.device):
        return Outcome(session=session)
    known = any(data.get(key, _ABSENT) != session.data.get(key, _ABSENT) for key in policy.cached_data)
    change = session.voiding if known else session.change
    return Outcome(session=change(data=data, device=device or session.device), write=True)


_ABSENT: Any = object()


def _fitting(data: dict[str, Any], policy: Policy) -> dict[str, Any]:
    size = len(msgspec.json.encode(data))
    if size > policy.max_data:
        raise DataTooLarge(
            f"The session data has {size} bytes, {policy.max_data} are allowed. "
            "Keep large values in your own tables, or raise Policy.max_data."
        )
    return data


def require_fresh(
    session: Session, policy: Policy, now: datetime, max_age: timedelta | None = None, *, aal: int = 0
) -> None:
    """Raise `FreshnessRequired` unless the user proved who they are within *max_age*, by *aal* or more."""
    limit = policy.of(session).fresh_for if max_age is None else max_age
    if session.aal < aal:
        raise FreshnessRequired(limit, aal=aal)
    if session.authenticated_at is None or now - session.authenticated_at >= limit:
        raise FreshnessRequired(limit)
