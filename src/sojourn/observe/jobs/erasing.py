"""What bulk revocations hold of a user who is erased: as whom they meant, and as who began them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from sojourn.observe.engine import Database
from sojourn.observe.traces import Traces, ending_of

__all__ = ["ERASED", "erased"]

ERASED = "erased"  # stands where an id was

_ALL = "select id, state, wanted, asked, sample, note, by, over_at, found from jobs"
_TARGETS = "select session from job_targets where job = ?"
# Whom a job is about that was only counted, nobody can say any more: so it is over.
_END = "update jobs set state = 'cancelled', over_at = created_at where id = ?"
_WIPE = "update jobs set wanted = ?, asked = null, sample = ?, note = null, by = ? where id = ?"
_SAMPLE = "update jobs set sample = ? where id = ?"


def erased(db: Database, user: Traces) -> list[UUID]:
    """Take out what names the user: what was searched for, why, and that it was them; of which jobs.

    All are looked at: there are few. One by ids is about each of those whose session it ended, and
    one by a search about whom that names.
    """
    wiped = []
    for row in db.execute(_ALL).fetchall():
        id, sample = UUID(bytes=row[0]), _sample(row[4], user)
        if _by(row, user) or _named(row, user, by_address=True) or _concerned(db, row, user):
            _wipe(db, row, user, sample)
            wiped.append(id)
        elif sample != row[4]:
            db.execute(_SAMPLE, (sample, row[0]))
    return wiped


def _by(row: Sequence[Any], user: Traces) -> bool:
    return bool(row[6] == user.user_id)


def _named(row: Sequence[Any], user: Traces, *, by_address: bool = False) -> bool:
    _, _, wanted, asked, _, note, _, _, _ = row
    exact = msgspec.json.encode(user.user_id).decode()
    exactly = any(exact in text for text in (wanted, asked) if text)
    return exactly or user.named_in((wanted, asked, note), by_address=by_address)


def _concerned(db: Database, row: Sequence[Any], user: Traces) -> bool:
    """Whether it was by ids, of which one was the user's; once it is over the notes of sessions say so."""
    id, _, wanted, asked = row[:4]
    if wanted is not None or asked is not None:
        return False
    if any(note.endswith(ending_of(UUID(bytes=id))) for note in user.notes):
        return True
    targets = {UUID(bytes=session) for (session,) in db.execute(_TARGETS, (id,)).fetchall()}
    return not user.sessions.isdisjoint(targets | {*_ids(row[4])})


def _wipe(db: Database, row: Sequence[Any], user: Traces, sample: str) -> None:
    """By an address alone what is at work is not stopped: it may be an attacker's, too."""
    id, _, wanted, _, _, _, by, over_at, found = row
    at_work = over_at is None and not found
    ends = at_work and (row[1] == "counted" or _named(row, user))
    if ends:
        db.execute(_END, (id,))
    kept = wanted if at_work and not ends else None  # others are still to be found by it, and then it goes
    db.execute(_WIPE, (kept, sample, ERASED if by == user.user_id else by, id))


def _sample(text: str, user: Traces) -> str:
    ids = _ids(text)
    left = tuple(id for id in ids if id not in user.sessions)
    return text if left == ids else msgspec.json.encode(left).decode()


def _ids(text: str) -> tuple[UUID, ...]:
    return msgspec.json.decode(text, type=tuple[UUID, ...])
