"""The commands, each on a database of its own."""

from __future__ import annotations

import asyncio
import json
import re
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from sojourn import AsyncSessions, Device, Query, Reason, open_store
from sojourn.background import LEASE
from sojourn.keyring import entries
from sojourn.sessions import utc_now
from sojourn.testing import FakeClock, make_keys

URL = "sqlite:///sojourn.db"
JOURNAL = "sqlite:///sojourn-journal.db"


def signed_in(*users, ago=timedelta(0)):
    """Sign users in, some time ago; the ids of their sessions."""

    async def start():
        clock = FakeClock(utc_now() - ago)
        sessions = AsyncSessions(open_store(URL), keys=make_keys(), clock=clock)
        issued = [await sessions.start(user, device=Device(name="[bold]Chrome[/bold]")) for user in users]
        await sessions.close()
        return [str(one.session.id) for one in issued]

    return asyncio.run(start())


def ended():
    async def select():
        store = open_store(URL)
        now = utc_now()
        found = await store.select(Query(user_id="ada", ended_since=now - timedelta(days=1), ended_by=now))
        await store.close()
        return [(session.reason, session.note) for session in found]

    return asyncio.run(select())


def user_id(shell, email="grace@example.org"):
    (user,) = json.loads(shell("users", "list", "--search", email, "--json").out)
    return user["id"]


# ── keys ──────────────────────────────────────────────────────────────────────────────────────


def test_generated_keys_are_the_owners_alone_and_not_printed(shell):
    ran = shell("keys", "generate")
    text = Path("sojourn.keys").read_text()
    assert ran.code == 0
    assert stat.S_IMODE(Path("sojourn.keys").stat().st_mode) == 0o600
    assert text.split()[-1] not in ran.out + ran.err


def test_keys_are_overwritten_with_force_only(shell):
    shell("keys", "generate")
    before = Path("sojourn.keys").read_text()
    refused = shell("keys", "generate")
    assert (refused.code, "--force" in refused.err) == (2, True)
    assert Path("sojourn.keys").read_text() == before
    assert shell("keys", "generate", "--force").code == 0
    assert Path("sojourn.keys").read_text() != before


def test_keys_are_rotated_in_two_steps(shell):
    shell("keys", "generate")
    for roles in (["next", "signing"], ["signing", "retired"]):
        ran = shell("keys", "rotate")
        text = Path("sojourn.keys").read_text()
        assert ran.code == 0
        assert [entry.key.role for entry in entries(text)] == roles
        assert not any(line.split()[-1] in ran.out for line in text.splitlines() if line[0] != "#")


def test_an_emergency_is_asked_about_first(shell):
    shell("keys", "generate")
    refused = shell("keys", "rotate", "--emergency")
    assert refused.code == 1
    assert "signs everybody out" in refused.err
    done = shell("keys", "rotate", "--emergency", "--yes")
    assert done.code == 0
    assert [entry.key.id for entry in entries(Path("sojourn.keys").read_text())] == [2]


def test_keys_in_a_variable_cannot_be_rotated_here(shell, monkeypatch):
    shell("keys", "generate")
    monkeypatch.setenv("SOJOURN_KEYS", Path("sojourn.keys").read_text())
    ran = shell("keys", "rotate")
    assert (ran.code, "SOJOURN_KEYS holds the keys" in ran.err) == (2, True)


# ── users ─────────────────────────────────────────────────────────────────────────────────────


def test_a_user_is_created_with_a_password_from_the_input(installed):
    ran = installed("users", "create", "Ada@Example.org", "--password-stdin", typed="analytical engine\n")
    assert (ran.code, ran.out) == (0, "Added ada@example.org, a user.\n")
    assert "analytical" not in ran.out + ran.err


def test_a_generated_password_is_printed(installed):
    ran = installed("users", "create", "ada@example.org", "--admin", "--generate")
    assert "an administrator" in ran.out
    assert len(ran.out.split("Password: ")[1].strip()) >= 20


