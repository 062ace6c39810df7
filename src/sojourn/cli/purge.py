"""`sojourn purge`: forget what is long over."""

from __future__ import annotations

from collections.abc import Callable

from sojourn.cli.opened import Opened, opened
from sojourn.cli.options import Accounts, Store
from sojourn.cli.output import progress
from sojourn.policy import words

__all__ = ["purge"]

_BATCH = 1000


async def purge(*, store: Store = None, accounts: Accounts = None) -> None:
    """Delete the records of sessions that ended long ago, and rate limits that hold nobody up.

    Run it once a day. It deletes in batches, so people sign in meanwhile.
    """
    async with opened({"store": store, "accounts": accounts}) as found:
        with progress("Purging …") as tell:
            count = await _sessions(found, tell)
            limits = await found.accounts.purge()
        kept = words(found.sessions.policy.keep_ended)
        print(f"Forgot {count} sessions that ended more than {kept} ago, and {limits} rate limits.")


async def _sessions(found: Opened, tell: Callable[[str], None]) -> int:
    sessions, total = found.sessions, 0
    before = sessions.clock() - sessions.policy.keep_ended
    while count := await sessions.store.purge(before=before, limit=_BATCH):
        total += count
        tell(f"{total} sessions")
    return total
