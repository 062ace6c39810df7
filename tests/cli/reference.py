"""The reference pages of settings and commands, written from the code: `python -m tests.cli.reference`."""

from __future__ import annotations

import re
from pathlib import Path

from sojourn.cli.tree import app, known
from sojourn.observe.metrics.table import TABLE, Metric
from sojourn.privacy.inventory import INVENTORY, KINDS
from sojourn.settings import FIELDS, Field

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
NOTE = "<!-- Written by `python -m tests.cli.reference`; change the code, not this page. -->\n"

SETTINGS = """
# Settings

Every setting is an environment variable, and most are options of `sojourn serve` too: not secrets, because
everybody on the machine sees a command line. The option wins over the variable, the variable over its older
name, and that over the default. An empty variable counts as not set. `sojourn doctor` prints each value with
the place that it came from.

Spans of time are a number with a unit: `30d`, `12h`, `15m`, `10s`. Flags are `1` or `0`.

| Variable | What it is | Default |
|---|---|---|
"""
OLDER = """
## Older names

They are read where the variable is not set. Their unit is in the name: `SESSION_EXPIRY_DAYS=30`.

`REDIS_URL` makes that Redis the store of sessions. Where the variable is there for something else, say with
`SOJOURN_STORE` where sessions are kept.

| Name | Sets |
|---|---|
"""


def settings() -> str:
    older = [f"| `{field.alias}` | `{field.env}` |" for field in FIELDS if field.alias]
    rows = [f"| `{field.env}` | {_cell(field.help)} | {_default(field)} |" for field in FIELDS]
    return NOTE + SETTINGS.lstrip("\n") + "\n".join(rows) + "\n" + OLDER + "\n".join(older) + "\n"


PERSONAL = """
# Personal data

What Sojourn keeps, table by table, in the names of the SQLite schema; PostgreSQL has the same columns, and
Redis the same fields. "Why" begins with the right by which it is kept: *service*, because its user asked for
it (Art. 6(1)(b) GDPR), or *security*, a legitimate interest (Art. 6(1)(f), recital 49). Spans are the
defaults. How to use this: [privacy](../how-to/privacy.md).

| Kind | What that means |
|---|---|
"""


def personal_data() -> str:
    page = NOTE + PERSONAL.lstrip("\n")
    page += "".join(f"| {kind} | {_cell(said)} |\n" for kind, said in KINDS.items())
    for table, columns in INVENTORY.items():
        page += f"\n## `{table}`\n\n| Column | Kind | Why | Kept | In an export |\n|---|---|---|---|---|\n"
        for name, entry in columns.items():
            shown = f"`{entry.exported}`" if entry.exported else "no"
            page += f"| `{name}` | {entry.kind} | {_cell(entry.why)} | {_cell(entry.kept)} | {shown} |\n"
    return page


METRICS = """
# Metrics

What `/metrics` tells, in this order. How to have it scraped: [monitor](../how-to/monitor.md).

Those without the label `process` are the same whichever process answers; with several servers over one
store take the highest, not the sum, of what lives now. Those with it are each process's own. Without a
journal each process counts for itself what happens, so that has the label too. No label is about a
person: values are words of ours, and ids of nobody.

| Name | Kind | Labels | What it is |
|---|---|---|---|
"""


def metrics() -> str:
    return NOTE + METRICS.lstrip("\n") + "".join(map(_metric, TABLE))


def _metric(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in (*metric.labels, *(["process"] if metric.own else [])))
    kind: str = metric.kind
    if metric.bounds:
        kind += f", up to {', '.join(f'{bound:g}' for bound in metric.bounds)}"
    return f"| `{metric.full_name}` | {kind} | {labels} | {_cell(metric.help)} |\n"


def commands() -> str:
    list(known())  # a command that was not imported has nothing to tell
    page = app.generate_docs(include_hidden=False).replace("# sojourn\n", "# The command line\n", 1)
    return NOTE + re.sub(r"\\(?=\[)", "", page).rstrip() + "\n"


def _default(field: Field) -> str:
    return field.unset if field.unset else f"`{field.default}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


PAGES = {
    "settings.md": settings,
    "command-line.md": commands,
    "personal-data.md": personal_data,
    "metrics.md": metrics,
}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")
