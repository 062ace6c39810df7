"""The verbs, on every store and through both faces: what a caller gets, and what is left behind."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from rich.pretty import pretty_repr

from sojourn import (
    AsyncSessions,
    Device,
    Key,
    Keys,
    Place,
    Policy,
    Query,
    Reason,
    Session,
    Sessions,
)
from sojourn import lifecycle as decisions
from sojourn.blocking import drive
from sojourn.errors import (
    AccessExpired,
    DataTooLarge,
    FreshnessRequired,
    QueryNotSupported,
    SessionChanged,
    SessionExpired,
    SessionNotFound,
    SessionRevoked,
    TokenInvalid,
    TokenReplayed,
    TokenSuperseded,
    TooManySessions,
)
from sojourn.events import Event, Refreshed, Refused, Renewed, Replayed, Revoked, Started
from sojourn.session import new_id
from sojourn.sessions import ANYBODY, utc_now
from sojourn.stores.memory import MemoryStore
from sojourn.testing import FakeClock
from tests.conftest import Open

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LAPTOP, PHONE = Device(id="laptop", name="Firefox on Linux"), Device(id="phone", name="Safari on iPhone")
NOBODY = UUID(int=1)


def live(sessions: Sessions, user_id: str = "ada") -> list[UUID]:
    return [session.id for session in sessions.list(user_id)]


def told(events: list[Event], kind: type[Event]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


# ── begin ─────────────────────────────────────────────────────────────────────────────────────


def test_the_token_of_a_new_session_is_accepted(sessions):
    issued = sessions.start("ada")
    assert sessions.validate(issued.token).session == issued.session


def test_a_new_session_carries_what_the_application_said(sessions):
    said: dict[str, Any] = {
        "device": LAPTOP,
        "place": Place(city="Paris", country="FR"),
        "ip": "192.0.2.1",
        "amr": ("pwd", "otp"),
        "aal": 2,
        "remember": True,
        "application_id": "shop",
        "tenant_id": "acme",
        "data": {"cart": [1, 2]},
    }
    session = sessions.validate(sessions.start("ada", **said).token).session
    assert {name: getattr(session, name) for name in said} == said


@pytest.mark.req("A7-7.2.2")
def test_two_sign_ins_have_different_tokens(sessions):
    assert sessions.start("ada").token != sessions.start("ada").token


@pytest.mark.req("OS-19")
def test_starting_is_told(sessions, events, clock):
    session = sessions.start("ada", device=LAPTOP, ip="192.0.2.1", amr=["pwd"]).session
    assert events == [
        Started(
            at=clock(),
            session_id=session.id,
            user_id="ada",
            ip="192.0.2.1",
            device="Firefox on Linux",
            device_id="laptop",
            amr=("pwd",),
        )
    ]


def test_a_visitor_has_a_session_too(sessions):
    visitor = sessions.start(None, data={"cart": 1})
    assert sessions.validate(visitor.token).session.user_id is None


@pytest.mark.parametrize("what", ["Issued", "Validated"])
def test_what_a_verb_gives_back_prints_without_its_token(sessions, what):
    issued = sessions.start("ada")
    answer = (
        issued if what == "Issued" else type(sessions.validate(issued.token))(issued.session, issued.token)
    )
    for show in (repr, str, pretty_repr):
        assert issued.token not in show(answer)
        assert show(answer).startswith(f"<{what} ")


# ── begin again in the same browser ───────────────────────────────────────────────────────────


@pytest.mark.req("A7-7.2.4")
def test_signing_in_again_renews_the_session_of_this_browser(sessions, clock):
    first = sessions.start("ada")
    clock.tick(hours=1)
    second = sessions.start("ada", replacing=first.session, amr=["otp"], aal=2)
    assert (second.session.id, second.session.ends_at) == (first.session.id, first.session.ends_at)
    assert (second.session.authenticated_at, second.session.amr, second.session.aal) == (clock(), ("otp",), 2)


def test_signing_in_again_by_a_proof_of_some_time_ago_makes_nothing_fresh(
    sessions: Sessions, clock: FakeClock
):
    first = sessions.start("ada")
    clock.tick(hours=1)
    proved_at = clock() - timedelta(minutes=59)
    again = sessions.start("ada", replacing=first.session, authenticated_at=proved_at)
    assert (again.session.id != first.session.id, again.session.authenticated_at) == (True, proved_at)
    with pytest.raises(SessionRevoked):
        sessions.validate(first.token)


def test_signing_in_again_tells_where_from_and_with_what(sessions):
    first = sessions.start("ada", device=Device(name="Firefox 145 on Linux"), ip="192.0.2.1")
    newer = Device(name="Firefox 146 on Linux")
    again = sessions.start("ada", replacing=first.session, device=newer, ip="192.0.2.2")
    assert (again.session.device, again.session.ip) == (newer, "192.0.2.2")


@pytest.mark.req("TH-01")
def test_after_signing_in_again_the_earlier_token_is_refused(sessions):
    first = sessions.start("ada")
    sessions.start("ada", replacing=first.session)
    with pytest.raises(TokenInvalid):
        sessions.validate(first.token)


def test_signing_in_again_patches_the_data(sessions):
    first = sessions.start("ada", data={"theme": "dark", "cart": 1})
    again = sessions.start("ada", replacing=first.session, data={"cart": 2})
    assert again.session.data == {"theme": "dark", "cart": 2}


def test_signing_in_again_with_too_much_data_leaves_the_old_token_good(sessions):
    first = sessions.start("ada")
    with pytest.raises(DataTooLarge):
        sessions.start("ada", replacing=first.session, data={"cart": "x" * 20_000})
    assert sessions.validate(first.token).session.id == first.session.id


def test_of_two_sign_ins_from_one_session_the_second_is_told_so_and_the_first_stays_good(sessions):
    before = sessions.start("ada")
    first = sessions.start("ada", replacing=before.session)
    with pytest.raises(SessionChanged):
        sessions.start("ada", replacing=before.session)
    assert sessions.validate(first.token).session.id == before.session.id


@pytest.mark.parametrize("over", ["revoked", "expired", "purged"])
def test_signing_in_again_after_the_end_starts_a_new_session(sessions, clock, over):
    first = sessions.start("ada")
    if over == "revoked":
        sessions.revoke(first.session.id, owner="ada")
    else:
        clock.tick(days=31 if over == "expired" else 121)
    if over == "purged":
        sessions.purge()
    second = sessions.start("ada", replacing=first.session)
    assert second.session.id != first.session.id
    assert live(sessions) == [second.session.id]


@pytest.mark.req("TH-24")
@pytest.mark.parametrize("scope", [{"application_id": "shop"}, {"tenant_id": "acme"}])
def test_signing_in_to_another_application_or_tenant_is_another_session(sessions, scope):
    first = sessions.start("ada")
    second = sessions.start("ada", replacing=first.session, **scope)
    assert live(sessions) == [second.session.id]
    with pytest.raises(SessionRevoked) as refused:
        sessions.validate(first.token)
    assert refused.value.reason == Reason.REPLACED


def test_a_visitor_who_signs_in_keeps_their_data(sessions):
    visitor = sessions.start(None, data={"cart": 1, "theme": "dark"})
    user = sessions.start("ada", replacing=visitor.session, data={"theme": "light"})
    assert user.session.data == {"cart": 1, "theme": "light"}


@pytest.mark.req("OS-09")
def test_a_visitor_who_signs_in_leaves_their_session(sessions):
    visitor = sessions.start(None)
    user = sessions.start("ada", replacing=visitor.session)
    assert user.session.id != visitor.session.id
    with pytest.raises(SessionRevoked):
        sessions.validate(visitor.token)


def test_signing_in_as_somebody_else_revokes_the_session_of_the_one_before(sessions, events):
    ada = sessions.start("ada", data={"cart": 1})
    bob = sessions.start("bob", replacing=ada.session)
    assert (live(sessions, "ada"), live(sessions, "bob")) == ([], [bob.session.id])
    assert bob.session.data == {}
    (revoked,) = told(events, Revoked)
    assert (revoked.session_id, revoked.user_id, revoked.reason) == (ada.session.id, "ada", Reason.REPLACED)


def test_the_new_session_is_there_before_the_old_one_goes(sessions, events):
    visitor = sessions.start(None)
    sessions.start("ada", replacing=visitor.session)
    assert [type(event) for event in events] == [Started, Started, Revoked]


# ── devices and caps ──────────────────────────────────────────────────────────────────────────


def test_a_new_sign_in_on_the_same_device_replaces_the_old_one(sessions, events):
    old = sessions.start("ada", device=LAPTOP)
    phone = sessions.start("ada", device=PHONE)
    new = sessions.start("ada", device=LAPTOP)
    assert set(live(sessions)) == {phone.session.id, new.session.id}
    assert [(event.session_id, event.reason) for event in told(events, Revoked)] == [
        (old.session.id, Reason.REPLACED)
    ]


def test_two_people_may_share_a_device(sessions):
    sessions.start("ada", device=LAPTOP)
    sessions.start("bob", device=LAPTOP)
    assert (len(live(sessions, "ada")), len(live(sessions, "bob"))) == (1, 1)


def test_sessions_without_a_device_id_replace_nobody(sessions):
    sessions.start("ada")
    sessions.start("ada")
    assert len(live(sessions)) == 2


def used_in_order(open_sessions: Open, policy: Policy, clock: FakeClock) -> tuple[Sessions, list[UUID]]:
    """Three sessions, of which the oldest was used last."""
    sessions = open_sessions(policy)
    issued = []
    for _ in range(3):
        issued.append(sessions.start("ada"))
        clock.tick(minutes=5)
    sessions.validate(issued[0].token)
    return sessions, [one.session.id for one in issued]


@pytest.mark.req("A7-7.1.2")
def test_at_the_cap_the_longest_idle_session_ends(open_sessions, clock):
    sessions, (oldest, idle, newest) = used_in_order(open_sessions, Policy(max_sessions=3), clock)
    added = sessions.start("ada").session.id
    assert set(live(sessions)) == {oldest, newest, added}
    assert sessions.history("ada")[0].id == idle


@pytest.mark.req("A7-7.1.2")
def test_at_the_cap_the_oldest_session_ends(open_sessions, clock):
    policy = Policy(max_sessions=3, at_cap="end_oldest")
    sessions, (_, second, third) = used_in_order(open_sessions, policy, clock)
    added = sessions.start("ada").session.id
    assert set(live(sessions)) == {second, third, added}


@pytest.mark.req("A7-7.1.2")
def test_at_the_cap_a_sign_in_may_be_refused_naming_who_is_in_the_way(open_sessions, clock):
    policy = Policy(max_sessions=3, at_cap="refuse")
    sessions, ids = used_in_order(open_sessions, policy, clock)
    with pytest.raises(TooManySessions) as refused:
        sessions.start("ada")
    assert {session.id for session in refused.value.sessions} == set(ids)
    assert (refused.value.limit, set(live(sessions))) == (3, set(ids))


def test_a_refused_sign_in_tells_nothing_as_begun(open_sessions, events):
    sessions = open_sessions(Policy(max_sessions=1, at_cap="refuse"))
    sessions.start("ada")
    with pytest.raises(TooManySessions):
        sessions.start("ada")
    assert len(told(events, Started)) == 1


def test_at_the_cap_the_same_device_makes_its_own_room(open_sessions):
    sessions = open_sessions(Policy(max_sessions=1, at_cap="refuse"))
    sessions.start("ada", device=LAPTOP)
    again = sessions.start("ada", device=LAPTOP)
    assert live(sessions) == [again.session.id]


def test_a_lowered_cap_ends_all_the_surplus_at_the_next_sign_in(open_sessions):
    before = open_sessions()
    for _ in range(4):
        before.start("ada")
    sessions = open_sessions(Policy(max_sessions=2))
    sessions.start("ada")
    assert len(live(sessions)) == 2


def test_the_cap_ends_with_its_reason_and_an_event(open_sessions, events):
    sessions = open_sessions(Policy(max_sessions=1))
    old = sessions.start("ada")
    sessions.start("ada")
    assert [(event.session_id, event.reason) for event in told(events, Revoked)] == [
        (old.session.id, Reason.CAP)
    ]


def test_the_cap_counts_live_sessions_of_one_user(open_sessions, clock):
    sessions = open_sessions(Policy(max_sessions=1, at_cap="refuse"))
    sessions.start("ada")
    sessions.start("bob")
    clock.tick(days=31)
    assert len([sessions.start("ada")]) == 1


def test_without_a_cap_any_number_lives(open_sessions):
    sessions = open_sessions(Policy(max_sessions=None))
    for _ in range(105):
        sessions.start("ada")
    assert sessions.count(Query(user_id="ada")) == 105


def test_visitors_are_not_capped(open_sessions):
    sessions = open_sessions(Policy(max_sessions=1, at_cap="refuse"))
    for _ in range(3):
        sessions.start(None, device=LAPTOP)
    assert sessions.count(Query(live_at=utc_now() - 400 * DAY)) == 3


# ── use ───────────────────────────────────────────────────────────────────────────────────────


def test_a_use_is_recorded(sessions, clock):
    token = sessions.start("ada").token
    clock.tick(minutes=5)
    sessions.validate(token)
    assert sessions.list("ada")[0].seen_at == clock()


def test_a_passive_use_is_not_recorded(sessions, clock):
    token = sessions.start("ada").token
    began = clock()
    clock.tick(minutes=5)
    sessions.validate(token, passive=True)
    assert sessions.list("ada")[0].seen_at == began


def test_an_ordinary_use_hands_out_no_token(sessions):
    assert sessions.validate(sessions.start("ada").token).token is None


def test_a_use_confirms_the_new_generation(sessions, clock):
    token = sessions.refresh(sessions.start("ada").token).token
    assert sessions.list("ada")[0].confirmed_at is None
    sessions.validate(token, passive=True)
    assert sessions.list("ada")[0].confirmed_at == clock()


def test_a_generation_that_is_too_old_is_refreshed_and_goes_on(open_sessions, clock, events):
    sessions = open_sessions(Policy(rotate_every=15 * MINUTE))
    token = sessions.start("ada").token
    clock.tick(minutes=15)
    with pytest.raises(AccessExpired):
        sessions.validate(token)
    assert sessions.validate(token, rotating=False).session.user_id == "ada"
    assert sessions.validate(sessions.refresh(token).token).session.user_id == "ada"
    assert told(events, Refused) == []


def test_a_refresh_hands_out_the_successor(sessions):
    first = sessions.start("ada")
    second = sessions.refresh(first.token)
    assert second.token != first.token
    assert (second.session.id, second.session.generation) == (first.session.id, 1)


@pytest.mark.req("R-05")
def test_a_chain_of_refreshes_goes_on(sessions, clock):
    token = sessions.start("ada").token
    for _ in range(20):
        clock.tick(minutes=20)
        token = sessions.refresh(token).token
    assert sessions.validate(token).session.generation == 20


@pytest.mark.req("R-07")
def test_whoever_asks_with_the_same_token_gets_the_same_successor(sessions, events):
    token = sessions.start("ada").token
    assert sessions.refresh(token).token == sessions.refresh(token).token
    assert [event.verdict for event in told(events, Refreshed)] == ["rotated", "twin"]


def test_a_lost_answer_is_repeated(sessions, clock, events):
    token = sessions.start("ada").token
    lost = sessions.refresh(token).token
    clock.tick(minutes=5)
    assert sessions.refresh(token).token == lost
    assert [event.verdict for event in told(events, Refreshed)] == ["rotated", "lost_answer"]


def test_a_superseded_token_is_refused_and_ends_nothing(sessions, clock):
    old = sessions.start("ada").token
    new = sessions.refresh(old).token
    sessions.validate(new)
    clock.tick(minutes=1)
    with pytest.raises(TokenSuperseded):
        sessions.validate(old)
    assert sessions.validate(new).session.user_id == "ada"


@pytest.mark.req("R-06")
def test_a_replay_is_refused_and_ends_the_session(sessions, clock, events):
    old = sessions.start("ada").token
    new = sessions.refresh(old).token
    sessions.validate(new)
    clock.tick(minutes=1)
    with pytest.raises(TokenReplayed):
        sessions.refresh(old)
    with pytest.raises(SessionRevoked) as refused:
        sessions.validate(new)
    assert refused.value.reason == Reason.REPLAY
    assert len(told(events, Replayed)) == 1


@pytest.mark.parametrize("verb", ["validate", "refresh"])
def test_a_refusal_is_told_by_its_code(sessions, events, verb):
    issued = sessions.start("ada")
    sessions.revoke(issued.session.id, owner="ada")
    with pytest.raises(SessionRevoked):
        getattr(sessions, verb)(issued.token)
    assert [(event.session_id, event.code) for event in told(events, Refused)] == [
        (issued.session.id, "session_revoked")
    ]


@pytest.mark.parametrize("verb", ["validate", "refresh"])
def test_garbage_is_refused_without_a_word(sessions, events, verb):
    with pytest.raises(TokenInvalid):
        getattr(sessions, verb)("garbage")
    assert events == []


@pytest.mark.req("OS-06")
def test_a_token_of_a_session_that_was_purged_is_refused(sessions, clock):
    token = sessions.start("ada").token
    clock.tick(days=400)
    sessions.purge()
    with pytest.raises(TokenInvalid):
        sessions.validate(token)


OLD, NEW = Key(id=1, secret=b"o" * 32), Key(id=2, secret=b"n" * 32)
BEFORE = Keys([OLD, Key(id=2, secret=NEW.secret, role="next")])
AFTER = Keys([NEW, Key(id=1, secret=OLD.secret, role="retired")])


def test_a_token_under_a_retired_key_is_issued_anew(open_sessions):
    token = open_sessions(keys=BEFORE).start("ada").token
    sessions = open_sessions(keys=AFTER)
    anew = sessions.validate(token).token
    assert anew is not None
    assert sessions.validate(anew).token is None


def test_after_a_change_of_keys_both_processes_accept_both_tokens(open_sessions):
    before, after = open_sessions(keys=BEFORE), open_sessions(keys=AFTER)
    old = before.start("ada").token
    new = after.validate(old).token
    assert new is not None
    for sessions in (before, after):
        assert [sessions.validate(token).session.user_id for token in (old, new)] == ["ada", "ada"]


def test_a_passive_request_is_issued_no_token_anew(open_sessions):
    token = open_sessions(keys=BEFORE).start("ada").token
    assert open_sessions(keys=AFTER).validate(token, passive=True).token is None


def test_a_navigation_is_handed_the_answer_that_was_lost(open_sessions, clock, events):
    sessions = open_sessions(Policy(rotate_every=15 * MINUTE))
    token = sessions.start("ada").token
    lost = sessions.refresh(token).token
    clock.tick(minutes=1)
    assert sessions.validate(token, rotating=False).token == lost
    assert [event.verdict for event in told(events, Refreshed)] == ["rotated", "lost_answer"]


# ── renew ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("OS-08")
def test_a_step_up_gives_a_new_token_and_refuses_the_old(sessions, events):
    first = sessions.start("ada", amr=["pwd"])
    second = sessions.renew(first.session.id, authenticated=True, amr=["pwd", "otp"], aal=2, remember=True)
    assert sessions.validate(second.token).session == second.session
    with pytest.raises(TokenInvalid):
        sessions.validate(first.token)
    assert [event.amr for event in told(events, Renewed)] == [("pwd", "otp")]


@pytest.mark.parametrize("verb", ["renew", "update"])
def test_what_is_not_there_cannot_be_changed(sessions, verb):
    with pytest.raises(SessionNotFound):
        getattr(sessions, verb)(NOBODY)


def test_of_two_renewals_of_one_generation_one_is_refused_and_the_token_of_the_other_stays_good(sessions):
    session = sessions.start("ada").session
    first = sessions.renew(session.id, generation=session.generation)
    with pytest.raises(SessionChanged):
        sessions.renew(session.id, generation=session.generation)
    assert sessions.validate(first.token).session.id == session.id


@pytest.mark.req("AX-8.3.2")
def test_a_change_of_role_renews_every_session_at_its_next_use(sessions):
    old = [sessions.start("ada").token for _ in range(3)]
    assert sessions.renew_all("ada") == 3
    new = [sessions.validate(token).token for token in old]
    assert [sessions.validate(token).session.renew_due for token in new if token] == [False] * 3
    for token in old:
        with pytest.raises(TokenInvalid):
            sessions.validate(token)


def test_a_change_of_role_touches_nobody_else(sessions):
    token = sessions.start("bob").token
    assert sessions.renew_all("ada") == 0
    assert sessions.validate(token).token is None


def test_a_passive_request_renews_nothing(sessions):
    token = sessions.start("ada").token
    sessions.renew_all("ada")
    assert sessions.validate(token, passive=True).token is None


def test_a_predecessor_does_not_evict_the_owner_by_a_renewal_that_is_due(sessions):
    stolen = sessions.start("ada").token
    owned = sessions.refresh(stolen).token
    sessions.renew_all("ada")
    assert sessions.validate(stolen).token is None
    assert sessions.validate(owned).token is not None


def test_a_change_of_role_reaches_more_sessions_than_one_page_holds(open_sessions, clock):
    sessions = open_sessions(Policy(max_sessions=None), store=(store := MemoryStore()))
    _fill(store, 1001, at=clock())
    assert sessions.renew_all("ada") == 1001


def _fill(store: MemoryStore, count: int, *, at: datetime) -> None:
    """*count* sessions of one user, without asking the cap each time."""
    for _ in range(count):
        session = decisions.start(
            Policy(), at, id=new_id(at, "ada"), salt=bytes(32), key_id=1, user_id="ada", device=Device()
        )
        drive(store.insert(session))


# ── races: what another request does in the middle of a verb ──────────────────────────────────


class Interrupted(MemoryStore):
    """A store in which something happens just before it is asked to write."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Callable[[], object] | None = None
        self.times = 1

    async def replace(self, session: Session, *, at: datetime) -> bool:
        self.happen()
        return await super().replace(session, at=at)

    async def select(self, query: Query) -> list[Session]:
        found = await super().select(query)
        self.happen()
        return found

    def happen(self) -> None:
        meanwhile = self.meanwhile
        if meanwhile is not None and self.times:
            self.times, self.meanwhile = self.times - 1, None
            meanwhile()
            self.meanwhile = meanwhile


