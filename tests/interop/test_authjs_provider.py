"""`signIn("example")` of `next-auth/react`, to a real OpenID provider and back."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from tests.interop.node import program
from tests.interop.test_oidc import Browser, Place


@pytest.fixture(scope="module", params=["v4", "v5"])
def place(request, tmp_path_factory):
    place = Place(tmp_path_factory.mktemp(f"authjs-{request.param}"), SOJOURN_AUTHJS=request.param)
    with place.provider(), place.installation.served():
        yield place, request.param


@pytest.fixture
def page(place):
    """A page of ours, and the browser that goes where it is sent, with the cookies of the page."""
    served, version = place
    first = {"origin": served.origin, "version": version, "agent": "Firefox/143.0"}
    with program("authjs.mjs", first) as running, Browser(served.origin) as browser:
        running.ask("open", "tab")
        running.ask("tell", "tab", "mount", "unauthenticated")
        yield Page(running, browser, served)


class Page:
    def __init__(self, running, browser, place):
        self.running, self.browser, self.place = running, browser, place

    def leave(self, **options):
        """What the page does when somebody clicks on the name of the provider; the address it goes to."""
        self.running.ask("tell", "tab", "signIn", "example", options)
        for name, value in self.running.ask("cookies").items():
            self.browser.client.cookies.set(name, value, domain="127.0.0.1")
        there = self.running.ask("tell", "tab", "location")
        self.browser.open(there, begun_by=self.place.origin)
        return there

    def come_back(self):
        """A new tab of the browser, as it comes back."""
        for cookie in self.browser.client.cookies.jar:
            self.running.ask("keep", cookie.name, cookie.value)
        self.running.ask("open", "back")
        return self.running.ask("tell", "back", "mount", "authenticated")


def test_the_provider_is_a_way_to_sign_in(page, place):
    ways = page.running.ask("tell", "tab", "getProviders")
    base = f"{page.place.origin}/api/auth"
    assert ways["example"] == {
        "id": "example",
        "name": "Example ID",
        "type": "oidc" if place[1] == "v5" else "oauth",
        "signinUrl": f"{base}/signin/example",
        "callbackUrl": f"{base}/callback/example",
    }
    assert "credentials" in ways


def test_signing_in_with_it_and_back_to_the_page(page):
    there = page.leave(callbackUrl="/account/security?from=here")
    assert urlsplit(there).netloc == urlsplit(page.place.issuer).netloc
    page.browser.at_provider("grace")
    assert str(page.browser.page.url) == f"{page.place.origin}/account/security?from=here"
    assert page.come_back()["session"]["user"]["email"].startswith("grace")


def test_it_does_not_lead_away(page):
    page.leave(callbackUrl="https://evil.test/")
    page.browser.at_provider("mary")
    assert urlsplit(str(page.browser.page.url)).netloc == urlsplit(page.place.origin).netloc


def test_what_was_begun_in_another_browser_signs_nobody_in(page):
    """Login CSRF: an attacker's answer, brought to somebody else's browser."""
    page.leave(callbackUrl="/account/security")
    with Browser(page.place.origin) as victim:
        provider = [url for url in page.browser.visited if url.startswith(page.place.issuer)]
        assert provider
        page.browser.at_provider("eve")
        answer = next(url for url in page.browser.visited if "/api/auth/callback/example" in url)
        victim.open(answer, begun_by=page.place.issuer)
        assert victim.path == "/sign-in"
        assert "began in another browser" in victim.text


def test_who_changes_their_mind_reads_that_they_are_not_signed_in(page):
    page.leave(callbackUrl="/account/security")
    page.browser.click("[ Cancel ]")
    assert page.browser.path == "/api/auth/error"
    assert "You are not signed in" in page.browser.text
    page.running.ask("open", "back")
    assert page.running.ask("tell", "back", "mount", "unauthenticated")["session"] is None
