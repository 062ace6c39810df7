"""The alert: something unusual, from when it was noticed to when it is over."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct

from sojourn.session import new_id

__all__ = ["SEVERITIES", "Alert", "Raised", "Severity", "State", "opened"]

Severity = Literal["high", "medium", "low"]
State = Literal["open", "acknowledged", "resolved"]

SEVERITIES: tuple[Severity, ...] = ("high", "medium", "low")  # the worst first


class Raised(Struct, frozen=True, kw_only=True):
    """What a rule says. The same `rule` about the same `subject` is one alert for as long as that is open.

    `subject` names whom or what it is about without showing it: a user's id, the keyed hash of an address.
    `factors` explain it in words, and leave the server: no secret, no whole address.
    """

    rule: str
    severity: Severity
    subject: str
    title: str
    factors: tuple[str, ...]
    at: datetime
    user_id: str | None = None
    session_id: UUID | None = None
    count: int = 1
    adds: bool = True  # to the count of an open alert; if not, the count is of all that the rule looks at

    @property
    def key(self) -> str:
        return f"{self.rule}:{self.subject}"


class Alert(Struct, frozen=True, kw_only=True):
    """`count` grows and `last_at` moves while it is not resolved. One that was resolved never opens again."""

    id: UUID  # UUIDv7, so that ids are in the order of opening
    rule: str
    severity: Severity
    key: str
    title: str
    factors: tuple[str, ...]
    user_id: str | None = None
    session_id: UUID | None = None
    count: int = 1
    adds: bool = True
    opened_at: datetime
    last_at: datetime
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None  # a user id, or None: by the command line
    resolved_at: datetime | None = None
    resolved_by: str | None = None  # None, too: nothing more was heard of it

    @property
    def state(self) -> State:
        return "resolved" if self.resolved_at else "acknowledged" if self.acknowledged_at else "open"


def opened(raised: Raised) -> Alert:
    """The alert that *raised* opens, if there is none yet."""
    return Alert(
        id=new_id(raised.at, None),
        rule=raised.rule,
        severity=raised.severity,
        key=raised.key,
        title=raised.title,
        factors=raised.factors,
        user_id=raised.user_id,
        session_id=raised.session_id,
        count=raised.count,
        adds=raised.adds,
        opened_at=raised.at,
        last_at=raised.at,
    )
