"""The URL of a PostgreSQL database, with what it says about waiting and about connections."""

from __future__ import annotations

from typing import Self
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from msgspec import Struct

from sojourn.errors import SettingsError

__all__ = ["Address"]

_NUMBERS: dict[str, type] = {
    "connect_timeout": float,
    "command_timeout": float,
    "pool_timeout": float,
    "pool_size": int,
}


class Address(Struct, frozen=True, kw_only=True):
    """Where the database is, and how patient to be. Durations in seconds, all of them bounds."""

    url: str  # for the drivers: without what is ours
    connect_timeout: float = 5.0
    command_timeout: float = 10.0
    pool_timeout: float = 5.0  # how long a request waits for a connection when all are in use
    # Connections of a process and face; beside them one for the log, one that listens, and two for writes
    # that share a transaction.
    pool_size: int = 10
    pooler: bool = False  # a pooler that gives out connections by transaction stands in between

    @classmethod
    def of(cls, url: str) -> Self:
        """Take what is ours out of *url*: the names of the fields below."""
        parts = urlsplit(url)
        asked = dict(parse_qsl(parts.query, keep_blank_values=True))
        ours = {name: asked.pop(name) for name in (*_NUMBERS, "pooler") if name in asked}
        if ours.get("pooler", "none") not in ("none", "session", "transaction"):
            raise SettingsError(f"pooler={ours['pooler']}: write pooler=transaction, or leave it out")
        return cls(
            url=urlunsplit(parts._replace(query=urlencode(asked))),
            pooler=ours.get("pooler") == "transaction",
            **{name: kind(_number(ours, name)) for name, kind in _NUMBERS.items() if name in ours},
        )

    @property
    def settings(self) -> dict[str, str]:
        """What every connection of ours asks of the server; a pooler would refuse some of it."""
        if self.pooler:
            return {}
        return {
            "application_name": "sojourn",
            "timezone": "UTC",
            "statement_timeout": f"{self.command_timeout * 1000:.0f}",
            "default_transaction_isolation": "read committed",
            # A plan made once prunes the weeks when it runs. One made anew for each call, which the server
            # would prefer now and then, takes ten times what most of these statements take.
            "plan_cache_mode": "force_generic_plan",
            "jit": "off",  # for the same reason
            # A plan made while a week was empty would read all of it once it is full.
            "enable_seqscan": "off",
        }

    def __str__(self) -> str:
        """Without user, password and options: for messages."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _number(asked: dict[str, str], name: str) -> float:
    try:
        number = float(asked[name])
    except ValueError:
        number = 0
    if number <= 0 or (name == "pool_size" and number < 1):
        raise SettingsError(f"{name}={asked[name]} in the URL of the database: write a number above zero")
    return number
