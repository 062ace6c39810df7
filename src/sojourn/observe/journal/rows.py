"""Events as rows of the ledger: a batch of one writer, with what is counted, in one transaction."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from sojourn.events import Event
from sojourn.observe.engine import Database
from sojourn.observe.journal.chain import START, linked
from sojourn.observe.journal.line import Draft, drafted
from sojourn.observe.journal.people import People
from sojourn.observe.journal.together import insert
from sojourn.observe.journal.whose import Whose
from sojourn.observe.series.tally import HOUR, add, summed
from sojourn.stores.sqlite.rows import microseconds

__all__ = ["INNER", "UNDER", "Batch", "Damaged", "Forgotten", "named", "write"]

UNDER = "under_target"  # the personal field that lies once more under the key of the line's target
INNER = b" target"  # what its line is called then

_HEAD = "select chain, number, hash from chains where writer = ?"
_BEGIN = "insert into chains (writer, number, hash) values (?, 0, ?) returning chain"
_GO_ON = "update chains set number = ?, hash = ? where chain = ?"
_LAST = "select max(place) from lines"
_INSERT = """
    insert into lines (chain, number, at, name, session_id, person, facts, personal, digest, hash)
"""
_SPAN = """
    insert into spans (hour, first, last) values (?, ?, ?)
    on conflict (hour) do update set
        first = case when excluded.first < spans.first then excluded.first else spans.first end,
        last = case when excluded.last > spans.last then excluded.last else spans.last end
"""
_text = msgspec.json.Encoder().encode


class Forgotten(Exception):
    """The chain is gone, with all its lines: its writer has been silent for that long, and begins another."""


class Damaged(OSError):
    """The ledger is not what this process has written: lines of its chain are gone."""


class Batch(Struct, frozen=True):
    """Events of *writer*, the first with the number *first*; written once, however often it is tried.

    *uses*: how many sessions were seen to be used by *at*, since the batch before.
    """

    writer: str
    first: int
    events: tuple[Event, ...]
    uses: int
    at: datetime

    @property
    def last(self) -> int:
        return self.first + len(self.events) - 1


def named(writer: str, number: int) -> bytes:
    """The line to which personal fields belong: put beside another one they cannot be read."""
    return f"{writer} {number}".encode()


def write(db: Database, people: People, batch: Batch) -> int:
    """Write *batch*, or find that it was written; how many lines."""
    if batch.events:
        chain, number, before = _head(db, batch)
        if number >= batch.last:
            return 0  # an attempt of which nobody learned how it ended
        rows = _rows(db, people, batch, chain, before)
        insert(db, _INSERT, rows)
        ((last,),) = db.execute(_LAST).fetchall()  # nobody else has written meanwhile
        db.executemany(_SPAN, _spans(rows, last - len(rows) + 1))
        db.execute(_GO_ON, (batch.last, rows[-1][-1], chain))
    add(db, summed(batch.events, uses=batch.uses, at=batch.at))
    return len(batch.events)


def _head(db: Database, batch: Batch) -> tuple[int, int, bytes]:
    """The chain of the writer, and the number and hash of its last line."""
    found = db.execute(_HEAD, (batch.writer,)).fetchall()
    if not found:
        if batch.first != 1:
            raise Forgotten
        ((chain,),) = db.execute(_BEGIN, (batch.writer, START)).fetchall()
        return chain, 0, START
    chain, number, before = found[0]
    if number < batch.first - 1:
        raise Damaged(f"the chain {batch.writer} ends at {number}: lines were cut off")
    return chain, number, before


def _rows(db: Database, people: People, batch: Batch, chain: int, before: bytes) -> list[tuple[Any, ...]]:
    whose, rows = Whose(db, people, batch.events), []
    for number, event in enumerate(batch.events, batch.first):
        draft = drafted(event)
        pseudonym, person = whose.of(event)
        line = named(batch.writer, number)
        if draft.persons:
            _name(draft, whose, event.at, line)
        body = digest = None
        if draft.personal and (key := person or whose.nobody(event.at)):
            sealed = key.seal(draft.personal, line)
            body, digest = sealed.body, sealed.digest
        at, session_id = microseconds(event.at), _bytes(event.session_id)
        facts = _text(draft.facts).decode()
        before = linked(
            before,
            writer=batch.writer,
            number=number,
            at=at,
            name=event.name,
            session_id=session_id,
            person=pseudonym,
            facts=facts,
            digest=digest,
        )
        rows.append((chain, number, at, event.name, session_id, pseudonym, facts, body, digest, before))
    whose.write()
    return rows


def _name(draft: Draft, whose: Whose, at: datetime, line: bytes) -> None:
    """Chain pseudonyms of the users whom *draft* names: each stays when another one is erased.

    A note about somebody lies under their own key, within what lies under the key of who wrote it: it
    cannot be read any more once either is destroyed.
    """
    for name, user_id in draft.persons.items():
        pseudonym, person = whose.named(user_id, at)
        if pseudonym is not None:
            draft.facts[name] = pseudonym.hex()
        if name == "target" and person is not None and (note := draft.personal.pop("note", None)):
            draft.personal[UNDER] = b64encode(person.seal({"note": note}, line + INNER).body).decode()


def _bytes(id: UUID | None) -> bytes | None:
    return None if id is None else id.bytes


def _spans(rows: Sequence[tuple[Any, ...]], first: int) -> Iterable[tuple[int, int, int]]:
    """For each hour the first and the last of the places."""
    found: dict[int, tuple[int, int]] = {}
    for place, row in enumerate(rows, first):
        hour = row[2] // HOUR
        found[hour] = (found[hour][0] if hour in found else place, place)
    return [(hour, *span) for hour, span in found.items()]
