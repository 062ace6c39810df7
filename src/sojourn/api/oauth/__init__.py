"""OAuth and OpenID endpoints: a table of routes under /oauth and /.well-known."""

from __future__ import annotations

from sojourn.api.oauth.discovery import ROUTES as DISCOVERY
from sojourn.api.oauth.feed import ROUTES as FEED
from sojourn.api.oauth.introspection import ROUTES as INTROSPECTION
from sojourn.api.oauth.revocation import ROUTES as REVOCATION
from sojourn.api.oauth.terms import terms_of
from sojourn.api.oauth.token import ROUTES as TOKEN

__all__ = ["ROUTES", "terms_of"]

ROUTES = (*DISCOVERY, *TOKEN, *INTROSPECTION, *REVOCATION, *FEED)
