"""What administrators may ask about many sessions at once: counts, the journal, bulk revocations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sojourn.client.answers import Job, JobList, Lines, Series
from sojourn.client.wire import Ask, Wire, path
from sojourn.errors import JobNotFound

__all__ = ["AsyncJobVerbs", "Why"]

Why = Literal["lost_device", "suspicious", "offboarding", "other"]

_BASE = "/api/admin"


class AsyncJobVerbs:
    """A part of `client.admin`. Without a journal on the server all of it is `JournalOff`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def series(
        self,
        who: Any,
        metric: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        step: str | None = None,
        compare: str | None = None,
    ) -> Series:
        """`GET /api/admin/series`: what was counted over time; *compare*: "previous"."""
        query = {
            "metric": metric,
            "from": since and since.isoformat(),
            "to": until and until.isoformat(),
            "step": step,
            "compare": compare,
        }
        ask = Ask(method="GET", path=f"{_BASE}/series", query=query, who=who, again=True)
        return await self._wire.ask(Series, ask)

    async def journal(
        self,
        who: Any,
        *,
        user_id: str | None = None,
        session_id: UUID | str | None = None,
        name: str | None = None,
        show_personal: bool = False,
        after: int | None = None,
        limit: int | None = None,
    ) -> Lines:
        """`GET /api/admin/journal`: one page, newest first. To show what is personal is written into it."""
        query = {
            "user_id": user_id,
            "session_id": None if session_id is None else str(session_id),
            "name": name,
            "show": "personal" if show_personal else None,
            "after": after,
            "limit": limit,
        }
        ask = Ask(method="GET", path=f"{_BASE}/journal", query=query, who=who, again=True)
        return await self._wire.ask(Lines, ask)

    async def revoke_many(
        self,
        who: Any,
        *,
        where: Mapping[str, str] | None = None,
        ids: Sequence[UUID | str] | None = None,
        reason: Why,
        note: str | None = None,
        dry_run: bool = True,
        expected: int | None = None,
        undo_for: int = 0,
        except_administrators: bool = False,
    ) -> Job:
        """`POST /api/admin/revoke`: count the sessions that match, or end them.

        *where*: filters as `sessions` takes them. A *dry_run* ends nobody: `start_job` makes it real.
        """
        body = {
            "where": where,
            "ids": None if ids is None else [str(id) for id in ids],
            "reason": reason,
            "note": note,
            "dry_run": dry_run,
            "expected": expected,
            "undo_for": undo_for,
            "except_administrators": except_administrators,
        }
        return await self._wire.ask(Job, Ask(method="POST", path=f"{_BASE}/revoke", body=body, who=who))

    async def jobs(self, who: Any, *, after: str | None = None, limit: int | None = None) -> JobList:
        """`GET /api/admin/revoke`: bulk revocations, the latest first."""
        query = {"after": after, "limit": limit}
        ask = Ask(method="GET", path=f"{_BASE}/revoke", query=query, who=who, again=True)
        return await self._wire.ask(JobList, ask)

    async def job(self, who: Any, id: UUID | str) -> Job:
        """`GET /api/admin/revoke/{id}`: one bulk revocation, and how far it is."""
        ask = Ask(
            method="GET", path=path(f"{_BASE}/revoke/{{}}", id), who=who, again=True, missing=JobNotFound
        )
        return await self._wire.ask(Job, ask)

    async def start_job(self, who: Any, id: UUID | str, *, expected: int) -> Job:
        """`POST /api/admin/revoke/{id}/start`: make a dry run real, which has counted *expected*."""
        return await self._do(who, id, "start", {"expected": expected})

    async def undo_job(self, who: Any, id: UUID | str) -> Job:
        """`POST /api/admin/revoke/{id}/undo`: bring back what it holds, in the session that began it."""
        return await self._do(who, id, "undo")

    async def cancel_job(self, who: Any, id: UUID | str) -> Job:
        """`POST /api/admin/revoke/{id}/cancel`: end nobody any more."""
        return await self._do(who, id, "cancel")

    async def _do(self, who: Any, id: UUID | str, act: str, body: Any = None) -> Job:
        ask = Ask(
            method="POST",
            path=path(f"{_BASE}/revoke/{{}}/{act}", id),
            body=body,
            who=who,
            missing=JobNotFound,
        )
        return await self._wire.ask(Job, ask)
