"""All that is kept about one user, as JSON for them to take along: no secret, and nothing about others."""

from __future__ import annotations

from collections.abc import Set
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec.structs import asdict, replace

from sojourn.accounts import Accounts
from sojourn.api.views import instant
from sojourn.directory import Directory
from sojourn.events import Impersonated
from sojourn.observe.alerts.alert import Alert
from sojourn.observe.journal.line import Filter, Line
from sojourn.observe.ledger import Ledger
from sojourn.session import Session
from sojourn.sessions import AsyncSessions
from sojourn.stores.protocol import Query

__all__ = ["SECRET", "export"]

_PAGE = 500

# What proves something, or is made of such a thing: it says nothing about a person, and opens what is theirs.
SECRET = frozenset(
    {
        *("salt", "key_id", "generation"),
        *("password_hash", "access_token", "refresh_token", "id_token", "session_state"),
    }
)
_WHO = frozenset({"by", "note", "target"})
_WHERE = frozenset({"ip", "place", "city", "device", "device_id"})
_NOT_THEIRS = frozenset({"note", "disabled_note", "search"})  # written by and for administrators


async def export(
    user_id: str,
    *,
    sessions: AsyncSessions,
    accounts: Accounts,
    directory: Directory,
    ledger: Ledger | None = None,
) -> dict[str, Any]:
    """Account, ways of signing in, sessions, journal and alerts of a user, known here or not.

    Of an impersonation it says that somebody acted as them, and not who. `administration` is what else
    administrators did to them: what and when, not who, and without what they noted for one another.
    """
    user = await accounts.get(user_id)
    lines = [] if ledger is None else await _lines(ledger, Filter(user_id=user_id))
    done = [] if ledger is None else await _lines(ledger, Filter(target=user_id))
    acted_in = {line.session_id for line in lines if line.name == Impersonated.name}
    return {
        "user_id": user_id,
        "exported_at": instant(sessions.clock()),
        "user": None if user is None else _fields(user),
        "accounts": [_fields(way) for way in await accounts.ways(user_id)],
        "sessions": [_session(session) for session in await every_session(sessions, user_id)],
        "authorization_codes": await directory.store.codes_of(user_id),
        "journal": [_line(line, acted_in) for line in lines],
        "administration": [_act(line) for line in done],
        "alerts": [] if ledger is None else [_alert(a) for a in await _alerts(ledger, user_id)],
    }


async def every_session(sessions: AsyncSessions, user_id: str) -> list[Session]:
    """All sessions of a user that are kept, live and ended."""
    found: list[Session] = []
    while True:
        after = found[-1].id if found else None
        page = await sessions.select(Query(user_id=user_id, after=after, limit=_PAGE))
        found += page
        if len(page) < _PAGE:
            return found


async def _lines(ledger: Ledger, whose: Filter) -> list[Line]:
    found: list[Line] = []
    while True:
        after = found[-1].place if found else None
        page = await ledger.lines(replace(whose, after=after, newest_first=False, limit=_PAGE))
        found += page
        if len(page) < _PAGE:
            return found


async def _alerts(ledger: Ledger, user_id: str) -> list[Alert]:
    found, after = [], None
    while page := await ledger.alerts(after=after, limit=_PAGE):
        found += [alert for alert in page if alert.user_id == user_id]
        after = page[-1].id
    return found


def _fields(record: Any) -> dict[str, Any]:
    """What a record holds, but for secrets and what is no business of its user."""
    return {
        name: _said(value)
        for name, value in asdict(record).items()
        if name not in SECRET and name not in _NOT_THEIRS
    }


def _session(session: Session) -> dict[str, Any]:
    said = _fields(session)
    said["device"] = asdict(session.device)
    said["place"] = None if session.place is None else asdict(session.place)
    said["held"] = None if session.held is None else {"until": instant(session.held.until)}
    said["impersonated"] = session.parent_id is not None
    if session.parent_id is not None:  # whose browser that was, and where, is about the administrator
        said |= dict.fromkeys(("device", "ip", "place"))
    for name in ("impersonator_id", "parent_id", "parent_version"):
        del said[name]
    if session.revoked_by != session.user_id:
        said["revoked_by"] = session.revoked_by and "administrator"
    return said


def _line(line: Line, acted_in: Set[UUID | None]) -> dict[str, Any]:
    hidden = _WHO | (_WHERE | {"country"} if line.session_id in acted_in else frozenset())
    return {
        "at": instant(line.at),
        "name": line.name,
        "session_id": line.session_id and str(line.session_id),
        "facts": {name: value for name, value in line.facts.items() if name not in hidden},
        "personal": {name: value for name, value in (line.personal or {}).items() if name not in hidden},
    }


def _act(line: Line) -> dict[str, Any]:
    return {"at": instant(line.at), "act": line.facts.get("act"), "count": line.facts.get("count")}


def _alert(alert: Alert) -> dict[str, Any]:
    said = _fields(alert)
    return {name: value for name, value in said.items() if name not in ("acknowledged_by", "resolved_by")}


def _said(value: Any) -> Any:
    return instant(value) if isinstance(value, datetime) else value
