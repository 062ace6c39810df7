"""A search among the sessions of everybody that never takes long: a stretch of time after the other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from heapq import nlargest
from itertools import chain
from typing import Literal
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace as _replaced

from sojourn.session import Session, began, lowest_id
from sojourn.sessions import AsyncSessions
from sojourn.stores.protocol import Query, is_kept

__all__ = ["Counted", "Found", "Search", "State", "Stopwatch", "count", "queries", "search"]

State = Literal["active", "ended", "all"]
Stopwatch = Callable[[], float]

_PATIENCE = 0.1  # seconds of one page, and as many of counting
_SHORTEST = timedelta(minutes=1)
_FASTER = 4  # how much longer than the last one a stretch may be: nobody knows how much is in it
_MILLISECOND = timedelta(milliseconds=1)
_LONG_AGO = timedelta(days=36_500)
_SPARE = timedelta(days=1)  # for clocks that are not ours
_OFTEN = 4  # of so many that live one is somebody's
_AT_A_TIME = 10  # questions about one user each; others are answered between


class Search(Struct, frozen=True, kw_only=True):
    """What is searched for: `query`, without time and page, of `state`, begun in [`since`, `until`).

    With *users* it is about their sessions alone, and `query` names none. *cut*: they are not all that
    were meant, so that neither count nor last page is the whole of it.
    """

    query: Query = Query(signed_in=True)
    state: State = "active"
    users: tuple[str, ...] | None = None
    cut: bool = False
    since: datetime | None = None
    until: datetime | None = None


class Found(Struct, frozen=True, kw_only=True):
    """One page, newest first. `next`: the `after` of the following one; None: there is none.

    Not `complete`: the time was up before there were enough, and the following page goes on there; the
    last one: the search was `cut`.
    """

    sessions: list[Session]
    next: UUID | None
    complete: bool = True


class Counted(Struct, frozen=True):
    count: int
    how: Literal["exact", "at_least", "about"]


async def search(
    sessions: AsyncSessions,
    wanted: Search,
    *,
    after: UUID | None = None,
    limit: int = 100,
    within: float = _PATIENCE,
    stopwatch: Stopwatch = time.monotonic,
) -> Found:
    """The page of *wanted* after the session *after*, as far as it is found *within* so many seconds."""
    now = sessions.clock()
    if (several := queries(wanted, now)) is not None:
        few = await _of_few(sessions, several, after=after, limit=limit)
        following = few[-1].id if len(few) == limit else None
        return Found(sessions=few, next=following, complete=following is not None or not wanted.cut)
    if (newest := await _newest(sessions, wanted, now)) is not None:
        rows = await sessions.store.select(_replaced(newest, after=after, limit=limit))
        return Found(sessions=rows, next=rows[-1].id if len(rows) == limit else None)
    found: list[Session] = []
    low, begin = now, None if after is None else began(after) + _MILLISECOND
    for stretch in _stretches(sessions, wanted, now, begin, within, stopwatch):
        low = stretch.created_since or low
        page = _replaced(stretch, after=after, limit=limit - len(found))
        rows = await sessions.store.select(page)
        found += rows
        if len(rows) == page.limit:
            return Found(sessions=found, next=found[-1].id)
        await asyncio.sleep(0)  # a store that answers in place lets nobody else in between
    done = low <= _oldest(sessions, wanted, now)
    return Found(sessions=found, next=None if done else lowest_id(low), complete=done)


async def count(
    sessions: AsyncSessions,
    wanted: Search,
    *,
    within: float = _PATIENCE,
    stopwatch: Stopwatch = time.monotonic,
) -> Counted:
    """How many match *wanted*: all of them if they are counted *within* so many seconds."""
    now = low = sessions.clock()
    total = 0
    if (several := queries(wanted, now)) is not None:
        for start in range(0, len(several), _AT_A_TIME):
            some = several[start : start + _AT_A_TIME]
            total += sum(await asyncio.gather(*(sessions.store.count(query) for query in some)))
            await asyncio.sleep(0)
        return Counted(total, "at_least" if wanted.cut else "exact")
    for stretch in _stretches(sessions, wanted, now, None, within, stopwatch):
        low = stretch.created_since or low
        total += await sessions.store.count(stretch)
        await asyncio.sleep(0)
    if low <= _oldest(sessions, wanted, now):
        return Counted(total, "exact")
    kept = _replaced(wanted.query, live_at=now, about=True)
    if wanted.state == "active" and wanted.since is wanted.until is None and is_kept(kept):
        return Counted(max(total, await sessions.store.count(kept)), "about")
    return Counted(total, "at_least")


async def _newest(sessions: AsyncSessions, wanted: Search, now: datetime) -> Query | None:
    """*wanted* as one question, if so many match that a page is soon full; None: nobody knows that."""
    everybody = Query(signed_in=wanted.query.signed_in)
    if wanted.query != everybody or wanted.state != "active" or not (wanted.since is wanted.until is None):
        return None
    if everybody.signed_in:  # visitors have to be passed over
        all = await sessions.store.count(Query(live_at=now, about=True))
        if await sessions.store.count(_replaced(everybody, live_at=now, about=True)) * _OFTEN < all:
            return None
    return _replaced(everybody, live_at=now)


def queries(wanted: Search, now: datetime) -> list[Query] | None:
    """*wanted* as questions that each find few; None: it is about everybody."""
    query = _timed(wanted.query, wanted.state, now)
    query = _replaced(query, created_since=wanted.since, created_before=wanted.until)
    if wanted.users is not None:
        return [_replaced(query, user_id=user_id) for user_id in wanted.users]
    return [query] if query.user_id is not None or query.id is not None else None


# ── how ───────────────────────────────────────────────────────────────────────────────────────


def _timed(query: Query, state: State, now: datetime) -> Query:
    if state == "active":
        return _replaced(query, live_at=now)
    return _replaced(query, ended_since=now - _LONG_AGO, ended_by=now) if state == "ended" else query


async def _of_few(
    sessions: AsyncSessions, several: list[Query], *, after: UUID | None, limit: int
) -> list[Session]:
    """The newest *limit* of all that *several* find after the session *after*."""
    rows: list[Session] = []
    for start in range(0, len(several), _AT_A_TIME):
        some = [_replaced(query, after=after, limit=limit) for query in several[start : start + _AT_A_TIME]]
        if len(rows) == limit:  # older ones would not be on the page
            floor = began(rows[-1].id)
            some = [
                _replaced(query, created_since=max(query.created_since or floor, floor)) for query in some
            ]
        found = await asyncio.gather(*(sessions.store.select(query) for query in some))
        rows = nlargest(limit, chain(rows, *found), key=lambda session: session.id)
        await asyncio.sleep(0)
    return rows


def _stretches(
    sessions: AsyncSessions,
    wanted: Search,
    now: datetime,
    begin: datetime | None,
    within: float,
    stopwatch: Stopwatch,
) -> Iterator[Query]:
    """*wanted* about one stretch of time after the other, the newest first, as long as there is time."""
    started = last = stopwatch()
    query, oldest = _timed(wanted.query, wanted.state, now), _oldest(sessions, wanted, now)
    bounds = [bound for bound in (begin, wanted.until) if bound is not None]
    upper = min(bounds, default=None)
    width, top = _SHORTEST, now if upper is None else min(upper, now)
    while True:
        low = max(_whole(top - width), oldest)
        yield _replaced(query, created_since=low, created_before=upper)
        ended = stopwatch()
        left = within - (ended - started)
        if low <= oldest or left < within / 20:
            return
        fitting = width * min(0.7 * left / max(ended - last, 1e-6), _FASTER)
        width, top, upper, last = max(fitting, _SHORTEST), low, low, ended


def _oldest(sessions: AsyncSessions, wanted: Search, now: datetime) -> datetime:
    """Before this nobody began whom *wanted* could mean."""
    policy = sessions.policy
    kept = timedelta(0) if wanted.state == "active" else policy.keep_ended
    oldest = _whole(now - policy.longest - kept - _SPARE)
    return oldest if wanted.since is None else max(oldest, wanted.since)


def _whole(at: datetime) -> datetime:
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
