"""`sojourn users export`: a copy of all that is kept about somebody."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter

from sojourn.cli.opened import opened
from sojourn.cli.options import Accounts, Store
from sojourn.errors import SettingsError
from sojourn.events import AdminActed

__all__ = ["export"]


async def export(
    who: Annotated[str, Parameter(help="Whose: e-mail address or id.")],
    /,
    *,
    to: Annotated[Path | None, Parameter(help="A new file for it, readable by its owner alone.")] = None,
    store: Store = None,
    accounts: Accounts = None,
) -> None:
    """Print all that is kept about a user as JSON: account, sessions, journal. It holds no secret."""
    from sojourn.privacy.export import export as exported

    async with opened({"store": store, "accounts": accounts}) as found:
        user_id = await found.user_id(who)
        kept = await exported(
            user_id,
            sessions=found.sessions,
            accounts=found.accounts,
            directory=found.directory,
            ledger=found.ledger,
        )
        found.sessions.emit(
            AdminActed(at=found.sessions.clock(), act="export", by="command line", target=user_id)
        )
    text = msgspec.json.format(msgspec.json.encode(kept), indent=2) + b"\n"
    if to is None:
        sys.stdout.write(text.decode())
        return
    try:
        descriptor = os.open(to, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        raise SettingsError(f"{to} is there already; name another file") from None
    with open(descriptor, "wb") as file:
        file.write(text)
    print(f"Wrote {to}.")
