"""The log: a stream in each shard. A poll reads all of them, and whether they are still the same ones."""

from __future__ import annotations

import hashlib
import os
import re
import struct
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from sojourn.session import Reason
from sojourn.stores.protocol import Entries, Entry
from sojourn.stores.redis.faults import RedisAway
from sojourn.stores.redis.nodes import Call, Nodes
from sojourn.stores.redis.rows import NEVER
from sojourn.stores.redis.url import Address
from sojourn.stores.redis.wire import packed
from sojourn.stores.sqlite.rows import reason_of, time_of

__all__ = ["Log"]

_START = "0-0"
_FEW = 100
_LINE = struct.Struct(">16sIq")
_INFO, _TIME = packed("INFO", "replication"), packed("TIME")
_is_position = re.compile(r"[0-9]{1,20}-[0-9]{1,20}").fullmatch


class _Cursor(Struct, frozen=True, forbid_unknown_fields=True):
    """Whose log was read, and how far. A shard that is not named was read to its beginning."""

    marks: dict[str, str]  # of one shard of each server: what it was marked with, and the server's history
    read: dict[str, str]  # the last line by shard

    def ids(self) -> str:
        digest = hashlib.blake2b(_encode(sorted(self.marks.items())), digest_size=8)
        return digest.hexdigest()


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Cursor).decode


