"""Fixtures of the web layer: the server, or another application over a site, in process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Protocol

import pytest

from sojourn.directory import Directory
from sojourn.testing import FakeClock
from sojourn.web.visit import Site
from tests.web.kit import Browser, Guests, make_server

Visiting = Callable[[Any, Site], Guests]


class OpenServer(Protocol):
    """A running server; unless the settings say otherwise over https, with stores in memory."""

    def __call__(self, **settings: Any) -> Guests: ...


@pytest.fixture
def opened() -> Iterator[Callable[[Guests], Guests]]:
    """Run the event loop of a site until the test ends."""
    with ExitStack() as stack:
        yield lambda guests: stack.enter_context(guests.open())


@pytest.fixture
def visiting(clock: FakeClock, opened: Callable[[Guests], Guests]) -> Visiting:
    """Open an application over a site."""
    return lambda app, site: opened(Guests(app, site, clock))


@pytest.fixture
def open_server(clock: FakeClock, opened: Callable[[Guests], Guests]) -> OpenServer:
    return lambda **settings: opened(make_server(clock, **settings))


@pytest.fixture
def server(open_server: OpenServer) -> Guests:
    return open_server()


@pytest.fixture
def ada(server: Guests) -> Browser:
    """A browser in which somebody has just signed up."""
    browser = server.browser()
    assert browser.sign_up().status_code == 201
    return browser


@pytest.fixture
def directory(server: Guests) -> Directory:
    """Applications and tenants of the server."""
    return server.directory
