"""Processes of our own: started on a core of their own, asked what CPU time they took, ended with us."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import msgspec

from benchmarks.apps import Places
from benchmarks.subjects import NODE, Subject

__all__ = [
    *(
        "Driven",
        "Server",
        "Trouble",
        "begin_apart",
        "cpu_of",
        "driven",
        "free_port",
        "serving",
        "stand_aside",
    ),
    "wait_for",
]

ROOT = Path(__file__).parents[1]
_ALL_THREADS = 2  # of a process: how Linux numbers clocks, see clock_getcpuclockid(3)
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG
_CORES = sorted(os.sched_getaffinity(0))
_libc = ctypes.CDLL(None)


class Trouble(Exception):
    """A subject cannot be measured; one line says why."""


def stand_aside() -> None:
    """Leave the first core to what is measured; load generator and stores keep to the others."""
    if len(_CORES) > 1:
        os.sched_setaffinity(0, _CORES[1:])


def begin_apart() -> None:
    """In the child: the first core, and an end when we end, however that happens."""
    os.sched_setaffinity(0, _CORES[:1])
    _libc.prctl(_DIE_WITH_PARENT, signal.SIGTERM)


@contextmanager
def _process(command: Sequence[str], log: Path, **options: Any) -> Iterator[subprocess.Popen[str]]:
    with log.open("w") as errors:
        process = subprocess.Popen(
            command, cwd=ROOT, stderr=errors, text=True, preexec_fn=begin_apart, **options
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()


def _last_line(log: Path) -> str:
    """What *log* ends with, but for complaints of an interpreter that is ending already."""
    said, _, _ = log.read_text(errors="replace").partition("Exception ignored in")
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "it said nothing"


# ── without HTTP ─────────────────────────────────────────────────────────────────────────────────


class Driven:
    """A process that makes as many requests of itself as it is told, and says what one took."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self._process, self._log = process, log

    def run(self, count: int) -> dict[str, float]:
        """Microseconds of `cpu` and of `wall` clock for one of *count* requests."""
        with suppress(BrokenPipeError):
            _stream(self._process.stdin).write(f"{count}\n")
            _stream(self._process.stdin).flush()
        spent: dict[str, float] = self.heard()
        return spent

    def heard(self) -> Any:
        """The next thing that it says."""
        line = _stream(self._process.stdout).readline()
        if not line:
            raise Trouble(_last_line(self._log))
        return msgspec.json.decode(line)


def _stream(stream: IO[str] | None) -> IO[str]:
    if stream is None:
        raise Trouble("the process has no such stream")
    return stream


@contextmanager
def driven(subject: Subject, places: Places) -> Iterator[Driven]:
    """*subject* in a process of its own, signed in."""
    command = [sys.executable, "-m", "benchmarks.drive", subject.name, places.encoded()]
    if subject.gateway == "node":
        command = ["node", str(NODE / "drive.js"), _node_options(subject, places)]
    log = places.file("drive.log")
    with _process(command, log, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        found = Driven(process, log)
        if found.heard() != "ready":
            raise Trouble(_last_line(log))
        yield found


def _node_options(subject: Subject, places: Places, **more: Any) -> str:
    return msgspec.json.encode({**subject.options, "folder": places.folder, **more}).decode()


# ── over HTTP ────────────────────────────────────────────────────────────────────────────────────


class Server:
    """A subject that listens on a port of loopback."""

    def __init__(self, pid: int, port: int) -> None:
        self.pid, self.port = pid, port

    def cpu(self) -> float:
        """Seconds of CPU that it and its children have taken."""
        return sum(cpu_of(pid) for pid in _family(self.pid))


def _family(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError):  # a thread that ended just now
            for child in (task / "children").read_text().split():
                yield from _family(int(child))


def cpu_of(pid: int) -> float:
    """Seconds of CPU that process *pid* has taken, with those of its threads that have ended."""
    return time.clock_gettime(~pid << 3 | _ALL_THREADS)


@contextmanager
def serving(subject: Subject, places: Places) -> Iterator[Server]:
    """*subject* as a server of its own."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.serve", subject.name, str(port), places.encoded()]
    if subject.gateway == "node":
        command = ["node", str(NODE / "serve.js"), _node_options(subject, places, port=port)]
    log = places.file("serve.log")
    with _process(command, log, stdout=subprocess.DEVNULL) as process:
        wait_for(process, port, log)
        yield Server(process.pid, port)


def wait_for(process: subprocess.Popen[str], port: int, log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Trouble(_last_line(log))
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise Trouble("it did not listen within two minutes")


def free_port() -> int:
    """A port of loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
