"""Programs in processes of their own, on free ports of this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

__all__ = ["EXAMPLES", "command", "free_port", "serving"]

EXAMPLES = Path(__file__).parents[2] / "examples"


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def environment(**settings: str) -> dict[str, str]:
    """This one's, without settings of ours that happen to be in it."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SOJOURN_")}
    return inherited | settings


def command(folder: Path, *arguments: str, **settings: str) -> str:
    """What `sojourn` prints for *arguments* in *folder*."""
    ran = subprocess.run(
        [sys.executable, "-m", "sojourn", *arguments],
        cwd=folder,
        env=environment(**settings),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@contextmanager
def serving(
    folder: Path,
    port: int,
    *arguments: str | Path,
    path: str = "/",
    settings: Mapping[str, str],
    python: str | Path = sys.executable,
) -> Iterator[str]:
    """The program that *arguments* start, once it answers at *path*; its origin."""
    log = folder / f"log-{port}"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(python), *map(str, arguments)],
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=environment(**settings),
        )
    origin = f"http://127.0.0.1:{port}"
    try:
        _wait(f"{origin}{path}", process, log)
        yield origin
    finally:
        process.terminate()
        process.wait(20)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    with httpx2.Client(transport=httpx2.HTTPTransport(retries=0)) as client:
        for _ in range(600):
            try:
                client.get(url, timeout=5)
                return
            except httpx2.ConnectError:
                try:
                    process.wait(0.1)
                    break
                except subprocess.TimeoutExpired:
                    continue
    pytest.fail(f"it did not start:\n{log.read_text()}")
