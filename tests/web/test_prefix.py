"""Behind a path prefix every address of ours has it: of pages, forms, redirects, and for the script."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit
from uuid import UUID

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from sojourn.observe.notices.devices import made
from sojourn.testing import FakeClock
from sojourn.web.pages import PAGES
from sojourn.web.within import HOME, placed, safe_next
from tests.accounts.oidc.test_federation import House
from tests.web.kit import ADA, BOB, CHROME, IPHONE, ORIGIN, PASSWORD, Browser, Guests
from tests.web.test_oauth import CALLBACK, CHALLENGE
from tests.web.test_safe_next import AWAY

PREFIX = "/auth-app"
BYE = "https://app.test/bye"
FORM = {"email": ADA, "name": "Ada", "current_password": PASSWORD, "new_password": f"{PASSWORD} 2"}


# ── the ways in which a server can be behind one ──────────────────────────────────────────────


def mounted(app: Any) -> Any:
    """In a bigger application, by `Mount`."""
    return Starlette(routes=[Mount(PREFIX, app), Route("/{rest:path}", elsewhere)])


async def elsewhere(request: Any) -> Any:
    return PlainTextResponse("The bigger application.")


def told(app: Any) -> Any:
    """As a server does whose proxy has taken the prefix off: it is in the path again."""

    async def behind(scope: Any, receive: Any, send: Any) -> None:
        await app(dict(scope, root_path=PREFIX), receive, send)

    return behind


class Estate(House):
    """A server behind the prefix, with an administrator, an application and two providers."""

    def __init__(self, clock: FakeClock, place: Callable[[Any], Any]) -> None:
        super().__init__(clock, authjs="v5", better_auth=True)
        self.place = place

    def furnish(self) -> None:
        self.run(self.accounts.create, ADA, PASSWORD, "Ada", role="admin")
        self.run(self.accounts.create, BOB, PASSWORD, "Bob")
        self.run(
            self.directory.create_application,
            "App",
            id="app_one",
            redirect_uris=[CALLBACK],
            post_logout_redirect_uris=[BYE],
        )

    def browser(self, agent: str = CHROME, ip: str = "203.0.113.7", **headers: str) -> Browser:
        browser = Browser(self.place(self.app), agent=agent, ip=ip, **headers)
        browser.portal = self.portal
        browser.answers = self.answers
        return browser

    def signed_in(self, email: str = ADA, agent: str = CHROME) -> Browser:
        browser = self.browser(agent)
        answer = browser.post(f"{PREFIX}/api/auth/sign-in", json={"email": email, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        return browser


@pytest.fixture(params=[mounted, told], ids=lambda place: place.__name__)
def estate(clock: FakeClock, opened: Callable[[Guests], Guests], request: pytest.FixtureRequest) -> Estate:
    estate = cast(Estate, opened(Estate(clock, request.param)))
    estate.furnish()
    return estate


# ── what an answer says of addresses ──────────────────────────────────────────────────────────

ATTRIBUTE = re.compile(r'\b(?:href|src|action)="([^"]*)"')
BOOT = re.compile(r'id="sojourn-boot">(.*?)</script>', re.S)
# The first segments of our paths. Text about the API (`<code>`) names them as the tables do.
BARE = re.compile(
    r"""["'=\s(](?:https://good\.test)?/(?:account|admin|api|assets|confirm|oauth|settings|sign-|not-me)[^"']*"""
)


def addresses(answer: httpx2.Response) -> list[str]:
    """All of this origin that *answer* names, and none of them without the prefix."""
    place = f"{answer.request.method} {answer.request.url}: {answer.status_code}"
    is_page = answer.headers.get("content-type", "").startswith("text/html")
    text = re.sub(r"<code>.*?</code>", "", answer.text) if is_page else ""
    found = [html.unescape(one) for one in ATTRIBUTE.findall(text)]
    found += [one for block in BOOT.findall(text) for one in told_in(block)]
    found += filter(None, [answer.headers.get("location")])
    ours = [one.removeprefix(ORIGIN) for one in found if here(one)]
    nexts = [
        value
        for one in found
        for name, value in parse_qsl(urlsplit(one).query)
        if name in ("next", "callbackUrl")
    ]
    nexts += [html.unescape(one) for one in re.findall(r'name="next" value="([^"]*)"', text)]
    for one in (*ours, *(one for one in nexts if one not in ("", "/", ORIGIN))):
        assert one.startswith(f"{PREFIX}/"), f"{place} names {one}"
    left = BARE.search(re.sub(rf"{PREFIX}/[^\"'\s&<]*", "", html.unescape(unquote(text))))
    assert left is None, f"{place} has {left}"
    return ours