@pytest.mark.parametrize(
    ("arguments", "typed", "code", "why"),
    [
        (["ada@example.org"], "", 2, "--password-stdin or --generate"),
        (["ada@example.org", "--generate", "--password-stdin"], "", 2, "one of"),
        (["ada@example.org", "--password-stdin"], "short\n", 1, "at least 8"),
        (["ada", "--generate"], "", 1, "e-mail address"),
        (["grace@example.org", "--generate"], "", 1, "already"),
        ([], "", 2, "requires an argument"),
    ],
)
def test_who_is_not_created_and_why(installed, arguments, typed, code, why):
    ran = installed("users", "create", *arguments, typed=typed)
    assert ran.code == code
    assert why in ran.out + ran.err


@pytest.mark.parametrize(("second", "code"), [("analytical engine", 0), ("analytical engin", 2)])
def test_on_a_terminal_the_password_is_asked_for_twice(installed, monkeypatch, second, code):
    answers = iter(["analytical engine", second])
    monkeypatch.setattr("sojourn.cli.users.create.getpass", lambda _: next(answers))
    monkeypatch.setattr("sojourn.cli.users.create._somebody_is_there", lambda: True)
    assert installed("users", "create", "ada@example.org").code == code
    assert len(json.loads(installed("users", "list", "--json").out)) == 2 - bool(code)


def test_users_are_listed_for_people_and_for_programs(installed):
    assert "grace@example.org" in installed("users", "list").out
    (user,) = json.loads(installed("users", "list", "--json").out)
    assert (user["email"], user["role"]) == ("grace@example.org", "admin")
    assert json.loads(installed("users", "list", "--search", "ada", "--json").out) == []


# ── sessions ──────────────────────────────────────────────────────────────────────────────────


def test_sessions_are_listed_with_what_people_know(installed):
    grace = user_id(installed)
    signed_in("ada", grace)
    table = installed("sessions", "list").out
    assert "grace@example.org" in table
    assert "[bold]Chrome[/bold]" in table  # no markup: it comes from outside
    rows = json.loads(installed("sessions", "list", "--json").out)
    assert {row["user_id"]: row["email"] for row in rows} == {grace: "grace@example.org", "ada": None}
    assert "salt" not in rows[0]


def test_sessions_of_one_user_are_found_by_address_or_id(installed):
    signed_in("ada", user_id(installed))
    for who in ("ada", "grace@example.org"):
        assert len(json.loads(installed("sessions", "list", "--user", who, "--json").out)) == 1
    unknown = installed("sessions", "list", "--user", "nobody@example.org")
    assert (unknown.code, unknown.err) == (1, "sojourn: There is no user nobody@example.org.\n")


def test_one_session_is_ended_once(installed):
    (id,) = signed_in("ada")
    for somebody_else in ("eve", ""):
        assert installed("sessions", "revoke", id, "--user", somebody_else).code == 1
    assert installed("sessions", "revoke", id, "--note", "lost").code == 0
    assert ended() == [(Reason.ADMIN, "lost")]
    again = installed("sessions", "revoke", id)
    assert (again.code, again.err) == (1, "sojourn: There is no such session.\n")


def test_ending_many_sessions_is_asked_about_first(installed):
    signed_in("ada", "ada", "ada")
    refused = installed("sessions", "revoke", "--all", "--user", "ada", typed="y\n")  # no terminal
    assert (refused.code, ended()) == (1, [])
    assert "End 3 sessions of ada?" in refused.err
    done = installed("sessions", "revoke", "--all", "--user", "ada", "--yes")
    assert done.out == "Ended 3 sessions of ada.\n"
    assert len(ended()) == 3


@pytest.mark.parametrize("arguments", [[], ["--all"], ["--user", "ada"]])
def test_what_to_end_must_be_said(installed, arguments):
    assert installed("sessions", "revoke", *arguments).code == 2


# ── databases ─────────────────────────────────────────────────────────────────────────────────


def test_migrate_creates_and_then_has_nothing_to_do(shell):
    assert "0001_sessions" in shell("migrate").out
    places = {"sessions": URL, "accounts": URL, "directory": URL, "journal": JOURNAL}
    assert shell("migrate").out == "".join(f"{what} in {url}: up to date\n" for what, url in places.items())


