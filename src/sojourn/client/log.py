"""The server's log of revocations, as `sojourn.feed.Feed` reads that of a store."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sojourn.client.answers import FeedLine, FeedPage
from sojourn.client.errors import ClientError, OAuthRefused, RemoteRefusal
from sojourn.client.tokens import AsyncTokenVerbs
from sojourn.session import Reason
from sojourn.stores.protocol import Entries, Entry

__all__ = ["RemoteLog"]


class RemoteLog:
    """Of a store's verbs the ones that a feed uses."""

    faults: tuple[type[Exception], ...] = (ClientError, RemoteRefusal)

    def __init__(self, verbs: AsyncTokenVerbs) -> None:
        self._verbs = verbs

    async def entries(self, after: str | None = None, *, limit: int = 10_000) -> Entries:
        page, refused = await self._page(after, limit)
        return Entries(
            entries=tuple(_entry(line) for line in page.entries),
            cursor=page.cursor,
            complete=page.complete,
            continues=page.continues and not refused,
            epoch=page.epoch,
            now=page.now,
        )

    async def _page(self, after: str | None, limit: int) -> tuple[FeedPage, bool]:
        """A page, and whether the server no longer knows *after*: then this is the log's beginning."""
        try:
            return await self._verbs.feed(after, limit=limit), False
        except OAuthRefused as no:
            if after is None or no.code != "invalid_request":
                raise
            return await self._verbs.feed(limit=limit), True

    async def revoke(self, query: Any, *, at: datetime, reason: Reason, **_: Any) -> list[UUID]:
        """Nothing: what a store lost, its own server writes back."""
        return []


def _entry(line: FeedLine) -> Entry:
    return Entry(line.id, line.version, line.revoked_at, _reason(line))


def _reason(line: FeedLine) -> Reason | None:
    """A newer server may know reasons that we do not; that the session ended is what counts."""
    try:
        return None if line.reason is None else Reason(line.reason)
    except ValueError:
        return Reason.SYSTEM
