"""The dialect of Auth.js: what it answers in either version, and what it withstands."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from sojourn.api import authjs
from sojourn.errors import SettingsError
from sojourn.events import Revoked
from sojourn.settings import load
from tests.web.kit import ADA, ORIGIN, PASSWORD, SESSION, cookies_set

BASE = "/api/auth"
READ = f"{BASE}/session"
SIGN_IN = f"{BASE}/callback/credentials"
SIGN_OUT = f"{BASE}/signout"


@pytest.fixture(params=["v4", "v5"])
def version(request):
    return request.param


@pytest.fixture
def server(open_server, version):
    return open_server(authjs=version, session_fields=("theme", "locale"))


@pytest.fixture
def name(version):
    """The CSRF cookie's."""
    return {"v4": "__Host-next-auth.csrf-token", "v5": "__Host-authjs.csrf-token"}[version]


@pytest.fixture
def nobody(version):
    return {"v4": {}, "v5": None}[version]


@pytest.fixture
def send(version):
    """Send a form as the client of the version does; *script* false: as a page without one."""

    def send(browser, path, script=True, **fields):
        fields = {"callbackUrl": f"{ORIGIN}/there?a=1"} | fields
        if "csrfToken" not in fields:
            fields["csrfToken"] = browser.get(f"{BASE}/csrf").json()["csrfToken"]
        if script and version == "v4":
            fields["json"] = "true"
        headers = {"x-auth-return-redirect": "1"} if script and version == "v5" else {}
        form = {name: value for name, value in fields.items() if value is not None}
        return browser.post(path, data=form, headers=headers)

    return send


def query(url):
    return {key: values[0] for key, values in parse_qs(urlsplit(url).query).items()}


# ── the session ───────────────────────────────────────────────────────────────────────────────


def test_nobody_is_signed_in(server, nobody):
    answer = server.browser().get(READ)
    assert (answer.status_code, answer.json()) == (200, nobody)


def test_a_session_is_five_fields_and_nothing_else(ada, server):
    answer = ada.get(READ)
    shown = answer.json()
    assert shown.keys() == {"user", "expires"}
    assert shown["user"] == {"name": "ada", "email": ADA, "image": None, "id": user_of(server, ada)}
    assert ada.token not in answer.text


def test_law_10_reading_sets_no_cookie(ada):
    for _ in range(3):
        assert cookies_set(ada.get(READ)) == {}


def test_reading_is_a_use_and_the_end_is_told_as_it_is_afterwards(ada, server):
    server.clock.tick(days=10)
    assert ada.get(READ).json()["expires"] == "2026-03-26T09:00:00.000Z"  # 14 days from now
    server.clock.tick(days=13)
    assert ada.get(READ).json()["user"]["email"] == ADA


def test_a_passive_read_is_none(ada, server, nobody):
    before = ada.get(READ).json()["expires"]
    server.clock.tick(days=10)
    assert ada.get(READ, headers={"x-session-passive": "1"}).json()["expires"] == before
    server.clock.tick(days=5)
    assert ada.get(READ).json() == nobody


def user_of(server, browser):
    return server.run(server.sessions.of, browser.token).user_id


def test_the_end_of_a_session_is_nobody_and_takes_no_cookie(ada, server, nobody):
    server.run(server.sessions.revoke_all, user_of(server, ada))
    answer = ada.get(READ)
    assert (answer.status_code, answer.json(), cookies_set(answer)) == (200, nobody, {})


def test_a_visitor_and_an_account_that_is_gone_are_nobody(server, nobody):
    browser = server.browser()
    for user_id in (None, "nobody we know"):
        browser.hold(server.start(user_id).token)
        assert browser.get(READ).json() == nobody


def test_law_09_a_store_that_is_away_is_503(ada, server):
    server.clock.tick(minutes=10)
    flaky = server.lose_store()
    answer = ada.get(READ)
    assert (answer.status_code, cookies_set(answer)) == (503, {})
    flaky.away = False
    assert ada.get(READ).json()["user"]["email"] == ADA


