"""The verbs that let go: of personal fields past their time, and of users who are erased."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sojourn.observe.engine import Database, Engine
from sojourn.observe.journal.line import Line
from sojourn.observe.journal.people import People
from sojourn.observe.journal.reading import acts
from sojourn.observe.traces import Traces, ending_of
from sojourn.stores.sqlite.rows import microseconds

__all__ = ["Keeping"]

_BATCH = 2_000  # lines of one transaction
_ALL = 1 << 62

_CUT_PERSONAL = """
    update lines set personal = null where place in (
        select place from lines where personal is not null and at < ? order by at limit ?
    )
"""
_ERASE_LINES = """
    update lines set personal = null where place in (
        select place from lines where personal is not null
            and person in (select pseudonym from people where user_id = :user_id) limit :limit
    )
"""
_CUT_ONE = "update lines set personal = null where place = ?"
_CUT_SESSION = "update lines set personal = null where session_id = ? and personal is not null"
_IMPERSONATIONS = "select session_id from lines where name = 'session-impersonated' and facts like ?"
_PSEUDONYMS = "select pseudonym from people where user_id = ?"
_ERASE = "delete from people where user_id = :user_id"
_CHANGED = "update people_changes set number = number + 1"
_WRAPPED = "select pseudonym, user_id, key_id, key from people where key_id = ? limit ?"
_REWRAP = "update people set key_id = ?, key = ? where pseudonym = ? and key_id = ?"
_IDLE = """
    delete from people where pseudonym in (
        select pseudonym from people where since < ? and user_id is not null
            and not exists (select 1 from lines where lines.person = people.pseudonym) limit ?
    )
"""


class Keeping:
    """What is personal goes, and the chains stay whole: they hold digests, which nobody can try out then."""

    engine: Engine
    people: People

    async def erase(self, user: Traces | str, *, jobs: Iterable[UUID] = ()) -> int:
        """Destroy what is known of a user here: their key, and what lies under it. Of how many lines.

        The lines stay, with a pseudonym that leads nowhere. What backups hold goes with the backups. Of what
        administrators did it goes as well where their words name the user, and where it was one of *jobs*.
        """
        user = Traces(user_id=user) if isinstance(user, str) else user
        user_id = user.user_id
        await self._unnote(user, frozenset(jobs))
        await self._unmask(user_id)
        gone = 0
        while True:
            count = await self.engine.write(lambda db: _erase_lines(db, user_id), durable=False)
            gone += count
            if count < _BATCH:
                break
        # The key goes last: whoever is cut off can repeat it. With it in one transaction go the lines
        # that were written meanwhile.
        gone += await self.engine.write(lambda db: _erase(db, user_id))
        self.people.forget()
        return gone

    async def _unnote(self, user: Traces, jobs: Set[UUID]) -> None:
        """Take out what administrators wrote about the user; it lies under the keys of others."""
        names, endings = {str(id) for id in jobs}, tuple(ending_of(id) for id in jobs)
        after = 0
        while True:
            found = await self.engine.glance(partial(acts, people=self.people, after=after, limit=_BATCH))
            places = [(line.place,) for line in found if _names(line, user, names, endings)]
            if places:
                await self.engine.write(partial(_forgot, _CUT_ONE, rows=places))
            if len(found) < _BATCH:
                return
            after = found[-1].place

    async def _unmask(self, user_id: str) -> None:
        """Take out from where they acted as others: it lies under the keys of these."""
        known = await self.engine.read(lambda db: db.execute(_PSEUDONYMS, (user_id,)).fetchall())
        for (pseudonym,) in known:
            by = f'%"by":"{pseudonym.hex()}"%'
            found = await self.engine.scan(partial(_impersonations, by=by))
            for first in range(0, len(found), _BATCH):
                await self.engine.write(partial(_forgot, _CUT_SESSION, rows=found[first : first + _BATCH]))

    async def forget_personal(self, before: datetime, *, most: int = 1 << 62) -> int:
        """Destroy the personal fields of lines from before then, of about *most*; of how many."""
        gone, values = 0, (microseconds(before), _BATCH)
        while gone < most:
            count = await self.engine.write(lambda db: _wiped(db, _CUT_PERSONAL, values), durable=False)
            gone += count
            if count < _BATCH:
                break
        return gone

    async def forget_people(self, before: datetime) -> int:
        """Forget users of whom no line is left; how many."""
        values = (microseconds(before), _BATCH)
        return await self.engine.write(lambda db: _idle(db, values), durable=False)

    async def rewrap(self, limit: int = _BATCH) -> int:
        """Have the key that signs now wrap people's keys, before the one that did is gone; how many."""
        keys = self.people.keys
        if keys is None:
            return 0
        others = [key.id for key in keys if key.id != keys.signing_id]  # of one that is gone nothing is had
        return await self.engine.write(lambda db: _rewrap(db, self.people, others, limit))


def _erase_lines(db: Database, user_id: str) -> int:
    return _wiped(db, _ERASE_LINES, {"user_id": user_id, "limit": _BATCH})


def _names(line: Line, user: Traces, jobs: Set[str], endings: tuple[str, ...]) -> bool:
    """Whether it does in words, or holds theirs. Ids are in facts, but where an older release wrote."""
    personal = line.personal or {}
    if "note" in personal and personal.get("by") == user.user_id:
        return True
    said = {name: str(value) for name, value in personal.items() if name not in line.facts}
    theirs = [said[name] for name in ("note", "target", "by") if name in said]
    of_job = said.get("target") in jobs or said.get("note", "").endswith(endings)
    return of_job or user.user_id in (said.get("target"), said.get("by")) or user.named_in(theirs)


def _impersonations(db: Database, by: str) -> list[tuple[bytes]]:
    return db.execute(_IMPERSONATIONS, (by,)).fetchall()


def _forgot(statement: str, db: Database, rows: Sequence[tuple[Any]]) -> None:
    db.executemany(statement, rows)


def _erase(db: Database, user_id: str) -> int:
    gone = _wiped(db, _ERASE_LINES, {"user_id": user_id, "limit": _ALL})
    _wiped(db, _ERASE, {"user_id": user_id})
    db.execute(_CHANGED)
    return gone


def _idle(db: Database, values: tuple[int, int]) -> int:
    gone = _wiped(db, _IDLE, values)
    if gone:
        db.execute(_CHANGED)
    return gone


def _wiped(db: Database, statement: str, values: object) -> int:
    """Have SQLite overwrite what it deletes with zeros: else it stays there until the room is needed."""
    db.execute("pragma secure_delete = on")
    return db.execute(statement, values).rowcount


def _rewrap(db: Database, people: People, key_ids: Iterable[int], limit: int) -> int:
    rows = [row for id in key_ids for row in db.execute(_WRAPPED, (id, limit)).fetchall()]
    done = 0
    for pseudonym, user_id, was, wrapped in rows:
        again = people.rewrapped(pseudonym, user_id, was, wrapped)
        if again is not None:  # None: somebody has altered it
            done += db.execute(_REWRAP, (*again, pseudonym, was)).rowcount
    if done:
        db.execute(_CHANGED)
    return done
