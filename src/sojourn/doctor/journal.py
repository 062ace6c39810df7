"""Whether the journal is well: there, sealed, up to date, readable, and with nothing taken off its end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from sojourn import keyring
from sojourn.directory import open_directory
from sojourn.directory.lived import TRIAL, Lived
from sojourn.doctor.stores import MEGABYTE, Finding, disk, file_of, remedy_of, schema, wrong
from sojourn.errors import SettingsError
from sojourn.observe import open_ledger
from sojourn.observe.journal.condition import Condition, condition
from sojourn.observe.journal.noted import Notes
from sojourn.observe.ledger import Ledger
from sojourn.settings import Settings
from sojourn.settings_text import without_password
from sojourn.token import Keys

__all__ = ["journal"]

_LATE = timedelta(minutes=10)  # without a seal: one is made each minute
_FRESH = timedelta(seconds=15)  # who has reported since is there: each does every five seconds
_BEHIND = 10.0  # seconds that what happened may wait in a process: it is written every half second
_QUEUED, _LAG = "sojourn_journal_queued", "sojourn_journal_lag_seconds"


async def journal(settings: Settings, now: datetime) -> AsyncIterator[Finding]:
    """Every finding about the journal; it is only read."""
    url, said = settings.journal, without_password(settings.journal)
    if url == "off":
        yield Finding("ok", "journal", "off: nobody can look up what happened, and nothing is alerted")
        return
    if url.startswith("memory:") or url.endswith(":memory:"):
        yield Finding("warning", "journal", f"{said} ends with the server", "set SOJOURN_JOURNAL to a file")
        return
    file = file_of(url)
    if file is not None and not file.exists():
        what = f"there is none yet at {file}: commands write down nothing of what they do"
        yield Finding("warning", "journal", what, "run `sojourn migrate`, or correct SOJOURN_JOURNAL")
        return
    try:
        keys = keyring.ring(settings)
    except SettingsError:
        keys = None  # that has been said
    try:
        ledger = open_ledger(url, keys=keys, create=False)
    except SettingsError as error:
        yield wrong("journal", error)
        return
    try:
        for finding in await _looked_at(ledger, settings, keys, now):
            yield finding
    finally:
        await ledger.close()
    if file is not None and file not in (file_of(settings.store), file_of(settings.accounts)):
        for finding in disk(file):
            yield finding


async def _looked_at(ledger: Ledger, settings: Settings, keys: Keys | None, now: datetime) -> list[Finding]:
    url = settings.journal
    try:
        findings = await schema("journal", url, ledger)
        if findings[0].level != "ok":
            return findings
        await ledger.engine.write(lambda _: None)  # begins to write, and so finds out whether it may
        found = await ledger.engine.scan(condition)
        return [
            *findings,
            *_sealed(found, keys, now),
            *await _noted(ledger, settings, now),
            *_wrapped(found, keys),
            *await _lag(ledger, now),
            *_size(file_of(url), await ledger.last_place()),
        ]
    except SettingsError as error:
        return [wrong("journal", error)]
    except ledger.faults as error:
        return [
            Finding(
                "error", "journal", without_password(str(error)), remedy_of(url, error, "SOJOURN_JOURNAL")
            )
        ]


def _sealed(found: Condition, keys: Keys | None, now: datetime) -> Iterator[Finding]:
    seal, since = found.seal, found.unsealed_since
    last = "there is no seal yet" if seal is None else f"seal {seal.id} of {_at(seal.at)} is the last one"
    newest = (
        "there is no line yet" if found.newest_at is None else f"the newest line is of {_at(found.newest_at)}"
    )
    if keys is not None and since is not None and now - since > _LATE:
        yield Finding(
            "warning",
            "journal",
            f"{last}, and {found.unsealed} lines since {_at(since)} have none: who alters them goes unseen",
            "see that `sojourn serve` or `sojourn worker` runs, then run `sojourn journal verify`",
        )
    else:
        yield Finding("ok", "journal", f"{last}; {newest}")


async def _noted(ledger: Ledger, settings: Settings, now: datetime) -> list[Finding]:
    """Whether the seal that the worker has noted is there, and whether the clock is on trial."""
    try:
        store = open_directory(settings.accounts, create=False)
    except SettingsError:
        return []  # that has been said
    faults: tuple[type[Exception], ...] = (SettingsError, *store.faults)
    try:
        note, since = await Notes(store).read(), await Lived(store).since()
    except faults:
        return []
    finally:
        await store.close()
    findings = []
    if note is not None and not await ledger.has_seal(note.id, note.mac):
        findings.append(
            Finding(
                "error",
                "journal",
                f"seal {note.id} of {_at(note.at)} is not there, which was noted beside the accounts: the "
                "end of the journal was taken off, or all of it replaced",
                "run `sojourn journal verify`; if you have restored a backup, once with --restored",
            )
        )
    if since is not None and since <= now < since + TRIAL:
        what = f"nothing is forgotten until {_at(since + TRIAL)}: the clock leapt, or nobody ran for days"
        findings.append(Finding("ok", "journal", what))
    return findings


def _wrapped(found: Condition, keys: Keys | None) -> Iterator[Finding]:
    for id, count in sorted(found.wrapped.items()):
        if keys is not None and id not in keys:
            yield Finding(
                "warning",
                "journal",
                f"what is personal of {count} users lies under key {id}, which is not in the ring: nobody "
                "can read it",
                f"put key {id} back, as retired, and let a worker run for an hour; if it is lost, accept it",
            )


async def _lag(ledger: Ledger, now: datetime) -> list[Finding]:
    """What the processes that live say of what they have not written yet."""
    reports = await ledger.reports(now - _FRESH)
    late = {name: said[_LAG] for name, said in reports.items() if said.get(_LAG, 0.0) > _BEHIND}
    if late:
        name, lag = max(late.items(), key=lambda one: one[1])
        what = (
            f"in process {name} {reports[name].get(_QUEUED, 0):.0f} events wait for {lag:.0f} s to be written"
        )
        remedy = "see that the disk is not full, nor too slow, and what the process logs"
        return [Finding("warning", "journal", what, remedy)]
    if not reports:
        return [Finding("ok", "journal", "no process says now how far it is with writing")]
    lag = max(said.get(_LAG, 0.0) for said in reports.values())
    return [
        Finding("ok", "journal", f"{len(reports)} processes write; none is behind by more than {lag:.1f} s")
    ]


def _size(file: Path | None, lines: int) -> Iterator[Finding]:
    written = f"{lines} lines were written since it began"
    if file is not None:
        parts = (file, file.with_name(file.name + "-wal"))
        megabytes = sum(part.stat().st_size for part in parts if part.exists()) / MEGABYTE
        written = f"{megabytes:.1f} MB; {written}"
    yield Finding("ok", "journal", written)


def _at(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
