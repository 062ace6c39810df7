"""Several accounts in one browser, as Better Auth's plugin for multiple sessions has it."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct

from sojourn.accounts import User
from sojourn.api.better_auth.shapes import both
from sojourn.api.better_auth.words import Wrong, line
from sojourn.api.routes import Call, in_person
from sojourn.errors import SessionError
from sojourn.web import parked
from sojourn.web.reply import Answer, as_json

__all__ = ["ROUTES"]


class Chosen(Struct, kw_only=True):
    """Which session: the `token` that the list shows, which is a handle."""

    sessionToken: Annotated[str, Meta(max_length=400)]  # noqa: N815 - their name


async def list_device_sessions(call: Call) -> Answer:
    """The sessions of this browser: the one in use, and those of other accounts."""
    visit, shown = call.visit, []
    session = await visit.session(sure=True)
    user = await visit.user() if session is not None else None
    if session is not None and isinstance(user, User):
        shown.append(await both(call, session, user, custom=False))
    for token in parked.others(visit).values():
        other = await parked.valid(visit, token)
        owner = await call.accounts.get(other.user_id) if other and other.user_id else None
        if other is not None and owner is not None and owner.enabled:
            shown.append(await both(call, other, owner, custom=False))
    return as_json(shown)


async def set_active_session(call: Call) -> dict[str, Any]:
    """Use another session of this browser from now on."""
    visit, id = call.visit, _chosen(call)
    visit.require_https()
    current = await visit.session(sure=True)
    try:
        session = current if current is not None and current.id == id else await parked.switch(visit, id)
    except SessionError:
        raise _invalid() from None
    owner = await call.accounts.get(session.user_id or "")
    if owner is None or not owner.enabled:
        raise _invalid()
    return await both(call, session, owner)


async def revoke_device_session(call: Call) -> dict[str, bool]:
    """End a session of this browser. If it was the one in use, the next one is from now on."""
    visit, id = call.visit, _chosen(call)
    visit.require_https()
    waiting = parked.others(visit)
    if id in waiting:
        await parked.end(visit, only=parked.slot_of(id))
        return {"status": True}
    current = await visit.session(sure=True)
    if current is None or current.id != id:
        raise _invalid()
    in_person(current)  # an impersonation is stopped, and its administrator comes back
    await visit.site.sessions.revoke(id, owner=current.user_id, by=current.actor)
    if visit.bearer is not None:
        return {"status": True}
    visit.clear()
    for other in waiting:
        try:
            await parked.take_up(visit, other)
        except SessionError as refusal:
            if not parked.may_return(refusal):
                parked.forget(visit, parked.slot_of(other))
        else:
            break
    return {"status": True}


def _chosen(call: Call) -> UUID:
    try:
        return UUID(call.body.sessionToken)
    except ValueError:
        raise _invalid() from None


def _invalid() -> Wrong:
    return Wrong(401, "INVALID_SESSION_TOKEN", "Invalid session token")


ROUTES = (
    line("GET", "/multi-session/list-device-sessions", list_device_sessions, guard="open"),
    line("POST", "/multi-session/set-active", set_active_session, guard="open", body=Chosen),
    line("POST", "/multi-session/revoke", revoke_device_session, guard="open", body=Chosen),
)
