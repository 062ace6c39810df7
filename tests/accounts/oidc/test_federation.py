"""Signing in with another service, over our own server: who may finish what, and where it leads."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import unescape
from typing import Any, cast
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import pytest

from sojourn.accounts import Proof, User
from sojourn.api.federation import Federation, sent
from sojourn.api.routes import Call, Route
from sojourn.events import SignInFailed
from sojourn.server import create_app
from sojourn.settings import Settings
from sojourn.testing import FakeClock, make_keys
from sojourn.web.pages import PAGES
from sojourn.web.reply import Answer
from sojourn.web.table import mounted
from sojourn.web.visit import Site
from tests.accounts.oidc.provider import ISSUER, FakeProvider, made
from tests.web.kit import ADA, IPHONE, ORIGIN, PASSWORD, Browser, Guests, code, cookies_set, make_signers

CALLBACK, SECURITY = "/api/auth/callback/example", "/account/security"
FLOW = "__Host-sojourn-flow-"


class House(Guests):
    """A server that knows two providers, of which `rival` may be after the people of `example`."""

    def __init__(self, clock: FakeClock, **settings: Any) -> None:
        self.provider, self.rival = FakeProvider(clock), FakeProvider(clock, "https://rival.example")
        providers = {
            "example": made(trusted_email=True),
            "rival": made(id="rival", name="Rival", issuer=self.rival.issuer),
        }
        given: dict[str, Any] = {
            "store": "memory://",
            "origin": ORIGIN,
            "worker": False,
            "providers": providers,
        } | settings
        app = create_app(
            Settings(**given),
            keys=make_keys(),
            signers=make_signers(),
            clock=clock,
            transport=_Both(self.provider, self.rival),
        )
        (middleware,) = app.user_middleware
        super().__init__(app, cast(Site, middleware.kwargs["site"]), clock)

    @property
    def federation(self) -> Federation:
        return self._held(Federation)

    def user(self, email: str) -> User:
        user = self.run(self.accounts.by_email, email)
        assert user is not None
        return cast(User, user)

    def begin(self, browser: Browser, path: str = "/sign-in/with/example", **query: str) -> str:
        """The address at the provider to which the browser is sent."""
        answer = browser.get(f"{path}?{urlencode(query)}" if query else path)
        assert answer.status_code == 303, answer.text
        location: str = answer.headers["location"]
        assert location.startswith("https://"), location
        return location

    def back(
        self, browser: Browser, address: str, path: str = CALLBACK, **changed: str | None
    ) -> httpx2.Response:
        """The answer to what the browser brings back from the provider."""
        came = self.provider.approve(address, **changed)
        return browser.get(path, params=came, headers={"sec-fetch-site": "cross-site"})

    def sign_in(self, browser: Browser, **query: str) -> httpx2.Response:
        return self.back(browser, self.begin(browser, **query))


class _Both(httpx2.AsyncBaseTransport):
    def __init__(self, *providers: FakeProvider) -> None:
        self._providers = {urlsplit(provider.issuer).hostname: provider for provider in providers}

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        return await self._providers[request.url.host].handle_async_request(request)

    async def aclose(self) -> None:
        for provider in self._providers.values():
            await provider.aclose()


def leads(answer: httpx2.Response) -> str:
    """Where *answer* sends the browser, here."""
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def error(answer: httpx2.Response, path: str = "/sign-in") -> str:
    """The code with which the browser is sent back to *path*."""
    parts = urlsplit(leads(answer))
    assert (parts.scheme, parts.netloc, parts.path) == ("", "", path)
    return dict(parse_qsl(parts.query))["error"]


def sign_out(browser: Browser) -> None:
    assert browser.post("/api/auth/sign-out", headers={"origin": ORIGIN}).status_code == 200


@pytest.fixture
def open_house(clock: FakeClock, opened: Callable[[Guests], Guests]) -> Callable[..., House]:
    return lambda **settings: cast(House, opened(House(clock, **settings)))


@pytest.fixture
def house(open_house: Callable[..., House]) -> House:
    return open_house()


@pytest.fixture
def browser(house: House) -> Browser:
    return house.browser()


@pytest.fixture
def ada(house: House) -> Browser:
    """Signed in by password."""
    browser = house.browser()
    assert browser.sign_up().status_code == 201
    return browser


# ── there and back ────────────────────────────────────────────────────────────────────────────


def test_somebody_comes_back_signed_in(house: House, browser: Browser):
    assert leads(house.sign_in(browser)) == SECURITY
    [row] = browser.rows()
    session = house.run(house.sessions.list, house.user("grace@example.org").id)[0]
    assert str(session.id) == row["id"]
    assert (session.amr, session.aal, session.remember) == (("fed",), 1, False)
    assert house.user("grace@example.org").name == "Grace Hopper"


def test_the_second_time_it_is_the_same_user(house: House, browser: Browser):
    house.sign_in(browser)
    house.provider.user |= {"email": "grace@elsewhere.example", "name": "Another"}
    other = house.browser(IPHONE)
    house.sign_in(other)
    user = house.user("grace@example.org")
    assert len(house.run(house.sessions.list, user.id)) == 2


def test_it_leads_to_the_page_that_was_wanted(house: House, browser: Browser):
    assert leads(house.sign_in(browser, next="/account/password?a=b")) == "/account/password?a=b"


@pytest.mark.parametrize(
    "next",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/%2f%2fevil",
        "",
        "/sign-in",
    ],
)
def test_it_leads_nowhere_else(house: House, browser: Browser, next: str):
    assert leads(house.sign_in(browser, next=next)) == SECURITY


def test_a_session_may_outlive_the_browser(house: House, browser: Browser):
    answer = house.sign_in(browser, remember="1")
    assert cookies_set(answer)["__Host-sojourn"]["max-age"]


def test_the_cookie_of_a_flow_is_for_this_host_ten_minutes_and_no_script(house: House, browser: Browser):
    answer = browser.get("/sign-in/with/example")
    [(name, cookie)] = [item for item in cookies_set(answer).items() if item[0].startswith(FLOW)]
    assert (cookie["max-age"], cookie["path"], cookie["samesite"]) == ("600", "/", "Lax")
    assert cookie["httponly"]
    assert cookie["secure"]
    assert re.fullmatch("__Host-sojourn-flow-[0-9a-f]{16}", name)


def test_and_goes_with_the_answer_whatever_that_is(house: House, browser: Browser):
    for changed in ({}, {"code": None, "error": "access_denied"}, {"iss": "https://evil.example"}):
        address = house.begin(browser)
        assert [name for name in browser.cookies if name.startswith(FLOW)]
        house.back(browser, address, **changed)
        assert [name for name in browser.cookies if name.startswith(FLOW)] == []
        sign_out(browser)


def test_two_tabs_do_not_disturb_each_other(house: House, browser: Browser):
    first, second = house.begin(browser, next="/a"), house.begin(browser, next="/b")
    assert leads(house.back(browser, first)) == "/a"
    assert leads(house.back(browser, second)) == "/b"


def test_a_page_that_opens_many_does_not_fill_the_cookies(house: House, browser: Browser):
    addresses = [house.begin(browser) for _ in range(12)]
    assert len([name for name in browser.cookies if name.startswith(FLOW)]) <= 4
    assert leads(house.back(browser, addresses[-1])) == SECURITY


def test_no_secret_is_in_what_the_browser_is_told(house: House, browser: Browser):
    address = house.begin(browser)
    sealed = next(value for name, value in browser.cookies.items() if name.startswith(FLOW))
    answer = house.back(browser, address)
    told = answer.text + str(answer.headers) + address + sealed
    secrets = ("an access token", "a refresh token", "a secret", "code 0")
    assert [secret for secret in secrets if secret in told] == []


# ── who may finish it ─────────────────────────────────────────────────────────────────────────


def test_nobody_is_signed_in_by_what_they_did_not_begin(house: House, browser: Browser):
    """Login CSRF: an attacker's code, handed to a victim."""
    attacker, victim = browser, house.browser()
    came = house.provider.approve(house.begin(attacker))
    answer = victim.get(CALLBACK, params=came, headers={"sec-fetch-site": "cross-site"})
    assert error(answer) == "flow_lost"
    assert not victim.signed_in()
    assert house.provider.count("/token") == 0


