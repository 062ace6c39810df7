"""The API of administrators: who may ask, what it counts, lists and ends, and what users learn of it."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest

from sojourn import AsyncSessions
from sojourn.accounts import Accounts, open_accounts
from sojourn.accounts.user import Role
from sojourn.stores import open_store
from sojourn.testing import make_keys
from tests.web.kit import ADA, CHROME, IPHONE, PASSWORD, Browser, Guests, code

API, MINE = "/api/admin", "/api/auth"
BOSS = "boss@example.org"
GETS = ["stats", "sessions", "users", "users/{ada}/sessions"]
DELETES = ["users/{ada}/sessions", "sessions/{session}"]

SetRole = Callable[[str, Role], None]


@pytest.fixture
def url(tmp_path) -> str:
    return f"sqlite:///{tmp_path / 'sojourn.db'}"


@pytest.fixture
def server(open_server, url) -> Guests:
    opened: Guests = open_server(store=url)
    return opened


@pytest.fixture
def set_role(server: Guests, url: str) -> SetRole:
    """What an operator does at the command line, beside the server and on the same file."""

    async def act(email: str, role: Role) -> None:
        sessions = AsyncSessions(open_store(url), keys=make_keys(), clock=server.clock)
        accounts = Accounts(open_accounts(url), sessions)
        user = await accounts.by_email(email)
        assert user is not None
        await accounts.set_role(user.id, role)
        await accounts.close()
        await sessions.close()

    return lambda email, role: server.run(act, email, role)


@pytest.fixture
def boss(server: Guests, set_role: SetRole) -> Browser:
    """A browser in which an administrator has just signed in."""
    browser = server.browser(CHROME)
    assert browser.sign_up(BOSS).status_code == 201
    set_role(BOSS, "admin")
    return browser


@pytest.fixture
def user_id(ada: Browser) -> str:
    id = ada.get(f"{MINE}/sessions/current").json()["user"]["id"]
    assert isinstance(id, str)
    return id


@pytest.fixture
def session_id(ada: Browser) -> str:
    (row,) = ada.rows()
    id = row["id"]
    assert isinstance(id, str)
    return id


@pytest.fixture
def act(user_id: str, session_id: str):
    """Send a request as one browser or another."""

    def act(browser: Browser, method: str, path: str, **named):
        return browser.request(method, f"{API}/{path.format(ada=user_id, session=session_id)}", **named)

    return act


ROUTES = [*[("GET", path) for path in GETS], *[("DELETE", path) for path in DELETES]]


# ── who may ask ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("E-01")
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_without_a_session_nobody_may_ask(server, act, method, path):
    answer = act(server.browser(), method, path)
    assert (answer.status_code, code(answer)) == (401, "unauthenticated")


@pytest.mark.req("E-01", "AX-8.2.1")
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_user_may_not_ask(ada, act, method, path):
    answer = act(ada, method, path)
    assert (answer.status_code, code(answer)) == (403, "forbidden")


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_an_administrator_may_ask(boss, act, method, path):
    assert act(boss, method, path).status_code == 200


@pytest.mark.req("TH-23")
@pytest.mark.parametrize("path", DELETES)
def test_ending_sessions_of_others_asks_for_a_fresh_sign_in(server, boss, act, path):
    server.clock.tick(minutes=10)
    answer = act(boss, "DELETE", path)
    assert (answer.status_code, code(answer)) == (403, "reauth_required")


@pytest.mark.parametrize("path", GETS)
def test_looking_asks_for_no_fresh_sign_in(server, boss, act, path):
    server.clock.tick(hours=1)
    assert act(boss, "GET", path).status_code == 200


@pytest.mark.req("AX-8.3.2")
def test_a_demoted_administrator_loses_access_at_once(server, boss, set_role):
    server.browser(IPHONE).sign_up("other@example.org")
    set_role("other@example.org", "admin")  # the last one cannot be demoted
    assert boss.get(f"{API}/stats").status_code == 200
    set_role(BOSS, "user")
    assert code(boss.get(f"{API}/stats")) == "forbidden"


@pytest.mark.req("A7-7.2.4")
def test_a_changed_role_renews_the_token_at_the_next_request(boss):
    old = boss.token
    boss.get(f"{API}/stats")
    assert boss.token not in (None, old)
    assert boss.signed_in()


# ── numbers ───────────────────────────────────────────────────────────────────────────────────


def numbers(browser: Browser) -> tuple[int, int, int]:
    stats = browser.get(f"{API}/stats").json()
    return stats["sessions"], stats["users"], stats["accounts"]


def test_the_numbers_tell_sessions_from_people(server, boss, ada):
    server.browser(IPHONE).sign_in()
    assert numbers(boss) == (3, 2, 2)


def test_the_numbers_have_exactly_these_fields(boss):
    now = {"sessions", "users", "accounts", "devices_each", "alerts_open", "approximate", "server_now"}
    today = {"created_today", "ended_today", "revoked_today", "created_before", "refresh"}
    assert boss.get(f"{API}/stats").json().keys() == now | today


def test_a_visitor_is_not_signed_in(server, boss):
    server.start(None)
    assert numbers(boss) == (1, 1, 1)


def test_a_signed_out_session_leaves_the_numbers_at_once(boss, ada):
    ada.post(f"{MINE}/sign-out")
    assert numbers(boss) == (1, 1, 2)


def test_an_expired_session_leaves_list_and_numbers_in_the_same_tick(server, boss, ada):
    seen = []
    for span in ({"days": 13}, {"days": 1, "seconds": 60}, {"seconds": 1}):
        server.clock.tick(**span)
        seen.append((numbers(boss)[0], len(boss.get(f"{API}/sessions").json()["sessions"])))
    assert seen == [(2, 2), (2, 2), (1, 1)]


# ── lists ─────────────────────────────────────────────────────────────────────────────────────


def pages(browser: Browser, path: str, key: str, limit: int) -> list[list[str]]:
    """The ids of each page, by following `next`."""
    found, after = [], None
    while True:
        body = browser.get(
            f"{API}/{path}", params={"limit": limit} | ({"after": after} if after else {})
        ).json()
        found.append([row["id"] for row in body[key]])
        after = body["next"]
        if after is None:
            return found


@pytest.fixture
def crowd(server: Guests, boss: Browser) -> list[str]:
    """Ids of live sessions, oldest first, without the administrator's own."""
    ids = []
    for n in range(6):
        server.clock.tick(seconds=1)
        ids.append(str(server.start(f"user{n}").session.id))
    return ids


