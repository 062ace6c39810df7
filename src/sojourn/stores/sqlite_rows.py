"""A session as a row of SQLite, and back, exact to the microsecond."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from sojourn.session import Device, Place, Reason, Session

__all__ = ["COLUMNS", "from_row", "microseconds", "to_row"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

COLUMNS = Session.__struct_fields__
"""Each field of a session has a column of its name. `device_id` is one more: see `to_row`."""


def to_row(session: Session) -> dict[str, Any]:
    """The row of *session*, by column."""
    row = {name: getattr(session, name) for name in COLUMNS}
    for name, (encode, _) in _CODECS.items():
        if row[name] is not None:
            row[name] = encode(row[name])
    row["device_id"] = session.device.id  # once more, so that it can be asked for
    return row


def from_row(row: Sequence[Any]) -> Session:
    """The session in *row*, whose values are in the order of `COLUMNS`."""
    fields = dict(zip(COLUMNS, row, strict=True))
    for name, (_, decode) in _CODECS.items():
        if fields[name] is not None:
            fields[name] = decode(fields[name])
    return Session(**fields)


def microseconds(at: datetime) -> int:
    """Since 1970, UTC. Whole numbers only: a float would be off by one now and then."""
    return (at - _EPOCH) // _MICROSECOND


def _datetime(count: int) -> datetime:
    return _EPOCH + timedelta(microseconds=count)


def _json(type: Any) -> tuple[Callable[[Any], str], Callable[[str], Any]]:
    """Fields that a newer Sojourn has added are skipped on reading."""
    encode, decoder = msgspec.json.Encoder().encode, msgspec.json.Decoder(type)
    return lambda value: encode(value).decode(), decoder.decode


_REASONS = {str(reason): reason for reason in Reason}
_TIME = (microseconds, _datetime)
_FLAG = (int, bool)

# The columns that hold something other than the field itself: how it is written, and how it is read.
_CODECS: Mapping[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "id": (lambda id: id.bytes, lambda raw: UUID(bytes=raw)),
    "created_at": _TIME,
    "seen_at": _TIME,
    "authenticated_at": _TIME,
    "expires_at": _TIME,
    "ends_at": _TIME,
    "rotated_at": _TIME,
    "confirmed_at": _TIME,
    "forgiven_at": _TIME,
    "renew_due": _FLAG,
    "revoked_at": _TIME,
    # A reason that only a newer Sojourn knows, while a deployment is under way: ended all the same.
    "reason": (str, lambda text: _REASONS.get(text, Reason.SYSTEM)),
    "amr": _json(tuple[str, ...]),
    "device": _json(Device),
    "place": _json(Place),
    "remember": _FLAG,
    "data": _json(dict[str, Any]),
}
