"""The static files of the pages, at addresses that change with their content."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

__all__ = ["ASSETS_PATH", "STATIC", "asset", "needed"]

STATIC = Path(__file__).parents[1] / "static"


def _fingerprint(folder: Path) -> str:
    """12 hex digits over the names and the content of all files."""
    tree = hashlib.sha256()
    for file in sorted(folder.iterdir()):
        for part in (file.name.encode(), file.read_bytes()):
            tree.update(len(part).to_bytes(8) + part)
    return tree.hexdigest()[:12]


ASSETS_PATH = f"/assets/{_fingerprint(STATIC)}"


def asset(name: str) -> str:
    """The address of a static file. One that is not there is a mistake in a template."""
    if not (STATIC / name).is_file():
        raise LookupError(f"there is no static file {name!r}; the files are in {STATIC.name}/")
    return f"{ASSETS_PATH}/{name}"


@cache
def needed(script: str) -> tuple[str, ...]:
    """The files that *script* is going to import, so that a page can ask for all of them at once."""
    built: dict[str, Any] = msgspec.json.decode((STATIC / "manifest.json").read_bytes())
    waiting, found = [part for part in built.values() if part["file"] == script], dict[str, None]()
    while waiting:
        part = waiting.pop()
        found[part["file"]] = None
        names = (*part.get("imports", ()), *part.get("dynamicImports", ()))
        waiting += [built[name] for name in names if built[name]["file"] not in found]
    return tuple(name for name in found if name != script and name.endswith(".js"))
