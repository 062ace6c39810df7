"""What the routes of administrators share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct

from sojourn.api.routes import Act, Call, Guard, Route
from sojourn.errors import AccountNotFound, BodyRejected, JournalOff
from sojourn.events import AdminActed
from sojourn.session import Session

if TYPE_CHECKING:
    from sojourn.observe.ledger import Ledger

__all__ = ["BASE", "PAGING", "Note", "account_for", "known", "ledger", "line", "moment"]

BASE = "/api/admin"

_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2970, 1, 1, tzinfo=UTC)

PAGING = {
    "after": "where the page begins: `next` of the one before",
    "limit": "at most this many, up to 100",
}


class Note(Struct, kw_only=True):
    """Why, for administrators only."""

    note: Annotated[str, Meta(max_length=255)] | None = None


def line(method: str, path: str, act: Act, guard: Guard = "admin", **facts: Any) -> Route:
    """A route under /api/admin."""
    return Route(method=method, path=BASE + path, act=act, guard=guard, tag="administration", **facts)


async def known(call: Call) -> str:
    """The id of the user whom the path names."""
    user = await call.accounts.get(call.params["id"])
    if user is None:
        raise AccountNotFound
    return user.id


def ledger(call: Call) -> Ledger:
    """Where journal, counts and jobs are; refused where no journal is kept."""
    if call.ledger is None:
        raise JournalOff
    return call.ledger


def account_for(
    call: Call,
    act: str,
    *,
    target: str | UUID | None = None,
    count: int | None = None,
    note: str | None = None,
    by: Session | None = None,
) -> None:
    """Write down what an administrator did, in the session *by*; None: in the one that asks.

    *target*: the id of a user; or, as a `UUID`, of what else it was done to: see `AdminActed`.
    """
    sessions, by = call.visit.site.sessions, by or call.mine
    sessions.emit(
        AdminActed(
            at=sessions.clock(),
            session_id=by.id,
            user_id=by.user_id,
            ip=call.visit.peer.ip,
            act=act,
            by=by.user_id or "",
            target=target,
            count=count,
            note=note,
        )
    )


def moment(name: str, text: str) -> datetime:
    """What the field *name* says: a date or an instant; one without an offset is in UTC."""
    try:
        at = datetime.fromisoformat(text)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        if not _FIRST <= at < _LAST:
            raise ValueError
        return at
    except (ValueError, OverflowError):
        raise BodyRejected(
            f"{name} must be a date or an instant, such as 2026-01-31T12:00:00Z.", status=422, field=name
        ) from None
