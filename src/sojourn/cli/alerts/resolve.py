"""`sojourn alerts resolve`: say that an alert is over."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from cyclopts import Parameter

from sojourn.cli.alerts.settling import settled
from sojourn.cli.options import Accounts, JournalAt, Json

__all__ = ["resolve"]


async def resolve(
    id: Annotated[UUID, Parameter(help="The alert, as `sojourn alerts list` shows it.")],
    /,
    *,
    json: Json = False,
    accounts: Accounts = None,
    journal: JournalAt = None,
) -> None:
    """Resolve an alert: it is over. If it happens once more, that is another alert."""
    await settled("resolve", id, json=json, accounts=accounts, journal=journal)
