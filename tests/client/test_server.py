"""The client against the server itself: what people do with their sessions, asked by a program for them."""

from __future__ import annotations

from datetime import UTC, timedelta
from uuid import uuid4

import pytest

from sojourn import AsyncSessions
from sojourn.accounts import Accounts, open_accounts
from sojourn.client import RemoteRefusal
from sojourn.errors import (
    AccessExpired,
    AccountExists,
    AccountNotFound,
    Forbidden,
    FreshnessRequired,
    InvalidCredentials,
    SessionNotFound,
    SessionRevoked,
    TokenInvalid,
    TokenReplayed,
    TokenSuperseded,
    Unauthenticated,
)
from sojourn.stores import open_store
from sojourn.testing import make_keys
from tests.client.kit import Awaited, over_server
from tests.web.kit import ADA, BOB, CHROME, FIREFOX, IPHONE, PASSWORD, SESSION, make_server

FRESH_FOR = timedelta(minutes=10)


@pytest.fixture
def server(clock, tmp_path):
    """With its users in a file, so that an operator can reach them from outside as well."""
    with make_server(clock, store=f"sqlite:///{tmp_path / 'sojourn.db'}").open() as guests:
        yield guests


@pytest.fixture
def ada(server):
    """A browser in which somebody has just signed up."""
    browser = server.browser()
    assert browser.sign_up().status_code == 201
    return browser


@pytest.fixture
def client(server, face):
    return over_server(server, face)


@pytest.fixture
def mine(client, ada):
    """Ada signed in with a program, besides her browser."""
    return client.auth.sign_in(ADA, PASSWORD)


def request_of(browser, **headers):
    """A request of *browser*, as another application gets it."""
    return {"Cookie": f"theme=dark; {SESSION}={browser.token}", "User-Agent": FIREFOX} | headers


# ── sign in ───────────────────────────────────────────────────────────────────────────────────


def test_signing_up_signs_in(client, server):
    made = client.auth.sign_up(BOB, PASSWORD, name="Bob")
    assert (made.user.email, made.user.name, made.token_type) == (BOB, "Bob", "Bearer")
    assert made.session.current
    assert client.sessions.current(made.access_token).user.email == BOB
    with pytest.raises(AccountExists):
        client.auth.sign_up(BOB, PASSWORD)


def test_signing_in_with_a_wrong_password_is_refused(client, ada):
    with pytest.raises(InvalidCredentials) as caught:
        client.auth.sign_in(ADA, "not it")
    error = caught.value
    assert isinstance(error, RemoteRefusal)
    assert (error.status, error.code) == (401, "invalid_credentials")
    assert error.request_id


def test_tokens_are_not_shown(mine):
    assert mine.access_token not in repr(mine)
    assert mine.refresh_token not in repr(mine)


def test_proving_it_again_gives_new_tokens(client, mine, clock):
    clock.tick(minutes=11)
    with pytest.raises(FreshnessRequired) as caught:
        client.sessions.revoke_others(client.sessions.refresh(mine.refresh_token).access_token)
    assert caught.value.max_age == FRESH_FOR
    tokens = client.sessions.refresh(mine.refresh_token)
    fresh = client.auth.reauthenticate(tokens.access_token, PASSWORD)
    assert client.sessions.revoke_others(fresh.access_token).count == 1


# ── list ──────────────────────────────────────────────────────────────────────────────────────


def test_a_list_with_a_token(client, mine, server):
    server.browser(IPHONE).sign_in()
    listed = client.sessions.list(mine.access_token)
    assert (listed.count, len(listed.sessions)) == (3, 3)
    assert [row.current for row in listed.sessions] == [True, False, False]
    assert "mobile" in [row.device.kind for row in listed.sessions]
    assert listed.sessions[0].created_at.tzinfo is UTC
    assert listed.server_now.tzinfo is UTC


def test_a_list_with_a_request_that_has_our_cookie(client, server, ada):
    listed = client.sessions.list(request_of(ada))
    assert [row.current for row in listed.sessions] == [True]
    assert listed.sessions[0].device.name == "Firefox 143 on Linux"


def test_what_a_program_asks_keeps_nobody_from_idling(client, server, ada, clock):
    before = client.sessions.current(request_of(ada)).session.seen_at
    clock.tick(minutes=30)
    assert client.sessions.current(request_of(ada)).session.seen_at == before


def test_activity_does(client, server, mine, clock):
    clock.tick(minutes=4)
    told = client.sessions.activity(mine.access_token, idle_ms=60_000)
    assert told.session.seen_at == clock() - timedelta(minutes=1)


