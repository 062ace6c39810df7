"""Where somebody wanted to go: an address of this origin, or its start page."""

from __future__ import annotations

import re
from urllib.parse import quote

from sojourn.web.within import clear

__all__ = ["landing", "path_of"]

_LONGEST = 2048
_ASCII = "".join(map(chr, range(33, 127)))


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
    return origin + rest if clear(path, any_language=True) else origin


def path_of(origin: str, url: str) -> str:
    """The same as a path, for our own pages."""
    rest = url.removeprefix(origin)
    return rest if rest.startswith("/") else f"/{rest}"
