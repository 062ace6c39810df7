"""The pages over stores in memory, and a browser without JavaScript that fills in their forms."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import httpx2
from starlette.applications import Starlette
from starlette.middleware import Middleware

from sojourn import AsyncSessions, Keys, Policy
from sojourn.accounts import Accounts
from sojourn.accounts.passwords import PasswordHasher
from sojourn.accounts.store import MemoryAccounts
from sojourn.api.redirects import HOME
from sojourn.directory import Directory
from sojourn.directory.memory import MemoryDirectory
from sojourn.observe import open_ledger
from sojourn.stores.memory import MemoryStore
from sojourn.stores.protocol import Query
from sojourn.testing import FakeClock
from sojourn.web.asgi import SessionMiddleware
from sojourn.web.pages import PAGES
from sojourn.web.table import mounted
from sojourn.web.visit import Site

ORIGIN = "http://127.0.0.1:8000"
PASSWORD = "correct horse battery"
ADA, BOB, ROOT = "ada@example.org", "bob@example.org", "root@example.org"

MAC = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/143.0.0.0 Safari/537.36"
)
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Mobile/15E148 Safari/604.1"
)
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0"


class Page(HTMLParser):
    """What a reader of one answer sees and can use."""

    def __init__(self, answer: httpx2.Response) -> None:
        super().__init__()
        self.answer, self.status, self.html = answer, answer.status_code, answer.text
        self.url = answer.url
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.forms: dict[str, dict[str, str]] = {}
        self.links: list[str] = []
        self.words: list[str] = []
        self._form: dict[str, str] = {}
        self.feed(self.html)
        self.text = " ".join(" ".join(self.words).split())

    @property
    def path(self) -> str:
        return self.url.path

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append((tag, given))
        if tag == "form":
            self._form = self.forms.setdefault(str(given["action"]), {})
        elif tag == "input" and given.get("type") != "checkbox":
            self._form[str(given["name"])] = given.get("value") or ""
        elif tag == "a":
            self.links.append(str(given["href"]))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


class Browser:
    """One profile of one browser on one device."""

    def __init__(self, app: Any, agent: str = MAC, *, ip: str = "203.0.113.7") -> None:
        self.client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app, client=(ip, 40_000)),
            base_url=ORIGIN,
            headers={
                "user-agent": agent,
                "sec-fetch-site": "same-origin",
                "sec-fetch-mode": "navigate",
            },
        )

    async def get(self, path: str, *, follow: bool = True) -> Page:
        return Page(await self.client.get(path, follow_redirects=follow))

    async def post(self, path: str, form: dict[str, str], *, follow: bool = True) -> Page:
        return Page(await self.client.post(path, data=form, follow_redirects=follow))

    async def send(self, page: Page, action: str, *, follow: bool = True, **filled: Any) -> Page:
        """Press the button of the form of *page* that goes to *action*."""
        return await self.post(action, page.forms[action] | filled, follow=follow)

    async def sign_in(self, email: str, password: str) -> Page:
        page = await self.get("/sign-in")
        return await self.send(page, "/sign-in", email=email, password=password)


class World:
    """The pages over stores in memory, with three accounts."""

    def __init__(self, clock: FakeClock, keys: Keys, policy: Policy, *, sign_up_open: bool = True) -> None:
        self.clock = clock
        self.sessions = AsyncSessions(MemoryStore(), keys=keys, policy=policy, clock=clock)
        hasher = PasswordHasher(memory_kib=8, passes=1)
        self.accounts = Accounts(MemoryAccounts(), self.sessions, hasher=hasher)
        self.directory = Directory(MemoryDirectory(), self.sessions)
        self.ledger = open_ledger("memory://", keys=keys)
        self.site = Site(self.sessions, origin=ORIGIN, load_user=self.accounts.get)
        self.app = Starlette(
            routes=list(
                mounted(
                    PAGES,
                    accounts=self.accounts,
                    directory=self.directory,
                    sign_up_open=sign_up_open,
                    ledger=self.ledger,
                )
            ),
            middleware=[Middleware(SessionMiddleware, site=self.site)],
        )

    def browser(self, agent: str = MAC, *, ip: str = "203.0.113.7") -> Browser:
        return Browser(self.app, agent, ip=ip)

    async def signed_in(self, email: str = ADA, agent: str = MAC, *, ip: str = "203.0.113.7") -> Browser:
        browser = self.browser(agent, ip=ip)
        page = await browser.sign_in(email, PASSWORD)
        assert page.path == HOME
        return browser

    async def live(self) -> int:
        return await self.sessions.count(Query(live_at=self.clock(), signed_in=True))


async def populated(world: World) -> World:
    await world.accounts.create(ADA, PASSWORD, "Ada")
    await world.accounts.create(BOB, PASSWORD, "Bob")
    await world.accounts.create(ROOT, PASSWORD, "Root", role="admin")
    return world


async def user(world: World, email: str) -> str:
    found = await world.accounts.by_email(email)
    assert found is not None
    return found.id


def other_ids(page: Page) -> list[str]:
    """The ids of the devices that a page offers to sign out."""
    return [link.rpartition("/")[2] for link in page.links if link.startswith(f"{HOME}/sign-out/")]


async def crawl(browser: Browser, start: str) -> dict[str, Page]:
    """Every page of ours that links lead to."""
    seen: dict[str, Page] = {}
    waiting = [start]
    while waiting:
        path = waiting.pop()
        if path in seen or not path.startswith("/") or path.startswith(("/api/", "/assets/")):
            continue
        seen[path] = await browser.get(path)
        waiting += seen[path].links
    return seen
