"""A store of a million sessions, or of ten: what its verbs take then, and what a session takes of memory.

    python -m benchmarks scale STORE [--sessions 1000000]

STORE is sqlite, postgres or redis; "near" fills the near cache of a process instead.
"""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from benchmarks.apps import Places
from benchmarks.apps.sojourn import address
from benchmarks.figures import at, short, table
from benchmarks.floors import by_hand, floor
from benchmarks.processes import ROOT, Trouble, begin_apart, stand_aside
from benchmarks.results import save
from benchmarks.rounds import run
from benchmarks.sample import BULK, MADE, fill, people, ten_of
from benchmarks.servers import Servers, scratch
from sojourn import AsyncSessions, Policy, Query, Reason, open_store
from sojourn.session import Session, lowest_id
from sojourn.testing import make_keys
from sojourn.token import derive

__all__ = ["Row", "main", "shown"]

KINDS = ("sqlite", "postgres", "redis", "near")
TIMES = 200  # calls behind a median


class Row(Struct):
    """One measured fact of one store."""

    store: str
    sessions: int
    what: str
    value: str


def main(arguments: Sequence[str] = ()) -> None:
    if list(arguments[:1]) == ["load"]:
        run(_load(*arguments[1:]))
        return
    parser = ArgumentParser(
        prog="python -m benchmarks scale", description=__doc__, formatter_class=RawDescriptionHelpFormatter
    )
    parser.add_argument("store", nargs="?", default="postgres", choices=KINDS)
    parser.add_argument("--sessions", type=int, default=1_000_000)
    given = parser.parse_args(arguments)
    stand_aside()
    rows: list[Row] = []
    said = partial(_say, given.store, given.sessions, rows)
    try:
        if given.store == "near":
            _near(given.sessions, said)
        else:
            with scratch() as servers:
                run(_measure(given.store, given.sessions, servers, said))
    except Exception as error:  # what was measured so far is kept
        said("stopped by", " ".join(f"{type(error).__name__}: {error}".split())[:200])
    save(f"scale-{given.store}-{given.sessions}", rows)
    print(shown(rows))


Say = Callable[[str, str], None]


def _say(store: str, sessions: int, rows: list[Row], what: str, value: str) -> None:
    rows.append(Row(store, sessions, what, value))
    print(f"{what}: {value}", flush=True)


def shown(rows: Sequence[Row]) -> str:
    """The rows as a table."""
    head = f"{rows[0].store}, {rows[0].sessions:,} sessions" if rows else ""
    return table((head, ""), [[row.what, row.value] for row in rows])


# ── a full store ─────────────────────────────────────────────────────────────────────────────────


