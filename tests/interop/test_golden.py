"""One golden transcript for each route of the AuthVital dialect and of OAuth: see `golden/`."""

from __future__ import annotations

from urllib.parse import urlencode
from uuid import UUID, uuid4

import pytest

from sojourn.api import authvital, oauth
from sojourn.web.pages import PAGES
from tests.interop.browser import Browser
from tests.interop.golden import FOLDER, Transcript
from tests.interop.kit import CALLBACK, LEAVING
from tests.interop.pkce import CHALLENGE, VERIFIER

JSON = {"content-type": "application/json"}


@pytest.fixture
def transcript(server):
    opened = []

    def transcript(name, client=server):
        opened.append(Transcript(name, client))
        return opened[-1]

    yield transcript
    for one in opened:
        one.compare()


@pytest.fixture
def shop(place):
    return "shop", place.secrets["shop"]


def started(place, count=1, user="grace", **facts):
    """Sessions of an application, of a user for this test alone."""
    facts = {"application_id": "shop", "tenant_id": place.tenants["acme"], "amr": ("pwd",)} | facts
    found = place.sessions(count, f"{user} {uuid4()}", **facts)
    return found[0] if count == 1 else found


def test_every_route_has_a_transcript():
    routes = {f"{route.method} {route.path}" for route in (*authvital.ROUTES, *oauth.ROUTES)}
    routes |= {f"{route.method} {route.path}" for route in PAGES if route.path.startswith("/oauth/")}
    assert {NAMES[route] for route in routes} == {
        file.stem for file in FOLDER.glob("*.json") if not file.stem.startswith(("authjs-", "better-auth-"))
    }


NAMES = {
    "GET /oauth/sessions": "authvital-list",
    "POST /oauth/sessions/{id}/revoke": "authvital-revoke",
    "POST /oauth/logout-all": "authvital-logout-all",
    "POST /oauth/logout": "authvital-logout",
    "POST /oauth/token": "oauth-token",
    "POST /oauth/revoke": "oauth-revoke",
    "POST /oauth/introspect": "oauth-introspect",
    "GET /oauth/userinfo": "oauth-userinfo",
    "POST /oauth/userinfo": "oauth-userinfo",
    "GET /oauth/feed": "oauth-feed",
    "GET /oauth/authorize": "oauth-authorize",
    "POST /oauth/authorize": "oauth-authorize",
    "GET /oauth/logout": "oauth-logout",
    "POST /oauth/logout/confirm": "oauth-logout",
    "GET /.well-known/jwks.json": "discovery",
    "GET /.well-known/openid-configuration": "discovery",
    "GET /.well-known/oauth-authorization-server": "discovery",
}


# ── AuthVital ─────────────────────────────────────────────────────────────────────────────────


def test_list(place, server, transcript, expired):
    mine, said = started(place), transcript("authvital-list")
    said.ask("all", "GET", "/oauth/sessions", headers=JSON | mine.bearer)
    said.ask("of an application", "GET", "/oauth/sessions?application_id=shop", headers=JSON | mine.bearer)
    said.ask(
        "of one that is not known", "GET", "/oauth/sessions?application_id=no", headers=JSON | mine.bearer
    )
    said.ask("nobody", "GET", "/oauth/sessions", headers=JSON)
    said.ask("rubbish", "GET", "/oauth/sessions", headers=JSON | {"authorization": "Bearer a.b.c"})
    said.ask(
        "a refresh token",
        "GET",
        "/oauth/sessions",
        headers=JSON | {"authorization": f"Bearer {mine.refresh}"},
    )
    said.ask("expired", "GET", "/oauth/sessions", headers=JSON | {"authorization": f"Bearer {expired}"})
    server.post("/oauth/logout", json={"refresh_token": mine.refresh})
    said.ask("of a session that has ended", "GET", "/oauth/sessions", headers=JSON | mine.bearer)


def test_revoke(place, transcript):
    mine, other = started(place, 2)
    said, headers = transcript("authvital-revoke"), JSON | mine.bearer
    theirs = started(place)
    for case, id in {
        "own": other.session_id,
        "once more": other.session_id,
        "somebody else's": theirs.session_id,
        "unknown": str(UUID(int=7)),
        "no id": "0000",
        "an id with a slash": "a%2Fb",
    }.items():
        said.ask(case, "POST", f"/oauth/sessions/{id}/revoke", headers=headers)
    said.ask("the current one", "POST", f"/oauth/sessions/{mine.session_id}/revoke", headers=headers)
    said.ask("afterwards", "POST", f"/oauth/sessions/{mine.session_id}/revoke", headers=headers)