class Log:
    """Polls. What a line that was trimmed said is lost, and a line of its own tells that: see `trim.lua`.

    A log that was lost with a server's memory is told by a mark: a random value beside the streams, and the
    server's replication id, which is another one after each start and each failover.
    """

    def __init__(self, nodes: Nodes, shards: int) -> None:
        self._nodes = nodes
        self._shards = range(shards)
        self._last: tuple[str, _Cursor] | None = None  # the last cursor given: mostly the next one asked
        self._asked: tuple[dict[str, str], int, list[Call]] | None = None  # how that is asked for

    async def page(self, after: str | None, limit: int) -> Entries:
        cursor = None if after is None else self._parsed(after)
        if cursor is not None:
            page = await self._continued(cursor, limit)
            if page is not None:
                return page
        return await self._begun(limit, continues=after is None)

    async def _continued(self, cursor: _Cursor, limit: int) -> Entries | None:
        """What came after *cursor*; None if some of it may be lost."""
        marks, now, streams = await self._read(cursor.read, limit)
        if marks != cursor.marks or any(_lost(cursor.read.get(str(n), _START), s) for n, s in streams):
            return None
        return self._page(cursor, now, streams, limit)

    async def _begun(self, limit: int, *, continues: bool) -> Entries:
        """The log from its beginning, which is after the last line that was trimmed."""
        trimmed = await self._nodes.many(
            [Call(n, packed("GET", self._nodes.key(n, b"trimmed"))) for n in self._shards]
        )
        start = {str(n): last.decode() for n, last in enumerate(trimmed) if last is not None}
        marks, now, streams = await self._read(start, limit)
        return self._page(_Cursor(marks, start), now, streams, limit, continues=continues)

    # ── reading ──────────────────────────────────────────────────────────────────────────────────

    async def _read(
        self, read: dict[str, str], limit: int
    ) -> tuple[dict[str, str], datetime, list[tuple[int, list[Any]]]]:
        """The marks, the time, and the lines of each shard that has new ones; in one round trip.

        The marks come first: what changes after them, the next poll notices.
        """
        probes = await self._probes()
        calls = [Call(n, command) for n in probes for command in (self._mark(n), _INFO)]
        calls.append(Call(probes[0], _TIME))
        answers = await self._nodes.many(calls + self._reads(read, limit))
        marks = {}
        for n, mark, info in zip(probes, answers[0::2], answers[1::2], strict=False):
            marks[str(n)] = f"{await self._marked(n, mark)}.{_history(info)}"
        seconds, rest = answers[2 * len(probes)]
        now = time_of(int(seconds) * 1_000_000 + int(rest)).astimezone(UTC)
        streams = [
            (int(name.partition(b"{")[2].partition(b"}")[0]), lines)
            for reply in answers[2 * len(probes) + 1 :]
            for name, lines in reply or ()
        ]
        return marks, now, streams

    async def _probes(self) -> list[int]:
        """One shard of each server."""
        owners = self._nodes.owners or await self._nodes.locate()
        first: dict[Address, int] = {}
        for n, address in enumerate(owners):
            first.setdefault(address, n)
        return [*first.values()]

    def _reads(self, read: dict[str, str], limit: int) -> list[Call]:
        """On one server all streams are read by one command; a cluster wants one for each slot."""
        memo = self._asked
        if memo is not None and memo[0] is read and memo[1] == limit:
            return memo[2]
        self._asked = read, limit, (calls := self._read_calls(read, self._count(limit)))
        return calls

    def _count(self, limit: int) -> int:
        """How many lines are asked of each stream, so that few are thrown away and a short log is whole."""
        return max(min(limit + 1, _FEW), 2 * limit // len(self._shards))

    def _read_calls(self, read: dict[str, str], count: int) -> list[Call]:
        keys = [self._nodes.key(n, b"log") for n in self._shards]
        positions = [read.get(str(n), _START) for n in self._shards]
        if not self._nodes.url.cluster:
            return [Call(0, packed("XREAD", "COUNT", count, "STREAMS", *keys, *positions))]
        return [
            Call(n, packed("XREAD", "COUNT", count, "STREAMS", key, position))
            for n, key, position in zip(self._shards, keys, positions, strict=True)
        ]

    def _mark(self, shard: int) -> bytes:
        return packed("GET", self._nodes.key(shard, b"epoch"))

    async def _marked(self, shard: int, mark: bytes | None) -> str:
        """The mark of *shard*. Where there is none nobody has polled yet, or the memory was lost."""
        if mark is None:
            key, new = self._nodes.key(shard, b"epoch"), os.urandom(8).hex()
            await self._nodes.one(Call(shard, packed("SET", key, new, "NX")))
            mark = await self._nodes.one(Call(shard, packed("GET", key)))
        return "" if mark is None else mark.decode()

    # ── answering ────────────────────────────────────────────────────────────────────────────────

    def _page(
        self,
        cursor: _Cursor,
        now: datetime,
        streams: list[tuple[int, list[Any]]],
        limit: int,
        *,
        continues: bool = True,
    ) -> Entries:
        entries: list[Entry] = []
        read, complete = dict(cursor.read), True
        for shard, lines in streams:
            complete = complete and len(lines) < self._count(limit)
            for position, (kind, value) in lines:
                if kind == b"e":
                    if len(entries) == limit:
                        complete = False
                        break
                    entries.append(_entry(value))
                read[str(shard)] = position.decode()
        if streams or self._last is None or self._last[1] is not cursor:
            cursor = _Cursor(cursor.marks, read)
            self._last = _encode(cursor).decode(), cursor
        return Entries(
            entries=tuple(entries),
            cursor=self._last[0],
            complete=complete,
            continues=continues,
            epoch=cursor.ids(),
            now=now,
        )

    def _parsed(self, text: str) -> _Cursor | None:
        last = self._last
        if last is not None and last[0] == text:
            return last[1]
        try:
            cursor = _decode(text)
        except msgspec.DecodeError:
            return None
        return cursor if all(map(_is_position, cursor.read.values())) else None


def _lost(position: str, lines: list[Any]) -> bool:
    """Whether a line after *position* was trimmed: a line of the kind `t` names the last that was."""
    return any(kind == b"t" and _order(value) > _order(position) for _, (kind, value) in lines)


def _order(position: str | bytes) -> tuple[int, int]:
    time, number = (int(part) for part in position.split("-" if isinstance(position, str) else b"-"))  # type: ignore[arg-type]
    return time, number


def _history(info: bytes) -> str:
    """The replication id in the answer to `INFO replication`. A replica's word about the log is no word."""
    facts = dict(line.split(b":", 1) for line in info.split(b"\r\n") if b":" in line)
    if facts.get(b"role") != b"master":
        raise RedisAway("READONLY this server is a replica now; the log is read from masters alone")
    return facts.get(b"master_replid", b"").decode()


def _entry(value: bytes) -> Entry:
    id, version, at = _LINE.unpack_from(value)
    # From a number, because that takes half as long as from bytes.
    number = UUID(int=int.from_bytes(id))
    return Entry(number, version, None if at == NEVER else time_of(at), _reason(value[_LINE.size :]))


@lru_cache(64)
def _reason(text: bytes) -> Reason | None:
    return reason_of(text.decode()) if text else None