def test_migrating_the_accounts_alone_makes_no_other_database(shell):
    assert shell("migrate", "--accounts", "sqlite:///people.db").code == 0
    assert sorted(path.name for path in Path().glob("*.db")) == ["people-journal.db", "people.db"]


PURGED = re.compile(r"purge: marked (\d+), removed (\d+), skipped (\d+), time \d+\.\d{3} s\n")


def purged(ran):
    """What was marked, removed and skipped."""
    assert ran.code == 0
    found = PURGED.fullmatch(ran.out)
    assert found, ran.out
    return tuple(map(int, found.groups()))


@pytest.mark.parametrize("command", [["purge"], ["worker", "--once"]])
def test_what_ended_is_noticed_and_what_is_long_over_forgotten(installed, command):
    signed_in("ada", ago=timedelta(days=200))
    signed_in("bea", ago=timedelta(days=50))
    signed_in("eve")
    ran = installed(*command)
    assert purged(ran) == (2, 1, 0)
    assert ran.err.count('"event":"session-expired"') == 2
    assert purged(installed(*command)) == (0, 0, 0)


def held(holder, span):
    """Whether *holder* has the lease of background work for that long, as another process would."""

    async def lease():
        store, now = open_store(URL), utc_now()
        taken = await store.lease(LEASE, holder, at=now, until=now + span)
        await store.close()
        return taken

    return asyncio.run(lease())


def test_while_a_worker_runs_expiry_is_left_to_it(installed):
    signed_in("ada", ago=timedelta(days=200))
    signed_in("bea", ago=timedelta(days=50))
    assert held("a worker", timedelta(minutes=5))
    assert purged(installed("worker", "--once")) == (0, 0, 1)
    assert purged(installed("purge")) == (0, 1, 1)
    assert held("a worker", timedelta(0))
    assert purged(installed("worker", "--once")) == (1, 0, 0)
    assert held("another", timedelta(0))  # what a command took it gave back


def test_how_much_is_logged_is_said(installed):
    signed_in("bea", ago=timedelta(days=50))
    assert installed("purge", "--log-level", "warning").err == ""


@pytest.mark.parametrize("arguments", [["sessions", "list"], ["users", "list"], ["purge"]])
def test_no_other_command_creates_a_database(shell, arguments):
    ran = shell(*arguments)
    assert ran.code == 2
    assert "sojourn migrate" in ran.err
    assert list(Path().iterdir()) == []


def test_a_database_in_memory_is_the_servers_alone(shell):
    ran = shell("sessions", "list", "--store", "memory://")
    assert ran.code == 2
    assert "inside the server's process" in ran.err


# ── doctor and serve ──────────────────────────────────────────────────────────────────────────


def test_doctor_says_what_to_do_and_its_exit_code_counts(shell, installed):
    assert installed("doctor").code == 0
    Path("sojourn.keys").chmod(0o644)
    ran = installed("doctor")
    assert ran.code == 1
    assert "run `chmod 600 sojourn.keys`" in ran.out
    levels = [finding["level"] for finding in json.loads(installed("doctor", "--json").out)]
    assert levels.count("error") == 1


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "sojourn keys generate"),
        (["--store", "memory://", "--workers", "2"], "one process"),
        (["--store", "sqlite:///:memory:", "--workers", "2"], "one process"),
        (["--host", "192.0.2.7"], "SOJOURN_ORIGIN"),
        (["--origin", "http://example.org"], "plain http"),
        (["--port", "http"], "--port is 'http'"),
    ],
)
def test_what_serve_refuses(shell, arguments, why):
    ran = shell("serve", *arguments)
    assert ran.code == 2
    assert why in ran.err
    assert list(Path().iterdir()) == []


def test_serve_says_at_the_start_that_a_store_cannot_be_opened(installed):
    Path("diary.db").write_text("Dear diary, today nothing happened. " * 200)
    ran = installed("serve", "--store", "sqlite:///diary.db")
    assert ran.code == 1
    assert "not an SQLite database" in ran.err
    ran = installed("serve", "--accounts", "sqlite:///nowhere/accounts.db")
    assert ran.code == 2
    assert "does not exist; create it" in ran.err
