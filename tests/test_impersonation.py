"""Acting as somebody else: it ends with the administrator's own session, however and wherever that ends."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as _replaced

from sojourn import AsyncSessions, Keys, Policy, Query, Reason, Session, Sessions, lifecycle
from sojourn.errors import (
    Forbidden,
    FreshnessRequired,
    SessionChanged,
    SessionError,
    SessionExpired,
    SessionNotFound,
    SessionRevoked,
    TokenInvalid,
    TokenReplayed,
)
from sojourn.events import Event, Impersonated, Refused, Revoked, Started
from sojourn.session import Device, Place
from sojourn.sessions import ANYBODY, Issued
from sojourn.stores import open_store
from sojourn.stores.memory import MemoryStore
from sojourn.stores.protocol import Store
from sojourn.testing import FakeClock, make_keys, make_session
from sojourn.token import derive
from tests.conftest import Open

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LAPTOP = Device(id="laptop", name="Firefox on Linux")


def told(events: list[Event], kind: type[Event]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def begun(sessions: Sessions, user_id: str = "ada", **fields: Any) -> tuple[Issued, Issued]:
    """Grace, signed in, and acting as *user_id*."""
    parent = sessions.start("grace", device=LAPTOP, ip="203.0.113.7", amr=["pwd", "otp"], aal=2)
    return parent, sessions.impersonate(parent.session, user_id, **fields)


def ended(sessions: Sessions, child: Issued) -> Session:
    """The record of *child*, which is refused because its parent ended."""
    with pytest.raises(SessionRevoked) as refused:
        sessions.validate(child.token)
    assert refused.value.reason is Reason.SYSTEM
    found = sessions.select(Query(id=child.session.id))[0]
    assert (found.reason, found.revoked_by) == (Reason.SYSTEM, None)
    return found


# ── what it is ────────────────────────────────────────────────────────────────────────────────


def test_it_says_whose_it_is_and_who_acts(sessions: Sessions) -> None:
    parent, child = begun(sessions, data={"note": "ticket 12"})
    session = sessions.validate(child.token, sure=True).session
    assert (session.user_id, session.impersonator_id, session.actor) == ("ada", "grace", "grace")
    assert (session.parent_id, session.parent_version) == (parent.session.id, parent.session.void_below)
    assert (session.device, session.ip, session.remember) == (LAPTOP, "203.0.113.7", False)
    assert session.data == {"note": "ticket 12"}
    assert sessions.validate(parent.token).session.actor == "grace"


def test_device_and_address_may_be_given(sessions: Sessions) -> None:
    parent = sessions.start("grace", device=LAPTOP, ip="203.0.113.7", place=Place(city="Paris")).session
    other = sessions.impersonate(parent, "ada", device=Device(name="curl"), ip="192.0.2.1").session
    assert (other.device.name, other.ip, other.place) == ("curl", "192.0.2.1", None)
    assert sessions.impersonate(parent, "ada").session.place == Place(city="Paris")


def test_nothing_fresh_is_ever_open_to_it(sessions: Sessions) -> None:
    _, child = begun(sessions)
    assert (child.session.authenticated_at, child.session.amr, child.session.aal) == (None, (), 0)
    with pytest.raises(FreshnessRequired):
        sessions.require_fresh(child.session, timedelta(days=400))
    with pytest.raises(Forbidden):
        sessions.renew(child.session.id, authenticated=True)
    with pytest.raises(FreshnessRequired):
        sessions.require_fresh(sessions.renew(child.session.id).session)


def test_a_renewal_keeps_what_it_is(sessions: Sessions) -> None:
    parent, child = begun(sessions)
    renewed = sessions.renew(child.session.id)
    assert renewed.session.authenticated_at is None
    assert sessions.validate(renewed.token).session.parent_id == parent.session.id
    sessions.revoke(parent.session.id, owner="grace")
    ended(sessions, renewed)


def test_a_refresh_keeps_what_it_is(sessions: Sessions) -> None:
    parent, child = begun(sessions)
    refreshed = sessions.refresh(child.token)
    assert refreshed.session.impersonator_id == "grace"
    sessions.revoke(parent.session.id, owner="grace")
    with pytest.raises(SessionRevoked):
        sessions.refresh(refreshed.token)
    ended(sessions, refreshed)


@pytest.mark.parametrize(
    ("policy", "after"),
    [
        (Policy(), HOUR),
        (Policy(impersonate_for=5 * MINUTE), 5 * MINUTE),
        (Policy(lifetime=40 * MINUTE, idle_timeout=20 * MINUTE), 30 * MINUTE),
    ],
)
def test_it_ends_by_time_and_not_after_its_parent(
    open_sessions: Open, clock: FakeClock, policy: Policy, after: timedelta
) -> None:
    sessions = open_sessions(policy)
    parent = sessions.start("grace")
    clock.tick(minutes=10)
    child = sessions.impersonate(parent.session, "ada")
    assert child.session.ends_at == clock() + after
    ends_at = child.session.ends_at
    while clock() < ends_at:
        sessions.validate(child.token)
        clock.now = min(clock() + MINUTE, ends_at)
    with pytest.raises(SessionError):
        sessions.validate(child.token)


def test_it_is_told_as_what_it_is(sessions: Sessions, events: list[Event], clock: FakeClock) -> None:
    parent, child = begun(sessions)
    assert told(events, Impersonated) == [
        Impersonated(
            at=clock(),
            session_id=child.session.id,
            user_id="ada",
            ip="203.0.113.7",
            by="grace",
            parent_id=parent.session.id,
        )
    ]
    assert [event.user_id for event in told(events, Started)] == ["grace"]


def test_it_pushes_none_of_the_users_own_out(open_sessions: Open) -> None:
    sessions = open_sessions(Policy(max_sessions=1, at_cap="refuse"))
    own = sessions.start("ada", device=LAPTOP)
    _, child = begun(sessions)
    assert sessions.validate(own.token).session.id == own.session.id
    assert sessions.validate(child.token).session.id == child.session.id
    sessions.revoke(own.session.id, owner="ada")
    assert sessions.start("ada").session.user_id == "ada"  # nor does it stand in their way


def test_whose_use_it_is(open_sessions: Open, clock: FakeClock) -> None:
    """An administrator who acts as somebody else is not idle."""
    policy = Policy(lifetime=DAY, idle_timeout=20 * MINUTE, impersonate_for=3 * HOUR, activity_every=MINUTE)
    sessions = open_sessions(policy)
    parent, child = begun(sessions)
    for _ in range(10):
        clock.tick(minutes=15)
        sessions.validate(child.token)
    assert sessions.validate(parent.token).session.id == parent.session.id
    clock.tick(minutes=15)
    sessions.validate(child.token, passive=True)  # programs are nobody's activity
    clock.tick(minutes=15)
    with pytest.raises(SessionExpired):
        sessions.validate(parent.token)


# ── who may not ───────────────────────────────────────────────────────────────────────────────


def test_a_visitor_impersonates_nobody(sessions: Sessions) -> None:
    with pytest.raises(Forbidden):
        sessions.impersonate(sessions.start(None).session, "ada")


def test_who_acts_as_somebody_else_cannot_go_on_to_others(sessions: Sessions) -> None:
    _, child = begun(sessions)
    with pytest.raises(Forbidden):
        sessions.impersonate(child.session, "bob")
    with pytest.raises(Forbidden):
        sessions.impersonate(child.session, "grace")


def test_nobody_acts_as_themselves(sessions: Sessions) -> None:
    with pytest.raises(Forbidden):
        sessions.impersonate(sessions.start("grace").session, "grace")


def test_what_the_caller_knows_of_the_parent_is_not_believed(sessions: Sessions, clock: FakeClock) -> None:
    parent = sessions.start("grace").session
    with pytest.raises(Forbidden):
        sessions.impersonate(make_session(id=parent.id, user_id="bob"), "ada")
    with pytest.raises(SessionNotFound):
        sessions.impersonate(make_session(user_id="grace"), "ada")
    sessions.renew_all("grace")
    with pytest.raises(SessionChanged):
        sessions.impersonate(parent, "ada")
    sessions.revoke(parent.id, owner="grace")
    with pytest.raises(SessionRevoked):
        sessions.impersonate(parent, "ada")
    clock.tick(days=15)
    assert sessions.list("ada") == []


# ── signing in and out over it ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("user_id", ["ada", "bob", "grace"])
def test_a_sign_in_over_it_ends_it(sessions: Sessions, user_id: str) -> None:
    parent, child = begun(sessions, data={"mine": False})
    started = sessions.start(user_id, replacing=child.session)
    assert started.session.id != child.session.id
    assert (started.session.impersonator_id, started.session.parent_id) == (None, None)
    assert started.session.data == {}
    over = sessions.select(Query(id=child.session.id))[0]
    assert (over.reason, over.revoked_by) == (Reason.REPLACED, "grace")
    assert sessions.validate(parent.token).session.id == parent.session.id


def test_signing_out_of_it_leaves_the_administrator_signed_in(sessions: Sessions) -> None:
    parent, child = begun(sessions)
    assert sessions.end(child.token)
    over = sessions.select(Query(id=child.session.id))[0]
    assert (over.reason, over.revoked_by) == (Reason.SIGNED_OUT, "grace")
    assert sessions.validate(parent.token).session.id == parent.session.id


def test_the_user_can_end_it(sessions: Sessions) -> None:
    _, child = begun(sessions)
    sessions.revoke(child.session.id, owner="ada", by="ada")
    with pytest.raises(SessionRevoked) as refused:
        sessions.validate(child.token)
    assert refused.value.reason is Reason.USER


# ── it ends with its parent ───────────────────────────────────────────────────────────────────

POLICY = Policy(lifetime=3 * HOUR, idle_timeout=40 * MINUTE, impersonate_for=12 * HOUR, max_sessions=1)


class World:
    """Two processes over one database, in one of which somebody acts as somebody else."""

    def __init__(
        self, stores: list[Store], runner: asyncio.Runner, sql: Callable[[str], None] | None
    ) -> None:
        self.clock, self.events, self.runner = FakeClock(), list[Event](), runner
        self.here, self.elsewhere = (
            AsyncSessions(
                store, keys=make_keys(), policy=POLICY, clock=self.clock, on_event=self.events.append
            )
            for store in stores
        )
        self.sql = sql
        self.parent = self.run(self.here.start("grace"))
        self.child = self.run(self.here.impersonate(self.parent.session, "ada"))
        for sessions in (self.here, self.elsewhere):  # so that whoever would remember it does
            for _ in range(2):
                self.run(sessions.validate(self.child.token))
                self.run(sessions.validate(self.parent.token))
            assert len(sessions.snapshots.near) == 1

    def run(self, awaited: Awaitable[Any]) -> Any:
        async def run() -> Any:
            return await awaited

        return self.runner.run(run())


def _replay(world: World) -> None:
    for _ in range(2):
        world.run(world.here.validate(world.run(world.here.refresh(world.parent.token)).token))
    world.clock.tick(seconds=11)
    with pytest.raises(TokenReplayed):
        world.run(world.here.refresh(world.parent.token))


def _purge(world: World) -> None:
    world.run(world.here.revoke_all("grace"))
    world.clock.tick(seconds=1)
    assert world.run(world.here.store.purge(before=world.clock())) == 1


def _expire(world: World) -> None:
    stored = world.run(world.here.store.get(world.parent.session.id))
    shorter = stored.change(ends_at=world.clock() + MINUTE)
    assert world.run(world.here.store.replace(shorter, at=world.clock()))
    world.clock.tick(minutes=1)


def _demote(world: World, *, used: bool) -> None:
    """Her role changed; and perhaps her own session has noticed since."""
    assert world.run(world.here.renew_all("grace")) == 1
    if used:
        renewed = world.run(world.elsewhere.validate(world.parent.token, sure=True))
        assert not renewed.session.renew_due
        assert world.run(world.here.validate(renewed.token)).session.id == world.parent.session.id


ENDINGS: dict[str, Callable[[World], Any]] = {
    "signed out": lambda w: w.run(w.here.end(w.parent.token)),
    "signed out elsewhere": lambda w: w.run(w.elsewhere.revoke_all("grace")),
    "by an administrator": lambda w: w.run(
        w.elsewhere.revoke(w.parent.session.id, owner=ANYBODY, reason=Reason.ADMIN, by="eve")
    ),
    "capped": lambda w: w.run(w.elsewhere.start("grace")),
    "replaced": lambda w: w.run(w.here.start("bob", replacing=w.parent.session)),
    "replayed": _replay,
    "re-authenticated": lambda w: w.run(w.here.renew(w.parent.session.id, authenticated=True)),
    "demoted": lambda w: _demote(w, used=False),
    "demoted, and noticed": lambda w: _demote(w, used=True),
    "by time": _expire,
    "purged": _purge,
}

USES: dict[str, Callable[[AsyncSessions, Issued], Coroutine[Any, Any, Any]]] = {
    "validate": lambda sessions, child: sessions.validate(child.token),
    "validate, passive": lambda sessions, child: sessions.validate(child.token, passive=True),
    "refresh": lambda sessions, child: sessions.refresh(child.token),
    "borne": lambda sessions, child: sessions.borne(derive(child.session, make_keys(), "bearer")),
    "renew": lambda sessions, child: sessions.renew(child.session.id),
    "update": lambda sessions, child: sessions.update(child.session.id, set={"a": 1}),
}


@pytest.fixture(
    params=[
        "memory",
        "sqlite",
        pytest.param("postgresql", marks=pytest.mark.servers),
        pytest.param("redis", marks=pytest.mark.servers),
        pytest.param("cluster", marks=pytest.mark.servers),
    ]
)
def world(request: pytest.FixtureRequest, tmp_path: Path, loop: asyncio.Runner) -> Iterator[World]:
    sql: Callable[[str], None] | None = None
    if request.param == "memory":
        memory = MemoryStore()
        stores: list[Store] = [memory, memory]
    elif request.param == "sqlite":
        path = tmp_path / "sessions.db"
        stores = [open_store(f"sqlite:///{path}") for _ in range(2)]
        sql = _by_sqlite(path)
    elif request.param == "postgresql":
        url = request.getfixturevalue("postgres").new_database()
        stores = [open_store(url) for _ in range(2)]
        sql = _by_postgres(url)
    elif request.param == "redis":
        url = request.getfixturevalue("redis_server").new_database()
        stores = [open_store(url) for _ in range(2)]
    else:
        url = request.getfixturevalue("cluster").emptied()
        stores = [open_store(url) for _ in range(2)]
    world = World(stores, loop, sql)
    yield world
    for sessions in (world.here, world.elsewhere):
        world.run(sessions.close())


def _by_sqlite(path: Path) -> Callable[[str], None]:
    def sql(statement: str) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute(statement.format(at="1"))

    return sql


def _by_postgres(url: str) -> Callable[[str], None]:
    def sql(statement: str) -> None:
        import psycopg

        with psycopg.connect(url) as db:
            db.execute(statement.format(at="now()").encode())

    return sql


@pytest.mark.parametrize("how", ENDINGS)
@pytest.mark.parametrize("where", ["here", "elsewhere"])
def test_law_01_it_is_refused_at_its_next_use_once_its_parent_has_ended(
    world: World, how: str, where: str
) -> None:
    sessions: AsyncSessions = getattr(world, where)
    ENDINGS[how](world)
    assert not world.run(sessions.carried(world.child.session))
    assert world.run(sessions.list("ada")) == []
    with pytest.raises(SessionRevoked) as refused:
        world.run(sessions.validate(world.child.token))
    assert refused.value.reason is Reason.SYSTEM
    for both in (world.here, world.elsewhere):  # and it is final
        stored = world.run(both.store.get(world.child.session.id))
        assert (stored.reason, stored.revoked_by) == (Reason.SYSTEM, None)
        with pytest.raises(SessionRevoked):
            world.run(both.refresh(world.child.token))
    revoked = [e for e in told(world.events, Revoked) if e.session_id == world.child.session.id]
    assert [(event.user_id, event.reason, event.by) for event in revoked] == [("ada", Reason.SYSTEM, None)]
    assert {e.code for e in told(world.events, Refused) if e.session_id == world.child.session.id} == {
        "session_revoked"
    }


@pytest.mark.parametrize(
    "world", ["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)], indirect=True
)
def test_law_01_an_ending_that_was_written_by_hand_is_felt(world: World) -> None:
    assert world.sql is not None
    world.sql("update sessions set revoked_at = {at} where user_id = 'grace'")
    with pytest.raises(SessionRevoked) as refused:
        world.run(world.elsewhere.validate(world.child.token))
    assert refused.value.reason is Reason.SYSTEM


@pytest.mark.parametrize("use", USES)
def test_every_use_of_it_asks_for_its_parent(world: World, use: str) -> None:
    world.run(world.here.revoke_all("grace"))
    with pytest.raises(SessionRevoked):
        world.run(USES[use](world.elsewhere, world.child))
    stored = world.run(world.here.store.get(world.child.session.id))
    assert stored.reason is Reason.SYSTEM


def test_of_many_who_notice_one_ends_it(world: World) -> None:
    world.run(world.here.revoke_all("grace"))

    async def all_at_once() -> list[Any]:
        uses = [both.validate(world.child.token) for both in (world.here, world.elsewhere) for _ in range(8)]
        return await asyncio.gather(*uses, return_exceptions=True)

    assert {type(refusal) for refusal in world.run(all_at_once())} == {SessionRevoked}
    ends = [e for e in told(world.events, Revoked) if e.session_id == world.child.session.id]
    assert len(ends) == 1


def test_while_its_parent_lives_it_is_listed_and_used(world: World) -> None:
    world.clock.tick(minutes=30)
    for sessions in (world.here, world.elsewhere):
        assert [s.id for s in world.run(sessions.list("ada"))] == [world.child.session.id]
        assert world.run(sessions.validate(world.child.token)).session.actor == "grace"


# Times that a model can follow to the microsecond: each use is written at once.
EXACT = Policy(
    lifetime=2 * HOUR,
    idle_timeout=30 * MINUTE,
    touch_every=timedelta(0),
    impersonate_for=HOUR,
    activity_every=MINUTE,
    max_sessions=None,
)
STEPS = st.sampled_from(
    ["use", "look", "refresh", "parent", "parent refresh", "write", "later", "much later", "other"]
) | st.sampled_from(["demote", "end", "end parent", "renew parent"])


class Model:
    """When both end, in a few lines."""

    def __init__(self, now: datetime) -> None:
        self.seen = self.parent_seen = self.began = now
        self.over = self.parent_over = self.renewed = False

    def parent_lives(self, now: datetime) -> bool:
        return not self.parent_over and now < min(self.parent_seen + 30 * MINUTE, self.began + 2 * HOUR)

    def lives(self, now: datetime) -> bool:
        own = not self.over and now < min(self.seen + 30 * MINUTE, self.began + HOUR)
        return own and self.parent_lives(now) and not self.renewed


@given(st.lists(STEPS, max_size=14))
def test_law_01_whatever_happens_it_lives_only_while_its_parent_does(steps: list[str]) -> None:
    clock, store = FakeClock(), MemoryStore()
    processes = [Sessions(store, keys=make_keys(), policy=EXACT, clock=clock) for _ in range(2)]
    sessions = processes[0]
    parent, child = begun(sessions)
    token, parent_token = child.token, parent.token
    model = Model(clock())
    for step in steps:
        processes.reverse()  # each step in the other process
        sessions, now = processes[0], clock()
        lives, parent_lives = model.lives(now), model.parent_lives(now)
        try:
            if step in ("use", "look"):
                sessions.validate(token, passive=step == "look")
                assert lives
                if step == "use":
                    model.seen = model.parent_seen = now
            elif step == "refresh":
                token = sessions.refresh(token).token
                assert lives
            elif step == "write":
                sessions.update(child.session.id, set={"at": now.isoformat()})
                assert lives
            elif step == "parent":
                found = sessions.validate(parent_token)
                parent_token, model.parent_seen = found.token or parent_token, now
            elif step == "parent refresh":
                parent_token = sessions.refresh(parent_token).token
            elif step == "renew parent":
                parent_token = sessions.renew(parent.session.id).token
                model.renewed = True
            elif step == "demote":
                sessions.renew_all("grace")
                model.renewed = model.renewed or parent_lives
            elif step == "end":
                model.over = True
                sessions.end(token)
            elif step == "end parent":
                model.parent_over = True
                sessions.end(parent_token)
            elif step == "other":
                sessions.start("ada")
            else:
                clock.tick(minutes=7 if step == "later" else 23)
        except SessionError:
            expected = parent_lives if "parent" in step else lives
            assert not expected, step
        listed = [session.id for session in sessions.list("ada")]
        assert (child.session.id in listed) == model.lives(clock())


# ── never from a snapshot ─────────────────────────────────────────────────────────────────────


class Away(Exception):
    """The database cannot be reached."""


class Watched(MemoryStore):
    """A store that notes which sessions it was asked for, and may be away."""

    faults: tuple[type[Exception], ...] = (Away,)

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[UUID] = []
        self.away = False

    async def get(self, id: UUID) -> Session | None:
        self.asked.append(id)
        if self.away:
            raise Away
        return await super().get(id)


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_each_use_asks_the_store_for_both(watched: Watched, clock: FakeClock, keys: Keys) -> None:
    sessions = Sessions(watched, keys=keys, clock=clock, policy=Policy(cookie_cache=5 * MINUTE))
    parent, child = begun(sessions)
    both = [child.session.id, parent.session.id]
    for _ in range(3):
        watched.asked.clear()
        assert sessions.validate(child.token).session.id == child.session.id
        assert watched.asked == both
        assert sessions._sessions.snapshots.seal(child.token) is None
    watched.asked.clear()
    for _ in range(3):
        sessions.validate(parent.token)
    assert watched.asked == [parent.session.id]  # of the others nothing is asked that was not before
    assert sessions._sessions.snapshots.seal(parent.token) is not None


def test_while_the_store_is_away_nobody_acts_as_somebody_else(
    watched: Watched, clock: FakeClock, keys: Keys
) -> None:
    sessions = Sessions(watched, keys=keys, clock=clock, policy=Policy(when_away="go_on"))
    parent, child = begun(sessions)
    for token in (parent.token, child.token):
        sessions.validate(token)
    watched.away = True
    assert sessions.validate(parent.token).session.id == parent.session.id
    with pytest.raises(Away):
        sessions.validate(child.token)
    watched.away = False  # and nothing was ended meanwhile
    assert sessions.validate(child.token).session.id == child.session.id


def test_a_parent_that_was_read_before_it_ended_is_not_believed(
    watched: Watched, clock: FakeClock, keys: Keys
) -> None:
    """This process knows of the ending; the store, restored from a backup, has lost it."""
    sessions = Sessions(watched, keys=keys, clock=clock)
    parent, child = begun(sessions)
    sessions.revoke(parent.session.id, owner="grace")
    watched._sessions[parent.session.id] = parent.session
    ended(sessions, child)


def test_law_01_an_ending_that_the_store_has_lost_is_known(
    watched: Watched, clock: FakeClock, keys: Keys
) -> None:
    """It was noticed here that another process had ended the parent; then a backup was restored."""
    sessions, other = (Sessions(watched, keys=keys, clock=clock) for _ in range(2))
    parent, child = begun(sessions)
    other.revoke(parent.session.id, owner="grace")
    ended(sessions, child)
    watched._sessions |= {issued.session.id: issued.session for issued in (parent, child)}
    ended(sessions, child)


@pytest.mark.parametrize(
    "by_hand",
    [{"impersonator_id": "eve"}, {"impersonator_id": None}, {"parent_id": UUID(int=5)}],
)
def test_a_record_that_does_not_fit_its_parent_is_refused(
    watched: Watched, clock: FakeClock, keys: Keys, by_hand: dict[str, Any]
) -> None:
    sessions = Sessions(watched, keys=keys, clock=clock)
    _, child = begun(sessions)
    watched._sessions[child.session.id] = _replaced(child.session, **by_hand)
    ended(sessions, child)


def test_a_ring_of_parents_is_refused(watched: Watched, clock: FakeClock, keys: Keys) -> None:
    sessions = Sessions(watched, keys=keys, clock=clock)
    _, child = begun(sessions)
    id = child.session.id
    watched._sessions[id] = _replaced(child.session, parent_id=id, impersonator_id="ada")
    ended(sessions, child)


def test_a_forged_token_of_it_learns_nothing(sessions: Sessions) -> None:
    parent, child = begun(sessions)
    sessions.revoke(parent.session.id, owner="grace")
    forged = derive(_replaced(child.session, salt=bytes(32)), make_keys())
    with pytest.raises(TokenInvalid):
        sessions.validate(forged)


def test_the_decision_alone() -> None:
    """`carry` without a store: who lives, unchanged, carries."""
    policy, clock = Policy(), FakeClock()
    parent = make_session(user_id="grace", version=3, void_below=3)
    child = make_session(impersonator_id="grace", parent_id=parent.id, parent_version=3)
    assert lifecycle.carry(parent, policy, clock(), child=child).session == parent
    assert not lifecycle.carry(parent, policy, clock(), child=child).write
    for change in (parent.voiding(), parent.change(renew_due=True), parent.change(parent_id=child.id)):
        with pytest.raises(SessionRevoked):
            lifecycle.carry(change, policy, clock(), child=child)
    with pytest.raises(SessionNotFound):
        lifecycle.carry(None, policy, clock(), child=child)
    with pytest.raises(SessionExpired):
        lifecycle.carry(parent, policy, clock.tick(days=31), child=child)
