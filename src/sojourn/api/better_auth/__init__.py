"""The protocol of Better Auth's client: a table of routes under /api/auth.

Where theirs fails, ours does not. What a list shows is no credential, a revoked session is refused at
once whatever is cached, and an impersonation ends with its administrator. What refreshes is the cookie:
their client knows no refresh, so a token that is due is rotated with the next answer.
"""

from __future__ import annotations

from sojourn.api.better_auth import account, admin, entrance, impersonation, multi, session, social
from sojourn.api.routes import Route

__all__ = ["ROUTES", "routes"]

ROUTES = (
    *entrance.ROUTES,
    *session.ROUTES,
    *account.ROUTES,
    *social.ROUTES,
    *admin.ROUTES,
    *impersonation.ROUTES,
)


def routes(*, multi_session: bool = True) -> tuple[Route, ...]:
    """The routes, with those for several accounts in one browser if that is on."""
    return (*ROUTES, *multi.ROUTES) if multi_session else ROUTES
