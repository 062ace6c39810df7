"""What administrators ask and do by Better Auth's plugin of that name.

Whoever only looks has to be an administrator; whoever changes anything has to have signed in lately too.
Where theirs leaves sessions alive (after a new password), ours end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Annotated, Any
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from sojourn.accounts import User
from sojourn.accounts.user import Role
from sojourn.api.better_auth import asked
from sojourn.api.better_auth.entrance import Email, Password, Url
from sojourn.api.better_auth.shapes import UserShape, shown_session, user_shape
from sojourn.api.better_auth.words import Wrong, line, refused
from sojourn.api.routes import Act, Call, Route
from sojourn.errors import AccountExists, AccountNotFound, Forbidden, Refusal, SessionNotFound
from sojourn.session import Reason
from sojourn.sessions import ANYBODY
from sojourn.web.reply import Answer

__all__ = ["ROUTES", "acting", "not_found", "route"]

_MOST = 1_000  # rows: their list of sessions has no pages
_LONGEST_BAN = 100 * 365 * 24 * 3600  # seconds

Id = Annotated[str, Meta(min_length=1, max_length=100)]
Name = Annotated[str, Meta(max_length=200)]
Roles = str | list[str]


class OfUser(Struct, kw_only=True):
    userId: Id  # noqa: N815 - their names


class OfSession(Struct, kw_only=True):
    """The `token` that the list shows, which is a handle."""

    sessionToken: Annotated[str, Meta(max_length=400)]  # noqa: N815


class Ban(Struct, kw_only=True):
    userId: Id  # noqa: N815
    banReason: Annotated[str, Meta(max_length=255)] | None = None  # noqa: N815
    banExpiresIn: Annotated[int, Meta(ge=0, le=_LONGEST_BAN)] | None = None  # noqa: N815 - seconds; 0: no end


class SetRole(Struct, kw_only=True):
    userId: Id  # noqa: N815
    role: Roles


class Extra(Struct, frozen=True, kw_only=True):
    """What else may be said of somebody new; the rest of what is sent is no field of ours."""

    image: Url | None = None
    emailVerified: bool = False  # noqa: N815


class CreateUser(Struct, kw_only=True):
    email: Email
    name: Name
    password: Password | None = None
    role: Roles = "user"
    data: Extra = Extra()


class Data(Struct, kw_only=True):
    """What an administrator changes about somebody. What is no field of ours is passed over."""

    name: Name | UnsetType = UNSET
    image: Url | UnsetType | None = UNSET
    email: Email | UnsetType = UNSET
    emailVerified: bool | UnsetType = UNSET  # noqa: N815
    role: Roles | UnsetType = UNSET
    banned: bool | UnsetType = UNSET
    banReason: Annotated[str, Meta(max_length=255)] | None = None  # noqa: N815
    banExpires: Annotated[datetime, Meta(tz=True)] | None = None  # noqa: N815
    id: Any = UNSET
    password: Any = UNSET


class UpdateUser(Struct, kw_only=True):
    userId: Id  # noqa: N815
    data: Data


class SetUserPassword(Struct, kw_only=True):
    userId: Id  # noqa: N815
    newPassword: Password  # noqa: N815


class HasPermission(Struct, kw_only=True):
    """May the one who asks do all of this? `permission` is what `permissions` was called before."""

    permissions: Mapping[str, Sequence[str]] | None = None
    permission: Mapping[str, Sequence[str]] | None = None


# ── looking ───────────────────────────────────────────────────────────────────────────────────


async def admin_list_users(call: Call) -> dict[str, Any]:
    """Users, as they are searched, filtered and ordered."""
    find = asked.find(call.query)
    if find is None:
        return {"users": [], "total": 0}
    users, total = await call.accounts.find(find)
    shown: dict[str, Any] = {"users": [user_shape(user) for user in users], "total": total}
    return shown | {name: said for name in ("limit", "offset") if (said := asked.number(call.query, name))}


async def admin_get_user(call: Call) -> UserShape:
    """One user."""
    return user_shape(await _known(call, call.query.get("id", "")))


async def admin_list_user_sessions(call: Call) -> dict[str, Any]:
    """The live sessions of a user, with those in which somebody acts for them; of nobody there are none."""
    found = await call.visit.site.sessions.list(call.body.userId, limit=_MOST)
    return {"sessions": [shown_session(call, session, call.mine) for session in found]}


async def has_permission(call: Call) -> dict[str, Any]:
    """Whether the one who asks may do something."""
    body: HasPermission = call.body
    wanted = body.permission if body.permissions is None else body.permissions
    if wanted is None:
        raise Wrong(400, None, "Say which permissions are asked for")
    user = await call.accounts.get(call.me)
    may = user is not None and user.role == "admin" and call.mine.impersonator_id is None
    known = all(set(acts) <= set(_STATEMENT.get(about, ())) and acts for about, acts in wanted.items())
    return {"error": None, "success": bool(wanted) and may and known}


_STATEMENT = {
    "user": (
        "create",
        "list",
        "set-role",
        "ban",
        "impersonate",
        "delete",
        "set-password",
        "set-email",
        "get",
        "update",
    ),
    "session": ("list", "revoke", "delete"),
}

# ── ending ────────────────────────────────────────────────────────────────────────────────────


async def admin_revoke_user_session(call: Call) -> dict[str, bool]:
    """End one session, whoever's it is. Of one that is not there nothing is told, as with theirs."""
    with suppress(ValueError, SessionNotFound):
        await call.visit.site.sessions.revoke(
            UUID(call.body.sessionToken), owner=ANYBODY, reason=Reason.ADMIN, by=call.mine.actor
        )
    return {"success": True}


