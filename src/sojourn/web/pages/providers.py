"""The pages that send people to another service to sign in, and that say what came of it."""

from __future__ import annotations

from msgspec import Struct

from sojourn.accounts import Account
from sojourn.accounts.user import PASSWORD
from sojourn.api.federation import CALLBACKS, ERROR_PAGE, Federation, sent
from sojourn.api.redirects import HOME, address, safe_next, see_other
from sojourn.api.routes import Call, Route
from sojourn.errors import (
    CsrfFailed,
    FreshnessRequired,
    LastWayIn,
    NothingHere,
    Refusal,
    SessionError,
)
from sojourn.web import csrf
from sojourn.web.pages import wording
from sojourn.web.pages.refusals import as_page
from sojourn.web.pages.rendering import check_form, page
from sojourn.web.reply import Answer

__all__ = ["ROUTES", "Way", "choices", "error_of", "services", "ways"]

_WITH = "/sign-in/with/{provider}"
_CONNECT = "/account/connect/{provider}"
_DISCONNECT = "/account/disconnect"
_AGREED = "agreed"  # the parameter of a link that one of our pages made, for this session


class Way(Struct, frozen=True, kw_only=True):
    """One way to sign in, as its owner sees it. `connect` or `disconnect`: where that is done."""

    name: str
    password: bool = False
    account: Account | None = None
    connect: str | None = None
    disconnect: str | None = None


# ── for other pages ──────────────────────────────────────────────────────────────────────────────


def services(call: Call, **query: str) -> list[tuple[str, str]]:
    """Names of the services to sign in with, and the links that lead there."""
    known = call.federation.providers.values() if call.federation else ()
    return [(one.name, address(call, _WITH.format(provider=one.id), query)) for one in known]


def error_of(call: Call) -> str | None:
    """What the query says has gone wrong, if it is one of our words."""
    return wording.went_wrong(call.query.get("error", ""), _named(call, call.query.get("with", "")))


async def choices(call: Call, next: str) -> tuple[bool, list[tuple[str, str]]]:
    """Whether whoever is signed in has a password, and by which services they can prove who they are."""
    mine = {account.provider for account in await call.accounts.ways(call.me)}
    known = call.federation.providers.values() if call.federation else ()
    links: list[tuple[str, str]] = [
        (one.name, address(call, _WITH.format(provider=one.id), {"confirm": "1", "next": next}))
        for one in known
        if one.id in mine
    ]
    return PASSWORD in mine or not links, links


async def ways(call: Call) -> list[Way]:
    """How whoever is signed in signs in, and how they could; nothing where there is no choice."""
    if not call.federation or not call.federation.providers:
        return []
    mine = await call.accounts.ways(call.me)
    found = []
    for account in mine:
        query = {"provider": account.provider, "account": account.provider_account_id}
        password = account.provider == PASSWORD
        found.append(
            Way(
                name="Password" if password else _named(call, account.provider) or account.provider,
                password=password,
                account=account,
                disconnect=None if password or len(mine) < 2 else address(call, _DISCONNECT, query),
            )
        )
    taken = {account.provider for account in mine}
    for one in call.federation.providers.values():
        if one.id not in taken:
            query = {_AGREED: csrf.field(call.visit.site.sessions.keys, _binding(call, one.id))}
            found.append(Way(name=one.name, connect=address(call, _CONNECT.format(provider=one.id), query)))
    return found


# ── the pages ────────────────────────────────────────────────────────────────────────────────────


async def sign_in_with(call: Call) -> Answer:
    """To the service, to sign in there; with `confirm` to prove again who one is."""
    federation, id = _federation(call), call.params["provider"]
    next = safe_next(call.query.get("next", ""), call.visit.base)
    confirm = call.query.get("confirm") == "1"
    if _from_elsewhere(call):  # nobody is signed in because another site's page wants it
        return see_other(address(call, "/confirm" if confirm else "/sign-in"), next=next)
    if not confirm and await _signed_in(call):
        return see_other(next)
    remember = call.query.get("remember") == "1"
    return sent(
        await federation.begin(call, id, next=next, dialect="native", confirm=confirm, remember=remember)
    )


