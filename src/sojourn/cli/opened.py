"""The stores that the settings name, opened for one command."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from msgspec import Struct

from sojourn import keyring
from sojourn.accounts import Accounts, User, open_accounts
from sojourn.directory import Directory, open_directory
from sojourn.errors import AccountNotFound, SettingsError, TenantNotFound
from sojourn.event_log import log_event
from sojourn.sessions import AsyncSessions, utc_now
from sojourn.settings import Settings, load
from sojourn.stores import open_store

__all__ = ["Opened", "opened", "shared"]


class Opened(Struct, frozen=True):
    """Sessions, accounts and directory as the settings have them."""

    settings: Settings
    sessions: AsyncSessions
    accounts: Accounts
    directory: Directory

    async def user_id(self, who: str) -> str:
        """The id of *who*: an e-mail address, or an id already. Applications may have users of their own."""
        if "@" not in who:
            return who
        user = await self.accounts.by_email(who)
        if user is None:
            raise AccountNotFound(f"There is no user {who}.")
        return user.id

    async def tenant_id(self, which: str) -> str:
        """The id of the tenant *which*, a slug or an id."""
        tenant = await self.directory.tenant(which)
        if tenant is None:
            raise TenantNotFound(f"There is no tenant {which}.")
        return tenant.id

    async def users(self, ids: set[str]) -> dict[str, User]:
        """Those of *ids* who are known here."""
        try:
            found = [await self.accounts.get(id) for id in ids]
        except self.accounts.store.faults:
            return {}  # no accounts here: ids say enough
        return {user.id: user for user in found if user is not None}


@asynccontextmanager
async def opened(
    arguments: Mapping[str, object], *, users: bool = True, tokens: bool = False
) -> AsyncIterator[Opened]:
    """Open what is there; nothing is created. No key is read, unless the command derives *tokens*.

    Without *users* it is no error that nobody said where they are kept: then there are none.
    """
    settings = load(arguments).settings
    for url in (settings.store, settings.accounts):
        shared(url)
    keys = keyring.ring(settings) if tokens else keyring.throwaway(utc_now())
    store = open_store(settings.store, create=False)
    sessions = AsyncSessions(store, keys=keys, policy=settings.learning_policy(), on_event=log_event)
    nobody = not users and not settings.accounts
    beside = "memory://" if nobody else settings.accounts
    accounts = Accounts(open_accounts(beside, create=False), sessions)
    directory = Directory(open_directory(beside, create=False), sessions)
    try:
        yield Opened(settings, sessions, accounts, directory)
    finally:
        await directory.close()
        await accounts.close()
        await sessions.close()


def shared(url: str) -> None:
    """Refuse what lives in one process: a command would find it empty."""
    if url.startswith("memory:") or url.endswith(":memory:"):
        raise SettingsError(
            f"{url} lives inside the server's process; use a store that others reach too, "
            "such as sqlite:///sojourn.db"
        )