@pytest.fixture
def interrupted() -> Interrupted:
    return Interrupted()


@pytest.fixture
def busy(interrupted: Interrupted, keys: Keys, clock: FakeClock, events: list[Event]) -> Sessions:
    return Sessions(interrupted, keys=keys, clock=clock, on_event=events.append)


def test_the_loser_of_a_refresh_race_answers_with_the_token_of_the_winner(busy, interrupted, events):
    token = busy.start("ada").token
    won: list[str] = []
    interrupted.meanwhile = lambda: won.append(busy.refresh(token).token)
    assert busy.refresh(token).token == won[0]
    assert [event.verdict for event in told(events, Refreshed)] == ["rotated", "twin"]


@pytest.mark.req("TH-21")
def test_a_refresh_that_races_with_a_revocation_is_refused(busy, interrupted):
    issued = busy.start("ada")
    interrupted.meanwhile = lambda: busy.revoke(issued.session.id, owner="ada")
    with pytest.raises(SessionRevoked):
        busy.refresh(issued.token)


def test_an_update_that_lost_a_race_is_decided_again(busy, interrupted):
    id = busy.start("ada").session.id
    interrupted.meanwhile = lambda: busy.update(id, set={"flash": "saved"})
    assert busy.update(id, set={"cart": 1}).data == {"flash": "saved", "cart": 1}


