"""A server whose clock is the test's, and people whose browsers are watched for complaints."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.account import bundle
from tests.browser.account.site import Person, Site, served

_numbers = count(1)


@pytest.fixture(scope="package", autouse=True)
def static(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the scripts that the pages are served with."""
    with bundle.served(tmp_path_factory.mktemp("static")) as folder:
        yield folder


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """For tests that leave its clock alone."""
    with served(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture
def start_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Site]]:
    """One of the test's own, to move its clock or to change its rules."""
    with ExitStack() as stack:

        def start(**rules: Any) -> Site:
            return stack.enter_context(served(tmp_path_factory.mktemp("own"), **rules))

        yield start


@pytest.fixture
def own_site(start_site: Callable[..., Site]) -> Site:
    return start_site()


@pytest.fixture
def people(
    chromium: Browser, start_site: object, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Person]]:
    """Make somebody; when the test is over, no page of theirs may have been complained about.

    Their browsers are closed before the servers of the test, which wait for open streams.
    """
    made: list[Person] = []
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:40]

    def make(site: Site) -> Person:
        made.append(Person(chromium, site, f"{name}-{next(_numbers)}@example.org"))
        return made[-1]

    yield make
    complaints = [text for who in made for watched in who.watched.values() for text in watched.complaints]
    for who in made:
        who.close()
    assert complaints == []


@pytest.fixture
def person(people: Callable[..., Person], site: Site) -> Person:
    return people(site)
