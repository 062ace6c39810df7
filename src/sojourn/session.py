"""The session: a frozen record of one sign-in on one device."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Literal, Self
from uuid import UUID

from msgspec import Struct, field
from msgspec.structs import replace as _replaced

__all__ = [
    "NO_DATA",
    "Device",
    "DeviceKind",
    "Discreet",
    "Held",
    "Place",
    "Reason",
    "Seen",
    "Session",
    "began",
    "bucket_in",
    "bucket_of",
    "lowest_id",
    "new_id",
    "new_salt",
]

DeviceKind = Literal["desktop", "mobile", "tablet", "bot", "api", "unknown"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_LATEST = 1000 * 365 * 86_400_000  # of an id that somebody made up


class Reason(StrEnum):
    """Why a session was revoked. A session that ended by time has none."""

    SIGNED_OUT = "signed_out"  # by its own user, on this device
    USER = "user"  # by its own user, from another device
    REPLACED = "replaced"  # a newer sign-in in the same browser took its place
    CAP = "cap"  # the policy's number of sessions was reached
    REPLAY = "replay"  # an old token was presented for refresh
    PASSWORD_CHANGED = "password_changed"
    ACCOUNT_DISABLED = "account_disabled"
    ACCOUNT_DELETED = "account_deleted"
    ADMIN = "admin"
    SYSTEM = "system"
    REPORTED = "reported"  # by its own user, who says that it was somebody else
    BINDING = "binding"  # it was used from another browser or network, and the policy allows that to none


class Device(Struct, frozen=True, kw_only=True):
    """The software at the other end, as it described itself: a label, never a proof."""

    id: str | None = None  # keyed hash of the device cookie: the same browser, whoever signs in
    kind: DeviceKind = "unknown"
    name: str = "Unknown device"  # "Chrome 143 on macOS"
    model: str | None = None  # only what a Client Hint said beyond "iPhone" or "Mac"
    custom_name: str | None = None  # what its user calls it
    browser: str | None = None
    browser_version: str | None = None
    os: str | None = None
    os_version: str | None = None
    user_agent: str = ""  # cleaned, at most 512 characters; kept so that newer rules can label it again

    @property
    def title(self) -> str:
        """What its user calls it; else the model, if that is known; else the software."""
        return self.custom_name or self.model or self.name


class Place(Struct, frozen=True, kw_only=True):
    """Where an address is thought to be; an estimate from a database, so screens say "about"."""

    city: str | None = None
    country: str | None = None  # ISO 3166-1 alpha-2


class Held(Struct, frozen=True, array_like=True):
    """A revocation that can still be undone: until `until`, by the session `by`, which placed it.

    `ends_at`: the absolute end that the session had, and has again once the hold is lifted.
    """

    until: datetime
    by: UUID
    ends_at: datetime


class _NoData(dict[str, Any]):
    """Empty, and several sessions have it in common: nothing can be put in."""

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise TypeError("the data of a session is not changed in place; call update(data=...) instead")

    __setitem__ = __ior__ = setdefault = update = _refuse

    def __reduce__(self) -> tuple[type[dict[str, Any]], tuple[()]]:
        return dict, ()


NO_DATA: Mapping[str, Any] = _NoData()
"""What a session without data of its own has, as a store reads it."""


class Discreet(Struct, frozen=True):
    """A record that holds a secret: shown by its `repr` alone, which leaves the secret out."""

    def __rich_repr__(self) -> Any:
        """Nothing, so that rich falls back to `repr`; the one of `Struct` yields every field."""


class Session(Discreet, frozen=True, kw_only=True, repr_omit_defaults=True):
    """One sign-in on one device. All times are aware, in UTC, exact to the microsecond.

    `expires_at` is the one column that says whether a session lives: the idle end plus the
    allowance for unwritten activity (`Policy.allowance`), never after `ends_at`. What people are
    told is `lifecycle.idle_end`, without the allowance.
    """

    id: UUID  # a public handle: no credential, still personal data (it tells the millisecond of sign-in)
    user_id: str | None  # None: a visitor who has not signed in
    application_id: str | None = None
    tenant_id: str | None = None

    salt: bytes  # the secret half of every token of this session; never printed
    generation: int = 0  # how often the token was rotated or renewed
    key_id: int  # the key under which the current generation is derived

    created_at: datetime
    seen_at: datetime
    authenticated_at: datetime | None = None  # moved by signing in and re-authenticating, never by refresh
    expires_at: datetime
    ends_at: datetime  # the absolute end: it only ever moves earlier, but when a hold is lifted
    rotated_at: datetime | None = None
    confirmed_at: datetime | None = None  # when the current generation first came back
    forgiven_at: datetime | None = None  # when a lost answer was last repeated: the grace began anew
    renew_due: bool = False  # a privilege changed: the next use gets a new salt

    revoked_at: datetime | None = None
    reason: Reason | None = None
    revoked_by: str | None = None  # a user id, or None: the system
    note: str | None = None  # for administrators only; at most 255 characters

    amr: tuple[str, ...] = ()  # RFC 8176
    aal: int = 0  # NIST SP 800-63B assurance level; 0 before signing in
    device: Device = Device()
    place: Place | None = None
    ip: str | None = None
    remember: bool = False
    profile: str | None = None  # the named rules under which it was started: see `Policies`
    impersonator_id: str | None = None  # the administrator who acts as `user_id`; then there is a parent, too
    parent_id: UUID | None = None  # the administrator's own session, with which this one ends
    parent_version: int = 0  # its `void_below` when this one began: with a renewal of it this one ends
    held: Held | None = None  # over for everybody, unless it is undone in time: see `lifecycle.hold`
    idle_timeout: timedelta | None = (
        None  # the user's own; in whole seconds, and only ever shorter than the policy's
    )
    data: Mapping[str, Any] = field(default_factory=dict)
    version: int = 1  # one more with every change but a touch
    void_below: int = 0  # snapshots of a lower version are void: see `voiding`

    def change(self, **fields: Any) -> Self:
        """The same session with *fields* set, as its next version."""
        return _replaced(self, version=self.version + 1, **fields)

    def voiding(self, **fields: Any) -> Self:
        """`change`, and others must not learn it late: it voids every snapshot of an earlier version."""
        return self.change(void_below=self.version + 1, **fields)

    @property
    def actor(self) -> str | None:
        """Who really acts: the user, or the administrator who impersonates them."""
        return self.impersonator_id or self.user_id

    @property
    def held_until(self) -> datetime | None:
        """Until when its ending can be undone; or could have been, of one that has ended."""
        return None if self.held is None else self.held.until

    def live(self, at: datetime) -> bool:
        """Whether the record alone says that the session lives at *at*."""
        return self.revoked_at is None and at < self.expires_at

    def __repr__(self) -> str:
        state = (
            f"revoked: {self.reason}" if self.revoked_at else f"expires {self.expires_at:%Y-%m-%dT%H:%M:%SZ}"
        )
        return f"<Session {self.id} of {self.user_id!r}, {self.device.name!r}, {state}>"


class Seen(Struct, frozen=True):
    """A use of a session. `generation`, if given, came back from the bearer: that confirms it."""

    seen_at: datetime
    expires_at: datetime
    generation: int | None = None


def new_salt() -> bytes:
    """32 bytes from the operating system's generator (ASVS 7.2.3, 11.5.1)."""
    return os.urandom(32)