def test_activity_does_with_a_cookie_too(client, server, ada, clock):
    clock.tick(minutes=30)
    told = client.sessions.activity(request_of(ada), idle_ms=0)
    assert told.session.seen_at == clock()


def test_a_page_is_as_long_as_asked_for(client, server, mine):
    assert len(client.sessions.list(mine.access_token, limit=1).sessions) == 1


def test_a_filter_by_application(client, server, mine):
    assert client.sessions.list(mine.access_token, application_id="none").count == 0


def test_the_limits_come_with_the_current_session(client, mine):
    current = client.sessions.current(mine.access_token)
    assert current.limits.fresh_for == FRESH_FOR.total_seconds()
    assert current.user.email == ADA


# ── revoke ────────────────────────────────────────────────────────────────────────────────────


def test_one_session_is_revoked(client, ada, mine):
    theirs = next(row for row in client.sessions.list(mine.access_token).sessions if not row.current)
    result = client.sessions.revoke(mine.access_token, theirs.id)
    assert (result.id, result.message) == (theirs.id, "Session revoked successfully")
    assert not ada.signed_in()
    assert client.sessions.history(mine.access_token).sessions[0].reason == "user"


def test_a_request_with_our_cookie_may_revoke(client, ada, mine):
    """The server asks where an unsafe request with a cookie comes from, and is told."""
    assert client.sessions.revoke(request_of(ada), mine.session.id).id == mine.session.id
    with pytest.raises((SessionRevoked, TokenInvalid)):
        client.sessions.list(mine.access_token)


@pytest.mark.parametrize("id", [uuid4(), "nonsense", "../current"])
def test_an_unknown_session_is_not_found(client, mine, id):
    with pytest.raises(SessionNotFound) as caught:
        client.sessions.revoke(mine.access_token, id)
    assert isinstance(caught.value, RemoteRefusal)
    assert caught.value.status == 404


def test_somebody_elses_session_is_not_found(client, mine, server):
    bob = client.auth.sign_up(BOB, PASSWORD)
    with pytest.raises(SessionNotFound):
        client.sessions.revoke(bob.access_token, mine.session.id)
    assert client.sessions.list(mine.access_token).count == 2


def test_the_others_are_revoked(client, mine, ada):
    result = client.sessions.revoke_others(mine.access_token)
    assert (result.count, result.message) == (1, "Revoked 1 session")
    assert not ada.signed_in()
    assert client.sessions.list(mine.access_token).count == 1


def test_all_are_revoked_the_callers_too(client, mine, ada, server):
    server.browser(CHROME).sign_in()
    result = client.sessions.revoke_all(mine.access_token)
    assert f"Logged out of {result.count} devices" == "Logged out of 3 devices"
    assert not ada.signed_in()
    with pytest.raises(SessionRevoked):
        client.sessions.refresh(mine.refresh_token)


def test_all_are_revoked_with_a_cookie(client, ada, mine):
    assert client.sessions.revoke_all(request_of(ada)).count == 2
    assert not ada.signed_in()


# ── refresh and log out ───────────────────────────────────────────────────────────────────────


def test_a_refresh_token_is_good_for_the_next_tokens(client, mine, clock):
    clock.tick(minutes=10)
    tokens = client.sessions.refresh(mine.refresh_token)
    assert tokens.refresh_token != mine.refresh_token
    assert tokens.server_now == clock()
    assert client.sessions.current(tokens.access_token).session.id == mine.session.id


def test_refreshing_twice_with_one_token_gives_the_same_successor(client, mine):
    """So a lost answer may be asked for again, by the client itself too."""
    first = client.sessions.refresh(mine.refresh_token)
    assert client.sessions.refresh(mine.refresh_token).refresh_token == first.refresh_token


def test_an_old_refresh_token_ends_the_session(client, mine, clock):
    token = mine.refresh_token
    for _ in range(3):
        token = client.sessions.refresh(token).refresh_token
        clock.tick(minutes=5)
    with pytest.raises(TokenReplayed) as caught:
        client.sessions.refresh(mine.refresh_token)
    assert caught.value.code == "refresh_reused"
    with pytest.raises(SessionRevoked):
        client.sessions.refresh(token)


def test_logging_out_ends_the_session_of_the_refresh_token(client, mine, ada):
    done = client.sessions.logout(mine.refresh_token)
    assert (done.success, done.message) == (True, "Logged out")
    with pytest.raises((SessionRevoked, TokenInvalid)):
        client.sessions.list(mine.access_token)
    assert client.sessions.list(request_of(ada)).count == 1


