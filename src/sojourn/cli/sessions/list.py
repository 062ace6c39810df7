"""`sojourn sessions list`: who is signed in."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from sojourn.accounts import User
from sojourn.api.views import row
from sojourn.cli.opened import Opened, opened
from sojourn.cli.options import Accounts, Json, Limit, Store
from sojourn.cli.output import ago, print_json, print_table
from sojourn.lifecycle import idle_end
from sojourn.session import Session
from sojourn.stores.protocol import Query

__all__ = ["COLUMNS", "cells", "data", "list_sessions"]

COLUMNS = ("id", "user", "device", "place", "address", "signed in", "active", "ends")


async def list_sessions(
    *,
    user: Annotated[str | None, Parameter(help="Of one user: e-mail address or id.")] = None,
    application: Annotated[str | None, Parameter(help="Of one application, by its id.")] = None,
    tenant: Annotated[str | None, Parameter(help="Of one tenant, by slug or id.")] = None,
    limit: Limit = 100,
    json: Json = False,
    store: Store = None,
    accounts: Accounts = None,
) -> None:
    """List the live sessions: of one user, most recently active first, or of everybody, newest first."""
    async with opened({"store": store, "accounts": accounts}, users=False) as found:
        tenant_id = None if tenant is None else await found.tenant_id(tenant)
        sessions = await _live(found, user, limit, application_id=application, tenant_id=tenant_id)
        users = await found.users({s.user_id for s in sessions if s.user_id})
        if json:
            print_json([data(session, users, found) for session in sessions])
        else:
            print_table(COLUMNS, [cells(session, users, found) for session in sessions])


async def _live(found: Opened, user: str | None, limit: int, **scope: str | None) -> list[Session]:
    if user is not None:
        return await found.sessions.list(await found.user_id(user), limit=limit, **scope)
    live = Query(live_at=found.sessions.clock(), signed_in=True, limit=limit, **scope)  # type: ignore[arg-type]
    return await found.sessions.select(live)


def data(session: Session, users: dict[str, User], found: Opened) -> dict[str, Any]:
    """As the API for administrators shows it, with the e-mail address."""
    known = users.get(session.user_id or "")
    shown: dict[str, Any] = msgspec.to_builtins(row(session, found.sessions.policy, None))
    del shown["current"]
    return shown | {"user_id": session.user_id, "email": known and known.email}


def cells(session: Session, users: dict[str, User], found: Opened) -> tuple[str, ...]:
    """The same as a row of a table."""
    now, place = found.sessions.clock(), session.place
    known = users.get(session.user_id or "")
    return (
        str(session.id),
        known.email if known else session.user_id or "visitor",
        session.device.name,
        ", ".join(filter(None, (place.city, place.country))) if place else "",
        session.ip or "",
        ago(session.created_at, now),
        ago(session.seen_at, now),
        ago(idle_end(session, found.sessions.policy), now),
    )
