"""`sojourn tenants create`: let the people of an organisation sign in."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from sojourn.cli.opened import opened
from sojourn.cli.options import Accounts, Json, Store
from sojourn.cli.output import print_json
from sojourn.cli.reading import Rules, rules_in
from sojourn.directory.views import tenant_view

__all__ = ["create"]


async def create(
    slug: Annotated[str, Parameter(help="Its name in addresses: a-z, 0-9 and -.")],
    /,
    *,
    name: Annotated[str, Parameter(show_default=False, help="What people call it.")] = "",
    rules: Rules = (),
    json: Json = False,
    store: Store = None,
    accounts: Accounts = None,
) -> None:
    """Add a tenant."""
    given = rules_in(rules)
    async with opened({"store": store, "accounts": accounts}) as found:
        tenant = await found.directory.create_tenant(slug, name, rules=given)
    if json:
        print_json(tenant_view(tenant))
    else:
        print(f"Added {tenant.name}.\nId:   {tenant.id}\nSlug: {tenant.slug}")