def test_nor_by_another_browsers_cookie_alone(house: House, browser: Browser):
    victim = house.browser()
    victim.get("/sign-in")  # which gives it a name
    address = house.begin(browser)
    name, value = next(item for item in browser.cookies.items() if item[0].startswith(FLOW))
    victim.cookies.set(name, value, domain="good.test")
    assert error(house.back(victim, address)) == "flow_lost"
    assert not victim.signed_in()


def test_it_is_finished_once(house: House, browser: Browser):
    came = house.provider.approve(house.begin(browser))
    assert leads(browser.get(CALLBACK, params=came)) == SECURITY
    sign_out(browser)
    assert error(browser.get(CALLBACK, params=came)) == "flow_lost"


def test_a_copied_cookie_does_not_make_a_code_good_twice(house: House, browser: Browser):
    came = house.provider.approve(house.begin(browser))
    name, value = next(item for item in browser.cookies.items() if item[0].startswith(FLOW))
    browser.get(CALLBACK, params=came)
    sign_out(browser)
    browser.cookies.set(name, value, domain="good.test")
    assert error(browser.get(CALLBACK, params=came)) == "flow_lost"
    assert not browser.signed_in()


def test_a_cookie_that_comes_twice_is_nobodys(house: House, browser: Browser):
    came = house.provider.approve(house.begin(browser))
    name, value = next(item for item in browser.cookies.items() if item[0].startswith(FLOW))
    held = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    answer = browser.get(CALLBACK, params=came, headers={"cookie": f"{held}; {name}={value[::-1]}"})
    assert error(answer) == "flow_lost"
    assert house.provider.count("/token") == 0


