"""Law 5: a change in the feed is honoured by everybody who follows it, at most `max_staleness` later.

Many processes with clocks of their own over one store, everything in any order, against a model that
only remembers when each token was last good.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any, ClassVar, cast
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from sojourn import ANYBODY, AsyncSessions, Policy, Query, Reason
from sojourn.blocking import drive
from sojourn.errors import SessionChanged, SessionError
from sojourn.feed import Feed
from sojourn.stores.memory import MemoryStore
from sojourn.stores.protocol import Entries, Entry, Store
from sojourn.stores.sqlite import SQLiteStore
from sojourn.testing import MORNING, make_keys

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
POLICY = Policy(
    cookie_cache=5 * MINUTE,
    cache_for=3 * MINUTE,
    cached_data=("role",),
    grace=timedelta(0),
    lost_answer=timedelta(0),
)
PROCESSES = st.integers(0, 2)
BROWSERS = st.integers(0, 1)
FOREVER = MORNING + timedelta(days=1000)


class Away(Exception):
    """The store cannot be reached."""


class Network:
    """The store as one process sees it: it may be away, and another log may take the place of the present."""

    def __init__(self, store: Store) -> None:
        self.store, self.away, self.cut = store, False, False
        self.faults: tuple[type[Exception], ...] = (Away,)
        self.meanwhile: Callable[[], object] | None = None  # happens while a lookup is under way

    def __getattr__(self, verb: str) -> Any:
        if self.away:
            raise Away
        return getattr(self.store, verb)

    async def get(self, id: UUID) -> Any:
        if self.away:
            raise Away
        found = await self.store.get(id)
        act, self.meanwhile = self.meanwhile, None
        if act:
            act()
        return found

    async def entries(self, after: str | None = None, *, limit: int = 10_000) -> Entries:
        if self.away:
            raise Away
        page = await self.store.entries(after, limit=2)  # so that there are many pages
        if self.cut and not page.complete:
            raise Away
        return page


class Process:
    """A façade with a near cache and clocks of its own."""

    def __init__(self, store: Store, world: World, skew: timedelta = timedelta(0)) -> None:
        self.world, self.skew, self.asleep = world, skew, timedelta(0)
        self.network = Network(store)
        self.sessions = AsyncSessions(
            cast(Store, self.network), keys=make_keys(), policy=POLICY, clock=lambda: world.now + self.skew
        )
        self.sessions.activity.waits = True
        feed = self.sessions.feed
        feed.monotonic = lambda: (world.now - MORNING - self.asleep).total_seconds()
        feed.forget()

    def poll(self) -> bool:
        try:
            return drive(self.sessions.feed.poll())
        except Away:
            return False

    def accepts(self, token: str, cached: str | None = None, *, passive: bool = False) -> bool:
        """Whether the token is accepted; a fault says neither."""
        return bool(drive(self.sessions.validate(token, cached=cached, passive=passive)))


@dataclass
class World:
    """The truth: the one time there is, and until when each token was good."""

    now: datetime = MORNING
    good_until: dict[str, datetime] = field(default_factory=dict)
    session: dict[str, UUID] = field(default_factory=dict)
    generation: dict[str, int] = field(default_factory=dict)
    wrote: dict[Entry, datetime] = field(default_factory=dict)

    def end(self, *tokens: str) -> None:
        for token in tokens:
            self.good_until[token] = min(self.good_until[token], self.now)

    def of(self, id: UUID) -> list[str]:
        return [token for token, owner in self.session.items() if owner == id]


class Feeds(RuleBasedStateMachine):
    """Browsers with a token and whatever cookie caches they ever got, thieves with a copy of all of it."""

    open_store: ClassVar[Callable[[], Store]]

    def __init__(self) -> None:
        super().__init__()
        self.store = type(self).open_store()
        self.world = World()
        self.processes = [Process(self.store, self.world) for _ in range(3)]
        self.tokens: dict[int, str] = {}
        self.cached: list[tuple[str, str]] = []
        for browser in range(2):
            self.sign_in(0, browser)

    def teardown(self) -> None:
        drive(self.store.close())

    @invariant()
    def note_when_lines_were_written(self):
        if isinstance(self.store, MemoryStore):
            for _, entry in self.store._log._lines:
                self.world.wrote.setdefault(entry, self.world.now)

    # ── changes ──────────────────────────────────────────────────────────────────────────────

    def _issued(self, browser: int, token: str, id: UUID, generation: int) -> None:
        self.tokens[browser] = token
        self.world.good_until[token] = FOREVER
        self.world.session[token], self.world.generation[token] = id, generation

    def _has_ended(self, browser: int) -> bool:
        token = self.tokens.get(browser)
        return token is None or self.world.good_until[token] < FOREVER

    @rule(process=PROCESSES, browser=BROWSERS)
    def sign_in_again(self, process, browser):
        if self._has_ended(browser):
            self.sign_in(process, browser)

    def sign_in(self, process, browser):
        try:
            issued = drive(self.processes[process].sessions.start("ada", data={"role": "user"}))
        except Away:
            return
        self._issued(browser, issued.token, issued.session.id, 0)

    @rule(process=PROCESSES, browser=BROWSERS, verb=st.sampled_from(["revoke", "renew", "role", "rotate"]))
    def change(self, process, browser, verb):
        if self._has_ended(browser):
            return
        self._change(self.processes[process].sessions, browser, verb)

    def _change(self, sessions: AsyncSessions, browser: int, verb: str) -> None:
        token = self.tokens[browser]
        id, generation = self.world.session[token], self.world.generation[token]
        try:
            match verb:
                case "revoke":
                    drive(sessions.revoke(id, owner=ANYBODY))
                    self.world.end(*self.world.of(id))
                case "renew":
                    issued = drive(sessions.renew(id))
                    self.world.end(*self.world.of(id))
                    self._issued(browser, issued.token, id, generation + 1)
                case "role":  # others go on, but not with what was said before
                    drive(sessions.update(id, set={"role": f"at {self.world.now}"}))
                case "rotate":  # the one before may be used until a snapshot of it is stale
                    issued = drive(sessions.refresh(token))
                    self.world.good_until[token] = self.world.now + POLICY.longest_snapshot
                    self._issued(browser, issued.token, id, generation + 1)
        except (Away, SessionChanged):
            pass

    @rule(browser=BROWSERS)
    def end_by_hand(self, browser):
        """By somebody who has the store and no façade."""
        if not self._has_ended(browser):
            id = self.world.session[self.tokens[browser]]
            drive(self.store.revoke(Query(id=id), at=self.world.now, reason=Reason.SYSTEM))
            self.world.end(*self.world.of(id))

    # ── what can go wrong ────────────────────────────────────────────────────────────────────

    @rule(process=PROCESSES)
    def poll(self, process):
        self.processes[process].poll()

    @rule()
    def everybody_polls(self):
        for process in self.processes:
            process.poll()

    @rule(process=PROCESSES, away=st.booleans(), cut=st.booleans())
    def lose_the_store(self, process, away, cut):
        self.processes[process].network.away, self.processes[process].network.cut = away, cut

    @rule(span=st.sampled_from([SECOND / 5, SECOND * 0.9, SECOND, 30 * SECOND, 2 * MINUTE, 6 * MINUTE]))
    def wait(self, span):
        self.world.now += span

    @rule(process=PROCESSES, span=st.sampled_from([SECOND, MINUTE, 4 * MINUTE]))
    def suspend(self, process, span):
        """The whole world goes on; this machine's monotonic clock does not."""
        self.processes[process].asleep += span
        self.world.now += span

    @rule(process=PROCESSES, skew=st.sampled_from([-60, -3, 0, 3, 60]))
    def set_the_clock(self, process, skew):
        self.processes[process].skew = skew * SECOND

    @rule(process=PROCESSES)
    def restart(self, process):
        self.processes[process] = Process(self.store, self.world, self.processes[process].skew)

    @rule(ago=st.sampled_from([timedelta(0), 10 * MINUTE]))
    def lose_lines_of_the_log(self, ago):
        """A gap in the same log, of lines older than any snapshot; or the same lines in another log."""
        if isinstance(self.store, MemoryStore):
            log = self.store._log
            if ago:
                lines = [line for line in log._lines if self.world.wrote[line[1]] >= self.world.now - ago]
                log.begin, log._lines = log.begin + len(log._lines) - len(lines), lines
            else:
                log.epoch = f"another {self.world.now}"

    # ── use ──────────────────────────────────────────────────────────────────────────────────

    @rule(process=PROCESSES, browser=BROWSERS, passive=st.booleans())
    def seal(self, process, browser, passive):
        token = self.tokens.get(browser)
        if token is not None:
            self._use(self.processes[process], token, None, passive=passive)
            sealed = self.processes[process].sessions.snapshots.seal(token)
            if sealed is not None:
                self.cached.append((token, sealed))

    @rule(process=PROCESSES, other=PROCESSES, browser=BROWSERS, verb=st.sampled_from(["revoke", "renew"]))
    def change_during_a_lookup(self, process, other, browser, verb):
        """A stale fill: the store has answered, the answer is under way, and then everybody polls."""
        if self._has_ended(browser):
            return
        token, reader = self.tokens[browser], self.processes[process]

        def meanwhile() -> None:
            self._change(self.processes[other].sessions, browser, verb)
            self.everybody_polls()

        reader.network.meanwhile = meanwhile
        try:
            reader.accepts(token)
        except (SessionError, *reader.sessions.faults):
            pass
        reader.network.meanwhile = None

    @rule(process=PROCESSES, passive=st.booleans(), data=st.data())
    def use(self, process, passive, data):
        tokens = list(self.world.good_until)
        if tokens:
            token = data.draw(st.sampled_from(tokens[-8:]))
            caches = [sealed for owner, sealed in self.cached if owner == token]
            cached = data.draw(st.sampled_from([None, *caches[-4:]]))
            self._use(self.processes[process], token, cached, passive=passive)

    @rule(passive=st.booleans())
    def everybody_uses_all_there_is(self, passive):
        newest = dict(self.cached)
        for token in list(self.world.good_until)[-4:]:
            for process in self.processes:
                self._use(process, token, newest.get(token), passive=passive)

    def _use(self, process: Process, token: str, cached: str | None, *, passive: bool) -> None:
        until = self.world.good_until[token]
        refused = ""
        try:
            process.accepts(token, cached, passive=passive)
        except process.sessions.faults:
            return
        except SessionError as refusal:
            refused = refusal.code
        if refused:
            assert until < FOREVER, f"an honest bearer was refused: {refused}"
        else:
            assert self.world.now <= until + POLICY.max_staleness, "accepted too late"

    @rule()
    def what_one_did_itself_holds_at_once(self):
        process = self.processes[0]
        try:
            issued = drive(process.sessions.start("grace"))
            process.poll()
            assert process.accepts(issued.token)
            drive(process.sessions.revoke(issued.session.id, owner="grace"))
        except process.sessions.faults:
            return
        accepted = True
        try:
            process.accepts(issued.token)
        except process.sessions.faults:
            return
        except SessionError:
            accepted = False
        assert not accepted, "accepted too late"


