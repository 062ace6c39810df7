"""`sojourn doctor`: is this set up well, and if not, what to do."""

from __future__ import annotations

from collections import Counter

from sojourn.cli.options import Json, Serving
from sojourn.cli.output import print_json, print_table
from sojourn.doctor import Finding, examine
from sojourn.sessions import utc_now

__all__ = ["doctor"]


async def doctor(*, options: Serving | None = None, json: Json = False) -> int:
    """Check settings, https, keys and databases, and say what to do. Exit code 1 if there is an error.

    Nothing is created or changed. Give it the options and variables that the server gets.
    """
    findings = await examine((options or Serving()).given(), now=utc_now())
    if json:
        print_json(findings)
    else:
        print_table(("", "about", "found", "remedy"), [_row(finding) for finding in findings])
        count = Counter(finding.level for finding in findings)
        print(f"{count['error']} errors, {count['warning']} warnings")
    return int(any(finding.level == "error" for finding in findings))


def _row(finding: Finding) -> tuple[str, str, str, str]:
    return finding.level, finding.about, finding.what, finding.remedy