@pytest.mark.parametrize("state", [None, "", "another", "é", "x" * 10_000])
def test_a_state_that_nobody_made_is_refused(house: House, browser: Browser, state: str | None):
    assert error(house.back(browser, house.begin(browser), state=state)) == "flow_lost"
    assert house.provider.count("/token") == 0


def test_a_flow_is_over_after_ten_minutes(house: House, browser: Browser, clock: FakeClock):
    address = house.begin(browser)
    clock.tick(minutes=10)
    assert error(house.back(browser, address)) == "flow_lost"


def test_one_provider_does_not_answer_for_another(house: House, browser: Browser):
    """Mix-up: the code of an honest one would be handed to who is after it."""
    address = house.begin(browser)
    answer = house.back(browser, address, path="/api/auth/callback/rival")
    assert error(answer) == "flow_lost"
    assert house.rival.asked == []
    assert house.provider.count("/token") == 0


def test_an_answer_that_says_it_is_another_providers_is_refused(house: House, browser: Browser):
    assert error(house.back(browser, house.begin(browser), iss=house.rival.issuer)) == "provider_rejected"
    assert house.provider.count("/token") == 0


def test_a_signature_of_somebody_else_signs_nobody_in(house: House, browser: Browser):
    house.provider.claims = {"iss": house.rival.issuer}
    assert error(house.sign_in(browser)) == "provider_rejected"
    assert not browser.signed_in()


def test_a_page_of_another_site_begins_nothing(house: House, browser: Browser):
    for site in ("cross-site", "same-site"):
        answer = browser.get("/sign-in/with/example?next=/a", headers={"sec-fetch-site": site})
        assert leads(answer) == "/sign-in?next=%2Fa"
    assert house.provider.asked == []


def test_who_is_signed_in_is_led_on(house: House, ada: Browser):
    assert leads(ada.get("/sign-in/with/example?next=/a")) == "/a"


def test_signing_in_as_somebody_else_ends_the_session_before(house: House, ada: Browser, browser: Browser):
    address = house.begin(browser)
    browser.sign_in()
    before = browser.token
    assert leads(house.back(browser, address)) == SECURITY
    assert browser.token != before
    browser.hold(before)
    assert not browser.signed_in()


def test_a_token_from_before_is_not_kept(house: House, browser: Browser):
    """Session fixation: what an attacker planted is worth nothing afterwards."""
    planted = house.start(None).token
    browser.hold(planted)
    house.sign_in(browser)
    assert browser.token != planted
    browser.hold(planted)
    assert not browser.signed_in()


@pytest.mark.parametrize("id", ["another", "password", "EXAMPLE", "a%2Fb", "."])
def test_a_provider_that_nobody_described_is_not_there(house: House, browser: Browser, id: str):
    assert browser.get(f"/sign-in/with/{id}").status_code == 404
    assert browser.get(f"/api/auth/callback/{id}?state=x&code=y").status_code in (303, 404)


