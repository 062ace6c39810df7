"""The API of administrators: a table of routes under /api/admin."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from sojourn.api.routes import Call, Route
from sojourn.api.views import Count, Ended, SessionRow, Time, UserView, instant, row, user_view
from sojourn.errors import AccountNotFound
from sojourn.session import Reason
from sojourn.sessions import ANYBODY
from sojourn.stores.protocol import Query

__all__ = ["BASE", "ROUTES", "Stats", "stats"]

BASE = "/api/admin"


class Stats(Struct, kw_only=True):
    """Currently logged in: `sessions` of `users` people."""

    sessions: int
    users: int
    accounts: int
    server_now: Time


class AdminRow(SessionRow, kw_only=True):
    user_id: str | None
    note: str | None


class AdminList(Struct, kw_only=True):
    """One page, newest first. `next` is the `after` of the next page, null on the last."""

    sessions: list[AdminRow]
    count: int
    next: str | None
    server_now: Time


class UserList(Struct, kw_only=True):
    users: list[UserView]
    count: int
    next: str | None


class Note(Struct, kw_only=True):
    """Why, for administrators only."""

    note: Annotated[str, Meta(max_length=255)] | None = None


async def stats(call: Call) -> Stats:
    """How many sessions of how many people live now."""
    sessions = call.visit.site.sessions
    now = sessions.clock()
    return Stats(
        sessions=await sessions.count(Query(live_at=now, signed_in=True)),
        users=await sessions.count(Query(live_at=now, signed_in=True, people=True)),
        accounts=await call.accounts.count(),
        server_now=instant(now),
    )


async def list_sessions(call: Call) -> AdminList:
    """Live sessions of everybody, newest first."""
    now = call.visit.site.sessions.clock()
    query = Query(
        live_at=now,
        signed_in=True,
        user_id=call.query.get("user_id"),
        application_id=call.query.get("application_id"),
        tenant_id=call.query.get("tenant_id"),
        after=call.after(),
        limit=call.limit(),
    )
    return await _page(call, query)


async def list_users(call: Call) -> UserList:
    """Accounts, newest first."""
    limit = call.limit()
    users = await call.accounts.select(
        after=call.query.get("after"), limit=limit, search=call.query.get("search", "")
    )
    following = users[-1].id if len(users) == limit else None
    return UserList(
        users=[user_view(user) for user in users], count=await call.accounts.count(), next=following
    )


async def list_user_sessions(call: Call) -> AdminList:
    """Live sessions of one user."""
    user_id = await _known(call)
    now = call.visit.site.sessions.clock()
    return await _page(call, Query(user_id=user_id, live_at=now, after=call.after(), limit=call.limit()))


async def revoke_user_sessions(call: Call) -> Count:
    """End every session of one user."""
    user_id, body = await _known(call), call.body
    sessions = call.visit.site.sessions
    return Count(count=await sessions.revoke_all(user_id, reason=Reason.ADMIN, by=call.me, note=body.note))


async def revoke_session(call: Call) -> Ended:
    """End one session, whoever's it is."""
    await call.visit.site.sessions.revoke(
        call.id(), owner=ANYBODY, reason=Reason.ADMIN, by=call.me, note=call.body.note
    )
    return Ended(id=call.id())


async def _page(call: Call, query: Query) -> AdminList:
    sessions = call.visit.site.sessions
    found = await sessions.select(query)
    rows = [
        AdminRow(
            **{name: getattr(shown, name) for name in SessionRow.__struct_fields__},
            user_id=session.user_id,
            note=session.note,
        )
        for session, shown in ((s, row(s, sessions.policy, call.mine.id)) for s in found)
    ]
    following = str(found[-1].id) if len(found) == query.limit else None
    now = query.live_at or sessions.clock()
    return AdminList(
        sessions=rows, count=await sessions.count(query), next=following, server_now=instant(now)
    )


async def _known(call: Call) -> str:
    user = await call.accounts.get(call.params["id"])
    if user is None:
        raise AccountNotFound
    return user.id


_PAGING = {
    "after": "where the page begins: `next` of the one before",
    "limit": "at most this many, up to 100",
}

ROUTES = (
    Route(method="GET", path=f"{BASE}/stats", guard="admin", act=stats, returns=Stats, tag="administration"),
    Route(
        method="GET",
        path=f"{BASE}/sessions",
        guard="admin",
        act=list_sessions,
        returns=AdminList,
        tag="administration",
        query=_PAGING
        | {
            "user_id": "only sessions of this user",
            "application_id": "only sessions of this application",
            "tenant_id": "only sessions of this tenant",
        },
        refusals=("not_found",),
    ),
    Route(
        method="GET",
        path=f"{BASE}/users",
        guard="admin",
        act=list_users,
        returns=UserList,
        tag="administration",
        query=_PAGING | {"search": "part of the e-mail address or the name"},
    ),
    Route(
        method="GET",
        path=f"{BASE}/users/{{id}}/sessions",
        guard="admin",
        act=list_user_sessions,
        returns=AdminList,
        tag="administration",
        query=_PAGING,
        refusals=("not_found",),
    ),
    Route(
        method="DELETE",
        path=f"{BASE}/users/{{id}}/sessions",
        guard="fresh admin",
        act=revoke_user_sessions,
        body=Note,
        optional_body=True,
        returns=Count,
        tag="administration",
        refusals=("not_found",),
    ),
    Route(
        method="DELETE",
        path=f"{BASE}/sessions/{{id}}",
        guard="fresh admin",
        act=revoke_session,
        body=Note,
        optional_body=True,
        returns=Ended,
        tag="administration",
        refusals=("not_found",),
    ),
)
