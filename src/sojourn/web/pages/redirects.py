"""Where a page sends the browser next: always with 303, and never away from this origin."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from sojourn.web.reply import Answer
from sojourn.web.within import HOME, safe_next

__all__ = ["HOME", "address", "safe_next", "see_other"]


def address(path: str, query: Mapping[str, str] | None = None) -> str:
    """*path*, as it came decoded with the request, and *query* as one address."""
    return quote(path) + (f"?{urlencode(query)}" if query else "")


def see_other(path: str, **query: str) -> Answer:
    """303: whatever was sent is done, now get *path*. What goes into the query is never free text."""
    location = path + (f"{'&' if '?' in path else '?'}{urlencode(query)}" if query else "")
    return Answer(303, [("location", location), ("cache-control", "no-store")])
