"""Laws 3 and 4: refreshes that race give one answer; a replay ends its session, and only that one."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier
from typing import Any, TypeVar
from uuid import UUID

import pytest

from sojourn import AsyncSessions, Issued, Policy, Session, Sessions
from sojourn.errors import (
    AccessExpired,
    SessionError,
    SessionRevoked,
    TokenInvalid,
    TokenReplayed,
    TokenSuperseded,
)
from sojourn.events import Event, Refreshed, Replayed
from sojourn.lifecycle import rotation_due
from sojourn.session import new_salt
from sojourn.stores.memory import MemoryStore
from sojourn.testing import FakeClock, make_keys
from sojourn.token import derive

T = TypeVar("T")
N = 32
MINUTE = timedelta(minutes=1)


@pytest.fixture
def impatient() -> Iterator[None]:
    """Threads take turns as often as the interpreter lets them."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def at_once(verb: Callable[[], T], times: int = N) -> list[T]:
    """What *verb* gives back to that many threads that begin together."""
    barrier = Barrier(times)

    def call(_: int) -> T:
        barrier.wait()
        return verb()

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(call, range(times)))


class Yielding(MemoryStore):
    """A store whose verbs take a while, each time another while: other tasks run in between."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.chance = random.Random(seed)

    async def get(self, id: UUID) -> Session | None:
        await self._while()
        found = await super().get(id)
        await self._while()
        return found

    async def replace(self, session: Session, *, at: datetime) -> bool:
        await self._while()
        done = await super().replace(session, at=at)
        await self._while()
        return done

    async def _while(self) -> None:
        for _ in range(self.chance.randrange(4)):
            await asyncio.sleep(0)


def verdicts(events: list[Event]) -> list[str]:
    return [event.verdict for event in events if isinstance(event, Refreshed)]


# ── law 3 ─────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def blocking(store: Any, clock: FakeClock, events: list[Event]) -> Iterator[Sessions]:
    sessions = Sessions(store, keys=make_keys(), clock=clock, on_event=events.append)
    yield sessions
    sessions.close()


@pytest.mark.req("TH-07")
@pytest.mark.usefixtures("impatient")
def test_law_03_of_32_threads_one_rotates_and_all_get_the_same_answer(blocking, events):
    token = blocking.start("ada").token
    answers = at_once(lambda: blocking.refresh(token))
    assert len({issued.token for issued in answers}) == 1
    assert sorted(verdicts(events)) == ["rotated"] + ["twin"] * (N - 1)
    assert blocking.validate(answers[0].token).session.generation == 1


@pytest.mark.usefixtures("impatient")
def test_law_03_of_32_threads_whose_answer_was_lost_all_get_the_same_answer(blocking, clock, events):
    token = blocking.start("ada").token
    lost = blocking.refresh(token).token
    clock.tick(minutes=5)
    assert {issued.token for issued in at_once(lambda: blocking.refresh(token))} == {lost}
    assert set(verdicts(events)) <= {"rotated", "twin", "lost_answer"}
    assert verdicts(events).count("rotated") == 1


@pytest.mark.req("OS-14")
@pytest.mark.usefixtures("impatient")
def test_law_03_requests_beside_a_refresh_are_all_answered(blocking):
    token = blocking.start("ada").token
    turns = iter([True] + [False] * (N - 1))
    answers = at_once(lambda: blocking.refresh(token) if next(turns) else blocking.validate(token))
    assert {answer.session.user_id for answer in answers} == {"ada"}


def test_law_03_of_32_tasks_one_rotates_and_all_get_the_same_answer(store, clock, events, loop):
    sessions = AsyncSessions(store, keys=make_keys(), clock=clock, on_event=events.append)

    async def race() -> list[Issued]:
        token = (await sessions.start("ada")).token
        answers = await asyncio.gather(*(sessions.refresh(token) for _ in range(N)))
        await sessions.close()
        return answers

    assert len({issued.token for issued in loop.run(race())}) == 1
    assert sorted(verdicts(events)) == ["rotated"] + ["twin"] * (N - 1)


@pytest.mark.parametrize("seed", range(50))
def test_law_03_in_whatever_order_32_tasks_reach_the_store(seed, clock, events, loop):
    sessions = AsyncSessions(Yielding(seed), keys=make_keys(), clock=clock, on_event=events.append)

    async def race() -> list[Issued]:
        token = (await sessions.start("ada")).token
        return await asyncio.gather(*(sessions.refresh(token) for _ in range(N)))

    assert len({issued.token for issued in loop.run(race())}) == 1
    assert verdicts(events).count("rotated") == 1


def test_law_03_the_strict_policy_gives_this_up_by_choice(open_sessions):
    sessions = open_sessions(Policy(grace=timedelta(0), lost_answer=timedelta(0)))
    token = sessions.start("ada").token
    sessions.refresh(token)
    with pytest.raises(TokenReplayed):
        sessions.refresh(token)


class Browser:
    """Tabs that share a cookie jar, follow the protocol of our client, and lose answers on a bad line.

    An answer takes up to nine seconds; of three in a row one arrives.
    """

    def __init__(self, sessions: Sessions, clock: FakeClock, chance: random.Random) -> None:
        self.sessions, self.clock, self.chance = sessions, clock, chance
        self.jar = sessions.start("ada").token
        self.arriving: list[tuple[datetime, str]] = []
        self.losses = 0

    def live(self, steps: int) -> None:
        for _ in range(steps):
            self.clock.tick(seconds=self.chance.choice([0, 1, 5, 12, 60, 120]))
            self.receive()
            self.request()

    def receive(self) -> None:
        due = [answer for answer in self.arriving if answer[0] <= self.clock()]
        self.arriving = [answer for answer in self.arriving if answer[0] > self.clock()]
        self.chance.shuffle(due)
        for _, self.jar in due:
            pass

    def request(self) -> None:
        if self.chance.random() < 0.3:
            return self.navigate()
        try:
            self.sessions.validate(self.jar)
        except AccessExpired:
            for _ in range(self.chance.choice([1, 1, 2, 3])):  # as many tabs at once, without a lock
                self.answer(self.sessions.refresh(self.jar).token)

    def navigate(self) -> None:
        """A page is opened: nobody is there to repeat a request, so the server rotates in passing."""
        found = self.sessions.validate(self.jar, rotating=False)
        if found.token:
            self.answer(found.token)
        elif rotation_due(found.session, self.sessions.policy, self.clock()):
            self.answer(self.sessions.refresh(self.jar).token)

    def answer(self, token: str) -> None:
        lost = self.losses < 2 and self.chance.random() < 0.3
        self.losses = self.losses + 1 if lost else 0
        if not lost:
            self.arriving.append((self.clock() + timedelta(seconds=self.chance.randrange(10)), token))


@pytest.mark.req("R-07")
def test_law_03_without_a_thief_nobody_is_signed_out():
    policy = Policy(idle_timeout=15 * MINUTE, rotate_every=15 * MINUTE, lifetime=timedelta(days=30))
    rotations: list[str] = []
    for seed in range(200):
        clock, events = FakeClock(), list[Event]()
        sessions = Sessions(
            MemoryStore(), keys=make_keys(), policy=policy, clock=clock, on_event=events.append
        )
        Browser(sessions, clock, random.Random(seed)).live(steps=100)
        rotations += verdicts(events)
    assert {"rotated", "twin", "lost_answer"} == set(rotations)


# ── law 4 ─────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def replayed(sessions: Sessions, clock: FakeClock) -> tuple[str, str]:
    """A predecessor whose time is over, and its successor, which was seen in use."""
    old = sessions.start("ada").token
    new = sessions.refresh(old).token
    sessions.validate(new)
    clock.tick(seconds=10)
    return old, new


@pytest.mark.req("A10-10.4.5")
def test_law_04_a_replay_ends_the_session_for_both_bearers(sessions, replayed):
    old, new = replayed
    with pytest.raises(TokenReplayed):
        sessions.refresh(old)
    for token in (old, new):
        for verb in (sessions.validate, sessions.refresh):
            with pytest.raises(SessionRevoked):
                verb(token)


def test_law_04_a_replay_ends_only_that_session(sessions, replayed):
    others = [sessions.start(user).token for user in ("ada", "ada", "bob", None)]
    with pytest.raises(TokenReplayed):
        sessions.refresh(replayed[0])
    assert [sessions.validate(token).session.user_id for token in others] == ["ada", "ada", "bob", None]


def test_law_04_a_replay_is_told_once(sessions, replayed, events):
    for refusal in (TokenReplayed, SessionRevoked):
        with pytest.raises(refusal):
            sessions.refresh(replayed[0])
    assert len([event for event in events if isinstance(event, Replayed)]) == 1


def test_law_04_a_request_with_an_old_token_is_no_replay(sessions, replayed):
    old, new = replayed
    with pytest.raises(TokenSuperseded):
        sessions.validate(old)
    assert sessions.validate(new).session.user_id == "ada"


def test_law_04_a_forged_old_token_is_no_replay(sessions, replayed):
    (session,) = sessions.list("ada")
    for generation in range(3):
        forged = derive(session.change(salt=new_salt(), generation=generation), make_keys())
        with pytest.raises(TokenInvalid):
            sessions.refresh(forged)
    assert sessions.validate(replayed[1]).session.user_id == "ada"


def test_law_04_a_token_from_before_a_renewal_is_no_replay(sessions, replayed):
    old, new = replayed
    (session,) = sessions.list("ada")
    renewed = sessions.renew(session.id).token
    for token in (old, new):
        with pytest.raises(TokenInvalid):
            sessions.refresh(token)
    assert sessions.validate(renewed).session.user_id == "ada"


@pytest.mark.req("R-06")
def test_law_04_of_an_owner_and_a_thief_whoever_refreshes_second_is_noticed_and_both_are_out(sessions, clock):
    first = second = sessions.start("ada").token
    first = sessions.refresh(first).token
    sessions.validate(first)
    clock.tick(minutes=15)
    with pytest.raises(TokenReplayed):
        sessions.refresh(second)
    with pytest.raises(SessionRevoked):
        sessions.refresh(first)


@pytest.mark.req("R-05")
@pytest.mark.parametrize("generations", [1, 2, 7])
def test_law_04_a_replay_is_recognised_however_old_the_token_is(sessions, clock, generations):
    token = first = sessions.start("ada").token
    for _ in range(generations):
        clock.tick(minutes=15)
        token = sessions.refresh(token).token
        sessions.validate(token)
    clock.tick(minutes=1)
    with pytest.raises(TokenReplayed):
        sessions.refresh(first)


@pytest.mark.usefixtures("impatient")
def test_law_04_of_32_replays_at_once_one_ends_the_session(blocking, clock, events):
    old = blocking.start("ada").token
    blocking.validate(blocking.refresh(old).token)
    clock.tick(minutes=1)

    def refused() -> str:
        with pytest.raises(SessionError) as refusal:
            blocking.refresh(old)
        return refusal.value.code

    assert sorted(at_once(refused)) == ["refresh_reused"] + ["session_revoked"] * (N - 1)
    assert len([event for event in events if isinstance(event, Replayed)]) == 1
