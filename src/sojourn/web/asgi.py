"""The ASGI middleware: gives each request its visit, and each answer the visit's cookies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from sojourn.errors import CsrfFailed, Refusal
from sojourn.web.answer import Answer, problem, unavailable
from sojourn.web.visit import Site, StoreAway, Visit

__all__ = ["SessionMiddleware", "visit_of"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
AsPage = Callable[[Visit, Answer, str], Answer]

_SINGLE = frozenset({b"cache-control", b"strict-transport-security"})


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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        visit = scope["sojourn"] = _visit(self.site, scope)
        started = False

        async def send_with_cookies(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = _merged(message.get("headers", ()), visit)
            await send(message)

        try:
            visit.check_csrf()
            await self.app(scope, receive, send_with_cookies)
        except Refusal as refusal:
            if started:
                raise
            await send_answer(self._said(visit, problem(refusal), refusal.message), send_with_cookies)
        except StoreAway as away:
            if started:
                raise
            await send_answer(self._said(visit, unavailable(away), away.message), send_with_cookies)

    def _said(self, visit: Visit, answer: Answer, message: str) -> Answer:
        return self.page(visit, answer, message) if self.page and visit.navigates else answer

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        visit = scope["sojourn"] = _visit(self.site, scope)
        visit.passive = True  # nothing carries a cookie back: a token that was replaced now would be lost
        # A handshake is a GET, so the browser's Origin is all that tells our pages from others (ASVS 4.4.2).
        source = visit.headers.get("origin")
        try:
            if source is not None and source != self.site.origin:
                raise CsrfFailed
            await self.app(scope, receive, send)
        except Refusal:
            await send({"type": "websocket.close", "code": 1008})
        except StoreAway as away:
            unavailable(away)  # for the log
            await send({"type": "websocket.close", "code": 1013})


def visit_of(scope: Scope) -> Visit:
    """The visit that the middleware gave to this request."""
    visit = scope.get("sojourn")
    if not isinstance(visit, Visit):
        raise RuntimeError(
            "this application has no sessions; call app.add_middleware(SessionMiddleware, site=Site(...))"
        )
    return visit


async def send_answer(answer: Answer, send: Send) -> None:
    """Send a finished answer."""
    length = (b"content-length", str(len(answer.body)).encode())
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": answer.body})


def _visit(site: Site, scope: Scope) -> Visit:
    headers: dict[str, str] = {}
    cookies: list[bytes] = []
    for name, value in scope["headers"]:
        if name == b"cookie":
            cookies.append(value)
            continue
        key, text = name.decode("latin-1"), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    client = scope.get("client")
    return Visit(
        site,
        method=scope.get("method", "GET"),
        path=scope["path"],
        headers=headers,
        cookies=cookies,
        ip=client[0] if client else None,
        scheme="https" if scope.get("scheme") in ("https", "wss") else "http",
    )


def _merged(sent: Any, visit: Visit) -> list[tuple[bytes, bytes]]:
    """The application's headers with the visit's; what the application said itself about caching stays.

    But not of an answer that carries a cookie: a shared cache would hand it to everybody.
    """
    headers, ours = list(sent), visit.answer_headers()
    if any(name == "set-cookie" for name, _ in ours):
        headers = [header for header in headers if header[0].lower() != b"cache-control"]
    present = {name.lower() for name, _ in headers}
    for name, value in ours:
        encoded = name.encode()
        if encoded not in _SINGLE or encoded not in present:
            headers.append((encoded, value.encode("latin-1")))
    return headers