@pytest.mark.parametrize("token", ["sjn_nonsense", ""])
def test_logging_out_of_nothing_is_fine(client, ada, token):
    assert client.sessions.logout(token).success


# ── refusals ──────────────────────────────────────────────────────────────────────────────────


def test_a_session_token_is_no_bearer_token(client, mine):
    with pytest.raises(TokenInvalid):
        client.sessions.list({"authorization": f"Bearer {mine.refresh_token}"})


def test_a_made_up_token_is_refused(client, ada):
    for token in ("eyJh.eyJz.c2ln", "sjn_nonsense"):
        with pytest.raises(TokenInvalid) as caught:
            client.sessions.list(token)
        assert isinstance(caught.value, RemoteRefusal)
        assert caught.value.status == 401


def test_a_superseded_cookie_is_refused_as_such(client, ada, clock):
    old = request_of(ada)
    for _ in range(3):
        assert ada.post("/api/auth/refresh").status_code == 200
        clock.tick(minutes=5)
    with pytest.raises(TokenSuperseded):
        client.sessions.list(old)


def test_the_request_of_a_visitor_is_nobodys(client, ada):
    with pytest.raises(Unauthenticated):
        client.sessions.list({"Cookie": "theme=dark"})


# ── administration ────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def boss(client, server, mine, tmp_path):
    """An administrator's tokens."""
    made = client.auth.sign_up("grace@example.org", PASSWORD)

    async def promote() -> None:
        url = f"sqlite:///{tmp_path / 'sojourn.db'}"
        sessions = AsyncSessions(open_store(url), keys=make_keys(), clock=server.clock)
        accounts = Accounts(open_accounts(url), sessions)
        await accounts.set_role(made.user.id, "admin")
        await accounts.close()
        await sessions.close()

    server.run(promote)
    return client.auth.sign_in("grace@example.org", PASSWORD)


def test_only_administrators_administer(client, mine):
    with pytest.raises(Forbidden):
        client.admin.stats(mine.access_token)


def test_an_administrator_sees_how_many_there_are(client, boss, mine):
    stats = client.admin.stats(boss.access_token)
    assert (stats.users, stats.accounts) == (2, 2)


def test_an_administrator_pages_through_sessions_and_users(client, boss, mine):
    page = client.admin.sessions(boss.access_token, limit=1)
    assert (len(page.sessions), page.next) == (1, str(page.sessions[0].id))
    every = list(client.admin.every_session(boss.access_token))
    assert len(every) == page.count == len({row.id for row in every})
    assert {user.email for user in client.admin.every_user(boss.access_token)} == {ADA, "grace@example.org"}
    assert client.admin.users(boss.access_token, search="grace").users[0].role == "admin"


def test_an_administrator_ends_sessions(client, boss, mine, ada):
    listed = client.admin.user_sessions(boss.access_token, mine.user.id)
    assert {row.user_id for row in listed.sessions} == {mine.user.id}
    ended = client.admin.revoke_session(boss.access_token, mine.session.id, note="a lost laptop")
    assert ended.id == mine.session.id
    assert client.admin.revoke_user_sessions(boss.access_token, mine.user.id).count == 1
    assert not ada.signed_in()


def test_an_unknown_user_is_not_found(client, boss):
    with pytest.raises(AccountNotFound):
        client.admin.user_sessions(boss.access_token, "nobody")
    with pytest.raises(SessionNotFound):
        client.admin.revoke_session(boss.access_token, uuid4())


def test_both_faces_are_what_they_say(server, face):
    assert isinstance(over_server(server, face), Awaited) == (face == "async")


# ── the password ──────────────────────────────────────────────────────────────────────────────


def test_a_changed_password_ends_every_other_session(client, ada, mine):
    assert client.auth.change_password(mine.access_token, PASSWORD, "a bottle in a ship").count == 1
    assert not ada.signed_in()
    with pytest.raises(InvalidCredentials):
        client.auth.sign_in(ADA, PASSWORD)
    assert client.auth.sign_in(ADA, "a bottle in a ship").session.current


def test_the_tokens_of_before_a_changed_password_are_void(client, mine):
    client.auth.change_password(mine.access_token, PASSWORD, "a bottle in a ship")
    with pytest.raises((AccessExpired, TokenInvalid)):
        client.sessions.list(mine.access_token)
    with pytest.raises(TokenInvalid):
        client.sessions.refresh(mine.refresh_token)
