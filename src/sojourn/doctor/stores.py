"""Are the stores set up well: within reach, of the right schema, with a worker, and with room to grow."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct

from sojourn.accounts import open_accounts
from sojourn.accounts.store import AccountsStore
from sojourn.background import LEASE
from sojourn.demo import refuse_demo
from sojourn.directory import open_directory
from sojourn.directory.outbox import Message
from sojourn.errors import SettingsError
from sojourn.settings import Settings
from sojourn.settings_text import without_password
from sojourn.stores import open_store, sqlite_path
from sojourn.stores.protocol import Store

__all__ = [
    "MEGABYTE",
    "Finding",
    "Level",
    "databases",
    "disk",
    "file_of",
    "remedy_of",
    "schema",
    "wrong",
]

Level = Literal["ok", "warning", "error"]

MEGABYTE = 1 << 20


class Finding(Struct, frozen=True):
    """What was found `about` something, and what to do about it."""

    level: Level
    about: str
    what: str
    remedy: str = ""


def wrong(about: str, error: SettingsError) -> Finding:
    """The messages of `SettingsError` end with the remedy."""
    what, _, remedy = str(error).partition("; ")
    return Finding("error", about, what, remedy)


def file_of(url: str) -> Path | None:
    """The file that *url* names, if it names one."""
    try:
        return sqlite_path(url) if url.startswith("sqlite:") else None
    except SettingsError:
        return None


async def databases(
    settings: Settings, now: datetime, clock: Callable[[], datetime]
) -> AsyncIterator[Finding]:
    for about, url in (("sessions", settings.store), ("accounts", settings.accounts)):
        if url.startswith("memory:") or url.endswith(":memory:"):
            yield Finding("warning", about, f"{url} ends with the server", "set SOJOURN_STORE to a file")
            continue
        try:
            refuse_demo(url)
            store: Store | AccountsStore = (
                open_store(url, create=False) if about == "sessions" else open_accounts(url, create=False)
            )
        except SettingsError as error:
            yield wrong(about, error)
            continue
        try:
            for finding in await _database(about, url, store):
                yield finding
            if about == "sessions":
                for finding in await _background(store, settings, now, clock):  # type: ignore[arg-type]
                    yield finding
            else:
                for finding in await _delivery(url):
                    yield finding
        finally:
            await store.close()
    for file in sorted({file for url in (settings.store, settings.accounts) if (file := file_of(url))}):
        for finding in disk(file):
            yield finding


async def _database(about: str, url: str, store: Store | AccountsStore) -> list[Finding]:
    """Reachable, of the right schema, writable; for accounts, with somebody to administer."""
    try:
        findings = await _looked_at(about, url, store)
        if findings[0].level == "ok" and about == "accounts":
            findings.append(await _administrators(store))  # type: ignore[arg-type]
    except SettingsError as error:
        return [wrong(about, error)]
    except store.faults as error:
        return [Finding("error", about, without_password(str(error)), remedy_of(url, error))]
    return findings


def remedy_of(url: str, error: Exception, setting: str = "SOJOURN_STORE") -> str:
    if url.startswith("sqlite:"):
        from sojourn.stores.sqlite.engine import explain

        return explain(error)
    return f"see that {without_password(url)} runs and lets this machine in, or correct {setting}"


async def _looked_at(about: str, url: str, store: Any) -> list[Finding]:
    """Reachable, of the right schema if it has one, writable if it is a file; and what it says of itself."""
    findings = []
    engine: Any = getattr(store, "engine", None)
    if engine is not None:
        findings = await schema(about, url, store)
        if findings[0].level != "ok":
            return findings
    if url.startswith("sqlite:"):
        await engine.write(lambda _: None)  # begins to write, and so finds out whether it may
        return findings
    await store.get(_NOBODY)
    findings.append(Finding("ok", about, f"{without_password(url)} answers"))
    if hasattr(store, "diagnose"):
        said = await store.diagnose()
        findings += [Finding(_LEVELS[level], about, what, remedy) for level, what, remedy in said]
    return findings


async def schema(about: str, url: str, store: Any) -> list[Finding]:
    """Whether all migrations were applied, and whether it is as they leave it. The first one tells."""
    status = await store.engine.status()
    if status.pending:
        waiting = ", ".join(status.pending)
        return [Finding("error", about, f"{without_password(url)} lacks {waiting}", "run `sojourn migrate`")]
    try:
        difference = await store.engine.compare()
    except store.faults:
        if url.startswith("sqlite:"):
            raise
        what = f"{without_password(url)}: {status.applied[-1]}, not compared with a new one"
        return [Finding("ok", about, what, "to have it compared, let the role make schemas in this database")]
    if broken := [*difference.missing, *difference.changed]:
        return [
            Finding(
                "error",
                about,
                f"missing or changed: {', '.join(broken)}",
                "restore a backup; migrations never remove or change these by themselves",
            )
        ]
    findings = [Finding("ok", about, f"{without_password(url)}: {status.applied[-1]}")]
    if difference.unexpected:
        extra = ", ".join(difference.unexpected)
        findings.append(Finding("warning", about, f"not Sojourn's: {extra}", "keep your tables elsewhere"))
    return findings


_NOBODY = UUID(int=0)
_LEVELS: dict[str, Level] = {"ok": "ok", "warn": "warning", "bad": "error"}


async def _background(
    store: Store, settings: Settings, now: datetime, clock: Callable[[], datetime]
) -> list[Finding]:
    """The clock of the store, and whether anybody does the background work."""
    faults: tuple[type[Exception], ...] = (SettingsError, *store.faults)
    try:
        asked = clock()
        theirs = (await store.entries(limit=1)).now
        ours = asked + (clock() - asked) / 2
        # At the earlier of both times, so that a clock that is wrong takes the lease from nobody.
        at = min(now, theirs or now)
        idle = await store.lease(LEASE, "doctor", at=at, until=at)
    except faults:
        return []  # what is wrong with it has been said
    return [*_clock(theirs, ours), _worker(settings, idle=idle)]


def _clock(theirs: datetime | None, now: datetime) -> Iterator[Finding]:
    if theirs is None:
        return
    apart = abs((theirs - now).total_seconds())
    which = "ahead of" if now > theirs else "behind"
    if apart > 1:
        yield Finding(
            "warning",
            "clock",
            f"this machine's clock is {apart:.1f} s {which} the store's",
            "have both set by NTP: tokens, limits and leases are read by these clocks",
        )
    else:
        yield Finding("ok", "clock", f"within {max(apart, 0.1):.1f} s of the store's")


def _worker(settings: Settings, *, idle: bool) -> Finding:
    if not idle:
        return Finding(
            "ok", "worker", "one has the lease: expiry is noticed, and what is long over forgotten"
        )
    if settings.worker:
        return Finding("ok", "worker", "none is at work now; `sojourn serve` brings its own")
    return Finding(
        "warning",
        "worker",
        "none is at work, and SOJOURN_WORKER is off: nothing notices expiry or forgets anything",
        "run `sojourn worker`, or `sojourn purge` by a cron, or remove SOJOURN_WORKER",
    )


_AWAY = 3  # attempts after which a receiver is away, and not only slow


async def _delivery(url: str) -> list[Finding]:
    """Whether applications and receivers could be told of what they want to be told of."""
    store = open_directory(url, create=False)
    faults: tuple[type[Exception], ...] = (SettingsError, *store.faults)
    try:
        dead, waiting = await store.peek("dead", limit=1), await store.count_messages()
        findings = _away(await store.peek(limit=1000))
        if not dead:
            what = f"{waiting} messages are on their way, none was given up lately"
            return [Finding("ok", "delivery", what), *findings]
        count, last = await store.count_messages("dead"), dead[0]
    except faults:
        return []  # what is wrong with the file has been said
    finally:
        await store.close()
    given_up = Finding(
        "warning",
        "delivery",
        f"{count} messages were given up in the last 7 days, {waiting} are on their way; the last one was "
        f"a {last.kind} for {last.target}: {last.last_error}",
        _REACH,
    )
    return [given_up, *findings]


_REACH = "see that the address is right, that this machine reaches it, and SOJOURN_DELIVERY_NETWORKS"


def _away(waiting: Iterable[Message]) -> list[Finding]:
    """Who is left alone for a while after each attempt, as far as messages tell: one finding each."""
    last: dict[tuple[str, str], Message] = {}
    for message in waiting:
        if message.attempts >= _AWAY and message.last_error is not None:
            last[message.kind, message.target] = message
    return [
        Finding(
            "warning", "delivery", f"a {kind} for {target} failed {m.attempts} times: {m.last_error}", _REACH
        )
        for (kind, target), m in sorted(last.items())
    ]


async def _administrators(store: AccountsStore) -> Finding:
    after = None
    while page := await store.select(after=after, limit=1000):
        if any(user.role == "admin" and user.enabled for user in page):
            return Finding("ok", "accounts", "there is an administrator")
        after = page[-1].id
    return Finding(
        "warning",
        "accounts",
        "there is no administrator",
        "run `sojourn users create ada@example.org --admin` with your own address",
    )


def disk(file: Path) -> Iterator[Finding]:
    try:
        mode, free = stat.S_IMODE(file.stat().st_mode), shutil.disk_usage(file.parent).free // MEGABYTE
    except OSError:
        return  # that there is no such file has been said
    if os.name == "posix" and mode & 0o077:
        yield Finding("warning", "disk", f"others may read {file} (mode {mode:o})", f"run `chmod 600 {file}`")
    if free < 1024:
        level: Level = "error" if free < 64 else "warning"
        yield Finding(level, "disk", f"{free} MB are free beside {file}", "free disk space")
    else:
        yield Finding("ok", "disk", f"{free} MB are free beside {file}")
