"""What a store read lately: a row that is still the same is not decoded again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace as _replaced

from sojourn.session import NO_DATA, Session

__all__ = ["Decoded", "Known"]

_MOST = 2_048  # sessions that are kept with their rows: those in use just now, in a few megabytes


class Known(Struct, frozen=True, gc=False):
    """A row, and the session that it is, unless that has data of its own.

    *state*: of the store before the row was read, where that can be told. While the store is still in
    it, it has nothing else to say of the row.
    """

    row: Any
    session: Session | None
    state: object | None


class Decoded:
    """Sessions by id, each with the row that it was made of.

    The row is read and compared each time, all of it: whoever changed it and however, the change is
    seen; of a row that is still the same it is the same object. Sessions with data of their own are
    decoded each time, because `data` is the caller's to change; of these only such rows are kept as
    *with_data* says yes to, for `row`. Any number of threads may use it.
    """

    def __init__(
        self, decode: Callable[[UUID, Any], Session], *, with_data: Callable[[Any], bool] = lambda row: False
    ) -> None:
        self._decode = decode
        self._with_data = with_data
        self._known: dict[int, Known] = {}  # by number: a UUID takes three times as long

    def of(self, id: UUID, row: Any, state: object | None = None) -> Session:
        """The session *id*, which the store says is *row*. *state*: see `Known`."""
        number = id.int
        known = self._known.get(number)
        if known is not None and known.session is not None and known.row == row:
            if state is not None:
                self._known[number] = Known(row, known.session, state)
            return known.session
        return self.keep(number, row, self._decode(id, row), state)

    def keep(self, number: int, row: Any, session: Session, state: object | None = None) -> Session:
        """Know that *row*, if that is what is read next, is *session*, whose id is *number*."""
        own = bool(session.data)
        if own and not self._with_data(row):
            return session
        if len(self._known) >= _MOST:
            self._known.clear()
        if own:
            self._known[number] = Known(row, None, None)
            return session
        if session.data is not NO_DATA:
            session = _replaced(session, data=NO_DATA)
        self._known[number] = Known(row, session, state)
        return session

    def known(self, number: int) -> Known | None:
        """What was read lately of the session *number*."""
        return self._known.get(number)
