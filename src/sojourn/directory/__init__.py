"""On whose behalf sessions are started: applications, tenants, and what is on its way to them.

The session core knows nothing of it: to a session both are ids, whoever keeps the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sojourn.directory.directory import Directory, Registered
from sojourn.directory.records import Application, Tenant
from sojourn.errors import SettingsError

if TYPE_CHECKING:
    from sojourn.directory.store import DirectoryStore

__all__ = ["Application", "Directory", "Registered", "Tenant", "open_directory"]


def open_directory(url: str, *, create: bool = True) -> DirectoryStore:
    """The store of the directory that *url* names: it is kept where the accounts are.

    `sqlite:///file.db`, `sqlite:///:memory:` or `memory://`. Without *create* a missing file is an error.
    """
    scheme = url.partition("://")[0].lower() if "://" in url else ""
    if scheme == "memory":
        from sojourn.directory.memory import MemoryDirectory

        return MemoryDirectory()
    if scheme == "sqlite":
        from sojourn.directory.sqlite import SQLiteDirectory
        from sojourn.stores import sqlite_path

        return SQLiteDirectory(sqlite_path(url), create=create)
    if not url:
        raise SettingsError(
            "SOJOURN_ACCOUNTS is not set, and applications cannot be kept where the sessions are; "
            "set it (--accounts) to a file such as sqlite:///accounts.db"
        )
    what = (
        repr(scheme) if scheme else "an address without a scheme"
    )  # not the address: it may hold a password
    raise SettingsError(f"no directory in {what}; use sqlite:///file.db, sqlite:///:memory: or memory://")
