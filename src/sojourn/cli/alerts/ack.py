"""`sojourn alerts ack`: say that you look after an alert."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from cyclopts import Parameter

from sojourn.cli.alerts.settling import settled
from sojourn.cli.options import Accounts, JournalAt, Json

__all__ = ["acknowledge"]


async def acknowledge(
    id: Annotated[UUID, Parameter(help="The alert, as `sojourn alerts list` shows it.")],
    /,
    *,
    json: Json = False,
    accounts: Accounts = None,
    journal: JournalAt = None,
) -> None:
    """Acknowledge an alert: somebody looks after it."""
    await settled("acknowledge", id, json=json, accounts=accounts, journal=journal)
