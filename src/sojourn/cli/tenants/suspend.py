"""`sojourn tenants suspend`: sign the people of an organisation out, and let none in."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from sojourn.cli.opened import opened
from sojourn.cli.options import Accounts, Json, Store
from sojourn.cli.output import ended, print_json

__all__ = ["suspend"]


async def suspend(
    slug: Annotated[str, Parameter(help="The tenant, by slug or id.")],
    /,
    *,
    json: Json = False,
    store: Store = None,
    accounts: Accounts = None,
) -> None:
    """Let nobody sign in at a tenant, and end every session that lives there.

    If it is cut off, give the command again.
    """
    async with opened({"store": store, "accounts": accounts}) as found:
        count = await found.directory.suspend_tenant(slug)
    if json:
        print_json({"tenant": slug, "status": "suspended", "ended": count})
    else:
        print(f"Suspended {slug}. {ended(count)}")
