"""What the API shows: a fixed list of fields, so that nothing else can slip out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from sojourn import lifecycle
from sojourn.lifecycle import Ending
from sojourn.policy import Policy, words
from sojourn.session import Device, DeviceKind, Reason, Session

__all__ = [
    "Changed",
    "Count",
    "Current",
    "DeviceView",
    "Done",
    "Ended",
    "EndedRow",
    "Entered",
    "History",
    "Limits",
    "PlaceView",
    "SessionList",
    "SessionRow",
    "Time",
    "UserView",
    "device_view",
    "ended_row",
    "instant",
    "limits",
    "row",
    "user_view",
    "version_of",
]

Time = Annotated[
    str,
    Meta(description="UTC, with milliseconds", extra_json_schema={"format": "date-time"}),
]


class DeviceView(Struct, kw_only=True):
    id: str | None
    kind: DeviceKind
    name: str
    custom_name: str | None  # what its user calls it
    model: str | None
    browser: str | None
    browser_version: str | None
    os: str | None
    os_version: str | None


class PlaceView(Struct, kw_only=True):
    city: str | None
    country: str | None


class SessionRow(Struct, kw_only=True):
    """A live session: it ends at `expires_at` if nobody comes back, at `ends_at` in any case."""

    id: UUID
    current: bool
    device: DeviceView
    ip: str | None
    place: PlaceView | None
    created_at: Time
    seen_at: Time
    expires_at: Time
    ends_at: Time
    authenticated_at: Time | None
    application_id: str | None
    tenant_id: str | None
    amr: tuple[str, ...]  # how they signed in (RFC 8176)
    remember: bool
    impersonated: bool  # an administrator acts as the user


class EndedRow(SessionRow, kw_only=True):
    """An ended session. `reason` is null if it ended by time; `by` is user, admin or system."""

    ended_at: Time
    reason: Reason | None
    by: str | None


class SessionList(Struct, kw_only=True):
    """Live sessions.

    `version` tells one state of the whole list from another, as the ids of the event stream do. It is null
    if not all of the list was asked for: by a filter, or with a limit.
    """

    sessions: list[SessionRow]
    count: int
    version: str | None
    server_now: Time


class History(Struct, kw_only=True):
    sessions: list[EndedRow]
    count: int
    server_now: Time


class Ended(Struct, kw_only=True):
    """One session is over; until `undo_until`, if there is one, it can be brought back."""

    id: UUID
    undo_until: Time | None = None


class Count(Struct, kw_only=True):
    count: int


class Changed(Struct, kw_only=True):
    """How many other sessions ended; in bearer mode with the tokens of the one that goes on."""

    count: int
    access_token: str | UnsetType = UNSET
    refresh_token: str | UnsetType = UNSET
    token_type: Literal["Bearer"] | UnsetType = UNSET
    expires_in: int | UnsetType = UNSET


class Done(Struct, kw_only=True):
    success: bool = True


class UserView(Struct, kw_only=True):
    id: str
    email: str
    name: str
    role: str
    created_at: Time
    disabled: bool


class Entered(Struct, kw_only=True):
    """Signed in: by a cookie, or in bearer mode by the tokens that stand here."""

    user: UserView
    session: SessionRow
    access_token: str | UnsetType = UNSET
    refresh_token: str | UnsetType = UNSET
    token_type: Literal["Bearer"] | UnsetType = UNSET
    expires_in: int | UnsetType = UNSET  # seconds, of the access token


class Limits(Struct, kw_only=True):
    """The policy's numbers, in seconds and as people say them: no page has them as constants."""

    lifetime: int
    lifetime_words: str
    idle_timeout: int | None
    idle_timeout_words: str | None
    activity_every: int
    fresh_for: int
    rotate_every: int | None
    undo_for: int  # how long the sign-out of another device can be undone; 0: not at all


class Current(Struct, kw_only=True):
    """A session as it is now; after a refresh or a renewal in bearer mode with its tokens."""

    user: UserView | None
    session: SessionRow
    limits: Limits
    server_now: Time
    access_token: str | UnsetType = UNSET
    refresh_token: str | UnsetType = UNSET
    token_type: Literal["Bearer"] | UnsetType = UNSET
    expires_in: int | UnsetType = UNSET


def instant(at: datetime) -> str:
    """ISO 8601, UTC, exactly three fraction digits and Z."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def row(session: Session, policy: Policy, current: UUID | None) -> SessionRow:
    """*session* as its owner sees it."""
    return SessionRow(**_fields(session, policy, current))


def version_of(sessions: Iterable[Session]) -> str:
    """What tells one state of a user's list from another, whatever its order.

    Use and rotation make no other state: nobody would see the difference.
    """
    listed = sorted((session.id, session.void_below, session.device) for session in sessions)
    return hashlib.blake2b(msgspec.json.encode(listed), digest_size=9).hexdigest()


def ended_row(session: Session, policy: Policy) -> EndedRow:
    ending = lifecycle.ending(session, policy)
    return EndedRow(
        **_fields(session, policy, None),
        ended_at=instant(ending.at),
        reason=ending.reason,
        by=_by(session, ending),
    )


def _by(session: Session, ending: Ending) -> str | None:
    """Who ended it; an administrator's name is none of the user's business."""
    if ending.reason is None and session.revoked_at is None:
        return None
    if ending.reason is Reason.ADMIN:  # also from the command line, where nobody is signed in
        return "admin"
    if ending.by is None:
        return "system"
    return "user" if ending.by == session.user_id else "admin"


def device_view(device: Device) -> DeviceView:
    """*device* without its user agent, which says no more to people than its name."""
    return DeviceView(**{name: getattr(device, name) for name in DeviceView.__struct_fields__})


def _fields(s: Session, policy: Policy, current: UUID | None) -> dict[str, Any]:
    return {
        "id": s.id,
        "current": s.id == current,
        "device": device_view(s.device),
        "ip": s.ip,
        "place": PlaceView(city=s.place.city, country=s.place.country) if s.place else None,
        "created_at": instant(s.created_at),
        "seen_at": instant(s.seen_at),
        "expires_at": instant(lifecycle.idle_end(s, policy)),
        "ends_at": instant(s.ends_at),
        "authenticated_at": instant(s.authenticated_at) if s.authenticated_at else None,
        "application_id": s.application_id,
        "tenant_id": s.tenant_id,
        "amr": s.amr,
        "remember": s.remember,
        "impersonated": s.parent_id is not None,
    }


def user_view(user: Any) -> UserView:
    return UserView(
        id=user.id,
        email=user.email,
        name=user.name,
        role=user.role,
        created_at=instant(user.created_at),
        disabled=user.disabled_at is not None,
    )


def limits(policy: Policy) -> Limits:
    return Limits(
        lifetime=_seconds(policy.lifetime),
        lifetime_words=words(policy.lifetime),
        idle_timeout=None if policy.idle_timeout is None else _seconds(policy.idle_timeout),
        idle_timeout_words=None if policy.idle_timeout is None else words(policy.idle_timeout),
        activity_every=_seconds(policy.activity_every),
        fresh_for=_seconds(policy.fresh_for),
        rotate_every=None if policy.rotate_every is None else _seconds(policy.rotate_every),
        undo_for=_seconds(policy.undo_for),
    )


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())
