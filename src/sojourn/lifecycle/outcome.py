"""What was decided about a session, before anything happens."""

from __future__ import annotations

from datetime import timedelta

from msgspec import Struct

from sojourn.errors import SessionError
from sojourn.events import Event
from sojourn.session import Seen, Session

__all__ = ["NOT_AT_ALL", "Outcome"]

NOT_AT_ALL = timedelta(0)  # idle: a person is active just now


class Outcome(Struct, frozen=True, kw_only=True):
    """What was decided. Nothing has happened yet: the façade commits it, and decides again if it lost a race.

    `session` is the record as it is to be. `write`: it must replace the stored version.
    `seen`: a use to record. `reissue`: the bearer is to get the current token. `renew`: the bearer
    is to get the token of a renewed session. `refusal`: raised after the write, which is how a
    replay both ends the session and is refused.
    """

    session: Session
    write: bool = False
    seen: Seen | None = None
    reissue: bool = False
    renew: bool = False
    refusal: SessionError | None = None
    events: tuple[Event, ...] = ()
