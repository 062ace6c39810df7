"""Options that are no settings: rules and spans of time, read from what was written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

from cyclopts import Parameter

from sojourn.errors import SettingsError
from sojourn.rules import RULES
from sojourn.settings_text import span

__all__ = ["Rules", "rules_in", "span_in"]

Rules = Annotated[
    tuple[str, ...],
    Parameter(
        name="--rule",
        negative="",
        show_default=False,
        consume_multiple=False,
        help=f"A rule of its own, such as lifetime=12h; again for more. Rules are {', '.join(RULES)}.",
    ),
]


def rules_in(given: Sequence[str]) -> dict[str, str]:
    """By name; of a name that comes twice the last."""
    rules = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise SettingsError(f"--rule is {text!r}; give a name and a value, such as lifetime=12h")
        rules[name] = value
    return rules


def span_in(option: str, text: str) -> timedelta:
    """A span of time; a number alone is of seconds."""
    try:
        return span(f"{text}s" if text.isdecimal() else text)
    except ValueError as error:
        raise SettingsError(f"{option} is {text!r}; {error}, or a number of seconds") from None
