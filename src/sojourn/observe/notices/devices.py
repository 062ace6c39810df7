"""The notice of a new device, and the link in it by which a user says "this wasn't me".

The link is signed and holds no more than a session's id and an end. It is made when the mail is sent, so that
nothing in the outbox opens anything. It only ever ends what it names.
"""

from __future__ import annotations

import base64
import binascii
import struct
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sojourn.session import Discreet
from sojourn.token import Keys

__all__ = ["LIFE", "PATH", "Link", "made", "read"]

PATH = "/not-me"
LIFE = timedelta(days=7)

_PURPOSE = "not-me link"
_HEAD = struct.Struct(">16sQ")  # session id · end, in seconds since 1970
_MAC = 24


class Link(Discreet, frozen=True, kw_only=True):
    """What a link says: until `ends_at` its bearer may disown the session."""

    session_id: UUID
    ends_at: datetime

    def __repr__(self) -> str:
        return f"<Link of {self.session_id}>"


def made(session_id: UUID, keys: Keys, *, at: datetime) -> str:
    """The link of a notice that was due *at*; the same each time it is made."""
    head = _HEAD.pack(session_id.bytes, int((at + LIFE).timestamp()))
    return base64.urlsafe_b64encode(head + keys.mac(_PURPOSE, head)[:_MAC]).decode()


def read(text: str, keys: Keys) -> Link | None:
    """What *text* says, if we made it; whether it is still good is for who asks to see."""
    try:
        raw = base64.b64decode(text.encode(), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    head, mac = raw[: _HEAD.size], raw[_HEAD.size :]
    if len(mac) != _MAC or not keys.made(_PURPOSE, head, mac):
        return None
    id, seconds = _HEAD.unpack(head)
    return Link(session_id=UUID(bytes=id), ends_at=datetime.fromtimestamp(seconds, UTC))
