"""That a snapshot, or a record, was found good a moment ago spares the questions, and changes no answer."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from sojourn import AsyncSessions, Policy, Reason, Session
from sojourn.blocking import drive
from sojourn.clock import NEVER, StoreClock
from sojourn.errors import SessionError, SessionRevoked
from sojourn.near import Kept
from sojourn.session import Seen
from sojourn.stores.memory import MemoryStore
from sojourn.stores.protocol import Entries, Query
from sojourn.testing import MORNING, FakeClock, make_keys
from sojourn.web.arrival import Arrival
from sojourn.web.carrier import Cookies
from sojourn.web.proxy import Peer
from sojourn.web.visit import Site, Visit

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
POLICY = Policy(
    idle_timeout=MINUTE,
    touch_every=10 * SECOND,
    activity_every=SECOND,
    cookie_cache=MINUTE,
    cache_for=30 * SECOND,
    max_staleness=3 * SECOND,
)
COOKIE = POLICY.changed(cache_for=0 * SECOND)
UNCACHED = POLICY.changed(cookie_cache=None, cache_for=0 * SECOND)


REQUEST: dict[str, Any] = {
    "method": "GET",
    "path": "/",
    "headers": [(b"cookie", b"known"), (b"user-agent", b"Firefox"), (b"x-forwarded-for", b"198.51.100.9")],
    "client": ("203.0.113.7", 50_000),
}


class _Told(MemoryStore):
    """A store with a clock of its own, which runs with nobody's wall clock."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    async def entries(self, after: str | None = None, *, limit: int = 10_000) -> Entries:
        self._world.asked += 1
        now = MORNING + (self._world.awake - 100) * SECOND
        return replace(await super().entries(after, limit=limit), now=now)


