"""The sample's past, as the journal tells it: who came and went, and how many were there in each hour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sojourn.events import Event, Expired, Refreshed, Replayed, Revoked, Started
from sojourn.observe.journal.writer import Journal
from sojourn.observe.ledger import Ledger
from sojourn.observe.series.tally import add, summed
from sojourn.session import Reason, Session

__all__ = ["tell"]

_HOUR = timedelta(hours=1)
_REFRESHED = timedelta(minutes=15)
_USED = timedelta(minutes=5)


async def tell(ledger: Ledger, sessions: Sequence[Session], now: datetime) -> None:
    """Write what *sessions* did until *now*. None of it is news: the watch looks at what comes after."""
    events = sorted((event for one in sessions for event in _lived(one, now)), key=lambda event: event.at)
    journal = Journal(ledger)
    for event in events:
        journal.hear(event)
    await journal.flush()
    await ledger.seal(now)
    await ledger.advance(0, await ledger.last_place(), [])
    await _count(ledger, sessions, now)


def _lived(session: Session, now: datetime) -> Iterator[Event]:
    who: Any = {"session_id": session.id, "user_id": session.user_id, "ip": session.ip}
    yield Started(
        **who,
        at=session.created_at,
        device=session.device.name,
        amr=session.amr,
        kind=session.device.kind,
        device_id=session.device.id,
        place=session.place,
        remember=session.remember,
    )
    for number in range(1, (session.seen_at - session.created_at) // _REFRESHED + 1):
        yield Refreshed(**who, at=session.created_at + number * _REFRESHED, verdict="rotated")
    if session.revoked_at is not None and session.reason is Reason.REPLAY:
        yield Replayed(**who, at=session.revoked_at, generation=0, current=session.generation)
    elif session.revoked_at is not None:
        reason, by = session.reason or Reason.USER, session.revoked_by
        yield Revoked(**who, at=session.revoked_at, reason=reason, by=by)
    elif session.expires_at <= now:
        length = session.expires_at - session.created_at
        by_age = session.expires_at >= session.ends_at
        yield Expired(**who, at=session.expires_at, kind="absolute" if by_age else "idle", duration=length)


async def _count(ledger: Ledger, sessions: Sequence[Session], now: datetime) -> None:
    """How many lived in each hour of the last week, and how many were used."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    hours = [hour - number * _HOUR for number in range(7 * 24)]
    used: Counter[datetime] = Counter()
    for session in sessions:
        for number in range((session.seen_at - session.created_at) // _USED + 1):
            at = session.created_at + number * _USED
            used[at.replace(minute=0, second=0, microsecond=0)] += 1
    for at in hours:
        there = [one for one in sessions if one.created_at <= at < (one.revoked_at or one.expires_at)]
        users = len({one.user_id for one in there})
        await ledger.level("active", {"sessions": len(there), "users": users}, at)
    for at in hours:
        await ledger.engine.write(partial(add, sums=summed((), uses=used[at], at=at)), durable=False)
