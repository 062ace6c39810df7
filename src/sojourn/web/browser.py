"""What is known of a browser: that it or its network became another one, and what its user calls it."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from msgspec.structs import replace as _replaced

from sojourn import device as devices
from sojourn import lifecycle
from sojourn.errors import SessionError
from sojourn.lifecycle import Here
from sojourn.session import Device, Session
from sojourn.stores.protocol import Query
from sojourn.web.site import Site

__all__ = ["called", "device_now", "noticed"]

_log = logging.getLogger("sojourn")


def device_now(session: Session, headers: Mapping[str, str]) -> Device:
    """The browser that asks, under the names that the one of the session has."""
    before = session.device
    return _replaced(devices.describe(headers, id=before.id), custom_name=before.custom_name)


async def noticed(
    site: Site, session: Session, headers: Mapping[str, str], here: Here, network: str
) -> Session:
    """Note that the browser was updated; if it or the network became another, do as the policy has it.

    That is `SessionRevoked` at most: a change is a signal, no proof (OWASP, OS-18). *here* is without a
    device; *network* is how its network is called among those that were told.
    """
    strict, agent, before = site.is_strict(session), headers.get("user-agent", ""), session.device
    after = before
    if agent and before.user_agent and (site.tell_once(session.id, agent) or strict):
        after = device_now(session, headers)
    found = lifecycle.changes(session, _replaced(here, device=after))
    if "network" in found and not (site.tell_once(session.id, network) or strict):
        here, found = Here(), tuple(change for change in found if change != "network")
    if found:
        return await _bound(site, session, _replaced(here, device=after), strict=strict)
    if after.user_agent == before.user_agent:
        return session
    return await _updated(site, session, after)


async def _bound(site: Site, session: Session, here: Here, *, strict: bool) -> Session:
    """What the policy has follow; if that is no more than to be told, a fault is no reason to refuse."""
    sessions = site.sessions
    harmless: tuple[type[Exception], ...] = () if strict else (SessionError, *sessions.faults)
    try:
        return await sessions.bind(session.id, here=here)
    except harmless as error:
        _log.warning("a change of browser or network was not told: %s", error)
        return session


async def _updated(site: Site, session: Session, after: Device) -> Session:
    sessions = site.sessions
    harmless: tuple[type[Exception], ...] = (SessionError, *sessions.faults)
    try:
        return await sessions.update(session.id, device=after)
    except harmless as error:
        _log.warning("a browser's update was not recorded: %s", error)
        return session


async def called(site: Site, user_id: str, device: Device) -> Device:
    """*device*, which has a name of ours, with what this user called it when they were last here."""
    last = await site.sessions.store.select(Query(user_id=user_id, device_id=device.id, limit=1))
    return _replaced(device, custom_name=last[0].device.custom_name) if last else device
