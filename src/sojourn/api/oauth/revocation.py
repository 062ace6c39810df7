"""Giving a token back (RFC 7009)."""

from __future__ import annotations

from contextlib import suppress

from sojourn.api.oauth.clients import CLIENT, identified, said
from sojourn.api.oauth.presented import presented
from sojourn.api.routes import Call, Route
from sojourn.api.views import Done
from sojourn.errors import OAuthError, SessionError
from sojourn.session import Reason
from sojourn.sessions import ANYBODY

__all__ = ["ROUTES"]


async def revoke_token(call: Call) -> Done:
    """Give a token back: its session ends, and every other token of it. Fine for what is none, too."""
    by = await identified(call)
    text, sessions = call.form.get("token", ""), call.visit.site.sessions
    if not text:
        raise OAuthError("invalid_request", "Say which token: token.")
    with suppress(SessionError):
        session = (await presented(call, text)).session
        if session is not None and session.application_id == (by.id if by else None):
            await sessions.revoke(session.id, owner=ANYBODY, reason=Reason.SIGNED_OUT, by=session.user_id)
    return Done()


ROUTES = (
    Route(
        method="POST",
        path="/oauth/revoke",
        guard="open",
        act=revoke_token,
        cookieless=True,
        parameters={"token": "an access token or a refresh token", **CLIENT},
        refusals=("invalid_client",),
        refused=said,
        returns=Done,
        tag="oauth",
    ),
)
