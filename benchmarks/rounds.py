"""What the comparisons share: subjects started together, rounds that take turns, one reading of a server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from benchmarks.apps import Places
from benchmarks.figures import at
from benchmarks.load import Answer, Load, Tally, ask, cookies_of, request
from benchmarks.processes import Server, Trouble
from benchmarks.servers import Servers
from benchmarks.subjects import SUBJECTS, Subject, lacking, lacking_cookie

__all__ = ["CONNECTIONS", "Reading", "attempt", "opened", "reading", "run", "signed_in"]

T = TypeVar("T")
P = TypeVar("P")

CONNECTIONS = 16


class Measured(Protocol):
    """A row of a table: its subject, and why that was left out."""

    name: str
    skipped: str | None


R = TypeVar("R", bound=Measured)


class Reading(Struct, frozen=True):
    """One round of one server."""

    cpu: float  # microseconds a request
    per_second: float
    p50: float  # milliseconds
    p99: float


@contextmanager
def opened(
    rows: Sequence[R],
    servers: Servers,
    open_one: Callable[[Subject, Places], AbstractContextManager[P]],
) -> Iterator[list[tuple[R, Subject, P]]]:
    """Every subject that can be started, started; the rows of the others say why not."""
    subjects = {subject.name: subject for subject in SUBJECTS}
    with ExitStack() as stack:
        ready = []
        for row in rows:
            with attempt(row):
                subject = subjects[row.name]
                if reason := lacking(subject):
                    raise Trouble(reason)
                started = stack.enter_context(open_one(subject, servers.places(subject.needs)))
                ready.append((row, subject, started))
        yield ready


@contextmanager
def attempt(row: Measured) -> Iterator[None]:
    """What fails is said in one line, and the others go on."""
    try:
        yield
    except Exception as error:
        row.skipped = " ".join(f"{error}".split())[:200] or type(error).__name__
        print(f"{row.name}: {row.skipped}", flush=True)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run *work* on a loop of its own, a fast one: what the load takes is lost to the stores."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


async def signed_in(server: Server, subject: Subject) -> list[str]:
    """The Cookie headers of as many people as take turns. A stranger must not be let in."""
    if subject.cookie:
        return [subject.cookie]
    if (status := (await ask(server.port, request("GET", "/me"))).status) != 401:
        raise Trouble(f"a stranger was answered {status}")
    numbers = iter(range(1 << 60))
    jars: list[dict[str, str]] = []

    def keep(answer: Answer) -> None:
        jars.append(cookies_of(answer))

    def following(_: Answer | None) -> bytes:
        return request("POST", f"/create?user={next(numbers)}")

    tally = await Load(server.port, [following] * 4, at_most=subject.sessions, on_answer=keep).run(60)
    if tally.bad or not all(jars):
        raise Trouble(f"signing in was answered {tally.odd or 'without a cookie'}")
    jars = [await _visited(server, jar) for jar in jars]
    if reason := lacking_cookie(subject, jars[0]):
        raise Trouble(reason)
    return [_joined(jar) for jar in jars]


async def _visited(server: Server, jar: dict[str, str]) -> dict[str, str]:
    """What a browser would send after its first visit, which may bring a cookie cache."""
    return jar | cookies_of(await ask(server.port, request("GET", "/me", _joined(jar))))


def _joined(jar: dict[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in jar.items())


async def reading(server: Server, load: Coroutine[Any, Any, Tally]) -> Reading:
    """What *server* took for what came of *load*."""
    before = server.cpu()
    tally = await load
    spent = server.cpu() - before
    if tally.bad or not tally.taken:
        raise Trouble(f"{tally.bad} answers said no (the last one {tally.odd})")
    return Reading(
        cpu=spent / len(tally.taken) * 1e6,
        per_second=tally.per_second,
        p50=at(0.5, tally.taken) * 1e3,
        p99=at(0.99, tally.taken) * 1e3,
    )
