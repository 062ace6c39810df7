"""The outbox: messages that will be delivered, whatever happens to the process that wrote them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

from sojourn.session import Discreet, new_id

__all__ = ["Message", "Outbox", "State", "new_message"]

State = Literal["waiting", "done", "dead"]


class Message(Discreet, frozen=True, kw_only=True):
    """Something to be delivered, at least once. `id` tells the receiver that it has come before."""

    id: UUID  # UUIDv7, so that ids are in the order of creation
    kind: str  # "back_channel_logout"
    target: str  # an address; what that is depends on the kind
    body: bytes  # empty once it was delivered: it may hold a secret
    created_at: datetime
    due_at: datetime  # the next attempt is not before this; a claim moves it to the claim's end
    attempts: int = 0  # how often it was claimed
    last_error: str | None = None
    done_at: datetime | None = None
    dead_at: datetime | None = None  # given up: kept for people to see

    @property
    def state(self) -> State:
        return "dead" if self.dead_at else "done" if self.done_at else "waiting"

    def __repr__(self) -> str:
        # Neither body nor target: either may hold a secret or an address.
        return f"<Message {self.id}, {self.kind}, {self.state}, attempts: {self.attempts}>"


def new_message(
    kind: str, target: str, body: bytes, *, at: datetime, due_at: datetime | None = None
) -> Message:
    """A message that is due now, or at *due_at*."""
    return Message(
        id=new_id(at, None), kind=kind, target=target, body=body, created_at=at, due_at=due_at or at
    )


class Outbox(Protocol):
    """Each verb is atomic.

    A claim is known by the number of `attempts` that it made of it: whoever was too slow, so that
    another has claimed the message since, can no longer say that it failed.
    """

    async def enqueue(self, messages: Sequence[Message]) -> int:
        """Take *messages*, all or none; how many were new. Returned means: on disk.

        An id that is known already is passed over, so the same call may be repeated.
        """
        ...

    async def claim(
        self, *, at: datetime, until: datetime, limit: int = 100, without: Collection[str] = ()
    ) -> list[Message]:
        """Take up to *limit* messages that are due at *at*, the longest due first; hold them until *until*.

        Of any number of workers one gets each. One whose worker died is due again at *until*. Those for
        a target in *without* are left alone.
        """
        ...

    async def delivered(self, id: UUID, *, at: datetime) -> bool:
        """It has arrived, whoever held it; its body is forgotten. False if it was over already."""
        ...

    async def failed(self, id: UUID, *, attempt: int, error: str, due_at: datetime) -> bool:
        """Try again at *due_at*. False if it is over, or *attempt* is not the last claim."""
        ...

    async def give_up(self, id: UUID, *, attempt: int, error: str, at: datetime) -> bool:
        """Try no more. False as with `failed`."""
        ...

    async def abandon(
        self, *, created_before: datetime, at: datetime, error: str, limit: int = 100
    ) -> list[Message]:
        """Give up to *limit* messages up that wait since before *created_before*, whoever holds them; which.

        The error of the last attempt stays; *error* is for those that never had one.
        """
        ...

    async def purge_outbox(self, *, before: datetime, limit: int = 1000) -> int:
        """Forget up to *limit* messages that were delivered or given up before *before*; how many."""
        ...

    async def count_messages(self, state: State = "waiting") -> int: ...

    async def peek(self, state: State = "waiting", *, limit: int = 100) -> list[Message]:
        """For operators; claims nothing. What waits by when it is due, the rest by its end, latest first."""
        ...
