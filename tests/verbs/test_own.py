"""What users do to their own sessions, on every store and through both faces."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from sojourn import ANYBODY, AsyncSessions, Device, Issued, Keys, Policy, Query, Reason, Session, Sessions
from sojourn import lifecycle as decisions
from sojourn.access import Claims
from sojourn.background import Worker
from sojourn.blocking import drive
from sojourn.errors import (
    BodyRejected,
    Forbidden,
    FreshnessRequired,
    Refusal,
    SessionExpired,
    SessionNotFound,
    SessionRevoked,
    UndoExpired,
)
from sojourn.events import Event, Expired, Reported, Revoked
from sojourn.label import LONGEST, cleaned
from sojourn.stores.memory import MemoryStore
from sojourn.stores.protocol import Store
from sojourn.testing import FakeClock
from sojourn.token import derive
from tests.conftest import Open

SECOND, MINUTE, HOUR, DAY = (
    timedelta(seconds=1),
    timedelta(minutes=1),
    timedelta(hours=1),
    timedelta(days=1),
)
LAPTOP, PHONE = Device(id="laptop", name="Firefox on Linux"), Device(id="phone", name="Safari on iOS")
NOBODY = UUID(int=1)
QUARANTINE = Policy(quarantine_for=DAY)


def signed_in(sessions: Sessions, user_id: str = "ada", device: Device = LAPTOP, **facts: Any) -> Issued:
    return sessions.start(user_id, device=device, **facts)


@pytest.fixture
def mine(sessions: Sessions) -> Session:
    """The session that asks."""
    return signed_in(sessions).session


@pytest.fixture
def other(sessions: Sessions, mine: Session) -> Issued:
    """Another one of the same user."""
    return signed_in(sessions, device=PHONE)


def held(sessions: Sessions, other: Issued, mine: Session) -> Session:
    return sessions.hold(other.session.id, owner="ada", by=mine)


# ── a hold ────────────────────────────────────────────────────────────────────────────────────


def uses(sessions: Sessions, issued: Issued) -> dict[str, Callable[[], Any]]:
    """All that a bearer, or whoever acts for one, may want of a session."""
    session = issued.session
    bearer = derive(session, sessions._sessions.keys, "bearer")
    claims = Claims(
        iss="https://example.org",
        sub="ada",
        aud=("shop",),
        exp=0,
        iat=0,
        jti="1",
        client_id="shop",
        sid=session.id,
        ver=session.version,
    )
    return {
        "validate": lambda: sessions.validate(issued.token),
        "passive": lambda: sessions.validate(issued.token, passive=True),
        "validate surely": lambda: sessions.validate(issued.token, sure=True),
        "refresh": lambda: sessions.refresh(issued.token),
        "borne": lambda: sessions.borne(bearer),
        "admit": lambda: sessions.admit("token", claims),
        "renew": lambda: sessions.renew(session.id),
        "update": lambda: sessions.update(session.id, set={"x": 1}),
        "impersonate": lambda: sessions.impersonate(session, "grace"),
    }


USES = (
    *("validate", "passive", "validate surely", "refresh"),
    *("borne", "admit", "renew", "update", "impersonate"),
)


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("seconds", [0, 9, 10, 11])
def test_law_01_who_is_held_is_refused_everywhere_at_once(sessions, clock, mine, other, use, seconds):
    held(sessions, other, mine)
    clock.tick(seconds=seconds)
    with pytest.raises(SessionRevoked) as refused:
        uses(sessions, other)[use]()
    assert (refused.value.id, refused.value.reason) == (other.session.id, Reason.USER)


def test_a_hold_says_until_when_it_can_be_undone_and_by_whom(sessions, clock, mine, other):
    session = held(sessions, other, mine)
    assert session.held is not None
    assert (session.held_until, session.held.by) == (clock() + 10 * SECOND, mine.id)
    assert session.held.ends_at == other.session.ends_at
    assert (session.revoked_at, mine.held_until) == (None, None)


def test_who_is_held_is_told_by_which_device(sessions, clock, mine, other):
    sessions.rename(mine.id, by=mine, name="Desk")
    held(sessions, other, mine)
    for seconds in (0, 60):
        clock.tick(seconds=seconds)
        for use in ("validate", "refresh", "borne", "admit"):
            with pytest.raises(SessionRevoked) as refused:
                uses(sessions, other)[use]()
            assert refused.value.facts == {"reason": Reason.USER, "device": "Desk"}


def test_where_the_session_that_placed_a_hold_is_forgotten_the_device_is_not_told(
    sessions, store, clock, mine, other
):
    held(sessions, other, mine)
    sessions.revoke(mine.id, owner="ada")
    clock.tick(days=1)
    drive(store.blocking().purge(before=clock() - 86_400 * SECOND + SECOND, limit=1))
    with pytest.raises(SessionRevoked) as refused:
        sessions.validate(other.token)
    assert refused.value.facts == {"reason": Reason.USER}


def test_a_hold_ends_no_sooner_than_the_session_would_by_itself(open_sessions: Open, clock):
    sessions = open_sessions(Policy(touch_every=timedelta(0)))
    mine, other = signed_in(sessions).session, signed_in(sessions, device=PHONE)
    clock.now = decisions.end(other.session, sessions.policy) - 3 * SECOND
    mine = signed_in(sessions).session
    assert held(sessions, other, mine).held_until == clock() + 3 * SECOND


def test_who_is_held_is_in_no_list_and_among_the_ended_once_it_is_final(sessions, clock, mine, other):
    held(sessions, other, mine)
    assert [s.id for s in sessions.list("ada")] == [mine.id]
    assert sessions.history("ada") == []
    at = clock.tick(seconds=10)
    (ended,) = sessions.history("ada")
    assert decisions.ending(ended, sessions.policy) == decisions.Ending(at, Reason.USER, "ada")
    assert ended.revoked_at is None


@pytest.mark.parametrize("seconds", [0, 9])
def test_undo_brings_it_back_as_it_was(sessions, clock, mine, other, seconds):
    before = other.session
    held(sessions, other, mine)
    clock.tick(seconds=seconds)
    back = sessions.undo(before.id, by=mine)
    assert back == replace(before, version=back.version, void_below=back.version, expires_at=back.expires_at)
    assert back.expires_at == before.expires_at
    assert sessions.validate(other.token).session.id == before.id
    assert {s.id for s in sessions.list("ada")} == {mine.id, before.id}
    clock.tick(days=1)
    assert sessions.validate(other.token).session.id == before.id


def test_a_refresh_while_it_was_held_is_no_replay(sessions, clock, events, mine, other):
    held(sessions, other, mine)
    with pytest.raises(SessionRevoked):
        sessions.refresh(other.token)
    sessions.undo(other.session.id, by=mine)
    issued = sessions.refresh(other.token)
    assert sessions.validate(issued.token).session.id == other.session.id


@pytest.mark.req("TH-24")
def test_law_07_only_the_session_that_placed_a_hold_lifts_it(sessions, mine, other):
    held(sessions, other, mine)
    third, theirs = signed_in(sessions, device=Device(id="tv")), signed_in(sessions, "mallory")
    for by in (third.session, theirs.session, other.session):
        with pytest.raises(SessionNotFound):
            sessions.undo(other.session.id, by=by)
    with pytest.raises(SessionRevoked):
        sessions.validate(other.token)


@pytest.mark.req("TH-24")
def test_law_07_nobody_holds_what_is_not_theirs(sessions, mine, other):
    theirs, visitor = signed_in(sessions, "mallory"), sessions.start(None)
    for id, owner, by in (
        (other.session.id, "mallory", theirs.session),
        (other.session.id, "ada", theirs.session),
        (other.session.id, "mallory", mine),
        (other.session.id, None, visitor.session),
        (visitor.session.id, "ada", mine),
        (NOBODY, "ada", mine),
    ):
        with pytest.raises(SessionNotFound):
            sessions.hold(id, owner=owner, by=by)
    assert sessions.validate(other.token).session.held is None


@pytest.mark.parametrize("seconds", [10, 11, 3600])
def test_law_01_what_has_run_out_is_not_undone(sessions, clock, mine, other, seconds):
    held(sessions, other, mine)
    clock.tick(seconds=seconds)
    with pytest.raises(UndoExpired):
        sessions.undo(other.session.id, by=mine)
    with pytest.raises(SessionRevoked):
        sessions.validate(other.token)


def test_law_01_what_was_revoked_meanwhile_is_not_undone(sessions, events, mine, other):
    held(sessions, other, mine)
    events.clear()
    sessions.revoke(other.session.id, owner=ANYBODY, reason=Reason.ADMIN, by="root")
    with pytest.raises(UndoExpired):
        sessions.undo(other.session.id, by=mine)
    (ended,) = sessions.history("ada")
    assert decisions.ending(ended, sessions.policy).reason is Reason.ADMIN
    assert [event.reason for event in events if isinstance(event, Revoked)] == [Reason.ADMIN]


def test_signing_out_everywhere_takes_the_held_along(sessions, mine, other):
    held(sessions, other, mine)
    assert sessions.revoke_all("ada", keep=mine.id, reason=Reason.PASSWORD_CHANGED) == 1
    with pytest.raises(UndoExpired):
        sessions.undo(other.session.id, by=mine)


def test_signing_in_again_there_leaves_nothing_to_undo(sessions, mine, other):
    held(sessions, other, mine)
    again = signed_in(sessions, device=PHONE)
    with pytest.raises(UndoExpired):
        sessions.undo(other.session.id, by=mine)
    assert sessions.validate(again.token).session.id == again.session.id


def test_what_ended_without_a_hold_has_nothing_to_undo(sessions, mine, other):
    sessions.revoke(other.session.id, owner="ada")
    for id in (other.session.id, NOBODY):
        with pytest.raises(SessionNotFound):
            sessions.undo(id, by=mine)


def test_an_undo_whose_answer_was_lost_is_answered_again(sessions, mine, other):
    held(sessions, other, mine)
    assert sessions.undo(other.session.id, by=mine) == sessions.undo(other.session.id, by=mine)


def test_who_asks_twice_gets_the_same_hold_and_others_get_none(sessions, clock, mine, other):
    first = held(sessions, other, mine)
    clock.tick(seconds=5)
    assert held(sessions, other, mine) == first
    third = signed_in(sessions, device=Device(id="tv"))
    with pytest.raises(SessionNotFound):
        sessions.hold(other.session.id, owner="ada", by=third.session)
    clock.tick(seconds=5)
    with pytest.raises(SessionNotFound):
        held(sessions, other, mine)


def test_a_session_does_not_hold_itself(sessions, mine):
    with pytest.raises(Forbidden, match="Sign out"):
        sessions.hold(mine.id, owner="ada", by=mine)


def test_what_was_lifted_can_be_held_again(sessions, mine, other):
    for _ in range(3):
        held(sessions, other, mine)
        back = sessions.undo(other.session.id, by=mine)
    assert back.ends_at == other.session.ends_at


def test_without_undo_a_hold_is_an_ending_at_once(open_sessions: Open, clock, events):
    sessions = open_sessions(Policy(undo_for=timedelta(0)))
    mine, other = signed_in(sessions).session, signed_in(sessions, device=PHONE)
    ended = held(sessions, other, mine)
    assert (ended.held, ended.revoked_at, ended.reason, ended.revoked_by) == (
        *(None, clock()),
        *(Reason.USER, "ada"),
    )
    assert [(e.session_id, e.reason, e.by) for e in events if isinstance(e, Revoked)] == [
        (other.session.id, Reason.USER, "ada")
    ]
    with pytest.raises(SessionNotFound):
        sessions.undo(other.session.id, by=mine)


@pytest.mark.parametrize("undone", [False, True])
def test_law_05_another_process_feels_a_hold_and_its_end(open_sessions: Open, store, clock, undone):
    here, there = open_sessions(), open_sessions()
    mine, other = signed_in(here).session, signed_in(here, device=PHONE)
    for sessions in (here, there):
        assert sessions.validate(other.token).session.id == other.session.id
    held(here, other, mine)
    clock.tick(seconds=1)
    for sessions in (here, there):
        with pytest.raises(SessionRevoked):
            sessions.validate(other.token)
    if undone:
        here.undo(other.session.id, by=mine)
    else:
        clock.tick(seconds=9)
    for sessions in (here, there):
        if undone:
            assert sessions.validate(other.token).session.id == other.session.id
        else:
            with pytest.raises(SessionRevoked):
                sessions.validate(other.token)


# ── holds of administrators ───────────────────────────────────────────────────────────────────


def held_for(sessions: Sessions, session: Session, by: Session, note: str) -> Session:
    until = session.created_at + MINUTE
    return sessions.hold_for(session.id, by=by.id, actor="root", until=until, note=note)


def test_an_administrators_hold_is_lifted_in_the_same_session_and_for_the_same_cause(sessions, mine, other):
    boss = signed_in(sessions, "root").session
    held = held_for(sessions, other.session, boss, "a leak")
    assert held_for(sessions, other.session, boss, "a leak") == held
    for by, note in ((mine, "a leak"), (boss, "another one")):
        with pytest.raises(SessionNotFound):
            sessions.lift_for(held.id, by=by.id, note=note)
    assert sessions.lift_for(held.id, by=boss.id, note="a leak").held is None
    assert sessions.validate(other.token).session.id == held.id


def test_what_nobody_holds_is_left_as_it_is_and_what_is_not_there_is_not_found(sessions, other):
    assert sessions.lift_for(other.session.id, by=NOBODY, note=None).held is None
    with pytest.raises(SessionNotFound):
        sessions.lift_for(NOBODY, by=NOBODY, note=None)


def test_what_its_user_holds_an_administrator_ends_for_good(sessions, mine, other):
    sessions.hold(other.session.id, owner="ada", by=mine)
    over = held_for(sessions, other.session, signed_in(sessions, "root").session, "a leak")
    assert (over.reason, over.revoked_by) == (Reason.ADMIN, "root")
    with pytest.raises((UndoExpired, SessionNotFound)):
        sessions.undo(other.session.id, by=mine)


def test_activity_that_waits_does_not_outlast_a_hold(store: Store, clock: FakeClock, keys: Keys, loop):
    sessions = AsyncSessions(store, keys=keys, clock=clock)

    async def main() -> None:
        mine, other = [(await sessions.start("ada", device=device)) for device in (LAPTOP, PHONE)]
        sessions.activity.waits = True
        clock.tick(minutes=2)
        await sessions.validate(other.token)
        assert len(sessions.activity) == 1
        held = await sessions.hold(other.session.id, owner="ada", by=mine.session)
        await sessions.flush()
        stored = await sessions.store.get(other.session.id)
        assert stored is not None
        assert stored.expires_at == held.held_until
        assert stored.seen_at == clock()
        await sessions.close()

    loop.run(main())


# ── what is told of it ────────────────────────────────────────────────────────────────────────


class Told:
    """A worker over a store of its own, and what it tells."""

    def __init__(self, keys: Keys, clock: FakeClock) -> None:
        self.events: list[Event] = []
        self.over: list[Session] = []
        self.sessions = AsyncSessions(MemoryStore(), keys=keys, clock=clock, on_event=self.events.append)
        self.worker = Worker(self.sessions, expired=self._note)

    async def _note(self, over: Any, _: Any) -> None:
        self.over += over

    async def begin(self, *, undone: bool) -> Session:
        mine, other = [await self.sessions.start("ada", device=device) for device in (LAPTOP, PHONE)]
        self.events.clear()
        await self.sessions.hold(other.session.id, owner="ada", by=mine.session)
        if undone:
            await self.sessions.undo(other.session.id, by=mine.session)
        return other.session

    def ended(self) -> list[Event]:
        return [event for event in self.events if isinstance(event, Revoked | Expired)]


def test_a_change_of_role_does_not_pass_the_held_by(sessions, mine, other):
    held(sessions, other, mine)
    sessions.renew_all("ada", profile="admin")
    back = sessions.undo(other.session.id, by=mine)
    assert (back.renew_due, back.profile) == (True, "admin")


def test_nor_does_an_idle_timeout_of_one_s_own(sessions, clock, mine, other):
    held(sessions, other, mine)
    sessions.limit_idle("ada", HOUR)
    back = sessions.undo(other.session.id, by=mine)
    assert back.idle_timeout == HOUR
    assert decisions.idle_end(back, sessions.policy) == clock() + HOUR


@pytest.mark.parametrize("change", ["renew_all", "limit_idle"])
def test_law_01_what_has_run_out_is_changed_by_neither(sessions, clock, mine, other, change):
    held(sessions, other, mine)
    clock.tick(seconds=11)
    if change == "renew_all":
        sessions.renew_all("ada")
    else:
        sessions.limit_idle("ada", HOUR)
    with pytest.raises(UndoExpired):
        sessions.undo(other.session.id, by=mine)
    with pytest.raises(SessionRevoked):
        sessions.validate(other.token)


def test_who_acts_as_somebody_else_signs_out_for_good_and_that_is_said(sessions, events, mine, other):
    boss = sessions.start("grace").session
    acting = sessions.impersonate(boss, "ada").session
    over = sessions.hold(other.session.id, owner="ada", by=acting)
    assert (over.held_until, over.revoked_by) == (None, "grace")
    assert [event.by for event in events if isinstance(event, Revoked)] == ["grace"]


async def test_that_a_hold_ended_a_session_is_told_when_it_has_run_out(keys, clock):
    told = Told(keys, clock)
    other = await told.begin(undone=False)
    await told.worker.step(clock())
    assert told.ended() == []
    at = clock.tick(seconds=10)
    for _ in range(2):
        await told.worker.step(at)
    assert told.ended() == [Revoked(at=at, session_id=other.id, user_id="ada", reason=Reason.USER, by="ada")]
    assert [session.id for session in told.over] == [other.id]


async def test_of_a_hold_that_was_lifted_nothing_is_told(keys, clock):
    told = Told(keys, clock)
    await told.begin(undone=True)
    await told.worker.step(clock.tick(minutes=5))
    assert (told.ended(), told.over) == ([], [])


def test_what_ended_by_time_ended_without_a_reason(sessions, mine):
    at = decisions.idle_end(mine, sessions.policy)
    assert decisions.ending(mine, sessions.policy) == decisions.Ending(at, None, None)


# ── not me ────────────────────────────────────────────────────────────────────────────────────


def test_a_report_ends_all_sessions_of_the_device_for_good(sessions, clock, events, mine, other):
    application = signed_in(sessions, device=PHONE, application_id="shop")
    tablet = signed_in(sessions, device=Device(id="tablet"))
    theirs = signed_in(sessions, "grace", device=PHONE)
    events.clear()
    assert sessions.report(other.session.id, by=mine) == 2
    assert {s.id for s in sessions.list("ada")} == {mine.id, tablet.session.id}
    sessions.validate(theirs.token)
    for issued in (other, application):
        with pytest.raises(SessionRevoked) as refused:
            sessions.validate(issued.token)
        assert refused.value.reason is Reason.REPORTED
    first, *rest = events[:3]
    assert first == Reported(
        at=clock(), session_id=other.session.id, user_id="ada", by=mine.id, device="Safari on iOS"
    )
    assert {(e.session_id, e.reason) for e in rest} == {
        (s.session.id, Reason.REPORTED) for s in (other, application)
    }
    with pytest.raises(SessionNotFound):
        sessions.undo(other.session.id, by=mine)


def test_a_report_of_a_device_without_an_id_is_about_one_session(sessions, mine):
    nameless = [signed_in(sessions, device=Device(name="curl")) for _ in range(2)]
    assert sessions.report(nameless[0].session.id, by=mine) == 1
    sessions.validate(nameless[1].token)


def test_a_report_about_a_session_of_this_device_spares_the_one_that_reports(sessions, mine):
    beside = signed_in(sessions, device=LAPTOP, application_id="shop")
    assert sessions.report(beside.session.id, by=mine) == 1
    assert [s.id for s in sessions.list("ada")] == [mine.id]


def test_a_report_may_end_all_others(sessions, events, mine, other):
    tablet = signed_in(sessions, device=Device(id="tablet"))
    assert sessions.report(other.session.id, by=mine, others=True) == 2
    assert [s.id for s in sessions.list("ada")] == [mine.id]
    assert {e.session_id: e.reason for e in events if isinstance(e, Revoked)} == {
        other.session.id: Reason.REPORTED,
        tablet.session.id: Reason.USER,
    }


def test_what_is_held_can_be_reported_before_it_is_over(sessions, mine, other):
    held(sessions, other, mine)
    assert sessions.report(other.session.id, by=mine) == 1
    with pytest.raises(UndoExpired):
        sessions.undo(other.session.id, by=mine)


def test_nobody_reports_themselves_nor_what_is_not_theirs(sessions, events, mine, other):
    theirs, visitor = signed_in(sessions, "mallory").session, sessions.start(None).session
    ended = signed_in(sessions, device=Device(id="tv")).session
    sessions.revoke(ended.id, owner="ada")
    events.clear()
    with pytest.raises(Forbidden):
        sessions.report(mine.id, by=mine)
    for id, by in (
        *((other.session.id, theirs), (other.session.id, visitor)),
        *((visitor.id, visitor), (NOBODY, mine), (ended.id, mine)),
    ):
        with pytest.raises((SessionNotFound, Forbidden)):
            sessions.report(id, by=by)
    assert events == []


# ── a name for a device ───────────────────────────────────────────────────────────────────────


def test_a_name_is_for_all_sessions_of_the_device(sessions, mine, other):
    beside = signed_in(sessions, device=PHONE, application_id="shop")
    renamed = sessions.rename(other.session.id, by=mine, name="  Ada's\tphone ")
    assert renamed.device == replace(PHONE, custom_name="Ada's phone")
    names = {s.id: s.device.custom_name for s in sessions.list("ada")}
    assert names == {
        mine.id: None,
        other.session.id: "Ada's phone",
        beside.session.id: "Ada's phone",
    }
    assert sessions.rename(beside.session.id, by=mine, name=" \u202e ").device == PHONE
    assert {s.device.custom_name for s in sessions.list("ada")} == {None}


def test_the_same_name_once_more_changes_nothing(sessions, mine):
    first = sessions.rename(mine.id, by=mine, name="Desk")
    assert sessions.rename(mine.id, by=mine, name=" Desk ") == first


def test_one_may_name_the_device_in_use(sessions, mine):
    assert sessions.rename(mine.id, by=mine, name="Desk").device.custom_name == "Desk"


def test_a_device_without_an_id_is_named_alone(sessions, mine):
    one, two = (signed_in(sessions, device=Device(name="curl")).session for _ in range(2))
    sessions.rename(one.id, by=mine, name="script")
    names = {s.id: s.device.custom_name for s in sessions.list("ada")}
    assert (names[one.id], names[two.id]) == ("script", None)


def test_a_name_voids_no_token(sessions, mine, other):
    sessions.rename(other.session.id, by=mine, name="Phone")
    found = sessions.validate(other.token).session
    assert (found.void_below, found.device.custom_name) == (0, "Phone")


def test_nobody_names_what_is_not_theirs_or_is_over(sessions, mine, other):
    theirs, gone = signed_in(sessions, "mallory").session, signed_in(sessions, device=Device()).session
    sessions.revoke(gone.id, owner="ada")
    for id, by in ((other.session.id, theirs), (gone.id, mine), (NOBODY, mine)):
        with pytest.raises(SessionNotFound):
            sessions.rename(id, by=by, name="x")
    held(sessions, other, mine)
    with pytest.raises(SessionNotFound):
        sessions.rename(other.session.id, by=mine, name="x")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (None, None),
        ("", None),
        (" \t\n", None),
        ("\u200d\u200c", None),
        ("Kitchen tablet", "Kitchen tablet"),
        ("a\r\nb\u2028c\u00a0 d", "a b c d"),
        ("\u202egnp.exe\u202c", "gnp.exe"),
        ("\ufefftill\u00ad 3\x00", "till 3"),
        ("e\u0301", "\u00e9"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("<img onerror>", "<img onerror>"),
        ("x" * LONGEST, "x" * LONGEST),
        ("\ud800x", "x"),
    ],
)
def test_a_name_is_one_line_that_shows_what_it_says(text, name):
    assert cleaned(text) == name


@pytest.mark.parametrize("length", [LONGEST + 1, 10 * LONGEST + 1])
def test_a_long_name_is_refused(length):
    with pytest.raises(BodyRejected) as refused:
        cleaned("x" * length)
    assert (refused.value.status, refused.value.facts) == (422, {"field": "name"})


# ── an idle timeout of one's own ──────────────────────────────────────────────────────────────


def test_an_idle_timeout_of_ones_own_holds_at_once_for_all_ones_sessions(sessions, clock, mine, other):
    assert sessions.limit_idle("ada", HOUR) == 2
    theirs = signed_in(sessions, "grace")
    clock.tick(minutes=59)
    assert sessions.validate(other.token).session.idle_timeout == HOUR
    clock.tick(minutes=59)
    sessions.validate(other.token)
    assert [s.id for s in sessions.list("ada")] == [other.session.id]
    clock.tick(minutes=62)
    with pytest.raises(SessionExpired) as refused:
        sessions.validate(other.token)
    assert (refused.value.limit, refused.value.after) == ("idle", HOUR)
    sessions.validate(theirs.token)


def test_it_can_be_taken_back(sessions, clock, mine, other):
    sessions.limit_idle("ada", HOUR)
    clock.tick(minutes=30)
    assert sessions.limit_idle("ada", None) == 2
    clock.tick(days=13)
    assert sessions.validate(other.token).session.idle_timeout is None


def test_a_longer_one_moves_the_stored_end(sessions, clock):
    issued = signed_in(sessions, idle_timeout=HOUR)
    assert issued.session.expires_at == clock() + HOUR + MINUTE + SECOND
    sessions.limit_idle("ada", 8 * HOUR)
    stored = sessions.list("ada")[0]
    assert stored.expires_at == clock() + 8 * HOUR + MINUTE + SECOND


def test_it_never_lengthens_what_the_policy_has(open_sessions: Open, clock):
    sessions = open_sessions(Policy(idle_timeout=HOUR))
    issued = signed_in(sessions, idle_timeout=DAY)
    assert issued.session.expires_at == clock() + HOUR + MINUTE + SECOND
    assert sessions.policy.of(issued.session) is sessions.policy


def test_the_same_once_more_changes_nothing(sessions, mine):
    sessions.limit_idle("ada", HOUR)
    (before,) = sessions.list("ada")
    assert sessions.limit_idle("ada", HOUR) == 1
    assert sessions.list("ada") == [before]


def test_law_05_a_shorter_one_is_felt_where_snapshots_are(open_sessions: Open, clock):
    here, there = open_sessions(), open_sessions()
    issued = signed_in(here)
    there.validate(issued.token, passive=True)
    clock.tick(minutes=4)
    there.validate(issued.token, passive=True)
    here.limit_idle("ada", 5 * MINUTE)
    clock.tick(minutes=2, seconds=17)
    with pytest.raises(SessionExpired):
        there.validate(issued.token, passive=True)


def test_a_snapshot_does_not_outlive_it(open_sessions: Open, clock):
    sessions = open_sessions(Policy(cache_for=HOUR, touch_every=timedelta(0)))
    issued = signed_in(sessions, idle_timeout=5 * MINUTE)
    sessions.validate(issued.token, passive=True)
    clock.tick(minutes=5)
    with pytest.raises(SessionExpired):
        sessions.validate(issued.token, passive=True)


@pytest.mark.parametrize(
    "policy",
    [
        Policy(),
        Policy(touch_every=2 * HOUR, activity_every=HOUR),
        Policy(idle_timeout=None, touch_every=10 * DAY, activity_every=DAY),
        Policy(touch_every=timedelta(0)),
    ],
)
@pytest.mark.parametrize("own", [5 * MINUTE, HOUR, 14 * DAY, 31 * DAY])
def test_active_people_are_never_signed_out_by_their_own(open_sessions: Open, clock, policy, own):
    sessions = open_sessions(policy)
    issued = signed_in(sessions, idle_timeout=own)
    rules = sessions.policy.of(issued.session)
    assert rules.idle_timeout is not None
    for _ in range(4):
        clock.tick(seconds=(rules.idle_timeout - SECOND).total_seconds())
        if clock() >= issued.session.ends_at:
            break
        sessions.validate(issued.token)
    assert rules.touch_every * 4 <= rules.idle_timeout
    assert policy.shortest_touch <= rules.touch_every


# ── quarantine ────────────────────────────────────────────────────────────────────────────────


def acts(sessions: Sessions, by: Session, other: Session) -> list[Callable[[], Any]]:
    return [
        lambda: sessions.hold(other.id, owner="ada", by=by),
        lambda: sessions.report(other.id, by=by),
        lambda: sessions.report(other.id, by=by, others=True),
        lambda: sessions.rename(other.id, by=by, name="x"),
        lambda: sessions.require_settled(by, other.id),
        lambda: sessions.require_settled(by),
    ]


def refusals_of(calls: list[Callable[[], Any]]) -> list[type[Refusal] | None]:
    found: list[type[Refusal] | None] = []
    for call in calls:
        try:
            call()
        except Refusal as refusal:
            found.append(type(refusal))
        else:
            found.append(None)
    return found


@pytest.mark.parametrize("number", range(6))
def test_a_new_session_has_no_say_in_older_ones_for_a_day(open_sessions: Open, clock, number):
    sessions = open_sessions(QUARANTINE)
    old = signed_in(sessions, device=PHONE)
    clock.tick(hours=1)
    new = signed_in(sessions).session
    clock.tick(hours=23, minutes=59)
    with pytest.raises(FreshnessRequired) as refused:
        acts(sessions, new, old.session)[number]()
    assert refused.value.max_age == sessions.policy.fresh_for
    sessions.validate(old.token)
    clock.tick(minutes=1)
    acts(sessions, new, old.session)[number]()


@pytest.mark.parametrize("number", range(6))
def test_one_more_proof_ends_the_quarantine(open_sessions: Open, clock, number):
    sessions = open_sessions(QUARANTINE)
    old = signed_in(sessions, device=PHONE)
    clock.tick(hours=1)
    new = signed_in(sessions).session
    clock.tick(seconds=1)
    proven = sessions.renew(new.id, authenticated=True).session
    acts(sessions, proven, old.session)[number]()


def test_in_quarantine_newer_ones_may_be_ended_but_not_by_way_of_them_older_ones(open_sessions: Open, clock):
    sessions = open_sessions(QUARANTINE)
    older = signed_in(sessions, device=PHONE)
    clock.tick(hours=1)
    new = signed_in(sessions).session
    clock.tick(hours=1)
    beside = signed_in(sessions, device=PHONE, application_id="shop").session
    newest = signed_in(sessions, device=Device(id="tv")).session
    for call in (
        lambda: sessions.report(beside.id, by=new),
        lambda: sessions.rename(beside.id, by=new, name="x"),
    ):
        with pytest.raises(FreshnessRequired):
            call()
    sessions.validate(older.token)
    sessions.hold(newest.id, owner="ada", by=new)
    sessions.hold(beside.id, owner="ada", by=new)


def test_without_a_quarantine_new_sessions_are_trusted(sessions, clock):
    old = signed_in(sessions, device=PHONE).session
    clock.tick(hours=1)
    new = signed_in(sessions).session
    assert refusals_of([lambda: sessions.require_settled(new, old.id)]) == [None]


def test_who_acts_as_somebody_else_is_in_quarantine_to_the_end(open_sessions: Open, clock):
    sessions = open_sessions(QUARANTINE)
    old = signed_in(sessions, device=PHONE).session
    clock.tick(hours=1)
    acting = sessions.impersonate(signed_in(sessions, "root").session, "ada").session
    assert refusals_of([lambda: sessions.hold(old.id, owner="ada", by=acting)]) == [FreshnessRequired]


def test_an_impersonation_shows_nobody_what_the_administrator_calls_his_device(sessions):
    root = signed_in(sessions, "root").session
    named = sessions.rename(root.id, by=root, name="Bob's private laptop")
    assert sessions.impersonate(named, "ada").session.device == LAPTOP


def test_who_acts_as_a_user_ends_with_a_hold_of_their_own_session_for_good(sessions, clock):
    """The child is revoked where its parent is refused: an undo brings back the parent alone."""
    root, beside = signed_in(sessions, "root"), signed_in(sessions, "root", device=PHONE).session
    acting = sessions.impersonate(root.session, "ada")
    sessions.hold(root.session.id, owner="root", by=beside)
    with pytest.raises(SessionRevoked):
        sessions.validate(acting.token)
    sessions.undo(root.session.id, by=beside)
    sessions.validate(root.token)
    with pytest.raises(SessionRevoked):
        sessions.validate(acting.token)


def test_a_count_counts_the_held_until_the_hold_has_run_out(sessions, clock, mine, other):
    held(sessions, other, mine)
    assert sessions.count(Query(user_id="ada", live_at=clock())) == 2
    assert sessions.count(Query(user_id="ada", live_at=clock.tick(seconds=10))) == 1
