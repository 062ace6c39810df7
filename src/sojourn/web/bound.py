"""Whether a request comes from where its session was before, and what follows if it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace as _replaced

from sojourn.addresses import around
from sojourn.errors import SessionError
from sojourn.lifecycle import Here, changes
from sojourn.session import Device, Place, Session
from sojourn.web.browser import device_now, noticed

if TYPE_CHECKING:
    from sojourn.web.finding import Finding

__all__ = ["as_before", "moved", "noted", "place_of", "require"]


def place_of(visit: Finding) -> Place | None:
    """Where whoever asks is thought to be: by the database of places, or else by a trusted proxy."""
    known, peer = visit.site.sessions.place_of(visit.peer.ip), visit.peer
    if known is None and peer.country is not None:
        return Place(country=peer.country)
    return known


def as_before(visit: Finding, session: Session) -> bool:
    """Whether there is nothing to notice: nothing has become another one, or that was told already.

    Nearly all who ask come from where they were before.
    """
    site, before = visit.site, session.device.user_agent
    if before:
        agent = visit.agent
        if agent and agent != before and (not visit.passive or site.is_strict(session)):
            return False
    if session.ip is None or not site.binds:
        return True
    ip = visit.ip
    return ip is None or ip == session.ip or _nothing_new(visit, session)


async def noted(visit: Finding, session: Session, token: str) -> Session | None:
    """*session*, once it was noticed if it is used from elsewhere; None with a `refusal` if that ended it."""
    if as_before(visit, session):
        return session
    before, sessions = session, visit.site.sessions
    try:
        session = await noticed(visit.site, session, visit.headers, _here(visit), _network(visit))
    except SessionError as refusal:
        visit.refusal = refusal
        sessions.snapshots.drop(token)
        visit.take_back()
        return None
    return _replaced(  # as it was written, with the use that is not written yet
        session,
        seen_at=max(session.seen_at, before.seen_at),
        expires_at=max(session.expires_at, before.expires_at),
    )


def require(visit: Finding, session: Session) -> None:
    """Raise `FreshnessRequired` if the policy wants a proof for sensitive acts from here."""
    if _counts(visit):
        visit.site.sessions.require_bound(session, _here(visit, device_now(session, visit.headers)))


def moved(visit: Finding, session: Session) -> tuple[Device | None, str | None]:
    """The browser and the address in which a user has just proved who they are, if they are others by now."""
    if not _counts(visit):
        return None, None
    device = device_now(session, visit.headers)
    found = changes(session, _here(visit, device))
    return device if "browser" in found else None, visit.peer.ip if "network" in found else None


def _counts(visit: Finding) -> bool:
    """What uses an access token is often a server in between, and bound to nothing."""
    return visit.site.binds and visit.bearer is None


def _nothing_new(visit: Finding, session: Session) -> bool:
    """Whether the other address is nothing to notice: of the same network, or of one that was told."""
    if not changes(session, _here(visit)):
        return True
    if visit.site.is_strict(session):
        return False
    return visit.passive or visit.site.was_told(session.id, _network(visit))


def _here(visit: Finding, device: Device | None = None) -> Here:
    """From where it is used, as far as the policy lets anybody know."""
    place = place_of(visit)
    return Here(device, visit.site.sessions.kept(visit.peer.ip), None if place is None else place.country)


def _network(visit: Finding) -> str:
    """How a network is called among those that were told: by as much as makes it another one."""
    here = _here(visit)
    return f"network {here.country or around(here.ip)}"
