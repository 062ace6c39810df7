"""The reference pages of settings and commands, written from the code: `python -m tests.cli.reference`."""

from __future__ import annotations

import re
from pathlib import Path

from sojourn.cli.tree import app, known
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


def commands() -> str:
    list(known())  # a command that was not imported has nothing to tell
    page = app.generate_docs(include_hidden=False).replace("# sojourn\n", "# The command line\n", 1)
    return NOTE + re.sub(r"\\(?=\[)", "", page).rstrip() + "\n"


def _default(field: Field) -> str:
    return field.unset if field.unset else f"`{field.default}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


PAGES = {"settings.md": settings, "command-line.md": commands}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")
