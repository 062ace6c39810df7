"""What a row of a table is made of: medians, ranges, quantiles."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from msgspec import Struct

__all__ = ["Span", "at", "short", "table"]


class Span(Struct, frozen=True):
    """A median of rounds with their range."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Span:
        return cls(median(values), min(values), max(values))


def at(quantile: float, values: Sequence[float]) -> float:
    """The value that *quantile* of the values do not exceed."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(quantile * len(ranked)))]


def short(value: float) -> str:
    """Three significant digits or so, with thousands set apart."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown that also reads well in a terminal: the first column to the left, the others to the right."""
    widths = [max(len(row[n]) for row in [header, *rows]) for n in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cells[0].ljust(widths[0]),
            *(c.rjust(w) for c, w in zip(cells[1:], widths[1:], strict=True)),
        ]
        return f"| {' | '.join(padded)} |"

    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join([line(header), f"| {' | '.join(rule)} |", *map(line, rows)])