def test_an_update_that_keeps_losing_gives_up(busy, interrupted):
    id, counter = busy.start("ada").session.id, iter(range(100))
    interrupted.meanwhile, interrupted.times = (lambda: busy.update(id, set={"n": next(counter)})), 100
    with pytest.raises(SessionChanged):
        busy.update(id, set={"cart": 1})
    assert next(counter) == 5


def test_a_renewal_that_lost_a_race_is_not_decided_again(busy, interrupted):
    id = busy.start("ada").session.id
    won: list[str] = []
    interrupted.meanwhile = lambda: won.append(busy.renew(id).token)
    with pytest.raises(SessionChanged):
        busy.renew(id)
    assert busy.validate(won[0]).session.id == id


def test_of_two_requests_that_renew_in_passing_one_gets_a_token_and_it_stays_good(busy, interrupted):
    token = busy.start("ada").token
    busy.renew_all("ada")
    answers: list[str | None] = []
    interrupted.meanwhile = lambda: answers.append(busy.validate(token).token)
    answers.append(busy.validate(token).token)
    (anew,) = [answer for answer in answers if answer]
    assert busy.validate(anew).token is None


def test_a_request_decided_before_a_renewal_does_not_renew_again_after_it(busy, keys):
    issued = busy.start("ada")
    busy.renew_all("ada")
    slow = AsyncSessions(busy.store, keys=keys, clock=busy._sessions.clock)
    (marked,) = busy.list("ada")
    anew = busy.validate(issued.token).token
    assert drive(slow._renew_in_passing(marked)).token is None
    assert busy.validate(anew).session.id == marked.id


