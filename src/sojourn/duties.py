"""The background work of a server, as its settings have it: noticing, watching, forgetting and delivering."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from urllib.parse import urlsplit

from sojourn import backchannel
from sojourn.access import Signers
from sojourn.accounts import Accounts
from sojourn.background import Worker
from sojourn.delivery import Courier, Dispatch, Guard, Post
from sojourn.delivery.courier import Send
from sojourn.directory import Directory
from sojourn.directory.lived import Lived
from sojourn.observe.alerts.evaluate import Watch
from sojourn.observe.jobs.runner import Runner
from sojourn.observe.ledger import Ledger
from sojourn.observe.notices import letters, telling, webhooks
from sojourn.observe.notices.mail import Mailer, address_of
from sojourn.observe.upkeep import Upkeep
from sojourn.place import Places
from sojourn.privacy.retention import Retention
from sojourn.sessions import AsyncSessions
from sojourn.settings import Settings
from sojourn.web.carrier import is_loopback

__all__ = ["dispatch", "guard", "jobs", "watch", "worker"]

_WEBHOOK = 5.0  # seconds within which a receiver has to answer: another one may wait for it


def worker(
    accounts: Accounts, directory: Directory, ledger: Ledger | None = None, settings: Settings | None = None
) -> Worker:
    """It notices who ended by time, has that told, forgets what is long over, and looks after the journal."""
    notices = backchannel.Notices(directory.sessions, directory)
    lived, retention = Lived(directory.store), Retention(directory)

    async def retain(now: datetime) -> None:
        if await lived.vouched(now):  # what is cut short stays short
            await retention.step(now)

    async def believes(now: datetime) -> bool:
        try:
            await lived.step(now)
            return await lived.vouched(now)
        except directory.store.faults:
            return True  # sessions do not wait for the store beside them

    each: list[Callable[[datetime], Awaitable[object]]] = [retain]
    if ledger is not None:
        each.append(_upkeep(ledger, directory, settings or Settings()).step)
    return Worker(
        directory.sessions,
        also=[accounts.purge, directory.purge],
        expired=notices.ended,
        first=[notices.read],
        each=each,
        believes=believes,
    )


def _upkeep(ledger: Ledger, directory: Directory, settings: Settings) -> Upkeep:
    return Upkeep(
        ledger,
        directory.sessions,
        keep=settings.keep_journal,
        keep_personal=settings.keep_personal,
        beside=directory.store,
    )


def dispatch(
    settings: Settings,
    accounts: Accounts,
    directory: Directory,
    signers: Signers | None,
    ledger: Ledger | None = None,
) -> Dispatch | None:
    """It delivers what is in the outbox; with the keys of access tokens, which sign logout tokens too.

    None where nothing can be delivered.
    """
    senders = _senders(settings, accounts, ledger)
    notices = backchannel.Notices(directory.sessions, directory)
    if signers:
        tellers = backchannel.Tellers(directory, signers, Post(guard(settings)), url=settings.origin)
        senders[backchannel.KIND] = tellers.send
    if not senders:
        return None
    courier = Courier(directory.store, senders, tell=directory.sessions.emit)
    first = [notices.read] if signers else []
    return Dispatch(directory.sessions, courier, first=first, faults=directory.store.faults)


def watch(settings: Settings, directory: Directory, ledger: Ledger, dispatch: Dispatch | None) -> Watch:
    """It looks through the journal as it grows, raises alerts, and has *dispatch* tell of them."""
    tellings = telling.Tellings(
        hooks=_hooks(settings),
        mails_alerts=bool(settings.alerts_to),
        mails_devices=settings.smtp is not None and settings.new_device_notice,
        mails_changes=settings.smtp is not None and settings.new_device_notice,
        least=settings.alerts_least,
    )
    return Watch(
        directory.sessions,
        ledger,
        directory.store,
        tellings,
        rules=settings.alert_rules(),
        places=directory.sessions.places or Places(settings.places),
        wake=dispatch.wake if dispatch is not None else lambda: None,
        faults=directory.store.faults,
        lived=Lived(directory.store),
    )


def jobs(accounts: Accounts, sessions: AsyncSessions, ledger: Ledger) -> Runner:
    """It carries out what administrators have revoked many of."""

    async def administrators(users: set[str]) -> set[str]:
        found = [await accounts.get(id) for id in users]
        return {user.id for user in found if user is not None and user.role == "admin"}

    return Runner(sessions, ledger, administrators=administrators)


def _hooks(settings: Settings) -> webhooks.Hooks:
    post = Post(guard(settings), deadline=_WEBHOOK)
    return webhooks.Hooks(settings.webhooks, post, events=settings.webhook_events)


def _senders(settings: Settings, accounts: Accounts, ledger: Ledger | None) -> dict[str, Send]:
    """How webhooks and mail go out, as far as the settings say where to."""
    senders: dict[str, Send] = {}
    if settings.webhooks:
        senders[webhooks.KIND] = _hooks(settings).send
    if settings.smtp is not None:
        host = urlsplit(settings.origin).hostname or "localhost"
        mailer = Mailer(settings.smtp, address_of(settings.mail_from or f"sojourn@{host}"))
        url = settings.origin + settings.prefix
        senders[telling.ALERT_MAIL] = letters.AlertLetters(mailer, settings.alerts_to, url=url).send
        senders[telling.DEVICE_MAIL] = letters.DeviceLetters(
            mailer,
            accounts.sessions,
            email=lambda user_id: _email(accounts, user_id),
            say=_spoken(settings.mail_language),
            url=url,
        ).send
        if ledger is not None:
            senders[telling.CHANGE_MAIL] = letters.ChangeLetters(
                mailer,
                ledger,
                email=lambda user_id: _email(accounts, user_id),
                say=_spoken(settings.mail_language),
            ).send
    return senders


async def _email(accounts: Accounts, user_id: str) -> str | None:
    user = await accounts.get(user_id)
    return user.email if user is not None and user.enabled else None


def _spoken(language: str) -> letters.Say:
    """The sentences of the pages, as plain text."""
    from sojourn.web.pages.language import words  # late: whoever sends no mail needs no pages

    def say(key: str, **values: object) -> str:
        return words(language)(key, **values).unescape()

    return say


def guard(settings: Settings) -> Guard:
    """Which addresses may be reached. A server on this machine alone, or in development, may reach itself."""
    host = urlsplit(settings.origin).hostname or ""
    return Guard.of(settings.delivery_networks, local=settings.development or is_loopback(host))