class World:
    """One process, a store of its own, clocks that are moved. *forgetful*: nothing is remembered as good."""

    def __init__(self, *, forgetful: bool, told: bool, policy: Policy = POLICY) -> None:
        self.forgetful = forgetful
        self.lately: dict[tuple[int, bool], Kept] = {}
        self.wall, self.awake, self.asked = FakeClock(MORNING), 100.0, 0
        self.store: MemoryStore = _Told(self) if told else MemoryStore()
        clock: Any = self.wall
        if told:  # what runs in production
            clock = StoreClock(wall=lambda: self.wall().timestamp(), monotonic=lambda: self.awake)
        self.sessions = AsyncSessions(self.store, keys=make_keys(), policy=policy, clock=clock)
        self.sessions.activity.waits = True
        self.site = Site(self.sessions, origin="https://good.test")
        self.behind = Site(self.sessions, origin="https://good.test", trusted_proxies=["203.0.113.0/24"])
        self.sessions.feed.monotonic = lambda: self.awake
        self.sessions.feed.forget()
        self.poll()
        self.issued = [drive(self.sessions.start("ada")) for _ in range(2)]
        for one in 3 * self.issued:  # what stands is worked out the second time, and good the third
            drive(self.sessions.validate(one.token))
        self.began = [self.store._sessions[one.session.id] for one in self.issued]
        self.sealed = [self.sessions.snapshots.seal(one.token) for one in self.issued]

    # ── what may happen ──────────────────────────────────────────────────────────────────────

    def poll(self) -> None:
        drive(self.sessions.feed.poll())

    def pass_(self, wall: float, awake: float) -> None:
        self.wall.tick(seconds=wall)
        self.awake += max(0.0, awake)

    def end(self, which: int, here: bool) -> None:
        id = self.issued[which].session.id
        if here:
            drive(self.sessions.revoke(id, owner="ada"))
        else:  # in another process
            drive(self.store.revoke(Query(id=id), at=self.wall(), reason=Reason.ADMIN))

    def fail_over(self, which: int) -> None:
        """The store has the record that it began with: whatever was written since is lost."""
        self.store._sessions[self.issued[which].session.id] = self.began[which]

    def change(self, which: int) -> None:
        drive(self.sessions.update(self.issued[which].session.id, set={"n": 1}))

    def lose(self, log: bool) -> None:
        if log:
            self.store._log._lines, self.store._log.epoch = [], self.store._log.epoch + "'"
        else:
            self.store._log.forget(datetime.max.replace(tzinfo=MORNING.tzinfo))

    def sure(self, which: int) -> None:
        """What the store says now is remembered, in place of what was."""
        drive(self.sessions.validate(self.issued[which].token, sure=True))

    def drop(self, which: int) -> None:
        self.sessions.snapshots.drop(self.issued[which].token)

    def restart(self) -> None:
        self.sessions.snapshots.forget()
        self.sessions.activity.waits = True

    def ask(self, which: int, passive: bool, sealed: bool) -> tuple[Any, ...]:
        snapshots = self.sessions.snapshots
        if self.forgetful:
            standing = [one for one in self.sessions.standings._lately.values() if one is not None]
            lately = [one for *_, one in (*snapshots._cookies.values(), *snapshots._alone.values())]
            known: list[Any] = [*snapshots.near.ready.values(), *lately, *standing]
            for one in known:
                if isinstance(one, Kept):
                    one.good = NEVER
                else:
                    one.plain = NEVER
        token = self.issued[which].token
        if not snapshots.on:
            found = drive(self.sessions.validate(token, passive=passive)).session
            return _shown(found), self.sessions.clock(), self.asked, self._waiting()
        cookie, kept = self.sealed[which] if sealed else None, self.lately.get((which, sealed))
        if kept is None or self.forgetful or not self.stands(kept):
            kept = snapshots.recall(token, cookie, passive=passive)
        if kept is not None:  # as a site remembers it for a Cookie header
            self.lately[which, sealed] = kept
        return None if kept is None else _shown(kept.session), snapshots.hits, self._waiting()

    def stands(self, kept: Kept) -> bool:
        """Whether *kept* does, which a request finds out for itself in the same way."""
        snapshots, came_from = self.sessions.snapshots, kept.came_from
        hits, found = snapshots.hits, list[Session | None]()
        for site, who in ((self.site, "203.0.113.7"), (self.behind, Peer("198.51.100.9", "http"))):
            kept.came_from, site.lately[b"known"] = (b"Firefox", who), Cookies(answered=kept)
            for asked in (Visit(site, REQUEST), Arrival.of(site, REQUEST)):
                found.append(asked.at_hand())
                assert snapshots.hits == hits + (found[-1] is not None)
                snapshots.hits = hits
        kept.came_from = came_from
        stands = snapshots.stands(kept)
        assert found == [kept.session if stands else None] * 4
        return stands

    def _waiting(self) -> list[Seen | None]:
        """Which uses wait to be written."""
        return [self.sessions.activity._waiting.get(one.session.id) for one in self.issued]


def _shown(session: Session) -> tuple[Any, ...]:
    return session.user_id, session.seen_at, session.expires_at, session.version


which = st.integers(0, 1)
spans = st.sampled_from([0.0, 0.0, 0.001, 1.0, 2.999, 3.0, 3.001, 7.0, 10.0, 30.0, 61.0])
happenings = st.one_of(
    st.tuples(st.just("ask"), which, st.booleans(), st.booleans()),
    st.tuples(st.just("ask"), which, st.booleans(), st.booleans()),
    st.tuples(st.just("pass_"), spans | st.sampled_from([-0.5, -2.0, -60.0]), spans),
    st.tuples(st.just("poll")),
    st.tuples(st.just("end"), which, st.booleans()),
    st.tuples(st.just("change"), which),
    st.tuples(st.just("fail_over"), which),
    st.tuples(st.just("lose"), st.booleans()),
    st.tuples(st.just("drop"), which),
    st.tuples(st.just("sure"), which),
    st.tuples(st.just("restart")),
)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from([POLICY, COOKIE, UNCACHED]), st.booleans(), st.lists(happenings, max_size=25))
def test_what_is_remembered_as_good_changes_no_answer(policy, told, happened):
    one, other = (World(forgetful=forgetful, told=told, policy=policy) for forgetful in (False, True))
    for name, *how in [*happened, ("ask", 0, True, False), ("ask", 1, False, True)]:
        said = [_done(world, name, how) for world in (one, other)]
        if name == "ask":
            assert said[0] == said[1]


def _done(world: World, name: str, how: list[Any]) -> Any:
    try:
        return getattr(world, name)(*how)
    except SessionError as error:  # what was ended cannot be changed, in either world
        return type(error)


