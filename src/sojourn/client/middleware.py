"""Sessions of the server in another ASGI or WSGI application: who asks, and how a refusal is said."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import msgspec

from sojourn.client.credential import credential_of
from sojourn.client.errors import ClientError
from sojourn.client.remote import BlockingRemote, Remote, RemoteSession
from sojourn.errors import OAuthError, Refusal, RequestError, SessionError
from sojourn.web import csrf
from sojourn.web.asgi import send_answer
from sojourn.web.headers import Headers, Raw, named
from sojourn.web.reply import STATUS, Answer, problem

__all__ = [
    "RemoteSessionMiddleware",
    "WsgiRemoteSessionMiddleware",
    "require",
    "require_fresh",
    "session_from",
]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_KEY = "sojourn.remote"
_log = logging.getLogger("sojourn")


class RemoteSessionMiddleware:
    """Sessions of *remote* for any ASGI application. Follows the server's log while that serves.

    Refusals that the application lets through become problem+json, with the challenges of RFC 6750
    and RFC 9470; a server that is away 503. An unsafe request that another site made the browser
    send with our cookie is refused before the application sees it.
    """

    def __init__(self, app: App, *, remote: Remote) -> None:
        self.app, self.remote = app, remote

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
            return
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        visit = scope[_KEY] = _Visit(self.remote, scope)
        started = False

        def sent(message: Message) -> Awaitable[None]:
            nonlocal started
            started = started or message["type"] in ("http.response.start", "websocket.accept")
            if visit.looked and message["type"] == "http.response.start":
                message["headers"] = _for_one(message.get("headers", ()))
            return send(message)

        try:
            raw = named(tuple(scope["headers"]))
            _check_source(self.remote, scope.get("method", "POST"), Headers(raw), scope)
            await self.app(scope, receive, sent)
        except (Refusal, ClientError) as error:
            said = _said(error)
            if started or said is None:
                raise
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1013 if said.status == 503 else 1008})
            else:
                await send_answer(said, send)

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with AsyncExitStack() as serving:

            async def received() -> Message:
                message = await receive()
                if message["type"] == "lifespan.shutdown":
                    await serving.aclose()
                return message

            async def sent(message: Message) -> None:
                if message["type"] == "lifespan.startup.complete":
                    await serving.enter_async_context(self.remote.following())
                await send(message)

            await self.app(scope, received, sent)


class _Visit:
    """One request's question about its session, asked once. `looked`: so the answer depends on it."""

    looked = False

    def __init__(self, remote: Remote, scope: Scope) -> None:
        self._remote, self._scope = remote, scope
        self._session: RemoteSession | None = None
        self._refusal: SessionError | None = None

    async def require(self) -> RemoteSession:
        self.looked = True
        if self._refusal is not None:
            raise self._refusal
        if self._session is None:
            try:
                self._session = await self._remote.require(self._scope)
            except SessionError as refusal:
                self._refusal = refusal
                raise
        return self._session

    async def session(self) -> RemoteSession | None:
        try:
            return await self.require()
        except SessionError:
            return None

    async def require_fresh(self, max_age: timedelta | None, aal: int) -> RemoteSession:
        self.looked = True
        self._session = await self._remote.require_fresh(self._scope, max_age, aal=aal)
        return self._session


async def session_from(request: Any) -> RemoteSession | None:
    """The session of *request*, or None."""
    return await _visit_of(request).session()


async def require(request: Any) -> RemoteSession:
    """The session of *request*, or a refusal, which the middleware answers 401."""
    return await _visit_of(request).require()


def require_fresh(
    max_age: timedelta | None = None, *, aal: int = 0
) -> Callable[[Any], Awaitable[RemoteSession]]:
    """`session = await require_fresh(timedelta(minutes=5))(request)`: the server is asked.

    Who was authenticated longer ago, or less strongly, is told so: the client signs in again and repeats.
    """

    async def fresh(request: Any) -> RemoteSession:
        return await _visit_of(request).require_fresh(max_age, aal)

    return fresh


def _visit_of(request: Any) -> _Visit:
    scope = getattr(request, "scope", request)
    visit = scope.get(_KEY) if hasattr(scope, "get") else None
    if not isinstance(visit, _Visit):
        raise RuntimeError(
            "this application has no sessions; "
            "call app.add_middleware(RemoteSessionMiddleware, remote=Remote(...))"
        )
    return visit


def _for_one(headers: Iterable[Raw]) -> list[Raw]:
    """*headers* of an answer that no shared cache may hand to the next; what the application says stays."""
    listed = [*headers, (b"vary", b"Cookie, Authorization")]
    if not any(name.lower() == b"cache-control" for name, _ in listed):
        listed.append((b"cache-control", b"no-store"))
    return listed


# ── WSGI ──────────────────────────────────────────────────────────────────────────────────────


class WsgiRemoteSessionMiddleware:
    """The same for WSGI: `remote.require(request)` in a view; what it raises is answered here.

    A framework that turns exceptions into pages of its own has to be told to let them through, or
    to use `answer_to`.
    """

    def __init__(self, app: Callable[..., Iterable[bytes]], *, remote: BlockingRemote) -> None:
        self.app, self.remote = app, remote

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        try:
            _check_source(self.remote, environ.get("REQUEST_METHOD", "GET"), _Environ(environ), environ)
            return self.app(environ, start_response)
        except (Refusal, ClientError) as error:
            said = _said(error)
            if said is None:
                raise
            start_response(f"{said.status} {_REASONS.get(said.status, 'Refused')}", said.headers)
            return [said.body]


class _Environ(Headers):
    """The headers of a WSGI request."""

    def __init__(self, environ: dict[str, Any]) -> None:
        super().__init__(
            {
                name[5:].replace("_", "-").lower().encode(): str(value).encode("latin-1", "replace")
                for name, value in environ.items()
                if name.startswith("HTTP_")
            }
        )


# ── both ──────────────────────────────────────────────────────────────────────────────────────


def _check_source(remote: Remote | BlockingRemote, method: str, headers: Headers, who: Any) -> None:
    """Whose page asks with our cookie must be of the server's origin. A bearer token needs no such rule."""
    if method in csrf.SAFE:
        return
    try:
        carries = credential_of(who, remote.carrier).kind == "session"
    except Refusal:
        return  # nothing that could be misused; the application may well not look at it
    if carries:
        csrf.check(method, headers, origin=remote.origin, carries_cookie=True)


def _said(error: Refusal | ClientError) -> Answer | None:
    """The answer to *error*; None: it is a mistake in this service's own settings."""
    if isinstance(error, ClientError):
        _log.error("a sign-in cannot be checked: %s", error)
        body = {"status": 503, "code": "unavailable", "message": _AWAY, "detail": _AWAY}
        after = str(int(error.retry_after or 0) + 1 + secrets.randbelow(5))
        kind = ("content-type", "application/problem+json")
        headers = [kind, ("cache-control", "no-store"), ("retry-after", after)]
        return Answer(503, headers, msgspec.json.encode(body))
    if isinstance(error, OAuthError) or (error.code not in STATUS and not isinstance(error, RequestError)):
        return None
    return problem(error, bearer=True)


_AWAY = "Your sign-in cannot be checked just now. Please try again in a moment."
_REASONS = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}
