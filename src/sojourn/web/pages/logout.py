"""The pages of signing out at an application's request."""

from __future__ import annotations

from sojourn.api.oauth.logout import Leaving, end, end_in_this_browser, leaving
from sojourn.api.redirects import address, see_other
from sojourn.api.routes import Call, Route
from sojourn.web.pages.refusals import as_page
from sojourn.web.pages.rendering import check_form, page
from sojourn.web.reply import Answer

__all__ = ["ROUTES"]

_PATH = "/oauth/logout"


async def logout(call: Call) -> Answer:
    """Sign out at an application's request. Without its ID token for whom it is, the user is asked first."""
    asked = await leaving(call, call.query)
    mine = await call.visit.session(sure=True)
    me = mine.user_id if mine is not None else None
    if me is not None and (asked.theirs is None or asked.theirs.user_id != me):
        return await _question(call, asked)
    if asked.theirs is None:
        return await _signed_out(call, asked)
    if mine is None or me is not None:  # a visitor's session is nobody's, and stays
        await call.visit.logout()  # first, because it takes the cookie even while the store is away
    await end(call, asked.theirs)
    if asked.onwards is None:
        return await _signed_out(call, asked)
    headers = [
        ("location", asked.onwards),
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
    ]
    return Answer(303, headers)


async def logout_form(call: Call) -> Answer:
    """The user has said yes. No redirect leads away from here: `form-action` confines forms to us."""
    mine = await call.visit.session(sure=True)
    if mine is not None:
        await check_form(call)
    asked = await leaving(call, call.form)
    if mine is not None and mine.user_id is not None and asked.application is not None:
        await end_in_this_browser(call, asked.application, mine)
    await call.visit.logout()
    return see_other(address(call, _PATH, asked.fields))


async def _question(call: Call, asked: Leaving) -> Answer:
    return await page(
        call, "logout.html", application=asked.application and asked.application.name, fields=asked.fields
    )


async def _signed_out(call: Call, asked: Leaving) -> Answer:
    return await page(
        call,
        "signed_out.html",
        application=asked.application and asked.application.name,
        onwards=asked.onwards,
    )


ROUTES = (
    Route(method="GET", path=_PATH, act=logout, refused=as_page, guard="open", tag="oauth"),
    Route(
        method="POST",
        path=f"{_PATH}/confirm",
        act=logout_form,
        refused=as_page,
        guard="open",
        form=True,
        tag="oauth",
    ),
)
