"""Signing in with a real OpenID provider (npm oidc-provider), from our page and back, in two processes."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx2
import pytest

from sojourn.accounts import Accounts, open_accounts
from tests.client.processes import free_port
from tests.interop.kit import ADA, PASSWORD, Desk, Installation, until
from tests.interop.node import Program, program

CLIENT, SECRET = "sojourn", "a secret: with + and % in it"
CALLBACK = "/api/auth/callback/example"
SECURITY = "/account/security"


class Place:
    """Our server beside a provider, which can be stopped."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.provider_port = free_port()
        self.issuer = f"http://127.0.0.1:{self.provider_port}"
        described = {
            "name": "Example ID",
            "issuer": self.issuer,
            "client_id": CLIENT,
            "client_secret": SECRET,
            "trusted_email": True,
        }
        self.file = folder / "providers.json"
        self.file.write_text(json.dumps({"example": described}))
        self.installation = Installation(folder, SOJOURN_PROVIDERS=str(self.file), **settings)
        self.origin = self.installation.origin

    @contextmanager
    def provider(self, algorithm: str = "RS256", *, conform: bool = False) -> Iterator[Program]:
        first = {
            "port": self.provider_port,
            "id": CLIENT,
            "secret": SECRET,
            "callback": self.origin + CALLBACK,
            "algorithm": algorithm,
            "conform": conform,
        }
        with program("provider.mjs", first) as running:
            assert running.heard() == self.issuer
            yield running


class Browser:
    """A browser without scripts that goes where it is sent, and says from whose page it comes."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.client = httpx2.Client(headers={"accept": "text/html"}, timeout=30)
        self.page: httpx2.Response
        self.visited: list[str] = []

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    @property
    def path(self) -> str:
        return urlsplit(str(self.page.url)).path

    @property
    def text(self) -> str:
        return html.unescape(" ".join(re.sub(r"<[^>]*>", " ", self.page.text).split()))

    def open(self, url: str, data: dict[str, str] | None = None, *, begun_by: str | None = None) -> Browser:
        """Go to *url*, by a link or a form of a page of *begun_by*, and wherever that leads."""
        url = urljoin(self.origin, url)
        begun_by = begun_by or _origin(url)
        cross = False
        for _ in range(20):
            cross = cross or _origin(url) != begun_by
            headers = {
                "sec-fetch-mode": "navigate",
                "sec-fetch-site": "same-site" if cross else "same-origin",
            }
            if data is not None:
                headers["origin"] = begun_by
            method = "GET" if data is None else "POST"
            self.page = self.client.request(method, url, data=data, headers=headers)
            self.visited.append(url)
            if self.page.status_code not in (302, 303, 307):
                return self
            url, data = urljoin(url, self.page.headers["location"]), None
        raise AssertionError("it goes round in circles")

    def click(self, words: str) -> Browser:
        """Follow the first link of the page that says *words*."""
        links = r'<a [^>]*?href="([^"]*)"([^>]*)>(.*?)</a>'
        for link, attributes, text in re.findall(links, self.page.text, re.DOTALL):
            label = re.search(r'aria-label="([^"]*)"', attributes)
            said = html.unescape(label[1]) if label else re.sub(r"<[^>]*>", "", text)
            if words in " ".join(said.split()):
                here = str(self.page.url)
                return self.open(urljoin(here, html.unescape(link)), begun_by=_origin(here))
        raise AssertionError(f"no link says {words!r}: {self.text}")

    def send(self, action: str = "", **filled: str) -> Browser:
        """Send the form of the page whose address contains *action*."""
        for address, body in re.findall(
            r'<form[^>]*?action="([^"]*)"[^>]*>(.*?)</form>', self.page.text, re.DOTALL
        ):
            if action in address:
                hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', body)
                fields = {name: html.unescape(value) for name, value in hidden}
                here = str(self.page.url)
                return self.open(
                    urljoin(here, html.unescape(address)), fields | filled, begun_by=_origin(here)
                )
        raise AssertionError(f"no form goes to {action!r}: {self.text}")

    def at_provider(self, login: str | None = None) -> Browser:
        """Give a name if the provider asks for one, and agree to whatever it asks."""
        for _ in range(4):
            if 'name="login"' in self.page.text:
                assert login is not None, "the provider asks who that is"
                self.send("/interaction/", login=login, password="anything")
            elif 'value="consent"' in self.page.text:
                self.send("/interaction/")
            elif "/session/end/confirm" in self.page.text:  # somebody else was signed in there
                self.send("/session/end/confirm")
        return self

    def sign_in(self, login: str | None = None, words: str = "Sign in with Example ID") -> Browser:
        return self.open("/sign-in").click(words).at_provider(login)

    def user(self) -> str:
        """The id of who is signed in here."""
        current = self.client.get(f"{self.origin}/api/auth/sessions/current").json()
        assert "user" in current, current
        return str(current["user"]["id"])

    def rows(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client.get(f"{self.origin}/api/auth/sessions").json()["sessions"]
        return found


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Both are served for all tests that stop neither."""
    place = Place(tmp_path_factory.mktemp("oidc"))
    with place.provider(), place.installation.served():
        yield place


