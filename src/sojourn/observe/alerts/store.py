"""Alerts in the ledger: cursors and what was raised move together, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from sojourn.observe.alerts.alert import Alert, State
from sojourn.observe.engine import Database, Engine
from sojourn.stores.sqlite.rows import microseconds, time_of

__all__ = ["AlertVerbs", "Cursor"]

Cursor = Literal["lines", "counts"]

_FIELDS = tuple(name for name in Alert.__struct_fields__ if name != "adds")
_TIMES = ("opened_at", "last_at", "acknowledged_at", "resolved_at")

_NAMES = ", ".join(_FIELDS)
_PLACE = "select place from alert_cursors where name = :name"
_MOVE = "update alert_cursors set place = :to where name = :name and place = :was"
_GROW = """
    update alerts set
        count = case when :adds then count + :count when count < :count then :count else count end,
        last_at = case when last_at < :last_at then :last_at else last_at end,
        title = :title, factors = :factors, severity = :severity,
        session_id = :session_id
    where key = :key and resolved_at is null
"""
_OPEN = f"insert into alerts ({_NAMES}) values ({', '.join(f':{name}' for name in _FIELDS)})"  # noqa: S608
_IS: dict[State | Literal["all"], str] = {
    "open": "resolved_at is null and acknowledged_at is null",
    "acknowledged": "resolved_at is null and acknowledged_at is not null",
    "resolved": "resolved_at is not null",
    "all": "true",
}
_PAGE = {
    state: f"select {_NAMES} from alerts where {which} and (id < :after or :after is null) "  # noqa: S608
    "order by id desc limit :limit"
    for state, which in _IS.items()
}
_COUNT = f"select count(*) from alerts where {_IS['open']}"  # noqa: S608
_ONE = f"select {_NAMES} from alerts where id = :id"  # noqa: S608
_ACKNOWLEDGE = f"""
    update alerts set acknowledged_at = :at, acknowledged_by = :by where id = :id and {_IS["open"]}
"""  # noqa: S608
_RESOLVE = "update alerts set resolved_at = :at, resolved_by = :by where id = :id and resolved_at is null"
_SETTLE = "update alerts set resolved_at = :at where resolved_at is null and last_at < :before"
_UNTOLD = f"select {_NAMES} from alerts where told_at is null order by id limit :limit"  # noqa: S608
_TOLD = "update alerts set told_at = :at where id = :id and told_at is null"
_FORGET = """
    delete from alerts where id in (
        select id from alerts where resolved_at < :before and told_at is not null limit :limit
    )
"""
_ERASE = "delete from alerts where user_id = :user_id"
_UNNAME = """
    update alerts set
        acknowledged_by = nullif(acknowledged_by, :user_id), resolved_by = nullif(resolved_by, :user_id)
    where acknowledged_by = :user_id or resolved_by = :user_id
