"""Where a page sends the browser next: always with 303, and never away from this origin."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from sojourn.api.routes import Call
from sojourn.web.reply import Answer
from sojourn.web.within import HOME, Address, safe_next

__all__ = ["HOME", "address", "safe_next", "see_other"]


def address(call: Call, path: str, query: Mapping[str, str] | None = None) -> Address:
    """*path* of ours, decoded as the request's is, and *query*: as browsers of this *call* have it."""
    return Address(call.visit.base + quote(path) + (f"?{urlencode(query)}" if query else ""))


def see_other(to: Address, **query: str) -> Answer:
    """303: whatever was sent is done, now get *to*. What goes into the query is never free text."""
    location = to + (f"{'&' if '?' in to else '?'}{urlencode(query)}" if query else "")
    return Answer(303, [("location", location), ("cache-control", "no-store")])
