"""The words of the account page in the reader's language: the same catalogues as the page's script has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import msgspec
from markupsafe import Markup, escape

from sojourn.web.headers import Headers
from sojourn.web.pages.assets import STATIC

__all__ = ["ENGLISH", "LANGUAGES", "Words", "spoken"]

DEFAULT = "en"
LANGUAGES = ("en", "de", "es", "fr", "ar", "zh")

_PARTS = ("", ".cards", ".dialogs")  # the script fetches what it says last when it is needed

_MOST = 20  # ranges of an Accept-Language header that anybody has a use for


class Words:
    """The catalogue of one language. Called with a key, it gives the sentence, safe to put into a page."""

    def __init__(self, code: str) -> None:
        names = (*(f"locale-{code}{part}.json" for part in _PARTS), f"page-{code}.json")
        self._catalogue = {key: said for name in names for key, said in _read(name).items()}
        self.code = code
        self.direction: str = self._catalogue["dir"]
        self._form = _FORMS[code]

    def __call__(self, key: str, **values: Any) -> Markup:
        """The sentence *key* with *values*, each escaped; `count` chooses the plural form (Unicode CLDR)."""
        said = self._catalogue[key]
        count = values.get("count")
        if isinstance(said, dict):
            said = said.get(self._form(int(count or 0)), said["other"])
        if count is not None:
            values["count"] = f"{count:,}" if self.code == DEFAULT else str(count)
        return escape(said).format(**{name: escape(value) for name, value in values.items()})


def _read(name: str) -> dict[str, Any]:
    """One piece of a catalogue: what the page's script says too, or what only the server says."""
    found: dict[str, Any] = msgspec.json.decode((STATIC / name).read_bytes())
    return found


@cache
def words(code: str) -> Words:
    return Words(code)


def spoken(headers: Headers) -> Words:
    """The words of the language that the reader would rather have (RFC 9110 section 12.5.4)."""
    ranges = []
    for place, part in enumerate(headers.get("accept-language", "").split(",")[:_MOST]):
        name, _, quality = part.partition(";")
        ranges.append((-_quality(quality), place, name.strip().lower().partition("-")[0]))
    for refused, _, name in sorted(ranges):
        if refused < 0 and name in LANGUAGES:
            return words(name)
    return ENGLISH


def _quality(parameter: str) -> float:
    name, _, value = parameter.partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return min(max(float(value), 0.0), 1.0)
    except ValueError:
        return 0.0


def _one(count: int) -> str:
    return "one" if count == 1 else "other"


def _french(count: int) -> str:
    return "one" if count in (0, 1) else "other"


def _arabic(count: int) -> str:
    if count in (0, 1, 2):
        return ("zero", "one", "two")[count]
    if 3 <= count % 100 <= 10:
        return "few"
    return "many" if count % 100 >= 11 else "other"


def _chinese(count: int) -> str:
    return "other"


_FORMS: Mapping[str, Callable[[int], str]] = {
    "en": _one,
    "de": _one,
    "es": _one,
    "fr": _french,
    "ar": _arabic,
    "zh": _chinese,
}

ENGLISH = words(DEFAULT)
