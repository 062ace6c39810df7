"""`sojourn sessions revoke`: sign people out."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from cyclopts import Parameter

from sojourn.cli.opened import Opened, opened
from sojourn.cli.options import Accounts, Flag, Store, Yes
from sojourn.cli.output import ask
from sojourn.errors import SettingsError
from sojourn.session import Reason
from sojourn.sessions import ANYBODY
from sojourn.stores.protocol import Query

__all__ = ["revoke"]


async def revoke(
    id: Annotated[UUID | None, Parameter(help="The session, as `sojourn sessions list` shows it.")] = None,
    /,
    *,
    user: Annotated[str | None, Parameter(help="Whose it is: e-mail address or id.")] = None,
    all: Annotated[bool, Flag, Parameter(help="Every session of --user.")] = False,
    note: Annotated[str | None, Parameter(help="Why; for administrators only.")] = None,
    yes: Yes = False,
    store: Store = None,
    accounts: Accounts = None,
) -> int:
    """End one session, or with --all --user all of one user. The people see that an administrator did it."""
    if (id is None) != all or (all and user is None):
        raise SettingsError(
            "name one session by its id, or all of one user with --all --user ada@example.org"
        )
    async with opened({"store": store, "accounts": accounts}, users=False) as found:
        owner = ANYBODY if user is None else await found.user_id(user)
        if id is None:
            return await _everything(found, str(owner), user or "", note=note, yes=yes)
        await found.sessions.revoke(id, owner=owner, reason=Reason.ADMIN, note=note)
        print(f"Ended session {id}.")
    return 0


async def _everything(found: Opened, user_id: str, user: str, *, note: str | None, yes: bool) -> int:
    count = await found.sessions.count(Query(user_id=user_id, live_at=found.sessions.clock()))
    if count > 1 and not yes and not ask(f"End {count} sessions of {user}?"):
        print("Nothing was ended.")
        return 1
    ended = await found.sessions.revoke_all(user_id, reason=Reason.ADMIN, note=note)
    print(f"Ended {ended} {'session' if ended == 1 else 'sessions'} of {user}.")
    return 0
