"""What administrators do by Better Auth's routes: whom they admit, what ends, and who acts as whom."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from sojourn.accounts import User
from sojourn.accounts.passwords import PasswordHasher
from sojourn.session import Reason, Session
from sojourn.stores.protocol import Query
from sojourn.testing import FakeClock
from tests.web.conftest import OpenServer
from tests.web.kit import ADA, BOB, ORIGIN, PASSWORD, SESSION, Browser, Guests, cookies_set

ROOT, ADMIN = "root@example.org", f"{SESSION}-admin"
NEW = "another long password"
WHOEVER = "0199aaaa-0000-7000-8000-000000000000"

Given = dict[str, Any]

# Each route: what it takes, and what somebody who is no administrator is told not to be allowed to do.
LOOKS: dict[str, tuple[Given | None, str]] = {
    "list-users": (None, "LIST_USERS"),
    "get-user": (None, "GET_USER"),
    "list-user-sessions": ({"userId": WHOEVER}, "LIST_USERS_SESSIONS"),
}
ACTS: dict[str, tuple[Given, str]] = {
    "revoke-user-session": ({"sessionToken": WHOEVER}, "REVOKE_USERS_SESSIONS"),
    "revoke-user-sessions": ({"userId": WHOEVER}, "REVOKE_USERS_SESSIONS"),
    "impersonate-user": ({"userId": WHOEVER}, "IMPERSONATE_USERS"),
    "ban-user": ({"userId": WHOEVER}, "BAN_USERS"),
    "unban-user": ({"userId": WHOEVER}, "BAN_USERS"),
    "set-role": ({"userId": WHOEVER, "role": "admin"}, "CHANGE_USERS_ROLE"),
    "create-user": ({"email": "new@example.org", "name": "New", "role": "admin"}, "CREATE_USERS"),
    "update-user": ({"userId": WHOEVER, "data": {"name": "New"}}, "UPDATE_USERS"),
    "set-user-password": ({"userId": WHOEVER, "newPassword": NEW}, "SET_USERS_PASSWORD"),
    "remove-user": ({"userId": WHOEVER}, "DELETE_USERS"),
}
EVERY = LOOKS | ACTS
OF_A_USER = [
    name for name, (given, _) in ACTS.items() if given.get("userId") and name != "revoke-user-sessions"
]


class Client(Browser):
    """A browser whose pages use Better Auth's client."""

    def send(self, request: httpx2.Request, **named: Any) -> httpx2.Response:
        answer = TestClient.send(self, request, **named)
        if answer.status_code >= 400:
            assert set(answer.json()) <= {"message", "code"}, answer.text
        if cookies_set(answer):
            assert "no-store" in answer.headers["cache-control"]
        return answer

    def enter(self, email: str, password: str = PASSWORD) -> httpx2.Response:
        return self.post("/api/auth/sign-in/email", json={"email": email, "password": password})

    def act(self, name: str, given: Given | None = None, **more: Any) -> httpx2.Response:
        """One of the routes; without anything given by GET."""
        if given is None and name in ("list-users", "get-user"):
            return self.get(f"/api/auth/admin/{name}", params=more)
        return self.post(f"/api/auth/admin/{name}", json=(given or {}) | more)

    def current(self) -> Any:
        """`{session, user}`, or None."""
        return self.get("/api/auth/get-session", params={"disableCookieCache": "true"}).json()


Visit = Callable[..., Client]


def told(answer: httpx2.Response) -> tuple[int, str | None]:
    return answer.status_code, answer.json().get("code")


