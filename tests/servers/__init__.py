"""Real servers for tests, started and stopped by the tests themselves, on loopback.

A suite that needs one has the mark `servers` and asks for a fixture of `tests.servers.fixtures`. Where the
programs are missing the tests are left out, and `make test` says so; with SOJOURN_REQUIRE_SERVERS=1 that
is a failure.
"""

from __future__ import annotations

import os
import socket
from typing import NoReturn

import pytest

__all__ = ["LEFT_OUT", "free_port", "missing"]

LEFT_OUT: set[str] = set()
"""What this run had to do without, for its last line."""


def missing(what: str, remedy: str) -> NoReturn:
    """Leave the test out because *what* is not on this machine, or fail if it has to be."""
    message = f"{what} is not on this machine; {remedy}"
    if os.environ.get("SOJOURN_REQUIRE_SERVERS"):
        pytest.fail(message)
    LEFT_OUT.add(f"{what} ({remedy})")
    pytest.skip(message)


def free_port(*, below: int = 55_000) -> int:
    """A port of loopback that nobody uses now; below 55,535, so that a cluster's bus fits above it."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port < below:
            return port
