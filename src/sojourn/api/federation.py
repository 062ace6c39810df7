"""Signing in with another service: a browser is sent there, and what it brings back is believed or not.

The same for our own pages and for the dialects: only where it leads in the end, and the words for what
went wrong, differ. What was decided when it began travels sealed in a cookie of that browser, so that
nobody can be made to finish what somebody else began (login CSRF).
"""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

from sojourn.accounts.oidc import flow as flows
from sojourn.accounts.oidc.flow import Act, Dialect, Flow
from sojourn.accounts.oidc.id_token import LEEWAY
from sojourn.api.current import BASE
from sojourn.api.routes import Call, in_person
from sojourn.errors import (
    BodyRejected,
    CookieRejected,
    FlowLost,
    InvalidCredentials,
    NothingHere,
    OtherAccount,
    ProviderAway,
    ProviderDenied,
    ProviderRejected,
    Refusal,
    SessionError,
    Unauthenticated,
)
from sojourn.session import Session
from sojourn.sessions import Issued
from sojourn.web import flows as cookies
from sojourn.web.reply import Answer
from sojourn.web.visit import Visit
from sojourn.web.within import HOME, safe_next, within

if TYPE_CHECKING:
    import httpx2

    from sojourn.accounts import User
    from sojourn.accounts.oidc.client import Client
    from sojourn.accounts.oidc.providers import Provider
    from sojourn.accounts.proof import Proof

__all__ = ["CALLBACKS", "ERROR_PAGE", "Federation", "sent"]

T = TypeVar("T")
_log = logging.getLogger("sojourn")

ERROR_PAGE = f"{BASE}/error"
CALLBACKS = f"{BASE}/callback/"  # where providers send browsers back to: the paths that they are told


