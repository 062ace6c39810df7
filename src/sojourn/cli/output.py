"""What a command says: tables for a terminal, plain columns or JSON for everything else."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import msgspec

from sojourn.policy import words

__all__ = ["ago", "ask", "ended", "logging_to_stderr", "print_json", "print_table", "progress"]


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print *rows* under *columns*."""
    if sys.stdout.isatty():
        _print_rich(columns, rows)
        return
    lines = [columns, *rows]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _print_rich(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=box.SIMPLE_HEAD)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # not markup: names and devices come from outside
    Console().print(table)


def print_json(value: Any) -> None:
    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


@contextmanager
def progress(doing: str) -> Iterator[Callable[[str], None]]:
    """Say on a terminal what is going on; call what is given with the news. Elsewhere nothing is printed."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console

    with Console(stderr=True).status(doing) as status:
        yield lambda news: status.update(f"{doing} {news}")


@contextmanager
def logging_to_stderr(level: str) -> Iterator[None]:
    """Have what the library logs on stderr, from *level* on, as `sojourn serve` has it."""
    logger, handler = logging.getLogger("sojourn"), logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(level.upper())
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)


def ask(question: str) -> bool:
    """Ask on the terminal; whoever cannot be asked says no."""
    if not sys.stdin.isatty():
        print(f"{question} Say so with --yes.", file=sys.stderr)
        return False
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def ended(count: int) -> str:
    """How many sessions have ended, as a sentence."""
    return f"Ended {count} {'session' if count == 1 else 'sessions'}."


def ago(at: datetime, now: datetime) -> str:
    """How far *at* is from *now*: "5 minutes ago", "in 14 days"."""
    if (at - now).total_seconds() >= 1:
        return f"in {words(at - now)}"
    return "now" if (now - at).total_seconds() < 1 else f"{words(now - at)} ago"
