"""Whoever alters the journal by hand is found out, with the place; what may be forgotten is not missed."""

# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sojourn.observe.journal.verifying import Report
from tests.observe.kit import (
    DAY,
    HOUR,
    KEYS,
    LATER,
    MINUTE,
    NOON,
    OTHERS,
    ROTATED,
    altering,
    heard,
    many,
    opened,
    revoked,
    started,
)

Change = Callable[[Any], Any]

pytestmark = pytest.mark.usefixtures("everywhere")


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """A journal of two chains: lines 1-4 and 8-9 of the first, 5-7 of the second; sealed after 7."""
    path = tmp_path / "journal.db"
    async with opened(path) as ledger:
        first = await heard(ledger, *many(3), started("bob"))
        await heard(ledger, *many(3, "eve"))
        await ledger.seal(NOON + MINUTE)
        for event in many(2, "ada", NOON + HOUR):
            first.hear(event)
        await first.flush()
    return path


def change(path: Path, *changes: str | Change) -> None:
    """Alter the file as somebody would who may write to it."""
    with altering(path) as db:
        for one in changes:
            if isinstance(one, str):
                db.execute(one)
            else:
                one(db)


async def verified(path: Path, keys=KEYS) -> Report:
    async with opened(path, keys=keys) as ledger:
        return await ledger.verify()


def said(report: Report) -> list[tuple[int | None, str]]:
    return [(fault.place, fault.what) for fault in report.faults]


async def test_what_was_written_is_right(path):
    report = await verified(path)
    assert report.faults == ()
    assert (report.lines, report.chains, report.seals, report.unsealed) == (9, 2, 1, 2)
    assert (report.sealed_at, report.last_seal) == (NOON + MINUTE, 1)


async def test_an_empty_journal_is_right(tmp_path):
    assert (await verified(tmp_path / "journal.db")).ok


# ── lines ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "column",
    [
        "name = 'session-renewed'",
        "at = at + 1",
        "facts = '{}'",
        "session_id = null",
        "session_id = zeroblob(16)",
        "person = zeroblob(16)",
        "person = null",
        "digest = null",
        "digest = zeroblob(32)",
    ],
)
async def test_a_line_that_was_altered_is_found(path, column):
    change(path, f"update lines set {column} where place = 2")
    assert (2, "it was altered, or what stood before it was") in said(await verified(path))


async def test_each_line_that_was_altered_is_named_once(path):
    change(path, "update lines set at = at + 1 where place in (2, 6)")
    report = await verified(path)
    assert [(fault.place, fault.number) for fault in report.faults] == [(2, 2), (6, 2)]


@pytest.mark.parametrize("value", ["zeroblob(64)", "x'00'", "(select personal from lines where place = 1)"])
async def test_personal_fields_that_were_altered_are_found(path, value):
    change(path, f"update lines set personal = {value} where place = 2")
    assert said(await verified(path)) == [(2, "its personal fields were altered")]


async def test_personal_fields_that_were_put_in_are_found(tmp_path):
    path = tmp_path / "journal.db"
    async with opened(path) as ledger:
        event = started()
        await heard(ledger, event, revoked(event))
        await ledger.seal(NOON + HOUR)
    change(path, "update lines set personal = zeroblob(40) where place = 2")
    assert said(await verified(path)) == [(2, "its personal fields were put in")]


async def test_lines_that_were_deleted_are_missed(path):
    change(path, "delete from lines where place in (2, 3)")
    report = await verified(path)
    assert said(report) == [(4, "2 lines are missing before it")]
    assert report.faults[0].number == 4


async def test_the_end_that_was_cut_off_is_missed(path):
    change(path, "delete from lines where place > 7")
    assert said(await verified(path)) == [(4, "2 lines are missing after it")]


async def test_the_end_is_missed_though_its_chain_was_made_shorter(path):
    """Who adjusts what the chain says of its end cannot adjust the seal."""
    change(
        path,
        "delete from lines where place >= 6",
        "update chains set number = 1, hash = (select hash from lines where place = 5) where chain = 2",
        "update chains set number = 4, hash = (select hash from lines where place = 4) where chain = 1",
    )
    report = await verified(path)
    assert [(fault.number, fault.what) for fault in report.faults] == [
        (3, "it is missing, and seal 1 holds it")
    ]


async def test_a_line_that_was_put_in_is_found(path):
    columns = "at, name, session_id, person, facts, personal, digest, hash"
    change(
        path,
        f"insert into lines (place, chain, number, {columns}) select 0, 2, 4, {columns} from lines "
        "where place = 7",
    )
    found = said(await verified(path))
    assert (0, "it stands before a line that was written earlier") in found
    assert (0, "it was altered, or what stood before it was") in found
    assert (0, "it was put in where everything had been sealed") in found


