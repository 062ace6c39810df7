"""A session that its user disowns by a link, with no session to say it in; on every store, in both faces."""

from __future__ import annotations

from typing import Literal

import pytest

from sojourn import Device, Issued, Reason, Sessions
from sojourn.errors import FreshnessRequired, SessionNotFound, SessionRevoked, UndoExpired
from sojourn.events import Event, Reported, Revoked
from sojourn.session import new_id
from sojourn.testing import MORNING, FakeClock


def test_the_session_and_its_device_end_and_others_go_on(sessions: Sessions, events: list[Event]):
    mine = sessions.start("ada", device=Device(id="mine"))
    theirs = [sessions.start("ada", device=Device(id="theirs"), application_id=name) for name in ("a", "b")]
    elsewhere = sessions.start("bob", device=Device(id="theirs"))
    events.clear()
    assert sessions.disown(theirs[0].session.id) == 2
    for issued in theirs:
        with pytest.raises(SessionRevoked) as caught:
            sessions.validate(issued.token, sure=True)
        assert caught.value.reason is Reason.REPORTED
    assert sessions.validate(mine.token, sure=True).session.id == mine.session.id
    assert sessions.validate(elsewhere.token, sure=True).session.id == elsewhere.session.id
    reported, *revoked = (event for event in events if isinstance(event, Reported | Revoked))
    assert isinstance(reported, Reported)
    assert (reported.session_id, reported.user_id, reported.by) == (theirs[0].session.id, "ada", None)
    assert [type(event) for event in revoked] == [Revoked, Revoked]


def test_every_other_session_has_to_prove_itself_again(sessions: Sessions, clock: FakeClock):
    mine, bobs = sessions.start("ada"), sessions.start("bob")
    theirs = sessions.start("ada", device=Device(id="theirs"))
    for issued in (mine, bobs):
        sessions.require_fresh(sessions.validate(issued.token, sure=True).session)
    sessions.disown(theirs.session.id)
    with pytest.raises(FreshnessRequired):
        sessions.require_fresh(sessions.validate(mine.token, sure=True).session)
    sessions.require_fresh(sessions.validate(bobs.token, sure=True).session)
    clock.tick(minutes=1)
    again = sessions.renew(mine.session.id, authenticated=True)
    sessions.require_fresh(again.session)


def test_a_snapshot_of_before_is_no_proof(sessions: Sessions):
    mine, theirs = sessions.start("ada"), sessions.start("ada", device=Device(id="theirs"))
    sessions.validate(mine.token)
    sessions.disown(theirs.session.id)
    assert sessions.validate(mine.token).session.authenticated_at is None


@pytest.fixture
def ended(sessions: Sessions) -> Issued:
    """One of a device that has ended; its browser has signed in again, and so has another device."""
    first = sessions.start("ada", device=Device(id="theirs"), application_id="a")
    sessions.end(first.token)
    return first


def test_one_that_has_ended_ends_nothing_else_by_itself(
    sessions: Sessions, ended: Issued, events: list[Event]
):
    newer = sessions.start("ada", device=Device(id="theirs"), application_id="b")
    events.clear()
    with pytest.raises(SessionNotFound):
        sessions.disown(ended.session.id)
    sessions.require_fresh(sessions.validate(newer.token, sure=True).session)
    assert [event for event in events if isinstance(event, Reported | Revoked)] == []


@pytest.mark.parametrize(("instead", "count"), [("device", 1), ("all", 2)])
def test_of_one_that_has_ended_its_user_says_what_else_ends(
    sessions: Sessions, ended: Issued, events: list[Event], instead: Literal["device", "all"], count: int
):
    newer = sessions.start("ada", device=Device(id="theirs"), application_id="b")
    mine, bobs = sessions.start("ada", device=Device(id="mine")), sessions.start("bob")
    assert sessions.disown(ended.session.id, instead=instead) == count
    with pytest.raises(SessionRevoked) as caught:
        sessions.validate(newer.token, sure=True)
    assert caught.value.reason is Reason.REPORTED
    if instead == "all":
        with pytest.raises(SessionRevoked) as caught:
            sessions.validate(mine.token, sure=True)
        assert caught.value.reason is Reason.USER
    else:
        with pytest.raises(FreshnessRequired):
            sessions.require_fresh(sessions.validate(mine.token, sure=True).session)
    assert sessions.validate(bobs.token, sure=True).session.id == bobs.session.id
    (reported,) = (event for event in events if isinstance(event, Reported))
    assert reported.session_id == ended.session.id


def test_what_is_to_end_instead_is_of_no_matter_while_it_lives(sessions: Sessions):
    mine = sessions.start("ada", device=Device(id="mine"))
    theirs = sessions.start("ada", device=Device(id="theirs"))
    assert sessions.disown(theirs.session.id, instead="all") == 1
    assert sessions.validate(mine.token, sure=True).session.id == mine.session.id


def test_one_that_is_held_ends_for_good(sessions: Sessions):
    mine = sessions.start("ada", device=Device(id="mine"))
    theirs = sessions.start("ada", device=Device(id="theirs"))
    sessions.hold(theirs.session.id, owner="ada", by=mine.session)
    assert sessions.disown(theirs.session.id) == 1
    with pytest.raises((SessionNotFound, UndoExpired)):
        sessions.undo(theirs.session.id, by=mine.session)


def test_without_a_device_of_its_own_only_it_ends(sessions: Sessions):
    one, two = sessions.start("ada"), sessions.start("ada")
    assert sessions.disown(one.session.id) == 1
    assert sessions.validate(two.token, sure=True).session.id == two.session.id


def test_nobody_s_session_is_not_found(sessions: Sessions):
    visitor = sessions.start(None)
    for id in (new_id(MORNING, "ada"), visitor.session.id):
        with pytest.raises(SessionNotFound):
            sessions.disown(id)


def test_to_require_proof_twice_changes_nothing_more(sessions: Sessions):
    mine = sessions.start("ada")
    assert sessions.require_proof("ada") == 1
    version = sessions.validate(mine.token, sure=True).session.version
    assert sessions.require_proof("ada") == 1
    assert sessions.validate(mine.token, sure=True).session.version == version
