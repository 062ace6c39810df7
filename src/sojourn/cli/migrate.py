"""`sojourn migrate`: bring the databases to the schema of this version."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from sojourn.accounts import open_accounts
from sojourn.cli.opened import shared
from sojourn.cli.options import Accounts, Store
from sojourn.cli.output import progress
from sojourn.directory import open_directory
from sojourn.settings import Loaded, load
from sojourn.settings_text import without_password
from sojourn.stores import open_store

__all__ = ["migrate"]


async def migrate(*, store: Store = None, accounts: Accounts = None) -> None:
    """Create or upgrade the tables of sessions, users and applications. Safe to repeat, and for many at once.

    Make a backup first. With --accounts alone only that database is touched: users and applications.
    """
    for what, url in targets(load({"store": store, "accounts": accounts})):
        shared(url)
        opened = _OPEN[what](url)
        try:
            with progress(f"Migrating {what} …"):
                applied = await _migrated(opened)
        finally:
            await opened.close()
        print(f"{what} in {without_password(url)}: {', '.join(applied) or 'up to date'}")


_OPEN: dict[str, Callable[[str], Any]] = {
    "sessions": open_store,
    "accounts": open_accounts,
    "directory": open_directory,
}


async def _migrated(opened: Any) -> list[str]:
    """The names of what was applied now. Redis has no schema: it only has to be there."""
    migrate = getattr(opened.engine if hasattr(opened, "engine") else opened, "migrate", None)
    if migrate is not None:
        return list(await migrate())
    await opened.get(UUID(int=0))
    return []


def targets(loaded: Loaded) -> list[tuple[str, str]]:
    """What to migrate, and where; not the default store when only the other one was named."""
    settings, sources = loaded.settings, loaded.sources
    if not settings.accounts:
        return [("sessions", settings.store)]  # users have no place yet, and do not get one unasked
    found = [("sessions", settings.store), ("accounts", settings.accounts), ("directory", settings.accounts)]
    return found[1:] if sources["accounts"] == "argument" and sources["store"] == "default" else found
