"""The product's server in a process of its own, with a clock that tests move and faults that they ask for.

`python -m tests.browser.client.served PORT AHEAD`, with the settings of `sojourn serve` in the environment.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import MutableMapping
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from sojourn.cli.listening import uvicorn_options
from sojourn.server import create_app
from sojourn.sessions import utc_now
from sojourn.settings import load
from sojourn.web.pages import STATIC
from sojourn.web.pages.rendering import HEADERS
from sojourn.web.starlette import require_session
from tests.browser.client.faults import App, Fault, Faults, Message, Receive, Send

__all__ = ["Served"]

PAGES = Path(__file__).parent / "pages"
BUNDLE = os.environ.get("SOJOURN_TEST_BUNDLE", STATIC)  # the committed one, or a build of a working copy
CONTROL = "/_site"


class Seen(msgspec.Struct, kw_only=True):
    """One request as it came and as it was answered."""

    method: str
    path: str
    passive: bool
    last_event_id: str | None
    body: str
    status: int | None = None
    open: bool = True


class Served:
    """The application behind a lens: what is asked of it is written down, and may be spoilt."""

    def __init__(self, ahead: float) -> None:
        self.ahead = timedelta(seconds=ahead)
        self.requests: list[Seen] = []
        self.notes = 0
        self.faults = Faults()
        self.events: list[dict[str, Any]] = []
        self.app = create_app(load().settings, clock=lambda: utc_now() + self.ahead)
        self.app.router.routes[:0] = [
            Route("/notes", require_session(self._notes), methods=["GET", "POST"]),
            Route("/harness", _page),
            Mount("/harness/lib", StaticFiles(directory=BUNDLE)),
            Mount("/harness", StaticFiles(directory=PAGES)),
        ]
        logging.getLogger("sojourn.events").addHandler(_Keep(self.events))
        logging.getLogger("sojourn.events").setLevel(logging.INFO)

    async def _notes(self, request: Request) -> Response:
        """What an application of its own might serve: a POST is executed, and counted."""
        if request.method == "POST":
            self.notes += 1
        return JSONResponse({"notes": self.notes, "text": (await request.body()).decode()})

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif scope["path"].startswith(CONTROL):
            await self._control(Request(scope, receive))(scope, receive, send)
        else:
            await self._watched(scope, receive, send)

    async def _watched(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        seen = Seen(
            method=scope["method"],
            path=scope["path"],
            passive=headers.get("x-session-passive") == "1",
            last_event_id=headers.get("last-event-id"),
            body="",
        )
        self.requests.append(seen)

        async def received() -> Message:
            message = await receive()
            seen.body += message.get("body", b"").decode("utf-8", "replace")
            return message

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen.status = message["status"]
                message = {**message, "headers": [*message["headers"], (b"date", self._date())]}
            await send(message)

        try:
            await self.faults.befall(self.app, scope, received, sent)
        finally:
            seen.open = False

    def _date(self) -> bytes:
        return format_datetime(utc_now() + self.ahead, usegmt=True).encode()

    # ── what tests ask of it ─────────────────────────────────────────────────────────────────

    def _control(self, request: Request) -> App:
        verb, query = request.url.path.removeprefix(CONTROL), request.query_params
        if verb == "/clock":
            self.ahead += timedelta(seconds=float(query["forward"]))
        elif verb == "/fault":
            self.faults.add(msgspec.convert(dict(query), Fault, strict=False))
        elif verb == "/let-go":
            self.faults.let_go()
        elif verb == "/heal":
            self.faults.heal()
        facts = {
            "now": (utc_now() + self.ahead).timestamp(),
            "ahead": self.ahead.total_seconds(),
            "notes": self.notes,
            "waiting": self.faults.waiting,
            "requests": self.requests,
            "events": self.events,
        }
        return Response(msgspec.json.encode(facts), media_type="application/json")


class _Keep(logging.Handler):
    def __init__(self, kept: list[dict[str, Any]]) -> None:
        super().__init__()
        self._kept = kept

    def emit(self, record: logging.LogRecord) -> None:
        self._kept.append(json.loads(record.getMessage()))


async def _page(request: Request) -> Response:
    """The harness: with the headers of the product's own pages, and the client's options in it.

    *cached*: as an application's page that browsers may keep in their back/forward cache.
    """
    options = json.loads(request.query_params.get("options", "{}"))
    headers = dict(HEADERS)
    if options.pop("cached", False):
        headers["cache-control"] = "private, no-cache"
    text = (PAGES / "harness.html").read_text(encoding="utf-8")
    told = json.dumps(options).replace("<", "\\u003c")
    return HTMLResponse(text.replace("OPTIONS", told), headers=headers)


def main(port: int, ahead: float) -> None:
    uvicorn.run(Served(ahead), host="127.0.0.1", port=port, date_header=False, **uvicorn_options("warning"))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
