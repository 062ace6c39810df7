"""The background work of a server, as its settings have it: noticing, forgetting and delivering."""

from __future__ import annotations

from urllib.parse import urlsplit

from sojourn import backchannel
from sojourn.access import Signers
from sojourn.accounts import Accounts
from sojourn.background import Worker
from sojourn.delivery import Courier, Dispatch, Guard, Post
from sojourn.directory import Directory
from sojourn.settings import Settings
from sojourn.web.carrier import is_loopback

__all__ = ["dispatch", "guard", "worker"]


def worker(accounts: Accounts, directory: Directory) -> Worker:
    """It notices who ended by time, has that told, and forgets what is long over."""
    notices = backchannel.Notices(directory.sessions, directory)
    return Worker(
        directory.sessions,
        also=[accounts.purge, directory.purge],
        expired=notices.ended,
        first=[notices.read],
    )


def dispatch(settings: Settings, directory: Directory, signers: Signers) -> Dispatch:
    """It delivers what is in the outbox; with the keys of access tokens, which sign logout tokens too."""
    notices = backchannel.Notices(directory.sessions, directory)
    tellers = backchannel.Tellers(directory, signers, Post(guard(settings)), url=settings.origin)
    courier = Courier(directory.store, {backchannel.KIND: tellers.send}, tell=directory.sessions.emit)
    return Dispatch(directory.sessions, courier, first=[notices.read], faults=directory.store.faults)


def guard(settings: Settings) -> Guard:
    """Which addresses may be reached. A server on this machine alone, or in development, may reach itself."""
    host = urlsplit(settings.origin).hostname or ""
    return Guard.of(settings.delivery_networks, local=settings.development or is_loopback(host))
