"""`sojourn journal tail`: the end of the journal, and what comes."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

from cyclopts import Parameter

from sojourn.cli.journal.reading import COLUMNS, as_json, as_row, ledger_in
from sojourn.cli.opened import opened
from sojourn.cli.options import Accounts, Flag, JournalAt, Json, KeysFile, Limit
from sojourn.cli.output import print_table
from sojourn.observe.journal.line import Filter, Line

__all__ = ["tail"]

_EVERY = 0.5  # seconds between two looks: as often as servers write


async def tail(
    *,
    limit: Limit = 20,
    user: Annotated[str | None, Parameter(help="Of this user alone: e-mail address or id.")] = None,
    name: Annotated[
        tuple[str, ...], Parameter(negative="", help="Events of this name; can be repeated.")
    ] = (),
    follow: Annotated[bool, Flag, Parameter(alias="-f", help="Go on with what comes, until Ctrl-C.")] = False,
    json: Json = False,
    accounts: Accounts = None,
    journal: JournalAt = None,
    keys_file: KeysFile = None,
) -> None:
    """Print the last lines of the journal. With --json one object a line."""
    arguments = {"accounts": accounts, "journal": journal, "keys_file": keys_file}
    async with opened(arguments, users=user is not None and "@" in user) as found:
        ledger = ledger_in(found)
        user_id = None if user is None else await found.user_id(user)
        lines = await ledger.lines(Filter(user_id=user_id, names=name, limit=limit))
        _print(lines[::-1], json=json, heading=True)
        after = max((line.place for line in lines), default=0) or await ledger.last_place()
        while follow:
            await asyncio.sleep(_EVERY)
            wanted = Filter(user_id=user_id, names=name, after=after, newest_first=False, limit=1_000)
            if lines := await ledger.lines(wanted):
                after = lines[-1].place
                _print(lines, json=json, heading=False)


def _print(lines: list[Line], *, json: bool, heading: bool) -> None:
    if json:
        for line in lines:
            print(as_json(line))
    elif heading:
        print_table(COLUMNS, [as_row(line) for line in lines])
    else:
        for line in lines:
            print("  ".join(as_row(line)))
    sys.stdout.flush()  # somebody may be reading a pipe
