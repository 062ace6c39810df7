"""What people do to one device in their list: take a sign-out back, say "not me", give it a name."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from sojourn.api.current import BASE
from sojourn.api.routes import Call, Route
from sojourn.api.views import SessionRow, row
from sojourn.errors import BodyRejected

__all__ = ["ROUTES", "Report", "report"]


class Report(Struct, kw_only=True, forbid_unknown_fields=True):
    """With `others` every session but the one that asks ends, which takes a fresh sign-in."""

    others: bool = False


class Reported(Struct, kw_only=True):
    """How many sessions ended."""

    id: UUID
    count: int


class Rename(Struct, kw_only=True, forbid_unknown_fields=True):
    """`name`: at most 60 characters are kept; null, or nothing that can be seen, takes it back."""

    name: Annotated[str, Meta(max_length=1_000)] | None


async def undo(call: Call) -> SessionRow:
    """Bring back a session that you signed out with `undo=true`, from this one and a moment ago."""
    sessions = call.visit.site.sessions
    back = await sessions.undo(call.id(), by=call.mine)
    return row(back, sessions.policy, call.mine.id)


async def report(call: Call) -> Reported:
    """Sign out a session that you do not know ("not me"), with all others of that device, for good."""
    id, body = call.id(), call.body
    if id == call.in_person.id:
        raise BodyRejected("This is the session you are using now. Sign out instead.", status=422)
    if body.others:
        await call.visit.require_fresh()
    count = await call.visit.site.sessions.report(id, by=call.mine, others=body.others)
    return Reported(id=id, count=count)


async def rename(call: Call) -> SessionRow:
    """Give a device a name of your own, in all your sessions on it; or take it back."""
    sessions, body = call.visit.site.sessions, call.body
    renamed = await sessions.rename(call.id(), by=call.in_person, name=body.name)
    if token := call.visit.presented.session:
        sessions.snapshots.drop(token)  # it may show the name that this device had
    return row(renamed, sessions.policy, call.mine.id)


ROUTES = (
    Route(
        method="POST",
        path=f"{BASE}/sessions/{{id}}/undo",
        guard="session",
        act=undo,
        returns=SessionRow,
        refusals=("not_found", "undo_expired", "session_changed"),
    ),
    Route(
        method="POST",
        path=f"{BASE}/sessions/{{id}}/report",
        guard="session",
        act=report,
        body=Report,
        optional_body=True,
        returns=Reported,
        refusals=("not_found", "forbidden", "reauth_required"),
    ),
    Route(
        method="PATCH",
        path=f"{BASE}/sessions/{{id}}",
        guard="fresh",
        act=rename,
        body=Rename,
        returns=SessionRow,
        refusals=("not_found", "forbidden", "session_changed"),
    ),
)