async def test_a_whole_chain_that_was_put_in_is_found(path):
    """Hashes need no key, so anybody can make a chain that is right in itself. A seal they cannot."""
    forged = path.with_name("forged.db")
    async with opened(forged) as ledger:
        await heard(ledger, started("mallory"))
    change(
        path,
        f"attach '{forged}' as f",
        "insert into chains select 9, writer, number, hash from f.chains",
        "insert into lines select 0, 9, number, at, name, session_id, person, facts, personal, digest, hash "
        "from f.lines",
    )
    assert (0, "it was put in where everything had been sealed") in said(await verified(path))


async def test_lines_that_changed_places_are_found(path):
    change(
        path,
        "update lines set place = 100 where place = 1",
        "update lines set place = 1 where place = 2",
        "update lines set place = 2 where place = 100",
    )
    assert (1, "it stands before a line that was written earlier") in said(await verified(path))


async def test_lines_that_changed_numbers_are_found(path):
    change(
        path,
        "update lines set number = 100 where place = 1",
        "update lines set number = 1 where place = 2",
        "update lines set number = 2 where place = 1",
    )
    places = {place for place, _ in said(await verified(path))}
    assert {1, 2} <= places


async def test_chains_that_were_swapped_are_found(path):
    change(
        path,
        "update lines set chain = 100 where chain = 1",
        "update lines set chain = 1 where chain = 2",
        "update lines set chain = 2 where chain = 100",
    )
    assert len((await verified(path)).faults) >= 7


async def test_a_chain_that_was_removed_is_missed(path):
    change(path, "delete from lines where chain = 2", "delete from chains where chain = 2")
    (fault,) = (await verified(path)).faults
    assert (fault.number, fault.what) == (3, "it is missing, and seal 1 holds it")


async def test_a_chain_that_is_no_longer_named_is_found(path):
    change(path, "delete from chains where chain = 2")
    assert any(place == 5 and "chain 2 is not known" in what for place, what in said(await verified(path)))


async def test_a_past_that_was_written_anew_is_found(path):
    """A chain that is right in itself, made anew from a line on: the seal holds the one that was."""
    with altering(path) as db:
        ((writer,),) = db.execute("select writer from chains where chain = 2").fetchall()
    forged = path.with_name("forged.db")
    async with opened(forged) as ledger:
        journal = await heard(ledger)
        journal.writer = writer
        for event in many(3, "mallory"):
            journal.hear(event)
        await journal.flush()
    change(
        path,
        f"attach '{forged}' as f",
        *(
            f"update lines set {name} = (select {name} from f.lines o where o.number = lines.number) "
            "where chain = 2"
            for name in ("at", "session_id", "person", "facts", "personal", "digest", "hash")
        ),
        "update chains set hash = (select hash from f.chains) where chain = 2",
    )
    assert (7, "it is not the one that seal 1 holds") in said(await verified(path))


# ── seals ─────────────────────────────────────────────────────────────────────────────────────


async def sealed(path: Path, keys=KEYS, at=NOON + 2 * HOUR) -> None:
    async with opened(path, keys=keys) as ledger:
        await heard(ledger, started("zoe", at))
        assert await ledger.seal(at)


@pytest.mark.parametrize(
    "column", ["at = at + 1", "place = place - 1", "heads = '{}'", "mac = zeroblob(32)", "kind = 'cut'"]
)
async def test_a_seal_that_was_altered_is_found(path, column):
    change(path, f"update seals set {column} where id = 1")
    assert any("seal 1 was altered" in what for _, what in said(await verified(path)))


@pytest.mark.parametrize("column", ["heads = '{}'", "place = place - 1", "kind = 'cut'"])
async def test_a_seal_that_was_altered_is_found_whatever_key_it_claims(path, column):
    """Of a key that is not in the ring nobody can say whether it made it; the seal after it can."""
    await sealed(path)
    change(path, f"update seals set {column}, key_id = 999 where id = 1")
    assert any("seal 2 does not follow" in what for _, what in said(await verified(path)))


async def test_lines_that_were_given_to_somebody_else_are_found(path):
    change(path, "update people set user_id = 'mallory' where user_id = 'ada'")
    found = said(await verified(path))
    assert [what for _, what in found] == ["whose it is was altered"]