def test_a_session_that_ends_while_all_are_marked_is_not_counted(busy, interrupted):
    ids = [busy.start("ada").session.id for _ in range(3)]
    interrupted.meanwhile = lambda: busy.revoke(ids[0], owner="ada")
    assert busy.renew_all("ada") == 2


def test_two_new_sessions_with_one_id_are_told_apart(busy, interrupted, monkeypatch):
    issued = busy.start("ada")
    monkeypatch.setattr("sojourn.verbs.begin.new_id", lambda *_: issued.session.id)
    with pytest.raises(SessionChanged):
        busy.start("ada")


# ── update ────────────────────────────────────────────────────────────────────────────────────


def test_a_patch_is_kept(sessions):
    issued = sessions.start("ada", data={"a": 1, "b": 2})
    sessions.update(issued.session.id, set={"c": 3}, remove=["a"])
    assert sessions.validate(issued.token).session.data == {"b": 2, "c": 3}


def test_a_patch_changes_no_token(sessions):
    issued = sessions.start("ada")
    sessions.update(issued.session.id, set={"c": 3})
    assert sessions.validate(issued.token).token is None


def test_a_device_is_labelled_again(sessions):
    id = sessions.start("ada", device=LAPTOP).session.id
    assert sessions.update(id, device=PHONE).device == PHONE


