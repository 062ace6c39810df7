"""The sessions of everybody, searched by what the address says."""

from __future__ import annotations

from sojourn.api.admin.where import MEANINGS, asked, searched
from sojourn.api.routes import Call
from sojourn.searching import count, search
from sojourn.web.pages.administration.frame import PAGE, admin_page, shown, view
from sojourn.web.reply import Answer

__all__ = ["ROUTES"]


async def sessions_page(call: Call) -> Answer:
    """The sessions that match, newest first."""
    sessions, after = call.visit.site.sessions, call.after()
    where = asked(call.query)
    wanted = await searched(where, sessions, call.accounts)
    found = await search(sessions, wanted, after=after, limit=PAGE)
    given = {name: call.query[name] for name in MEANINGS if call.query.get(name)}
    return await admin_page(
        call,
        "admin/sessions.html",
        name="sessions",
        rows=await shown(call, found.sessions),
        counted=await count(sessions, wanted) if after is None else None,
        given=given,
        state=where.state,
        next=given | {"after": str(found.next)} if found.next else None,
    )


ROUTES = (view("/admin/sessions", sessions_page),)