def test_logout_all(place, transcript):
    mine, _, _ = started(place, 3)
    said = transcript("authvital-logout-all")
    said.ask("nobody", "POST", "/oauth/logout-all", headers=JSON, json={})
    for case, body in {
        "of an application that is not known": {"application_id": "no"},
        "not an application": {"application_id": 7},
        "all": {},
        "afterwards": {},
    }.items():
        said.ask(case, "POST", "/oauth/logout-all", headers=mine.bearer, json=body)


def test_logout(place, transcript):
    mine, said = started(place), transcript("authvital-logout")
    for case, body in {
        "an access token": {"refresh_token": mine.access},
        "a refresh token": {"refresh_token": mine.refresh},
        "once more": {"refresh_token": mine.refresh},
        "rubbish": {"refresh_token": "rubbish"},
        "nothing": {},
    }.items():
        said.ask(case, "POST", "/oauth/logout", json=body)


# ── OAuth ─────────────────────────────────────────────────────────────────────────────────────


def test_token_refresh_and_machine(place, transcript, shop):
    mine, said = started(place), transcript("oauth-token")

    def refresh(case, token, auth=shop, **more):
        form = {"grant_type": "refresh_token", "refresh_token": token} | more
        return said.ask(case, "POST", "/oauth/token", form=form, auth=auth).json()

    second = refresh("refresh", mine.refresh)["refresh_token"]
    refresh("of the generation before, within the grace", mine.refresh)
    refresh("by another application", second, auth=("rival", place.secrets["rival"]))
    refresh("by nobody", second, auth=None)
    refresh("with a wrong secret", second, auth=("shop", "wrong"))
    refresh("for more than was granted", second, scope="openid admin")
    third = refresh("for less", second, scope="openid")["refresh_token"]
    refresh("a replay", mine.refresh)
    refresh("after it", third)
    refresh("rubbish", "rubbish")
    with Browser(place) as browser:
        code = browser.enter(str(uuid4())).authorize(authorize(scope="openid"))["code"]
    redeem = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
    }
    said.ask("a code", "POST", "/oauth/token", form=redeem, auth=shop)
    said.ask("a code once more", "POST", "/oauth/token", form=redeem, auth=shop)
    machine = {"grant_type": "client_credentials", "scope": "openid"}
    said.ask("an application itself", "POST", "/oauth/token", form=machine, auth=shop)
    in_body = machine | {"client_id": "shop", "client_secret": shop[1]}
    said.ask("the same in JSON", "POST", "/oauth/token", json=in_body)
    said.ask("a public one", "POST", "/oauth/token", form=machine | {"client_id": "pocket"})
    said.ask("for too much", "POST", "/oauth/token", form=machine | {"scope": "admin"}, auth=shop)
    said.ask("who asks, twice", "POST", "/oauth/token", form=in_body, auth=shop)
    said.ask("no such grant", "POST", "/oauth/token", form={"grant_type": "password"}, auth=shop)
    said.ask("no JSON", "POST", "/oauth/token", headers=JSON)
    said.ask("not a form", "POST", "/oauth/token", json=["grant_type"])
    said.ask("another method", "GET", "/oauth/token")


def test_introspect(place, server, transcript, shop, expired):
    mine, said = started(place), transcript("oauth-introspect")

    def introspect(case, token, auth=shop):
        said.ask(case, "POST", "/oauth/introspect", form={"token": token}, auth=auth)

    introspect("an access token", mine.access)
    introspect("a refresh token", mine.refresh)
    introspect("of another application", mine.access, ("rival", place.secrets["rival"]))
    introspect("by nobody", mine.access, None)
    said.ask(
        "by a public one", "POST", "/oauth/introspect", form={"token": mine.access, "client_id": "pocket"}
    )
    introspect("expired", expired)
    introspect("rubbish", "rubbish")
    form = {"grant_type": "client_credentials"}
    introspect("a machine's", server.post("/oauth/token", data=form, auth=shop).json()["access_token"])
    server.post("/oauth/logout", json={"refresh_token": mine.refresh})
    introspect("ended", mine.access)
    introspect("ended, its refresh token", mine.refresh)


def test_revoke_a_token(place, transcript, shop):
    first, second = started(place, 2)
    said = transcript("oauth-revoke")

    def revoke(case, token, auth=shop, **more):
        said.ask(case, "POST", "/oauth/revoke", form={"token": token} | more, auth=auth)

    revoke("of another application", first.refresh, ("rival", place.secrets["rival"]))
    revoke("a refresh token", first.refresh)
    revoke("once more", first.refresh)
    revoke("an access token", second.access, token_type_hint="access_token")
    revoke("rubbish", "rubbish")
    revoke("no token", "")
    revoke("a wrong secret", second.refresh, ("shop", "wrong"))


