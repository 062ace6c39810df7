"""`next-auth/react` as it is published, versions 4 and 5, in tabs of one browser, against the server."""

from __future__ import annotations

import html
import json
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from sojourn import Device
from tests.interop.browser import COOKIE
from tests.interop.kit import ADA, BOB, PASSWORD, Installation, until
from tests.interop.node import program

SESSION = "/api/auth/session"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"


class Served:
    """A server that speaks one version, and the ids of those who have signed up there."""

    def __init__(self, place, version):
        self.place, self.version, self.ids = place, version, {}

    @property
    def origin(self):
        return self.place.origin

    def start(self, email=ADA, **facts):
        """A session of *email* that began elsewhere; the value of its cookie, and its id."""
        facts = {"bearer": False, "amr": ("pwd",), "device": Device(user_agent=FIREFOX), **facts}
        [tokens] = self.place.sessions(1, self.ids[email], **facts)
        return tokens.refresh, tokens.session_id

    def live(self, email=ADA):
        return self.place.live(self.ids[email])

    def revoke(self, id):
        """End a session as its user does on another device; the server hears of it within a second."""
        token, _ = self.start()
        with httpx2.Client(base_url=self.origin, headers={"origin": self.origin}) as client:
            client.cookies.set(COOKIE, token)
            assert client.delete(f"/api/auth/sessions/{id}").status_code == 200


@pytest.fixture(scope="module", params=["v4", "v5"])
def installed(request, tmp_path_factory):
    place = Installation(
        tmp_path_factory.mktemp(f"authjs-{request.param}"),
        SOJOURN_AUTHJS=request.param,
        SOJOURN_SESSION_FIELDS="theme",
        SOJOURN_ROTATE_EVERY="15m",
    )
    return Served(place, request.param)


@pytest.fixture(scope="module")
def server(installed):
    with installed.place.served() as client:
        for email, name in ((ADA, "Ada"), (BOB, "Bob")):
            body = {"email": email, "password": PASSWORD, "name": name, "mode": "cookie"}
            answer = client.post("/api/auth/sign-up", json=body, headers={"origin": installed.origin})
            installed.ids[email] = answer.json()["user"]["id"]
            client.cookies.clear()
        yield installed


class Pages:
    """The browser, and its tabs."""

    def __init__(self, running, served):
        self._running, self.served = running, served

    def ask(self, verb, *given):
        return self._running.ask(verb, *given)

    def open(self, *names):
        for name in names:
            self.ask("open", name)

    def tell(self, name, verb, *given):
        return self.ask("tell", name, verb, *given)

    def mount(self, name="tab", status="authenticated", **props):
        self.open(name)
        return self.tell(name, "mount", status, props)

    def signed_in(self, email=ADA, **facts):
        """Have the cookie of a session that began elsewhere; its id."""
        token, id = self.served.start(email, **facts)
        self.ask("keep", COOKIE, token)
        return id

    def cookies(self):
        return self.ask("cookies")


@pytest.fixture
def pages(server):
    with program(
        "authjs.mjs", {"origin": server.origin, "version": server.version, "agent": FIREFOX}
    ) as running:
        yield Pages(running, server)


def twice(version):
    """Version 5 hears its own message, and fetches once more for it."""
    return 2 if version == "v5" else 1


# ── reading ───────────────────────────────────────────────────────────────────────────────────


def test_a_page_shows_who_is_signed_in(pages, server):
    pages.signed_in()
    shown = pages.mount()
    assert shown["text"] == "authenticated: Ada"
    assert shown["session"].keys() == {"user", "expires"}
    assert shown["session"]["user"] == {
        "name": "Ada",
        "email": ADA,
        "image": None,
        "id": server.ids[ADA],
    }
    asked = pages.ask("fetches", twice(server.version), SESSION)
    assert [(one["method"], one["path"], one["status"], one["set"]) for one in asked] == [
        ("GET", SESSION, 200, 0)
    ] * twice(server.version)
    assert pages.tell("tab", "logged") == []


def test_a_page_shows_that_nobody_is(pages, server):
    assert pages.mount(status="unauthenticated")["text"] == "unauthenticated: nobody"
    asked = pages.ask("fetches", 1, SESSION)
    assert {one["body"] for one in asked} == {"null" if server.version == "v5" else "{}"}
    assert pages.cookies() == {}


def test_a_page_that_polls_notices_the_end(pages, server):
    id = pages.signed_in()
    pages.mount(refetchInterval=0.2)
    server.revoke(id)
    assert pages.tell("tab", "becomes", "unauthenticated")["session"] is None


