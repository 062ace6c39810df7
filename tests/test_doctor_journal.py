"""The doctor on the journal: there, sealed, read by its keys, and with its end on."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sojourn.accounts import open_accounts
from sojourn.directory import open_directory
from sojourn.directory.outbox import new_message
from sojourn.doctor import Finding, examine
from sojourn.keyring import generate, read, write
from sojourn.observe import open_ledger
from sojourn.observe.ledger import Ledger
from sojourn.observe.upkeep import Upkeep
from sojourn.sessions import AsyncSessions
from sojourn.stores.memory import MemoryStore
from sojourn.stores.sqlite import SQLiteStore
from sojourn.testing import FakeClock, make_keys
from tests.observe.kit import DAY, HOUR, MINUTE, NOON, heard, many, started


class Place:
    """An installation in a folder: one file for sessions and accounts, one for the journal."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.file = folder, folder / "sojourn.db"
        self.environment = {
            "SOJOURN_STORE": f"sqlite:///{self.file}",
            "SOJOURN_JOURNAL": f"sqlite:///{folder / 'journal.db'}",
            "SOJOURN_KEYS_FILE": str(folder / "keys" / "sojourn.keys"),
        }

    def findings(self, now=NOON, **more: str) -> list[Finding]:
        found = asyncio.run(examine({}, self.environment | more, now=now))
        return [finding for finding in found if finding.about == "journal"]

    def complaint(self, now=NOON, **more: str) -> Finding:
        (finding,) = [finding for finding in self.findings(now, **more) if finding.level != "ok"]
        return finding

    def does(self, act: Callable[[Ledger, Upkeep], Awaitable[object]]) -> None:
        """Run *act* with the ledger, and with what looks after it."""

        async def run() -> None:
            ledger = open_ledger(
                self.environment["SOJOURN_JOURNAL"], keys=read(Path(self.environment["SOJOURN_KEYS_FILE"]))
            )
            beside = open_directory(self.environment["SOJOURN_STORE"])
            sessions = AsyncSessions(MemoryStore(), keys=make_keys(), clock=FakeClock(NOON))
            await act(ledger, Upkeep(ledger, sessions, beside=beside))
            await beside.close()
            await ledger.close()

        asyncio.run(run())

    def change(self, *statements: str, file: str = "journal.db") -> None:
        with closing(sqlite3.connect(self.folder / file)) as db, db:
            for statement in statements:
                db.execute(statement)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "keys").mkdir()
    write(tmp_path / "keys" / "sojourn.keys", generate(NOON))
    place = Place(tmp_path)

    async def install() -> None:
        url = place.environment["SOJOURN_STORE"]
        for one in (
            SQLiteStore(place.file),
            open_accounts(url),
            open_directory(url),
            open_ledger(place.environment["SOJOURN_JOURNAL"], keys=None),
        ):
            opened: Any = one
            await opened.engine.migrate()
            await opened.close()

    asyncio.run(install())
    return place


async def sealed(ledger: Ledger, upkeep: Upkeep) -> None:
    await heard(ledger, *many(3))
    await upkeep.step(NOON)


def test_a_journal_that_is_well_says_how_it_is(place):
    place.does(sealed)
    found = place.findings(NOON + HOUR)
    assert {finding.level for finding in found} == {"ok"}
    said = " / ".join(finding.what for finding in found)
    assert "seal 1 of 2026-11-02 12:00 UTC is the last one" in said
    assert "the newest line is of 2026-11-02 12:00 UTC" in said
    assert "nothing is forgotten" not in said
    assert "no process says now" in said
    assert "3 lines were written since it began" in said


def test_that_the_clock_has_leapt_is_said(place):
    place.does(sealed)
    place.does(lambda _, upkeep: upkeep.step(NOON + 90 * DAY))
    found = place.findings(NOON + 90 * DAY + HOUR)
    assert any("nothing is forgotten until 2027-02-01 12:00 UTC" in finding.what for finding in found)
    assert "nothing is forgotten" not in repr(place.findings(NOON + 91 * DAY))


def test_a_journal_that_is_new_is_well(place):
    assert {finding.level for finding in place.findings()} == {"ok"}


def test_it_looks_and_changes_nothing(place):
    place.does(sealed)
    before = (place.folder / "journal.db").read_bytes()
    place.findings(NOON + HOUR)
    assert (place.folder / "journal.db").read_bytes() == before


def test_a_journal_that_is_off_is_no_fault(place):
    (finding,) = place.findings(SOJOURN_JOURNAL="off")
    assert (finding.level, finding.what[:4]) == ("ok", "off:")


