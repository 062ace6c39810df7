"""How many are signed in, and the newest of them."""

from __future__ import annotations

from sojourn.api import admin
from sojourn.api.routes import Call
from sojourn.stores.protocol import Query
from sojourn.web.pages.administration.frame import admin_page, shown, view
from sojourn.web.reply import Answer

__all__ = ["ROUTES"]

_NEWEST = 10


async def overview(call: Call) -> Answer:
    """How many are signed in, and the newest of them."""
    sessions = call.visit.site.sessions
    found = await sessions.select(Query(live_at=sessions.clock(), signed_in=True, limit=_NEWEST))
    return await admin_page(
        call,
        "admin/overview.html",
        name="overview",
        stats=await admin.stats(call),
        rows=await shown(call, found),
        most=_NEWEST,
    )


ROUTES = (view("/admin", overview),)