def test_sessions_come_in_pages_newest_first(boss, crowd):
    first, second, third, *_ = pages(boss, "sessions", "sessions", 2)
    assert [*first, *second, *third] == crowd[::-1]


def test_pages_show_each_session_once(boss, crowd):
    ids = [id for page in pages(boss, "sessions", "sessions", 2) for id in page]
    assert len(ids) == len(set(ids)) == 7


def test_a_session_that_begins_meanwhile_moves_no_page(server, boss, crowd):
    first = boss.get(f"{API}/sessions", params={"limit": 3}).json()
    server.clock.tick(seconds=1)
    server.start("late")
    second = boss.get(f"{API}/sessions", params={"limit": 3, "after": first["next"]}).json()
    assert [row["id"] for row in second["sessions"]] == crowd[2::-1]


def test_every_page_counts_all(boss, crowd):
    assert boss.get(f"{API}/sessions", params={"limit": 2}).json()["count"] == 7


def test_sessions_can_be_those_of_one_user(boss, crowd):
    body = boss.get(f"{API}/sessions", params={"user_id": "user3"}).json()
    assert [row["id"] for row in body["sessions"]] == [crowd[3]]


def test_a_row_names_the_user_and_the_note(boss):
    (row,) = boss.get(f"{API}/sessions").json()["sessions"]
    assert {"user_id", "note"} <= row.keys()


