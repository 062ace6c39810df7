"""The numbers of the overview: who is signed in now, and what happened today."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from msgspec import Struct
from msgspec.structs import replace as _replaced

from sojourn.api.admin.base import line
from sojourn.api.routes import Call
from sojourn.api.views import Time, instant
from sojourn.sessions import AsyncSessions
from sojourn.stores.protocol import Query

if TYPE_CHECKING:
    from sojourn.accounts import Accounts
    from sojourn.observe.ledger import Ledger

__all__ = ["ROUTES", "Refreshes", "Stats", "living", "numbers", "stats"]

_FEW = 5_000  # sessions that are counted one by one for everybody who asks
_GOOD_FOR = timedelta(minutes=1)  # what took longer to count
_LATELY = timedelta(hours=1, minutes=5)  # who leads has counted users since then: see `Upkeep`
_REFRESHED = ("rotated", "twin", "lost_answer")


class Refreshes(Struct, kw_only=True):
    """How refreshing went today; `rate`: the part that succeeded, null if nobody tried."""

    succeeded: int
    failed: int
    rate: float | None
    since: Time


class Stats(Struct, kw_only=True):
    """Currently logged in: `sessions` of `users` people. What only the journal knows is null without it.

    A day begins at midnight UTC. `created_before`: until the same time yesterday. Numbers whose names
    are in `approximate` may be minutes old.
    Nobody is logged in by a session that a bulk revocation holds. One that its user has just ended
    counts until that cannot be undone any more, for seconds.
    """

    sessions: int
    users: int
    accounts: int
    devices_each: float | None  # sessions of each user, to one decimal place; null if nobody is there
    created_today: int | None
    ended_today: int | None
    revoked_today: int | None
    created_before: int | None
    refresh: Refreshes | None
    alerts_open: int | None
    approximate: list[str]
    server_now: Time


class Living(Struct, frozen=True):
    """Who lives, as of when; not `exact` if they were too many to be counted for everybody who asks."""

    sessions: int
    users: int
    at: datetime
    exact: bool = True


async def stats(call: Call) -> Stats:
    """How many sessions of how many people live now, and what happened today."""
    return await numbers(call.visit.site.sessions, call.accounts, call.ledger)


async def numbers(sessions: AsyncSessions, accounts: Accounts, ledger: Ledger | None) -> Stats:
    """What `stats` says, for whoever has these at hand."""
    now = sessions.clock()
    there = await living(sessions, ledger)
    return Stats(
        sessions=there.sessions,
        users=there.users,
        accounts=await accounts.count(),
        devices_each=round(there.sessions / there.users, 1) if there.users else None,
        approximate=[] if there.exact else ["sessions", "users", "devices_each"],
        server_now=instant(now),
        **await _of_today(ledger, now),
    )


_known: WeakKeyDictionary[AsyncSessions, Living] = WeakKeyDictionary()
_counting: WeakKeyDictionary[AsyncSessions, asyncio.Task[Living]] = WeakKeyDictionary()


async def living(sessions: AsyncSessions, ledger: Ledger | None) -> Living:
    """How many sessions of how many people live now.

    A few are counted at once. Of many a store keeps the number; to tell their users apart takes it long,
    so who leads writes that into the journal, each minute or as often as can be. Without one it is
    counted here, once a minute at most, and whoever asks meanwhile is told what was known before.
    """
    now = sessions.clock()
    everybody = Query(live_at=now, signed_in=True)
    kept = await sessions.count(_replaced(everybody, about=True))
    held = await _held(ledger, now)
    if kept <= _FEW:
        everybody = _replaced(everybody, unheld=held != 0)  # which not every store has an index for
        users = await sessions.count(_replaced(everybody, people=True))
        return Living(await sessions.count(everybody), users, now)
    if ledger is not None and (noted := await _noted(ledger, now)) is not None:
        return _without(kept, noted, held or 0, now)
    before = _known.get(sessions)
    if before is None or not timedelta(0) <= now - before.at < _GOOD_FOR:
        counting = _counted(sessions, everybody)
        if before is None:
            before = await asyncio.shield(counting)
    return _without(kept, before.users, held or 0, now)


async def _held(ledger: Ledger | None, now: datetime) -> int | None:
    """How many sessions jobs hold; None: the journal is away, and cannot tell."""
    if ledger is None:
        return 0
    try:
        return await ledger.count_held(now)
    except ledger.faults:
        return None


def _without(kept: int, users: int, held: int, now: datetime) -> Living:
    """What is left of many but for those that are held: of whom they are would take long to find out."""
    sessions = max(0, kept - held)
    return Living(sessions, min(users, sessions), now, exact=False)


async def _noted(ledger: Ledger, now: datetime) -> int | None:
    """How many users the journal says to have been there when they were last counted."""
    points = await ledger.series("active", now - _LATELY, now + _GOOD_FOR, "minute")
    return next((point.counts["users"] for point in reversed(points) if "users" in point.counts), None)


def _counted(sessions: AsyncSessions, everybody: Query) -> asyncio.Task[Living]:
    """The task that counts users now: one at a time."""
    task = _counting.get(sessions)
    if task is None or task.done():
        task = _counting[sessions] = asyncio.create_task(_count(sessions, everybody))
    return task


async def _count(sessions: AsyncSessions, everybody: Query) -> Living:
    users = await sessions.count(_replaced(everybody, people=True))
    _known[sessions] = found = Living(0, users, sessions.clock(), exact=False)
    return found


# ── today ─────────────────────────────────────────────────────────────────────────────────────

_DAY = timedelta(days=1)


async def _of_today(ledger: Ledger | None, now: datetime) -> dict[str, Any]:
    """What the journal has counted since midnight."""
    if ledger is None:
        names = ("created_today", "ended_today", "revoked_today", "created_before", "refresh", "alerts_open")
        return dict.fromkeys(names)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    until = now + timedelta(minutes=1)
    created = await _counts(ledger, "created", midnight, until)
    ended = await _counts(ledger, "ended", midnight, until)
    revoked = await _counts(ledger, "revoked", midnight, until)
    before = await _counts(ledger, "created", midnight - _DAY, now - _DAY)
    return {
        "created_today": sum(created.values()),
        "ended_today": sum(ended.values()),
        "revoked_today": sum(revoked.values()),
        "created_before": sum(before.values()),
        "refresh": _refreshes(await _counts(ledger, "refresh", midnight, until), midnight),
        "alerts_open": await ledger.count_alerts(),
    }


async def _counts(ledger: Ledger, metric: str, since: datetime, until: datetime) -> dict[str, int]:
    found: dict[str, int] = {}
    for point in await ledger.series(metric, since, until, "minute"):
        for label, number in point.counts.items():
            found[label] = found.get(label, 0) + number
    return found


def _refreshes(counts: dict[str, int], since: datetime) -> Refreshes:
    succeeded = sum(counts.get(label, 0) for label in _REFRESHED)
    tried = sum(counts.values())
    return Refreshes(
        succeeded=succeeded,
        failed=tried - succeeded,
        rate=succeeded / tried if tried else None,
        since=instant(since),
    )


ROUTES = (line("GET", "/stats", stats, returns=Stats),)
