"""`sojourn migrate`: bring the databases to the schema of this version."""

from __future__ import annotations

from sojourn.accounts import open_accounts
from sojourn.cli.opened import shared
from sojourn.cli.options import Accounts, Store
from sojourn.cli.output import progress
from sojourn.settings import Loaded, load
from sojourn.settings_text import without_password
from sojourn.stores import open_store

__all__ = ["migrate"]


async def migrate(*, store: Store = None, accounts: Accounts = None) -> None:
    """Create or upgrade the tables of sessions and users. Safe to repeat, and while others do the same.

    Make a backup first. With --accounts alone only the users' database is touched.
    """
    for what, url in targets(load({"store": store, "accounts": accounts})):
        shared(url)
        opened = open_store(url) if what == "sessions" else open_accounts(url)
        try:
            with progress(f"Migrating {what} …"):
                applied = await opened.engine.migrate()  # type: ignore[union-attr]
        finally:
            await opened.close()
        print(f"{what} in {without_password(url)}: {', '.join(applied) or 'up to date'}")


def targets(loaded: Loaded) -> list[tuple[str, str]]:
    """What to migrate, and where; not the default store when only the other one was named."""
    settings, sources = loaded.settings, loaded.sources
    found = [("sessions", settings.store), ("accounts", settings.accounts)]
    return found[1:] if sources["accounts"] == "argument" and sources["store"] == "default" else found
