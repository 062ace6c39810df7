"""What is kept about one user: a copy of it, and the way to be rid of it."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from sojourn.api.admin.base import account_for, line
from sojourn.api.routes import Call
from sojourn.errors import AccountNotFound, Forbidden

__all__ = ["ROUTES", "Erased", "Exported", "erase_user", "export_user"]


class Exported(Struct, kw_only=True):
    """All that is kept about a user, but for secrets."""

    user_id: str
    exported_at: str
    user: dict[str, Any] | None
    accounts: list[dict[str, Any]]
    sessions: list[dict[str, Any]]
    authorization_codes: list[dict[str, Any]]
    journal: list[dict[str, Any]]
    administration: list[dict[str, Any]]
    alerts: list[dict[str, Any]]


class Erased(Struct, kw_only=True):
    """What is gone; `lines`: of the journal, whose contents are."""

    account: bool
    sessions: int
    messages: int
    lines: int


async def export_user(call: Call) -> Exported:
    """All that is kept about one user, for them to take along. That it was asked for is written down."""
    from sojourn.privacy.export import export

    sessions, user_id = call.visit.site.sessions, call.params["id"]
    kept = await export(
        user_id,
        sessions=sessions,
        accounts=call.accounts,
        directory=call.directory,
        ledger=call.ledger,
    )
    if not any(kept[name] for name in ("user", "accounts", "sessions", "journal", "alerts")):
        raise AccountNotFound
    account_for(call, "export", target=user_id)
    return Exported(**kept)


async def erase_user(call: Call) -> Erased:
    """End all sessions of a user, and forget them for good."""
    from sojourn.privacy.erase import erase

    user_id = call.params["id"]
    if user_id == call.me:
        raise Forbidden("Nobody can erase themselves here. Ask another administrator.")
    gone = await erase(
        user_id,
        sessions=call.visit.site.sessions,
        accounts=call.accounts,
        directory=call.directory,
        ledger=call.ledger,
        by=call.me,
        flush=call.ledger.written if call.ledger else None,
    )
    if not gone.anything:
        raise AccountNotFound
    return Erased(account=gone.account, sessions=gone.sessions, messages=gone.messages, lines=gone.lines)


ROUTES = (
    line("GET", "/users/{id}/export", export_user, "fresh admin", returns=Exported, refusals=("not_found",)),
    line(
        "POST",
        "/users/{id}/erase",
        erase_user,
        "fresh admin",
        returns=Erased,
        refusals=("not_found", "forbidden"),
    ),
)
