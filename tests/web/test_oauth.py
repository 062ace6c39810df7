"""OAuth endpoints: tokens for applications, asking about them, giving them back."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from sojourn.directory import Directory, Registered
from sojourn.session import Reason
from tests.web.kit import ADA, PASSWORD, Browser, Guests, check_problem, cookies_set

VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
CALLBACK = "https://app.test/callback"


class Client:
    """An application with its secret, and what it asks of the server."""

    def __init__(self, server: Guests, registered: Registered) -> None:
        self.server, self.script = server, server.script()
        self.id, self.secret = registered.application.id, registered.secret

    @property
    def auth(self) -> dict[str, str]:
        pair = base64.b64encode(f"{self.id}:{self.secret}".encode()).decode()
        return {"authorization": f"Basic {pair}"}

    def post(self, path: str, **fields: Any) -> Any:
        return self.script.post(f"/oauth/{path}", data=fields, headers=self.auth)

    def refresh(self, token: str, **fields: Any) -> Any:
        return self.post("token", grant_type="refresh_token", refresh_token=token, **fields)

    def introspect(self, token: str) -> Any:
        return self.post("introspect", token=token).json()

    def start(self, user_id: str, **fields: Any) -> Any:
        return self.server.start(user_id, application_id=self.id, bearer=True, **fields)

    def access(self, session: Any, **more: Any) -> str:
        issuer = self.server.site.issuer
        assert issuer is not None
        text: str = self.server.run(issuer.issue, session, **more).text
        return text

    def code(self, browser: Browser, **changes: str) -> str:
        """A code for the user of *browser*, who says yes."""
        answer = ask(browser, self.id, **changes)
        if answer.status_code == 200:
            answer = browser.get(link(answer.text, "Continue"))
        assert answer.status_code == 303, answer.text
        return parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]

    def redeem(self, code: str, **changes: str) -> Any:
        fields = {"code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER} | changes
        return self.post("token", grant_type="authorization_code", **fields)


def ask(browser: Browser, client: str, **changes: str) -> Any:
    query = {
        "client_id": client,
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "scope": "openid email",
        "state": "s1",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    } | changes
    return browser.get("/oauth/authorize", params={k: v for k, v in query.items() if v})


def link(page: str, text: str) -> str:
    """The address of the link with *text*."""
    found = re.search(rf'<a [^>]*href="([^"]*)"[^>]*>{text}</a>', page)
    assert found is not None, page
    return html.unescape(found.group(1))


def said(answer: Any) -> dict[str, str]:
    """What the browser carries back to the application."""
    assert answer.status_code == 303, answer.text
    target = urlsplit(answer.headers["location"])
    assert f"{target.scheme}://{target.netloc}{target.path}" == CALLBACK
    return {name: values[0] for name, values in parse_qs(target.query).items()}


def error(answer: Any) -> tuple[int, str]:
    body = answer.json()
    assert body["message"] == body["error_description"] != ""
    assert "no-store" in answer.headers["cache-control"]
    return answer.status_code, body["error"]


@pytest.fixture
def app(server: Guests, directory: Directory) -> Client:
    registered = server.run(directory.create_application, "App", id="app_one", redirect_uris=[CALLBACK])
    return Client(server, registered)


@pytest.fixture
def other(server: Guests, directory: Directory) -> Client:
    registered = server.run(directory.create_application, "Other", id="app_two", redirect_uris=[CALLBACK])
    return Client(server, registered)


@pytest.fixture
def user_id(ada: Browser) -> str:
    found: str = ada.get("/api/auth/sessions/current").json()["user"]["id"]
    return found


# ── refresh ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("R-01", "R-05")
@pytest.mark.parametrize("how", ["form", "json"])
def test_a_refresh_token_is_good_for_the_next_two(app, user_id, how):
    issued = app.start(user_id)
    fields = {"grant_type": "refresh_token", "refresh_token": issued.token}
    answer = app.script.post(
        "/oauth/token", headers=app.auth, **{"data" if how == "form" else "json": fields}
    )
    body = answer.json()
    assert (body["token_type"], answer.headers["x-sojourn-verdict"]) == ("Bearer", "rotated")
    assert body["refresh_token"] != issued.token
    assert "no-store" in answer.headers["cache-control"]
    assert cookies_set(answer) == {}
    assert app.introspect(body["access_token"])["sid"] == str(issued.session.id)


@pytest.mark.req("R-04", "A10-10.4.10")
def test_it_is_good_for_its_own_application_alone_and_only_with_the_secret(server, app, other, user_id):
    issued = app.start(user_id)
    assert error(other.refresh(issued.token)) == (400, "invalid_grant")
    bare = server.script()
    fields = {"grant_type": "refresh_token", "refresh_token": issued.token}
    assert error(bare.post("/oauth/token", data=fields)) == (400, "invalid_grant")
    named = fields | {"client_id": app.id}
    assert error(bare.post("/oauth/token", data=named)) == (401, "invalid_client")
    wrong = named | {"client_secret": other.secret}
    assert error(bare.post("/oauth/token", data=wrong)) == (401, "invalid_client")
    assert bare.post("/oauth/token", data=named | {"client_secret": app.secret}).status_code == 200


@pytest.mark.req("R-02")
def test_every_reason_for_a_bad_grant_is_one_answer(server, app, other, user_id):
    revoked, expired, replayed = (app.start(user_id) for _ in range(3))
    server.run(server.sessions.revoke, revoked.session.id, owner=user_id)
    for token in (app.refresh(replayed.token).json()["refresh_token"],):
        app.refresh(token)
    server.clock.tick(minutes=11)
    answers = [
        app.refresh(token)
        for token in (revoked.token, replayed.token, "nonsense", "", other.start(user_id).token)
    ]
    server.clock.tick(days=31)
    answers.append(app.refresh(expired.token))
    assert len({(answer.status_code, answer.text) for answer in answers}) == 1
    assert error(answers[0]) == (400, "invalid_grant")


@pytest.mark.req("R-04")
def test_a_refresh_cannot_widen_its_scope(app, user_id):
    issued = app.start(user_id, data={"oauth_scope": "openid"})
    assert error(app.refresh(issued.token, scope="openid email")) == (400, "invalid_scope")
    body = app.refresh(issued.token, scope="openid").json()
    assert body["scope"] == "openid"
    assert app.introspect(body["access_token"])["scope"] == "openid"


def test_a_suspended_tenant_and_a_disabled_application_refresh_nothing(server, directory, app, user_id):
    tenant = server.run(directory.create_tenant, "acme")
    issued = app.start(user_id, tenant_id=tenant.id)
    server.run(directory.suspend_tenant, "acme")
    assert error(app.refresh(issued.token)) == (400, "invalid_grant")
    issued = app.start(user_id)
    server.run(directory.disable_application, app.id)
    assert error(app.refresh(issued.token)) == (401, "invalid_client")


# ── what is asked for ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, (400, "unsupported_grant_type")),
        ({"grant_type": "password"}, (400, "unsupported_grant_type")),
        ({"grant_type": "authorization_code"}, (400, "invalid_grant")),
        ({"grant_type": "client_credentials", "scope": "everything"}, (400, "invalid_scope")),
    ],
)
def test_mistakes_have_the_names_of_the_standard(app, fields, expected):
    assert error(app.post("token", **fields)) == expected


@pytest.mark.req("R-01")
@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ("grant_type=a&grant_type=b", "application/x-www-form-urlencoded"),
        ('{"grant_type": 7}', "application/json"),
        ("[]", "application/json"),
        ("<xml/>", "text/xml"),
        ("a=%ff", "application/x-www-form-urlencoded"),
    ],
)
def test_a_body_that_cannot_be_is_an_invalid_request(app, content, kind):
    answer = app.script.post("/oauth/token", content=content, headers=app.auth | {"content-type": kind})
    assert error(answer)[1] == "invalid_request"


def test_two_ways_to_say_who_asks_are_one_too_many(app):
    answer = app.post("token", grant_type="client_credentials", client_secret=app.secret)
    assert error(answer) == (400, "invalid_request")


@pytest.mark.req("R-03", "AX-14.2.1")
def test_a_secret_in_the_address_is_not_looked_at(server, app):
    query = f"grant_type=client_credentials&client_id={app.id}&client_secret={app.secret}"
    assert error(server.script().post(f"/oauth/token?{query}"))[1] == "unsupported_grant_type"


# ── an application itself ─────────────────────────────────────────────────────────────────────


def test_an_application_gets_a_token_of_its_own_which_is_nobodys_session(server, app):
    body = app.post("token", grant_type="client_credentials", scope="openid").json()
    assert "refresh_token" not in body
    told = app.introspect(body["access_token"])
    assert (told["sub"], told["client_id"], told["active"]) == (app.id, app.id, True)
    assert "sid" not in told
    headers = {"authorization": f"Bearer {body['access_token']}"}
    assert server.script().get("/api/auth/sessions", headers=headers).status_code == 401
    assert server.script().get("/oauth/userinfo", headers=headers).status_code == 401


def test_a_public_application_has_none(server, directory):
    registered = server.run(
        directory.create_application, "Page", id="page", public=True, redirect_uris=[CALLBACK]
    )
    public = server.script()
    fields = {"grant_type": "client_credentials", "client_id": registered.application.id}
    assert error(public.post("/oauth/token", data=fields)) == (400, "unauthorized_client")


# ── codes ─────────────────────────────────────────────────────────────────────────────────────


def test_a_user_says_yes_and_the_application_gets_a_session_on_that_device(server, app, ada):
    answer = ask(ada, app.id, nonce="n1")
    assert "Continue to App" in answer.text
    assert ADA in answer.text
    back = said(ada.get(link(answer.text, "Continue")))
    assert (back["state"], back["iss"]) == ("s1", "https://good.test")
    body = app.redeem(back["code"]).json()
    assert body["scope"] == "openid email"
    row = next(row for row in ada.rows() if row["application_id"] == app.id)
    assert (row["device"]["name"], row["ip"]) == ("Firefox 143 on Linux", "203.0.113.7")
    assert "In <bdi>App</bdi>" in ada.get("/account/security").text
    headers = {"authorization": f"Bearer {body['access_token']}"}
    info = server.script().get("/oauth/userinfo", headers=headers).json()
    assert (info["email"], "name" in info) == (ADA, False)


def test_who_said_yes_in_this_browser_is_not_asked_again_until_signed_out(server, app, ada):
    app.redeem(app.code(ada))
    assert "code" in said(ask(ada, app.id))
    assert "code" in said(ask(ada, app.id, prompt="none"))
    assert ask(ada, app.id, prompt="consent").status_code == 200
    row = next(row for row in ada.rows() if row["application_id"] == app.id)
    ada.delete(f"/api/auth/sessions/{row['id']}")
    assert ask(ada, app.id).status_code == 200
    assert said(ask(ada, app.id, prompt="none"))["error"] == "interaction_required"


@pytest.mark.req("A7-7.6.2")
def test_no_get_signs_anybody_in_unasked(server, app, ada):
    ask(ada, app.id)
    assert [row["application_id"] for row in ada.rows()] == [None]


def test_each_tab_of_a_public_application_has_a_session_of_its_own(server, directory, ada):
    registered = server.run(
        directory.create_application, "Page", id="page", public=True, redirect_uris=[CALLBACK]
    )
    page = Client(server, registered)
    fields = {"grant_type": "authorization_code", "client_id": "page", "redirect_uri": CALLBACK}
    tabs = []
    for prompt in ("", "none"):  # the second one silently, as pages renew their tokens
        code = page.code(ada, prompt=prompt)
        data = fields | {"code": code, "code_verifier": VERIFIER}
        tabs.append(server.script().post("/oauth/token", data=data).json()["refresh_token"])
    again = {"grant_type": "refresh_token", "client_id": "page"}
    for token in tabs:
        assert server.script().post("/oauth/token", data=again | {"refresh_token": token}).status_code == 200


def test_a_confidential_one_has_one_for_each_browser(app, ada):
    first, second = app.redeem(app.code(ada)).json(), app.redeem(app.code(ada)).json()
    assert app.introspect(first["access_token"]) == {"active": False}
    assert app.introspect(second["access_token"])["active"]


def test_without_a_token_the_challenge_is_one_for_tokens(server):
    for path in ("/oauth/userinfo", "/oauth/sessions"):
        answer = server.script().get(path)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="sojourn"')


def test_who_says_no_is_sent_back_without_a_code(app, ada):
    back = link(ask(ada, app.id).text, "Cancel")
    assert "error=access_denied" in back
    assert back.startswith(CALLBACK)


def test_a_yes_is_for_this_session_and_this_request(server, app, ada):
    yes = link(ask(ada, app.id).text, "Continue")
    assert ask(ada, app.id, scope="openid profile email").status_code == 200
    widened = yes.replace("openid+email", "openid+profile+email")
    assert widened != yes
    assert ada.get(widened).headers["location"].startswith("/oauth/authorize?")
    stranger = server.browser()
    stranger.sign_up("eve@example.org")
    assert stranger.get(yes).headers["location"].startswith("/oauth/authorize?")


def test_who_is_not_signed_in_signs_in_first_and_is_led_back_to_the_question(server, app, ada):
    browser = server.browser()
    answer = ask(browser, app.id)
    assert answer.headers["location"].startswith("/sign-in?next=")
    page = browser.get(answer.headers["location"]).text
    field = re.search(r'name="csrf" value="([^"]*)"', page)
    following = re.search(r'name="next" value="([^"]*)"', page)
    assert field
    assert following
    form = {
        "csrf": html.unescape(field.group(1)),
        "next": html.unescape(following.group(1)),
        "email": ADA,
        "password": PASSWORD,
    }
    led = browser.post("/sign-in", data=form).headers["location"]
    # A redirect to another origin would be stopped: a form has led here, and form-action is 'self'.
    question = browser.get(led)
    assert question.status_code == 200
    assert "code" in said(browser.get(link(question.text, "Continue")))
    assert said(ask(server.browser(), app.id, prompt="none"))["error"] == "login_required"


@pytest.mark.req("A7-7.6.1", "S-03")
def test_an_application_may_ask_for_a_recent_proof(server, app, ada):
    assert ask(ada, app.id, max_age="60").status_code == 200
    server.clock.tick(minutes=2)
    assert ask(ada, app.id, max_age="60").headers["location"].startswith("/confirm?next=")
    assert said(ask(ada, app.id, max_age="60", prompt="none"))["error"] == "login_required"
    answer = ask(ada, app.id, prompt="login")
    assert answer.headers["location"].startswith("/confirm?next=")
    assert "prompt" not in answer.headers["location"]


@pytest.mark.req("S-03", "S-06")
def test_the_session_of_a_code_is_as_old_as_the_proof(server, app, ada):
    proved = int(server.clock().timestamp())
    server.clock.tick(minutes=20)
    body = app.redeem(app.code(ada)).json()
    assert app.introspect(body["access_token"])["auth_time"] == proved


@pytest.mark.req("A10-10.1.2", "R-04")
@pytest.mark.parametrize(
    "changes",
    [
        {"code_verifier": "w" * 43},
        {"code_verifier": ""},
        {"code_verifier": CHALLENGE},
        {"redirect_uri": "https://app.test/callback/"},
        {"redirect_uri": ""},
        {"code": "sjc_nonsense"},
    ],
)
def test_a_code_is_for_who_asked_for_it(app, ada, changes):
    code = app.code(ada)
    assert error(app.redeem(**{"code": code} | changes)) == (400, "invalid_grant")


def test_a_code_of_another_application_is_none_and_is_spent(app, other, ada):
    code = app.code(ada)
    assert error(other.redeem(code)) == (400, "invalid_grant")
    assert error(app.redeem(code)) == (400, "invalid_grant")


def test_a_code_lasts_a_minute(server, app, ada):
    code = app.code(ada)
    server.clock.tick(seconds=61)
    assert error(app.redeem(code)) == (400, "invalid_grant")


def test_a_code_that_comes_twice_ends_what_came_of_it(server, app, ada):
    code = app.code(ada)
    body = app.redeem(code).json()
    assert app.introspect(body["access_token"])["active"]
    assert error(app.redeem(code)) == (400, "invalid_grant")
    assert app.introspect(body["access_token"]) == {"active": False}


def test_a_code_is_worth_nothing_once_its_user_has_signed_out(app, ada):
    code = app.code(ada)
    ada.post("/api/auth/sign-out")
    assert error(app.redeem(code)) == (400, "invalid_grant")


def test_what_is_held_buys_refreshes_and_opens_nothing_until_that_is_undone(server, app, ada):
    """Afterwards all goes on: the refresh token was not taken for a replayed one."""
    body, code = app.redeem(app.code(ada)).json(), app.code(ada)
    phone = server.browser()
    phone.sign_in()
    mine = next(row["id"] for row in phone.rows() if row["current"])
    held = [row["id"] for row in phone.rows() if row["id"] != mine]
    for id in held:
        assert phone.delete(f"/api/auth/sessions/{id}?undo=true").json()["undo_until"]
    assert app.introspect(body["access_token"]) == {"active": False}
    assert error(app.refresh(body["refresh_token"])) == (400, "invalid_grant")
    assert error(app.redeem(code)) == (400, "invalid_grant")
    for id in held:
        assert phone.post(f"/api/auth/sessions/{id}/undo").status_code == 200
    refreshed = app.refresh(body["refresh_token"])
    assert refreshed.status_code == 200
    assert app.introspect(refreshed.json()["access_token"])["active"]


def test_an_application_takes_over_the_idle_timeout_of_its_user(server, app, ada):
    assert ada.patch("/api/auth/preferences", json={"idle_timeout": 3600}).status_code == 200
    body = app.redeem(app.code(ada)).json()
    server.clock.tick(minutes=62)
    assert app.introspect(body["access_token"]) == {"active": False}
    assert error(app.refresh(body["refresh_token"])) == (400, "invalid_grant")


@pytest.mark.req("A3-3.7.2", "TH-17")
@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": "https://evil.test/"},
        {"redirect_uri": CALLBACK + "?x=1"},
        {"redirect_uri": "https://app.test:444/callback"},
        {"redirect_uri": ""},
        {"client_id": "nobody"},
        {"client_id": ""},
    ],
)
def test_nobody_is_sent_where_nothing_is_registered(app, ada, changes):
    answer = ask(ada, app.id, **changes)
    assert answer.status_code == 400
    assert "text/html" in answer.headers["content-type"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": ""}, "unsupported_response_type"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": ""}, "invalid_request"),
        ({"scope": "openid admin"}, "invalid_scope"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "dance"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "٣"}, "invalid_request"),
        ({"nonce": "n" * 513}, "invalid_request"),
        ({"tenant": "nowhere"}, "access_denied"),
    ],
)
def test_other_mistakes_are_told_to_the_application(app, ada, changes, expected):
    back = said(ask(ada, app.id, **changes))
    assert (back["error"], back["state"]) == (expected, "s1")
    assert "code" not in back


def test_a_code_for_a_tenant_gives_a_session_of_it(server, directory, app, ada):
    tenant = server.run(directory.create_tenant, "acme", "Acme Ltd")
    answer = ask(ada, app.id, tenant="acme")
    assert "Acme Ltd" in answer.text
    code = said(ada.get(link(answer.text, "Continue")))["code"]
    told = app.introspect(app.redeem(code).json()["access_token"])
    assert told["tenant_id"] == tenant.id


def test_an_id_token_is_for_its_application_and_opens_nothing(server, app, ada):
    body = app.redeem(app.code(ada, nonce="n1", scope="openid profile")).json()
    payload = body["id_token"].split(".")[1]
    said = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert (said["aud"], said["nonce"], "email" in said) == (app.id, "n1", False)
    headers = {"authorization": f"Bearer {body['id_token']}"}
    assert server.script().get("/api/auth/sessions", headers=headers).status_code == 401
    assert app.introspect(body["id_token"]) == {"active": False}


# ── asking, and giving back ───────────────────────────────────────────────────────────────────


@pytest.mark.req("R-18", "A10-10.3.1")
def test_what_is_not_good_is_one_answer_to_the_byte(server, app, other, user_id):
    revoked, expired, foreign, renewed = app.start(user_id), app.start(user_id), other.start(user_id), None
    tokens = [app.access(revoked.session), app.access(foreign.session), revoked.token, foreign.token]
    server.run(server.sessions.revoke, revoked.session.id, owner=user_id)
    old = app.access(expired.session)
    renewed = app.start(user_id)
    tokens.append(app.access(renewed.session))
    server.run(server.sessions.renew, renewed.session.id)
    server.clock.tick(minutes=6)
    tokens += [old, "nonsense", "", "a.b.c", renewed.token]
    answers = {app.post("introspect", token=token).content for token in tokens}
    assert answers == {b'{"active":false}'}


@pytest.mark.req("R-18", "A7-7.4.1")
def test_a_revocation_is_known_at_once(server, app, user_id):
    issued = app.start(user_id)
    token = app.access(issued.session)
    told = app.introspect(token)
    assert (told["active"], told["token_type"], told["ver"]) == (True, "Bearer", 1)
    assert told["session"]["id"] == str(issued.session.id)
    assert app.introspect(issued.token)["token_type"] == "refresh_token"
    server.run(server.sessions.revoke, issued.session.id, owner=user_id)
    assert app.introspect(token) == {"active": False}
    assert app.introspect(issued.token) == {"active": False}


@pytest.mark.req("R-18", "A10-10.4.10")
def test_nobody_asks_about_tokens_without_a_secret(server, app, user_id):
    token = app.start(user_id).token
    for fields in ({"token": token}, {"token": token, "client_id": app.id}):
        assert error(server.script().post("/oauth/introspect", data=fields)) == (401, "invalid_client")


def test_an_application_may_ask_about_the_cookie_of_its_own_origin(app, ada):
    told = app.introspect(ada.token)
    assert (told["active"], told["client_id"], told["token_type"]) == (True, "sojourn", "session_token")


def test_asking_is_no_activity(server, app, user_id):
    issued = app.start(user_id)
    server.clock.tick(minutes=5)
    before = app.introspect(issued.token)["session"]["seen_at"]
    server.clock.tick(minutes=5)
    assert app.introspect(issued.token)["session"]["seen_at"] == before


@pytest.mark.req("R-16", "R-17")
@pytest.mark.parametrize("kind", ["access", "refresh"])
def test_a_token_that_is_given_back_takes_its_session_along(server, app, user_id, kind):
    issued = app.start(user_id)
    text = issued.token if kind == "refresh" else app.access(issued.session)
    answer = app.post("revoke", token=text)
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert app.introspect(issued.token) == {"active": False}
    found = server.run(server.sessions.store.get, issued.session.id)
    assert found.reason is Reason.SIGNED_OUT


@pytest.mark.req("R-17")
def test_giving_back_what_is_none_is_fine_and_what_is_anothers_ends_nothing(app, other, user_id):
    issued = other.start(user_id)
    for text in ("nonsense", "sjn_x", issued.token, other.access(issued.session)):
        assert app.post("revoke", token=text).status_code == 200
    assert other.introspect(issued.token)["active"]
    assert error(app.post("revoke")) == (400, "invalid_request")


# ── the feed ──────────────────────────────────────────────────────────────────────────────────


def test_the_feed_says_what_ended_and_goes_on_from_there(server, app, user_id):
    first = app.script.get("/oauth/feed", headers=app.auth).json()
    assert (first["complete"], first["entries"]) == (True, [])
    issued = app.start(user_id)
    server.run(server.sessions.revoke, issued.session.id, owner=user_id)
    page = app.script.get("/oauth/feed", params={"after": first["cursor"]}, headers=app.auth).json()
    (line,) = page["entries"]
    assert (line["id"], line["reason"]) == (str(issued.session.id), "user")
    assert page["epoch"] == first["epoch"]
    again = app.script.get("/oauth/feed", params={"after": page["cursor"]}, headers=app.auth).json()
    assert again["entries"] == []


@pytest.mark.parametrize("cursor", ["", "1", "nonsense", "AAAA" * 20, "'; drop table sessions; --"])
def test_a_cursor_that_was_made_up_is_refused(app, cursor):
    answer = app.script.get("/oauth/feed", params={"after": cursor}, headers=app.auth)
    assert error(answer) == (422, "invalid_request")


def test_the_feed_is_for_applications_with_a_secret(server, ada):
    assert error(ada.get("/oauth/feed")) == (401, "invalid_client")
    assert server.script().get("/oauth/feed").headers["www-authenticate"].startswith("Basic ")


# ── what is public ────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("T-12")
@pytest.mark.parametrize("path", ["jwks.json", "openid-configuration", "oauth-authorization-server"])
def test_what_is_public_is_the_same_for_everybody_and_cacheable(server, ada, path):
    nobody, somebody = server.script().get(f"/.well-known/{path}"), ada.get(f"/.well-known/{path}")
    assert nobody.json() == somebody.json()
    assert nobody.headers["cache-control"] == "public, max-age=3600"
    assert "cookie" not in nobody.headers.get("vary", "").lower()
    assert cookies_set(somebody) == {}


def test_everything_that_is_announced_is_there(server):
    told = server.script().get("/.well-known/openid-configuration").json()
    paths = {route.path for route in server.app.routes if hasattr(route, "path")}
    for name, address in told.items():
        if name.endswith(("_endpoint", "_uri")):
            assert address.removeprefix("https://good.test") in paths, name


def test_what_is_not_there_is_json_with_a_message(server):
    answer = server.script().post("/oauth/sessions/a%2Fb/revoke")
    assert answer.status_code == 404
    check_problem(answer)


def test_a_secret_can_be_rotated_without_anybody_noticing(server, directory, app, user_id):
    before = app.secret
    app.secret = server.run(directory.rotate_secret, app.id, overlap=timedelta(hours=1)).secret
    assert app.post("token", grant_type="client_credentials").status_code == 200
    app.secret = before
    assert app.post("token", grant_type="client_credentials").status_code == 200
    server.clock.tick(hours=2)
    assert error(app.post("token", grant_type="client_credentials")) == (401, "invalid_client")


@pytest.mark.req("R-04", "A10-10.4.10")
def test_the_native_refresh_is_for_sessions_without_an_application_and_for_public_ones(
    server, directory, app, user_id
):
    answer = app.script.post("/api/auth/refresh", json={"refresh_token": app.start(user_id).token})
    assert answer.status_code == 403
    assert "/oauth/token" in answer.json()["message"]
    server.run(directory.create_application, "Page", id="page", public=True, redirect_uris=[CALLBACK])
    issued = server.start(user_id, application_id="page", bearer=True)
    answer = app.script.post("/api/auth/refresh", json={"refresh_token": issued.token})
    assert answer.status_code == 200
    assert app.refresh(answer.json()["refresh_token"]).status_code == 400


# ── what an application may not do ────────────────────────────────────────────────────────────


@pytest.mark.req("AX-8.4.2", "A10-10.3.1")
def test_an_application_of_an_administrator_administers_nothing(server, app, ada, user_id):
    server.run(server.accounts.set_role, user_id, "admin")
    theirs, own = (
        app.access(app.start(user_id).session),
        app.access(server.start(user_id, bearer=True).session),
    )
    answers = [
        server.script().get("/api/admin/users", headers={"authorization": f"Bearer {token}"}).status_code
        for token in (theirs, own)
    ]
    assert answers == [403, 200]


@pytest.mark.req("A10-10.3.1")
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "sessions/{id}", {"name": "Not mine"}),
        ("POST", "sessions/{id}/report", {}),
        ("PATCH", "preferences", {"idle_timeout": 600}),
        ("POST", "reauthenticate", {"password": PASSWORD}),
    ],
)
def test_an_application_decides_nothing_that_is_its_users_to_decide(
    server, app, ada, user_id, method, path, body
):
    token = app.access(app.start(user_id).session)
    path = f"/api/auth/{path.format(id=ada.session_id)}"
    answer = server.script().request(method, path, json=body, headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 403
    assert "application" in answer.json()["detail"]
    assert ada.signed_in()


# ── pages of other origins ────────────────────────────────────────────────────────────────────

ELSEWHERE = {"origin": "https://page.test", "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"}


@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/revoke", "/oauth/userinfo"])
def test_a_page_elsewhere_may_ask_where_no_cookie_counts(server, app, ada, user_id, path):
    preflight = ada.request("OPTIONS", path, headers=ELSEWHERE)
    assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (204, "*")
    assert "access-control-allow-credentials" not in preflight.headers
    issued = app.start(user_id)
    headers = ELSEWHERE | {"authorization": f"Bearer {app.access(issued.session)}"}
    if path == "/oauth/token":
        headers["authorization"] = app.auth["authorization"]
        fields = {"grant_type": "refresh_token", "refresh_token": issued.token}
    else:
        fields = {"token": "x"}
    answer = ada.post(path, data=fields, headers=headers)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")


@pytest.mark.req("A3-3.5.1", "A3-3.4.2")
def test_the_cookie_counts_for_nothing_there_and_everywhere_else_the_rule_holds(server, ada):
    assert ada.post("/oauth/userinfo", headers=ELSEWHERE).status_code == 401
    assert ada.get("/oauth/userinfo").status_code == 401
    assert ada.post("/oauth/introspect", data={"token": "x"}, headers=ELSEWHERE).status_code == 403
    answer = ada.post("/api/auth/sessions/revoke-all", headers=ELSEWHERE)
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


def test_a_request_may_be_sent_as_a_form(server, app, ada):
    fields = {"client_id": app.id, "redirect_uri": CALLBACK, "state": "ü&=1"}
    led = ada.post("/oauth/authorize", data=fields, headers=ELSEWHERE)
    assert led.status_code == 303
    assert said(ada.get(led.headers["location"]))["state"] == "ü&=1"


def test_a_disabled_application_gets_no_token_of_its_own(server, directory, app):
    assert app.post("token", grant_type="client_credentials").status_code == 200
    server.run(directory.store.set_application_disabled, app.id, server.clock())
    assert error(app.post("token", grant_type="client_credentials")) == (400, "unauthorized_client")
