"""Their token against forged requests, and signing out, which needs it."""

from __future__ import annotations

from sojourn.api.authjs import csrf_cookie
from sojourn.api.authjs.addresses import landing
from sojourn.api.authjs.dialect import Dialect, Sent
from sojourn.api.routes import Call
from sojourn.web.reply import Answer, as_json

__all__ = ["Leave", "sign_out", "token"]


class Leave(Sent, kw_only=True):
    """What `signOut()` sends, and our page."""


async def token(call: Call, dialect: Dialect) -> Answer:
    """The CSRF token of this browser, with its cookie if it has none yet."""
    return as_json({"csrfToken": csrf_cookie.token_for(call, dialect.csrf_cookie(call))})


async def sign_out(call: Call, dialect: Dialect) -> Answer:
    """End this session and take its cookie back; fine without a session too."""
    body: Leave = call.body
    csrf_cookie.check(call, dialect.csrf_cookie(call), body.csrfToken)
    await call.visit.logout()
    return dialect.onwards(call, landing(call.visit.site.origin, body.callbackUrl))
