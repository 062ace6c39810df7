"""What a request costs that needs no question to the store, and what a snapshot costs in memory.

python -m benchmarks.recall
"""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Callable
from datetime import timedelta
from itertools import cycle
from statistics import median
from time import perf_counter
from uuid import uuid4

from sojourn import AsyncSessions, Place, Policy
from sojourn.device import describe
from sojourn.near import NearCache
from sojourn.session import Device
from sojourn.snapshot import Snapshot, digest
from sojourn.stores.memory import MemoryStore
from sojourn.testing import MORNING, make_keys, make_session

__all__ = ["bytes_per_session", "main"]

CALLS, ROUNDS = 5_000, 11
BROWSERS = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    f"Chrome/{n}.0.0.0 Safari/537.36"
    for n in range(100, 150)
]
CITIES = [Place(city=f"Town {n}", country="FR") for n in range(500)]


def main() -> None:
    asyncio.run(_speed())
    print(f"near cache: {bytes_per_session():.0f} bytes a session")


async def _speed() -> None:
    long = timedelta(minutes=5)  # the loop has no time to poll meanwhile
    policy = Policy(cookie_cache=long, max_staleness=long, max_sessions=None)
    sessions = AsyncSessions(MemoryStore(), keys=make_keys(), policy=policy)
    snapshots = sessions.snapshots
    async with sessions.following():
        issued = [await sessions.start(str(uuid4()), device=_device(n)) for n in range(512)]
        for one in issued:
            await sessions.validate(one.token)
        tokens = [one.token for one in issued]
        sealed = {token: snapshots.seal(token) for token in tokens}
        known, carried = cycle(tokens), cycle(tokens)

        def cold() -> object:
            token = next(carried)
            snapshots.near.drop(digest(token))
            snapshots.forget_cookies()
            return snapshots.recall(token, sealed[token])

        await _told("recall, near cache", sessions, lambda: snapshots.recall(next(known)))
        await _told("recall, cookie cache (and kept)", sessions, cold)
        snapshots.near._ready_limit = 1  # each is unpacked
        await _told("recall, near cache, packed", sessions, lambda: snapshots.recall(next(known)))
        await _told("  the digest of a token", sessions, lambda: digest(tokens[0]))
        await _told("  the clock", sessions, sessions.clock)


async def _told(what: str, sessions: AsyncSessions, call: Callable[[], object]) -> None:
    spent = []
    for _ in range(ROUNDS):
        await sessions.feed.poll()
        began = perf_counter()
        for _ in range(CALLS):
            found = call()
        spent.append((perf_counter() - began) / (CALLS))
        assert found is not None, what  # noqa: S101 - else something else was measured
    print(f"{what:35} {median(spent) * 1e6:6.2f} µs, at best {min(spent) * 1e6:.2f}")


def bytes_per_session(many: int = 100_000) -> float:
    """What one more session takes when *many* are kept, those that lie ready included."""
    near = NearCache(Policy(), limit=many)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for n in range(many):
        at = MORNING + n * timedelta(microseconds=1_234_567)
        session = make_session(
            user_id=str(uuid4()),
            created_at=at,
            device=_device(n),
            place=CITIES[n % len(CITIES)],
            ip=f"203.0.{n % 250}.{n % 199}",
        )
        near.put(digest(f"token {n}"), Snapshot(session, at, at + Policy().cache_for))
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    if len(near) != many:
        raise AssertionError("not all were kept")
    return (after - before) / many


_DEVICES = [describe({"user-agent": browser}) for browser in BROWSERS]


def _device(n: int) -> Device:
    device = _DEVICES[n % len(_DEVICES)]
    return Device(**{name: getattr(device, name) for name in device.__struct_fields__} | {"id": uuid4().hex})


if __name__ == "__main__":
    main()
