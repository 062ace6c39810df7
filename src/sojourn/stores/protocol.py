"""What a store is: eight verbs, one round trip each, without a clock or a policy of its own.

Every sentence here is a law that `sojourn.testing.StoreContract` tests on every store.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, Protocol, Self
from uuid import UUID

from msgspec import Struct

from sojourn.errors import QueryNotSupported
from sojourn.session import Reason, Seen, Session

__all__ = ["Cap", "Inserted", "Query", "Seen", "Store", "check_supported"]


class Query(Struct, frozen=True, kw_only=True):
    """Which sessions are meant; fields are joined by *and*. A new question is a new field."""

    user_id: str | None = None
    id: UUID | None = None
    except_id: UUID | None = None
    application_id: str | None = None
    tenant_id: str | None = None
    device_id: str | None = None
    live_at: datetime | None = None  # lives at this instant
    ended_since: datetime | None = None  # was revoked, or expired, at or after this instant ...
    ended_by: datetime | None = None  # ... and at or before this one; give both
    signed_in: bool = False  # not a visitor's
    people: bool = False  # for `count`: count users instead of sessions
    after: UUID | None = None  # the id of the last row of the page before
    limit: int = 100


class Cap(Struct, frozen=True, kw_only=True):
    """What must give way when a user signs in at `at`.

    First the user's live sessions with the new one's `device.id` end as `REPLACED`. If `limit` or
    more of the others live, the surplus ends as `CAP` (oldest or longest idle first), or the
    new one is refused.
    """

    at: datetime
    limit: int | None = None
    action: Literal["end_oldest", "end_idle", "refuse"] = "end_idle"


class Inserted(Struct, frozen=True):
    """`done` is false if the id was known already, or if `in_the_way` had to make room first."""

    done: bool
    ended: tuple[tuple[UUID, Reason], ...] = ()
    in_the_way: tuple[Session, ...] = ()


class Store(Protocol):
    """Where sessions are kept. Each verb is atomic; times are arguments; faults are the driver's own."""

    faults: tuple[type[Exception], ...]
    """The driver's exceptions that mean "away, full, locked": the web layer answers 503 to them."""

    async def insert(self, session: Session, *, cap: Cap | None = None) -> Inserted:
        """Add a session; never overwrite one.

        With a *cap*, insertions of one user are serialised and the new session is never the one
        that ends. What a refused insertion would have ended stays.
        """
        ...

    async def get(self, id: UUID) -> Session | None:
        """The session as it was last written, live or ended, exact to the microsecond and in UTC."""
        ...

    async def replace(self, session: Session, *, at: datetime) -> bool:
        """Overwrite the previous version of *session*, if that one lives at *at*.

        False if the stored version is another, or it has ended, or was purged. Never creates:
        a session that was ended elsewhere stays ended. Never loses activity: the later of stored
        and given `seen_at` and `expires_at` stay (`expires_at` never past the given `ends_at`), and
        so does the confirmation of a generation that did not change.
        """
        ...

    async def touch(self, seen: Mapping[UUID, Seen], *, at: datetime) -> None:
        """Record uses. Only of sessions that live at *at*, only forward in time, and never past `ends_at`.

        `version` stays. A `generation` that is the stored one sets `confirmed_at`, once.
        """
        ...

    async def select(self, query: Query) -> list[Session]:
        """At most `query.limit` sessions, newest id first; the next page is after the last id."""
        ...

    async def count(self, query: Query) -> int:
        """How many match, whatever `limit` and `after` say."""
        ...

    async def revoke(
        self, query: Query, *, at: datetime, reason: Reason, by: str | None = None, note: str | None = None
    ) -> list[UUID]:
        """End up to `query.limit` matching sessions that live at *at*; say which. The caller repeats.

        An ended session keeps its first reason. Acknowledged means: on disk.
        """
        ...

    async def purge(self, *, before: datetime, limit: int = 1000) -> int:
        """Forget up to *limit* sessions that had ended before *before*; say how many."""
        ...

    def blocking(self) -> Self:
        """The same store behind a connection that blocks instead of suspending: for `Sessions`."""
        ...

    async def close(self) -> None:
        """Let go of connections and threads; a second call does nothing."""
        ...


def check_supported(query: Query) -> None:
    """Refuse a question that would have to scan every session ever kept.

    Sessions are found by id, by user, and by being alive; the other fields narrow one of these.
    """
    if query.id is None and query.user_id is None and query.live_at is None:
        raise QueryNotSupported(
            "sessions are found by id, by user_id or by live_at; add one of these to the query"
        )
    if (query.ended_since is None) != (query.ended_by is None):
        raise QueryNotSupported("ended_since and ended_by go together; give both")
    if query.limit < 1:
        raise QueryNotSupported("limit must be at least 1")
