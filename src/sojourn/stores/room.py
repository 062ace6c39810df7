"""Who makes room for a session that signs in: what a `Cap` says, worked out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Struct

from sojourn.session import Reason, Session
from sojourn.stores.protocol import Cap, CapRule

__all__ = ["Other", "Room", "make_room", "other"]


class Other(Struct, frozen=True):
    """What a cap has to know of a session. Ids and times are as a store has them: they are only compared."""

    id: Any
    seen_at: Any
    device_id: str | None
    application_id: str | None
    tenant_id: str | None
    profile: str | None


class Room(Struct, frozen=True):
    """Who ends, and why, in order; or by which rule nobody does, and who is in the way, newest first."""

    ending: tuple[tuple[Any, Reason], ...] = ()
    refused_by: CapRule | None = None
    in_the_way: tuple[Any, ...] = ()


def other(session: Session) -> Other:
    """*session* as a cap sees it."""
    return Other(
        session.id,
        session.seen_at,
        session.device.id,
        session.application_id,
        session.tenant_id,
        session.profile,
    )


def make_room(new: Other, others: Iterable[Other], cap: Cap) -> Room:
    """The room for *new* among *others*, which live, are of the same user, and are no impersonations."""
    staying, ending = list[Other](), list[tuple[Any, Reason]]()
    for one in sorted(others, key=_by_age):
        if _in_one_browser(one, new):
            ending.append((one.id, Reason.REPLACED))
        else:
            staying.append(one)
    for rule in cap.all_rules:
        scope = [
            one for one in staying if all(getattr(one, name) == getattr(new, name) for name in rule.same)
        ]
        over = len(scope) - rule.limit + 1
        if over <= 0:
            continue
        if rule.action == "refuse":
            return Room(refused_by=rule, in_the_way=tuple(one.id for one in reversed(scope)))
        surplus = scope[:over] if rule.action == "end_oldest" else sorted(scope, key=_by_use)[:over]
        gone = {one.id for one in surplus}
        ending += ((one.id, Reason.CAP) for one in surplus)
        staying = [one for one in staying if one.id not in gone]
    return Room(tuple(ending))


def _in_one_browser(one: Other, new: Other) -> bool:
    """Two applications in one browser are two sessions."""
    return (
        new.device_id is not None
        and one.device_id == new.device_id
        and one.application_id == new.application_id
        and one.tenant_id == new.tenant_id
    )


_by_age: Callable[[Other], Any] = lambda one: one.id  # noqa: E731
_by_use: Callable[[Other], Any] = lambda one: (one.seen_at, one.id)  # noqa: E731
