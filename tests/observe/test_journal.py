"""The journal holds every event once, in order, and what is personal apart; it answers any question."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from typing import ClassVar
from uuid import UUID

import msgspec
import pytest

from sojourn.events import AdminActed, Event, Expired, Refreshed, Refused, Reported, SignInFailed, Started
from sojourn.observe.journal.line import Filter, drafted, family
from sojourn.session import Place, Reason, new_id
from tests.observe.kit import (
    DAY,
    HOUR,
    IN_A_FILE,
    KEYS,
    LATER,
    MINUTE,
    NOON,
    ROTATED,
    altering,
    heard,
    many,
    opened,
    revoked,
    started,
)

pytestmark = pytest.mark.usefixtures("everywhere")


@pytest.fixture
async def ledger():
    async with opened() as found:
        yield found


# ── what is written ───────────────────────────────────────────────────────────────────────────


async def test_a_line_says_what_happened_to_which_session(ledger):
    event = started()
    await heard(ledger, event)
    (line,) = await ledger.lines()
    assert (line.name, line.at, line.session_id) == ("session-established", NOON, event.session_id)
    assert line.facts == {"device": "Chrome on macOS", "amr": ["pwd"], "kind": "desktop"}
    assert line.personal == {"user_id": "ada", "ip": "192.0.2.1", "device": "Chrome 143 on macOS"}


async def test_a_place_is_told_as_a_country_and_its_city_is_personal(ledger):
    event = msgspec.structs.replace(started(), place=Place(city="Vienna", country="AT"))
    await heard(ledger, event)
    (line,) = await ledger.lines()
    assert line.facts["country"] == "AT"
    assert line.personal["city"] == "Vienna"
    assert "Vienna" not in str(line.facts)


def test_what_no_event_calls_plain_is_personal():
    class Told(Event, frozen=True, kw_only=True):
        name: ClassVar[str] = "told"
        plain: ClassVar[tuple[str, ...]] = ("code",)
        code: str
        secret: str
        span: timedelta

    draft = drafted(Told(at=NOON, code="a", secret="b", span=MINUTE))
    assert draft.facts == {"code": "a"}
    assert draft.personal == {"secret": "b", "span": 60.0}


@pytest.mark.parametrize(
    ("name", "known_as"),
    [
        ("Chrome 143 on macOS", "Chrome on macOS"),
        ("Firefox 128.0.1 on Windows 11", "Firefox on Windows"),
        ("Safari 18 on iPadOS", "Safari on iPadOS"),
        ("curl 8", "curl"),
        ("ada@example.org/1.2", "other"),
        ("CanaryAgent 3", "other"),
        ("Chrome 143 on ada", "Chrome"),
        ("AdaLovelace on macOS", "other on macOS"),
        ("<script>", "other"),
        ("x" * 100, "other"),
        ("", "other"),
    ],
)
def test_software_that_is_known_is_chained_without_its_version(name, known_as):
    assert family(name) == known_as


async def test_places_grow_over_all_writers_and_numbers_within_each(ledger):
    first = await heard(ledger, started("ada"), started("bob"))
    second = await heard(ledger, started("eve"))
    first.hear(started("ada"))
    await first.flush()
    found = [(line.place, line.writer, line.number) for line in await ledger.tail(0)]
    assert found == [
        (1, first.writer, 1),
        (2, first.writer, 2),
        (3, second.writer, 1),
        (4, first.writer, 3),
    ]


async def test_who_ended_a_session_is_known_by_its_start(ledger):
    """The store does not say whose sessions ended; the journal knows."""
    event = started("ada")
    await heard(ledger, event, revoked(event, reason=Reason.ADMIN, by="root"))
    await heard(ledger, Refused(at=NOON, session_id=event.session_id, code="session_revoked"))
    lines = await ledger.lines(Filter(user_id="ada", newest_first=False))
    assert [line.name for line in lines] == ["session-established", "session-revoked", "token-refused"]
    assert [line.user_id for line in lines] == ["ada", "ada", "ada"]


async def test_who_acted_stays_a_pseudonym_when_the_other_one_is_erased(ledger):
    await heard(ledger, AdminActed(at=NOON, user_id="ada", act="show-ip", by="root", note="asked by phone"))
    await ledger.erase("ada")
    (line,) = await ledger.lines()
    await heard(ledger, started("root"))
    (other,) = await ledger.lines(Filter(names=("session-established",)))
    assert line.personal is None
    assert line.facts == {"act": "show-ip", "by": other.person.hex()}


async def test_what_is_nobodys_is_kept_apart_too(ledger):
    await heard(ledger, SignInFailed(at=NOON, ip="192.0.2.9", account="5f1d"))
    (line,) = await ledger.lines()
    assert line.person is None
    assert line.facts == {}
    assert line.personal == {"ip": "192.0.2.9", "account": "5f1d"}


async def test_a_session_as_by_is_no_person(ledger):
    by = new_id(NOON, "ada")
    await heard(
        ledger, Reported(at=NOON, session_id=new_id(NOON, "ada"), user_id="ada", by=by, device="curl 8")
    )
    (line,) = await ledger.lines()
    assert UUID(line.facts["by"]) == by
    assert line.facts["device"] == "curl"


# ── questions ─────────────────────────────────────────────────────────────────────────────────


async def test_pages_go_on_where_the_one_before_ended(ledger):
    await heard(ledger, *many(25))
    found, after = [], None
    while page := await ledger.lines(Filter(after=after, limit=10)):
        found += [line.place for line in page]
        after = page[-1].place
    assert found == list(range(25, 0, -1))


async def test_the_tail_is_read_in_order(ledger):
    await heard(ledger, *many(25))
    assert [line.place for line in await ledger.tail(20)] == [21, 22, 23, 24, 25]
    assert [line.place for line in await ledger.tail(3, limit=2)] == [4, 5]
    assert await ledger.last_place() == 25


async def test_an_empty_journal_has_no_last_place(ledger):
    assert await ledger.last_place() == 0
    assert await ledger.lines() == []
    assert await ledger.lines(Filter(since=NOON)) == []


async def test_lines_are_found_by_each_question_and_by_all_together(ledger):
    mine, other = started("ada"), started("bob", NOON + HOUR)
    await heard(ledger, mine, other, revoked(mine, 2 * HOUR), started("ada", NOON + DAY))

    async def places(**wanted):
        return [line.place for line in await ledger.lines(Filter(newest_first=False, **wanted))]

    assert await places(session_id=mine.session_id) == [1, 3]
    assert await places(user_id="ada") == [1, 3, 4]
    assert await places(user_id="nobody") == []
    assert await places(session_id=mine.session_id, user_id="bob") == []
    assert await places(names=("session-established",)) == [1, 2, 4]
    assert await places(names=("session-revoked", "session-established")) == [1, 2, 3, 4]
    assert await places(names=("session-established",), user_id="ada") == [1, 4]
    assert await places(since=NOON + HOUR) == [2, 3, 4]
    assert await places(until=NOON + HOUR) == [1]
    assert await places(since=NOON + HOUR, until=NOON + DAY) == [2, 3]
    assert await places(since=NOON + HOUR, until=NOON + DAY, user_id="ada", names=("session-revoked",)) == [3]


async def test_what_was_late_is_found_by_when_it_was(ledger):
    await heard(ledger, started("ada", NOON + DAY))
    await heard(ledger, started("bob", NOON))
    assert [line.user_id for line in await ledger.lines(Filter(until=NOON + HOUR))] == ["bob"]
    assert [line.user_id for line in await ledger.lines(Filter(since=NOON + HOUR))] == ["ada"]


# ── what is personal ──────────────────────────────────────────────────────────────────────────


@IN_A_FILE
async def test_nothing_personal_lies_open_in_the_file(tmp_path):
    path = tmp_path / "journal.db"
    event = msgspec.structs.replace(
        started("ada"), ip="198.51.100.77", device="CanaryBrowser 1", place=Place(city="Canarytown")
    )
    async with opened(path) as ledger:
        await heard(ledger, event, SignInFailed(at=NOON, ip="198.51.100.78", account="canary-account"))
    raw = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    for canary in (b"198.51.100.7", b"Canarytown", b"CanaryBrowser 1", b"canary-account"):
        assert canary not in raw


async def test_personal_fields_cannot_be_put_beside_another_line(tmp_path):
    path = tmp_path / "journal.db"
    async with opened(path) as ledger:
        await heard(ledger, *many(2))
    with altering(path) as db:
        db.execute("update lines set personal = (select personal from lines where place = 1) where place = 2")
    async with opened(path) as ledger:
        later, first = await ledger.lines()
    assert "ip" in (first.personal or {})
    assert later.personal == {"user_id": "ada"}


async def test_a_user_who_was_erased_is_gone_and_comes_back_as_somebody_else(ledger):
    await heard(ledger, started("ada"), started("bob"))
    before = await ledger.lines()
    assert await ledger.erase("ada") == 1
    assert await ledger.lines(Filter(user_id="ada")) == []
    await heard(ledger, started("ada"))
    again, bobs, hers = await ledger.lines()
    assert (hers.personal, hers.facts, hers.hash) == (None, before[1].facts, before[1].hash)
    assert bobs.personal == before[0].personal
    assert again.person != hers.person
    assert [line.place for line in await ledger.lines(Filter(user_id="ada"))] == [3]


async def test_what_follows_of_an_erased_users_session_is_nobodys(ledger):
    event = started("ada")
    await heard(ledger, event)
    await ledger.erase("ada")
    await heard(ledger, revoked(event))
    last, _ = await ledger.lines()
    assert (last.person, last.personal) == (None, None)


async def test_personal_fields_go_when_their_time_is_over(ledger):
    await heard(ledger, started("ada", NOON), started("ada", NOON + DAY))
    assert await ledger.forget_personal(NOON + HOUR) == 1
    late, early = await ledger.lines()
    assert early.personal == {"user_id": "ada"}
    assert late.personal["ip"] == "192.0.2.1"
    await ledger.seal(NOON + DAY)
    assert (await ledger.verify()).ok


@IN_A_FILE
async def test_erasing_leaves_no_trace_in_the_file(tmp_path):
    path = tmp_path / "journal.db"
    async with opened(path) as ledger:
        await heard(ledger, started("ada"))
    with sqlite3.connect(path) as db:
        ((key, personal),) = db.execute(
            "select key, personal from people join lines on person = pseudonym"
        ).fetchall()
    db.close()
    async with opened(path) as ledger:
        await ledger.erase("ada")
    db = sqlite3.connect(path)
    db.execute("pragma wal_checkpoint(truncate)")
    db.close()
    raw = path.read_bytes()
    assert key not in raw
    assert personal not in raw


# ── keys ──────────────────────────────────────────────────────────────────────────────────────


async def test_lines_stay_readable_when_keys_are_rotated_and_wrapped_anew(tmp_path):
    path = tmp_path / "journal.db"
    async with opened(path, keys=KEYS) as ledger:
        await heard(ledger, started("ada"))
    async with opened(path, keys=ROTATED) as ledger:
        assert ((await ledger.lines())[0].personal or {})["ip"] == "192.0.2.1"
        assert await ledger.rewrap() == 1
        assert await ledger.rewrap() == 0
    async with opened(path, keys=LATER) as ledger:
        assert ((await ledger.lines())[0].personal or {})["ip"] == "192.0.2.1"


async def test_without_the_key_a_user_goes_on_under_another_pseudonym(tmp_path):
    """As after an emergency: what was personal is lost, what happened is not."""
    path = tmp_path / "journal.db"
    async with opened(path, keys=KEYS) as ledger:
        await heard(ledger, started("ada"))
    async with opened(path, keys=LATER) as ledger:
        await heard(ledger, started("ada"))
        later, first = await ledger.lines(Filter(user_id="ada"))
    assert later.person != first.person
    assert first.personal == {"user_id": "ada"}
    assert (later.personal or {})["ip"] == "192.0.2.1"


async def test_without_keys_what_happened_is_written_and_nothing_personal(tmp_path):
    """A command of somebody who may not read the keys."""
    path = tmp_path / "journal.db"
    event = started("ada")
    async with opened(path) as ledger:
        await heard(ledger, event)
    async with opened(path, keys=None) as ledger:
        await heard(ledger, revoked(event, by="root"), started("bob"))
    async with opened(path) as ledger:
        bobs, end, _ = await ledger.lines()
        await ledger.seal(NOON + HOUR)
        assert (await ledger.verify()).ok
    assert (end.user_id, end.facts) == ("ada", {"reason": "signed_out"})
    assert (bobs.person, bobs.personal) == (None, None)


# ── no secret ─────────────────────────────────────────────────────────────────────────────────


def test_every_event_can_be_drafted():
    at, id = NOON, new_id(NOON, "ada")
    for event in (
        started(),
        revoked(started()),
        Expired(at=at, session_id=id, kind="idle", duration=HOUR),
        Refreshed(at=at, session_id=id, verdict="rotated"),
        Started(at=at, device=""),
    ):
        msgspec.json.encode(drafted(event))
