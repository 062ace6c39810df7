"""`sojourn purge`: forget what is long over."""

from __future__ import annotations

from sojourn import duties
from sojourn.cli.opened import opened
from sojourn.cli.options import Accounts, LogLevel, Store
from sojourn.cli.output import logging_to_stderr, progress

__all__ = ["purge"]


async def purge(*, store: Store = None, accounts: Accounts = None, log_level: LogLevel = None) -> None:
    """Delete the records of sessions that ended long ago, and rate limits that hold nobody up.

    The server does so by itself; this is for a cron, or for now. It deletes in small batches, so
    people sign in meanwhile. Sessions that ended by time are noticed too, unless a worker runs,
    which does that.
    """
    arguments = {"store": store, "accounts": accounts, "log_level": log_level}
    async with opened(arguments, users=False) as found:
        worker = duties.worker(found.accounts, found.directory)
        with logging_to_stderr(found.settings.log_level), progress("Purging …") as tell:
            done = await worker.purge(await worker.now(), tell=lambda count: tell(f"{count} sessions"))
        print(done)
