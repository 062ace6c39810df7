"""Where somebody wanted to go: an address of this origin, or its start page."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

__all__ = ["landing", "path_of"]

_LONGEST = 2048
_ASCII = "".join(map(chr, range(33, 127)))
_UNCLEAR = re.compile(r"//|\\|[\x00-\x1f\x7f]|(?:^|/)\.\.?(?:/|$)")


def landing(origin: str, asked: str) -> str:
    """*asked* as an absolute address of *origin*; anything else leads to the start page (TH-17).

    Absolute, because their client reads it with `new URL`: so paths of any language are fine, unlike
    with `safe_next`. What a proxy or a second decoding could read as another host or path is not.
    """
    url = quote(asked, safe=_ASCII)
    rest = url if url.startswith("/") else url.removeprefix(origin)
    if len(url) > _LONGEST or (rest == url and not url.startswith("/")) or rest[:1] not in ("", *"/?#"):
        return origin
    path = re.split(r"[?#]", rest, maxsplit=1)[0]
    for _ in range(3):
        if _UNCLEAR.search(path):
            return origin
        path = unquote(path, errors="replace")
    return origin if _UNCLEAR.search(path) else origin + rest


def path_of(origin: str, url: str) -> str:
    """The same as a path, for our own pages."""
    rest = url.removeprefix(origin)
    return rest if rest.startswith("/") else f"/{rest}"
