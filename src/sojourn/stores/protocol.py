"""What a store is: a few verbs, one round trip each, without a clock or a policy of its own.

Every sentence here is a law that `sojourn.testing.StoreContract` tests on every store.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Literal, Protocol, Self
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace as _replaced

from sojourn.errors import QueryNotSupported
from sojourn.session import Reason, Seen, Session

__all__ = [
    "Cap",
    "CapRule",
    "Entries",
    "Entry",
    "Inserted",
    "Query",
    "Seen",
    "Store",
    "check_supported",
    "is_kept",
]

_RECENT = timedelta(hours=1)


class StoreBusy(Exception):
    """A fault of ours: too many requests wait for the store, or it answered too late to be believed."""


class Query(Struct, frozen=True, kw_only=True):
    """Which sessions are meant; fields are joined by *and*. A new question is a new field."""

    user_id: str | None = None
    id: UUID | None = None
    except_id: UUID | None = None
    application_id: str | None = None
    tenant_id: str | None = None
    device_id: str | None = None
    ip: str | None = None  # an address, or the network that it is in, such as 10.1.0.0/16
    country: str | None = None  # of its place
    kind: str | None = None  # of its device
    text: str | None = None  # part of what its device is called, whatever the case of ASCII letters
    live_at: datetime | None = None  # lives at this instant
    ended_since: datetime | None = None  # was revoked, or expired, at or after this instant ...
    ended_by: datetime | None = None  # ... and at or before this one; give both
    signed_in: bool = False  # not a visitor's
    unheld: bool = False  # not one that is held, which has ended for everybody but can come back
    people: bool = False  # for `count`: count users instead of sessions
    about: bool = False  # for `count` of all that live, or of all signed in: from a kept counter, see there
    seen_since: datetime | None = None  # was seen at or after this instant
    created_since: datetime | None = (
        None  # began at or after this instant, as its id tells: spares old ones a look
    )
    created_before: datetime | None = None  # began before this instant, in the same way
    order: Literal["id", "seen"] = "id"  # newest id first, or most recently seen first (one page: no `after`)
    after: UUID | None = None  # the id of the last row of the page before
    limit: int = 100


Action = Literal["end_oldest", "end_idle", "refuse"]


class CapRule(Struct, frozen=True, kw_only=True):
    """At most `limit` sessions of the user live; the new one takes the place of the surplus, or is refused.

    With `same` only those count that have in each of these fields what the new one has (None is the
    same as None).
    """

    limit: int
    action: Action = "end_idle"  # the longest idle first
    same: tuple[Literal["application_id", "tenant_id", "profile"], ...] = ()

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise ValueError("limit must be at least 1: the new session counts")


class Cap(Struct, frozen=True, kw_only=True):
    """What must give way when a user signs in at `at`.

    First the user's live sessions with the new one's `device.id`, `application_id` and `tenant_id` end
    as `REPLACED`. Then each rule makes room among those that are left, in order: the surplus ends as
    `CAP`, or the new session is refused. Once a rule refuses it, nobody ends, by no rule.

    `limit` with `action` is a last rule, about all sessions of the user. The caller knows that nothing
    that began before `created_since` lives: a store need not look there. A session with a `parent_id`,
    in which somebody else acts as the user, is not counted, and does not end for this.
    """

    at: datetime
    created_since: datetime | None = None
    rules: tuple[CapRule, ...] = ()
    limit: int | None = None
    action: Action = "end_idle"

    @property
    def all_rules(self) -> tuple[CapRule, ...]:
        """In the order in which they make room."""
        if self.limit is None:
            return self.rules
        return (*self.rules, CapRule(limit=self.limit, action=self.action))


class Inserted(Struct, frozen=True):
    """`done` is false if the id was known already, or if `in_the_way` had to make room first.

    These are the sessions that the rule `refused_by` counts, newest first.
    """

    done: bool
    ended: tuple[tuple[UUID, Reason], ...] = ()
    in_the_way: tuple[Session, ...] = ()
    refused_by: CapRule | None = None


class Entry(Struct, frozen=True):
    """One line of the log: it voids every snapshot of session `id` with a version below `version`.

    With `revoked_at` the session has ended; the line then says enough to end it again in a store that
    has lost the ending. (An ending made by hand may have no reason.)
    """

    id: UUID
    version: int
    revoked_at: datetime | None = None
    reason: Reason | None = None


class Entries(Struct, frozen=True, kw_only=True):
    """What one poll of the log brought."""

    entries: tuple[Entry, ...]
    cursor: str  # where the next poll goes on; the store's business
    complete: bool = True  # the end of the log was reached; if not, poll again at once
    continues: bool = True  # false: what came after the given cursor may be lost, so this begins anew
    epoch: str  # the log's identity: another one after a failover, a restore, a lost stream
    now: datetime | None = None  # the store's clock; None: it has none but this machine's


class Store(Protocol):
    """Where sessions are kept. Each verb is atomic; times are arguments; faults are the driver's own."""

    faults: tuple[type[Exception], ...]
    """The driver's exceptions that mean "away, full, locked": the web layer answers 503 to them."""

    remote: bool
    """Whether it is another process that answers, for which requests wait: then some are read ahead."""

    async def insert(self, session: Session, *, cap: Cap | None = None) -> Inserted:
        """Add a session; never overwrite one.

        With a *cap*, insertions of one user are serialised and the new session is never the one
        that ends. What a refused insertion would have ended stays.
        """
        ...

    def get(self, id: UUID) -> Awaitable[Session | None]:
        """The session as it was last written, live or ended, exact to the microsecond and in UTC.

        What requests wait for most: a store may give a future where a coroutine would be one more layer.
        """
        ...

    async def replace(self, session: Session, *, at: datetime) -> bool:
        """Overwrite the previous version of *session*, if that one lives at *at*.

        False if the stored version is another, or it has ended, or was purged. Never creates:
        a session that was ended elsewhere stays ended. Never loses activity: the later of stored
        and given `seen_at` and `expires_at` stay (`expires_at` never past the given `ends_at`), and
        so does the confirmation of a generation that did not change. A session that is revoked by
        it, or whose `void_below` rises, gets its line in the log in the same atomic step.
        """
        ...

    async def touch(
        self, seen: Mapping[UUID, Seen], *, at: datetime, unless_since: datetime | None = None
    ) -> None:
        """Record uses. Only of sessions that live at *at*, only forward in time, and never past `ends_at`.

        `version` stays. A `generation` that is the stored one sets `confirmed_at`, once. Who was seen
        after *unless_since* already is left alone but for that: another process was faster.
        """
        ...

    async def select(self, query: Query) -> list[Session]:
        """At most `query.limit` sessions, newest id first; the next page is after the last id.

        With `order="seen"` the most recently seen first.
        """
        ...

    async def count(self, query: Query) -> int:
        """How many match, whatever `limit` and `after` say.

        With `about` the answer may come from a counter that is kept: sessions that ended by time
        are counted until `expire` has noticed them, and `live_at` need not be told apart from now.
        """
        ...

    async def revoke(
        self, query: Query, *, at: datetime, reason: Reason, by: str | None = None, note: str | None = None
    ) -> list[UUID]:
        """End up to `query.limit` matching sessions that live at *at*; say which. The caller repeats.

        An ended session keeps its first reason. Each ending has its line in the log, written in the
        same atomic step. Acknowledged means: on disk.
        """
        ...

    async def entries(self, after: str | None = None, *, limit: int = 10_000) -> Entries:
        """Poll the log: its lines since the cursor *after*, in whatever order, at most *limit* of them.

        Without *after* from the beginning of the log. No committed line is ever passed over, however
        late its transaction commits; a line may come twice. An insertion, a touch and a change that
        neither revokes nor raises `void_below` write none. A poll that finds nothing is cheap.
        """
        ...

    async def listen(self, wake: Callable[[], None]) -> None:
        """Call *wake*, on any thread, whenever the log may have grown, until cancelled; a fault is raised.

        Only a hint: polls carry every promise. Never driven by the blocking face. A store that has
        no such thing returns at once.
        """
        ...

    async def expire(self, *, at: datetime, limit: int = 1000) -> list[Session]:
        """Take note of up to *limit* sessions that had ended by time at *at*; each is returned once, ever.

        Of any number of callers one gets it. A revoked session is never returned, and one that was
        touched meanwhile is noticed at its later end. May lag behind `expires_at` by a minute.
        """
        ...

    async def lease(self, name: str, holder: str, *, at: datetime, until: datetime) -> bool:
        """Take the lease *name* for *holder* until *until*, or extend it; whether it is now his.

        It is free when its last `until` is not after *at*. Giving it back: *until* = *at*.
        """
        ...

    async def purge(self, *, before: datetime, limit: int = 1000, log_before: datetime | None = None) -> int:
        """Forget up to *limit* sessions that had ended before *before*; say how many.

        A store may forget more at once where that is cheaper (a partition whose sessions have all
        ended). With *log_before* it also forgets the lines of the log that were written before that
        instant, by the store's clock; a cursor that pointed there no longer `continues`.
        """
        ...

    async def forget(self, ids: Collection[UUID], *, at: datetime) -> int:
        """Remove the records of those of *ids* that had ended at *at*, however lately; how many.

        What lives stays. The lines of the log stay: they say that a session has ended, and not whose.
        """
        ...

    async def redact(self, sessions: Collection[Session], *, at: datetime) -> int:
        """Write anew who acted, and from where, of those of *sessions* that had ended at *at*; of how many.

        That is `ip`, `place`, `device`, `impersonator_id`, `revoked_by` and `note`, each as it is given;
        nothing else changes, not even `version`. What lives stays, and so does what is stored in another
        version.
        """
        ...

    def blocking(self) -> Self:
        """The same store behind a connection that blocks instead of suspending: for `Sessions`."""
        ...

    async def close(self) -> None:
        """Let go of connections and threads; a second call does nothing."""
        ...


