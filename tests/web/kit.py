"""A site in process, the browsers that visit it, and the rules that every answer to them obeys."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from http.cookies import SimpleCookie
from typing import Any, Self, TypeVar, cast
from uuid import UUID

import httpx2
from anyio.from_thread import BlockingPortal
from starlette.testclient import TestClient

from sojourn import AsyncSessions, Keys, Policy, access_ring
from sojourn.access import Signers
from sojourn.accounts import Accounts
from sojourn.api import better_auth
from sojourn.custom import CustomSession
from sojourn.directory import Directory
from sojourn.events import Event
from sojourn.server import create_app
from sojourn.sessions import Issued
from sojourn.settings import Settings
from sojourn.stores.memory import MemoryStore
from sojourn.stores.protocol import Store
from sojourn.testing import MORNING, FakeClock, make_keys
from sojourn.web.csrf import SAFE
from sojourn.web.visit import Site

H = TypeVar("H")
ORIGIN = "https://good.test"
ADA, BOB, PASSWORD = "ada@example.org", "bob@example.org", "a ship in a bottle"

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"
FIREFOX_UPDATED = "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"
CHROME = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/143.0.0.0 Safari/537.36"
)
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.6 Mobile/15E148 Safari/604.1"
)

SESSION, DEVICE = "__Host-sojourn", "__Host-sojourn-device"
HINTS = ("__Host-sojourn-hint", "sojourn-hint")


class Browser(TestClient):
    """A person's browser: it keeps cookies, and tells whose page asks. Every answer is checked."""

    def __init__(
        self, app: Any, *, origin: str = ORIGIN, agent: str = FIREFOX, ip: str = "203.0.113.7", **headers: str
    ) -> None:
        super().__init__(
            app,
            base_url=origin,
            headers={"user-agent": agent, "sec-fetch-site": "same-origin"} | headers,
            client=(ip, 50_000),
            follow_redirects=False,
        )
        self.answers: list[httpx2.Response] = []

    def send(self, request: httpx2.Request, **named: Any) -> httpx2.Response:
        if request.method not in SAFE and self.headers.get("sec-fetch-site") == "same-origin":
            request.headers.setdefault("origin", str(self.base_url).rstrip("/"))  # as every browser does
        answer = super().send(request, **named)
        self.answers.append(answer)
        check_answer(answer)
        return answer

    def sign_up(self, email: str = ADA, password: str = PASSWORD, **fields: Any) -> httpx2.Response:
        body = {"email": email, "password": password} | fields
        return self.post("/api/auth/sign-up", json=body)

    def sign_in(self, email: str = ADA, password: str = PASSWORD, **fields: Any) -> httpx2.Response:
        body = {"email": email, "password": password} | fields
        return self.post("/api/auth/sign-in", json=body)

    def rows(self) -> list[dict[str, Any]]:
        """The sessions that the browser's user sees."""
        answer = self.get("/api/auth/sessions")
        assert answer.status_code == 200, answer.text
        return answer.json()["sessions"]

    @property
    def session_id(self) -> str:
        return str(next(row["id"] for row in self.rows() if row["current"]))

    def signed_in(self) -> bool:
        return self.get("/api/auth/sessions/current", headers={"x-session-passive": "1"}).status_code == 200

    @property
    def token(self) -> str | None:
        """The value of the session cookie."""
        return self.cookies.get(SESSION) or self.cookies.get("sojourn")

    def hold(self, token: str | None) -> None:
        """Have *token* as the session cookie from now on."""
        self.cookies.delete(SESSION)
        if token is not None:
            self.cookies.set(SESSION, token, domain="good.test")


