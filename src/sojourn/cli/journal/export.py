"""`sojourn journal export`: lines of the journal as lines of JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from cyclopts import Parameter

from sojourn.cli.journal.reading import as_json, every, ledger_in
from sojourn.cli.opened import opened
from sojourn.cli.options import Accounts, Flag, JournalAt, KeysFile
from sojourn.observe.journal.line import Filter

__all__ = ["export"]


async def export(
    *,
    user: Annotated[str | None, Parameter(help="Of this user alone: e-mail address or id.")] = None,
    session: Annotated[UUID | None, Parameter(help="Of this session alone.")] = None,
    name: Annotated[
        tuple[str, ...], Parameter(negative="", help="Events of this name; can be repeated.")
    ] = (),
    since: Annotated[datetime | None, Parameter(help="From then on, in UTC.")] = None,
    until: Annotated[datetime | None, Parameter(help="Before then, in UTC.")] = None,
    after: Annotated[int | None, Parameter(help="After the line with this place.")] = None,
    anonymous: Annotated[bool, Flag, Parameter(help="Leave out what is personal.")] = False,
    accounts: Accounts = None,
    journal: JournalAt = None,
    keys_file: KeysFile = None,
) -> None:
    """Print the journal, the oldest line first, one JSON object a line.

    To go on later, give the `place` of the last one as --after.
    """
    arguments = {"accounts": accounts, "journal": journal, "keys_file": keys_file}
    async with opened(arguments, users=user is not None and "@" in user) as found:
        wanted = Filter(
            user_id=None if user is None else await found.user_id(user),
            session_id=session,
            names=name,
            since=since and _in_utc(since),
            until=until and _in_utc(until),
            after=after,
        )
        async for lines in every(ledger_in(found), wanted):
            print("\n".join(as_json(line, personal=not anonymous) for line in lines))


def _in_utc(at: datetime) -> datetime:
    """A time without a zone is meant in UTC."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
