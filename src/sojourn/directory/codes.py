"""Authorization codes: what waits to be redeemed, once, and is remembered for a while after that."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from msgspec import Struct

from sojourn.session import Discreet

__all__ = ["Code", "Codes", "Redeemed"]


class Code(Discreet, frozen=True, kw_only=True):
    """What was agreed upon when a code was handed out. The code itself is kept nowhere, only its digest."""

    application_id: str
    payload: str  # whatever the one who redeems it needs to know, as JSON
    expires_at: datetime
    redeemed_at: datetime | None = None
    reused_at: datetime | None = None  # when it was presented a second time
    session_id: UUID | None = None  # which session came of it

    def __repr__(self) -> str:
        state = "waiting" if self.redeemed_at is None else "reused" if self.reused_at else "redeemed"
        return f"<Code for {self.application_id!r}, {state}>"


class Redeemed(Struct, frozen=True):
    """A code that was presented. If it was not the *first* time, somebody else has it too."""

    code: Code
    first: bool


class Codes(Protocol):
    """Each verb is atomic. *digest* is the SHA-256 of the code: see `credentials.digest`."""

    async def put_code(self, digest: str, code: Code) -> bool:
        """Keep a new code; false if there is one under *digest* already, which stays as it is."""
        ...

    async def redeem_code(self, digest: str, *, at: datetime) -> Redeemed | None:
        """Take a code; of any number of callers, in any number of processes, one is the first.

        None if it is unknown, or had expired at *at* before anybody redeemed it. Who is not the first
        gets what is known of the one who was, so that the session that came of it can be ended (RFC
        6749 section 4.1.2).
        """
        ...

    async def bind_code(self, digest: str, session_id: UUID) -> bool:
        """Write down which session came of a code that was redeemed; whether that session may go on.

        False if the code was presented again meanwhile, or is no longer known: the caller then ends
        the session. However the two meet, one sees the other.
        """
        ...

    async def codes_of(self, user_id: str) -> list[dict[str, Any]]:
        """What was agreed upon in the name of a user, as the payloads of their codes say it."""
        ...

    async def purge_codes(self, *, before: datetime, limit: int = 1000) -> int:
        """Forget up to *limit* codes that had expired before *before*, redeemed or not; how many."""
        ...