def done(answer: httpx2.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
def server(open_server: OpenServer) -> Guests:
    guests = open_server(better_auth=True)
    guests.accounts.hasher = PasswordHasher(memory_kib=8, passes=1)  # there is much signing in below
    return guests


@pytest.fixture
def visit(server: Guests) -> Visit:
    """A browser in which the user with this address has just signed in."""

    def visit(email: str | None = None, password: str = PASSWORD) -> Client:
        client = Client(server.app, origin=server.site.origin)
        client.headers["origin"] = ORIGIN
        client.portal = server.portal
        if email is not None:
            assert client.enter(email, password).status_code == 200
        return client

    return visit


def make(server: Guests, email: str, role: str = "user", **fields: Any) -> User:
    user: User = server.run(server.accounts.create, email, PASSWORD, email.partition("@")[0], role, **fields)
    return user


@pytest.fixture
def root(server: Guests) -> User:
    return make(server, ROOT, "admin")


@pytest.fixture
def ada(server: Guests) -> User:
    return make(server, ADA)


@pytest.fixture
def admin(visit: Visit, root: User) -> Client:
    return visit(ROOT)


def live(server: Guests, user: User) -> list[Session]:
    sessions: list[Session] = server.run(server.sessions.list, user.id)
    return sessions


def now(server: Guests, user: User) -> User | None:
    found: User | None = server.run(server.accounts.get, user.id)
    return found


# ── who may ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", EVERY)
def test_without_a_session_it_is_401(visit: Visit, root: User, name: str) -> None:
    assert told(visit().act(name, EVERY[name][0])) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize("name", EVERY)
def test_without_the_role_it_is_403_in_words_of_its_own(visit: Visit, ada: User, name: str) -> None:
    given, may = EVERY[name]
    answer = visit(ADA).act(name, given)
    assert told(answer) == (403, f"YOU_ARE_NOT_ALLOWED_TO_{may}")
    assert answer.json()["message"] == f"You are not allowed to {may.lower().replace('_', ' ')}"


@pytest.mark.parametrize("name", EVERY)
def test_looking_asks_for_no_fresh_sign_in_and_acting_does(
    server: Guests, admin: Client, ada: User, clock: FakeClock, name: str
) -> None:
    clock.tick(minutes=11)
    given = EVERY[name][0]
    answer = admin.act(name, given, **({"id": ada.id} if name == "get-user" else {}))
    if name in LOOKS:
        assert answer.status_code == 200
    else:
        assert told(answer) == (403, "SESSION_NOT_FRESH")
        assert server.run(server.accounts.count) == 2


@pytest.mark.parametrize("name", ACTS)
def test_no_other_page_acts(server: Guests, admin: Client, name: str) -> None:
    for origin, code in (("https://evil.test", "INVALID_ORIGIN"), (None, "MISSING_OR_NULL_ORIGIN")):
        if origin is None:
            del admin.headers["origin"]
        else:
            admin.headers["origin"] = origin
        admin.headers["sec-fetch-site"] = "cross-site"
        assert told(admin.act(name, ACTS[name][0])) == (403, code)
    assert server.run(server.accounts.count) == 1


@pytest.mark.parametrize("name", OF_A_USER)
def test_nobody_is_404(admin: Client, name: str) -> None:
    assert told(admin.act(name, ACTS[name][0])) == (404, "USER_NOT_FOUND")


@pytest.mark.parametrize("name", [name for name in EVERY if EVERY[name][0]])
def test_what_is_missing_is_named(admin: Client, name: str) -> None:
    answer = admin.act(name)
    assert told(answer) == (400, "VALIDATION_ERROR")
    assert answer.json()["message"].startswith(f"[body.{next(iter(EVERY[name][0] or {}))}] ")


def test_whose_role_was_taken_may_no_more(server: Guests, visit: Visit, root: User) -> None:
    make(server, BOB, "admin")
    bob, admin = visit(BOB), visit(ROOT)
    assert bob.act("list-users").status_code == 200
    done(admin.act("set-role", {"userId": bob.current()["user"]["id"], "role": "user"}))
    assert told(bob.act("list-users")) == (403, "YOU_ARE_NOT_ALLOWED_TO_LIST_USERS")


# ── looking ───────────────────────────────────────────────────────────────────────────────────


def test_users_are_listed_without_secrets(server: Guests, admin: Client, ada: User) -> None:
    listed = done(admin.act("list-users", sortBy="email", searchValue="ADA"))
    assert listed == {"users": [done(admin.act("get-user", id=ada.id))], "total": 1}
    (row,) = listed["users"]
    assert row["createdAt"].endswith("Z")
    assert (row["email"], row["role"], row["banned"], row["emailVerified"]) == (ADA, "user", False, False)
    assert "password" not in str(row).lower()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"sortBy": "email"}, [ADA, BOB, ROOT]),
        ({"sortBy": "email", "sortDirection": "desc"}, [ROOT, BOB, ADA]),
        ({"searchValue": "b", "searchField": "name", "searchOperator": "starts_with"}, [BOB]),
        ({"searchValue": "da", "searchField": "name", "searchOperator": "ends_with"}, [ADA]),
        ({"searchValue": "%"}, []),
        ({"filterField": "role", "filterValue": "admin"}, [ROOT]),
        ({"filterField": "role", "filterValue": "admin", "filterOperator": "ne"}, [ADA, BOB]),
        ({"filterField": "email", "filterValue": f"{ADA},{BOB}", "filterOperator": "in"}, [ADA, BOB]),
        ({"filterValue": ADA}, [ADA]),
        ({"filterField": "emailVerified", "filterValue": "true"}, [BOB]),
        ({"filterField": "banned", "filterValue": "true"}, []),
        ({"filterField": "role", "filterValue": ""}, []),
        ({"filterField": "createdAt", "filterValue": "2020-01-01T00:00:00.000Z", "filterOperator": "lt"}, []),
        ({"filterField": "password", "filterValue": "a"}, []),
        ({"sortBy": "password_hash"}, []),
        ({"sortBy": "email", "offset": "1"}, [BOB, ROOT]),
        ({"sortBy": "email", "limit": "1", "offset": "1"}, [BOB]),
        ({"sortBy": "email", "limit": "-1", "offset": "x"}, [ADA, BOB, ROOT]),
        ({"sortBy": "email", "limit": "9" * 40, "offset": "9" * 15}, []),
    ],
)
def test_users_are_asked_for(
    server: Guests, admin: Client, ada: User, query: Given, expected: list[str]
) -> None:
    make(server, BOB, email_verified_at=server.clock())
    listed = done(admin.act("list-users", **query))
    found = [user["email"] for user in listed["users"]]
    assert (found if "sortBy" in query else sorted(found)) == expected
    for name in ("limit", "offset"):
        given = query.get(name, "")
        assert listed.get(name) == (int(given) if given.isdigit() and len(given) < 16 else None)