def test_coming_back_to_a_page_notices_the_end(pages, server):
    id = pages.signed_in()
    pages.mount()
    pages.ask("fetches", twice(server.version), SESSION)
    server.revoke(id)
    assert pages.tell("tab", "state")["status"] == "authenticated"  # nobody has told it yet
    pages.tell("tab", "focus")
    assert pages.tell("tab", "becomes", "unauthenticated")["session"] is None


def test_looking_at_a_page_counts_as_a_use(pages, server):
    pages.signed_in(ago=timedelta(hours=1))
    pages.mount()
    for one in pages.ask("fetches", twice(server.version), SESSION):
        left = datetime.fromisoformat(json.loads(one["body"])["expires"]) - datetime.now(UTC)
        assert left > timedelta(days=14) - timedelta(minutes=30)  # unused it were an hour less


def test_law_03_many_tabs_with_a_token_that_is_due_are_all_served(pages, server):
    pages.signed_in(ago=timedelta(hours=1))
    before = pages.cookies()[COOKIE]
    names = [f"tab {n}" for n in range(4)]
    pages.open(*names)
    shown = pages.ask("each", names, "mount", "authenticated")
    assert [one["text"] for one in shown] == ["authenticated: Ada"] * 4
    assert pages.cookies()[COOKIE] != before
    asked = pages.ask("fetches", 4, SESSION)
    assert {one["status"] for one in asked} == {200}


# ── changing ──────────────────────────────────────────────────────────────────────────────────


def test_update_without_data_reads_again(pages, server):
    pages.signed_in()
    pages.mount()
    said = pages.tell("tab", "update")
    assert said["user"]["name"] == "Ada"


def test_update_sets_what_a_client_may_set(pages, server):
    id = pages.signed_in()
    pages.mount()
    assert pages.tell("tab", "update", {"theme": "dark"})["user"]["name"] == "Ada"

    async def data(desk):
        return {str(one.id): one.data for one in await desk.sessions.list(server.ids[ADA])}

    assert server.place.beside(data)[id]["theme"] == "dark"


def test_update_sets_nothing_else_and_says_so(pages, server):
    pages.signed_in()
    pages.mount()
    assert pages.tell("tab", "update", {"theme": "dark", "role": "admin"}) is None
    assert pages.tell("tab", "becomes", "authenticated")["text"] == "authenticated: Ada"
    assert "A client may not set role" in " ".join(pages.tell("tab", "logged"))


# ── signing in ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("field", ["email", "username"])
def test_signing_in_with_a_password(pages, server, field):
    pages.mount(status="unauthenticated")
    given = {field: ADA, "password": PASSWORD, "redirect": False}
    said = pages.tell("tab", "signIn", "credentials", given)
    assert (said["ok"], said.get("error")) == (True, None)
    assert (said["status"], said["url"]) == (200, f"{server.origin}/page")
    assert pages.tell("tab", "becomes", "authenticated")["text"] == "authenticated: Ada"


def test_a_wrong_password_says_so(pages, server):
    pages.mount(status="unauthenticated")
    given = {"email": ADA, "password": "not hers", "redirect": False}
    said = pages.tell("tab", "signIn", "credentials", given)
    assert (said["error"], said["url"]) == ("CredentialsSignin", None)
    if server.version == "v5":
        assert (said["status"], said["ok"], said["code"]) == (200, True, "credentials")
    else:
        assert (said["status"], said["ok"]) == (401, False)
    assert pages.tell("tab", "state")["status"] == "unauthenticated"
    assert COOKIE not in pages.cookies()


def test_signing_in_leads_on(pages, server):
    pages.mount(status="unauthenticated")
    given = {"email": BOB, "password": PASSWORD, "callbackUrl": "/orders?page=2"}
    pages.tell("tab", "signIn", "credentials", given)
    assert pages.tell("tab", "location") == f"{server.origin}/orders?page=2"


def test_signing_in_does_not_lead_away(pages, server):
    pages.mount(status="unauthenticated")
    given = {"email": BOB, "password": PASSWORD, "callbackUrl": "https://evil.test/"}
    pages.tell("tab", "signIn", "credentials", given)
    assert pages.tell("tab", "location").rstrip("/") == server.origin


def test_signing_in_without_a_way_leads_to_our_page_and_back(pages, server):
    pages.mount(status="unauthenticated")
    pages.tell("tab", "signIn", None, {"callbackUrl": f"{server.origin}/orders"})
    with Person(server) as person:
        person.get(pages.tell("tab", "location"))
        assert "<h1>Sign in</h1>" in person.page
        assert person.sign_in() == "/orders"


