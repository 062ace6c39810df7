"""A browser that is no longer the one with which its session began."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from sojourn import device as devices
from sojourn.errors import SessionError
from sojourn.events import DeviceChanged
from sojourn.session import Session
from sojourn.web.site import Site

__all__ = ["noticed"]

_log = logging.getLogger("sojourn")


async def noticed(site: Site, session: Session, headers: Mapping[str, str], ip: str | None) -> Session:
    """Note that the browser was updated; tell if it has become another one (OWASP, OS-18: a signal)."""
    before, sessions = session.device, site.sessions
    if not site.tell_once(session.id, headers["user-agent"]):
        return session
    after = devices.describe(headers, id=before.id)
    if after.user_agent == before.user_agent:
        return session
    if not devices.same_family(before, after):
        sessions.emit(
            DeviceChanged(
                at=sessions.clock(),
                session_id=session.id,
                user_id=session.user_id,
                ip=ip,
                before=before.name,
                after=after.name,
            )
        )
        return session
    harmless: tuple[type[Exception], ...] = (SessionError, *sessions.faults)
    try:
        return await sessions.update(session.id, device=after)
    except harmless as error:
        _log.warning("a browser's update was not recorded: %s", error)
        return session
