"""The last seal, noted outside the ledger: who takes the end of the journal off would have to know of it."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from msgspec import Struct

from sojourn.directory.bookmarks import Bookmarks
from sojourn.observe.journal.seals import Seal

__all__ = ["Note", "Notes"]

_BOOKMARK = "last seal of the journal"


class Note(Struct, frozen=True, kw_only=True):
    """A seal by its number and its mark; `key_id` and `at` are for people who look for it."""

    id: int
    mac: bytes
    key_id: int
    at: datetime

    def __str__(self) -> str:
        return f"{self.id}:{self.mac.hex()}"


class Notes:
    """Lies beside accounts and applications, which are another file than the ledger."""

    def __init__(self, bookmarks: Bookmarks) -> None:
        self._bookmarks = bookmarks

    async def read(self) -> Note | None:
        """The seal that was noted last. None: none yet."""
        return _note(await self._bookmarks.bookmark(_BOOKMARK))

    async def write(self, seal: Seal, *, anew: bool = False) -> None:
        """Note *seal*, unless a later one is; *anew*: in any case, since the ledger is another one now."""
        was = await self._bookmarks.bookmark(_BOOKMARK)
        known = _note(was)
        if known is None or known.id < seal.id or anew:
            note = Note(id=seal.id, mac=seal.mac, key_id=seal.key_id, at=seal.at)
            await self._bookmarks.turn(_BOOKMARK, was=was, to=msgspec.json.encode(note).decode())

    async def forget(self) -> None:
        """Note that there is none: the ledger begins anew."""
        was = await self._bookmarks.bookmark(_BOOKMARK)
        if was is not None:
            await self._bookmarks.turn(_BOOKMARK, was=was, to="")


def _note(text: str | None) -> Note | None:
    if not text:
        return None
    try:
        return msgspec.json.decode(text, type=Note)
    except msgspec.DecodeError:  # somebody wrote it: no seal has this mark, and so it is said
        return Note(id=0, mac=b"", key_id=0, at=datetime.fromtimestamp(0, UTC))