async def test_a_seal_that_was_taken_out_is_missed(path):
    await sealed(path)
    await sealed(path, at=NOON + 3 * HOUR)
    change(path, "delete from seals where id = 2")
    assert any("seals are missing before seal 3" in what for _, what in said(await verified(path)))
    change(path, "delete from seals where id = 1")
    assert any("the seals before seal 3 are missing" in what for _, what in said(await verified(path)))


async def test_another_key_cannot_seal(path):
    await sealed(path, OTHERS)
    assert [what for _, what in said(await verified(path))] == [
        "seal 2 was altered, or made with another key",
        "whose it is was altered",  # of who is new since
    ]


async def test_a_seal_under_no_key_of_the_ring_vouches_for_nothing(path):
    await sealed(path, LATER)
    found = [what for _, what in said(await verified(path, KEYS))]
    assert found == ["seal 2, the last one, was made with key 2, which is not in the ring"]


async def test_seals_are_right_while_their_key_is_in_the_ring_and_vouched_for_after(path):
    assert (await verified(path, ROTATED)).ok
    async with opened(path, keys=ROTATED) as ledger:
        await ledger.seal(NOON + 2 * HOUR)
        seal = await ledger.seal(NOON + 3 * HOUR)  # nothing has happened since
    assert seal is None
    report = await verified(path, LATER)
    assert report.faults == ()
    assert report.vouched_since == NOON + 2 * HOUR


async def test_with_a_new_key_there_is_a_seal_though_nothing_happened(path):
    async with opened(path) as ledger:
        await ledger.seal(NOON + HOUR)
    async with opened(path, keys=ROTATED) as ledger:
        seal = await ledger.seal(NOON + 2 * HOUR)
    assert seal is not None
    assert (seal.key_id, dict(seal.heads)) == (2, {})


async def test_a_seal_before_the_key_was_changed_cannot_be_altered_after(path):
    async with opened(path, keys=ROTATED) as ledger:
        await ledger.seal(NOON + 2 * HOUR)
    change(path, "update seals set mac = zeroblob(32) where id = 1")
    assert any("does not follow" in what for _, what in said(await verified(path, LATER)))


async def test_who_noted_a_seal_notices_that_the_end_is_gone(path):
    """Nobody else can: what is left is a journal that was right at some time."""
    await sealed(path)
    async with opened(path) as ledger:
        report = await ledger.verify()
        assert report.last_seal is not None
        assert report.mac is not None
        assert await ledger.has_seal(report.last_seal, report.mac)
        assert not await ledger.has_seal(report.last_seal, b"x" * 32)
    change(
        path,
        "delete from seals where id = 2",
        "delete from lines where place > 7",
        "delete from chains where chain = 3",
        "update chains set number = 4, hash = (select hash from lines where place = 4) where chain = 1",
    )
    async with opened(path) as ledger:
        assert (await ledger.verify()).ok
        assert not await ledger.has_seal(report.last_seal, report.mac)


# ── forgetting ────────────────────────────────────────────────────────────────────────────────


async def test_all_seals_are_missed_and_a_journal_that_is_young_has_none(path, tmp_path):
    change(path, "delete from seals")
    what = "there is no seal: all were removed, or nobody seals (`sojourn serve` and `worker` do)"
    assert said(await verified(path)) == [(1, what)]
    assert said(await verified(path, None)) == []  # without keys nobody could have sealed
    async with opened(tmp_path / "young.db") as ledger:
        await heard(ledger, *many(3), started("bob", NOON + 10 * MINUTE))
        assert (await ledger.verify()).faults == ()


async def test_an_erased_user_is_not_missed(path):
    async with opened(path) as ledger:
        await ledger.erase("ada")
        report = await ledger.verify()
    assert report.faults == ()
    assert report.lines == 9


async def test_personal_fields_whose_key_is_gone_are_counted(path):
    report = await verified(path, LATER)
    assert report.closed == 9


async def test_what_was_forgotten_is_not_missed(path):
    await sealed(path, at=NOON + DAY)
    async with opened(path) as ledger:
        assert await ledger.forget(NOON + HOUR, now=NOON + 2 * DAY) == 7
        report = await ledger.verify()
        assert [line.place for line in await ledger.tail(0)] == [8, 9, 10]
    assert report.faults == ()
    assert (report.lines, report.chains, report.seals) == (3, 2, 3)


async def test_it_is_forgotten_up_to_a_seal_and_no_further(path):
    async with opened(path) as ledger:
        assert await ledger.forget(NOON, now=NOON + DAY) == 0
        assert await ledger.forget(NOON + DAY, now=NOON + DAY) == 7
        assert await ledger.forget(NOON + DAY, now=NOON + DAY) == 0
        assert (await ledger.verify()).ok


