"""A table of routes as routes of Starlette, which does the matching and the reading."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route as StarletteRoute
from starlette.types import Receive, Scope, Send

from sojourn.accounts import Accounts
from sojourn.api.routes import Call, Route
from sojourn.directory import Directory
from sojourn.errors import BodyRejected
from sojourn.web.answer import LARGEST, answer
from sojourn.web.asgi import visit_of
from sojourn.web.away import StoreAway
from sojourn.web.reply import Answer, Streamed

__all__ = ["mounted", "response"]


def mounted(
    table: Iterable[Route], *, accounts: Accounts, directory: Directory, **facts: Any
) -> list[StarletteRoute]:
    """Each line of *table* as a route. Two lines with the same method and path are a mistake.

    *facts*: what else every `Call` holds.
    """
    lines = list(table)
    places = [(route.method, route.path) for route in lines]
    if doubled := {place for place in places if places.count(place) > 1}:
        raise ValueError(f"two routes answer {sorted(doubled)}; give one of them another path")
    routes = [
        StarletteRoute(
            route.path,
            _endpoint(route, {"accounts": accounts, "directory": directory, **facts}),
            methods=[route.method],
            name=route.name,
        )
        for route in lines
    ]
    asked = dict.fromkeys(route.path for route in lines if route.cookieless)
    return [*routes, *(StarletteRoute(path, _preflight, methods=["OPTIONS"]) for path in asked)]


async def _preflight(request: Request) -> Response:
    """Any page may ask: what is there looks at no cookie (Fetch, section 3.2.2)."""
    return Response(status_code=204, headers=_ANY_PAGE)


_ANY_PAGE = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "GET, POST",
    "access-control-allow-headers": "authorization, content-type",
    "access-control-max-age": "3600",
}


def response(done: Answer) -> Response:
    """*done* as a response of Starlette."""
    sent: Response = Response(done.body, done.status)
    if isinstance(done, Streamed):
        sent = _Stream(done)
    for name, value in done.headers:
        sent.headers.append(name, value)
    return sent


class _Stream(StreamingResponse):
    """Sent as it comes. What it holds is let go even if nobody ever reads it."""

    def __init__(self, done: Streamed) -> None:
        super().__init__(done.chunks, done.status)
        self._let_go = done.close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._let_go()


def _endpoint(route: Route, facts: Mapping[str, Any]) -> Any:
    async def endpoint(request: Request) -> Response:
        call = Call(
            visit=visit_of(request.scope),
            params=request.path_params,
            query=dict(request.query_params),
            **facts,
        )
        reads = route.body is not None or route.form or bool(route.parameters)
        content = await _read(request) if reads else b""
        try:
            done = await answer(route, call, content=content, kind=request.headers.get("content-type", ""))
        except call.visit.site.faults as fault:
            raise StoreAway(fault) from fault
        return response(done)

    return endpoint


async def _read(request: Request) -> bytes:
    """The body, or a refusal once it is larger than anything that we take; the rest is not read."""
    read = bytearray()
    try:
        async for chunk in request.stream():
            read += chunk
            if len(read) > LARGEST:
                raise BodyRejected(f"The body is larger than {LARGEST // 1024} kB.", status=413)
    except ClientDisconnect:  # nobody reads the answer
        raise BodyRejected("The body is cut off.") from None
    return bytes(read)
