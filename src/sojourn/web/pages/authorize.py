"""The page on which a user lets an application sign them in."""

from __future__ import annotations

from urllib.parse import urlencode

from sojourn.api.oauth.authorize import Wanted, asked, code_for, sent_back, wanted
from sojourn.api.oauth.terms import BROWSER
from sojourn.api.redirects import address, see_other
from sojourn.api.routes import Call, Route, in_person
from sojourn.errors import CsrfFailed, OAuthError
from sojourn.session import Session
from sojourn.web import csrf
from sojourn.web.pages.refusals import as_page
from sojourn.web.pages.rendering import page
from sojourn.web.reply import Answer
from sojourn.web.within import Address

__all__ = ["ROUTES"]

_PATH = "/oauth/authorize"
_AGREED = "agreed"  # the parameter of the link that says yes
_RESUMED = "resumed"  # a form has led here, and where forms lead `form-action` confines to this origin


async def authorize(call: Call) -> Answer:
    """Sign in to an application. It is asked for once in each browser: no GET signs anybody in unasked."""
    by = await asked(call)
    try:
        want = await wanted(call, by)
        return await _answer(call, want)
    except OAuthError as refusal:
        return sent_back(call, by, error=refusal.error, error_description=refusal.message)


async def _answer(call: Call, want: Wanted) -> Answer:
    silent = "none" in want.prompt
    session = await call.visit.session(sure=True)
    if session is None or session.user_id is None:
        if silent:
            raise OAuthError("login_required", "Nobody is signed in here.")
        return see_other(address(call, "/sign-in"), next=f"{_here(call)}&{_RESUMED}=1")
    if session.parent_id is not None and silent:
        raise OAuthError("login_required", "The user is not signed in here in person.")
    in_person(session)
    if _too_old(call, want, session):
        if silent:
            raise OAuthError("login_required", "The user has to prove again who they are.")
        return see_other(address(call, "/confirm"), next=f"{_here(call, without='prompt')}&{_RESUMED}=1")
    if await _agreed(call, want, session):
        return await code_for(call, want, session)
    if silent:
        raise OAuthError("interaction_required", "The user has not agreed to this yet.")
    field = csrf.field(call.visit.site.sessions.keys, _binding(call, session))
    yes = f"{_here(call)}&{urlencode({_AGREED: field})}"
    no = sent_back(call, want.asked, error="access_denied", error_description="The user said no.")
    return await page(
        call,
        "authorize.html",
        application=want.asked.application.name,
        tenant=want.tenant.name if want.tenant else None,
        scopes=want.scope.split(),
        yes=yes,
        no=dict(no.headers)["location"],
    )


def _too_old(call: Call, want: Wanted, session: Session) -> bool:
    """Whether the user has to prove again who they are, because the application says so."""
    if "login" in want.prompt:
        return True
    if want.max_age is None or session.authenticated_at is None:
        return want.max_age is not None
    return call.visit.site.sessions.clock() - session.authenticated_at > want.max_age


async def _agreed(call: Call, want: Wanted, session: Session) -> bool:
    """Whether the user has said yes: by the link, or by being signed in there in this browser already."""
    said = call.query.get(_AGREED)
    if said is not None:
        csrf.check_field(call.visit.site.sessions.keys, _binding(call, session), said)
        return True
    if (
        _RESUMED in call.query
        or session.device.id is None
        or not want.prompt.isdisjoint(("consent", "select_account"))
    ):
        return False
    theirs = await call.visit.site.sessions.list(session.user_id, application_id=want.asked.application.id)
    return any(session.device.id in (one.device.id, one.data.get(BROWSER)) for one in theirs)


def _binding(call: Call, session: Session) -> str:
    """To what a yes is bound: this session, and every word of the request."""
    return f"authorize {session.id} {session.void_below} {_here(call)}"


def _here(call: Call, without: str = "") -> Address:
    kept = {name: value for name, value in call.query.items() if name not in (_AGREED, _RESUMED, without)}
    return address(call, _PATH, kept)


async def _as_page(call: Call, refusal: Exception) -> Answer:
    if isinstance(refusal, CsrfFailed):  # the session was renewed since: ask again
        return see_other(_here(call))
    return await as_page(call, refusal)  # type: ignore[arg-type]


async def authorize_by_post(call: Call) -> Answer:
    """The same, sent as a form by another site, and so without cookies (OpenID Connect Core 3.1.2.1)."""
    return see_other(address(call, _PATH, call.form))


ROUTES = (
    Route(method="GET", path=_PATH, act=authorize, refused=_as_page, guard="open", tag="oauth"),
    Route(
        method="POST",
        path=_PATH,
        act=authorize_by_post,
        refused=_as_page,
        guard="open",
        form=True,
        cookieless=True,
        tag="oauth",
    ),
)
