"""`sojourn tenants resume`: let the people of an organisation sign in again."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from sojourn.cli.opened import opened
from sojourn.cli.options import Accounts, Json, Store
from sojourn.cli.output import print_json

__all__ = ["resume"]


async def resume(
    slug: Annotated[str, Parameter(help="The tenant, by slug or id.")],
    /,
    *,
    json: Json = False,
    store: Store = None,
    accounts: Accounts = None,
) -> None:
    """Let people sign in at a tenant again. Sessions that were ended stay ended."""
    async with opened({"store": store, "accounts": accounts}) as found:
        await found.directory.resume_tenant(slug)
    if json:
        print_json({"tenant": slug, "status": "active"})
    else:
        print(f"Resumed {slug}.")