async def _measure(kind: str, count: int, servers: Servers, say: Say) -> None:
    now = datetime.now(UTC)
    await _sizing(kind, min(300_000, count // 3), servers, now, say)
    places = _places(kind, servers)
    url = address(kind, places)
    store = open_store(url)
    bulk = min(100_000, count // 10)
    made, copies = (MADE, count // MADE) if kind != "redis" and count > MADE else (count, 1)
    began = time.perf_counter()
    await fill(kind, url, store, people(made, now, bulk=bulk), copies=copies)
    say("filling, s", short(time.perf_counter() - began))
    say("bytes a session, all of them", short(await _bytes(kind, store, places) / count))
    tens = [f"ten-{number:032}" for number in range(TIMES)]
    for user in tens:
        await asyncio.gather(*(store.insert(session) for session in ten_of(user, now)))
    await _at_rest(kind, places)
    sessions = AsyncSessions(
        store, keys=make_keys(), policy=Policy(cache_for=timedelta(0), max_sessions=None)
    )
    try:
        # Older than those of "bulk", which are the newest tenth; 18 % of the 90 days are 16.
        below = lowest_id(now - timedelta(days=12))
        live = await store.select(Query(live_at=now, after=below, limit=1000))
        await _reading(sessions, live, tens, now, say)
        await _ending(kind, places, sessions, tens, say)
        await _bulk(kind, places, sessions, live, say)
        await _purging(kind, places, sessions, say)
    finally:
        await sessions.close()


async def _at_rest(kind: str, places: Places) -> None:
    """Wait until what the filling left is on the disk, or whoever is acknowledged later waits for it, too."""
    if kind == "redis":
        await _has_rewritten(places.redis)
    await asyncio.to_thread(os.sync)


async def _has_rewritten(url: str) -> None:
    """Wait while Redis rewrites its log, which has grown: each page that is written meanwhile is copied."""
    from redis.asyncio import Redis

    async with Redis.from_url(url) as client:
        while True:
            said = await client.info("persistence")
            if not (said["aof_rewrite_in_progress"] or said["aof_rewrite_scheduled"]):
                return
            await asyncio.sleep(0.1)


def _places(kind: str, servers: Servers) -> Places:
    return servers.places((kind,) if kind != "sqlite" else ())


async def _reading(
    sessions: AsyncSessions, live: list[Session], tens: list[str], now: datetime, say: Say
) -> None:
    store, tokens = sessions.store, [derive(session, sessions.keys) for session in live[:TIMES]]
    asked = [
        partial(sessions.validate, token, passive=True) for token in tokens
    ]  # without the write of a use
    say("validate from the store, µs", await _median(asked * 3))  # pages that were read before, mostly
    gets = [partial(store.get, session.id) for session in live[:TIMES]]
    say("… the question alone, µs", await _median(gets * 3))
    of_user = [Query(user_id=user, live_at=now) for user in tens]
    say("count what lives of a user, µs", await _median([partial(store.count, query) for query in of_user]))
    kept = Query(live_at=now, about=True)
    say("count all that live, kept, µs", await _median([partial(store.count, kept)] * 20))
    say("… it says", f"{await store.count(kept):,}")
    exact = time.perf_counter()
    number = await store.count(Query(live_at=now))
    say("count all that live, exactly, ms", short((time.perf_counter() - exact) * 1e3))
    say("… it says", f"{number:,}")


Calls = Sequence[Callable[[], Awaitable[Any]]]


async def _median(calls: Calls) -> str:
    """Microseconds of one call: median and 99th of a hundred, after one to warm up."""
    return (await _by_turns(calls))[0]


async def _by_turns(*columns: Calls) -> list[str]:
    """The same of each column, all in turn: so none of them has the disk and the caches to itself."""
    taken: list[list[float]] = [[] for _ in columns]
    for calls in columns:
        await calls[0]()
    for turn in zip(*columns, strict=True):
        for call, times in zip(turn, taken, strict=True):
            began = time.perf_counter()
            await call()
            times.append((time.perf_counter() - began) * 1e6)
    return [f"{short(at(0.5, times))} (p99 {short(at(0.99, times))})" for times in taken]


async def _ending(kind: str, places: Places, sessions: AsyncSessions, tens: list[str], say: Say) -> None:
    listed = [partial(sessions.list, user) for user in tens]
    half = TIMES // 2
    bare = floor(kind, places)
    if bare is None:
        raise Trouble(f"no bare driver of {kind}")
    async with bare as driver:
        say("one row by the bare driver, µs", await _median([driver.look_up] * TIMES))
        say("list 10 by the bare driver, µs", await _median([driver.list_ten] * TIMES))
        say("list 10 of a user, µs", await _median(listed))
        async with by_hand(kind, places) as end:
            columns: dict[str, Calls] = {"end 10 by the bare driver, µs": [driver.end_ten] * half}
            if end is not None:
                columns["end 10 by hand, in the table itself, µs"] = [
                    partial(end, user) for user in tens[:half]
                ]
            columns["revoke all 10 of a user, µs"] = [
                partial(sessions.revoke_all, user) for user in tens[half:]
            ]
            for what, figures in zip(columns, await _by_turns(*columns.values()), strict=True):
                say(what, figures)


# ── many at once, while others go on ─────────────────────────────────────────────────────────────


async def _bulk(kind: str, places: Places, sessions: AsyncSessions, live: list[Session], say: Say) -> None:
    tokens = [derive(session, sessions.keys) for session in live]
    async with _loaded(kind, places, tokens) as quantiles:
        await asyncio.sleep(10)
        say("p99 of validate in another process before, ms", short((await quantiles())["p99"]))
        await _revoke_bare(kind, places, quantiles, say)
        began = time.perf_counter()
        ended, slowest = await _revoke_bulk(kind, sessions)
        taken = time.perf_counter() - began
        meanwhile = await quantiles()
    say("revoked by query, in batches of 1,000", f"{ended:,}")
    say("… in s", short(taken))
    say("… slowest batch, ms", short(slowest * 1e3))
    say("… p99 of validate meanwhile, ms", short(meanwhile["p99"]))


async def _revoke_bare(
    kind: str, places: Places, quantiles: Callable[[], Awaitable[dict[str, float]]], say: Say
) -> None:
    """What the machine makes of it: the bare driver ends as many, and writes no log."""
    bare = floor(kind, places)
    if bare is None:
        raise Trouble(f"no bare driver of {kind}")
    async with bare as driver:
        await asyncio.sleep(2)
        await quantiles()
        began = time.perf_counter()
        for _ in range(100):
            await driver.end_thousand()
        say("100,000 rows ended by the bare driver, in s", short(time.perf_counter() - began))
        say("… p99 of validate meanwhile, ms", short((await quantiles())["p99"]))
    await asyncio.sleep(2)
    await quantiles()


async def _revoke_bulk(kind: str, sessions: AsyncSessions) -> tuple[int, float]:
    total, slowest, last = 0, 0.0, None
    while True:
        began = time.perf_counter()
        query = Query(application_id=BULK, live_at=sessions.clock(), after=last, limit=1000)
        ids = await sessions.store.revoke(query, at=sessions.clock(), reason=Reason.ADMIN)
        slowest = max(slowest, time.perf_counter() - began)
        total += len(ids)
        if len(ids) < 1000:
            return total, slowest
        if kind != "redis":  # which ends one shard's after the other's; elsewhere the newest go first
            last = ids[-1]  # or each would walk over all that the ones before have ended


@asynccontextmanager
async def _loaded(
    kind: str, places: Places, tokens: list[str]
) -> AsyncIterator[Callable[[], Awaitable[dict[str, float]]]]:
    """Another process that validates all the time; call what comes for its quantiles since the last call."""
    places.file("tokens.json").write_bytes(msgspec.json.encode(tokens))
    other = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks", "scale", "load", kind, places.encoded()),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        preexec_fn=begin_apart,
    )

    async def quantiles() -> dict[str, float]:
        if other.stdin is None or other.stdout is None:
            raise Trouble("the other process has no streams")
        other.stdin.write(b"\n")
        line = await asyncio.wait_for(other.stdout.readline(), 120)
        if not line:
            raise Trouble("the other process ended")
        said: dict[str, float] = msgspec.json.decode(line)
        return said

    try:
        await quantiles()  # it has begun
        yield quantiles
    finally:
        if other.stdin is not None:
            other.stdin.close()
        await other.wait()


async def _load(kind: str, places: str) -> None:
    found = Places.decoded(places)
    tokens: list[str] = msgspec.json.decode(found.file("tokens.json").read_bytes())
    policy = Policy(cache_for=timedelta(0), max_sessions=None)
    sessions = AsyncSessions(open_store(address(kind, found)), keys=make_keys(), policy=policy)
    taken: list[float] = []
    asking = asyncio.create_task(_validating(sessions, tokens, taken))
    loop = asyncio.get_running_loop()
    async with sessions.following():
        while await loop.run_in_executor(None, sys.stdin.readline):
            while not taken:
                if asking.done():
                    asking.result()
                await asyncio.sleep(0.01)
            print(f'{{"p50": {at(0.5, taken)}, "p99": {at(0.99, taken)}}}', flush=True)
            taken.clear()
        asking.cancel()
    await sessions.close()


async def _validating(sessions: AsyncSessions, tokens: list[str], taken: list[float]) -> None:
    """One validation every two milliseconds, whatever the last one took."""
    number = 0
    while True:
        began = time.perf_counter()
        await sessions.validate(tokens[number % len(tokens)])
        taken.append((time.perf_counter() - began) * 1e3)
        number += 1
        await asyncio.sleep(max(0.0, 0.002 - (time.perf_counter() - began)))


# ── purging ──────────────────────────────────────────────────────────────────────────────────────


async def _purging(kind: str, places: Places, sessions: AsyncSessions, say: Say) -> None:
    """What had ended 20 days ago goes: about three quarters of all."""
    before, total, slowest = datetime.now(UTC) - timedelta(days=20), 0, 0.0
    log = await _written(kind, places)
    began = time.perf_counter()
    while True:
        started = time.perf_counter()
        count = await sessions.store.purge(before=before, limit=2_000)
        slowest = max(slowest, time.perf_counter() - started)
        total += count
        if not count:
            break
    taken = time.perf_counter() - began
    say("purged", f"{total:,}")
    say("… a million in s", short(taken / max(total, 1) * 1e6))
    say("… slowest call, ms", short(slowest * 1e3))
    if log is not None:
        written = (await _written(kind, places) or 0) - log
        say("… log written for a million, MB", short(written / max(total, 1)))


async def _written(kind: str, places: Places) -> int | None:
    """Bytes of write-ahead log so far."""
    if kind != "postgres":
        return None
    return int(await _postgres_says(places, "select pg_current_wal_lsn() - '0/0'"))


async def _postgres_says(places: Places, question: str) -> Any:
    import asyncpg

    connection = await asyncpg.connect(places.postgres)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


# ── size ─────────────────────────────────────────────────────────────────────────────────────────


async def _sizing(kind: str, count: int, servers: Servers, now: datetime, say: Say) -> None:
    """What one that lives takes, with its share of every index; an empty store's size is nobody's."""
    places = _places(kind, servers)
    url = address(kind, places)
    store = open_store(url)
    await store.get(lowest_id(now))  # so that the schema is there
    empty = await _bytes(kind, store, places)
    await fill(kind, url, store, people(count, now, bulk=0, live=1.0))
    say(f"bytes a live session, of {count:,}", short((await _bytes(kind, store, places) - empty) / count))
    await store.close()
    if kind == "redis":
        from redis.asyncio import Redis

        async with Redis.from_url(url) as client:
            await client.flushdb()


async def _bytes(kind: str, store: Any, places: Places) -> int:
    """Of the file; of the partitions and their indexes; of the server's memory."""
    if kind == "sqlite":
        return Path(store.engine.path).stat().st_size
    if kind == "postgres":
        question = """
            select sum(pg_total_relation_size(inhrelid)) from pg_inherits
            where inhparent = 'sessions'::regclass
        """
        return int(await _postgres_says(places, question))
    from redis.asyncio import Redis

    async with Redis.from_url(places.redis) as client:
        return int((await client.info("memory"))["used_memory"])


def _near(count: int, say: Say) -> None:
    """What the resident set of this process grows by, a snapshot."""
    now = datetime.now(UTC)
    sessions = AsyncSessions(open_store("memory://"), keys=make_keys(), near_cache=count)
    gc.collect()
    before = _resident()
    for session in people(count, now, bulk=0):
        sessions.snapshots.remember(str(session.id), session, now)
    gc.collect()
    say("bytes a snapshot, resident", short((_resident() - before) / count))
    say("snapshots", f"{len(sessions.snapshots.near):,}")


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main(sys.argv[1:])