def test_law_10_a_token_that_is_due_is_rotated_in_passing(open_server, version):
    server = open_server(authjs=version, rotate_every=timedelta(minutes=15))
    browser = server.browser()
    browser.sign_up()
    before = browser.token
    server.clock.tick(hours=1)
    program = browser.get(READ, headers={"x-session-passive": "1"})
    assert (program.json()["user"]["email"], cookies_set(program)) == (ADA, {})
    answer = browser.get(READ)
    assert answer.json()["user"]["email"] == ADA
    assert set(cookies_set(answer)) == {SESSION}
    assert browser.token != before
    assert answer.json()["expires"] == "2026-03-16T10:00:00.000Z"
    again = browser.get(READ)
    assert (again.json(), cookies_set(again)) == (answer.json(), {})


def test_what_the_application_adds_is_shown_but_no_credential(open_server, version):
    class Added:
        def __init__(self):
            self.fields = {"plan": "gold", "user": {"tenant": "acme", "email": "not@hers.test"}}

        async def __call__(self, session):
            return self.fields

    added = Added()
    server = open_server(authjs=version, custom=added)
    browser = server.browser()
    browser.sign_up()
    shown = browser.get(READ).json()
    assert (shown["plan"], shown["user"]["tenant"], shown["user"]["email"]) == ("gold", "acme", ADA)
    added.fields = {"plan": "gold", "token": browser.token}
    server.clock.tick(minutes=10)  # longer than what was worked out is kept
    assert browser.get(READ).json().keys() == {"user", "expires"}


# ── update ────────────────────────────────────────────────────────────────────────────────────


def update(browser, data, **fields):
    token = browser.get(f"{BASE}/csrf").json()["csrfToken"]
    return browser.post(READ, json={"csrfToken": token, "data": data} | fields)


def test_update_sets_what_a_client_may_set(ada, server):
    shown = update(ada, {"theme": "dark"}).json()
    assert (shown["user"]["email"], shown["theme"]) == (ADA, "dark")
    assert update(ada, {"locale": ["de", "en"]}).status_code == 200
    assert server.run(server.sessions.of, ada.token).data == {"theme": "dark", "locale": ["de", "en"]}


@pytest.mark.parametrize(
    "data", [{"role": "admin"}, {"theme": "dark", "user": {"id": "bob"}}, "dark", [1], 0]
)
def test_update_sets_nothing_else(ada, server, data):
    answer = update(ada, data)
    assert answer.status_code == 422
    assert "SOJOURN_SESSION_FIELDS" in answer.json()["message"] or "object" in answer.json()["message"]
    assert server.run(server.sessions.of, ada.token).data == {}


def test_update_is_refused_whole_where_nothing_may_be_set(open_server, version):
    server = open_server(authjs=version)
    browser = server.browser()
    browser.sign_up()
    assert "it may set nothing here" in update(browser, {"theme": "dark"}).json()["message"]


def test_update_that_is_too_large_is_refused(ada, server):
    assert update(ada, {"theme": "x" * 60_000}).status_code == 413
    assert server.run(server.sessions.of, ada.token).data == {}


def test_update_without_data_reads_and_without_a_session_is_nobody(ada, server, nobody):
    assert update(ada, None).json()["user"]["email"] == ADA
    assert update(server.browser(), {"theme": "dark"}).json() == nobody


@pytest.mark.parametrize("given", ["", "0" * 64, "é"])
def test_update_needs_the_token(ada, given):
    ada.get(f"{BASE}/csrf")
    answer = update(ada, {"theme": "dark"}, csrfToken=given)
    assert (answer.status_code, answer.json()["code"]) == (400, "csrf_failed")


# ── the token ─────────────────────────────────────────────────────────────────────────────────