@pytest.fixture(autouse=True)
def silent(caplog):
    """What is logged about gaps and outages, thousands of times, is of no interest here."""
    caplog.set_level(logging.CRITICAL, logger="sojourn")


def run(open_store: Callable[[], Store], *, examples: int, **other: Any) -> None:
    class Here(Feeds):
        pass

    Here.open_store = staticmethod(open_store)
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            suppress_health_check=list(HealthCheck),
            **other,
        ),
    )


def test_law_05_nobody_who_follows_accepts_what_ended_longer_ago_than_the_bound():
    run(MemoryStore, examples=200)


def test_law_05_nor_do_processes_that_share_a_file(tmp_path):
    numbers = count()
    run(lambda: SQLiteStore(tmp_path / f"{next(numbers)}.db").blocking(), examples=40)


WRONG: dict[str, dict[str, Any]] = {
    "always current": {
        "current": lambda *_: True,
        "trusts": lambda feed, number, version, *_: not feed.voids(UUID(int=number), version),
    },
    "deaf": {
        "voids": lambda *_: False,
        "trusts": lambda feed, number, version, made_at, now: feed.current(now),
    },
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_law_05_the_tests_above_would_notice_a_feed_that_is_wrong(monkeypatch, wrong):
    for verb, answer in wrong.items():
        monkeypatch.setattr(Feed, verb, answer)
    with pytest.raises(AssertionError, match="accepted too late"):
        run(MemoryStore, examples=200, phases=[Phase.generate])


@pytest.mark.parametrize("verb", ["revoke", "renew"])
def test_law_05_what_a_process_learns_by_a_poll_it_holds_at_once(verb):
    store, world = MemoryStore(), World()
    one, other = Process(store, world), Process(store, world)
    issued = drive(one.sessions.start("ada"))
    other.poll()
    assert other.accepts(issued.token)
    if verb == "revoke":
        drive(one.sessions.revoke(issued.session.id, owner="ada"))
    else:
        drive(one.sessions.renew(issued.session.id))
    assert other.accepts(issued.token)  # within the bound, from its near cache
    world.now += SECOND / 4
    other.poll()
    with pytest.raises(SessionError):
        other.accepts(issued.token)


def test_law_05_a_change_of_role_is_seen_within_the_bound():
    store, world = MemoryStore(), World()
    one, other = Process(store, world), Process(store, world)
    issued = drive(one.sessions.start("ada", data={"role": "admin"}))
    other.poll()
    assert drive(other.sessions.validate(issued.token)).session.data["role"] == "admin"
    drive(one.sessions.update(issued.session.id, set={"role": "user"}))
    for _ in range(3):
        world.now += SECOND / 3
        other.poll()
    assert drive(other.sessions.validate(issued.token)).session.data["role"] == "user"
