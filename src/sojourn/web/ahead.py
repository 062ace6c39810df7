"""Where the session will be asked for: there its record is read before the application runs.

What waits for the store deep in an application holds all that is in between: some fifty objects under
Starlette, through each of which the garbage collector walks again and again. Before it there are few.
"""

from __future__ import annotations

__all__ = ["FRESH", "Asking"]

FRESH = 0.1
"""Seconds for which what was read ahead is as good as read: for who asks later the store is asked again."""

_PATHS = 4_096  # that are remembered


class Asking(set[str]):
    """The paths at which somebody asked for the session the last time."""

    def learn(self, path: str) -> None:
        """Somebody asks at *path*."""
        if len(self) >= _PATHS:
            self.clear()
        self.add(path)