def test_a_server_that_knows_no_providers_has_no_links(open_house: Callable[..., House]):
    house = open_house(providers={})
    browser = house.browser()
    assert "/sign-in/with" not in browser.get("/sign-in").text
    assert browser.get("/sign-in/with/example").status_code == 404
    assert error(browser.get(CALLBACK)) == "flow_lost"


def test_over_plain_http_nobody_is_signed_in(house: House, browser: Browser):
    browser.base_url = httpx2.URL("http://good.test")
    assert error(browser.get("/sign-in/with/example")) == "https_required"


# ── what goes wrong ───────────────────────────────────────────────────────────────────────────


def test_a_no_of_the_provider_leads_back_with_words(house: House, browser: Browser):
    address = house.begin(browser, next="/a")
    answer = house.back(browser, address, code=None, error="access_denied", error_description="<script>")
    assert leads(answer) == "/sign-in?error=provider_denied&with=example&next=%2Fa"
    page = browser.get(leads(answer)).text
    assert "You were not signed in with Example." in page
    assert "script>" not in page


def test_a_provider_that_is_away_is_said_to_be(house: House, browser: Browser, clock: FakeClock):
    house.provider.instead["/.well-known/openid-configuration"] = httpx2.ConnectError("no")
    answer = browser.get("/sign-in/with/example?next=/a")
    assert leads(answer) == "/sign-in?error=provider_away&with=example&next=%2Fa"
    assert "We cannot reach Example just now." in browser.get(leads(answer)).text
    house.provider.instead.clear()
    clock.tick(seconds=5)
    address = house.begin(browser)
    house.provider.instead["/token"] = lambda _: httpx2.Response(502)
    assert error(house.back(browser, address)) == "provider_away"


def test_a_refused_answer_is_told_to_the_operator_without_what_it_said(
    house: House, browser: Browser, caplog: pytest.LogCaptureFixture
):
    house.provider.claims = {"nonce": "stolen"}
    house.sign_in(browser)
    told = [record.getMessage() for record in caplog.records if record.name == "sojourn"]
    assert told == ["sign-in with example failed: its ID token is refused: another nonce"]


@pytest.mark.parametrize("text", ["<script>", "nothing we know", "%00", "x" * 5_000])
def test_the_query_says_nothing_of_its_own(house: House, browser: Browser, text: str):
    page = browser.get(f"/sign-in?{urlencode({'error': text, 'with': text})}")
    assert page.status_code == 200
    assert "alert" not in re.findall('role="([a-z]+)"', page.text)
    assert text not in page.text


def test_an_address_that_is_taken_opens_nothing(house: House, ada: Browser, browser: Browser):
    house.provider.user["email"] = ADA
    assert error(house.sign_in(browser)) == "account_exists"
    assert not browser.signed_in()
    page = browser.get("/sign-in?error=account_exists&with=example").text
    assert "Sign in with your password first, then connect Example in your account." in page


def test_without_an_address_no_account_is_made(house: House, browser: Browser):
    del house.provider.user["email"]
    assert error(house.sign_in(browser)) == "email_rejected"


def test_where_accounts_are_made_by_an_administrator_nobody_gets_one(open_house: Callable[..., House]):
    house = open_house(sign_up=False)
    assert error(house.sign_in(house.browser())) == "forbidden"
    assert house.run(house.accounts.count) == 0


def test_a_disabled_user_stays_out(house: House, browser: Browser):
    house.sign_in(browser)
    house.run(house.accounts.disable, house.user("grace@example.org").id)
    other = house.browser()
    assert error(house.sign_in(other)) == "invalid_credentials"
    assert not other.signed_in()
    assert house.told(SignInFailed)


def test_a_user_who_is_disabled_meanwhile_gets_no_cookie(house: House, browser: Browser):
    house.sign_in(browser)
    user = house.user("grace@example.org")
    other = house.browser()
    start = house.sessions.start

    async def disabled_after(*args: Any, **named: Any) -> Any:
        issued = await start(*args, **named)
        await house.accounts.disable(user.id)
        return issued

    house.sessions.start = disabled_after  # type: ignore[method-assign]
    answer = house.sign_in(other)
    assert error(answer) == "invalid_credentials"
    assert cookies_set(answer)["__Host-sojourn"].value == ""
    assert house.run(house.sessions.list, user.id) == []


