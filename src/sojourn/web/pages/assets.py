"""The static files of the pages, at addresses that change with their content."""

from __future__ import annotations

import hashlib
from pathlib import Path

__all__ = ["ASSETS_PATH", "STATIC", "asset"]

STATIC = Path(__file__).parent / "static"


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
