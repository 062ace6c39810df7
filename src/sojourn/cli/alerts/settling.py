"""What `sojourn alerts ack` and `resolve` share: the alert by its id, the change, and the account of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Literal
from uuid import UUID

from sojourn.api.admin.alerts import alert_view
from sojourn.cli.journal.reading import ledger_in
from sojourn.cli.opened import opened
from sojourn.cli.output import print_json
from sojourn.errors import NothingHere
from sojourn.events import AdminActed
from sojourn.observe.alerts.alert import Alert

__all__ = ["settled"]

_OPERATOR = "command line"  # who it is, this machine knows

Verb = Literal["acknowledge", "resolve"]


async def settled(verb: Verb, id: UUID, *, json: bool, accounts: str | None, journal: str | None) -> None:
    """Do *verb* with the alert *id*, write down that it was done here, and say so."""
    async with opened({"accounts": accounts, "journal": journal}, users=False) as found:
        now, ledger = found.sessions.clock(), ledger_in(found)
        alert = await _change(getattr(ledger, verb), id, now)
        found.sessions.emit(AdminActed(at=now, act=f"alert-{verb}", by=_OPERATOR, target=id))
    if json:
        print_json(alert_view(alert))
    else:
        print(f"{_DONE[verb]}: {alert.title}.")


_DONE = {"acknowledge": "Acknowledged", "resolve": "Resolved"}


async def _change(verb: Callable[..., Awaitable[Alert | None]], id: UUID, now: datetime) -> Alert:
    alert = await verb(id, at=now, by=None)
    if alert is None:
        raise NothingHere(f"There is no alert {id}.")
    return alert
