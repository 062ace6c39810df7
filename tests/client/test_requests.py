"""What is sent, and where to: of the user's never more than the credential."""

from __future__ import annotations

import asyncio

import httpx2
import pytest

import sojourn.client
from sojourn.client import (
    ClientTimeout,
    RemoteRefusal,
    connect,
    connect_async,
)
from sojourn.client.wire import path
from sojourn.errors import (
    SessionNotFound,
    SettingsError,
    Unauthenticated,
)
from tests.client.kit import ACCESS, COUNT, LIST, SESSION, Script

# ── addresses ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "url",
    [
        "http://good.test",
        "ftp://good.test",
        "good.test",
        "",
        "https://",
        "https://good.test/base",
        "https://good.test?a=1",
        "https://ada:secret@good.test",
        "http://ada:secret@good.test",
        "http://127.0.0.1.evil.test",
        "https://good.test:port",
    ],
)
@pytest.mark.parametrize("make", [connect, connect_async])
def test_an_address_that_cannot_be_a_servers_is_refused(url, make):
    with pytest.raises(SettingsError) as caught:
        make(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://good.test",
        "https://good.test/",
        "https://good.test:8443",
        "http://127.0.0.1:8000",
        "http://localhost",
        "http://[::1]:8000",
    ],
)
def test_https_and_this_machine_are_fine(url):
    with connect(url) as client:
        assert url.startswith(client.wire.url)


def test_what_is_not_installed_is_said(monkeypatch):
    monkeypatch.setattr("sojourn.client.faces.find_spec", lambda _: None)
    with pytest.raises(SettingsError, match=r"sojourn\[client\]"):
        connect("https://good.test")


def test_an_attempt_that_hangs_is_given_up_by_the_event_loop():
    """Whatever the transport makes of its own time limits."""

    class Hanging(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request):
            await asyncio.Event().wait()

    async def main() -> None:
        client = connect_async("https://good.test", transport=Hanging(), timeout=0.01, deadline=0.02)
        with pytest.raises(ClientTimeout):
            await client.sessions.list(ACCESS)

    asyncio.run(main())


@pytest.mark.parametrize("wrong", [{"timeout": 0}, {"deadline": -1}, {"secret": "x"}])
def test_a_setting_that_cannot_work_is_refused(wrong):
    with pytest.raises(SettingsError):
        connect("https://good.test", **wrong)


def test_a_credential_of_the_application_is_not_shown():
    client = connect("https://good.test", application="app", secret="hush")
    assert "hush" not in repr(client) + repr(client.wire.application)


# ── what is sent ──────────────────────────────────────────────────────────────────────────────


def test_an_access_token_goes_into_the_authorization_header(scripted):
    script = Script(LIST)
    scripted(script).sessions.list(ACCESS, application_id="a/b c", limit=5)
    (request,) = script.requests
    assert request.headers["authorization"] == f"Bearer {ACCESS}"
    assert str(request.url) == "https://good.test/api/auth/sessions?application_id=a%2Fb+c&limit=5"
    assert "cookie" not in request.headers


def test_a_session_token_goes_into_our_cookie_and_says_where_it_comes_from(scripted):
    script = Script(COUNT)
    scripted(script).sessions.revoke_others(SESSION)
    (request,) = script.requests
    assert request.headers["cookie"] == f"__Host-sojourn={SESSION}"
    assert request.headers["origin"] == "https://good.test"
    assert "authorization" not in request.headers


def test_a_request_that_changes_nothing_needs_no_origin(scripted):
    script = Script(LIST)
    scripted(script).sessions.list(SESSION)
    assert "origin" not in script.requests[0].headers


def test_an_inner_address_keeps_the_public_origin_and_its_cookie(scripted):
    script = Script(COUNT)
    client = scripted(script, url="http://127.0.0.1:9000", origin="https://good.test/")
    client.sessions.revoke_others(SESSION)
    (request,) = script.requests
    assert request.url.host == "127.0.0.1"
    assert request.headers["cookie"] == f"__Host-sojourn={SESSION}"
    assert request.headers["origin"] == "https://good.test"


