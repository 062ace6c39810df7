"""A session as a row of PostgreSQL, and back, exact to the microsecond."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from sojourn.session import Place, Reason, Session
from sojourn.stores.postgres.device import pack, unpack

__all__ = ["COLUMNS", "from_row", "to_row"]

COLUMNS = (
    *("id", "created_at", "seen_at", "expires_at", "ends_at"),
    *("authenticated_at", "rotated_at", "confirmed_at", "forgiven_at", "revoked_at"),
    *("key_id", "generation", "version", "void_below", "aal", "remember", "renew_due"),
    *("user_id", "salt", "device", "device_id", "application_id", "tenant_id"),
    *("place", "ip", "amr", "reason", "revoked_by", "note", "data"),
)
"""What of a session is in a row, in the order of `to_row` and `from_row`."""

_REASONS = {str(reason): reason for reason in Reason}


def _json(type: Any) -> tuple[Callable[[Any], str], Callable[[str], Any]]:
    """Fields that a newer Sojourn has added are skipped on reading."""
    encode, decoder = msgspec.json.Encoder().encode, msgspec.json.Decoder(type)
    return lambda value: encode(value).decode(), decoder.decode


_write_list, _read_list = _json(list[str | None])
_write_amr, _read_amr = _json(tuple[str, ...])
_write_data, _read_data = _json(dict[str, Any])


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
    ]


def from_row(row: Sequence[Any]) -> Session:
    """The session in *row*, whose values are in the order of `COLUMNS`.

    Spelled out, because every request that asks the store comes through here.
    """
    reason, data = row[26], row[29]
    return Session(
        id=row[0],
        created_at=row[1],
        seen_at=row[2],
        expires_at=row[3],
        ends_at=row[4],
        authenticated_at=row[5],
        rotated_at=row[6],
        confirmed_at=row[7],
        forgiven_at=row[8],
        revoked_at=row[9],
        key_id=row[10],
        generation=row[11],
        version=row[12],
        void_below=row[13],
        aal=row[14],
        remember=row[15],
        renew_due=row[16],
        user_id=row[17],
        salt=row[18],
        device=unpack(row[19], row[20]),
        application_id=row[21],
        tenant_id=row[22],
        place=None if row[23] is None else _place(row[23]),
        ip=row[24],
        amr=() if row[25] is None else _read_amr(row[25]),
        # A reason that only a newer Sojourn knows, while a deployment is under way: ended all the same.
        reason=None if reason is None else _REASONS.get(reason, Reason.SYSTEM),
        revoked_by=row[27],
        note=row[28],
        data={} if data is None else _read_data(data),
    )


@lru_cache(maxsize=4096)
def _place(text: str) -> Place:
    city, country, *_ = _read_list(text)  # a newer release may have added some
    return Place(city=city, country=country)
