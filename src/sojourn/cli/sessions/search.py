"""`sojourn sessions search`: find sessions of anybody."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Annotated

from cyclopts import Parameter

from sojourn.api.admin.where import Where as Asked
from sojourn.api.admin.where import searched
from sojourn.cli.opened import Opened, opened
from sojourn.cli.options import Accounts, Json, Limit, Store
from sojourn.cli.output import print_json, print_table, progress
from sojourn.cli.sessions.list import COLUMNS, cells, data
from sojourn.cli.where import Condition, fits, parsed, wanted
from sojourn.errors import SettingsError
from sojourn.searching import Search, State, search
from sojourn.session import Session

__all__ = ["Where", "everyone", "search_sessions"]

Where = Annotated[
    str | None,
    Parameter(
        help="Which: \"country = 'XX' and created_at > '2026-01-01'\". See docs/how-to/revoke-many.md."
    ),
]
_PAGE = 500
_AT_ONCE = 5.0  # seconds of one page; the next one goes on


async def search_sessions(
    text: Annotated[
        str | None, Parameter(help="A user, an address or network, part of a device's name, or an id.")
    ] = None,
    /,
    *,
    where: Where = None,
    state: Annotated[State, Parameter(help="active, ended or all.")] = "active",
    limit: Limit = 100,
    json: Json = False,
    store: Store = None,
    accounts: Accounts = None,
) -> None:
    """Search sessions, newest first: by a text, by conditions, or all."""
    if text is not None and where is not None:
        raise SettingsError("search by a text or by --where, not by both")
    conditions = parsed(where) if where is not None else []
    async with opened({"store": store, "accounts": accounts}, users=False) as found:
        question = wanted(conditions, state)
        if text is not None:
            question = await searched(Asked(q=text, state=state), found.sessions, found.accounts)
        with progress("Searching") as tell:
            rows = await _first(found, question, conditions, limit, tell)
        users = await found.users({s.user_id for s in rows if s.user_id})
        if json:
            print_json([data(session, users, found) for session in rows])
        else:
            print_table(COLUMNS, [cells(session, users, found) for session in rows])
    if question.cut:
        print(
            "Not all: more users match than one search can be about. Say more of whom you mean.",
            file=sys.stderr,
        )


async def _first(
    found: Opened, question: Search, conditions: Sequence[Condition], limit: int, tell: Callable[[str], None]
) -> list[Session]:
    rows: list[Session] = []
    async for session in everyone(found, question, conditions, tell):
        rows.append(session)
        if len(rows) == limit:
            break
    return rows


async def everyone(
    found: Opened, question: Search, conditions: Sequence[Condition], tell: Callable[[str], None]
) -> AsyncIterator[Session]:
    """All that match, newest first, a page at a time; *tell* hears how many were found."""
    after, count = None, 0
    while True:
        page = await search(found.sessions, question, after=after, limit=_PAGE, within=_AT_ONCE)
        for session in page.sessions:
            if fits(session, conditions):
                count += 1
                yield session
        tell(f"{count} found, back to {page.sessions[-1].created_at:%Y-%m-%d}" if page.sessions else "")
        if page.next is None:
            return
        after = page.next
