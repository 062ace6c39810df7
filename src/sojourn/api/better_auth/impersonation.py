"""Acting as somebody else, and being oneself again, as Better Auth's plugin for administrators has it.

Theirs survives the administrator's sign-out. Ours ends with the session that began it.
"""

from __future__ import annotations

from typing import Any

from sojourn.api.admin.base import account_for
from sojourn.api.admin.impersonation import taken_back
from sojourn.api.better_auth.admin import OfUser, not_found, route
from sojourn.api.better_auth.entrance import bearer_token
from sojourn.api.better_auth.session import no_session
from sojourn.api.better_auth.shapes import both
from sojourn.api.better_auth.words import Wrong, line
from sojourn.api.routes import Call
from sojourn.errors import Forbidden, SessionError
from sojourn.session import Session
from sojourn.web import parked
from sojourn.web.reply import Answer, as_json

__all__ = ["ROUTES"]


async def impersonate_user(call: Call) -> Answer:
    """Act as a user, for a while. Nobody acts as an administrator."""
    user = await call.accounts.get(call.body.userId)
    if user is None:
        raise not_found()
    if user.role == "admin":
        raise Wrong(403, "YOU_CANNOT_IMPERSONATE_ADMINS", "You cannot impersonate admins")
    if not user.enabled:
        raise Wrong(403, "BANNED_USER", "This user has been banned")
    token = call.visit.presented.session
    issued = await parked.impersonate(call.visit, user.id)
    now = await call.accounts.get(user.id)
    if now is None or now.credentials_version != user.credentials_version:  # as when anybody signs in
        await taken_back(call, issued.session, token)
        raise not_found()
    account_for(call, "impersonate", by=call.mine, target=user.id)
    return _entered(call, issued.session, await both(call, issued.session, now))


async def stop_impersonating(call: Call) -> Answer:
    """End the impersonation, and be the administrator again."""
    acting = await call.visit.session(sure=True)
    try:
        session = await parked.resume(call.visit)
    except Forbidden as nobody:
        raise Wrong(400, None, nobody.message) from None
    except SessionError:
        raise no_session() from None
    account_for(call, "impersonate-stop", by=session, target=acting.user_id if acting else None)
    user = await call.accounts.get(session.user_id or "")
    if user is None:  # a moment ago; their sessions end with them
        call.visit.clear()
        raise no_session()
    return _entered(call, session, await both(call, session, user))


def _entered(call: Call, session: Session, shown: dict[str, Any]) -> Answer:
    if call.visit.bearer is None:  # who bears the token of an impersonation never gets the administrator's
        bearer_token(call, session)
    return as_json(shown)


ROUTES = (
    route("POST", "impersonate-user", impersonate_user, "impersonate users", body=OfUser),
    line("POST", "/admin/stop-impersonating", stop_impersonating, guard="open"),
)
