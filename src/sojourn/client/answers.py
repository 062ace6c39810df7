"""What the server answers, as typed records; every time is aware, in UTC."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
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
    "Limits",
    "MachineToken",
    "PlaceView",
    "SessionList",
    "SessionRow",
    "SignedIn",
    "Stats",
    "Tokens",
    "UserList",
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
    impersonated: bool = False  # an administrator acts as the user (an older server knows no such thing)


class EndedRow(SessionRow, frozen=True, kw_only=True):
    """An ended session. `reason` is None if it ended by time; `by` is user, admin or system.

    `reason` is a text, because a newer server may know reasons that `sojourn.Reason` does not.
    """

    ended_at: Time
    reason: str | None
    by: str | None


class SessionList(Struct, frozen=True, kw_only=True):
    """Live sessions, the caller's own first, then the most recently active."""

    sessions: list[SessionRow]
    count: int
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


class Stats(Struct, frozen=True, kw_only=True):
    """Currently logged in: `sessions` of `users` people."""

    sessions: int
    users: int
    accounts: int
    server_now: Time


class AdminRow(SessionRow, frozen=True, kw_only=True):
    user_id: str | None
    note: str | None


class AdminList(Struct, frozen=True, kw_only=True):
    """One page, newest first. `next` is the `after` of the next page, None on the last."""

    sessions: list[AdminRow]
    count: int
    next: str | None
    server_now: Time


class UserList(Struct, frozen=True, kw_only=True):
    """One page of accounts, newest first."""

    users: list[UserView]
    count: int
    next: str | None
