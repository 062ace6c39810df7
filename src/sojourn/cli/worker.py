"""`sojourn worker`: the background work in a process of its own."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated
from uuid import UUID

from cyclopts import Parameter

from sojourn import duties, keyring
from sojourn.cli.opened import Opened, opened
from sojourn.cli.options import Accounts, Flag, LogLevel, Store
from sojourn.cli.output import logging_to_stderr
from sojourn.delivery import Dispatch
from sojourn.errors import SettingsError
from sojourn.settings_text import without_password

__all__ = ["worker"]

_log = logging.getLogger("sojourn.delivery")


async def worker(
    *,
    once: Annotated[bool, Flag, Parameter(help="Do one step and end: for a cron.")] = False,
    store: Store = None,
    accounts: Accounts = None,
    log_level: LogLevel = None,
) -> None:
    """Notice who ended by time, forget what is long over, tell applications of it, until told to stop.

    `sojourn serve` does the same beside serving, unless it has --no-worker. Of any number of
    processes one works at a time; another takes over when it ends, however it ends.
    """
    arguments = {"store": store, "accounts": accounts, "log_level": log_level}
    async with opened(arguments, users=False) as found:
        with logging_to_stderr(found.settings.log_level):
            await (_once if once else _until_stopped)(found)


async def _once(found: Opened) -> None:
    working, delivering = duties.worker(found.accounts, found.directory), _dispatch(found)
    now = await working.now()
    try:
        print(await working.step(now))
        if delivering is not None:
            await delivering.step(now)
    finally:
        await working.leave(now)
        if delivering is not None:
            await delivering.leave(now)


async def _until_stopped(found: Opened) -> None:
    await found.sessions.store.get(UUID(int=0))  # what is wrong with the store is the operator's to hear now
    working, delivering = duties.worker(found.accounts, found.directory), _dispatch(found)
    with _stopped_by_signals() as stop:
        print(
            f"Sojourn works in the background, on {without_password(found.settings.store)}.\n"
            "Stop it with Ctrl-C.",
            file=sys.stderr,
            flush=True,
        )
        async with asyncio.TaskGroup() as group:
            for leader in filter(None, (working, delivering)):
                group.create_task(leader.run(stop))


def _dispatch(found: Opened) -> Dispatch | None:
    """None where the keys are not, so that nothing can be signed: then the server delivers."""
    try:
        signers = keyring.signers(found.settings)
    except SettingsError as error:
        _log.info("applications are not told of endings by this process: %s", error)
        return None
    return duties.dispatch(found.settings, found.directory, signers) if signers else None


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
