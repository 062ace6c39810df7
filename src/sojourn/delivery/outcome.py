"""Why a message did not arrive."""

from __future__ import annotations

__all__ = ["Declined", "Undelivered"]


class Undelivered(Exception):
    """It did not arrive, and may another time. The text is kept and logged: no path, no secret."""


class Declined(Exception):
    """It never will: the receiver has said so, or there is none any more."""
