"""The pages as a reader without JavaScript meets them: headers, forms, flows, and text that is only text."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware

from sojourn import AsyncSessions, Keys, Policy
from sojourn.accounts import Accounts
from sojourn.accounts.passwords import PasswordHasher
from sojourn.accounts.store import MemoryAccounts
from sojourn.session import Device, Place, Reason
from sojourn.stores.memory import MemoryStore
from sojourn.stores.protocol import Query
from sojourn.testing import FakeClock
from sojourn.web.asgi import SessionMiddleware
from sojourn.web.pages import ASSETS_PATH, PAGES, STATIC, asset, docs_page, error_page
from sojourn.web.pages.redirects import HOME
from sojourn.web.pages.rendering import HEADERS
from sojourn.web.table import mounted
from sojourn.web.visit import Site
from tests.web.reader import IPHONE, MAC, ORIGIN, WINDOWS, Browser, Page
from tests.web.test_safe_next import AWAY

PASSWORD = "correct horse battery"
ADA, BOB, ROOT = "ada@example.org", "bob@example.org", "root@example.org"


class World:
    """The pages over stores in memory, with three accounts."""

    def __init__(self, clock: FakeClock, keys: Keys, policy: Policy, *, sign_up_open: bool = True) -> None:
        self.clock = clock
        self.sessions = AsyncSessions(MemoryStore(), keys=keys, policy=policy, clock=clock)
        hasher = PasswordHasher(memory_kib=8, passes=1)
        self.accounts = Accounts(MemoryAccounts(), self.sessions, hasher=hasher)
        self.site = Site(self.sessions, origin=ORIGIN, load_user=self.accounts.get)
        self.app = Starlette(
            routes=list(mounted(PAGES, accounts=self.accounts, sign_up_open=sign_up_open)),
            middleware=[Middleware(SessionMiddleware, site=self.site)],
        )

    def browser(self, agent: str = MAC, *, ip: str = "203.0.113.7") -> Browser:
        return Browser(self.app, agent, ip=ip)

    async def signed_in(self, email: str = ADA, agent: str = MAC, *, ip: str = "203.0.113.7") -> Browser:
        browser = self.browser(agent, ip=ip)
        page = await browser.sign_in(email, PASSWORD)
        assert page.path == HOME
        return browser

    async def live(self) -> int:
        return await self.sessions.count(Query(live_at=self.clock(), signed_in=True))


@pytest.fixture
async def world(clock: FakeClock, keys: Keys) -> World:
    return await populated(World(clock, keys, Policy(idle_timeout=timedelta(minutes=15))))


async def populated(world: World) -> World:
    await world.accounts.create(ADA, PASSWORD, "Ada")
    await world.accounts.create(BOB, PASSWORD, "Bob")
    await world.accounts.create(ROOT, PASSWORD, "Root", role="admin")
    return world


def other_ids(page: Page) -> list[str]:
    """The ids of the devices that a page offers to sign out."""
    return [link.rpartition("/")[2] for link in page.links if link.startswith(f"{HOME}/sign-out/")]


# ── what every page keeps ────────────────────────────────────────────────────────────────────────


async def crawl(browser: Browser, start: str) -> dict[str, Page]:
    """Every page of ours that links lead to."""
    seen: dict[str, Page] = {}
    waiting = [start]
    while waiting:
        path = waiting.pop()
        if path in seen or not path.startswith("/") or path.startswith(("/api/", "/assets/")):
            continue
        seen[path] = await browser.get(path)
        waiting += seen[path].links
    return seen


@pytest.mark.req("A7-7.4.4")
async def test_every_signed_in_page_has_a_visible_sign_out(world: World):
    browser = await world.signed_in(ROOT)
    await world.signed_in(ROOT, IPHONE)
    await world.signed_in(ADA, WINDOWS)
    pages = await crawl(browser, "/admin")
    assert len(pages) > 12
    for path, page in pages.items():
        assert page.status == 200, path
        assert "csrf" in page.forms["/sign-out"], path


@pytest.mark.req("A3-3.4.3")
async def test_every_page_carries_the_headers(world: World):
    pages = await crawl(await world.signed_in(ROOT), "/admin")
    pages |= await crawl(world.browser(), "/sign-in")
    for path, page in pages.items():
        for name, value in HEADERS:
            assert page.answer.headers[name] == value, path
    policy = dict(HEADERS)["content-security-policy"]
    assert policy == (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
        "trusted-types 'none'"
    )


async def test_no_page_needs_what_its_policy_forbids(world: World):
    pages = await crawl(await world.signed_in(ROOT), "/admin")
    pages |= await crawl(world.browser(), "/sign-in")
    for path, page in pages.items():
        for tag, attributes in page.tags:
            assert tag not in ("script", "style"), path
            assert not [name for name in attributes if name == "style" or name.startswith("on")], path


async def test_every_page_has_one_heading_a_language_and_a_label_for_each_field(world: World):
    pages = await crawl(await world.signed_in(ROOT), "/admin")
    pages |= await crawl(world.browser(), "/sign-in")
    for path, page in pages.items():
        tags = [tag for tag, _ in page.tags]
        assert tags.count("h1") == tags.count("main") == 1, path
        assert ("html", {"lang": "en"}) in page.tags, path
        labelled = {given["for"] for tag, given in page.tags if tag == "label"}
        ids = [given["id"] for _, given in page.tags if "id" in given]
        assert len(ids) == len(set(ids)), path
        for tag, given in page.tags:
            if tag == "input" and given.get("type") != "hidden" and "aria-hidden" not in given:
                assert given["id"] in labelled, path


@pytest.mark.req("A7-7.4.4")
async def test_users_never_read_the_words_of_machines(world: World):
    browser = await world.signed_in(ADA)
    await world.signed_in(ADA, IPHONE)
    for path, page in (await crawl(browser, HOME)).items():
        assert not re.search(r"terminat|invalidat|revoke|kill", page.text, re.I), path


def test_an_error_page_asks_for_nothing_and_escapes_everything():
    answer = error_page(404, "<b>", "<i>", "<u>")
    assert answer.status == 404
    assert not {b"<b>", b"<i>", b"<u>"} & set(re.findall(rb"<[biu]>", answer.body))
    assert list(HEADERS) == answer.headers


def test_static_files_have_an_address_that_follows_their_content():
    assert re.fullmatch(r"/assets/[0-9a-f]{12}", ASSETS_PATH)
    assert asset("sojourn.css") == f"{ASSETS_PATH}/sojourn.css"
    assert (STATIC / "sojourn.css").is_file()
    with pytest.raises(LookupError):
        asset("missing.js")


# ── forms ────────────────────────────────────────────────────────────────────────────────────────


async def forms(world: World) -> list[tuple[Browser, str, Page]]:
    """Every form that posts, each with a browser that may send it."""
    browser = await world.signed_in(ROOT)
    await world.signed_in(ROOT, IPHONE)
    pages = list((await crawl(browser, "/admin")).values())
    pages.append(await browser.get("/confirm"))
    found = {re.sub("[0-9a-f-]{36}", "{id}", a): (browser, a, p) for p in pages for a in p.forms}
    outside = world.browser()
    for path in ("/sign-in", "/sign-up"):
        found[path] = (outside, path, await outside.get(path))
    return [form for form in found.values() if form[1] != "/admin"]


async def test_every_route_that_takes_a_form_has_one(world: World):
    actions = {re.sub("[0-9a-f-]{36}", "{id}", action) for _, action, _ in await forms(world)}
    assert actions == {route.path for route in PAGES if route.method == "POST"}


@pytest.mark.parametrize("forged", ["", "none", "A" * 32, "é", "%00"])
async def test_a_form_without_its_field_changes_nothing(world: World, forged: str):
    for browser, action, page in await forms(world):
        before = await world.live()
        refused = await browser.send(page, action, follow=False, csrf=forged)
        assert refused.status == 403, action
        assert "This page is out of date. Reload and try again." in refused.text
        assert await world.live() == before


async def test_the_field_of_another_session_is_refused(world: World):
    mine, theirs = await world.signed_in(ADA), await world.signed_in(BOB)
    form = (await theirs.get(HOME)).forms["/sign-out"]
    assert (await mine.post("/sign-out", form, follow=False)).status == 403


async def test_a_form_from_another_site_is_refused(world: World):
    browser = await world.signed_in()
    page = await browser.get(HOME)
    browser.client.headers["sec-fetch-site"] = "cross-site"
    assert (await browser.send(page, "/sign-out", follow=False)).status == 403
    assert await world.live() == 1


# ── signing in and out ───────────────────────────────────────────────────────────────────────────


async def test_the_start_page_leads_in(world: World):
    browser = world.browser()
    assert (await browser.get("/")).path == "/sign-in"
    await browser.sign_in(ADA, PASSWORD)
    assert (await browser.get("/")).path == HOME
    assert (await browser.get("/sign-in")).path == HOME
    assert (await browser.get("/settings/security", follow=False)).answer.headers["location"] == HOME


async def test_a_wrong_password_keeps_the_address_and_not_the_password(world: World):
    page = await world.browser().sign_in(ADA, "wrong-one-here")
    assert page.status == 401
    assert page.answer.headers["www-authenticate"].startswith("Cookie")
    assert page.forms["/sign-in"]["email"] == ADA
    assert "wrong-one-here" not in page.html
    assert ("p", {"class": "notice bad", "role": "alert", "id": "error"}) in page.tags


async def test_too_many_attempts_say_how_long_to_wait(world: World):
    browser = world.browser()
    for _ in range(10):
        page = await browser.sign_in(ADA, "wrong-one-here")
    page = await browser.sign_in(ADA, PASSWORD)
    assert page.status == 429
    assert int(page.answer.headers["retry-after"]) > 0
    assert "Too many attempts. Please try again in" in page.text


async def test_keep_me_signed_in_makes_the_cookie_last(world: World):
    browser = world.browser()
    page = await browser.get("/sign-in")
    page = await browser.send(page, "/sign-in", follow=False, email=ADA, password=PASSWORD, remember="on")
    (cookie,) = [c for c in page.answer.headers.get_list("set-cookie") if c.startswith("sojourn=")]
    assert "Max-Age=" in cookie


async def test_the_door_asks_for_the_model_of_the_device(world: World):
    page = await world.browser().get("/sign-in")
    assert "Sec-CH-UA-Model" in page.answer.headers["accept-ch"]


async def test_signing_up_signs_in(world: World):
    browser = world.browser()
    page = await browser.get("/sign-up?next=/account/password")
    page = await browser.send(page, "/sign-up", email="eve@example.org", password=PASSWORD, name="Eve")
    assert page.path == "/account/password"
    assert "eve@example.org" in page.text


@pytest.mark.parametrize(
    ("email", "password", "status"),
    [(ADA, PASSWORD, 409), ("none", PASSWORD, 422), ("e@x.org", "short", 422)],
)
async def test_a_refused_sign_up_shows_the_form_again(world: World, email: str, password: str, status: int):
    browser = world.browser()
    page = await browser.send(await browser.get("/sign-up"), "/sign-up", email=email, password=password)
    assert page.status == status
    assert page.forms["/sign-up"]["email"] == email
    assert 'aria-invalid="true"' in page.html


async def test_a_closed_door_has_no_sign_up(clock: FakeClock, keys: Keys):
    world = World(clock, keys, Policy(), sign_up_open=False)
    browser = world.browser()
    assert "/sign-up" not in " ".join((await browser.get("/sign-in")).links)
    page = await browser.get("/sign-up")
    assert page.status == 403
    assert "administrator" in page.text


async def test_who_was_idle_reads_the_limit_of_the_policy_and_returns_to_the_page(world: World):
    browser = await world.signed_in()
    world.clock.tick(minutes=17)
    page = await browser.get("/account/password?x=1")
    assert page.path == "/sign-in"
    assert "inactive for 15 minutes" in page.text
    page = await browser.send(page, "/sign-in", email=ADA, password=PASSWORD)
    assert str(page.url).endswith("/account/password?x=1")


@pytest.mark.parametrize("reason", list(Reason))
async def test_every_reason_has_its_words(world: World, reason: Reason):
    page = await world.browser().get(f"/sign-in?reason={reason}")
    assert ("p", {"class": "notice"}) in page.tags


async def test_the_query_cannot_put_words_on_the_page(world: World):
    page = await world.browser().get("/sign-in?reason=Call+us+now&done=9-Call")
    assert "Call" not in page.html
    browser = await world.signed_in()
    for code in ("Call", "1-Call", "-1-device", "1e9-device", "9999999-device", "١-device", ""):
        assert 'class="notice"' not in (await browser.get(f"{HOME}?done={code}")).html


@pytest.mark.req("TH-17")
@pytest.mark.parametrize("text", AWAY[1:12])
async def test_signing_in_never_leads_away(world: World, text: str):
    browser = world.browser()
    page = Page(await browser.client.get("/sign-in", params={"next": text}))
    filled = {"email": ADA, "password": PASSWORD, "next": text}
    page = await browser.send(page, "/sign-in", follow=False, **filled)
    assert (page.status, page.answer.headers["location"]) == (303, HOME)
    page = Page(await browser.client.get("/sign-in", params={"next": text}))
    assert page.answer.headers["location"] == HOME


# ── the account ──────────────────────────────────────────────────────────────────────────────────


async def test_three_devices_without_javascript(world: World):
    mac = await world.signed_in(ADA, MAC)
    phone = await world.signed_in(ADA, IPHONE, ip="198.51.100.4")
    world.clock.tick(minutes=3)
    firefox = await world.signed_in(ADA, WINDOWS, ip="192.0.2.9")

    page = await mac.get(HOME)
    assert "3 devices" in page.text
    assert (
        page.text.index("This device") < page.text.index("Firefox 145 on Windows") < page.text.index("iPhone")
    )
    assert "Chrome 143 on macOS" in page.text
    assert "198.51.100.4" in page.text
    assert "Location unknown" in page.text
    assert "Last active 3 minutes ago" in page.text
    assert "Expires in 12 minutes" in page.text

    _, iphone = other_ids(page)
    page = await mac.get(f"{HOME}/sign-out/{iphone}")
    assert "You will need to sign in again on that device." in page.text
    page = await mac.send(page, f"{HOME}/sign-out/{iphone}")
    assert "Signed out of 1 device." in page.text
    assert "2 devices" in page.text
    page = await phone.get(HOME)
    assert page.path == "/sign-in"
    assert "You signed this device out from another one." in page.text

    page = await mac.get(f"{HOME}/sign-out-others")
    assert "1 other device will be signed out. This device stays signed in." in page.text
    page = await mac.send(page, f"{HOME}/sign-out-others")
    assert "Signed out of 1 other device." in page.text
    assert "You are only signed in here." in page.text
    assert f"{HOME}/sign-out-others" not in page.links
    assert "Signed out by you, from another device" in page.text
    assert (await firefox.get(HOME)).path == "/sign-in"

    page = await mac.send(page, "/sign-out")
    assert "You are signed out." in page.text
    assert await world.live() == 0


async def test_ones_own_device_signed_out_from_its_row_is_a_sign_out(world: World):
    browser = await world.signed_in()
    (session,) = await world.sessions.select(Query(live_at=world.clock()))
    path = f"{HOME}/sign-out/{session.id}"
    page = await browser.send(await browser.get(path), path)
    assert (page.path, await world.live()) == ("/sign-in", 0)
    assert "sojourn" not in browser.client.cookies


async def test_what_has_ended_meanwhile_counts_as_done(world: World):
    mac, phone = await world.signed_in(ADA), await world.signed_in(ADA, IPHONE)
    (iphone,) = other_ids(await mac.get(HOME))
    path = f"{HOME}/sign-out/{iphone}"
    page = await mac.get(path)
    await phone.send(await phone.get(HOME), "/sign-out")
    assert "That device was already signed out." in (await mac.send(page, path)).text
    assert "That device was already signed out." in (await mac.get(path)).text


@pytest.mark.req("A8-8.2.2")
async def test_the_ids_of_others_are_nobodys(world: World):
    await world.signed_in(BOB)
    (bobs,) = await world.sessions.select(Query(live_at=world.clock()))
    browser = await world.signed_in(ADA)
    field = (await browser.get(HOME)).forms["/sign-out"]
    for id in (bobs.id, "0190aaaa-0000-7000-8000-000000000000", "nonsense"):
        assert (await browser.get(f"{HOME}/sign-out/{id}")).status == 404
        assert (await browser.post(f"{HOME}/sign-out/{id}", field)).status == 404
    assert await world.live() == 2


async def test_an_expiry_leaves_the_page_the_list_and_the_count_in_the_same_tick(world: World):
    await world.signed_in(ADA, IPHONE)
    world.clock.tick(minutes=10)
    mac, root = await world.signed_in(ADA), await world.signed_in(ROOT, WINDOWS)
    (iphone, *_) = [s for s in await world.sessions.list(await user(world, ADA)) if s.device.os == "iOS"]

    world.clock.now = iphone.expires_at - timedelta(microseconds=1)
    assert len(other_ids(await mac.get(HOME))) == 1
    assert "3 sessions · 2 people" in (await root.get("/admin")).text

    world.clock.now = iphone.expires_at
    page = await mac.get(HOME)
    assert other_ids(page) == []
    assert "Ended because it was not used" in page.text
    admin = await root.get("/admin")
    assert "2 sessions · 2 people" in admin.text
    assert f"/admin/sessions/{iphone.id}/revoke" not in admin.links
    assert await world.live() == 2


async def user(world: World, email: str) -> str:
    found = await world.accounts.by_email(email)
    assert found is not None
    return found.id


async def test_signing_out_all_others_asks_who_is_there_if_that_is_long_ago(world: World):
    browser = await world.signed_in(ADA)
    world.clock.tick(minutes=11)
    await world.signed_in(ADA, IPHONE)
    page = await browser.get(f"{HOME}/sign-out-others")
    assert page.path == "/confirm"
    page = await browser.send(page, "/confirm", password="not this one")
    assert page.status == 401
    assert "This is not your password." in page.text
    page = await browser.send(page, "/confirm", password=PASSWORD)
    assert page.path == f"{HOME}/sign-out-others"
    await browser.send(page, page.path)
    assert await world.live() == 1


async def test_a_new_password_ends_the_other_sessions(world: World):
    browser, phone = await world.signed_in(ADA), await world.signed_in(ADA, IPHONE)
    page = await browser.get("/account/password")
    page = await browser.send(page, "/account/password", current_password="no", new_password="long enough 1")
    assert (page.status, "This is not your current password." in page.text) == (401, True)
    page = await browser.send(page, "/account/password", current_password=PASSWORD, new_password="short")
    assert (page.status, "at least 8 characters" in page.text) == (422, True)
    page = await browser.send(
        page, "/account/password", current_password=PASSWORD, new_password="long enough 1"
    )
    assert "Your password was changed. 1 other device signed out." in page.text
    assert "Your password was changed." in (await phone.get(HOME)).text


# ── administrators ───────────────────────────────────────────────────────────────────────────────


async def test_users_see_nothing_of_the_administration(world: World):
    browser = await world.signed_in(ADA)
    assert "/admin" not in (await browser.get(HOME)).links
    for route in PAGES:
        if route.path.startswith("/admin") and route.method == "GET":
            page = await browser.get(route.path.replace("{id}", await user(world, ADA)))
            assert page.status == 403
            assert "You need the administrator role to see this page." in page.text
            assert "/sign-out" in page.forms


async def test_an_administrator_revokes_a_session_and_then_all(world: World):
    await world.signed_in(ADA, MAC)
    phone = await world.signed_in(ADA, IPHONE)
    root = await world.signed_in(ROOT, WINDOWS)
    page = await root.get("/admin")
    assert "3 sessions · 2 people" in page.text
    id = await user(world, ADA)
    session = (await world.sessions.list(id))[0]
    path = f"/admin/sessions/{session.id}/revoke"
    page = await root.send(await root.get(path), path, note="lost in a train")
    assert page.path == f"/admin/users/{id}"
    assert "1 session revoked." in page.text
    (ended,) = await world.sessions.history(id)
    assert (ended.reason, ended.note) == (Reason.ADMIN, "lost in a train")
    assert "That session had already ended." in (await root.get(path)).text

    path = f"/admin/users/{id}/revoke"
    page = await root.send(await root.get(path), path)
    assert "1 session revoked." in page.text
    assert "not signed in anywhere" in page.text
    page = await phone.get(HOME)
    assert "An administrator signed you out." in page.text
    assert "lost in a train" not in page.text


async def test_revoking_the_session_one_is_using_is_said_first(world: World):
    root = await world.signed_in(ROOT)
    (mine,) = await world.sessions.select(Query(live_at=world.clock()))
    path = f"/admin/sessions/{mine.id}/revoke"
    page = await root.get(path)
    assert "This is the session you are using now." in page.text
    assert (await root.send(page, path)).path == "/sign-in"


async def test_revoking_asks_who_is_there_if_that_is_long_ago(world: World):
    root = await world.signed_in(ROOT)
    world.clock.tick(minutes=11)
    (mine,) = await world.sessions.select(Query(live_at=world.clock()))
    assert (await root.get(f"/admin/sessions/{mine.id}/revoke")).path == "/confirm"


async def test_users_can_be_searched(world: World):
    root = await world.signed_in(ROOT)
    page = await root.get("/admin?search=bob")
    table = page.text.partition("Users that match")[2]
    assert BOB in table
    assert ADA not in table
    assert "Nothing matches “ <script> ”" in (await root.get("/admin?search=%3Cscript%3E")).text
    assert (await root.get("/admin/users/nobody")).status == 404


def test_the_api_can_be_read():
    document = {
        "info": {"version": "1"},
        "paths": {
            "/a/{id}": {
                "post": {
                    "tags": ["sessions"],
                    "summary": "<b>Do</b> it.",
                    "security": [{}],
                    "parameters": [{"name": "id", "in": "path", "schema": {"type": "string"}}],
                    "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/x/Body"}}}},
                    "responses": {"200": {"description": "Done"}},
                }
            }
        },
        "components": {
            "schemas": {"Body": {"properties": {"note": {"anyOf": [{"type": "string"}, {"type": "null"}]}}}}
        },
    }
    body = docs_page(document).body.decode()
    assert "POST /a/{id}" in body
    assert "string or null, optional" in body
    assert "<b>" not in body


# ── text that is only text ───────────────────────────────────────────────────────────────────────

HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    '"><svg/onload=alert(1)>',
    "' autofocus onfocus='alert(1)",
    "</bdi></p><iframe src=javascript:alert(1)>",
    "{{ 7*7 }}{% raw %}",
    "javascript:alert(1)",
    "\u202ecipan\u202c",
    "<!--",
    "</textarea></title><style>*{display:none}</style>",
    "&lt;b&gt;",
)


@pytest.mark.req("TH-19")
@pytest.mark.parametrize("text", HOSTILE)
async def test_a_device_that_calls_itself_markup_is_shown_as_text(world: World, text: str):
    browser, root = await world.signed_in(ADA), await world.signed_in(ROOT)
    id = await user(world, ADA)
    clean = set(map(_shape, (await browser.get(HOME)).tags)) | set(
        map(_shape, (await root.get("/admin")).tags)
    )
    device = Device(name=text, model=text, browser=text, os=text, user_agent=text)
    issued = await world.sessions.start(id, device=device, place=Place(city=text, country=text), ip=text)
    paths = [(browser, HOME), (browser, f"{HOME}/sign-out/{issued.session.id}"), (root, "/admin")]
    paths += [(root, f"/admin/users/{id}"), (root, f"/admin/sessions/{issued.session.id}/revoke")]
    for one, path in paths:
        page = await one.get(path)
        assert text in "".join(page.words), path
        strange = set(map(_shape, page.tags)) - clean - _CONFIRMING
        assert not {tag for tag, _ in strange} & {"script", "img", "iframe", "style"}, path
        assert not [names for _, names in strange if any(n.startswith("on") for n in names)], path
    # Turned-around text stays within its own element.
    assert f"<bdi>{text}</bdi>" in page.html or text.isascii()


def _shape(tag: tuple[str, dict[str, str | None]]) -> tuple[str, tuple[str, ...]]:
    return tag[0], tuple(tag[1])


_CONFIRMING = {("h1", ()), ("button", ("class",))}


@pytest.mark.req("TH-19")
@pytest.mark.parametrize("text", HOSTILE)
async def test_what_is_typed_comes_back_as_text(world: World, text: str):
    browser = world.browser()
    page = await browser.send(await browser.get("/sign-up"), "/sign-up", email=text, name=text, password="x")
    assert page.status == 422
    assert page.forms["/sign-up"]["email"] == text
    assert page.forms["/sign-up"]["name"] == text
    assert not [tag for tag, _ in page.tags if tag in ("script", "iframe", "style")]
