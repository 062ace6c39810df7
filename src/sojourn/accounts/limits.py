"""How often something may be tried: the generic cell rate algorithm, with one number for each key."""

from __future__ import annotations

from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address
from typing import Protocol

from msgspec import Struct

from sojourn.errors import SettingsError

__all__ = ["Limits", "Rate", "Rates", "network", "take"]


class Rate(Struct, frozen=True):
    """`burst` attempts at once, and one more `every` so often."""

    burst: int
    every: timedelta

    def __post_init__(self) -> None:
        if self.burst < 1 or self.every <= timedelta(0):
            raise SettingsError("a rate admits at least 1 attempt, every some time; raise burst or every")

    @property
    def span(self) -> timedelta:
        """How long an exhausted key takes to be as new."""
        return self.burst * self.every


class Rates(Struct, frozen=True, kw_only=True):
    """What signing in may cost.

    An account is guarded against many addresses and an address against many accounts. Whoever
    keeps guessing at an account makes its owner wait too, `account.every` at most.
    """

    account: Rate = Rate(10, timedelta(seconds=90))
    address: Rate = Rate(30, timedelta(seconds=10))


class Limits(Protocol):
    """Where limits are kept. Keys are keyed hashes: the table tells nobody who tried to sign in."""

    async def take(self, key: str, *, rate: Rate, at: datetime) -> timedelta | None:
        """Count one attempt; None if it is within *rate*, else how long to wait. A refused one costs nothing.

        Atomic: of N at the same moment, in any number of processes, as many pass as *rate* admits.
        """

    async def give_back(self, key: str, *, rate: Rate) -> None:
        """Take back one attempt, which turned out to be genuine."""

    async def purge_limits(self, *, before: datetime) -> int:
        """Forget the keys that were as new before *before*; how many."""


def take(due_at: datetime | None, rate: Rate, at: datetime) -> tuple[datetime, timedelta | None]:
    """When the key will be as new after an attempt *at*, and how long to wait if it is refused.

    *due_at* is the answer to the attempt before.
    """
    before = max(due_at or at, at)
    due = before + rate.every
    wait = due - at - rate.span
    return (before, wait) if wait > timedelta(0) else (due, None)


def network(ip: str) -> str:
    """Whose attempts count together: an IPv4 address, or the /64 of an IPv6 one, which a single home has."""
    try:
        address = ip_address(ip.partition("%")[0])
    except ValueError:
        return ip
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return f"{IPv6Address(int(address) >> 64 << 64)}/64"
