"""Two servers on one core under load by turns, a twentieth of a second each.

What others do to the machine for longer than that hits both alike, so that the ratio of the CPU time that
they took moves by a few hundredths where that of one round after the other moves by a quarter.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from benchmarks import wrk
from benchmarks.processes import ROOT, Server, Trouble

__all__ = ["by_turns"]

_TURN = 0.05  # seconds of load
_REST = 0.01  # until most of what was asked is answered
_LONG = 3600  # seconds that a load lasts unless it is told to end
_PATIENCE = 30  # seconds until it must have done so


class _Said(msgspec.Struct):
    requests: int
    bad: int


class _Load:
    """A process that loads a server while it is not stopped."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.stop()

    def stop(self) -> None:
        os.kill(self._process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self._process.pid, signal.SIGCONT)

    def end(self) -> int:
        """How many requests were answered."""
        self.go_on()
        output = self._interrupted()
        said = msgspec.json.decode(output.splitlines()[-1], type=_Said)
        if said.bad or not said.requests:
            raise Trouble(f"{said.bad} of {said.requests} answers said no")
        return said.requests

    def _interrupted(self) -> bytes:
        """What it says at its end. Of the signal that finds it stopped the wrong thread may hear."""
        for _ in range(_PATIENCE):
            self._process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                return self._process.communicate(timeout=1)[0]
        raise Trouble("the load does not end")


@contextmanager
def _loading(server: Server, cookies: Sequence[str], connections: int) -> Iterator[_Load]:
    with tempfile.TemporaryDirectory() as folder:
        if shutil.which("wrk"):
            command = wrk.command(server.port, cookies, _LONG, connections, Path(folder))
        else:
            words = (str(server.port), str(connections), "\n".join(cookies))
            command = [sys.executable, "-m", "benchmarks.load", *words]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
        try:
            time.sleep(0.5)  # until it has begun
            yield _Load(process)
        finally:
            process.kill()
            process.wait()


def by_turns(
    one: tuple[Server, Sequence[str]],
    other: tuple[Server, Sequence[str]],
    *,
    seconds: float,
    connections: int,
) -> tuple[float, float]:
    """Microseconds of CPU that a request took of *one* and of *other*: servers, and the cookies that come."""
    both = (one, other)
    before = [server.cpu() for server, _ in both]
    with _loading(*one, connections) as first, _loading(*other, connections) as second:
        for _ in range(round(seconds / _TURN)):
            for load in (first, second):
                load.go_on()
                time.sleep(_TURN)
                load.stop()
                time.sleep(_REST)
        asked = [load.end() for load in (first, second)]
    took = [server.cpu() - then for (server, _), then in zip(both, before, strict=True)]
    first_took, second_took = (spent / many * 1e6 for spent, many in zip(took, asked, strict=True))
    return first_took, second_took
