"""What happened, in the past tense: facts for logs, metrics and alerts, never a credential.

Each has `name`, which lines up with OpenID CAEP 1.0 and the OWASP logging vocabulary.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar, Literal
from uuid import UUID

from msgspec import Struct

from sojourn.session import DeviceKind, Place, Reason, began

__all__ = [
    "AdminActed",
    "Challenged",
    "CookieDoubled",
    "CredentialsChanged",
    "DeviceChanged",
    "Event",
    "Expired",
    "GivenUp",
    "HeldBack",
    "Impersonated",
    "JournalGap",
    "NetworkChanged",
    "NewDevice",
    "NewPlace",
    "Presented",
    "Recovered",
    "Refreshed",
    "Refused",
    "Renewed",
    "Replayed",
    "Reported",
    "Restored",
    "Revoked",
    "SignInFailed",
    "Started",
    "Travelled",
    "Verdict",
]

Verdict = Literal["rotated", "twin", "lost_answer"]


class Event(Struct, frozen=True, kw_only=True):
    """`at` is the façade's clock; ids are public handles.

    `plain`: the fields that say nothing about a person, and so outlive what is known of one in the
    journal. `software`: those that name a browser; they do, once its version is taken off. `persons`: those
    that are a user's id, where they are a text.
    """

    name: ClassVar[str]
    plain: ClassVar[tuple[str, ...]] = ()
    software: ClassVar[tuple[str, ...]] = ()
    persons: ClassVar[tuple[str, ...]] = ()

    at: datetime
    session_id: UUID | None = None
    user_id: str | None = None
    ip: str | None = None


class Started(Event, frozen=True, kw_only=True):
    """`device_id`: as `Device.id`; `device`: what the software is called."""

    name: ClassVar[str] = "session-established"
    plain: ClassVar[tuple[str, ...]] = ("amr", "kind", "remember", "application_id", "tenant_id", "profile")
    software: ClassVar[tuple[str, ...]] = ("device",)
    device: str
    amr: tuple[str, ...] = ()
    kind: DeviceKind = "unknown"
    device_id: str | None = None
    place: Place | None = None
    remember: bool = False
    application_id: str | None = None
    tenant_id: str | None = None
    profile: str | None = None


class Impersonated(Event, frozen=True, kw_only=True):
    """The administrator *by* began to act as the user, in a session that ends with his own, `parent_id`."""

    name: ClassVar[str] = "session-impersonated"
    plain: ClassVar[tuple[str, ...]] = ("parent_id",)
    persons: ClassVar[tuple[str, ...]] = ("by",)
    by: str
    parent_id: UUID


class Presented(Event, frozen=True, kw_only=True):
    """The session was used again after a *pause*. The journal alone hears it, and only of long ones."""

    name: ClassVar[str] = "session-presented"
    plain: ClassVar[tuple[str, ...]] = ("pause",)
    pause: timedelta


class Refreshed(Event, frozen=True, kw_only=True):
    """`verdict`: the current token was rotated, a twin came within the grace, or an answer was lost."""

    name: ClassVar[str] = "session-refreshed"
    plain: ClassVar[tuple[str, ...]] = ("verdict",)
    verdict: Verdict


class Replayed(Event, frozen=True, kw_only=True):
    """An old token was used to refresh, and the session was ended."""

    name: ClassVar[str] = "token-reused"
    plain: ClassVar[tuple[str, ...]] = ("generation", "current")
    generation: int
    current: int

    @property
    def duration(self) -> timedelta | None:
        """From the start of the session to its end, by its id."""
        return _lasted(self)


class Renewed(Event, frozen=True, kw_only=True):
    name: ClassVar[str] = "session-renewed"
    plain: ClassVar[tuple[str, ...]] = ("amr",)
    amr: tuple[str, ...] = ()


class Recovered(Event, frozen=True, kw_only=True):
    """A token was ahead of the record: the store was rolled back, and the record was moved forward."""

    name: ClassVar[str] = "session-recovered"
    plain: ClassVar[tuple[str, ...]] = ("generation", "stored")
    generation: int
    stored: int


class Revoked(Event, frozen=True, kw_only=True):
    name: ClassVar[str] = "session-revoked"
    plain: ClassVar[tuple[str, ...]] = ("reason",)
    persons: ClassVar[tuple[str, ...]] = ("by",)
    reason: Reason
    by: str | None = None

    @property
    def duration(self) -> timedelta | None:
        """From the start of the session to its end, by its id, which tells when it began."""
        return _lasted(self)


class HeldBack(Event, frozen=True, kw_only=True):
    """The administrator *by* ended the session, and can bring it back for *undo_for*. The end is told then.

    `note`: why, in their words, and by which job.
    """

    name: ClassVar[str] = "session-held"
    plain: ClassVar[tuple[str, ...]] = ("undo_for",)
    persons: ClassVar[tuple[str, ...]] = ("by",)
    by: str | None
    undo_for: timedelta
    note: str | None = None


class Restored(Event, frozen=True, kw_only=True):
    """What was `HeldBack` lives again; it never ended."""

    name: ClassVar[str] = "session-restored"
    persons: ClassVar[tuple[str, ...]] = ("by",)
    by: str | None
    note: str | None = None


class Reported(Event, frozen=True, kw_only=True):
    """The user, in the session *by* or by the link of a notice, says that `session_id` is somebody else's."""

    name: ClassVar[str] = "session-reported"
    plain: ClassVar[tuple[str, ...]] = ("by",)
    software: ClassVar[tuple[str, ...]] = ("device",)
    by: UUID | None = None
    device: str


