"""A token of whatever kind that somebody shows, and the session that it is of."""

from __future__ import annotations

from msgspec import Struct

from sojourn.access import Claims
from sojourn.api.oauth.token import issuer_of
from sojourn.api.routes import Call
from sojourn.errors import TokenInvalid
from sojourn.session import Session
from sojourn.token import PREFIX, REFRESH, Token, parse

__all__ = ["Presented", "presented"]


class Presented(Struct, frozen=True, kw_only=True):
    """One of ours: an access token with its `claims`, or else a `token`. A machine has no session.

    Whether it may be used, nobody has decided.
    """

    session: Session | None
    claims: Claims | None = None
    token: Token | None = None


async def presented(call: Call, text: str) -> Presented:
    """What *text* is, or the refusal if it is no token of ours, or of a session that is gone."""
    sessions = call.visit.site.sessions
    if text.startswith((PREFIX, REFRESH)):
        token, session = parse(text, sessions.keys), await sessions.of(text)
        if session is None:
            raise TokenInvalid
        return Presented(session=session, token=token)
    claims = issuer_of(call).read(text)
    if claims.sid is None:
        return Presented(session=None, claims=claims)
    session = await sessions.store.get(claims.sid)
    if session is None:
        raise TokenInvalid
    return Presented(session=session, claims=claims)
