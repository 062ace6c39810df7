"""Sessions in FastAPI: the same words as in Starlette, the guards as dependencies.

`data: Annotated[Mapping[str, Any], Depends(data_from)]` is all of the session's data; what a session
that comes from a snapshot holds of it, `sojourn.web.starlette` says.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from starlette.requests import HTTPConnection

from sojourn.session import Session
from sojourn.web.asgi import SessionMiddleware, arrival_of, visit_of
from sojourn.web.starlette import current_user, data_from, login, logout, session_from
from sojourn.web.visit import Site

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


async def require_session(connection: HTTPConnection) -> Session:
    """`session: Annotated[Session, Depends(require_session)]`: 401 for whoever is not signed in."""
    return await arrival_of(connection.scope).require()


def require_fresh(
    max_age: timedelta | None = None, *, aal: int = 0
) -> Callable[[HTTPConnection], Awaitable[Session]]:
    """`Depends(require_fresh())`: `reauth_required` if the sign-in is older than *max_age*, or below *aal*.

    403 for a browser, 401 with a challenge of RFC 9470 for the bearer of an access token.
    """

    async def fresh_session(connection: HTTPConnection) -> Session:
        return await visit_of(connection.scope).require_fresh(max_age, aal=aal)

    return fresh_session


def require_role(role: str) -> Callable[[HTTPConnection], Awaitable[Any]]:
    """`Depends(require_role("admin"))`: the user, or 403 without the role."""

    async def user_with_role(connection: HTTPConnection) -> Any:
        return await visit_of(connection.scope).require_role(role)

    return user_with_role
