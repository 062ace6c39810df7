"""Laws 8, 10 and 12: time is an argument, a program is not a person, and a refresh is not a sign-in."""

from __future__ import annotations

import ast
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import sojourn
from sojourn import Policy, Query, Reason, Session
from sojourn.blocking import drive
from sojourn.errors import SessionExpired
from sojourn.session import Seen
from sojourn.stores.protocol import Cap, Store
from sojourn.testing import make_session

SOURCES = Path(sojourn.__file__).parent
PURE = ["session", "errors", "events", "policy", "token", "snapshot", "device"]
PURE += [f"lifecycle/{path.stem}" for path in sorted((SOURCES / "lifecycle").glob("*.py"))]
MICROSECOND, MINUTE, HOUR = timedelta(microseconds=1), timedelta(minutes=1), timedelta(hours=1)

# A store that looked at a clock of its own would find these long over, or not begun.
LONG_AGO, FAR_AHEAD = datetime(2001, 2, 3, 4, 5, 6, 700001, UTC), datetime(2099, 2, 3, 4, 5, 6, 700001, UTC)


# ── law 8: time is an argument ────────────────────────────────────────────────────────────────

CLOCKS = {"now", "today", "utcnow", "time", "time_ns", "monotonic", "monotonic_ns", "perf_counter"}
CHANCES = {"random", "secrets", "urandom", "getrandom", "uuid1", "uuid4", "uuid7", "token_bytes", "token_hex"}
MODULES = {"time", "random", "secrets", "asyncio", "socket", "logging", "sqlite3", "threading"}


def _forbidden(tree: ast.AST) -> list[tuple[str, str]]:
    """Where a clock, chance or I/O is reached: the function it stands in, and its name."""
    found = []

    def look(node: ast.AST, inside: str) -> None:
        for child in ast.iter_child_nodes(node):
            within = child.name if isinstance(child, ast.FunctionDef) else inside
            match child:
                case ast.Attribute(attr=name) | ast.Name(id=name) if name in CLOCKS | CHANCES:
                    # `now` is what decisions call their argument; as an attribute it would be a clock.
                    if not (isinstance(child, ast.Name) and name == "now"):
                        found.append((inside, name))
                case ast.Import(names=names):
                    found.extend((inside, alias.name) for alias in names if alias.name in MODULES)
                case ast.ImportFrom(module=str(module), names=names):
                    taken = {alias.name for alias in names} & (CLOCKS | CHANCES)
                    found.extend((inside, name) for name in [*taken, *({module} & MODULES)])
                case ast.Call(func=ast.Name(id="now" | "open" | "print" | "input" as name)):
                    found.append((inside, name))
            look(child, within)

    look(tree, "")
    return found


@pytest.mark.parametrize("name", PURE)
def test_law_08_a_pure_file_has_no_clock_no_chance_and_no_input_or_output(name):
    found = _forbidden(ast.parse((SOURCES / f"{name}.py").read_text()))
    assert [where for where in found if where not in {("new_salt", "urandom"), ("new_id", "urandom")}] == []


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "from time import monotonic",
        "from secrets import token_bytes",
        "datetime.now(UTC)",
        "datetime.utcnow()",
        "os.urandom(8)",
        "uuid.uuid4()",
        "clock = datetime.now",
        "def new_key(): return urandom(8)",
        "now()",
        "open('x')",
    ],
)
def test_law_08_the_search_for_clocks_finds_one(source):
    assert _forbidden(ast.parse(source))


@pytest.fixture
def kept(store: Store) -> Store:
    return store.blocking()


ERAS = pytest.mark.parametrize("then", [LONG_AGO, FAR_AHEAD], ids=["long ago", "far ahead"])


def _of(then: datetime, **fields: Any) -> Session:
    return make_session(created_at=then, expires_at=then + HOUR, ends_at=then + 2 * HOUR, **fields)


@ERAS
def test_law_08_a_store_finds_alive_what_lives_at_the_given_time(kept, then):
    session = _of(then)
    drive(kept.insert(session))
    for at, living in ((then, 1), (then + HOUR - MICROSECOND, 1), (then + HOUR, 0)):
        assert drive(kept.count(Query(user_id="ada", live_at=at))) == living


@ERAS
def test_law_08_a_store_changes_what_lives_at_the_given_time(kept, then):
    session = _of(then)
    drive(kept.insert(session))
    assert drive(kept.replace(session.change(ip="192.0.2.1"), at=then + HOUR - MICROSECOND))
    (stored,) = drive(kept.select(Query(id=session.id)))
    assert not drive(kept.replace(stored.change(ip=None), at=then + HOUR))


@ERAS
def test_law_08_a_store_ends_what_lives_at_the_given_time_and_says_when(kept, then):
    session = _of(then)
    drive(kept.insert(session))
    at = then + MINUTE
    assert drive(kept.revoke(Query(id=session.id), at=at, reason=Reason.USER)) == [session.id]
    assert drive(kept.get(session.id)).revoked_at == at


