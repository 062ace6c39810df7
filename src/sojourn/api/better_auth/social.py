"""Signing in through a provider, as Better Auth's client begins it; the way back is `federation`'s."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from sojourn.api.better_auth.entrance import check_redirect
from sojourn.api.better_auth.words import Wrong, check_sign_in_origin, line
from sojourn.api.routes import Call

__all__ = ["ROUTES"]


class SignInSocial(Struct, kw_only=True):
    provider: Annotated[str, Meta(max_length=100)]
    callbackURL: Any = None  # noqa: N815 - their names
    errorCallbackURL: Any = None  # noqa: N815
    newUserCallbackURL: Any = None  # noqa: N815
    disableRedirect: bool = False  # noqa: N815


async def sign_in_social(call: Call) -> dict[str, Any]:
    """Where to go to sign in with a provider."""
    return await _begin(call, link=False)


async def link_social(call: Call) -> dict[str, Any]:
    """Where to go to connect a provider with this account."""
    return await _begin(call, link=True)


async def _begin(call: Call, *, link: bool) -> dict[str, Any]:
    call.visit.require_https()
    body: SignInSocial = call.body
    next = check_redirect(call, body.callbackURL, "INVALID_CALLBACK_URL", "Invalid callbackURL")
    failed = check_redirect(
        call, body.errorCallbackURL, "INVALID_ERROR_CALLBACK_URL", "Invalid errorCallbackURL"
    )
    new = check_redirect(
        call, body.newUserCallbackURL, "INVALID_NEW_USER_CALLBACK_URL", "Invalid newUserCallbackURL"
    )
    if call.federation is None or body.provider not in call.federation.providers:
        raise Wrong(404, "PROVIDER_NOT_FOUND", "Provider not found")
    url = await call.federation.begin(
        call,
        body.provider,
        next=next or "/",
        dialect="better-auth",
        error_to=failed,
        new_user_to=new,
        link=link,
    )
    return {"url": url, "redirect": not body.disableRedirect}


_OPEN: dict[str, Any] = {"guard": "open", "before": check_sign_in_origin}

ROUTES = (
    line("POST", "/sign-in/social", sign_in_social, body=SignInSocial, **_OPEN),
    line("POST", "/link-social", link_social, body=SignInSocial, guard="fresh"),
)