def test_the_token_comes_once_in_a_cookie_that_no_script_reads(server, name):
    browser = server.browser()
    answer = browser.get(f"{BASE}/csrf")
    (set_,) = answer.headers.get_list("set-cookie")
    token = answer.json()["csrfToken"]
    value, attributes = set_.split("; ", 1)
    assert value.startswith(f"{name}={token}%7C")
    assert attributes == "Path=/; HttpOnly; SameSite=Lax; Secure"
    again = browser.get(f"{BASE}/csrf")
    assert (again.json()["csrfToken"], cookies_set(again)) == (token, {})


def test_a_token_is_of_one_browser(server, send):
    one, other = server.browser(), server.browser()
    theirs = other.get(f"{BASE}/csrf").json()["csrfToken"]
    one.get(f"{BASE}/csrf")
    assert query(send(one, SIGN_OUT, csrfToken=theirs).json()["url"])["error"] == "MissingCSRF"


def test_on_plain_http_the_cookie_has_no_prefix(open_server, version):
    origin = "http://127.0.0.1:8000"
    server = open_server(authjs=version, origin=origin)
    (set_,) = server.browser().get(f"{BASE}/csrf").headers.get_list("set-cookie")
    assert set_.startswith({"v4": "next-auth.", "v5": "authjs."}[version] + "csrf-token=")
    assert "Secure" not in set_


def planted(name, value):
    return {"cookie": f"{name}={value}".encode("latin-1"), "origin": ORIGIN}


@pytest.mark.parametrize(
    "value",
    [
        "",
        "|",
        "0" * 64,
        f"{'0' * 64}|",
        f"{'0' * 64}|{'0' * 64}",
        f"{'0' * 64}%7C{'0' * 64}",
        f"{'0' * 64}|zz",
        "\xff" * 64,
        "0" * 9_000,
    ],
)
def test_a_cookie_that_we_did_not_make_is_replaced_and_good_for_nothing(server, name, value):
    answer = server.script().get(f"{BASE}/csrf", headers=planted(name, value))
    assert answer.json()["csrfToken"] != "0" * 64
    assert set(cookies_set(answer)) == {name}
    form = {"csrfToken": "0" * 64}
    refused = server.script().post(SIGN_OUT, data=form, headers=planted(name, value))
    assert query(refused.headers["location"])["error"] == "MissingCSRF"


def test_of_two_cookies_of_that_name_neither_counts(server, name):
    browser = server.browser()
    answer = browser.get(f"{BASE}/csrf")
    token, good = answer.json()["csrfToken"], answer.headers["set-cookie"].split("; ")[0]
    form = {"csrfToken": token}
    script = server.script()
    once = script.post(SIGN_OUT, data=form, headers=planted(name, f"{good.partition('=')[2]}; {good}"))
    assert "error" not in query(once.headers["location"])
    twice = script.post(SIGN_OUT, data=form, headers=planted(name, f"other; {good}"))
    assert query(twice.headers["location"])["error"] == "MissingCSRF"


# ── signing in ────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def known(ada, server):
    """A browser in which nobody is signed in; Ada has an account."""
    return server.browser(ip="203.0.113.99")


@pytest.mark.parametrize("field", ["email", "username"])
def test_a_password_signs_in(known, send, field):
    answer = send(known, SIGN_IN, **{field: ADA, "password": PASSWORD})
    assert (answer.status_code, answer.json()) == (200, {"url": f"{ORIGIN}/there?a=1"})
    assert int(cookies_set(answer)[SESSION]["max-age"]) > 86_400
    assert known.get(READ).json()["user"]["email"] == ADA


def test_without_a_script_it_leads_on(known, send):
    answer = send(known, SIGN_IN, script=False, email=ADA, password=PASSWORD)
    assert (answer.status_code, answer.headers["location"]) == (302, f"{ORIGIN}/there?a=1")


def test_json_will_do(known):
    token = known.get(f"{BASE}/csrf").json()["csrfToken"]
    body = {"csrfToken": token, "email": ADA, "password": PASSWORD, "callbackUrl": "/", "remember": False}
    answer = known.post(SIGN_IN, json=body | {"json": True}, headers={"x-auth-return-redirect": "1"})
    assert answer.json() == {"url": f"{ORIGIN}/"}
    assert not cookies_set(answer)[SESSION]["max-age"]