def check_supported(query: Query) -> None:
    """Refuse a question that would have to scan every session ever kept.

    Sessions are found by id, by user, by being alive, and by when they began; the other fields narrow
    one of these.
    """
    finders = (query.id, query.user_id, query.live_at, query.created_since)
    if all(finder is None for finder in finders):
        raise QueryNotSupported(
            "sessions are found by id, user_id, live_at or created_since; add one of these to the query"
        )
    if (query.ended_since is None) != (query.ended_by is None):
        raise QueryNotSupported("ended_since and ended_by go together; give both")
    if query.order == "seen":
        narrowed = query.user_id or query.id or query.application_id or query.tenant_id or query.device_id
        recent = (
            query.seen_since is not None
            and query.live_at is not None
            and query.live_at - query.seen_since <= _RECENT
        )
        searched = any(name is not None for name in (query.ip, query.country, query.kind, query.text))
        searched = searched or query.unheld
        if query.after is not None or searched or not (narrowed or recent):
            raise QueryNotSupported(
                'order="seen" sorts one page of one user\'s sessions, of one application, tenant or device, '
                "or of those seen within the last hour (seen_since); add one of these to the query"
            )
    if query.limit < 1:
        raise QueryNotSupported("limit must be at least 1")


def is_kept(query: Query) -> bool:
    """Whether `count` may answer *query* from a counter that is kept: all that live, or all signed in."""
    asked = _replaced(query, about=False, live_at=None, signed_in=False, order="id", after=None, limit=100)
    return query.about and query.live_at is not None and asked == Query()