def test_the_ways_to_sign_in(pages, server):
    pages.mount(status="unauthenticated")
    ways = pages.tell("tab", "getProviders")
    base = f"{server.origin}/api/auth"
    assert ways["credentials"] == {
        "id": "credentials",
        "name": "Credentials",
        "type": "credentials",
        "signinUrl": f"{base}/signin/credentials",
        "callbackUrl": f"{base}/callback/credentials",
    }


def test_a_page_that_requires_a_session_leads_to_signing_in_and_back(pages, server):
    pages.mount(status="loading", required=True)
    pages.ask("fetches", twice(server.version), SESSION)
    until(lambda: "/signin?" in pages.tell("tab", "location"), within=10)
    there = pages.tell("tab", "location")
    assert parse_qs(urlsplit(there).query) == {
        "error": ["SessionRequired"],
        "callbackUrl": [f"{server.origin}/page"],
    }
    with Person(server) as person:
        person.get(there)
        assert "Please sign in to continue." in person.page
        assert person.sign_in() == "/page"


class Person:
    """Somebody without scripts, at our own pages."""

    def __init__(self, served):
        headers = {"origin": served.origin, "sec-fetch-site": "same-origin"}
        self._client = httpx2.Client(base_url=served.origin, headers=headers, follow_redirects=True)
        self.page = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._client.close()

    def get(self, url):
        self.page = self._client.get(url).text

    def sign_in(self):
        """Where the form leads."""
        return self.submit("/sign-in", email=ADA, password=PASSWORD).headers["location"]

    def submit(self, action, **values):
        (form,) = re.findall(rf'<form[^>]*action="{action}".*?</form>', self.page, re.DOTALL)
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
        fields = {name: html.unescape(value) for name, value in hidden.items()}
        return self._client.post(action, data=fields | values, follow_redirects=False)


# ── signing out ───────────────────────────────────────────────────────────────────────────────


def test_signing_out_ends_the_session(pages, server):
    id = pages.signed_in()
    pages.mount()
    said = pages.tell("tab", "signOut", {"redirect": False})
    assert said == {"url": f"{server.origin}/page"}
    assert pages.tell("tab", "becomes", "unauthenticated")["session"] is None
    assert COOKIE not in pages.cookies()
    assert id not in server.live()


def test_signing_out_leads_on(pages, server):
    pages.signed_in()
    pages.mount()
    pages.tell("tab", "signOut", {"callbackUrl": "/bye"})
    assert pages.tell("tab", "location") == f"{server.origin}/bye"


def test_other_tabs_hear_of_signing_out_and_in(pages, server):
    pages.signed_in()
    pages.mount("first")
    pages.mount("second")
    pages.tell("first", "signOut", {"redirect": False})
    assert pages.tell("second", "becomes", "unauthenticated")["text"] == "unauthenticated: nobody"
    given = {"email": BOB, "password": PASSWORD, "redirect": False}
    pages.tell("second", "signIn", "credentials", given)
    assert pages.tell("second", "becomes", "authenticated")["text"] == "authenticated: Bob"
    pages.mount("third")  # its fetch is announced, which is how theirs tell others of a sign-in
    assert pages.tell("first", "becomes", "authenticated")["text"] == "authenticated: Bob"


def test_the_page_of_signing_out_works_without_scripts(server):
    with Person(server) as person:
        person.get("/api/auth/signin?callbackUrl=/account/security")
        person.sign_in()
        person.get("/api/auth/signout?callbackUrl=/sign-in")
        assert "<h1>Sign out?</h1>" in person.page
        gone = person.submit("/api/auth/signout")
        assert (gone.status_code, gone.headers["location"]) == (302, f"{server.origin}/sign-in")
        person.get("/api/auth/session")
        assert person.page == ("null" if server.version == "v5" else "{}")


# ── when the server is away ───────────────────────────────────────────────────────────────────


def test_law_09_a_server_that_is_away_takes_no_cookie(tmp_path):
    """Their client shows the page as signed out meanwhile; who opens it later is still signed in."""
    place = Installation(tmp_path, SOJOURN_AUTHJS="v5")
    served = Served(place, "v5")
    with program("authjs.mjs", {"origin": place.origin, "version": "v5", "agent": FIREFOX}) as running:
        pages = Pages(running, served)
        with place.served() as client:
            body = {"email": ADA, "password": PASSWORD, "name": "Ada"}
            answer = client.post("/api/auth/sign-up", json=body, headers={"origin": place.origin})
            served.ids[ADA] = answer.json()["user"]["id"]
            pages.signed_in()
            pages.mount("before")
            pages.ask("fetches", 2, SESSION)
        pages.tell("before", "focus")
        assert pages.tell("before", "becomes", "unauthenticated")["session"] is None
        assert COOKIE in pages.cookies()
        with place.served():
            assert pages.mount("after")["text"] == "authenticated: Ada"
