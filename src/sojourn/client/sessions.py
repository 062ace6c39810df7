"""The sessions of whoever made a request: list, revoke, sign out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from sojourn.client.answers import (
    Counted,
    Current,
    Done,
    Ended,
    History,
    Preferences,
    Reported,
    SessionList,
    SessionRow,
    Tokens,
)
from sojourn.client.wire import Ask, Wire, path
from sojourn.errors import SessionNotFound

__all__ = ["AsyncSessionVerbs"]

_BASE = "/api/auth"


class AsyncSessionVerbs:
    """`client.sessions`. *who* is a token or a request of any framework: see `credential_of`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def list(
        self,
        who: Any,
        *,
        application_id: str | None = None,
        tenant_id: str | None = None,
        limit: int | None = None,
    ) -> SessionList:
        """`GET /api/auth/sessions`: the caller's live sessions, up to 100, the caller's own first."""
        query = {"application_id": application_id, "tenant_id": tenant_id, "limit": limit}
        ask = Ask(method="GET", path=f"{_BASE}/sessions", query=query, who=who, again=True)
        return await self._wire.ask(SessionList, ask)

    async def current(self, who: Any) -> Current:
        """`GET /api/auth/sessions/current`: the session that asks, its user, and the policy's limits."""
        ask = Ask(method="GET", path=f"{_BASE}/sessions/current", who=who, again=True)
        return await self._wire.ask(Current, ask)

    async def history(self, who: Any, *, limit: int | None = None) -> History:
        """`GET /api/auth/sessions/history`: the caller's sessions that ended lately, latest first."""
        query = {"limit": limit}
        ask = Ask(method="GET", path=f"{_BASE}/sessions/history", query=query, who=who, again=True)
        return await self._wire.ask(History, ask)

    async def revoke(self, who: Any, session_id: UUID | str, *, undo: bool = False) -> Ended:
        """`DELETE /api/auth/sessions/{id}`: sign out one of the caller's devices.

        With *undo* the caller's session can bring it back until `undo_until`, if the policy lets it.

        `SessionNotFound`: no such session, somebody else's, or it had ended. After an answer that
        was lost the request is repeated, so that may also mean that it was this call which ended it.
        """
        where = path(f"{_BASE}/sessions/{{}}", session_id)
        query = {"undo": "true" if undo else None}
        ask = Ask(method="DELETE", path=where, query=query, who=who, again=True, missing=SessionNotFound)
        return await self._wire.ask(Ended, ask)

    async def undo(self, who: Any, session_id: UUID | str) -> SessionRow:
        """`POST /api/auth/sessions/{id}/undo`: bring back what the caller's session signed out with `undo`.

        `UndoExpired` if that comes too late.
        """
        where = path(f"{_BASE}/sessions/{{}}/undo", session_id)
        ask = Ask(method="POST", path=where, who=who, again=True, missing=SessionNotFound)
        return await self._wire.ask(SessionRow, ask)

    async def report(self, who: Any, session_id: UUID | str, *, others: bool = False) -> Reported:
        """`POST /api/auth/sessions/{id}/report`: "not me". Ends it, and all of the same device, for good.

        *others*: all but the caller's, too; `FreshnessRequired` if they signed in too long ago for that.
        Never repeated: each time an alert would be told.
        """
        where = path(f"{_BASE}/sessions/{{}}/report", session_id)
        ask = Ask(method="POST", path=where, body={"others": others}, who=who, missing=SessionNotFound)
        return await self._wire.ask(Reported, ask)

    async def rename(self, who: Any, session_id: UUID | str, name: str | None) -> SessionRow:
        """`PATCH /api/auth/sessions/{id}`: what the caller calls that device; None takes the name back.

        `FreshnessRequired` if the caller signed in too long ago for that.
        """
        where = path(f"{_BASE}/sessions/{{}}", session_id)
        body = {"name": name}
        ask = Ask(method="PATCH", path=where, body=body, who=who, again=True, missing=SessionNotFound)
        return await self._wire.ask(SessionRow, ask)

    async def preferences(self, who: Any) -> Preferences:
        """`GET /api/auth/preferences`: what the caller decided about their sessions, and may decide."""
        return await self._wire.ask(
            Preferences, Ask(method="GET", path=f"{_BASE}/preferences", who=who, again=True)
        )

    async def prefer(self, who: Any, *, idle_timeout: timedelta | None) -> Preferences:
        """`PATCH /api/auth/preferences`: sign the caller out after *idle_timeout* without use, everywhere.

        In whole seconds; None: as the policy has it. `FreshnessRequired` if they signed in too long ago.
        """
        seconds = None if idle_timeout is None else idle_timeout // timedelta(seconds=1)
        body = {"idle_timeout": seconds}
        where = f"{_BASE}/preferences"
        return await self._wire.ask(
            Preferences, Ask(method="PATCH", path=where, body=body, who=who, again=True)
        )

    async def revoke_others(self, who: Any) -> Counted:
        """`POST /api/auth/sessions/revoke-others`: every session but the caller's.

        `FreshnessRequired` if the caller signed in too long ago for that.
        """
        ask = Ask(method="POST", path=f"{_BASE}/sessions/revoke-others", who=who, again=True)
        return await self._wire.ask(Counted, ask)

    async def revoke_all(
        self, who: Any, application_id: str | None = None, *, tenant_id: str | None = None
    ) -> Counted:
        """`POST /api/auth/sessions/revoke-all`.

        Every session, the caller's own included: "log out everywhere"; `FreshnessRequired` if the
        caller signed in too long ago for that. With *application_id* or *tenant_id* only those of it.
        """
        body: dict[str, Any] = {"include_current": True}
        scope = {"application_id": application_id, "tenant_id": tenant_id}
        body |= {name: id for name, id in scope.items() if id is not None}
        path = f"{_BASE}/sessions/revoke-all"
        return await self._wire.ask(Counted, Ask(method="POST", path=path, body=body, who=who, again=True))

    async def logout(self, refresh_token: str) -> Done:
        """`POST /api/auth/sign-out`: end the session of *refresh_token*. Fine if it had ended."""
        body = {"refresh_token": refresh_token}
        return await self._wire.ask(Done, Ask(method="POST", path=f"{_BASE}/sign-out", body=body, again=True))

    async def refresh(self, refresh_token: str) -> Tokens:
        """`POST /api/auth/refresh`: a new access token, and the successor of *refresh_token*.

        Repeated if the answer is lost: the same token has the same successor. `TokenReplayed`: an
        older one was used long after its successor; the session has ended, for somebody copied it.
        """
        body = {"refresh_token": refresh_token}
        return await self._wire.ask(
            Tokens, Ask(method="POST", path=f"{_BASE}/refresh", body=body, again=True)
        )

    async def activity(self, who: Any, idle_ms: int = 0) -> Current:
        """`POST /api/auth/activity`: a person was active *idle_ms* ago, which keeps the session from idling.

        Nothing else that an access token is used for counts as activity.
        """
        body = {"idle_ms": idle_ms}
        ask = Ask(method="POST", path=f"{_BASE}/activity", body=body, who=who, again=True)
        return await self._wire.ask(Current, ask)