def test_nothing_of_the_users_goes_along_but_the_credential(scripted):
    script = Script(LIST)
    scripted(script).sessions.list(
        {
            "Authorization": f"Bearer {ACCESS}",
            "Cookie": "theme=dark; bank=9",
            "User-Agent": "Firefox",
            "X-Forwarded-For": "203.0.113.7",
            "Accept-Language": "de",
        }
    )
    sent = script.requests[0].headers
    assert set(sent) == {
        "host",
        "accept",
        "accept-encoding",
        "user-agent",
        "authorization",
        "x-session-passive",
    }
    assert sent["user-agent"] == f"sojourn-python/{sojourn.__version__}"


def test_a_cookie_of_one_user_does_not_reach_the_next(scripted):
    script = Script(
        httpx2.Response(200, content=LIST.content, headers={"set-cookie": "__Host-sojourn=sjn_ada; Path=/"}),
        LIST,
    )
    client = scripted(script)
    client.sessions.list(SESSION)
    client.sessions.list(ACCESS)
    assert "cookie" not in script.requests[1].headers


def test_nothing_is_sent_for_nobody(scripted):
    script = Script(LIST)
    with pytest.raises(Unauthenticated) as caught:
        scripted(script).sessions.list({"cookie": "theme=dark"})
    assert isinstance(caught.value, RemoteRefusal)
    assert (caught.value.status, caught.value.request_id, script.requests) == (401, None, [])


@pytest.mark.parametrize("id", ["../admin", "a/b", "a?b", "..", "%2e%2e", "ä"])
def test_an_id_stays_one_segment_of_the_path(scripted, id):
    script = Script(404)
    with pytest.raises(SessionNotFound):
        scripted(script).sessions.revoke(ACCESS, id)
    raw = script.requests[0].url.raw_path.decode()
    assert raw.startswith("/api/auth/sessions/")
    assert raw.count("/") == 4
    assert "?" not in raw


def test_a_path_is_spelled_in_full():
    assert path("/a/{}/b/{}", "x/y", "..") == "/a/x%2Fy/b/%2E%2E"


def test_an_application_shows_itself_as_rfc_6749_has_it(scripted):
    script = Script(httpx2.Response(200, json={"active": False}))
    client = scripted(script, application="my app", secret="a:b%c")
    assert not client.tokens.introspect(ACCESS).active
    (request,) = script.requests
    assert request.headers["authorization"] == "Basic bXklMjBhcHA6YSUzQWIlMjVj"
    assert request.content == f"token={ACCESS}".encode()
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"


def test_an_application_without_a_secret_says_its_name(scripted):
    script = Script(httpx2.Response(200))
    scripted(script, application="public").tokens.revoke(SESSION)
    assert script.requests[0].content == f"token={SESSION}&client_id=public".encode()
    assert "authorization" not in script.requests[0].headers


@pytest.mark.parametrize("named", [{}, {"application": "public"}])
@pytest.mark.parametrize("verb", ["machine", "feed"])
def test_what_is_for_applications_says_what_is_missing(scripted, named, verb):
    script = Script(200)
    with pytest.raises(SettingsError, match="sojourn applications create"):
        getattr(scripted(script, **named).tokens, verb)()
    assert script.requests == []


@pytest.mark.parametrize("verb", ["reauthenticate", "change_password"])
def test_what_renews_a_cookie_is_not_asked_with_one(scripted, verb):
    script = Script(COUNT)
    words = ["one"] if verb == "reauthenticate" else ["one", "two"]
    with pytest.raises(Unauthenticated, match="access token"):
        getattr(scripted(script).auth, verb)(SESSION, *words)
    assert script.requests == []


# ── pages ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("verb", "path", "key"),
    [("every_session", "/api/admin/sessions", "sessions"), ("every_user", "/api/admin/users", "users")],
)
def test_pages_follow_one_another_until_the_last(scripted, verb, path, key):
    def page(following):
        told = {key: [], "count": 0, "next": following, "server_now": "2026-03-02T09:00:00.000Z"}
        return httpx2.Response(200, json=told)

    script = Script(page("first"), page("second"), page(None))
    assert list(getattr(scripted(script).admin, verb)(ACCESS)) == []
    assert [request.url.path for request in script.requests] == [path] * 3
    assert [request.url.params.get("after") for request in script.requests] == [None, "first", "second"]
