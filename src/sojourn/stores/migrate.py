"""Numbered migrations: which a package holds, which of them are still to be applied, what differs afterwards.

Knows no database. A store reads what was applied, asks `pending`, and runs and records each of
them in one transaction.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from importlib import resources

from msgspec import Struct

from sojourn.errors import SettingsError

__all__ = ["Applied", "Difference", "Migration", "Status", "compare", "load", "pending"]

_NAME = re.compile(r"(\d{4})_[a-z0-9_]+")


class Migration(Struct, frozen=True, kw_only=True):
    """One numbered file of SQL. Once released it never changes; a mistake is mended by the next one."""

    number: int
    name: str  # "0001_sessions"
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, whatever line ends a checkout gave it."""
        return hashlib.sha256("\n".join(self.sql.splitlines()).encode()).hexdigest()


class Applied(Struct, frozen=True, kw_only=True):
    """What a database remembers of a migration."""

    number: int
    name: str
    checksum: str


class Status(Struct, frozen=True, kw_only=True):
    """Names of migrations, in order."""

    applied: tuple[str, ...]
    pending: tuple[str, ...]


class Difference(Struct, frozen=True, kw_only=True):
    """How a database differs from one freshly built, as sorted words such as "index sessions_by_user"."""

    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.missing or self.unexpected or self.changed)


def load(package: str) -> list[Migration]:
    """The migrations in an importable *package*: files named `0001_name.sql`, without a gap."""
    found = []
    for file in resources.files(package).iterdir():
        stem, dot, ending = file.name.rpartition(".")
        if not dot or ending != "sql":
            continue
        match = _NAME.fullmatch(stem)
        if match is None:
            raise SettingsError(f"{package}: {file.name} is not named like 0001_name.sql; rename it")
        found.append(Migration(number=int(match[1]), name=stem, sql=file.read_text(encoding="utf-8")))
    found.sort(key=lambda migration: migration.number)
    for expected, migration in enumerate(found, start=1):
        if migration.number != expected:
            raise SettingsError(
                f"{package}: {migration.name} should have number {expected:04}; number the files without gaps"
            )
    return found


def pending(known: Sequence[Migration], applied: Sequence[Applied], *, where: str) -> list[Migration]:
    """Those of *known* that are still to be applied to *where*, or a `SettingsError`.

    Refused are a database from a newer Sojourn, a gap in what was applied, and a migration whose
    text is no longer the one that was applied: what such a database looks like is anybody's guess.
    """
    done = sorted(applied, key=lambda migration: migration.number)
    if done and done[-1].number > len(known):
        raise SettingsError(
            f"{where} was written by a newer Sojourn "
            f"(schema {done[-1].number}, this one knows {len(known)}); upgrade Sojourn"
        )
    for expected, was in zip(known, done, strict=False):
        if was.number != expected.number:
            raise SettingsError(
                f"{where} records migration {was.name}, but not {expected.name} before it; restore a backup"
            )
        if was.checksum != expected.checksum:
            raise SettingsError(
                f"{expected.name} was changed after it had been applied to {where}; "
                "reinstall this version of Sojourn, and put changes into a migration of their own"
            )
    return list(known[len(done) :])


def compare(expected: Mapping[str, str], found: Mapping[str, str]) -> Difference:
    """Compare what a schema holds: each object's kind and name ("table sessions"), with its definition."""
    return Difference(
        missing=tuple(sorted(expected.keys() - found.keys())),
        unexpected=tuple(sorted(found.keys() - expected.keys())),
        changed=tuple(
            sorted(
                name
                for name in expected.keys() & found.keys()
                if expected[name].split() != found[name].split()
            )
        ),
    )