async def admin_revoke_user_sessions(call: Call) -> dict[str, bool]:
    """End every session of a user."""
    await call.visit.site.sessions.revoke_all(call.body.userId, reason=Reason.ADMIN, by=call.mine.actor)
    return {"success": True}


# ── changing ──────────────────────────────────────────────────────────────────────────────────


async def admin_ban_user(call: Call) -> dict[str, UserShape]:
    """Let a user sign in no more, or not for a while, and end every session of theirs."""
    body: Ban = call.body
    until = call.accounts.clock() + timedelta(seconds=body.banExpiresIn) if body.banExpiresIn else None
    await _ban(call, body.userId, until=until, reason=body.banReason)
    return {"user": user_shape(await _known(call, body.userId))}


async def admin_unban_user(call: Call) -> dict[str, UserShape]:
    """Let a user sign in again."""
    return {"user": user_shape(await call.accounts.enable(call.body.userId))}


async def admin_set_role(call: Call) -> dict[str, UserShape]:
    """Give a user a role."""
    body: SetRole = call.body
    return {"user": user_shape(await call.accounts.set_role(body.userId, _role(body.role)))}


async def admin_create_user(call: Call) -> dict[str, UserShape]:
    """Add a user; without a password one who signs in another way."""
    body: CreateUser = call.body
    user = await call.accounts.create(
        body.email,
        body.password,
        body.name,
        _role(body.role),
        image=body.data.image,
        email_verified_at=call.accounts.clock() if body.data.emailVerified else None,
    )
    return {"user": user_shape(user)}


async def admin_update_user(call: Call) -> UserShape:
    """Change what is known of a user, whether they may sign in, and what they may do."""
    id, data = call.body.userId, call.body.data
    profile = {
        "name": data.name,
        "image": data.image,
        "email": data.email,
        "email_verified": data.emailVerified,
    }
    _check_update(call, id, data, profile)
    await _known(call, id)
    if any(value is not UNSET for value in profile.values()):
        await call.accounts.update(id, by=call.mine.actor, **profile)
    if data.role is not UNSET:
        await call.accounts.set_role(id, _role(data.role))
    if data.banned is True:
        await _ban(call, id, until=_moment(data.banExpires), reason=data.banReason)
    elif data.banned is False:
        await call.accounts.enable(id)
    return user_shape(await _known(call, id))


def _check_update(call: Call, id: str, data: Data, profile: Mapping[str, Any]) -> None:
    """All that can be refused beforehand is, so that nothing is changed by halves."""
    if data.id is not UNSET:
        raise Wrong(400, "USER_ID_CANNOT_BE_UPDATED", "User id cannot be updated")
    if data.password is not UNSET:
        raise Wrong(
            400,
            "PASSWORD_CANNOT_BE_UPDATED_VIA_UPDATE_USER",
            "A password is set by set-user-password",
        )
    if all(value is UNSET for value in (*profile.values(), data.role, data.banned)):
        raise Wrong(400, "NO_DATA_TO_UPDATE", "No data to update")
    if data.role is not UNSET:
        _role(data.role)
    if data.banned is True:
        _check_other(call, id)
        _moment(data.banExpires)


