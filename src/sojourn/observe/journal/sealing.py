"""The verbs that vouch for the journal: seal what the chains have come to, verify it, forget what is old."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sojourn.observe.engine import Database, Engine
from sojourn.observe.journal.people import People
from sojourn.observe.journal.seals import CUT, SEAL, Seal, heads_since, last_seal, made, newest_cut, put
from sojourn.observe.journal.verifying import Report, verified
from sojourn.stores.sqlite.rows import microseconds
from sojourn.token import Keys

__all__ = ["Sealing"]

_BATCH = 2_000  # lines that are deleted in one transaction

_LAST_PLACES = """
    select (select coalesce(max(place), 0) from lines), (select coalesce(max(place), 0) from seals)
"""
# No clock that was behind when one was made makes lines old that come after younger ones. That a seal is
# of the future says that the clock was ahead then: it keeps nothing.
_SEALED_BEFORE = """
    select max(place), max(id) from seals where kind = 'seal' and at <= :before and id < coalesce((
        select id from seals where kind = 'seal' and at > :before and at <= :now order by id limit 1
    ), 9223372036854775807)
"""
_BEGINNINGS = """
    select c.writer, l.number, l.hash, c.number > l.number from (
        select chain, max(number) as number from lines where place <= :place group by chain
    ) as last join lines l using (chain, number) join chains c using (chain)
"""
_GOES_ON = "select 1 from chains where writer = ? and number > ?"
_SEAL = "select (select mac from seals where id = ?), oldest from seals order by id desc limit 1"
_DELETE = "delete from lines where place in (select place from lines where place <= ? order by place limit ?)"
_DELETE_SPANS = "delete from spans where last <= ?"
_DELETE_SEALS = "delete from seals where id < ?"
_DELETE_CHAINS = """
    delete from chains where not exists (select 1 from lines where lines.chain = chains.chain)
"""


class Sealing:
    """One process at a time seals; a second one that does does no harm."""

    engine: Engine
    people: People

    async def seal(self, now: datetime) -> Seal | None:
        """Sign what the chains have come to since the last seal; the disk has it when this returns.

        None if nothing has happened since. After a change of keys there is a seal in any case: it
        vouches for those before it, whose key may then go.
        """
        keys = self._keys()
        return await self.engine.write(lambda db: _seal(db, keys, now))

    async def verify(self, tell: Callable[[int], None] = lambda lines: None) -> Report:
        """Read the whole journal, and say where it is not what was written. *tell*: how far it has come."""
        return await self.engine.scan(lambda db: verified(db, self.people, tell))

    async def last_seal(self) -> Seal | None:
        """The newest one as it is there, whoever made it: `verify` says whether it is right."""
        return await self.engine.read(last_seal)

    async def has_seal(self, id: int, mac: bytes) -> bool:
        """Whether that seal, which somebody noted elsewhere, is in the journal, or forgotten since."""
        rows = await self.engine.read(lambda db: db.execute(_SEAL, (id,)).fetchall())
        return bool(rows) and (rows[0][0] == mac or 0 < id < rows[0][1])

    async def forget(self, before: datetime, *, now: datetime, most: int = 1 << 62) -> int:
        """Delete the lines up to the last seal that was made before then, about *most*; how many.

        First it is written down, and signed, where each chain begins from now on: so `verify` still
        passes, and finds what else is missing.
        """
        keys = self._keys()
        place = await self.engine.write(lambda db: _cut(db, keys, before, now))
        gone = 0
        while place and gone < most:
            count = await self.engine.write(lambda db: _delete(db, place), durable=False)
            gone += count
            if count < _BATCH:
                break
        return gone

    def _keys(self) -> Keys:
        if self.people.keys is None:
            raise RuntimeError("without keys nothing is sealed; give open_ledger the ring of server keys")
        return self.people.keys


def _seal(db: Database, keys: Keys, now: datetime) -> Seal | None:
    last = last_seal(db)
    ((place, after),) = db.execute(_LAST_PLACES).fetchall()
    if place <= after and (last is None or last.key_id == keys.signing_id):
        return None
    heads = heads_since(db, after)
    return put(db, made(keys, kind=SEAL, at=now, place=max(place, after), heads=heads, last=last))


def _cut(db: Database, keys: Keys, before: datetime, now: datetime) -> int:
    """Say where the chains begin; the place up to which the lines may go, 0 if none may."""
    times = {"before": microseconds(before), "now": microseconds(now)}
    ((place, id),) = db.execute(_SEALED_BEFORE, times).fetchall()
    done = newest_cut(db)
    if place is None:
        return done.place if done else 0
    if done is None or done.place < place:
        heads = {writer: (number, hash.hex()) for writer, number, hash in _beginnings(db, place, done)}
        last = last_seal(db)
        put(db, made(keys, kind=CUT, at=now, place=place, heads=heads, last=last, oldest=id))
        db.execute(_DELETE_SEALS, (id,))
    return int(place)


def _beginnings(db: Database, place: int, done: Seal | None) -> list[tuple[str, int, bytes]]:
    """The last line of each chain that goes now, of those that have later ones."""
    found = db.execute(_BEGINNINGS, {"place": place}).fetchall()
    known = {writer for writer, _, _, _ in found}
    kept = [
        (writer, number, bytes.fromhex(hash))
        for writer, (number, hash) in (done.heads if done else {}).items()
        if writer not in known and db.execute(_GOES_ON, (writer, number)).fetchall()
    ]  # of chains with no line between the two cuts
    return [(writer, number, hash) for writer, number, hash, goes_on in found if goes_on] + kept


def _delete(db: Database, place: int) -> int:
    gone = db.execute(_DELETE, (place, _BATCH)).rowcount
    if gone < _BATCH:
        db.execute(_DELETE_SPANS, (place,))
        db.execute(_DELETE_CHAINS)
    return gone
