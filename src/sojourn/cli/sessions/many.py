"""`sojourn sessions revoke --where`: sign out all that match, after they were counted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta

from msgspec.structs import replace as _replaced

from sojourn.accounts.find import Find
from sojourn.cli.opened import Opened
from sojourn.cli.output import ask, print_json, print_table, progress
from sojourn.cli.sessions.list import COLUMNS, cells, data
from sojourn.cli.sessions.search import everyone
from sojourn.cli.where import Condition, wanted
from sojourn.errors import SessionError
from sojourn.events import AdminActed
from sojourn.session import Reason, Session

__all__ = ["revoke"]

_SAMPLE = 10
_AT_ONCE = 32  # sessions that are written at the same time
_BY = "command line"


async def revoke(
    found: Opened,
    conditions: Sequence[Condition],
    where: str,
    *,
    dry_run: bool,
    spare: bool,
    note: str | None,
    yes: bool,
    json: bool,
) -> int:
    """Count, show the newest of them, ask, and end them. Who signs in meanwhile is not meant."""
    spared = await _administrators(found) if spare else set()
    now = found.sessions.clock()
    question = wanted(conditions)
    until = now + timedelta(milliseconds=1)
    question = _replaced(question, until=until if question.until is None else min(question.until, until))
    with progress("Counting") as tell:
        meant = [s async for s in everyone(found, question, conditions, tell) if s.user_id not in spared]
    if not json:
        await _show(found, meant)
    if dry_run or not meant:
        return await _told(found, meant, 0, json=json)
    if not yes and not ask(f"End {_sessions(len(meant))}?"):
        print("Nothing was ended.")
        return 1
    why = where if note is None else f"{where}: {note}"
    target = _only({session.user_id for session in meant})
    _account_for(found, "bulk-revoke", len(meant), note=why, target=target)
    with progress("Ending") as tell:
        ended = await _end(found, meant, note, tell)
    _account_for(found, "bulk-revoke-done", ended, note=where, target=target)
    return await _told(found, meant, ended, json=json, final=True)


async def _administrators(found: Opened) -> set[str]:
    users, _ = await found.accounts.find(Find(filter_field="role", filter_value="admin", limit=1000))
    return {user.id for user in users}


async def _end(found: Opened, meant: Sequence[Session], note: str | None, tell: Callable[[str], None]) -> int:
    """Each by itself: to be stopped in between does no harm, and who begins anew ends the rest."""

    async def one(session: Session) -> bool:
        try:
            await found.sessions.revoke(session.id, owner=session.user_id, reason=Reason.ADMIN, note=note)
        except SessionError:  # by its user, or by time, since it was counted
            return False
        return True

    ended = 0
    for first in range(0, len(meant), _AT_ONCE):
        ended += sum(await asyncio.gather(*map(one, meant[first : first + _AT_ONCE])))
        tell(f"{ended} of {len(meant)}")
    return ended


async def _show(found: Opened, meant: Sequence[Session]) -> None:
    if not meant:
        return
    sample = meant[:_SAMPLE]
    users = await found.users({s.user_id for s in sample if s.user_id})
    print_table(COLUMNS, [cells(session, users, found) for session in sample])
    if len(meant) > len(sample):
        print(f"… and {len(meant) - len(sample)} more.")


async def _told(
    found: Opened, meant: Sequence[Session], ended: int, *, json: bool, final: bool = False
) -> int:
    if json:
        sample = meant[:_SAMPLE]
        users = await found.users({s.user_id for s in sample if s.user_id})
        rows = [data(session, users, found) for session in sample]
        print_json({"matched": len(meant), "ended": ended, "dry_run": not final, "sample": rows})
    elif final:
        print(f"Ended {_sessions(ended)}.")
    else:
        print(f"{_sessions(len(meant)).capitalize()} would end.")
    return 0


def _only(users: set[str | None]) -> str | None:
    """Whom all of it is about, if that is one user."""
    return next(iter(users)) if len(users) == 1 else None


def _sessions(count: int) -> str:
    return f"{count} {'session' if count == 1 else 'sessions'}"


def _account_for(found: Opened, act: str, count: int, *, note: str, target: str | None) -> None:
    """Into the journal, if there is one."""
    found.sessions.emit(
        AdminActed(at=found.sessions.clock(), act=act, by=_BY, target=target, count=count, note=note)
    )
