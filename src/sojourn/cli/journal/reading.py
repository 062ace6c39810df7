"""What the commands of the journal share: how it is opened, and how its lines are printed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

import msgspec

from sojourn.cli.opened import Opened
from sojourn.errors import SettingsError
from sojourn.observe.journal.line import Filter, Line
from sojourn.observe.ledger import Ledger

__all__ = ["COLUMNS", "as_json", "as_row", "every", "ledger_in"]

COLUMNS = ("place", "at", "name", "user", "session", "facts")
_PAGE = 1_000


def ledger_in(found: Opened) -> Ledger:
    """The journal, or a `SettingsError` that says why there is none."""
    if found.ledger is not None:
        return found.ledger
    url = found.settings.journal
    if url == "off":
        raise SettingsError("no journal is kept; set SOJOURN_JOURNAL to a file such as sqlite:///journal.db")
    raise SettingsError(
        f"there is no journal at {url}; correct SOJOURN_JOURNAL (--journal), or run `sojourn migrate`"
    )


async def every(ledger: Ledger, wanted: Filter) -> AsyncIterator[list[Line]]:
    """All lines that match, the oldest first, a page at a time."""
    after = wanted.after
    while True:
        page = msgspec.structs.replace(wanted, after=after, newest_first=False, limit=_PAGE)
        lines = await ledger.lines(page)
        if lines:
            yield lines
        if len(lines) < _PAGE:
            return
        after = lines[-1].place


def as_json(line: Line, *, personal: bool = True) -> str:
    """One line of JSON. With `hash` and all that goes into it: a program may check the chain by itself."""
    fields: dict[str, Any] = {name: getattr(line, name) for name in Line.__struct_fields__}
    for name in ("person", "digest", "hash"):
        fields[name] = fields[name] and fields[name].hex()
    if not personal:
        del fields["personal"]
    return msgspec.json.encode(fields).decode()


def as_row(line: Line) -> tuple[str, ...]:
    """For people: who, what, and what is known of it."""
    personal = {name: value for name, value in (line.personal or {}).items() if name != "user_id"}
    return (
        str(line.place),
        f"{line.at:%Y-%m-%d %H:%M:%S}",
        line.name,
        _who(line),
        str(line.session_id or "-"),
        " ".join(_words({**line.facts, **personal}.items())),
    )


def _who(line: Line) -> str:
    """The user; or a pseudonym, of one who is no longer known."""
    if line.user_id is not None:
        return _word(line.user_id)
    return "-" if line.person is None else f"({line.person.hex()[:8]})"


def _words(items: Iterable[tuple[str, Any]]) -> list[str]:
    return [f"{name}={_word(value)}" for name, value in items]


def _word(value: Any) -> str:
    """Quoted, if it came from outside and is more than a word: one line stays one line."""
    text = "+".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if text.isprintable() and " " not in text else msgspec.json.encode(text).decode()
