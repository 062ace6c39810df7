"""Programs of Node: scenarios of public clients, one process each, and the npm packages that they need."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.servers import missing

__all__ = ["Program", "program", "scenario"]

FOLDER = Path(__file__).parent / "js"
_INSTALL = "npm ci --prefix tests/interop/js"


class Failed(Exception):
    """What a program of Node said last."""


class Program:
    """A program that answers each line of JSON with one."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def tell(self, said: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(said) + "\n")
        self._process.stdin.flush()

    def ask(self, *said: Any) -> Any:
        """What it answers: the `value`; its `error` as `Failed`."""
        self.tell(said)
        return self.heard()

    def heard(self) -> Any:
        """What it says next."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the program has ended"
        answer = json.loads(line)
        if "error" in answer:
            raise Failed(answer["error"])
        return answer.get("value")


def node() -> str:
    """Where Node is; without it the test is left out, or fails if it has to run."""
    found = shutil.which("node")
    return found or missing("Node", "install Node 20 or newer, then " + _INSTALL)


@contextmanager
def program(name: str, first: Any) -> Iterator[Program]:
    """The program of that *name*, until the block ends; its *first* line says what it needs to know."""
    _need_packages()
    process = subprocess.Popen(
        [node(), FOLDER / name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        try:
            running = Program(process)
            running.tell(first)
            yield running
        finally:
            process.kill()


def scenario(name: str, *, within: float = 60, **given: Any) -> Any:
    """What the scenario of that *name* says of what it was *given*, in so many seconds."""
    _need_packages()
    ran = subprocess.run(
        [node(), FOLDER / name],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=within,
        check=False,
    )
    if ran.returncode != 0:
        raise Failed(ran.stderr)
    return json.loads(ran.stdout)


def _need_packages() -> None:
    if not (FOLDER / "node_modules").is_dir():
        missing("the npm packages of tests/interop", _INSTALL)
