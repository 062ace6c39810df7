"""A bulk revocation ends each session once, whoever goes on with it, and undoes exactly its own holds."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from msgspec.structs import replace as _replaced

from sojourn import AsyncSessions, Policy
from sojourn.api.admin.stats import living
from sojourn.errors import SessionRevoked
from sojourn.events import AdminActed, Event, HeldBack, Restored, Revoked
from sojourn.observe import open_ledger
from sojourn.observe.jobs import counting
from sojourn.observe.jobs.job import Job
from sojourn.observe.jobs.runner import Runner
from sojourn.observe.ledger import Ledger
from sojourn.observe.traces import Traces
from sojourn.observe.upkeep import Upkeep
from sojourn.searching import Search
from sojourn.session import Reason, Session, new_id
from sojourn.stores import open_store
from sojourn.stores.postgres import PostgresStore
from sojourn.stores.protocol import Query, Store
from sojourn.testing import FakeClock, make_keys
from tests.conftest import STORES
from tests.observe import kit

POLICY = Policy(undo_for=timedelta(seconds=10))


class Bench:
    """Sessions, a ledger and a runner over one store."""

    def __init__(self, store: Store, ledger: Ledger, clock: FakeClock) -> None:
        self.events: list[Event] = []
        self.clock, self.ledger = clock, ledger
        self.sessions = AsyncSessions(
            store, keys=make_keys(), policy=POLICY, clock=clock, on_event=self.events.append
        )
        self.runner = self.another()

    def another(self, **named: Any) -> Runner:
        async def administrators(users: set[str]) -> set[str]:
            return {user for user in users if user.startswith("root")}

        return Runner(self.sessions, self.ledger, administrators=administrators, batch=3, **named)

    async def started(self, user_id: str, **fields: Any) -> Session:
        return (await self.sessions.start(user_id, **fields)).session

    async def job(self, wanted: Search | None = None, **fields: Any) -> Job:
        """A job that has been counted and begun."""
        now = self.clock()
        given: dict[str, Any] = {
            "id": new_id(now, None),
            "state": "counted",
            "wanted": wanted or Search(query=Query(signed_in=True, ip="10.0.0.0/8")),
            "asked": None,
            "sample": (),
            "expected": 0,
            "created_at": now,
            "by": "root",
            "by_session": None,
            "reason": "suspicious",
            "note": "a leak",
        }
        job = Job(**given | fields)
        await self.ledger.add_job(job)
        until = now + job.undo_for if job.undo_for else None
        assert await self.ledger.move_job(job.id, ("counted",), "running", started_at=now, undo_until=until)
        return await self.present(job)

    async def present(self, job: Job) -> Job:
        found = await self.ledger.job(job.id)
        assert found is not None
        return found

    async def carried_out(self, job: Job) -> Job:
        while await self.runner.step(self.clock()):
            pass
        return await self.present(job)

    async def record(self, session: Session) -> Session:
        found = await self.sessions.store.get(session.id)
        assert found is not None
        return found

    def told(self, kind: type[Event] = Revoked) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def acts(self) -> list[str]:
        return [event.act for event in self.told(AdminActed)]


SERVERS = [
    pytest.param("postgres", marks=pytest.mark.servers),
    pytest.param("redis_server", marks=pytest.mark.servers),
]


@pytest.fixture(params=[*STORES, *SERVERS])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param in STORES:
        return STORES[request.param](tmp_path)
    return open_store(request.getfixturevalue(request.param).new_database())


@pytest.fixture
async def bench(store: Store, clock: FakeClock) -> AsyncIterator[Bench]:
    """With sessions in PostgreSQL the ledger is there, too."""
    url = store.engine.address.url if isinstance(store, PostgresStore) else "memory://"
    bench = Bench(store, open_ledger(url, keys=make_keys()), clock)
    yield bench
    await bench.ledger.close()
    await bench.sessions.close()


async def many(bench: Bench, number: int = 8) -> list[Session]:
    return [await bench.started(f"user {n}", ip=f"10.0.0.{n}") for n in range(number)]


async def test_all_that_match_end_and_nobody_else(bench):
    ended = await many(bench)
    spared = [await bench.started("else", ip="192.0.2.1"), await bench.started("none")]
    bench.clock.tick(seconds=1)
    job = await bench.carried_out(await bench.job())
    assert (job.state, job.done, job.skipped, job.over_at) == ("done", 8, 0, bench.clock())
    for session in ended:
        record = await bench.record(session)
        assert (record.reason, record.revoked_by, record.note) == (Reason.ADMIN, "root", job.mark)
    assert "suspicious: a leak" in job.mark
    assert [(await bench.record(session)).revoked_at for session in spared] == [None, None]
    assert {event.session_id for event in bench.told()} == {session.id for session in ended}
    assert len(bench.told()) == 8
    assert {event.user_id for event in bench.told()} == {session.user_id for session in ended}
    assert bench.acts() == ["bulk-revoke-done"]
    assert bench.told(AdminActed)[0].count == 8


async def test_who_signs_in_after_it_was_drawn_up_is_not_meant(bench):
    await many(bench, 2)
    wanted = Search(query=Query(signed_in=True, ip="10.0.0.0/8"), until=bench.clock() + timedelta(seconds=1))
    bench.clock.tick(seconds=1)
    late = await bench.started("late", ip="10.0.0.9")
    job = await bench.carried_out(await bench.job(wanted))
    assert job.done == 2
    assert (await bench.record(late)).revoked_at is None


async def test_administrators_and_ones_own_session_are_spared(bench):
    mine = await bench.started("me", ip="10.0.0.1")
    roots = [await bench.started(f"root {n}", ip="10.0.0.2") for n in range(3)]
    await many(bench, 2)
    job = await bench.job(by_session=mine.id, by="me", spares_administrators=True)
    expected = await counting.meant(bench.sessions, job, [f"root {n}" for n in range(3)])
    assert expected.count == 2
    assert set(expected.sample).isdisjoint({mine.id, *(s.id for s in roots)})
    assert (await bench.carried_out(job)).done == 2
    for session in (mine, *roots):
        assert (await bench.record(session)).revoked_at is None


async def test_what_ended_meanwhile_is_not_counted_and_keeps_its_reason(bench):
    sessions = await many(bench, 4)
    job = await bench.job()
    await bench.runner.go_on(bench.clock())
    others = [s for s in sessions if (await bench.record(s)).revoked_at is None]
    await bench.sessions.revoke(others[0].id, owner=others[0].user_id)
    job = await bench.carried_out(job)
    assert job.done == 3
    assert (await bench.record(others[0])).reason is Reason.USER


# ── undo ──────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def holding(bench: Bench) -> Callable[..., Any]:
    """A job that holds what it has ended."""

    async def hold(number: int = 7) -> tuple[Job, list[Session], Session]:
        boss = await bench.started("boss")
        sessions = await many(bench, number)
        job = await bench.job(by="boss", by_session=boss.id, undo_for=timedelta(seconds=60))
        return await bench.carried_out(job), sessions, boss

    return hold


async def test_what_can_be_undone_is_refused_at_once_and_told_when_it_is_final(bench, holding):
    issued = await bench.sessions.start("ada", ip="10.0.0.9")
    job, sessions, boss = await holding()
    assert (job.state, job.done) == ("holding", 8)
    with pytest.raises(SessionRevoked) as refused:
        await bench.sessions.validate(issued.token)
    assert (refused.value.reason, refused.value.held) == (Reason.ADMIN, True)
    assert "device" not in refused.value.facts  # whose device the administrator has is nobody's business
    record = await bench.record(sessions[0])
    assert record.held is not None
    assert (record.held.by, record.held.until) == (boss.id, job.undo_until)
    assert bench.told() == []
    bench.clock.tick(seconds=60)
    job = await bench.carried_out(job)
    assert (job.state, job.done) == ("done", 8)
    assert bench.acts() == ["bulk-revoke-done"]


async def test_that_it_is_held_is_told_at_once_by_whom_and_by_which_job(bench, holding):
    job, held, _ = await holding()
    told = bench.told(HeldBack)
    assert {event.session_id for event in told} == {session.id for session in held}
    assert {(event.by, event.note) for event in told} == {("boss", job.mark)}
    assert {event.at + event.undo_for for event in told} == {job.undo_until}
    assert all(event.user_id is not None for event in told)
    assert await bench.ledger.move_job(job.id, ("holding",), "undoing")
    await bench.carried_out(job)
    back = bench.told(Restored)
    assert {(event.session_id, event.by) for event in back} == {(session.id, "boss") for session in held}
    assert len(told) == len(back) == len(held)
    assert bench.told() == []


async def numbers_of(bench: Bench) -> tuple[int, int, bool]:
    """Sessions and users who live now, and whether that is exact; and the same in the journal."""
    there = await living(bench.sessions, bench.ledger)
    await Upkeep(bench.ledger, bench.sessions).count(bench.clock())
    now, minute = bench.clock(), timedelta(minutes=1)
    points = await bench.ledger.series("active", now - minute, now + minute, "minute")
    noted = [point.counts["sessions"] for point in points if "sessions" in point.counts]
    assert noted[-1] == there.sessions
    bench.clock.tick(minutes=1)
    return there.sessions, there.users, there.exact


@pytest.mark.parametrize("few", [20_000, 0])
async def test_nobody_is_logged_in_with_what_is_held(bench, monkeypatch, few):
    """Neither in the live number nor in the series and the metric, whatever the store; undone they are."""
    monkeypatch.setattr(sys.modules[living.__module__], "_FEW", few)
    boss = await bench.started("boss")
    await many(bench, 8)
    bench.clock.tick(seconds=1)
    assert await numbers_of(bench) == (9, 9, few > 0)
    job = await bench.job(by="boss", by_session=boss.id, undo_for=timedelta(minutes=10))
    await bench.carried_out(job)
    assert await numbers_of(bench) == (1, 1, few > 0)
    assert await bench.ledger.move_job(job.id, ("holding",), "undoing")
    await bench.carried_out(job)
    assert (await numbers_of(bench))[0] == 9


async def test_what_ended_meanwhile_is_not_taken_off_twice(bench, holding):
    """Of few the store itself says who is held: what jobs have written down may have ended otherwise."""
    _, held, _ = await holding()
    before = await living(bench.sessions, bench.ledger)
    assert await bench.sessions.revoke_all(held[0].user_id) == 1
    after = await living(bench.sessions, bench.ledger)
    assert (after.sessions, after.users) == (before.sessions, before.users)


async def test_while_the_journal_is_away_the_store_says_who_is_held(bench, holding, monkeypatch):
    """And `/metrics` is not without the live number."""
    await holding()

    async def away(at: Any) -> int:
        raise OSError("it is away")  # a fault of either database

    before = await living(bench.sessions, bench.ledger)
    monkeypatch.setattr(bench.ledger, "count_held", away)
    assert await living(bench.sessions, bench.ledger) == before
    assert before.sessions == 1


async def test_holds_that_ran_out_are_counted_as_held_no_more(bench, holding):
    job, held, _ = await holding()
    assert await bench.ledger.count_held(bench.clock()) == len(held)
    assert await bench.ledger.count_held(job.undo_until) == 0


async def test_a_hold_that_ran_out_is_told_as_what_an_administrator_did(bench, holding):
    from sojourn.background import Worker

    job, _, _ = await holding(2)
    bench.clock.tick(minutes=3)
    await Worker(bench.sessions).step(bench.clock())
    assert [(event.reason, event.by) for event in bench.told()] == [(Reason.ADMIN, "boss")] * 2
    (ended, *_) = await bench.sessions.history("user 0")
    assert (ended.reason, ended.note) == (Reason.ADMIN, job.mark)


async def test_undo_lifts_exactly_its_own_holds(bench, holding):
    theirs = await bench.started("theirs", ip="192.0.2.1")
    mine = await bench.started("theirs", ip="192.0.2.2")
    await bench.sessions.hold(theirs.id, owner="theirs", by=mine)
    job, sessions, boss = await holding()
    elsewhere = await bench.started("elsewhere", ip="192.0.2.3")
    other = await bench.job(
        Search(query=Query(signed_in=True, ip="192.0.2.3")),
        by="boss",
        by_session=boss.id,
        undo_for=timedelta(seconds=60),
    )
    await bench.carried_out(other)
    before = [(await bench.record(s)).held for s in (theirs, elsewhere)]
    assert None not in before
    await bench.ledger.move_job(job.id, ("holding",), "undoing")
    job = await bench.carried_out(job)
    assert (job.state, job.done, job.skipped) == ("undone", 0, 7)
    for session in sessions:
        record = await bench.record(session)
        assert (record.held, record.reason, record.revoked_by, record.note) == (None, None, None, None)
        assert (record.ends_at, record.expires_at) == (session.ends_at, session.expires_at)
    assert [(await bench.record(s)).held for s in (theirs, elsewhere)] == before
    assert bench.told() == []
    assert bench.acts() == ["bulk-revoke-undo"]


async def test_what_somebody_else_holds_ends_for_good(bench, holding):
    """Or they could bring back what was revoked since."""
    first, sessions, _ = await holding(2)
    other = await bench.started("other", ip="192.0.2.9")
    second = await bench.job(by="other", by_session=other.id, undo_for=timedelta(seconds=30), note="stolen")
    second = await bench.carried_out(second)
    assert [(event.reason, event.by) for event in bench.told()] == [(Reason.ADMIN, "other")] * 2
    await bench.ledger.move_job(first.id, ("holding",), "undoing")
    await bench.carried_out(first)
    records = [await bench.record(session) for session in sessions]
    assert [record.live(bench.clock()) for record in records] == [False, False]
    assert {record.revoked_by for record in records} == {"other"}


async def test_undo_that_comes_too_late_brings_nothing_back(bench, holding):
    job, sessions, _ = await holding(3)
    bench.clock.tick(seconds=60)
    await bench.ledger.move_job(job.id, ("holding",), "undoing")
    job = await bench.carried_out(job)
    assert (job.state, job.done) == ("undone", 3)
    assert all([not (await bench.record(s)).live(bench.clock()) for s in sessions])


async def test_undo_while_it_runs_brings_back_what_was_held_and_spares_the_rest(bench):
    boss, sessions = await bench.started("boss"), await many(bench, 8)
    job = await bench.job(by="boss", by_session=boss.id, undo_for=timedelta(seconds=60))
    await bench.runner.go_on(bench.clock())
    assert (await bench.present(job)).done == 3
    await bench.ledger.move_job(job.id, ("running",), "undoing")
    job = await bench.carried_out(job)
    assert (job.state, job.done) == ("undone", 0)
    assert [(await bench.record(s)).held for s in sessions] == [None] * 8


async def test_cancel_ends_nobody_any_more_and_leaves_what_has_ended(bench):
    sessions = await many(bench, 8)
    job = await bench.job()
    await bench.runner.go_on(bench.clock())
    await bench.ledger.move_job(job.id, ("running",), "cancelled")
    job = await bench.carried_out(job)
    ended = [s for s in sessions if (await bench.record(s)).revoked_at is not None]
    assert (job.state, job.done, job.over_at) == ("cancelled", 3, bench.clock())
    assert len(ended) == 3


# ── whoever goes on with it ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("undo_for", [timedelta(0), timedelta(seconds=60)])
async def test_who_dies_after_any_write_leaves_a_job_that_another_finishes(bench, undo_for, monkeypatch):
    """The process is gone after the sessions of a batch have ended, and before anybody wrote that down."""
    boss, sessions = await bench.started("boss"), await many(bench, 8)
    job = await bench.job(by="boss", by_session=boss.id, undo_for=undo_for)

    class Gone(BaseException):
        pass

    async def gone(*_: Any) -> None:
        raise Gone

    with monkeypatch.context() as patched:
        patched.setattr(bench.ledger, "mark_targets", gone)
        with pytest.raises(Gone):
            await bench.runner.go_on(bench.clock())
    assert len(await bench.ledger.targets(job.id, "waiting", 10)) == 3
    bench.runner = bench.another(holder="somebody else")
    job = await bench.carried_out(job)
    assert (job.state, job.done) == ("holding" if undo_for else "done", 8)
    over = [await bench.record(session) for session in sessions]
    assert {record.note for record in over} == {job.mark}
    assert len(bench.told()) == (0 if undo_for else 8)


async def test_two_who_work_at_once_end_each_session_once(bench):
    sessions = await many(bench, 20)
    job = await bench.job()
    runners = [bench.another(holder=f"{n}") for n in range(3)]

    async def work(runner: Runner) -> None:
        while await runner.go_on(bench.clock()):  # without the lease, as for the rest of one step it may be
            pass

    await asyncio.gather(*map(work, runners))
    job = await bench.carried_out(job)
    assert (job.state, job.done, job.skipped) == ("done", 20, 0)
    assert len(bench.told()) == len({event.session_id for event in bench.told()}) == 20
    assert bench.acts() == ["bulk-revoke-done"]
    assert all([(await bench.record(session)).revoked_at is not None for session in sessions])


async def test_one_of_two_has_the_lease(bench):
    await many(bench, 2)
    await bench.job()
    one, other = bench.another(holder="one"), bench.another(holder="other")
    assert await one.step(bench.clock()) > 0
    await many(bench, 2)
    await bench.job()
    assert await other.step(bench.clock()) == 0
    await one.leave(bench.clock())
    assert await other.step(bench.clock()) > 0


async def test_what_was_undone_while_a_batch_was_under_way_comes_back_too(bench, monkeypatch):
    boss, sessions = await bench.started("boss"), await many(bench, 3)
    job = await bench.job(by="boss", by_session=boss.id, undo_for=timedelta(seconds=60))
    mark = bench.ledger.mark_targets

    async def undone_meanwhile(*values: Any) -> None:
        monkeypatch.setattr(bench.ledger, "mark_targets", mark)
        await bench.ledger.move_job(job.id, ("running",), "undoing")
        bench.clock.tick(seconds=1)
        other = bench.another(holder="other")
        while await other.go_on(bench.clock()):
            pass
        await mark(*values)

    monkeypatch.setattr(bench.ledger, "mark_targets", undone_meanwhile)
    await bench.runner.go_on(bench.clock())
    assert (await bench.present(job)).state == "undone"
    assert [(await bench.record(s)).held for s in sessions] == [None] * 3


_SCRIPT = """
import asyncio, os, signal, sys
from pathlib import Path
from sojourn import AsyncSessions, open_store
from sojourn.observe import open_ledger
from sojourn.observe.jobs.runner import Runner
from sojourn.testing import FakeClock, make_keys

