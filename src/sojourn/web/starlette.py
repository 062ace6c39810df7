"""Sessions in Starlette: decorators for endpoints, and the words that work in any of them.

`session_from` answers from a snapshot where it may, so `session.data` then holds only the keys that
`Policy.cached_data` names, and any other is a `LookupUnread`. `data_from` gives all of the data, and
asks the store for it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import timedelta
from functools import wraps
from typing import Any, TypeVar

from starlette.requests import HTTPConnection

from sojourn.session import Session
from sojourn.web.arrival import Arrival
from sojourn.web.asgi import SessionMiddleware, arrival_of, visit_of
from sojourn.web.visit import Site, Visit

__all__ = [
    "SessionMiddleware",
    "Site",
    "current_user",
    "data_from",
    "login",
    "logout",
    "require_fresh",
    "require_role",
    "require_session",
    "session_from",
]

Endpoint = TypeVar("Endpoint", bound=Callable[..., Awaitable[Any]])


async def session_from(request: HTTPConnection) -> Session | None:
    """The session of this request, or None."""
    try:  # `arrival_of`, spelt out: nearly every request comes through here
        arrival: Arrival | Visit = request.scope["sojourn"]
    except KeyError:
        arrival = arrival_of(request.scope)  # which says what is missing
    return arrival.at_hand() or await arrival.begun().asked()


async def data_from(request: HTTPConnection) -> Mapping[str, Any]:
    """All data of the session, read once per request from the store; nothing without a session."""
    return await visit_of(request.scope).data()


async def current_user(request: HTTPConnection) -> Any:
    """The user, from `Site(load_user=...)`; loaded at most once per request."""
    return await visit_of(request.scope).user()


async def login(
    request: HTTPConnection,
    user_id: str,
    *,
    amr: Iterable[str] = (),
    aal: int = 1,
    remember: bool = False,
    application_id: str | None = None,
    tenant_id: str | None = None,
    profile: str | None = None,
    data: Mapping[str, Any] | None = None,
) -> Session:
    """Start a session for *user_id*. The caller has checked the password, or whatever else proves it.

    *profile*: whose rules hold for it, as `Policy(exceptions=Rulebook(profiles=...))` has them.
    """
    issued = await visit_of(request.scope).login(
        user_id,
        amr=amr,
        aal=aal,
        remember=remember,
        application_id=application_id,
        tenant_id=tenant_id,
        profile=profile,
        data=data,
    )
    return issued.session


async def logout(request: HTTPConnection) -> bool:
    """End the session and take its cookie back; false if there was none."""
    return await visit_of(request.scope).logout()


def require_session(endpoint: Endpoint) -> Endpoint:
    """Answer 401 to whoever is not signed in."""
    return _guarded(endpoint, lambda arrival: arrival.require())


def require_fresh(max_age: timedelta | None = None, *, aal: int = 0) -> Callable[[Endpoint], Endpoint]:
    """Answer `reauth_required` to whoever signed in longer than *max_age* ago (`Policy.fresh_for`).

    Or with less assurance than *aal*. 403 for a browser, 401 with a challenge of RFC 9470 for the
    bearer of an access token.
    """
    return lambda endpoint: _guarded(
        endpoint, lambda arrival: arrival.begun().require_fresh(max_age, aal=aal)
    )


def require_role(role: str) -> Callable[[Endpoint], Endpoint]:
    """Answer 403 to a user without *role*, 401 to whoever is not signed in."""
    return lambda endpoint: _guarded(endpoint, lambda arrival: arrival.begun().require_role(role))


def _guarded(endpoint: Endpoint, guard: Callable[[Arrival | Visit], Awaitable[Any]]) -> Endpoint:
    @wraps(endpoint)
    async def guarded(*args: Any, **kwargs: Any) -> Any:
        request = next(given for given in (*args, *kwargs.values()) if isinstance(given, HTTPConnection))
        await guard(arrival_of(request.scope))
        return await endpoint(*args, **kwargs)

    return guarded  # type: ignore[return-value]
