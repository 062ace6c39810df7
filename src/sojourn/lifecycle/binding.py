"""What follows when a session is used from another browser, system or network than before."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

from sojourn.addresses import cut, same_network
from sojourn.device import same_family
from sojourn.errors import FreshnessRequired, SessionRevoked
from sojourn.events import Challenged, DeviceChanged, Event, NetworkChanged, Revoked
from sojourn.lifecycle.ends import living
from sojourn.lifecycle.outcome import Outcome
from sojourn.policy import Policy
from sojourn.session import Device, Reason, Session

__all__ = ["Change", "Here", "bind", "changes", "require_bound"]

Change = Literal["browser", "network"]


class Here(Struct, frozen=True):
    """From where a session is used just now, as far as that is known."""

    device: Device | None = None
    ip: str | None = None
    country: str | None = None


def changes(session: Session, here: Here) -> tuple[Change, ...]:
    """What became another one. Meaning is compared, and what is not known is no change (OWASP, CT-02).

    An update of a browser is the same browser. A network is the same within a /16, of IPv6 a /32; beyond
    that countries decide, where both are known: within one, phones get other addresses all the time.
    """
    found: list[Change] = []
    if here.device is not None and not same_family(session.device, here.device):
        found.append("browser")
    if _elsewhere(session, here):
        found.append("network")
    return tuple(found)


def bind(session: Session | None, policy: Policy, now: datetime, *, here: Here) -> Outcome:
    """What the policy's `binding` has follow from a use of *session* from *here*.

    A notice, and with `end` a revocation. With `step_up` nothing is written: `require_bound` refuses
    what is sensitive as often as it is asked for from there, until the user proves there who they are.
    """
    session = living(session, policy, now)
    binding = policy.of(session).binding
    found = () if binding == "off" else changes(session, here)
    if not found:
        return Outcome(session=session)
    told = [_told(change, session, now, here) for change in found]
    if binding == "step_up":
        told.append(Challenged(**_facts(session, now, here), why=" and ".join(found)))
    if binding != "end":
        return Outcome(session=session, events=tuple(told))
    over = session.change(revoked_at=now, reason=Reason.BINDING)
    told.append(Revoked(**_facts(session, now, here), reason=Reason.BINDING))
    refusal = SessionRevoked(session.id, Reason.BINDING)
    return Outcome(session=over, write=True, refusal=refusal, events=tuple(told))


def require_bound(session: Session, policy: Policy, *, here: Here) -> None:
    """Raise `FreshnessRequired` if a proof was asked for where *session* was, and *here* is elsewhere."""
    rules = policy.of(session)
    if rules.binding == "step_up" and changes(session, here):
        raise FreshnessRequired(rules.fresh_for)


def _elsewhere(session: Session, here: Here) -> bool:
    near = same_network(session.ip, here.ip)
    if near:
        return False
    known = session.place.country if session.place is not None else None
    if known is not None and here.country is not None:
        return known != here.country
    return near is False


def _told(change: Change, session: Session, now: datetime, here: Here) -> Event:
    facts = _facts(session, now, here)
    if change == "browser" and here.device is not None:
        return DeviceChanged(**facts, before=session.device.name, after=here.device.name)
    before = session.place.country if session.place is not None else None
    return NetworkChanged(
        **facts,
        before=_said(before, session.ip),
        after=_said(here.country, here.ip),
    )


def _said(country: str | None, ip: str | None) -> str:
    """A country and a network, as far as they are known: never a whole address."""
    return ", ".join(filter(None, (country, cut(ip)))) or "unknown"


def _facts(session: Session, now: datetime, here: Here) -> dict[str, Any]:
    return {"at": now, "session_id": session.id, "user_id": session.user_id, "ip": here.ip}
