"""`GET /me` beside everything else: CPU of the bare application ÷ CPU with sessions, in one run.

Each subject and the bare application are under load by turns, a twentieth of a second each, so that what
others do to the machine hits both alike; the median of the rounds is shown with its range. Two processes of
one program may differ by a few hundredths, for as long as they live, so the servers can be started several
times. Requests per second and latencies are measured apart, without turns.
"""

from __future__ import annotations

import shutil
from argparse import ArgumentParser
from collections.abc import Sequence

from msgspec import Struct, field

from benchmarks import wrk
from benchmarks.figures import Span, short, table
from benchmarks.load import Load, asking
from benchmarks.processes import Driven, Server, Trouble, driven, serving, stand_aside
from benchmarks.results import save
from benchmarks.rounds import CONNECTIONS, Reading, attempt, opened, reading, run, signed_in
from benchmarks.servers import Servers, scratch
from benchmarks.subjects import chosen
from benchmarks.turns import by_turns

__all__ = ["Row", "main", "shown"]


class Row(Struct):
    """All rounds of one subject."""

    name: str
    title: str
    bare: str
    inside: list[float] = field(default_factory=list)  # CPU microseconds of a request, without HTTP
    turns: list[tuple[float, float]] = field(default_factory=list)  # of the bare one, and of this
    http: list[Reading] = field(default_factory=list)
    skipped: str | None = None


def main(arguments: Sequence[str] = ()) -> None:
    parser = ArgumentParser(prog="python -m benchmarks compare", description=__doc__)
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="subjects that begin with NAME")
    parser.add_argument("--starts", type=int, default=1, help="how often the servers are started (default 1)")
    parser.add_argument("--rounds", type=int, default=2, help="of the servers, each time (default 2)")
    parser.add_argument("--seconds", type=float, default=1.0, help="of one round of one server")
    parser.add_argument("--inside", type=int, default=5, help="rounds without HTTP (default 5)")
    parser.add_argument("--connections", type=int, default=CONNECTIONS, help=f"default {CONNECTIONS}")
    given = parser.parse_args(arguments)
    stand_aside()
    rows = [Row(name=s.name, title=s.title, bare=s.bare) for s in chosen(given.only)]
    with scratch() as servers:
        _inside(rows, servers, given.inside)
        for _ in range(given.starts):
            _over_http(rows, servers, given.rounds, given.seconds, given.connections)
    save("compare" if given.connections == CONNECTIONS else f"compare-{given.connections}", rows)
    print(shown(rows))
    for row in rows:
        if row.skipped:
            print(f"left out: {row.title}: {row.skipped}")


# ── without HTTP ─────────────────────────────────────────────────────────────────────────────────


def _inside(rows: list[Row], servers: Servers, rounds: int) -> None:
    asked = [row for row in rows if row.name != "node"]  # there is nothing inside node:http
    with opened(asked, servers, driven) as ready:
        counts: dict[str, int] = {}
        for row, _, process in ready:
            with attempt(row):
                counts[row.name] = _enough(process)
        for _ in range(rounds):
            for row, _, process in ready:
                if row.skipped is None:
                    with attempt(row):
                        row.inside.append(process.run(counts[row.name])["cpu"])


def _enough(process: Driven) -> int:
    """How many requests take about a fifth of a second; the first ones only warm up."""
    process.run(50)
    return max(20, int(200_000 / process.run(50)["wall"]))


# ── over HTTP ────────────────────────────────────────────────────────────────────────────────────


def _over_http(rows: list[Row], servers: Servers, rounds: int, seconds: float, connections: int) -> None:
    with opened([row for row in rows if row.skipped is None], servers, serving) as ready:
        loaded: dict[str, tuple[Server, list[str]]] = {}
        for row, subject, server in ready:
            with attempt(row):
                cookies = run(signed_in(server, subject))
                run(_read(server, cookies, 0.3, connections))
                loaded[row.name] = server, cookies
        for _ in range(rounds):
            for row, *_ in ready:
                if row.skipped is None:
                    with attempt(row):
                        _once(row, loaded, seconds, connections)


def _once(row: Row, loaded: dict[str, tuple[Server, list[str]]], seconds: float, connections: int) -> None:
    """One round of one subject."""
    mine, bare = loaded[row.name], loaded.get(row.bare)
    if bare is None:
        raise Trouble("the bare application beside it was left out")
    row.http.append(run(_read(*mine, seconds, connections)))
    if bare is not mine:
        row.turns.append(by_turns(bare, mine, seconds=seconds, connections=connections))


async def _read(server: Server, cookies: list[str], seconds: float, connections: int) -> Reading:
    if shutil.which("wrk"):
        return await reading(server, wrk.load(server.port, cookies, seconds, connections))
    return await reading(server, Load(server.port, asking(cookies, connections)).run(seconds))


# ── the table ────────────────────────────────────────────────────────────────────────────────────

HEADER = (
    "GET /me",
    "CPU ratio, HTTP",
    "µs a request",
    "req/s",
    "p50 ms",
    "p99 ms",
    "CPU ratio, in process",
    "µs a call",
)


def shown(rows: Sequence[Row]) -> str:
    """The rows as a table; a ratio is bare ÷ measured, with the range over the rounds."""
    named = {row.name: row for row in rows}
    return table(HEADER, [_cells(row, named.get(row.bare, row)) for row in rows if row.inside or row.http])


def _cells(row: Row, bare: Row) -> list[str]:
    cells = [row.title]
    if row.http:
        cells += [
            _ratio(*zip(*row.turns, strict=True)) if row.turns else "1.00" if row.name == row.bare else "–",
            short(Span.of([r.cpu for r in row.http]).median),
            *(
                short(Span.of([getattr(r, name) for r in row.http]).median)
                for name in ("per_second", "p50", "p99")
            ),
        ]
    else:
        cells += ["–"] * 5
    if row.inside:
        return [*cells, _ratio(bare.inside, row.inside), short(Span.of(row.inside).median)]
    return [*cells, "–", "–"]


def _ratio(bare: Sequence[float], measured: Sequence[float]) -> str:
    ratios = [b / m for b, m in zip(bare, measured, strict=False)]
    if not ratios:
        return "–"
    span = Span.of(ratios)
    return f"{span.median:.2f} ({span.low:.2f}–{span.high:.2f})"
