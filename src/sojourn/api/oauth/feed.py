"""The feed over HTTP: what was revoked, for services that keep snapshots of their own."""

from __future__ import annotations

import base64
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from sojourn.api.oauth.clients import authenticated, said
from sojourn.api.routes import Call, Route
from sojourn.errors import BodyRejected
from sojourn.session import Reason
from sojourn.stores.protocol import Entries
from sojourn.token import Keys

__all__ = ["ROUTES"]

_MAC = 16
_PURPOSE = "feed cursor"


class Line(Struct, kw_only=True):
    """It voids snapshots of session `id` with a version below `version`; with `revoked_at` it has ended."""

    id: UUID
    version: int
    revoked_at: datetime | None
    reason: Reason | None


class Page(Struct, kw_only=True):
    """One poll of the log: see `sojourn.stores.protocol.Entries`."""

    entries: list[Line]
    cursor: str
    complete: bool
    continues: bool
    epoch: str
    now: datetime


async def feed(call: Call) -> Page:
    """The lines of the log since `after`, for an application that can keep a secret."""
    await authenticated(call)
    sessions = call.visit.site.sessions
    after = call.query.get("after")
    found = await sessions.store.entries(
        None if after is None else _opened(after, sessions.keys), limit=call.limit(10_000)
    )
    return _page(found, sessions.clock(), sessions.keys)


def _page(found: Entries, now: datetime, keys: Keys) -> Page:
    lines = [
        Line(id=line.id, version=line.version, revoked_at=line.revoked_at, reason=line.reason)
        for line in found.entries
    ]
    return Page(
        entries=lines,
        cursor=_sealed(found.cursor, keys),
        complete=found.complete,
        continues=found.continues,
        epoch=found.epoch,
        now=found.now or now,
    )


def _sealed(cursor: str, keys: Keys) -> str:
    """*cursor* so that nobody can make one up: it goes into a question to the store as it is."""
    raw = cursor.encode()
    return base64.urlsafe_b64encode(keys.mac(_PURPOSE, raw)[:_MAC] + raw).rstrip(b"=").decode()


def _opened(text: str, keys: Keys) -> str:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        if keys.made(_PURPOSE, raw[_MAC:], raw[:_MAC]):
            return raw[_MAC:].decode()
    except ValueError:
        pass
    raise BodyRejected("after is no cursor of this feed; leave it out to begin anew.", status=422)


ROUTES = (
    Route(
        method="GET",
        path="/oauth/feed",
        guard="open",
        act=feed,
        refusals=("invalid_client",),
        refused=said,
        returns=Page,
        tag="oauth",
        query={
            "after": "the cursor of the page before; without it the whole log",
            "limit": "at most this many lines, up to 10000",
        },
    ),
)