def test_somebody_with_too_many_devices_is_told(open_house: Callable[..., House]):
    house = open_house(max_sessions=1, at_cap="refuse")
    house.sign_in(house.browser())
    assert error(house.sign_in(house.browser())) == "too_many_sessions"


def test_many_attempts_from_one_address_are_slowed_down(house: House):
    codes = set()
    for _ in range(60):
        house.provider.user |= {"email": "nobody"}
        codes.add(error(house.sign_in(house.browser())))
    assert codes == {"email_rejected", "rate_limited"}


# ── how fresh it is ───────────────────────────────────────────────────────────────────────────


def test_a_sign_in_that_was_long_ago_there_is_not_fresh_here(
    house: House, browser: Browser, clock: FakeClock
):
    house.provider.claims = {"auth_time": clock().timestamp() - 86_400}
    house.sign_in(browser)
    assert code(browser.post("/api/auth/sessions/revoke-others")) == "reauth_required"


def test_nor_does_doing_it_twice_make_it_fresh(house: House, browser: Browser, clock: FakeClock):
    house.provider.claims = {"auth_time": clock().timestamp() - 86_400}
    first, second = house.begin(browser), house.begin(browser)
    house.back(browser, first)
    house.back(browser, second)
    assert code(browser.post("/api/auth/sessions/revoke-others")) == "reauth_required"
    assert len(browser.rows()) == 1


def test_one_of_just_now_is_fresh(house: House, browser: Browser, clock: FakeClock):
    house.provider.claims = {"auth_time": clock().timestamp() - 30}
    house.sign_in(browser)
    assert browser.post("/api/auth/sessions/revoke-others").status_code == 200


def confirming(house: House, browser: Browser, clock: FakeClock) -> str:
    """Somebody who signed in with Example some time ago is to prove anew who they are."""
    house.sign_in(browser)
    clock.tick(minutes=30)
    answer = browser.get(f"{SECURITY}/sign-out-others", follow_redirects=True)
    assert answer.url.path in ("/confirm", SECURITY)
    page = browser.get("/confirm?next=/a").text
    assert 'name="password"' not in page
    [link] = [unescape(link) for link in re.findall('href="([^"]*)"', page) if "/sign-in/with/" in link]
    return house.begin(browser, link)


def test_who_has_no_password_confirms_with_the_provider(house: House, browser: Browser, clock: FakeClock):
    address = confirming(house, browser, clock)
    assert dict(parse_qsl(urlsplit(address).query))["prompt"] == "login"
    before, [row] = browser.token, browser.rows()
    house.provider.claims = {"auth_time": clock().timestamp(), "amr": ["pwd", "otp"]}
    assert leads(house.back(browser, address)) == "/a"
    assert browser.token != before
    assert [one["id"] for one in browser.rows()] == [row["id"]]
    assert browser.post("/api/auth/sessions/revoke-others").status_code == 200
    [session] = house.run(house.sessions.list, house.user("grace@example.org").id)
    assert session.amr == ("fed", "pwd", "otp")


def test_not_if_they_proved_nothing_anew(house: House, browser: Browser, clock: FakeClock):
    for claims in ({}, {"auth_time": clock().timestamp()}):
        address = (
            confirming(house, house.browser(), clock) if not claims else confirming(house, browser, clock)
        )
        house.provider.claims = claims
        assert error(house.back(browser, address), "/confirm" if claims else "/sign-in")
        house.provider.claims = {}


def test_nor_if_it_was_somebody_else(house: House, browser: Browser, clock: FakeClock):
    address = confirming(house, browser, clock)
    house.provider.user["sub"] = "somebody else"
    house.provider.claims = {"auth_time": clock().timestamp()}
    assert error(house.back(browser, address), "/confirm") == "other_account"
    assert code(browser.post("/api/auth/sessions/revoke-others")) == "reauth_required"


