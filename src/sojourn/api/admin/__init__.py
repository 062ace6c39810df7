"""The API of administrators: tables of routes under /api/admin."""

from sojourn.api.admin import alerts as _alerts
from sojourn.api.admin import export as _export
from sojourn.api.admin import impersonation as _impersonation
from sojourn.api.admin import journal as _journal
from sojourn.api.admin import privacy as _privacy
from sojourn.api.admin import revoke as _revoke
from sojourn.api.admin import series as _series
from sojourn.api.admin import sessions as _sessions
from sojourn.api.admin import stats as _stats
from sojourn.api.admin import users as _users
from sojourn.api.admin.base import BASE, Note
from sojourn.api.admin.sessions import AdminList, AdminRow, list_sessions, revoke_session
from sojourn.api.admin.stats import Stats, stats
from sojourn.api.admin.users import UserList, list_user_sessions, list_users, revoke_user_sessions

__all__ = [
    "BASE",
    "ROUTES",
    "AdminList",
    "AdminRow",
    "Note",
    "Stats",
    "UserList",
    "list_sessions",
    "list_user_sessions",
    "list_users",
    "revoke_session",
    "revoke_user_sessions",
    "stats",
]

ROUTES = (
    *_stats.ROUTES,
    *_series.ROUTES,
    *_sessions.ROUTES,
    *_users.ROUTES,
    *_revoke.ROUTES,
    *_export.ROUTES,
    *_impersonation.ROUTES,
    *_privacy.ROUTES,
    *_journal.ROUTES,
    *_alerts.ROUTES,
)
