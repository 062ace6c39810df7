"""The verbs of administrators for code that blocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sojourn.client.admin import AsyncAdminVerbs
from sojourn.client.answers import (
    AdminList,
    AdminRow,
    Counted,
    Ended,
    Job,
    JobList,
    Lines,
    Series,
    Stats,
    UserList,
    UserShown,
    UserView,
)
from sojourn.client.jobs import Why
from sojourn.client.seams import run

__all__ = ["AdminVerbs"]


class AdminVerbs:
    """`client.admin`: what each does, `AsyncAdminVerbs` says."""

    def __init__(self, verbs: AsyncAdminVerbs) -> None:
        self._verbs = verbs

    def stats(self, who: Any) -> Stats:
        """`GET /api/admin/stats`"""
        return run(self._verbs.stats(who))

    def sessions(
        self,
        who: Any,
        *,
        q: str | None = None,
        user_id: str | None = None,
        application_id: str | None = None,
        tenant_id: str | None = None,
        ip: str | None = None,
        country: str | None = None,
        device: str | None = None,
        kind: str | None = None,
        state: str | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> AdminList:
        """`GET /api/admin/sessions`"""
        scope = {"user_id": user_id, "application_id": application_id, "tenant_id": tenant_id}
        scope |= {"q": q, "ip": ip, "country": country, "device": device, "kind": kind, "state": state}
        return run(self._verbs.sessions(who, **scope, after=after, limit=limit))

    def every_session(self, who: Any, **filters: Any) -> Iterator[AdminRow]:
        """`GET /api/admin/sessions`, page after page"""
        after: str | None = None
        while True:
            page = self.sessions(who, after=after, **filters)
            yield from page.sessions
            if page.next is None:
                return
            after = page.next

    def users(
        self, who: Any, *, search: str | None = None, after: str | None = None, limit: int | None = None
    ) -> UserList:
        """`GET /api/admin/users`"""
        return run(self._verbs.users(who, search=search, after=after, limit=limit))

    def every_user(self, who: Any, *, search: str | None = None) -> Iterator[UserView]:
        """`GET /api/admin/users`, page after page."""
        after: str | None = None
        while True:
            page = self.users(who, search=search, after=after)
            yield from page.users
            if page.next is None:
                return
            after = page.next

    def user_sessions(
        self, who: Any, user_id: str, *, after: str | None = None, limit: int | None = None
    ) -> AdminList:
        """`GET /api/admin/users/{id}/sessions`"""
        return run(self._verbs.user_sessions(who, user_id, after=after, limit=limit))

    def revoke_user_sessions(self, who: Any, user_id: str, *, note: str | None = None) -> Counted:
        """`DELETE /api/admin/users/{id}/sessions`"""
        return run(self._verbs.revoke_user_sessions(who, user_id, note=note))

    def revoke_session(self, who: Any, session_id: UUID | str, *, note: str | None = None) -> Ended:
        """`DELETE /api/admin/sessions/{id}`"""
        return run(self._verbs.revoke_session(who, session_id, note=note))

    def user(self, who: Any, user_id: str) -> UserShown:
        """`GET /api/admin/users/{id}`"""
        return run(self._verbs.user(who, user_id))

    def require_sign_in(self, who: Any, user_id: str, *, note: str | None = None) -> Counted:
        """`POST /api/admin/users/{id}/require-sign-in`"""
        return run(self._verbs.require_sign_in(who, user_id, note=note))

    def series(
        self,
        who: Any,
        metric: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        step: str | None = None,
        compare: str | None = None,
    ) -> Series:
        """`GET /api/admin/series`"""
        return run(self._verbs.series(who, metric, since=since, until=until, step=step, compare=compare))

    def journal(
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
        """`GET /api/admin/journal`"""
        return run(
            self._verbs.journal(
                who,
                user_id=user_id,
                session_id=session_id,
                name=name,
                show_personal=show_personal,
                after=after,
                limit=limit,
            )
        )

    def revoke_many(
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
        """`POST /api/admin/revoke`"""
        return run(
            self._verbs.revoke_many(
                who,
                where=where,
                ids=ids,
                reason=reason,
                note=note,
                dry_run=dry_run,
                expected=expected,
                undo_for=undo_for,
                except_administrators=except_administrators,
            )
        )

    def jobs(self, who: Any, *, after: str | None = None, limit: int | None = None) -> JobList:
        """`GET /api/admin/revoke`"""
        return run(self._verbs.jobs(who, after=after, limit=limit))

    def job(self, who: Any, id: UUID | str) -> Job:
        """`GET /api/admin/revoke/{id}`"""
        return run(self._verbs.job(who, id))

    def start_job(self, who: Any, id: UUID | str, *, expected: int) -> Job:
        """`POST /api/admin/revoke/{id}/start`"""
        return run(self._verbs.start_job(who, id, expected=expected))

    def undo_job(self, who: Any, id: UUID | str) -> Job:
        """`POST /api/admin/revoke/{id}/undo`"""
        return run(self._verbs.undo_job(who, id))

    def cancel_job(self, who: Any, id: UUID | str) -> Job:
        """`POST /api/admin/revoke/{id}/cancel`"""
        return run(self._verbs.cancel_job(who, id))
