"""Which snapshots are used: through the façade, with the store counted."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from sojourn import AsyncSessions, Issued, Policy, Session, Sessions
from sojourn.blocking import drive
from sojourn.clock import StoreClock
from sojourn.errors import SessionError, SessionExpired, SessionRevoked
from sojourn.session import Seen
from sojourn.snapshot import MARGIN, LookupUnread, digest
from sojourn.stores.memory import MemoryStore
from sojourn.stores.protocol import Entries, StoreBusy
from sojourn.stores.sqlite import SQLiteStore
from sojourn.testing import MORNING, FakeClock, make_keys

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
CACHED = Policy(cookie_cache=5 * MINUTE, cached_data=("role",))


class Away(Exception):
    """The store cannot be reached."""


class Counting(MemoryStore):
    """A store that counts its verbs, may be away, and may be slow."""

    faults: tuple[type[Exception], ...] = (Away,)

    def __init__(self) -> None:
        super().__init__()
        self.reads = self.polls = 0
        self.touches: list[dict[UUID, Seen]] = []
        self.away = False
        self.slow: Any = None

    async def get(self, id: UUID) -> Session | None:
        self._meet()
        self.reads += 1
        found = await super().get(id)
        if self.slow:
            slow, self.slow = self.slow, None
            slow()
        return found

    async def entries(self, after: str | None = None, *, limit: int = 10_000) -> Entries:
        self._meet()
        self.polls += 1
        return await super().entries(after, limit=limit)

    async def touch(self, seen: Mapping[UUID, Seen], *, at: datetime, **how: Any) -> None:
        self._meet()
        self.touches.append(dict(seen))
        await super().touch(seen, at=at, **how)

    def _meet(self) -> None:
        if self.away:
            raise Away


@pytest.fixture
def store() -> Counting:
    return Counting()


class Process:
    """A façade whose feed is polled when the test says so."""

    def __init__(self, store: Counting, clock: FakeClock, policy: Policy = CACHED, **other: Any) -> None:
        self.store, self.clock = store, clock
        self.sessions = AsyncSessions(store, keys=make_keys(), policy=policy, clock=clock, **other)
        self.sessions.activity.waits = True
        feed = self.sessions.feed
        feed.monotonic = lambda: (clock() - MORNING).total_seconds()
        feed.forget()
        self.poll()

    def poll(self) -> None:
        drive(self.sessions.feed.poll())

    def start(self, **fields: Any) -> Issued:
        return drive(self.sessions.start("ada", **fields))

    def validate(self, token: str, **how: Any) -> Session:
        return drive(self.sessions.validate(token, **how)).session

    def recall(self, token: str, sealed: str | None = None, **how: Any) -> Session | None:
        kept = self.sessions.snapshots.recall(token, sealed, **how)
        return None if kept is None else kept.session

    def sealed(self, token: str) -> str:
        found = self.sessions.snapshots.seal(token)
        assert found is not None
        return found

    def later(self, **span: float) -> None:
        self.clock.tick(**span)
        self.poll()


@pytest.fixture
def here(store: Counting, clock: FakeClock) -> Process:
    return Process(store, clock)


@pytest.fixture
def there(store: Counting, clock: FakeClock) -> Process:
    return Process(store, clock)


# ── the near cache ────────────────────────────────────────────────────────────────────────────


def test_a_session_that_is_known_costs_no_question(here, store):
    token = here.start().token
    first = here.validate(token)
    reads = store.reads
    for _ in range(10):
        again = here.validate(token)
    assert store.reads == reads
    assert (again.id, again.salt, again.seen_at) == (first.id, b"", first.seen_at)


def test_who_wants_to_be_sure_asks_the_store(here, store):
    token = here.start().token
    here.validate(token)
    reads = store.reads
    here.validate(token, sure=True)
    assert store.reads == reads + 1


def test_without_a_cache_the_store_is_asked_each_time(store, clock):
    process = Process(store, clock, Policy(cache_for=timedelta(0)))
    token = process.start().token
    for _ in range(3):
        process.validate(token)
    assert store.reads == 3
    assert not process.sessions.snapshots.known(token, None)
    assert process.sessions.snapshots.seal(token) is None


def test_a_feed_that_dies_is_trusted_no_longer_than_the_bound(here, clock):
    token = here.start().token
    here.validate(token)
    clock.tick(seconds=0.9)
    assert here.recall(token) is not None
    clock.tick(seconds=0.1)
    assert here.recall(token) is None


def test_a_snapshot_ends_with_its_time(here):
    token = here.start().token
    here.validate(token)
    here.later(minutes=4, seconds=59)
    assert here.recall(token, passive=True) is not None
    here.later(seconds=1)
    assert here.recall(token, passive=True) is None


def test_a_snapshot_never_says_no(here, there, store):
    """What one process slid, another with an old snapshot must not call expired."""
    policy = Policy(idle_timeout=10 * MINUTE, cache_for=timedelta(hours=1))
    one, other = (Process(store, here.clock, policy) for _ in range(2))
    token = one.start().token
    other.validate(token)
    one.later(minutes=6)
    one.validate(token)
    drive(one.sessions.flush())
    one.later(minutes=6)
    other.poll()
    assert other.recall(token) is None  # by its own account the session is idle too long
    assert other.validate(token).seen_at > MORNING


@pytest.mark.parametrize(
    "policy",
    [
        Policy(idle_timeout=8 * MINUTE, cache_for=timedelta(hours=1)),
        Policy(lifetime=8 * MINUTE, idle_timeout=None, fresh_for=MINUTE, cache_for=timedelta(hours=1)),
    ],
    ids=["idle", "absolute"],
)
def test_idle_and_absolute_end_hold_for_snapshots(store, clock, policy):
    process = Process(store, clock, policy)
    token = process.start().token
    process.validate(token)
    process.later(minutes=7, seconds=59)
    assert process.recall(token, passive=True) is not None
    process.later(minutes=2)
    assert process.recall(token, passive=True) is None
    with pytest.raises(SessionExpired):
        process.validate(token, passive=True)


def test_a_rotation_that_is_due_is_honoured(store, clock):
    process = Process(store, clock, Policy(rotate_every=2 * MINUTE))
    token = process.start().token
    process.validate(token)
    process.later(minutes=1, seconds=59)
    assert process.recall(token, passive=True) is not None
    process.later(seconds=1)
    assert process.recall(token, passive=True) is None


def test_passive_requests_never_slide(here, store):
    token = here.start().token
    here.validate(token)
    here.later(minutes=2)
    for _ in range(3):
        assert here.validate(token, passive=True).seen_at == MORNING
    drive(here.sessions.flush())
    assert store.touches == []


def test_a_use_is_recorded_once_per_interval_and_flush(here, store):
    token = here.start().token
    here.validate(token)
    here.later(minutes=1)
    for _ in range(20):
        assert here.validate(token).seen_at == MORNING + MINUTE
        here.later(seconds=1)
        drive(here.sessions.flush())
    assert len(store.touches) == 1


def test_a_use_told_by_a_cookie_alone_is_recorded_once_per_interval_too(store, clock):
    """Its own record of the last use never moves: the process has to remember it."""
    origin = Process(store, clock)
    token = origin.start().token
    origin.validate(token)
    sealed = origin.sealed(token)
    for policy in (CACHED.changed(cache_for=timedelta(0)), CACHED.changed(cache_for=30 * SECOND)):
        process = Process(store, clock, policy)
        process.later(minutes=1, seconds=5)
        before, reads = len(store.touches), store.reads
        for _ in range(20):
            assert process.validate(token, cached=sealed) is not None
            process.later(seconds=1)
            drive(process.sessions.flush())
        assert len(store.touches) == before + 1
        assert store.reads == reads


def test_what_asks_for_renewal_is_not_remembered(here, there):
    token = here.start().token
    drive(here.sessions.renew_all("ada"))
    assert here.sessions.snapshots.remember(token, there.validate(token, passive=True), MORNING) is None
    assert here.recall(token) is None


def test_data_that_is_not_named_is_read_when_asked_for(here):
    token = here.start(data={"role": "admin", "cart": [1]}).token
    here.validate(token)
    session = here.validate(token)
    assert session.data["role"] == "admin"
    with pytest.raises(LookupUnread):
        session.data["cart"]
    assert drive(here.sessions.whole(session)).data == {"role": "admin", "cart": [1]}


@pytest.mark.parametrize(
    "change",
    [
        lambda p, id: drive(p.sessions.renew(id)),
        lambda p, id: drive(p.sessions.renew_all("ada")),
        lambda p, id: drive(p.sessions.update(id, set={"role": "user"})),
        lambda p, id: drive(p.sessions.revoke(id, owner="ada")),
        lambda p, id: drive(p.sessions.revoke_all("ada")),
    ],
    ids=["renew", "renew_all", "role", "revoke", "revoke_all"],
)
def test_what_changed_is_void_here_at_once_and_elsewhere_with_the_next_poll(here, there, change):
    issued = here.start(data={"role": "admin"})
    for process in (here, there):
        process.validate(issued.token)
    change(here, issued.session.id)
    assert here.recall(issued.token) is None
    there.poll()
    assert there.recall(issued.token) is None


# ── stale fills, slow stores ──────────────────────────────────────────────────────────────────


def test_a_read_that_began_before_an_ending_does_not_fill_the_cache_after_it(here, there, store):
    issued = here.start()

    def meanwhile() -> None:
        drive(there.sessions.revoke(issued.session.id, owner="ada"))
        here.poll()

    store.slow = meanwhile
    with pytest.raises(SessionRevoked):
        here.validate(issued.token)
    assert here.recall(issued.token) is None


def test_a_read_that_began_before_a_renewal_does_not_fill_the_cache_after_it(here, there, store):
    issued = here.start()

    def meanwhile() -> None:
        drive(there.sessions.renew(issued.session.id))
        here.poll()

    store.slow = meanwhile
    with pytest.raises(SessionError):
        here.validate(issued.token)
    assert here.recall(issued.token) is None


def test_what_the_store_said_too_long_ago_is_not_used(here, store, clock):
    token = here.start().token
    store.slow = lambda: clock.tick(seconds=1.5)
    with pytest.raises(StoreBusy):
        here.validate(token)
    store.slow = lambda: here.later(seconds=1.5)  # but somebody followed meanwhile
    assert here.validate(token)


def test_who_is_too_many_is_told_to_come_again(store, clock):
    process = Process(store, clock, most_reads=1)
    one, other = process.start().token, process.start().token
    seen: list[type[BaseException]] = []

    def meanwhile() -> None:
        with pytest.raises(StoreBusy) as found:
            process.validate(other)
        seen.append(found.type)

    store.slow = meanwhile
    assert process.validate(one).user_id == "ada"
    assert seen == [StoreBusy]
    assert process.validate(other).user_id == "ada"


def test_an_ending_that_the_store_lost_is_refused_and_written_back(here, store):
    issued = here.start()
    before = store._sessions[issued.session.id]
    drive(here.sessions.revoke(issued.session.id, owner="ada"))
    store._sessions[issued.session.id] = before
    with pytest.raises(SessionRevoked):
        here.validate(issued.token)
    assert drive(store.get(issued.session.id)).revoked_at == MORNING


# ── the cookie cache ──────────────────────────────────────────────────────────────────────────


def test_a_cold_process_needs_the_cookie_and_the_token(here, store, clock):
    one, other = here.start().token, here.start().token
    for token in (one, other):
        here.validate(token)
    sealed = here.sealed(one)
    cold = Process(store, clock)
    reads = store.reads
    assert cold.validate(one, cached=sealed).user_id == "ada"
    assert store.reads == reads
    assert Process(store, clock).recall(other, sealed) is None
    assert Process(store, clock).recall(one, "nonsense") is None


def test_a_process_that_starts_reads_back_what_an_old_cookie_cannot_know(here, store, clock):
    issued = here.start()
    here.validate(issued.token)
    sealed = here.sealed(issued.token)
    drive(here.sessions.revoke(issued.session.id, owner="ada"))
    clock.tick(minutes=1)
    cold = Process(store, clock)
    assert cold.recall(issued.token, sealed) is None
    with pytest.raises(SessionRevoked):
        cold.validate(issued.token, cached=sealed)


def test_a_process_that_starts_with_another_log_opens_no_cookie_of_the_old_one(here, store, clock):
    """The log is lost, with the ending in it, and nobody who followed it is there to tell."""
    issued = here.start()
    here.validate(issued.token)
    sealed = here.sealed(issued.token)
    drive(here.sessions.revoke(issued.session.id, owner="ada"))
    store._log._lines, store._log.epoch = [], "another"
    assert Process(store, clock).recall(issued.token, sealed) is None


def test_after_a_gap_neither_near_cache_nor_cookie_of_before_is_trusted(here, there, store, clock):
    token = here.start().token
    here.validate(token)
    sealed = here.sealed(token)
    drive(here.sessions.revoke(here.start().session.id, owner="ada"))
    store._log.forget(datetime.max.replace(tzinfo=MORNING.tzinfo))
    clock.tick(seconds=0.5)
    here.poll()
    assert here.recall(token) is None
    assert here.recall(token, sealed) is None
    here.validate(token)
    assert here.recall(token) is not None


def test_after_a_gap_a_cookie_from_a_clock_that_was_ahead_is_not_taken_for_a_new_one(here, store, clock):
    ahead = Process(store, FakeClock(MORNING + 3 * SECOND))
    token = ahead.start().token
    ahead.validate(token)
    sealed = ahead.sealed(token)
    assert here.recall(token, sealed) is not None
    drive(ahead.sessions.revoke(ahead.start().session.id, owner="ada"))
    store._log.forget(datetime.max.replace(tzinfo=MORNING.tzinfo))
    here.later(seconds=0.5)
    assert here.recall(token, sealed) is None


def test_a_cookie_from_a_clock_that_is_ahead_is_as_old_as_now_and_no_older(store, clock):
    ahead = Process(store, FakeClock(MORNING + MARGIN - SECOND))
    token = ahead.start().token
    ahead.validate(token)
    sealed = ahead.sealed(token)
    here = Process(store, clock)
    assert here.recall(token, sealed) is not None
    kept = here.sessions.snapshots.near.get(digest(token))
    assert kept is not None
    assert kept.made_at == MORNING
    far = Process(store, FakeClock(MORNING - 2 * SECOND))
    assert far.recall(token, sealed) is None


def test_a_snapshot_made_by_a_clock_that_was_set_back_since_is_not_used(here, clock):
    clock.tick(hours=1)
    token = here.start().token
    here.poll()
    here.validate(token)
    clock.tick(hours=-1)
    here.sessions.feed.monotonic = lambda: 0.0
    here.poll()
    assert here.recall(token) is None


def test_a_policy_that_became_stricter_holds_for_old_cookies(here, store, clock):
    token = here.start().token
    here.validate(token)
    sealed = here.sealed(token)
    for stricter in (
        CACHED.changed(rotate_every=MINUTE),
        CACHED.changed(idle_timeout=MINUTE, touch_every=timedelta(0), activity_every=SECOND),
        CACHED.changed(
            lifetime=MINUTE, idle_timeout=MINUTE, touch_every=SECOND, activity_every=SECOND, fresh_for=MINUTE
        ),
        CACHED.changed(cookie_cache=MINUTE),
    ):
        assert Process(store, FakeClock(MORNING + 59 * SECOND), stricter).recall(token, sealed, passive=True)
        late = Process(store, FakeClock(MORNING + 70 * SECOND), stricter)
        assert late.recall(token, sealed, passive=True) is None


def test_a_cookie_is_sealed_only_from_what_is_young_current_and_true(here, clock):
    issued = here.start()
    assert here.sessions.snapshots.seal(issued.token) is None  # nothing is known
    here.validate(issued.token)
    assert here.sealed(issued.token)
    clock.tick(seconds=1)
    assert here.sessions.snapshots.seal(issued.token) is None  # the feed is not current
    here.later(seconds=120)
    assert here.sealed(issued.token)
    here.later(seconds=30)
    assert here.sessions.snapshots.seal(issued.token) is None  # half its life is over


def test_a_process_can_tell_whether_a_cookie_may_still_be_used(here):
    issued = here.start()
    here.validate(issued.token)
    sealed, holds = here.sealed(issued.token), here.sessions.snapshots.holds
    assert holds(issued.token, sealed)
    assert not holds(issued.token, "nonsense")
    drive(here.sessions.revoke(issued.session.id, owner="ada"))
    assert not holds(issued.token, sealed)


@pytest.mark.parametrize("end", ["revoke", "renew", "refresh"])
def test_a_late_answer_seals_nothing_for_a_token_that_was_superseded_or_ended(here, end):
    issued = here.start()
    here.validate(issued.token)
    match end:
        case "revoke":
            drive(here.sessions.revoke(issued.session.id, owner="ada"))
        case "renew":
            drive(here.sessions.renew(issued.session.id))
        case "refresh":
            drive(here.sessions.refresh(issued.token))
    assert here.sessions.snapshots.seal(issued.token) is None


# ── while the store is away ───────────────────────────────────────────────────────────────────


def test_while_the_store_is_away_nobody_is_signed_out_or_let_in(here, store, clock):
    token = here.start().token
    here.validate(token)
    store.away = True
    assert here.validate(token)  # still current
    clock.tick(seconds=1)
    with pytest.raises(Away):
        here.validate(token)
    store.away = False
    assert here.validate(token)


def test_a_policy_that_goes_on_uses_live_snapshots_unless_somebody_wants_to_be_sure(store, clock):
    process = Process(store, clock, CACHED.changed(when_away="go_on"))
    token, other = process.start().token, process.start().token
    process.validate(token)
    sealed = process.sealed(token)
    store.away = True
    clock.tick(minutes=2)
    assert process.validate(token).seen_at == clock()
    with pytest.raises(Away):
        process.validate(token, sure=True)
    with pytest.raises(Away):
        process.validate(other)
    cold_token = process.validate(token, cached=sealed, passive=True)
    assert cold_token.seen_at == MORNING
    clock.tick(minutes=3)
    with pytest.raises(Away):
        process.validate(token, cached=sealed)
    store.away = False
    drive(process.sessions.flush())
    assert [list(batch) for batch in store.touches] == [[cold_token.id]]  # an outage is no idleness


# ── clocks ────────────────────────────────────────────────────────────────────────────────────


class Telling(Counting):
    """A store with a clock of its own, which is right."""

    def __init__(self) -> None:
        super().__init__()
        self.now = MORNING

    async def entries(self, after: str | None = None, *, limit: int = 10_000) -> Entries:
        return replace(await super().entries(after, limit=limit), now=self.now)

    def machine(self, ahead: float, policy: Policy) -> tuple[AsyncSessions, list[float]]:
        """A façade on a machine whose wall clock is wrong; and by how much, which may be changed."""
        wrong = [ahead]
        clock = StoreClock(
            wall=lambda: self.now.timestamp() + wrong[0], monotonic=lambda: self.now.timestamp()
        )
        return AsyncSessions(self, keys=make_keys(), policy=policy, clock=clock), wrong


@pytest.mark.parametrize("policy", [CACHED, Policy(cache_for=timedelta(0))], ids=["cached", "not"])
def test_clocks_a_minute_apart_make_no_thief_of_a_twin(policy):
    store = Telling()
    slow, fast = (store.machine(ahead, policy)[0] for ahead in (-60, 60))
    token = drive(slow.start("ada")).token
    successor = drive(slow.refresh(token)).token
    drive(slow.validate(successor))
    drive(slow.flush())
    store.now += SECOND
    assert drive(fast.refresh(token)).token == successor


def test_a_wall_clock_that_somebody_set_ahead_signs_nobody_out():
    store = Telling()
    sessions, wrong = store.machine(0, Policy(idle_timeout=15 * MINUTE))
    token = drive(sessions.start("ada")).token
    drive(sessions.validate(token))
    wrong[0] = 3600
    assert drive(sessions.validate(token)).session.user_id == "ada"
    assert sessions.clock() == store.now


# ── blocking, threads, forks ──────────────────────────────────────────────────────────────────


def blocking(store: MemoryStore, clock: FakeClock) -> Sessions:
    sessions = Sessions(store, keys=make_keys(), policy=CACHED, clock=clock)
    sessions.feed.monotonic = lambda: (clock() - MORNING).total_seconds()
    sessions.feed.forget()
    return sessions


def test_where_nobody_follows_the_request_polls_and_writes_its_use(store, clock):
    sessions = blocking(store, clock)
    token = sessions.start("ada").token
    sessions.validate(token)
    assert store.polls == 0  # there was nothing to trust
    for _ in range(5):
        sessions.validate(token)
    assert (store.polls, store.reads) == (1, 1)
    clock.tick(seconds=1)
    sessions.validate(token)
    assert (store.polls, store.reads) == (2, 1)
    clock.tick(minutes=1)
    for _ in range(3):
        assert sessions.validate(token).session.seen_at == clock()
    assert len(store.touches) == 1
    assert drive(store.get(sessions.validate(token).session.id)).seen_at == clock()


def test_threads_share_one_facade(store, clock):
    sessions = blocking(store, clock)
    tokens = [sessions.start(f"user {n}").token for n in range(8)]
    together = Barrier(8)

    def work(n: int) -> set[str | None]:
        together.wait()
        return {sessions.validate(tokens[n]).session.user_id for _ in range(100)}

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [{f"user {n}"} for n in range(8)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_trusts_and_writes_nothing_of_its_parent(tmp_path, clock):
    sessions = AsyncSessions(
        SQLiteStore(tmp_path / "sessions.db").blocking(), keys=make_keys(), policy=CACHED, clock=clock
    )
    sessions.feed.monotonic = lambda: 1.0  # however long the child takes
    token = drive(sessions.start("ada")).token
    drive(sessions.feed.poll())
    session = drive(sessions.validate(token)).session
    sessions.activity.waits = True
    sessions.activity.note(session.id, Seen(clock(), session.expires_at))
    sessions.feed._polling.acquire()  # another thread is at it at the very moment
    sessions.snapshots.near._lock.acquire()
    sessions.activity._lock.acquire()
    read, write = os.pipe()
    child = os.fork()
    if not child:
        found = [
            sessions.feed.current(clock()),
            len(sessions.snapshots.near),
            len(sessions.activity),
            sessions.activity.waits,
            sessions.snapshots.recall(token),
        ]
        sessions.snapshots.remember(token, session, clock())
        os.write(write, repr(found).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    assert os.read(read, 1000).decode() == "[False, 0, 0, False, None]"
    os.close(read)
    for lock in (sessions.feed._polling, sessions.snapshots.near._lock, sessions.activity._lock):
        lock.release()
    assert len(sessions.activity) == 1
    assert sessions.snapshots.recall(token) is not None
    drive(sessions.close())


# ── a cookie that was opened lately ───────────────────────────────────────────────────────────

ALONE = Policy(cache_for=timedelta(0), cookie_cache=timedelta(minutes=5))


@pytest.fixture
def opened(store, clock):
    """A process that goes by cookies alone, a token, and its cookie, which it has opened before."""
    made = Process(store, clock, Policy(cookie_cache=ALONE.cookie_cache))
    token = made.start().token
    made.validate(token)
    sealed = made.sealed(token)
    process = Process(store, clock, ALONE)
    assert process.recall(token, sealed) is not None
    return process, token, sealed


def test_it_is_not_opened_again(opened, monkeypatch):
    process, token, sealed = opened
    monkeypatch.setattr("sojourn.snapshot.opened", None)
    assert process.recall(token, sealed) is not None


def test_another_cookie_of_the_same_token_is_opened(opened):
    process, token, sealed = opened
    assert process.recall(token, "nonsense") is None
    assert process.recall(token, sealed[:-4] + "AAAA") is None
    assert process.recall(token, sealed) is not None


def test_law_05_it_is_refused_after_a_revocation(opened, there):
    process, token, sealed = opened
    id = process.recall(token, sealed).id
    drive(there.sessions.revoke(id, owner="ada"))
    process.later(seconds=0.5)
    assert process.recall(token, sealed) is None


def test_it_is_not_trusted_longer_than_a_cookie_or_than_the_feed(opened):
    process, token, sealed = opened
    process.clock.tick(seconds=2)
    assert process.recall(token, sealed) is None  # nobody has polled
    process.poll()
    assert process.recall(token, sealed) is not None
    process.later(minutes=5)
    assert process.recall(token, sealed) is None


def test_it_is_not_trusted_after_a_gap_or_with_another_log(opened, store):
    process, token, sealed = opened
    store._log._lines, store._log.epoch = [], "another"
    process.later(seconds=0.5)
    assert process.recall(token, sealed) is None


def test_it_is_forgotten_with_the_token_and_by_a_child(opened):
    process, token, sealed = opened
    process.sessions.snapshots.drop(token)
    assert not process.sessions.snapshots._cookies
    process.recall(token, sealed)
    process.sessions.forget()
    assert not process.sessions.snapshots._cookies


def test_its_uses_are_recorded_once_in_a_while(opened, store):
    process, token, sealed = opened
    process.later(minutes=2)
    for _ in range(5):
        assert process.recall(token, sealed).seen_at == process.clock()
    assert len(process.sessions.activity) == 1
    drive(process.sessions.flush())
    process.later(seconds=30)
    process.recall(token, sealed)
    assert len(process.sessions.activity) == 0


def test_cookies_that_were_opened_are_kept_within_bounds(opened, monkeypatch):
    process, token, sealed = opened
    monkeypatch.setattr("sojourn.snapshots._COOKIES", 1)
    process.sessions.snapshots._cookies = {b"another": ("", "", None)}
    assert process.recall(token, sealed) is not None
    assert len(process.sessions.snapshots._cookies) == 1
