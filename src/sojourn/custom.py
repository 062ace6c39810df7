"""The custom session: fields that an application adds to what its clients see of a session."""

from __future__ import annotations

import logging
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from threading import Lock
from typing import Any
from uuid import UUID

import msgspec
from msgspec.structs import replace as _replaced

from sojourn.clock import Clock
from sojourn.policy import Policy
from sojourn.session import Session

__all__ = ["KEY", "Custom", "CustomSession", "merged"]

CustomSession = Callable[[Session], Awaitable[Mapping[str, Any]]]

KEY = "sojourn.custom"  # of the session's data, in snapshots alone: it is never written to the store

_log = logging.getLogger("sojourn")
_MOST = 10_000  # sessions whose fields were worked out lately
_LONGEST = 2_048  # characters of JSON: a cookie cache has room for little more
_CREDENTIAL = re.compile(r"sj[nrscb]_[\w-]{20}|eyJ[\w-]+\.[\w-]+\.[\w-]+")


class Custom:
    """Asks *callback* for the fields of a session, once for each version of it and `Policy.longest_snapshot`.

    What the callback is given has no salt, and no token. What it returns travels in snapshots, so a
    process that has one does not ask again. Nothing that looks like a credential gets through.
    """

    def __init__(self, callback: CustomSession, policy: Policy, clock: Clock) -> None:
        self._callback, self._policy, self._clock = callback, policy, clock
        self._lock = Lock()
        self._lately: OrderedDict[UUID, tuple[int, datetime, Mapping[str, Any]]] = OrderedDict()

    async def added(self, session: Session) -> Session:
        """*session* with its fields in `data`, under `KEY`."""
        data = {name: value for name, value in session.data.items() if name != KEY}
        return _replaced(session, data=data | {KEY: await self._fields(session)})

    async def _fields(self, session: Session) -> Mapping[str, Any]:
        now, known = self._clock(), self._lately.get(session.id)
        if known is not None and known[0] == session.version and self._young(known[1], now):
            return known[2]
        fields = _checked(await self._callback(_replaced(session, salt=b"")))
        with self._lock:
            self._lately[session.id] = session.version, now, fields
            self._lately.move_to_end(session.id)
            if len(self._lately) > _MOST:
                self._lately.popitem(last=False)
        return fields

    def _young(self, made_at: datetime, now: datetime) -> bool:
        return made_at <= now < made_at + self._policy.longest_snapshot

    def forget(self) -> None:
        """A forked child begins anew."""
        self._lock = Lock()
        self._lately.clear()


def _checked(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """*fields* as JSON has them; none at all, and a line in the log, if they hold what nobody may see."""
    try:
        text = msgspec.json.encode(fields).decode()
        plain = msgspec.json.decode(text, type=dict[str, Any])
    except (TypeError, ValueError, msgspec.MsgspecError) as error:
        raise TypeError(f"a custom session is a mapping that JSON can hold: {error}") from error
    if _CREDENTIAL.search(text):
        _log.error("a custom session holds what looks like a credential: it was left out")
        return {}
    if len(text) > _LONGEST:
        raise ValueError(f"a custom session has at most {_LONGEST} characters of JSON; this has {len(text)}")
    return plain


def merged(shown: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """*shown* with *fields* beside its own, also within `user` and `session`: nothing of ours is replaced."""
    result = dict(shown)
    for name, value in fields.items():
        known = result.get(name)
        if isinstance(known, Mapping) and isinstance(value, Mapping):
            result[name] = {**value, **known}
        elif name not in result:
            result[name] = value
    return result