class Expired(Event, frozen=True, kw_only=True):
    """A session ended by time, and that was noticed now. `duration`: from its start to that end."""

    name: ClassVar[str] = "session-expired"
    plain: ClassVar[tuple[str, ...]] = ("kind", "duration")
    kind: Literal["idle", "absolute"]
    duration: timedelta


class Refused(Event, frozen=True, kw_only=True):
    """A genuine-looking token was turned away; `code`: why. *refreshing*: it was to be rotated."""

    name: ClassVar[str] = "token-refused"
    plain: ClassVar[tuple[str, ...]] = ("code", "refreshing")
    code: str
    refreshing: bool = False


class DeviceChanged(Event, frozen=True, kw_only=True):
    """Within one session the browser or the system became another one: a signal, not a proof."""

    name: ClassVar[str] = "device-changed"
    software: ClassVar[tuple[str, ...]] = ("before", "after")
    before: str
    after: str


class NetworkChanged(Event, frozen=True, kw_only=True):
    """Within one session the country or the network became another one: a signal, not a proof.

    Each of the two is a country with the cut address, as far as they are known.
    """

    name: ClassVar[str] = "network-changed"
    before: str
    after: str


class Challenged(Event, frozen=True, kw_only=True):
    """From where the session is used now, sensitive acts want one more proof. `why`: what became another."""

    name: ClassVar[str] = "session-challenged"
    plain: ClassVar[tuple[str, ...]] = ("why",)
    why: str


class CookieDoubled(Event, frozen=True, kw_only=True):
    """Two different cookies bore our name: somebody may have planted one (RFC 6265bis section 8.6)."""

    name: ClassVar[str] = "duplicate-cookie"


class SignInFailed(Event, frozen=True, kw_only=True):
    """`account` is a keyed hash of what was typed: enough to count by, too little to read."""

    name: ClassVar[str] = "authn-login-fail"
    account: str


class CredentialsChanged(Event, frozen=True, kw_only=True):
    """How a user signs in became another, by the hand of *by*: themselves, or an administrator.

    `provider`: with what they can sign in now, or no longer; `before`: the address that they had.
    """

    name: ClassVar[str] = "credential-change"
    plain: ClassVar[tuple[str, ...]] = ("change", "provider")
    persons: ClassVar[tuple[str, ...]] = ("by",)
    change: Literal["password", "password-set", "linked", "unlinked", "email"]
    provider: str | None = None
    by: str | None = None
    before: str | None = None


class GivenUp(Event, frozen=True, kw_only=True):
    """A message is not sent any more. `target`: for whom it was, an application for example."""

    name: ClassVar[str] = "delivery-given-up"
    plain: ClassVar[tuple[str, ...]] = ("message_id", "kind", "attempts")
    message_id: UUID
    kind: str
    target: str
    attempts: int
    error: str


class NewDevice(Event, frozen=True, kw_only=True):
    """The user signed in from a browser that was not seen with them before."""

    name: ClassVar[str] = "new-device"
    software: ClassVar[tuple[str, ...]] = ("device",)
    device: str
    place: Place | None = None


class NewPlace(Event, frozen=True, kw_only=True):
    """The user signed in from a country from which they had not before. ISO 3166-1 alpha-2."""

    name: ClassVar[str] = "new-country"
    plain: ClassVar[tuple[str, ...]] = ("before", "after")
    before: tuple[str, ...]
    after: str


class Travelled(Event, frozen=True, kw_only=True):
    """Between two sign-ins of the user lies a way that nobody travels in that time."""

    name: ClassVar[str] = "authn-impossible-travel"
    plain: ClassVar[tuple[str, ...]] = ("before", "after", "kilometres", "within")
    before: str | None
    after: str | None
    kilometres: int
    within: timedelta


class AdminActed(Event, frozen=True, kw_only=True):
    """An administrator did what has to be accounted for. *act*: a word of ours, such as `bulk-revoke`.

    `target`: to whom it was done, or, as a `UUID`, to what else: a session, an alert, a job. `count`: to
    how many; `note`: why, in their words.
    """

    name: ClassVar[str] = "admin-action"
    plain: ClassVar[tuple[str, ...]] = ("act", "count")
    persons: ClassVar[tuple[str, ...]] = ("by", "target")
    act: str
    by: str
    target: str | UUID | None = None
    count: int | None = None
    note: str | None = None


class JournalGap(Event, frozen=True, kw_only=True):
    """So many events were not written to the journal: it was away for too long."""

    name: ClassVar[str] = "journal-gap"
    plain: ClassVar[tuple[str, ...]] = ("count",)
    count: int


def _lasted(event: Event) -> timedelta | None:
    id = event.session_id
    if id is None or id.version != 7:  # somebody else's, which does not tell when it began
        return None
    return max(event.at - began(id), timedelta(0))
