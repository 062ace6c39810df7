"""A server with a past, and administrators whose browsers are watched for complaints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.account.conftest import own_site as own_site
from tests.browser.account.conftest import people as people
from tests.browser.account.conftest import person as person
from tests.browser.account.conftest import start_site as start_site
from tests.browser.account.site import Site, served
from tests.browser.admin.site import Root, write_history

_numbers = count(1)


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """With days of history, for tests that leave its clock alone."""
    with served(tmp_path_factory.mktemp("admin")) as site:
        write_history(site, site.clock())
        yield site


@pytest.fixture
def roots(chromium: Browser, start_site: object) -> Iterator[Callable[[Site], Root]]:
    """Make an administrator; when the test is over, no page of theirs may have been complained about."""
    made: list[Root] = []

    def make(site: Site) -> Root:
        made.append(Root(chromium, site, f"root-{next(_numbers)}@example.org"))
        return made[-1]

    yield make
    complaints: list[Any] = [
        text for who in made for watched in who.watched.values() for text in watched.complaints
    ]
    for who in made:
        who.close()
    assert complaints == []


@pytest.fixture
def root(roots: Callable[[Site], Root], site: Site) -> Root:
    return roots(site)
