"""What the journal costs those who use sessions, how fast it writes, and what it answers when it is long.

    python -m benchmarks journal [--events 10000000] [--runs 30]

With and without a journal in turn, both at work at once: a turn is over before the machine has become
another one. The ratio is taken within a turn, and the median of the turns is shown with its quartiles.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from uuid import UUID

from msgspec import Struct
from starlette.applications import Starlette

from benchmarks.figures import short, table
from benchmarks.processes import stand_aside
from benchmarks.results import save
from benchmarks.rounds import run
from sojourn import ANYBODY, AsyncSessions, Issued, open_store
from sojourn.events import Started
from sojourn.observe import open_ledger
from sojourn.observe.journal.line import Filter
from sojourn.observe.journal.writer import Journal
from sojourn.observe.ledger import Ledger
from sojourn.server import create_app
from sojourn.session import new_id
from sojourn.settings import Settings
from sojourn.testing import make_keys

__all__ = ["Answer", "Cost", "fill", "main"]

KEYS = make_keys()
NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
DAYS = 400
AT_ONCE = 16  # callers

Work = Callable[["Served", int, int], Awaitable["Took"]]


class Served(Struct):
    """Sessions as a server has them, with a journal or without."""

    sessions: AsyncSessions
    journal: Journal | None

    async def settle(self) -> None:
        """What was told so far is in the journal."""
        if self.journal is not None:
            await self.journal.flush()

    async def look(self) -> None:
        """Sign-ins so far were looked at for alerts: what that costs is no part of what comes after them."""
        await self.settle()
        if self.journal is not None:
            ledger = self.journal.ledger
            last = await ledger.last_place()
            while await ledger.alert_cursor() < last:
                await asyncio.sleep(0.1)


class Took(Struct):
    """Microseconds a call: until it was done, and of the processor, with all that is written for it."""

    waited: float
    worked: float


class Cost(Struct):
    """What a call took in each run: without a journal, and with one."""

    what: str
    without: list[Took]
    journalled: list[Took]


class Answer(Struct):
    """Milliseconds until an answer, the median and the longest of several."""

    what: str
    usual: float
    longest: float


def main(arguments: Sequence[str] = ()) -> None:
    parser = ArgumentParser(
        prog="python -m benchmarks journal", description=__doc__, formatter_class=RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--runs", type=int, default=30, help="turns of each")
    parser.add_argument("--calls", type=int, default=300, help="of one turn")
    given = parser.parse_args(arguments)
    stand_aside()
    with TemporaryDirectory() as folder:
        costs = run(_costs(Path(folder), given.runs, given.calls)) if given.runs else []
        costs += run(_requests(Path(folder), given.runs, given.calls)) if given.runs else []
        print(_shown(costs))
        rate = run(_throughput(Path(folder)))
        print(f"{short(rate)} events a second are written")
        answers = run(_answers(Path(folder), given.events)) if given.events else []
        print(table(("answer", "median ms", "longest ms"), [_row(answer) for answer in answers]))
    save("journal", [*costs, *answers])


# ── what it costs ─────────────────────────────────────────────────────────────────────────────


async def _costs(folder: Path, runs: int, calls: int) -> list[Cost]:
    works: dict[str, Work] = {
        "validate, near cache": _validate,
        "start, of new users": _start_new,
        "start": _start,
        "refresh": _refresh,
        "revoke": _revoke,
    }
    costs = [Cost(what, [], []) for what in works]
    async with AsyncExitStack() as stack:
        two = [await stack.enter_async_context(_served(folder, with_)) for with_ in (False, True)]
        for served in two:
            await _start(served, 50)  # what is made at the first use is there
        for number in range(runs):
            for cost, work in zip(costs, works.values(), strict=True):
                for with_ in _in_turn(number):
                    took = await work(two[with_], calls, number * calls)
                    (cost.journalled if with_ else cost.without).append(took)
    return costs


def _in_turn(number: int) -> tuple[bool, bool]:
    """Whoever comes second is not always the same."""
    return (False, True) if number % 2 == 0 else (True, False)


@asynccontextmanager
async def _served(folder: Path, journalled: bool) -> AsyncIterator[Served]:
    """In a new file."""
    with TemporaryDirectory(dir=folder) as place:
        async with AsyncExitStack() as stack:
            sessions = AsyncSessions(open_store(f"sqlite:///{place}/sessions.db"), keys=KEYS)
            stack.push_async_callback(sessions.close)
            journal = None
            if journalled:
                ledger = open_ledger(f"sqlite:///{place}/journal.db", keys=KEYS)
                stack.push_async_callback(ledger.close)
                journal = Journal(ledger, uses=lambda: sessions.activity.written)
                sessions.listen(journal.hear)
                await stack.enter_async_context(journal.at_work())
            await stack.enter_async_context(sessions.following())
            yield Served(sessions, journal)


async def _each(served: Served, count: int, call: Callable[[int], Awaitable[object]]) -> Took:
    """What a call took, of several callers at once."""
    await served.settle()

    async def caller(first: int) -> None:
        for number in range(first, count, AT_ONCE):
            await call(number)

    began, worked = time.perf_counter(), time.process_time()
    await asyncio.gather(*(caller(first) for first in range(AT_ONCE)))
    waited = time.perf_counter() - began
    await served.settle()
    return Took(waited / count * 1e6, (time.process_time() - worked) / count * 1e6)


async def _sample(sessions: AsyncSessions, count: int) -> list[Issued]:
    return [await sessions.start(f"user-{number}", amr=["pwd"], ip="192.0.2.1") for number in range(count)]


async def _validate(served: Served, count: int, first: int = 0) -> Took:
    sessions = served.sessions
    tokens = [one.token for one in await _sample(sessions, 50)]
    for token in tokens:
        await sessions.validate(token)
    return await _each(served, 10 * count, lambda number: sessions.validate(tokens[number % 50]))


async def _start(served: Served, count: int, first: int = 0) -> Took:
    def start(number: int) -> Awaitable[object]:
        return served.sessions.start(f"user-{number}", amr=["pwd"], ip="192.0.2.1", remember=True)

    return await _each(served, count, start)


async def _start_new(served: Served, count: int, first: int) -> Took:
    def start(number: int) -> Awaitable[object]:
        return served.sessions.start(f"new-{first + number}", amr=["pwd"], ip="192.0.2.1", remember=True)

    return await _each(served, count, start)


async def _refresh(served: Served, count: int, first: int) -> Took:
    issued = await _sample(served.sessions, count)
    return await _each(served, count, lambda number: served.sessions.refresh(issued[number].token))


async def _revoke(served: Served, count: int, first: int) -> Took:
    issued = await _sample(served.sessions, count)
    return await _each(
        served, count, lambda number: served.sessions.revoke(issued[number].session.id, owner=ANYBODY)
    )


# ── what it costs a request ───────────────────────────────────────────────────────────────────

_ORIGIN = "http://127.0.0.1:8000"


async def _requests(folder: Path, runs: int, calls: int) -> list[Cost]:
    """The whole server in this process, without the network around it. It knows whose the sessions are."""
    paths = {"refresh, a request": "/api/auth/refresh", "sign out, a request": "/api/auth/sign-out"}
    costs = [Cost(what, [], []) for what in paths]
    async with AsyncExitStack() as stack:
        two = [await stack.enter_async_context(_server(folder, with_)) for with_ in (False, True)]
        for number in range(runs):
            for cost, path in zip(costs, paths.values(), strict=True):
                for with_ in _in_turn(number):
                    app, sessions = two[with_]
                    served = Served(sessions, app.state.journal)
                    tokens = [one.token for one in await _sample(sessions, calls)]
                    await served.look()
                    took = await _each(served, calls, partial(_post, app, path, tokens))
                    (cost.journalled if with_ else cost.without).append(took)
    return costs


@asynccontextmanager
async def _server(folder: Path, journalled: bool) -> AsyncIterator[tuple[Starlette, AsyncSessions]]:
    with TemporaryDirectory(dir=folder) as place:
        settings = Settings(
            store=f"sqlite:///{place}/sessions.db", journal="" if journalled else "off", origin=_ORIGIN
        )
        app = create_app(settings, keys=KEYS)
        sessions = AsyncSessions(open_store(settings.store), keys=KEYS)  # for what is there before
        if app.state.journal is not None:
            sessions.listen(app.state.journal.hear)  # as it has heard every sign-in
        async with app.router.lifespan_context(app):
            yield app, sessions
        await sessions.close()


async def _post(app: Starlette, path: str, tokens: Sequence[str], number: int) -> None:
    headers = {"host": "127.0.0.1:8000", "origin": _ORIGIN, "cookie": f"sojourn={tokens[number]}"}
    scope = {
        **{"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST"},
        **{"scheme": "http", "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": ""},
        **{"client": ("192.0.2.1", 50_000), "server": ("127.0.0.1", 8000)},  # as in `_sample`
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, object]) -> None:
        if message["type"] == "http.response.start" and message["status"] not in (200, 204):
            raise RuntimeError(f"{path} answers {message['status']}")

    await app(scope, receive, send)


def _shown(costs: Sequence[Cost]) -> str:
    header = ("call", "µs", "without", "with", "ratio", "half of the turns")
    return table(header, [_cost(cost, field) for cost in costs for field in ("waited", "worked")])


def _cost(cost: Cost, field: str) -> tuple[str, ...]:
    without, journalled = ([getattr(took, field) for took in of] for of in (cost.without, cost.journalled))
    ratios = [after / before for before, after in zip(without, journalled, strict=True)]
    low, usual, high = quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
    figures = (short(median(without)), short(median(journalled)), f"{usual:.2f}", f"{low:.2f} to {high:.2f}")
    return (cost.what, field, *figures)


async def _throughput(folder: Path, count: int = 50_000) -> float:
    ledger = open_ledger(f"sqlite:///{folder}/throughput.db", keys=KEYS)
    journal = Journal(ledger)
    for number in range(count):
        at, user_id = NOW + timedelta(milliseconds=number), f"user-{number % 5_000}"
        journal.hear(_event(at, user_id))
    began = time.perf_counter()
    await journal.flush()
    took = time.perf_counter() - began
    await ledger.close()
    return count / took


def _event(at: datetime, user_id: str) -> Started:
    id = new_id(at, user_id)
    return Started(
        at=at, session_id=id, user_id=user_id, ip="192.0.2.1", device="Chrome 143 on macOS", amr=("pwd",)
    )


# ── what it answers ───────────────────────────────────────────────────────────────────────────

_PEOPLE = 100_000
_NAMES = (
    "case when n % 10000 = 0 then 'admin-action' when n % 20 = 1 then 'authn-login-fail' "
    "when n % 10 < 5 then 'session-refreshed' when n % 10 < 7 then 'session-established' "
    "when n % 10 = 7 then 'session-expired' else 'session-revoked' end"
)
_LINES = f"""
    with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < :events)
    insert into lines (chain, number, at, name, session_id, person, facts, personal, digest, hash)
    select 1, n, :since + n * :apart, {_NAMES}, cast(printf('%016d', n / 3) as blob),
        cast(printf('%016d', n * 7919 % {_PEOPLE}) as blob), '{{"verdict":"rotated"}}',
        case when n > :events * 37 / 40 then randomblob(90) end, randomblob(32), randomblob(32)
    from numbers
