"""`--where`: a small language that says which sessions are meant, and where it is wrong."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sojourn import AsyncSessions, open_store
from sojourn.cli.where import Condition, WhereError, fits, parsed, wanted
from sojourn.events import AdminActed
from sojourn.searching import search
from sojourn.session import Device, Place
from sojourn.sessions import utc_now
from sojourn.testing import FakeClock, make_keys, make_session

URL = "sqlite:///sojourn.db"
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
SESSION = make_session(
    user_id="ada",
    ip="10.1.2.3",
    place=Place(city="Berlin", country="DE"),
    device=Device(kind="mobile", name="Safari 26 on iOS", os="iOS"),
    application_id="shop",
)

# ── reading ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "conditions"),
    [
        ("country = 'DE'", [Condition("country", "=", ("DE",))]),
        ("country=de", [Condition("country", "=", ("DE",))]),
        ("  country\t=\n'DE'  ", [Condition("country", "=", ("DE",))]),
        ('device like "%fox%"', [Condition("device", "like", ("%fox%",))]),
        ("device = 'Mum''s phone'", [Condition("device", "=", ("Mum's phone",))]),
        ("device = 'a and b'", [Condition("device", "=", ("a and b",))]),
        ("kind IN ('mobile', tablet)", [Condition("kind", "in", ("mobile", "tablet"))]),
        ("kind <> bot", [Condition("kind", "!=", ("bot",))]),
        ("created_at>2026-01-01", [Condition("created_at", ">", (NEW_YEAR,))]),
        ("created_at >= '2026-01-01T01:00:00+01:00'", [Condition("created_at", ">=", (NEW_YEAR,))]),
        ("ip=10.0.0.0/8 and os=iOS", [Condition("ip", "=", ("10.0.0.0/8",)), Condition("os", "=", ("iOS",))]),
    ],
)
def test_conditions_are_read(text, conditions):
    assert parsed(text) == conditions


@pytest.mark.parametrize(
    ("text", "what", "at"),
    [
        ("", "expected a field", 0),
        ("nation = 'DE'", "expected a field", 0),
        ("country", "expected =, !=", 7),
        ("country 'DE'", "expected =, !=", 8),
        ("country =", "expected a value", 9),
        ("country = 'DE", "a quote that is not closed", 10),
        ("country = 'DE' or country = 'FR'", "expected `and`", 15),
        ("country = 'DE' and", "expected a field", 18),
        ("country > 'DE'", "country is text", 8),
        ("created_at like '2026%'", "created_at is a time", 11),
        ("created_at > 'yesterday'", "expected a date", 13),
        ("kind in mobile", "expected `(`", 8),
        ("kind in (mobile", "expected `)`", 15),
        ("kind in ()", "expected a value", 9),
        ("kind in (mobile,", "expected a value", 16),
        ("country = 'DE'; drop table sessions", "expected `and`", 14),
        ("(country = 'DE')", "expected a field", 0),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text, what, at):
    with pytest.raises(WhereError, match=what.replace("(", r"\(").replace(")", r"\)")) as wrong:
        parsed(text)
    assert wrong.value.at == at
    assert str(wrong.value).splitlines()[-1] == "  " + " " * at + "^"


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_with_a_place_in_it(text):
    at = len(text)
    try:
        assert parsed(text)
    except WhereError as wrong:
        at = wrong.at
    assert 0 <= at <= len(text)


_NAMES = st.sampled_from(["country", "city", "device", "user_id", "kind"])


@given(st.lists(st.tuples(_NAMES, st.text(max_size=20)), min_size=1, max_size=4))
def test_whatever_is_quoted_comes_back(pairs):
    text = " and ".join(f"{name} = '" + value.replace("'", "''") + "'" for name, value in pairs)
    read = [(c.field, c.values[0]) for c in parsed(text)]
    assert read == [(name, value.upper() if name == "country" else value) for name, value in pairs]


# ── comparing ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "fitting"),
    [
        ("country = de", True),
        ("country != de", False),
        ("country in (FR, DE)", True),
        ("city = berlin", False),
        ("device like 'safari%'", True),
        ("device like 'safari'", False),
        ("device like '%26 on ___'", True),
        ("device like '%.*%'", False),
        ("ip = 10.1.0.0/16", True),
        ("ip in (192.0.2.1, 10.1.2.3)", True),
        ("ip != 10.0.0.0/8", False),
        ("tenant_id = acme", False),
        ("tenant_id != acme", True),
        ("application_id = shop and kind = mobile", True),
        ("application_id = shop and kind = bot", False),
        (f"id = {SESSION.id}", True),
        ("created_at >= 2026-03-02T09:00:00Z", True),
        ("created_at > 2026-03-02T09:00:00Z", False),
        ("created_at = '2026-03-02T09:00:00Z'", True),
        ("seen_at < 2026-03-02", False),
        ("ends_at > 2026-03-30", True),
    ],
)
def test_a_session_fits_or_not(text, fitting):
    assert fits(SESSION, parsed(text)) is fitting


async def test_the_store_is_asked_for_no_less_than_fits():
    """What is left to the store finds all that fits, for every condition."""
    clock = FakeClock()
    sessions = AsyncSessions(open_store("memory://"), keys=make_keys(), clock=clock)
    await sessions.store.insert(SESSION)
    for field, value in (
        *(
            ("user_id", "ada"),
            ("ip", "10.1.2.3"),
            ("ip", "10.1.0.0/16"),
            ("country", "de"),
            ("kind", "mobile"),
        ),
        *(("application_id", "shop"), ("id", str(SESSION.id)), ("city", "Berlin"), ("os", "iOS")),
        ("created_at", SESSION.created_at.isoformat()),
    ):
        conditions = parsed(f"{field} = '{value}'")
        assert fits(SESSION, conditions)
        assert (await search(sessions, wanted(conditions))).sessions == [SESSION], field


# ── the commands ──────────────────────────────────────────────────────────────────────────────


def begin(*users: str, ago: int = 5, **fields: object) -> None:
    async def main() -> None:
        clock = FakeClock(utc_now() - timedelta(minutes=ago))
        sessions = AsyncSessions(open_store(URL), keys=make_keys(), clock=clock)
        for number, user in enumerate(users):
            clock.tick(seconds=1)
            await sessions.start(user, ip=f"10.0.0.{number}", **fields)  # type: ignore[arg-type]
        await sessions.close()

    anyio.run(main)


@pytest.fixture
def staffed(installed):
    begin("ada", "bob", "eve", place=Place(country="XX"), device=Device(name="Firefox 143 on Linux"))
    begin("joe", ago=1, place=Place(country="DE"))
    return installed


def found(ran) -> list[str]:
    assert (ran.code, ran.err) == (0, "")
    return [row["user_id"] for row in json.loads(ran.out)]


def test_sessions_are_searched_by_a_text_or_by_conditions(staffed):
    assert found(staffed("sessions", "search", "--json")) == ["joe", "eve", "bob", "ada"]
    assert found(staffed("sessions", "search", "fire", "--json")) == ["eve", "bob", "ada"]
    assert found(staffed("sessions", "search", "10.0.0.1", "--json")) == ["bob"]
    where = "country = 'XX' and ip != 10.0.0.1"
    assert found(staffed("sessions", "search", "--where", where, "--json")) == ["eve", "ada"]
    assert found(staffed("sessions", "search", "--where", where, "--limit", "1", "--json")) == ["eve"]
    assert "Firefox 143 on Linux" in staffed("sessions", "search", "--where", where).out


def test_a_search_that_is_cut_says_so_beside_what_it_found(staffed, monkeypatch):
    assert staffed("users", "create", "ada@example.org", "--generate").code == 0
    assert staffed("sessions", "search", "example.org", "--json").err == ""
    monkeypatch.setattr("sojourn.api.admin.where.MOST_USERS", 1)
    for more in ([], ["--json"]):
        ran = staffed("sessions", "search", "example.org", *more)
        assert (ran.code, ran.err.startswith("Not all: more users match")) == (0, True)


def test_what_is_wrong_with_a_condition_is_shown(staffed):
    ran = staffed("sessions", "search", "--where", "country = 'XX' und kind = bot")
    assert ran.code != 0
    assert "expected `and`" in ran.err
    assert "               ^" in ran.err


def test_a_dry_run_ends_nobody(staffed):
    ran = staffed("sessions", "revoke", "--where", "country = 'XX'", "--dry-run")
    assert ran.code == 0
    assert ran.out.splitlines()[-1] == "3 sessions would end."
    answer = json.loads(staffed("sessions", "revoke", "--where", "country = XX", "--dry-run", "--json").out)
    assert (answer["matched"], answer["ended"], answer["dry_run"]) == (3, 0, True)
    assert len(found(staffed("sessions", "search", "--json"))) == 4


def test_all_that_match_end_and_that_is_in_the_journal(staffed):
    refused = staffed("sessions", "revoke", "--where", "country = 'XX'", typed="y\n")  # no terminal
    assert refused.code == 1
    assert "End 3 sessions?" in refused.err
    ran = staffed("sessions", "revoke", "--where", "country = 'XX'", "--note", "stolen", "--yes")
    assert ran.out.splitlines()[-1] == "Ended 3 sessions."
    assert found(staffed("sessions", "search", "--json")) == ["joe"]
    over = json.loads(staffed("sessions", "search", "--state", "ended", "--json").out)
    assert len(over) == 3
    lines = [json.loads(line) for line in staffed("journal", "export").out.splitlines()]
    told = [line["facts"] for line in lines if line["name"] == AdminActed.name]
    assert [(fact["act"], fact["count"]) for fact in told] == [("bulk-revoke", 3), ("bulk-revoke-done", 3)]
    assert sum(line["name"] == "session-revoked" for line in lines) == 3


def test_nothing_that_matches_is_no_question(staffed):
    ran = staffed("sessions", "revoke", "--where", "country = 'FR'")
    assert (ran.code, ran.out) == (0, "0 sessions would end.\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--where", "country = XX", "--all", "--user", "ada"],
        ["--dry-run", "--all", "--user", "ada"],
        ["--json", "--all", "--user", "ada"],
    ],
)
def test_where_stands_alone(staffed, arguments):
    assert staffed("sessions", "revoke", *arguments).code == 2
    assert len(found(staffed("sessions", "search", "--json"))) == 4


def test_the_numbers(staffed):
    numbers = json.loads(staffed("stats", "--json").out)
    assert (numbers["sessions"], numbers["users"], numbers["accounts"]) == (4, 4, 1)
    staffed("sessions", "revoke", "--where", "country = 'XX'", "--yes")
    table = staffed("stats").out
    assert "sessions that live" in table
    assert json.loads(staffed("stats", "--json").out)["revoked_today"] == 3
