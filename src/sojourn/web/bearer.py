"""A visit that comes with an access token instead of a cookie (RFC 6750 section 2.1)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sojourn.access import Claims
from sojourn.errors import SessionError, TokenInvalid
from sojourn.session import Reason, Session
from sojourn.web.away import StoreAway

if TYPE_CHECKING:
    from sojourn.web.visit import Visit

__all__ = ["admitted", "claims", "loaded", "logout", "recalled"]


def claims(visit: Visit) -> Claims:
    """What the access token of *visit* says; a machine's has no session, and is refused here."""
    issuer, text = visit.site.issuer, visit.bearer
    if issuer is None or text is None:
        raise TokenInvalid
    found = issuer.read(text)
    if found.sid is None:
        raise TokenInvalid
    return found


def recalled(visit: Visit) -> Session | None:
    """The session from the near cache, without waiting for anything; None: `loaded` can tell."""
    try:
        claims(visit)
    except SessionError:
        return None
    return visit.site.sessions.snapshots.recall(visit.bearer or "", passive=visit.passive)


async def loaded(visit: Visit, sure: bool) -> Session | None:
    """The session as a snapshot or the store has it; None with a `refusal`."""
    try:
        return await admitted(visit, sure=sure)
    except SessionError as refusal:
        visit.refusal = refusal
        visit.site.sessions.snapshots.drop(visit.bearer or "")
        return None


async def admitted(visit: Visit, *, sure: bool, idle: timedelta | None = None) -> Session:
    """The session, or the refusal. *idle*: a person was active that long ago."""
    return await visit.site.sessions.admit(
        visit.bearer or "",
        claims(visit),
        passive=visit.passive and idle is None,
        sure=sure,
        idle=idle or timedelta(0),
    )


async def logout(visit: Visit) -> bool:
    """End the session of the access token; false if there is none to end."""
    sessions = visit.site.sessions
    try:
        said = claims(visit)
        if said.sid is None:
            return False
        sessions.snapshots.drop(visit.bearer or "")
        await sessions.revoke(said.sid, owner=said.sub, reason=Reason.SIGNED_OUT, by=said.sub)
    except SessionError:  # also of one whose time is over: who holds it may no longer end anything
        return False
    except visit.site.faults as fault:
        raise StoreAway(fault) from fault
    return True
