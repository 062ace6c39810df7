"""A session as a row of SQLite, and back, exact to the microsecond."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from sojourn.session import Device, Place, Reason, Session

__all__ = ["COLUMNS", "MINUTE", "from_row", "microseconds", "reason_of", "time_of", "to_row"]

MINUTE = 60_000_000  # microseconds
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

COLUMNS = Session.__struct_fields__
"""Each field of a session has a column of its name. `device_id` and `due` are more: see `to_row`."""


def to_row(session: Session) -> dict[str, Any]:
    """The row of *session*, by column."""
    row = {name: getattr(session, name) for name in COLUMNS}
    for name, encode in _ENCODERS.items():
        if row[name] is not None:
            row[name] = encode(row[name])
    row["device_id"] = session.device.id  # once more, so that it can be asked for
    row["due"] = None if session.revoked_at else -(-row["expires_at"] // MINUTE)
    return row


def from_row(row: Sequence[Any], known: UUID | None = None) -> Session:
    """The session in *row*, whose values are in the order of `COLUMNS`; *known*: its id, if it is to hand.

    Spelled out, because every request waits for it: a table of decoders and a loop take twice as long.
    """
    (
        id, user_id, application_id, tenant_id,
        salt, generation, key_id,
        created_at, seen_at, authenticated_at, expires_at, ends_at, rotated_at, confirmed_at, forgiven_at,
        renew_due, revoked_at, reason, revoked_by, note,
        amr, aal, device, place, ip, remember, data, version, void_below,
    ) = row  # fmt: skip
    return Session(
        id=known or UUID(int=int.from_bytes(id)),  # a third faster than from bytes
        user_id=user_id,
        application_id=application_id,
        tenant_id=tenant_id,
        salt=salt,
        generation=generation,
        key_id=key_id,
        created_at=_EPOCH + timedelta(0, 0, created_at),
        seen_at=_EPOCH + timedelta(0, 0, seen_at),
        authenticated_at=None if authenticated_at is None else time_of(authenticated_at),
        expires_at=_EPOCH + timedelta(0, 0, expires_at),
        ends_at=_EPOCH + timedelta(0, 0, ends_at),
        rotated_at=None if rotated_at is None else time_of(rotated_at),
        confirmed_at=None if confirmed_at is None else time_of(confirmed_at),
        forgiven_at=None if forgiven_at is None else time_of(forgiven_at),
        renew_due=renew_due == 1,
        revoked_at=None if revoked_at is None else time_of(revoked_at),
        reason=None if reason is None else reason_of(reason),
        revoked_by=revoked_by,
        note=note,
        amr=() if amr == "[]" else _amr(amr),
        aal=aal,
        device=_device(device),
        place=None if place is None else _place(place),
        ip=ip,
        remember=remember == 1,
        data={} if data == "{}" else _data(data),
        version=version,
        void_below=void_below,
    )


def microseconds(at: datetime) -> int:
    """Since 1970, UTC. Whole numbers only: a float would be off by one now and then."""
    return (at - _EPOCH) // _MICROSECOND


def time_of(count: int) -> datetime:
    """The instant that is *count* microseconds after 1970 began."""
    return _EPOCH + timedelta(0, 0, count)


def reason_of(text: str) -> Reason:
    """A reason that only a newer Sojourn knows, while a deployment is under way: ended all the same."""
    return _REASONS.get(text, Reason.SYSTEM)


def _json(value: Any) -> str:
    return _encode(value).decode()


_REASONS = {str(reason): reason for reason in Reason}
_encode = msgspec.json.Encoder().encode

# Fields that a newer Sojourn has added are skipped on reading.
_amr = msgspec.json.Decoder(tuple[str, ...]).decode
_device = msgspec.json.Decoder(Device).decode
_place = msgspec.json.Decoder(Place).decode
_data = msgspec.json.Decoder(dict[str, Any]).decode

_TIMES = (
    "created_at",
    "seen_at",
    "authenticated_at",
    "expires_at",
    "ends_at",
    "rotated_at",
    "confirmed_at",
    "forgiven_at",
    "revoked_at",
)
# The columns that hold something other than the field itself.
_Encoder = Callable[[Any], Any]
_OWN: dict[str, _Encoder] = {"id": lambda id: id.bytes, "reason": str}
_ENCODERS: Mapping[str, _Encoder] = (
    _OWN
    | dict.fromkeys(_TIMES, microseconds)
    | dict.fromkeys(("renew_due", "remember"), int)
    | dict.fromkeys(("amr", "device", "place", "data"), _json)
)
