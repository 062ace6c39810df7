"""Questions that take several scripts: a shard answers a page at a time, and the shards' pages become one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from heapq import nlargest
from typing import Any

from msgspec.structs import replace as _replaced

from sojourn.stores.protocol import Query
from sojourn.stores.redis.nodes import Call, Nodes
from sojourn.stores.redis.query import Asked
from sojourn.stores.redis.steps import LOOKED_AT, TOGETHER
from sojourn.stores.redis.wire import packed

__all__ = ["Pages"]

Row = tuple[bytes, bytes]
"""The id of a session, and its record."""

_MANY = 1 << 31
_SEEN = slice(18, 26)  # of a record: see `lua/record.lua`


class Pages:
    """Reads what `Asked` says. Where a script stopped short, the next one goes on."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    async def newest(self, ask: Asked, query: Query) -> list[Row]:
        """The page of *query*, newest id first."""
        after = b"" if query.after is None else query.after.bytes
        size = query.limit if len(ask.shards) == 1 else max(8, 2 * query.limit // len(ask.shards))
        found: list[Row] = []
        stopped = dict.fromkeys(ask.shards, after)
        while stopped:
            for shard, go_on, values in await self._round("select", ask, stopped, min(size, query.limit)):
                found += _rows(values)
                stopped[shard] = go_on
            found = sorted(found, reverse=True)[: query.limit]
            # What a shard has not told is below where it stopped, and matters only above the last one found.
            floor = found[-1][0] if len(found) == query.limit else b""
            stopped = {shard: after for shard, after in stopped.items() if after > floor}
        return found

    async def most_recently_seen(self, ask: Asked, query: Query) -> list[Row]:
        """The page of *query* that was seen last. Every session that matches otherwise is looked at."""
        best: list[Row] = []
        stopped = dict.fromkeys(ask.shards, b"")
        while stopped:
            for shard, go_on, values in await self._round("select", ask, stopped, LOOKED_AT):
                best = nlargest(query.limit, (*best, *_rows(values)), key=lambda row: (_seen(row), row[0]))
                stopped[shard] = go_on
            if len(best) == query.limit:  # whoever was seen before these is not asked for any more
                ask = _replaced(ask, narrowed=(*ask.narrowed[:-1], _seen(best[-1])))
            stopped = {shard: after for shard, after in stopped.items() if after}
        return best

    async def count(self, ask: Asked, *, people: bool) -> int:
        """How many match; with *people*, how many users they are of."""
        number, users = 0, set[bytes]()
        stopped = dict.fromkeys(ask.shards, b"")
        while stopped:
            for shard, go_on, values in await self._round(
                "count", ask, stopped, _MANY, "1" if people else ""
            ):
                number += values[0]
                users.update(values[1:])
                stopped[shard] = go_on
            stopped = {shard: after for shard, after in stopped.items() if after}
        return len(users) if people else number

    async def kept(self, shards: Iterable[int], *, visitors: bool) -> int:
        """The counters of *shards* together."""
        names = ("users", "visitors") if visitors else ("users",)
        asked = [Call(n, packed("HMGET", self._nodes.key(n, b"counts"), *names)) for n in shards]
        return sum(int(count) for counts in await self._nodes.many(asked) for count in counts if count)

    async def ungrouped(self, shards: Iterable[int]) -> list[int]:
        """Those of *shards* that live sessions are in which the index of their application may lack."""
        asked = [
            Call(n, packed(command, self._nodes.key(n, name)))
            for n in shards
            for command, name in (("EXISTS", b"grouped"), ("EXISTS", b"live"))
        ]
        answers = await self._nodes.many(asked)
        found = zip(asked[::2], answers[::2], answers[1::2], strict=True)
        return [call.shard for call, grouped, live in found if live and not grouped]

    async def reached(self, shards: Iterable[int], index: bytes, score: int) -> set[int]:
        """In which of *shards* the lowest score of *index* is not above *score*."""
        asked = [Call(n, packed("ZRANGE", self._nodes.key(n, index), 0, 0, "WITHSCORES")) for n in shards]
        answers = await self._nodes.many(asked)
        return {
            call.shard
            for call, answer in zip(asked, answers, strict=True)
            if answer and float(answer[1]) <= score
        }

    async def _round(
        self, verb: str, ask: Asked, stopped: Mapping[int, bytes], limit: int, *more: str
    ) -> list[tuple[int, bytes, list[Any]]]:
        """The next page of each shard that has *stopped* somewhere: shard, where it stopped now, values."""
        asked, told = [*stopped.items()], list[tuple[int, bytes, list[Any]]]()
        for n in range(0, len(asked), TOGETHER):
            part = asked[n : n + TOGETHER]
            budget = LOOKED_AT // len(part)
            calls = [
                self._nodes.scripted(shard, verb, *ask.values(after, limit, budget), *more)
                for shard, after in part
            ]
            for call, (go_on, *values) in zip(calls, await self._nodes.many(calls), strict=True):
                told.append((call.shard, go_on, values))
        return told


def _rows(values: list[Any]) -> Iterator[Row]:
    return zip(values[0::2], values[1::2], strict=True)


def _seen(row: Row) -> int:
    return int.from_bytes(row[1][_SEEN], "big", signed=True)
