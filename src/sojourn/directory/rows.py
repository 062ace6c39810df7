"""Records of the directory as rows of SQLite, and back, exact to the microsecond."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import asdict

from sojourn.stores.sqlite.rows import microseconds, time_of

__all__ = ["from_row", "to_row"]

S = TypeVar("S", bound=Struct)

_MICROSECOND = timedelta(microseconds=1)
_LISTS = ("redirect_uris", "post_logout_redirect_uris", "grants", "scopes")
_encode = msgspec.json.Encoder().encode
_list = msgspec.json.Decoder(tuple[str, ...]).decode
_mapping = msgspec.json.Decoder(dict[str, str]).decode


def to_row(record: Struct) -> dict[str, Any]:
    """The row of *record*, by column: each field has one of its name."""
    return {name: _plain(value) for name, value in asdict(record).items()}


def from_row(kind: type[S], row: Sequence[Any]) -> S:
    """The record of *kind* in *row*, whose values are in the order of its fields."""
    return kind(
        **{
            name: None if value is None else _value(name, value)
            for name, value in zip(kind.__struct_fields__, row, strict=True)
        }
    )


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return microseconds(value)
        case timedelta():
            return value // _MICROSECOND
        case UUID():
            return value.bytes
        case bool():
            return int(value)
        case tuple() | Mapping():
            return _encode(value).decode()
    return value


def _value(name: str, value: Any) -> Any:
    if name.endswith(("_at", "_until")):
        return time_of(value)
    if name in _LISTS:
        return _list(value)
    match name:
        case "rules":
            return _mapping(value)
        case "access_ttl":
            return value * _MICROSECOND
        case "back_channel_session_required":
            return value == 1
        case "session_id":
            return UUID(bytes=value)
        case "id" if isinstance(value, bytes):
            return UUID(bytes=value)
    return value