@pytest.mark.parametrize(
    "query",
    [{"searchField": "role"}, {"searchOperator": "like"}, {"filterOperator": "x"}, {"sortDirection": "up"}],
)
def test_a_word_that_means_nothing_is_named(admin: Client, query: Given) -> None:
    answer = admin.act("list-users", **query)
    assert told(answer) == (400, "VALIDATION_ERROR")
    assert answer.json()["message"].startswith(f"[query.{next(iter(query))}] ")


def test_one_user_is_not_wrapped(admin: Client, ada: User) -> None:
    assert done(admin.act("get-user", id=ada.id))["id"] == ada.id
    wrongs: list[Given] = [{"id": "nobody"}, {"id": ""}, {}]
    for wrong in wrongs:
        assert told(admin.act("get-user", **wrong)) == (404, "USER_NOT_FOUND")


def test_sessions_are_listed_by_handles(server: Guests, visit: Visit, admin: Client, ada: User) -> None:
    client = visit(ADA)
    (row,) = done(admin.act("list-user-sessions", {"userId": ada.id}))["sessions"]
    (session,) = live(server, ada)
    assert row["id"] == row["token"] == str(session.id)
    assert row["token"] == client.current()["session"]["token"]
    assert client.token is not None
    assert client.token not in str(row)
    assert done(admin.act("list-user-sessions", {"userId": "nobody"})) == {"sessions": []}


@pytest.mark.parametrize(
    ("wanted", "may"),
    [
        ({"user": ["create", "list", "set-role", "ban", "impersonate", "delete", "set-password"]}, True),
        ({"user": ["get", "update"], "session": ["list", "revoke", "delete"]}, True),
        ({"user": ["ban", "fly"]}, False),
        ({"user": ["impersonate-admins"]}, False),
        ({"project": ["create"]}, False),
        ({}, False),
    ],
)
def test_who_may_do_what(visit: Visit, admin: Client, ada: User, wanted: Given, may: bool) -> None:
    for name in ("permissions", "permission"):
        assert done(admin.act("has-permission", {name: wanted})) == {"error": None, "success": may}
    lies = {"permissions": wanted, "userId": admin.current()["user"]["id"], "role": "admin"}
    assert done(visit(ADA).act("has-permission", lies)) == {"error": None, "success": False}


def test_what_permission_is_not_said(visit: Visit, admin: Client) -> None:
    assert told(admin.act("has-permission", {})) == (400, None)
    assert told(visit().act("has-permission", {"permissions": {}})) == (401, "UNAUTHORIZED")


# ── ending sessions ───────────────────────────────────────────────────────────────────────────


def test_one_session_ends(server: Guests, visit: Visit, admin: Client, ada: User, root: User) -> None:
    mine, other = visit(ADA), visit(ADA)
    handle = mine.current()["session"]["token"]
    assert done(admin.act("revoke-user-session", {"sessionToken": handle})) == {"success": True}
    assert mine.current() is None
    assert other.current() is not None
    (ended,) = [s for s in server.run(server.sessions.select, Query(user_id=ada.id)) if s.revoked_at]
    assert (ended.reason, ended.revoked_by) == (Reason.ADMIN, root.id)


