"""The verbs that read the journal: by session, by user, by name and time, and on from a place."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from sojourn.observe.engine import Database, Engine
from sojourn.observe.journal.line import Filter, Line
from sojourn.observe.journal.people import NOBODY, People
from sojourn.observe.journal.rows import INNER, UNDER, named
from sojourn.observe.journal.together import among
from sojourn.observe.series.tally import HOUR
from sojourn.stores.sqlite.rows import microseconds, time_of

__all__ = ["Reading", "acts"]

_LINES = """
    select l.place, c.writer, l.number, l.at, l.name, l.session_id, l.person, l.facts, l.personal, l.digest,
        l.hash, p.user_id, p.pseudonym, p.key_id, p.key
    from lines l join chains c using (chain)
    left join people p on p.pseudonym = coalesce(l.person, :nobody)
    where l.place > :first and l.place < :last
"""
_ACTS = f"""{_LINES}
    and l.name in ('admin-action', 'session-held', 'session-restored') and l.personal is not null
    order by l.place limit :limit
"""
_NAMED = "select pseudonym, user_id, key_id, key from people where pseudonym in ({})"
_PSEUDONYM = re.compile("[0-9a-f]{32}")
_PSEUDONYMS = "select pseudonym from people where user_id = ?"
_SPAN = "select min(first), max(last) from spans where hour >= ? and hour < ?"
_LAST = "select max(place) from lines"
_MANY = 10_000  # lines of one answer
_END = (1 << 63) - 1


class _Row(NamedTuple):
    """A row of `people`."""

    pseudonym: bytes
    user_id: str | None
    key_id: int
    key: bytes


class Reading:
    """What was written down. Personal fields come with a line as long as they are kept, and their key is."""

    engine: Engine
    people: People

    async def lines(self, filter: Filter | None = None) -> list[Line]:
        """One page of lines; the place of the last one is the `after` of the next."""
        wanted = filter or Filter()
        return await self.engine.glance(lambda db: _page(db, self.people, wanted))

    async def tail(self, after_place: int, limit: int = 1_000) -> list[Line]:
        """What was written after the line at that place, in order: to follow the journal."""
        return await self.lines(Filter(after=after_place, newest_first=False, limit=limit))

    async def last_place(self) -> int:
        """Where the journal ends now; 0 if there is nothing."""
        rows = await self.engine.read(lambda db: db.execute(_LAST).fetchall())
        return int(rows[0][0] or 0)


def _page(db: Database, people: People, wanted: Filter) -> list[Line]:
    """Each index has its lines in order, so of several names or pseudonyms each has its page."""
    bounds = _bounds(db, wanted)
    if bounds is None:
        return []
    limit = min(wanted.limit, _MANY)
    direction = "desc" if wanted.newest_first else "asc"
    rows: list[Sequence[Any]] = []
    for where, values in _ways(db, wanted):
        conditions, more = _conditions(wanted)
        statement = f"{_LINES} {where} {conditions} order by l.place {direction} limit :limit"
        rows += db.execute(statement, values | more | bounds | {"limit": limit, "nobody": NOBODY})
    rows.sort(key=lambda row: row[0], reverse=wanted.newest_first)
    return _lines(db, people, rows[:limit])


def acts(db: Database, people: People, after: int, limit: int) -> list[Line]:
    """What administrators did, from that place on, as far as what is personal of it is kept."""
    values = {"first": after, "last": _END, "limit": limit, "nobody": NOBODY}
    return _lines(db, people, db.execute(_ACTS, values).fetchall())


def _lines(db: Database, people: People, rows: Sequence[Sequence[Any]]) -> list[Line]:
    """The lines in *rows*, with whoever is named in them and not erased."""
    facts = [msgspec.json.decode(row[7]) for row in rows]
    pseudonyms = {pseudonym for said in facts for _, pseudonym in _persons(said)}
    named = {row[0]: _Row(*row) for row in among(db, _NAMED, sorted(pseudonyms))}
    return [_line(row, said, people, named) for row, said in zip(rows, facts, strict=True)]


def _persons(facts: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Which facts are pseudonyms of users. (`by` may be a session's id instead.)"""
    for name in ("by", "target"):
        value = facts.get(name)
        if type(value) is str and _PSEUDONYM.fullmatch(value):
            yield name, bytes.fromhex(value)