def test_nor_in_another_session(house: House, browser: Browser, clock: FakeClock):
    address = confirming(house, browser, clock)
    sign_out(browser)
    browser.sign_up("eve@example.org", PASSWORD)
    house.provider.claims = {"auth_time": clock().timestamp()}
    assert error(house.back(browser, address), "/confirm") == "flow_lost"


def test_nor_with_a_provider_that_is_not_theirs(house: House, ada: Browser):
    answer = ada.get("/sign-in/with/example?confirm=1&next=/a")
    assert error(answer, "/confirm") == "other_account"
    assert house.provider.asked == []


def test_who_has_a_password_sees_its_form_and_their_services(house: House, ada: Browser):
    assert "/sign-in/with" not in ada.get("/confirm").text
    user = house.user(ADA)
    house.run(house.accounts.link, user.id, Proof(provider="example", subject="1"))
    page = ada.get("/confirm").text
    assert 'name="password"' in page
    assert "Confirm with" in page


# ── one more way in ───────────────────────────────────────────────────────────────────────────


def connect_link(browser: Browser) -> str:
    page = browser.get(SECURITY).text
    [link] = [
        unescape(link) for link in re.findall('href="([^"]*)"', page) if "/account/connect/example" in link
    ]
    return link


def test_a_way_in_is_connected(house: House, ada: Browser):
    answer = house.back(ada, house.begin(ada, connect_link(ada)))
    assert leads(answer) == f"{SECURITY}?done=1-connected"
    page = ada.get(leads(answer)).text
    assert "Connected. You can sign in with it from now on." in page
    other = house.browser()
    house.sign_in(other)
    assert len(other.rows()) == 2  # Ada's


def test_it_is_asked_for_unless_our_page_did(house: House, ada: Browser):
    """A link of somebody else's would give Ada's account another owner."""
    page = ada.get("/account/connect/example", headers={"sec-fetch-site": "cross-site"})
    assert page.status_code == 200
    assert "can sign in to this one" in page.text
    [yes] = [unescape(link) for link in re.findall('href="([^"]*)"', page.text) if "agreed=" in link]
    assert leads(house.back(ada, house.begin(ada, yes))) == f"{SECURITY}?done=1-connected"


def test_a_link_is_of_one_session_and_one_provider(house: House, ada: Browser):
    link = connect_link(ada)
    assert ada.get(link.replace("connect/example", "connect/rival")).status_code == 200  # asked again
    eve = house.browser()
    eve.sign_up("eve@example.org", PASSWORD)
    assert eve.get(link).status_code == 200
    assert house.provider.asked == []


def test_one_proves_who_one_is_first(house: House, ada: Browser, clock: FakeClock):
    link = connect_link(ada)
    clock.tick(minutes=30)
    assert leads(ada.get(link)).startswith("/confirm?next=%2Faccount%2Fconnect%2Fexample")
    assert leads(house.browser().get(link)).startswith("/sign-in?")


def test_what_is_somebody_elses_stays_theirs(house: House, ada: Browser, browser: Browser):
    house.sign_in(browser)
    answer = house.back(ada, house.begin(ada, connect_link(ada)))
    assert error(answer, SECURITY) == "already_connected"
    assert "connected to somebody else" in ada.get(leads(answer)).text


def test_it_is_connected_to_who_began_it(house: House, ada: Browser):
    address = house.begin(ada, connect_link(ada))
    sign_out(ada)
    assert error(house.back(ada, address), SECURITY) == "flow_lost"
    address = house.begin(ada, next="/a")
    ada.sign_up("eve@example.org", PASSWORD)
    assert leads(house.back(ada, address)) == "/a"  # this one was to sign in, and signs in
    assert {user.email for user in house.run(house.accounts.select)} == {
        ADA, "eve@example.org", "grace@example.org"
    }  # fmt: skip


def test_nobody_connects_anything_as_somebody_else(house: House, ada: Browser):
    ada_session = house.run(house.sessions.list, house.user(ADA).id)[0]
    eve = house.browser()
    eve.sign_up("eve@example.org", PASSWORD)
    issued = house.run(house.sessions.impersonate, ada_session, house.user("eve@example.org").id)
    acting = house.browser()
    acting.hold(issued.token)
    for path in ("/account/connect/example", "/account/disconnect?provider=example&account=1"):
        assert leads(acting.get(path)).startswith("/confirm?")
    answer = acting.get("/sign-in/with/example?confirm=1")
    assert error(answer, "/confirm") == "forbidden"


