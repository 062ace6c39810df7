"""One server for each file of tests, and browsers for the people in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from playwright.sync_api import Browser as Chromium

from tests.browser.client.site import Site, served
from tests.browser.client.tabs import Browser

# Short enough to be waited out by moving the clock, in any order of the tests.
SETTINGS = {
    "SOJOURN_ROTATE_EVERY": "1m",
    "SOJOURN_ACCESS_TTL": "1m",
    "SOJOURN_IDLE_TIMEOUT": "15m",
    "SOJOURN_ACTIVITY_EVERY": "5m",
    "SOJOURN_TOUCH_EVERY": "0s",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Site]:
    settings = SETTINGS | getattr(request.module, "SETTINGS", {})
    with served(tmp_path_factory.mktemp("site"), **settings) as site:
        yield site


@pytest.fixture
def site(server: Site) -> Iterator[Site]:
    """The server, as if nobody had been there before."""
    server.forget()
    yield server
    server.heal()


@pytest.fixture(params=["cookie", "bearer"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


NUMBERS = count(1)
Open = Callable[..., Browser]


@pytest.fixture
def browser(chromium: Chromium, site: Site, mode: str) -> Iterator[Open]:
    """Start a browser; without *email* it is that of somebody new. At the end none saw an error of ours."""
    opened: list[Browser] = []

    def start(email: str | None = None, **options: Any) -> Browser:
        context = chromium.new_context(base_url=site.origin, reduced_motion="reduce", **options)
        person = Browser(context, mode, email or f"somebody-{next(NUMBERS)}@example.org", site)
        opened.append(person)
        return person

    yield start
    wrong = [error for person in opened for tab in person.tabs for error in tab.errors]
    violations = [said for person in opened for tab in person.tabs for said in _violations(tab)]
    for person in opened:
        person.context.close()
    assert wrong + violations == []


def _violations(tab: Any) -> list[str]:
    if tab.page.is_closed():
        return []
    found: list[str] = tab.page.evaluate("window.harness?.violations ?? []")
    return found