@pytest.fixture
def browser(place: Place) -> Iterator[Browser]:
    with Browser(place.origin) as browser:
        yield browser


def test_somebody_signs_in_and_is_the_same_the_next_time(place: Place, browser: Browser):
    browser.sign_in("grace")
    assert browser.path == SECURITY
    assert "grace@example.org" in browser.text
    user, first = browser.user(), browser.rows()[0]["id"]
    browser.send("/sign-out")
    assert browser.path == "/sign-in"
    browser.sign_in()  # the provider knows who that is, and asks nothing
    assert browser.path == SECURITY
    assert browser.user() == user
    assert browser.rows()[0]["id"] != first
    with Browser(place.origin) as elsewhere:
        assert elsewhere.sign_in("grace").user() == user
        elsewhere.open("/sign-in/with/example?next=/account/password")
        assert elsewhere.path == "/account/password"  # who is signed in is led on


def test_they_come_to_the_page_that_they_wanted(browser: Browser):
    browser.open("/account/password")
    assert browser.path == "/sign-in"
    browser.click("Sign in with Example ID").at_provider("heidi")
    assert browser.path == "/account/password"


def test_a_new_account_is_made_from_the_page_for_that(browser: Browser):
    browser.open("/sign-up").click("Go on with Example ID").at_provider("ivan")
    assert browser.path == SECURITY
    assert "Example ID" in browser.text


def test_who_cancels_there_is_told_so_here(browser: Browser):
    browser.open("/sign-in?next=/account/password").click("Sign in with Example ID").click("[ Cancel ]")
    assert browser.path == "/sign-in"
    assert "You were not signed in with Example ID." in browser.text
    browser.click("Sign in with Example ID").at_provider("judy")
    assert browser.path == "/account/password"  # which is not forgotten


def test_nothing_secret_is_in_an_address(browser: Browser):
    browser.sign_in("karl")
    assert [
        url for url in browser.visited if SECRET[:8] in url or "verifier" in url or "id_token" in url
    ] == []


def test_a_callback_works_once_and_in_one_browser(place: Place, browser: Browser):
    browser.sign_in("laura")
    [came] = [url for url in browser.visited if CALLBACK in url]
    browser.send("/sign-out")
    browser.open(came)
    assert browser.path == "/sign-in"
    assert "began in another browser" in browser.text
    with Browser(place.origin) as victim:
        victim.open(came)
        assert victim.path == "/sign-in"
        assert "began in another browser" in victim.text


def test_a_way_in_is_connected_used_and_taken_away(place: Place, browser: Browser):
    browser.open("/sign-up").send("/sign-up", email="mallory@example.net", password=PASSWORD)
    assert browser.path == SECURITY
    user = browser.user()
    browser.click("Connect Example ID").at_provider("mike")
    assert browser.path == SECURITY
    assert "Connected." in browser.text
    with Browser(place.origin) as other:
        assert other.sign_in("mike").user() == user
    browser.open(SECURITY).click("Disconnect Example ID").send("/account/disconnect")
    assert "Disconnected." in browser.text
    assert "Not connected" in browser.text
    with Browser(place.origin) as other:
        assert other.sign_in("mike").user() != user  # somebody new by now


def test_an_address_that_somebody_has_here_opens_nothing(place: Place, browser: Browser):
    """Whoever signed up first may not be who owns the address (pre-hijacking)."""
    browser.open("/sign-up").send("/sign-up", email="nora@example.org", password=PASSWORD)
    with Browser(place.origin) as other:
        other.sign_in("nora")
        assert other.path == "/sign-in"
        assert "Sign in with your password first, then connect Example ID" in other.text


