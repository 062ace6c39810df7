"""Accounts, and where the user of each is signed in."""

from __future__ import annotations

from sojourn.accounts import User
from sojourn.api.routes import Call
from sojourn.errors import AccountNotFound
from sojourn.web.pages.administration.frame import PAGE, admin_page, shown, view
from sojourn.web.pages.rows import Row
from sojourn.web.reply import Answer

__all__ = ["ROUTES", "of_user"]


async def users_page(call: Call) -> Answer:
    """Accounts, newest first, or those that match."""
    search = call.query.get("search", "")[:100].strip()
    found = await call.accounts.select(after=call.query.get("after"), limit=PAGE, search=search)
    more = len(found) == PAGE
    return await admin_page(
        call,
        "admin/users.html",
        name="users",
        users=found,
        search=search,
        accounts=await call.accounts.count(),
        next={"search": search, "after": found[-1].id} if more else None,
    )


async def user_page(call: Call) -> Answer:
    """One user, and where they are signed in."""
    user, rows = await of_user(call)
    return await admin_page(call, "admin/user.html", name="user", user_id=user.id, shown=user, rows=rows)


async def of_user(call: Call) -> tuple[User, list[Row]]:
    """The user whom the path names, and their live sessions."""
    user = await call.accounts.get(call.params["id"])
    if user is None:
        raise AccountNotFound
    return user, await shown(call, await call.visit.site.sessions.list(user.id))


ROUTES = (view("/admin/users", users_page), view("/admin/users/{id}", user_page))
