"""Gathering: what rules need to know beside new lines, from the ledger and the records of sessions."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from sojourn.addresses import cut
from sojourn.observe.alerts.window import AlertRules, Attempt, Position, SignIn, Tallied, Window, said
from sojourn.observe.journal.line import Filter, Line
from sojourn.observe.series.reading import Point
from sojourn.session import Reason, Session
from sojourn.sessions import AsyncSessions
from sojourn.stores.protocol import Query
from sojourn.token import Keys

if TYPE_CHECKING:
    from sojourn.observe.ledger import Ledger
    from sojourn.place import Places

__all__ = ["HEARD", "Gathering"]

_EARLIER = 50  # sessions of a user that are looked at: who has more is known by them
_AT_ONCE = 20  # sign-ins that are looked at together
_MOST = 10_000  # failed sign-ins that are remembered
_MINUTE, _HOUR, _WEEK = timedelta(minutes=1), timedelta(hours=1), timedelta(days=7)
_WEEKS = 6
_USUAL_FOR = timedelta(minutes=5)  # what is usual is not asked again sooner


class Gathering:
    """Makes windows. It remembers the failed sign-ins of the last minutes, up to a place in the journal."""

    def __init__(
        self, sessions: AsyncSessions, ledger: Ledger, *, rules: AlertRules, places: Places | None = None
    ) -> None:
        self._sessions, self._ledger = sessions, ledger
        self._rules, self._places = rules, places
        self._attempts: list[Attempt] = []
        self._upto: int | None = None
        self._usual: tuple[datetime, Mapping[str, int], tuple[int, ...]] | None = None

    def forget(self) -> None:
        """Somebody else has looked meanwhile: begin with what the ledger says."""
        self._upto = None

    async def window(self, lines: Sequence[Line], *, was: int, to: int, now: datetime) -> Window:
        """All about *lines*, which come after the place *was*, and are all up to *to* that are `HEARD`."""
        new = [_attempt(line, self._sessions.keys) for line in lines if line.name == _FAILED]
        await self._remember(new, was=was, to=to, now=now)
        return Window(
            now=now,
            rules=self._rules,
            lines=lines,
            sign_ins=await self._sign_ins(lines),
            attempts=tuple(self._attempts),
            fresh=min(len(new), len(self._attempts)),
        )

    async def counted(self, now: datetime) -> Window:
        """A window of counts alone."""
        rules = self._rules
        usually, before = await self._usually(now)
        tallied = Tallied(
            refreshes=await self._lately("refresh", rules.refresh_over, now),
            refreshes_usually=usually,
            created=sum((await self._lately("created", _HOUR, now)).values()),
            created_before=before,
            revoked=await self._lately("revoked", rules.revoked_over, now),
        )
        return Window(now=now, rules=rules, tallied=tallied)

    # ── failed sign-ins ──────────────────────────────────────────────────────────────────────

    async def _remember(self, new: list[Attempt], *, was: int, to: int, now: datetime) -> None:
        since = now - self._rules.failed_over
        if self._upto != was:
            lines = await self._ledger.lines(Filter(names=(_FAILED,), since=since, limit=_MOST))
            keys = self._sessions.keys
            self._attempts = [_attempt(line, keys) for line in reversed(lines) if line.place <= was]
        recent = [attempt for attempt in self._attempts if attempt.at >= since]
        self._attempts = [*recent, *new][-_MOST:]
        self._upto = to

    # ── sign-ins ─────────────────────────────────────────────────────────────────────────────

    async def _sign_ins(self, lines: Sequence[Line]) -> tuple[SignIn, ...]:
        ids = [line.session_id for line in lines if line.name == _STARTED and line.session_id is not None]
        found: list[SignIn | None] = []
        for first in range(0, len(ids), _AT_ONCE):
            found += await asyncio.gather(*map(self._sign_in, ids[first : first + _AT_ONCE]))
        return tuple(sign_in for sign_in in found if sign_in is not None)

    async def _sign_in(self, id: UUID) -> SignIn | None:
        """None for a visitor, an administrator who acts as somebody, and what is not kept any more."""
        store = self._sessions.store
        session = await store.get(id)
        if session is None or session.user_id is None or session.parent_id is not None:
            return None
        # Ids are in the order in which sessions begin, so after this one come those before it.
        earlier = await store.select(Query(user_id=session.user_id, after=id, limit=_EARLIER))
        before = tuple(other for other in earlier if _is_theirs(other))
        return SignIn(
            session=session,
            before=before,
            first=not earlier,
            knows_device=await self._knows(session, before),
            positions=self._positions((session, *before)),
        )

    async def _knows(self, session: Session, before: Sequence[Session]) -> bool:
        """Whether one of *before*, or an even earlier one, was on this device."""
        id = session.device.id
        if id is None:  # a program without cookies: what it calls itself is all there is
            return any(_software(other) == _software(session) for other in before)
        if any(other.device.id == id for other in before):
            return True
        same = Query(user_id=session.user_id, device_id=id, after=session.id, limit=_EARLIER)
        return any(map(_is_theirs, await self._sessions.store.select(same)))

    def _positions(self, sessions: Sequence[Session]) -> dict[UUID, Position]:
        if self._places is None:
            return {}
        points = ((session.id, self._places.point_of(session.ip)) for session in sessions)
        return {
            id: Position(latitude=point.latitude, longitude=point.longitude, radius=float(point.radius or 0))
            for id, point in points
            if point is not None
        }

    # ── counts ───────────────────────────────────────────────────────────────────────────────

    async def _lately(self, metric: str, span: timedelta, now: datetime) -> dict[str, int]:
        """Counts of the last *span*, with the minute that has only begun."""
        return _summed(await self._ledger.series(metric, now - span, now + _MINUTE, "minute"))

    async def _usually(self, now: datetime) -> tuple[Mapping[str, int], tuple[int, ...]]:
        known = self._usual
        if known is None or not timedelta(0) <= now - known[0] < _USUAL_FOR:
            before = now - self._rules.refresh_over
            refreshes = _summed(await self._ledger.series("refresh", before - _WEEK, before, "hour"))
            weeks = [await self._created(now - week * _WEEK) for week in range(1, _WEEKS + 1)]
            created = tuple(count for count in weeks if count is not None)
            known = self._usual = (now, refreshes, created)
        return known[1], known[2]

    async def _created(self, until: datetime) -> int | None:
        """Sign-ins within the hour before *until*, of two hours of the clock in their shares.

        None: nobody was there to count.
        """
        hour = until.replace(minute=0, second=0, microsecond=0)
        first, second = await self._ledger.series("created", hour - _HOUR, hour + _HOUR, "hour")
        if not (first.known and second.known):
            return None
        share = (until - hour) / _HOUR
        return round(sum(first.counts.values()) * (1 - share) + sum(second.counts.values()) * share)


_FAILED, _STARTED = "authn-login-fail", "session-established"
HEARD = frozenset({_FAILED, _STARTED, "token-reused", "session-reported"})
"""The names of the lines that rules look at: of others a window has none."""


def _attempt(line: Line, keys: Keys) -> Attempt:
    ip = said(line, "ip")
    network = cut(ip)
    return Attempt(
        at=line.at,
        account=said(line, "account"),
        origin=ip and keys.mac("alert subject", ip.encode())[:16].hex(),
        around=network if network is not None and "/" in network else None,  # not a hash
    )


def _is_theirs(session: Session) -> bool:
    """Whether it was the user who signed in, as far as anybody has said."""
    return session.parent_id is None and session.reason is not Reason.REPORTED


def _software(session: Session) -> tuple[str | None, ...]:
    device = session.device
    return device.kind, device.browser, device.os, session.application_id


def _summed(points: Sequence[Point]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for point in points:
        total.update(point.counts)
    return dict(total)
