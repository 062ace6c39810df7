"""Where a page sends the browser next: always with 303, and never away from this origin."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote, urlencode

from sojourn.web.reply import Answer

__all__ = ["HOME", "address", "safe_next", "see_other"]

HOME = "/account/security"

_LONGEST = 2048
_PRINTABLE = re.compile(
    r"/[!-\[\]-~]*"
)  # visible ASCII without the backslash, which browsers read as a slash
_UNCLEAR = re.compile(r"//|\\|[\x00-\x20\x7f-\U0010ffff]|(?:^|/)\.\.?(?:/|$)")
_NOT_AGAIN = frozenset({"/sign-in", "/sign-up", "/sign-out"})


def safe_next(text: str) -> str:
    """*text* if it is a plain path of this origin, else `HOME` (TH-17, ASVS 3.7.2).

    Stricter than browsers need: what a proxy or a second decoding could read as `//host` is refused
    too, and so is a page that would only send people here again.
    """
    if len(text) > _LONGEST or not _PRINTABLE.fullmatch(text):
        return HOME
    path = re.split(r"[?#]", text, maxsplit=1)[0]
    if path.rstrip("/") in _NOT_AGAIN:
        return HOME
    for _ in range(3):
        if _UNCLEAR.search(path):
            return HOME
        path = unquote(path, errors="replace")
    return HOME if _UNCLEAR.search(path) else text


def address(path: str, query: Mapping[str, str] | None = None) -> str:
    """*path*, as it came decoded with the request, and *query* as one address."""
    return quote(path) + (f"?{urlencode(query)}" if query else "")


def see_other(path: str, **query: str) -> Answer:
    """303: whatever was sent is done, now get *path*. What goes into the query is never free text."""
    location = path + (f"{'&' if '?' in path else '?'}{urlencode(query)}" if query else "")
    return Answer(303, [("location", location), ("cache-control", "no-store")])
