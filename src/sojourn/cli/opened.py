"""The stores that the settings name, opened for one command."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from msgspec import Struct

from sojourn import keyring
from sojourn.accounts import Accounts, User, open_accounts
from sojourn.directory import Directory, open_directory
from sojourn.errors import AccountNotFound, SettingsError, TenantNotFound
from sojourn.event_log import log_event
from sojourn.events import Event
from sojourn.observe import open_ledger
from sojourn.observe.journal.writer import Journal
from sojourn.observe.ledger import Ledger
from sojourn.sessions import AsyncSessions, utc_now
from sojourn.settings import Settings, load
from sojourn.stores import open_store, sqlite_path
from sojourn.token import Keys

__all__ = ["Opened", "ledger_of", "opened", "shared"]

_log = logging.getLogger("sojourn.journal")


class Opened(Struct, frozen=True):
    """Sessions, accounts and directory as the settings have them; the journal, if there is one."""

    settings: Settings
    sessions: AsyncSessions
    accounts: Accounts
    directory: Directory
    ledger: Ledger | None = None
    journal: Journal | None = None

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
    """Open what is there; nothing is created. That a key can be read is wanted for *tokens* alone.

    What happens to sessions is written to the journal too, before the command ends. Without *users* it
    is no error that nobody said where they are kept: then there are none.
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
    ledger = ledger_of(settings)
    journal = None if ledger is None else Journal(ledger, clock=sessions.clock)
    sessions.listen(journal.hear if journal else _Unheard(settings.journal))
    sessions.activity.tell = journal.hear if journal else None
    try:
        yield Opened(settings, sessions, accounts, directory, ledger, journal)
    finally:
        await _written(journal)
        await directory.close()
        await accounts.close()
        await sessions.close()


def ledger_of(settings: Settings, *, keys: Keys | None = None) -> Ledger | None:
    """The journal where the settings have it; None if it is off, or nowhere yet.

    Without the server keys what happens is written all the same, but nothing that is personal.
    """
    if settings.journal == "off" or settings.journal.startswith("memory:"):
        return None
    if settings.journal.startswith("sqlite:"):
        path = sqlite_path(settings.journal)
        if path is None or not path.exists():
            return None
    return open_ledger(settings.journal, keys=keys or _ring_if_any(settings), create=False)


def _ring_if_any(settings: Settings) -> Keys | None:
    try:
        return keyring.ring(settings)
    except SettingsError as error:
        _log.info("nothing personal is written to the journal: %s", error)
        return None


async def _written(journal: Journal | None) -> None:
    """What was done is done; that it could not be written down is said, and no reason to fail."""
    if journal is not None:
        await journal.try_flush()
        await journal.ledger.close()


class _Unheard:
    """Says once that what happens is written down nowhere."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._said = url == "off"

    def __call__(self, event: Event) -> None:
        if not self._said:
            self._said = True
            _log.warning(
                "%s is not in a journal: there is none at %s; run `sojourn migrate`", event.name, self._url
            )


def shared(url: str) -> None:
    """Refuse what lives in one process: a command would find it empty."""
    if url.startswith("memory:") or url.endswith(":memory:"):
        raise SettingsError(
            f"{url} lives inside the server's process; use a store that others reach too, "
            "such as sqlite:///sojourn.db"
        )
