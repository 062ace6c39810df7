"""The command line in this process: an empty directory, no settings, and what was printed."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import NamedTuple

import pytest

from sojourn.cli import run
from sojourn.settings import FIELDS


class Ran(NamedTuple):
    code: int
    out: str
    err: str


Shell = Callable[..., Ran]


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("SOJOURN_") or name in [field.alias for field in FIELDS]:
            monkeypatch.delenv(name)


@pytest.fixture
def shell(capsys, monkeypatch) -> Shell:
    """Run a command line: `shell("users", "list", typed="…")`."""

    def shell(*arguments: str, typed: str = "") -> Ran:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        code = run(arguments)
        printed = capsys.readouterr()
        return Ran(code, printed.out, printed.err)

    return shell


@pytest.fixture
def installed(shell) -> Shell:
    """A shell where keys, database and one administrator are there."""
    for line in (
        ["keys", "generate"],
        ["migrate"],
        ["users", "create", "grace@example.org", "--admin", "--generate"],
    ):
        assert shell(*line).code == 0
    return shell
