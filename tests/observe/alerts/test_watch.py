"""The watch over a real journal: what it raises, tells and writes; two at once; killed wherever it may be."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sojourn import Place, Reason
from sojourn.directory.lived import Lived
from sojourn.errors import SessionError
from sojourn.events import NewDevice, NewPlace, SignInFailed, Travelled
from sojourn.testing import FakeClock
from tests.delivery.kit import Receiver
from tests.observe.alerts.house import LOUD, House

DE, US = Place(city="Berlin", country="DE"), Place(city="New York", country="US")


async def raised(house: House) -> list[str]:
    return sorted(alert.key for alert in await house.ledger.alerts("all"))


def failure(house: House, account: str = "a" * 32, ip: str = "203.0.113.9") -> None:
    house.sessions.emit(SignInFailed(at=house.clock(), ip=ip, account=account))


# ── lines ─────────────────────────────────────────────────────────────────────────────────────


async def test_what_nobody_hears_is_not_read(house: House):
    watch = house.watch(holder="one")
    issued = await house.sessions.start("ada")
    assert (await house.look(watch)).lines == 1
    cursor = await house.ledger.alert_cursor()
    for _ in range(3):
        house.clock.tick(minutes=10)
        issued = await house.sessions.refresh(issued.token)
    assert (await house.look(watch)).lines == 0
    assert await house.ledger.alert_cursor() == cursor
    failure(house)
    assert (await house.look(watch)).lines == 1
    assert await house.ledger.alert_cursor() == await house.ledger.last_place()


async def test_the_cursor_goes_on_where_very_much_is_not_heard(house: House, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sojourn.observe.alerts.evaluate._UNHEARD", 2)
    issued = await house.sessions.start("ada")
    await house.look()
    for _ in range(2):
        house.clock.tick(minutes=10)
        issued = await house.sessions.refresh(issued.token)
    assert (await house.look()).lines == 0
    assert await house.ledger.alert_cursor() == await house.ledger.last_place()


async def test_a_line_that_comes_while_others_are_read_is_not_passed_over(
    house: House, monkeypatch: pytest.MonkeyPatch
):
    watch, last = house.watch(holder="one", rules=LOUD), house.ledger.last_place

    async def late() -> int:
        end: int = await last()
        for _ in range(2):
            failure(house)
        await house.journal.flush()
        return end

    failure(house)
    with monkeypatch.context() as patched:
        patched.setattr(house.ledger, "last_place", late)
        assert (await house.look(watch)).lines == 1
    assert await raised(house) == []
    assert (await house.look(watch)).lines == 2
    assert await raised(house) == [f"failed-sign-ins:{'a' * 32}"]


# ── clocks ────────────────────────────────────────────────────────────────────────────────────


async def test_counts_are_looked_at_though_a_clock_was_ahead(house: House):
    await house.look()
    house.clock.tick(days=300)
    await house.look()
    house.clock.tick(days=-300)
    await house.look()
    cursor = await house.ledger.alert_cursor("counts")
    assert abs(cursor * 5 - house.clock().timestamp()) <= 5
    house.clock.tick(seconds=6)
    await house.look()
    assert await house.ledger.alert_cursor("counts") == cursor + 1


async def test_who_is_five_seconds_ahead_looks_for_both(house: House):
    house.clock.tick(seconds=5)
    await house.look()
    cursor = await house.ledger.alert_cursor("counts")
    house.clock.tick(seconds=-5)
    await house.look(house.watch(holder="one"))
    assert await house.ledger.alert_cursor("counts") == cursor


async def test_no_alert_is_settled_or_forgotten_by_a_clock_that_is_ahead(house: House):
    lived = Lived(house.directory.store)
    watch = house.watch(holder="one", lived=lived)

    async def live(**span: int) -> None:
        house.clock.tick(**span)
        await lived.step(house.clock())
        await house.look(watch)

    await live(days=0)
    await live(days=1)
    await house.sign_in()
    await house.sign_in(device="d2")
    await live(hours=1)
    await live(days=300)
    (alert,) = await house.ledger.alerts("open")
    await live(days=-300)
    await live(days=1)
    (alert,) = await house.ledger.alerts("resolved")  # in its time: nothing was heard of it for hours
    assert alert.resolved_at == house.clock()
    await live(days=300)
    assert await house.ledger.alerts("resolved") == [alert]
    await live(days=1)  # a day later that is what time it is
    assert await house.ledger.alerts("all") == []


# ── what it raises ────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("AX-6.3.5")
async def test_a_sign_in_on_another_device_is_told_and_the_first_is_not(house: House):
    await house.sign_in()
    await house.look()
    assert await raised(house) == []
    await house.sign_in()  # the same browser once more
    second = await house.sign_in(device="d2")
    await house.look()
    assert await raised(house) == ["new-device:ada"]
    (event,) = house.named(NewDevice.name)
    assert event.session_id == second.id
    (body,) = await house.waiting()
    assert (body["type"], body["data"]["rule"], body["data"]["user_id"]) == (
        "alert-opened",
        "new-device",
        "ada",
    )


async def test_a_device_is_known_however_many_sessions_came_since(house: House):
    await house.sign_in(device="old")
    for _ in range(60):
        await house.sign_in(device="d1")
    await house.look()
    before = await raised(house)
    await house.sign_in(device="old")
    await house.look()
    assert await raised(house) == before == ["new-device:ada"]
    (alert,) = await house.ledger.alerts("all")
    assert alert.count == 1


async def test_what_a_user_reported_makes_no_device_or_country_known(house: House):
    await house.sign_in(place=DE)
    theirs = await house.sign_in(device="evil", place=US)
    await house.sessions.disown(theirs.id)
    await house.look()
    house.clock.tick(days=8)
    await house.look()  # the alerts of then are over
    await house.sign_in(device="evil", place=US)
    await house.look()
    assert {a.rule for a in await house.ledger.alerts("open")} == {"new-country", "new-device"}


async def test_a_new_country_is_told_with_what_was_before(house: House):
    await house.sign_in(place=DE)
    await house.sign_in(place=US)
    await house.look()
    assert await raised(house) == ["new-country:ada"]
    (event,) = house.named(NewPlace.name)
    assert (event.before, event.after) == (("DE",), "US")  # type: ignore[attr-defined]


class Globe:
    """A database of two addresses."""

    def point_of(self, ip: str | None) -> Any:
        from sojourn.place import Point

        return {"198.51.100.7": Point(52.52, 13.4, 20), "203.0.113.9": Point(40.7, -74.0, 20)}.get(ip or "")


@pytest.mark.req("OL-01", "TH-20")
async def test_impossible_travel_is_told_by_its_owasp_name(house: House):
    watch = house.watch(places=Globe())
    await house.sign_in()
    await house.sign_in(device="d2", ip="203.0.113.9")
    await house.look(watch)
    assert "impossible-travel:ada" in await raised(house)
    (event,) = house.named("authn-impossible-travel")
    assert isinstance(event, Travelled)
    assert 6_200 < event.kilometres < 6_500
    assert event.within == timedelta(minutes=1)


async def test_without_a_database_of_places_nobody_travels(house: House):
    await house.sign_in(place=DE)
    await house.sign_in(device="d2", ip="203.0.113.9", place=US)
    await house.look()
    assert "impossible-travel:ada" not in await raised(house)


async def test_failed_sign_ins_add_up_over_looks_and_processes(house: House):
    for _ in range(2):
        failure(house)
        await house.look(house.watch(rules=LOUD, holder="one"))
    assert await raised(house) == []
    failure(house)
    await house.look(house.watch(rules=LOUD, holder="one"))  # a watch that remembers nothing
    (alert,) = await house.ledger.alerts("all")
    assert (alert.rule, alert.count, alert.severity) == ("failed-sign-ins", 3, "medium")
    failure(house)
    await house.look(house.watch(rules=LOUD, holder="one"))
    assert {a.rule: a.count for a in await house.ledger.alerts("all")} == {
        "failed-sign-ins": 4,
        "failed-sign-ins-from-address": 4,
    }


async def test_failures_of_long_ago_do_not_count(house: House):
    watch = house.watch(rules=LOUD)
    for _ in range(2):
        failure(house)
    await house.look(watch)
    house.clock.tick(minutes=16)
    failure(house)
    await house.look(watch)
    assert await raised(house) == []


async def test_a_replay_is_raised_with_its_session(house: House):
    issued = await house.sessions.start("ada")
    again = await house.sessions.refresh(issued.token)
    house.clock.tick(hours=1)
    await house.sessions.refresh(again.token)
    house.clock.tick(hours=1)
    with pytest.raises(SessionError):
        await house.sessions.refresh(issued.token)
    await house.look()
    (alert,) = await house.ledger.alerts()
    assert (alert.rule, alert.user_id, alert.session_id) == ("refresh-replay", "ada", issued.session.id)


async def test_many_revocations_are_counted_from_the_tallies(house: House):
    for n in range(60):
        await house.sessions.start(f"user {n}")
    for n in range(60):
        await house.sessions.revoke_all(f"user {n}", reason=Reason.ADMIN)
    await house.look()
    assert "mass-revocation:everybody" in await raised(house)
    house.clock.tick(seconds=5)
    await house.look()
    (alert,) = [a for a in await house.ledger.alerts() if a.rule == "mass-revocation"]
    assert alert.count == 60


async def test_the_usual_rate_of_sign_ins_is_that_of_the_same_hour_of_earlier_weeks(house: House):
    """Four weeks of a hundred sign-ins in this hour, and then four hundred."""
    now = house.clock()
    for week in range(1, 5):
        at = now - timedelta(weeks=week)
        await tallied(house, 100, at)
    await tallied(house, 400, now)
    await house.look()
    (alert,) = await house.ledger.alerts()
    assert alert.key == "creation-rate:more"
    assert "400 within an hour" in alert.factors


async def tallied(house: House, count: int, until: Any) -> None:
    """So many sign-ins, evenly over the two hours of the clock before *until* and that hour."""
    from sojourn.events import Started
    from sojourn.observe.series.tally import add, summed

    hours = [until.replace(minute=0, second=0, microsecond=0) + timedelta(hours=n) for n in (-1, 0)]
    events = (
        [Started(at=at, device="x") for at in hours for _ in range(count)]
        if until != house.clock()
        else [Started(at=until - timedelta(minutes=30), device="x")] * count
    )
    await house.ledger.engine.write(lambda db: add(db, summed(events)))
    for at in hours:
        await house.ledger.level("active", {"sessions": 5}, at)


async def test_what_is_quiet_is_over_and_opens_anew(house: House):
    watch = house.watch(rules=LOUD)
    for _ in range(3):
        failure(house)
    await house.look(watch)
    house.clock.tick(hours=7)
    await house.look(watch)
    assert [alert.state for alert in await house.ledger.alerts()] == ["resolved"]
    for _ in range(3):
        failure(house)
    await house.look(watch)
    assert [alert.state for alert in await house.ledger.alerts()] == ["open", "resolved"]


# ── who is told ───────────────────────────────────────────────────────────────────────────────


async def test_less_severe_alerts_stay_on_the_dashboard(tmp_path: Path, clock: FakeClock):
    house = House(tmp_path, clock, hooks={"ops": "http://127.0.0.1:9/"}, least="medium")
    await house.sign_in()
    await house.sign_in(device="d2")
    await house.look()
    assert await raised(house) == ["new-device:ada"]
    assert await house.waiting() == []
    await house.close()


async def test_events_go_to_who_wants_them_by_name(tmp_path: Path, clock: FakeClock):
    house = House(tmp_path, clock, hooks={"a": "http://x/"}, events=("session-revoked",), least="high")
    session = await house.sign_in()
    await house.sessions.revoke(session.id, owner="ada", reason=Reason.USER)
    await house.look()
    (body,) = await house.waiting()
    assert body["type"] == "session-revoked"
    assert body["data"]["session_id"] == str(session.id)
    assert body["data"]["reason"] == "user"
    await house.close()


async def test_an_alert_is_a_line_of_the_log(house: House, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, logger="sojourn.alerts")
    await house.sign_in()
    await house.sign_in(device="d2")
    await house.look()
    (line,) = [
        json.loads(record.getMessage()) for record in caplog.records if record.name == "sojourn.alerts"
    ]
    assert (line["alert"], line["severity"]) == ("new-device", "low")


# ── two at once ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("round", range(5))
async def test_two_leaders_at_once_raise_nothing_twice(tmp_path: Path, clock: FakeClock, round: int):
    """Both think that they lead; each is a process with its own files open."""
    one, two = (House(tmp_path, clock, hooks={"ops": "http://x/"}, least="low") for _ in range(2))
    await one.sign_in()
    await one.sign_in(device="d2")
    for _ in range(3):
        failure(one)
    await one.journal.flush()
    watches = [house.watch(rules=LOUD, holder=name) for house, name in ((one, "one"), (two, "two"))]
    for watch in watches:
        watch.leading, watch._held_until = True, clock() + timedelta(seconds=5)
    await asyncio.gather(*(watch.step(clock()) for watch in watches))
    assert await raised(one) == ["failed-sign-ins:" + "a" * 32, "new-device:ada"]
    assert {alert.rule: alert.count for alert in await one.ledger.alerts()} == {
        "failed-sign-ins": 3,
        "new-device": 1,
    }
    assert len(await one.waiting()) == 2
    assert len([*one.named("new-device"), *two.named("new-device")]) == 1
    await one.close()
    await two.close()


async def test_who_does_not_lead_does_nothing(house: House):
    one, two = house.watch(holder="one"), house.watch(holder="two")
    assert await one.step(house.clock()) is not None
    assert await two.step(house.clock()) is None
    house.clock.tick(seconds=11)
    assert await two.step(house.clock()) is not None


# ── killed ────────────────────────────────────────────────────────────────────────────────────


class Killed(BaseException):
    """As far as what is on disk can tell, the process is gone."""


class Mortal:
    """Lets the process die before or after the n-th verb that it asks of what it stands for."""

    def __init__(self, real: Any, life: Life) -> None:
        self._real, self._life = real, life

    def __getattr__(self, name: str) -> Any:
        verb = getattr(self._real, name)
        if not asyncio.iscoroutinefunction(verb):
            return verb

        async def mortal(*args: Any, **named: Any) -> Any:
            self._life.passes()
            found = await verb(*args, **named)
            self._life.passes()
            return found

        return mortal


class Life:
    def __init__(self, ends: int | None = None) -> None:
        self.ends, self.passed = ends, 0

    def passes(self) -> None:
        self.passed += 1
        if self.passed == self.ends:
            raise Killed


async def lived(folder: Path, clock: FakeClock, url: str, ends: int | None) -> Life:
    """A process in which something happens, is noticed and is delivered, until it dies."""
    house = House(folder, clock, hooks={"ops": url}, events=("session-revoked",), least="low")
    session = await house.sign_in()
    await house.sign_in(device="d2")
    await house.sessions.revoke(session.id, owner="ada")
    await house.journal.flush()
    life = Life(ends)
    real = house.ledger, house.outbox
    house.ledger, house.outbox = Mortal(house.ledger, life), Mortal(house.outbox, life)
    try:
        await house.watch(holder="first").step(clock())
        await house.courier().step(clock())
    except Killed:
        pass
    house.ledger, house.outbox = real
    await house.close()
    return life


@pytest.mark.req("L-11")
async def test_killed_anywhere_between_event_and_delivery_nothing_is_lost(tmp_path: Path):
    """At every step, one life each; the next process does the rest, and repeats have the ids of before."""
    points = 1
    ends = 0
    while ends < points:
        async with Receiver.listening() as receiver:
            folder = tmp_path / str(ends)
            folder.mkdir()
            clock = FakeClock()
            life = await lived(folder, clock, receiver.url, ends or None)
            points = max(points, life.passed + 1) if ends == 0 else points
            clock.tick(minutes=5)  # for the lease and the claim of who was killed
            heir = House(folder, clock, hooks={"ops": receiver.url}, events=("session-revoked",), least="low")
            await heir.look(heir.watch(holder="second"))
            await heir.courier().step(clock())
            assert await raised(heir) == ["new-device:ada"]
            told = {asked.headers["webhook-id"]: asked.body for asked in receiver.asked}
            assert sorted(json.loads(body)["type"] for body in told.values()) == [
                "alert-opened",
                "session-revoked",
            ], ends
            assert await heir.outbox.count_messages() == 0
            await heir.close()
        ends += 1
    assert points > 15
