"""How a setting is called, read and explained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from sojourn.policy import Policy
from sojourn.settings.settings import Settings
from sojourn.settings_text import spelled, without_password

__all__ = ["BY_PRESET", "Field", "row", "rule"]

_DEFAULTS = Settings()


class Field(Struct, frozen=True, kw_only=True):
    """One row of the table: how a setting is called, read and explained. `unset`: its default, in words."""

    name: str
    env: str
    parse: Callable[[str], Any]
    help: str
    unset: str | None = None
    alias: str | None = None  # an older name, which the first one overrides
    parse_alias: Callable[[str], Any] | None = None
    secret: bool = False

    @property
    def option(self) -> str:
        """As an argument: `SOJOURN_KEYS_FILE` is `--keys-file`."""
        return "--" + self.env.removeprefix("SOJOURN_").lower().replace("_", "-")

    @property
    def default(self) -> str:
        """What holds if nobody sets it, as an operator would write it or in words."""
        return self.unset or spelled(getattr(_DEFAULTS, self.name))

    def shown(self, value: Any) -> str:
        """*value* for a screen or a log."""
        if self.secret and value:
            return "set, not shown"
        return without_password(spelled(value))


def row(name: str, parse: Callable[[str], Any], help: str, **more: Any) -> Field:
    return Field(name=name, env=more.pop("env", f"SOJOURN_{name.upper()}"), parse=parse, help=help, **more)


BY_PRESET = "as the policy has it"


def rule(name: str, parse: Callable[[str], Any], help: str) -> Field:
    """A rule of the policy in which the presets do not differ."""
    return row(name, parse, help, unset=spelled(getattr(Policy(), name)))
