"""Any of the applications as it is reached through a proxy, which says for whom it asks."""

from __future__ import annotations

from typing import Any

__all__ = ["Forwarded"]


class Forwarded:
    """Adds to each request what a proxy adds; the bare application beside it pays the same for that."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":  # texts of their own, as a server has read them
            scope["headers"] += [
                (b"x-forwarded-for", b"198.51.100.%d" % 7),
                (b"x-forwarded-proto", b"htt%c" % 112),
            ]
        await self.app(scope, receive, send)