"""


class AlertVerbs:
    """The verbs of alerts. Whoever has an `engine` of the ledger's schema has them."""

    engine: Engine

    async def alert_cursor(self, name: Cursor = "lines") -> int:
        """Up to where somebody has looked."""
        rows = await self.engine.read(lambda db: db.execute(_PLACE, {"name": name}).fetchall())
        return int(rows[0][0])

    async def advance(
        self, cursor_was: int, cursor_to: int, raised: Sequence[Alert], *, name: Cursor = "lines"
    ) -> list[Alert] | None:
        """Move the cursor and open, or add to, the alerts *raised*, all or nothing; which are new.

        None if the cursor is elsewhere: somebody has looked at the same, and raised it.
        """
        moves = {"name": name, "was": cursor_was, "to": cursor_to}
        rows = [_row(alert) | {"adds": alert.adds} for alert in raised]

        def work(db: Database) -> list[Alert] | None:
            if db.execute(_MOVE, moves).rowcount != 1:
                return None
            return [alert for alert, row in zip(raised, rows, strict=True) if _opens(db, row)]

        # Lost to a power cut, it is looked at once more; but not the alerts without the cursor.
        return await self.engine.write(work, durable=bool(raised))

    async def alerts(
        self, state: State | Literal["all"] = "all", after: UUID | None = None, limit: int = 100
    ) -> list[Alert]:
        """The latest opened first; the id of the last one is the *after* of the next page."""
        values = {"after": after and after.bytes, "limit": limit}
        rows = await self.engine.scan(lambda db: db.execute(_PAGE[state], values).fetchall())
        return [_alert(row) for row in rows]

    async def alert(self, id: UUID) -> Alert | None:
        rows = await self.engine.read(lambda db: db.execute(_ONE, {"id": id.bytes}).fetchall())
        return _alert(rows[0]) if rows else None

    async def count_alerts(self) -> int:
        """How many are open."""
        return await self.engine.scan(lambda db: int(db.execute(_COUNT).fetchone()[0]))

    async def acknowledge(self, id: UUID, *, at: datetime, by: str | None) -> Alert | None:
        """Note that somebody looks after it; the first one stays. None if there is none."""
        await self._change(_ACKNOWLEDGE, {"id": id.bytes, "at": microseconds(at), "by": by})
        return await self.alert(id)

    async def resolve(self, id: UUID, *, at: datetime, by: str | None) -> Alert | None:
        """Note that it is over; the same once more is another alert. None if there is none."""
        await self._change(_RESOLVE, {"id": id.bytes, "at": microseconds(at), "by": by})
        return await self.alert(id)

    async def settle_alerts(self, *, before: datetime, at: datetime) -> int:
        """Resolve those of which nothing was heard since *before*; how many."""
        return await self._change(_SETTLE, {"before": microseconds(before), "at": microseconds(at)})

    async def untold_alerts(self, limit: int = 100) -> list[Alert]:
        """Those whose messages may not be in the outbox yet, the oldest first."""
        rows = await self.engine.read(lambda db: db.execute(_UNTOLD, {"limit": limit}).fetchall())
        return [_alert(row) for row in rows]

    async def told_alerts(self, ids: Sequence[UUID], *, at: datetime) -> None:
        """Note that the messages about them are in the outbox."""
        values = [{"id": id.bytes, "at": microseconds(at)} for id in ids]
        # Lost to a power cut, the same messages are written once more: they have the same ids.
        await self.engine.write(lambda db: db.executemany(_TOLD, values).rowcount, durable=False)

    async def forget_alerts(self, *, before: datetime, limit: int = 1000) -> int:
        """Forget up to *limit* that were resolved before *before*; how many."""
        return await self._change(_FORGET, {"before": microseconds(before), "limit": limit})

    async def erase_alerts(self, user_id: str) -> int:
        """Forget all about one user, and which alerts they looked after; how many were about them."""
        values = {"user_id": user_id}

        def work(db: Database) -> int:
            db.execute(_UNNAME, values)
            return db.execute(_ERASE, values).rowcount

        return await self.engine.write(work)

    async def _change(self, statement: str, values: dict[str, Any]) -> int:
        return await self.engine.write(lambda db: db.execute(statement, values).rowcount)


def _opens(db: Database, row: dict[str, Any]) -> bool:
    """Add *row* to the alert of the same key that is not resolved, or open it; whether it was opened."""
    if db.execute(_GROW, row).rowcount:
        return False
    db.execute(_OPEN, row)
    return True


def _row(alert: Alert) -> dict[str, Any]:
    row: dict[str, Any] = {name: getattr(alert, name) for name in _FIELDS}
    row |= {name: row[name] and microseconds(row[name]) for name in _TIMES}
    row["id"] = alert.id.bytes
    row["session_id"] = alert.session_id and alert.session_id.bytes
    row["factors"] = msgspec.json.encode(alert.factors).decode()
    return row


def _alert(row: Sequence[Any]) -> Alert:
    fields = dict(zip(_FIELDS, row, strict=True))
    for name in _TIMES:
        if fields[name] is not None:
            fields[name] = time_of(fields[name])
    fields["id"] = UUID(bytes=fields["id"])
    fields["session_id"] = fields["session_id"] and UUID(bytes=fields["session_id"])
    fields["factors"] = tuple(msgspec.json.decode(fields["factors"]))
    return Alert(**fields)
