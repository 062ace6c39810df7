"""How the journal is, at a glance: what an operator asks before reading all of it with `verify`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from sojourn.observe.journal.seals import Seal, last_seal
from sojourn.stores.sqlite.rows import time_of

if TYPE_CHECKING:
    from sojourn.observe.engine import Database

__all__ = ["Condition", "condition"]

_NEWEST = "select at from lines order by place desc limit 1"
_UNSEALED = "select count(*), min(at) from lines where place > ?"
_WRAPPED = "select key_id, count(*) from people group by key_id"


class Condition(Struct, frozen=True, kw_only=True):
    """`unsealed`: lines after the last seal, the oldest of `unsealed_since`. `wrapped`: how many people's
    keys lie under which server key."""

    seal: Seal | None
    newest_at: datetime | None
    unsealed: int
    unsealed_since: datetime | None
    wrapped: Mapping[int, int]


def condition(db: Database) -> Condition:
    """Of one database, in few reads."""
    seal = last_seal(db)
    newest = db.execute(_NEWEST).fetchall()
    ((unsealed, since),) = db.execute(_UNSEALED, (seal.place if seal else 0,)).fetchall()
    return Condition(
        seal=seal,
        newest_at=time_of(newest[0][0]) if newest else None,
        unsealed=unsealed,
        unsealed_since=None if since is None else time_of(since),
        wrapped=dict(db.execute(_WRAPPED).fetchall()),
    )
