"""The pages that Auth.js's client leads to: our own to sign in, and a question before signing out."""

from __future__ import annotations

from sojourn.api.authjs import csrf_cookie
from sojourn.api.authjs.addresses import landing, path_of
from sojourn.api.authjs.dialect import Dialect, line
from sojourn.api.redirects import address, see_other
from sojourn.api.routes import Call, Route
from sojourn.web.pages.refusals import as_page
from sojourn.web.pages.rendering import page
from sojourn.web.pages.wording import went_wrong
from sojourn.web.reply import Answer

__all__ = ["PAGES"]


async def sign_in_page(call: Call, dialect: Dialect) -> Answer:
    """To our page, which leads on to where they wanted to go, and says what their client says is wrong."""
    origin, error = call.visit.site.origin, call.query.get("error")
    to = path_of(origin, landing(origin, call.query.get("callbackUrl", "")))
    if error is None:
        return see_other(address(call, "/sign-in"), next=to)
    if error == "SessionRequired":
        return see_other(address(call, "/sign-in"), next=to, reason="unauthenticated")
    known = (code for code in (call.query.get("code", ""), error) if went_wrong(code, None))
    return see_other(address(call, "/sign-in"), next=to, error=next(known, "OAuthCallbackError"))


async def sign_out_page(call: Call, dialect: Dialect) -> Answer:
    """Ask whether to sign out, because a link of another site may lead here."""
    session = await call.visit.session(sure=True)
    if session is None or session.user_id is None:
        return await page(call, "signed_out.html", application=None, onwards=None)
    token = csrf_cookie.token_for(call, dialect.csrf_cookie(call))
    onwards = landing(call.visit.site.origin, call.query.get("callbackUrl", ""))
    return await page(call, "authjs_signout.html", token=token, onwards=onwards)


def _pages(dialect: Dialect) -> tuple[Route, ...]:
    return (
        line(dialect, "GET", "/signin", sign_in_page, refused=as_page),
        line(dialect, "GET", "/signout", sign_out_page, refused=as_page, bearer=False),
    )


PAGES: dict[str, tuple[Route, ...]] = {
    dialect.version: _pages(dialect) for dialect in (Dialect(version="v4"), Dialect(version="v5"))
}
