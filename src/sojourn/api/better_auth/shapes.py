"""What a client of Better Auth sees of a user and a session: a fixed list of fields, and no credential."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct, to_builtins

from sojourn import lifecycle
from sojourn.accounts import User
from sojourn.api.routes import Call
from sojourn.api.views import DeviceView, PlaceView, Time, device_view, instant
from sojourn.custom import KEY, merged
from sojourn.policy import Policy
from sojourn.session import Session

__all__ = ["SessionShape", "UserShape", "both", "session_shape", "user_shape"]


class UserShape(Struct, kw_only=True):
    id: str
    name: str
    email: str
    emailVerified: bool  # noqa: N815 - their names
    image: str | None
    createdAt: Time  # noqa: N815
    updatedAt: Time  # noqa: N815
    role: str
    banned: bool
    banReason: str | None  # noqa: N815
    banExpires: Time | None  # noqa: N815


class SessionShape(Struct, kw_only=True):
    """Their fields, and ours behind them. `token` is a handle, which their calls take back: no credential."""

    id: str
    token: str
    userId: str | None  # noqa: N815
    expiresAt: Time  # noqa: N815
    createdAt: Time  # noqa: N815
    updatedAt: Time  # noqa: N815
    ipAddress: str  # noqa: N815
    userAgent: str  # noqa: N815
    impersonatedBy: str | None  # noqa: N815
    device: DeviceView
    place: PlaceView | None
    current: bool


def user_shape(user: User) -> UserShape:
    return UserShape(
        id=user.id,
        name=user.name,
        email=user.email,
        emailVerified=user.email_verified_at is not None,
        image=user.image,
        createdAt=instant(user.created_at),
        updatedAt=instant(user.updated_at or user.created_at),
        role=user.role,
        banned=not user.enabled,
        banReason=user.disabled_note,
        banExpires=_time(user.disabled_until),
    )


def session_shape(session: Session, policy: Policy, current: Session | None) -> SessionShape:
    return SessionShape(
        id=str(session.id),
        token=str(session.id),
        userId=session.user_id,
        expiresAt=instant(lifecycle.idle_end(session, policy)),
        createdAt=instant(session.created_at),
        updatedAt=instant(session.seen_at),
        ipAddress=session.ip or "",
        userAgent=session.device.user_agent,
        impersonatedBy=session.impersonator_id,
        device=device_view(session.device),
        place=PlaceView(city=session.place.city, country=session.place.country) if session.place else None,
        current=current is not None and session.id == current.id,
    )


async def both(call: Call, session: Session, user: User, *, custom: bool = True) -> dict[str, Any]:
    """`{session, user}`, with what the application adds to it and the data that clients may set."""
    sessions = call.visit.site.sessions
    shown = {
        "session": shown_session(call, session, session),
        "user": to_builtins(user_shape(user)),
    }
    if sessions.custom is None or not custom:
        return shown
    return merged(shown, (await sessions.customised(session)).data.get(KEY) or {})


def shown_session(call: Call, session: Session, current: Session | None) -> dict[str, Any]:
    """The session with the fields of its data that `session_fields` names."""
    shape: dict[str, Any] = to_builtins(session_shape(session, call.visit.site.sessions.policy, current))
    return call.fields_of(session) | shape


def _time(at: datetime | None) -> Time | None:
    return None if at is None else instant(at)
