"""Signing in (without hashing a password) and rotating a token, over HTTP: what one core can do a second."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from itertools import count

from msgspec import Struct, field

from benchmarks.figures import Span, short, table
from benchmarks.load import Answer, Load, Next, cookies_of, request
from benchmarks.processes import Server, Trouble, serving, stand_aside
from benchmarks.results import save
from benchmarks.rounds import CONNECTIONS, Reading, attempt, opened, reading, run, signed_in
from benchmarks.servers import scratch
from benchmarks.subjects import SUBJECTS, WRITERS, Subject

__all__ = ["Row", "main", "shown"]


class Row(Struct):
    """All rounds of one subject; `refresh` is empty where there is no rotation."""

    name: str
    title: str
    create: list[Reading] = field(default_factory=list)
    refresh: list[Reading] = field(default_factory=list)
    skipped: str | None = None


def main(arguments: Sequence[str] = ()) -> None:
    parser = ArgumentParser(prog="python -m benchmarks writes", description=__doc__)
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="subjects that begin with NAME")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.5, help="of one round of one server")
    given = parser.parse_args(arguments)
    stand_aside()
    rows = [Row(name=s.name, title=s.title) for s in SUBJECTS if _asked(s, tuple(given.only))]
    with scratch() as servers, opened(rows, servers, serving) as ready:
        numbers = {row.name: count() for row, _, _ in ready}
        for row, subject, server in ready:
            with attempt(row):
                run(signed_in(server, subject))  # so that what is made at the first use is there
        for _ in range(given.rounds):
            for row, subject, server in ready:
                if row.skipped is None:
                    with attempt(row):
                        _round(row, subject, server, numbers[row.name], given.seconds)
    save("writes", rows)
    print(shown(rows))


def _asked(subject: Subject, only: tuple[str, ...]) -> bool:
    return subject.name in WRITERS and (not only or subject.name.startswith(only))


def _round(row: Row, subject: Subject, server: Server, numbers: Iterator[int], seconds: float) -> None:
    def create(_: Answer | None) -> bytes:
        return request("POST", f"/create?user={next(numbers)}")

    row.create.append(run(reading(server, Load(server.port, [create] * CONNECTIONS).run(seconds))))
    if subject.app == "sojourn":
        row.refresh.append(run(_refresh(server, subject, seconds)))


async def _refresh(server: Server, subject: Subject, seconds: float) -> Reading:
    cookies = (await signed_in(server, subject))[:CONNECTIONS]
    return await reading(server, Load(server.port, [_rotating(cookie) for cookie in cookies]).run(seconds))


def _rotating(cookie: str) -> Next:
    """Each refresh presents the token that the last one issued; an older one would be a replay."""
    jar = dict(pair.split("=", 1) for pair in cookie.split("; "))

    def refresh(answer: Answer | None) -> bytes:
        if answer is not None:
            fresh = cookies_of(answer)
            if not fresh:
                raise Trouble("a refresh brought no token")
            jar.update(fresh)
        return request("POST", "/refresh", "; ".join(f"{name}={value}" for name, value in jar.items()))

    return refresh


HEADER = (
    "write",
    "create: a second and core",
    "µs CPU",
    "p50 ms",
    "refresh: a second and core",
    "µs CPU",
    "p50 ms",
)


def shown(rows: Sequence[Row]) -> str:
    """The rows as a table; what a core can do is a second ÷ the CPU time of one, with its range."""
    return table(
        HEADER, [[row.title, *_cells(row.create), *_cells(row.refresh)] for row in rows if row.create]
    )


def _cells(readings: Sequence[Reading]) -> list[str]:
    if not readings:
        return ["–"] * 3
    able = Span.of([1e6 / reading.cpu for reading in readings])
    cpu, p50 = Span.of([r.cpu for r in readings]).median, Span.of([r.p50 for r in readings]).median
    return [f"{able.median:,.0f} ({able.low:,.0f}–{able.high:,.0f})", short(cpu), short(p50)]
