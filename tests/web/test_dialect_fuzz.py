"""Hostile requests to every route of the dialects: never a 500, never a credential that nobody asked for."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from starlette.testclient import TestClient

from sojourn.accounts import User
from sojourn.accounts.passwords import PasswordHasher
from sojourn.api import authjs, better_auth
from sojourn.api.routes import Route
from sojourn.sessions import Issued
from sojourn.token import derive
from sojourn.web import pages
from tests.web.conftest import OpenServer
from tests.web.kit import ADA, DEVICE, FIREFOX, ORIGIN, PASSWORD, SESSION, Browser, Guests, cookies_set

ROOT, ROOTS = "root@example.org", "admin"
CREDENTIAL = re.compile(r"sj[nrb]_[\w-]{20}|eyJ[\w-]+\.[\w-]+\.[\w-]+")
HANDED_OVER = ("/sign-in/email", "/sign-up/email", "/change-password", "/token")  # what they are for

BETTER_AUTH = better_auth.routes()
AUTHJS = (*authjs.ROUTES["v5"], *pages.authjs.PAGES["v5"])
TABLE = (*BETTER_AUTH, *AUTHJS)
READING = [route for route in TABLE if route.method == "GET"]
WRITING = [route for route in TABLE if route.method == "POST"]
TYPED = [route for route in WRITING if getattr(route.body, "__struct_fields__", None)]
DIALECT = {route.path for route in BETTER_AUTH}

DEEP = 3000
VALUES: dict[str, Any] = {
    "null": None,
    "true": True,
    "negative": -1,
    "wide": 10**30,
    "fraction": 1.5,
    "empty": "",
    "NUL": "\0",
    "turned": "\u202e\u200b\ufeff",
    "astral": "\U0001f4a5" * 60,
    "long": "x" * 3000,
    "path": "../../%2e%2e/%00",
    "elsewhere": "//evil.test/\\@good.test",
    "script": "javascript:alert(1)",
    "header": "/x\r\nset-cookie: a=b",
    "query": "' or 1=1 --%",
    "nobody": "0199aaaa-0000-7000-8000-000000000000",
    "list": [],
    "lists": [[["x"]], 1, None],
    "object": {"": {"__proto__": 1, "\0": []}},
}
BODIES: dict[str, bytes] = {
    "nothing": b"",
    "blank": b" \n",
    "open": b"{",
    "bytes": b"\xff\xfe\x00",
    "half": b'{"email": "\\ud800"}',
    "twice": b'{"userId": "a", "userId": "b", "token": 1, "token": 2}',
    "more": b'{} {"email": 1}',
    "nan": b'{"banExpiresIn": NaN, "theme": Infinity}',
    "null": b"null",
    "text": b'"x"',
    "number": b"-1e999",
    "lists": b"[" * DEEP + b"]" * DEEP,
    "objects": b'{"data":' * DEEP + b"1" + b"}" * DEEP,
    "large": b'{"data": "' + b"x" * 65_536 + b'"}',
}
KINDS = ("application/json", "application/x-www-form-urlencoded", "text/plain", "multipart/form-data", "")
FORMS = (b"%", b"a=%ff&b=%00&a=1", b"&&==&", b"email=%ED%A0%80&password=x", b"a=1&" * 60, b"\xff=\xff")
QUERIES = (
    "?" + "&".join(f"x{number}=1" for number in range(300)),
    "?id=%00&searchValue=%00&callbackUrl=%00&filterField=email&filterValue=%00",
    "?id=%ED%A0%80&searchValue=%ff&error=%ED%A0%80&state=%ff",
    "?limit=-1&offset=99999999999999999999&sortBy=__class__",
    "?limit=999999999999999&offset=999999999999999&sortDirection=desc",
    "?filterField=createdAt&filterOperator=lt&filterValue=0001-01-01T00:00:00%2B14:00",
    "?filterField=createdAt&filterOperator=gt&filterValue=9999-12-31T23:59:59-14:00",
    "?filterField=id&filterOperator=not_in&filterValue=" + "," * 2000,
    "?callbackUrl=//evil.test&error=x&code=y&csrf=true",
    "?callbackUrl=/%0d%0aset-cookie:%20a=b&error=<script>",
    "?disableCookieCache=%00&disableRefresh=maybe&disableRefresh=1",
)


def named(route: Route) -> str:
    return f"{route.method} {route.path}"


def place(route: Route) -> str:
    return route.path.replace("{provider}", "nowhere")


class Attacker:
    """Somebody who sends whatever they like, as whom they like; every answer is judged."""

    def __init__(self, server: Guests, root: User) -> None:
        self.server, self.root = server, root
        self.browser = TestClient(
            server.app,
            base_url=ORIGIN,
            headers={"user-agent": FIREFOX, "sec-fetch-site": "same-origin", "origin": ORIGIN},
            follow_redirects=False,
        )
        assert server.portal is not None
        self.browser.portal = server.portal

    def session(self, user: User | None = None) -> Issued:
        return self.server.start((user or self.root).id)

    def ask(
        self, method: str, path: str, *, cookie: bytes | str | None = None, **more: Any
    ) -> httpx2.Response:
        """One request, with a new session of the administrator unless *cookie* says otherwise."""
        self.browser.cookies.clear()
        held = f"{SESSION}={self.session().token}" if cookie is None else cookie
        headers = {"cookie": held} | more.pop("headers", {})
        answer = self.browser.request(method, path, headers=headers, **more)
        judge(answer)
        return answer


def judge(answer: httpx2.Response) -> None:
    """What no answer of a dialect may break, whatever was sent."""
    path, kind = answer.request.url.path, answer.headers.get("content-type", "")
    where = f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text[:200]}"
    assert answer.status_code < 500, where
    assert "no-store" in answer.headers.get("cache-control", "") or not answer.content, where
    known = answer.status_code not in (404, 405)  # which the server says, of addresses that there are not
    if answer.status_code >= 400 and path in DIALECT and answer.content and known:
        assert kind == "application/json", where
        assert {"message"} <= answer.json().keys() <= {"message", "code"}, where
    if not (path.endswith(HANDED_OVER) and answer.status_code == 200):
        assert not CREDENTIAL.search(answer.text), where
    check_destination(answer.headers.get("location"), where)
    if kind == "application/json" and answer.content and isinstance(said := answer.json(), dict):
        check_destination(said.get("url"), where)


def check_destination(location: Any, where: str) -> None:
    """Nobody is led to another host."""
    if isinstance(location, str):
        parts = urlsplit(location)
        assert f"{parts.scheme}://{parts.netloc}" in ("://", ORIGIN), where
        assert not location.startswith("//"), where


@pytest.fixture
def server(open_server: OpenServer) -> Guests:
    guests = open_server(
        better_auth=True,
        authjs="v5",
        multi_session=True,
        session_fields=("theme",),
        attempts_per_address=1_000_000,
        cookie_cache=timedelta(minutes=5),
    )
    guests.accounts.hasher = PasswordHasher(memory_kib=8, passes=1)
    return guests


@pytest.fixture
def attacker(server: Guests) -> Attacker:
    return Attacker(server, server.run(server.accounts.create, ROOT, PASSWORD, "Root", "admin"))


# ── bodies ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("TH-31")
@pytest.mark.parametrize("route", WRITING, ids=named)
def test_no_body_breaks_anything(attacker: Attacker, route: Route) -> None:
    for content in BODIES.values():
        attacker.ask("POST", place(route), content=content, headers={"content-type": "application/json"})
    for content in FORMS:
        attacker.ask("POST", place(route), content=content, headers={"content-type": KINDS[1]})
    for kind in KINDS:
        attacker.ask("POST", place(route), content=b'{"a": 1}', headers={"content-type": kind})


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_no_value_breaks_anything(attacker: Attacker, value: Any) -> None:
    for route in TYPED:
        names = route.body.__struct_fields__
        for body in (
            dict.fromkeys(names, value),
            {names[0]: attacker.root.id} | dict.fromkeys(names[1:], value),
        ):
            sent(attacker, route, body)


def test_no_time_breaks_anything(open_server: OpenServer, tmp_path: Path) -> None:
    """The ends of the calendar, in time zones beyond them, where times are numbers of a database."""
    server = open_server(better_auth=True, store=f"sqlite:///{tmp_path / 'sojourn.db'}")
    server.accounts.hasher = PasswordHasher(memory_kib=8, passes=1)
    attacker = Attacker(server, server.run(server.accounts.create, ROOT, PASSWORD, "Root", "admin"))
    ada = server.run(server.accounts.create, ADA, PASSWORD)
    (route,) = (route for route in TYPED if route.path.endswith("/admin/update-user"))
    for at in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00Z", "2026", 0):
        sent(attacker, route, {"userId": ada.id, "data": {"banned": True, "banExpires": at}})
        assert attacker.ask("GET", "/api/auth/admin/list-users").status_code == 200


@pytest.mark.parametrize(("depth", "status"), [(1, 200), (20, 200), (400, 413), (900, 413)])
def test_no_data_of_a_session_breaks_its_later_requests(attacker: Attacker, depth: int, status: int) -> None:
    """What a client may set comes back with every request, so what could not is refused at once."""
    held = f"{SESSION}={attacker.session().token}"
    token = attacker.ask("GET", "/api/auth/csrf", cookie=held)
    proof = cookies_set(token)["__Host-authjs.csrf-token"].coded_value
    cookie = f"{held}; __Host-authjs.csrf-token={proof}"
    deep = "[" * depth + "]" * depth
    body = f'{{"csrfToken": "{token.json()["csrfToken"]}", "data": {{"theme": {deep}}}}}'
    json_sent = {"content-type": "application/json"}
    answer = attacker.ask("POST", "/api/auth/session", cookie=cookie, content=body, headers=json_sent)
    assert answer.status_code == status, answer.text
    attacker.ask("POST", "/api/auth/update-session", content=f'{{"theme": {deep}}}', headers=json_sent)
    for path in ("session", "get-session", "sessions", "sessions/current", "list-sessions"):
        assert attacker.ask("GET", f"/api/auth/{path}", cookie=held).status_code == 200


def sent(attacker: Attacker, route: Route, body: Any) -> httpx2.Response:
    headers = {"content-type": "application/json"}
    return attacker.ask("POST", place(route), content=json.dumps(body), headers=headers)


# ── addresses and methods ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("route", READING, ids=named)
def test_no_query_breaks_anything(attacker: Attacker, route: Route) -> None:
    for query in QUERIES:
        attacker.ask("GET", place(route) + query)
        attacker.ask("GET", place(route) + query, cookie="")


def test_no_method_breaks_anything(attacker: Attacker) -> None:
    for path in {place(route) for route in TABLE}:
        for method in ("HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "QUERY"):
            answer = attacker.ask(method, path)
            if method == "HEAD":
                assert not answer.content


# ── cookies and tokens ────────────────────────────────────────────────────────────────────────


def test_no_cookie_breaks_anything(attacker: Attacker) -> None:
    token = attacker.session().token
    ours = f"{SESSION}={token}"
    for cookie in (
        f"{ours}; {SESSION}=other",
        f"{ours}; {DEVICE}=a; {DEVICE}=b",
        f"{ours}; {SESSION}-cache=a; {SESSION}-cache=b",
        f"{ours}; {SESSION}-admin=x; {SESSION}-admin=y",
        f"{ours}; {SESSION}-admin={token}",
        f"{ours}; {SESSION}-other-={token}; {SESSION}-other-zz={token}; {SESSION}-other-{'0' * 32}={token}",
        f"{ours}; {SESSION}-flow-{'0' * 16}=x; {SESSION}-flow-{'0' * 16}=y",
        f"{ours}; __Host-authjs.csrf-token={'0' * 64}%7C{'0' * 64}",
        f"{ours}; x={'y' * 17_000}",
        ours.encode() + b"; \xff=\xfe; a\x01b=c",
        f"{SESSION}=%73jn_{token[4:]}",
        f'{SESSION}="{token}"',
        f"{SESSION}={token[:-1]}",
        "; ;=;;===;",
    ):
        for route in TABLE:
            if route.path.endswith(
                ("get-session", "/session", "set-active", "list-users", "stop-impersonating")
            ):
                body = {} if route.method == "GET" else {"json": {"sessionToken": "x"}}
                attacker.ask(route.method, place(route), cookie=cookie, **body)


def test_law_06_no_token_opens_in_the_place_of_another(attacker: Attacker) -> None:
    """Also while a snapshot of it is near, which is kept by the digest of its text."""
    server, issued = attacker.server, attacker.session()
    bearer = derive(issued.session, server.sessions.keys, "bearer")
    refresh = derive(issued.session, server.sessions.keys, "refresh")
    issuer = server.site.issuer
    assert issuer is not None
    access = server.run(issuer.lately, issued.session, attacker.root).text
    for _ in range(2):  # the second is answered by a snapshot
        for text in (bearer, access):
            sent = {"authorization": f"Bearer {text}"}
            assert attacker.ask("GET", "/api/auth/get-session", cookie="", headers=sent).json()
        assert attacker.ask("GET", "/api/auth/get-session", cookie=f"{SESSION}={issued.token}").json()
    for text in (bearer, access, refresh):
        answer = attacker.ask("GET", "/api/auth/get-session", cookie=f"{SESSION}={text}")
        assert (answer.json(), SESSION + "-cache" in cookies_set(answer)) == (None, False)
        assert attacker.ask("GET", "/api/auth/session", cookie=f"{SESSION}={text}").json() is None
    for text in (issued.token, refresh):
        sent = {"authorization": f"Bearer {text}"}
        assert attacker.ask("GET", "/api/auth/get-session", cookie="", headers=sent).json() is None


def test_no_authorization_breaks_anything(attacker: Attacker) -> None:
    made_up = b"Bearer sjb_" + b"A" * 83
    for value in (
        b"Bearer",
        b"Bearer ",
        b"bearer \xff\xfe",
        b"Basic Og==",
        b"Bearer a.b.c",
        made_up,
        b"\xff",
    ):
        for route in TABLE:
            attacker.ask(route.method, place(route), cookie="", headers={"authorization": value})


# ── laws ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("route", READING, ids=named)
def test_law_10_a_passive_read_writes_no_cookie(attacker: Attacker, route: Route) -> None:
    cookie = f"{SESSION}={attacker.session().token}"
    answer = attacker.ask("GET", place(route), cookie=cookie, headers={"x-session-passive": "1"})
    assert set(cookies_set(answer)) <= {"__Host-authjs.csrf-token"}  # which is for the POST that follows
    attacker.server.clock.tick(days=400)
    answer = attacker.ask("GET", place(route), cookie=cookie, headers={"x-session-passive": "1"})
    assert set(cookies_set(answer)) <= {"__Host-authjs.csrf-token"}


@pytest.mark.parametrize("route", TABLE, ids=named)
def test_law_09_a_store_that_is_away_takes_no_cookie_but_by_signing_out(server: Guests, route: Route) -> None:
    server.run(server.accounts.create, ROOT, PASSWORD, "Root", "admin")
    browser = Browser(server.app, origin=ORIGIN)
    browser.portal = server.portal
    assert browser.sign_in(ROOT).status_code == 200
    token = browser.get("/api/auth/csrf").json()["csrfToken"]
    server.lose_store()
    body = {"csrfToken": token, "email": ROOT, "password": PASSWORD, "name": "x", "userId": "x", "token": "x"}
    sent = None if route.method == "GET" else body | {"sessionToken": "x", "providerId": "x"}
    answer = browser.request(route.method, place(route), json=sent)
    gone = {name for name, morsel in cookies_set(answer).items() if not morsel.value}
    assert answer.status_code < 500 or answer.status_code == 503
    assert SESSION not in gone or route.path.endswith("/signout")
    assert answer.status_code != 200 or route.guard == "open", "an answer without the store"
