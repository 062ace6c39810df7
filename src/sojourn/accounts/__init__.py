"""People who sign in: for the server, the demo and applications that have no users of their own yet.

The session core knows nothing of it: to a session a user is an id, whoever keeps the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sojourn.accounts.accounts import Accounts
from sojourn.accounts.find import Find
from sojourn.accounts.proof import Proof, ProviderTokens
from sojourn.accounts.user import Account, User
from sojourn.errors import SettingsError

if TYPE_CHECKING:
    from sojourn.accounts.store import AccountsStore

__all__ = ["Account", "Accounts", "Find", "Proof", "ProviderTokens", "User", "open_accounts"]


def open_accounts(url: str, *, create: bool = True) -> AccountsStore:
    """The store of accounts that *url* names: `sqlite:///file.db`, `sqlite:///:memory:` or `memory://`.

    The file may be the one that holds the sessions. Without *create* a missing one is an error.
    """
    scheme = url.partition("://")[0].lower() if "://" in url else ""
    if scheme == "memory":
        from sojourn.accounts.store import MemoryAccounts

        return MemoryAccounts()
    if scheme == "sqlite":
        from sojourn.accounts.sqlite import SQLiteAccounts
        from sojourn.stores import sqlite_path

        return SQLiteAccounts(sqlite_path(url), create=create)
    if not url:
        raise SettingsError(
            "SOJOURN_ACCOUNTS is not set, and users cannot be kept where the sessions are; "
            "set it (--accounts) to a file such as sqlite:///accounts.db"
        )
    what = (
        repr(scheme) if scheme else "an address without a scheme"
    )  # not the address: it may hold a password
    raise SettingsError(f"no accounts in {what}; use sqlite:///file.db, sqlite:///:memory: or memory://")
