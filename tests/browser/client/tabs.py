"""People, their browsers and their tabs, on the harness page."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import BrowserContext, CDPSession, Error, Page

from tests.browser.client.site import Site

__all__ = ["PASSWORD", "Browser", "Tab", "until"]

PASSWORD = "difference engine no. 2"
# A browser says this of every answer that is not 2xx; what becomes of it is what the tests look at.
EXPECTED = re.compile(r"Failed to load resource|net::ERR_")


class Tab:
    """One page with a client of its own. What is evaluated sees `h`, the harness, and its `client`."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.streams = False  # it asks for the event stream by itself
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda line: self._hear(line.type, line.text))

    def _hear(self, kind: str, text: str) -> None:
        if kind == "error" and not EXPECTED.search(text):
            self.errors.append(text)

    def run(self, expression: str, arg: Any = None) -> Any:
        """The value of *expression*, awaited."""
        return self.page.evaluate(
            f"async (arg) => {{ const h = window.harness, client = h?.client; return {expression} }}", arg
        )

    def tried(self, expression: str, arg: Any = None) -> dict[str, Any]:
        """What came of *expression*: its value, or the error."""
        found: dict[str, Any] = self.run(f"h.settled({expression})", arg)
        return found

    def begin(self, expression: str, arg: Any = None) -> None:
        """Start *expression* and do not wait for it; `outcome` does."""
        self.run(f"void (window.begun = h.settled({expression}))", arg)

    def outcome(self) -> dict[str, Any]:
        found: dict[str, Any] = self.run("window.begun")
        return found

    def until(self, expression: str, *, within: float = 20) -> None:
        """Wait until *expression* holds in the page."""
        until(self.page, lambda: self._holds(expression), within=within, what=expression)

    def _holds(self, expression: str) -> bool:
        try:
            return bool(self.run(f"h && ({expression})"))
        except Error as error:
            if "context was destroyed" not in error.message:
                raise
            return False  # it loads another page just now

    def heard(self, name: str) -> list[dict[str, Any]]:
        """The events *name*, as they were told."""
        found: list[dict[str, Any]] = self.run("h.heard.filter(({ name }) => name === arg)", name)
        return found

    @property
    def status(self) -> str:
        return str(self.run("client.getState().status"))

    def cdp(self) -> CDPSession:
        return self.page.context.new_cdp_session(self.page)

    def hide(self, hidden: bool = True) -> None:
        """Have the page believe that it is hidden, or seen again, as the browser would tell it."""
        self.page.evaluate(
            """(state) => {
                Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
                Object.defineProperty(document, "hidden", { value: state === "hidden", configurable: true });
                document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
            }""",
            "hidden" if hidden else "visible",
        )


def until(page: Page, test: Callable[[], Any], *, within: float = 20, what: str = "it") -> None:
    """Wait until *test* holds; the browser goes on meanwhile."""
    end = time.monotonic() + within
    while not test():
        if time.monotonic() > end:
            pytest.fail(f"not within {within} s: {what}")
        page.wait_for_timeout(20)


class Browser:
    """One person's browser: its cookies, its storage and its tabs, in one *mode* of the client."""

    def __init__(self, context: BrowserContext, mode: str, email: str, site: Site) -> None:
        self.context, self.mode, self.email, self.site = context, mode, email, site
        self.tabs: list[Tab] = []
        self._streams = False  # one of the tabs has asked for the event stream

    def tab(self, **options: Any) -> Tab:
        """A new tab with a client of these *options*, started unless *started* is false."""
        tab = Tab(self.context.new_page())
        self.tabs.append(tab)
        self.load(tab, **options)
        return tab

    def load(self, tab: Tab, **options: Any) -> None:
        given = {"mode": self.mode, **options}
        tab.streams = bool(options.get("push", True) and options.get("started", True))
        tab.page.goto(f"/harness?{urlencode({'options': json.dumps(given)})}")
        tab.until("true")

    def signed_up(self, **options: Any) -> Tab:
        """A tab whose person has just made an account."""
        tab = self.tab(**options)
        return self.enter(tab, "signUp")

    def signed_in(self, email: str, **options: Any) -> Tab:
        """A tab of somebody who has an account already, perhaps in another browser."""
        self.email = email
        return self.enter(self.tab(**options), "signIn")

    def enter(self, tab: Tab, verb: str, **more: Any) -> Tab:
        given = {"email": self.email, "password": PASSWORD, **more}
        before = len(self._answered_streams())
        entered = tab.tried(f"client.{verb}(arg)", given)
        assert entered["ok"], entered
        # What it asks by itself is to be answered before the test goes on: else it may come amid that.
        tab.until("!client.open || client.getState().limits !== null")
        if tab.streams and not self._streams:
            until(tab.page, lambda: len(self._answered_streams()) > before, what="the stream was answered")
            self._streams = True
        return tab

    def _answered_streams(self) -> list[dict[str, Any]]:
        return [seen for seen in self.site.requests("sessions/events") if seen["status"] is not None]

    def more(self, count: int, **options: Any) -> list[Tab]:
        """*count* further tabs, each of which knows that its person is signed in."""
        tabs = [self.tab(**options) for _ in range(count)]
        for tab in tabs:
            tab.until("client.getState().limits !== null")
        return tabs
