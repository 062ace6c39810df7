"""The seal: what the chains had come to at a place, signed, and chained to the seal before."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace as _replaced

from sojourn.observe.engine import Database
from sojourn.observe.journal.chain import START
from sojourn.stores.sqlite.rows import microseconds, time_of
from sojourn.token import Keys

__all__ = [
    "COLUMNS",
    "CUT",
    "PURPOSE",
    "SEAL",
    "Heads",
    "Seal",
    "from_row",
    "heads_since",
    "last_seal",
    "made",
    "newest_cut",
    "put",
    "right",
]

PURPOSE = "journal seals"
SEAL, CUT = "seal", "cut"

Heads = Mapping[str, tuple[int, str]]

COLUMNS = "id, at, place, kind, heads, oldest, before, key_id, mac"
_LAST = f"select {COLUMNS} from seals order by id desc limit 1"  # noqa: S608
_CUT = f"select {COLUMNS} from seals where kind = 'cut' order by id desc limit 1"  # noqa: S608
_PUT = f"insert into seals ({COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
_HEADS = """
    select c.writer, l.number, l.hash from (
        select chain, max(number) as number from lines where place > ? group by chain
    ) as last join lines l using (chain, number) join chains c using (chain) order by c.writer
"""


class Seal(Struct, frozen=True, kw_only=True):
    """`heads`: number and hash of the last line of each chain that went on since the seal before.

    Of a cut: of the last line that was forgotten of each chain that goes on after `place`. `oldest` is
    the first seal that is kept. `before` is the `link` of the seal before: so each vouches for all that
    those before it say, also where their keys are gone.
    """

    id: int
    at: datetime
    place: int
    kind: str
    heads: Heads
    oldest: int
    before: bytes
    key_id: int
    mac: bytes = b""

    @property
    def said(self) -> bytes:
        """What is signed."""
        return msgspec.json.encode(
            (
                *(self.id, microseconds(self.at), self.place, self.kind, sorted(self.heads.items())),
                *(self.oldest, self.before, self.key_id),
            )
        )

    @property
    def link(self) -> bytes:
        """What the next seal has as its `before`."""
        return hashlib.sha256(self.mac + self.said).digest()


def made(
    keys: Keys,
    *,
    kind: str,
    at: datetime,
    place: int,
    heads: Heads,
    last: Seal | None,
    oldest: int | None = None,
) -> Seal:
    """The seal that follows *last*."""
    seal = Seal(
        id=last.id + 1 if last else 1,
        at=at,
        place=place,
        kind=kind,
        heads=heads,
        oldest=oldest or (last.oldest if last else 1),
        before=last.link if last else START,
        key_id=keys.signing_id,
    )
    return _replaced(seal, mac=keys.mac(PURPOSE, seal.said))


def right(seal: Seal, keys: Keys) -> bool | None:
    """Whether a key of the ring made *seal*; None if its key is not in the ring."""
    if seal.key_id not in keys:
        return None
    from hmac import compare_digest

    return compare_digest(keys.mac(PURPOSE, seal.said, seal.key_id), seal.mac)


# ── rows ──────────────────────────────────────────────────────────────────────────────────────


def put(db: Database, seal: Seal) -> Seal:
    heads = msgspec.json.encode(seal.heads).decode()
    at = microseconds(seal.at)
    row = (seal.id, at, seal.place, seal.kind, heads, seal.oldest, seal.before, seal.key_id, seal.mac)
    db.execute(_PUT, row)
    return seal


def from_row(row: Sequence[Any]) -> Seal:
    id, at, place, kind, heads, oldest, before, key_id, mac = row
    return Seal(
        id=id,
        at=time_of(at),
        place=place,
        kind=kind,
        heads=msgspec.json.decode(heads, type=dict[str, tuple[int, str]]),
        oldest=oldest,
        before=before,
        key_id=key_id,
        mac=mac,
    )


def last_seal(db: Database) -> Seal | None:
    rows = db.execute(_LAST).fetchall()
    return from_row(rows[0]) if rows else None


def newest_cut(db: Database) -> Seal | None:
    rows = db.execute(_CUT).fetchall()
    return from_row(rows[0]) if rows else None


def heads_since(db: Database, place: int) -> dict[str, tuple[int, str]]:
    """Number and hash of the last line of each chain that has one after *place*."""
    return {writer: (number, hash.hex()) for writer, number, hash in db.execute(_HEADS, (place,))}
