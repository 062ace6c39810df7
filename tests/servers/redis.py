"""A Redis server, and a Redis Cluster of three masters and three replicas, on loopback."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from hiredis import Reader

from sojourn.stores.redis.wire import packed
from tests.servers import free_port, missing

__all__ = ["Cluster", "Redis", "until"]

_PATIENCE = 30.0  # seconds until something that must come about counts as never coming
_NOTHING = object()


def until(what: str, true: Callable[[], Any]) -> Any:
    """The first true answer of *true*, asked again and again."""
    end = time.monotonic() + _PATIENCE
    while not (answer := true()):
        assert time.monotonic() < end, f"never {what}"
        time.sleep(0.02)
    return answer


class Redis:
    """One server in a folder of its own; it keeps its data when it is stopped or killed."""

    def __init__(self, folder: Path, *settings: str, durable: bool = True) -> None:
        self.folder = folder
        self.port = free_port()
        self._settings = settings
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0

    @classmethod
    @contextmanager
    def started(cls, *settings: str, durable: bool = True) -> Iterator[Redis]:
        """A server with more *settings*, words of a command line; *durable*: every write is on disk."""
        if shutil.which("redis-server") is None:
            missing("redis-server", "install it: apt-get install redis-server")
        with tempfile.TemporaryDirectory(prefix="sojourn-redis-") as folder:
            server = cls(Path(folder), *settings, durable=durable)
            server.start()
            try:
                yield server
            finally:
                server.kill()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def new_database(self, **parameters: object) -> str:
        """The URL of an empty database, with *parameters*."""
        self._databases = (self._databases + 1) % 16
        self.ask("FLUSHDB", database=self._databases)
        query = f"?{urlencode(parameters)}" if parameters else ""
        return f"redis://127.0.0.1:{self.port}/{self._databases}{query}"

    def start(self) -> None:
        sync = ("--appendonly", "yes", "--appendfsync", "always") if self._durable else ()
        self._process = subprocess.Popen(
            [
                *("redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)),
                *("--save", "", "--repl-diskless-sync-delay", "0", "--loglevel", "warning", *sync),
                *self._settings,
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until("up", self.answers)

    def answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, "redis-server ended"
        try:
            return bool(self.ask("PING") == b"PONG")
        except OSError:
            return False

    def stop(self) -> None:
        """As an operator stops it."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """As a power cut ends it, but for what the operating system holds."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(how)
            self._process.wait()
            self._process = None

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """A server that is there, and answers nobody."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def ask(self, *words: str | bytes | int, database: int = 0) -> Any:
        """The answer to one command, asked beside the store under test."""
        with socket.create_connection(("127.0.0.1", self.port), 10) as connection:
            connection.sendall(packed("SELECT", database) if database else b"")
            connection.sendall(packed(*words))
            reader = Reader(notEnoughData=_NOTHING)
            for _ in range(1 + bool(database)):
                while (answer := reader.gets()) is _NOTHING:
                    data = connection.recv(1 << 16)
                    if not data:
                        raise ConnectionResetError("end of file")
                    reader.feed(data)
            return answer


class Cluster:
    """Six servers; a killed master is replaced by its replica within seconds."""

    def __init__(self, servers: list[Redis]) -> None:
        self.servers = servers

    @classmethod
    @contextmanager
    def started(cls) -> Iterator[Cluster]:
        if shutil.which("redis-cli") is None or shutil.which("redis-server") is None:
            missing("redis-cli", "install it: apt-get install redis-server redis-tools")
        with tempfile.TemporaryDirectory(prefix="sojourn-cluster-") as folder:
            servers = []
            try:
                for n in range(6):
                    place = Path(folder) / str(n)
                    place.mkdir()
                    server = Redis(place, *_CLUSTERED)
                    servers.append(server)
                    server.start()
                cluster = cls(servers)
                cluster._join()
                yield cluster
            finally:
                for server in servers:
                    server.kill()

    def _join(self) -> None:
        places = [f"127.0.0.1:{server.port}" for server in self.servers]
        subprocess.run(
            ["redis-cli", "--cluster", "create", *places, "--cluster-replicas", "1", "--cluster-yes"],
            check=True,
            capture_output=True,
            timeout=_PATIENCE,
        )
        until("whole", self.whole)

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"127.0.0.1:{server.port}" for server in self.servers)

    def emptied(self, **parameters: object) -> str:
        """The URL of the cluster, whole and without any key."""
        for server in self.servers:
            if server._process is None:
                server.start()
        until("whole", self.whole)
        for server in self.servers:
            if server.ask("ROLE")[0] == b"master":
                server.ask("FLUSHALL")
        return self.url + (f"/?{urlencode(parameters)}" if parameters else "")

    def whole(self) -> bool:
        """Whether every server sees three masters with all slots, and each has a replica that is in step."""
        return all(b"cluster_state:ok" in server.ask("CLUSTER", "INFO") for server in self.servers) and (
            sorted(self._role(server) for server in self.servers) == [b"master"] * 3 + [b"slave"] * 3
        )

    @staticmethod
    def _role(server: Redis) -> bytes:
        role: list[Any] = server.ask("ROLE")
        in_step = len(role[2]) == 1 if role[0] == b"master" else role[3] == b"connected"
        return role[0] if in_step else b"alone"

    def owner(self, key: str) -> Redis:
        """The master that has *key*."""
        slot = self.running().ask("CLUSTER", "KEYSLOT", key)
        for first, last, master, *_ in self.running().ask("CLUSTER", "SLOTS"):
            if first <= slot <= last:
                return next(server for server in self.servers if server.port == master[1])
        raise AssertionError(f"nobody has {key}")

    def running(self) -> Redis:
        return next(server for server in self.servers if server._process is not None)

    def kill_master_of(self, key: str) -> Redis:
        """Kill the master that has *key*, and say which it was."""
        master = self.owner(key)
        master.kill()
        return master


_CLUSTERED = (
    *("--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-node-timeout", "1000"),
    *("--cluster-require-full-coverage", "no"),
)