def test_users_come_in_pages_newest_first(server, boss):
    ids = []
    for n in range(3):
        server.clock.tick(seconds=1)
        ids.append(server.browser().sign_up(f"user{n}@example.org").json()["user"]["id"])
    first, second, third, *_ = pages(boss, "users", "users", 1)
    assert [*first, *second, *third] == ids[::-1]


def test_users_can_be_searched(boss, ada, user_id):
    body = boss.get(f"{API}/users", params={"search": "ADA@"}).json()
    assert [user["id"] for user in body["users"]] == [user_id]


def test_no_list_shows_anything_of_a_password(boss, ada):
    assert "argon2" not in boss.get(f"{API}/users").text


def test_sessions_of_a_user_are_those_of_that_user(boss, ada, user_id, session_id):
    body = boss.get(f"{API}/users/{user_id}/sessions").json()
    assert [row["id"] for row in body["sessions"]] == [session_id]


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_an_unknown_user_is_not_found(boss, method):
    answer = boss.request(method, f"{API}/users/nobody/sessions")
    assert (answer.status_code, code(answer)) == (404, "not_found")


# ── ending ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("A7-7.4.5")
def test_one_session_of_anybody_can_be_ended(boss, ada, session_id):
    assert boss.delete(f"{API}/sessions/{session_id}").json()["id"] == session_id
    assert not ada.signed_in()


@pytest.mark.req("A7-7.4.5")
def test_all_sessions_of_a_user_can_be_ended(server, boss, ada, user_id):
    phone = server.browser(IPHONE)
    phone.sign_in()
    assert boss.delete(f"{API}/users/{user_id}/sessions").json() == {"count": 2}
    assert (ada.signed_in(), phone.signed_in(), boss.signed_in()) == (False, False, True)


def test_an_unknown_session_cannot_be_ended(boss):
    assert boss.delete(f"{API}/sessions/00000000-0000-7000-8000-000000000000").status_code == 404


def test_a_user_whose_sessions_were_ended_signs_in_again(boss, ada, user_id):
    boss.delete(f"{API}/users/{user_id}/sessions")
    assert ada.sign_in(ADA, PASSWORD).status_code == 200


def ended_with_a_note(boss: Browser, session_id: str, note: str):
    return boss.request("DELETE", f"{API}/sessions/{session_id}", json={"note": note})


def test_the_user_learns_that_it_was_an_administrator(boss, ada, session_id):
    ended_with_a_note(boss, session_id, "stolen laptop")
    ada.sign_in()
    (row,) = ada.get(f"{MINE}/sessions/history").json()["sessions"]
    assert (row["reason"], row["by"]) == ("admin", "admin")


def test_the_user_never_reads_the_note_nor_who_it_was(boss, ada, session_id):
    me = boss.get(f"{MINE}/sessions/current").json()["user"]["id"]
    ended_with_a_note(boss, session_id, "stolen laptop")
    texts = [ada.get(f"{MINE}/sessions").text]
    ada.sign_in()
    texts += [ada.get(f"{MINE}/sessions{path}").text for path in ("", "/history", "/current")]
    assert not [text for text in texts if "stolen" in text or me in text]


def test_the_note_is_kept_with_the_session(server, boss, ada, session_id):
    ended_with_a_note(boss, session_id, "stolen laptop")
    assert server.run(server.sessions.store.get, UUID(session_id)).note == "stolen laptop"


def test_a_note_that_is_too_long_is_refused_and_ends_nothing(boss, ada, session_id):
    answer = ended_with_a_note(boss, session_id, "x" * 256)
    assert (answer.status_code, ada.signed_in()) == (422, True)


def test_a_note_of_full_length_in_any_script_is_kept(boss, ada, session_id):
    assert ended_with_a_note(boss, session_id, "\N{SAILBOAT}" * 255).status_code == 200
