"""The session routes of AuthVital's SDK, exactly as on the wire, under /oauth.

Where theirs fails, ours does not: what is another user's is as unknown as what does not exist, a
refresh token is no access token, and the current session is marked. No answer is empty, and every
error has a `message`, because their SDK reads nothing else.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

from msgspec import Meta, Struct

from sojourn.api.routes import Call, Route
from sojourn.api.views import DeviceView, Time, device_view, instant
from sojourn.errors import SessionError, SessionNotFound
from sojourn.lifecycle import idle_end
from sojourn.session import Session

__all__ = ["ROUTES"]

_MOST = 1_000  # rows: their list has no pages


class Row(Struct, kw_only=True):
    """Their six fields, and ours behind them."""

    id: str
    createdAt: Time  # noqa: N815 - their names
    expiresAt: Time  # noqa: N815
    userAgent: str | None  # noqa: N815
    ipAddress: str | None  # noqa: N815
    tenant: str | None  # the slug
    current: bool
    lastSeenAt: Time  # noqa: N815
    device: DeviceView
    applicationId: str | None  # noqa: N815


class Listed(Struct, kw_only=True):
    sessions: list[Row]
    count: int


class Said(Struct, kw_only=True):
    success: bool
    message: str


class Counted(Struct, kw_only=True):
    success: bool
    message: str
    count: int


class LogoutAll(Struct, kw_only=True):
    application_id: Annotated[str, Meta(max_length=100)] | None = None


class Logout(Struct, kw_only=True):
    refresh_token: Annotated[str, Meta(max_length=10_000)] | None = None


async def authvital_list(call: Call) -> Listed:
    """The caller's live sessions, newest first; of one application if it is named."""
    sessions = call.visit.site.sessions
    found = await sessions.list(call.me, application_id=call.query.get("application_id") or None, limit=_MOST)
    found.sort(key=lambda session: (session.created_at, session.id), reverse=True)
    rows = [await _row(call, session) for session in found]
    return Listed(sessions=rows, count=len(rows))


async def _row(call: Call, session: Session) -> Row:
    tenant = await call.directory.tenant(session.tenant_id) if session.tenant_id else None
    return Row(
        id=str(session.id),
        createdAt=instant(session.created_at),
        expiresAt=instant(idle_end(session, call.visit.site.sessions.policy)),
        userAgent=session.device.user_agent or None,
        ipAddress=session.ip,
        tenant=tenant.slug if tenant else session.tenant_id,
        current=session.id == call.mine.id,
        lastSeenAt=instant(session.seen_at),
        device=device_view(session.device),
        applicationId=session.application_id,
    )


async def authvital_revoke(call: Call) -> Said:
    """End one session of the caller's. One that has ended already is no error."""
    sessions = call.visit.site.sessions
    try:
        id = call.id()
        found = await sessions.store.get(id)
        if found is None or found.user_id != call.me:
            raise SessionNotFound
        call.settled(id)
    except SessionNotFound:
        raise SessionNotFound("Session not found") from None
    with suppress(SessionNotFound):
        await sessions.revoke(id, owner=call.me, by=call.mine.actor)
        return Said(success=True, message="Session revoked successfully")
    return Said(success=False, message="Session not found or already revoked")


async def authvital_logout_all(call: Call) -> Counted:
    """End every session of the caller's, the current one too; or those of one application."""
    body: LogoutAll = call.body
    call.settled()
    count = await call.visit.site.sessions.revoke_all(
        call.me, by=call.mine.actor, application_id=body.application_id or None
    )
    return Counted(success=True, message=f"Revoked {count} session(s)", count=count)


async def authvital_logout(call: Call) -> Said:
    """End the session of a refresh token. Always a success: whoever asks is signed out afterwards."""
    body: Logout = call.body
    ended = False
    if body.refresh_token:
        with suppress(SessionError):
            ended = await call.visit.site.sessions.end(body.refresh_token)
    if ended:
        return Said(success=True, message="Session revoked successfully")
    return Said(
        success=True, message="Logged out" if body.refresh_token else "Logged out (no active session)"
    )


BASE = "/oauth"

ROUTES = (
    Route(
        method="GET",
        path=f"{BASE}/sessions",
        guard="session",
        act=authvital_list,
        returns=Listed,
        tag="authvital",
        query={"application_id": "only sessions of this application"},
    ),
    Route(
        method="POST",
        path=f"{BASE}/sessions/{{id}}/revoke",
        guard="session",
        act=authvital_revoke,
        returns=Said,
        tag="authvital",
        refusals=("not_found",),
    ),
    Route(
        method="POST",
        path=f"{BASE}/logout-all",
        guard="session",
        act=authvital_logout_all,
        body=LogoutAll,
        optional_body=True,
        returns=Counted,
        tag="authvital",
    ),
    Route(
        method="POST",
        path=f"{BASE}/logout",
        guard="open",
        act=authvital_logout,
        body=Logout,
        optional_body=True,
        returns=Said,
        tag="authvital",
    ),
)