def test_of_a_session_that_is_not_there_nothing_is_told(admin: Client) -> None:
    for token in (WHOEVER, "nonsense", admin.token or ""):
        assert done(admin.act("revoke-user-session", {"sessionToken": token})) == {"success": True}
    assert admin.current() is not None


def test_all_sessions_of_a_user_end(server: Guests, visit: Visit, admin: Client, ada: User) -> None:
    clients = [visit(ADA) for _ in range(3)]
    assert done(admin.act("revoke-user-sessions", {"userId": ada.id})) == {"success": True}
    assert [client.current() for client in clients] == [None] * 3
    assert admin.current() is not None
    assert done(admin.act("revoke-user-sessions", {"userId": "nobody"})) == {"success": True}


# ── bans ──────────────────────────────────────────────────────────────────────────────────────


def test_a_ban_ends_all_sessions(server: Guests, visit: Visit, admin: Client, ada: User, root: User) -> None:
    clients = [visit(ADA) for _ in range(2)]
    banned = done(admin.act("ban-user", {"userId": ada.id, "banReason": "spam", "banExpiresIn": 3600}))[
        "user"
    ]
    assert (banned["banned"], banned["banReason"]) == (True, "spam")
    assert banned["banExpires"] == server.clock.tick(seconds=3600).isoformat("T", "milliseconds")[:-6] + "Z"
    server.clock.tick(seconds=-3600)
    assert [client.current() for client in clients] == [None, None]
    ended = server.run(server.sessions.select, Query(user_id=ada.id))
    assert {(s.reason, s.revoked_by) for s in ended} == {(Reason.ACCOUNT_DISABLED, root.id)}


def test_a_ban_ends_itself(visit: Visit, admin: Client, ada: User, clock: FakeClock, server: Guests) -> None:
    done(admin.act("ban-user", {"userId": ada.id, "banExpiresIn": 60}))
    assert told(visit().enter(ADA)) == (403, "BANNED_USER")
    assert told(visit().enter(ADA, "wrong")) == (401, "INVALID_EMAIL_OR_PASSWORD")
    clock.tick(seconds=60)
    user = done(visit().enter(ADA))["user"]
    assert (user["banned"], user["banReason"], user["banExpires"]) == (False, None, None)


@pytest.mark.parametrize("given", [{}, {"banExpiresIn": 0}, {"banExpiresIn": None, "banReason": None}])
def test_a_ban_without_an_end_has_to_be_lifted(
    visit: Visit, admin: Client, ada: User, clock: FakeClock, given: Given
) -> None:
    banned = done(admin.act("ban-user", {"userId": ada.id} | given))["user"]
    assert (banned["banned"], banned["banReason"], banned["banExpires"]) == (True, None, None)
    clock.tick(minutes=9)
    assert told(visit().enter(ADA)) == (403, "BANNED_USER")
    lifted = done(admin.act("unban-user", {"userId": ada.id}))["user"]
    assert lifted["banned"] is False
    assert visit().enter(ADA).status_code == 200


@pytest.mark.parametrize("given", [{"banExpiresIn": -1}, {"banExpiresIn": 10**15}, {"banReason": "x" * 256}])
def test_a_ban_that_cannot_be_is_refused(admin: Client, ada: User, given: Given, server: Guests) -> None:
    assert told(admin.act("ban-user", {"userId": ada.id} | given)) == (400, "VALIDATION_ERROR")
    assert now(server, ada) == ada


def test_nobody_bans_or_removes_themselves(server: Guests, admin: Client, root: User) -> None:
    make(server, BOB, "admin")
    assert told(admin.act("ban-user", {"userId": root.id})) == (400, "YOU_CANNOT_BAN_YOURSELF")
    assert told(admin.act("remove-user", {"userId": root.id})) == (400, "YOU_CANNOT_REMOVE_YOURSELF")
    update = {"userId": root.id, "data": {"banned": True, "name": "New"}}
    assert told(admin.act("update-user", update)) == (400, "YOU_CANNOT_BAN_YOURSELF")
    assert now(server, root) == root
    assert admin.current() is not None


def test_the_last_administrator_stays_one(server: Guests, admin: Client, root: User) -> None:
    for name, given in (("set-role", {"role": "user"}), ("update-user", {"data": {"role": "user"}})):
        answer = admin.act(name, {"userId": root.id} | given)
        assert told(answer) == (403, "FORBIDDEN")
        assert "last administrator" in answer.json()["message"]
    assert now(server, root) == root


