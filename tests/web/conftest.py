"""Fixtures of the web layer: the server and an application with users of its own, both in process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest
from starlette.testclient import TestClient

from sojourn.testing import FakeClock, make_keys
from sojourn.web.visit import Site
from tests.web.kit import ADA, ORIGIN, PASSWORD, Browser, Guests


class OpenServer(Protocol):
    """A running server with these settings over an https origin and stores in memory."""

    def __call__(self, **fields: Any) -> Guests: ...


@pytest.fixture
def visiting(clock: FakeClock) -> Iterator[Callable[[Any, Site], Guests]]:
    """Open an ASGI application over a site: its loop runs until the test ends."""
    with ExitStack() as stack:

        def visiting(app: Any, site: Site) -> Guests:
            guests = Guests(app, site, clock)
            guests.portal = stack.enter_context(_running(app))
            return guests

        yield visiting


@contextmanager
def _running(app: Any) -> Iterator[Any]:
    with TestClient(app) as first:
        yield first.portal


@pytest.fixture
def open_server(clock: FakeClock, visiting: Callable[[Any, Site], Guests]) -> OpenServer:
    from sojourn.server import create_app
    from sojourn.settings import Settings

    def open_server(**fields: Any) -> Guests:
        settings = Settings(**{"store": "memory://", "origin": ORIGIN} | fields)
        app = create_app(settings, keys=make_keys(), clock=clock)
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
    """A browser in which somebody has signed up."""
    browser = server.browser()
    assert browser.sign_up().status_code == 201
    return browser


@pytest.fixture
def on_disk(open_server: OpenServer, tmp_path: Path) -> Guests:
    return open_server(store=f"sqlite:///{tmp_path / 'sojourn.db'}")


class Phone(Protocol):
    def __call__(self, agent: str = ..., **fields: Any) -> Browser: ...


@pytest.fixture
def signed_in(server: Guests, ada: Browser) -> Phone:
    """Another browser of the same user, signed in."""

    def signed_in(agent: str = ..., **fields: Any) -> Browser:  # type: ignore[assignment]
        browser = server.browser(agent)
        assert browser.sign_in(ADA, PASSWORD, **fields).status_code == 200
        return browser

    return signed_in


Open = Callable[..., AbstractContextManager[Guests]]
