"""The pages: rendered on the server, complete without JavaScript, in the same table as the API."""

from __future__ import annotations

from msgspec.structs import replace

from sojourn.api.redirects import safe_next
from sojourn.web.pages import (
    account,
    administration,
    authjs,
    authorize,
    disowning,
    entrance,
    logout,
    providers,
)
from sojourn.web.pages.assets import ASSETS_PATH, STATIC, asset
from sojourn.web.pages.reference import docs_page
from sojourn.web.pages.rendering import error_page

__all__ = ["ASSETS_PATH", "PAGES", "STATIC", "asset", "authjs", "docs_page", "error_page", "safe_next"]

_TABLES = (
    entrance.ROUTES,
    providers.ROUTES,
    account.ROUTES,
    administration.ROUTES,
    authorize.ROUTES,
    logout.ROUTES,
    disowning.ROUTES,
)

PAGES = tuple(replace(route, bearer=False) for table in _TABLES for route in table)