@pytest.fixture(params=[False, True], ids=["any-clock", "the-store's"])
def world(request: pytest.FixtureRequest) -> World:
    world = World(forgetful=False, told=request.param)
    assert world.ask(0, True, False)[0]
    return world


def test_it_is_good_until_the_feed_is_not_by_either_clock(world):
    world.pass_(2.9, 2.9)
    assert world.ask(0, True, False)[0]
    world.pass_(0.0, 0.2)
    assert world.ask(0, True, False)[0] is None
    world.poll()
    assert world.ask(0, True, False)[0]
    world.pass_(3.1, 0.0)
    assert world.ask(0, True, False)[0] is None


@pytest.mark.req("A7-7.4.1")
@pytest.mark.parametrize("here", [True, False])
def test_an_ending_is_felt_though_it_was_found_good_a_moment_ago(world, here):
    world.end(0, here)
    world.poll()
    assert world.ask(0, True, False)[0] is None
    assert world.ask(1, True, False)[0]


def test_an_ending_of_this_process_needs_no_poll(world):
    world.end(0, here=True)
    assert world.ask(0, True, False)[0] is None


def test_after_a_gap_it_is_good_no_longer(world):
    world.end(1, here=False)
    world.lose(log=False)
    world.pass_(0.5, 0.5)
    world.poll()
    assert world.ask(0, True, False)[0] is None


def test_it_is_good_no_longer_than_any_snapshot():
    world = World(
        forgetful=False, told=True, policy=POLICY.changed(touch_every=14 * SECOND, cache_for=10 * SECOND)
    )
    for _ in range(3):
        world.pass_(3.0, 3.0)
        world.poll()
        assert world.ask(0, False, False)[0]
    world.pass_(1.5, 1.5)
    assert world.ask(0, False, False)[0] is None


@pytest.mark.parametrize("policy", [POLICY, UNCACHED], ids=["snapshot", "record"])
def test_the_next_use_worth_a_note_is_noted(policy):
    world = World(forgetful=False, told=True, policy=policy)
    for _ in range(5):
        world.pass_(2.0, 2.0)
        world.poll()
        *_, seen = world.ask(0, False, False)  # of 8 and 10 s, the first found it good for three seconds
    assert [one and one.seen_at for one in seen] == [MORNING + 10 * SECOND, None]


def test_who_was_noted_is_good_until_the_next_use_worth_a_note():
    world = World(forgetful=False, told=True)
    kept = _kept(world)
    world.pass_(10.0, 10.0)
    world.poll()
    assert not world.stands(kept)
    world.ask(0, False, False)
    assert world.lately[0, False] is kept  # it is the same one, and seen later
    assert kept.session.seen_at == world.sessions.clock()
    for passed, stands in ((0.0, True), (3.0, True), (3.0, True), (3.0, True), (0.9, True), (0.2, False)):
        world.pass_(passed, passed)
        world.poll()
        assert world.stands(kept) == stands


def test_a_use_worth_a_note_is_due_by_the_clock_that_nobody_sets():
    world = World(forgetful=False, told=True, policy=POLICY.changed(touch_every=2 * SECOND))
    kept = _kept(world)
    for stands in (True, False):
        world.pass_(0.0, 1.1)
        assert world.stands(kept) == stands


def test_what_was_noted_is_packed_as_it_is_now():
    world = World(forgetful=False, told=True)
    near = world.sessions.snapshots.near
    near._ready_limit = 1
    world.sure(1)
    world.ask(0, True, False)  # it was packed
    world.pass_(10.0, 10.0)
    world.poll()
    for which, passive in ((0, False), (1, False), (0, True)):
        shown, *_ = world.ask(which, passive, False)
        assert shown is not None
        assert shown[1] == world.sessions.clock()


@pytest.fixture
def uncached() -> World:
    return World(forgetful=False, told=True, policy=UNCACHED)


@pytest.mark.req("A7-7.4.1")
def test_an_ending_that_the_store_has_lost_holds_for_a_record_that_was_good_a_moment_ago(uncached):
    uncached.end(0, here=True)
    uncached.fail_over(0)
    with pytest.raises(SessionRevoked):
        uncached.ask(0, True, False)