class Guests:
    """One site with a clock that stands still, what its sessions told, and browsers to visit it with."""

    def __init__(self, app: Any, site: Site, clock: FakeClock) -> None:
        self.app, self.site, self.clock = app, site, clock
        self.sessions = site.sessions
        self.events: list[Event] = []
        self.sessions.listen(self.events.append)
        self.portal: BlockingPortal | None = None
        self.answers: list[httpx2.Response] = []

    @contextmanager
    def open(self) -> Iterator[Self]:
        """Run the event loop of the site; it begins to follow the feed there."""
        with TestClient(self.app) as first:
            self.portal = first.portal
            # This clock leaps: a use that waited for the next flush would be written hours too late.
            self.sessions.activity.waits = False
            yield self

    def browser(self, agent: str = FIREFOX, ip: str = "203.0.113.7", **headers: str) -> Browser:
        browser = Browser(self.app, origin=self.site.origin, agent=agent, ip=ip, **headers)
        browser.portal = self.portal
        browser.answers = self.answers
        return browser

    def script(self, **headers: str) -> Browser:
        """A program: it sends no header that only browsers send."""
        script = self.browser("curl/8.5", **headers)
        del script.headers["sec-fetch-site"]
        return script

    def run(self, verb: Any, *args: Any, **named: Any) -> Any:
        """Run a coroutine function in the loop of the site."""
        assert self.portal is not None
        return self.portal.call(lambda: verb(*args, **named))

    def start(self, user_id: str | None = "ada", **fields: Any) -> Issued:
        """A session that began elsewhere."""
        issued: Issued = self.run(self.sessions.start, user_id, **fields)
        return issued

    def lose_store(self, *verbs: str) -> Flaky:
        """From now on the store of sessions does not answer, or not to *verbs*."""
        flaky = Flaky(self.sessions.store, *verbs)
        stand_in(self.sessions, cast(Store, flaky))
        self.site.faults = (*self.site.faults, Away)
        return flaky

    @property
    def accounts(self) -> Accounts:
        return self._held(Accounts)

    @property
    def directory(self) -> Directory:
        return self._held(Directory)

    def _held(self, kind: type[H]) -> H:
        """What the server's routes were given."""
        (route,) = [route for route in self.app.routes if route.name == "token"]
        cells = [cell.cell_contents for cell in route.endpoint.__closure__]
        (facts,) = [held for held in cells if isinstance(held, dict)]
        return next(held for held in facts.values() if isinstance(held, kind))

    def told(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def make_site(
    clock: FakeClock,
    *,
    origin: str = ORIGIN,
    store: Store | None = None,
    policy: Policy | None = None,
    **settings: Any,
) -> Site:
    """A site of an application that has users of its own."""
    sessions = AsyncSessions(store or MemoryStore(), keys=make_keys(), policy=policy, clock=clock)
    return Site(sessions, origin=origin, **settings)


def make_server(
    clock: FakeClock, *, keys: Keys | None = None, custom: CustomSession | None = None, **settings: Any
) -> Guests:
    """The server; unless the settings say otherwise over https, with stores in memory. Not begun yet."""
    given: dict[str, Any] = {"store": "memory://", "origin": ORIGIN, "worker": False} | settings
    app = create_app(
        Settings(**given), keys=keys or make_keys(), signers=make_signers(), clock=clock, custom=custom
    )
    (middleware,) = app.user_middleware
    site = middleware.kwargs["site"]
    assert isinstance(site, Site)
    return Guests(app, site, clock)


@cache
def make_signers() -> Signers:
    """Keys for access tokens, made once: an RSA key takes a while."""
    return access_ring.parse(access_ring.generate(MORNING))


class Counting(MemoryStore):
    """A store that counts its reads."""

    reads = 0

    async def get(self, id: UUID) -> Any:
        self.reads += 1
        return await super().get(id)


class Away(Exception):
    """A driver's exception: the database cannot be reached."""


def stand_in(sessions: AsyncSessions, store: Store) -> None:
    """From now on *store* answers the requests, and whoever follows the feed goes on with the one before."""
    sessions.store = sessions._commits._store = store


class Flaky:
    """*store*, whose database goes away and comes back."""

    faults = (Away,)

    def __init__(self, store: Store, *verbs: str) -> None:
        self._store, self._verbs = store, verbs or VERBS
        self.away = True

    def __getattr__(self, name: str) -> Any:
        if name in self._verbs and self.away:
            return self._fail
        return getattr(self._store, name)

    async def _fail(self, *_: Any, **__: Any) -> None:
        raise Away("connection refused by 10.0.0.5")


VERBS = ("insert", "get", "replace", "touch", "select", "count", "revoke", "purge")


# ── the rules of every answer ─────────────────────────────────────────────────────────────────


def cookies_set(answer: httpx2.Response) -> dict[str, Any]:
    """The cookies that *answer* sets, but for the hint: name to its value and attributes. No name twice."""
    return {name: cookie for name, cookie in _all_set(answer).items() if name not in HINTS}


def hint_set(answer: httpx2.Response) -> Any:
    """The hint that *answer* sets, with its attributes; None if it sets none."""
    return next((cookie for name, cookie in _all_set(answer).items() if name in HINTS), None)


def _all_set(answer: httpx2.Response) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for header in answer.headers.get_list("set-cookie"):
        name, morsel = next(iter(SimpleCookie(header).items()))
        assert name not in found, f"two cookies named {name}"
        found[name] = morsel
    return found


def vary(answer: httpx2.Response) -> set[str]:
    """The request headers that *answer* says it depends on."""
    return {name.strip().lower() for name in answer.headers.get("vary", "").split(",")} - {""}


def check_answer(answer: httpx2.Response) -> None:
    """What no answer of any test may break (RFC 6265bis 4.1.1, RFC 9110 15.5.2, RFC 9111 3.5, ASVS 3.3)."""
    request = answer.request
    place = f"{request.method} {request.url.path}: {answer.status_code}"
    cookies = cookies_set(answer)
    for header in answer.headers.get_list("set-cookie"):
        attributes = [part.partition("=")[0].strip().lower() for part in header.split(";")[1:]]
        assert len(attributes) == len(set(attributes)), place
        assert "domain" not in attributes, place
        assert {"path", "samesite"} <= set(attributes), place
        assert ("httponly" in attributes) != header.startswith(HINTS), place
        assert len(header.partition(";")[0]) <= 4096, place
    check_hint(answer, cookies)
    if cookies:
        assert "cookie" in vary(answer), place
        assert "no-store" in answer.headers.get("cache-control", ""), place
    if "cookie" in vary(answer):
        assert {"no-store", "private"} & set(answer.headers["cache-control"].split(", ")), place
    if answer.status_code == 401:
        assert "www-authenticate" in answer.headers, place
    if answer.status_code in (429, 503):
        assert int(answer.headers["retry-after"]) >= 1, place
    if request.url.path in _BETTER_AUTH and answer.status_code in _SAID and "problem" not in _media(answer):
        check_said(answer)
    elif _for_programs(request) and answer.status_code >= 400 and request.method != "HEAD":
        check_problem(answer)


_HINT = re.compile(r"v1\.\d+\.(\d{13}|-)\.\d{13}\.\d{13}\.([\w-]{11}|-)\.[\w-]{11}")


def check_hint(answer: httpx2.Response, cookies: Mapping[str, Any]) -> None:
    """It comes and goes with the session's cookie, or comes alone to say when the session ends now."""
    hint = hint_set(answer)
    session = next((cookies[name] for name in (SESSION, "sojourn") if name in cookies), None)
    if hint is None:
        assert session is None
        return
    assert hint.value == "" or _HINT.fullmatch(hint.value)
    if session is not None:
        assert (hint.value == "") == (session.value == "")
        assert hint["max-age"] == session["max-age"]


def _for_programs(request: httpx2.Request) -> bool:
    path = request.url.path
    by_browser = request.method == "GET" and path.startswith("/api/auth/callback/")
    return path.startswith("/api/") and not by_browser


_BETTER_AUTH = {route.path for route in better_auth.routes()}
_SAID = range(400, 500)


def _media(answer: httpx2.Response) -> str:
    return answer.headers.get("content-type", "")


def check_said(answer: httpx2.Response) -> None:
    """How the dialect of Better Auth refuses: a message, mostly a code, and nothing else."""
    assert answer.headers["content-type"] == "application/json", answer.text
    assert {"message"} <= answer.json().keys() <= {"message", "code"}
    assert "no-store" in answer.headers["cache-control"]


PROBLEM = {"type", "title", "status", "detail", "code", "message", "request_id"}


def check_problem(answer: httpx2.Response) -> None:
    """One shape for every refusal (RFC 9457)."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body = answer.json()
    assert body.keys() >= PROBLEM
    assert body["status"] == answer.status_code
    assert body["type"].endswith(body["code"])
    assert body["message"] == body["detail"] != ""


def code(answer: httpx2.Response) -> str:
    """The stable code of a refusal."""
    found = answer.json()["code"]
    assert isinstance(found, str)
    return found
