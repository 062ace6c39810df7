"""What administrators ask of a server with a million sessions and a journal of ten million lines.

    python -m benchmarks overview [--store sqlite] [--sessions 1000000] [--events 10000000]

Each answer by the whole server in this process, without the network around it. The first one is of a
server that has just started, with nothing in its memory.
"""

from __future__ import annotations

import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import AsyncIterator, Iterator, MutableMapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace as _replaced
from starlette.applications import Starlette

from benchmarks import journal
from benchmarks.apps import Places
from benchmarks.apps.sojourn import address
from benchmarks.figures import short, table
from benchmarks.processes import stand_aside
from benchmarks.results import save
from benchmarks.rounds import run
from benchmarks.sample import DEVICE, fill, people
from benchmarks.servers import scratch
from sojourn import AsyncSessions, open_store
from sojourn.accounts import Accounts, open_accounts
from sojourn.observe import open_ledger
from sojourn.server import create_app
from sojourn.session import Place, Session
from sojourn.settings import Settings
from sojourn.testing import make_keys

__all__ = ["Card", "main"]

KEYS = make_keys()
ORIGIN = "http://127.0.0.1:8000"
RARE = "NO"  # a country of one session in ten thousand

_BROWSERS = [
    _replaced(DEVICE, name=f"{browser} 143 on {system}", browser=browser, os=system)
    for browser in ("Chrome", "Firefox", "Edge")
    for system in ("Windows", "macOS", "Linux")
] + [_replaced(DEVICE, kind="mobile", name="Safari 26 on iOS", browser="Safari", os="iOS", model="iPhone")]
_PLACES = (Place(city="Berlin", country="DE"), Place(city="Paris", country="FR"), Place(country="CH"), None)


class Card(Struct):
    """Milliseconds until an answer: the first one, and the median and the longest of those after it."""

    what: str
    first: float
    usual: float
    longest: float


def main(arguments: Sequence[str] = ()) -> None:
    parser = ArgumentParser(
        prog="python -m benchmarks overview", description=__doc__, formatter_class=RawDescriptionHelpFormatter
    )
    parser.add_argument("--store", default="sqlite", choices=("sqlite", "postgres", "redis"))
    parser.add_argument("--sessions", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--times", type=int, default=10, help="each question is asked after the first time")
    given = parser.parse_args(arguments)
    stand_aside()
    with scratch() as servers:
        places = servers.places((given.store,) if given.store != "sqlite" else ())
        cards = run(_measure(places, given.store, given.sessions, given.events, given.times))
    save(f"overview-{given.store}-{given.sessions}", cards)
    print(table(("answer", "first ms", "median ms", "longest ms"), [_row(card) for card in cards]))


def _row(card: Card) -> tuple[str, ...]:
    return (card.what, f"{card.first:.0f}", f"{card.usual:.0f}", f"{card.longest:.0f}")


# ── a server with a past ──────────────────────────────────────────────────────────────────────────


async def _measure(places: Places, kind: str, count: int, events: int, times: int) -> list[Card]:
    settings = Settings(
        store=address(kind, places),
        accounts=f"sqlite:///{places.file('accounts.db')}",
        journal=f"sqlite:///{places.file('journal.db')}",
        origin=ORIGIN,
        worker=True,
    )
    began = time.perf_counter()
    await _fill(settings, kind, count, events, places.file("journal.db"))
    print(
        f"{count:,} sessions and {events:,} lines within {short(time.perf_counter() - began)} s", flush=True
    )
    token = await _administrator(settings)
    cards = []
    for path in _questions():  # a server for each, so that the first answer is a first one
        async with _served(settings) as app:
            cards.append(await _asked(app, token, path, times))
            print(*_row(cards[-1]), flush=True)
    return cards


async def _fill(settings: Settings, kind: str, count: int, events: int, path: Path) -> None:
    store = open_store(settings.store)
    sample = people(count, datetime.now(UTC), bulk=count // 10, live=1.0)
    await fill(kind, settings.store, store, _varied(sample))
    await store.close()
    ledger = open_ledger(settings.journal, keys=KEYS)
    await ledger.last_place()
    await ledger.close()
    journal.fill(path, events, until=datetime.now(UTC))


def _varied(sessions: Iterator[Session]) -> Iterator[Session]:
    """From everywhere, with all kinds of browsers; always the same."""
    random = Random(7)
    for number, session in enumerate(sessions):
        place = Place(city="Oslo", country=RARE) if number % 10_007 == 5 else random.choice(_PLACES)
        ip = f"10.{random.randrange(256)}.{random.randrange(256)}.{random.randrange(256)}"
        yield _replaced(session, device=random.choice(_BROWSERS), place=place, ip=ip)


async def _administrator(settings: Settings) -> str:
    sessions = AsyncSessions(open_store(settings.store), keys=KEYS)
    accounts = Accounts(open_accounts(settings.accounts), sessions)
    user = await accounts.create("root@example.org", "correct horse battery staple", "", "admin")
    issued = await sessions.start(user.id, amr=["pwd"], ip="192.0.2.1")
    await accounts.close()
    await sessions.close()
    return issued.token


@asynccontextmanager
async def _served(settings: Settings) -> AsyncIterator[Starlette]:
    app = create_app(settings, keys=KEYS)
    async with app.router.lifespan_context(app):
        yield app


def _questions() -> list[str]:
    """All that the overview shows, as it asks for it, and the searches beside it."""
    now = datetime.now(UTC)
    day, month, year = ((now - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ") for days in (1, 30, 365))
    charts = ("active", "created", "ended", "revoked", "refresh", "refused", "requests")
    return [
        "stats",
        *(f"series?metric={metric}&from={month}&compare=previous" for metric in charts),
        f"series?metric=ended&from={day}",
        f"series?metric=ended&from={year}",
        "histogram?metric=duration",
        "histogram?metric=devices",
        "heatmap?zone=Europe/Berlin",
        "alerts",
        "journal",
        "sessions",
        "sessions?q=10.7.7.7",
        "sessions?q=10.7.0.0/16",
        f"sessions?country={RARE}",
        "sessions?country=DE",
        "sessions?device=firefox",
        "sessions?device=opera",
        "sessions?state=ended",
        "users",
    ]


async def _asked(app: Starlette, token: str, path: str, times: int) -> Card:
    first = await _once(app, token, path)
    taken = [await _once(app, token, path) for _ in range(times)]
    return Card(path, first, median(taken), max(taken))


async def _once(app: Starlette, token: str, path: str) -> float:
    """Milliseconds."""
    parts = urlsplit(f"/api/admin/{path}")
    headers = {"host": "127.0.0.1:8000", "cookie": f"sojourn={token}", "sec-fetch-site": "same-origin"}
    scope: dict[str, Any] = {
        **{"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET"},
        **{"scheme": "http", "path": parts.path, "raw_path": parts.path.encode(), "root_path": ""},
        **{"client": ("127.0.0.1", 50_000), "server": ("127.0.0.1", 8000)},
        "query_string": parts.query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, object]) -> None:
        if message["type"] == "http.response.start" and message["status"] != 200:
            raise RuntimeError(f"{path} answers {message['status']}")

    began = time.perf_counter()
    await app(scope, receive, send)
    return (time.perf_counter() - began) * 1e3