def _ways(db: Database, wanted: Filter) -> list[tuple[str, dict[str, Any]]]:
    """The narrowest index that *wanted* allows, once for each value to be looked up in it."""
    if wanted.session_id is not None:
        by_user = "" if wanted.user_id is None else "and p.user_id = :user_id"
        values = {"session_id": wanted.session_id.bytes, "user_id": wanted.user_id}
        return [(f"and l.session_id = :session_id {by_user}", values)]
    if wanted.target is not None:
        named = db.execute(_PSEUDONYMS, (wanted.target,)).fetchall()
        patterns = [f'%"target":"{pseudonym.hex()}"%' for (pseudonym,) in named]
        done = "and l.name = 'admin-action' and l.facts like :target"
        return [(done, {"target": pattern}) for pattern in patterns]
    if wanted.user_id is not None:
        found = db.execute(_PSEUDONYMS, (wanted.user_id,)).fetchall()
        return [("and l.person = :person", {"person": pseudonym}) for (pseudonym,) in found]
    if wanted.names:
        return [("and l.name = :name", {"name": name}) for name in dict.fromkeys(wanted.names)]
    return [("", {})]


def _conditions(wanted: Filter) -> tuple[str, dict[str, Any]]:
    conditions = ""
    values: dict[str, Any] = {}
    if wanted.names and (wanted.session_id is not None or wanted.user_id is not None):
        values |= {f"name{number}": name for number, name in enumerate(wanted.names)}
        conditions += f"and l.name in ({', '.join(f':{slot}' for slot in values)}) "
    if wanted.since is not None:
        conditions += "and l.at >= :since "
        values["since"] = microseconds(wanted.since)
    if wanted.until is not None:
        conditions += "and l.at < :until "
        values["until"] = microseconds(wanted.until)
    return conditions, values


def _bounds(db: Database, wanted: Filter) -> dict[str, int] | None:
    """Between which places the lines are, both excluded; None: there are none."""
    first, last = 0, _END
    if wanted.since is not None or wanted.until is not None:
        hours = (
            -_END if wanted.since is None else microseconds(wanted.since) // HOUR,
            _END if wanted.until is None else microseconds(wanted.until) // HOUR + 1,
        )
        ((lowest, highest),) = db.execute(_SPAN, hours).fetchall()
        if lowest is None:
            return None
        first, last = lowest - 1, highest + 1
    if wanted.after is not None and wanted.newest_first:
        last = min(last, wanted.after)
    elif wanted.after is not None:
        first = max(first, wanted.after)
    return {"first": first, "last": last}


def _line(row: Sequence[Any], facts: dict[str, Any], people: People, persons: Mapping[bytes, _Row]) -> Line:
    place, writer, number, at, name, session_id, person, _, body, digest, hash = row[:11]
    whose = _Row(person or NOBODY, None, 0, b"") if row[12] is None else _Row(row[12], row[11], *row[13:])
    erased = person is not None and row[12] is None
    return Line(
        place=place,
        writer=writer,
        number=number,
        at=time_of(at),
        name=name,
        session_id=session_id and UUID(bytes=session_id),
        person=person,
        facts=facts,
        personal=None if erased else _personal(whose, body, named(writer, number), facts, people, persons),
        digest=digest,
        hash=hash,
    )


def _personal(
    whose: _Row,
    body: bytes | None,
    line: bytes,
    facts: dict[str, Any],
    people: People,
    persons: Mapping[bytes, _Row],
) -> dict[str, Any] | None:
    """Who they are, and what is still to be read."""
    personal: dict[str, Any] = {} if whose.user_id is None else {"user_id": whose.user_id}
    if body is not None and (opened := _opened(people, whose, body, line)):
        personal |= opened
    inner = personal.pop(UNDER, None)
    for name, pseudonym in _persons(facts):
        found = persons.get(pseudonym)
        if found is None:  # erased; lines of older releases hold the id itself
            personal.pop(name, None)
        elif found.user_id is not None:
            personal[name] = found.user_id
            if name == "target" and inner is not None:
                personal |= _opened(people, found, b64decode(inner), line + INNER) or {}
    return personal or None


def _opened(people: People, whose: _Row, body: bytes, line: bytes) -> dict[str, Any] | None:
    known = people.known(*whose)
    opened = known and known.open(body, line)
    return opened[0] if opened else None
