"""What happened, in the past tense: facts for logs, metrics and alerts, never a credential.

Each has `name`, which lines up with OpenID CAEP 1.0 and the OWASP logging vocabulary.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar, Literal
from uuid import UUID

from msgspec import Struct

from sojourn.session import Reason

__all__ = [
    "CookieDoubled",
    "DeviceChanged",
    "Event",
    "Expired",
    "GivenUp",
    "Impersonated",
    "Recovered",
    "Refreshed",
    "Refused",
    "Renewed",
    "Replayed",
    "Revoked",
    "SignInFailed",
    "Started",
    "Verdict",
]

Verdict = Literal["rotated", "twin", "lost_answer"]


class Event(Struct, frozen=True, kw_only=True):
    """`at` is the façade's clock; ids are public handles."""

    name: ClassVar[str]

    at: datetime
    session_id: UUID | None = None
    user_id: str | None = None
    ip: str | None = None


class Started(Event, frozen=True, kw_only=True):
    name: ClassVar[str] = "session-established"
    device: str
    amr: tuple[str, ...] = ()


class Impersonated(Event, frozen=True, kw_only=True):
    """The administrator *by* began to act as the user, in a session that ends with his own, `parent_id`."""

    name: ClassVar[str] = "session-impersonated"
    by: str
    parent_id: UUID


class Refreshed(Event, frozen=True, kw_only=True):
    """`verdict`: the current token was rotated, a twin came within the grace, or an answer was lost."""

    name: ClassVar[str] = "session-refreshed"
    verdict: Verdict


class Replayed(Event, frozen=True, kw_only=True):
    """An old token was used to refresh, and the session was ended."""

    name: ClassVar[str] = "token-reused"
    generation: int
    current: int


class Renewed(Event, frozen=True, kw_only=True):
    name: ClassVar[str] = "session-renewed"
    amr: tuple[str, ...] = ()


class Recovered(Event, frozen=True, kw_only=True):
    """A token was ahead of the record: the store was rolled back, and the record was moved forward."""

    name: ClassVar[str] = "session-recovered"
    generation: int
    stored: int


class Revoked(Event, frozen=True, kw_only=True):
    name: ClassVar[str] = "session-revoked"
    reason: Reason
    by: str | None = None


class Expired(Event, frozen=True, kw_only=True):
    """A session ended by time, and that was noticed now. `duration`: from its start to that end."""

    name: ClassVar[str] = "session-expired"
    kind: Literal["idle", "absolute"]
    duration: timedelta


class Refused(Event, frozen=True, kw_only=True):
    """A genuine-looking token was turned away; `code` is the refusal's."""

    name: ClassVar[str] = "token-refused"
    code: str


class DeviceChanged(Event, frozen=True, kw_only=True):
    """Within one session the browser or the system became another one: a signal, not a proof."""

    name: ClassVar[str] = "device-changed"
    before: str
    after: str


class CookieDoubled(Event, frozen=True, kw_only=True):
    """Two different cookies bore our name: somebody may have planted one (RFC 6265bis section 8.6)."""

    name: ClassVar[str] = "duplicate-cookie"


class SignInFailed(Event, frozen=True, kw_only=True):
    """`account` is a keyed hash of what was typed: enough to count by, too little to read."""

    name: ClassVar[str] = "authn-login-fail"
    account: str


class GivenUp(Event, frozen=True, kw_only=True):
    """A message is not sent any more. `target`: for whom it was, an application for example."""

    name: ClassVar[str] = "delivery-given-up"
    message_id: UUID
    kind: str
    target: str
    attempts: int
    error: str
