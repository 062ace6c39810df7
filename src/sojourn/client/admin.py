"""What administrators may ask, with the token or the request of one of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from sojourn.client.answers import (
    AdminList,
    AdminRow,
    Counted,
    Ended,
    Stats,
    UserList,
    UserShown,
    UserView,
)
from sojourn.client.jobs import AsyncJobVerbs
from sojourn.client.wire import Ask, path
from sojourn.errors import AccountNotFound, SessionNotFound

__all__ = ["AsyncAdminVerbs"]

_BASE = "/api/admin"


class AsyncAdminVerbs(AsyncJobVerbs):
    """`client.admin`. *who* is an administrator; anybody else gets `Forbidden`."""

    async def stats(self, who: Any) -> Stats:
        """`GET /api/admin/stats`: how many sessions of how many people live now."""
        return await self._wire.ask(Stats, Ask(method="GET", path=f"{_BASE}/stats", who=who, again=True))

    async def sessions(
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
        """`GET /api/admin/sessions`: one page of everybody's sessions, newest first.

        *q*: a user, an address or network, part of a device's name, or a session id. *state*: "active",
        unless it is "ended" or "all".
        """
        query: dict[str, Any] = {"user_id": user_id, "application_id": application_id, "tenant_id": tenant_id}
        query |= {"q": q, "ip": ip, "country": country, "device": device, "kind": kind, "state": state}
        query |= {"after": after, "limit": limit}
        ask = Ask(method="GET", path=f"{_BASE}/sessions", query=query, who=who, again=True)
        return await self._wire.ask(AdminList, ask)

    async def every_session(self, who: Any, **filters: Any) -> AsyncIterator[AdminRow]:
        """`GET /api/admin/sessions`, page after page; *filters* as `sessions` takes them."""
        after: str | None = None
        while True:
            page = await self.sessions(who, after=after, **filters)
            for row in page.sessions:
                yield row
            if page.next is None:
                return
            after = page.next

    async def users(
        self, who: Any, *, search: str | None = None, after: str | None = None, limit: int | None = None
    ) -> UserList:
        """`GET /api/admin/users`: one page of accounts, newest first; *search* in e-mail address and name."""
        query = {"search": search, "after": after, "limit": limit}
        ask = Ask(method="GET", path=f"{_BASE}/users", query=query, who=who, again=True)
        return await self._wire.ask(UserList, ask)

    async def every_user(self, who: Any, *, search: str | None = None) -> AsyncIterator[UserView]:
        """`GET /api/admin/users`, page after page."""
        after: str | None = None
        while True:
            page = await self.users(who, search=search, after=after)
            for user in page.users:
                yield user
            if page.next is None:
                return
            after = page.next

    async def user(self, who: Any, user_id: str) -> UserShown:
        """`GET /api/admin/users/{id}`: one user."""
        ask = Ask(
            method="GET",
            path=path(f"{_BASE}/users/{{}}", user_id),
            who=who,
            again=True,
            missing=AccountNotFound,
        )
        return await self._wire.ask(UserShown, ask)

    async def require_sign_in(self, who: Any, user_id: str, *, note: str | None = None) -> Counted:
        """`POST /api/admin/users/{id}/require-sign-in`: every session proves itself again; how many."""
        ask = Ask(
            method="POST",
            path=path(f"{_BASE}/users/{{}}/require-sign-in", user_id),
            body={"note": note},
            who=who,
            again=True,
            missing=AccountNotFound,
        )
        return await self._wire.ask(Counted, ask)

    async def user_sessions(
        self, who: Any, user_id: str, *, after: str | None = None, limit: int | None = None
    ) -> AdminList:
        """`GET /api/admin/users/{id}/sessions`: one page of a user's live sessions."""
        ask = Ask(
            method="GET",
            path=path(f"{_BASE}/users/{{}}/sessions", user_id),
            query={"after": after, "limit": limit},
            who=who,
            again=True,
            missing=AccountNotFound,
        )
        return await self._wire.ask(AdminList, ask)

    async def revoke_user_sessions(self, who: Any, user_id: str, *, note: str | None = None) -> Counted:
        """`DELETE /api/admin/users/{id}/sessions`: end every session of a user; *note* says why."""
        ask = Ask(
            method="DELETE",
            path=path(f"{_BASE}/users/{{}}/sessions", user_id),
            body={"note": note},
            who=who,
            again=True,
            missing=AccountNotFound,
        )
        return await self._wire.ask(Counted, ask)

    async def revoke_session(self, who: Any, session_id: UUID | str, *, note: str | None = None) -> Ended:
        """`DELETE /api/admin/sessions/{id}`: end one session, whoever's it is; *note* says why."""
        ask = Ask(
            method="DELETE",
            path=path(f"{_BASE}/sessions/{{}}", session_id),
            body={"note": note},
            who=who,
            again=True,
            missing=SessionNotFound,
        )
        return await self._wire.ask(Ended, ask)
