"""What the tests of the Redis store do again and again, in words."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

from sojourn.blocking import drive
from sojourn.session import Reason, Session, bucket_in
from sojourn.stores.protocol import Query
from sojourn.stores.redis import RedisStore
from sojourn.stores.redis.nodes import Call, Nodes
from sojourn.stores.redis.rows import from_record, pack_text
from sojourn.stores.redis.wire import packed
from sojourn.testing import make_session
from tests.stores.acts import NOW

__all__ = ["DAY", "HOUR", "MINUTE", "Raw", "ended", "opened", "run", "signed_in"]


def run(store: RedisStore, coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The answer of *coroutine* on an event loop; *store* lets go of its connections before the loop ends."""

    async def closing() -> Any:
        try:
            return await coroutine
        finally:
            await store.close()

    return asyncio.run(closing())


MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@contextmanager
def opened(url: str, *, shards: int = 64) -> Iterator[RedisStore]:
    """A blocking store, closed again."""
    store = RedisStore(url, shards=shards).blocking()
    yield store
    drive(store.close())


def signed_in(store: RedisStore, **fields: Any) -> Session:
    """A session that is in the blocking *store*."""
    session = make_session(**fields)
    assert drive(store.insert(session)).done
    return session


def ended(store: RedisStore, session: Session) -> list[UUID]:
    """End *session* in the blocking *store*."""
    return drive(store.revoke(Query(id=session.id), at=NOW, reason=Reason.USER))


class Raw:
    """What really is in the servers behind a blocking store, read without any script."""

    def __init__(self, store: RedisStore, shards: int = 64) -> None:
        self.nodes: Nodes = store.blocking()._nodes
        self.shards = shards

    def ask(self, shard: int, *words: bytes | str | int) -> Any:
        return drive(self.nodes.one(Call(shard, packed(*words))))

    def key(self, shard: int, name: bytes) -> bytes:
        return self.nodes.key(shard, name)

    def chunks(self, shard: int) -> dict[bytes, list[bytes]]:
        names = self.ask(shard, "ZRANGE", self.key(shard, b"live"), 0, -1)
        return {name: self.ask(shard, "ZRANGE", self.key(shard, b"live:" + name), 0, -1) for name in names}

    def check(self) -> None:
        """Every index says what the records say, and nothing else is there."""
        for shard in range(self.shards):
            self._check(shard)

    def _check(self, shard: int) -> None:
        records = self._records(shard)
        chunks = self.chunks(shard)
        live = [id for ids in chunks.values() for id in ids]
        assert live == sorted(live)
        assert all(name <= ids[0] for name, ids in chunks.items())
        over = set(self.ask(shard, "ZRANGE", self.key(shard, b"ended"), 0, -1))
        assert {id for id, (state, _) in records.items() if state == 0} == set(live)
        assert {id for id, (state, _) in records.items() if state != 0} == over
        self._check_users(shard, records, set(live))
        self._check_due(shard, records, chunks)
        self._check_groups(shard, [session for state, session in records.values() if state == 0])

    def _check_users(self, shard: int, records: dict[bytes, tuple[int, Session]], live: set[bytes]) -> None:
        counts = Counter("users" if records[id][1].user_id is not None else "visitors" for id in live)
        kept = self.ask(shard, "HMGET", self.key(shard, b"counts"), "users", "visitors")
        assert [int(count or 0) for count in kept] == [counts["users"], counts["visitors"]]
        for index, ids in (("users", live), ("past", records.keys() - live)):
            expected: dict[tuple[int, bytes], set[bytes]] = {}
            for id in ids:
                session = records[id][1]
                if session.user_id is not None:
                    place = bucket_in(session.id), pack_text(session.user_id)
                    expected.setdefault(place, set()).add(id)
            assert self._users(shard, index) == expected

    def _users(self, shard: int, index: str) -> dict[tuple[int, bytes], set[bytes]]:
        found: dict[tuple[int, bytes], set[bytes]] = {}
        prefix = self.key(shard, f"{index}:".encode())
        for key in self._keys(shard):
            number = key.removeprefix(prefix)
            if number == key or not number.isdigit():
                continue
            fields = self.ask(shard, "HGETALL", key)
            for user, ids in zip(fields[0::2], fields[1::2], strict=True):
                many = self.ask(shard, "ZRANGE", prefix + user, 0, -1)
                assert bool(many) is not bool(ids)
                several = {ids[n : n + 16] for n in range(0, len(ids), 16)}
                found[int(number), user] = several or set(many)
        return found

    def _check_groups(self, shard: int, live: list[Session]) -> None:
        for kind, names in (("apps", "application_id"), ("tenants", "tenant_id")):
            expected: dict[bytes, set[bytes]] = {}
            for session in live:
                if name := pack_text(getattr(session, names)):
                    expected.setdefault(name, set()).add(session.id.bytes)
            assert self._groups(shard, kind) == expected

    def _groups(self, shard: int, kind: str) -> dict[bytes, set[bytes]]:
        found: dict[bytes, set[bytes]] = {}
        prefix = self.key(shard, f"{kind}:".encode())
        for key in self._keys(shard):
            if not key.startswith(prefix) or not key.removeprefix(prefix).isdigit():
                continue
            fields = self.ask(shard, "HGETALL", key)
            for name, ids in zip(fields[0::2], fields[1::2], strict=True):
                chunks = self.ask(shard, "ZRANGE", prefix + name, 0, -1)
                assert bool(chunks) is not bool(ids)
                found[name] = {ids[n : n + 16] for n in range(0, len(ids), 16)}
                for chunk in chunks:
                    within = self.ask(
                        shard, "ZRANGE", self.key(shard, f"{kind}.".encode() + name + chunk), 0, -1
                    )
                    assert chunk <= within[0]
                    assert len(within) <= 128
                    assert found[name].isdisjoint(within)
                    found[name] |= set(within)
        return found

    def _check_due(
        self,
        shard: int,
        records: dict[bytes, tuple[int, Session]],
        chunks: dict[bytes, list[bytes]],
    ) -> None:
        due = self.ask(shard, "ZRANGE", self.key(shard, b"due"), 0, -1, "WITHSCORES")
        bounds = dict(zip(due[0::2], map(float, due[1::2]), strict=True))
        assert bounds.keys() == chunks.keys()
        for name, ids in chunks.items():
            assert all(bounds[name] <= records[id][1].expires_at.timestamp() * 1e6 for id in ids)

    def _records(self, shard: int) -> dict[bytes, tuple[int, Session]]:
        prefix = self.key(shard, b"s")
        found = {}
        for key in self._keys(shard):
            if key.startswith(prefix) and len(key) == len(prefix) + 16:
                record = self.ask(shard, "GET", key)
                id = UUID(bytes=key.removeprefix(prefix))
                found[id.bytes] = record[1], from_record(id, record)
        return found

    def _keys(self, shard: int) -> list[bytes]:
        keys: list[bytes] = self.ask(shard, "KEYS", self.key(shard, b"*"))
        return keys