def test_a_way_in_is_taken_away(house: House, ada: Browser):
    house.back(ada, house.begin(ada, connect_link(ada)))
    page = ada.get(SECURITY).text
    [link] = [unescape(link) for link in re.findall('href="([^"]*)"', page) if "/account/disconnect" in link]
    form = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', ada.get(link).text))
    answer = ada.post("/account/disconnect", data=form)
    assert leads(answer) == f"{SECURITY}?done=1-disconnected"
    assert ada.signed_in()
    other = house.browser()
    house.sign_in(other)
    assert len(other.rows()) == 1  # somebody else's, who is new


def test_but_not_the_last_one(house: House, browser: Browser):
    house.sign_in(browser)
    page = browser.get(SECURITY).text
    assert "/account/disconnect" not in page
    form = browser.get("/account/disconnect?provider=example&account=248289761001").text
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
    assert error(browser.post("/account/disconnect", data=fields), SECURITY) == "last_way_in"
    assert "the only way in which you can sign in" in browser.get(f"{SECURITY}?error=last_way_in").text


def test_a_password_is_not_taken_away_like_that(house: House, ada: Browser):
    house.back(ada, house.begin(ada, connect_link(ada)))
    user = house.user(ADA)
    query = urlencode({"provider": "password", "account": user.id})
    assert leads(ada.get(f"/account/disconnect?{query}")) == SECURITY
    form = ada.get("/account/disconnect?provider=example&account=248289761001").text
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
    ada.post("/account/disconnect", data=fields | {"provider": "password", "account": user.id})
    assert ada.sign_in().status_code == 200


def test_a_form_from_elsewhere_takes_nothing_away(house: House, ada: Browser):
    house.back(ada, house.begin(ada, connect_link(ada)))
    fields = {"provider": "example", "account": "248289761001", "csrf": ""}
    assert ada.post("/account/disconnect", data=fields).status_code == 403
    assert len(house.run(house.accounts.ways, house.user(ADA).id)) == 2


def test_who_has_no_password_is_told_so(house: House, browser: Browser):
    house.sign_in(browser)
    assert "You have no password here" in browser.get("/account/password").text


# ── the dialects ──────────────────────────────────────────────────────────────────────────────


class Speaking(Guests):
    """A house with one more route, which begins what a test wants begun."""

    def __init__(self, house: House, **how: Any) -> None:
        self.house = house

        async def act(call: Call) -> Answer:
            federation = call.federation
            assert federation is not None
            url = await federation.begin(call, "example", **how)
            return Answer(303, [("location", url)])

        route = Route(method="GET", path="/begin", guard="open", act=act)
        facts = {"accounts": house.accounts, "directory": house.directory, "federation": house.federation}
        house.app.router.routes[:0] = mounted([route], sign_up_open=True, **facts)  # type: ignore[arg-type]


DENIED: dict[str, Any] = {"code": None, "error": "access_denied"}


@pytest.mark.parametrize(
    ("dialect", "error_to", "leading"),
    [
        ("better-auth", "/failed", "/failed?error=access_denied"),
        ("better-auth", "/failed?a=b", "/failed?a=b&error=access_denied"),
        ("better-auth", f"{ORIGIN}/failed", "/failed?error=access_denied"),
        ("better-auth", None, "/api/auth/error?error=access_denied"),
        ("better-auth", "https://evil.example/", "/api/auth/error?error=access_denied"),
        ("better-auth", f"{ORIGIN}.evil.example/", "/api/auth/error?error=access_denied"),
        ("authjs", None, "/api/auth/error?error=OAuthCallbackError"),
        ("authjs", "/login", "/login?error=OAuthCallbackError"),
    ],
)
def test_each_dialect_hears_of_a_failure_in_its_own_words(
    house: House, browser: Browser, dialect: str, error_to: str | None, leading: str
):
    Speaking(house, next="/app", dialect=dialect, error_to=error_to)
    assert leads(house.back(browser, house.begin(browser, "/begin"), **DENIED)) == leading