# ── end ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("A7-7.4.1")
@pytest.mark.parametrize("verb", ["validate", "refresh"])
def test_a_revoked_session_is_refused_with_its_reason(sessions, verb):
    issued = sessions.start("ada")
    sessions.revoke(issued.session.id, owner="ada", reason=Reason.SIGNED_OUT)
    with pytest.raises(SessionRevoked) as refused:
        getattr(sessions, verb)(issued.token)
    assert refused.value.reason == Reason.SIGNED_OUT


def test_a_revocation_says_by_whom_and_why(sessions, clock):
    id = sessions.start("ada").session.id
    sessions.revoke(id, owner=ANYBODY, reason=Reason.ADMIN, by="root", note="Reported stolen.")
    (over,) = sessions.history("ada")
    assert (over.revoked_at, over.reason, over.revoked_by, over.note) == (
        clock(),
        Reason.ADMIN,
        "root",
        "Reported stolen.",
    )


def test_a_note_is_cut_to_255_characters(sessions):
    id = sessions.start("ada").session.id
    sessions.revoke(id, owner=ANYBODY, note="x" * 300)
    assert sessions.history("ada")[0].note == "x" * 255


def test_a_revocation_is_told(sessions, events, clock):
    id = sessions.start("ada").session.id
    sessions.revoke(id, owner="ada", reason=Reason.USER, by="ada")
    assert told(events, Revoked) == [
        Revoked(at=clock(), session_id=id, user_id="ada", reason=Reason.USER, by="ada")
    ]


