"""The people who may sign in, and the sessions of each."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import asdict

from sojourn.api.admin.base import PAGING, Note, account_for, known, line
from sojourn.api.admin.sessions import AdminList, listed
from sojourn.api.admin.where import MEANINGS, asked
from sojourn.api.routes import Call
from sojourn.api.views import Count, Time, UserView, instant, user_view
from sojourn.errors import AccountNotFound
from sojourn.searching import Search
from sojourn.session import Reason
from sojourn.stores.protocol import Query

__all__ = ["ROUTES", "UserList", "UserShown", "list_user_sessions", "list_users", "revoke_user_sessions"]


class UserList(Struct, kw_only=True):
    users: list[UserView]
    count: int
    next: str | None
    server_now: Time


class UserShown(UserView, kw_only=True):
    """One user; `sessions`: how many live now, impersonations among them."""

    sessions: int
    server_now: Time


async def list_users(call: Call) -> UserList:
    """Accounts, newest first."""
    limit, text = call.limit(), call.query.get("search", "")
    users = await call.accounts.select(after=call.query.get("after"), limit=limit, search=text)
    following = users[-1].id if len(users) == limit else None
    return UserList(
        users=[user_view(user) for user in users],
        count=await call.accounts.count(search=text),
        next=following,
        server_now=instant(call.visit.site.sessions.clock()),
    )


async def show_user(call: Call) -> UserShown:
    """One user."""
    user = await call.accounts.get(call.params["id"])
    if user is None:
        raise AccountNotFound
    sessions = call.visit.site.sessions
    now = sessions.clock()
    living = await sessions.count(Query(user_id=user.id, live_at=now))
    return UserShown(**asdict(user_view(user)), sessions=living, server_now=instant(now))


async def list_user_sessions(call: Call) -> AdminList:
    """Sessions of one user: those that live, unless asked otherwise."""
    query = Query(user_id=await known(call))
    return await listed(call, Search(query=query, state=asked(call.query).state))


async def revoke_user_sessions(call: Call) -> Count:
    """End every session of one user."""
    user_id, body = await known(call), call.body
    sessions = call.visit.site.sessions
    return Count(count=await sessions.revoke_all(user_id, reason=Reason.ADMIN, by=call.me, note=body.note))


async def require_sign_in(call: Call) -> Count:
    """Have a user prove who they are once more, in every session, before anything sensitive."""
    user_id, sessions = await known(call), call.visit.site.sessions
    count = await sessions.require_proof(user_id)
    account_for(call, "require-sign-in", target=user_id, count=count, note=call.body.note)
    return Count(count=count)


ROUTES = (
    line(
        "GET",
        "/users",
        list_users,
        returns=UserList,
        query=PAGING | {"search": "part of the e-mail address or the name"},
    ),
    line("GET", "/users/{id}", show_user, returns=UserShown, refusals=("not_found",)),
    line(
        "GET",
        "/users/{id}/sessions",
        list_user_sessions,
        returns=AdminList,
        query=PAGING | {"state": MEANINGS["state"]},
        refusals=("not_found",),
    ),
    line(
        "DELETE",
        "/users/{id}/sessions",
        revoke_user_sessions,
        "fresh admin",
        body=Note,
        optional_body=True,
        returns=Count,
        refusals=("not_found",),
    ),
    line(
        "POST",
        "/users/{id}/require-sign-in",
        require_sign_in,
        "fresh admin",
        body=Note,
        optional_body=True,
        returns=Count,
        refusals=("not_found",),
    ),
)
