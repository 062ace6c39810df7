"""`sojourn applications enable`: serve an application again."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from sojourn.cli.opened import opened
from sojourn.cli.options import Accounts, Json, Store
from sojourn.cli.output import print_json

__all__ = ["enable"]


async def enable(
    id: Annotated[str, Parameter(help="The application, as `sojourn applications list` shows it.")],
    /,
    *,
    json: Json = False,
    store: Store = None,
    accounts: Accounts = None,
) -> None:
    """Serve an application again. Sessions that were ended stay ended."""
    async with opened({"store": store, "accounts": accounts}) as found:
        await found.directory.enable_application(id)
    if json:
        print_json({"id": id, "enabled": True})
    else:
        print(f"Enabled {id}.")
