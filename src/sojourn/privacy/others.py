"""Who is erased is named in no session of others: not as who ended it or acted in it, nor in a note."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta

from msgspec.structs import replace

from sojourn.observe.traces import Traces
from sojourn.session import Device, Session
from sojourn.sessions import AsyncSessions
from sojourn.stores.protocol import Query

__all__ = ["ERASED", "unname"]

ERASED = "erased"  # stands where an id was: that it was somebody is still to be seen

_PAGE = 500
_OLDEST = timedelta(days=401)  # no session lives that is older: see `Policy`
_TRIES = 3
_MARK = re.compile(r"\(bulk [0-9a-f]{12}\)$")  # by which a bulk revocation knows its own


async def unname(user: Traces, sessions: AsyncSessions) -> int:
    """Take the user out of all sessions of others; of how many. All are looked at, a page at a time."""
    count = 0
    async for page in _pages(sessions):
        for _ in range(_TRIES):
            meant = [(s, named) for s in page if (named := _without(s, user)) != s]
            if not meant:
                break
            count += await _written(meant, sessions)
            again = [await sessions.store.get(session.id) for session, _ in meant]
            page = [session for session in again if session is not None]
    return count


async def _pages(sessions: AsyncSessions) -> AsyncIterator[list[Session]]:
    since = sessions.clock() - _OLDEST - sessions.policy.keep_ended
    after = None
    while True:
        page = await sessions.store.select(Query(created_since=since, after=after, limit=_PAGE))
        yield page
        if len(page) < _PAGE:
            return
        after = page[-1].id


async def _written(meant: list[tuple[Session, Session]], sessions: AsyncSessions) -> int:
    """How many could be: who has changed meanwhile is looked at once more."""
    now, store = sessions.clock(), sessions.store
    over = [named for session, named in meant if not session.live(now)]
    count = await store.redact(over, at=now) if over else 0
    for session, named in meant:
        if session.live(now):
            count += await store.replace(
                session.change(
                    ip=named.ip,
                    place=named.place,
                    device=named.device,
                    impersonator_id=named.impersonator_id,
                    revoked_by=named.revoked_by,
                    note=named.note,
                ),
                at=now,
            )
    return count


def _without(session: Session, user: Traces) -> Session:
    """*session* as it is without a word about the user, or one of theirs."""
    ended = session.revoked_by == user.user_id
    acted = session.impersonator_id == user.user_id
    note = session.note
    if note is not None and (ended or acted or note in user.notes or user.named_in((note,))):
        mark = _MARK.search(note)
        note = mark[0] if mark else None
    if acted:  # it was their browser, wherever they were
        session = replace(session, ip=None, place=None, device=Device(kind=session.device.kind))
    return replace(
        session,
        revoked_by=ERASED if ended else session.revoked_by,
        impersonator_id=ERASED if acted else session.impersonator_id,
        note=note,
    )