async def admin_set_user_password(call: Call) -> dict[str, bool]:
    """Set a password for a user, and end every session of theirs."""
    body: SetUserPassword = call.body
    await call.accounts.set_password(body.userId, body.newPassword, by=call.mine.actor)
    return {"status": True}


async def admin_remove_user(call: Call) -> dict[str, bool]:
    """Forget a user, and end every session of theirs."""
    if call.body.userId == call.me:
        raise Wrong(400, "YOU_CANNOT_REMOVE_YOURSELF", "You cannot remove yourself")
    await call.accounts.delete(call.body.userId, by=call.mine.actor)
    return {"success": True}


async def _ban(call: Call, id: str, *, until: datetime | None, reason: str | None) -> None:
    _check_other(call, id)
    await call.accounts.disable(id, by=call.mine.actor, until=until, note=reason)


def _moment(at: datetime | None) -> datetime | None:
    """*at* in UTC, where the first and the last hours of the calendar have no name."""
    try:
        return None if at is None else at.astimezone(UTC)
    except OverflowError:
        raise Wrong(400, "VALIDATION_ERROR", "[body.data.banExpires] Invalid input: no such time") from None


def _check_other(call: Call, id: str) -> None:
    if id == call.me:
        raise Wrong(400, "YOU_CANNOT_BAN_YOURSELF", "You cannot ban yourself")


def _role(given: Roles | UnsetType) -> Role:
    """The one role that stands for those in *given*: whoever is an administrator may all that users may."""
    given = [] if given is UNSET else given.split(",") if isinstance(given, str) else given
    names = [name.strip() for name in given]
    if not names or not set(names) <= {"user", "admin"}:
        raise Wrong(
            400,
            "YOU_ARE_NOT_ALLOWED_TO_SET_NON_EXISTENT_VALUE",
            "You are not allowed to set a non-existent role value",
        )
    return "admin" if "admin" in names else "user"


async def _known(call: Call, id: str) -> User:
    user = await call.accounts.get(id)
    if user is None:
        raise AccountNotFound
    return user


# ── the table ─────────────────────────────────────────────────────────────────────────────────


def not_found() -> Wrong:
    return Wrong(404, "USER_NOT_FOUND", "User not found")


def acting(act: Act) -> Act:
    """*act*, for administrators who act as themselves; what it refuses is told apart from the guard's no."""

    @wraps(act)
    async def acted(call: Call) -> Any:
        try:
            return await act(call)
        except Forbidden as kept:
            raise Wrong(403, "FORBIDDEN", kept.message) from None
        except AccountNotFound:
            raise not_found() from None
        except AccountExists:
            name = "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL"
            raise Wrong(400, name, "There is an account with this address already") from None

    return acted


def route(method: str, name: str, act: Act, may: str, **more: Any) -> Route:
    """A line of the table. *may*: what somebody who is no administrator is told not to be allowed to do."""
    no = Wrong(
        403, f"YOU_ARE_NOT_ALLOWED_TO_{may.upper().replace(' ', '_')}", f"You are not allowed to {may}"
    )

    async def unless_admin(call: Call, refusal: Refusal) -> Answer:
        return await refused(call, no if isinstance(refusal, Forbidden) else refusal)

    facts = {"guard": "fresh admin" if method == "POST" else "admin"} | more
    return line(method, f"/admin/{name}", acting(act), refused=unless_admin, **facts)


ROUTES = (
    route("GET", "list-users", admin_list_users, "list users", query=asked.FACTS),
    route("GET", "get-user", admin_get_user, "get user", query={"id": "whom"}),
    route(
        "POST",
        "list-user-sessions",
        admin_list_user_sessions,
        "list users sessions",
        body=OfUser,
        guard="admin",
    ),
    route("POST", "revoke-user-session", admin_revoke_user_session, "revoke users sessions", body=OfSession),
    route("POST", "revoke-user-sessions", admin_revoke_user_sessions, "revoke users sessions", body=OfUser),
    route("POST", "ban-user", admin_ban_user, "ban users", body=Ban),
    route("POST", "unban-user", admin_unban_user, "ban users", body=OfUser),
    route("POST", "set-role", admin_set_role, "change users role", body=SetRole),
    route("POST", "create-user", admin_create_user, "create users", body=CreateUser),
    route("POST", "update-user", admin_update_user, "update users", body=UpdateUser),
    route("POST", "remove-user", admin_remove_user, "delete users", body=OfUser),
    route("POST", "set-user-password", admin_set_user_password, "set users password", body=SetUserPassword),
    line("POST", "/admin/has-permission", has_permission, body=HasPermission),
)