def test_what_is_somebody_elses_is_not_connected(place: Place, browser: Browser):
    with Browser(place.origin) as owner:
        owner.sign_in("olivia")
    browser.open("/sign-up").send("/sign-up", email="oscar@example.net", password=PASSWORD)
    browser.click("Connect Example ID").at_provider("olivia")
    assert "connected to somebody else" in browser.text


def test_provider_tokens_are_in_no_file_of_ours(place: Place, browser: Browser):
    browser.sign_in("peggy")
    kept = place.installation.beside(_tokens_of(browser.user(), place.installation.store))
    texts = [text for text in kept if text]
    assert len(texts) == 2  # the provider gave an access token and an ID token
    folder = place.installation.folder
    written = [path for path in folder.iterdir() if path.is_file() and path != place.file]
    assert any("sojourn.db" in path.name for path in written)
    for path in written:
        content = path.read_bytes()
        assert [text for text in (*texts, SECRET) if text.encode() in content] == [], path.name


def _tokens_of(user_id: str, store: str) -> Callable[[Desk], Awaitable[list[str | None]]]:
    async def read(desk: Desk) -> list[str | None]:
        accounts = Accounts(open_accounts(store), desk.sessions)
        try:
            [account] = await accounts.ways(user_id)
            found = await accounts.provider_tokens(user_id, account.provider)
            assert found is not None
            return [found.access_token, found.id_token, found.refresh_token]
        finally:
            await accounts.close()

    return read


def test_who_has_no_password_confirms_with_the_provider(tmp_path: Path):
    place = Place(tmp_path, SOJOURN_FRESH_FOR="3s")
    with place.provider(), place.installation.served(), Browser(place.origin) as browser:
        browser.sign_in("quentin")
        with Browser(place.origin) as other:
            other.sign_in("quentin")
        until(lambda: browser.open(f"{SECURITY}/sign-out-others").path == "/confirm", within=60)
        assert browser.path == "/confirm"
        assert 'name="password"' not in browser.page.text
        before = browser.rows()
        browser.click("Confirm with Example ID")
        assert 'name="login"' in browser.page.text  # although the provider knows who that is
        browser.at_provider("rupert")
        assert browser.path == "/confirm"  # somebody else proved who they are
        assert "is not the one that is connected here" in browser.text
        browser.click("Confirm with Example ID").at_provider("quentin")
        assert browser.path == f"{SECURITY}/sign-out-others"
        assert [row["id"] for row in browser.rows()] == [row["id"] for row in before]


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
def test_other_algorithms_and_a_provider_that_describes_people_elsewhere(tmp_path: Path, algorithm: str):
    place = Place(tmp_path)
    served = place.installation.served()
    with place.provider(algorithm, conform=True), served, Browser(place.origin) as browser:
        browser.sign_in("sybil")
        assert browser.path == SECURITY
        assert "sybil@example.org" in browser.text


def test_a_provider_that_is_away_is_said_to_be(tmp_path: Path):
    place = Place(tmp_path)
    with place.installation.served(), Browser(place.origin) as browser:
        browser.open("/sign-in").click("Sign in with Example ID")
        assert browser.path == "/sign-in"
        assert "We cannot reach Example ID just now." in browser.text
    with place.installation.served(), Browser(place.origin) as browser:
        with place.provider():
            browser.open("/sign-in").click("Sign in with Example ID")
            browser.send("/interaction/", login="trent", password="anything")
            held = browser.client
            action = re.search(r'action="([^"]*)"', browser.page.text)
            assert action is not None
            url, data = urljoin(str(browser.page.url), action[1]), {"prompt": "consent"}
            answer = held.post(url, data=data)
            while CALLBACK not in answer.headers["location"]:
                answer = held.get(urljoin(url, answer.headers["location"]))
        browser.open(answer.headers["location"])  # with a code, which nobody redeems any more
        assert browser.path == "/sign-in"
        assert "We cannot reach Example ID just now." in browser.text
        browser.open("/sign-in").send("/sign-in", email=ADA, password=PASSWORD)
        assert browser.page.status_code == 401  # the rest works as ever
