"""Fixtures of the client: each test that wants one runs with both faces."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from sojourn.client import connect, connect_async
from sojourn.client.remote import BlockingRemote, Remote
from sojourn.testing import FakeClock
from tests.client.fake import APPLICATION, SECRET, FakeServer
from tests.client.kit import ORIGIN, Awaited, Script, open_client


@pytest.fixture(params=["blocking", "async"])
def face(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def scripted(face: str, loop: asyncio.Runner) -> Callable[..., Any]:
    """A client of *script*: `scripted(script, timeout=1.0)`."""

    def scripted(script: Script, **named: Any) -> Any:
        return open_client(script, face, lambda verb: loop.run(verb()), **named)

    return scripted


@pytest.fixture
def fake(clock: FakeClock) -> FakeServer:
    return FakeServer(clock)


@pytest.fixture
def open_remote(fake, clock, face, loop):
    """The service, in either face; time passes for it as the clock says."""

    def open_remote(**rules: Any) -> Any:
        named: dict[str, Any] = {
            "application": APPLICATION,
            "secret": rules.pop("secret", SECRET),
            "transport": httpx2.MockTransport(fake),
            "monotonic": lambda: clock().timestamp(),
            "deadline": 0.01,
        }
        rules = {"clock": clock} | rules
        if face == "blocking":
            return BlockingRemote(connect(ORIGIN, **named), **rules)
        return Awaited(Remote(connect_async(ORIGIN, **named), **rules), lambda verb: loop.run(verb()))

    return open_remote


@pytest.fixture
def remote(open_remote):
    return open_remote()
