"""Write what was measured into docs/explanation/benchmarks.md, and its chart: so they cannot say otherwise.

    python -m benchmarks report [--date 2026-11-21] [--note TEXT]

Of the page only what stands between `<!-- name -->` and `<!-- / -->` is written anew; a part that was not
measured stays as it is.
"""

from __future__ import annotations

import re
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from benchmarks import calls, compare, felt, results, scale, writes
from benchmarks.figures import Span

__all__ = ["chart", "main"]

FOLDER = Path(__file__).parents[1] / "docs" / "explanation"
PARTS: dict[str, Any] = {
    "compare": compare,
    "compare-64": compare,  # with `--connections 64`
    "writes": writes,
    "calls": calls,
    "felt": felt,
}


def main(arguments: Sequence[str] = ()) -> None:
    parser = ArgumentParser(
        prog="python -m benchmarks report", description=__doc__, formatter_class=RawDescriptionHelpFormatter
    )
    parser.add_argument("--date", type=date.fromisoformat, default=datetime.now(UTC).date())
    parser.add_argument("--note", default="", help="what a reader must know of the conditions")
    given = parser.parse_args(arguments)
    page = FOLDER / "benchmarks.md"
    text = page.read_text()
    text = _filled(text, "machine", _conditions(given.date, given.note, results.machine()))
    for name, part in PARTS.items():
        if measured := results.load(name, part.Row):
            text = _filled(
                text, name, f"{part.shown(measured[1])}{_left_out(measured[1])}{_elsewhere(*measured)}"
            )
    if tables := _scale():
        text = _filled(text, "scale", tables)
    if measured := results.load("compare", compare.Row):
        (FOLDER / "benchmarks.svg").write_text(chart(measured[1]))
    page.write_text(text)


def _filled(text: str, name: str, content: str) -> str:
    """*text* with *content* between the marks of *name*, which must be there."""
    filled, times = re.subn(
        rf"(<!-- {name} -->\n).*?(<!-- / -->)",
        lambda marks: f"{marks[1]}{content}\n{marks[2]}",
        text,
        flags=re.DOTALL,
    )
    if times != 1:
        raise SystemExit(f"the page has no place for {name}; put <!-- {name} --> and <!-- / --> into it")
    return filled


def _conditions(day: date, note: str, machine: dict[str, str]) -> str:
    facts = "\n".join(f"- {name}: {fact}" for name, fact in machine.items())
    return f"Measured on {day.day} {day:%B %Y}. {note}".rstrip() + f"\n\n{facts}"


def _elsewhere(machine: dict[str, str], rows: Sequence[Any]) -> str:
    """A part that was not measured on the machine of the page says so."""
    if machine == results.machine():
        return ""
    return f"\n\nMeasured elsewhere: {'; '.join(f'{name}: {fact}' for name, fact in machine.items())}."


def _left_out(rows: Sequence[Any]) -> str:
    left = [f"{row.title} ({row.skipped})" for row in rows if row.skipped]
    return f"\n\nLeft out: {'; '.join(left)}." if left else ""


def _scale() -> str:
    found = [results.load(path.stem, scale.Row) for path in sorted(results.FOLDER.glob("scale-*.json"))]
    return "\n\n".join(f"{scale.shown(part[1])}{_elsewhere(*part)}" for part in found if part)


# ── the chart ────────────────────────────────────────────────────────────────────────────────────

LINE, LEFT, WIDTH, TOP = 24, 410, 860, 64
BAR = WIDTH - LEFT - 100
CAPTION = "CPU of the bare application ÷ CPU with sessions, GET /me over HTTP"
INK, QUIET, OURS, THEIRS = "#1f2933", "#7b8794", "#0b7285", "#adb5bd"


def chart(rows: Sequence[compare.Row]) -> str:
    """A bar for each subject with sessions: the share of the bare application's speed that it keeps."""
    shares = [(row.title, Span.of([bare / own for bare, own in row.turns])) for row in rows if row.turns]
    shares.sort(key=lambda share: -share[1].median)
    height = TOP + LINE * len(shares) + 20
    bars = "\n".join(_bar(TOP + LINE * n, title, span) for n, (title, span) in enumerate(shares))
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"
  font-family="system-ui, sans-serif" font-size="13" fill="{INK}">
<title>{CAPTION}</title>
<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>
<text x="16" y="26" font-size="16" font-weight="600">What a server keeps of its speed with sessions</text>
<text x="16" y="46" fill="{QUIET}">{CAPTION}; 1 = sessions cost nothing</text>
{bars}
</svg>
"""


def _bar(y: int, title: str, span: Span) -> str:
    colour = OURS if title.startswith("Sojourn") else THEIRS
    low, high = (LEFT + BAR * min(1.1, end) for end in (span.low, span.high))
    length = f"{BAR * min(1.1, span.median):.1f}"
    middle = y + LINE / 2
    return (
        f'<text x="{LEFT - 10}" y="{middle + 4:.0f}" text-anchor="end">{escape(title)}</text>'
        f'<rect x="{LEFT}" y="{y + 4}" width="{length}" height="{LINE - 8}" fill="{colour}"/>'
        f'<path d="M{low:.1f} {middle:.0f}H{high:.1f}" stroke="{INK}"/>'
        f'<text x="{high + 8:.1f}" y="{middle + 4:.0f}">{span.median:.2f}</text>'
    )
