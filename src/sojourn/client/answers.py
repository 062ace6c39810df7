"""What the server answers, as typed records; every time is aware, in UTC."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct, field
from msgspec.structs import force_setattr

from sojourn.session import Discreet

__all__ = [
    "AdminList",
    "AdminRow",
    "Counted",
    "Current",
    "DeviceView",
    "Done",
    "Ended",
    "EndedRow",
    "FeedLine",
    "FeedPage",
    "History",
    "Introspection",
    "Job",
    "JobList",
    "Limits",
    "Line",
    "Lines",
    "MachineToken",
    "Person",
    "PlaceView",
    "Preferences",
    "Reading",
    "Refreshes",
    "Reported",
    "Series",
    "SessionList",
    "SessionRow",
    "SignedIn",
    "Stats",
    "Tokens",
    "UserList",
    "UserShown",
    "UserView",
]

Time = Annotated[datetime, Meta(tz=True)]


class DeviceView(Struct, frozen=True, kw_only=True):
    """The software at the other end, as it described itself: `name` is "Chrome 143 on macOS"."""

    id: str | None
    kind: str
    name: str
    model: str | None
    browser: str | None
    browser_version: str | None
    os: str | None
    os_version: str | None
    custom_name: str | None = None  # what its user calls it


class PlaceView(Struct, frozen=True, kw_only=True):
    """About where; an estimate."""

    city: str | None
    country: str | None


class SessionRow(Struct, frozen=True, kw_only=True):
    """A live session: it ends at `expires_at` if nobody comes back, at `ends_at` in any case."""

    id: UUID
    current: bool
    device: DeviceView
    ip: str | None
    place: PlaceView | None
    created_at: Time
    seen_at: Time
    expires_at: Time
    ends_at: Time
    authenticated_at: Time | None
    application_id: str | None
    tenant_id: str | None
    remember: bool
    amr: tuple[str, ...] = ()  # how they signed in (RFC 8176)
    impersonated: bool = False  # an administrator acts as the user (an older server knows no such thing)


class EndedRow(SessionRow, frozen=True, kw_only=True):
    """An ended session. `reason` is None if it ended by time; `by` is user, admin or system.

    `reason` is a text, because a newer server may know reasons that `sojourn.Reason` does not.
    """

    ended_at: Time
    reason: str | None
    by: str | None


class SessionList(Struct, frozen=True, kw_only=True):
    """Live sessions, the caller's own first, then the most recently active.

    `version` tells one state of the whole list from another. It is None if not all of the list was asked
    for, and from an older server.
    """

    sessions: list[SessionRow]
    count: int
    version: str | None = None
    server_now: Time


class History(Struct, frozen=True, kw_only=True):
    """Sessions that ended lately, latest first."""

    sessions: list[EndedRow]
    count: int
    server_now: Time


class Ended(Struct, frozen=True, kw_only=True):
    """One session was revoked; until `undo_until`, if there is one, that can be taken back."""

    id: UUID
    undo_until: Time | None = None
    message: str = "Session revoked successfully"


class Counted(Struct, frozen=True, kw_only=True):
    """How many sessions were revoked."""

    count: int
    success: bool = True
    message: str = ""

    def __post_init__(self) -> None:
        if not self.message:
            force_setattr(self, "message", f"Revoked {self.count} session{'s' * (self.count != 1)}")


class Reported(Struct, frozen=True, kw_only=True):
    """A session was reported; how many ended for it."""

    id: UUID
    count: int


class Preferences(Struct, frozen=True, kw_only=True):
    """What the caller has decided about their sessions, and what they may, in seconds.

    `idle_timeout`: None, as the policy has it. `idle_timeout_most`: the policy's; None: it has none.
    """

    idle_timeout: int | None
    idle_timeout_most: int | None
    idle_timeout_least: int
    choices: list[int]


class Done(Struct, frozen=True, kw_only=True):
    """It is as it was asked for."""

    success: bool = True
    message: str = "Logged out"


class UserView(Struct, frozen=True, kw_only=True):
    id: str
    email: str
    name: str
    role: str
    created_at: Time
    disabled: bool


class Limits(Struct, frozen=True, kw_only=True):
    """The policy's numbers, in seconds and as people say them."""

    lifetime: int
    lifetime_words: str
    idle_timeout: int | None
    idle_timeout_words: str | None
    activity_every: int
    fresh_for: int
    rotate_every: int | None
    undo_for: int = 0  # how long the sign-out of another device can be undone; 0: not at all


class Current(Struct, frozen=True, kw_only=True):
    """The caller's session, its user, and the limits that people read."""

    user: UserView | None
    session: SessionRow
    limits: Limits
    server_now: Time


# ── tokens ────────────────────────────────────────────────────────────────────────────────────


class SignedIn(Discreet, frozen=True, kw_only=True):
    """Signed in. `access_token` is good for `expires_in` seconds; `refresh_token` gets the next one."""

    user: UserView
    session: SessionRow
    access_token: str
    refresh_token: str
    token_type: str
    expires_in: int

    def __repr__(self) -> str:
        return f"<SignedIn {self.user.id!r}, session {self.session.id}>"