@pytest.mark.parametrize(
    ("url", "level", "remedy"),
    [
        ("memory://", "warning", "to a file"),
        ("sqlite:///{}/none.db", "warning", "run `sojourn migrate`"),
        ("sqlite:///{}/sojourn.db", "error", "run `sojourn migrate`"),
        ("mysql://x", "error", "or off"),
    ],
)
def test_a_journal_that_is_not_there_is_found(place, url, level, remedy):
    finding = place.complaint(SOJOURN_JOURNAL=url.format(place.folder))
    assert (finding.level, remedy in finding.remedy) == (level, True)


def test_what_differs_in_it_is_found(place):
    place.change("drop index lines_by_person")
    assert "index lines_by_person" in place.complaint().what


def test_that_nobody_seals_is_found_after_ten_minutes(place):
    place.does(sealed)
    place.does(lambda ledger, _: heard(ledger, started(at=NOON + HOUR)))
    assert {finding.level for finding in place.findings(NOON + HOUR + 10 * MINUTE)} == {"ok"}
    finding = place.complaint(NOON + HOUR + 11 * MINUTE)
    assert (finding.level, "1 lines since 2026-11-02 13:00 UTC" in finding.what) == ("warning", True)
    assert "sojourn worker" in finding.remedy


def test_that_the_end_was_taken_off_is_found(place):
    place.does(sealed)
    place.change("delete from seals", "delete from lines")
    finding = place.complaint(NOON + MINUTE)
    assert (finding.level, "seal 1 of" in finding.what, "--restored" in finding.remedy) == (
        "error",
        True,
        True,
    )


def test_a_key_that_is_gone_is_found_while_something_lies_under_it(place):
    place.does(sealed)
    place.change("update people set key_id = 77")
    finding = place.complaint(NOON + MINUTE)
    assert (finding.level, "of 1 users lies under key 77" in finding.what) == ("warning", True)


def test_a_process_that_cannot_write_what_it_hears_is_found(place):
    async def reported(ledger: Ledger, _: Upkeep) -> None:
        for name, lag in (("1-a", 0.4), ("2-b", 61.0)):
            said = {"sojourn_journal_queued": 12.0, "sojourn_journal_lag_seconds": lag}
            await ledger.report(name, said, NOON)

    place.does(reported)
    what = place.complaint(NOON + timedelta(seconds=5)).what
    assert what == "in process 2-b 12 events wait for 61 s to be written"
    assert {finding.level for finding in place.findings(NOON + MINUTE)} == {"ok"}  # it has ended since


def test_a_file_that_others_read_is_found(place):
    (place.folder / "journal.db").chmod(0o644)
    found = asyncio.run(examine({}, place.environment, now=NOON))
    (finding,) = [finding for finding in found if finding.about == "disk" and "journal.db" in finding.what
                  and finding.level != "ok" and "free" not in finding.what]  # fmt: skip
    assert "chmod 600" in finding.remedy


def test_a_receiver_that_is_away_is_found_before_anything_is_given_up(place):
    async def wait() -> None:
        store = open_directory(place.environment["SOJOURN_STORE"])
        messages = [new_message("webhook", name, b"{}", at=NOON) for name in ("ops", "ops", "siem")]
        await store.enqueue(messages)
        for attempt in (1, 2, 3):
            for message in await store.claim(at=NOON, until=NOON, without=["siem"]):
                await store.failed(message.id, attempt=attempt, error="the host has no address", due_at=NOON)
        await store.close()

    asyncio.run(wait())
    found = asyncio.run(examine({}, place.environment, now=NOON))
    (finding,) = [one for one in found if one.about == "delivery" and one.level == "warning"]
    assert finding.what == "a webhook for ops failed 3 times: the host has no address"


def test_a_journal_on_a_server_is_looked_at_too(place, postgres):
    place.environment["SOJOURN_JOURNAL"] = postgres.new_database()
    finding = place.complaint()
    assert (finding.level, finding.remedy) == ("error", "run `sojourn migrate`")

    async def migrated(ledger: Ledger, _: Upkeep) -> None:
        await ledger.engine.migrate()

    place.does(migrated)
    place.does(sealed)
    found = place.findings(NOON + HOUR)
    assert {finding.level for finding in found} == {"ok"}
    said = " / ".join(finding.what for finding in found)
    assert "seal 1 of 2026-11-02 12:00 UTC is the last one" in said
    assert "3 lines were written since it began" in said
    place.does(lambda ledger, _: ledger.engine.write(lambda db: db.execute("delete from seals").rowcount))
    assert "seal 1 of" in place.complaint(NOON + MINUTE).what
