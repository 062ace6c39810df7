"""`sojourn serve`: the server."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from uuid import UUID

from sojourn import keyring
from sojourn.accounts import open_accounts
from sojourn.cli.listening import bind, uvicorn_options
from sojourn.cli.options import Serving
from sojourn.demo import refuse_demo
from sojourn.observe import open_ledger
from sojourn.settings import Settings, load
from sojourn.settings_text import without_password
from sojourn.stores import open_store

__all__ = ["serve"]


def serve(*, options: Serving | None = None) -> None:
    """Serve sign-in, the account page, the overview for administrators and the API.

    Every option is also an environment variable. Keys come first: `sojourn keys generate`.
    """
    import uvicorn

    loaded = load((options or Serving()).given())
    settings = loaded.settings
    refuse_demo(settings.store)
    refuse_demo(settings.accounts)
    keyring.ring(settings)  # now and here, not as a traceback of each worker, or with the first request
    asyncio.run(reach(settings))
    bind(settings.host, settings.port, other="choose another with --port (SOJOURN_PORT)").close()
    os.environ.update(loaded.exports)  # workers read their settings from there
    print(welcome(settings), file=sys.stderr)
    with suppress(KeyboardInterrupt):  # that is how it ends
        uvicorn.run(
            "sojourn.server:application",
            factory=True,
            host=settings.host,
            port=settings.port,
            workers=settings.workers,
            root_path=settings.prefix,
            **uvicorn_options(settings.log_level),
        )


async def reach(settings: Settings) -> None:
    """Read once from each store: what is wrong with it is the operator's to hear, before any user."""
    store, accounts = open_store(settings.store), open_accounts(settings.accounts)
    ledger = None if settings.journal == "off" else open_ledger(settings.journal, keys=None)
    try:
        await store.get(UUID(int=0))
        await accounts.get("nobody")
        if ledger is not None:
            await ledger.last_place()
    finally:
        if ledger is not None:
            await ledger.close()
        await accounts.close()
        await store.close()


def welcome(settings: Settings) -> str:
    """Where it listens, where to go, and a warning in development."""
    place = settings.origin + settings.prefix
    lines = [
        f"Sojourn listens on {settings.host}, port {settings.port}, for {place}",
        f"  sign in  {place}/sign-in",
        f"  admin    {place}/admin",
        f"  store    {without_password(settings.store)}",
        "Stop it with Ctrl-C.",
    ]
    if settings.development:
        lines.append("SOJOURN_DEVELOPMENT is on: credentials may travel unencrypted. Not for real people.")
    return "\n".join(lines)