# ── users ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("role", "given"),
    [
        ("admin", "admin"),
        ("user", "user"),
        ("admin", ["user", "admin"]),
        ("admin", "user, admin"),
        ("user", ["user"]),
    ],
)
def test_a_role_is_given(admin: Client, ada: User, visit: Visit, role: str, given: Any) -> None:
    client = visit(ADA)
    before = client.token
    assert done(admin.act("set-role", {"userId": ada.id, "role": given}))["user"]["role"] == role
    assert client.current()["user"]["role"] == role
    assert client.token != before
    assert (client.act("list-users").status_code == 200) is (role == "admin")


@pytest.mark.parametrize("role", ["owner", "", [], ["admin", "owner"], "admin,,user"])
@pytest.mark.parametrize("name", ["set-role", "create-user", "update-user"])
def test_a_role_that_is_none_is_not_given(
    server: Guests, admin: Client, ada: User, name: str, role: Any
) -> None:
    given = {
        "set-role": {"userId": ada.id, "role": role},
        "create-user": {"email": BOB, "name": "Bob", "role": role},
        "update-user": {"userId": ada.id, "data": {"name": "New", "role": role}},
    }[name]
    assert told(admin.act(name, given)) == (400, "YOU_ARE_NOT_ALLOWED_TO_SET_NON_EXISTENT_VALUE")
    assert now(server, ada) == ada
    assert server.run(server.accounts.count) == 2


def test_a_user_is_created(visit: Visit, admin: Client) -> None:
    given = {
        "email": " Bob@Example.org",
        "password": PASSWORD,
        "name": "Bob",
        "role": "admin",
        "data": {"image": "https://example.org/bob.png", "emailVerified": True, "favourite": 7},
    }
    user = done(admin.act("create-user", given))["user"]
    assert (user["email"], user["role"], user["image"], user["emailVerified"]) == (
        BOB,
        "admin",
        "https://example.org/bob.png",
        True,
    )
    assert visit(BOB).act("list-users").status_code == 200
    assert admin.current()["user"]["email"] == ROOT


def test_a_user_without_a_password_signs_in_with_none(visit: Visit, admin: Client) -> None:
    done(admin.act("create-user", {"email": BOB, "name": ""}))
    assert told(visit().enter(BOB, "")) == (401, "INVALID_EMAIL_OR_PASSWORD")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"email": ADA.upper()}, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL"),
        ({"email": "nonsense"}, "INVALID_EMAIL"),
        ({"password": "short"}, "PASSWORD_TOO_SHORT"),
        ({"password": "x" * 300}, "PASSWORD_TOO_LONG"),
    ],
)
def test_a_user_who_cannot_be_is_refused(
    server: Guests, admin: Client, ada: User, given: Given, code: str
) -> None:
    plain = {"email": BOB, "name": "Bob", "password": PASSWORD}
    assert told(admin.act("create-user", plain | given)) == (400, code)
    assert server.run(server.accounts.count) == 2


def test_a_user_is_changed(visit: Visit, admin: Client, ada: User) -> None:
    client = visit(ADA)
    data = {
        "name": "Augusta",
        "email": "NEW@example.org",
        "emailVerified": True,
        "image": None,
        "role": "admin",
    }
    user = done(admin.act("update-user", {"userId": ada.id, "data": data}))
    assert (user["name"], user["email"], user["emailVerified"], user["role"]) == (
        "Augusta",
        "new@example.org",
        True,
        "admin",
    )
    assert client.current()["user"] == user
    assert visit("new@example.org").current()["user"]["id"] == ada.id


def test_a_ban_by_change_ends_all_sessions(visit: Visit, admin: Client, ada: User, clock: FakeClock) -> None:
    client = visit(ADA)
    data = {"banned": True, "banReason": "spam", "banExpires": "2200-01-01T00:00:00.000Z"}
    user = done(admin.act("update-user", {"userId": ada.id, "data": data}))
    assert (user["banned"], user["banReason"], user["banExpires"]) == (True, "spam", data["banExpires"])
    assert client.current() is None
    user = done(admin.act("update-user", {"userId": ada.id, "data": {"banned": False}}))
    assert (user["banned"], user["banReason"]) == (False, None)
    visit(ADA)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({}, "NO_DATA_TO_UPDATE"),
        ({"favourite": 7}, "NO_DATA_TO_UPDATE"),
        ({"banReason": "x"}, "NO_DATA_TO_UPDATE"),
        ({"id": "x", "name": "New"}, "USER_ID_CANNOT_BE_UPDATED"),
        ({"password": NEW, "name": "New"}, "PASSWORD_CANNOT_BE_UPDATED_VIA_UPDATE_USER"),
        ({"email": ROOT, "name": "New"}, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL"),
        ({"email": "nonsense", "name": "New"}, "INVALID_EMAIL"),
        ({"name": 7}, "VALIDATION_ERROR"),
        ({"banned": "true"}, "VALIDATION_ERROR"),
        ({"banned": True, "banExpires": "soon"}, "VALIDATION_ERROR"),
    ],
)
def test_a_refused_change_changes_nothing(
    server: Guests, admin: Client, ada: User, data: Given, code: str
) -> None:
    assert told(admin.act("update-user", {"userId": ada.id, "data": data})) == (400, code)
    assert now(server, ada) == ada


