"""A row that is the same as lately is not decoded again; one that differs in anything is."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from sojourn import Device, Policy, Session, lifecycle
from sojourn.session import new_id, new_salt
from sojourn.stores.decoded import Decoded, Known
from sojourn.testing import FakeClock

NOW = FakeClock()()


def begun(**fields: Any) -> Session:
    given: dict[str, Any] = {"id": new_id(NOW, "ada"), "salt": new_salt(), "key_id": 1, "user_id": "ada"}
    return lifecycle.start(Policy(), NOW, device=Device(), **given | fields)


class Counted:
    """Decodes a row that holds the session itself."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, id: UUID, row: tuple[Session, int]) -> Session:
        self.times += 1
        return row[0]


def test_the_same_row_is_decoded_once():
    session, decode = begun(), Counted()
    read = Decoded(decode).of
    assert [read(session.id, (session, 1)) for _ in range(3)] == [session] * 3
    assert decode.times == 1


def test_a_row_that_changed_in_anything_is_decoded():
    session, decode = begun(), Counted()
    read = Decoded(decode).of
    read(session.id, (session, 1))
    read(session.id, (session, 2))
    later = session.change(ip="192.0.2.1")
    assert read(session.id, (later, 2)) == later
    assert decode.times == 3


def test_what_one_caller_does_to_data_is_not_seen_by_the_next():
    session, empty, decode = begun(data={"cart": [1]}), begun(), Counted()
    read = Decoded(decode).of
    for _ in range(3):
        found = read(empty.id, (empty, 1))
        assert found.data == {}
        with pytest.raises(TypeError, match="update"):
            found.data["mine"] = 1  # type: ignore[index]
        read(session.id, (session, 1))
    assert decode.times == 4  # one for the empty one


def test_a_row_with_data_is_kept_only_where_it_is_asked_for():
    session, empty = begun(data={"cart": [1]}), begun()
    some, none = Decoded(Counted(), with_data=lambda row: row[1] < 9), Decoded(Counted())
    for read in (some, none):
        for number in (1, 9):
            read.of(session.id, (session, number))
            read.of(empty.id, (empty, number))
    assert some.known(session.id.int) == Known((session, 1), None, None)
    assert none.known(session.id.int) is None
    assert some.known(empty.id.int) == none.known(empty.id.int) == Known((empty, 9), empty, None)


def test_it_is_bounded(monkeypatch):
    monkeypatch.setattr("sojourn.stores.decoded._MOST", 8)
    read = Decoded(Counted())
    for _ in range(30):
        session = begun()
        assert read.of(session.id, (session, 1)) == session
    assert len(read._known) <= 8
