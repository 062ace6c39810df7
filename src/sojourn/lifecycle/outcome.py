"""What was decided about a session, before anything happens."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct

from sojourn.clock import NEVER, Good, part_of
from sojourn.errors import SessionError
from sojourn.events import Event
from sojourn.policy import Policy
from sojourn.session import Seen, Session

__all__ = ["NOT_AT_ALL", "Outcome", "Standing"]

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

    @property
    def plain(self) -> bool:
        """Whether nothing follows but that the session may be used."""
        return not (self.write or self.seen or self.reissue or self.renew or self.refusal or self.events)


class Standing:
    """That the outcome of a token was plain, and from when until when it is, of that record and *policy*."""

    __slots__ = ("came_from", "good", "over", "part", "plain", "policy", "session", "since", "until")

    def __init__(self, session: Session, policy: Policy, since: datetime, until: datetime) -> None:
        self.session, self.policy = session, policy
        self.since, self.until = since, until
        self.part = part_of(session.id.int)
        self.good = NEVER  # without the record
        self.plain: Good = NEVER  # with the record no question is open, and until when
        self.over = False  # it stood no longer when it was asked last
        self.came_from: object = None  # where it was found to be used as before

    def end(self) -> None:
        """It stands no longer: whoever asks has it decided again."""
        self.over, self.plain = True, NEVER
