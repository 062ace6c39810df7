"""The ledger: what happened to sessions, as a journal, as counts and as alerts, never in their way.

It hears events and reads nothing else of the core, which does not know of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sojourn.errors import SettingsError

if TYPE_CHECKING:
    from sojourn.observe.engine import Engine
    from sojourn.observe.ledger import Ledger
    from sojourn.token import Keys

__all__ = ["open_ledger"]


def open_ledger(url: str, *, keys: Keys | None, create: bool = True) -> Ledger:
    """The ledger that *url* names: `sqlite:///file.db`, `sqlite:///:memory:`, `memory://` or
    `postgresql://user@host/database`, which may be the sessions' database: it has a schema of its own there.

    Without *keys* nothing personal is written or read, and nothing is sealed. Without *create* a missing
    file is an error, and so is a missing schema.
    """
    from sojourn.observe.ledger import Ledger

    return Ledger(_engine(url, create=create), keys=keys)


def _engine(url: str, *, create: bool) -> Engine:
    from sojourn.stores import check_address, sqlite_path

    scheme = url.partition("://")[0].lower() if "://" in url else ""
    if scheme in ("memory", "sqlite"):
        from sojourn.stores.sqlite.engine import Engine as FileEngine

        path = None if scheme == "memory" else sqlite_path(url)
        return FileEngine(path, component="ledger", migrations="sojourn.observe.migrations", create=create)
    if scheme in ("postgresql", "postgres"):
        check_address(url)
        from sojourn.stores.postgres.threaded import ThreadedEngine

        migrations = "sojourn.observe.migrations.postgres"
        return ThreadedEngine(url, component="ledger", migrations=migrations, create=create)
    what = repr(scheme) if scheme else "an address without a scheme"
    raise SettingsError(
        f"no journal in {what}; use sqlite:///file.db, sqlite:///:memory:, memory://, postgresql://… "
        "or off (SOJOURN_JOURNAL)"
    )