def new_id(at: datetime, user_id: str | None) -> UUID:
    """A UUIDv7 (RFC 9562) of *at* whose 12 `rand_a` bits are the bucket of *user_id*.

    The bucket is an unkeyed hash, because routing must outlive every key. Anonymous sessions are
    spread evenly.
    """
    noise = int.from_bytes(os.urandom(10))
    bucket = noise >> 68 if user_id is None else bucket_of(user_id)
    return UUID(int=_stamp(at) << 80 | 0x7 << 76 | bucket << 64 | 0b10 << 62 | noise & (1 << 62) - 1)


def lowest_id(at: datetime) -> UUID:
    """The smallest id that a session created at *at* or later can have."""
    return UUID(int=_stamp(at) << 80)


def began(id: UUID) -> datetime:
    """When the session with that *id* began, to the millisecond."""
    return _EPOCH + min(id.int >> 80, _LATEST) * _MILLISECOND


def bucket_of(user_id: str) -> int:
    """One of 4,096 buckets: all sessions of one user share it."""
    return int.from_bytes(hashlib.blake2b(user_id.encode(), digest_size=2).digest()) >> 4


def bucket_in(id: UUID) -> int:
    """The bucket of the session with that *id*: see `new_id`."""
    return id.int >> 64 & 0xFFF


def _stamp(at: datetime) -> int:
    return max(0, (at - _EPOCH) // _MILLISECOND)
