"""Every kind of credential presented at every place: it is taken where it belongs, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import httpx2
import pytest

from tests.interop.browser import COOKIE, Browser
from tests.interop.kit import ADA, CALLBACK, PASSWORD
from tests.interop.pkce import CHALLENGE, VERIFIER

Take = Callable[[httpx2.Client, "Shop", str], httpx2.Response]


class Shop:
    """An application that can keep a secret, and a browser in which somebody is signed in."""

    def __init__(self, place: Any, server: httpx2.Client, browser: Browser) -> None:
        self.place, self.server, self.browser = place, server, browser
        self.auth = ("shop", place.secrets["shop"])

    def code(self) -> str:
        asked = {
            "response_type": "code",
            "client_id": "shop",
            "redirect_uri": CALLBACK,
            "scope": "openid",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
        return self.browser.authorize(asked)["code"]

    def grant(self, **fields: str) -> httpx2.Response:
        return self.server.post("/oauth/token", data=fields, auth=self.auth)

    def redeem(self, code: str) -> httpx2.Response:
        return self.grant(
            grant_type="authorization_code", code=code, redirect_uri=CALLBACK, code_verifier=VERIFIER
        )

    def kind(self, kind: str) -> str:
        """A credential of that kind, fresh."""
        if kind == "code":
            return self.code()
        if kind == "client secret":
            return self.auth[1]
        if kind == "machine token":
            return self.grant(grant_type="client_credentials").json()["access_token"]
        if kind == "bearer token":
            body = {"email": ADA, "password": PASSWORD}
            with httpx2.Client(base_url=self.place.origin) as client:  # which keeps the cookie for itself
                return client.post("/api/auth/sign-in/email", json=body).json()["token"]
        if kind == "cookie":
            with Browser(self.place) as browser:
                return browser.enter().client.cookies[COOKIE]
        return self.redeem(self.code()).json()[kind.replace(" ", "_").lower()]


KINDS = (
    "access_token",
    "refresh_token",
    "id_token",
    "code",
    "client secret",
    "machine token",
    "cookie",
    "bearer token",
)


def bearer(method: str, path: str) -> Take:
    return lambda server, shop, held: server.request(
        method, path, headers={"authorization": f"Bearer {held}"}
    )


def cookie(path: str) -> Take:
    def take(server: httpx2.Client, shop: Shop, held: str) -> httpx2.Response:
        answer = server.get(path, headers={"cookie": f"{COOKIE}={held}"})
        server.cookies.clear()  # a program keeps none
        return answer

    return take


def form(path: str, field: str, **more: str) -> Take:
    return lambda server, shop, held: server.post(path, data={**more, field: held}, auth=shop.auth)


AUTHORIZE = "/oauth/authorize?" + urlencode(
    {
        "response_type": "code",
        "client_id": "pocket",
        "redirect_uri": CALLBACK,
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
)

# Where → how it is presented, and which kinds are taken.
PLACES: dict[str, tuple[Take, set[str]]] = {
    "bearer of userinfo": (bearer("GET", "/oauth/userinfo"), {"access_token"}),
    "bearer of the API": (bearer("GET", "/api/auth/sessions"), {"access_token", "bearer token"}),
    "bearer of an act": (bearer("POST", "/api/auth/activity"), {"access_token", "bearer token"}),
    "bearer of AuthVital": (bearer("GET", "/oauth/sessions"), {"access_token"}),
    "cookie of the API": (cookie("/api/auth/sessions/current"), {"cookie"}),
    "cookie of a page": (cookie("/account/security"), {"cookie"}),
    "refresh by the application": (
        form("/oauth/token", "refresh_token", grant_type="refresh_token"),
        {"refresh_token"},
    ),
    "refresh by nobody": (
        lambda server, shop, held: server.post("/api/auth/refresh", json={"refresh_token": held}),
        set(),
    ),
    "bearer of a page": (bearer("GET", "/account/security"), set()),
    "bearer of the page for applications": (bearer("GET", AUTHORIZE), set()),
    "cookie of the page for applications": (cookie(AUTHORIZE), {"cookie"}),
    "code": (lambda server, shop, held: shop.redeem(held), {"code"}),
    "secret of the header": (
        lambda server, shop, held: server.post("/oauth/revoke", data={"token": "-"}, auth=("shop", held)),
        {"client secret"},
    ),
    "secret of the form": (
        lambda server, shop, held: server.post(
            "/oauth/token",
            data={"grant_type": "client_credentials", "client_id": "shop", "client_secret": held},
        ),
        {"client secret"},
    ),
    "secret of the feed": (
        lambda server, shop, held: server.get("/oauth/feed?limit=1", auth=("shop", held)),
        {"client secret"},
    ),
    "bearer of the feed": (bearer("GET", "/oauth/feed"), set()),
    "bearer of introspection": (bearer("POST", "/oauth/introspect"), set()),
}


@pytest.fixture(scope="module")
def shop(place, server):
    with Browser(place) as browser:
        yield Shop(place, server, browser.enter(str(uuid4())))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("where", PLACES)
def test_a_credential_is_taken_where_it_belongs_and_nowhere_else(server, shop, where, kind):
    take, taken = PLACES[where]
    answer = take(server, shop, shop.kind(kind))
    if kind in taken:
        assert answer.status_code == 200
    else:
        assert answer.status_code in ((303,) if "page" in where else (400, 401, 403, 422))
        assert "/sign-in" in answer.headers.get("location", "/sign-in")


@pytest.mark.parametrize("kind", KINDS)
def test_introspection_tells_the_kinds_apart(server, shop, kind):
    said = form("/oauth/introspect", "token")(server, shop, shop.kind(kind)).json()
    found = (said["active"], said.get("token_type"), "sid" in said)
    assert found == {
        "access_token": (True, "Bearer", True),
        "refresh_token": (True, "refresh_token", True),
        "machine token": (True, "Bearer", False),
        "cookie": (True, "session_token", True),  # a service on the same site is shown it by browsers
    }.get(kind, (False, None, False))


ENDINGS: dict[str, tuple[Take, str]] = {
    "AuthVital": (
        lambda server, shop, held: server.post("/oauth/logout", json={"refresh_token": held}),
        "refresh_token",
    ),
    "the API": (
        lambda server, shop, held: server.post("/api/auth/sign-out", json={"refresh_token": held}),
        "refresh_token",
    ),
    "the API, as bearer": (bearer("POST", "/api/auth/sign-out"), "access_token"),
    "a page, as a hint": (
        lambda server, shop, held: server.get("/oauth/logout", params={"id_token_hint": held}),
        "id_token",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("where", ENDINGS)
def test_a_session_is_ended_by_what_belongs_there(server, shop, where, kind):
    """Always 200: what counts is who is still signed in."""
    held, (take, by) = shop.kind(kind), ENDINGS[where]
    before = set(shop.browser.sessions("shop"))
    assert take(server, shop, held).status_code == 200
    ended = before - set(shop.browser.sessions("shop"))
    assert bool(ended) == (kind == by)


def test_a_bearer_token_ends_its_own_session(server, shop):
    held = shop.kind("bearer token")
    assert bearer("POST", "/api/auth/sign-out")(server, shop, held).status_code == 200
    assert bearer("GET", "/api/auth/sessions")(server, shop, held).status_code == 401


@pytest.mark.parametrize("path", ["/api/admin/users", "/api/admin/sessions"])
def test_what_an_application_holds_of_an_administrator_administers_nothing(place, server, path):
    place.run("users", "create", email := f"{uuid4().hex}@example.org", "--admin", "--generate")
    held = place.start(email, application="rival")
    for headers in (held.bearer, {"cookie": f"{COOKIE}={held.refresh}"}):
        assert server.get(path, headers=headers).status_code in (401, 403)
