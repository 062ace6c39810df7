"""The demo: a database of sample data in a directory of its own, which nothing takes for a real one."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from sojourn import keyring
from sojourn.demo.cast import ADMIN, USER
from sojourn.errors import SettingsError
from sojourn.token import Keys

__all__ = ["ADMIN", "DIRECTORY", "USER", "arguments", "is_demo", "occupied", "prepare", "refuse_demo"]

DIRECTORY = Path(".sojourn-demo")

_MARK = 0x534A4E44  # "SJND", in the header of the database (sqlite.org/pragma.html#pragma_application_id)
_README = "README.txt"
_SAID = """This directory is made by `sojourn demo` and made anew whenever it starts.

The passwords of its accounts are public. Keep nothing here, and serve it to nobody.
To be rid of it, delete the directory.
"""


def arguments(directory: Path, port: int | str) -> dict[str, object]:
    """The demo's settings, for `settings.load(..., environment={})`: nothing real is mixed in."""
    from sojourn.demo.sample import POLICY

    return {
        "store": f"sqlite:///{directory.absolute() / 'demo.db'}",
        "keys_file": directory.absolute() / "demo.keys",
        "port": port,
        "lifetime": POLICY.lifetime,
        "idle_timeout": POLICY.idle_timeout,
        "activity_every": POLICY.activity_every,
        "rotate_every": POLICY.rotate_every,
        "better_auth": True,
        "authjs": "v5",
        "multi_session": True,
    }


async def prepare(directory: Path, now: datetime, *, keep: bool = False) -> bool:
    """Write the sample into *directory*; false if *keep* and there is one. Call it inside `occupied`."""
    database, keys_file = directory / "demo.db", directory / "demo.keys"
    if database.exists() and not is_demo(database):
        raise SettingsError(
            f"{database} is not the demo's: it lacks its mark; move it away, or give another --directory"
        )
    if keep and database.exists() and keys_file.exists():
        return False
    journal = directory / "demo-journal.db"
    for path in (keys_file, *_files(database), *_files(journal)):
        path.unlink(missing_ok=True)
    _mark(database)
    _make(journal)
    text = keyring.generate(now)
    await _fill(database, journal, keyring.parse(text), now)
    keyring.write(keys_file, text)  # last: without it the next start begins anew
    return True


def _files(database: Path) -> list[Path]:
    """With what SQLite may have left beside it."""
    return [database, *(database.with_name(database.name + end) for end in ("-wal", "-shm"))]


async def _fill(database: Path, journal: Path, keys: Keys, now: datetime) -> None:
    from sojourn.accounts.sqlite import SQLiteAccounts
    from sojourn.demo.past import tell
    from sojourn.demo.sample import fill
    from sojourn.observe import open_ledger
    from sojourn.stores.sqlite import SQLiteStore

    store, accounts = SQLiteStore(database), SQLiteAccounts(database)
    ledger = open_ledger(f"sqlite:///{journal}", keys=keys)
    try:
        sessions = await fill(store, accounts, key_id=keys.signing_id, now=now)
        await tell(ledger, sessions, now)
        while await store.expire(at=now):  # the journal has been told
            pass
    finally:
        await ledger.close()
        await accounts.close()
        await store.close()


@contextmanager
def occupied(directory: Path) -> Iterator[None]:
    """Have *directory* for the demo alone, made if it is not there; refuse anybody else's."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    readme = directory / _README
    if not readme.exists() and any(directory.iterdir()):
        raise SettingsError(
            f"{directory} holds something, and not a demo; give another --directory, which may be a new one"
        )
    with readme.open("w") as file:
        if not _locked(file.fileno()):
            raise SettingsError(
                f"another demo uses {directory}; stop it, or give this one another --directory"
            )
        file.write(_SAID)
        file.flush()
        (directory / ".gitignore").write_text("*\n")
        yield


def _locked(descriptor: int) -> bool:
    """Lock the file until it is closed, however the process ends; false if somebody else has."""
    try:
        import fcntl
    except ImportError:  # Windows refuses to delete a database that is open: as safe, only less clear
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def is_demo(database: Path | None) -> bool:
    """Whether the file at *database* bears the demo's mark; false if there is none, or it is no database."""
    if database is None or not database.is_file():
        return False
    try:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            return bool(connection.execute("pragma application_id").fetchone()[0] == _MARK)
    except sqlite3.Error:
        return False  # whoever opens it says what is wrong with it


def refuse_demo(url: str) -> None:
    """Raise if *url* names a demo's database: its passwords are public."""
    from sojourn.stores import sqlite_path

    if url.startswith("sqlite:") and is_demo(path := sqlite_path(url)):
        raise SettingsError(
            f"{path} is a demo's database, whose passwords are public; "
            "run `sojourn demo`, or set SOJOURN_STORE to another file"
        )


def _make(file: Path) -> None:
    os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _mark(database: Path) -> None:
    _make(database)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(f"pragma application_id = {_MARK}")
