"""A session as a line of a page."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct

from sojourn import lifecycle
from sojourn.accounts import User
from sojourn.api.routes import Call
from sojourn.policy import Policy
from sojourn.session import DeviceKind, Session
from sojourn.web.pages import wording
from sojourn.web.pages.language import ENGLISH, Words

__all__ = ["Row", "rows"]

_SOON, _NEW = timedelta(minutes=5), timedelta(days=1)
_METHODS = {
    "pwd": "method.pwd",
    "otp": "method.otp",
    "mfa": "method.mfa",
    "hwk": "method.key",
    "swk": "method.key",
    "pop": "method.key",
    "fed": "method.fed",
}


class Row(Struct, frozen=True, kw_only=True):
    """What a template needs to know of *session*, in words; it escapes them all."""

    session: Session
    policy: Policy
    now: datetime
    mine: UUID | None = None  # the session that asks
    user: User | None = None  # for administrators
    application: str | None = None  # the name of the one that has it
    tenant: str | None = None
    say: Words = ENGLISH

    @property
    def id(self) -> UUID:
        return self.session.id

    @property
    def current(self) -> bool:
        return self.session.id == self.mine

    @property
    def live(self) -> bool:
        return lifecycle.ended(self.session, self.policy, self.now) is None

    @property
    def acted(self) -> bool:
        """Whether an administrator acts as the user."""
        return self.session.parent_id is not None

    @property
    def kind(self) -> DeviceKind:
        return self.session.device.kind

    @property
    def title(self) -> str:
        """What the device is called; of which the software then is not said once more."""
        return self.session.device.title

    @property
    def badges(self) -> list[tuple[str, str]]:
        """What is worth knowing at a glance: a kind for the style sheet, and the words."""
        told = {
            "current": self.current,
            "new": not self.current and self.now - self.created_at < _NEW,
            "remembered": self.session.remember,
            "support": self.acted,
        }
        return [(kind, self.say(f"row.{kind}")) for kind, holds in told.items() if holds]

    @property
    def methods(self) -> str:
        """How they signed in, in words where there are some (RFC 8176)."""
        named = (self.say(key) if (key := _METHODS.get(method)) else method for method in self.session.amr)
        return ", ".join(dict.fromkeys(named))

    @property
    def runs(self) -> str:
        """The browser and the system, each with its version."""
        device = self.session.device
        halves = ((device.browser, device.browser_version), (device.os, device.os_version))
        return " · ".join(" ".join(filter(None, half)) for half in halves if half[0])

    @property
    def software(self) -> str | None:
        device = self.session.device
        return device.name if device.custom_name or device.model else None

    @property
    def ip(self) -> str:
        return self.session.ip or self.say("row.noAddress")

    @property
    def place(self) -> str:
        """Only an estimate, so "about"."""
        place = self.session.place
        known = ", ".join(filter(None, (place.city, place.country))) if place else ""
        return self.say("row.place", place=known) if known else self.say("row.noPlace")

    @property
    def created_at(self) -> datetime:
        return self.session.created_at

    @property
    def seen_at(self) -> datetime:
        return self.session.seen_at

    @property
    def active(self) -> str:
        said = wording.ago(self.seen_at, self.now, self.say)
        return said if said == self.say("row.active") else self.say("row.lastActive", ago=said)

    @property
    def expires_at(self) -> datetime:
        return lifecycle.idle_end(self.session, self.policy)

    @property
    def expires(self) -> str:
        left = wording.left(self.expires_at - self.now, self.say)
        return self.say("row.soon" if self.soon else "row.expires", left=left)

    @property
    def soon(self) -> bool:
        return self.expires_at - self.now < _SOON

    @property
    def ended_at(self) -> datetime:
        return lifecycle.ending(self.session, self.policy).at

    @property
    def ending(self) -> str:
        return wording.ending(self.session, self.policy, self.say)


async def rows(
    call: Call, sessions: Iterable[Session], *, mine: UUID | None = None, say: Words = ENGLISH
) -> list[Row]:
    """*sessions* with the names of their applications and tenants; of one that is gone, its id."""
    policy, now = call.visit.site.sessions.policy, call.visit.site.sessions.clock()
    found = []
    for session in sessions:
        application = tenant = None
        if session.application_id is not None:
            application = await call.directory.application(session.application_id)
        if session.tenant_id is not None:
            tenant = await call.directory.tenant(session.tenant_id)
        row = Row(
            session=session,
            policy=policy,
            now=now,
            mine=mine,
            application=application.name if application else session.application_id,
            tenant=tenant.name if tenant else session.tenant_id,
            say=say,
        )
        found.append(row)
    return found
