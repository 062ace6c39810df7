"""What bulk revocations say of somebody goes with them, and what is at work goes on without it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import pytest
from msgspec.structs import replace

from sojourn import Query
from sojourn.observe import open_ledger
from sojourn.observe.traces import Traces, ending_of
from sojourn.searching import Search
from sojourn.session import new_id
from sojourn.stores.memory import MemoryStore
from sojourn.testing import FakeClock, make_keys
from tests.observe.test_jobs import Bench

ADA = Traces(
    user_id="user-ada-1",
    words=frozenset({"ada@example.org", "Ada Canary"}),
    addresses=frozenset({"192.0.2.77"}),
)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def bench(clock: FakeClock) -> AsyncIterator[Bench]:
    bench = Bench(MemoryStore(), open_ledger("memory://", keys=make_keys()), clock)
    yield bench
    await bench.ledger.close()
    await bench.sessions.close()


@pytest.mark.req("P-06")
@pytest.mark.parametrize(
    "words",
    [
        {"asked": '{"q":"ADA@example.org"}'},
        {"note": "as Ada Canary said"},
        {"wanted": Search(users=("user-bob-1", "user-ada-1"))},
        {"wanted": Search(query=Query(user_id="user-ada-1"))},
        {"asked": '{"ip":"192.0.2.77"}'},
        {"wanted": Search(query=Query(ip="192.0.2.77"))},
    ],
)
async def test_a_job_that_is_over_and_names_somebody_says_nothing_any_more(bench, clock, words):
    fields = {"asked": '{"country":"XX"}', "note": "a leak"} | words
    job = await bench.job(**fields)
    assert await bench.ledger.move_job(job.id, ("running",), "done", over_at=clock())
    # Once it is over nobody has to be found, and so only what was asked and the note are left.
    named = "wanted" not in words
    assert await bench.ledger.erase_jobs(ADA) == ([job.id] if named else [])
    job = await bench.present(job)
    assert (job.wanted, job.state, job.by) == (None, "done", "root")
    assert (job.asked, job.note) == ((None, None) if named else (fields["asked"], "a leak"))


@pytest.mark.req("P-06")
async def test_a_job_that_is_at_work_stops_if_it_means_somebody_and_not_for_an_address(bench):
    meant = await bench.job(Search(users=("user-ada-1",)))
    wanted = Search(query=Query(ip="192.0.2.77"))
    address = await bench.job(wanted, asked='{"ip":"192.0.2.77"}')
    await bench.ledger.erase_jobs(ADA)
    assert (await bench.present(meant)).state == "cancelled"
    address = await bench.present(address)
    assert (address.state, address.wanted, address.asked, address.note) == ("running", wanted, None, None)


@pytest.mark.req("P-06")
@pytest.mark.parametrize("known_by", ["sample", "target", "note of the session", "nothing"])
async def test_a_job_by_ids_is_about_each_whose_session_it_ended(bench, clock, known_by: str):
    mine, other = uuid4(), uuid4()
    sample = (mine, other) if known_by == "sample" else ()
    by_search = await bench.job(asked='{"country":"XX"}', note="a name of three letters", sample=sample)
    by_ids = replace(by_search, id=new_id(clock.tick(seconds=1), None), wanted=None, asked=None, found=True)
    await bench.ledger.add_job(by_ids, [mine if known_by == "target" else other])
    user = Traces(
        user_id="ada",
        sessions=frozenset({mine}),
        notes=frozenset({f"other {ending_of(by_ids.id)}"} if known_by == "note of the session" else ()),
    )
    wiped = await bench.ledger.erase_jobs(user)
    by_search, by_ids = await bench.present(by_search), await bench.present(by_ids)
    assert (by_search.note, mine in by_search.sample) == ("a name of three letters", False)
    assert (by_ids.note is None, wiped == [by_ids.id]) == ((known_by != "nothing"),) * 2
    assert mine not in by_ids.sample


@pytest.mark.req("P-06")
async def test_what_is_held_is_lifted_although_the_note_is_gone(bench, clock):
    """Sessions know the job by the end of their notes; the rest was erased meanwhile."""
    boss = await bench.started("root boss")
    held = [await bench.started(f"user {n}", ip="10.0.0.1") for n in range(4)]
    clock.tick(seconds=1)
    job = await bench.job(
        by="boss", by_session=boss.id, undo_for=timedelta(seconds=60), note="since Ada Canary left"
    )
    job = await bench.carried_out(job)
    assert job.done == 4
    assert await bench.ledger.erase_jobs(ADA) == [job.id]
    job = await bench.present(job)
    assert (job.state, job.note) == ("holding", None)
    assert await bench.ledger.move_job(job.id, ("holding",), "undoing")
    job = await bench.carried_out(job)
    assert (job.state, job.done) == ("undone", 0)
    records = [await bench.record(session) for session in held]
    assert [(record.held, record.live(clock())) for record in records] == [(None, True)] * 4


@pytest.mark.req("P-06")
async def test_who_began_it_is_gone_with_their_words(bench):
    job = await bench.job(Search(users=("bob",)), asked='{"q":"bob"}', by="user-ada-1", note="private")
    assert await bench.ledger.erase_jobs(ADA) == [job.id]
    job = await bench.present(job)
    assert (job.by, job.note, job.asked, job.state) == ("erased", None, None, "running")
    assert await bench.ledger.erase_jobs(ADA) == []
