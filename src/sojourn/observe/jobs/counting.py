"""How many sessions a bulk revocation would end, and which some of them are: before anything happens."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace as _replaced

from sojourn.errors import BodyRejected
from sojourn.observe.jobs.job import Job
from sojourn.searching import Search, count, search
from sojourn.session import Session
from sojourn.sessions import AsyncSessions

__all__ = ["Meant", "meant", "named"]

_SAMPLE = 10
_PATIENCE = 20.0  # seconds; half of all that a proxy waits, as a rule


class Meant(Struct, frozen=True):
    """How many, and the newest ten of them."""

    count: int
    sample: tuple[UUID, ...]


async def meant(sessions: AsyncSessions, job: Job, administrators: Sequence[str]) -> Meant:
    """Whom *job* would end if it began now. *administrators* are spared, and so is the session that asks."""
    assert job.wanted is not None  # noqa: S101 - what is named by ids is `named`
    counted = await count(sessions, job.wanted, within=_PATIENCE)
    if counted.how != "exact":
        raise BodyRejected(
            "So many sessions match that counting them takes too long. Ask for less.", status=422
        )
    spared = await _of(sessions, job.wanted, administrators)
    if not job.own and job.by_session is not None:
        spared += await _own(sessions, job.wanted, job.by_session, administrators)
    page = await search(sessions, job.wanted, limit=3 * _SAMPLE)
    theirs = {*administrators}
    left = [s.id for s in page.sessions if s.user_id not in theirs and (job.own or s.id != job.by_session)]
    return Meant(max(0, counted.count - spared), tuple(left[:_SAMPLE]))


async def named(
    sessions: AsyncSessions, ids: Sequence[UUID], *, spared: set[str], mine: UUID | None
) -> list[Session]:
    """Those of *ids* that live, or are held, and are neither *mine* nor of users who are *spared*."""
    found = [await sessions.store.get(id) for id in dict.fromkeys(ids) if id != mine]
    now = sessions.clock()
    living = [s for s in found if s is not None and s.live(now)]
    return [s for s in living if s.user_id is not None and s.user_id not in spared]


async def _of(sessions: AsyncSessions, wanted: Search, users: Sequence[str]) -> int:
    """How many of those that *wanted* means are of *users*."""
    theirs = set(users)
    if wanted.users is not None:
        theirs &= {*wanted.users}
    if wanted.query.user_id is not None:
        theirs &= {wanted.query.user_id}
    if not theirs:
        return 0
    narrowed = _replaced(wanted, query=_replaced(wanted.query, user_id=None), users=tuple(sorted(theirs)))
    return (await count(sessions, narrowed)).count


async def _own(sessions: AsyncSessions, wanted: Search, mine: UUID, administrators: Sequence[str]) -> int:
    """1 if the session that asks matches, and is not spared already as an administrator's."""
    if wanted.query.id not in (None, mine):
        return 0
    found = await search(sessions, _replaced(wanted, query=_replaced(wanted.query, id=mine)), limit=1)
    return sum(session.user_id not in administrators for session in found.sessions)
