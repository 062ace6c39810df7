"""Alerts: what an administrator should look at."""

from __future__ import annotations

from sojourn.api.admin import alerts
from sojourn.api.redirects import address, see_other
from sojourn.api.routes import Act, Call
from sojourn.web.pages.administration.frame import admin_page, form, view
from sojourn.web.pages.rendering import check_form
from sojourn.web.reply import Answer

__all__ = ["ROUTES"]

_STATES = {"open": "Open", "acknowledged": "Acknowledged", "resolved": "Resolved", "all": "All"}


async def alerts_page(call: Call) -> Answer:
    """Alerts, the latest first."""
    state = call.query.get("state") or "open"
    call.query = {**call.query, "state": state}
    found = None if call.ledger is None else await alerts.list_alerts(call)
    return await admin_page(
        call,
        "admin/alerts.html",
        name="alerts",
        found=found,
        state=state,
        states=_STATES,
        next={"state": state, "after": found.next} if found and found.next else None,
    )


def _settled(act: Act, done: str) -> Act:
    async def settle(call: Call) -> Answer:
        await check_form(call)
        await act(call)
        return see_other(address(call, "/admin/alerts"), done=done)

    settle.__name__ = f"{act.__name__}_form"
    settle.__doc__ = act.__doc__
    return settle


ROUTES = (
    view("/admin/alerts", alerts_page),
    form("/admin/alerts/{id}/acknowledge", _settled(alerts.acknowledge_alert, "0-acknowledged"), "admin"),
    form("/admin/alerts/{id}/resolve", _settled(alerts.resolve_alert, "0-resolved"), "admin"),
)
