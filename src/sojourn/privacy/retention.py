"""Addresses are kept in full for a while; then sessions know a network alone, whether they go on or not."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from sojourn.addresses import cut
from sojourn.directory import Directory
from sojourn.session import Session
from sojourn.stores.protocol import Query

__all__ = ["Retention"]

_BOOKMARK = "addresses that were cut, of the living and of the ended"
_BATCH = 200  # sessions of one step: what is left waits for the next one
_AHEAD = timedelta(hours=1)  # by which a bookmark may lie ahead: clocks differ by less
_OLDEST = timedelta(days=401)  # no session lives that is older: see `Policy`; what ended is kept for longer


class _Window(Struct):
    """Sessions that began in [since, until), of which those from `after` on are cut: newest first."""

    was: str | None
    since: datetime
    until: datetime
    after: UUID | None = None


class Retention:
    """Cuts the addresses of sessions that are older than the policy keeps them in full.

    A bookmark says up to when that is done, so that each session is looked at once, when its time has
    come, live or ended. Two who work at once do no harm: one of them wins.
    """

    def __init__(self, directory: Directory) -> None:
        self._directory, self._sessions = directory, directory.sessions
        self._window: _Window | None = None

    async def step(self, now: datetime) -> int:
        """Cut some of what is due at *now*; how many were cut."""
        window = self._window or await self._begun(now)
        if window is None:
            return 0
        query = Query(
            created_since=window.since, created_before=window.until, after=window.after, limit=_BATCH
        )
        page = await self._sessions.store.select(query)
        changed = await self._cut(page, now)
        self._window = window
        if len(page) < _BATCH:
            self._window = None
            await self._directory.store.turn(_BOOKMARK, was=window.was, to=window.until.isoformat())
        else:
            window.after = page[-1].id
        return changed

    async def _begun(self, now: datetime) -> _Window | None:
        keep = self._sessions.policy.keep_addresses
        if keep is None:
            return None
        was = await self._directory.store.bookmark(_BOOKMARK)
        since, until = now - _OLDEST - self._sessions.policy.keep_ended, now - keep
        # Written by hand, or by a clock that was ahead, or kept for shorter: then all are looked at again.
        with suppress(ValueError, TypeError):
            done = datetime.fromisoformat(was or "")
            since = max(since, done) if done <= until + _AHEAD else since
        return _Window(was, since, until) if since < until else None

    async def _cut(self, page: Sequence[Session], now: datetime) -> int:
        """How many were cut; who has changed again and again is left for the time after a restart."""
        store, count = self._sessions.store, 0
        for _ in range(3):
            whole = [session for session in page if cut(session.ip) != session.ip]
            over = [replace(session, ip=cut(session.ip)) for session in whole if not session.live(now)]
            done = await store.redact(over, at=now) if over else 0
            lives = [session for session in whole if session.live(now)]
            missed = [s for s in lives if not await store.replace(s.change(ip=cut(s.ip)), at=now)]
            count += done + len(lives) - len(missed)
            if done == len(over) and not missed:
                break
            again = [await store.get(session.id) for session in (*missed, *over)]
            page = [session for session in again if session is not None]
        return count
