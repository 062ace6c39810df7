"""`sojourn users erase`: forget somebody."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from sojourn.cli.opened import opened
from sojourn.cli.options import Accounts, Json, Store, Yes
from sojourn.cli.output import ask, print_json

__all__ = ["erase"]


async def erase(
    who: Annotated[str, Parameter(help="Whom: e-mail address or id.")],
    /,
    *,
    yes: Yes = False,
    json: Json = False,
    store: Store = None,
    accounts: Accounts = None,
) -> int:
    """End all sessions of a user, and forget them: account, sessions, and what the journal says of them.

    It cannot be undone. What stands in backups goes with the backups.
    """
    from sojourn.privacy.erase import erase as erased

    async with opened({"store": store, "accounts": accounts}) as found:
        user_id = await found.user_id(who)
        if not yes and not ask(f"Erase {who} for good?"):
            print("Nobody was erased.")
            return 1
        gone = await erased(
            user_id,
            sessions=found.sessions,
            accounts=found.accounts,
            directory=found.directory,
            ledger=found.ledger,
            flush=found.journal.flush if found.journal else None,
            by="command line",
        )
    if json:
        print_json(gone)
    elif not gone.anything:
        print("Nothing is kept about them.")
    else:
        what = "The account" if gone.account else "No account, but what was left of one"
        print(f"{what}: erased, with {gone.sessions} sessions and {gone.lines} lines of the journal.")
    return 0 if gone.anything else 1