@ERAS
def test_law_08_a_cap_counts_what_lives_at_the_given_time(kept, then):
    first = _of(then)
    drive(kept.insert(first))
    late = then + HOUR
    inserted = drive(kept.insert(_of(late), cap=Cap(at=late, limit=1, action="refuse")))
    assert inserted.done
    assert drive(kept.get(first.id)) == first


@ERAS
def test_law_08_purge_forgets_what_ended_before_the_given_time(kept, then):
    drive(kept.insert(_of(then)))
    assert drive(kept.purge(before=then + HOUR)) == 0
    assert drive(kept.purge(before=then + HOUR + MICROSECOND)) == 1


@ERAS
def test_law_08_microseconds_and_utc_survive_every_verb(kept, then):
    session = _of(
        then,
        authenticated_at=then + MICROSECOND,
        rotated_at=then + 2 * MICROSECOND,
        confirmed_at=then + 3 * MICROSECOND,
        forgiven_at=then + 4 * MICROSECOND,
    )
    drive(kept.insert(session))
    assert drive(kept.get(session.id)) == session
    assert drive(kept.select(Query(id=session.id))) == [session]
    changed = session.change(rotated_at=then + 5 * MICROSECOND)
    drive(kept.replace(changed, at=then))
    assert drive(kept.get(session.id)) == changed
    drive(kept.touch({session.id: Seen(then + 6 * MICROSECOND, then + HOUR + MICROSECOND)}, at=then))
    drive(kept.revoke(Query(id=session.id), at=then + 7 * MICROSECOND, reason=Reason.USER))
    over = drive(kept.get(session.id))
    assert (over.seen_at, over.expires_at, over.revoked_at) == (
        then + 6 * MICROSECOND,
        then + HOUR + MICROSECOND,
        then + 7 * MICROSECOND,
    )
    assert {over.seen_at.tzinfo, over.expires_at.tzinfo, over.created_at.tzinfo} == {UTC}


def test_law_08_the_verbs_follow_the_clock_that_they_were_given(open_sessions, clock):
    clock.now = LONG_AGO
    sessions = open_sessions()
    token = sessions.start("ada").token
    assert sessions.validate(token).session.created_at == LONG_AGO
    clock.now = FAR_AHEAD
    with pytest.raises(SessionExpired):
        sessions.validate(token)


# ── law 10: a program is not a person ─────────────────────────────────────────────────────────


@pytest.mark.req("A7-7.3.1")
def test_law_10_polling_keeps_no_session_alive(open_sessions, clock):
    sessions = open_sessions(Policy(idle_timeout=15 * MINUTE))
    token = sessions.start("ada").token
    for _ in range(15):
        clock.tick(minutes=1)
        sessions.validate(token, passive=True)
    clock.tick(minutes=1, seconds=1)  # what may have waited to be written
    with pytest.raises(SessionExpired):
        sessions.validate(token, passive=True)


def test_law_10_refreshing_keeps_no_session_alive(open_sessions, clock):
    sessions = open_sessions(Policy(idle_timeout=15 * MINUTE))
    token = sessions.start("ada").token
    for _ in range(15):
        clock.tick(minutes=1)
        token = sessions.refresh(token).token
    clock.tick(minutes=1, seconds=1)
    with pytest.raises(SessionExpired):
        sessions.refresh(token)


def test_law_10_a_request_that_changes_nothing_is_handed_no_token(sessions, clock):
    token = sessions.start("ada").token
    for passive in (True, False):
        clock.tick(minutes=5)
        assert sessions.validate(token, passive=passive).token is None


# ── law 12: a refresh is not a sign-in ────────────────────────────────────────────────────────


@pytest.mark.req("S-03")
def test_law_12_authenticated_at_never_moves_by_refresh(sessions, clock):
    issued = sessions.start("ada")
    token = issued.token
    for _ in range(10):
        clock.tick(minutes=20)
        token = sessions.refresh(token).token
        session = sessions.validate(token).session
        assert session.authenticated_at == issued.session.authenticated_at


@pytest.mark.req("S-03")
def test_law_12_authenticated_at_never_moves_by_anything_but_authentication(sessions, clock):
    issued = sessions.start("ada")
    id, began = issued.session.id, clock()
    clock.tick(hours=1)
    token = sessions.renew(id).token
    sessions.update(id, set={"cart": 1})
    sessions.renew_all("ada")
    sessions.validate(token)
    assert sessions.list("ada")[0].authenticated_at == began


@pytest.mark.req("A10-10.4.8")
def test_law_12_no_token_outlives_the_session(open_sessions, clock):
    sessions = open_sessions(Policy(lifetime=24 * HOUR, idle_timeout=HOUR))
    issued = sessions.start("ada")
    token = issued.token
    while clock() + 30 * MINUTE < issued.session.ends_at:
        clock.tick(minutes=30)
        token = sessions.refresh(token).token
        sessions.validate(token)
    clock.tick(minutes=30)
    for verb in (sessions.validate, sessions.refresh):
        with pytest.raises(SessionExpired):
            verb(token)