class Tokens(Discreet, frozen=True, kw_only=True):
    """The session's tokens of now; the ones before are superseded. `server_now` is the server's clock."""

    access_token: str
    refresh_token: str
    token_type: str
    expires_in: int
    session: SessionRow
    server_now: Time | None = None

    def __repr__(self) -> str:
        return f"<Tokens of session {self.session.id}, for {self.expires_in} s>"


class MachineToken(Discreet, frozen=True, kw_only=True):
    """What an application got for itself (RFC 6749 section 4.4)."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str = ""

    def __repr__(self) -> str:
        return f"<MachineToken for {self.expires_in} s, scope {self.scope!r}>"


class Introspection(Struct, frozen=True, kw_only=True):
    """What the server says of a token (RFC 7662); of one that is not active, nothing else."""

    active: bool
    token_type: str | None = None
    sub: str | None = None
    sid: UUID | None = None
    client_id: str | None = None
    aud: list[str] | str | None = None
    scope: str | None = None
    exp: int | None = None
    iat: int | None = None
    auth_time: int | None = None
    amr: list[str] = field(default_factory=list)
    acr: str | None = None
    tenant_id: str | None = None
    username: str | None = None
    ver: int = 0
    session: SessionRow | None = None


class FeedLine(Struct, frozen=True, kw_only=True):
    """It voids every snapshot of session `id` with a version below `version`."""

    id: UUID
    version: int
    revoked_at: Time | None
    reason: str | None


class FeedPage(Struct, frozen=True, kw_only=True):
    """One poll of the log of revocations: see `sojourn.stores.protocol.Entries`."""

    entries: list[FeedLine]
    cursor: str
    complete: bool
    continues: bool
    epoch: str
    now: Time | None


# ── administration ────────────────────────────────────────────────────────────────────────────


class Refreshes(Struct, frozen=True, kw_only=True):
    """How refreshing went since midnight UTC; `rate`: the part that succeeded."""

    succeeded: int
    failed: int
    rate: float | None
    since: Time


class Stats(Struct, frozen=True, kw_only=True):
    """Currently logged in: `sessions` of `users` people. What only a journal knows is None without one.

    What is named in `approximate` may be minutes old.
    """

    sessions: int
    users: int
    accounts: int
    devices_each: float | None = None
    created_today: int | None = None
    ended_today: int | None = None
    revoked_today: int | None = None
    created_before: int | None = None
    refresh: Refreshes | None = None
    alerts_open: int | None = None
    approximate: list[str] = []
    server_now: Time


class Person(Struct, frozen=True, kw_only=True):
    id: str
    email: str
    name: str


class AdminRow(SessionRow, frozen=True, kw_only=True):
    """A session as administrators see it; `state`: "active", "held" or "ended"."""

    user_id: str | None
    note: str | None
    user: Person | None = None
    state: str = "active"
    ended_at: Time | None = None
    undo_until: Time | None = None
    reason: str | None = None
    ended_by: str | None = None
    impersonator_id: str | None = None


class AdminList(Struct, frozen=True, kw_only=True):
    """One page, newest first. `next` is the `after` of the next page, None on the last.

    Not `complete`: the search was long, and the next page goes on with it. `count` is None but on the
    first page; `count_is`: "exact", "at_least" or "about".
    """

    sessions: list[AdminRow]
    count: int | None
    count_is: str = "exact"
    next: str | None
    complete: bool = True
    server_now: Time


class Job(Struct, frozen=True, kw_only=True):
    """A bulk revocation: see `sojourn.observe.jobs.job.Job`."""

    id: UUID
    state: str
    expected: int
    done: int
    skipped: int
    created_at: Time
    started_at: Time | None = None
    over_at: Time | None = None
    by: str
    reason: str
    note: str | None
    undo_for: int  # seconds
    undo_until: Time | None
    except_administrators: bool
    where: dict[str, Any] | None
    sample: list[AdminRow]
    error: str | None = None
    server_now: Time


class JobList(Struct, frozen=True, kw_only=True):
    """Bulk revocations, the latest first."""

    jobs: list[Job]
    next: str | None
    server_now: Time


class Reading(Struct, frozen=True, kw_only=True):
    """What was counted in one step, by label; None where nobody was watching."""

    at: Time
    values: dict[str, int | None]


class Series(Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """What was counted over time, and `before` that, if it was asked for."""

    metric: str
    step: str
    from_: Time
    to: Time
    labels: list[str]
    points: list[Reading]
    before: list[Reading] | None
    summary: str | None
    server_now: Time


class Line(Struct, frozen=True, kw_only=True):
    """One event of the journal. `personal` is masked, unless it was asked for; None: it is kept no longer."""

    place: int
    at: Time
    name: str
    session_id: UUID | None
    user_id: str | None
    facts: dict[str, Any]
    personal: dict[str, Any] | None


class Lines(Struct, frozen=True, kw_only=True):
    """One page of the journal, newest first."""

    lines: list[Line]
    next: int | None
    server_now: Time


class UserShown(UserView, frozen=True, kw_only=True):
    """One user; `sessions`: how many live now."""

    sessions: int
    server_now: Time


class UserList(Struct, frozen=True, kw_only=True):
    """One page of accounts, newest first."""

    users: list[UserView]
    count: int
    next: str | None
    server_now: Time | None = None  # an older server does not say
