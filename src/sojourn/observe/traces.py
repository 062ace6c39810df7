"""What of a user may stand in what others wrote: their id, their address, their name, their sessions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from uuid import UUID

from msgspec import Struct

__all__ = ["Traces", "ending_of"]

_SHORTEST = 4  # characters of a word that is looked for in sentences: a shorter one is in too many


class Traces(Struct, frozen=True, kw_only=True, dict=True):
    """By what somebody is recognised who is to be erased.

    `words`: what they are called, e-mail address and name; `addresses`: from where their sessions were used;
    `notes`: what administrators wrote when they ended these.
    """

    user_id: str
    words: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()
    sessions: frozenset[UUID] = frozenset()
    notes: frozenset[str] = frozenset()

    def named_in(self, texts: Iterable[str | None], *, by_address: bool = False) -> bool:
        """Whether one of *texts* names the user, as a word or words of it, whatever the case."""
        pattern = self._called_or_from if by_address else self._called
        return any(text is not None and pattern.search(text) is not None for text in texts)

    @cached_property
    def _called(self) -> re.Pattern[str]:
        return _any_of((self.user_id, *self.words))

    @cached_property
    def _called_or_from(self) -> re.Pattern[str]:
        return _any_of((self.user_id, *self.words, *self.addresses))


def ending_of(job: UUID) -> str:
    """How the notes of sessions end that the bulk revocation *job* has ended."""
    return f"(bulk {job.hex[-12:]})"


def _any_of(words: Iterable[str]) -> re.Pattern[str]:
    found = sorted({re.escape(word) for word in words if len(word) >= _SHORTEST}, key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(found)})(?!\w)" if found else r"(?!)", re.IGNORECASE)
