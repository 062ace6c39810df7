"""`sojourn users list`: who may sign in."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from sojourn.api.views import user_view
from sojourn.cli.opened import opened
from sojourn.cli.options import Accounts, Json, Limit, Store
from sojourn.cli.output import print_json, print_table

__all__ = ["list_users"]


async def list_users(
    *,
    search: Annotated[str, Parameter(show_default=False, help="A part of e-mail address or name.")] = "",
    limit: Limit = 100,
    json: Json = False,
    store: Store = None,
    accounts: Accounts = None,
) -> None:
    """List the users, newest first."""
    async with opened({"store": store, "accounts": accounts}) as found:
        users = await found.accounts.select(search=search, limit=limit)
    if json:
        print_json([user_view(user) for user in users])
        return
    rows = [
        (
            user.id,
            user.email,
            user.name,
            user.role if user.enabled else f"{user.role}, disabled",
            f"{user.created_at:%Y-%m-%d}",
        )
        for user in users
    ]
    print_table(("id", "e-mail", "name", "role", "since"), rows)
