"""Whose the events of a batch are: pseudonyms and keys, looked up together, and made where there are none."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sojourn.events import Event
from sojourn.observe.engine import Database
from sojourn.observe.journal.people import NOBODY, People, Person
from sojourn.observe.journal.together import among, insert
from sojourn.stores.sqlite.rows import microseconds
from sojourn.token import Keys

__all__ = ["Whose"]

_CHANGES = "select number from people_changes"
_USERS = """
    select pseudonym, user_id, key_id, key from people where user_id in ({}) order by since, pseudonym desc
"""
_SESSIONS = """
    select l.session_id, l.person, p.user_id, p.key_id, p.key
    from lines l join people p on p.pseudonym = l.person
    where l.session_id in ({}) order by l.place desc
"""
_NOBODY = "select key_id, key from people where pseudonym = ?"
_NAMED = "update people set since = ? where pseudonym = ? and since < ?"
_NEW = "insert into people (pseudonym, user_id, key_id, key, since)"
_ANEW = """
    on conflict (pseudonym) do update set
        user_id = excluded.user_id, key_id = excluded.key_id, key = excluded.key, since = excluded.since
"""

_Found = tuple[bytes | None, Person | None]


class Whose:
    """Who is who, within one transaction: who was found may be erased after it, not before.

    An event may name a session alone: then whose that is, earlier lines say.
    """

    def __init__(self, db: Database, people: People, events: Iterable[Event]) -> None:
        self._db, self._people = db, people
        ((changes,),) = db.execute(_CHANGES).fetchall()
        self._met = people.met(changes)
        self._users: dict[str, _Found] = {}
        self._sessions: dict[UUID, _Found] = {}
        self._nobody: Person | None = None
        self._made: list[tuple[Any, ...]] = []
        self._named: list[tuple[int, bytes, int]] = []
        self._look_up(events)

    def of(self, event: Event) -> _Found:
        """The pseudonym of the user, and their key if it is at hand."""
        id = event.session_id
        if event.user_id is None:
            return (None, None) if id is None else self._theirs(id)
        found = self.user(event.user_id, event.at)
        if id is not None:
            self._belongs(id, found, known=event.user_id in self._met.users)
        return found

    def user(self, user_id: str, at: datetime) -> _Found:
        person = self._met.users.get(user_id)
        if person is not None:
            return person.pseudonym, person
        found = self._users.get(user_id, (None, None))
        keys = self._people.keys
        if found[1] is None and keys is not None:  # nobody yet, or the key has gone with a server key
            person = self._new(keys, user_id, at)
            found = self._users[user_id] = (person.pseudonym, person)
        return found

    def named(self, user_id: str, at: datetime) -> _Found:
        """`user`, who need not have a line of their own: it is kept that they were named, once a day."""
        found = self.user(user_id, at)
        if found[0] is not None and self._people.name(found[0], at):
            then = microseconds(at)
            self._named.append((then, found[0], then))
        return found

    def nobody(self, at: datetime) -> Person | None:
        """Under whose key that is which is nobody's that we know."""
        keys = self._people.keys
        if self._nobody is None and keys is not None:
            rows = self._db.execute(_NOBODY, (NOBODY,)).fetchall()
            known = self._people.known(NOBODY, None, *rows[0]) if rows else None
            self._nobody = known or self._new(keys, None, at, NOBODY)
        return self._nobody

    def write(self) -> None:
        """Write down who is new, and who was named."""
        insert(self._db, _NEW, self._made, _ANEW)
        if self._named:
            self._db.executemany(_NAMED, self._named)

    def _look_up(self, events: Iterable[Event]) -> None:
        users: dict[str, None] = {}
        sessions: dict[bytes, None] = {}
        for event in events:
            if event.user_id is not None:
                users[event.user_id] = None
            elif event.session_id is not None and event.session_id not in self._met.sessions:
                sessions[event.session_id.bytes] = None
            for name in event.persons:
                if isinstance(value := getattr(event, name), str):
                    users[value] = None
        wanted = [user_id for user_id in users if user_id not in self._met.users]
        for pseudonym, user_id, *row in among(self._db, _USERS, wanted):
            person = self._people.known(pseudonym, user_id, *row)
            self._users[user_id] = (pseudonym, person)
            if person is not None:
                self._met.users[user_id] = person
        for id, *row in among(self._db, _SESSIONS, list(sessions)):
            person = self._people.known(*row)
            self._belongs(UUID(bytes=id), (row[0], person), known=person is not None)

    def _theirs(self, id: UUID) -> _Found:
        person = self._met.sessions.get(id)
        return self._sessions.get(id, (None, None)) if person is None else (person.pseudonym, person)

    def _belongs(self, id: UUID, found: _Found, *, known: bool) -> None:
        """Who is made in this transaction is not *known* beyond it: it may come to nothing."""
        _, person = found
        if known and person is not None:
            self._met.sessions[id] = person
        else:
            self._sessions[id] = found

    def _new(self, keys: Keys, user_id: str | None, at: datetime, pseudonym: bytes | None = None) -> Person:
        person, key_id, wrapped = self._people.new(keys, user_id, pseudonym)
        self._made.append((person.pseudonym, user_id, key_id, wrapped, microseconds(at)))
        return person