@pytest.mark.req("A7-7.4.5")
def test_an_administrator_ends_a_session_of_anybody(sessions):
    id = sessions.start("ada").session.id
    sessions.revoke(id, owner=ANYBODY, reason=Reason.ADMIN)
    assert live(sessions) == []


@pytest.mark.parametrize("owner", ["ada", None])
def test_what_is_not_there_cannot_be_revoked(sessions, owner):
    with pytest.raises(SessionNotFound):
        sessions.revoke(NOBODY, owner=owner)


def test_what_has_ended_cannot_be_revoked_again(sessions):
    id = sessions.start("ada").session.id
    sessions.revoke(id, owner="ada", reason=Reason.SIGNED_OUT)
    with pytest.raises(SessionNotFound):
        sessions.revoke(id, owner="ada", reason=Reason.ADMIN)
    assert sessions.history("ada")[0].reason == Reason.SIGNED_OUT


@pytest.mark.req("OS-15")
def test_signing_out_ends_the_session_of_the_token(sessions, events):
    issued = sessions.start("ada")
    assert sessions.end(issued.token)
    (over,) = sessions.history("ada")
    assert (over.id, over.reason, over.revoked_by) == (issued.session.id, Reason.SIGNED_OUT, "ada")
    assert [(event.user_id, event.reason) for event in told(events, Revoked)] == [("ada", "signed_out")]


def test_signing_out_works_with_a_token_of_any_generation(sessions):
    first = sessions.start("ada").token
    sessions.refresh(sessions.refresh(first).token)
    assert sessions.end(first)
    assert live(sessions) == []


def test_signing_out_twice_ends_nothing_more(sessions):
    token = sessions.start("ada").token
    assert [sessions.end(token), sessions.end(token)] == [True, False]


def test_signing_out_with_a_token_from_before_a_renewal_ends_nothing(sessions):
    issued = sessions.start("ada")
    sessions.renew(issued.session.id)
    assert not sessions.end(issued.token)
    assert live(sessions) == [issued.session.id]


def test_signing_out_of_what_was_purged_ends_nothing(sessions, clock):
    token = sessions.start("ada").token
    clock.tick(days=400)
    sessions.purge()
    assert not sessions.end(token)


def test_signing_out_with_garbage_is_refused(sessions):
    with pytest.raises(TokenInvalid):
        sessions.end("garbage")


@pytest.mark.req("A7-7.4.3")
def test_all_others_end_and_this_one_stays(sessions):
    kept, *others = [sessions.start("ada").session.id for _ in range(4)]
    assert sessions.revoke_all("ada", keep=kept, reason=Reason.PASSWORD_CHANGED) == len(others)
    assert live(sessions) == [kept]
    assert {session.reason for session in sessions.history("ada")} == {Reason.PASSWORD_CHANGED}


@pytest.mark.req("A7-7.4.2")
def test_all_end(sessions):
    for _ in range(3):
        sessions.start("ada")
    assert sessions.revoke_all("ada", reason=Reason.ACCOUNT_DISABLED, by="root", note="Left.") == 3
    assert live(sessions) == []


def test_ending_all_counts_only_what_lived(sessions):
    sessions.revoke(sessions.start("ada").session.id, owner="ada")
    sessions.start("ada")
    assert (sessions.revoke_all("ada"), sessions.revoke_all("ada")) == (1, 0)


def test_ending_all_touches_nobody_else(sessions):
    sessions.start("ada")
    bob = sessions.start("bob").session.id
    sessions.revoke_all("ada")
    assert live(sessions, "bob") == [bob]


@pytest.mark.parametrize("scope", [{"application_id": "shop"}, {"tenant_id": "acme"}])
def test_all_of_one_application_or_tenant_end(sessions, scope):
    sessions.start("ada", **scope)
    other = sessions.start("ada").session.id
    assert sessions.revoke_all("ada", **scope) == 1
    assert live(sessions) == [other]


def test_ending_all_ends_more_sessions_than_one_statement_may(open_sessions, clock, events):
    sessions = open_sessions(Policy(max_sessions=None), store=(store := MemoryStore()))
    _fill(store, 2001, at=clock())
    assert sessions.revoke_all("ada") == 2001
    assert len(told(events, Revoked)) == 2001


# ── look ──────────────────────────────────────────────────────────────────────────────────────


def test_a_list_is_in_the_order_of_last_activity(sessions, clock):
    issued = []
    for _ in range(3):
        issued.append(sessions.start("ada"))
        clock.tick(minutes=1)
    sessions.validate(issued[1].token)
    assert live(sessions) == [issued[1].session.id, issued[2].session.id, issued[0].session.id]


@pytest.mark.req("A7-7.5.2")
def test_a_list_holds_every_live_session_once_and_nobody_elses(sessions):
    mine = {sessions.start("ada").session.id for _ in range(3)}
    sessions.start("bob")
    assert (set(live(sessions)), len(live(sessions))) == (mine, 3)


