"""A session as a row of SQLite, and back, exact to the microsecond."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any
from uuid import UUID

import msgspec

from sojourn.session import NO_DATA, Device, Held, Place, Reason, Session

__all__ = [
    "COLUMNS",
    "MINUTE",
    "PACKED",
    "ROTATED",
    "due_of",
    "from_row",
    "in_utc",
    "microseconds",
    "only_rotated",
    "packed",
    "reason_of",
    "time_of",
    "to_row",
    "to_values",
    "unpacked",
]

MINUTE = 60_000_000  # microseconds
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SECOND = timedelta(seconds=1)

COLUMNS = Session.__struct_fields__
"""Each field of a session has a column of its name. `device_id` and `due` are more: see `to_row`."""

ROTATED = (
    *("generation", "key_id", "seen_at", "expires_at", "rotated_at", "confirmed_at", "forgiven_at"),
    "version",
)
"""What a rotation changes, and a repeated answer. A row that lost these is moved forward (`lifecycle`)."""

_APART = ("id", "salt", "amr", "device", "place", "data")
_PLAIN = tuple(name for name in COLUMNS if name not in _APART)
PACKED = f"salt, amr, device, place, data, json_array({', '.join(_PLAIN)})"
"""A row but for its id. Each column asked for costs a fifth of a microsecond, so most come as one."""

_VERSION = COLUMNS.index("version")
_rest = itemgetter(*(number for number, name in enumerate(COLUMNS) if name not in ROTATED))


def to_values(session: Session) -> tuple[Any, ...]:
    """What *session* has in each of `COLUMNS`. Spelled out for the same reason as `from_row`."""
    return (
        session.id.bytes, session.user_id, session.application_id, session.tenant_id,
        session.salt, session.generation, session.key_id,
        microseconds(session.created_at), microseconds(session.seen_at), _moment(session.authenticated_at),
        microseconds(session.expires_at), microseconds(session.ends_at), _moment(session.rotated_at),
        _moment(session.confirmed_at), _moment(session.forgiven_at),
        1 if session.renew_due else 0, _moment(session.revoked_at),
        None if session.reason is None else str(session.reason), session.revoked_by, session.note,
        "[]" if not session.amr else _json(session.amr), session.aal, _json(session.device),
        None if session.place is None else _json(session.place), session.ip,
        1 if session.remember else 0, session.profile,
        session.impersonator_id, None if session.parent_id is None else str(session.parent_id),
        session.parent_version,
        None if session.held is None else _json(session.held),
        None if session.idle_timeout is None else session.idle_timeout // _SECOND,
        "{}" if not session.data else _json(session.data),
        session.version, session.void_below,
    )  # fmt: skip


def to_row(session: Session) -> dict[str, Any]:
    """The row of *session*, by column."""
    return dict(zip(COLUMNS, to_values(session), strict=True)) | {
        "device_id": session.device.id,  # once more, so that it can be asked for
        "due": due_of(session),
    }


def packed(values: Sequence[Any]) -> tuple[Any, ...]:
    """What `PACKED` finds where *values* are in the order of `COLUMNS`; as a rule in the same spelling."""
    plain = (*values[1:4], *values[5:20], values[21], *values[24:32], *values[33:])
    return values[4], values[20], values[22], values[23], values[32], _json(plain)


def unpacked(id: bytes, row: Sequence[Any]) -> tuple[Any, ...]:
    """The values, in the order of `COLUMNS`, of what `PACKED` found in the row *id*."""
    salt, amr, device, place, data, rest = row
    plain = _plain(rest)
    return (
        id, *plain[:3], salt, *plain[3:18], amr, plain[18], device, place, *plain[19:27], data, *plain[27:]
    )  # fmt: skip


def only_rotated(before: Sequence[Any], after: Sequence[Any]) -> bool:
    """Whether *after* is the next version of the row *before*, and nothing but `ROTATED` differs."""
    return bool(before[_VERSION] + 1 == after[_VERSION] and _rest(before) == _rest(after))


def in_utc(session: Session) -> bool:
    """Whether what a rotation sets is in UTC, as all that is read is."""
    times = (
        *(session.seen_at, session.expires_at),
        *(session.rotated_at, session.confirmed_at, session.forgiven_at),
    )
    return all(at is None or at.tzinfo is UTC for at in times)


def due_of(session: Session) -> int | None:
    """In which minute somebody should see whether *session* has ended; None: it has."""
    return None if session.revoked_at else -(-microseconds(session.expires_at) // MINUTE)


def from_row(row: Sequence[Any], known: UUID | None = None) -> Session:
    """The session in *row*, whose values are in the order of `COLUMNS`; *known*: its id, if it is to hand.

    Spelled out, because every request waits for it: a table of decoders and a loop take twice as long.
    """
    (
        id, user_id, application_id, tenant_id,
        salt, generation, key_id,
        created_at, seen_at, authenticated_at, expires_at, ends_at, rotated_at, confirmed_at, forgiven_at,
        renew_due, revoked_at, reason, revoked_by, note,
        amr, aal, device, place, ip, remember, profile, impersonator_id, parent_id, parent_version,
        held, idle_timeout, data, version, void_below,
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
        profile=profile,
        impersonator_id=impersonator_id,
        parent_id=None if parent_id is None else UUID(parent_id),
        parent_version=parent_version,
        held=None if held is None else _held(held),
        idle_timeout=None if idle_timeout is None else timedelta(seconds=idle_timeout),
        data=NO_DATA if data == "{}" else _data(data),
        version=version,
        void_below=void_below,
    )


def microseconds(at: datetime) -> int:
    """Since 1970, UTC. Whole numbers only: a float would be off by one now and then."""
    return (at - _EPOCH) // _MICROSECOND


def _moment(at: datetime | None) -> int | None:
    return None if at is None else (at - _EPOCH) // _MICROSECOND


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
_held = msgspec.json.Decoder(Held).decode
_plain = msgspec.json.Decoder(list[int | str | None]).decode
_data = msgspec.json.Decoder(dict[str, Any]).decode
