"""Addresses that lead nowhere but here: what names the next page is anybody's to write.

Inside, a path is as the tables of routes have it. What a browser is given, and what it brings back, is an
`Address`: the same behind the prefix under which we are served, `Visit.base`.
"""

from __future__ import annotations

import re
from typing import NewType
from urllib.parse import quote, unquote

__all__ = ["HOME", "Address", "clear", "placed", "safe_next", "within"]

Address = NewType("Address", str)  # a path of this origin, whoever answers there

HOME = "/account/security"

_LONGEST = 2048
_PRINTABLE = re.compile(
    r"/[!-\[\]-~]*"
)  # visible ASCII without the backslash, which browsers read as a slash
_UNCLEAR = re.compile(r"//|\\|[\x00-\x1f\x7f]|(?:^|/)\.\.?(?:/|$)")
_FOREIGN = re.compile(rf"{_UNCLEAR.pattern}|[\x20\x80-\U0010ffff]")
_NOT_AGAIN = frozenset({"/sign-in", "/sign-up", "/sign-out"})


def placed(path: str, root: str) -> tuple[str, str]:
    """Behind which prefix a request of ASGI has come, as addresses have it, and the path below that.

    The server or whoever mounts us says so by *root*, the `root_path`, never a header. One that could be
    read as another host is none: a mount may take it from the request's own path.
    """
    if not root:
        return "", path
    below = path.removeprefix(root)
    if below[:1] == "/" or not below:  # the same rule as Starlette's router, which some servers need
        path = below or "/"
    root = root.rstrip("/")
    return (quote(root) if root[:1] == "/" and clear(root, any_language=True) else ""), path


def safe_next(text: str, base: str = "") -> Address:
    """*text* if it is a plain path of this origin, else `HOME` behind *base* (TH-17, ASVS 3.7.2).

    A page that would only send people here again is refused, too.
    """
    found = within(text)
    if found is None or _path(found).removeprefix(base).rstrip("/") in _NOT_AGAIN:
        return Address(base + HOME)
    return found


def within(text: str, origin: str | None = None) -> Address | None:
    """*text* if it is a plain path, else None; an address of *origin* is taken for its path.

    Stricter than browsers need: what a proxy or a second decoding could read as `//host` is refused.
    """
    if origin is not None and (text == origin or text.startswith((f"{origin}/", f"{origin}?"))):
        text = text.removeprefix(origin)
        text = text if text.startswith("/") else f"/{text}"
    if len(text) > _LONGEST or not _PRINTABLE.fullmatch(text):
        return None
    return Address(text) if clear(_path(text)) else None


def clear(path: str, *, any_language: bool = False) -> bool:
    """Whether *path* says the same however often it is decoded; with *any_language* in any letters."""
    unclear = _UNCLEAR if any_language else _FOREIGN
    for _ in range(3):
        if unclear.search(path):
            return False
        path = unquote(path, errors="replace")
    return not unclear.search(path)


def _path(text: str) -> str:
    return re.split(r"[?#]", text, maxsplit=1)[0]
