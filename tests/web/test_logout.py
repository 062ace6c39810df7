"""Signing out at an application's request: who is asked, what ends, and where one is sent."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest

from sojourn import access, access_ring
from sojourn.api.oauth.ids import IdClaims
from sojourn.directory import Directory
from sojourn.events import Revoked
from sojourn.session import Reason, Session
from sojourn.testing import MORNING
from tests.web.kit import ADA, SESSION, Browser, Guests, cookies_set, make_signers
from tests.web.test_oauth import CALLBACK, Client, link, user_id  # noqa: F401 - fixtures

BYE = "https://app.test/bye"
WITH_QUERY = "https://app.test/bye?lang=de"

# Addresses that look like the registered one, or that a careless comparison would take for it.
ALMOST = [
    "https://app.test/bye/",
    "https://app.test/Bye",
    "https://app.test/bye?x=1",
    "https://app.test/bye#x",
    "https://app.test/bye/../bye",
    "https://app.test/%62ye",
    "https://app.test:443/bye",
    "https://app.test.evil.example/bye",
    "https://app.test@evil.example/bye",
    "https://evil.example/https://app.test/bye",
    "https://evil.example/?https://app.test/bye",
    "http://app.test/bye",
    "HTTPS://APP.TEST/bye",
    "//app.test/bye",
    "/\\app.test/bye",
    " https://app.test/bye",
    "https://app.test/bye\r\nset-cookie: a=b",
    "javascript:alert(1)//https://app.test/bye",
    "https://app.test/callback",
    CALLBACK,
    "https://other.test/bye",
    "",
]


@pytest.fixture
def app(server: Guests, directory: Directory) -> Client:
    registered = server.run(
        directory.create_application,
        "App",
        id="app_one",
        redirect_uris=[CALLBACK],
        post_logout_redirect_uris=[BYE, WITH_QUERY],
    )
    return Client(server, registered)


@pytest.fixture
def other(server: Guests, directory: Directory) -> Client:
    registered = server.run(
        directory.create_application,
        "Other",
        id="app_two",
        redirect_uris=[CALLBACK],
        post_logout_redirect_uris=["https://other.test/bye"],
    )
    return Client(server, registered)


class Signed:
    """The user of a browser, signed in to an application: its ID token and its session."""

    def __init__(self, app: Client, browser: Browser) -> None:
        body = app.redeem(app.code(browser)).json()
        self.app, self.hint, self.token = app, body["id_token"], body["refresh_token"]
        self.claims = access.opened(self.hint, make_signers().find, typ="jwt", algorithms=["RS256"])
        self.id = UUID(self.claims["sid"])

    @property
    def session(self) -> Session:
        found: Session = self.app.server.run(self.app.server.sessions.store.get, self.id)
        return found

    @property
    def lives(self) -> bool:
        return self.session.live(self.app.server.clock())


@pytest.fixture
def signed(app: Client, ada: Browser) -> Signed:
    return Signed(app, ada)


def leave(browser: Browser, **asked: str) -> Any:
    return browser.get("/oauth/logout", params=asked, headers={"sec-fetch-site": "cross-site"})


def forged(signer: Any, signers: Any, claims: dict[str, Any], **changes: Any) -> str:
    known = {name: value for name, value in claims.items() if name in IdClaims.__struct_fields__}
    made = IdClaims(**known | {"sid": UUID(claims["sid"])} | changes)
    return access.signed(made, signer, signers, typ="JWT")


def fields(page: str) -> dict[str, str]:
    """The fields of the form that asks."""
    (form,) = re.findall(r'<form method="post" action="/oauth/logout/confirm">(.*?)</form>', page, re.DOTALL)
    found = re.findall(r'name="([^"]*)" value="([^"]*)"', form)
    return {name: html.unescape(value) for name, value in found}


# ── with the application's ID token ───────────────────────────────────────────────────────────


@pytest.mark.req("L-08")
def test_with_its_id_token_both_sessions_end_and_the_user_is_sent_back(server, ada, signed):
    answer = leave(ada, id_token_hint=signed.hint, post_logout_redirect_uri=BYE, state="a&b=c")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"{BYE}?state=a%26b%3Dc"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "no-store" in answer.headers["cache-control"]
    assert cookies_set(answer)[SESSION].value == ""
    assert not signed.lives
    assert (signed.session.reason, signed.session.revoked_by) == (Reason.SIGNED_OUT, signed.claims["sub"])
    assert not ada.signed_in()
    assert len(server.told(Revoked)) == 2


@pytest.mark.req("L-08")
def test_an_id_token_whose_time_is_over_is_as_good(server, ada, signed):
    server.clock.tick(hours=3)
    assert leave(ada, id_token_hint=signed.hint, post_logout_redirect_uri=BYE).headers["location"] == BYE
    assert not signed.lives
    assert not ada.signed_in()


@pytest.mark.req("L-08")
@pytest.mark.parametrize("ago", [timedelta(hours=23), timedelta(days=2)])
def test_of_a_session_that_ended_it_is_good_for_a_day(server, ada, signed, ago):
    server.run(server.sessions.revoke, signed.id, owner=signed.claims["sub"])
    server.clock.now += ago
    answer = leave(ada, id_token_hint=signed.hint)
    recent = ago < timedelta(days=1)
    assert ("Sign out?" in answer.text) is not recent
    assert ada.signed_in() is not recent


def test_an_address_with_a_query_keeps_it(ada, signed):
    answer = leave(ada, id_token_hint=signed.hint, post_logout_redirect_uri=WITH_QUERY, state="s")
    assert answer.headers["location"] == f"{WITH_QUERY}&state=s"


def test_without_an_address_a_page_says_that_it_is_done(ada, signed):
    answer = leave(ada, id_token_hint=signed.hint)
    assert "You are signed out" in answer.text
    assert 'action="/sign-out"' not in answer.text
    assert answer.headers["content-security-policy"]
    assert not ada.signed_in()


def test_where_nobody_is_signed_in_the_applications_session_ends_all_the_same(server, signed):
    stranger = server.browser()
    answer = leave(stranger, id_token_hint=signed.hint, post_logout_redirect_uri=BYE)
    assert answer.headers["location"] == BYE
    assert not signed.lives


def test_a_visitors_session_is_not_the_users_and_stays(server, signed):
    visitor = server.browser()
    visitor.hold(server.start(None).token)
    assert leave(visitor, id_token_hint=signed.hint, post_logout_redirect_uri=BYE).status_code == 303
    assert not signed.lives
    (visit,) = [s for s in server.run(server.sessions.store.select, _all(server)) if s.user_id is None]
    assert visit.live(server.clock())


def _all(server: Guests) -> Any:
    from sojourn import Query

    return Query(live_at=server.clock())


def test_sessions_of_other_devices_and_applications_stay(server, ada, app, other, signed):
    elsewhere = server.browser()
    elsewhere.sign_in()
    mine, theirs = Signed(app, elsewhere), Signed(other, ada)
    leave(ada, id_token_hint=signed.hint)
    assert elsewhere.signed_in()
    assert (mine.lives, theirs.lives, signed.lives) == (True, True, False)


# ── without, or with another's ────────────────────────────────────────────────────────────────


@pytest.mark.req("L-08", "A10-10.6.2", "TH-27")
def test_without_one_nothing_ends_before_the_user_has_said_yes(server, ada, app, signed):
    answer = leave(ada, client_id=app.id, post_logout_redirect_uri=BYE, state="s 1")
    assert answer.status_code == 200
    assert "App" in answer.text
    assert ADA in answer.text
    assert ada.signed_in()
    assert signed.lives
    done = ada.post("/oauth/logout/confirm", data=fields(answer.text))
    assert done.status_code == 303
    assert cookies_set(done)[SESSION].value == ""
    page = ada.get(done.headers["location"])
    assert "You are signed out" in page.text
    assert link(page.text, "Continue to App") == f"{BYE}?state=s+1"
    assert not ada.signed_in()
    assert not signed.lives  # that of the application which asked, in this browser


@pytest.mark.req("L-08")
def test_a_yes_ends_what_began_in_this_browser_alone(server, ada, app, other, signed):
    elsewhere = server.browser()
    elsewhere.sign_in()
    mine, theirs = Signed(app, elsewhere), Signed(other, ada)
    ada.post("/oauth/logout/confirm", data=fields(leave(ada, client_id=app.id).text))
    assert (mine.lives, theirs.lives, signed.lives) == (True, True, False)
    assert elsewhere.signed_in()


@pytest.mark.req("L-08", "TH-27")
def test_nobody_asked_for_it_and_nobody_is_named(ada, signed):
    answer = leave(ada)
    assert "You were sent here to sign out" in answer.text
    assert fields(answer.text).keys() == {"csrf"}
    assert ada.signed_in()
    ada.post("/oauth/logout/confirm", data=fields(answer.text))
    assert not ada.signed_in()
    assert signed.lives


def test_whoever_is_signed_out_already_reads_so(server, app):
    for asked in ({}, {"client_id": app.id}, {"id_token_hint": "nonsense"}):
        answer = leave(server.browser(), **asked)
        assert (answer.status_code, "You are signed out" in answer.text) == (200, True)


@pytest.mark.req("L-08", "TH-27", "A10-10.6.2")
def test_the_id_token_of_somebody_else_ends_nothing(server, ada, app, signed):
    eve = server.browser()
    eve.sign_up("eve@example.org")
    hers = Signed(app, eve)
    answer = leave(ada, id_token_hint=hers.hint, post_logout_redirect_uri=BYE)
    assert "Sign out?" in answer.text
    assert (hers.lives, signed.lives) == (True, True)
    assert ada.signed_in()
    assert eve.signed_in()


@pytest.mark.req("L-08", "TH-27", "A10-10.6.2")
@pytest.mark.parametrize(
    "kind",
    ["another key", "none", "access token", "logout token", "cut", "another issuer", "another user",
     "another application", "another session", "nonsense", "long"],
)  # fmt: skip
def test_a_forged_one_ends_nothing(server, ada, app, other, signed, kind):
    ours = make_signers()
    signer = ours.signing("RS256")
    theirs = access_ring.parse(access_ring.generate(MORNING))
    head, body, mac = signed.hint.split(".")
    hint = {
        "another key": lambda: forged(theirs.signing("RS256"), theirs, signed.claims),
        "none": lambda: f"eyJhbGciOiJub25lIiwidHlwIjoiSldUIiwia2lkIjoieCJ9.{body}.",
        "access token": lambda: app.access(signed.session),
        "logout token": lambda: access.signed(
            IdClaims(**{**signed.claims, "sid": signed.id, "amr": ()}), signer, ours, typ="logout+jwt"
        ),
        "cut": lambda: f"{head}.{body}.{mac[:-4]}",
        "another issuer": lambda: forged(signer, ours, signed.claims, iss="https://evil.example"),
        "another user": lambda: forged(signer, ours, signed.claims, sub="somebody"),
        "another application": lambda: forged(signer, ours, signed.claims, aud=other.id),
        "another session": lambda: forged(signer, ours, signed.claims, sid=UUID(int=7)),
        "nonsense": lambda: "nonsense",
        "long": lambda: "a." * 10_000,
    }[kind]()
    answer = leave(ada, id_token_hint=hint, post_logout_redirect_uri=BYE)
    assert answer.status_code == 200
    assert "Sign out?" in answer.text
    assert signed.lives
    assert ada.signed_in()
    assert leave(server.browser(), id_token_hint=hint, post_logout_redirect_uri=BYE).status_code == 200
    assert signed.lives


def test_an_id_token_and_another_applications_name_do_not_go_together(ada, other, signed):
    answer = leave(
        ada, id_token_hint=signed.hint, client_id=other.id, post_logout_redirect_uri="https://other.test/bye"
    )
    assert "Sign out?" in answer.text
    assert signed.lives
    assert ada.signed_in()


@pytest.mark.req("TH-27", "TH-05")
def test_no_other_site_says_yes(server, ada, app, signed):
    form = fields(leave(ada, client_id=app.id).text)
    elsewhere = {"sec-fetch-site": "cross-site"}
    assert ada.post("/oauth/logout/confirm", data=form, headers=elsewhere).status_code == 403
    for csrf in ("", "nonsense", fields(_page_of(server, "eve@example.org"))["csrf"]):
        assert ada.post("/oauth/logout/confirm", data=form | {"csrf": csrf}).status_code == 403
    assert ada.signed_in()
    assert signed.lives


def _page_of(server: Guests, email: str) -> str:
    browser = server.browser()
    browser.sign_up(email)
    text: str = leave(browser).text
    return text


def test_a_yes_that_comes_twice_is_fine(ada, app):
    form = fields(leave(ada, client_id=app.id, post_logout_redirect_uri=BYE).text)
    for _ in range(2):
        answer = ada.post("/oauth/logout/confirm", data=form)
        assert answer.status_code == 303
        target = urlsplit(answer.headers["location"])
        assert target.path == "/oauth/logout"
        assert parse_qs(target.query) == {"client_id": [app.id], "post_logout_redirect_uri": [BYE]}


# ── where one is sent ─────────────────────────────────────────────────────────────────────────


@pytest.mark.req("L-09", "TH-17")
@pytest.mark.parametrize("uri", ALMOST)
def test_nobody_is_sent_to_what_is_not_registered_to_the_letter(ada, other, signed, uri):
    answer = leave(ada, id_token_hint=signed.hint, post_logout_redirect_uri=uri, state="s")
    assert answer.status_code == 200
    assert "location" not in answer.headers
    assert "evil.example" not in answer.text
    assert "Continue to" not in answer.text
    assert not ada.signed_in()  # they are signed out all the same


@pytest.mark.req("L-09", "TH-17")
@pytest.mark.parametrize("uri", ALMOST)
def test_nor_does_a_page_link_there(ada, app, other, uri):
    asked = leave(ada, client_id=app.id, post_logout_redirect_uri=uri)
    assert fields(asked.text).keys() == {"csrf", "client_id"}
    form = fields(asked.text) | {"post_logout_redirect_uri": uri}
    page = ada.get(ada.post("/oauth/logout/confirm", data=form).headers["location"])
    assert "Continue to" not in page.text
    assert "evil.example" not in page.text


@pytest.mark.req("L-09", "TH-17")
def test_without_its_id_token_no_address_is_gone_to_by_itself(server, app):
    answer = leave(server.browser(), client_id=app.id, post_logout_redirect_uri=BYE)
    assert answer.status_code == 200
    assert link(answer.text, "Continue to App") == BYE
    nameless = leave(server.browser(), post_logout_redirect_uri=BYE)
    assert "Continue to" not in nameless.text


@pytest.mark.req("L-09")
def test_a_disabled_application_is_sent_nobody(server, directory, ada, app, signed):
    server.run(directory.disable_application, app.id)
    server.clock.tick(seconds=10)
    answer = leave(ada, id_token_hint=signed.hint, post_logout_redirect_uri=BYE)
    assert (answer.status_code, "location" in answer.headers) == (200, False)
    assert not ada.signed_in()


def test_a_state_is_text_and_bounded(ada, app, signed):
    answer = leave(ada, id_token_hint=signed.hint, post_logout_redirect_uri=BYE, state='<b>"&' + "é" * 2_000)
    (state,) = parse_qs(urlsplit(answer.headers["location"]).query)["state"]
    assert state.startswith('<b>"&é')
    assert len(state) == 512


# ── the address ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("L-10", "L-07")
def test_the_discovery_document_says_what_is_there_and_nothing_else(server):
    told = server.script().get("/.well-known/openid-configuration").json()
    assert told["end_session_endpoint"] == "https://good.test/oauth/logout"
    assert told["backchannel_logout_supported"] is told["backchannel_logout_session_supported"] is True
    assert not [name for name in told if "frontchannel" in name or "check_session" in name]


def test_the_routes_of_the_sdk_beside_it_stay_as_they_are(server, ada):
    answer = server.script().post("/oauth/logout", json={"refresh_token": "nonsense"})
    assert answer.json()["success"] is True
    assert server.script().post("/oauth/logout", content=b"x").headers["content-type"].endswith("json")
    broken = ada.request("DELETE", "/oauth/logout")
    assert broken.status_code == 405
    assert {"GET", "POST"} <= set(broken.headers["allow"].split(", "))


def test_an_outage_is_a_page_and_takes_the_cookie(server, ada, signed):
    server.lose_store("revoke")
    ada.headers["sec-fetch-mode"] = "navigate"
    answer = leave(ada, id_token_hint=signed.hint, post_logout_redirect_uri=BYE)
    assert answer.status_code == 503
    assert answer.headers["content-type"].startswith("text/html")
    assert cookies_set(answer)[SESSION].value == ""
