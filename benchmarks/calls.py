"""One call of the library at a time, without a framework, beside the bare driver's own lookup.

Microseconds of wall clock and of CPU, medians of rounds that take turns; the range is that of the rounds.
"""

from __future__ import annotations

import asyncio
import time
from argparse import ArgumentParser
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from itertools import count, cycle
from typing import Any

from msgspec import Struct, field

from benchmarks.apps import Places
from benchmarks.apps.sojourn import address
from benchmarks.figures import Span, short, table
from benchmarks.floors import floor
from benchmarks.processes import stand_aside
from benchmarks.results import save
from benchmarks.rounds import attempt, run
from benchmarks.servers import Servers, scratch
from sojourn import AsyncSessions, Policy, open_store
from sojourn.testing import make_keys

__all__ = ["Row", "main", "shown"]

Call = Callable[[], Awaitable[Any]]
STORES = {"memory": "memory", "sqlite": "SQLite", "postgres": "PostgreSQL", "redis": "Redis"}
PEOPLE = 500


class Row(Struct):
    """One call, in microseconds: a figure for each round."""

    name: str
    title: str
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    skipped: str | None = None


def main(arguments: Sequence[str] = ()) -> None:
    parser = ArgumentParser(prog="python -m benchmarks calls", description=__doc__)
    parser.add_argument("--only", nargs="*", default=list(STORES), choices=STORES, help="these stores")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=300, help="in one round")
    given = parser.parse_args(arguments)
    stand_aside()
    with scratch() as servers:
        rows = run(_measure(servers, given.only, given.rounds, given.calls))
    save("calls", rows)
    print(shown(rows))


async def _measure(servers: Servers, stores: Sequence[str], rounds: int, calls: int) -> list[Row]:
    rows: list[Row] = []
    async with AsyncExitStack() as stack:
        ready: list[tuple[Row, Call]] = []
        for store in stores:
            row = Row(name=store, title=STORES[store])
            rows.append(row)
            with attempt(row):
                places = servers.places((store,) if store in ("postgres", "redis") else ())
                for title, call in (await stack.enter_async_context(_calls(store, places))).items():
                    ready.append((Row(name=store, title=title), call))
        for _ in range(rounds):
            for row, call in ready:
                if row.skipped is None:
                    with attempt(row):
                        await _round(row, call, calls)
    return [row for row in rows if row.skipped] + [row for row, _ in ready]


async def _round(row: Row, call: Call, calls: int) -> None:
    await asyncio.sleep(0.02)  # what runs in the background has its turn before the clock does
    await call()
    cpu, began = time.process_time(), time.perf_counter()
    for _ in range(calls):
        await call()
    row.wall.append((time.perf_counter() - began) / calls * 1e6)
    row.cpu.append((time.process_time() - cpu) / calls * 1e6)


@asynccontextmanager
async def _calls(store: str, places: Places) -> AsyncIterator[dict[str, Call]]:
    """Every call over one store, by title."""
    async with AsyncExitStack() as stack:
        asking = _sessions(store, places, cache_for=timedelta(0))
        stack.push_async_callback(asking.close)
        tokens = cycle([(await asking.start(f"user-{n}")).token for n in range(PEOPLE)])
        for _ in range(10):
            await asking.start("ten")
        numbers = count()
        title = STORES[store]
        calls: dict[str, Call] = {}
        if bare := floor(store, places):
            driver = await stack.enter_async_context(bare)
            calls[f"{title}: bare driver, one lookup"] = driver.look_up
            calls[f"{title}: bare driver, list 10"] = driver.list_ten
        calls |= {
            f"{title}: validate": lambda: asking.validate(next(tokens)),
            f"{title}: refresh": await _refreshing(asking),
            f"{title}: create": lambda: asking.start(f"new-{next(numbers) % PEOPLE}"),
            f"{title}: list 10": lambda: asking.list("ten"),
        }
        if store != "memory":
            calls |= await _snapshots(stack, store, places)
        yield calls


def _sessions(store: str, places: Places, **policy: Any) -> AsyncSessions:
    return AsyncSessions(
        open_store(address(store, places)), keys=make_keys(), policy=Policy(max_sessions=None, **policy)
    )


async def _refreshing(sessions: AsyncSessions) -> Call:
    held = [(await sessions.start("refreshing")).token]

    async def refresh() -> None:
        held[0] = (await sessions.refresh(held[0])).token

    return refresh


async def _snapshots(stack: AsyncExitStack, store: str, places: Places) -> dict[str, Call]:
    """What needs no question: a process that knows the session, and one that has only the cookie."""
    life = timedelta(minutes=5)
    near = _sessions(store, places, cookie_cache=life)
    cold = _sessions(store, places, cookie_cache=life, cache_for=timedelta(0))
    for sessions in (near, cold):
        stack.push_async_callback(sessions.close)
        await stack.enter_async_context(sessions.following())
    tokens = [(await near.start(f"near-{n}")).token for n in range(PEOPLE)]
    pairs = []
    for token in tokens:
        await near.validate(token)
        pairs.append((token, near.snapshots.seal(token)))
    known, carried = cycle(tokens), cycle(pairs)

    async def from_cookie() -> None:
        token, cached = next(carried)
        cold.snapshots.forget_cookies()  # or it would be one that was opened before
        await cold.validate(token, cached=cached)

    title = STORES[store]
    return {
        f"{title}: validate, near cache": lambda: near.validate(next(known)),
        f"{title}: validate, cookie cache on a cold process": from_cookie,
    }


HEADER = ("one call", "µs", "range", "µs CPU")


def shown(rows: Sequence[Row]) -> str:
    """The rows as a table."""
    return table(HEADER, [_cells(row) for row in rows if row.wall])


def _cells(row: Row) -> list[str]:
    wall = Span.of(row.wall)
    return [
        row.title,
        short(wall.median),
        f"{short(wall.low)}–{short(wall.high)}",
        short(Span.of(row.cpu).median),
    ]
