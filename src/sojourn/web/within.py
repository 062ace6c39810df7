"""Addresses that lead nowhere but here: what names the next page is anybody's to write."""

from __future__ import annotations

import re
from urllib.parse import unquote

__all__ = ["HOME", "clear", "safe_next", "within"]

HOME = "/account/security"

_LONGEST = 2048
_PRINTABLE = re.compile(
    r"/[!-\[\]-~]*"
)  # visible ASCII without the backslash, which browsers read as a slash
_UNCLEAR = re.compile(r"//|\\|[\x00-\x1f\x7f]|(?:^|/)\.\.?(?:/|$)")
_FOREIGN = re.compile(rf"{_UNCLEAR.pattern}|[\x20\x80-\U0010ffff]")
_NOT_AGAIN = frozenset({"/sign-in", "/sign-up", "/sign-out"})


def safe_next(text: str) -> str:
    """*text* if it is a plain path of this origin, else `HOME` (TH-17, ASVS 3.7.2).

    A page that would only send people here again is refused, too.
    """
    found = within(text)
    return HOME if found is None or _path(found).rstrip("/") in _NOT_AGAIN else found


def within(text: str, origin: str | None = None) -> str | None:
    """*text* if it is a plain path, else None; an address of *origin* is taken for its path.

    Stricter than browsers need: what a proxy or a second decoding could read as `//host` is refused.
    """
    if origin is not None and (text == origin or text.startswith((f"{origin}/", f"{origin}?"))):
        text = text.removeprefix(origin)
        text = text if text.startswith("/") else f"/{text}"
    if len(text) > _LONGEST or not _PRINTABLE.fullmatch(text):
        return None
    return text if clear(_path(text)) else None


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
