"""A writer of databases in MaxMind's format, as small as it can be: https://maxmind.github.io/MaxMind-DB/."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

__all__ = ["BUILT", "PLACES", "database"]

BUILT = datetime(2026, 11, 1, tzinfo=UTC)

# On networks that exist in texts alone (RFC 5737, RFC 3849), and a few public ones.
PLACES: dict[str, dict[str, Any]] = {
    "203.0.113.0/25": {
        "country": {"iso_code": "FR", "names": {"en": "France"}},
        "city": {"names": {"en": "Lyon", "fr": "Lyon"}},
        "location": {"latitude": 45.76, "longitude": 4.84, "accuracy_radius": 20},
    },
    "198.51.100.0/24": {"country": {"iso_code": "US"}, "city": {"names": {"en": "New York"}}},
    "192.0.2.0/24": {"country": {"iso_code": "GB"}},
    "2001:db8:69::/48": {"country": {"iso_code": "FR"}, "city": {"names": {"en": "Lyon"}}},
    "8.8.8.0/24": {"country_code": "US", "city": "Mountain View", "latitude": "37.4", "longitude": "-122.1"},
    "9.9.9.0/24": {"country": "CH"},
    "2600::/16": {"country": {"iso_code": "US"}},
}

_DATA_BEGINS = 16  # zeros between the tree and the data
_MARK = b"\xab\xcd\xefMaxMind.com"


class U16(int):
    """A number that readers want in two bytes."""


class U64(int):
    """… and in eight."""


def database(
    places: Mapping[str, Any] = PLACES, *, built_at: datetime = BUILT, kind: str = "Test-City"
) -> bytes:
    """The file: for each network what is known there. A network inside another one must come later."""
    tree: list[list[Any]] = [[None, None]]
    data, offsets = bytearray(), dict[bytes, int]()
    for text, record in places.items():
        encoded = _encoded(record)
        offset = offsets.setdefault(encoded, len(data))
        if offset == len(data):
            data += encoded
        _plant(tree, ip_network(text), offset)
    nodes = b"".join(_node(left, right, len(tree)) for left, right in tree)
    said = {
        "node_count": len(tree),
        "record_size": U16(32),
        "ip_version": U16(6),
        "database_type": kind,
        "languages": ["en"],
        "binary_format_major_version": U16(2),
        "binary_format_minor_version": U16(0),
        "build_epoch": U64(built_at.timestamp()),
        "description": {"en": "for tests"},
    }
    return nodes + bytes(_DATA_BEGINS) + bytes(data) + _MARK + _encoded(said)


def _plant(tree: list[list[Any]], network: IPv4Network | IPv6Network, offset: int) -> None:
    """Lead the bits of *network* to what lies at *offset*; IPv4 lies below ::/96."""
    bits = network.prefixlen + (96 if network.version == 4 else 0)
    address, node = int(network.network_address), 0
    for depth in range(bits):
        side = address >> (127 - depth) & 1
        if depth == bits - 1:
            tree[node][side] = ("data", offset)
            return
        following = tree[node][side]
        if not isinstance(following, int):
            tree.append([following, following])  # what was known of the larger network
            following = tree[node][side] = len(tree) - 1
        node = following


def _node(left: Any, right: Any, count: int) -> bytes:
    def record(child: Any) -> int:
        if child is None:
            return count  # nothing is known there
        return child if isinstance(child, int) else count + _DATA_BEGINS + child[1]

    return struct.pack(">II", record(left), record(right))


def _encoded(value: Any) -> bytes:
    if isinstance(value, bool):
        return _control(14, int(value))
    if isinstance(value, Mapping):
        pairs = (_encoded(name) + _encoded(inner) for name, inner in value.items())
        return _control(7, len(value)) + b"".join(pairs)
    if isinstance(value, list):
        return _control(11, len(value)) + b"".join(map(_encoded, value))
    if isinstance(value, float):
        return _control(3, 8) + struct.pack(">d", value)
    if isinstance(value, int):
        raw = value.to_bytes((value.bit_length() + 7) // 8)
        return _control({U16: 5, U64: 9}.get(type(value), 6), len(raw)) + raw
    raw = str(value).encode()
    return _control(2, len(raw)) + raw


def _control(kind: int, size: int) -> bytes:
    """The byte that says what follows; of more than 28 bytes a second one says how many."""
    length, more = (size, b"") if size < 29 else (29, bytes((size - 29,)))
    if kind < 8:
        return bytes((kind << 5 | length,)) + more
    return bytes((length, kind - 7)) + more
