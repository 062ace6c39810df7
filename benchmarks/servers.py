"""The database servers that subjects need, started here and ended here, through the tests' own starters."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.apps import Places
from benchmarks.processes import Trouble

__all__ = ["Servers", "scratch"]


class Servers:
    """Starts a server when the first subject needs it, and hands out empty databases."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        self._started: dict[str, Any] = {}
        self._count = 0

    def places(self, needs: tuple[str, ...]) -> Places:
        """An empty folder, and an empty database of each server in *needs*."""
        addresses = {name: self.database(name) for name in needs}
        self._count += 1
        folder = self._folder / f"{self._count:03}"
        folder.mkdir()
        return Places(folder=str(folder), **addresses)

    def database(self, name: str) -> str:
        """The URL of an empty database of "postgres" or "redis"."""
        if name not in self._started:
            self._started[name] = self._start(name)
        server = self._started[name]
        if isinstance(server, Trouble):
            raise server
        address: str = server.new_database()
        return address

    def server(self, name: str) -> Any:
        """The server itself, started."""
        self.database(name)
        return self._started[name]

    def _start(self, name: str) -> Any:
        try:
            server = self._stack.enter_context(_starter(name).started())
            if name == "postgres":
                _make_durable(server)
            return server
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            # the starters leave a test out where a server is missing, and that is no `Exception`
            return Trouble(f"{name} does not start: {_one_line(error)}")


def _make_durable(server: Any) -> None:
    """The tests' server may lose what a power cut would lose; whoever signs in may not."""
    for setting in ("fsync = on", "full_page_writes = on", "shared_buffers = '1GB'"):
        server.execute(f"alter system set {setting}", database="postgres")
    server.stop()
    server.start()


def _starter(name: str) -> Any:
    if name == "postgres":
        from tests.servers.postgres import Postgres

        return Postgres
    from tests.servers.redis import Redis

    return Redis


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


@contextmanager
def scratch() -> Iterator[Servers]:
    """Servers, and a folder on the disk of the checkout: /tmp may be memory. All gone afterwards."""
    build = Path("build")
    build.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=build))
    try:
        with ExitStack() as stack:
            yield Servers(folder, stack)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
