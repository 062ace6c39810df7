"""Travel: how far it is from one sign-in to the next, and whether anybody goes so fast."""

from __future__ import annotations

from datetime import timedelta
from math import asin, cos, radians, sin, sqrt

from msgspec import Struct

from sojourn.observe.alerts.window import AlertRules, Position, SignIn
from sojourn.session import Session

__all__ = ["Journey", "distance", "journey", "speed"]

_EARTH = 6371.0  # km, its mean radius
_MOMENT = timedelta(minutes=1)  # two sign-ins in the same one: faster than anything


def distance(one: Position, other: Position) -> float:
    """The way along the surface, in km, less what either place may be off (haversine formula)."""
    a, b = radians(one.latitude), radians(other.latitude)
    half = sin((b - a) / 2) ** 2
    half += cos(a) * cos(b) * sin(radians(other.longitude - one.longitude) / 2) ** 2
    whole = 2 * _EARTH * asin(min(1.0, sqrt(half)))
    return max(0.0, whole - one.radius - other.radius)


def speed(way: float, span: timedelta) -> float:
    """In km/h, for *way* km within *span*."""
    return way / (max(abs(span), _MOMENT) / timedelta(hours=1))


class Journey(Struct, frozen=True, kw_only=True):
    """From the session `last` to a sign-in, `kilometres` away and `span` later, in whole minutes."""

    last: Session
    kilometres: float
    span: timedelta
    speed: float


def journey(sign_in: SignIn, rules: AlertRules) -> Journey | None:
    """The way to *sign_in*, if it is impossible.

    Never where a place is not known, on the same device (it is the network that moved, such as a VPN that
    was switched on), in networks that are known, and at a place from which the user often comes.
    """
    last = _last_elsewhere(sign_in)
    if last is None or rules.knows(sign_in.session.ip) or rules.knows(last.ip):
        return None
    way = distance(sign_in.positions[sign_in.session.id], sign_in.positions[last.id])
    span = sign_in.session.created_at - last.created_at
    fast = speed(way, span)
    if (
        way < _far(rules, sign_in.session, last)
        or fast < rules.travel_speed
        or span > rules.travel_within
        or _is_usual(sign_in, rules)
    ):
        return None
    return Journey(last=last, kilometres=way, span=_whole(span), speed=fast)


def _last_elsewhere(sign_in: SignIn) -> Session | None:
    """The latest session before, if its place and that of the sign-in are known and its device is another."""
    if sign_in.session.id not in sign_in.positions or sign_in.session.parent_id is not None:
        return None
    own = sign_in.session.device.id
    for session in sign_in.before:
        if session.id in sign_in.positions:
            return None if own is not None and session.device.id == own else session
    return None


def _is_usual(sign_in: SignIn, rules: AlertRules) -> bool:
    """Whether the user came from around here before, more than once, on other days."""
    here = sign_in.positions[sign_in.session.id]
    days = {
        session.created_at.date()
        for session in sign_in.before
        if session.id in sign_in.positions
        and distance(here, sign_in.positions[session.id]) < rules.travel_distance / 3
    }
    return len(days - {sign_in.session.created_at.date()}) >= 2


def _far(rules: AlertRules, *sessions: Session) -> float:
    mobile = any(session.device.kind in ("mobile", "tablet") for session in sessions)
    return rules.travel_distance_mobile if mobile else rules.travel_distance


def _whole(span: timedelta) -> timedelta:
    return max(timedelta(minutes=abs(span) // timedelta(minutes=1)), timedelta(minutes=1))
