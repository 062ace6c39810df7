"""A visit that comes with a token in the Authorization header instead of a cookie (RFC 6750 section 2.1).

That is an access token, or the bearer token of a client that knows no refresh.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sojourn.access import Claims
from sojourn.errors import SessionError, TokenInvalid
from sojourn.session import Reason, Session
from sojourn.snapshots import as_borne
from sojourn.token import BEARER
from sojourn.web.away import StoreAway
from sojourn.web.headers import Raw

if TYPE_CHECKING:
    from sojourn.web.finding import Finding

__all__ = ["admitted", "claims", "is_ours", "loaded", "logout", "recalled", "told"]


def is_ours(text: str | None) -> bool:
    """Whether *text* looks like a bearer token, which is no access token."""
    return text is not None and text.startswith(BEARER)


def told(token: str) -> list[Raw]:
    """How a client learns of its new bearer *token*, in the words of Better Auth."""
    return [(b"set-auth-token", token.encode()), (b"access-control-expose-headers", b"set-auth-token")]


def claims(visit: Finding) -> Claims:
    """What the access token of *visit* says; a machine's has no session, and is refused here."""
    issuer, text = visit.site.issuer, visit.bearer
    if issuer is None or text is None:
        raise TokenInvalid
    found = issuer.read(text)
    if found.sid is None:
        raise TokenInvalid
    return found


def recalled(visit: Finding) -> Session | None:
    """The session from the near cache, without waiting for anything; None: `loaded` can tell."""
    text = visit.bearer or ""
    if not is_ours(text):
        try:
            claims(visit)
        except SessionError:
            return None
    kept = visit.site.sessions.snapshots.recall(as_borne(text), passive=visit.passive)
    return None if kept is None else kept.session


async def loaded(visit: Finding, sure: bool) -> Session | None:
    """The session as a snapshot or the store has it; None with a `refusal`."""
    try:
        return await admitted(visit, sure=sure)
    except SessionError as refusal:
        visit.refusal = refusal
        visit.site.sessions.snapshots.drop(as_borne(visit.bearer or ""))
        return None


async def admitted(visit: Finding, *, sure: bool, idle: timedelta | None = None) -> Session:
    """The session, or the refusal. *idle*: a person was active that long ago."""
    sessions, text = visit.site.sessions, visit.bearer or ""
    passive, idle = visit.passive and idle is None, idle or timedelta(0)
    if is_ours(text):
        return await sessions.borne(text, passive=passive, sure=sure, idle=idle)
    return await sessions.admit(text, claims(visit), passive=passive, sure=sure, idle=idle)


async def logout(visit: Finding) -> bool:
    """End the session of the token; false if there is none to end."""
    sessions, text = visit.site.sessions, visit.bearer or ""
    try:
        if is_ours(text):
            sessions.snapshots.drop(as_borne(text))
            return await sessions.end(text)
        said = claims(visit)
        if said.sid is None:
            return False
        sessions.snapshots.drop(as_borne(visit.bearer or ""))
        await sessions.revoke(said.sid, owner=said.sub, reason=Reason.SIGNED_OUT, by=said.sub)
    except SessionError:  # also of one whose time is over: who holds it may no longer end anything
        return False
    except visit.site.faults as fault:
        raise StoreAway(fault) from fault
    return True
