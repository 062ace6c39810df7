"""What another service knows of a session, and for how long it may say so without asking."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from threading import Lock
from uuid import UUID

from msgspec import Struct

from sojourn.access import Claims
from sojourn.client.answers import Introspection

__all__ = ["Near", "RemoteSession", "of_claims", "of_introspection"]


class RemoteSession(Struct, frozen=True, kw_only=True):
    """A session as another service may see it. `stale_at`: then the server is asked again."""

    id: UUID
    user_id: str
    application_id: str | None
    tenant_id: str | None
    authenticated_at: datetime | None
    amr: tuple[str, ...]
    aal: int
    scope: tuple[str, ...]
    version: int
    made_at: datetime
    stale_at: datetime


def of_claims(claims: Claims, now: datetime, leeway: timedelta) -> RemoteSession | None:
    """What a verified access token says; None if it is a machine's, which has no session."""
    if claims.sid is None:
        return None
    return RemoteSession(
        id=claims.sid,
        user_id=claims.sub,
        application_id=None if claims.client_id == _NOBODY else claims.client_id,
        tenant_id=claims.tenant_id,
        authenticated_at=_at(claims.auth_time),
        amr=claims.amr,
        aal=_aal(claims.acr),
        scope=tuple(claims.scope.split()),
        version=claims.ver,
        made_at=min(datetime.fromtimestamp(claims.iat, UTC), now),
        stale_at=datetime.fromtimestamp(claims.exp, UTC) + leeway,
    )


def of_introspection(said: Introspection, asked_at: datetime, life: timedelta) -> RemoteSession | None:
    """What the server said of a token, as old as the question; None if it is no session's."""
    if said.sid is None or not said.sub:
        return None
    ends_at = _at(said.exp)
    return RemoteSession(
        id=said.sid,
        user_id=said.sub,
        application_id=None if said.client_id == _NOBODY else said.client_id,
        tenant_id=said.tenant_id,
        authenticated_at=_at(said.auth_time),
        amr=tuple(said.amr),
        aal=_aal(said.acr),
        scope=tuple((said.scope or "").split()),
        version=said.ver,
        made_at=asked_at,
        stale_at=asked_at + life if ends_at is None else min(asked_at + life, ends_at),
    )


class Near:
    """At most *limit* sessions by the digest of their token, the least recently used going first."""

    def __init__(self, limit: int) -> None:
        self._limit = max(1, limit)
        self.forget()

    def forget(self) -> None:
        """Know nothing, and hold no lock: so a forked child begins."""
        self._lock = Lock()
        self._kept: OrderedDict[bytes, RemoteSession] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, token: str) -> RemoteSession | None:
        name = _digest(token)
        with self._lock:
            found = self._kept.get(name)
            if found is not None:
                self._kept.move_to_end(name)
            return found

    def put(self, token: str, session: RemoteSession) -> None:
        name = _digest(token)
        with self._lock:
            self._kept[name] = session
            self._kept.move_to_end(name)
            while len(self._kept) > self._limit:
                self._kept.popitem(last=False)

    def drop(self, token: str) -> None:
        with self._lock:
            self._kept.pop(_digest(token), None)


_NOBODY = "sojourn"  # the client of a session that no application asked for


def _digest(token: str) -> bytes:
    """So that a dump of this process's memory holds no more tokens than it must."""
    return hashlib.sha256(token.encode()).digest()


def _at(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _aal(acr: str | None) -> int:
    level = (acr or "").removeprefix("aal")
    return int(level) if level in ("1", "2", "3") else 0
