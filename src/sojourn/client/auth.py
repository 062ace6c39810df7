"""Signing in for programs: the answer holds the tokens, no cookie is set."""

from __future__ import annotations

from typing import Any

from sojourn.client.answers import Counted, SignedIn, Tokens
from sojourn.client.wire import Ask, Wire
from sojourn.errors import ApplicationNotFound, TenantNotFound

__all__ = ["AsyncAuthVerbs"]

_BASE = "/api/auth"


class AsyncAuthVerbs:
    """`client.auth`, in bearer mode. None of these is ever repeated: a password is tried once."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def sign_in(
        self,
        email: str,
        password: str,
        *,
        remember: bool = False,
        application_id: str | None = None,
        tenant_id: str | None = None,
    ) -> SignedIn:
        """`POST /api/auth/sign-in` with `"mode": "bearer"`: `InvalidCredentials` if it is not right.

        Without *application_id* for the application that `connect` was given. `ApplicationNotFound`
        or `TenantNotFound` if there is none like that; *tenant_id* may also be its slug.
        """
        fields = {"email": email, "password": password, "remember": remember}
        return await self._enter("sign-in", fields, application_id, tenant_id)

    async def sign_up(
        self,
        email: str,
        password: str,
        *,
        name: str = "",
        remember: bool = False,
        application_id: str | None = None,
        tenant_id: str | None = None,
    ) -> SignedIn:
        """`POST /api/auth/sign-up` with `"mode": "bearer"`: a new account, signed in."""
        fields = {"email": email, "password": password, "name": name, "remember": remember}
        return await self._enter("sign-up", fields, application_id, tenant_id)

    async def reauthenticate(self, access_token: Any, password: str) -> Tokens:
        """`POST /api/auth/reauthenticate`: who asks proves it again; new tokens, and the old ones are void.

        For what answered `FreshnessRequired`. Not for a cookie: the browser would not get its new one.
        """
        ask = Ask(
            method="POST",
            path=f"{_BASE}/reauthenticate",
            body={"password": password},
            who=access_token,
            bearer=True,
        )
        return await self._wire.ask(Tokens, ask)

    async def change_password(self, access_token: Any, current_password: str, new_password: str) -> Counted:
        """`POST /api/auth/password`: change it, and end every other session.

        The caller's own tokens are void as well: sign in with the new password. Not for a cookie:
        the browser would not get its new one.
        """
        ask = Ask(
            method="POST",
            path=f"{_BASE}/password",
            body={"current_password": current_password, "new_password": new_password},
            who=access_token,
            bearer=True,
        )
        return await self._wire.ask(Counted, ask)

    async def _enter(
        self, verb: str, fields: dict[str, Any], application_id: str | None, tenant_id: str | None
    ) -> SignedIn:
        application = self._wire.application
        chosen = application_id or (application.id if application else None)
        body = {"mode": "bearer", **fields}
        body |= {} if chosen is None else {"application_id": chosen}
        body |= {} if tenant_id is None else {"tenant_id": tenant_id}
        missing = TenantNotFound if tenant_id else ApplicationNotFound
        ask = Ask(method="POST", path=f"{_BASE}/{verb}", body=body, missing=missing)
        return await self._wire.ask(SignedIn, ask)