WRONG = [
    {"email": ADA, "password": "wrong"},
    {"email": "nobody@example.org", "password": PASSWORD},
    {"email": ADA},
    {"password": PASSWORD},
    {},
    {"email": ADA, "password": "x" * 1_025},
    {"email": "x" * 321, "password": PASSWORD},
]


@pytest.mark.parametrize("given", WRONG, ids=lambda given: "+".join(given))
def test_a_wrong_password_is_told_in_their_way(known, send, version, given):
    answer = send(known, SIGN_IN, **given)
    said = query(answer.json()["url"])
    assert said.pop("error") == "CredentialsSignin"
    assert said == {"callbackUrl": f"{ORIGIN}/there?a=1"} | (
        {"code": "credentials"} if version == "v5" else {}
    )
    assert answer.status_code == (200 if version == "v5" else 401)
    assert SESSION not in cookies_set(answer)
    page = send(known, SIGN_IN, script=False, **given)
    assert page.status_code == 302
    there = known.get(known.get(page.headers["location"]).headers["location"])
    assert "The e-mail address or the password is wrong." in there.text


def test_too_many_attempts_are_told_with_status_and_address(known, send, version):
    answers = [send(known, SIGN_IN, email=ADA, password="wrong") for _ in range(11)]
    last = answers[-1]
    assert (last.status_code, last.json()["code"]) == (429, "rate_limited")
    said = query(last.json()["url"])
    assert said["error"] == "CredentialsSignin"
    assert version == "v4" or said["code"] == "rate_limited"


def test_law_09_a_store_that_is_away_is_503_with_an_address(known, server, send):
    known.get(f"{BASE}/csrf")
    server.lose_store()
    answer = send(known, SIGN_IN, email=ADA, password=PASSWORD)
    assert answer.status_code == 503
    assert query(answer.json()["url"])["error"] == "Configuration"
    assert SESSION not in cookies_set(answer)


@pytest.mark.parametrize("path", [SIGN_IN, f"{BASE}/signin/credentials", SIGN_OUT])
@pytest.mark.parametrize("script", [True, False])
def test_every_form_needs_the_token(ada, server, send, version, path, script):
    for given in (None, "", "0" * 64):
        answer = send(ada, path, script=script, csrfToken=given, email=ADA, password=PASSWORD)
        url = answer.json()["url"] if script else answer.headers["location"]
        assert answer.status_code == (200 if script else 302)
        assert query(url)["error"] == "MissingCSRF"
        assert cookies_set(answer) == {}
        page = "/signout" if version == "v4" and path == SIGN_OUT else "/signin"
        assert urlsplit(url).path == BASE + page
    assert ada.signed_in()
    assert server.told(Revoked) == []


