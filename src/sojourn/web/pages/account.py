"""The pages on which people see where they are signed in, and end what they do not use."""

from __future__ import annotations

import msgspec

from sojourn import lifecycle
from sojourn.api import native, sign_in
from sojourn.api.routes import Call, Route
from sojourn.errors import BodyRejected, InvalidCredentials, Refusal, SessionNotFound
from sojourn.session import Session
from sojourn.stores.protocol import Query
from sojourn.web.pages import providers, wording
from sojourn.web.pages.redirects import HOME, see_other
from sojourn.web.pages.refusals import again, as_page, message, said
from sojourn.web.pages.rendering import check_form, page
from sojourn.web.pages.rows import rows
from sojourn.web.reply import Answer

__all__ = ["ROUTES"]


async def security_page(call: Call) -> Answer:
    """Where you are signed in."""
    sessions = call.visit.site.sessions
    found = await sessions.list(call.me)
    found.sort(key=lambda session: session.id != call.mine.id)
    return await page(
        call,
        "security.html",
        rows=await rows(call, found, mine=call.mine.id),
        ended=await rows(call, await sessions.history(call.me, limit=20)),
        ended_for=sessions.policy.show_ended.days,
        ways=await providers.ways(call),
        done=wording.done(call.query.get("done", "")),
        error=providers.error_of(call),
    )


async def sign_out_device_page(call: Call) -> Answer:
    """Ask before a device is signed out."""
    session = await _mine(call)
    if session is None:
        return _back("0-gone")
    (row,) = await rows(call, [session], mine=call.mine.id)
    return await page(call, "sign_out_device.html", row=row)


async def sign_out_device_form(call: Call) -> Answer:
    """Sign out a device."""
    await check_form(call)
    if await _mine(call) is None:
        return _back("0-gone")
    try:
        await native.revoke_one(call)
    except SessionNotFound:  # it ended a moment ago
        return _back("0-gone")
    if call.id() == call.mine.id:
        return see_other("/sign-in", reason="signed_out")
    return _back("1-device")


async def sign_out_others_page(call: Call) -> Answer:
    """Ask before all other devices are signed out."""
    sessions = call.visit.site.sessions
    others = await sessions.count(Query(user_id=call.me, except_id=call.mine.id, live_at=sessions.clock()))
    return await page(call, "sign_out_others.html", others=others) if others else _back("0-others")


async def sign_out_others_form(call: Call) -> Answer:
    """Sign out all other devices."""
    await check_form(call)
    return _back(f"{(await native.revoke_others(call)).count}-others")


async def password_page(call: Call) -> Answer:
    """Change the password."""
    return await _password(call)


async def password_form(call: Call) -> Answer:
    """Change the password, and sign out all other devices."""
    await check_form(call)
    try:
        call.body = msgspec.convert(dict(call.form), sign_in.ChangePassword)
    except msgspec.ValidationError:
        raise BodyRejected("Please fill in both passwords.", status=422) from None
    return _back(f"{(await sign_in.change_password(call)).count}-password")


async def old_address(call: Call) -> Answer:
    """Where other products keep this page."""
    return Answer(308, [("location", HOME), ("cache-control", "no-store")])


async def _password(call: Call, refusal: Refusal | None = None) -> Answer:
    if isinstance(refusal, InvalidCredentials):
        refusal = InvalidCredentials("This is not your current password.")
    status, headers = said(refusal)
    has_password, _ = await providers.choices(call, HOME)
    return await page(
        call,
        "password.html",
        has_password=has_password,
        status=status,
        headers=headers,
        error=message(refusal) if refusal else None,
        code=refusal.code if refusal else None,
    )


async def _mine(call: Call) -> Session | None:
    """The session that the path names, None if it has ended; `SessionNotFound` if it never was yours."""
    sessions = call.visit.site.sessions
    found = await sessions.select(Query(id=call.id(), user_id=call.me, limit=1))
    if not found:
        raise SessionNotFound("There is no such device.")
    return None if lifecycle.ended(found[0], sessions.policy, sessions.clock()) else found[0]


def _back(done: str) -> Answer:
    return see_other(HOME, done=done)


_DEVICE = f"{HOME}/sign-out/{{id}}"
_OTHERS = f"{HOME}/sign-out-others"

ROUTES = (
    Route(method="GET", path=HOME, act=security_page, refused=as_page, guard="session"),
    Route(method="GET", path=_DEVICE, act=sign_out_device_page, refused=as_page, guard="session"),
    Route(method="POST", path=_DEVICE, act=sign_out_device_form, refused=as_page, guard="session", form=True),
    Route(method="GET", path=_OTHERS, act=sign_out_others_page, refused=as_page, guard="fresh"),
    Route(method="POST", path=_OTHERS, act=sign_out_others_form, refused=as_page, guard="fresh", form=True),
    Route(method="GET", path="/account/password", act=password_page, refused=as_page, guard="session"),
    Route(
        method="POST",
        path="/account/password",
        act=password_form,
        refused=again(_password),
        guard="session",
        form=True,
    ),
    Route(method="GET", path="/settings/security", act=old_address, guard="open"),
)
