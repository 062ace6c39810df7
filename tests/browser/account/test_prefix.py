"""The account page behind a path prefix: in a bigger application or behind a proxy, compressed or not."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
import uvicorn
from playwright.sync_api import Page, expect
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from sojourn.cli.listening import uvicorn_options
from sojourn.server import create_app
from sojourn.settings import load
from sojourn.testing import make_keys
from tests.browser.account.site import (
    API,
    HOME,
    LAPTOP,
    PASSWORD,
    PHONE,
    Clock,
    Person,
    Site,
    row,
    taken_over,
)

pytestmark = pytest.mark.browser

PREFIX = "/auth-app"
POLICY = "trusted-types 'none'"
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


# ── the two ways to stand behind one ──────────────────────────────────────────────────────────


@contextmanager
def running(app: Any, listener: socket.socket, **options: Any) -> Iterator[None]:
    config = uvicorn.Config(app, timeout_graceful_shutdown=1, **uvicorn_options("warning"), **options)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def mounted(app: Starlette, prefix: str, middleware: list[Middleware], stack: ExitStack) -> Starlette:
    """A bigger application that has ours below *prefix*."""

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        async with app.router.lifespan_context(app):
            yield

    return Starlette(
        routes=[Mount(prefix, app), Route("/{rest:path}", elsewhere)],
        middleware=middleware,
        lifespan=lifespan,
    )


def proxied(app: Starlette, prefix: str, middleware: list[Middleware], stack: ExitStack) -> Starlette:
    """A proxy that takes *prefix* off each request, before a server that is told so."""
    listener = socket.create_server(("127.0.0.1", 0))
    behind = f"http://127.0.0.1:{listener.getsockname()[1]}"
    stack.enter_context(running(app, listener, root_path=prefix))

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        async with httpx2.AsyncHTTPTransport() as wire:  # a client would keep people's cookies
            proxy.wire = wire
            yield

    proxy = Proxy(behind, prefix)
    return Starlette(
        routes=[
            Route(f"{prefix}/{{rest:path}}", proxy.pass_on, methods=METHODS),
            Route("/{rest:path}", elsewhere),
        ],
        middleware=middleware,
        lifespan=lifespan,
    )


class Proxy:
    """It says nothing of itself, and passes on what it does not understand."""

    wire: httpx2.AsyncHTTPTransport

    def __init__(self, behind: str, prefix: str) -> None:
        self.behind, self.prefix = behind, prefix

    async def pass_on(self, request: Request) -> Response:
        path = request.scope["raw_path"].decode().removeprefix(self.prefix)
        query = request.scope["query_string"].decode()
        asked = httpx2.Request(
            request.method,
            f"{self.behind}{path}" + (f"?{query}" if query else ""),
            headers=request.headers.raw,
            content=await request.body(),
        )
        answer = await self.wire.handle_async_request(asked)
        sent = StreamingResponse(_chunks(answer), answer.status_code)
        kept = [(name, value) for name, value in answer.headers.raw if name.lower() not in _OWN]
        sent.raw_headers = kept
        return sent


_OWN = (b"connection", b"date", b"keep-alive", b"transfer-encoding")


async def _chunks(answer: httpx2.Response) -> AsyncIterator[bytes]:
    try:
        async for chunk in answer.aiter_raw():
            yield chunk
    finally:
        await answer.aclose()


async def elsewhere(request: Request) -> Response:
    return PlainTextResponse("Not ours.", 404)


class Place(Site):
    """A running server, and whether what it sends is compressed on the way."""

    compressed = False


@contextmanager
def placed(folder: Path, around: Callable[..., Starlette], *, compressed: bool) -> Iterator[Place]:
    listener = socket.create_server(("127.0.0.1", 0))
    origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
    given = {"store": f"sqlite:///{folder / 'test.db'}", "origin": origin, "prefix": PREFIX}
    settings = load(given | {"idle_timeout": timedelta(minutes=15)}, environment={}).settings
    keys, clock = make_keys(), Clock()
    app = create_app(settings, keys=keys, clock=clock)
    middleware = [Middleware(GZipMiddleware, minimum_size=100)] if compressed else []
    with ExitStack() as stack:
        stack.enter_context(running(around(app, settings.prefix, middleware, stack), listener))
        place = Place(origin, settings, keys, clock)
        place.compressed = compressed
        yield place


@pytest.fixture(
    scope="module",
    params=[(around, compressed) for around in (mounted, proxied) for compressed in (False, True)],
    ids=lambda given: f"{given[0].__name__}{'-gzip' if given[1] else ''}",
)
def place(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Place]:
    around, compressed = request.param
    with placed(tmp_path_factory.mktemp("prefix"), around, compressed=compressed) as place:
        yield place


# ── what people do there ──────────────────────────────────────────────────────────────────────


def entered(person: Person, agent: str = LAPTOP, **options: Any) -> Page:
    """Signed in on a device by the form to which the account page leads; the first time, signed up."""
    page = person.page(person.browser_of(agent, **options))
    page.goto(PREFIX + HOME)
    expect(page).to_have_url(re.compile(f"{PREFIX}/sign-in\\?"))
    if not person.id:
        page.get_by_role("link", name="Create an account").click()
        page.get_by_label("Name").fill("Somebody")
    page.get_by_label("E-mail").fill(person.email)
    page.get_by_label("Password").first.fill(PASSWORD)
    page.get_by_role("main").get_by_role("button").click()
    expect(page).to_have_url(person.site.origin + PREFIX + HOME)
    person.id = person.email
    return page


def astray(person: Person) -> list[str]:
    """What any page asked for outside of the prefix, or did not find."""
    asked = [request for watched in person.watched.values() for request in watched.requests]
    assert asked
    return [
        request.url
        for request in asked
        if not request.url.startswith((f"{person.site.origin}{PREFIX}/", "data:"))
        or ((answer := request.response()) is not None and answer.status == 404)
    ]


def test_a21_the_script_works_behind_a_prefix(place, people):
    person = people(place)
    page = entered(person)
    taken_over(page)
    page.wait_for_load_state()  # a reload would cancel what is under way
    answer = page.reload()
    assert answer is not None
    assert POLICY in answer.headers["content-security-policy"]
    assert (answer.headers.get("content-encoding") == "gzip") is place.compressed
    taken_over(page)
    scripts = [one for one in person.watched[page].requests if one.resource_type == "script"]
    assert {one.response().headers.get("content-encoding") == "gzip" for one in scripts} == {place.compressed}

    phone = entered(person, PHONE)
    taken_over(phone)
    page.get_by_role("button", name="Refresh").click()
    expect(row(page, "iPhone")).to_be_visible()
    assert person.watched[page].asked("GET", "/sessions")
    assert person.watched[page].asked("GET", "/sessions/events")

    with page.expect_response(f"**{PREFIX}{API}/sessions/*undo=true") as signed_out:
        page.get_by_role("button", name="Sign out of iPhone").click()
    assert signed_out.value.ok
    expired = phone.get_by_role("alertdialog", name="Session expired")
    expect(expired).to_be_visible()
    expired.get_by_role("button", name="Log in again").click()
    expect(phone.get_by_label("E-mail")).to_be_visible()
    led = urlsplit(phone.url)
    assert (led.path, parse_qs(led.query)["next"]) == (f"{PREFIX}/sign-in", [PREFIX + HOME])
    assert astray(person) == []


def test_a21_the_words_of_other_languages_are_found_there(place, people):
    person = people(place)
    page = entered(person)
    german = person.page(person.browser_of(locale="de-DE", storage_state=page.context.storage_state()))
    german.goto(PREFIX + HOME)
    taken_over(german)
    expect(german.get_by_role("button", name="Aktualisieren")).to_be_visible()
    assert astray(person) == []


def test_a21_without_a_script_too(place, people):
    person = people(place)
    phone = entered(person, PHONE, java_script_enabled=False)
    page = entered(person, java_script_enabled=False)
    assert (
        page.locator("h1").evaluate("(e) => getComputedStyle(e).fontSize") != "32px"
    )  # there is a style sheet
    page.get_by_role("link", name="Refresh").click()
    page.get_by_role("link", name=re.compile("Sign out of iPhone")).click()
    page.get_by_role("main").get_by_role("button", name=re.compile("Sign out")).click()
    expect(page).to_have_url(re.compile(f"{PREFIX}{HOME}\\?done=1-device$"))
    expect(page.get_by_role("region", name="Active sessions").get_by_role("listitem")).to_have_count(1)
    phone.reload()
    expect(phone).to_have_url(re.compile(f"{PREFIX}/sign-in\\?next=%2Fauth-app%2Faccount%2Fsecurity"))
    for name, path in (("Password", "/account/password"), ("Security", HOME)):
        page.get_by_role("navigation").get_by_role("link", name=name, exact=True).click()
        expect(page).to_have_url(f"{place.origin}{PREFIX}{path}")
    page.get_by_role("banner").get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(re.compile(f"{PREFIX}/sign-in\\?reason=signed_out"))
    assert astray(person) == []
    for watched in person.watched.values():  # nobody here reads what was fetched ahead for the script
        watched.complaints[:] = [text for text in watched.complaints if "was preloaded" not in text]
