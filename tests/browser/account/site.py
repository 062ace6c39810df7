"""The server in this process, so that its clock is the test's; and people with browsers on their devices."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect

from sojourn import AsyncSessions, Keys, device
from sojourn.server import create_app
from sojourn.settings import load
from sojourn.stores import open_store
from sojourn.testing import make_keys

LAPTOP = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/143.0.0.0 Safari/537.36"
)
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.3 Mobile/15E148 Safari/604.1"
)
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0"

PASSWORD = "correct horse battery staple"
HOME = "/account/security"
API = "/api/auth"

LISTEN = """
document.addEventListener('securitypolicyviolation', (event) =>
  console.error(`policy: ${event.effectiveDirective} ${event.blockedURI} ${event.sample}`));
"""


class Clock:
    """This machine's, and as far ahead as a test wants it."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class Site:
    """A running server. Its database is open to tests, for what would take too many requests."""

    def __init__(self, origin: str, settings: Any, keys: Keys, clock: Clock) -> None:
        self.origin, self.settings, self.keys, self.clock = origin, settings, keys, clock

    def start_sessions(self, user_id: str, count: int) -> None:
        """Have *user_id* signed in on *count* more devices."""

        async def start() -> None:
            sessions = AsyncSessions(
                open_store(self.settings.store),
                keys=self.keys,
                policy=self.settings.policy(),
                clock=self.clock,
            )
            for number in range(count):
                described = device.describe({"user-agent": (PHONE, WINDOWS)[number % 2]}, id=f"{number:032x}")
                await sessions.start(user_id, device=described, ip=f"203.0.113.{number}", amr=["pwd"])
            await sessions.close()

        # In a thread of its own: the one of the tests has a running loop, Playwright's.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(lambda: asyncio.run(start())).result()


@contextmanager
def served(folder: Path, **rules: Any) -> Iterator[Site]:
    """The server as `sojourn serve` runs it, under the demo's policy changed by *rules*."""
    listener = socket.create_server(("127.0.0.1", 0))
    origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
    given = {
        "store": f"sqlite:///{folder / 'test.db'}",
        "origin": origin,
        "lifetime": timedelta(days=30),
        "idle_timeout": timedelta(minutes=15),
        "activity_every": timedelta(minutes=5),
    }
    settings = load(given | rules, environment={}).settings
    keys, clock = make_keys(), Clock()
    app = create_app(settings, keys=keys, clock=clock)
    config = uvicorn.Config(app, log_level="warning", lifespan="on", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield Site(origin, settings, keys, clock)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


class Watched:
    """What a page asked for, and what the browser complained about."""

    def __init__(self, page: Page) -> None:
        self.complaints: list[str] = []
        self.requests: list[Request] = []
        self.under_way: set[Request] = set()
        page.add_init_script(LISTEN)
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._asked)
        for end in ("requestfinished", "requestfailed"):
            page.on(end, lambda request: self.under_way.discard(request))

    def _heard(self, message: ConsoleMessage) -> None:
        # An answer that refuses is the business of whoever asked, and not of the console.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def _asked(self, request: Request) -> None:
        self.requests.append(request)
        if not request.url.split("?")[0].endswith("/events"):  # which ends with the page
            self.under_way.add(request)

    def quiet(self) -> bool:
        """Whether every request is answered."""
        return not self.under_way

    def asked(self, method: str, path: str) -> list[Request]:
        """The requests so far to *path* below the API."""
        return [
            request
            for request in self.requests
            if request.method == method and request.url.split("?")[0].endswith(f"{API}{path}")
        ]


class Person:
    """Somebody with an account, and their devices."""

    def __init__(self, browser: Browser, site: Site, email: str) -> None:
        self.browser, self.site, self.email = browser, site, email
        self.id = ""
        self.contexts: list[BrowserContext] = []
        self.watched: dict[Page, Watched] = {}

    def browser_of(self, agent: str = LAPTOP, **options: Any) -> BrowserContext:
        """A browser in which nobody is signed in."""
        usual = {
            "user_agent": agent,
            "base_url": self.site.origin,
            "locale": "en-GB",
            "timezone_id": "Europe/Berlin",
            "reduced_motion": "reduce",
        }
        context = self.browser.new_context(**usual | options)
        context.set_default_timeout(30_000)
        self.contexts.append(context)
        return context

    def enter(self, context: BrowserContext) -> None:
        """Sign in there; the first time, sign up."""
        given = {"email": self.email, "password": PASSWORD}
        if self.id:
            answer = context.request.post(f"{API}/sign-in", data=given)
        else:
            answer = context.request.post(f"{API}/sign-up", data=given | {"name": "Somebody"})
        assert answer.ok, answer.text()
        self.id = answer.json()["user"]["id"]

    def page(self, context: BrowserContext) -> Page:
        page = context.new_page()
        self.watched[page] = Watched(page)
        return page

    def on(self, agent: str = LAPTOP, path: str | None = HOME, **options: Any) -> Page:
        """Signed in on another device, with the account page open and the script in charge of it."""
        context = self.browser_of(agent, **options)
        self.enter(context)
        page = self.page(context)
        if path is not None:
            page.goto(path)
            taken_over(page)
        return page

    def close(self) -> None:
        for context in self.contexts:
            context.close()


def taken_over(page: Page) -> None:
    """The script has put its own list, in an element of its own, in place of the server's, and its cards."""
    expect(page.locator("#sojourn-account > div:not([hidden]) > section").first).to_be_visible()
    expect(page.locator("#sojourn-account > section")).to_have_count(0)


def rows(page: Page) -> Any:
    """The devices of the list, without what their details hold."""
    return page.locator("section:has(> .sojourn-head) > div > ul > li")


def row(page: Page, text: str) -> Any:
    return rows(page).filter(has_text=text)


def hide(page: Page, *, hidden: bool) -> None:
    """Turn to another tab, or come back: a browser without windows does not tell its pages by itself."""
    page.evaluate(
        """(hidden) => {
            Object.defineProperty(document, 'visibilityState', {
                configurable: true, get: () => (hidden ? 'hidden' : 'visible') });
            Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
            document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
            if (!hidden) window.dispatchEvent(new Event('focus'));
        }""",
        hidden,
    )