@pytest.mark.req("A7-7.3.1")
def test_a_session_leaves_the_list_the_count_and_use_in_the_same_tick(sessions, clock):
    token = sessions.start("ada").token
    clock.tick(days=14, minutes=1, seconds=1, microseconds=-1)
    assert (len(live(sessions)), sessions.count()) == (1, 1)
    clock.tick(microseconds=1)
    assert (len(live(sessions)), sessions.count()) == (0, 0)
    with pytest.raises(SessionExpired):
        sessions.validate(token)


def test_a_tightened_policy_holds_at_once_in_lists_too(open_sessions, clock):
    open_sessions().start("ada")
    clock.tick(hours=2)
    assert live(open_sessions(Policy(idle_timeout=HOUR))) == []


def test_a_list_may_be_of_one_application_or_tenant(sessions):
    shop = sessions.start("ada", application_id="shop", tenant_id="acme").session.id
    sessions.start("ada")
    assert [session.id for session in sessions.list("ada", application_id="shop")] == [shop]
    assert [session.id for session in sessions.list("ada", tenant_id="acme")] == [shop]


def test_a_list_may_be_limited(sessions):
    for _ in range(3):
        sessions.start("ada")
    assert len(sessions.list("ada", limit=2)) == 2


@pytest.mark.req("TH-24")
def test_a_visitor_has_no_list(sessions):
    sessions.start("ada")
    sessions.start(None)
    assert sessions.list(None) == []


def test_history_holds_what_ended_in_any_way_latest_first(sessions, clock):
    idle = sessions.start("ada").session.id
    clock.tick(days=14, minutes=1)
    revoked = [sessions.start("ada").session.id for _ in range(2)]
    for id in revoked:
        clock.tick(minutes=1)
        sessions.revoke(id, owner="ada")
    sessions.start("ada")
    sessions.start("bob")
    assert [session.id for session in sessions.history("ada")] == [revoked[1], revoked[0], idle]


def test_history_goes_back_as_far_as_the_policy_shows(sessions, clock):
    id = sessions.start("ada").session.id
    sessions.revoke(id, owner="ada")
    clock.tick(days=28)
    assert len(sessions.history("ada")) == 1
    clock.tick(microseconds=1)
    assert sessions.history("ada") == []


def test_history_may_be_limited(sessions):
    for _ in range(3):
        sessions.revoke(sessions.start("ada").session.id, owner="ada")
    assert len(sessions.history("ada", limit=2)) == 2


def test_administrators_look_at_sessions_of_anybody(sessions, clock):
    ids = {sessions.start(user).session.id for user in ("ada", "bob", None)}
    assert {session.id for session in sessions.select(Query(live_at=clock()))} == ids


def test_pages_follow_one_another(sessions, clock):
    ids = {sessions.start(str(n)).session.id for n in range(5)}
    first = sessions.select(Query(live_at=clock(), limit=3))
    second = sessions.select(Query(live_at=clock(), limit=3, after=first[-1].id))
    assert [len(first), len(second)] == [3, 2]
    assert {session.id for session in first + second} == ids


def test_a_question_that_would_scan_every_session_is_refused(sessions):
    with pytest.raises(QueryNotSupported, match="add one of these"):
        sessions.select(Query(tenant_id="acme"))


def test_the_count_is_of_signed_in_sessions(sessions):
    for user in ("ada", "ada", "bob", None):
        sessions.start(user)
    assert sessions.count() == 3


def test_people_can_be_counted(sessions, clock):
    for user in ("ada", "ada", "bob", None):
        sessions.start(user)
    assert sessions.count(Query(live_at=clock(), signed_in=True, people=True)) == 2


# ── forget ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("P-04")
def test_what_ended_is_kept_as_long_as_the_policy_says(sessions, clock):
    id = sessions.start("ada").session.id
    sessions.revoke(id, owner="ada")
    clock.tick(days=90)
    assert sessions.purge() == 0
    clock.tick(microseconds=1)
    assert sessions.purge() == 1
    assert sessions.select(Query(id=id)) == []


def test_purge_spares_what_lives(open_sessions, clock):
    sessions = open_sessions(Policy(lifetime=400 * DAY, idle_timeout=None))
    token = sessions.start("ada").token
    clock.tick(days=399)
    assert sessions.purge() == 0
    assert sessions.validate(token).session.user_id == "ada"


def test_purge_forgets_more_sessions_than_one_statement_may(open_sessions, clock):
    sessions = open_sessions(store=(store := MemoryStore()))
    _fill(store, 1001, at=clock())
    clock.tick(days=400)
    assert (sessions.purge(), sessions.purge()) == (1001, 0)


# ── freshness ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("S-06")
def test_freshness_of_one_session_does_not_help_another(sessions, clock):
    laptop, phone = sessions.start("ada").session, sessions.start("ada").session
    clock.tick(hours=1)
    laptop = sessions.renew(laptop.id, authenticated=True).session
    sessions.require_fresh(laptop)
    with pytest.raises(FreshnessRequired):
        sessions.require_fresh(phone)


def test_an_act_may_ask_for_its_own_freshness(sessions, clock):
    session = sessions.start("ada").session
    clock.tick(minutes=1)
    with pytest.raises(FreshnessRequired):
        sessions.require_fresh(session, 30 * timedelta(seconds=1))


# ── listeners ─────────────────────────────────────────────────────────────────────────────────


def test_every_listener_hears_every_event(sessions, events):
    heard: list[Event] = []
    sessions.listen(heard.append)
    sessions.start("ada")
    assert heard == events != []


