"""The ASGI middleware: gives each request its visit, and each answer the visit's cookies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import AsyncExitStack, suppress
from typing import Any

from sojourn.errors import CsrfFailed, Refusal
from sojourn.web.arrival import Arrival
from sojourn.web.away import StoreAway
from sojourn.web.csrf import SAFE
from sojourn.web.reply import Answer, problem, unavailable
from sojourn.web.sockets import Handshake, until_it_ends
from sojourn.web.visit import Site, Visit

__all__ = ["SessionMiddleware", "visit_of"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
AsPage = Callable[[Visit, Answer, str], Answer]


class SessionMiddleware:
    """Sessions for any ASGI application. A request that does not look at its session costs next to nothing.

    A `Refusal` that the application lets through becomes problem+json, and a fault of the session
    store 503: never a sign-out. Unsafe requests that another site made the browser send are refused
    before the application sees them; WebSocket handshakes are checked for their Origin.

    *page* turns such an answer and its message into one for people: asked when a person navigates.

    In Starlette and FastAPI it goes in with `add_middleware`: around the whole application it would
    come after their own handler, which answers 500.
    """

    def __init__(self, app: App, *, site: Site, page: AsPage | None = None) -> None:
        self.app = app
        self.site = site
        self.page = page
        self.reads_ahead = site.reads_ahead
        self.begins = not site.snapshots.on  # its visit at once: without snapshots each request needs one

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # All in one: each coroutine in between would be begun, waited in, and ended.
        if scope["type"] != "http":
            await self._beside(scope, receive, send)
            return
        site, app = self.site, self.app
        arrival: Arrival | Visit
        if self.begins:
            arrival = Visit(site, scope)
        else:
            try:
                arrival = Arrival(
                    site,
                    scope["method"],
                    scope["path"],
                    scope["root_path"],
                    scope["scheme"],
                    scope["client"],
                    tuple(scope["headers"]),
                )
            except KeyError:
                arrival = Arrival.of(site, scope)
        scope["sojourn"] = arrival

        def send_with_cookies(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                message["headers"] = arrival.answered(message.get("headers", ()))
            return send(message)

        try:
            if scope["method"] not in SAFE:
                arrival.begun().check_csrf()
            if self.reads_ahead and scope["path"] in site.asking:
                visit = arrival.begun()
                await visit.read_ahead()
                await app(scope, receive, send_with_cookies)
                if visit.ahead is not None:
                    visit.note_unread()
                return
            await app(scope, receive, send_with_cookies)
        except Refusal as refusal:
            if arrival.left:
                raise
            visit = arrival.begun()
            says = self.site.says.get((visit.method, visit.path))
            refused = says(visit, refusal) if says else problem(refusal, bearer=visit.bearer is not None)
            await send_answer(self._said(visit, refused, refusal.message), send_with_cookies)
        except StoreAway as away:
            if arrival.left:
                raise
            await send_answer(self._said(arrival.begun(), unavailable(away), away.message), send_with_cookies)

    async def _beside(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Follow the feed while the application serves: after its own start, until its own end begins.

        So whatever the application opens and closes around serving, the store of the sessions too,
        is open for as long as the feed is followed.
        """
        async with AsyncExitStack() as serving:

            async def received() -> Message:
                message = await receive()
                if message["type"] == "lifespan.shutdown":
                    await serving.aclose()
                return message

            async def sent(message: Message) -> None:
                if message["type"] == "lifespan.startup.complete":
                    await serving.enter_async_context(self.site.following())
                await send(message)

            await self.app(scope, received, sent)

    def _said(self, visit: Visit, answer: Answer, message: str) -> Answer:
        return self.page(visit, answer, message) if self.page and visit.navigates else answer

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        visit = scope["sojourn"] = Handshake(self.site, scope)
        # A handshake is a GET, so the browser's Origin is all that tells our pages from others (ASVS 4.4.2).
        source = visit.headers.get("origin")
        try:
            if source is not None and source != self.site.origin:
                raise CsrfFailed
            if not await until_it_ends(visit, lambda: self.app(scope, receive, send)):
                with suppress(OSError, RuntimeError):  # it was closed already, by either end
                    await send({"type": "websocket.close", "code": 1008, "reason": "The session has ended."})
        except Refusal:
            await send({"type": "websocket.close", "code": 1008})
        except StoreAway as away:
            unavailable(away)  # for the log
            await send({"type": "websocket.close", "code": 1013})


def visit_of(scope: Scope) -> Visit:
    """The visit of this request."""
    return arrival_of(scope).begun()


def arrival_of(scope: Scope) -> Arrival | Visit:
    """What the middleware gave to this request; both can tell the session, and a `Visit` all the rest."""
    try:
        return scope["sojourn"]  # type: ignore[no-any-return]
    except KeyError:
        raise RuntimeError(
            "this application has no sessions; call app.add_middleware(SessionMiddleware, site=Site(...))"
        ) from None


async def send_answer(answer: Answer, send: Send) -> None:
    """Send a finished answer."""
    length = (b"content-length", str(len(answer.body)).encode())
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": answer.body})
