"""Two servers in processes of their own, on two ports, with one store and one file of keys."""

from __future__ import annotations

import base64
import hashlib
import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from secrets import token_urlsafe
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.client.processes import free_port
from tests.interop.browser import Browser
from tests.interop.kit import CALLBACK, Installation, Tokens, until

BOUND = 1.0  # seconds
MANY = 50


@pytest.fixture(scope="module")
def pair(place: Installation, server: httpx2.Client) -> Iterator[tuple[httpx2.Client, httpx2.Client]]:
    """The server, and a second one over the same installation."""
    with place.served(port=free_port()) as second:
        yield server, second


def basic(place: Installation, id: str = "shop") -> tuple[str, str]:
    return id, place.secrets[id]


def introspects(place: Installation, server: httpx2.Client, token: str) -> bool:
    answer = server.post("/oauth/introspect", data={"token": token}, auth=basic(place))
    assert answer.status_code == 200
    active: bool = answer.json()["active"]
    return active


def admits(server: httpx2.Client, tokens: Tokens, path: str) -> bool:
    answer = server.get(path, headers=tokens.bearer)
    assert answer.status_code in (200, 401)
    return answer.status_code == 200


# ── revoked there, felt here ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("way", ["/oauth/introspect", "/oauth/userinfo", "/api/auth/sessions/current"])
def test_law_05_what_is_revoked_in_one_process_is_refused_in_the_other(place, pair, way):
    """Asked just before, so that the other one has it in its cache; then without a pause until it says no."""
    began, felt = place.sessions(MANY, application_id="shop"), []
    for tokens, (here, there) in zip(began, itertools.cycle([pair, pair[::-1]]), strict=False):

        def good(tokens=tokens, there=there):
            if way == "/oauth/introspect":
                return introspects(place, there, tokens.access)
            return admits(there, tokens, way)

        assert good()
        assert good()
        ended = here.post("/oauth/logout", json={"refresh_token": tokens.refresh})
        assert ended.json()["message"] == "Session revoked successfully"
        felt.append(until(good, within=BOUND, becomes=False))
    assert len(felt) == MANY
    if way == "/oauth/introspect":
        assert not introspects(place, pair[0], began[0].refresh)


# ── refreshed in both at once ─────────────────────────────────────────────────────────────────

WAYS: dict[str, Callable[[Installation, httpx2.Client, str], httpx2.Response]] = {
    "native": lambda place, server, token: server.post("/api/auth/refresh", json={"refresh_token": token}),
    "oauth": lambda place, server, token: server.post(
        "/oauth/token",
        data={"grant_type": "refresh_token", "refresh_token": token},
        auth=basic(place),
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_law_03_sixteen_refreshes_at_once_have_one_successor(place, pair, way):
    application = {"application_id": "shop"} if way == "oauth" else {}
    with ThreadPoolExecutor(16) as pool:
        for tokens in place.sessions(5, "grace", **application):
            answers = list(
                pool.map(lambda n, held=tokens.refresh: WAYS[way](place, pair[n % 2], held), range(16))
            )
            assert [answer.status_code for answer in answers] == [200] * 16
            successors = {answer.json()["refresh_token"] for answer in answers}
            assert len(successors) == 1
            assert successors != {tokens.refresh}
            verdicts = [answer.headers["x-sojourn-verdict"] for answer in answers]
            assert verdicts.count("rotated") == 1
            assert set(verdicts) <= {"rotated", "twin", "lost_answer"}
            for answer, server in zip(answers, itertools.cycle(pair), strict=False):
                bearer = {"authorization": f"Bearer {answer.json()['access_token']}"}
                assert server.get("/oauth/sessions", headers=bearer).status_code == 200


@pytest.mark.parametrize("way", WAYS)
def test_law_04_a_replay_in_the_other_process_ends_that_session_alone(place, pair, way):
    here, there = pair
    user = str(uuid4())
    application = {"application_id": "shop"} if way == "oauth" else {}
    stolen, spared = place.sessions(2, user, **application)
    held = stolen.refresh
    for _ in range(2):  # two generations on, so that no grace covers the first
        held = WAYS[way](place, here, held).json()["refresh_token"]
    replayed = WAYS[way](place, there, stolen.refresh)
    assert replayed.status_code == (401 if way == "native" else 400)
    assert WAYS[way](place, here, held).status_code == replayed.status_code  # for the thief and the owner
    assert place.live(user) == {spared.session_id}
    assert WAYS[way](place, there, spared.refresh).status_code == 200


# ── codes ─────────────────────────────────────────────────────────────────────────────────────


class Asked:
    """An authorization request, and how its code is redeemed."""

    def __init__(self, browser: Browser, application: str = "shop", **more: str) -> None:
        self.verifier = token_urlsafe(48)
        digest = hashlib.sha256(self.verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": application,
            "redirect_uri": CALLBACK,
            "scope": "openid",
            "state": "s",
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            **more,
        }
        self.application, self.left = application, browser.authorize(query)

    @property
    def code(self) -> str:
        return self.left["code"]

    def redeem(self, place: Installation, server: httpx2.Client, **changed: str | None) -> httpx2.Response:
        by = changed.pop("by", None) or self.application
        fields: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": self.code,
            "redirect_uri": CALLBACK,
            "code_verifier": self.verifier,
            **changed,
        }
        sent = {name: value for name, value in fields.items() if value is not None}
        return server.post("/oauth/token", data=sent, auth=basic(place, by))


@pytest.fixture
def browser(server, place):
    """Somebody who is signed in."""
    with Browser(place) as browser:
        yield browser.enter(str(uuid4()))


def test_a_code_that_is_redeemed_twice_at_once_leaves_at_most_one_session(place, pair, browser):
    with ThreadPoolExecutor(2) as pool:
        for _ in range(10):
            asked = Asked(browser)
            answers = list(pool.map(lambda server, asked=asked: asked.redeem(place, server), pair))
            statuses = sorted(answer.status_code for answer in answers)
            assert statuses in ([200, 400], [400, 400])
            won = [answer.json() for answer in answers if answer.status_code == 200]
            live = [introspects(place, pair[0], tokens["access_token"]) for tokens in won]
            assert sum(live) <= 1
            sessions = browser.sessions("shop")
            assert len(sessions) == sum(live)
            for session in sessions:
                browser.end(session)


def test_a_code_that_is_redeemed_twice_one_after_the_other_ends_its_session(place, pair, browser):
    here, there = pair
    asked = Asked(browser)
    tokens = asked.redeem(place, here).json()
    assert introspects(place, there, tokens["access_token"])
    assert asked.redeem(place, there).json()["error"] == "invalid_grant"
    assert not introspects(place, here, tokens["access_token"])
    assert WAYS["oauth"](place, here, tokens["refresh_token"]).status_code == 400
    assert browser.sessions("shop") == []


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"code_verifier": None}, "invalid_grant"),
        ({"code_verifier": ""}, "invalid_grant"),
        ({"code_verifier": "a" * 43}, "invalid_grant"),
        ({"redirect_uri": CALLBACK + "/"}, "invalid_grant"),
        ({"redirect_uri": None}, "invalid_grant"),
        ({"code": "cod_unknown"}, "invalid_grant"),
        ({"by": "rival"}, "invalid_grant"),
    ],
    ids=str,
)
def test_a_code_is_good_for_its_asker_alone(place, server, browser, changed, error):
    asked = Asked(browser)
    answer = asked.redeem(place, server, **changed)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert answer.json()["message"] == answer.json()["error_description"]
    assert browser.sessions("shop") == browser.sessions("rival") == []


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"code_challenge": "", "code_challenge_method": ""}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": ""}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"scope": "openid system:admin"}, "invalid_scope"),
        ({"prompt": "none login"}, "invalid_request"),
    ],
    ids=str,
)
def test_a_request_without_what_protects_the_code_gets_none(server, browser, changed, error):
    left = Asked(browser, "rival", **changed).left
    assert (left["error"], left["state"]) == (error, "s")
    assert "code" not in left


