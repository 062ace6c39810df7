"""`sojourn alerts list`: what is unusual, and since when."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from sojourn.api.admin.alerts import alert_view
from sojourn.cli.journal.reading import ledger_in
from sojourn.cli.opened import opened
from sojourn.cli.options import Accounts, JournalAt, Json, Limit
from sojourn.cli.output import ago, print_json, print_table

__all__ = ["list_alerts"]

_COLUMNS = ("id", "severity", "what", "why", "user", "times", "last", "state")


async def list_alerts(
    *,
    state: Annotated[
        Literal["open", "acknowledged", "resolved", "all"], Parameter(help="Which ones.")
    ] = "open",
    limit: Limit = 100,
    json: Json = False,
    accounts: Accounts = None,
    journal: JournalAt = None,
) -> None:
    """List alerts, the latest opened first."""
    async with opened({"accounts": accounts, "journal": journal}, users=False) as found:
        alerts = await ledger_in(found).alerts(state, limit=limit)
        now = found.sessions.clock()
    if json:
        print_json([alert_view(alert) for alert in alerts])
        return
    rows = [
        (
            str(alert.id),
            alert.severity,
            alert.title,
            "; ".join(alert.factors),
            alert.user_id or "",
            str(alert.count),
            ago(alert.last_at, now),
            alert.state,
        )
        for alert in alerts
    ]
    print_table(_COLUMNS, rows)
