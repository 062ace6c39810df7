"""Law 1: whole lives at random, on every store, against a model that fits on a screen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, TypeVar
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from sojourn import Device, Issued, Policy, Query, Reason, Session, Sessions
from sojourn.errors import Refusal, SessionNotFound
from sojourn.stores.protocol import Store
from sojourn.testing import FakeClock, make_keys
from tests.conftest import STORES

T = TypeVar("T")

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
MOMENTS = st.sampled_from(
    [SECOND, 9 * SECOND, 11 * SECOND, MINUTE, 9 * MINUTE, 11 * MINUTE, HOUR, 5 * HOUR, 24 * HOUR]
)
POLICIES = [
    Policy(lifetime=240 * HOUR, idle_timeout=12 * HOUR),
    Policy(lifetime=72 * HOUR, idle_timeout=4 * HOUR),
    Policy(lifetime=24 * HOUR, idle_timeout=30 * MINUTE),
]


@dataclass
class Belief:
    """What somebody who saw every answer expects of one session."""

    user_id: str
    created: datetime
    seen: datetime
    expires: datetime
    current: str
    tokens: dict[str, int]  # those of the present salt, with their generations
    generation: int = 0
    rotated: datetime | None = None
    forgiven: datetime | None = None
    confirmed: bool = True
    revoked: bool = False
    held: tuple[UUID, datetime] | None = None  # by which session, and until when

    def over(self, policy: Policy, now: datetime) -> str | None:
        if self.revoked or self.held:
            return "session_revoked"
        ends = min(self.expires, self.created + policy.lifetime, _idle_end(self.seen, policy))
        return "session_expired" if now >= ends else None

    def standing(self, token: str, policy: Policy, now: datetime) -> str:
        """What *token* is: current, twin, lost answer or old; else the code of its refusal."""
        if token not in self.tokens:
            return "token_invalid"
        if over := self.over(policy, now):
            return over
        behind = self.generation - self.tokens[token]
        if behind == 0:
            return "current"
        if behind > 1 or self.rotated is None:
            return "old"
        if now - (self.forgiven or self.rotated) < policy.grace:
            return "twin"
        return "lost answer" if not self.confirmed and now - self.rotated < policy.lost_answer else "old"

    def use(self, policy: Policy, now: datetime, *, passive: bool) -> None:
        self.confirmed = True
        if not passive and now - self.seen >= policy.touch_every:
            self.seen = now
            ends = min(_idle_end(now, policy), self.created + POLICIES[0].lifetime)
            self.expires = max(self.expires, ends)

    def rotate(self, token: str, now: datetime) -> None:
        self.generation += 1
        self.current, self.tokens[token] = token, self.generation
        self.rotated, self.forgiven, self.confirmed = now, None, False

    def renew(self, token: str, now: datetime) -> None:
        self.generation += 1
        self.current, self.tokens = token, {token: self.generation}
        self.rotated, self.forgiven, self.confirmed = now, None, True


def _idle_end(seen: datetime, policy: Policy) -> datetime:
    assert policy.idle_timeout is not None
    return seen + policy.idle_timeout + policy.allowance


@dataclass
class Browser:
    """A cookie jar. It holds the last token that reached it."""

    session_id: UUID
    token: str


class Lives(RuleBasedStateMachine):
    """Two people with three browsers each, and thieves who may have copied any token at any time."""

    open_store: ClassVar[Callable[[], Store]]
    policies: ClassVar[list[Policy]]

    def __init__(self) -> None:
        super().__init__()
        self.store = type(self).open_store()
        self.clock, self.policy, self.stage = FakeClock(), self.policies[0], 0
        self.sessions = Sessions(self.store, keys=make_keys(), policy=self.policy, clock=self.clock)
        self.beliefs: dict[UUID, Belief] = {}
        self.browsers: dict[tuple[str, str], Browser] = {}
        self.copied: list[tuple[UUID, str]] = []

    def teardown(self) -> None:
        try:
            for id, token in self.copied:
                self._validate(id, token, passive=True)
        finally:
            self.sessions.close()

    # ── what happens ─────────────────────────────────────────────────────────────────────────

    @rule(user=st.sampled_from(["ada", "bob"]), browser=st.sampled_from(["laptop", "phone", "tablet"]))
    def sign_in(self, user: str, browser: str) -> None:
        """In the same browser the new session takes the place of the old one."""
        issued = self.sessions.start(user, device=Device(id=browser))
        before = self.browsers.get((user, browser))
        if before is not None and not self._gone(before.session_id):
            self.beliefs[before.session_id].revoked = True
        s = issued.session
        self.beliefs[s.id] = Belief(
            user, s.created_at, s.seen_at, s.expires_at, issued.token, {issued.token: 0}
        )
        self._receive(user, browser, issued)

    @precondition(lambda self: self.browsers)
    @rule(data=st.data(), passive=st.booleans())
    def request(self, data: st.DataObject, passive: bool) -> None:
        browser = self._browser(data)
        self._validate(browser.session_id, browser.token, passive=passive)

    @precondition(lambda self: self.browsers)
    @rule(data=st.data())
    def requests(self, data: st.DataObject) -> None:
        """One after the other: what was decided of the first may stand for those that follow."""
        browser = self._browser(data)
        for passive in (False, False, True):
            self._validate(browser.session_id, browser.token, passive=passive)

    @precondition(lambda self: self.browsers)
    @rule(data=st.data(), answered=st.booleans())
    def refresh(self, data: st.DataObject, answered: bool) -> None:
        """The answer may be lost on its way."""
        browser = self._browser(data)
        successor = self._refresh(browser.session_id, browser.token)
        if successor and answered:
            browser.token = successor

    @precondition(lambda self: self.copied)
    @rule(data=st.data(), passive=st.booleans())
    def thief_requests(self, data: st.DataObject, passive: bool) -> None:
        id, token = data.draw(st.sampled_from(self.copied), "copied")
        self._validate(id, token, passive=passive)

    @precondition(lambda self: self.copied)
    @rule(data=st.data())
    def thief_refreshes(self, data: st.DataObject) -> None:
        id, token = data.draw(st.sampled_from(self.copied), "copied")
        self._refresh(id, token)

    @precondition(lambda self: self.browsers)
    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        browser = self._browser(data)
        belief = self.beliefs[browser.session_id]
        expected = belief.over(self.policy, self.clock())
        answer = _answer(lambda: self.sessions.renew(browser.session_id))
        if isinstance(answer, str):
            assert answer == expected
            return
        assert expected is None
        belief.renew(answer.token, self.clock())
        browser.token = answer.token
        self.copied.append((browser.session_id, answer.token))

    @precondition(lambda self: self.browsers)
    @rule(data=st.data())
    def revoke(self, data: st.DataObject) -> None:
        id = self._browser(data).session_id
        belief, gone = self.beliefs[id], self._gone(id)
        answer = _answer(lambda: self.sessions.revoke(id, owner=belief.user_id))
        assert answer == ("not_found" if gone else None)
        belief.revoked = belief.revoked or not gone

    @precondition(lambda self: self.browsers)
    @rule(data=st.data())
    def hold(self, data: st.DataObject) -> None:
        """Who asks twice gets the same hold; that the session which asks lives is for the caller to know."""
        id, by = self._browser(data).session_id, self._browser(data).session_id
        belief, now = self.beliefs[id], self.clock()
        mine = self.store_session(by)
        answer = _answer(lambda: self.sessions.hold(id, owner=belief.user_id, by=mine))
        if self.beliefs[by].user_id != belief.user_id:
            assert answer == "not_found"
        elif belief.held and not belief.revoked and belief.held[0] == by and now < belief.held[1]:
            assert not isinstance(answer, str)
            assert answer.held_until == belief.held[1]
        elif belief.over(self.policy, now):
            assert answer == "not_found"
        elif id == by:
            assert answer == "forbidden"
        else:
            ends = min(belief.expires, belief.created + self.policy.lifetime)
            until = min(now + self.policy.undo_for, ends, _idle_end(belief.seen, self.policy))
            assert not isinstance(answer, str)
            assert answer.held_until == until
            belief.held, belief.expires = (by, until), until

    @precondition(lambda self: any(belief.held for belief in self.beliefs.values()))
    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        held = sorted(id for id, belief in self.beliefs.items() if belief.held)
        id, by = data.draw(st.sampled_from(held), "held"), self._browser(data).session_id
        belief, now = self.beliefs[id], self.clock()
        assert belief.held is not None
        placed_by, until = belief.held
        mine = self.store_session(by)
        answer = _answer(lambda: self.sessions.undo(id, by=mine))
        if placed_by != by:
            assert answer == "not_found"
        elif belief.revoked or now >= until:
            assert answer == "undo_expired"
        else:
            assert not isinstance(answer, str)
            assert answer.held is None
            ends = min(_idle_end(belief.seen, self.policy), belief.created + self.policies[0].lifetime)
            belief.held, belief.expires = None, max(until, ends)

    def store_session(self, id: UUID) -> Session:
        """The record of a session that asks; whether it may is not its verb's to say."""
        (found,) = self.sessions.select(Query(id=id))
        return found

    @precondition(lambda self: self.browsers)
    @rule(data=st.data())
    def stranger_revokes(self, data: st.DataObject) -> None:
        with pytest.raises(SessionNotFound):
            self.sessions.revoke(self._browser(data).session_id, owner="mallory")

    @precondition(lambda self: self.browsers)
    @rule(data=st.data())
    def revoke_others(self, data: st.DataObject) -> None:
        kept = self._browser(data).session_id
        user_id = self.beliefs[kept].user_id
        others = [id for id, belief in self.beliefs.items() if belief.user_id == user_id and id != kept]
        ending = [id for id in others if not self._gone(id)]
        assert self.sessions.revoke_all(user_id, keep=kept, reason=Reason.USER) == len(ending)
        for id in ending:
            self.beliefs[id].revoked = True

    @rule(span=MOMENTS)
    def time_passes(self, span: timedelta) -> None:
        self.clock.tick(seconds=span.total_seconds())

    @precondition(lambda self: self.stage + 1 < len(self.policies))
    @rule()
    def tighten(self) -> None:
        self.stage += 1
        self.policy = self.policies[self.stage]
        self.sessions = Sessions(self.store, keys=make_keys(), policy=self.policy, clock=self.clock)

    # ── what must be true ────────────────────────────────────────────────────────────────────

    @invariant()
    def lists_hold_what_lives_and_nothing_else(self) -> None:
        for user in ("ada", "bob"):
            mine = {id for id, belief in self.beliefs.items() if belief.user_id == user}
            living = {id for id in mine if self.beliefs[id].over(self.policy, self.clock()) is None}
            assert {session.id for session in self.sessions.list(user)} == living

    # ── how it is checked ────────────────────────────────────────────────────────────────────

    def _validate(self, id: UUID, token: str, *, passive: bool) -> None:
        belief, now = self.beliefs[id], self.clock()
        standing = belief.standing(token, self.policy, now)
        answer = _answer(lambda: self.sessions.validate(token, passive=passive))
        if isinstance(answer, str):
            assert answer == ("token_superseded" if standing == "old" else standing)
            return
        assert standing in ("current", "twin", "lost answer")
        assert (answer.session.id, answer.token) == (id, None)
        if standing == "current":
            belief.use(self.policy, now, passive=passive)

    def _refresh(self, id: UUID, token: str) -> str | None:
        belief, now = self.beliefs[id], self.clock()
        standing = belief.standing(token, self.policy, now)
        answer = _answer(lambda: self.sessions.refresh(token))
        if isinstance(answer, str):
            assert answer == ("refresh_reused" if standing == "old" else standing)
            belief.revoked = belief.revoked or standing == "old"
            return None
        assert standing in ("current", "twin", "lost answer")
        if standing == "current":
            belief.rotate(answer.token, now)
            self.copied.append((id, answer.token))
        elif standing == "lost answer":
            belief.forgiven = now
        assert answer.token == belief.current
        return answer.token

    def _gone(self, id: UUID) -> bool:
        """Whether the record alone says so: a store knows no policy."""
        return self.beliefs[id].revoked or self.clock() >= self.beliefs[id].expires

    def _browser(self, data: st.DataObject) -> Browser:
        return self.browsers[data.draw(st.sampled_from(sorted(self.browsers)), "browser")]

    def _receive(self, user: str, browser: str, issued: Issued) -> None:
        self.browsers[user, browser] = Browser(issued.session.id, issued.token)
        self.copied.append((issued.session.id, issued.token))


def _answer(verb: Callable[[], T]) -> T | str:
    """What *verb* gives back, or the code of its refusal."""
    try:
        return verb()
    except Refusal as refusal:
        return refusal.code


@pytest.mark.req("TH-07")
@pytest.mark.req("TH-21")
@pytest.mark.parametrize("cached", [True, False], ids=["snapshots", "read each time"])
@pytest.mark.parametrize(("store", "examples"), [("memory", 120), ("sqlite", 30)])
def test_law_01_whatever_happens_ended_is_final_and_every_answer_is_as_expected(
    store, examples, cached, tmp_path_factory
):
    def open_store() -> Store:
        return STORES[store](tmp_path_factory.mktemp("life")).blocking()

    policies = POLICIES if cached else [policy.changed(cache_for=timedelta(0)) for policy in POLICIES]
    machine = type("Lives", (Lives,), {"open_store": staticmethod(open_store), "policies": policies})
    run_state_machine_as_test(machine, settings=settings(max_examples=examples, stateful_step_count=40))
