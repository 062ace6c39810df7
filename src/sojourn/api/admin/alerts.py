"""Alerts for administrators: what is unusual, that somebody looks after it, that it is over."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast
from uuid import UUID

from msgspec import Struct

from sojourn.api.admin.base import PAGING, account_for, ledger, line
from sojourn.api.routes import Call
from sojourn.api.views import Time, instant
from sojourn.errors import BodyRejected, NothingHere
from sojourn.observe.alerts.alert import Alert, Severity, State

__all__ = ["ROUTES", "AlertList", "AlertView", "alert_view"]

_STATES = ("open", "acknowledged", "resolved", "all")


class AlertView(Struct, kw_only=True):
    """`factors`: why, in sentences. `count`: how often it was noticed, or how many it is about."""

    id: UUID
    rule: str
    severity: Severity
    title: str
    factors: tuple[str, ...]
    user_id: str | None
    session_id: UUID | None
    count: int
    opened_at: Time
    last_at: Time
    state: State
    acknowledged_at: Time | None
    acknowledged_by: str | None
    resolved_at: Time | None
    resolved_by: str | None


class AlertList(Struct, kw_only=True):
    """One page, the latest opened first. `open`: how many there are. `next`: the `after` of the next page."""

    alerts: list[AlertView]
    open: int
    next: str | None
    server_now: Time


async def list_alerts(call: Call) -> AlertList:
    """Alerts: open ones, unless another state is asked for."""
    book, limit = ledger(call), call.limit()
    state = call.query.get("state", "open")
    if state not in _STATES:
        raise BodyRejected(f"state is one of {', '.join(_STATES)}.", status=422, field="state")
    found = await book.alerts(cast(Any, state), call.after(), limit)
    return AlertList(
        alerts=[alert_view(alert) for alert in found],
        open=await book.count_alerts(),
        next=str(found[-1].id) if len(found) == limit else None,
        server_now=instant(call.visit.site.sessions.clock()),
    )


async def acknowledge_alert(call: Call) -> AlertView:
    """Say that you look after an alert."""
    now = call.visit.site.sessions.clock()
    return _done(call, await ledger(call).acknowledge(call.id(), at=now, by=call.me), "alert-acknowledge")


async def resolve_alert(call: Call) -> AlertView:
    """Say that an alert is over. If it happens once more, that is another one."""
    now = call.visit.site.sessions.clock()
    return _done(call, await ledger(call).resolve(call.id(), at=now, by=call.me), "alert-resolve")


def _done(call: Call, alert: Alert | None, act: str) -> AlertView:
    if alert is None:
        raise NothingHere("There is no such alert.")
    account_for(call, act, target=alert.id)
    return alert_view(alert)


def alert_view(alert: Alert) -> AlertView:
    return AlertView(
        id=alert.id,
        rule=alert.rule,
        severity=alert.severity,
        title=alert.title,
        factors=alert.factors,
        user_id=alert.user_id,
        session_id=alert.session_id,
        count=alert.count,
        opened_at=instant(alert.opened_at),
        last_at=instant(alert.last_at),
        state=alert.state,
        acknowledged_at=_when(alert.acknowledged_at),
        acknowledged_by=alert.acknowledged_by,
        resolved_at=_when(alert.resolved_at),
        resolved_by=alert.resolved_by,
    )


def _when(at: datetime | None) -> str | None:
    return None if at is None else instant(at)


_OF_ONE: dict[str, Any] = {"returns": AlertView, "refusals": ("journal_off", "not_found")}

ROUTES = (
    line(
        "GET",
        "/alerts",
        list_alerts,
        returns=AlertList,
        query=PAGING | {"state": "open (the default), acknowledged, resolved or all"},
        refusals=("journal_off", "body_rejected"),
    ),
    line("POST", "/alerts/{id}/acknowledge", acknowledge_alert, **_OF_ONE),
    line("POST", "/alerts/{id}/resolve", resolve_alert, **_OF_ONE),
)
