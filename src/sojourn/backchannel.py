"""Back-channel logout: an application is told that a session of its own has ended, whoever ended it.

OpenID Connect Back-Channel Logout 1.0. Who ends a session writes a line into the log, in the same atomic
step; the log is read from a bookmark, and what an application is to be told goes into the outbox before the
bookmark moves. So a process may die anywhere in between, and nothing is lost; what is done twice has the same
message id, and so is one message. An end by time has no line: it comes from who notices it.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from sojourn import access
from sojourn.access import Algorithm, Signers
from sojourn.delivery import Declined, Post, Undelivered
from sojourn.directory import Directory
from sojourn.directory.outbox import Message
from sojourn.errors import SettingsError
from sojourn.session import Session
from sojourn.sessions import AsyncSessions

__all__ = ["KIND", "LogoutClaims", "Notices", "Tellers", "message_id"]

KIND = "back_channel_logout"

_log = logging.getLogger("sojourn.delivery")

_BOOKMARK = "log, for back-channel logout"
_PAGE = 500  # lines of the log at a time
_AT_ONCE = 50  # records that are asked for together
_NUDGE = timedelta(minutes=1)  # a bookmark moves that often even when no line came: old ones get stale
_LIFE = timedelta(minutes=2)  # of a logout token, from when it is sent (section 4)
_EVENT = "http://schemas.openid.net/event/backchannel-logout"


class _Ended(Struct, frozen=True):
    """The body of a message: no token, because that is made when it is sent."""

    session_id: UUID
    user_id: str | None


# ── what is to be told ────────────────────────────────────────────────────────────────────────


class Notices:
    """Puts into the outbox which sessions of applications have ended."""

    def __init__(self, sessions: AsyncSessions, directory: Directory) -> None:
        self._sessions, self._directory = sessions, directory
        self._moved_at: datetime | None = None

    async def read(self, now: datetime) -> int:
        """Read the log from the bookmark to its end; how many messages were new.

        Two who read at once read the same, and one moves the bookmark.
        """
        store, total = self._directory.store, 0
        while True:
            was = await store.bookmark(_BOOKMARK)
            page = await self._sessions.store.entries(was, limit=_PAGE)
            if not page.continues:
                _log.warning(
                    "the log of revocations does not go on where it was left: sessions that ended meanwhile, "
                    "and whose lines are lost, are not told to their applications; it is read anew"
                )
            over = [entry.id for entry in page.entries if entry.revoked_at is not None]
            total += await self._told(over, now)
            if page.cursor != was and (page.entries or not page.continues or self._stale(was, now)):
                await store.turn(_BOOKMARK, was=was, to=page.cursor)
                self._moved_at = now
            if page.complete:
                return total

    def _stale(self, was: str | None, now: datetime) -> bool:
        return was is None or self._moved_at is None or abs(now - self._moved_at) >= _NUDGE

    async def _told(self, ids: Iterable[UUID], now: datetime) -> int:
        """A record stays for months after its end, and says whose it was."""
        waiting, total = list(dict.fromkeys(ids)), 0
        for first in range(0, len(waiting), _AT_ONCE):
            some = waiting[first : first + _AT_ONCE]
            found = await asyncio.gather(*map(self._sessions.store.get, some))
            total += await self.ended([session for session in found if session is not None], now)
        return total

    async def ended(self, over: Sequence[Session], now: datetime) -> int:
        """Have the applications of sessions that are *over* told; how many messages were new."""
        mine = [session for session in over if session.application_id is not None]
        wanted = {id for id in {session.application_id or "" for session in mine} if await self._wants(id)}
        messages = [_message(session, now) for session in mine if session.application_id in wanted]
        return await self._directory.store.enqueue(messages) if messages else 0

    async def _wants(self, id: str) -> bool:
        """One that was disabled does, too: that is why its sessions ended."""
        application = await self._directory.application(id, sure=True)
        return application is not None and application.back_channel_logout_uri is not None


def message_id(session_id: UUID) -> UUID:
    """The id of the message about the end of a session, which ends once: a UUIDv7 of the same moment."""
    noise = hashlib.blake2b(session_id.bytes, digest_size=10, person=b"back channel").digest()
    number = int.from_bytes(noise)
    stamp = session_id.int >> 80
    return UUID(int=stamp << 80 | 0x7 << 76 | (number >> 68) << 64 | 0b10 << 62 | number & (1 << 62) - 1)


def _message(session: Session, now: datetime) -> Message:
    return Message(
        id=message_id(session.id),
        kind=KIND,
        target=session.application_id or "",
        body=msgspec.json.encode(_Ended(session.id, session.user_id)),
        created_at=now,
        due_at=now,
    )


# ── telling it ────────────────────────────────────────────────────────────────────────────────


class LogoutClaims(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Section 2.4. Never a nonce, or it could be taken for an ID token."""

    iss: str
    aud: str
    iat: int
    exp: int
    jti: str
    events: dict[str, dict[str, Any]]
    sub: str | None = None
    sid: UUID | None = None


class Tellers:
    """Sends logout tokens. *url*: the issuer, as it stands in every other token."""

    def __init__(self, directory: Directory, signers: Signers, post: Post, *, url: str) -> None:
        self._directory, self._signers, self._post = directory, signers, post
        self._url = url.rstrip("/")

    async def send(self, message: Message, at: datetime) -> None:
        """Tell an application, where it wants to be told by now, with a token that is made now."""
        application = await self._directory.application(message.target)
        if application is None or application.back_channel_logout_uri is None:
            raise Declined("the application does not want to be told any more")
        token = self.token(message, application.algorithm, at)
        status = await self._post.form(application.back_channel_logout_uri, {"logout_token": token})
        if status == 400:
            raise Declined("the application answered 400: it does not accept the logout token")
        if status not in (200, 204):
            raise Undelivered(f"the application answered {status}")

    def token(self, message: Message, algorithm: Algorithm, at: datetime) -> str:
        ended = msgspec.json.decode(message.body, type=_Ended)
        claims = LogoutClaims(
            iss=self._url,
            aud=message.target,
            iat=int(at.timestamp()),
            exp=int((at + _LIFE).timestamp()),
            jti=str(message.id),  # the same each time, so that the application can tell what came twice
            events={_EVENT: {}},
            sub=ended.user_id,
            sid=ended.session_id,
        )
        try:
            signer = self._signers.signing(algorithm)
        except SettingsError as error:
            raise Undelivered(str(error)) from None
        return access.signed(claims, signer, self._signers, typ="logout+jwt")
