"""Whether the journal is what was written: every line, every chain, every seal, and where it is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from sojourn.observe.engine import Database
from sojourn.observe.journal.chain import START, linked
from sojourn.observe.journal.people import NOBODY, People
from sojourn.observe.journal.rows import named
from sojourn.observe.journal.seals import COLUMNS, CUT, Seal, from_row, right

__all__ = ["Fault", "Report", "verified"]

_MOST = 1_000  # faults; whoever altered more is known by then
_UNSEALED = 600_000_000  # microseconds that lines may span without any seal: one is made each minute
_AT_ONCE = 5_000  # lines that are in memory
_OFTEN = 10_000  # lines after which is told how far it has come

_CHAINS = "select chain, writer, number from chains order by chain"
_UNKNOWN = """
    select chain, min(place) from lines where chain not in (select chain from chains) group by chain
"""
_LINES = """
    select l.place, l.number, l.at, l.name, l.session_id, l.person, l.facts, l.personal, l.digest, l.hash,
        p.pseudonym, p.user_id, p.key_id, p.key
    from lines l left join people p on p.pseudonym = coalesce(l.person, ?)
    where l.chain = ? and l.number > ? order by l.number limit ?
"""
_SPAN = "select min(at), max(at), min(place) from lines"
_LAST = "select place from lines where chain = ? order by number desc limit 1"
_SEALS = f"select {COLUMNS} from seals order by id"  # noqa: S608
_CUTS = f"select {COLUMNS} from seals where kind = 'cut' order by id desc"  # noqa: S608
_SEALED = """
    select l.place, l.hash from lines l join chains c using (chain) where c.writer = ? and l.number = ?
