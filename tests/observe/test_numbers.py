"""Known sessions begin and end, and exactly their numbers are found: in the journal, in series and totals."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from sojourn import ANYBODY, AsyncSessions, Policy, Reason
from sojourn.background import Worker
from sojourn.errors import SessionError
from sojourn.events import AdminActed, DeviceChanged, Impersonated, Refused, SignInFailed, Started
from sojourn.observe.journal.line import Filter
from sojourn.observe.journal.writer import Journal
from sojourn.observe.ledger import Ledger
from sojourn.observe.series.tally import Tally, bucket, counted, summed
from sojourn.observe.upkeep import Upkeep
from sojourn.session import new_id
from sojourn.stores.memory import MemoryStore
from sojourn.testing import FakeClock
from tests.observe.kit import DAY, HOUR, KEYS, MINUTE, NOON, heard, opened, revoked, started

POLICY = Policy(idle_timeout=HOUR, lifetime=timedelta(hours=3), quarantine_for=timedelta(0))
RISES = "created", "ended", "revoked", "refresh", "refused", "sign-in-failed"

pytestmark = pytest.mark.usefixtures("everywhere")


class Server:
    """What a server has of it: sessions, journal, and the background work of the leader."""

    def __init__(self, ledger: Ledger) -> None:
        self.clock = FakeClock(NOON)
        self.ledger = ledger
        self.sessions = AsyncSessions(MemoryStore(), keys=KEYS, policy=POLICY, clock=self.clock)
        self.journal = Journal(ledger, uses=lambda: self.sessions.activity.written, clock=self.clock)
        self.sessions.listen(self.journal.hear)
        self.upkeep = Upkeep(ledger, self.sessions)
        self.worker = Worker(self.sessions, each=[self.upkeep.step])

    async def minute(self, **span: float) -> None:
        """Time passes, the leader works, and what was heard is written."""
        self.clock.tick(**(span or {"minutes": 1}))
        await self.worker.step(self.clock())
        await self.journal.flush()

    async def sums(self, metric: str) -> dict[str, int]:
        found: Counter[str] = Counter()
        for point in await self.ledger.series(metric, NOON - HOUR, self.clock() + HOUR, "minute"):
            found.update(point.counts)
        return dict(found)


@pytest.fixture
async def server():
    async with opened() as ledger:
        yield Server(ledger)


async def known_sessions(server: Server) -> dict[str, list[UUID]]:
    """Twelve sessions: 2 idle out, 1 runs to its end, 3 signed out, 2 revoked, 1 replayed, 3 live."""
    sessions, ids = server.sessions, {}
    issued = {name: await sessions.start(name, amr=["pwd"], ip="192.0.2.1") for name in "abcdefghijkl"}
    for name in "abc":  # signed out after five minutes
        issued[name] = await sessions.refresh(issued[name].token)
    await server.minute(minutes=5)
    for name in "abc":
        assert await sessions.end(issued[name].token)
    for name in "de":  # ended by an administrator
        await sessions.revoke(issued[name].session.id, owner=ANYBODY, reason=Reason.ADMIN, by="root")
    old = issued["f"].token  # stolen
    for _ in range(3):
        issued["f"] = await sessions.refresh(issued["f"].token)
    server.clock.tick(minutes=10)
    with pytest.raises(SessionError):
        await sessions.refresh(old)
    for _ in range(4):  # g to j are used, each to its absolute end but one; k and l are not
        await server.minute(minutes=40)
        for name in "ghij":
            await sessions.validate(issued[name].token)
    ids["used"] = [issued[name].session.id for name in "ghij"]
    return ids


async def test_the_numbers_are_exactly_those_of_the_sessions(server):
    await known_sessions(server)
    live = await server.sessions.count()
    assert live == 4
    await server.minute(minutes=20)
    await server.minute()
    assert await server.sessions.count() == 0
    # PART M: the same numbers in /metrics.
    assert await server.sums("created") == {"pwd": 12}
    assert await server.sums("ended") == {
        "signed_out": 3,
        "admin": 2,
        "replay": 1,
        "expired-idle": 2,
        "expired-absolute": 4,
    }
    assert await server.sums("revoked") == {"signed_out": 3, "admin": 2, "replay": 1}
    assert await server.sums("refresh") == {"rotated": 6, "replayed": 1}
    assert await server.sums("refused") == {"refresh_reused": 1}


async def test_series_totals_and_journal_say_the_same(server):
    await known_sessions(server)
    await server.minute(minutes=30)
    totals = await server.ledger.totals()
    for metric in RISES:
        by_total = {label: count for (name, label), (count, _) in totals.items() if name == metric}
        assert await server.sums(metric) == by_total
        for step in ("hour", "day"):
            found: Counter[str] = Counter()
            for point in await server.ledger.series(metric, NOON, server.clock() + DAY, step):
                found.update(point.counts)
            assert found == Counter(by_total)
    lines = Counter(line.name for line in await server.ledger.lines(Filter(limit=1000)))
    ended = sum(count for (name, _), (count, _) in totals.items() if name == "ended")
    assert lines["session-established"] == totals[("created", "pwd")][0]
    assert lines["session-revoked"] + lines["session-expired"] + lines["token-reused"] == ended
    assert lines["token-refused"] == 1
    assert (await server.ledger.verify()).ok


async def test_durations_are_those_of_the_sessions(server):
    await known_sessions(server)
    totals = await server.ledger.totals()
    durations = {label: of for (metric, label), of in totals.items() if metric == "duration"}
    # Three signed out and two revoked after 5 minutes, one replayed after 15; two idle after an hour
    # and the allowance for what was not written yet.
    idle = (HOUR + POLICY.allowance).total_seconds()
    assert durations["300"] == (5, pytest.approx(5 * 300, abs=0.01))
    assert durations["900"] == (1, pytest.approx(900, abs=0.01))
    assert durations["14400"] == (2, pytest.approx(2 * idle, abs=0.01))


async def test_a_users_timeline_holds_what_others_did_to_them(server):
    await known_sessions(server)
    lines = await server.ledger.lines(Filter(user_id="d", newest_first=False))
    assert [line.name for line in lines] == ["session-established", "session-revoked"]
    assert lines[1].personal["by"] == "root"


async def test_the_leader_counts_who_is_there_each_minute(server):
    for name in ("ada", "ada", "bob"):
        await server.sessions.start(name, amr=["pwd"])
    await server.minute()
    await server.worker.step(server.clock())  # once more in the same minute
    await server.sessions.start("eve")
    await server.minute()
    points = await server.ledger.series("active", NOON, NOON + 4 * MINUTE, "minute")
    assert [(point.known, dict(point.counts)) for point in points] == [
        (False, {}),
        (True, {"sessions": 3, "users": 2}),
        (True, {"sessions": 4, "users": 3}),
        (False, {}),
    ]
    (hour,) = await server.ledger.series("active", NOON, NOON + HOUR, "hour")
    assert hour.counts == {"sessions": 4, "users": 2}  # means of 3.5 and 2.5, to the even number


async def test_a_step_in_which_nobody_watched_is_no_zero(server):
    await server.sessions.start("ada")
    await server.minute()
    await server.minute(hours=2)
    points = await server.ledger.series("created", NOON - HOUR, NOON + 3 * HOUR, "hour")
    assert [(point.known, sum(point.counts.values())) for point in points] == [
        (False, 0),
        (True, 1),
        (False, 0),
        (True, 0),
    ]


async def test_uses_are_counted_as_they_are_written(server):
    issued = [await server.sessions.start(name) for name in ("ada", "bob")]
    server.clock.tick(minutes=20)
    for one in issued:
        await server.sessions.validate(one.token)
        await server.sessions.validate(one.token)
    await server.journal.flush()
    assert await server.sums("requests") == {"seen": 2}


# ── heatmap ───────────────────────────────────────────────────────────────────────────────────


async def test_the_heatmap_is_in_the_zone_that_is_asked_for():
    uses = 0
    async with opened() as ledger:
        journal = Journal(ledger, uses=lambda: uses, clock=lambda: NOON.replace(hour=23))
        uses = 7
        await journal.flush()
        utc = await ledger.heatmap(NOON - DAY, NOON + DAY, UTC)
        berlin = await ledger.heatmap(NOON - DAY, NOON + DAY, ZoneInfo("Europe/Berlin"))
        later = await ledger.heatmap(NOON + DAY, NOON + 2 * DAY, UTC)
    assert (utc[0][23], sum(map(sum, utc))) == (7, 7)
    assert (berlin[1][0], sum(map(sum, berlin))) == (7, 7)
    assert later == [[0] * 24 for _ in range(7)]


# ── what counts as what ───────────────────────────────────────────────────────────────────────


def refused(**facts: Any) -> Refused:
    return Refused(at=NOON, **{"code": "session_expired", **facts})


@pytest.mark.parametrize(
    ("event", "tallies"),
    [
        (Started(at=NOON, device="x"), [Tally("created", "other")]),
        (Started(at=NOON, device="x", amr=("ADA@example.org",)), [Tally("created", "other")]),
        (Impersonated(at=NOON, by="a", parent_id=new_id(NOON, "a")), [Tally("created", "impersonation")]),
        (refused(), [Tally("refused", "session_expired")]),
        (
            refused(refreshing=True),
            [Tally("refused", "session_expired"), Tally("refresh", "refused:session_expired")],
        ),
        (refused(refreshing=True, code="refresh_reused"), [Tally("refused", "refresh_reused")]),
        (SignInFailed(at=NOON, account="x"), [Tally("sign-in-failed", "all")]),
        (DeviceChanged(at=NOON, before="a", after="b"), [Tally("device-changed", "all")]),
        (AdminActed(at=NOON, act="bulk-revoke", by="root"), [Tally("admin", "bulk-revoke")]),
    ],
)
def test_an_event_counts_as(event, tallies):
    assert list(counted(event)) == tallies


def test_an_id_of_somebody_else_has_no_duration():
    event = revoked(started(id=UUID("12345678-1234-4234-8234-123456789abc")))
    assert [tally.metric for tally in counted(event)] == ["ended", "revoked"]


@pytest.mark.parametrize(
    ("seconds", "label"), [(0, "60"), (60, "60"), (60.1, "300"), (2_592_000, "2592000"), (2_592_001, "inf")]
)
def test_a_duration_is_in_the_bucket_below_its_bound(seconds, label):
    assert bucket(seconds) == label


def test_counts_fall_into_the_minute_and_the_hour_of_the_event():
    at = datetime(2026, 11, 2, 12, 59, 59, 999_999, tzinfo=UTC)
    slots = summed([started(at=at), started(at=at + timedelta(microseconds=1))])
    assert len(slots) == 4
    assert all(sum == (1, 0.0) for sum in slots.values())


# ── limits, reports, forgetting ───────────────────────────────────────────────────────────────


async def test_a_series_of_too_many_steps_is_refused():
    async with opened() as ledger:
        with pytest.raises(ValueError, match="longer steps"):
            await ledger.series("created", NOON, NOON + 365 * DAY, "minute")


async def test_processes_report_about_themselves():
    async with opened() as ledger:
        await ledger.report("one", {"queue": 3.0}, NOON)
        await ledger.report("two", {"queue": 4.0}, NOON - HOUR)
        await ledger.report("one", {"queue": 5.5}, NOON)
        assert await ledger.reports(NOON - MINUTE) == {"one": {"queue": 5.5}}
        assert (await ledger.reports(NOON - DAY)).keys() == {"one", "two"}


async def test_steps_are_forgotten_and_totals_stay():
    async with opened() as ledger:
        await heard(ledger, started(at=NOON - 2 * DAY), started(at=NOON))
        gone = await ledger.forget_counts(
            minutes_before=NOON - DAY, hours_before=None, reports_before=NOON - DAY
        )
        assert gone == 1
        minutes = await ledger.series("created", NOON - 3 * DAY, NOON + HOUR, "minute")
        days = await ledger.series("created", NOON - 3 * DAY, NOON + HOUR, "day")
        assert sum(sum(point.counts.values()) for point in minutes) == 1
        assert sum(sum(point.counts.values()) for point in days) == 2
        assert (await ledger.totals())[("created", "pwd")] == (2, 0.0)
