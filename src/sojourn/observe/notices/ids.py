"""Ids of messages that follow from what they tell: told twice, it is one message."""

from __future__ import annotations

import hashlib
from datetime import datetime
from uuid import UUID

import msgspec

from sojourn.session import lowest_id

__all__ = ["message_id"]


def message_id(at: datetime, *about: str) -> UUID:
    """The UUIDv7 of the message *about* something that happened *at* an instant."""
    # As JSON, so that no two read alike.
    noise = hashlib.blake2b(msgspec.json.encode(about), digest_size=10, person=b"sojourn notice").digest()
    number = int.from_bytes(noise)
    rand_a, rand_b = number >> 68, number & (1 << 62) - 1
    return UUID(int=lowest_id(at).int | 0x7 << 76 | rand_a << 64 | 0b10 << 62 | rand_b)
