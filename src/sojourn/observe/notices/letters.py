"""Letters: what stands in a mail, made when it is sent, for the user or for who watches over the server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import msgspec

from sojourn.directory.outbox import Message
from sojourn.events import CredentialsChanged
from sojourn.observe.alerts.rules import family
from sojourn.observe.journal.reading import Reading
from sojourn.observe.notices import devices
from sojourn.observe.notices.mail import Mailer
from sojourn.session import Place
from sojourn.sessions import AsyncSessions

__all__ = ["AlertLetters", "ChangeLetters", "DeviceLetters", "Say", "coarse"]

_DAY = "%Y-%m-%d %H:%M UTC"


class Say(Protocol):
    """The sentence of a key in one language, with its values."""

    def __call__(self, key: str, **values: Any) -> str: ...


class AlertLetters:
    """Tells those at *to* of alerts. *url*: of this server, whose dashboard shows the rest."""

    def __init__(self, mailer: Mailer, to: Sequence[str], *, url: str) -> None:
        self._mailer, self._to, self._url = mailer, tuple(to), url.rstrip("/")

    async def send(self, message: Message, at: datetime) -> None:
        said = msgspec.json.decode(message.body)
        subject = f"[{said['severity']}] {said['title']}"
        factors = "\n".join(f"- {factor}" for factor in said["factors"])
        text = f"{said['title']}\n\n{factors}\n\nOpened: {said['opened_at']}\n{self._url}/admin/alerts\n"
        await self._mailer.send(self._to, subject, text, id=message.id, at=at)


class DeviceLetters:
    """Tells a user of a sign-in on a new device: when, with which kind of software, from about where.

    No address, because that may be somebody else's. *email* gives the address of a user, None for one who
    is gone; *say* the sentences.
    """

    def __init__(
        self,
        mailer: Mailer,
        sessions: AsyncSessions,
        *,
        email: Callable[[str], Awaitable[str | None]],
        say: Say,
        url: str,
    ) -> None:
        self._mailer, self._sessions = mailer, sessions
        self._email, self._say, self._url = email, say, url.rstrip("/")

    async def send(self, message: Message, at: datetime) -> None:
        """To a user who is gone, or about a session that is forgotten, there is nothing to tell."""
        session = await self._sessions.store.get(msgspec.json.decode(message.body, type=UUID))
        if session is None or session.user_id is None:
            return
        email = await self._email(session.user_id)
        if email is None:
            return
        link = devices.made(session.id, self._sessions.keys, at=message.created_at)
        say, end = self._say, message.created_at + devices.LIFE
        lines = (
            say("mail.device.lead"),
            "",
            f"  {say('mail.device.when', time=f'{session.created_at:{_DAY}}')}",
            f"  {say('mail.device.with', device=family(session, say('mail.device.unknown')))}",
            f"  {coarse(session.place, say)}",
            "",
            say("mail.device.you"),
            "",
            say("mail.device.notYou", date=f"{end:%Y-%m-%d}"),
            f"{self._url}{devices.PATH}?link={link}",
            "",
        )
        await self._mailer.send([email], say("mail.device.subject"), "\n".join(lines), id=message.id, at=at)


class ChangeLetters:
    """Tells a user that they sign in by other means than before; of another address the one before, too.

    Without any link: who did not do it signs in by themselves. *ledger*: whose lines the messages name.
    """

    def __init__(
        self,
        mailer: Mailer,
        ledger: Reading,
        *,
        email: Callable[[str], Awaitable[str | None]],
        say: Say,
    ) -> None:
        self._mailer, self._ledger = mailer, ledger
        self._email, self._say = email, say

    async def send(self, message: Message, at: datetime) -> None:
        """To a user who is gone, or about a line that is forgotten, there is nothing to tell."""
        place = msgspec.json.decode(message.body, type=int)
        found = await self._ledger.tail(place - 1, 1)
        line = found[0] if found and found[0].place == place else None
        if line is None or line.user_id is None or line.name != CredentialsChanged.name:
            return
        email = await self._email(line.user_id)
        if email is None:
            return
        say, provider = self._say, line.facts.get("provider", "")
        lines = (
            say("mail.changed.lead"),
            "",
            f"  {say(_CHANGES[line.facts['change']], provider=provider)}",
            f"  {say('mail.changed.when', time=f'{line.at:{_DAY}}')}",
            "",
            say("mail.changed.you"),
            "",
            say("mail.changed.notYou"),
            "",
        )
        subject, text = say("mail.changed.subject"), "\n".join(lines)
        await self._mailer.send([email], subject, text, id=message.id, at=at)
        before = (line.personal or {}).get("before")
        if before and before != email:  # by itself: neither address is told of the other
            await self._mailer.send([before], subject, text, id=message.id, at=at)


_CHANGES = {
    "password": "mail.changed.password",
    "password-set": "mail.changed.passwordReset",
    "linked": "mail.changed.linked",
    "unlinked": "mail.changed.unlinked",
    "email": "mail.changed.email",
}


def coarse(place: Place | None, say: Say) -> str:
    """About where, in words: a city and a country at most."""
    named = ", ".join(part for part in ((place.city, place.country) if place else ()) if part)
    return str(say("row.place", place=named) if named else say("row.noPlace"))
