"""What rules look at: new lines of the journal with all that is needed to judge them, and the thresholds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any
from uuid import UUID

from msgspec import Struct

from sojourn.addresses import parsed
from sojourn.session import Session
from sojourn.settings_text import span, spelled

if TYPE_CHECKING:
    from sojourn.observe.journal.line import Line

__all__ = [
    "AlertRules",
    "Attempt",
    "Position",
    "SignIn",
    "Tallied",
    "Window",
    "changed",
    "said",
    "thresholds",
]


class AlertRules(Struct, frozen=True, kw_only=True):
    """When something is unusual. Spans are those over which is counted."""

    off: tuple[str, ...] = ()  # rules that are silent

    failed_per_account: int = 10
    failed_per_address: int = 30
    failed_over: timedelta = timedelta(minutes=15)

    refresh_failures: float = 0.05  # of all refreshes
    refresh_times_usual: float = 3.0  # and so many times what it usually is
    refresh_least: int = 10  # failures: two of three say nothing yet
    refresh_over: timedelta = timedelta(minutes=15)

    created_times_usual: float = 3.0  # more than, or less than a part of, the same hour of earlier weeks
    created_least: int = 50  # sign-ins an hour: below it chance rules
    created_weeks: int = 3  # that must be known

    revoked: int = 50
    revoked_over: timedelta = timedelta(minutes=10)

    travel_speed: float = 1000.0  # km/h: a little above an airliner
    travel_distance: float = 300.0  # km: below it the places of addresses are not to be trusted
    travel_distance_mobile: float = 1000.0  # km: a phone's address is often that of a far gateway
    travel_within: timedelta = timedelta(days=2)
    known_networks: tuple[str, ...] = ()  # from which everybody may come: the office's VPN

    quiet: timedelta = timedelta(days=1)  # without another occurrence an alert is over

    def knows(self, ip: str | None) -> bool:
        """Whether *ip* is of a network that says nothing about where its user is."""
        address = parsed(ip) if ip and self.known_networks else None
        return address is not None and any(address in ip_network(one) for one in self.known_networks)


class Attempt(Struct, frozen=True, kw_only=True):
    """A sign-in that failed. `account` and `origin` are keyed hashes; `around`: the address, cut."""

    at: datetime
    account: str | None
    origin: str | None
    around: str | None


class Position(Struct, frozen=True, kw_only=True):
    """Where an address is thought to be, in degrees; `radius`: how far off that may be, in km."""

    latitude: float
    longitude: float
    radius: float = 0.0


class SignIn(Struct, frozen=True, kw_only=True):
    """A sign-in, and what was known of its user before.

    `before`: other sessions of the user that began earlier, the latest first, whether they live or not, but
    for those that the user has reported as somebody else's. `positions`: of this one and of those, by session
    id, as far as they are known.
    """

    session: Session
    before: tuple[Session, ...] = ()
    first: bool  # the user has never been here
    knows_device: bool
    positions: Mapping[UUID, Position] = {}


class Tallied(Struct, frozen=True, kw_only=True):
    """Counts, each by label: of the spans that the rules name, and what they are compared with."""

    refreshes: Mapping[str, int] = {}
    refreshes_usually: Mapping[str, int] = {}  # of the week before
    created: int = 0  # in the last hour
    created_before: tuple[int, ...] = ()  # in the same hour of earlier weeks that are known
    revoked: Mapping[str, int] = {}


class Window(Struct, frozen=True, kw_only=True):
    """One look. `attempts` are all within `failed_over`, and the last `fresh` of them are new."""

    now: datetime
    rules: AlertRules = AlertRules()
    lines: Sequence[Line] = ()
    sign_ins: Sequence[SignIn] = ()
    attempts: Sequence[Attempt] = ()
    fresh: int = 0
    tallied: Tallied | None = None  # None: nobody counted this time


def said(line: Line, name: str) -> Any:
    """What *line* says about *name*, personal or not; None if it does not, or no longer."""
    personal = line.personal or {}
    return personal[name] if name in personal else line.facts.get(name)


def thresholds(text: str) -> dict[str, str]:
    """What `travel_speed=900,quiet=12h` says, by name and in order, or `ValueError` with what is possible."""
    pairs = [part.strip() for part in text.split(",") if part.strip()] if text != "none" else []
    found = {name.strip(): value.strip() for name, _, value in (pair.partition("=") for pair in pairs)}
    changed(found)
    return found


def changed(said: Mapping[str, str], **more: Any) -> AlertRules:
    """The usual rules with thresholds as *said*, in text."""
    return AlertRules(**{name: _threshold(name, text) for name, text in said.items()}, **more)


def _threshold(name: str, text: str) -> Any:
    if name not in _THRESHOLDS:
        raise ValueError(f"give name=value, with names among {', '.join(sorted(_THRESHOLDS))}")
    usual = _THRESHOLDS[name]
    try:
        value = span(text) if isinstance(usual, timedelta) else type(usual)(text)
    except ValueError:
        raise ValueError(f"{name} is {usual.__class__.__name__}, such as {name}={spelled(usual)}") from None
    if not value > type(value)(0):
        raise ValueError(f"{name} must be more than 0, such as {name}={spelled(usual)}")
    return value


_SET_APART = ("off", "known_networks")
_THRESHOLDS: dict[str, Any] = {
    name: getattr(AlertRules(), name) for name in AlertRules.__struct_fields__ if name not in _SET_APART
}
