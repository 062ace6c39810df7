"""One subject in a process of its own, without HTTP: python -m benchmarks.drive SUBJECT PLACES.

The first line on standard output says "ready". A line "N" on standard input makes N requests of
`GET /me`, the answer is one line of JSON: microseconds of CPU and of wall clock for one.
"""

from __future__ import annotations

import asyncio
import io
import sys
import time
from collections.abc import Callable
from typing import Any

import msgspec

from benchmarks.apps import Places
from benchmarks.subjects import SUBJECTS, Subject, lacking_cookie, make_app

__all__ = ["main"]

AGENT = b"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Chrome/143.0.0.0 Safari/537.36"
HEADERS = [
    (b"host", b"127.0.0.1:8000"),
    (b"user-agent", AGENT),
    (b"accept", b"*/*"),
    (b"sec-fetch-site", b"same-origin"),
]
Answer = tuple[int, list[str]]  # the status, and each `Set-Cookie`


def main(name: str, places: str) -> None:
    subject = next(subject for subject in SUBJECTS if subject.name == name)
    app = make_app(subject, Places.decoded(places))
    driver = _Asgi(app) if subject.gateway == "asgi" else _Wsgi(app)
    cookies = _signed_in(subject, driver)
    _say("ready")
    for line in sys.stdin:
        count = int(line)
        driver.settle()
        cpu, began = time.process_time(), time.perf_counter()
        driver.ask([cookies[n % len(cookies)] for n in range(count)])
        spent, wall = time.process_time() - cpu, time.perf_counter() - began
        _say({"cpu": spent / count * 1e6, "wall": wall / count * 1e6})
    driver.close()


def _say(message: Any) -> None:
    print(msgspec.json.encode(message).decode(), flush=True)


def _signed_in(subject: Subject, driver: _Asgi | _Wsgi) -> list[str]:
    """The Cookie headers of as many people as take turns. A stranger must not be let in."""
    if subject.cookie:
        return [subject.cookie]
    if (status := driver.one("GET", "/me", "", "")[0]) != 401:
        raise RuntimeError(f"a stranger was answered {status}")
    cookies = []
    for number in range(subject.sessions):
        status, lines = driver.one("POST", "/create", f"user={number}", "")
        if not lines:
            raise RuntimeError(f"signing in was answered {status}, without a cookie")
        jar = _visited(driver, lines)
        if reason := lacking_cookie(subject, jar):
            raise RuntimeError(reason)
        cookies.append(_joined(jar))
    return cookies


def _visited(driver: _Asgi | _Wsgi, lines: list[str]) -> dict[str, str]:
    """What a browser would send after its first visit, which may bring a cookie cache."""
    jar = dict(line.split(";")[0].split("=", 1) for line in lines)
    _, lines = driver.one("GET", "/me", "", _joined(jar))
    return jar | dict(line.split(";")[0].split("=", 1) for line in lines)


def _joined(jar: dict[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in jar.items())


class _Asgi:
    """Drives an ASGI application on one loop, between whose rounds nothing runs."""

    def __init__(self, app: Callable[..., Any]) -> None:
        import uvloop

        self.app = app
        self.loop = uvloop.new_event_loop()
        asyncio.set_event_loop(self.loop)
        self.to_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.from_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.life = self.loop.create_task(self._live())
        self._tell("startup")

    async def _live(self) -> None:
        await self.app({"type": "lifespan", "asgi": {}, "state": {}}, self.to_app.get, self.from_app.put)

    def _tell(self, moment: str) -> None:
        async def told() -> dict[str, Any]:
            await self.to_app.put({"type": f"lifespan.{moment}"})
            return await asyncio.wait_for(self.from_app.get(), 60)

        answer = self.loop.run_until_complete(told())
        if answer["type"] != f"lifespan.{moment}.complete":
            raise RuntimeError(f"{moment}: {answer}")

    def one(self, method: str, path: str, query: str, cookie: str) -> Answer:
        return self.loop.run_until_complete(self._ask(_scope(method, path, query, cookie)))

    def ask(self, cookies: list[str]) -> None:
        self.loop.run_until_complete(self._all([_scope("GET", "/me", "", cookie) for cookie in cookies]))

    def settle(self) -> None:
        """Between the rounds nothing ran: give what runs in the background its turn before the clock does."""
        self.loop.run_until_complete(asyncio.sleep(0.05))

    async def _all(self, scopes: list[dict[str, Any]]) -> None:
        while scopes:
            status, _ = await self._ask(scopes.pop())  # what is answered is let go of, as by a server
            if status != 200:
                raise RuntimeError(f"a session was answered {status}")
            if len(scopes) % 16 == 0:  # as a server does that has so many connections
                await asyncio.sleep(0)

    async def _ask(self, scope: dict[str, Any]) -> Answer:
        start: dict[str, Any] = {}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                start.update(message)

        await self.app(scope, _receive, send)
        cookies = [value.decode() for name, value in start["headers"] if name == b"set-cookie"]
        return start["status"], cookies

    def close(self) -> None:
        self._tell("shutdown")
        self.loop.run_until_complete(self.life)
        self.loop.close()


async def _receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


def _scope(method: str, path: str, query: str, cookie: str) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [*HEADERS, (b"cookie", cookie.encode())] if cookie else list(HEADERS),
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
        "state": {},
    }


class _Wsgi:
    """Drives a WSGI application."""

    def __init__(self, app: Callable[..., Any]) -> None:
        self.app = app

    def one(self, method: str, path: str, query: str, cookie: str) -> Answer:
        return self._ask(_environ(method, path, query, cookie))

    def ask(self, cookies: list[str]) -> None:
        for cookie in cookies:
            status, _ = self._ask(_environ("GET", "/me", "", cookie))
            if status != 200:
                raise RuntimeError(f"a session was answered {status}")

    def settle(self) -> None:
        """Nothing runs in the background."""

    def _ask(self, environ: dict[str, Any]) -> Answer:
        status = 0
        cookies: list[str] = []

        def start_response(line: str, headers: list[tuple[str, str]], *exc: Any) -> Any:
            nonlocal status
            status = int(line[:3])
            cookies.extend(value for name, value in headers if name.lower() == "set-cookie")

        body = self.app(environ, start_response)
        for _ in body:
            pass
        if hasattr(body, "close"):
            body.close()
        return status, cookies

    def close(self) -> None:
        """Nothing is held."""


def _environ(method: str, path: str, query: str, cookie: str) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SCRIPT_NAME": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1:8000",
        "HTTP_USER_AGENT": AGENT.decode(),
        "HTTP_ACCEPT": "*/*",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    } | ({"HTTP_COOKIE": cookie} if cookie else {})


if __name__ == "__main__":
    main(*sys.argv[1:])
