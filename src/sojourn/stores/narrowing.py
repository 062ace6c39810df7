"""What a search narrows by, with one meaning on every store: address, country, kind or name of a device."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any
from uuid import UUID

from msgspec.structs import replace as _replaced

from sojourn.session import Session, lowest_id
from sojourn.stores.protocol import Query, Store

__all__ = [
    "NARROWING",
    "Network",
    "counted",
    "each_revoked",
    "folded",
    "is_narrowed",
    "matches",
    "narrows",
    "network_of",
    "walked",
]
__all__ += ["within"]

Network = IPv4Network | IPv6Network

NARROWING = ("ip", "country", "kind", "text", "unheld")
"""Fields of a `Query` that no index knows, and that not every store can ask its rows for."""

_LEAST = 500  # rows of one look, of which few may match
_CASES = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


def is_narrowed(query: Query) -> bool:
    """Whether *query* asks for what no index knows."""
    return any(getattr(query, name) not in (None, False) for name in NARROWING)


def narrows(session: Session, query: Query) -> bool:
    """Whether *session*, which matches *query* otherwise, is what it searches for."""
    place, device = session.place, session.device
    if query.unheld and session.held is not None:
        return False
    if query.country is not None and (place is None or place.country != query.country):
        return False
    if query.kind is not None and device.kind != query.kind:
        return False
    if query.ip is not None and not within(session.ip, query.ip):
        return False
    if query.text is None:
        return True
    wanted = folded(query.text)
    return any(wanted in folded(name) for name in (device.name, device.custom_name, device.model) if name)


def matches(s: Session, q: Query) -> bool:
    """Whether *s* is among those that *q* asks for, whatever page."""
    over_at = s.revoked_at or s.expires_at
    return (
        (q.id is None or s.id == q.id)
        and (q.user_id is None or s.user_id == q.user_id)
        and (q.except_id is None or s.id != q.except_id)
        and (q.application_id is None or s.application_id == q.application_id)
        and (q.tenant_id is None or s.tenant_id == q.tenant_id)
        and (q.device_id is None or s.device.id == q.device_id)
        and (q.live_at is None or s.live(q.live_at))
        and (q.ended_since is None or over_at >= q.ended_since)
        and (q.ended_by is None or over_at <= q.ended_by)
        and (q.seen_since is None or s.seen_at >= q.seen_since)
        and (q.created_since is None or s.id >= lowest_id(q.created_since))
        and (q.created_before is None or s.id < lowest_id(q.created_before))
        and (not q.signed_in or s.user_id is not None)
        and (q.after is None or s.id < q.after)
        and narrows(s, q)
    )


def folded(text: str) -> str:
    """*text* as names of devices are compared: no store agrees with another on cases beyond ASCII's."""
    return text.translate(_CASES)


def within(ip: str | None, wanted: str) -> bool:
    """Whether the address *ip* is *wanted*, or in the network that this is.

    One that was cut is a network itself. What is neither, as where keyed hashes of addresses are kept,
    is found by its very text alone.
    """
    if ip is None or ip == wanted:
        return ip is not None
    network, found = network_of(wanted), network_of(ip)
    if network is None or found is None:
        return False
    if isinstance(network, IPv4Network):
        return isinstance(found, IPv4Network) and found.subnet_of(network)
    return isinstance(found, IPv6Network) and found.subnet_of(network)


@lru_cache(maxsize=4096)
def network_of(text: str) -> Network | None:
    """The network that *text* names, of one address at least; None: it is neither."""
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


# ── for stores that cannot ask their rows ─────────────────────────────────────────────────────

Page = Callable[[Query], Awaitable[list[Session]]]


async def walked(page: Page, query: Query) -> list[Session]:
    """The page of *query*, from what *page* answers, which need not look at what `NARROWING` names."""
    found: list[Session] = []
    look: Query | None = _replaced(query, limit=max(query.limit, _LEAST))
    while look is not None and len(found) < query.limit:
        rows = await page(look)
        found += _narrowed(rows, query)
        look = _replaced(look, after=rows[-1].id) if len(rows) == look.limit else None
    return found[: query.limit]


async def counted(page: Page, query: Query) -> int:
    """How many match *query*, or with `people` of how many users they are."""
    total, users = 0, set[str]()
    look: Query | None = _replaced(query, people=False, after=None, limit=_LEAST)
    while look is not None:
        rows = await page(look)
        for session in _narrowed(rows, query):
            total += 1
            if query.people and session.user_id is not None:
                users.add(session.user_id)
        look = _replaced(look, after=rows[-1].id) if len(rows) == look.limit else None
    return len(users) if query.people else total


async def each_revoked(store: Store, query: Query, *, at: datetime, **ending: Any) -> list[UUID]:
    """End those that match *query*, each by itself; which."""
    matching = await store.select(_replaced(query, live_at=at, order="id"))
    ended: list[UUID] = []
    while matching:
        for session in matching:
            ended += await store.revoke(Query(id=session.id), at=at, **ending)
        if len(ended) >= query.limit or len(matching) < query.limit - len(ended):
            break
        rest = _replaced(query, live_at=at, after=matching[-1].id, limit=query.limit - len(ended))
        matching = await store.select(rest)
    return ended


def _narrowed(rows: list[Session], query: Query) -> Iterator[Session]:
    return (session for session in rows if narrows(session, query))
