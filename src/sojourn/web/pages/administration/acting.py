"""The way back for an administrator who acts as a user."""

from __future__ import annotations

from sojourn.api.redirects import address, see_other
from sojourn.api.routes import Call, Route
from sojourn.web import parked
from sojourn.web.pages.refusals import as_page
from sojourn.web.pages.rendering import check_form
from sojourn.web.reply import Answer

__all__ = ["ROUTES"]


async def stop_acting(call: Call) -> Answer:
    """Be the administrator again, and see the user whom one acted as."""
    await check_form(call)
    user_id = call.me
    await parked.resume(call.visit)
    return see_other(address(call, f"/admin/users/{user_id}"), done="0-stopped")


ROUTES = (
    Route(
        method="POST", path="/admin/act/stop", act=stop_acting, refused=as_page, guard="session", form=True
    ),
)
