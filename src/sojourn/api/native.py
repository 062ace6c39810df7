"""The native API: a table of routes under /api/auth."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from msgspec import Meta, Struct

from sojourn.api import devices, preferences, sign_in, stream
from sojourn.api.current import BASE, current, current_view, customised
from sojourn.api.routes import Call, Route
from sojourn.api.views import (
    Count,
    Current,
    Ended,
    History,
    SessionList,
    ended_row,
    instant,
    row,
    version_of,
)
from sojourn.session import Reason
from sojourn.web.reply import Answer

__all__ = ["BASE", "ROUTES", "revoke_one", "revoke_others"]

Handle = Annotated[str, Meta(max_length=100)]


class Activity(Struct, kw_only=True):
    """How long ago, by the client's own clock, a person last did something."""

    idle_ms: Annotated[int, Meta(ge=0, le=400 * 86_400_000)] = 0


class RevokeAll(Struct, kw_only=True, forbid_unknown_fields=True):
    """Only sessions of one application or tenant, if named. A field that is misspelt must not mean "all"."""

    include_current: bool = False
    application_id: Handle | None = None
    tenant_id: Handle | None = None


async def activity(call: Call) -> Answer:
    """Tell that a person was active, `idle_ms` ago: that slides the session, as far as its limits let it."""
    body: Activity = call.body
    call.session = await call.visit.active(timedelta(milliseconds=body.idle_ms))
    return await customised(call, call.session, await current_view(call, call.session))


async def list_mine(call: Call) -> SessionList:
    """Your live sessions: this device first, then the most recently active."""
    sessions = call.visit.site.sessions
    found = await sessions.list(
        call.me,
        application_id=call.query.get("application_id"),
        tenant_id=call.query.get("tenant_id"),
        limit=call.limit(),
    )
    found.sort(key=lambda session: session.id != call.mine.id)
    rows = [row(session, sessions.policy, call.mine.id) for session in found]
    version = None if call.query.keys() & _FILTERS else version_of(found)
    return SessionList(sessions=rows, count=len(rows), version=version, server_now=instant(sessions.clock()))


async def history(call: Call) -> History:
    """Your sessions that ended lately, latest first."""
    sessions = call.visit.site.sessions
    found = await sessions.history(call.me, limit=call.limit())
    rows = [ended_row(session, sessions.policy) for session in found]
    return History(sessions=rows, count=len(rows), server_now=instant(sessions.clock()))


async def revoke_one(call: Call) -> Ended:
    """Sign out one of your devices; your current one is a sign-out.

    With `undo=true` it is over everywhere at once all the same, but can be brought back until `undo_until`.
    """
    id, sessions = call.id(), call.visit.site.sessions
    if id == call.mine.id:
        await call.visit.logout()
        return Ended(id=id)
    if call.query.get("undo") == "true":
        until = (await sessions.hold(id, owner=call.me, by=call.mine)).held_until
        return Ended(id=id, undo_until=None if until is None else instant(until))
    call.settled(id)
    await sessions.revoke(id, owner=call.me, reason=Reason.USER, by=call.mine.actor)
    return Ended(id=id)


async def revoke_others(call: Call) -> Count:
    """Sign out every device but this one."""
    call.settled()
    count = await call.visit.site.sessions.revoke_all(call.me, keep=call.mine.id, by=call.mine.actor)
    return Count(count=count)


async def revoke_all(call: Call) -> Count:
    """Sign out every device but this one, or with `include_current` this one too."""
    body: RevokeAll = call.body
    call.settled()
    count = await call.visit.site.sessions.revoke_all(
        call.me,
        keep=None if body.include_current else call.mine.id,
        by=call.mine.actor,
        application_id=body.application_id,
        tenant_id=body.tenant_id,
    )
    mine = (body.application_id or call.mine.application_id, body.tenant_id or call.mine.tenant_id)
    if body.include_current and mine == (call.mine.application_id, call.mine.tenant_id):
        call.visit.clear()
    return Count(count=count)


_PAGE = {"limit": "at most this many, up to 100"}
_FILTERS = _PAGE | {
    "application_id": "only sessions of this application",
    "tenant_id": "only sessions of this tenant",
}

ROUTES = (
    *sign_in.ROUTES,
    *stream.ROUTES,
    *devices.ROUTES,
    *preferences.ROUTES,
    Route(
        method="POST",
        path=f"{BASE}/activity",
        guard="session",
        passive=True,
        act=activity,
        body=Activity,
        optional_body=True,
        returns=Current,
    ),
    Route(
        method="GET",
        path=f"{BASE}/sessions",
        guard="session",
        act=list_mine,
        returns=SessionList,
        query=_FILTERS,
    ),
    Route(
        method="GET",
        path=f"{BASE}/sessions/current",
        guard="session",
        sure=False,
        act=current,
        returns=Current,
    ),
    Route(
        method="GET",
        path=f"{BASE}/sessions/history",
        guard="session",
        act=history,
        returns=History,
        query=_PAGE,
    ),
    Route(
        method="DELETE",
        path=f"{BASE}/sessions/{{id}}",
        guard="session",
        act=revoke_one,
        returns=Ended,
        query={"undo": "true: so that it can be undone for a few seconds, if the policy has it so"},
        refusals=("not_found", "reauth_required"),
    ),
    Route(
        method="POST",
        path=f"{BASE}/sessions/revoke-others",
        guard="fresh",
        act=revoke_others,
        returns=Count,
    ),
    Route(
        method="POST",
        path=f"{BASE}/sessions/revoke-all",
        guard="fresh",
        act=revoke_all,
        body=RevokeAll,
        optional_body=True,
        returns=Count,
    ),
)
