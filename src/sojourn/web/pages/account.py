"""The pages on which people see where they are signed in, and end what they do not use."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec

from sojourn import lifecycle
from sojourn.api import devices, native, sign_in
from sojourn.api.current import BASE, current_view
from sojourn.api.preferences import Preferences, Preferred, get_preferences, set_preferences
from sojourn.api.redirects import HOME, address, see_other
from sojourn.api.routes import Call, Route
from sojourn.api.views import History, SessionList, ended_row, instant, row, version_of
from sojourn.errors import BodyRejected, InvalidCredentials, Refusal, SessionNotFound
from sojourn.session import Session
from sojourn.stores.protocol import Query
from sojourn.web.pages import providers, wording
from sojourn.web.pages.language import Words, spoken
from sojourn.web.pages.refusals import again, as_page, message, said
from sojourn.web.pages.rendering import boot, check_form, page
from sojourn.web.pages.rows import Row, rows
from sojourn.web.reply import Answer

__all__ = ["ROUTES"]


async def security_page(call: Call) -> Answer:
    """Where you are signed in."""
    sessions, say = call.visit.site.sessions, spoken(call.visit.headers)
    found = await sessions.list(call.me)
    found.sort(key=lambda session: session.id != call.mine.id)
    ended = await sessions.history(call.me, limit=20)
    shown = await rows(call, found, mine=call.mine.id, say=say)
    wishes = await get_preferences(call)
    call.visit.hint_if_missing()
    return await page(
        call,
        "security.html",
        headers=_VARY,
        t=say,
        rows=shown,
        ended=await rows(call, ended, say=say),
        ended_for=sessions.policy.show_ended.days,
        ways=await providers.ways(call),
        done=wording.done(call.query.get("done", ""), say),
        error=providers.error_of(call),
        idle_choices=[(one, wording.length(timedelta(seconds=one), say)) for one in _offered(wishes)],
        idle=wishes.idle_timeout,
        boot=boot(await _facts(call, found, ended, shown, say) | {"preferences": wishes}),
    )


def _offered(wishes: Preferences) -> list[int]:
    return sorted({*wishes.choices, *filter(None, [wishes.idle_timeout])})


async def _facts(
    call: Call, found: list[Session], ended: list[Session], shown: list[Row], say: Words
) -> dict[str, Any]:
    """What the page's script would have to ask for: as the API says it, so that it need not."""
    policy, now = call.visit.site.sessions.policy, instant(call.visit.site.sessions.clock())
    listed = [row(session, policy, call.mine.id) for session in found]
    over = [ended_row(session, policy) for session in ended]
    named = [(one.session.application_id, one.application) for one in shown]
    named += [(one.session.tenant_id, one.tenant) for one in shown]
    return {
        "base_url": address(call, BASE),
        "locale": say.code,
        "login_url": address(call, "/sign-in"),
        "password_url": address(call, "/account/password"),
        "names": {id: name for id, name in named if id is not None},
        "sessions": SessionList(
            sessions=listed, count=len(listed), version=version_of(found), server_now=now
        ),
        "history": History(sessions=over, count=len(over), server_now=now),
        "current": await current_view(call, call.mine),
        "days": policy.show_ended.days,
    }


async def sign_out_device_page(call: Call) -> Answer:
    """Ask before a device is signed out."""
    session = await _mine(call)
    if session is None:
        return _back(call, "0-gone")
    say = spoken(call.visit.headers)
    (shown,) = await rows(call, [session], mine=call.mine.id, say=say)
    return await page(call, "sign_out_device.html", headers=_VARY, t=say, row=shown)


async def sign_out_device_form(call: Call) -> Answer:
    """Sign out a device."""
    await check_form(call)
    if await _mine(call) is None:
        return _back(call, "0-gone")
    try:
        await native.revoke_one(call)
    except SessionNotFound:  # it ended a moment ago
        return _back(call, "0-gone")
    if call.id() == call.mine.id:
        return see_other(address(call, "/sign-in"), reason="signed_out")
    return _back(call, "1-device")


async def not_me_page(call: Call) -> Answer:
    """Ask before a device that its user does not know is signed out for good."""
    session = await _mine(call)
    if session is None or session.id == call.mine.id:
        return _back(call, "0-gone")
    say = spoken(call.visit.headers)
    (shown,) = await rows(call, [session], mine=call.mine.id, say=say)
    return await page(call, "not_me.html", headers=_VARY, t=say, row=shown)


async def not_me_form(call: Call) -> Answer:
    """Sign out a device that its user does not know, and all others of it."""
    await check_form(call)
    call.body = devices.Report(others="others" in call.form)
    try:
        return _back(call, f"{(await devices.report(call)).count}-device")
    except SessionNotFound:  # it ended a moment ago
        return _back(call, "0-gone")


async def preferences_form(call: Call) -> Answer:
    """Decide after how long without use one is signed out."""
    await check_form(call)
    given = call.form.get("idle_timeout", "")
    if not given.isascii() or not (given.isdigit() or not given) or len(given) > 9:
        raise BodyRejected("Choose one of the times.", status=422)
    call.body = Preferred(idle_timeout=int(given) if given else None)
    await set_preferences(call)
    return _back(call, "0-saved")


async def sign_out_others_page(call: Call) -> Answer:
    """Ask before all other devices are signed out."""
    sessions = call.visit.site.sessions
    others = await sessions.count(Query(user_id=call.me, except_id=call.mine.id, live_at=sessions.clock()))
    if not others:
        return _back(call, "0-others")
    return await page(
        call, "sign_out_others.html", headers=_VARY, t=spoken(call.visit.headers), others=others
    )


async def sign_out_others_form(call: Call) -> Answer:
    """Sign out all other devices."""
    await check_form(call)
    return _back(call, f"{(await native.revoke_others(call)).count}-others")


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
    return _back(call, f"{(await sign_in.change_password(call)).count}-password")


async def old_address(call: Call) -> Answer:
    """Where other products keep this page."""
    return Answer(308, [("location", address(call, HOME)), ("cache-control", "no-store")])


async def _password(call: Call, refusal: Refusal | None = None) -> Answer:
    if isinstance(refusal, InvalidCredentials):
        refusal = InvalidCredentials("This is not your current password.")
    status, headers = said(refusal)
    has_password, _ = await providers.choices(call, address(call, HOME))
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


def _back(call: Call, done: str) -> Answer:
    return see_other(address(call, HOME), done=done)


_VARY = (("vary", "Accept-Language"),)
_DEVICE = f"{HOME}/sign-out/{{id}}"
_NOT_ME = f"{HOME}/not-me/{{id}}"
_OTHERS = f"{HOME}/sign-out-others"

ROUTES = (
    Route(method="GET", path=HOME, act=security_page, refused=as_page, guard="session"),
    Route(method="GET", path=_DEVICE, act=sign_out_device_page, refused=as_page, guard="session"),
    Route(method="POST", path=_DEVICE, act=sign_out_device_form, refused=as_page, guard="session", form=True),
    Route(method="GET", path=_NOT_ME, act=not_me_page, refused=as_page, guard="session"),
    Route(method="POST", path=_NOT_ME, act=not_me_form, refused=as_page, guard="session", form=True),
    Route(
        method="POST",
        path=f"{HOME}/preferences",
        act=preferences_form,
        refused=as_page,
        guard="fresh",
        form=True,
    ),
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