@pytest.mark.parametrize(("wall", "awake"), [(3.1, 0.0), (1.5, 0.0)])
def test_what_time_it_is_is_asked_when_a_clock_leapt(uncached, wall, awake):
    asked = uncached.asked
    uncached.ask(0, True, False)
    assert uncached.asked == asked
    uncached.pass_(wall, awake)
    uncached.ask(0, True, False)
    assert uncached.asked > asked


@pytest.fixture
def carried() -> World:
    """Its near cache is of no use, and the cookie cache answered before."""
    world = World(forgetful=False, told=True, policy=COOKIE)
    for _ in range(3):
        assert world.ask(0, True, True)[0]
    return world


def test_another_text_is_opened_though_one_was_good_a_moment_ago(carried):
    (sealed, *_), (token, *_) = carried.sealed, (one.token for one in carried.issued)
    recall = carried.sessions.snapshots.recall
    assert recall(token, sealed) is not None
    assert recall(token, None) is None
    assert recall(token, sealed[:-4] + "AAAA") is None
    assert recall(carried.issued[1].token, sealed) is None


def test_what_the_store_said_since_goes_before_a_cookie():
    world = World(forgetful=False, told=True, policy=POLICY)
    for _ in range(17):
        world.pass_(2.0, 2.0)
        world.poll()
        world.ask(0, False, True)
    assert world.sessions.snapshots._alone  # the near cache's is too old by now
    world.sure(0)
    now = world.sessions.clock()
    assert world.ask(0, True, True)[0][1] == now


# ── what stands, asked without its token ─────────────────────────────────────────────────────────


def _kept(world: World, *, sealed: bool = False) -> Kept:
    """The snapshot that answers for the first session."""
    world.ask(0, True, sealed)
    kept = world.lately[0, sealed]
    assert world.stands(kept)
    return kept


@pytest.mark.parametrize("name", ["drop", "sure"])
def test_what_was_dropped_or_replaced_stands_no_longer(world, name):
    kept = _kept(world)
    getattr(world, name)(0)
    assert not world.stands(kept)


def test_what_was_packed_away_stands_no_longer(world):
    kept, near = _kept(world), world.sessions.snapshots.near
    near._ready_limit = 1
    world.sure(1)
    assert not world.stands(kept)
    assert _kept(world) is not kept


@pytest.mark.parametrize("name", ["drop", "forget_cookies"])
def test_a_cookie_cache_that_was_dropped_or_forgotten_stands_no_longer(carried, name):
    kept, snapshots = _kept(carried, sealed=True), carried.sessions.snapshots
    if name == "drop":
        carried.drop(0)
    else:
        snapshots.forget_cookies()
    assert not snapshots.stands(kept)
    carried.ask(0, True, True)  # it is opened anew
    assert _kept(carried, sealed=True) is not kept


def test_a_cookie_cache_that_answers_again_stands_again(carried):
    kept, snapshots = _kept(carried, sealed=True), carried.sessions.snapshots
    snapshots._replaced(next(iter(snapshots._alone)))  # the near cache had something newer for a while
    assert not snapshots.stands(kept)
    assert _kept(carried, sealed=True) is kept


@pytest.mark.parametrize(("asked", "name", "how"), [("good", "drop", ()), ("trusts", "end", (True,))])
def test_what_another_thread_does_while_it_is_found_good_is_felt(world, monkeypatch, asked, name, how):
    kept, feed = _kept(world), world.sessions.feed
    ask = getattr(feed, asked)

    def meanwhile(*of: Any) -> Any:
        answer = ask(*of)
        getattr(world, name)(0, *how)
        return answer

    kept.good = NEVER
    with monkeypatch.context() as patched:
        patched.setattr(feed, asked, meanwhile)
        assert world.ask(0, True, False)[0]  # it was asked before
    assert not world.stands(kept)
    assert world.ask(0, True, False)[0] is None


def test_what_stands_is_counted_as_answered(world):
    kept, snapshots = _kept(world), world.sessions.snapshots
    before = snapshots.hits
    assert snapshots.stands(kept)
    assert snapshots.hits == before + 1
    world.end(0, here=True)
    assert not snapshots.stands(kept)
    assert snapshots.hits == before + 1
