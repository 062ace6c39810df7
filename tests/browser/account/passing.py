"""The time of a page and of its server, moved by the test, alike."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from playwright.sync_api import Page

from tests.browser.account.site import HOME, taken_over
from tests.browser.client.tabs import until

# Shorter than any patience of the page (10 s): else an answer under way would be given up, and one that
# comes would tell a page that is minutes behind what time it is.
STEP = timedelta(seconds=8)


def opened(person: Any, page: Page) -> Page:
    """The account page in *page*, whose time the test moves."""
    page.clock.install(time=person.site.clock())
    page.goto(HOME)
    taken_over(page)
    return page


def pass_by(person: Any, minutes: float, *pages: Page) -> None:
    """Have so much time pass, for the server and for the pages, in which nobody does anything."""
    left = timedelta(minutes=minutes)
    while left > timedelta():
        step = min(left, STEP)
        for page in pages:
            until(page, person.watched[page].quiet, what="every request is answered")
        person.site.clock.ahead += step
        for page in pages:
            page.clock.run_for(int(step.total_seconds() * 1000))
        left -= step
