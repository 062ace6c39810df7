"""The chain: each line is hashed with the one before it, so that none is altered or taken out unnoticed."""

from __future__ import annotations

from hashlib import sha256

import msgspec

__all__ = ["START", "linked"]

START = bytes(32)  # what stands before the first line

_encode = msgspec.json.Encoder().encode


def linked(
    before: bytes,
    *,
    writer: str,
    number: int,
    at: int,
    name: str,
    session_id: bytes | None,
    person: bytes | None,
    facts: str,
    digest: bytes | None,
) -> bytes:
    """The hash of a line that follows the one with the hash *before*, over what its columns hold.

    As JSON, so that no two lines read alike.
    """
    return sha256(before + _encode((writer, number, at, name, session_id, person, facts, digest))).digest()
