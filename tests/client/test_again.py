"""What is repeated, and for how long; what is kept instead of asked for again."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import httpx2
import pytest

from sojourn.client import (
    ClientError,
    ClientTimeout,
    RemoteRefusal,
    ServerBroken,
    ServiceUnavailable,
    connect,
    connect_async,
)
from sojourn.errors import (
    RateLimited,
)
from tests.client.kit import ACCESS, LIST, SESSION, Script, problem

# ── again ─────────────────────────────────────────────────────────────────────────────────────

IDEMPOTENT: dict[str, Any] = {
    "list": lambda client: client.sessions.list(ACCESS),
    "revoke": lambda client: client.sessions.revoke(ACCESS, "id"),
    "revoke_others": lambda client: client.sessions.revoke_others(ACCESS),
    "revoke_all": lambda client: client.sessions.revoke_all(ACCESS),
    "logout": lambda client: client.sessions.logout(SESSION),
    "refresh": lambda client: client.sessions.refresh(SESSION),
    "activity": lambda client: client.sessions.activity(ACCESS, 10),
    "introspect": lambda client: client.tokens.introspect(ACCESS),
}
ONCE: dict[str, Any] = {
    "sign_in": lambda client: client.auth.sign_in("ada@example.org", "secret"),
    "sign_up": lambda client: client.auth.sign_up("ada@example.org", "secret"),
    "reauthenticate": lambda client: client.auth.reauthenticate(ACCESS, "secret"),
    "change_password": lambda client: client.auth.change_password(ACCESS, "secret", "other"),
}


@pytest.mark.parametrize("verb", IDEMPOTENT)
@pytest.mark.parametrize(
    "trouble", [503, 502, 429, httpx2.ConnectError("no"), httpx2.ReadTimeout("no"), httpx2.ReadError("no")]
)
def test_what_may_be_done_twice_is_repeated(scripted, verb, trouble):
    script = Script(trouble, trouble, problem(404))
    with pytest.raises((RemoteRefusal, ClientError)):
        IDEMPOTENT[verb](scripted(script, application="a", secret="b"))
    assert len(script.requests) == 3
    assert 0.05 <= script.slept[0] <= 0.1 <= script.slept[1] <= 0.2


@pytest.mark.parametrize("verb", ONCE)
@pytest.mark.parametrize("trouble", [503, 429, httpx2.ConnectError("no"), httpx2.ReadTimeout("no")])
def test_a_password_is_sent_once(scripted, verb, trouble):
    script = Script(trouble)
    with pytest.raises((RemoteRefusal, ServiceUnavailable)):
        ONCE[verb](scripted(script))
    assert (len(script.requests), script.slept) == (1, [])


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 500])
def test_what_will_not_change_is_not_repeated(scripted, status):
    script = Script(problem(status, "forbidden"))
    with pytest.raises((RemoteRefusal, ServerBroken)):
        scripted(script).sessions.list(ACCESS)
    assert len(script.requests) == 1


def test_the_attempts_end_with_the_deadline(scripted):
    script = Script(503)
    with pytest.raises(ServiceUnavailable) as caught:
        scripted(script, deadline=10.0).sessions.list(ACCESS)
    assert script.now - 1_000 < 10
    assert len(script.requests) > 5
    assert max(script.slept) <= 2
    assert (caught.value.status, caught.value.code, caught.value.request_id) == (503, "unavailable", "5eed")


def test_the_server_says_when_to_return(scripted):
    script = Script(problem(503, after=3), LIST)
    scripted(script).sessions.list(ACCESS)
    assert script.slept == [3.0]


def test_whoever_is_told_to_return_after_the_deadline_is_told_so_at_once(scripted):
    script = Script(problem(429, after=60))
    with pytest.raises(RateLimited) as caught:
        scripted(script).sessions.list(ACCESS)
    assert (script.slept, caught.value.retry_after) == ([], 60.0)


def test_a_date_says_nothing_because_our_clock_may_be_wrong(scripted):
    answer = problem(503)
    answer.headers["retry-after"] = "Wed, 21 Oct 2099 07:28:00 GMT"
    script = Script(answer, LIST)
    scripted(script).sessions.list(ACCESS)
    assert script.slept[0] <= 0.1


def test_one_attempt_never_takes_longer_than_is_left(scripted):
    script = Script(
        lambda script, _: script.sleep(4) or httpx2.ReadTimeout("late"),
        lambda script, _: script.sleep(4) or httpx2.ReadTimeout("late"),
        LIST,
    )
    scripted(script, timeout=4.0, deadline=10.0).sessions.list(ACCESS)
    assert script.allowed[0] == 4.0
    assert 0 < script.allowed[2] < 2.0


def test_an_answer_that_trickles_in_is_given_up(scripted):
    class Slow(httpx2.SyncByteStream, httpx2.AsyncByteStream):
        def __iter__(self):
            for _ in range(10):
                script.now += 1.0
                yield b" "

        async def __aiter__(self):
            for chunk in self:
                yield chunk

    script = Script(lambda *_: httpx2.Response(200, stream=Slow()))
    with pytest.raises(ClientTimeout):
        scripted(script, timeout=3.0, deadline=5.0).sessions.list(ACCESS)
    assert script.now - 1_000 < 12


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [(httpx2.ConnectError("no"), ServiceUnavailable), (httpx2.ReadTimeout("no"), ClientTimeout)],
)
def test_nobody_there_is_a_fault_that_says_what_was_asked(scripted, trouble, kind):
    with pytest.raises(kind, match="GET /api/auth/sessions") as caught:
        scripted(Script(trouble), deadline=0.01).sessions.list(ACCESS)
    assert ACCESS not in str(caught.value)
    assert (caught.value.status, caught.value.retry_after) == (None, None)


# ── machine tokens ────────────────────────────────────────────────────────────────────────────


def machine_token(text: str, lasting: int = 300) -> httpx2.Response:
    body = {"access_token": text, "token_type": "Bearer", "expires_in": lasting}
    return httpx2.Response(200, json=body)


def test_a_machine_token_is_kept_until_a_minute_before_its_end(scripted):
    script = Script(machine_token("one"), machine_token("two"))
    client = scripted(script, application="a", secret="b")
    assert [client.tokens.machine() for _ in range(3)] == ["one"] * 3
    script.now += 239
    assert client.tokens.machine() == "one"
    script.now += 1
    assert client.tokens.machine() == "two"


def test_a_machine_token_is_kept_for_each_scope(scripted):
    script = Script(machine_token("one"), machine_token("two"))
    client = scripted(script, application="a", secret="b")
    assert client.tokens.machine(scope="x") == "one"
    assert client.tokens.machine(scope="y") == "two"
    assert client.tokens.machine(scope="x") == "one"
    assert script.requests[0].content == b"grant_type=client_credentials&scope=x"


def test_of_many_threads_one_gets_the_machine_token_for_all():
    script = Script(machine_token("one"), machine_token("two"))
    client = connect("https://good.test", application="a", secret="b", transport=httpx2.MockTransport(script))
    got: list[str] = []
    threads = [threading.Thread(target=lambda: got.append(client.tokens.machine())) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (got, len(script.requests)) == (["one"] * 16, 1)


def test_of_many_tasks_one_gets_the_machine_token_for_all():
    script = Script(machine_token("one"), machine_token("two"))

    async def main() -> list[str]:
        transport = httpx2.MockTransport(script)
        async with connect_async(
            "https://good.test", application="a", secret="b", transport=transport
        ) as client:
            return await asyncio.gather(*(client.tokens.machine() for _ in range(16)))

    assert (asyncio.run(main()), len(script.requests)) == (["one"] * 16, 1)
