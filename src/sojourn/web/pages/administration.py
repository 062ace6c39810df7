"""The pages of administrators: who is signed in, and revoking it."""

from __future__ import annotations

from collections.abc import Iterable

from sojourn import lifecycle
from sojourn.accounts import User
from sojourn.api import admin
from sojourn.api.routes import Call, Route
from sojourn.errors import AccountNotFound, SessionNotFound
from sojourn.session import Session
from sojourn.stores.protocol import Query
from sojourn.web.pages import wording
from sojourn.web.pages.redirects import address, see_other
from sojourn.web.pages.refusals import guarded
from sojourn.web.pages.rendering import check_form, page
from sojourn.web.pages.rows import Row
from sojourn.web.reply import Answer

__all__ = ["ROUTES"]

_PAGE = 50
_LONGEST_NOTE = 255


async def overview(call: Call) -> Answer:
    """How many are signed in, and the newest of them."""
    sessions = call.visit.site.sessions
    search = call.query.get("search", "")[:100].strip()
    found = await sessions.select(Query(live_at=sessions.clock(), signed_in=True, limit=_PAGE))
    return await page(
        call,
        "admin.html",
        stats=await admin.stats(call),
        rows=await _rows(call, found),
        users=await call.accounts.select(limit=_PAGE, search=search),
        search=search,
        most=_PAGE,
        done=wording.done(call.query.get("done", "")),
    )


async def user_page(call: Call) -> Answer:
    """One user, and where they are signed in."""
    user, rows = await _user(call)
    return await page(
        call, "admin_user.html", shown=user, rows=rows, done=wording.done(call.query.get("done", ""))
    )


async def revoke_session_page(call: Call) -> Answer:
    """Ask before a session is revoked."""
    session = await _live(call)
    if session is None:
        return see_other("/admin", done="0-ended")
    return await page(call, "revoke_session.html", row=(await _rows(call, [session]))[0])


async def revoke_session_form(call: Call) -> Answer:
    """Revoke a session."""
    await check_form(call)
    session = await _live(call)
    if session is None:
        return see_other("/admin", done="0-ended")
    call.body = _note(call)
    try:
        await admin.revoke_session(call)
    except SessionNotFound:  # it ended a moment ago
        return see_other("/admin", done="0-ended")
    return _onwards(call, session.user_id, ended=session.id == call.mine.id, count=1)


async def revoke_user_page(call: Call) -> Answer:
    """Ask before every session of a user is revoked."""
    user, rows = await _user(call)
    return await page(call, "revoke_user.html", shown=user, rows=rows)


async def revoke_user_form(call: Call) -> Answer:
    """Revoke every session of a user."""
    await check_form(call)
    call.body = _note(call)
    count = (await admin.revoke_user_sessions(call)).count
    return _onwards(call, call.params["id"], ended=call.params["id"] == call.me, count=count)


def _onwards(call: Call, user_id: str | None, *, ended: bool, count: int) -> Answer:
    """To what is left of the user's sessions; to the door for who has revoked their own."""
    if ended:
        call.visit.clear()
        return see_other("/sign-in", reason="signed_out")
    return see_other(address(f"/admin/users/{user_id}"), done=f"{count}-revoked")


def _note(call: Call) -> admin.Note:
    return admin.Note(note=call.form.get("note", "").strip()[:_LONGEST_NOTE] or None)


async def _user(call: Call) -> tuple[User, list[Row]]:
    user = await call.accounts.get(call.params["id"])
    if user is None:
        raise AccountNotFound
    return user, await _rows(call, await call.visit.site.sessions.list(user.id))


async def _live(call: Call) -> Session | None:
    """The session that the path names, whoever's it is; None if it has ended."""
    sessions = call.visit.site.sessions
    found = await sessions.select(Query(id=call.id(), limit=1))
    if not found:
        raise SessionNotFound
    return None if lifecycle.ended(found[0], sessions.policy, sessions.clock()) else found[0]


async def _rows(call: Call, found: Iterable[Session]) -> list[Row]:
    """Each with its user, who is asked for once."""
    sessions = call.visit.site.sessions
    listed, now = list(found), sessions.clock()
    ids = {session.user_id for session in listed if session.user_id}
    users = {id: await call.accounts.get(id) for id in ids}
    return [
        Row(
            session=session,
            policy=sessions.policy,
            now=now,
            mine=call.mine.id,
            user=users.get(session.user_id or ""),
        )
        for session in listed
    ]


_SESSION = "/admin/sessions/{id}/revoke"
_USER = "/admin/users/{id}"
_ALL = f"{_USER}/revoke"

ROUTES = (
    Route(method="GET", path="/admin", act=overview, refused=guarded, guard="admin"),
    Route(method="GET", path=_USER, act=user_page, refused=guarded, guard="admin"),
    Route(method="GET", path=_SESSION, act=revoke_session_page, refused=guarded, guard="fresh admin"),
    Route(
        method="POST",
        path=_SESSION,
        act=revoke_session_form,
        refused=guarded,
        guard="fresh admin",
        form=True,
    ),
    Route(method="GET", path=_ALL, act=revoke_user_page, refused=guarded, guard="fresh admin"),
    Route(method="POST", path=_ALL, act=revoke_user_form, refused=guarded, guard="fresh admin", form=True),
)