"""


class Fault(Struct, frozen=True, kw_only=True):
    """Where the journal is not what was written: at or near a *place*, in the chain of *writer*."""

    place: int | None
    writer: str | None
    number: int | None
    what: str


class Report(Struct, frozen=True, kw_only=True):
    """What was looked at, and what was found.

    `unsealed`: lines after the last seal, for which no key vouches yet. `vouched_since`: from when on
    seals were made with keys that are in the ring; those before are vouched for by the first of them.
    `closed`: lines whose personal fields could not be checked, as their key is gone. Whoever keeps
    `last_seal` and `mac` elsewhere will notice if the end of the journal is taken off.
    """

    lines: int = 0
    chains: int = 0
    seals: int = 0
    unsealed: int = 0
    closed: int = 0
    sealed_at: datetime | None = None
    vouched_since: datetime | None = None
    last_seal: int | None = None
    mac: bytes | None = None
    faults: tuple[Fault, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.faults


def verified(db: Database, people: People, tell: Callable[[int], None]) -> Report:
    """All of it as it is at one moment, whoever writes meanwhile."""
    own = not db.in_transaction
    if own:
        db.execute("begin")
    try:
        return _Verifying(db, people, tell).report()
    finally:
        if own:
            db.execute("rollback")


class _Verifying:
    """One look at the whole. Seals come first: they say where the chains begin and what they had come to."""

    def __init__(self, db: Database, people: People, tell: Callable[[int], None]) -> None:
        self._db, self._people, self._tell = db, people, tell
        self._faults: list[Fault] = []
        self._lines = self._unsealed = self._closed = 0
        self._heads: dict[str, int] = {}  # up to which number each chain is sealed
        self._altered: set[bytes] = set()  # people whose rows are not what was written
        self._sealed_place = 0
        self._cut = self._trusted_cut()

    def report(self) -> Report:
        seals, last, since = self._check_seals()
        chains = [chain for chain in self._db.execute(_CHAINS).fetchall() if not self._forgotten(*chain)]
        for chain, writer, number in chains:
            self._check_chain(chain, writer, number)
        for chain, place in self._db.execute(_UNKNOWN).fetchall():
            self._say(
                place, None, None, f"its chain {chain} is not known: it was put in, or the chain removed"
            )
        return Report(
            lines=self._lines,
            chains=len(chains),
            seals=seals,
            unsealed=self._unsealed,
            closed=self._closed,
            sealed_at=None if last is None else last.at,
            vouched_since=since,
            last_seal=None if last is None else last.id,
            mac=None if last is None else last.mac,
            faults=tuple(self._faults),
        )

    def _say(self, place: int | None, writer: str | None, number: int | None, what: str) -> None:
        if len(self._faults) < _MOST:
            self._faults.append(Fault(place=place, writer=writer, number=number, what=what))

    # ── seals ────────────────────────────────────────────────────────────────────────────────

    def _trusted_cut(self) -> Seal | None:
        """The last cut that a key of ours may have made; a forged one does not hide what is missing."""
        for row in self._db.execute(_CUTS):
            seal = _seal(row)
            if seal is not None and self._right(seal) is not False:
                return seal
        return None

    def _right(self, seal: Seal) -> bool | None:
        return None if self._people.keys is None else right(seal, self._people.keys)

    def _check_seals(self) -> tuple[int, Seal | None, datetime | None]:
        """How many there are, the last one, and from when on our keys vouch for them."""
        before: Seal | None = None
        seals, since = 0, None
        for row in self._db.execute(_SEALS).fetchall():
            seal = _seal(row)
            if seal is None:
                self._say(None, None, row[0], f"seal {row[0]} cannot be read")
                continue
            seals += 1
            self._check_link(seal, before)
            is_right = self._right(seal)
            if is_right is False:
                self._say(seal.place, None, seal.id, f"seal {seal.id} was altered, or made with another key")
            else:
                self._check_heads(seal)
                since = since or (seal.at if is_right else None)
            before = seal
        self._check_end(before)
        if not seals:
            self._check_unsealed()
        return seals, before, since

    def _check_link(self, seal: Seal, before: Seal | None) -> None:
        if before is None:
            expected = self._cut.oldest if self._cut else 1
            if seal.id != expected:
                self._say(seal.place, None, seal.id, f"the seals before seal {seal.id} are missing")
        elif seal.id != before.id + 1:
            self._say(seal.place, None, seal.id, f"seals are missing before seal {seal.id}")
        elif seal.before != before.link:
            self._say(seal.place, None, seal.id, f"seal {seal.id} does not follow from the seal before it")

    def _check_heads(self, seal: Seal) -> None:
        if seal.kind == CUT:
            return
        self._sealed_place = max(self._sealed_place, seal.place)
        for writer, (number, hash) in seal.heads.items():
            self._heads[writer] = max(self._heads.get(writer, 0), number)
            if seal.place > self._cut_place:
                self._check_head(seal, writer, number, hash)

    def _check_head(self, seal: Seal, writer: str, number: int, hash: str) -> None:
        found = self._db.execute(_SEALED, (writer, number)).fetchall()
        if not found:
            self._say(None, writer, number, f"it is missing, and seal {seal.id} holds it")
        elif found[0][1].hex() != hash:
            self._say(found[0][0], writer, number, f"it is not the one that seal {seal.id} holds")
        elif not self._cut_place < found[0][0] <= seal.place:
            self._say(found[0][0], writer, number, f"it is not where seal {seal.id} holds it")

    def _check_end(self, last: Seal | None) -> None:
        """Nobody but a key of the ring can vouch for the end."""
        keys = self._people.keys
        if last is not None and keys is not None and last.key_id not in keys:
            what = f"seal {last.id}, the last one, was made with key {last.key_id}, which is not in the ring"
            self._say(last.place, None, last.id, what)

    def _check_unsealed(self) -> None:
        """A journal is young, or it is sealed; who has no keys cannot tell."""
        ((first, last, place),) = self._db.execute(_SPAN).fetchall()
        if self._people.keys is not None and first is not None and last - first > _UNSEALED:
            what = "there is no seal: all were removed, or nobody seals (`sojourn serve` and `worker` do)"
            self._say(place, None, None, what)

    @property
    def _cut_place(self) -> int:
        return self._cut.place if self._cut else 0

    # ── lines ────────────────────────────────────────────────────────────────────────────────

    def _check_chain(self, chain: int, writer: str, last: int) -> None:
        number, hash = self._beginning(writer)
        place, sealed = 0, self._heads.get(writer, 0)
        for row in self._lines_after(chain, number):
            self._count()
            missing = row[1] - number - 1
            if missing:
                self._say(row[0], writer, row[1], f"{_lines(missing)} missing before it")
            elif _hash(hash, writer, row) != row[9]:
                self._say(row[0], writer, row[1], "it was altered, or what stood before it was")
            if row[0] < place:
                self._say(row[0], writer, row[1], "it stands before a line that was written earlier")
            if row[0] > self._sealed_place:
                self._unsealed += 1
            elif row[1] > sealed:
                self._say(row[0], writer, row[1], "it was put in where everything had been sealed")
            self._check_personal(writer, row)
            place, number, hash = max(place, row[0]), row[1], row[9]
        if number < last:
            self._say(place or None, writer, number or None, f"{_lines(last - number)} missing after it")

    def _lines_after(self, chain: int, number: int) -> Iterator[Sequence[Any]]:
        while rows := self._db.execute(_LINES, (NOBODY, chain, number, _AT_ONCE)).fetchall():
            yield from rows
            number = rows[-1][1]

    def _forgotten(self, chain: int, writer: str, _: int) -> bool:
        """Whether all of the chain was cut, and is only waiting to be deleted."""
        if self._cut is None or writer in self._cut.heads:
            return False
        last = self._db.execute(_LAST, (chain,)).fetchall()
        return bool(last) and last[0][0] <= self._cut_place

    def _beginning(self, writer: str) -> tuple[int, bytes]:
        """Number and hash of the line before the first one that is kept."""
        number, hash = self._cut.heads.get(writer, (0, START.hex())) if self._cut else (0, START.hex())
        return number, bytes.fromhex(hash)

    def _count(self) -> None:
        self._lines += 1
        if self._lines % _OFTEN == 0:
            self._tell(self._lines)

    def _check_personal(self, writer: str, row: Sequence[Any]) -> None:
        body, digest = row[7], row[8]
        if row[10] is not None and row[10] not in self._altered and self._people.altered(*row[10:]):
            self._altered.add(row[10])
            self._say(row[0], writer, row[1], "whose it is was altered")
        if body is None:
            return
        if digest is None:
            self._say(row[0], writer, row[1], "its personal fields were put in")
            return
        person = None if row[10] is None else self._people.known(*row[10:])
        if person is None:
            self._closed += 1
            return
        opened = person.open(body, named(writer, row[1]))
        if opened is None or opened[1] != digest:
            self._say(row[0], writer, row[1], "its personal fields were altered")


def _hash(before: bytes, writer: str, row: Sequence[Any]) -> bytes:
    _, number, at, name, session_id, person, facts, _, digest, _ = row[:10]
    return linked(
        before,
        writer=writer,
        number=number,
        at=at,
        name=name,
        session_id=session_id,
        person=person,
        facts=facts,
        digest=digest,
    )


def _seal(row: Sequence[Any]) -> Seal | None:
    try:
        return from_row(row)
    except (ValueError, OverflowError):  # what it holds is no JSON, or no time
        return None


def _lines(count: int) -> str:
    return "a line is" if count == 1 else f"{count} lines are"
