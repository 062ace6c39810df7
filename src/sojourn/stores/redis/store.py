"""Sessions in Redis or a Redis Cluster, for any number of machines."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from copy import copy
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from msgspec.structs import replace as _replaced

from sojourn.errors import SettingsError
from sojourn.session import Reason, Seen, Session, bucket_in, bucket_of
from sojourn.stores.decoded import Decoded
from sojourn.stores.narrowing import counted, each_revoked, is_narrowed, walked
from sojourn.stores.protocol import Cap, Entries, Inserted, Query, check_supported, is_kept
from sojourn.stores.redis.blocking import Sockets
from sojourn.stores.redis.checks import Checks, Finding
from sojourn.stores.redis.faults import NotReplicated, RedisAway
from sojourn.stores.redis.log import Log
from sojourn.stores.redis.nodes import Call, Connections, Nodes
from sojourn.stores.redis.pages import Pages
from sojourn.stores.redis.query import Walk, asked, start
from sojourn.stores.redis.rows import from_record, tail, to_record
from sojourn.stores.redis.steps import (
    CHUNKS,
    ENDED,
    FORGOTTEN,
    GROUPED,
    LOOKED_AT,
    LOOKED_TO_END,
    OF_USER,
    TOGETHER,
    TOUCHED,
    UNTOLD,
)
from sojourn.stores.redis.url import RedisURL
from sojourn.stores.redis.wire import Wires, packed
from sojourn.stores.sqlite.rows import microseconds, reason_of

__all__ = ["RedisStore", "steps_of_touch"]

_Value = bytes | str | int  # of a script
_ONE_USE = 4  # so many for `touch.lua`
_SAME = {"application_id": 1, "tenant_id": 2, "profile": 4}  # as `insert.lua` reads it


class RedisStore:
    """The servers that *url* names: see `RedisURL`.

    A session, the index of its user and the log of both are in one of *shards* parts, which the id and
    the user id tell: each verb about one session or one user is one script. The number of shards stays
    what it was when the database was begun.

    A session that `expire` has noticed has ended, even for a caller whose clock is behind.
    """

    remote = True

    # Settings that do not fit: the server is away all the same.
    faults: tuple[type[Exception], ...] = (RedisAway, OSError, SettingsError)

    def __init__(self, url: str, *, shards: int = 64) -> None:
        if not 1 <= shards <= 4096:
            raise SettingsError("shards is a number from 1 to 4096; 64 is good for all but the largest")
        self._url = RedisURL.parsed(url)
        self._shards = shards
        self._channel = f"sojourn:{self._url.database}:log"
        self._twin: Self | None = None
        self._decoded = Decoded(from_record)
        self._walk = Walk()
        self._ungrouped: list[int] | None = (
            None  # shards whose indexes by application and tenant lack somebody
        )
        self._connect(Wires(self._url))

    def _connect(self, connections: Connections) -> None:
        self._nodes = Nodes(self._url, connections, self._shards)
        self._checks = Checks(self._nodes)
        self._pages = Pages(self._nodes)
        self._log = Log(self._nodes, self._shards)

    # ── one session ──────────────────────────────────────────────────────────────────────────────

    async def insert(self, session: Session, *, cap: Cap | None = None) -> Inserted:
        shard = self._shard_of(session)
        await self._ready()
        values = (session.id.bytes, to_record(session), self._channel, "", *_cap(cap))
        call = self._nodes.scripted(shard, "insert", *values)
        try:
            kind, *rows = await (self._nodes.replicated(call) if cap else self._nodes.one(call))
        except NotReplicated as short:
            kind, *rows = short.reply
            if kind == 1 and rows:
                raise  # somebody has ended
        if kind == 1:
            return Inserted(True, tuple((id, reason_of(reason.decode())) for id, reason in _pairs(rows)))
        if cap is None or kind == 0:
            return Inserted(False)
        number, *rows = rows
        in_the_way = tuple(from_record(id, record) for id, record in _pairs(rows))
        return Inserted(False, in_the_way=in_the_way, refused_by=cap.all_rules[number - 1])

    async def get(self, id: UUID) -> Session | None:
        if not self._checks.passed():
            await self._checks.before_use()
        record = await self._nodes.one(self._nodes.read(bucket_in(id) % self._shards, id.bytes))
        return None if record is None else self._decoded.of(id, record)

    async def replace(self, session: Session, *, at: datetime) -> bool:
        shard = self._shard_of(session)
        await self._ready()
        urgent = session.revoked_at is not None or session.void_below == session.version
        mark = "1" if urgent and self._url.replicas else ""
        reason = "" if session.reason is None else str(session.reason)
        values = (session.id.bytes, to_record(session), self._channel, mark, microseconds(at), reason)
        call = self._nodes.scripted(shard, "replace", *values)
        return bool(await (self._nodes.replicated(call) if urgent else self._nodes.one(call)))

    async def touch(
        self, seen: Mapping[UUID, Seen], *, at: datetime, unless_since: datetime | None = None
    ) -> None:
        await self._ready()
        by_shard: dict[int, list[_Value]] = {}
        for id, use in seen.items():
            generation = "" if use.generation is None else use.generation
            by_shard.setdefault(bucket_in(id) % self._shards, []).extend(
                (id.bytes, microseconds(use.seen_at), microseconds(use.expires_at), generation)
            )
        times = microseconds(at), "" if unless_since is None else microseconds(unless_since)
        for step in steps_of_touch(by_shard):
            await self._nodes.many(
                [self._nodes.scripted(shard, "touch", *times, *values) for shard, values in step]
            )

    # ── many ─────────────────────────────────────────────────────────────────────────────────────

    async def select(self, query: Query) -> list[Session]:
        check_supported(query)
        await self._ready()
        return await walked(self._page, query) if is_narrowed(query) else await self._page(query)

    async def _page(self, query: Query) -> list[Session]:
        """The page of *query*, as far as scripts can tell: what is in a body they do not read."""
        ask = asked(query, self._shards)
        if query.order == "seen":
            rows = await self._pages.most_recently_seen(ask, query)
        elif ask.how == "live" and query.live_at is None:
            rows = await self._pages.of_all(ask, query)
        else:
            rows = await self._pages.newest(ask, query)
        return [from_record(_id(id), record) for id, record in rows]

    async def count(self, query: Query) -> int:
        check_supported(query)
        await self._ready()
        if is_kept(query):
            return await self._pages.kept(range(self._shards), visitors=not query.signed_in)
        ask = asked(query, self._shards)
        if is_narrowed(query) or (ask.how == "live" and query.live_at is None):
            return await counted(self._page, query)
        return await self._pages.count(ask, query)

    async def revoke(
        self, query: Query, *, at: datetime, reason: Reason, by: str | None = None, note: str | None = None
    ) -> list[UUID]:
        check_supported(query)
        await self._ready()
        if is_narrowed(query):
            return await each_revoked(self, query, at=at, reason=reason, by=by, note=note)
        ask = asked(_replaced(query, live_at=at), self._shards)
        mark = "1" if self._url.replicas else ""
        values = (microseconds(at), tail(at, reason, by, note), str(reason))
        step, budget = (OF_USER, LOOKED_AT) if ask.how == "user" else (ENDED, LOOKED_TO_END)
        ended: list[bytes] = []
        untold = 0  # endings since those who listen were woken
        for shard in self._walk.shards(query, ask.shards):
            after = start(query)
            while len(ended) < query.limit:
                page = ask.values(after, min(step, query.limit - len(ended)), budget)
                channel = self._channel if not ended or untold >= UNTOLD else ""
                call = self._nodes.scripted(shard, "revoke", *page, *values, channel, mark)
                after, *ids = await self._nodes.replicated(call)
                untold = 0 if channel else untold + len(ids)
                ended += ids
                if not after:
                    break
            if len(ended) == query.limit:
                break
        if untold:
            with suppress(*self.faults):  # only a hint: what is done is done
                await self._nodes.one(Call(ask.shards[0], packed("PUBLISH", self._channel, "")))
        return [_id(id) for id in sorted(ended, reverse=True)]

    # ── the log ──────────────────────────────────────────────────────────────────────────────────

    async def entries(self, after: str | None = None, *, limit: int = 10_000) -> Entries:
        await self._ready()
        return await self._log.page(after, limit)

    async def listen(self, wake: Callable[[], None]) -> None:
        await self._ready()
        owners = self._nodes.owners or await self._nodes.locate()
        await self._nodes.connections.subscribe(owners[0], self._channel, wake)

    # ── in the background ────────────────────────────────────────────────────────────────────────

    async def expire(self, *, at: datetime, limit: int = 1000) -> list[Session]:
        await self._ready()
        now, noticed = microseconds(at), list[Session]()
        for shard in await self._pages.reached(range(self._shards), b"due", now):
            more = 1
            while more and len(noticed) < limit:
                call = self._nodes.scripted(shard, "expire", now, min(ENDED, limit - len(noticed)), CHUNKS)
                more, *rows = await self._nodes.one(call)
                noticed += map(from_record, map(_id, rows[0::2]), rows[1::2])
        return noticed

    async def lease(self, name: str, holder: str, *, at: datetime, until: datetime) -> bool:
        await self._ready()
        values = (name, holder, microseconds(at), microseconds(until))
        return bool(
            await self._nodes.one(self._nodes.scripted(bucket_of(name) % self._shards, "lease", *values))
        )

    async def purge(self, *, before: datetime, limit: int = 1000, log_before: datetime | None = None) -> int:
        await self._ready()
        if log_before is not None:
            milliseconds = max(0, microseconds(log_before) // 1000)
            await self._nodes.in_parts(
                [self._nodes.scripted(shard, "trim", milliseconds) for shard in range(self._shards)], TOGETHER
            )
        await self._group()
        bound, forgotten = microseconds(before), 0
        shards = await self._pages.reached(range(self._shards), b"ended", bound)
        shards |= await self._pages.reached(range(self._shards), b"due", bound)
        for shard in sorted(shards):
            more = 1
            while more and forgotten < limit:
                call = self._nodes.scripted(shard, "purge", bound, min(FORGOTTEN, limit - forgotten), CHUNKS)
                more, number = await self._nodes.one(call)
                forgotten += number
        return forgotten

    async def forget(self, ids: Collection[UUID], *, at: datetime) -> int:
        await self._ready()
        by_shard: dict[int, list[bytes]] = {}
        for id in sorted(ids, reverse=True):
            by_shard.setdefault(bucket_in(id) % self._shards, []).append(id.bytes)
        forgotten = 0
        for shard, group in by_shard.items():
            for first in range(0, len(group), FORGOTTEN):
                few = group[first : first + FORGOTTEN]
                call = self._nodes.scripted(shard, "forget", microseconds(at), *few)
                forgotten += await self._nodes.one(call)
        return forgotten

    async def redact(self, sessions: Collection[Session], *, at: datetime) -> int:
        await self._ready()
        by_shard: dict[int, list[Session]] = {}
        for session in sessions:
            by_shard.setdefault(self._shard_of(session), []).append(session)
        done = 0
        for shard, group in by_shard.items():
            for first in range(0, len(group), FORGOTTEN):
                few = group[first : first + FORGOTTEN]
                values = [value for session in few for value in (session.id.bytes, to_record(session))]
                done += await self._nodes.one(
                    self._nodes.scripted(shard, "redact", microseconds(at), *values)
                )
        return done

    async def _group(self) -> None:
        """Complete the indexes by application and tenant, where an older release has written."""
        if self._ungrouped is None:
            self._ungrouped = await self._pages.ungrouped(range(self._shards))
        for _ in range(GROUPED):
            if not self._ungrouped:
                return
            if not await self._nodes.one(self._nodes.scripted(self._ungrouped[-1], "group", LOOKED_AT)):
                self._ungrouped.pop()

    # ── the store itself ─────────────────────────────────────────────────────────────────────────

    async def diagnose(self) -> list[Finding]:
        """What `sojourn doctor` says about the servers; nothing is refused for it."""
        return await self._checks.findings()

    def blocking(self) -> Self:
        if not self._nodes.connections.suspends:
            return self
        if self._twin is None:
            self._twin = copy(self)
            self._twin._connect(Sockets(self._url))
        return self._twin

    async def close(self) -> None:
        await self._nodes.connections.close()
        if self._twin is not None:
            await self._twin.close()

    async def _ready(self) -> None:
        if not self._checks.passed():
            await self._checks.before_use()

    def _shard_of(self, session: Session) -> int:
        """Where *session* is; its user has to be there too, or he would not find it."""
        bucket = bucket_in(session.id)
        if session.user_id is not None and bucket_of(session.user_id) != bucket:
            raise ValueError(
                f"session {session.id} cannot be of this user; make ids with new_id(created_at, user_id)"
            )
        return bucket % self._shards


def _id(raw: bytes) -> UUID:
    return UUID(bytes=raw)


def _pairs(values: Sequence[bytes]) -> Iterator[tuple[UUID, bytes]]:
    return zip(map(_id, values[0::2]), values[1::2], strict=True)


def steps_of_touch(by_shard: Mapping[int, list[_Value]]) -> Iterator[list[tuple[int, list[_Value]]]]:
    """What is sent together: values of shards, which no step has too many of."""
    step: list[tuple[int, list[_Value]]] = []
    room = TOUCHED
    for shard, values in by_shard.items():
        n = 0
        while n < len(values):
            part = values[n : n + room * _ONE_USE]
            step.append((shard, part))
            n, room = n + len(part), room - len(part) // _ONE_USE
            if not room or len(step) == TOGETHER:
                yield step
                step, room = [], TOUCHED
    if step:
        yield step


def _cap(cap: Cap | None) -> tuple[Any, ...]:
    """What `insert.lua` has to know of *cap*: when, what is said of those who end, and its rules."""
    if cap is None:
        return ("",) * 5
    endings = [
        value for why in (Reason.REPLACED, Reason.CAP) for value in (tail(cap.at, why, None, None), str(why))
    ]
    rules = [
        value
        for rule in cap.all_rules
        for value in (rule.limit, rule.action, sum(_SAME[name] for name in rule.same))
    ]
    return (microseconds(cap.at), *endings, *rules)