"""
_OF_PEOPLE = f"""
    with recursive numbers(n) as (select 0 union all select n + 1 from numbers where n < {_PEOPLE} - 1)
    insert into people
    select cast(printf('%016d', n) as blob), 'user-' || n, 1, randomblob(60), :since from numbers
"""
_SPANS = """
    insert into spans select at / 3600000000, min(place), max(place) from lines group by 1
"""
_TALLIES = """
    with recursive steps(at) as (
        select :since / :length * :length union all select at + :length from steps where at < :until
    ), kinds(metric, label) as (values {kinds})
    insert into tallies (step, metric, at, label, count, total)
    select :step, metric, at, label, 100, 1000.0 from steps, kinds
"""
_KINDS = [
    ("created", ("pwd", "otp", "oidc")),
    ("ended", ("expired-idle", "expired-absolute", "signed_out", "user", "admin", "cap", "replay")),
    ("duration", ("60", "300", "900", "3600", "14400", "86400", "604800", "2592000", "inf")),
    ("refresh", ("rotated", "twin", "lost_answer", "replayed", "refused:session_expired")),
    ("refused", ("session_expired", "session_revoked", "refresh_reused")),
    ("active", ("sessions", "users")),
    ("requests", ("seen",)),
]


async def _answers(folder: Path, events: int) -> list[Answer]:
    path = folder / "long.db"
    ledger = open_ledger(f"sqlite:///{path}", keys=KEYS)
    await ledger.last_place()
    await ledger.close()
    began = time.perf_counter()
    fill(path, events)
    size = path.stat().st_size / 1e9
    print(f"{events} events were put in within {short(time.perf_counter() - began)} s: {size:.1f} GB")
    journal = Journal(ledger)
    for number in range(1_000):
        journal.hear(_event(NOW + timedelta(milliseconds=number), f"user-{number % 10}"))
    await journal.flush()
    try:
        return [await _timed(what, ask) for what, ask in _questions(ledger, events).items()]
    finally:
        await ledger.close()


def fill(path: Path, events: int, until: datetime = NOW) -> None:
    """A ledger of so many events over 400 days. No chain is right in it: nothing here verifies."""
    _fill(path, events, *(int(at.timestamp() * 1e6) for at in (until - timedelta(days=DAYS), until)))


def _fill(path: Path, events: int, since: int, until: int) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.executescript("pragma journal_mode = off; pragma synchronous = off; pragma cache_size = -400000")
        indexes = db.execute(
            "select name, sql from sqlite_schema where tbl_name = 'lines' and sql like 'create%index%'"
        )
        made = indexes.fetchall()
        for name, _ in made:
            db.execute(f"drop index {name}")
        db.execute(_LINES, {"events": events, "since": since, "apart": (until - since) // events})
        db.execute(_OF_PEOPLE, {"since": since})
        db.execute("insert into chains values (1, 'filled', ?, zeroblob(32))", (events,))
        db.execute(_SPANS)
        kinds = ", ".join(f"('{metric}', '{label}')" for metric, labels in _KINDS for label in labels)
        for step, length, first in (
            ("hour", 3_600_000_000, since),
            ("minute", 60_000_000, until - 15 * 86_400_000_000),
        ):
            values = {"step": step, "length": length, "since": first, "until": until}
            db.execute(_TALLIES.format(kinds=kinds), values)
        for _, statement in made:
            db.execute(statement)
        db.commit()
        db.execute("pragma journal_mode = wal").fetchall()


def _questions(ledger: Ledger, events: int) -> dict[str, Callable[[int], Awaitable[object]]]:
    def lines(**wanted: object) -> Callable[[int], Awaitable[object]]:
        return lambda _: ledger.lines(Filter(**wanted))  # type: ignore[arg-type]

    old = NOW - timedelta(days=300)
    return {
        "series of a year by the day": lambda _: ledger.series(
            "ended", NOW - timedelta(days=365), NOW, "day"
        ),
        "series of 30 days by the hour": lambda _: ledger.series(
            "ended", NOW - timedelta(days=30), NOW, "hour"
        ),
        "series of a day by the minute": lambda _: ledger.series(
            "duration", NOW - timedelta(days=1), NOW, "minute"
        ),
        "totals": lambda _: ledger.totals(),
        "heatmap of 90 days": lambda _: ledger.heatmap(NOW - timedelta(days=90), NOW, UTC),
        "heatmap of a year": lambda _: ledger.heatmap(NOW - timedelta(days=365), NOW, UTC),
        "the last 100 lines": lines(),
        "100 lines of a common name": lines(names=("session-refreshed",)),
        "100 lines of a rare name": lines(names=("admin-action", "token-reused")),
        "100 lines of a user": lambda number: ledger.lines(Filter(user_id=f"user-{number * 997 % _PEOPLE}")),
        "lines of a session": lambda number: ledger.lines(
            Filter(session_id=_session(number * 991 % (events // 3)))
        ),
        "100 lines of an hour long ago": lines(since=old, until=old + timedelta(hours=1)),
        "a page in the middle": lines(after=events // 2),
        "a rare name, a year back": lines(names=("admin-action",), until=old),
        "the tail": lambda _: ledger.tail(events, 1_000),
    }


def _session(number: int) -> UUID:
    return UUID(bytes=b"%016d" % number)


async def _timed(what: str, ask: Callable[[int], Awaitable[object]], times: int = 20) -> Answer:
    took = []
    for number in range(times):
        began = time.perf_counter()
        await ask(number)
        took.append((time.perf_counter() - began) * 1e3)
    return Answer(what, median(took), max(took))


def _row(answer: Answer) -> tuple[str, ...]:
    return (answer.what, f"{answer.usual:.1f}", f"{answer.longest:.1f}")
