"""Idle event streams of one server process: what one costs, and how soon its browser is told of an ending.

`sojourn serve` on SQLite with thousands of streams, each of a user of its own. Then another process ends
some of the sessions, while requests go on; at last the server is asked to end with all streams open.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct, field

from benchmarks.figures import at, short, table
from benchmarks.processes import Trouble, begin_apart, cpu_of, free_port, stand_aside, wait_for
from benchmarks.results import save
from benchmarks.rounds import run
from benchmarks.servers import scratch
from sojourn import AsyncSessions, Issued, Policy, keyring, open_store

__all__ = ["Row", "main", "shown"]

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Row(Struct):
    """One number of streams."""

    streams: int
    memory: float = 0.0  # kB for each
    cpu: float = 0.0  # of one core, in percent, while nothing happens
    told: list[float] = field(default_factory=list)  # ms from the acknowledged ending to the event
    quiet: list[float] = field(default_factory=list)  # ms of a request without streams ...
    busy: list[float] = field(default_factory=list)  # ... and with them
    end: float = 0.0  # seconds from SIGTERM to the end of the process


def main(arguments: Sequence[str] = ()) -> None:
    parser = ArgumentParser(prog="python -m benchmarks streams", description=__doc__)
    parser.add_argument("--streams", type=int, nargs="*", default=[1_000, 5_000], help="how many at once")
    parser.add_argument("--idle", type=float, default=30.0, help="seconds in which nothing happens")
    parser.add_argument("--endings", type=int, default=200, help="sessions that are ended meanwhile")
    given = parser.parse_args(arguments)
    stand_aside()
    rows = []
    for streams in given.streams:
        with scratch() as servers:
            rows.append(
                run(
                    _measured(
                        Row(streams), Path(servers.places(()).folder).absolute(), given.idle, given.endings
                    )
                )
            )
    save("streams", rows)
    print(shown(rows))


async def _measured(row: Row, folder: Path, idle: float, endings: int) -> Row:
    port, process = free_port(), None
    settings = {
        "SOJOURN_STORE": f"sqlite:///{folder / 'sojourn.db'}",
        "SOJOURN_ORIGIN": f"http://127.0.0.1:{port}",
        "SOJOURN_STREAMS_PER_ADDRESS": "1000000",
        "SOJOURN_PORT": str(port),
        "SOJOURN_KEYS_FILE": str(folder / "sojourn.keys"),
        "SOJOURN_LOG_LEVEL": "warning",
    }
    command, environment = [sys.executable, "-m", "sojourn"], os.environ | settings
    subprocess.run(
        [*command, "keys", "generate"], cwd=folder, env=environment, check=True, capture_output=True
    )
    keys = keyring.read(folder / "sojourn.keys")
    sessions = AsyncSessions(open_store(settings["SOJOURN_STORE"]), keys=keys, policy=Policy())
    issued = [await sessions.start(f"user-{number}") for number in range(row.streams)]
    log = folder / "log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [*command, "serve"],
            cwd=folder,
            env=environment,
            stdout=out,
            stderr=out,
            text=True,
            preexec_fn=begin_apart,
        )
    try:
        wait_for(process, port, log)
        await _under_way(row, process, port, sessions, issued, idle, endings)
    finally:
        process.kill()
        process.wait()
        await sessions.close()
    return row


async def _under_way(
    row: Row,
    process: subprocess.Popen[str],
    port: int,
    sessions: AsyncSessions,
    issued: list[Issued],
    idle: float,
    endings: int,
) -> None:
    await _asked(port, issued[0].token, 200)  # so that everything is loaded
    row.quiet = await _asked(port, issued[0].token, 300)
    before = _resident(process.pid)
    streams = [await _opened(port, one.token) for one in issued]
    row.memory = (_resident(process.pid) - before) / row.streams
    began, spent = time.monotonic(), cpu_of(process.pid)
    await asyncio.sleep(idle)
    row.cpu = (cpu_of(process.pid) - spent) / (time.monotonic() - began) * 100
    row.busy = await _asked(port, issued[-1].token, 300)
    for (reader, _), one in list(zip(streams, issued, strict=True))[1 : endings + 1]:
        await sessions.revoke(one.session.id, owner=one.session.user_id)
        acknowledged = time.monotonic()
        await asyncio.wait_for(reader.readuntil(b"event: session\n"), 10)
        row.told.append((time.monotonic() - acknowledged) * 1e3)
    asked = time.monotonic()
    process.send_signal(signal.SIGTERM)
    await asyncio.to_thread(process.wait, 60)
    row.end = time.monotonic() - asked
    for _, writer in streams:
        writer.close()


async def _opened(port: int, token: str) -> Stream:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_request("/api/auth/sessions/events", token))
    status = await asyncio.wait_for(reader.readline(), 30)
    if b" 200 " not in status:
        raise Trouble(f"a stream was answered {status.decode().strip()}")
    await asyncio.wait_for(reader.readuntil(b"event: hello\n"), 30)
    return reader, writer


async def _asked(port: int, token: str, times: int) -> list[float]:
    """Milliseconds of each of so many requests on one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    took = []
    for _ in range(times):
        began = time.perf_counter()
        writer.write(_request("/api/auth/sessions/current", token))
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.partition(b":")[2]))
        took.append((time.perf_counter() - began) * 1e3)
    writer.close()
    return took


def _request(path: str, token: str) -> bytes:
    lines = (f"GET {path} HTTP/1.1", "Host: 127.0.0.1", f"Cookie: sojourn={token}", "X-Session-Passive: 1")
    return "\r\n".join((*lines, "", "")).encode()


def _resident(pid: int) -> float:
    """kB of memory that the process holds."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return float(line.split()[1])
    raise Trouble("the server is gone")


def shown(rows: Sequence[Row]) -> str:
    header = (
        "idle event streams of one process", "memory, kB each", "CPU, % of a core",
        "told of an ending, ms: p50", "p99", "a request, ms p50: without", "with", "end of the process, s",
    )  # fmt: skip
    cells = [
        (
            f"{row.streams:,}", short(row.memory), short(row.cpu), short(at(0.5, row.told)),
            short(at(0.99, row.told)), short(at(0.5, row.quiet)), short(at(0.5, row.busy)), short(row.end),
        )
        for row in rows
    ]  # fmt: skip
    return table(header, cells)
