"""The sessions of everybody: searched, page by page, and revoked one at a time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from msgspec import Struct

from sojourn import lifecycle
from sojourn.accounts import Accounts, User
from sojourn.api.admin.base import PAGING, Note, line
from sojourn.api.admin.where import MEANINGS, asked, searched
from sojourn.api.routes import Call
from sojourn.api.views import Ended, SessionRow, Time, instant, row
from sojourn.policy import Policy
from sojourn.searching import Search, count, search
from sojourn.session import Reason, Session
from sojourn.sessions import ANYBODY

__all__ = ["ROUTES", "AdminList", "AdminRow", "Person", "admin_row", "listed", "people"]


class Person(Struct, kw_only=True):
    """Whose a session is, as far as the accounts here know them."""

    id: str
    email: str
    name: str


class AdminRow(SessionRow, kw_only=True):
    """A session as administrators see it. One that is held has ended for everybody, and may come back."""

    user_id: str | None
    user: Person | None
    state: Literal["active", "held", "ended"]
    ended_at: Time | None
    undo_until: Time | None
    reason: Reason | None
    ended_by: str | None  # a user id
    note: str | None
    impersonator_id: str | None


class AdminList(Struct, kw_only=True):
    """One page, newest first. `next` is the `after` of the next page, null on the last.

    Not `complete`: the search was long, and the next page goes on with it; without a next one, more users
    match `q` than one search can be about. `count` is null but on the first page; `count_is` says what it
    is worth.
    """

    sessions: list[AdminRow]
    count: int | None
    count_is: Literal["exact", "at_least", "about"]
    next: str | None
    complete: bool
    server_now: Time


async def list_sessions(call: Call) -> AdminList:
    """Search the sessions of everybody, newest first."""
    wanted = await searched(asked(call.query), call.visit.site.sessions, call.accounts)
    return await listed(call, wanted)


async def revoke_session(call: Call) -> Ended:
    """End one session, whoever's it is."""
    await call.visit.site.sessions.revoke(
        call.id(), owner=ANYBODY, reason=Reason.ADMIN, by=call.me, note=call.body.note
    )
    return Ended(id=call.id())


async def listed(call: Call, wanted: Search) -> AdminList:
    """The page of *wanted* that the call asks for."""
    sessions, after = call.visit.site.sessions, call.after()
    found = await search(sessions, wanted, after=after, limit=call.limit())
    counted = await count(sessions, wanted) if after is None else None
    known = await people(call.accounts, found.sessions)
    return AdminList(
        sessions=[admin_row(call, session, known) for session in found.sessions],
        count=None if counted is None else counted.count,
        count_is="at_least" if counted is None else counted.how,
        next=None if found.next is None else str(found.next),
        complete=found.complete,
        server_now=instant(sessions.clock()),
    )


async def people(accounts: Accounts, sessions: Iterable[Session]) -> dict[str, User]:
    """The accounts of those whose *sessions* these are; applications may have users of their own."""
    ids = {session.user_id for session in sessions if session.user_id is not None}
    users = [await accounts.get(id) for id in sorted(ids)]
    return {user.id: user for user in users if user is not None}


def admin_row(call: Call, session: Session, known: dict[str, User]) -> AdminRow:
    """*session* as a row; *known*: accounts by id."""
    sessions = call.visit.site.sessions
    shown, user = row(session, sessions.policy, call.mine.id), known.get(session.user_id or "")
    return AdminRow(
        **{name: getattr(shown, name) for name in SessionRow.__struct_fields__},
        user_id=session.user_id,
        user=None if user is None else Person(id=user.id, email=user.email, name=user.name),
        impersonator_id=session.impersonator_id,
        note=session.note,
        **_ending(session, sessions.policy, call),
    )


def _ending(session: Session, policy: Policy, call: Call) -> dict[str, Any]:
    now = call.visit.site.sessions.clock()
    if lifecycle.ended(session, policy, now) is None:
        return dict.fromkeys(("ended_at", "undo_until", "reason", "ended_by")) | {"state": "active"}
    held = session.held is not None and session.revoked_at is None and now < session.held.until
    ending = lifecycle.ending(session, policy)
    return {
        "state": "held" if held else "ended",
        "ended_at": None if held else instant(ending.at),
        "undo_until": instant(session.held.until) if held and session.held else None,
        "reason": ending.reason,
        "ended_by": ending.by,
    }


ROUTES = (
    line(
        "GET",
        "/sessions",
        list_sessions,
        returns=AdminList,
        query=PAGING | MEANINGS,
        refusals=("not_found", "body_rejected"),
    ),
    line(
        "DELETE",
        "/sessions/{id}",
        revoke_session,
        "fresh admin",
        body=Note,
        optional_body=True,
        returns=Ended,
        refusals=("not_found",),
    ),
)