class Federation:
    """The services with which people may sign in here; those of a server that knows none are none."""

    def __init__(
        self,
        providers: Iterable[Provider],
        clock: Callable[[], datetime],
        *,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self.providers: Mapping[str, Provider] = {provider.id: provider for provider in providers}
        self._clients: dict[str, Client] = {}
        if self.providers:  # else nobody needs to have installed what asks them
            from sojourn.accounts.oidc.client import Client
            from sojourn.accounts.oidc.wire import Wire

            self._wire = Wire(transport)
            for provider in self.providers.values():
                self._clients[provider.id] = Client(provider, self._wire, clock)

    async def close(self) -> None:
        if self.providers:
            await self._wire.close()

    async def begin(
        self,
        call: Call,
        provider_id: str,
        *,
        next: str,
        dialect: Dialect,
        error_to: str | None = None,
        new_user_to: str | None = None,
        link: bool = False,
        confirm: bool = False,
        remember: bool = True,
    ) -> str:
        """The address at the provider to which the browser goes now; its cookie is put on the visit.

        *link*: one more way in for who is signed in. *confirm*: they prove again who they are. The
        caller has made sure that its own page asks: a provider would sign in whoever it knows.
        *next*, *error_to* and *new_user_to* are paths, or addresses of this origin; others lead home.
        """
        client = self._client(provider_id)
        visit = call.visit
        visit.require_https()
        origin = visit.site.origin
        session = in_person(await visit.require(sure=True)) if link or confirm else None
        if confirm:
            await _check_way(call, session, provider_id)
        flow = Flow(
            provider=provider_id,
            redirect_uri=_callback(visit, provider_id),
            state=secrets.token_urlsafe(32),
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(48),
            device=visit.name_device().id,
            next=safe_next(within(next, origin) or "", visit.base),
            dialect=dialect,
            began_at=visit.site.sessions.clock(),
            act=_act(link, confirm),
            session_id=session.id if session else None,
            user_id=session.user_id if session else None,
            remember=remember,
            error_to=within(error_to, origin) if error_to else None,
            new_user_to=within(new_user_to, origin) if new_user_to else None,
        )
        address = await _told(provider_id, client.address(flow))
        _keep(visit, flow)
        return address

    async def finish(self, call: Call, provider_id: str) -> Answer:
        """What the browser brought back from the provider is believed, or it is told why not."""
        flow = self._taken(call.visit, provider_id, call.query.get("state", ""))
        if flow is None:  # by which page it began is not known either
            return sent(call.visit.base + "/sign-in", error=FlowLost.code)
        try:
            client = self._client(provider_id)
            call.visit.require_https()
            proof = await _told(provider_id, client.redeem(flow, call.query))
            return sent(await _ACTS[flow.act](call, flow, proof))
        except CookieRejected:
            raise
        except Refusal as refusal:
            return _refused(flow, refusal, call.visit.base)

    def _client(self, provider_id: str) -> Client:
        if provider_id not in self._clients:
            raise NothingHere("There is no such service to sign in with.")
        return self._clients[provider_id]

    def _taken(self, visit: Visit, provider_id: str, state: str) -> Flow | None:
        """The flow that this browser began, once: its cookie goes with the answer, whatever that is."""
        slot = flows.slot_of(state)
        text = cookies.carried(visit, slot)
        if text is None:
            return None
        cookies.forget(visit, slot)
        sessions, device = visit.site.sessions, visit.device_cookie()
        flow = flows.opened(
            text, sessions.keys, sessions.clock(), state=state, device=device.id if device else None
        )
        ours = _callback(visit, provider_id)
        return (
            flow if flow is not None and (flow.provider, flow.redirect_uri) == (provider_id, ours) else None
        )


# ── what it was begun for ─────────────────────────────────────────────────────────────────────


async def _sign_in(call: Call, flow: Flow, proof: Proof) -> str:
    sessions = call.visit.site.sessions
    now = sessions.clock()
    proved_at = proof.authenticated_at
    long_ago = proved_at is not None and now - proved_at > LEEWAY

    async def start(user: User) -> Issued:
        facts: dict[str, Any] = {
            "amr": _methods(proof),
            "remember": flow.remember,
            # Who has been signed in there for long has just proved nothing, so this is not fresh.
            "authenticated_at": proved_at if long_ago else None,
        }
        if flow.dialect == "better-auth":  # which may keep other accounts beside the new one
            from sojourn.api.better_auth.entrance import begin_session

            return await begin_session(call, user, **facts)
        return await call.visit.login(user.id, profile=sessions.policy.profile(user.role), **facts)

    try:
        user, _ = await call.accounts.sign_in_with(
            proof, ip=call.visit.peer.ip, start=start, sign_up_open=call.sign_up_open
        )
    except InvalidCredentials:
        call.visit.take_back()  # the account may have changed after the session began
        raise
    is_new = user.created_at >= now
    return flow.new_user_to if is_new and flow.new_user_to else flow.next


async def _link(call: Call, flow: Flow, proof: Proof) -> str:
    session = await _same(call.visit, flow)
    await call.accounts.link(str(session.user_id), proof)
    return flow.next


async def _confirm(call: Call, flow: Flow, proof: Proof) -> str:
    """The same person as the one who is signed in, who has just proved it there anew."""
    session = await _same(call.visit, flow)
    await _check_way(call, session, proof.provider, proof.subject)
    await call.visit.renew(amr=_methods(proof))
    return flow.next


_ACTS = {"sign_in": _sign_in, "link": _link, "confirm": _confirm}


def _act(link: bool, confirm: bool) -> Act:
    if link and confirm:
        raise ValueError("one does not confirm with what one is only about to connect")
    return "link" if link else "confirm" if confirm else "sign_in"


def _methods(proof: Proof) -> tuple[str, ...]:
    """`fed`: by somebody else's word; the rest is how they proved it there."""
    return ("fed", *(method for method in proof.amr if method != "fed"))


async def _same(visit: Visit, flow: Flow) -> Session:
    """The session in which it began. Another one must not gain what was meant for that."""
    try:
        session = in_person(await visit.require(sure=True))
    except SessionError:  # it has ended meanwhile
        raise FlowLost from None
    if (session.id, session.user_id) != (flow.session_id, flow.user_id):
        raise FlowLost
    return session


async def _check_way(
    call: Call, session: Session | None, provider_id: str, subject: str | None = None
) -> None:
    """Refuse unless the user of *session*, who is still welcome, signs in with that already."""
    user_id = session.user_id if session else None
    user = await call.accounts.get(user_id) if user_id else None
    if user is None or user.barred(call.visit.site.sessions.clock()):
        raise Unauthenticated
    ways = await call.accounts.ways(user.id)
    mine = [way for way in ways if way.provider == provider_id]
    if not any(subject in (None, way.provider_account_id) for way in mine):
        raise OtherAccount


# ── there and back ────────────────────────────────────────────────────────────────────────────


def _callback(visit: Visit, provider_id: str) -> str:
    """Where a provider sends browsers back to."""
    return f"{visit.site.origin}{visit.base}{CALLBACKS}{provider_id}"


def _keep(visit: Visit, flow: Flow) -> None:
    sealed = flows.sealed(flow, visit.site.sessions.keys, nonce=os.urandom(12))
    if sealed is None:
        raise BodyRejected("The addresses to go to afterwards are too long.", status=422)
    cookies.keep(visit, flows.slot_of(flow.state), sealed, lasting=flows.LIFE)


async def _told(provider_id: str, asking: Awaitable[T]) -> T:
    """What came of *asking*; the operator is told what went wrong, in words that quote nobody."""
    try:
        return await asking
    except (ProviderAway, ProviderRejected) as refusal:
        _log.warning("sign-in with %s failed: %s", provider_id, refusal.why)
        raise


def sent(path: str, **query: str) -> Answer:
    """303 to *path* of this origin, or to an address at a provider."""
    bare, mark, place = path.partition("#")
    between = "&" if "?" in bare else "?"
    location = bare + (f"{between}{urlencode(query)}" if query else "") + mark + place
    return Answer(
        303, [("location", location), ("cache-control", "no-store"), ("referrer-policy", "no-referrer")]
    )


def _refused(flow: Flow, refusal: Refusal, base: str) -> Answer:
    """Back to where it began, with a code that the page there has words for: never with free text."""
    code = _code(flow, refusal)
    theirs = _CODES.get(code, (code, "Configuration"))
    match flow.dialect:
        case "better-auth":
            word = refusal.facts.get("error", theirs[0]) if isinstance(refusal, ProviderDenied) else theirs[0]
            return sent(flow.error_to or base + ERROR_PAGE, error=word)
        case "authjs":
            return sent(flow.error_to or base + ERROR_PAGE, error=theirs[1])
    back = flow.error_to or base + {"sign_in": "/sign-in", "link": HOME, "confirm": "/confirm"}[flow.act]
    onwards = {} if flow.act == "link" else {"next": flow.next}
    return sent(back, error=code, **{"with": flow.provider}, **onwards)


def _code(flow: Flow, refusal: Refusal) -> str:
    """What the same refusal is called for somebody who is signed in already."""
    return refusal.code if flow.act == "sign_in" else _SIGNED_IN.get(refusal.code, refusal.code)


_SIGNED_IN = {
    "account_exists": "already_connected",
    "forbidden": "not_possible",
    "invalid_credentials": "not_possible",
}
# Our code: what Better Auth calls it, and what Auth.js does.
_CODES = {
    "provider_denied": ("access_denied", "OAuthCallbackError"),
    "provider_away": ("unable_to_get_user_info", "OAuthCallbackError"),
    "provider_rejected": ("invalid_code", "OAuthCallbackError"),
    "flow_lost": ("state_mismatch", "OAuthCallbackError"),
    "account_exists": ("account_not_linked", "OAuthAccountNotLinked"),
    "already_connected": ("account_already_linked_to_different_user", "OAuthAccountNotLinked"),
    "not_possible": ("unable_to_link_account", "AccessDenied"),
    "other_account": ("account_already_linked_to_different_user", "OAuthAccountNotLinked"),
    "email_rejected": ("email_not_found", "OAuthCallbackError"),
    "forbidden": ("signup_disabled", "AccessDenied"),
    "invalid_credentials": ("banned", "AccessDenied"),
    "rate_limited": ("rate_limited", "AccessDenied"),
    "too_many_sessions": ("too_many_sessions", "AccessDenied"),
}