def told_in(block: str) -> list[str]:
    boot = json.loads(block)
    return [boot[name] for name in ("base_url", "login_url", "password_url") if name in boot]


def here(address: str) -> bool:
    """Whether it may be ours: the start page of the origin, where Auth.js leads, is not."""
    return address.startswith((f"{ORIGIN}/", "/"))


# ── every page ────────────────────────────────────────────────────────────────────────────────


def asked(path: str, **query: str) -> str:
    return f"{PREFIX}{path}" + (f"?{urlencode(query)}" if query else "")


def places(estate: Estate, other: str) -> list[str]:
    """An address of every page, in each of its states."""
    grant = {
        "client_id": "app_one",
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "scope": "openid",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    bob = estate.user(BOB).id
    return [
        *map(asked, ("/", HOME, "/account/password", "/confirm", "/admin", "/settings/security")),
        *map(
            asked, ("/sign-in", "/sign-up", "/account/disconnect", "/api/docs", "/nowhere", "/api/auth/error")
        ),
        *(asked(f"{HOME}/{act}/{other}") for act in ("sign-out", "not-me")),
        *(asked(f"{HOME}/{act}/{NOBODY}") for act in ("sign-out", "not-me")),
        asked(f"{HOME}/sign-out-others"),
        asked("/not-me"),
        asked("/not-me", link=link_to(estate, other)),
        *(asked(f"/admin/{name}") for name in ("sessions", "users", "alerts", "revoke", "everyone")),
        asked("/admin/sessions", q="nobody"),
        asked("/admin/alerts", state="all"),
        asked(f"/admin/users/{bob}"),
        asked(f"/admin/users/{bob}/revoke"),
        asked(f"/admin/sessions/{other}/revoke"),
        asked("/sign-in/with/example"),
        asked("/sign-in/with/nobody"),
        asked("/account/connect/example"),
        asked("/account/connect/example", agreed="x"),
        asked("/api/auth/callback/example", state="x"),
        asked("/oauth/authorize", **grant),
        asked("/oauth/authorize", **grant, prompt="login"),
        asked("/oauth/logout", client_id="app_one", post_logout_redirect_uri=BYE),
        asked("/api/auth/signin"),
        asked("/api/auth/signin", error="SessionRequired"),
        asked("/api/auth/signout"),
    ]


NOBODY = "01990000-0000-7000-8000-000000000000"


def link_to(estate: Estate, id: str) -> str:
    """The link of a notice about the session *id*."""
    id = NOBODY if id == "{id}" else id
    return made(UUID(id), estate.sessions.keys, at=estate.clock())


def test_every_page_names_only_addresses_with_it(estate):
    """Signed in, signed in long ago, and not signed in; and whatever they lead to is there."""
    browser = estate.signed_in()
    estate.signed_in(ADA, IPHONE)
    other = next(
        row["id"] for row in browser.get(asked("/api/auth/sessions")).json()["sessions"] if not row["current"]
    )
    asked_for = places(estate, other)
    named = {one for address in asked_for for one in addresses(browser.get(address))}
    estate.clock.tick(hours=1)
    browser.post(asked("/api/auth/activity"), json={"idle_ms": 0})
    named |= {one for address in asked_for for one in addresses(browser.get(address))}
    named |= {one for address in asked_for for one in addresses(estate.browser().get(address))}
    assert len(named) > 40
    lost = {one: status for one in named if (status := browser.get(one).status_code) in (404, 405, 500)}
    posted = re.compile(rf"{PREFIX}(/sign-out|/not-me|/oauth/logout/confirm|/api/auth|{HOME}/preferences)$")
    assert [
        one for one in lost if not posted.match(one) and "/nowhere" not in one and NOBODY not in one
    ] == []
    assert [one for one in named if "/assets/" in one]


def test_every_page_has_been_looked_at(estate):
    """A page that is new is missing above."""
    known = {re.sub(r"\?.*", "", one) for one in places(estate, "{id}")}
    known = {re.sub(rf"{NOBODY}|{estate.user(BOB).id}", "{id}", one) for one in known}
    known = {re.sub(r"(example|nobody)$", "{provider}", one) for one in known}
    assert {PREFIX + page.path for page in PAGES if page.method == "GET"} <= known


# ── every form ────────────────────────────────────────────────────────────────────────────────


def forms(page: str) -> dict[str, dict[str, str]]:
    """The forms on *page* that are sent by POST: where they lead, and what they hold."""
    found = {}
    for action, inside in re.findall(
        r'<form[^>]*method="post" action="([^"]*)"[^>]*>(.*?)</form>', page, re.S
    ):
        hidden = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', inside)
        found[html.unescape(action)] = {name: html.unescape(value) for name, value in hidden}
    return found


PAGES_WITH_FORMS = [
    HOME,
    "/account/password",
    "/confirm",
    f"{HOME}/sign-out/{{id}}",
    f"{HOME}/not-me/{{id}}",
    f"{HOME}/sign-out-others",
    "/admin/sessions/{id}/revoke",
    "/oauth/logout?client_id=app_one",
    "/api/auth/signout",
]


@pytest.mark.parametrize("page", PAGES_WITH_FORMS)
def test_every_form_leads_on_with_it(estate, page):
    estate.signed_in(ADA, IPHONE)
    for action in forms(shown(estate, estate.signed_in(), page)):
        browser = estate.signed_in()
        (fields,) = [
            held for name, held in forms(shown(estate, browser, page)).items() if bare(name) == bare(action)
        ]
        (sent_to,) = [name for name in forms(shown(estate, browser, page)) if bare(name) == bare(action)]
        answer = browser.post(sent_to, data=FORM | {"password": PASSWORD} | fields)
        assert answer.status_code in (200, 302, 303), f"{sent_to}: {answer.text}"
        for to in addresses(answer):
            assert browser.get(to).status_code in (200, 303)


def bare(address: str) -> str:
    return re.sub(r"[0-9a-f-]{36}", "{id}", address)


def shown(estate: Estate, browser: Browser, page: str) -> str:
    rows = browser.get(asked("/api/auth/sessions")).json()["sessions"]
    other = next(row["id"] for row in rows if not row["current"])
    answer = browser.get(PREFIX + page.replace("{id}", other))
    assert answer.status_code == 200, page
    return answer.text


def test_who_has_to_sign_in_first_comes_to_the_page_they_wanted(estate):
    browser = estate.browser()
    answer = browser.get(asked("/account/password"))
    (to,) = addresses(answer)
    assert to == asked("/sign-in", next=f"{PREFIX}/account/password", reason="unauthenticated")
    ((action, fields),) = forms(browser.get(to).text).items()
    wrong = browser.post(action, data=fields | {"email": ADA, "password": "no"})
    assert wrong.status_code == 401
    addresses(wrong)
    answer = browser.post(action, data=fields | {"email": ADA, "password": PASSWORD})
    assert answer.headers["location"] == f"{PREFIX}/account/password"
    assert browser.get(answer.headers["location"]).status_code == 200


def test_an_account_can_be_made(estate):
    browser = estate.browser()
    ((action, fields),) = forms(browser.get(asked("/sign-up")).text).items()
    given = {"email": "eve@example.org", "password": PASSWORD, "name": "Eve"}
    assert browser.post(action, data=fields | given).headers["location"] == f"{PREFIX}{HOME}"


def test_somebody_comes_back_from_a_provider(estate):
    browser = estate.browser()
    address = estate.begin(browser, asked("/sign-in/with/example"))
    assert (
        dict(parse_qsl(urlsplit(address).query))["redirect_uri"]
        == f"{ORIGIN}{PREFIX}/api/auth/callback/example"
    )
    answer = estate.back(browser, address, asked("/api/auth/callback/example"))
    assert answer.headers["location"] == f"{PREFIX}{HOME}"
    assert browser.get(answer.headers["location"]).status_code == 200


def test_and_who_says_no_there_comes_back_to_the_page_of_before(estate):
    browser = estate.browser()
    address = estate.begin(browser, asked("/sign-in/with/example"), next=f"{PREFIX}/account/password")
    refused = {"code": None, "error": "access_denied"}
    (to,) = addresses(estate.back(browser, address, asked("/api/auth/callback/example"), **refused))
    assert to.startswith(asked("/sign-in") + "?")


def test_a_way_in_is_connected_and_taken_away(estate):
    browser = estate.signed_in()
    (link,) = [one for one in addresses(browser.get(asked(HOME))) if "/account/connect/example" in one]
    answer = estate.back(browser, estate.begin(browser, link), asked("/api/auth/callback/example"))
    assert answer.headers["location"] == asked(HOME, done="1-connected")
    (link,) = [one for one in addresses(browser.get(asked(HOME))) if "/account/disconnect" in one]
    page = browser.get(link)
    assert addresses(page)
    action = asked("/account/disconnect")
    answer = browser.post(action, data=forms(page.text)[action])
    assert answer.headers["location"] == asked(HOME, done="1-disconnected")


def test_where_a_provider_is_away_one_stays(estate):
    estate.provider.instead["/.well-known/openid-configuration"] = httpx2.ConnectError("No.")
    for address in (asked("/sign-in/with/example", next=f"{PREFIX}/account/password"), asked("/confirm")):
        (to,) = addresses(estate.browser().get(address))
        assert urlsplit(to).path == f"{PREFIX}/sign-in"
        assert dict(parse_qsl(urlsplit(to).query))["next"].startswith(f"{PREFIX}/")
    browser = estate.signed_in()
    (link,) = [one for one in addresses(browser.get(asked(HOME))) if "/account/connect/example" in one]
    assert addresses(browser.get(link)) == [asked(HOME, error="provider_away", **{"with": "example"})]


# ── where one is led ──────────────────────────────────────────────────────────────────────────


def test_next_may_be_a_page_of_the_bigger_application(estate):
    answer = estate.signed_in().get(asked("/sign-in", next="/dashboard?a=b"))
    assert answer.headers["location"] == "/dashboard?a=b"


@pytest.mark.req("TH-17")
@pytest.mark.parametrize("away", AWAY)
def test_nothing_leads_away(away):
    assert safe_next(away, PREFIX) == PREFIX + HOME
    assert safe_next(PREFIX + "/" + away, PREFIX) in (PREFIX + HOME, f"{PREFIX}/{away}")


@pytest.mark.parametrize(
    "again", ["/sign-in", f"{PREFIX}/sign-in", f"{PREFIX}/sign-out", f"{PREFIX}/sign-up/?next=/"]
)
def test_nobody_is_sent_to_the_door_again(again):
    assert safe_next(again, PREFIX) == PREFIX + HOME


@pytest.mark.parametrize(
    "root",
    [
        "//evil.example",
        "/\\evil.example",
        "/%5cevil.example",
        "/a/..//evil.example",
        "evil.example",
        "/a\r\nb",
    ],
)
def test_a_prefix_that_could_be_another_host_is_none(root):
    base, path = placed(f"{root}/sign-in", root)
    assert (base, path) == ("", "/sign-in")


def test_a_mount_that_takes_any_host_for_its_prefix_leads_nowhere(clock, opened):
    house = opened(House(clock))
    browser = Browser(Starlette(routes=[Mount("/{tenant}", house.app)]))
    browser.portal = house.portal
    for host in ("%5Cevil.example", "%5C%5Cevil.example", "%09%5Cevil.example", "%25252fevil.example"):
        answer = browser.get(f"/{host}/account/security")
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/sign-in?")


@pytest.mark.parametrize(
    ("root", "path", "expected"),
    [
        ("", "/sign-in", ("", "/sign-in")),
        ("/x", "/x/sign-in", ("/x", "/sign-in")),
        ("/x", "/x", ("/x", "/")),
        ("/x", "/sign-in", ("/x", "/sign-in")),
        ("/x", "/xy", ("/x", "/xy")),
        ("/x/", "/x//sign-in", ("/x", "/sign-in")),
        ("/", "//sign-in", ("", "/sign-in")),
        ("/ä b", "/ä b/c", ("/%C3%A4%20b", "/c")),
    ],
)
def test_where_we_are(root, path, expected):
    assert placed(path, root) == expected


def test_no_header_says_where_we_are(clock, opened):
    house = opened(House(clock, trusted_proxies=("0.0.0.0/0",)))
    sent = {"x-forwarded-prefix": "/evil", "x-script-name": "/evil", "script-name": "/evil"}
    answer = house.browser(**sent).get("/account/security")
    assert answer.headers["location"].startswith("/sign-in?next=%2Faccount")
    assert "evil" not in house.browser(**sent).get("/sign-in").text


# ── what does not change ──────────────────────────────────────────────────────────────────────


def test_cookies_are_for_the_whole_host(estate):
    browser = estate.signed_in()
    cookies = [line for answer in estate.answers for line in answer.headers.get_list("set-cookie")]
    assert cookies
    assert all("; Path=/;" in f"{line};" for line in cookies)
    assert browser.token


def test_another_site_s_page_is_refused_all_the_same(estate):
    browser = estate.signed_in()
    answer = browser.post(asked("/sign-out"), headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403
    assert browser.get(asked("/api/auth/sessions/current")).status_code == 200


def test_the_api_says_where_it_is_and_who_it_is(estate):
    browser = estate.browser()
    assert browser.get(asked("/api/openapi.json")).json()["servers"] == [{"url": f"{ORIGIN}{PREFIX}"}]
    assert browser.get(asked("/.well-known/openid-configuration")).json()["issuer"] == ORIGIN


def test_what_programs_are_told_is_for_programs(estate):
    """What is a page and what is none does not depend on the prefix; nor what looks at no cookie."""
    browser = estate.signed_in()
    assert browser.get(asked("/api/nowhere")).headers["content-type"] == "application/problem+json"
    answer = browser.post(asked("/oauth/token"), headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code in (400, 401)
    assert answer.headers["access-control-allow-origin"] == "*"
