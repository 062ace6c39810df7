"""`sojourn journal`: what happened is read, handed on and checked; and commands write to it themselves."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

SOJOURN = [sys.executable, "-m", "sojourn"]
JOURNAL = Path("sojourn-journal.db")


@pytest.fixture
def told(installed):
    """A shell where grace was signed in twice, and once signed out by a command."""
    ids = []
    for _ in range(2):
        ran = installed("sessions", "start", "--user", "grace@example.org", "--json")
        assert ran.code == 0, ran.err
        ids.append(json.loads(ran.out)["session_id"])
    assert installed("sessions", "revoke", ids[0]).code == 0
    return installed


def lines(ran) -> list[dict]:
    assert (ran.code, ran.err) == (0, "")
    return [json.loads(line) for line in ran.out.splitlines()]


# ── reading ───────────────────────────────────────────────────────────────────────────────────


def test_what_commands_do_is_in_the_journal(told):
    found = lines(told("journal", "export"))
    assert [line["name"] for line in found] == ["session-established"] * 2 + ["session-revoked"]
    assert found[2]["facts"]["reason"] == "admin"
    assert found[2]["session_id"] == found[0]["session_id"]
    assert found[2]["personal"]["user_id"] == found[0]["personal"]["user_id"]
    assert found[0]["writer"] != found[1]["writer"]  # each command is a process


def test_an_export_holds_all_that_is_hashed(told):
    first, *_ = lines(told("journal", "export"))
    assert first["number"] == 1
    assert len(bytes.fromhex(first["hash"])) == 32
    assert datetime.fromisoformat(first["at"]).utcoffset() is not None


def test_an_export_can_leave_out_what_is_personal(told):
    ran = told("journal", "export", "--anonymous")
    assert all("personal" not in line for line in lines(ran))
    users = {line["personal"]["user_id"] for line in lines(told("journal", "export"))}
    assert not any(user in ran.out for user in users)


def test_an_export_goes_on_after_a_place(told):
    assert [line["place"] for line in lines(told("journal", "export", "--after", "1"))] == [2, 3]


@pytest.mark.parametrize(
    ("options", "places"),
    [
        (["--user", "grace@example.org"], [1, 2, 3]),
        (["--user", "nobody"], []),
        (["--name", "session-revoked"], [3]),
        (["--name", "session-revoked", "--name", "token-reused"], [3]),
        (["--since", "2020-01-01", "--until", "2021-01-01"], []),
        (["--since", "2020-01-01"], [1, 2, 3]),
    ],
)
def test_an_export_is_of_what_is_asked_for(told, options, places):
    assert [line["place"] for line in lines(told("journal", "export", *options))] == places


def test_an_export_is_of_one_session(told):
    id = lines(told("journal", "export"))[0]["session_id"]
    assert [line["place"] for line in lines(told("journal", "export", "--session", id))] == [1, 3]


def test_the_tail_is_a_table_for_people_and_json_for_programs(told):
    ran = told("journal", "tail", "--limit", "2")
    heading, first, last = ran.out.splitlines()
    assert heading.split() == ["place", "at", "name", "user", "session", "facts"]
    assert (first.split()[0], last.split()[0]) == ("2", "3")
    assert "reason=admin" in last
    assert [line["place"] for line in lines(told("journal", "tail", "--json"))] == [1, 2, 3]


def test_what_comes_from_outside_stays_on_its_line(installed):
    assert installed("sessions", "start", "--user", "ev\nil").code == 0
    assert len(installed("journal", "tail").out.splitlines()) == 2


def test_the_tail_is_followed(told, tmp_path):
    with subprocess.Popen([*SOJOURN, "journal", "tail", "--json", "-f"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            seen = [json.loads(process.stdout.readline())["place"] for _ in range(3)]
            assert told("sessions", "start", "--user", "ada").code == 0
            seen.append(json.loads(process.stdout.readline())["place"])
        finally:
            process.kill()  # an interrupt is ignored by what a shell has put into the background
    assert seen == [1, 2, 3, 4]


# ── checking ──────────────────────────────────────────────────────────────────────────────────


def change(statement: str) -> None:
    with closing(sqlite3.connect(JOURNAL)) as db, db:
        db.execute(statement)


def test_a_journal_that_is_right(told):
    assert told("worker", "--once").code == 0
    ran = told("journal", "verify")
    assert (ran.code, ran.out.splitlines()[0]) == (
        0,
        "3 lines in 3 chains, 1 seals; 0 lines after the last seal.",
    )
    assert ran.out.endswith("Everything is as it was written.\n")


def test_a_journal_that_was_altered_says_where(told):
    change("update lines set facts = '{}' where place = 3")
    ran = told("journal", "verify")
    assert ran.code == 1
    assert "3" in ran.out.splitlines()[-1].split()[0]
    assert "it was altered" in ran.out
    found = json.loads(told("journal", "verify", "--json").out)
    assert (found["ok"], found["faults"][0]["place"], found["faults"][0]["number"]) == (False, 3, 1)


def test_the_end_that_was_taken_off_is_noticed_by_who_noted_a_seal(told):
    assert told("worker", "--once").code == 0
    found = json.loads(told("journal", "verify", "--json").out)
    noted = f"{found['last_seal']}:{found['mac']}"
    assert noted in told("journal", "verify").out
    assert told("journal", "verify", "--noted", noted).code == 0
    for table in ("seals", "lines", "chains"):
        change(f"delete from {table}")  # noqa: S608
    ran = told("journal", "verify", "--noted", noted)
    assert ran.code == 1
    assert "is not there" in ran.out


def test_the_end_that_was_taken_off_is_noticed_by_what_the_worker_noted(told):
    assert "No seal was noted" in told("journal", "verify").out
    assert told("worker", "--once").code == 0
    assert json.loads(told("journal", "verify", "--json").out)["noted"] is True
    for table in ("seals", "lines", "chains"):
        change(f"delete from {table}")  # noqa: S608
    ran = told("journal", "verify")
    assert (ran.code, "is not there" in ran.out, "--restored" in ran.out) == (1, True, True)
    found = told("journal", "verify", "--json")
    assert (found.code, json.loads(found.out)["noted"]) == (1, False)


def test_who_takes_the_end_off_is_found_out_after_the_worker_has_gone_on(told):
    assert told("worker", "--once").code == 0
    change("delete from seals")
    assert told("sessions", "start", "--user", "ada").code == 0
    assert told("worker", "--once").code == 0  # it seals what is there
    assert told("journal", "verify").code == 1


def test_a_backup_that_was_restored_is_the_journal_from_then_on(told):
    backup = JOURNAL.read_bytes()
    assert told("worker", "--once").code == 0
    JOURNAL.write_bytes(backup)
    for beside in ("-wal", "-shm"):
        Path(f"{JOURNAL}{beside}").unlink(missing_ok=True)
    assert told("journal", "verify").code == 1
    assert told("journal", "verify", "--restored").code == 0
    assert "journal-restored" in told("journal", "tail").out
    assert told("journal", "verify").code == 0
    assert told("worker", "--once").code == 0
    assert json.loads(told("journal", "verify", "--json").out)["noted"] is True


def test_what_is_altered_cannot_be_taken_for_restored(told):
    assert told("worker", "--once").code == 0
    for table in ("seals", "lines"):
        change(f"delete from {table}")  # noqa: S608
    assert told("journal", "verify", "--restored").code == 1
    assert json.loads(told("journal", "verify", "--json").out)["noted"] is False
    assert told("journal", "verify", "--restored", "--noted", "1:ab").code == 2


def test_a_copy_is_checked_where_there_are_no_accounts(told, monkeypatch, tmp_path):
    assert told("worker", "--once").code == 0
    ran = told(
        "journal",
        "verify",
        "--accounts",
        f"sqlite:///{tmp_path}/none.db",
        "--journal",
        f"sqlite:///{JOURNAL}",
    )
    assert (ran.code, "No seal was noted" in ran.out) == (0, True)


def test_what_is_no_seal_is_refused(told):
    ran = told("journal", "verify", "--noted", "yesterday")
    assert (ran.code, "is no seal" in ran.err) == (2, True)


def test_a_user_who_was_erased_is_no_fault(told):
    change("delete from people")
    change("update lines set personal = null")
    assert told("journal", "verify").code == 0
    assert all(line["personal"] is None for line in lines(told("journal", "export")))


# ── where there is none ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("command", ["tail", "export", "verify"])
def test_without_a_journal_there_is_nothing_to_read(installed, command):
    JOURNAL.unlink()
    ran = installed("journal", command)
    assert (ran.code, "there is no journal" in ran.err, "sojourn migrate" in ran.err) == (2, True, True)
    assert not JOURNAL.exists()


def test_a_journal_that_is_off_says_so(installed, monkeypatch):
    monkeypatch.setenv("SOJOURN_JOURNAL", "off")
    ran = installed("journal", "tail")
    assert (ran.code, "no journal is kept" in ran.err) == (2, True)
    assert installed("sessions", "start", "--user", "ada").code == 0


def test_what_a_command_does_without_a_journal_is_done_and_said(installed, caplog):
    JOURNAL.unlink()
    assert installed("sessions", "start", "--user", "ada").code == 0
    assert "session-established is not in a journal" in caplog.text
    assert not JOURNAL.exists()


def test_without_keys_what_happened_is_written_and_nothing_personal(told):
    id = lines(told("journal", "export"))[1]["session_id"]
    Path("sojourn.keys").rename("elsewhere.keys")
    assert told("sessions", "revoke", id).code == 0
    Path("elsewhere.keys").rename("sojourn.keys")
    last = lines(told("journal", "export"))[-1]
    assert (last["name"], last["session_id"]) == ("session-revoked", id)
    assert set(last["personal"]) == {"user_id"}
    assert told("journal", "verify").code == 0
