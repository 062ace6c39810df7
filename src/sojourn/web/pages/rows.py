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

__all__ = ["Row", "rows"]

_SOON = timedelta(minutes=5)


class Row(Struct, frozen=True, kw_only=True):
    """What a template needs to know of *session*, in words; it escapes them all."""

    session: Session
    policy: Policy
    now: datetime
    mine: UUID | None = None  # the session that asks
    user: User | None = None  # for administrators
    application: str | None = None  # the name of the one that has it
    tenant: str | None = None

    @property
    def id(self) -> UUID:
        return self.session.id

    @property
    def current(self) -> bool:
        return self.session.id == self.mine

    @property
    def acted(self) -> bool:
        """Whether an administrator acts as the user."""
        return self.session.parent_id is not None

    @property
    def kind(self) -> DeviceKind:
        return self.session.device.kind

    @property
    def title(self) -> str:
        """The model, where one is known; else the software, which is then not said twice."""
        return self.session.device.model or self.session.device.name

    @property
    def software(self) -> str | None:
        return self.session.device.name if self.session.device.model else None

    @property
    def ip(self) -> str:
        return self.session.ip or "Address unknown"

    @property
    def place(self) -> str:
        """Only an estimate, so "about"."""
        place = self.session.place
        known = ", ".join(filter(None, (place.city, place.country))) if place else ""
        return f"about {known}" if known else "Location unknown"

    @property
    def created_at(self) -> datetime:
        return self.session.created_at

    @property
    def seen_at(self) -> datetime:
        return self.session.seen_at

    @property
    def active(self) -> str:
        said = wording.ago(self.seen_at, self.now)
        return said if said == "Active now" else f"Last active {said}"

    @property
    def expires_at(self) -> datetime:
        return lifecycle.idle_end(self.session, self.policy)

    @property
    def expires(self) -> str:
        return f"Expires in {wording.left(self.expires_at - self.now)}{' (soon)' if self.soon else ''}"

    @property
    def soon(self) -> bool:
        return self.expires_at - self.now < _SOON

    @property
    def ended_at(self) -> datetime:
        return self.session.revoked_at or lifecycle.idle_end(self.session, self.policy)

    @property
    def ending(self) -> str:
        return wording.ending(self.session, self.policy)


async def rows(call: Call, sessions: Iterable[Session], *, mine: UUID | None = None) -> list[Row]:
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
        )
        found.append(row)
    return found
