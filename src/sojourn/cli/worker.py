"""`sojourn worker`: the background work in a process of its own."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated
from uuid import UUID

from cyclopts import Parameter

from sojourn.background import Worker
from sojourn.cli.opened import Opened, opened
from sojourn.cli.options import Accounts, Flag, LogLevel, Store
from sojourn.cli.output import logging_to_stderr
from sojourn.settings_text import without_password

__all__ = ["worker"]


async def worker(
    *,
    once: Annotated[bool, Flag, Parameter(help="Do one step and end: for a cron.")] = False,
    store: Store = None,
    accounts: Accounts = None,
    log_level: LogLevel = None,
) -> None:
    """Notice who ended by time, and forget what is long over, until it is told to stop.

    `sojourn serve` does the same beside serving, unless it has --no-worker. Of any number of
    processes one works at a time; another takes over when it ends, however it ends.
    """
    arguments = {"store": store, "accounts": accounts, "log_level": log_level}
    async with opened(arguments, users=False) as found:
        with logging_to_stderr(found.settings.log_level):
            await (_once if once else _until_stopped)(found)


async def _once(found: Opened) -> None:
    working = Worker(found.sessions, also=[found.accounts.purge, found.directory.purge])
    now = await working.now()
    try:
        print(await working.step(now))
    finally:
        await working.leave(now)


async def _until_stopped(found: Opened) -> None:
    await found.sessions.store.get(UUID(int=0))  # what is wrong with the store is the operator's to hear now
    with _stopped_by_signals() as stop:
        print(
            f"Sojourn works in the background, on {without_password(found.settings.store)}.\n"
            "Stop it with Ctrl-C.",
            file=sys.stderr,
            flush=True,
        )
        await Worker(found.sessions, also=[found.accounts.purge, found.directory.purge]).run(stop)


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