def test_a_new_password_ends_all_sessions(visit: Visit, admin: Client, ada: User) -> None:
    """Theirs does not."""
    clients = [visit(ADA) for _ in range(2)]
    given = {"userId": ada.id, "newPassword": NEW}
    assert done(admin.act("set-user-password", given)) == {"status": True}
    assert [client.current() for client in clients] == [None, None]
    assert told(visit().enter(ADA)) == (401, "INVALID_EMAIL_OR_PASSWORD")
    visit(ADA, NEW)
    assert told(admin.act("set-user-password", given | {"newPassword": "7 chars"})) == (
        400,
        "PASSWORD_TOO_SHORT",
    )


def test_a_user_is_removed(server: Guests, visit: Visit, admin: Client, ada: User) -> None:
    client = visit(ADA)
    assert done(admin.act("remove-user", {"userId": ada.id})) == {"success": True}
    assert client.current() is None
    assert now(server, ada) is None


# ── acting as somebody else ───────────────────────────────────────────────────────────────────


@pytest.fixture
def acting(admin: Client, ada: User) -> Client:
    """An administrator who acts as Ada."""
    done(admin.act("impersonate-user", {"userId": ada.id}))
    return admin


def test_who_acts_as_somebody_is_that_user(
    server: Guests, visit: Visit, admin: Client, ada: User, root: User
) -> None:
    before, own = admin.token, admin.current()["session"]
    answer = admin.act("impersonate-user", {"userId": ada.id})
    shown = done(answer)
    assert (shown["user"]["id"], shown["session"]["userId"]) == (ada.id, ada.id)
    assert shown["session"]["impersonatedBy"] == root.id
    assert shown["session"]["id"] != own["id"]
    cookies = cookies_set(answer)
    assert cookies[ADMIN].value == before
    assert cookies[ADMIN]["httponly"]
    assert cookies[SESSION].value == admin.token != before
    assert not cookies[SESSION]["max-age"]
    assert admin.current() == shown
    assert own["id"] in {str(session.id) for session in live(server, root)}


def test_and_themselves_again_when_they_stop(server: Guests, acting: Client, ada: User, root: User) -> None:
    child = acting.token
    shown = done(acting.act("stop-impersonating"))
    assert (shown["user"]["id"], shown["session"]["impersonatedBy"]) == (root.id, None)
    assert acting.current() == shown
    assert acting.cookies.get(ADMIN) is None
    assert acting.act("list-users").status_code == 200
    assert live(server, ada) == []
    acting.hold(child)
    assert acting.current() is None


@pytest.mark.parametrize("name", EVERY)
def test_who_acts_as_somebody_administers_nothing(acting: Client, name: str) -> None:
    given, may = EVERY[name]
    assert told(acting.act(name, given)) == (403, f"YOU_ARE_NOT_ALLOWED_TO_{may}")


def test_not_even_if_that_user_is_made_an_administrator(server: Guests, acting: Client, ada: User) -> None:
    server.run(server.accounts.set_role, ada.id, "admin")
    for name in LOOKS:
        assert acting.act(name, LOOKS[name][0]).status_code in (401, 403)
    answer = acting.act("has-permission", {"permissions": {"user": ["list"]}})
    assert answer.status_code == 401 or not answer.json()["success"]


@pytest.mark.parametrize("path", ["stats", "users", "sessions"])
def test_nor_by_our_own_routes(server: Guests, acting: Client, ada: User, path: str) -> None:
    plain = server.browser()
    plain.cookies.update(acting.cookies)
    server.run(server.accounts.set_role, ada.id, "admin")
    assert plain.get(f"/api/admin/{path}").status_code in (401, 403)


