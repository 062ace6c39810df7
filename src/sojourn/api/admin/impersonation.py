"""Acting as somebody else: for a reason, for a while, in the name of who does it."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Annotated

from msgspec import Meta, Struct

from sojourn.accounts import User
from sojourn.api.admin.base import account_for, line
from sojourn.api.routes import Call
from sojourn.api.views import Entered, row, user_view
from sojourn.errors import AccountNotFound, Forbidden, SessionNotFound, Unauthenticated
from sojourn.session import Reason, Session
from sojourn.sessions import Issued
from sojourn.web import parked

__all__ = ["ROUTES", "ActAs", "taken_back"]


class ActAs(Struct, kw_only=True, forbid_unknown_fields=True):
    """`minutes`: how long at most; never longer than the policy's `impersonate_for`."""

    user_id: str
    reason: Annotated[str, Meta(min_length=3, max_length=200, pattern=r"\S")]
    minutes: Annotated[int, Meta(ge=1, le=24 * 60)] = 60


async def impersonate(call: Call) -> Entered:
    """Act as a user, for a while. Nobody acts as an administrator."""
    body: ActAs = call.body
    user = await call.accounts.get(body.user_id)
    if user is None:
        raise AccountNotFound
    if user.role == "admin":
        raise Forbidden("Nobody can act as an administrator.")
    if not user.enabled:
        raise Forbidden("This account is disabled.")
    token, why = call.visit.presented.session, body.reason.strip()
    issued = await parked.impersonate(
        call.visit, user.id, lasting=timedelta(minutes=body.minutes), note=f"impersonation: {why}"
    )
    now = await call.accounts.get(user.id)
    if now is None or now.credentials_version != user.credentials_version:  # as when anybody signs in
        await taken_back(call, issued.session, token)
        raise AccountNotFound
    account_for(call, "impersonate", by=call.mine, target=user.id, note=why)
    return _entered(call, issued.session, now)


async def stop_impersonating(call: Call) -> Entered:
    """End the impersonation, and be the administrator again."""
    acting = await call.visit.session(sure=True)
    session = await parked.resume(call.visit)
    account_for(call, "impersonate-stop", by=session, target=acting.user_id if acting else None)
    user = await call.accounts.get(session.user_id or "")
    if user is None:  # a moment ago; their sessions end with them
        call.visit.clear()
        raise Unauthenticated
    return _entered(call, session, user)


async def taken_back(call: Call, session: Session, token: str | None) -> None:
    """End *session* before anybody has it, and leave the administrator's with its *token* in use."""
    with suppress(SessionNotFound):  # whoever changed the account has ended it already
        await call.visit.site.sessions.revoke(session.id, owner=session.user_id, reason=Reason.SYSTEM)
    parked.forget(call.visit, parked.ADMIN)
    call.visit.adopt(Issued(call.mine, token or ""))


def _entered(call: Call, session: Session, user: User) -> Entered:
    policy = call.visit.site.sessions.policy
    return Entered(user=user_view(user), session=row(session, policy, session.id))


ROUTES = (
    line(
        "POST",
        "/impersonate",
        impersonate,
        "fresh admin",
        body=ActAs,
        returns=Entered,
        refusals=("not_found", "https_required", "session_changed"),
    ),
    line(
        "POST",
        "/impersonate/stop",
        stop_impersonating,
        "open",
        returns=Entered,
        refusals=(
            *("unauthenticated", "token_superseded", "session_expired", "session_revoked", "token_invalid"),
            *("forbidden", "not_found", "https_required"),
        ),
    ),
)
