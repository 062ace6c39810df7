"""Bookmarks: how far somebody has read something that goes on, whatever happens to the process that reads."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Bookmarks"]


class Bookmarks(Protocol):
    """Each verb is atomic. Of a bookmark that is lost to a power cut an earlier place may be left."""

    async def bookmark(self, name: str) -> str | None:
        """The place of *name*; None: nothing was read yet."""
        ...

    async def turn(self, name: str, *, was: str | None, to: str) -> bool:
        """Move *name* on; false if it is not, or no longer, where it *was*: somebody else was faster."""
        ...
