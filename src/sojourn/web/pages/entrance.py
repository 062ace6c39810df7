"""The pages of signing up, in and out, and of confirming who is there."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from sojourn.api import sign_in
from sojourn.api.redirects import HOME, address, safe_next, see_other
from sojourn.api.routes import Call, Route
from sojourn.errors import BodyRejected, Forbidden, InvalidCredentials, Refusal, TooManySessions
from sojourn.web.pages import providers, wording
from sojourn.web.pages.refusals import again, as_page, message, said
from sojourn.web.pages.rendering import check_form, page
from sojourn.web.pages.rows import rows
from sojourn.web.reply import Answer
from sojourn.web.within import Address

__all__ = ["ROUTES"]

T = TypeVar("T")

# What a browser says of itself only when asked: whether it is an "iPhone" or the version of a system.
_HINTS = (("accept-ch", "Sec-CH-UA-Model, Sec-CH-UA-Platform-Version, Sec-CH-UA-Full-Version-List"),)


async def home(call: Call) -> Answer:
    """To the account, or to the door."""
    return see_other(address(call, HOME if await call.visit.session(sure=True) else "/sign-in"))


async def sign_in_page(call: Call) -> Answer:
    """Sign in."""
    session = await call.visit.session(sure=True)
    if session is not None and session.user_id is not None:
        return see_other(_next(call))
    return await _sign_in(call)


async def sign_in_form(call: Call) -> Answer:
    """Sign in with e-mail address and password."""
    await check_form(call)
    given = _given(call, sign_in.SignIn)
    await sign_in.enter(call, given)
    return see_other(_next(call))


async def sign_up_page(call: Call) -> Answer:
    """Create an account."""
    if not call.sign_up_open:
        raise Forbidden("New accounts are made by an administrator here.")
    if await call.visit.session(sure=True):
        return see_other(_next(call))
    return await _sign_up(call)


async def sign_up_form(call: Call) -> Answer:
    """Create an account and sign in."""
    await check_form(call)
    call.body = _given(call, sign_in.SignUp)
    await sign_in.sign_up(call)
    return see_other(_next(call))


async def sign_out_form(call: Call) -> Answer:
    """Sign out. Without a live session there is nothing to protect, and the cookie goes all the same."""
    if await call.visit.session(sure=True):
        await check_form(call)
    await call.visit.logout()
    return see_other(address(call, "/sign-in"), reason="signed_out")


async def confirm_page(call: Call) -> Answer:
    """Confirm that it is you."""
    return await _confirm(call)


async def confirm_form(call: Call) -> Answer:
    """Confirm with the password, then go on."""
    await check_form(call)
    given = _given(call, sign_in.Reauthenticate)
    await call.accounts.reauthenticate(str(call.in_person.user_id), given.password, ip=call.visit.peer.ip)
    await call.visit.renew(amr=("pwd",))
    return see_other(_next(call))


# ── the forms, empty or once more ────────────────────────────────────────────────────────────────


async def _sign_in(call: Call, refusal: Refusal | None = None) -> Answer:
    status, headers = said(refusal)
    choose = refusal.sessions if isinstance(refusal, TooManySessions) and refusal.asks else ()
    return await page(
        call,
        "sign_in.html",
        status=status,
        headers=[*_HINTS, *headers],
        notice=None if refusal else await _notice(call),
        sign_up_open=call.sign_up_open,
        remember=call.form.get("remember") == "on",
        choices=await rows(call, choose),
        services=providers.services(call, next=_next(call)),
        **_filled(call, refusal),
    )


async def _sign_up(call: Call, refusal: Refusal | None = None) -> Answer:
    status, headers = said(refusal)
    return await page(
        call,
        "sign_up.html",
        status=status,
        headers=[*_HINTS, *headers],
        name=call.form.get("name", ""),
        services=providers.services(call, next=_next(call)),
        **_filled(call, refusal),
    )


async def _confirm(call: Call, refusal: Refusal | None = None) -> Answer:
    if isinstance(refusal, InvalidCredentials):
        refusal = InvalidCredentials("This is not your password.")
    status, headers = said(refusal)
    has_password, services = await providers.choices(call, _next(call))
    return await page(
        call,
        "confirm.html",
        status=status,
        headers=headers,
        has_password=has_password,
        services=services,
        **_filled(call, refusal),
    )


def _filled(call: Call, refusal: Refusal | None) -> dict[str, Any]:
    """What every form here shows again: never a password."""
    return {
        "next": _next(call),
        "email": call.form.get("email", ""),
        "error": message(refusal) if refusal else providers.error_of(call),
        "code": refusal.code if refusal else None,
    }


async def _notice(call: Call) -> str | None:
    """Why somebody is here: from the page that sent them, or from the cookie that they still have."""
    await call.visit.session(sure=True)
    refusal = call.visit.refusal
    code = call.query.get("reason") or (wording.reason_code(refusal) if refusal else "")
    return wording.signed_out(code, call.visit.site.sessions.policy)


def _next(call: Call) -> Address:
    return safe_next(call.form.get("next") or call.query.get("next", ""), call.visit.base)


def _given(call: Call, kind: type[T]) -> T:
    """The form as the body that the API takes, with the same limits."""
    fields: dict[str, Any] = dict(call.form) | {"remember": call.form.get("remember") == "on"}
    fields["end"] = [chosen for chosen in [call.form.get("end")] if chosen]
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError:
        raise BodyRejected(
            "Please fill in every field, and not with more than it takes.", status=422
        ) from None


ROUTES = (
    Route(method="GET", path="/", act=home, refused=as_page, guard="open"),
    Route(method="GET", path="/sign-in", act=sign_in_page, refused=as_page, guard="open"),
    Route(method="POST", path="/sign-in", act=sign_in_form, refused=again(_sign_in), guard="open", form=True),
    Route(method="GET", path="/sign-up", act=sign_up_page, refused=as_page, guard="open"),
    Route(method="POST", path="/sign-up", act=sign_up_form, refused=again(_sign_up), guard="open", form=True),
    Route(method="POST", path="/sign-out", act=sign_out_form, refused=as_page, guard="open", form=True),
    Route(method="GET", path="/confirm", act=confirm_page, refused=as_page, guard="session"),
    Route(
        method="POST",
        path="/confirm",
        act=confirm_form,
        refused=again(_confirm),
        guard="session",
        form=True,
    ),
)
