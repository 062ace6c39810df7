"""Law 7: an id that comes from outside travels with its owner, and what is not yours is not there."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sojourn import Query, Sessions
from sojourn.errors import SessionNotFound
from sojourn.sessions import ANYBODY
from sojourn.stores.memory import MemoryStore
from sojourn.testing import FakeClock, make_keys

NOBODY = UUID(int=1)


@pytest.mark.req("TH-24")
def test_law_07_somebody_elses_session_is_not_there(sessions):
    mine = sessions.start("ada")
    with pytest.raises(SessionNotFound):
        sessions.revoke(mine.session.id, owner="mallory")
    assert sessions.validate(mine.token).session == mine.session


@pytest.mark.req("AX-8.2.2")
def test_law_07_what_is_not_yours_and_what_is_not_there_are_told_alike(sessions):
    refusals = []
    for id in (sessions.start("ada").session.id, NOBODY):
        with pytest.raises(SessionNotFound) as refused:
            sessions.revoke(id, owner="mallory")
        refusals.append((refused.value.code, str(refused.value), refused.value.facts))
    assert refusals[0] == refusals[1]


def test_law_07_a_visitors_session_is_nobodys(sessions):
    visitor = sessions.start(None)
    for owner in ("mallory", ""):
        with pytest.raises(SessionNotFound):
            sessions.revoke(visitor.session.id, owner=owner)
    assert sessions.validate(visitor.token).session == visitor.session


def test_law_07_an_owner_must_be_named_even_by_an_administrator(sessions):
    with pytest.raises(TypeError, match="owner"):
        sessions.revoke(sessions.start("ada").session.id)


def test_law_07_a_refused_revocation_tells_nobody_that_something_ended(sessions, events):
    id = sessions.start("ada").session.id
    events.clear()
    with pytest.raises(SessionNotFound):
        sessions.revoke(id, owner="mallory")
    assert events == []


def test_law_07_sparing_somebody_elses_session_spares_none_of_mine(sessions):
    theirs = sessions.start("bob").session.id
    sessions.start("ada")
    assert sessions.revoke_all("ada", keep=theirs) == 1
    assert sessions.list("ada") == []


def test_law_07_a_visitor_owns_nobodys_session_by_having_no_user_id(sessions):
    visitor, ada = sessions.start(None), sessions.start("ada")
    with pytest.raises(SessionNotFound):
        sessions.revoke(ada.session.id, owner=visitor.session.user_id)
    assert sessions.validate(ada.token).session.user_id == "ada"


def test_law_07_lists_and_history_are_of_one_user(sessions):
    for user in ("ada", "bob", None):
        sessions.start(user)
        sessions.revoke(sessions.start(user).session.id, owner=ANYBODY)
    assert {session.user_id for session in sessions.list("ada")} == {"ada"}
    assert {session.user_id for session in sessions.history("ada")} == {"ada"}


@pytest.mark.req("AX-8.2.2")
@given(
    st.lists(st.sampled_from(["ada", "bob", "", "Ada", "ada ", None]), min_size=1, max_size=6),
    st.data(),
)
def test_law_07_whoever_asks_ends_their_own_and_nothing_else(users, data):
    sessions = Sessions(MemoryStore(), keys=make_keys(), clock=FakeClock())
    issued = [sessions.start(user).session for user in users]
    target = data.draw(st.sampled_from(issued))
    actor = data.draw(st.sampled_from(["ada", "bob", "", "Ada", "ada "]))
    if target.user_id == actor:
        sessions.revoke(target.id, owner=actor)
    else:
        with pytest.raises(SessionNotFound):
            sessions.revoke(target.id, owner=actor)
    living = {session.id for session in sessions.select(Query(live_at=FakeClock()()))}
    assert living == {session.id for session in issued if session != target or target.user_id != actor}
