"""`sojourn migrate`: bring the databases to the schema of this version."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from sojourn.accounts import open_accounts
from sojourn.cli.opened import shared
from sojourn.cli.options import Accounts, JournalAt, Store
from sojourn.cli.output import progress
from sojourn.directory import open_directory
from sojourn.observe import open_ledger
from sojourn.settings import Loaded, load
from sojourn.settings_text import without_password
from sojourn.stores import open_store

__all__ = ["migrate"]


async def migrate(*, store: Store = None, accounts: Accounts = None, journal: JournalAt = None) -> None:
    """Create or upgrade the tables of sessions, users, applications and the journal.

    Safe to repeat, and for many at once. Make a backup first. With --accounts alone only that database is
    touched, users and applications, and the journal beside it; with --journal alone only the journal.
    """
    for what, url in targets(load({"store": store, "accounts": accounts, "journal": journal})):
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
    "journal": partial(open_ledger, keys=None),
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
    found = [("sessions", settings.store)]
    if settings.accounts:  # or users have no place yet, and do not get one unasked
        found += [("accounts", settings.accounts), ("directory", settings.accounts)]
    if settings.journal not in ("off", "memory://"):
        found.append(("journal", settings.journal))
    named = {name for name in ("store", "accounts", "journal") if sources[name] == "argument"}
    if named == {"journal"}:
        return found[-1:]
    return found[1:] if "accounts" in named and sources["store"] == "default" else found
