"""A bulk revocation as a record: what is meant, how far it is, and how long it can be undone."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from msgspec import Struct

from sojourn.observe.traces import ending_of
from sojourn.searching import Search

__all__ = ["AT_WORK", "Job", "State", "Target", "Why"]

State = Literal["counted", "running", "holding", "undoing", "done", "undone", "cancelled", "failed"]
Target = Literal["waiting", "ended", "held", "lifted", "skipped"]
Why = Literal["lost_device", "suspicious", "offboarding", "other"]

AT_WORK: tuple[State, ...] = ("running", "holding", "undoing", "cancelled")
"""What somebody has to go on with, until it is over. (A cancelled one can be undone for a while.)"""

_WORDS = {
    "lost_device": "lost device",
    "suspicious": "suspicious",
    "offboarding": "offboarding",
    "other": "other",
}
_LONGEST = 200  # characters of a note that stand in a session's, which takes 255


class Job(Struct, frozen=True, kw_only=True):
    """One bulk revocation. `counted`, by a dry run, it waits to be started.

    While it is `running`, sessions end, batch by batch. Those that can be undone are held until
    `undo_until`; all that happens while it is `holding` is that time passes. `done` is how many have ended
    for good or are held, `skipped` how many of those that were found did not end by this job.
    """

    id: UUID
    state: State
    wanted: Search | None  # None: what was named by ids, or erased
    asked: str | None  # JSON, as the administrator put it; never read here
    sample: tuple[UUID, ...]
    expected: int
    done: int = 0
    skipped: int = 0
    created_at: datetime
    started_at: datetime | None = None
    over_at: datetime | None = None
    by: str
    by_session: UUID | None
    own: bool = False  # whether `by_session` itself is meant
    reason: Why
    note: str | None = None
    undo_for: timedelta = timedelta(0)
    undo_until: datetime | None = None
    spares_administrators: bool = False
    cursor: UUID | None = None
    found: bool = False
    error: str | None = None

    @property
    def mark(self) -> str:
        """What stands in the note of each session that it ends: whoever goes on knows them by that."""
        words = _WORDS[self.reason]
        text = f"{words}: {self.note[:_LONGEST]}" if self.note else words
        return f"{text} {ending_of(self.id)}"

    def marks(self, note: str | None) -> bool:
        """Whether *note* is a `mark` of this job, perhaps from before its own note was erased."""
        return note is not None and note.endswith(ending_of(self.id))

    def holds(self, now: datetime) -> bool:
        """Whether what it ends now can be undone."""
        return self.undo_until is not None and now < self.undo_until and self.by_session is not None