def test_a_listener_that_raises_does_no_harm(sessions, caplog):
    heard: list[Event] = []
    sessions.listen(lambda event: 1 / 0)
    sessions.listen(heard.append)
    token = sessions.start("ada").token
    assert sessions.validate(token).session.user_id == "ada"
    assert [type(event) for event in heard] == [Started]
    assert "a listener failed on session-established" in caplog.text


def test_nobody_needs_to_listen(keys):
    assert Sessions(MemoryStore(), keys=keys).start("ada").session.user_id == "ada"


# ── faults ────────────────────────────────────────────────────────────────────────────────────


class DiskFull(Exception):
    """A driver's exception."""


class Failing(MemoryStore):
    """A store whose named verb fails."""

    faults = (DiskFull,)
    verb = ""
    fault: Exception = DiskFull("no space left")

    def __getattribute__(self, name: str) -> Any:
        if name == object.__getattribute__(self, "verb"):
            return self._fail
        return super().__getattribute__(name)

    async def _fail(self, *_: Any, **__: Any) -> None:
        raise self.fault


def test_a_store_that_cannot_record_a_use_refuses_nobody(open_sessions, clock, caplog):
    sessions = open_sessions(store=(store := Failing()))
    token = sessions.start("ada").token
    clock.tick(minutes=5)
    store.verb = "touch"
    with caplog.at_level(logging.WARNING, "sojourn"):
        assert sessions.validate(token).session.user_id == "ada"
    assert "activity was not recorded yet: no space left" in caplog.text


def test_a_mistake_in_a_store_is_not_taken_for_a_fault(open_sessions, clock):
    sessions = open_sessions(store=(store := Failing()))
    token = sessions.start("ada").token
    clock.tick(minutes=5)
    store.verb, store.fault = "touch", KeyError("typo")
    with pytest.raises(KeyError):
        sessions.validate(token)


# ── close ─────────────────────────────────────────────────────────────────────────────────────


class Closing(MemoryStore):
    closed = False

    async def close(self) -> None:
        self.closed = True


def test_closing_lets_go_of_the_store(open_sessions):
    sessions = open_sessions(store=(store := Closing()))
    sessions.close()
    assert store.closed


# ── the blocking face ─────────────────────────────────────────────────────────────────────────


def test_both_faces_have_the_same_verbs_with_the_same_signatures():
    verbs = {
        name: verb
        for name, verb in inspect.getmembers(AsyncSessions, inspect.iscoroutinefunction)
        if not name.startswith("_")
    }
    assert {name: inspect.signature(verb) for name, verb in verbs.items()} == {
        name: inspect.signature(getattr(Sessions, name)) for name in verbs
    }


def test_both_faces_begin_alike():
    assert inspect.signature(Sessions) == inspect.signature(AsyncSessions)


def test_the_blocking_face_has_nothing_of_its_own():
    names = {name for name, _ in inspect.getmembers(Sessions, inspect.isfunction)}
    assert names - {"__init__"} <= {name for name, _ in inspect.getmembers(AsyncSessions, inspect.isfunction)}


def test_both_faces_know_their_policy_and_their_store(keys):
    policy, store = Policy(max_sessions=3), MemoryStore()
    for face in (Sessions, AsyncSessions):
        sessions = face(store, keys=keys, policy=policy)
        assert (sessions.policy, sessions.store) == (policy, store)


def test_without_a_policy_it_is_the_consumer_preset(keys):
    assert Sessions(MemoryStore(), keys=keys).policy == Policy()


def test_without_a_clock_it_is_the_wall_clock_in_utc(keys):
    before = utc_now()
    created_at = Sessions(MemoryStore(), keys=keys).start("ada").session.created_at
    assert before <= created_at <= utc_now()
    assert created_at.utcoffset() == timedelta(0)


def test_on_a_running_loop_the_blocking_face_names_the_other_one(keys):
    async def request() -> None:
        Sessions(MemoryStore(), keys=keys).start("ada")

    with pytest.raises(RuntimeError, match="use AsyncSessions"):
        asyncio.run(request())


def test_in_a_thread_beside_a_running_loop_the_blocking_face_works(keys):
    async def request() -> str | None:
        sessions = Sessions(MemoryStore(), keys=keys)
        return (await asyncio.to_thread(sessions.start, "ada")).session.user_id

    assert asyncio.run(request()) == "ada"


async def _suspends(closed: list[bool]) -> None:
    try:
        await asyncio.sleep(0)
    finally:
        closed.append(True)


async def _raises() -> None:
    raise KeyError("typo")


async def _returns() -> int:
    return 7


def test_drive_gives_back_the_result():
    assert drive(_returns()) == 7


def test_drive_lets_an_exception_pass():
    with pytest.raises(KeyError, match="typo"):
        drive(_raises())


def test_drive_refuses_a_store_that_suspends():
    with pytest.raises(RuntimeError, match="a blocking store suspended"):
        drive(_suspends([]))


def test_drive_closes_what_it_refuses():
    closed: list[bool] = []
    coroutine: Coroutine[Any, Any, None] = _suspends(closed)
    with pytest.raises(RuntimeError):
        drive(coroutine)
    assert closed == [True]


class Suspending(MemoryStore):
    async def get(self, id: UUID) -> Session | None:
        await asyncio.sleep(0)
        return await super().get(id)

    async def touch(self, seen: Any, **how: Any) -> None:
        raise AssertionError("a suspended verb goes no further")


def test_the_blocking_face_refuses_a_store_that_suspends(keys):
    sessions = Sessions(Suspending(), keys=keys)
    token = sessions.start("ada").token
    with pytest.raises(RuntimeError, match="a blocking store suspended"):
        sessions.validate(token)