def test_an_access_token_acts_as_nobody(server: Guests, admin: Client, ada: User) -> None:
    jwt = admin.get("/api/auth/token").json()["token"]
    admin.headers["authorization"] = f"Bearer {jwt}"
    assert told(admin.act("impersonate-user", {"userId": ada.id})) == (403, "FORBIDDEN")
    assert live(server, ada) == []


def test_an_administrator_is_not_impersonated(server: Guests, admin: Client, root: User) -> None:
    bob = make(server, BOB, "admin")
    for user in (bob, root):
        answer = admin.act("impersonate-user", {"userId": user.id})
        assert told(answer) == (403, "YOU_CANNOT_IMPERSONATE_ADMINS")
        assert not cookies_set(answer)


def test_nor_is_somebody_who_is_banned(server: Guests, admin: Client, ada: User) -> None:
    done(admin.act("ban-user", {"userId": ada.id}))
    assert told(admin.act("impersonate-user", {"userId": ada.id})) == (403, "BANNED_USER")
    assert server.run(server.sessions.count, Query(user_id=ada.id)) == 0


@pytest.mark.parametrize("change", ["disable", "set_role"])
def test_a_change_at_that_moment_leaves_no_session(
    server: Guests, admin: Client, ada: User, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    impersonate = server.sessions.impersonate

    async def overtaken(*given: Any, **named: Any) -> Any:
        issued = await impersonate(*given, **named)
        await getattr(server.accounts, change)(ada.id, *(("admin",) if change == "set_role" else ()))
        return issued

    monkeypatch.setattr(server.sessions, "impersonate", overtaken)
    assert told(admin.act("impersonate-user", {"userId": ada.id})) == (404, "USER_NOT_FOUND")
    assert live(server, ada) == []
    assert admin.current()["user"]["email"] == ROOT
    assert admin.cookies.get(ADMIN) is None


@pytest.mark.parametrize("asked", [False, True])
def test_where_acting_has_ended_by_itself_nobody_becomes_the_administrator(
    server: Guests, acting: Client, root: User, clock: FakeClock, asked: bool
) -> None:
    clock.tick(hours=2)
    if asked:
        assert acting.current() is None
    assert told(acting.act("stop-impersonating")) == (401, "UNAUTHORIZED")
    assert (acting.token, acting.cookies.get(ADMIN)) == (None, None)
    assert live(server, root) == []


@pytest.mark.parametrize("way", ["better-auth", "native", "page"])
def test_who_signs_in_where_somebody_acted_does_not_find_the_administrator(
    server: Guests, acting: Client, root: User, clock: FakeClock, way: str
) -> None:
    make(server, BOB)
    clock.tick(hours=2)
    parked = acting.cookies.get(ADMIN)
    assert acting.current() is None
    assert acting.cookies.get(ADMIN) == parked
    if way == "native":
        acting.sign_in(BOB)
    elif way == "better-auth":
        acting.enter(BOB)
    else:
        acting.post("/sign-out", data={"form": "none"})
    assert acting.cookies.get(ADMIN) is None
    assert live(server, root) == []


@pytest.mark.parametrize(
    ("path", "given"),
    [
        ("change-password", {"currentPassword": PASSWORD, "newPassword": NEW}),
        ("password", {"current_password": PASSWORD, "new_password": NEW}),
        ("reauthenticate", {"password": PASSWORD}),
        ("delete-user", {"password": PASSWORD}),
    ],
)
def test_who_acts_as_somebody_changes_nothing_of_how_they_sign_in(
    server: Guests, acting: Client, visit: Visit, ada: User, path: str, given: Given
) -> None:
    own = visit()
    own.enter(ADA)
    plain = server.browser()  # some of these routes are ours
    plain.cookies.update(acting.cookies)
    assert plain.post(f"/api/auth/{path}", json=given).status_code == 403
    assert own.current() is not None
    assert visit().enter(ADA).status_code == 200


@pytest.mark.parametrize("when", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_ban_until_no_time_at_all_is_refused(server: Guests, admin: Client, ada: User, when: str) -> None:
    given = {"userId": ada.id, "data": {"banned": True, "banExpires": when, "name": "Eve"}}
    assert told(admin.act("update-user", given)) == (400, "VALIDATION_ERROR")
    assert server.run(server.accounts.get, ada.id) == ada


def test_nobody_changes_accounts_while_they_act_as_somebody(
    open_server: OpenServer, clock: FakeClock
) -> None:
    server = open_server(better_auth=True, multi_session=True)
    root, ada = make(server, ROOT, "admin"), make(server, ADA)
    make(server, BOB)
    browser = Client(server.app)
    browser.portal, browser.answers = server.portal, []
    browser.headers["origin"] = ORIGIN
    browser.enter(BOB)
    browser.enter(ROOT)
    done(browser.act("impersonate-user", {"userId": ada.id}))
    shown = browser.get("/api/auth/multi-session/list-device-sessions").json()
    (bob,) = [each["session"]["token"] for each in shown if each["user"]["email"] == BOB]
    answer = browser.post("/api/auth/multi-session/set-active", json={"sessionToken": bob})
    assert told(answer) == (403, "FORBIDDEN")
    acting = browser.current()["session"]["token"]
    answer = browser.post("/api/auth/multi-session/revoke", json={"sessionToken": acting})
    assert told(answer) == (403, "FORBIDDEN")
    assert not cookies_set(answer)
    assert browser.current()["user"]["id"] == ada.id
    assert done(browser.act("stop-impersonating"))["user"]["id"] == root.id


def test_two_tabs_that_stop_leave_the_administrator_signed_in(
    server: Guests, acting: Client, visit: Visit, root: User
) -> None:
    other = visit()
    other.cookies.update(acting.cookies)
    done(acting.act("stop-impersonating"))
    answer = other.act("stop-impersonating")
    assert told(answer) == (401, "UNAUTHORIZED")
    assert not cookies_set(answer)
    assert acting.current()["user"]["id"] == root.id


def test_who_impersonates_nobody_cannot_stop(visit: Visit, admin: Client) -> None:
    before = admin.token
    answer = admin.act("stop-impersonating")
    assert (answer.status_code, answer.json()) == (400, {"message": "You are not impersonating anyone"})
    assert admin.token == before
    assert told(visit().act("stop-impersonating")) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize("end", ["revoke_all", "time"])
def test_when_the_administrators_session_is_over_everything_is(
    server: Guests, acting: Client, root: User, ada: User, clock: FakeClock, end: str
) -> None:
    if end == "time":
        clock.tick(days=400)
    else:
        server.run(server.sessions.revoke_all, root.id)
    answer = acting.act("stop-impersonating")
    assert told(answer) == (401, "UNAUTHORIZED")
    assert {SESSION, ADMIN} <= cookies_set(answer).keys()
    assert (acting.token, acting.cookies.get(ADMIN)) == (None, None)
    assert live(server, ada) == []


def test_somebody_elses_parked_session_is_not_restored(
    server: Guests, visit: Visit, acting: Client, ada: User
) -> None:
    """A cookie that somebody planted is no way to become anybody."""
    bob = make(server, BOB)
    planted = visit(BOB).token
    acting.cookies.set(ADMIN, planted or "", domain="good.test")
    answer = acting.act("stop-impersonating")
    assert told(answer) == (401, "UNAUTHORIZED")
    assert acting.current() is None
    assert len(live(server, bob)) == 1


def test_signing_out_leaves_nothing(server: Guests, acting: Client, ada: User, root: User) -> None:
    done(acting.post("/api/auth/sign-out", json={}))
    assert (acting.token, acting.cookies.get(ADMIN)) == (None, None)
    assert (live(server, ada), live(server, root)) == ([], [])


def test_a_bearer_acts_as_somebody_and_keeps_its_own_token(
    server: Guests, visit: Visit, admin: Client, ada: User, root: User
) -> None:
    own = visit().enter(ROOT).headers["set-auth-token"]
    client = visit()
    client.headers["authorization"] = f"Bearer {own}"
    answer = client.act("impersonate-user", {"userId": ada.id})
    shown, child = done(answer), answer.headers["set-auth-token"]
    assert shown["session"]["impersonatedBy"] == root.id
    assert not cookies_set(answer)
    client.headers["authorization"] = f"Bearer {child}"
    assert client.current()["user"]["id"] == ada.id
    stopped = client.act("stop-impersonating")
    assert done(stopped)["user"]["id"] == root.id
    assert "set-auth-token" not in stopped.headers  # whoever has the one must not get the other
    assert client.current() is None
    client.headers["authorization"] = f"Bearer {own}"
    assert client.act("list-users").status_code == 200


@pytest.mark.parametrize(
    "permissions", [{}, {"anything": []}, {"user": []}, {"user": ["fly"]}, {"anything": ["list"]}]
)
def test_nobody_may_what_there_is_not(admin: Client, permissions: Given) -> None:
    answer = admin.act("has-permission", {"permissions": permissions})
    assert answer.json() == {"error": None, "success": False}