async def connect(call: Call) -> Answer:
    """To the service, to connect an account there; it is asked first, if no page of ours has."""
    federation, id = _federation(call), call.params["provider"]
    name = _named(call, id)
    if name is None:
        raise NothingHere("There is no such service to sign in with.")
    try:
        csrf.check_field(call.visit.site.sessions.keys, _binding(call, id), call.query.get(_AGREED, ""))
    except CsrfFailed:  # also after a confirmation, which renews the session
        query = {_AGREED: csrf.field(call.visit.site.sessions.keys, _binding(call, id))}
        return await page(
            call, "connect.html", name=name, yes=address(call, _CONNECT.format(provider=id), query)
        )
    next = address(call, HOME, {"done": "1-connected"})
    return sent(await federation.begin(call, id, next=next, dialect="native", link=True))


async def disconnect_page(call: Call) -> Answer:
    """Ask before a way to sign in is taken away."""
    provider, account = call.query.get("provider", ""), call.query.get("account", "")
    mine = {(one.provider, one.provider_account_id) for one in await call.accounts.ways(call.me)}
    if provider == PASSWORD or (provider, account) not in mine:
        return see_other(address(call, HOME))
    name = _named(call, provider) or provider
    return await page(call, "disconnect.html", name=name, provider=provider, account=account)


async def disconnect_form(call: Call) -> Answer:
    """Take away a way to sign in, if it is not the last one."""
    await check_form(call)
    provider = call.form.get("provider", "")
    if provider != PASSWORD:
        await call.accounts.unlink(call.me, provider, call.form.get("account", ""))
    return see_other(address(call, HOME), done="1-disconnected")


async def callback(call: Call) -> Answer:
    """Where a service sends the browser back to."""
    return await _federation(call).finish(call, call.params["provider"])


async def error_page(call: Call) -> Answer:
    """What went wrong, where whoever asked has no page for it."""
    return await page(
        call,
        "error.html",
        title="You are not signed in",
        message=wording.went_wrong(call.query.get("error", ""), None)
        or "Something went wrong. Please try again.",
        request_id=None,
    )


# ── how ──────────────────────────────────────────────────────────────────────────────────────────


def _federation(call: Call) -> Federation:
    if call.federation is None:
        raise NothingHere
    return call.federation


def _named(call: Call, id: str) -> str | None:
    known = call.federation.providers.get(id) if call.federation else None
    return known.name if known else None


async def _signed_in(call: Call) -> bool:
    session = await call.visit.session(sure=True)
    return session is not None and session.user_id is not None


def _from_elsewhere(call: Call) -> bool:
    """Whether a page of another site leads here. Browsers that do not say are taken at no word."""
    return call.visit.headers.get("sec-fetch-site") in ("cross-site", "same-site")


def _binding(call: Call, id: str) -> str:
    return f"connect {id} {call.visit.form_binding}"


async def _not_begun(call: Call, refusal: Refusal) -> Answer:
    """Back to the page where people choose how to sign in, with what went wrong."""
    if isinstance(refusal, SessionError | NothingHere | CsrfFailed):
        return await as_page(call, refusal)
    confirm = call.query.get("confirm") == "1"
    query = {"error": refusal.code, "with": call.params["provider"]}
    if call.visit.path.startswith("/account/"):
        return see_other(address(call, HOME), **query)
    next = safe_next(call.query.get("next", ""), call.visit.base)
    return see_other(address(call, "/confirm" if confirm else "/sign-in"), **query, next=next)


async def _not_taken_away(call: Call, refusal: Refusal) -> Answer:
    if isinstance(refusal, FreshnessRequired):  # what was in the form is asked again
        query = {name: call.form.get(name, "") for name in ("provider", "account")}
        next = address(call, _DISCONNECT, query) if any(query.values()) else address(call, HOME)
        return see_other(address(call, "/confirm"), next=next)
    if isinstance(refusal, LastWayIn):
        return see_other(address(call, HOME), error=refusal.code)
    return await as_page(call, refusal)


ROUTES = (
    Route(method="GET", path=_WITH, act=sign_in_with, refused=_not_begun, guard="open"),
    Route(method="GET", path=_CONNECT, act=connect, refused=_not_begun, guard="fresh"),
    Route(method="GET", path=_DISCONNECT, act=disconnect_page, refused=as_page, guard="fresh"),
    Route(
        method="POST",
        path=_DISCONNECT,
        act=disconnect_form,
        refused=_not_taken_away,
        guard="fresh",
        form=True,
    ),
    Route(method="GET", path=f"{CALLBACKS}{{provider}}", act=callback, refused=as_page, guard="open"),
    Route(method="GET", path=ERROR_PAGE, act=error_page, refused=as_page, guard="open"),
)
