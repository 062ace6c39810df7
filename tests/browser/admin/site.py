"""A server with a past, which lies in its journal; and administrators."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, TypeVar

from playwright.sync_api import Browser, Page, expect

from sojourn import AsyncSessions, device
from sojourn.accounts import Accounts, open_accounts
from sojourn.events import Event, Expired, Refreshed, Refused, Revoked, Started
from sojourn.observe import open_ledger
from sojourn.observe.alerts.alert import Alert, Raised, opened
from sojourn.observe.journal.writer import Journal
from sojourn.observe.ledger import Ledger
from sojourn.session import Reason, Session, new_id
from sojourn.stores import open_store
from tests.browser.account.site import PASSWORD, PHONE, WINDOWS, Person, Site

T = TypeVar("T")

ADMIN_API = "/api/admin"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DAYS = 9  # of history; less than that is "no data" in a chart of 30 days

_REASONS = (Reason.SIGNED_OUT, Reason.SIGNED_OUT, Reason.USER, Reason.PASSWORD_CHANGED, Reason.CAP)


class Root(Person):
    """Somebody who administers; everything else is as with other people."""

    def __init__(self, browser: Browser, site: Site, email: str) -> None:
        super().__init__(browser, site, email)
        self.id = run(lambda: _create(site, email, "admin"))

    def at(self, path: str, **options: Any) -> Page:
        """Signed in, with a page for administrators open and the script in charge of it."""
        page = self.on(path=None, **options)
        self.open(page, path)
        return page

    def open(self, page: Page, path: str) -> None:
        page.goto(path)
        taken_over(page)


def taken_over(page: Page) -> None:
    """The script has put its own page in the place of the server's: only that knows how fresh it is."""
    expect(page.locator("#sojourn-admin .sojourn-live")).to_contain_text("Last updated")


def run(work: Callable[[], Awaitable[T]]) -> T:
    """In a thread of its own: the one of the tests has a running loop, Playwright's."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(_awaited(work))).result()


async def _awaited(work: Callable[[], Awaitable[T]]) -> T:
    return await work()


async def _create(site: Site, email: str, role: Any) -> str:
    sessions = _sessions(site)
    accounts = Accounts(open_accounts(site.settings.accounts), sessions, clock=site.clock)
    user = await accounts.create(email, PASSWORD, "", role)
    await accounts.close()
    await sessions.close()
    return user.id


def _sessions(site: Site) -> AsyncSessions:
    return AsyncSessions(
        open_store(site.settings.store), keys=site.keys, policy=site.settings.policy(), clock=site.clock
    )


def create_user(site: Site, email: str) -> str:
    """An account of somebody who is not here; its id."""
    return run(lambda: _create(site, email, "user"))


def start_session(site: Site, user_id: str, *, agent: str = PHONE, ip: str = "203.0.113.9") -> Session:
    """A live session of *user_id*, as if they had signed in elsewhere."""

    async def start() -> Session:
        sessions = _sessions(site)
        described = device.describe({"user-agent": agent}, id=f"{random.getrandbits(128):032x}")
        issued = await sessions.start(user_id, device=described, ip=ip, amr=["pwd"])
        await sessions.close()
        return issued.session

    return run(start)


def start_many(site: Site, user_id: str, count: int) -> None:
    for number in range(count):
        start_session(site, user_id, agent=(PHONE, WINDOWS)[number % 2], ip=f"198.51.100.{number % 250}")


def with_ledger(site: Site, work: Callable[[Ledger], Awaitable[T]]) -> T:
    """*work* on the ledger of *site*, beside the server that uses it."""

    async def opened_for() -> T:
        ledger = open_ledger(site.settings.journal, keys=site.keys)
        try:
            return await work(ledger)
        finally:
            await ledger.close()

    return run(opened_for)


def raise_alerts(site: Site, *raised: Raised) -> list[Alert]:
    """Alerts, as the evaluation opens them."""

    async def work(ledger: Ledger) -> list[Alert]:
        at = await ledger.alert_cursor()
        found = await ledger.advance(at, at, [opened(one) for one in raised])
        assert found is not None
        return found

    return with_ledger(site, work)


def write_history(site: Site, now: datetime) -> None:
    """Days of other people's sessions, up to two hours ago; the same with each run."""

    async def work(ledger: Ledger) -> None:
        journal = Journal(ledger, clock=site.clock)
        for event in history(now):
            journal.hear(event)
        await journal.flush()
        await _write_hours(ledger, now)

    with_ledger(site, work)


async def _write_hours(ledger: Ledger, now: datetime) -> None:
    """How many were there in each hour, and how often they came."""
    at, uses = now, 0
    journal = Journal(ledger, clock=lambda: at, uses=lambda: uses)
    for hours in range(DAYS * 24, 1, -1):
        at = now - hours * HOUR
        uses += _busy(at) * 11
        await journal.flush()
        people = 20 + _busy(at) * 6
        await ledger.level("active", {"sessions": people * 1.4 // 1, "users": people}, at)


def _busy(at: datetime) -> int:
    """How much happens in an hour: more by day, less on weekends; from 3 to 5 in the night nothing."""
    if 3 <= at.hour < 5:
        return 0
    day = 9 - abs(at.hour - 14) // 2
    return max(1, day // 3 if at.weekday() > 4 else day)


def history(now: datetime) -> Iterator[Event]:
    chance = random.Random(7)  # the same each time
    for hours in range(DAYS * 24, 1, -1):
        at = now - hours * HOUR
        for number in range(_busy(at)):
            yield from _one(chance, at + timedelta(minutes=7 * number % 60), f"user-{chance.randrange(60)}")


def _one(chance: random.Random, at: datetime, user_id: str) -> Iterator[Event]:
    """A session, from its start to its end, if that is past."""
    id = new_id(at, user_id)
    how = chance.choice(("pwd", "pwd", "pwd", "fed", "hwk"))
    yield Started(
        at=at,
        session_id=id,
        user_id=user_id,
        ip="192.0.2.7",
        device="Chrome on macOS",
        amr=(how,),
        kind="desktop",
    )
    facts: Any = {"session_id": id, "user_id": user_id}
    for number in range(chance.randrange(4)):
        yield Refreshed(at=at + timedelta(minutes=3 * number), verdict="rotated", **facts)
    if chance.random() < 0.03:
        yield Refused(at=at, code="session_expired", refreshing=True, **facts)
    length = timedelta(minutes=chance.choice((2, 9, 14, 40, 55, 100)))
    if chance.random() < 0.4:
        yield Expired(at=at + length, kind="idle", duration=length, **facts)
    else:
        yield Revoked(at=at + length, session_id=id, reason=chance.choice(_REASONS))
