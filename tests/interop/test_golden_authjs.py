"""One golden transcript for each address of the Auth.js dialect, in either version: see `golden/`."""

from __future__ import annotations

import httpx2
import pytest

from sojourn.api import authjs
from tests.interop.golden import FOLDER, Transcript
from tests.interop.kit import ADA, PASSWORD, Installation

BASE = "/api/auth"
JSON = {"content-type": "application/json"}
NAMES = {
    "/api/auth/session": "session",
    "/api/auth/csrf": "csrf",
    "/api/auth/providers": "providers",
    "/api/auth/signin": "signin",
    "/api/auth/signin/{provider}": "signin",
    "/api/auth/callback/credentials": "callback",
    "/api/auth/signout": "signout",
}


def test_every_address_has_a_transcript():
    names = {NAMES[route.path] for route in authjs.ROUTES["v5"]}
    files = {file.stem for file in FOLDER.glob("authjs-*.json")}
    assert files == {f"authjs-{version}-{name}" for version in ("v4", "v5") for name in names}


@pytest.fixture(scope="module", params=["v4", "v5"])
def served(request, tmp_path_factory):
    place = Installation(
        tmp_path_factory.mktemp(f"golden-{request.param}"),
        SOJOURN_AUTHJS=request.param,
        SOJOURN_SESSION_FIELDS="theme",
    )
    with place.served() as client:
        body = {"email": ADA, "password": PASSWORD, "name": "Ada"}
        client.post(f"{BASE}/sign-up", json=body, headers={"origin": place.origin})
        yield place, request.param


class Talk:
    """A browser, and what it says to the dialect."""

    def __init__(self, served, name):
        place, self.version = served
        self.origin = place.origin
        self.client = httpx2.Client(base_url=place.origin, headers={"origin": place.origin}, timeout=30)
        self.said = Transcript(f"authjs-{self.version}-{name}", self.client)

    def token(self):
        return self.client.get(f"{BASE}/csrf").json()["csrfToken"]

    def get(self, case, path, **headers):
        return self.said.ask(case, "GET", BASE + path, headers=JSON | headers)

    def send(self, case, path, *, script=True, **form):
        """A form: by the client of the version, or by a page without scripts."""
        form = {"csrfToken": self.token(), "callbackUrl": f"{self.origin}/page"} | form
        headers = {"x-auth-return-redirect": "1"} if script and self.version == "v5" else None
        if script and self.version == "v4":
            form["json"] = "true"
        return self.said.ask(case, "POST", BASE + path, headers=headers, form=form)

    def enter(self):
        form = {"csrfToken": self.token(), "email": ADA, "password": PASSWORD}
        assert self.client.post(f"{BASE}/callback/credentials", data=form).status_code == 302


@pytest.fixture
def talk(served):
    opened = []

    def talk(name):
        opened.append(Talk(served, name))
        return opened[-1]

    yield talk
    for one in opened:
        one.client.close()
        one.said.compare()


def test_session(talk):
    one = talk("session")
    one.get("nobody", "/session")
    one.enter()
    one.get("somebody", "/session")
    one.get("by a program", "/session", **{"x-session-passive": "1"})

    def update(case, **body):
        one.said.ask(case, "POST", f"{BASE}/session", json=body)

    update("without the token", data={"theme": "dark"})
    update("with a wrong one", csrfToken="0" * 64, data={"theme": "dark"})
    token = one.token()
    update("what may be set", csrfToken=token, data={"theme": "dark"})
    update("what may not", csrfToken=token, data={"role": "admin"})
    update("no data", csrfToken=token)
    one.client.headers["origin"] = "https://evil.test"
    update("from another site", csrfToken=token, data={"theme": "dark"})
    one.said.ask("another method", "PUT", f"{BASE}/session")
    one.client.headers["origin"] = one.origin
    one.client.post(f"{BASE}/sign-out")
    one.get("ended", "/session")


def test_csrf(talk):
    one = talk("csrf")
    one.get("a new one", "/csrf")
    one.get("the same again", "/csrf")


def test_providers(talk):
    talk("providers").get("the ways to sign in", "/providers")


def test_signin(talk):
    one = talk("signin")
    one.get("the page", f"/signin?callbackUrl={one.origin}/page")
    one.get("a session is required", f"/signin?error=SessionRequired&callbackUrl={one.origin}/page")
    one.get("something went wrong", "/signin?error=CredentialsSignin&code=credentials")
    one.get("to another site", "/signin?callbackUrl=https://evil.test/")
    one.send("with a password", "/signin/credentials")
    one.send("with nobody we know", "/signin/nobody")
    one.send("without the token", "/signin/credentials", csrfToken="")


def test_callback(talk):
    one = talk("callback")
    one.send("a wrong password", "/callback/credentials", email=ADA, password="wrong")
    one.send("without scripts", "/callback/credentials", script=False, email=ADA, password="wrong")
    one.send("without the token", "/callback/credentials", email=ADA, password=PASSWORD, csrfToken="")
    one.send("nothing", "/callback/credentials")
    one.send("the password", "/callback/credentials", email=ADA, password=PASSWORD)
    one.send(
        "once more, without scripts", "/callback/credentials", script=False, username=ADA, password=PASSWORD
    )
    one.send(
        "to another site", "/callback/credentials", email=ADA, password=PASSWORD, callbackUrl="//evil.test"
    )
    one.said.ask("no form", "POST", f"{BASE}/callback/credentials", json=["email"])


def test_signout(talk):
    one = talk("signout")
    one.get("nobody", "/signout")
    one.enter()
    one.get("the page", "/signout")
    one.send("without the token", "/signout", csrfToken="")
    one.send("out", "/signout")
    one.send("once more", "/signout")
    one.send("without scripts", "/signout", script=False)
    one.send("to another site", "/signout", callbackUrl="https://evil.test/")