@pytest.mark.parametrize("path", [READ, SIGN_IN, f"{BASE}/signin/credentials", SIGN_OUT])
def test_another_site_is_refused_even_with_the_token(ada, server, path):
    token = ada.get(f"{BASE}/csrf").json()["csrfToken"]
    for headers in ({"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}):
        answer = ada.post(path, data={"csrfToken": token}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed")
    assert server.told(Revoked) == []


def test_ways_to_sign_in(server):
    base = ORIGIN + BASE
    assert server.browser().get(f"{BASE}/providers").json() == {
        "credentials": {
            "id": "credentials",
            "name": "Credentials",
            "type": "credentials",
            "signinUrl": f"{base}/signin/credentials",
            "callbackUrl": f"{base}/callback/credentials",
        }
    }


@pytest.mark.parametrize("id", ["credentials", "nobody", "%00"])
def test_without_a_provider_it_is_done_on_our_page(server, send, id):
    browser = server.browser()
    answer = send(browser, f"{BASE}/signin/{id}")
    assert query(answer.json()["url"]) == {"callbackUrl": f"{ORIGIN}/there?a=1"}
    page = browser.get(answer.json()["url"])
    assert query(page.headers["location"]) == {"next": "/there?a=1"}


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("SessionRequired", "Please sign in to continue."),
        ("MissingCSRF", "This page is out of date. Please try again."),
        ("Configuration", "The service is not available for a moment."),
        ("OAuthSignin", "We cannot reach the other service"),
        ("<script>", "You were not signed in."),
        ("CredentialsSignin&code=rate_limited", "Too many attempts."),
        ("CredentialsSignin&code=<b>", "The e-mail address or the password is wrong."),
    ],
)
def test_the_page_says_what_is_wrong(server, error, words):
    browser = server.browser()
    answer = browser.get(f"{BASE}/signin?callbackUrl=/there&error={error}")
    page = browser.get(answer.headers["location"]).text
    assert words in page
    assert 'name="next" value="/there"' in page
    assert "<script>" not in page


# ── where it leads ────────────────────────────────────────────────────────────────────────────

HERE = [
    (f"{ORIGIN}/a?b=c#d", f"{ORIGIN}/a?b=c#d"),
    (ORIGIN, ORIGIN),
    (f"{ORIGIN}?b=c", f"{ORIGIN}?b=c"),
    ("/a?to=https://evil.test//b", f"{ORIGIN}/a?to=https://evil.test//b"),
    ("/a", f"{ORIGIN}/a"),
    ("/a b/é", f"{ORIGIN}/a%20b/%C3%A9"),
]
ELSEWHERE = [
    "https://evil.test/",
    "https://good.test.evil.test/",
    "https://good.test@evil.test/",
    "https://good.test:444/",
    "https://good.test\\@evil.test/",
    "http://good.test/",
    "//evil.test/",
    "/\\evil.test/",
    "/%5cevil.test/",
    "/\t/evil.test/",
    "\t//evil.test",
    "javascript:alert(1)",
    "data:text/html,x",
    "/a\r\nset-cookie: x=y",
    f"{ORIGIN}//evil.test/",
    f"{ORIGIN}/%2F%2Fevil.test/..",
    f"{ORIGIN}/%252e%252e/",
    f"{ORIGIN}.evil.test",
    "a",
    "",
    "/" + "x" * 3_000,
]


@pytest.mark.parametrize(("asked", "leads"), HERE)
def test_it_leads_to_an_address_of_ours(server, send, asked, leads):
    assert send(server.browser(), SIGN_OUT, callbackUrl=asked).json() == {"url": leads}


@pytest.mark.parametrize("asked", ELSEWHERE)
def test_it_leads_nowhere_else(server, send, asked):
    browser = server.browser()
    assert send(browser, SIGN_OUT, callbackUrl=asked).json()["url"] == ORIGIN
    assert send(browser, SIGN_OUT, script=False, callbackUrl=asked).headers["location"] == ORIGIN
    page = browser.get(f"{BASE}/signin", params={"callbackUrl": asked})
    assert query(page.headers["location"])["next"] == "/"


# ── signing out ───────────────────────────────────────────────────────────────────────────────


def test_signing_out_ends_the_session(ada, send, nobody):
    answer = send(ada, SIGN_OUT)
    assert answer.json() == {"url": f"{ORIGIN}/there?a=1"}
    assert cookies_set(answer)[SESSION]["max-age"] == "0"
    assert ada.get(READ).json() == nobody
    assert send(ada, SIGN_OUT).json() == {"url": f"{ORIGIN}/there?a=1"}  # and once more


def test_a_link_asks_before_it_signs_out(ada, server, name):
    page = ada.get(f"{SIGN_OUT}?callbackUrl=https://evil.test/")
    assert "Sign out?" in page.text
    assert "evil.test" not in page.text
    assert set(cookies_set(page)) == {name}
    assert ada.signed_in()
    assert "You are signed out" in server.browser().get(SIGN_OUT).text


def test_law_09_signing_out_while_the_store_is_away_takes_the_cookie(ada, server, send):
    ada.get(f"{BASE}/csrf")
    server.lose_store()
    answer = send(ada, SIGN_OUT)
    assert answer.status_code == 503
    assert cookies_set(answer)[SESSION]["max-age"] == "0"


# ── what no client sends ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", [READ, f"{BASE}/csrf", f"{BASE}/providers", SIGN_OUT])
def test_head_is_get_without_a_body(ada, path):
    assert (ada.head(path).status_code, ada.head(path).content) == (200, b"")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", [READ, f"{BASE}/csrf", f"{BASE}/providers", SIGN_OUT, SIGN_IN])
def test_other_methods_are_refused(ada, method, path):
    answer = ada.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")


BODIES = [
    (b"x" * 70_000, "application/x-www-form-urlencoded", 413),
    (b"\xff=\xff", "application/x-www-form-urlencoded", 400),
    (b"&" * 60_000 + b"a=b&" * 60, "application/x-www-form-urlencoded", 400),
    (b"csrfToken=a", "text/plain", 415),
    (b"csrfToken=a", "multipart/form-data; boundary=x", 415),
    (b"[]", "application/json", 422),
    (b'{"csrfToken": 1}', "application/json", 422),
    (b"{", "application/json", 400),
    (b"[" * 60_000, "application/json", 422),
]


@pytest.mark.parametrize("path", [SIGN_IN, f"{BASE}/signin/credentials", SIGN_OUT])
@pytest.mark.parametrize(("body", "kind", "status"), BODIES)
def test_a_broken_body_is_refused(ada, server, path, body, kind, status):
    answer = ada.post(path, content=body, headers={"content-type": kind, "x-auth-return-redirect": "1"})
    assert answer.status_code == status
    assert ada.signed_in()


def test_data_that_is_nested_too_deeply_is_refused(ada):
    body = b'{"data": ' + b"[" * 60_000
    answer = ada.post(READ, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400


def test_two_session_cookies_are_refused(server, ada):
    script = server.script(cookie=f"{SESSION}={ada.token}; {SESSION}=other")
    for path in (READ, f"{BASE}/csrf"):
        assert script.get(path).json()["code"] == "cookie_rejected"


def test_an_authorization_header_that_is_nothing_hides_no_cookie(ada):
    assert ada.get(READ, headers={"authorization": "Bearer a.b.c"}).json()["user"]["email"] == ADA


def test_behind_a_header_of_that_kind_another_site_gets_nothing_done(ada, server):
    token = ada.get(f"{BASE}/csrf").json()["csrfToken"]
    headers = {"authorization": "Bearer a.b.c", "sec-fetch-site": "cross-site"}
    ada.post(SIGN_OUT, data={"csrfToken": token}, headers=headers)
    ada.post(READ, json={"csrfToken": token, "data": {"theme": "dark"}}, headers=headers)
    assert ada.signed_in()
    assert server.run(server.sessions.of, ada.token).data == {}


# ── the setting ───────────────────────────────────────────────────────────────────────────────


def test_without_the_setting_there_is_nothing(open_server):
    browser = open_server().browser()
    for route in authjs.ROUTES["v5"]:
        path = route.path.replace("{provider}", "x")
        shared = route.path == SIGN_IN  # a provider's way back is there, for GET
        assert browser.request(route.method, path).status_code == (405 if shared else 404), path


def test_both_versions_have_the_same_routes():
    paths = [[(one.method, one.path, one.name) for one in authjs.ROUTES[v]] for v in ("v4", "v5")]
    assert paths[0] == paths[1]


@pytest.mark.parametrize(
    ("text", "version"), [("v4", "v4"), ("V5", "v5"), ("1", "v5"), ("on", "v5"), ("off", "off"), ("0", "off")]
)
def test_what_may_be_set(text, version):
    settings = load(environment={"SOJOURN_AUTHJS": text, "SOJOURN_STORE": "memory://"}).settings
    assert settings.authjs == version


def test_a_version_that_there_is_not_is_refused():
    with pytest.raises(SettingsError, match="SOJOURN_AUTHJS is 'v6'; give v4, v5 or off"):
        load(environment={"SOJOURN_AUTHJS": "v6"})