@pytest.mark.parametrize(
    "changed",
    [
        {"redirect_uri": "http://127.0.0.1:9/other"},
        {"redirect_uri": CALLBACK + "?more=1"},
        {"redirect_uri": "http://127.0.0.1.evil.test:9/callback"},
        {"redirect_uri": ""},
        {"client_id": "nobody"},
        {"client_id": ""},
    ],
    ids=str,
)
def test_a_mistake_in_who_asks_is_told_to_the_person_and_sent_nowhere(server, browser, changed):
    answer = browser.ask(changed)
    assert 400 <= answer.status_code < 500
    assert "location" not in answer.headers
    assert answer.headers["content-type"].startswith("text/html")


def test_a_code_is_good_for_a_minute(place, server):
    """Written beside the server two minutes ago, as its page would have done it."""
    from sojourn.directory.codes import Code
    from sojourn.directory.credentials import digest

    async def put(desk: Any) -> None:
        kept = Code(
            application_id="shop", payload="{}", expires_at=desk.sessions.clock() + timedelta(minutes=1)
        )
        await desk.directory.store.put_code(digest("cod_old"), kept)

    place.beside(put, ago=timedelta(minutes=2))
    fields = {"grant_type": "authorization_code", "code": "cod_old", "redirect_uri": CALLBACK}
    answer = server.post("/oauth/token", data=fields | {"code_verifier": "a" * 43}, auth=basic(place))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


def test_two_workers_of_one_command_agree(tmp_path):
    """`sojourn serve --workers 2`: whichever answers."""
    place = Installation(tmp_path)
    place.applications(shop={})
    with place.served("--workers", "2"):
        for tokens in place.sessions(10, application_id="shop"):
            assert all(answers(place, tokens))
            ended = httpx2.post(f"{place.origin}/oauth/logout", json={"refresh_token": tokens.refresh})
            assert ended.json()["message"] == "Session revoked successfully"
            until(partial(one_admits, place, tokens), within=BOUND, becomes=False)


def one_admits(place: Installation, tokens: Tokens) -> bool:
    return any(answers(place, tokens))


def answers(place: Installation, tokens: Tokens) -> Iterator[bool]:
    """Whether it is admitted, by a connection each: the kernel gives them to either process."""
    for _ in range(8):
        with httpx2.Client(base_url=place.origin) as fresh:
            yield admits(fresh, tokens, "/oauth/sessions")
