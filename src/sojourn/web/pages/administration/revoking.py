"""Revoking one session, those of a user, and, with a script, all that match."""

from __future__ import annotations

from sojourn import lifecycle
from sojourn.api import admin
from sojourn.api.redirects import address, see_other
from sojourn.api.routes import Call
from sojourn.errors import SessionNotFound
from sojourn.session import Session
from sojourn.stores.protocol import Query
from sojourn.web.pages.administration.frame import admin_page, form, shown, view
from sojourn.web.pages.administration.users import of_user
from sojourn.web.pages.rendering import check_form, page
from sojourn.web.reply import Answer

__all__ = ["ROUTES"]

_LONGEST_NOTE = 255


async def revoke_session_page(call: Call) -> Answer:
    """Ask before a session is revoked."""
    session = await _live(call)
    if session is None:
        return see_other(address(call, "/admin/sessions"), done="0-ended")
    return await page(call, "revoke_session.html", row=(await shown(call, [session]))[0])


async def revoke_session_form(call: Call) -> Answer:
    """Revoke a session."""
    await check_form(call)
    session = await _live(call)
    if session is None:
        return see_other(address(call, "/admin/sessions"), done="0-ended")
    call.body = _note(call)
    try:
        await admin.revoke_session(call)
    except SessionNotFound:  # it ended a moment ago
        return see_other(address(call, "/admin/sessions"), done="0-ended")
    return _onwards(call, session.user_id, ended=session.id == call.mine.id, count=1)


async def revoke_user_page(call: Call) -> Answer:
    """Ask before every session of a user is revoked."""
    user, rows = await of_user(call)
    return await page(call, "revoke_user.html", shown=user, rows=rows)


async def revoke_user_form(call: Call) -> Answer:
    """Revoke every session of a user."""
    await check_form(call)
    call.body = _note(call)
    count = (await admin.revoke_user_sessions(call)).count
    return _onwards(call, call.params["id"], ended=call.params["id"] == call.me, count=count)


async def revoke_page(call: Call) -> Answer:
    """Revoke all sessions that match: counted first, and undone for a while."""
    return await admin_page(call, "admin/revoke.html", name="revoke")


async def everyone_page(call: Call) -> Answer:
    """Revoke everybody's sessions."""
    return await admin_page(call, "admin/revoke.html", name="everyone")


def _onwards(call: Call, user_id: str | None, *, ended: bool, count: int) -> Answer:
    """To what is left of the user's sessions; to the door for who has revoked their own."""
    if ended:
        call.visit.clear()
        return see_other(address(call, "/sign-in"), reason="signed_out")
    return see_other(address(call, f"/admin/users/{user_id}"), done=f"{count}-revoked")


def _note(call: Call) -> admin.Note:
    return admin.Note(note=call.form.get("note", "").strip()[:_LONGEST_NOTE] or None)


async def _live(call: Call) -> Session | None:
    """The session that the path names, whoever's it is; None if it has ended."""
    sessions = call.visit.site.sessions
    found = await sessions.select(Query(id=call.id(), limit=1))
    if not found:
        raise SessionNotFound
    return None if lifecycle.ended(found[0], sessions.policy, sessions.clock()) else found[0]


_SESSION = "/admin/sessions/{id}/revoke"
_ALL = "/admin/users/{id}/revoke"

ROUTES = (
    view(_SESSION, revoke_session_page, "fresh admin"),
    form(_SESSION, revoke_session_form),
    view(_ALL, revoke_user_page, "fresh admin"),
    form(_ALL, revoke_user_form),
    view("/admin/revoke", revoke_page),
    view("/admin/everyone", everyone_page),
)
