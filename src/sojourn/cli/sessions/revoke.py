"""`sojourn sessions revoke`: sign people out."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from cyclopts import Parameter
from msgspec.structs import replace as _replaced

from sojourn.cli.opened import Opened, opened
from sojourn.cli.options import Accounts, Flag, Json, Store, Yes
from sojourn.cli.output import ask
from sojourn.cli.sessions import many
from sojourn.cli.sessions.search import Where
from sojourn.cli.where import parsed
from sojourn.directory.endings import revoke_where
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
    all: Annotated[bool, Flag, Parameter(help="Every session of --user, --application or --tenant.")] = False,
    application: Annotated[str | None, Parameter(help="With --all: of this application alone.")] = None,
    tenant: Annotated[str | None, Parameter(help="With --all: of this tenant alone, by slug or id.")] = None,
    where: Where = None,
    dry_run: Annotated[
        bool, Flag, Parameter(help="With --where: say how many that is, and end nobody.")
    ] = False,
    except_administrators: Annotated[
        bool, Flag, Parameter(help="With --where: spare administrators.")
    ] = False,
    note: Annotated[str | None, Parameter(help="Why; for administrators only.")] = None,
    yes: Yes = False,
    json: Json = False,
    store: Store = None,
    accounts: Accounts = None,
) -> int:
    """End one session, with --all those of a user, an application, a tenant, with --where those that match.

    The people see that an administrator did it.
    """
    scoped = user or application or tenant
    if where is not None:
        if id is not None or all or scoped:
            raise SettingsError(
                "--where says which sessions are meant; leave out the id, --all and whose they are"
            )
        conditions = parsed(where)
        async with opened({"store": store, "accounts": accounts}, users=False) as found:
            return await many.revoke(
                found,
                conditions,
                where,
                dry_run=dry_run,
                spare=except_administrators,
                note=note,
                yes=yes,
                json=json,
            )
    if dry_run or except_administrators or json:
        raise SettingsError("--dry-run, --except-administrators and --json go with --where")
    if (id is None) != all or (all and not scoped) or (id is not None and (application or tenant)):
        raise SettingsError(
            "name one session by its id, or all of somebody with --all and --user, --application or --tenant"
        )
    async with opened({"store": store, "accounts": accounts}, users=False) as found:
        owner = ANYBODY if user is None else await found.user_id(user)
        if id is None:
            query = Query(
                user_id=None if user is None else str(owner),
                application_id=application,
                tenant_id=None if tenant is None else await found.tenant_id(tenant),
            )
            named = ", ".join(filter(None, (user, application, tenant)))
            return await _everything(found, query, named, note=note, yes=yes)
        await found.sessions.revoke(id, owner=owner, reason=Reason.ADMIN, note=note)
        print(f"Ended session {id}.")
    return 0


async def _everything(found: Opened, query: Query, named: str, *, note: str | None, yes: bool) -> int:
    count = await found.sessions.count(_replaced(query, live_at=found.sessions.clock()))
    if count > 1 and not yes and not ask(f"End {count} sessions of {named}?"):
        print("Nothing was ended.")
        return 1
    ended = await revoke_where(found.sessions, query, reason=Reason.ADMIN, note=note)
    print(f"Ended {ended} {'session' if ended == 1 else 'sessions'} of {named}.")
    return 0
