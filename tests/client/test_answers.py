"""What comes back is read as what it must be, or is an error that says what is wrong."""

from __future__ import annotations

import httpx2
import pytest

import sojourn.client
from sojourn.client import (
    AnswerRejected,
    RemoteRefusal,
    ServerBroken,
)
from sojourn.client.errors import refused
from sojourn.client.wire import LARGEST
from sojourn.errors import (
    AccountNotFound,
    FreshnessRequired,
    InvalidCredentials,
    SessionExpired,
    SessionNotFound,
    SessionRevoked,
    TooManySessions,
)
from sojourn.session import Reason
from tests.client.kit import ACCESS, LIST, Script

# ── what comes back ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"null", b"{}", b'{"sessions": 1}', b"\xff\xfe", b"[" * 100_000]
)
def test_another_shape_is_a_clear_error(scripted, body):
    with pytest.raises(AnswerRejected, match=r"GET /api/auth/sessions \(200\) is not a SessionList"):
        scripted(Script(httpx2.Response(200, content=body))).sessions.list(ACCESS)


def test_a_time_without_a_zone_is_another_shape(scripted):
    body = {"sessions": [], "count": 0, "server_now": "2026-03-02T09:00:00"}
    with pytest.raises(AnswerRejected):
        scripted(Script(httpx2.Response(200, json=body))).sessions.list(ACCESS)


def test_a_list_of_an_older_server_has_no_version(scripted):
    assert scripted(Script(LIST)).sessions.list(ACCESS).version is None


@pytest.mark.parametrize("body", [b"<html>not here</html>", b"[]", b'{"detail": "Not Found"}', b""])
def test_a_refusal_that_is_not_the_servers_is_a_clear_error(scripted, body):
    with pytest.raises(AnswerRejected, match="404"):
        scripted(Script(httpx2.Response(404, content=body))).sessions.list(ACCESS)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(scripted, status):
    script = Script(httpx2.Response(status, headers={"location": "https://evil.test/"}))
    with pytest.raises(AnswerRejected, match="redirect"):
        scripted(script).sessions.list(ACCESS)
    assert [request.url.host for request in script.requests] == ["good.test"]


def test_an_answer_without_end_is_not_read_to_its_end(scripted):
    read = 0

    class Endless(httpx2.SyncByteStream, httpx2.AsyncByteStream):
        def __iter__(self):
            nonlocal read
            while True:
                read += 1 << 20
                yield b" " * (1 << 20)

        async def __aiter__(self):
            for chunk in self:
                yield chunk

    with pytest.raises(AnswerRejected, match="larger"):
        scripted(Script(httpx2.Response(200, stream=Endless()))).sessions.list(ACCESS)
    assert LARGEST < read <= LARGEST + (1 << 20)


def test_a_compressed_answer_is_not_unpacked(scripted):
    answer = httpx2.Response(200, headers={"content-encoding": "gzip"}, stream=LIST.stream)
    with pytest.raises(AnswerRejected, match="compressed"):
        scripted(Script(answer)).sessions.list(ACCESS)


# ── refusals ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("status", "body", "kind", "facts"),
    [
        (401, {"code": "session_revoked", "reason": "admin"}, SessionRevoked, {"reason": Reason.ADMIN}),
        (401, {"code": "session_revoked", "reason": "of 2031"}, SessionRevoked, {"reason": None}),
        (
            401,
            {"code": "session_expired", "reason": "idle", "limit_seconds": 60},
            SessionExpired,
            {"limit": "idle"},
        ),
        (
            401,
            {"code": "reauth_required", "max_age": 300, "acr_values": "aal2"},
            FreshnessRequired,
            {"aal": 2},
        ),
        (409, {"code": "too_many_sessions", "limit": 5}, TooManySessions, {"limit": 5, "sessions": ()}),
        (401, {"code": "invalid_credentials"}, InvalidCredentials, {}),
    ],
)
def test_a_refusal_is_the_class_that_its_code_names(status, body, kind, facts):
    error = refused(status, body | {"message": "No.", "request_id": "5eed"})
    assert isinstance(error, kind)
    assert isinstance(error, RemoteRefusal)
    assert (error.code, error.status, error.message, error.request_id) == (
        body["code"],
        status,
        "No.",
        "5eed",
    )
    assert {name: getattr(error, name) for name in facts} == facts


def test_the_challenge_of_a_refusal_can_be_handed_on():
    error = refused(401, {"code": "reauth_required", "max_age": 300, "message": "No."})
    assert isinstance(error, FreshnessRequired)
    assert error.challenge == {"max_age": "300"}
    assert error.max_age.total_seconds() == 300


def test_what_is_missing_depends_on_the_route(scripted):
    for ask, kind in [
        (lambda client: client.sessions.revoke(ACCESS, "id"), SessionNotFound),
        (lambda client: client.admin.user_sessions(ACCESS, "ada"), AccountNotFound),
    ]:
        with pytest.raises(kind):
            ask(scripted(Script(404)))


def test_a_code_of_tomorrow_is_kept():
    error = refused(418, {"code": "teapot", "message": "Short and stout.", "handle": 1})
    assert (type(error), error.code, error.status, error.facts) == (
        RemoteRefusal,
        "teapot",
        418,
        {"handle": 1},
    )


def test_oauth_says_no_in_its_own_words(scripted):
    answer = httpx2.Response(
        401, json={"error": "invalid_client", "error_description": "Who?", "message": "Who?"}
    )
    with pytest.raises(sojourn.client.OAuthRefused) as caught:
        scripted(Script(answer), application="a", secret="b").tokens.machine()
    assert (caught.value.code, caught.value.status, caught.value.message) == ("invalid_client", 401, "Who?")


def test_a_mistake_of_the_servers_is_not_repeated_and_says_under_which_number(scripted):
    script = Script(500)
    with pytest.raises(ServerBroken) as caught:
        scripted(script).sessions.list(ACCESS)
    assert (len(script.requests), caught.value.request_id, caught.value.status) == (1, "5eed", 500)
