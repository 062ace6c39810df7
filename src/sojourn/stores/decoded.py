"""What a store read lately: a row that is still the same is not decoded again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from msgspec.structs import replace as _replaced

from sojourn.session import Session

__all__ = ["Decoded"]

_MOST = 2_048  # sessions that are kept with their rows: those in use just now, in a few megabytes


class Decoded:
    """Sessions by id, each with the row that it was made of.

    The row is read and compared each time, all of it: whoever changed it and however, the change is
    seen. Sessions with data of their own are decoded each time, because `data` is the caller's to
    change; of these only such rows are kept as *with_data* says yes to, for `row`. Any number of
    threads may use it.
    """

    def __init__(
        self, decode: Callable[[UUID, Any], Session], *, with_data: Callable[[Any], bool] = lambda row: False
    ) -> None:
        self._decode = decode
        self._with_data = with_data
        self._known: dict[int, tuple[Any, Session | None]] = {}  # by number: a UUID takes three times as long

    def __call__(self, id: UUID, row: Any) -> Session:
        """The session *id*, which the store says is *row*."""
        number = id.int
        known = self._known.get(number)
        if known is not None and known[1] is not None and known[0] == row:
            return _replaced(known[1], data={})
        session = self._decode(id, row)
        self.keep(number, row, session)
        return session

    def keep(self, number: int, row: Any, session: Session) -> None:
        """Know that *row*, if that is what is read next, is *session*, whose id is *number*."""
        if session.data and not self._with_data(row):
            return
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[number] = row, None if session.data else _replaced(session, data={})

    def row(self, number: int) -> Any | None:
        """The row of the session *number*, as it was lately; None if it is not known."""
        known = self._known.get(number)
        return None if known is None else known[0]
