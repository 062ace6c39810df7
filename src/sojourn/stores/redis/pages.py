"""Questions that take several scripts: a shard answers a page at a time, and the shards' pages become one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import nlargest
from typing import Any
from uuid import UUID

from msgspec.structs import replace as _replaced

from sojourn.session import bucket_in, lowest_id
from sojourn.stores.narrowing import NARROWING, matches
from sojourn.stores.protocol import Query
from sojourn.stores.redis.nodes import Call, Nodes
from sojourn.stores.redis.query import Asked, start
from sojourn.stores.redis.rows import from_record
from sojourn.stores.redis.steps import LOOKED_AT, TOGETHER
from sojourn.stores.redis.wire import packed
from sojourn.stores.sqlite.rows import microseconds

__all__ = ["Pages"]

Row = tuple[bytes, bytes]
"""The id of a session, and its record."""

_MANY = 1 << 31
_PART = 500  # ids, or records, of one step; to hand over an id takes a tenth of a microsecond
_SEEN = slice(18, 26)  # of a record: see `lua/record.lua`


class Pages:
    """Reads what `Asked` says. Where a script stopped short, the next one goes on."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    async def newest(self, ask: Asked, query: Query) -> list[Row]:
        """The page of *query*, newest id first."""
        after = start(query)
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

    async def of_all(self, ask: Asked, query: Query) -> list[Row]:
        """The page of *query* among the living and the ended: no index has both in order of their ids.

        What has ended is found by when, so it is for a short stretch of time since `created_since`.
        """
        found = dict(await self.newest(ask, query))
        ids = sorted(await self._over(ask.shards, query), reverse=True)
        for n in range(0, len(ids), _PART):
            part = [id for id in ids[n : n + _PART] if id not in found]
            asked = [self._nodes.read(bucket_in(UUID(bytes=id)) % len(ask.shards), id) for id in part]
            for id, record in zip(part, await self._nodes.in_parts(asked, LOOKED_AT), strict=True):
                if record is not None and matches(from_record(UUID(bytes=id), record), _searched(query)):
                    found[id] = record
            if (
                len(found) >= query.limit
                and sorted(found, reverse=True)[query.limit - 1] >= ids[n : n + _PART][-1]
            ):
                break
        return sorted(found.items(), reverse=True)[: query.limit]

    async def _over(self, shards: Sequence[int], query: Query) -> set[bytes]:
        """The ids of those that began in the stretch of *query* and are known to have ended."""
        after = start(query)
        begin = query.created_since and microseconds(query.created_since)
        lowest = b"" if query.created_since is None else lowest_id(query.created_since).bytes
        least = max(begin or 0, microseconds(query.ended_since) if query.ended_since else 0)
        most = microseconds(query.ended_by) if query.ended_by else "+inf"
        found, waiting, skipped = set[bytes](), list(shards), 0
        while waiting:
            limits = ("LIMIT", skipped, _PART)
            asked = [
                Call(n, packed("ZREVRANGEBYSCORE", self._nodes.key(n, b"ended"), most, least, *limits))
                for n in waiting
            ]
            answers = await self._nodes.in_parts(asked, TOGETHER)
            for answer in answers:
                found.update(id for id in answer if id >= lowest and (not after or id < after))
            waiting = [n for n, answer in zip(waiting, answers, strict=True) if len(answer) == _PART]
            skipped += _PART
        return found

    async def most_recently_seen(self, ask: Asked, query: Query) -> list[Row]:
        """The page of *query* that was seen last. Every session that matches otherwise is looked at."""
        best: list[Row] = []
        stopped = dict.fromkeys(ask.shards, start(query))
        while stopped:
            for shard, go_on, values in await self._round("select", ask, stopped, LOOKED_AT):
                best = nlargest(query.limit, (*best, *_rows(values)), key=lambda row: (_seen(row), row[0]))
                stopped[shard] = go_on
            if len(best) == query.limit:  # whoever was seen before these is not asked for any more
                ask = _replaced(ask, narrowed=(*ask.narrowed[:-1], _seen(best[-1])))
            stopped = {shard: after for shard, after in stopped.items() if after}
        return best

    async def count(self, ask: Asked, query: Query) -> int:
        """How many match; with `people`, how many users they are of."""
        number, users, people = 0, set[bytes](), query.people
        stopped = dict.fromkeys(ask.shards, start(query, page=False))
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


def _searched(query: Query) -> Query:
    """*query* without what is looked at later, in whole sessions."""
    return _replaced(query, after=None, **dict.fromkeys(NARROWING))


def _rows(values: list[Any]) -> Iterator[Row]:
    return zip(values[0::2], values[1::2], strict=True)


def _seen(row: Row) -> int:
    return int.from_bytes(row[1][_SEEN], "big", signed=True)
