"""`sojourn tenants list`: the organisations whose people sign in here."""

from __future__ import annotations

from sojourn.cli.opened import opened
from sojourn.cli.options import Accounts, Json, Limit, Store
from sojourn.cli.output import print_json, print_table
from sojourn.directory.views import tenant_view

__all__ = ["list_tenants"]


async def list_tenants(
    *, limit: Limit = 100, json: Json = False, store: Store = None, accounts: Accounts = None
) -> None:
    """List the tenants, newest first."""
    async with opened({"store": store, "accounts": accounts}) as found:
        tenants = await found.directory.tenants(limit=limit)
    if json:
        print_json([tenant_view(tenant) for tenant in tenants])
        return
    rows = [
        (
            tenant.id,
            tenant.slug,
            tenant.name,
            tenant.status,
            " ".join(f"{name}={value}" for name, value in tenant.rules.items()),
            f"{tenant.created_at:%Y-%m-%d}",
        )
        for tenant in tenants
    ]
    print_table(("id", "slug", "name", "status", "rules", "since"), rows)
