"""Sessions that a browser keeps beside the one in use: those of other accounts, or an administrator's own.

Each is a cookie like the session's, under a name of its own. A parked token opens nothing before it is
the one in use again, so nothing rotates it meanwhile. All end when the browser signs out.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from sojourn import device as devices
from sojourn.errors import (
    Forbidden,
    SessionError,
    SessionNotFound,
    SessionRevoked,
    TokenInvalid,
    TokenSuperseded,
    Unauthenticated,
)
from sojourn.session import Reason, Session
from sojourn.sessions import Issued, Validated
from sojourn.token import derive, parse
from sojourn.web.away import watched

if TYPE_CHECKING:
    from sojourn.web.visit import Visit

__all__ = [
    "ADMIN",
    "MOST",
    "end",
    "forget",
    "impersonate",
    "may_return",
    "others",
    "park",
    "resume",
    "switch",
    "take_up",
    "valid",
]

ADMIN = "admin"  # the slot of who acts as somebody else
MOST = 4  # other accounts of one browser
_OTHER = "other-"


def park(visit: Visit, slot: str, session: Session) -> None:
    """Keep the newest token of *session* in the cookie of that *slot*: the one that came may be behind."""
    sessions = visit.site.sessions
    lasting = session.ends_at - sessions.clock() if session.remember else None
    token = derive(session, sessions.keys)
    visit.put(slot, visit.site.carrier.set_parked(slot, token, lasting=lasting))


def forget(visit: Visit, slot: str) -> None:
    visit.put(slot, visit.site.carrier.clear_parked(slot))


def others(visit: Visit) -> dict[UUID, str]:
    """The tokens of other accounts, by the session that each was made for."""
    found = {}
    for slot, token in _found(visit).items():
        with suppress(ValueError, TokenInvalid):
            id = UUID(slot.removeprefix(_OTHER))
            if slot.startswith(_OTHER) and parse(token, visit.site.sessions.keys).session_id == id:
                found[id] = token
    return found


def slot_of(id: UUID) -> str:
    return f"{_OTHER}{id.hex}"


@watched
async def valid(visit: Visit, token: str) -> Session | None:
    """The session that a parked *token* may use, which nobody is using now."""
    try:
        return (await visit.site.sessions.validate(token, passive=True, rotating=False, sure=True)).session
    except SessionError:
        return None


async def switch(visit: Visit, id: UUID) -> Session:
    """Have the browser use the parked session *id*, and park the one that it uses now."""
    current = await visit.session(sure=True)
    if current is not None and current.parent_id is not None:
        raise Forbidden("You act as somebody else. Be yourself again first.")
    session = await take_up(visit, id)
    if current is not None and visit.bearer is None and current.id != id:
        park(visit, slot_of(current.id), current)
    return session


@watched
async def take_up(visit: Visit, id: UUID) -> Session:
    """Have the browser use the parked session *id*; raises if it is over, or not there."""
    visit.require_https()
    token = others(visit).get(id)
    if token is None:
        raise SessionNotFound
    taken = await _taken_up(visit, token)
    forget(visit, slot_of(id))
    visit.adopt(Issued(taken.session, taken.token or token))
    return taken.session


@watched
async def impersonate(
    visit: Visit, user_id: str, *, lasting: timedelta | None = None, note: str | None = None
) -> Issued:
    """Act as *user_id* from now on; the administrator's own token is parked."""
    own = await visit.require(sure=True)
    visit.require_https()
    if visit.by_access_token:  # which says whose it is, and cannot be another's
        raise Forbidden("Sign in here to act as somebody else.")
    device = devices.describe(visit.headers, id=own.device.id)
    issued = await visit.site.sessions.impersonate(
        own, user_id, device=device, ip=visit.peer.ip, lasting=lasting, note=note
    )
    visit.adopt(issued)
    if visit.bearer is None:
        park(visit, ADMIN, own)
    return issued


@watched
async def resume(visit: Visit) -> Session:
    """End the impersonation, and go on as the administrator.

    Only who is acting still can: a browser in which that has ended by itself looks signed out, and might
    be anybody's by now, so there the administrator's own session ends as well. A client that bears
    tokens has its own still, and must never get it for the one of an impersonation.
    """
    visit.require_https()
    acting, sessions = await visit.session(sure=True), visit.site.sessions
    if acting is None:
        if not (_by_another_tab(visit.refusal) or may_return(visit.refusal)):
            await end(visit, only=ADMIN)
            if visit.presented.session is not None:
                visit.clear()
        raise visit.refusal or Unauthenticated()
    if acting.parent_id is None:
        raise Forbidden("You are not impersonating anyone")
    token = _found(visit).get(ADMIN)
    with suppress(SessionNotFound):
        await sessions.revoke(acting.id, owner=acting.user_id, reason=Reason.SIGNED_OUT, by=acting.actor)
    if visit.bearer is not None:
        return await _own(visit, acting)
    visit.clear()
    forget(visit, ADMIN)
    taken = await _taken_up(visit, token or "")
    if taken.session.id != acting.parent_id:
        raise SessionNotFound
    visit.adopt(Issued(taken.session, taken.token or token or ""))
    return taken.session


def _by_another_tab(refusal: SessionError | None) -> bool:
    """Whether this browser itself has gone on, so that what it has by now is newer than what came."""
    stopped = isinstance(refusal, SessionRevoked) and refusal.reason is Reason.SIGNED_OUT
    return stopped or isinstance(refusal, TokenSuperseded)


def may_return(refusal: SessionError | None) -> bool:
    """Whether what was refused is only held: its cookie stays until that is final."""
    return isinstance(refusal, SessionRevoked) and refusal.held


async def _own(visit: Visit, acting: Session) -> Session:
    found = await visit.site.sessions.store.get(acting.parent_id) if acting.parent_id else None
    if found is None:
        raise SessionNotFound
    return found


@watched
async def end(visit: Visit, *, only: str | None = None) -> None:
    """End every parked session, or the one in the slot *only*, after its cookie is taken back."""
    tokens = {slot: token for slot, token in _found(visit).items() if only in (None, slot)}
    for slot in tokens:
        forget(visit, slot)
    for token in tokens.values():
        with suppress(TokenInvalid):
            await visit.site.sessions.end(token)


async def _taken_up(visit: Visit, token: str) -> Validated:
    return await visit.site.sessions.validate(token, rotating=False, sure=True)


def _found(visit: Visit) -> dict[str, str]:
    """The parked tokens by slot; beside a token in a header no cookie counts."""
    if visit.bearer is not None:
        return {}
    found = visit.site.carrier.beside(visit.cookie_header)
    return {slot: token for slot, token in found.items() if slot == ADMIN or slot.startswith(_OTHER)}
