"""Stores: where sessions are kept. One file per engine; `protocol` is the contract they share."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sojourn.errors import SettingsError
from sojourn.stores.protocol import Cap, Inserted, Query, Store

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Cap", "Inserted", "Query", "Store", "open_store", "sqlite_path"]


def open_store(url: str, *, create: bool = True) -> Store:
    """The store that *url* names: `sqlite:///file.db`, `sqlite:///:memory:` or `memory://`.

    The engine's driver is imported here, not before. A path after three slashes is relative to
    the working directory, after four absolute. Without *create* a missing file is an error.
    """
    scheme = urlsplit(url).scheme
    if scheme == "memory":
        from sojourn.stores.memory import MemoryStore

        return MemoryStore()
    if scheme == "sqlite":
        from sojourn.stores.sqlite import SQLiteStore

        return SQLiteStore(sqlite_path(url), create=create)
    raise SettingsError(
        f"no store for {scheme or url!r}; use sqlite:///file.db, sqlite:///:memory: or memory://"
    )


def sqlite_path(url: str) -> Path | None:
    """The file that a `sqlite:` URL names; None for `:memory:`."""
    from pathlib import Path

    rest = url.removeprefix("sqlite:///")
    if rest == url or not rest:
        raise SettingsError(f"{url!r} names no file; write sqlite:///file.db, or sqlite:////absolute/file.db")
    return None if rest == ":memory:" else Path(rest)