async def test_a_clock_that_was_behind_makes_no_line_old(path):
    async with opened(path) as ledger:
        await ledger.seal(NOON - 1_000 * DAY)  # all of it, by a clock that knew no better
        await heard(ledger, started(at=NOON + DAY))
        await ledger.seal(NOON + DAY)
        assert await ledger.forget(NOON, now=NOON + DAY) == 0
        assert await ledger.forget(NOON + HOUR, now=NOON + DAY) == 9
        assert (await ledger.verify()).faults == ()


async def test_a_clock_that_was_ahead_keeps_no_line_for_longer(path):
    async with opened(path) as ledger:
        await ledger.seal(NOON + 10_000 * DAY)
        await heard(ledger, started(at=NOON + DAY))
        await ledger.seal(NOON + DAY)
        assert await ledger.forget(NOON + 2 * DAY, now=NOON + 3 * DAY) == 10
        assert (await ledger.verify()).faults == ()


async def test_it_is_forgotten_again_and_again(path):
    async with opened(path) as ledger:
        journal = await heard(ledger, started("zoe", NOON + HOUR))
        for day in range(2, 6):
            await heard(ledger, started("one", NOON + day * DAY))
            journal.hear(started("two", NOON + day * DAY))
            await journal.flush()
            await ledger.seal(NOON + day * DAY)
            await ledger.forget(NOON + (day - 1) * DAY, now=NOON + day * DAY)
            report = await ledger.verify()
            assert report.faults == ()
        assert report.lines == 2
        await ledger.forget(NOON + 9 * DAY, now=NOON + 9 * DAY)
        journal.hear(started("two", NOON + 9 * DAY))
        await journal.flush()
        report = await ledger.verify()
        assert report.faults == ()
        assert report.lines == 1


async def test_a_chain_that_goes_on_begins_where_it_was_cut(path):
    await sealed(path, at=NOON + DAY)
    async with opened(path) as ledger:
        await ledger.forget(NOON + HOUR, now=NOON + DAY)
    change(path, "delete from lines where place = 8")
    assert said(await verified(path)) == [(9, "a line is missing before it")]


async def test_who_forgets_without_a_key_is_found_out(path):
    await sealed(path, at=NOON + DAY)
    change(
        path,
        "delete from lines where place <= 7",
        "delete from seals where id = 1",
        "insert into seals select id + 1, at, 7, 'cut', '{}', 2, mac, key_id, zeroblob(32) from seals",
    )
    assert len((await verified(path)).faults) >= 2


async def test_lines_that_wait_to_be_deleted_are_no_fault(path):
    """It was cut off after the cut was written down, and goes on the next time."""
    await sealed(path, at=NOON + DAY)
    with altering(path) as db:
        rows = db.execute("select * from lines where place between 3 and 7").fetchall()
        chains = db.execute("select * from chains where chain = 2").fetchall()
    async with opened(path) as ledger:
        await ledger.forget(NOON + HOUR, now=NOON + DAY)

    def undo(db: Any) -> None:
        db.executemany("insert into lines values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        db.executemany("insert into chains values (?, ?, ?, ?)", chains)

    change(path, undo)
    async with opened(path) as ledger:
        assert (await ledger.verify()).faults == ()
        assert await ledger.forget(NOON + HOUR, now=NOON + DAY) == 5


async def test_a_line_cannot_be_hidden_among_what_is_forgotten(path):
    await sealed(path, at=NOON + DAY)
    async with opened(path) as ledger:
        await ledger.forget(NOON + HOUR, now=NOON + DAY)
    change(path, "update lines set place = 3 where place = 10")
    assert any("not where seal 2 holds it" in what for _, what in said(await verified(path)))


async def test_a_writer_whose_lines_are_all_forgotten_begins_another_chain(tmp_path):
    path = tmp_path / "journal.db"
    async with opened(path) as ledger:
        journal = await heard(ledger, *many(3))
        was = journal.writer
        await ledger.seal(NOON + HOUR)
        await ledger.forget(NOON + HOUR, now=NOON + DAY)
        journal.hear(started("ada", NOON + DAY))
        assert await journal.flush() == 1
        (line,) = await ledger.lines()
        assert (line.place, line.number) == (4, 1)
        assert journal.writer != was
        assert (await ledger.verify()).ok


async def test_progress_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("sojourn.observe.journal.verifying._OFTEN", 2)
    told: list[int] = []
    async with opened(tmp_path / "journal.db") as ledger:
        await heard(ledger, *many(5))
        await ledger.verify(told.append)
    assert told == [2, 4]
