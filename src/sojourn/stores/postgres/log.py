"""Following the log: the cursor is the snapshot of the last poll; a poll asks for what that one did not see.

A sequence would lose what commits late, and waiting for the oldest transaction would hide what has committed
behind any that stays open.
"""

from __future__ import annotations

import re
from typing import Self

from msgspec import Struct

from sojourn.session import Reason
from sojourn.stores.postgres.engine import Engine
from sojourn.stores.postgres.seam import Row
from sojourn.stores.postgres.sql import BEGIN_EPOCH, POLL
from sojourn.stores.protocol import Entries, Entry

__all__ = ["poll"]

_SNAPSHOT = r"\d+:\d+:[\d,]*"
_CURSOR = re.compile(rf"([0-9a-f-]+);({_SNAPSHOT})?;({_SNAPSHOT})?;(\d+);(\d+)")
_REASONS = {str(reason): reason for reason in Reason}


class _Cursor(Struct, frozen=True, kw_only=True):
    """Inside a sweep of several pages `target` bounds it, and `xid` and `number` say how far it has got."""

    epoch: str | None = None
    base: str | None = None  # what this snapshot saw has been read; None: nothing has
    target: str | None = None
    xid: str = "0"
    number: int = 0

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        match = _CURSOR.fullmatch(text or "")
        if match is None:
            return None
        epoch, base, target, xid, number = match.groups()
        return cls(epoch=epoch, base=base, target=target, xid=xid, number=int(number))

    def __str__(self) -> str:
        return f"{self.epoch};{self.base or ''};{self.target or ''};{self.xid};{self.number}"


async def poll(engine: Engine, after: str | None, limit: int) -> Entries:
    """One page of the log after the cursor *after*, or from the beginning if that one leads nowhere."""
    cursor = _Cursor.parse(after) or _Cursor()
    rows = await _rows(engine, cursor, limit)
    epoch, _, _, continues = rows[0][:4]
    if not continues or (after is not None and cursor.epoch != epoch):
        cursor, continues = _Cursor(), False
        rows = await _rows(engine, cursor, limit)
    return _entries(rows, cursor, limit, bool(continues))


async def _rows(engine: Engine, cursor: _Cursor, limit: int) -> list[Row]:
    values = (cursor.base, cursor.target, cursor.xid, cursor.number, limit)
    rows = list(await engine.poll(POLL, *values))
    while rows[0][0] is None:  # a new log, or one whose server has crashed or been replaced
        await engine.poll(BEGIN_EPOCH)
        rows = list(await engine.poll(POLL, *values))
    return rows


def _entries(rows: list[Row], cursor: _Cursor, limit: int, continues: bool) -> Entries:
    epoch, target, now, _ = rows[0][:4]
    lines = [row[4:] for row in rows if row[4] is not None]
    page, over = lines[:limit], len(lines) <= limit
    if over:
        following = _Cursor(epoch=epoch, base=target)
    else:
        xid, number = page[-1][:2]
        following = _Cursor(epoch=epoch, base=cursor.base, target=target, xid=xid, number=number)
    return Entries(
        entries=tuple(
            Entry(id, version, revoked_at, None if reason is None else _REASONS.get(reason, Reason.SYSTEM))
            for _, _, id, version, revoked_at, reason in page
        ),
        cursor=str(following),
        complete=over and cursor.target is None,  # else the end is that of the time when the sweep began
        continues=continues,
        epoch=epoch,
        now=now,
    )
