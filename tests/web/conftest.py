"""Fixtures of the web layer: the server, or another application over a site, in process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Protocol

import pytest
from starlette.testclient import TestClient

from sojourn.testing import FakeClock, make_keys
from sojourn.web.visit import Site
from tests.web.kit import ORIGIN, Browser, Guests

Visiting = Callable[[Any, Site], Guests]


class OpenServer(Protocol):
    """A running server; unless the settings say otherwise over https, with stores in memory."""

    def __call__(self, **settings: Any) -> Guests: ...


@pytest.fixture
def visiting(clock: FakeClock) -> Iterator[Visiting]:
    """Open an application over a site: its event loop runs until the test ends."""
    with ExitStack() as stack:

        def visiting(app: Any, site: Site) -> Guests:
            guests = Guests(app, site, clock)
            guests.portal = stack.enter_context(TestClient(app)).portal
            return guests

        yield visiting


@pytest.fixture
def open_server(clock: FakeClock, visiting: Visiting) -> OpenServer:
    from sojourn.server import create_app
    from sojourn.settings import Settings

    def open_server(**settings: Any) -> Guests:
        given = {"store": "memory://", "origin": ORIGIN} | settings
        app = create_app(Settings(**given), keys=make_keys(), clock=clock)
        (middleware,) = app.user_middleware
        site = middleware.kwargs["site"]
        assert isinstance(site, Site)
        return visiting(app, site)

    return open_server


@pytest.fixture
def server(open_server: OpenServer) -> Guests:
    return open_server()


@pytest.fixture
def ada(server: Guests) -> Browser:
    """A browser in which somebody has just signed up."""
    browser = server.browser()
    assert browser.sign_up().status_code == 201
    return browser
