"""What the verbs have in common: what they work with, what they answer, and what several of them do."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from msgspec.structs import replace as _replaced

from sojourn.activity import Activity
from sojourn.addresses import Addresses, cut
from sojourn.clock import Clock
from sojourn.commit import Commits
from sojourn.errors import SessionExpired, SessionNotFound, SessionRevoked, TokenInvalid
from sojourn.events import Event, Revoked, Verdict
from sojourn.feed import Feed
from sojourn.lifecycle import Outcome
from sojourn.policy import Policy
from sojourn.session import Discreet, Place, Reason, Session
from sojourn.snapshots import Snapshots
from sojourn.standings import Standings
from sojourn.stores.protocol import Query, Store
from sojourn.token import Keys, Kind, Token, parse

if TYPE_CHECKING:
    from sojourn.custom import Custom
    from sojourn.place import Places

__all__ = ["BATCH", "ENDED", "Issued", "Rows", "Validated", "Verbs", "kind_of", "parsed", "shortened"]

Rows = list[Session]  # both faces have a verb named `list`

BATCH = 1000  # rows that one statement may end
ENDED = (SessionExpired, SessionRevoked, SessionNotFound)
_log = logging.getLogger("sojourn")


class Issued(Discreet, frozen=True):
    """A session with the token that its bearer is to have from now on; `verdict`: on what was refreshed."""

    session: Session
    token: str
    verdict: Verdict | None = None

    def __repr__(self) -> str:
        return f"<Issued {self.session!r}>"


class Validated(Discreet, frozen=True):
    """A session that may be used; `token`, if given, is to replace the one that was presented."""

    session: Session
    token: str | None = None

    def __repr__(self) -> str:
        return f"<Validated {self.session!r}>"


class Verbs:
    """What every verb works with: `AsyncSessions` makes it."""

    store: Store
    faults: tuple[type[Exception], ...]
    keys: Keys
    policy: Policy
    clock: Clock
    places: Places | None
    custom: Custom | None
    feed: Feed
    activity: Activity
    snapshots: Snapshots
    standings: Standings
    _addresses: Addresses
    _commits: Commits
    _listeners: list[Callable[[Event], None]]

    def place_of(self, ip: str | None) -> Place | None:
        """Where *ip* is thought to be; None: nobody knows."""
        return None if self.places is None else self.places.place_of(ip)

    def kept(self, ip: str | None, since: datetime | None = None) -> str | None:
        """*ip* as the policy lets it be stored, in a session that began at *since* or now."""
        ip, longest = self._addresses.of(ip), self.policy.keep_addresses
        if since is not None and longest is not None and self.clock() - since >= longest:
            return cut(ip)
        return ip

    def emit(self, event: Event) -> None:
        """Tell every listener. Of an address no more than what may be stored."""
        if event.ip is not None and (ip := self.kept(event.ip)) != event.ip:
            event = _replaced(event, ip=ip)
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:
                _log.exception("a listener failed on %s", event.name)

    def _oldest(self, now: datetime) -> datetime:
        """Nothing that began before this lives: a store need not look there. (A day for clocks.)"""
        return now - self.policy.longest - timedelta(days=1)

    # ── many ─────────────────────────────────────────────────────────────────────────────────

    async def _change_all_of(self, user_id: str, decide: Callable[..., Outcome]) -> int:
        """Decide about each live session of a user; about how many it was decided."""
        total, last = 0, None
        while True:
            query = Query(user_id=user_id, live_at=self.clock(), after=last, limit=BATCH)
            page = await self.store.select(query)
            total += await self._change_all([session.id for session in page], decide)
            if len(page) < BATCH:
                return total
            last = page[-1].id

    async def _change_all(self, ids: Iterable[UUID], decide: Callable[..., Outcome]) -> int:
        total = 0
        for id in ids:
            with suppress(*ENDED):
                await self._commits.change(id, decide)
                total += 1
        return total

    async def _revoke_every(
        self, query: Query, *, reason: Reason, by: str | None, note: str | None = None
    ) -> int:
        """End all that match, batch by batch; how many."""
        total = 0
        while True:
            count = await self._revoke(query, reason=reason, by=by, note=note)
            total += count
            if count < query.limit:
                return total

    async def _revoke(self, query: Query, *, reason: Reason, by: str | None, note: str | None = None) -> int:
        now, note = self.clock(), shortened(note)
        ids = await self.store.revoke(query, at=now, reason=reason, by=by, note=note)
        for id in ids:
            self.feed.ended(id, now, reason)
            self.emit(Revoked(at=now, session_id=id, user_id=query.user_id, reason=reason, by=by))
        return len(ids)


def kind_of(bearer: bool) -> Kind:
    return "refresh" if bearer else "session"


def parsed(text: str, keys: Keys, kind: Kind) -> Token:
    """What *text* claims, if it is a token of that *kind*."""
    token = parse(text, keys)
    if token.kind != kind:
        raise TokenInvalid
    return token


def shortened(note: str | None) -> str | None:
    """*note* as it is stored: PostgreSQL knows no zero in a text."""
    return note and note.replace("\0", "")[:255]
