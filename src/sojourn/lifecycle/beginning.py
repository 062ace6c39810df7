"""How a session begins: of who has signed in, or of who acts as somebody else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from msgspec.structs import replace as _replaced

from sojourn.errors import DataTooLarge, Forbidden, SessionChanged, SessionRevoked
from sojourn.lifecycle.ends import absolute_end, living, stored_end
from sojourn.lifecycle.outcome import Outcome
from sojourn.policy import Policy
from sojourn.session import Device, Place, Reason, Session

__all__ = ["carry", "fitting", "impersonate", "start"]

_DEEPEST = 32


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
    idle_timeout: timedelta | None = None,
    data: Mapping[str, Any] | None = None,
) -> Session:
    """A new session of *user_id*, or of a visitor, as the policy has it.

    *authenticated_at*: when the user proved who they are, if that was not now but for another session.
    *idle_timeout*: the user's own, in whole seconds.
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
        idle_timeout=idle_timeout,
        data=fitting(dict(data or {}), policy),
    )
    policy = policy.of(session)
    ends_at = now + policy.lifetime_of(user_id)
    return _replaced(session, ends_at=ends_at, expires_at=stored_end(now, ends_at, policy))


def impersonate(
    parent: Session | None,
    policy: Policy,
    now: datetime,
    *,
    by: str | None,
    user_id: str,
    id: UUID,
    salt: bytes,
    key_id: int,
    device: Device | None = None,
    ip: str | None = None,
    place: Place | None = None,
    data: Mapping[str, Any] | None = None,
    lasting: timedelta | None = None,
    note: str | None = None,
) -> Outcome:
    """The session in which *by*, whose own is *parent*, acts as *user_id*; it is yet to be inserted.

    Nobody has proved to be that user, so nothing that asks for a fresh sign-in is ever open to it. It
    outlives neither `impersonate_for` nor *lasting* nor *parent*, whose rules hold for it.
    """
    parent = living(parent, policy, now)
    who = parent.user_id
    if who is None or who != by or parent.parent_id is not None:
        raise Forbidden("Only who is signed in as themselves can act as somebody else.")
    if who == user_id:
        raise Forbidden("You are this user already.")
    if parent.renew_due:
        raise SessionChanged
    longest = policy.impersonate_for if lasting is None else min(lasting, policy.impersonate_for)
    ends_at = min(now + longest, absolute_end(parent, policy.of(parent)))
    session = Session(
        id=id,
        user_id=user_id,
        salt=salt,
        key_id=key_id,
        created_at=now,
        seen_at=now,
        expires_at=now,
        ends_at=ends_at,
        device=device or _replaced(parent.device, custom_name=None),  # which is nobody else's to read
        place=place or (parent.place if ip in (None, parent.ip) else None),
        ip=ip or parent.ip,
        profile=parent.profile,
        impersonator_id=who,
        parent_id=parent.id,
        parent_version=parent.void_below,
        note=note,
        data=fitting(dict(data or {}), policy),
    )
    return Outcome(session=_replaced(session, expires_at=stored_end(now, ends_at, policy.of(session))))


def carry(parent: Session | None, policy: Policy, now: datetime, *, child: Session) -> Outcome:
    """Raise unless *parent* still lets *child* live: it lives, and was not renewed since, nor is to be."""
    parent = living(parent, policy, now)
    if (
        parent.renew_due
        or parent.void_below > child.parent_version
        or parent.parent_id is not None
        or parent.user_id != child.impersonator_id
    ):
        raise SessionRevoked(child.id, Reason.SYSTEM)
    return Outcome(session=parent)


def fitting(data: dict[str, Any], policy: Policy) -> dict[str, Any]:
    if not _shallow(data, _DEEPEST):
        raise DataTooLarge(
            f"The session data is nested more than {_DEEPEST} deep. Keep such values elsewhere."
        )
    size = len(msgspec.json.encode(data))
    if size > policy.max_data:
        raise DataTooLarge(
            f"The session data has {size} bytes, {policy.max_data} are allowed. "
            "Keep large values in your own tables, or raise Policy.max_data."
        )
    return data


def _shallow(value: Any, left: int) -> bool:
    """Whether *value* is nested at most *left* deep: whoever reads it back must not run out of stack."""
    if not isinstance(value, Mapping | list | tuple):
        return True
    inner = value.values() if isinstance(value, Mapping) else value
    return left > 0 and all(_shallow(each, left - 1) for each in inner)
