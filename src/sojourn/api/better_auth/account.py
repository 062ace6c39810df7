"""A user's own account, as Better Auth's client changes it."""

from __future__ import annotations

from hashlib import blake2b
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType, to_builtins

from sojourn.accounts import Account, User
from sojourn.api.better_auth.entrance import Password, Url, bearer_token, check_redirect
from sojourn.api.better_auth.session import me
from sojourn.api.better_auth.shapes import user_shape
from sojourn.api.better_auth.words import Wrong, line
from sojourn.api.routes import Call
from sojourn.api.views import Time, instant
from sojourn.errors import FreshnessRequired, InvalidCredentials
from sojourn.web.reply import Answer, as_json

__all__ = ["ROUTES"]

CREDENTIAL = "credential"  # what they call a password


class UpdateUser(Struct, kw_only=True):
    name: Annotated[str, Meta(max_length=200)] | UnsetType = UNSET
    image: Url | UnsetType | None = UNSET
    email: Any = None


class ChangePassword(Struct, kw_only=True):
    currentPassword: Password  # noqa: N815 - their names
    newPassword: str  # noqa: N815
    revokeOtherSessions: bool = True  # noqa: N815 - they end in any case


class DeleteUser(Struct, kw_only=True):
    password: Password | None = None
    callbackURL: Any = None  # noqa: N815
    token: Any = None


class UnlinkAccount(Struct, kw_only=True):
    providerId: Annotated[str, Meta(max_length=100)]  # noqa: N815
    accountId: Annotated[str, Meta(max_length=255)] | None = None  # noqa: N815


class AccountShape(Struct, kw_only=True):
    """One way of signing in. No token of a provider is ever shown here."""

    id: str
    providerId: str  # noqa: N815
    accountId: str  # noqa: N815
    userId: str  # noqa: N815
    createdAt: Time  # noqa: N815
    updatedAt: Time  # noqa: N815
    scopes: list[str]


async def update_user(call: Call) -> dict[str, bool]:
    """Change name and picture."""
    body: UpdateUser = call.body
    if body.email is not None:
        raise Wrong(400, "EMAIL_CAN_NOT_BE_UPDATED", "Email can not be updated")
    if body.name is UNSET and body.image is UNSET:
        raise Wrong(400, None, "No fields to update")
    await call.accounts.update(call.me, name=body.name, image=body.image)
    return {"status": True}


async def change_password(call: Call) -> Answer:
    """Change the password. Every other session ends, asked for or not, and this one gets a new token."""
    call.visit.require_https()
    body: ChangePassword = call.body
    try:
        await call.accounts.change_password(
            call.me, body.currentPassword, body.newPassword, keep=call.in_person.id, ip=call.visit.peer.ip
        )
    except InvalidCredentials:
        ways = await call.accounts.ways(call.me)
        if not any(way.type == "credentials" for way in ways):
            raise Wrong(400, "CREDENTIAL_ACCOUNT_NOT_FOUND", "This account has no password") from None
        raise Wrong(400, "INVALID_PASSWORD", "Invalid password") from None
    issued = await call.visit.renew(amr=("pwd",))
    user = await me(call)
    token = bearer_token(call, issued.session)
    return as_json({"token": token, "user": to_builtins(user_shape(user))})


async def delete_user(call: Call) -> dict[str, Any]:
    """Forget the account and end all of its sessions: with the password, or soon after signing in."""
    body, owner = call.body, str(call.in_person.user_id)
    check_redirect(call, body.callbackURL, "INVALID_CALLBACK_URL", "Invalid callbackURL")
    if body.password is not None:
        try:
            await call.accounts.reauthenticate(owner, body.password, ip=call.visit.peer.ip)
        except InvalidCredentials:
            raise Wrong(400, "INVALID_PASSWORD", "Invalid password") from None
    else:
        try:
            await call.visit.require_fresh()
        except FreshnessRequired:
            raise Wrong(400, "SESSION_EXPIRED", "Sign in again, or give the password") from None
    await call.accounts.delete(owner, by=owner)
    await call.visit.logout()
    return {"success": True, "message": "User deleted"}


async def list_accounts(call: Call) -> list[AccountShape]:
    """The ways in which this user signs in."""
    user = await me(call)
    return [_shape(account, user) for account in await call.accounts.ways(user.id)]


def _shape(account: Account, user: User) -> AccountShape:
    made_at = account.created_at or user.created_at
    name = f"{account.provider} {account.provider_account_id}"
    return AccountShape(
        id=blake2b(name.encode(), digest_size=16).hexdigest(),
        providerId=CREDENTIAL if account.type == "credentials" else account.provider,
        accountId=account.provider_account_id,
        userId=account.user_id,
        createdAt=instant(made_at),
        updatedAt=instant(account.updated_at or made_at),
        scopes=(account.scope or "").replace(",", " ").split(),
    )


async def unlink_account(call: Call) -> dict[str, bool]:
    """Sign in by a provider no more. The last way in stays."""
    body: UnlinkAccount = call.body
    provider = "password" if body.providerId == CREDENTIAL else body.providerId
    if not await call.accounts.unlink(call.me, provider, body.accountId):
        raise Wrong(400, "ACCOUNT_NOT_FOUND", "Account not found")
    return {"status": True}


ROUTES = (
    line("POST", "/update-user", update_user, body=UpdateUser),
    line("POST", "/change-password", change_password, body=ChangePassword),
    line("POST", "/delete-user", delete_user, body=DeleteUser, optional_body=True),
    line("POST", "/unlink-account", unlink_account, body=UnlinkAccount, guard="fresh"),
    line("GET", "/list-accounts", list_accounts, returns=list[AccountShape]),
)
