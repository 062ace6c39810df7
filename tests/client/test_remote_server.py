"""A remote service against the server itself: its keys, its introspection, its log."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx2
import pytest

from sojourn import AsyncSessions, Reason
from sojourn.client import OAuthRefused, connect, connect_async
from sojourn.client.remote import BlockingRemote, Remote
from sojourn.directory import Directory, open_directory
from sojourn.errors import (
    ApplicationNotFound,
    FreshnessRequired,
    SessionRevoked,
    TenantNotFound,
    TokenInvalid,
)
from sojourn.stores import open_store
from sojourn.testing import make_keys
from tests.client.kit import ORIGIN, Awaited, InProcess
from tests.web.kit import SESSION, make_server

APPLICATION = "orders"


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'sojourn.db'}"


@pytest.fixture
def server(clock, url):
    with make_server(clock, store=url).open() as guests:
        yield guests


@pytest.fixture
def secret(server, url):
    """What an operator does at the command line, beside the server and on the same file."""

    async def create() -> str:
        sessions = AsyncSessions(open_store(url), keys=make_keys(), clock=server.clock)
        directory = Directory(open_directory(url), sessions)
        made = await directory.create_application("Orders", id=APPLICATION)
        await directory.create_application("Payments", id="payments")
        await directory.close()
        await sessions.close()
        assert made.secret is not None
        return made.secret

    return server.run(create)


@pytest.fixture
def counted(server):
    """The paths that were asked for."""
    asked: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        asked.append(scope["path"])
        await server.app(scope, receive, send)

    return app, asked


@pytest.fixture
def connected(server, face, clock, counted):
    """A client of the server in either face, and the service over it."""
    app, _ = counted

    def connected(secret: str) -> tuple[Any, Any]:
        named: dict[str, Any] = {"application": APPLICATION, "secret": secret}
        named["monotonic"] = lambda: clock().timestamp()
        if face == "blocking":
            client = connect(ORIGIN, transport=InProcess(app, server.portal), **named)
            return client, BlockingRemote(client, clock=clock)
        suspending = connect_async(ORIGIN, transport=httpx2.ASGITransport(app), **named)
        run = server.portal.call
        return Awaited(suspending, run), Awaited(Remote(suspending, clock=clock), run)

    return connected


@pytest.fixture
def client(connected, secret):
    return connected(secret)[0]


@pytest.fixture
def remote(connected, secret):
    return connected(secret)[1]


@pytest.fixture
def signed(server, secret):
    """A session of the application, and both of its tokens."""
    issued = server.start("ada", application_id=APPLICATION, amr=("pwd",))
    return issued.session, server.run(server.site.issuer.issue, issued.session).text, issued.token


@pytest.fixture(params=["access", "session"])
def shown(request, signed):
    """What the service is shown: an access token, or a request with our cookie."""
    return signed[1] if request.param == "access" else {"cookie": f"{SESSION}={signed[2]}"}


def test_both_kinds_of_credential_tell_whose_session_it_is(remote, signed, shown):
    found = remote.require(shown)
    assert (found.id, found.user_id, found.application_id) == (signed[0].id, "ada", APPLICATION)
    assert (found.amr, found.aal, found.version) == (("pwd",), 1, signed[0].version)
    assert found.authenticated_at == signed[0].authenticated_at


def test_the_server_is_asked_once(remote, shown, counted):
    for _ in range(20):
        remote.require(shown)
    assert len([path for path in counted[1] if path != "/oauth/feed"]) == 1


def test_law_05_a_revocation_is_felt_within_the_bound(remote, server, signed, shown, clock):
    remote.require(shown)
    server.run(server.sessions.revoke, signed[0].id, owner="ada", reason=Reason.ADMIN)
    clock.tick(milliseconds=250)
    with pytest.raises(SessionRevoked) as caught:
        remote.require(shown)
    assert caught.value.reason == Reason.ADMIN


def test_a_renewed_session_voids_what_was_handed_out_before(remote, server, signed, shown, clock):
    remote.require(shown)
    server.run(server.sessions.renew, signed[0].id, authenticated=True)
    clock.tick(milliseconds=250)
    with pytest.raises(TokenInvalid):
        remote.require(shown)


def test_a_sensitive_act_asks_the_server(remote, shown, clock, counted):
    remote.require(shown)
    asked = counted[1].count("/oauth/introspect")
    remote.require_fresh(shown)
    assert counted[1].count("/oauth/introspect") == asked + 1


def test_a_sign_in_that_is_too_old_is_told_so(remote, server, signed, clock):
    clock.tick(minutes=6)
    with pytest.raises(FreshnessRequired):
        remote.require_fresh(signed[2])


def test_the_session_of_another_application_is_nobodys_here(remote, server, secret):
    issued = server.start("ada", application_id="payments")
    token = server.run(server.site.issuer.issue, issued.session).text
    for shown in (token, issued.token):
        with pytest.raises(TokenInvalid):
            remote.require(shown)


def test_a_machine_token_of_another_application_is_told_apart(client, remote):
    token = client.tokens.machine()
    assert client.tokens.machine() == token
    assert remote.machine(token).client_id == APPLICATION
    with pytest.raises(TokenInvalid):
        remote.require(token)


def test_signing_in_for_an_application_and_out_of_it_everywhere(client, server, secret):
    made = client.auth.sign_up("ada@example.org", "a ship in a bottle", application_id="payments")
    ours = [client.auth.sign_in("ada@example.org", "a ship in a bottle") for _ in range(2)]
    assert made.session.application_id == "payments"
    assert [signed.session.application_id for signed in ours] == [APPLICATION] * 2
    assert client.sessions.list(made.access_token, application_id=APPLICATION).count == 2
    result = client.sessions.revoke_all(ours[0].access_token, APPLICATION)
    assert result.count == 2
    assert client.sessions.list(made.access_token).count == 1


def test_an_application_and_a_tenant_that_are_not_there(client, secret):
    with pytest.raises(ApplicationNotFound):
        client.auth.sign_up("ada@example.org", "a ship in a bottle", application_id="none")
    with pytest.raises(TenantNotFound):
        client.auth.sign_up("bob@example.org", "a ship in a bottle", tenant_id="none")


def test_introspection_tells_of_both_tokens(client, signed):
    for token in signed[1:]:
        said = client.tokens.introspect(token)
        assert (said.active, said.sub, said.sid, said.client_id) == (True, "ada", signed[0].id, APPLICATION)
        assert said.session.id == signed[0].id
    assert not client.tokens.introspect("sjn_nonsense").active


def test_a_token_that_is_given_back_ends_its_session(client, signed):
    client.tokens.revoke(signed[2])
    assert not client.tokens.introspect(signed[1]).active
    client.tokens.revoke("nonsense")


def test_a_cursor_that_the_server_no_longer_knows_begins_the_log_anew(client, remote, server, signed, clock):
    """After the keys of the server were replaced, for example."""
    with pytest.raises(OAuthRefused):
        client.tokens.feed("bm90IGEgY3Vyc29y")
    remote.require(signed[2])
    feed = getattr(remote, "feed")  # noqa: B009 -- of either face
    feed._cursor = "bm90IGEgY3Vyc29y"
    server.run(server.sessions.revoke, signed[0].id, owner="ada")
    clock.tick(milliseconds=250)
    with pytest.raises((SessionRevoked, TokenInvalid)):
        remote.require(signed[2])
    assert feed.current(clock())
    assert feed._cursor != "bm90IGEgY3Vyc29y"


def test_a_wrong_secret_is_told_in_the_words_of_oauth(connected, signed):
    client, remote = connected("other")
    with pytest.raises(OAuthRefused) as caught:
        client.tokens.machine()
    assert (caught.value.code, caught.value.status) == ("invalid_client", 401)
    with pytest.raises(OAuthRefused):
        remote.require(signed[2])


def test_old_endings_are_known_to_a_service_that_starts_later(remote, server, signed, shown, clock):
    server.run(server.sessions.revoke, signed[0].id, owner="ada")
    clock.tick(minutes=1)
    with pytest.raises((SessionRevoked, TokenInvalid)):
        remote.require(shown)


def test_the_bound_is_a_setting():
    client = connect_async(ORIGIN, application=APPLICATION, secret="x")
    remote = Remote(client, max_staleness=timedelta(seconds=5), poll_every=timedelta(seconds=2))
    assert remote.poll_every == timedelta(seconds=2)
