"""Settings from arguments and the environment, each with the place that it came from."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from msgspec import UNSET, Struct

from sojourn.errors import SettingsError
from sojourn.session import Discreet
from sojourn.settings_text import spelled, without_password

if TYPE_CHECKING:
    pass

from sojourn.settings.fields import Field
from sojourn.settings.settings import RULES, Settings
from sojourn.settings.table import FIELDS

__all__ = ["Loaded", "Row", "load"]


class Row(Struct, frozen=True, kw_only=True):
    """One setting for people: its value as it may be shown, and where it came from."""

    field: Field
    value: str
    source: str


class Loaded(Discreet, frozen=True, kw_only=True):
    """Settings, and for each field its source: "argument", a variable's name, or "default".

    `exports` are the variables that give another process the same settings.
    """

    settings: Settings
    sources: Mapping[str, str]
    exports: Mapping[str, str]

    def __repr__(self) -> str:
        return f"<Loaded {self.settings!r}>"

    def rows(self) -> list[Row]:
        """Every setting as it holds; what nobody set of the policy comes from the preset."""
        policy = self.settings.policy()
        rows = []
        for field in FIELDS:
            value = getattr(self.settings, field.name)
            if value is UNSET:
                value = getattr(policy, field.name)
            rows.append(Row(field=field, value=field.shown(value), source=self.sources[field.name]))
        return rows


def load(
    arguments: Mapping[str, object] | None = None, environment: Mapping[str, str] = os.environ
) -> Loaded:
    """Settings from *arguments* by field name, over `SOJOURN_*`, over the older names, over the defaults.

    An argument that is None, and a variable that is empty, count as not given.
    """
    given = {name: spelled(value) for name, value in (arguments or {}).items() if value not in (None, "")}
    if unknown := given.keys() - {field.name for field in FIELDS}:
        raise TypeError(f"no such setting: {', '.join(sorted(unknown))}")
    values: dict[str, Any] = {}
    sources = {}
    for field in FIELDS:
        source, text, parse = _found(field, given, environment)
        sources[field.name] = source
        if text is not None:
            called = field.option if source == "argument" else source
            values[field.name] = _parsed(called, text, parse, secret=field.secret)
    settings = Settings(**values)
    _check_policy(settings, sources)
    exports = {field.env: given[field.name] for field in FIELDS if field.name in given}
    return Loaded(settings=settings, sources=sources, exports=exports)


def _found(
    field: Field, arguments: Mapping[str, str], environment: Mapping[str, str]
) -> tuple[str, str | None, Callable[[str], Any]]:
    """Source, text and parser of what counts for *field*."""
    if text := arguments.get(field.name):
        return "argument", text, field.parse
    if text := environment.get(field.env, "").strip():
        return field.env, text, field.parse
    if field.alias and (text := environment.get(field.alias, "").strip()):
        return field.alias, text, field.parse_alias or field.parse
    return "default", None, field.parse


def _parsed(called: str, text: str, parse: Callable[[str], Any], *, secret: bool) -> Any:
    try:
        return parse(text)
    except ValueError as error:
        shown = "wrong" if secret else repr(without_password(text))
        raise SettingsError(f"{called} is {shown}; {error}") from None


def _check_policy(settings: Settings, sources: Mapping[str, str]) -> None:
    """Raise if the rules cannot work together, naming the variables that set them."""
    try:
        settings.policy()
    except SettingsError as error:
        by = [f"{name} by {sources[name]}" for name in ("preset", *RULES) if sources[name] != "default"]
        raise SettingsError(f"{error} (set here: {', '.join(by)})") from None
