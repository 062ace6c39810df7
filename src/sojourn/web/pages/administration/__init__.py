"""The pages of administrators: how it stands, who is signed in, and revoking it.

They are in English, and of use without a script; with one they are what it takes over.
"""

from sojourn.web.pages.administration import acting, alerts, overview, revoking, sessions, users

__all__ = ["ROUTES"]

ROUTES = (
    *overview.ROUTES,
    *sessions.ROUTES,
    *users.ROUTES,
    *revoking.ROUTES,
    *alerts.ROUTES,
    *acting.ROUTES,
)
