"""How soon a process feels what another one revoked: from the answer to `revoke` to the first refusal.

Two processes over one store. The other one validates the session from its near cache all the time, about
once a millisecond. "Without push" is the poll alone; a file has nothing else.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec
from msgspec import Struct, field

from benchmarks.apps import Places
from benchmarks.apps.sojourn import address
from benchmarks.figures import at, short, table
from benchmarks.processes import ROOT, Trouble, begin_apart, stand_aside
from benchmarks.results import save
from benchmarks.rounds import attempt, run
from benchmarks.servers import scratch
from sojourn import AsyncSessions, Policy, SessionError, Store, open_store
from sojourn.testing import make_keys

__all__ = ["Row", "main", "shown"]

STORES = {"sqlite": "SQLite", "postgres": "PostgreSQL", "redis": "Redis"}
POLICY = Policy(max_sessions=None)


class Row(Struct):
    """Milliseconds, one figure for each revocation."""

    name: str
    title: str
    push: bool
    felt: list[float] = field(default_factory=list)
    skipped: str | None = None


def main(arguments: Sequence[str] = ()) -> None:
    if list(arguments[:1]) == ["follow"]:
        run(_follow(*arguments[1:]))
        return
    parser = ArgumentParser(prog="python -m benchmarks felt", description=__doc__)
    parser.add_argument("--only", nargs="*", default=list(STORES), choices=STORES, help="these stores")
    parser.add_argument("--count", type=int, default=200, help="revocations of each kind")
    given = parser.parse_args(arguments)
    stand_aside()
    rows = [
        Row(name=store, title=f"{STORES[store]}, {'with' if push else 'without'} push", push=push)
        for store in given.only
        for push in (True, False)
        if store != "sqlite" or not push  # a file has no push
    ]
    with scratch() as servers:
        for row in rows:
            with attempt(row):
                needs = (row.name,) if row.name != "sqlite" else ()
                run(_measure(row, servers.places(needs), given.count))
    save("felt", rows)
    print(shown(rows))


async def _measure(row: Row, places: Places, times: int) -> None:
    sessions = AsyncSessions(open_store(address(row.name, places)), keys=make_keys(), policy=POLICY)
    first = await sessions.start("first")  # so that the store is there when the other process opens it
    await sessions.validate(first.token)
    command = [sys.executable, "-m", "benchmarks", "felt", "follow", row.name, places.encoded()]
    with places.file("follow.log").open("w") as log:
        other = await asyncio.create_subprocess_exec(
            *(*command, str(int(row.push))),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            preexec_fn=begin_apart,
        )
    try:
        for number in range(times):
            row.felt.append(await _once(sessions, other, number))
    finally:
        await _end(other)
        await sessions.close()


async def _end(other: asyncio.subprocess.Process) -> None:
    if other.stdin is not None:
        other.stdin.close()  # it ends with its input
    try:
        await asyncio.wait_for(other.wait(), 10)
    except TimeoutError:
        other.kill()
        await other.wait()


async def _once(sessions: AsyncSessions, other: asyncio.subprocess.Process, number: int) -> float:
    issued = await sessions.start(f"user-{number}")
    if other.stdin is None:
        raise Trouble("the other process has no input")
    other.stdin.write(issued.token.encode() + b"\n")
    await _said(other)  # that it answers from its near cache now
    await asyncio.sleep(number * 37 % 250 / 1000)  # so that revocations fall anywhere between two polls
    await sessions.revoke(issued.session.id, owner=issued.session.user_id)
    acknowledged = time.monotonic()
    refused = float(await _said(other))
    return max(0.0, refused - acknowledged) * 1e3


async def _said(other: asyncio.subprocess.Process) -> Any:
    if other.stdout is None:
        raise Trouble("the other process has no output")
    line = await asyncio.wait_for(other.stdout.readline(), 30)
    if not line:
        raise Trouble("the other process ended")
    return msgspec.json.decode(line)


async def _follow(kind: str, places: str, push: str) -> None:
    """The other process: for each token of standard input, say when it is refused (monotonic seconds)."""
    store = open_store(address(kind, Places.decoded(places)))
    if push == "0":
        _deafen(store)
    sessions = AsyncSessions(store, keys=make_keys(), policy=POLICY)
    loop = asyncio.get_running_loop()
    async with sessions.following():
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            token = line.strip()
            while sessions.snapshots.recall(token) is None:
                await sessions.validate(token)
                await asyncio.sleep(0.001)
            print("0", flush=True)
            await _refusal(sessions, token)
            print(time.monotonic(), flush=True)


async def _refusal(sessions: AsyncSessions, token: str) -> None:
    deadline = time.monotonic() + timedelta(seconds=20).total_seconds()
    while time.monotonic() < deadline:
        try:
            await sessions.validate(token)
        except SessionError:
            return
        await asyncio.sleep(0.001)
    raise Trouble("the revocation was not felt within 20 seconds")


def _deafen(store: Store) -> None:
    async def listen(wake: Any) -> None:
        """As a store without push does."""

    store.listen = listen  # type: ignore[method-assign]


HEADER = ("revocation felt by another process", "p50 ms", "p99 ms", "worst ms", "times")


def shown(rows: Sequence[Row]) -> str:
    """The rows as a table."""
    return table(HEADER, [_cells(row) for row in rows if row.felt])


def _cells(row: Row) -> list[str]:
    figures = (at(0.5, row.felt), at(0.99, row.felt), max(row.felt))
    return [row.title, *map(short, figures), str(len(row.felt))]
