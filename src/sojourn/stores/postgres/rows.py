"""A session as a row of PostgreSQL, and back, exact to the microsecond.

Written as values; read as the one value that `PACKED` makes of a row, which a driver hands over untouched:
thirty columns would take it longer than all the rest of a lookup.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from struct import Struct
from typing import Any
from uuid import UUID

import msgspec
from msgspec.structs import replace as _replaced

from sojourn.session import NO_DATA, Held, Place, Reason, Session
from sojourn.stores.postgres.device import pack, unpack

__all__ = ["COLUMNS", "ID", "PACKED", "from_packed", "id_in", "to_row"]

COLUMNS = (
    *("id", "created_at", "seen_at", "expires_at", "ends_at"),
    *("authenticated_at", "rotated_at", "confirmed_at", "forgiven_at", "revoked_at"),
    *("key_id", "generation", "version", "void_below", "aal", "remember", "renew_due"),
    *("user_id", "salt", "device", "device_id", "application_id", "tenant_id"),
    *("place", "ip", "amr", "reason", "revoked_by", "note", "data", "profile"),
    *("impersonator_id", "parent_id", "parent_version", "held", "idle_timeout"),
)
"""What of a session is in a row, in the order of `to_row`."""

# What every row has comes first, at places that are known beforehand.
_FIXED = (
    *("id", "created_at", "seen_at", "expires_at", "ends_at"),
    *("key_id", "generation", "version", "void_below", "aal", "remember", "renew_due"),
)
_TIMES = ("authenticated_at", "rotated_at", "confirmed_at", "forgiven_at", "revoked_at")
_OTHERS = (
    *("user_id", "salt", "device", "device_id", "application_id", "tenant_id"),
    *("place", "ip", "amr", "reason", "revoked_by", "note", "data", "profile"),
    # One value, because nearly all have none.
    "parent_id::text || ' ' || coalesce(parent_version, 0) || ' ' || coalesce(impersonator_id, '')",
    "case when coalesce(held, idle_timeout::text) is not null"
    " then coalesce(idle_timeout::text, '') || ' ' || coalesce(held, '') end",
)
_ORDER = (*_FIXED, *_TIMES, *_OTHERS)


PACKED = f"record_send(row({', '.join(_ORDER)}))"
"""The SQL of one value that says all of a row."""

# The number of columns; then for each the number of its type, its length (-1: null), and its value.
_HEAD = Struct(">i 8x16s 8xq8xq8xq8xq 8xi8xi8xi8xi8xh8x?8x?")
_LENGTH = Struct(">4xi").unpack_from
_TIME = Struct(">q").unpack_from
ID = slice(12, 28)
"""Where the id of a session is in what is packed."""

_SECOND = timedelta(seconds=1)
_Y2K = datetime(2000, 1, 1, tzinfo=UTC)
_INFINITE = {(1 << 63) - 1: datetime.max.replace(tzinfo=UTC), -(1 << 63): datetime.min.replace(tzinfo=UTC)}
_REASONS = {str(reason): reason for reason in Reason}


def _json(type: Any) -> tuple[Callable[[Any], str], Callable[[bytes], Any]]:
    """Fields that a newer Sojourn has added are skipped on reading."""
    encode, decoder = msgspec.json.Encoder().encode, msgspec.json.Decoder(type)
    return lambda value: encode(value).decode(), decoder.decode


_write_list, _read_list = _json(list[str | None])
_write_amr, _read_amr = _json(tuple[str, ...])
_write_data, _read_data = _json(dict[str, Any])
_write_held, _read_held = _json(Held)


def to_row(s: Session) -> list[Any]:
    """The values of *s* in the order of `COLUMNS`."""
    return [
        *(s.id, s.created_at, s.seen_at, s.expires_at, s.ends_at),
        *(s.authenticated_at, s.rotated_at, s.confirmed_at, s.forgiven_at, s.revoked_at),
        *(s.key_id, s.generation, s.version, s.void_below, s.aal, s.remember, s.renew_due),
        *(s.user_id, s.salt, pack(s.device), s.device.id, s.application_id, s.tenant_id),
        None if s.place is None else _write_list([s.place.city, s.place.country]),
        s.ip,
        _write_amr(s.amr) if s.amr else None,
        None if s.reason is None else str(s.reason),
        *(s.revoked_by, s.note),
        _write_data(s.data) if s.data else None,
        *(s.profile, s.impersonator_id, s.parent_id, s.parent_version or None),
        None if s.held is None else _write_held(s.held),
        None if s.idle_timeout is None else s.idle_timeout // _SECOND,
    ]


def id_in(packed: bytes) -> UUID:
    """The id in *packed*."""
    return UUID(bytes=packed[ID])


def from_packed(id: UUID, packed: bytes) -> Session:
    """The session *id*, of which PostgreSQL says *packed*.

    Spelled out, because every request that asks the store comes through here.
    """
    head, values = _HEAD.unpack_from(packed), _values(packed)
    device, place, amr, reason, data = values[7], values[11], values[13], values[14], values[17]
    session = Session(
        id=id,
        created_at=_at(head[2]),
        seen_at=_at(head[3]),
        expires_at=_at(head[4]),
        ends_at=_at(head[5]),
        key_id=head[6],
        generation=head[7],
        version=head[8],
        void_below=head[9],
        aal=head[10],
        remember=head[11],
        renew_due=head[12],
        authenticated_at=_time(values[0]),
        rotated_at=_time(values[1]),
        confirmed_at=_time(values[2]),
        forgiven_at=_time(values[3]),
        revoked_at=_time(values[4]),
        user_id=_text(values[5]),
        salt=values[6] or b"",
        device=unpack(device or b"", _text(values[8])),
        application_id=_text(values[9]),
        tenant_id=_text(values[10]),
        place=None if place is None else _place(place),
        ip=_text(values[12]),
        amr=() if amr is None else _read_amr(amr),
        # A reason that only a newer Sojourn knows, while a deployment is under way: ended all the same.
        reason=None if reason is None else _REASONS.get(reason.decode(), Reason.SYSTEM),
        revoked_by=_text(values[15]),
        note=_text(values[16]),
        data=NO_DATA if data is None else _read_data(data),
        profile=_text(values[18]),
    )
    if values[19] is not None:
        session = _replaced(session, **_impersonation(values[19]))
    return session if values[20] is None else _replaced(session, **_of_its_user(values[20]))


def _impersonation(value: bytes) -> dict[str, Any]:
    parent_id, version, impersonator_id = value.decode().split(" ", 2)
    return {
        "parent_id": UUID(parent_id),
        "parent_version": int(version),
        "impersonator_id": impersonator_id or None,
    }


def _of_its_user(value: bytes) -> dict[str, Any]:
    """A hold that somebody placed, and the idle timeout of their own."""
    seconds, _, held = value.partition(b" ")
    return {
        "idle_timeout": timedelta(seconds=int(seconds)) if seconds else None,
        "held": _read_held(held) if held else None,
    }


def _values(packed: bytes) -> list[bytes | None]:
    """What may be null, in order."""
    place = _HEAD.size
    values: list[bytes | None] = []
    for _ in range(len(_ORDER) - len(_FIXED)):
        (length,) = _LENGTH(packed, place)
        place += 8
        if length < 0:
            values.append(None)
        else:
            values.append(packed[place : place + length])
            place += length
    return values


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()


def _time(value: bytes | None) -> datetime | None:
    return None if value is None else _at(_TIME(value)[0])


def _at(microseconds: int) -> datetime:
    try:
        return _Y2K + timedelta(microseconds=microseconds)
    except OverflowError:  # `infinity`, which only somebody at a prompt writes
        return _INFINITE[microseconds]


@lru_cache(maxsize=4096)
def _place(text: bytes) -> Place:
    city, country, *_ = _read_list(text)  # a newer release may have added some
    return Place(city=city, country=country)
