"""Stores: where sessions are kept. One file per engine; `protocol` is the contract they share."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sojourn.errors import SettingsError
from sojourn.stores.protocol import Cap, CapRule, Inserted, Query, Store

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Cap", "CapRule", "Inserted", "Query", "Store", "check_address", "open_store", "sqlite_path"]


def open_store(url: str, *, create: bool = True) -> Store:
    """The store that *url* names: `sqlite:///file.db`, `sqlite:///:memory:`, `memory://`,
    `postgresql://user@host/database`, `redis://host:port/0` or `redis+cluster://host:port`.

    The engine's driver is imported here, not before. A path after three slashes is relative to
    the working directory, after four absolute. Without *create* a missing file is an error.
    """
    scheme = url.partition("://")[0].lower() if "://" in url else ""
    if scheme == "memory":
        from sojourn.stores.memory import MemoryStore

        return MemoryStore()
    if scheme == "sqlite":
        from sojourn.stores.sqlite import SQLiteStore

        return SQLiteStore(sqlite_path(url), create=create)
    if scheme in ("postgresql", "postgres"):
        check_address(url)
        from sojourn.stores.postgres import PostgresStore

        return PostgresStore(url, create=create)
    if scheme in ("redis", "rediss", "redis+cluster", "rediss+cluster"):
        check_address(url)
        from sojourn.stores.redis import RedisStore

        return RedisStore(url)
    what = (
        repr(scheme) if scheme else "an address without a scheme"
    )  # not the address: it may hold a password
    raise SettingsError(
        f"no store for {what}; use sqlite:///file.db, sqlite:///:memory:, memory://, "
        "postgresql://…, redis://… or redis+cluster://…"
    )


_HOST = r"(\[[0-9a-fA-F:.%]+\]|[^\s:,@/?#\[\]]*)(:\d{1,5})?"
_ADDRESS = rf"[a-z+]+://([^\s@/?#]*@)?{_HOST}(,{_HOST})*([/?#][^\s@]*)?"


def check_address(url: str) -> None:
    """Refuse what a driver would stumble over: what it says then may hold parts of the password."""
    if not re.fullmatch(_ADDRESS, url, re.ASCII | re.IGNORECASE):
        raise SettingsError(
            "the address of the store cannot be read; write it like postgresql://user:password@host:5432/name"
            ", and in user and password %40 for @, %2F for /, %3F for ?, %23 for #, %20 for a space"
        )


def sqlite_path(url: str) -> Path | None:
    """The file that a `sqlite:` URL names; None for `:memory:`."""
    from pathlib import Path

    rest = url.removeprefix("sqlite:///")
    if rest == url or not rest:
        raise SettingsError(f"{url!r} names no file; write sqlite:///file.db, or sqlite:////absolute/file.db")
    return None if rest == ":memory:" else Path(rest)
