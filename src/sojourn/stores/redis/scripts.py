"""The scripts, one for each verb: one round trip, and nobody else in between."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import NamedTuple

__all__ = ["Script", "script"]

# What each verb is put together from, in this order; the verb's own text comes last.
_PARTS = {
    "insert": ("record", "index", "log"),
    "replace": ("record", "index", "log"),
    "touch": ("record", "index"),
    "select": ("record", "index", "find"),
    "count": ("record", "index", "find"),
    "revoke": ("record", "index", "log", "find"),
    "expire": ("record", "index", "due"),
    "purge": ("record", "index", "due"),
    "forget": ("record", "index"),
    "redact": ("record",),
    "group": ("record", "index"),
    "trim": ("record",),
    "lease": ("record",),
}


class Script(NamedTuple):
    """A script by its text, and by the name that a server gives it."""

    text: bytes
    sha: bytes


@cache
def script(verb: str) -> Script:
    """The script of *verb*, read once a process."""
    folder = files("sojourn.stores.redis") / "lua"
    parts = [(folder / f"{part}.lua").read_bytes() for part in (*_PARTS[verb], verb)]
    text = b"\n".join(parts)
    # The name is what Redis calls it by; nothing is kept secret by it.
    return Script(text, hashlib.sha1(text, usedforsecurity=False).hexdigest().encode())
