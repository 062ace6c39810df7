"""`sojourn worker`: the background work in a process of its own."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from typing import Annotated
from uuid import UUID

from cyclopts import Parameter

from sojourn import duties, keyring
from sojourn.cli.opened import Opened, opened
from sojourn.cli.options import Accounts, Flag, JournalAt, LogLevel, Store
from sojourn.cli.output import logging_to_stderr
from sojourn.delivery import Dispatch
from sojourn.errors import SettingsError
from sojourn.observe.alerts.evaluate import Watch
from sojourn.observe.jobs.runner import Runner
from sojourn.observe.metrics.gauges import Process
from sojourn.observe.metrics.scrape import Metrics
from sojourn.settings import load
from sojourn.settings_text import without_password

__all__ = ["worker"]

_log = logging.getLogger("sojourn.delivery")


async def worker(
    *,
    once: Annotated[bool, Flag, Parameter(help="Do one step and end: for a cron.")] = False,
    store: Store = None,
    accounts: Accounts = None,
    journal: JournalAt = None,
    log_level: LogLevel = None,
) -> None:
    """Notice who ended by time, forget what is long over, tell applications of it, until told to stop.

    `sojourn serve` does the same beside serving, unless it has --no-worker. Of any number of
    processes one works at a time; another takes over when it ends, however it ends.
    """
    arguments = {"store": store, "accounts": accounts, "journal": journal, "log_level": log_level}
    async with opened(arguments, users=False, tokens=_has_keys(arguments)) as found:
        with logging_to_stderr(found.settings.log_level):
            await (_once if once else _until_stopped)(found)


async def _once(found: Opened) -> None:
    working, delivering = (
        duties.worker(found.accounts, found.directory, found.ledger, found.settings),
        _dispatch(found),
    )
    watching, revoking = _watch(found, delivering), _jobs(found)
    now = await working.now()
    try:
        print(await working.step(now))
        if watching is not None and found.journal is not None:
            await found.journal.flush()
            await watching.step(now)
        if revoking is not None:
            await revoking.step(now)
        if delivering is not None:
            await delivering.step(now)
    finally:
        for leader in filter(None, (working, watching, revoking, delivering)):
            await leader.leave(now)


async def _until_stopped(found: Opened) -> None:
    await found.sessions.store.get(UUID(int=0))  # what is wrong with the store is the operator's to hear now
    working, delivering = (
        duties.worker(found.accounts, found.directory, found.ledger, found.settings),
        _dispatch(found),
    )
    with _stopped_by_signals() as stop:
        print(
            f"Sojourn works in the background, on {without_password(found.settings.store)}.\n"
            "Stop it with Ctrl-C.",
            file=sys.stderr,
            flush=True,
        )
        async with _journalling(found), _reporting(found), asyncio.TaskGroup() as group:
            for leader in filter(None, (working, _watch(found, delivering), delivering, _jobs(found))):
                group.create_task(leader.run(stop))


def _jobs(found: Opened) -> Runner | None:
    return None if found.ledger is None else duties.jobs(found.accounts, found.sessions, found.ledger)


def _journalling(found: Opened) -> AbstractAsyncContextManager[None]:
    """Write down what is noticed while it goes on, and not only at the end."""
    return nullcontext() if found.journal is None else found.journal.at_work()


def _reporting(found: Opened) -> AbstractAsyncContextManager[None]:
    """Tell the processes that serve how this one does, for whoever asks them at `/metrics`."""
    if found.ledger is None:
        return nullcontext()
    process = Process(found.sessions, journal=found.journal, serves=False)
    return Metrics(process, parts={}, ledger=found.ledger, faults=found.ledger.faults).at_work()


def _has_keys(arguments: Mapping[str, object]) -> bool:
    """Without the server keys no address can be compared and no link signed: then the server watches."""
    try:
        keyring.ring(load(arguments).settings)
    except SettingsError as error:
        _log.info("alerts are not raised by this process: %s", error)
        return False
    return True


def _watch(found: Opened, delivering: Dispatch | None) -> Watch | None:
    if found.ledger is None or found.ledger.people.keys is None:
        return None
    return duties.watch(found.settings, found.directory, found.ledger, delivering)


def _dispatch(found: Opened) -> Dispatch | None:
    """None where the keys are not, so that nothing can be signed: then the server delivers."""
    try:
        signers = keyring.signers(found.settings)
    except SettingsError as error:
        _log.info("applications are not told of endings by this process: %s", error)
        return None
    return duties.dispatch(found.settings, found.accounts, found.directory, signers, found.ledger)


@contextmanager
def _stopped_by_signals() -> Iterator[asyncio.Event]:
    """An event that SIGTERM and SIGINT set, instead of what they would do."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    before = {
        name: signal.signal(name, lambda *_: loop.call_soon_threadsafe(stop.set))
        for name in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield stop
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
