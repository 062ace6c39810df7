"""`sojourn applications list`: what may have people sign in here."""

from __future__ import annotations

from sojourn.cli.opened import opened
from sojourn.cli.options import Accounts, Json, Limit, Store
from sojourn.cli.output import print_json, print_table
from sojourn.directory.records import Application
from sojourn.directory.views import application_view

__all__ = ["list_applications"]


async def list_applications(
    *, limit: Limit = 100, json: Json = False, store: Store = None, accounts: Accounts = None
) -> None:
    """List the applications, newest first. Their secrets are not known here."""
    async with opened({"store": store, "accounts": accounts}) as found:
        applications = await found.directory.applications(limit=limit)
    if json:
        print_json([application_view(application) for application in applications])
        return
    print_table(("id", "name", "kind", "grants", "rules", "since"), [_row(one) for one in applications])


def _row(application: Application) -> tuple[str, ...]:
    kind = "public" if application.public else "confidential"
    return (
        application.id,
        application.name,
        kind if application.enabled else f"{kind}, disabled",
        " ".join(application.grants),
        " ".join(f"{name}={value}" for name, value in application.rules.items()),
        f"{application.created_at:%Y-%m-%d}",
    )