@pytest.mark.parametrize(
    ("claims", "user", "better_auth", "authjs"),
    [
        ({"nonce": "x"}, {}, "invalid_code", "OAuthCallbackError"),
        ({}, {"email": ADA}, "account_not_linked", "OAuthAccountNotLinked"),
        ({}, {"email": ""}, "email_not_found", "OAuthCallbackError"),
    ],
)
def test_and_of_why(house: House, ada: Browser, claims: Any, user: Any, better_auth: str, authjs: str):
    house.provider.claims = claims
    house.provider.user |= user
    for dialect, word in (("better-auth", better_auth), ("authjs", authjs)):
        browser = house.browser()
        Speaking(house, next="/app", dialect=dialect)
        answer = house.back(browser, house.begin(browser, "/begin"))
        assert leads(answer) == f"/api/auth/error?error={word}"
        assert browser.get(leads(answer)).status_code == 200


def test_somebody_new_may_be_led_elsewhere(house: House, browser: Browser, clock: FakeClock):
    Speaking(house, next="/app", new_user_to="/welcome", dialect="better-auth")
    assert leads(house.back(browser, house.begin(browser, "/begin"))) == "/welcome"
    clock.tick(seconds=1)
    sign_out(browser)
    assert leads(house.back(browser, house.begin(browser, "/begin"))) == "/app"


@pytest.mark.parametrize(
    ("next", "leading"),
    [
        (f"{ORIGIN}/app?a=b", "/app?a=b"),
        (ORIGIN, "/"),
        (f"{ORIGIN}?a=b", "/?a=b"),
        (f"{ORIGIN}.evil.example/", SECURITY),
        (f"{ORIGIN}@evil.example/", SECURITY),
        ("https://evil.example/", SECURITY),
    ],
)
def test_an_address_of_our_own_is_a_path(house: House, browser: Browser, next: str, leading: str):
    Speaking(house, next=next, dialect="better-auth")
    assert leads(house.back(browser, house.begin(browser, "/begin"))) == leading


def test_addresses_that_no_cookie_holds_are_refused(house: House, browser: Browser):
    long = "/" + "x" * 2_000
    Speaking(house, next=long, error_to=long, new_user_to=long, dialect="better-auth")
    assert browser.get("/begin").status_code == 422


@pytest.mark.parametrize("error", ["access_denied", "OAuthAccountNotLinked", "<script>", ""])
def test_the_page_for_errors_has_words_of_its_own(house: House, browser: Browser, error: str):
    page = browser.get(f"/api/auth/error?{urlencode({'error': error})}")
    assert page.status_code == 200
    assert "You are not signed in" in page.text
    assert "<script>" not in page.text


# ── the house ─────────────────────────────────────────────────────────────────────────────────


def test_people_see_pages_when_our_store_is_away(house: House, browser: Browser):
    address = house.begin(browser)
    came = house.provider.approve(address)
    house.lose_store("insert")
    answer = browser.get(CALLBACK, params=came, headers={"sec-fetch-mode": "navigate"})
    assert answer.status_code == 503
    assert answer.headers["content-type"].startswith("text/html")


def test_clients_are_told_by_what_one_can_prove_it_again(house: House, ada: Browser, clock: FakeClock):
    clock.tick(minutes=30)
    refused = ada.post("/api/auth/sessions/revoke-others").json()
    assert refused["methods"] == ["password", "example", "rival"]


def test_the_connections_are_closed_with_the_server(clock: FakeClock):
    house = House(clock)
    with house.open():
        pass
    assert house.provider.closed


def test_no_two_pages_answer_one_address():
    places = [(route.method, route.path) for route in PAGES]
    assert len(places) == len(set(places))
    assert ("GET", "/api/auth/callback/{provider}") in places


def test_the_issuer_of_the_tests_is_nobodys():
    assert ISSUER.endswith(".example")


@pytest.fixture
def opened() -> Iterator[Callable[[Guests], Guests]]:
    from contextlib import ExitStack

    with ExitStack() as stack:
        yield lambda guests: stack.enter_context(guests.open())


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/login", "/login?error=x"),
        ("/login?a=b", "/login?a=b&error=x"),
        ("/login#top", "/login?error=x#top"),
        ("/login?a=b#top?", "/login?a=b&error=x#top?"),
    ],
)
def test_what_went_wrong_stands_where_the_page_looks_for_it(path, location):
    assert dict(sent(path, error="x").headers)["location"] == location
