"""A `Query` as the scripts read it, and the pages that one shard or all of them answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace as _replaced

from sojourn.session import bucket_in, bucket_of, lowest_id
from sojourn.stores.protocol import Query
from sojourn.stores.redis.rows import pack_text
from sojourn.stores.sqlite.rows import microseconds

__all__ = ["Asked", "Walk", "asked", "start"]


class Asked(Struct, frozen=True):
    """The shards that know the answer, and the values that stand around those of a page."""

    how: str  # "id", "user", "apps", "tenants" or "live": by which index
    shards: Sequence[int]
    found: tuple[bytes | str | int, ...]
    narrowed: tuple[bytes | str | int, ...]

    def values(self, after: bytes, limit: int, budget: int) -> tuple[bytes | str | int, ...]:
        """The seventeen values for a page of at most *limit*, for which *budget* records are looked at."""
        return (self.how, *self.found, after, limit, budget, *self.narrowed)


class Walk:
    """Who ends many asks again and again. Each time begins with the shard where the last one had enough.

    The shards before it were walked then, and would be walked in vain once more for every call. They come
    last: a call that finds fewer than it may has walked through all shards, whoever began where.
    """

    def __init__(self) -> None:
        self._last: tuple[Query, int] | None = None

    def shards(self, query: Query, shards: Sequence[int]) -> Iterator[int]:
        """All of *shards*; leave the loop where there is enough."""
        about = _replaced(query, live_at=None, created_since=None, after=None, limit=1)
        last, first = self._last, 0
        if last is not None and last[0] == about and last[1] in shards:
            first = shards.index(last[1])
        for shard in (*shards[first:], *shards[:first]):
            self._last = about, shard
            yield shard


def asked(query: Query, shards: int) -> Asked:
    """*query* for a store of so many *shards*."""
    bucket = 0
    if query.id is not None:
        how, where = "id", [bucket_in(query.id) % shards]
    elif query.user_id is not None:
        bucket = bucket_of(query.user_id)
        how, where = "user", [bucket % shards]
    else:
        by_group = (
            "tenants" if query.tenant_id is not None else "apps" if query.application_id is not None else ""
        )
        if query.live_at is None:  # groups are of those who live
            by_group = ""
        how, where = by_group or "live", [*range(shards)]
    return Asked(
        how=how,
        shards=where,
        found=(_id(query.id), pack_text(query.user_id), bucket),
        narrowed=(
            _id(query.except_id),
            pack_text(query.application_id),
            pack_text(query.tenant_id),
            pack_text(query.device_id),
            _time(query.live_at),
            _time(query.ended_since),
            _time(query.ended_by),
            "1" if query.signed_in else "",
            b"" if query.created_since is None else lowest_id(query.created_since).bytes,
            _time(query.seen_since),
        ),
    )


def start(query: Query, *, page: bool = True) -> bytes:
    """Below which id to begin; with *page* after that of the last page. b"": at the newest."""
    bounds = [query.after] if page and query.after is not None else []
    if query.created_before is not None:
        bounds.append(lowest_id(query.created_before))
    return min(bounds).bytes if bounds else b""


def _id(id: UUID | None) -> bytes:
    return b"" if id is None else id.bytes


def _time(time: datetime | None) -> str | int:
    return "" if time is None else microseconds(time)