def test_userinfo(place, server, transcript, shop):
    said = transcript("oauth-userinfo")
    with Browser(place) as browser:
        email = f"{uuid4().hex}@example.org"
        browser.sign_up(email)
        code = browser.authorize(authorize())["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    tokens = server.post("/oauth/token", data=form | {"code_verifier": VERIFIER}, auth=shop).json()
    for method in ("GET", "POST"):
        headers = {"authorization": f"Bearer {tokens['access_token']}"}
        said.ask("somebody", method, "/oauth/userinfo", headers=headers)
    said.ask("nobody", "GET", "/oauth/userinfo")
    for case, token in {
        "an ID token": tokens["id_token"],
        "a refresh token": tokens["refresh_token"],
    }.items():
        said.ask(case, "GET", "/oauth/userinfo", headers={"authorization": f"Bearer {token}"})


def test_discovery(transcript):
    said = transcript("discovery")
    for path in ("openid-configuration", "oauth-authorization-server", "jwks.json"):
        said.ask(path, "GET", f"/.well-known/{path}")


def test_feed(place, server, transcript, shop):
    said = transcript("oauth-feed")
    page = server.get("/oauth/feed", auth=shop).json()
    while not page["complete"]:  # to its end first: what stands in it is not this test's
        page = server.get("/oauth/feed", params={"after": page["cursor"]}, auth=shop).json()
    mine = started(place)
    server.post("/oauth/logout", json={"refresh_token": mine.refresh})
    said.ask("what is new", "GET", f"/oauth/feed?after={page['cursor']}", auth=shop)
    said.ask("a cursor that was made up", "GET", "/oauth/feed?after=MTc", auth=shop)
    said.ask("a wrong limit", "GET", "/oauth/feed?limit=0", auth=shop)
    said.ask("nobody", "GET", "/oauth/feed")
    said.ask("a user", "GET", "/oauth/feed", headers=started(place).bearer)


def authorize(**changed):
    asked = {
        "response_type": "code",
        "client_id": "shop",
        "redirect_uri": CALLBACK,
        "scope": "openid profile email",
        "state": "a state",
        "nonce": "a nonce",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    return {name: value for name, value in (asked | changed).items() if value is not None}


def path_of(**changed):
    return f"/oauth/authorize?{urlencode(authorize(**changed))}"


def test_authorize(place, transcript):
    with Browser(place) as browser:
        said = transcript("oauth-authorize", browser.client)
        said.ask("nobody is signed in", "GET", path_of())
        said.ask("nobody is signed in, and nobody is to be asked", "GET", path_of(prompt="none"))
        said.ask("by a form", "POST", "/oauth/authorize", form=authorize())
        browser.enter(str(uuid4()))
        said.ask("somebody is, who has not agreed", "GET", path_of(prompt="none"))
        said.ask("the page", "GET", path_of())
        cases: dict[str, dict[str, str | None]] = {
            "without PKCE": {"code_challenge": None, "code_challenge_method": None},
            "with plain PKCE": {"code_challenge_method": "plain"},
            "for tokens": {"response_type": "token"},
            "for too much": {"scope": "openid admin"},
            "for a tenant that is not known": {"tenant": "nowhere"},
            "without a state": {"state": None, "response_type": None},
            "an address that is not registered": {"redirect_uri": CALLBACK + "/"},
            "an application that is not known": {"client_id": "nobody"},
        }
        for case, changed in cases.items():
            said.ask(case, "GET", path_of(**changed))
        browser.authorize(authorize())
        said.ask("to sign in again", "GET", path_of(prompt="login"))
        said.ask("signed in lately enough", "GET", path_of(max_age="3600"))


def test_logout_page(place, server, transcript, shop):
    with Browser(place) as browser:
        said = transcript("oauth-logout", browser.client)
        there = f"/oauth/logout?{urlencode({'post_logout_redirect_uri': LEAVING, 'state': 'a state'})}"
        said.ask("nobody", "GET", "/oauth/logout")
        code = browser.enter(str(uuid4())).authorize(authorize(scope="openid"))["code"]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
        tokens = server.post("/oauth/token", data=form | {"code_verifier": VERIFIER}, auth=shop).json()
        said.ask("without a hint the user is asked", "GET", f"{there}&client_id=shop")
        said.ask("an access token is no hint", "GET", f"{there}&id_token_hint={tokens['access_token']}")
        said.ask("the form of another site", "POST", "/oauth/logout/confirm", form={"client_id": "shop"})
        hint = f"id_token_hint={tokens['id_token']}"
        said.ask("with a hint", "GET", f"{there}&{hint}")
        said.ask("with a hint, once more", "GET", f"{there}&{hint}")
        said.ask(
            "to an address that is not registered",
            "GET",
            f"/oauth/logout?post_logout_redirect_uri={CALLBACK}&{hint}",
        )