async def main(folder, clock):
    sessions = AsyncSessions(open_store(f"sqlite:///{folder}/sessions.db"), keys=make_keys(), clock=clock)
    ledger = open_ledger(f"sqlite:///{folder}/ledger.db", keys=make_keys())
    async def nobody(users): return set()
    runner = Runner(sessions, ledger, administrators=nobody, batch=50)
    mark, left = ledger.mark_targets, int(sys.argv[2])
    async def dying(*values):
        nonlocal left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        await mark(*values)
    ledger.mark_targets = dying
    while await runner.step(clock()):
        pass

clock = FakeClock()
clock.tick(minutes=int(sys.argv[2]))  # the lease of who died before has run out
asyncio.run(main(Path(sys.argv[1]), clock))
"""


async def test_a_killed_process_is_followed_by_another_and_no_session_counts_twice(tmp_path, clock):
    store = open_store(f"sqlite:///{tmp_path}/sessions.db")
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db", keys=make_keys())
    bench = Bench(store, ledger, clock)
    sessions = await many(bench, 150)
    job = await bench.job()
    for batches in (0, 1, 2):  # each dies once more, a little later
        died = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-c", _SCRIPT, str(tmp_path), str(batches)], check=False
        )
        assert died.returncode == -signal.SIGKILL
    bench.clock.tick(minutes=3)
    done = await bench.carried_out(job)
    assert (done.state, done.done, done.skipped) == ("done", 150, 0)
    assert all([(await bench.record(session)).note == job.mark for session in sessions])
    await ledger.close()
    await bench.sessions.close()


# ── what is kept ──────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def ledger(everywhere: str) -> AsyncIterator[Ledger]:
    async with kit.opened(keys=make_keys()) as found:
        yield found


async def test_a_job_survives_its_row(ledger, clock):
    bench = Bench(STORES["memory"](Path()), ledger, clock)
    job = await bench.job(
        Search(query=Query(ip="10.0.0.0/8", user_id="ada"), users=("ada",), since=clock(), until=clock()),
        by_session=UUID(int=7),
        sample=(UUID(int=1), UUID(int=2)),
        undo_for=timedelta(seconds=60),
        spares_administrators=True,
        asked='{"q":"ada"}',
    )
    present = await bench.present(job)
    assert present == _replaced(job, started_at=clock(), undo_until=clock() + timedelta(seconds=60))
    assert msgspec.structs.asdict(present)["wanted"] == job.wanted


async def test_an_erased_user_is_in_no_job(ledger, clock):
    bench = Bench(STORES["memory"](Path()), ledger, clock)
    job = await bench.job(Search(users=("ada",)), asked='{"q":"ada"}', by="grace")
    other = await bench.job(Search(users=("bob",)), asked='{"q":"bob"}', by="ada")
    found = await ledger.erase_jobs(Traces(user_id="ada"))
    assert {*found} == {job.id, other.id}
    job, other = await bench.present(job), await bench.present(other)
    assert (job.wanted, job.asked, job.note, job.by) == (None, None, None, "grace")
    assert job.state == "cancelled"  # nobody can say any more whom it was about
    assert (other.asked, other.note, other.by) == (None, None, "erased")
    assert (other.state, other.wanted) == ("running", Search(users=("bob",)))  # it goes on without them


async def test_old_jobs_are_forgotten_and_those_at_work_are_not(ledger, clock):
    bench = Bench(STORES["memory"](Path()), ledger, clock)
    over, running = await bench.job(), await bench.job()
    await ledger.move_job(over.id, ("running",), "done", over_at=clock())
    later = clock.tick(days=100)
    assert await ledger.forget_jobs(later - timedelta(days=90)) == 1
    assert [job.id for job in await ledger.jobs()] == [running.id]
