"""What goes wrong between us and Redis, in two kinds: it is away for now, or it refuses what we ask."""

from __future__ import annotations

from typing import Any

__all__ = ["NotReplicated", "RedisAway", "RedisError", "reply_error"]


class RedisError(Exception):
    """Redis refuses a command: a mistake of this program or in the set-up. `code` is its first word."""

    code = "ERR"


class RedisAway(RedisError):
    """A fault: the server cannot be reached, is full, is loading, or has no master just now."""

    code = "AWAY"


class NotReplicated(RedisAway):
    """A fault: what was asked is done on the master, but too few replicas have said that they have it.

    To call again is safe: what has ended stays ended, and the call waits for the replicas again.
    """

    code = "NOTREPLICATED"

    def __init__(self, text: str, reply: Any) -> None:
        super().__init__(text)
        self.reply = reply  # what the master answered


_AWAY = {"AUTH", "BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "MISCONF", "NOAUTH", "NOPERM", "NOREPLICAS"}
_AWAY |= {"ASK", "MOVED", "OOM", "READONLY", "TRYAGAIN", "UNBLOCKED", "WRONGPASS"}


def reply_error(text: str) -> RedisError:
    """What the server said instead of an answer."""
    code = text.partition(" ")[0]
    error = (RedisAway if code in _AWAY else RedisError)(text)
    error.code = code
    return error
