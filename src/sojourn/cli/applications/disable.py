"""`sojourn applications disable`: serve an application no more."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from sojourn.cli.opened import opened
from sojourn.cli.options import Accounts, Json, Store
from sojourn.cli.output import ended, print_json

__all__ = ["disable"]


async def disable(
    id: Annotated[str, Parameter(help="The application, as `sojourn applications list` shows it.")],
    /,
    *,
    json: Json = False,
    store: Store = None,
    accounts: Accounts = None,
) -> None:
    """Serve an application no more, and end every session that was started for it.

    If it is cut off, give the command again.
    """
    async with opened({"store": store, "accounts": accounts}) as found:
        count = await found.directory.disable_application(id)
    if json:
        print_json({"id": id, "enabled": False, "ended": count})
    else:
        print(f"Disabled {id}. {ended(count)}")
