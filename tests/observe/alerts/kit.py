"""What tests of alerts share: lines as the journal has them, sign-ins with what was before, places."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sojourn import Device, Place, Reason, Session
from sojourn.observe.alerts.window import Attempt, Position, SignIn
from sojourn.observe.journal.line import Line
from sojourn.session import DeviceKind, new_id
from sojourn.testing import make_session
from tests.observe.kit import HOUR, NOON

BERLIN = Position(latitude=52.52, longitude=13.405)
POTSDAM = Position(latitude=52.39, longitude=13.06)
PARIS = Position(latitude=48.857, longitude=2.352)
LONDON = Position(latitude=51.507, longitude=-0.128)
NEW_YORK = Position(latitude=40.713, longitude=-74.006)


def line(name: str, *, at: datetime = NOON, user_id: str | None = "ada", place: int = 1, **said: Any) -> Line:
    """A line of the journal in which everything is personal."""
    return Line(
        place=place,
        writer="w",
        number=place,
        at=at,
        name=name,
        session_id=said.pop("session_id", new_id(at, user_id)),
        person=b"p" * 16,
        facts={},
        personal={"user_id": user_id} | said,
        digest=b"",
        hash=b"",
    )


def session(
    at: datetime = NOON,
    *,
    device: str | None = "d1",
    kind: DeviceKind = "desktop",
    country: str | None = "DE",
    city: str | None = "Berlin",
    ip: str = "198.51.100.7",
    reason: Reason | None = None,
) -> Session:
    """One of ada's sessions, begun *at* an instant."""
    return make_session(
        id=new_id(at, "ada"),
        user_id="ada",
        created_at=at,
        device=Device(
            id=device,
            kind=kind,
            name="Chrome 143 on macOS",
            browser="Chrome",
            browser_version="143",
            os="macOS",
        ),
        place=Place(city=city, country=country),
        ip=ip,
        reason=reason,
    )


def sign_in(
    now: Session, *before: Session, knows: bool = False, at: tuple[Position | None, ...] = ()
) -> SignIn:
    """A sign-in after *before*; *at*: where the first of these sessions are, in the same order."""
    named = zip((now, *before), at, strict=False)
    return SignIn(
        session=now,
        before=before,
        first=not before,
        knows_device=knows,
        positions={one.id: position for one, position in named if position is not None},
    )


def travelled(before: Position | None, after: Position | None, span: timedelta, **more: Any) -> SignIn:
    """A sign-in at *after*, *span* after one at *before* on another device."""
    first = session(NOON - span, device="other", **more)
    return sign_in(session(**more), first, at=(after, before))


def attempts(count: int, *, account: str = "a", origin: str = "o", at: datetime = NOON) -> list[Attempt]:
    return [Attempt(at=at, account=account, origin=origin, around="198.51.100.0/24") for _ in range(count)]


__all__ = [
    "BERLIN",
    "HOUR",
    "LONDON",
    "NEW_YORK",
    "NOON",
    "PARIS",
    "POTSDAM",
    "attempts",
    "line",
    "session",
    "sign_in",
    "travelled",
]  # fmt: skip
