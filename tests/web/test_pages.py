"""What every page keeps: headers, a way out, forms that only our pages make, and text that is only text."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from sojourn import Keys, Policy
from sojourn.accounts import Proof
from sojourn.api.redirects import HOME
from sojourn.observe.alerts.alert import Raised, opened
from sojourn.observe.notices import devices as notice
from sojourn.session import Device, Place, Session
from sojourn.testing import FakeClock
from sojourn.web.pages import ASSETS_PATH, PAGES, STATIC, asset, docs_page, error_page
from sojourn.web.pages.rendering import HEADERS
from tests.web.reader import (
    ADA,
    BOB,
    IPHONE,
    ROOT,
    WINDOWS,
    Browser,
    Page,
    World,
    crawl,
    populated,
    user,
)


@pytest.fixture
async def world(clock: FakeClock, keys: Keys) -> World:
    return await populated(World(clock, keys, Policy(idle_timeout=timedelta(minutes=15))))


# ── what every page keeps ────────────────────────────────────────────────────────────────────────


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
            assert tag != "style", path
            if tag == "script":  # one of ours, or data, which no policy for scripts is about
                ours = (attributes.get("src") or "").startswith(ASSETS_PATH)
                assert ours or attributes.get("type") == "application/json", path
            assert not [name for name in attributes if name == "style" or name.startswith("on")], path


async def test_every_page_has_one_heading_a_language_and_a_label_for_each_field(world: World):
    pages = await crawl(await world.signed_in(ROOT), "/admin")
    pages |= await crawl(world.browser(), "/sign-in")
    for path, page in pages.items():
        tags = [tag for tag, _ in page.tags]
        assert tags.count("h1") == tags.count("main") == 1, path
        assert ("html", {"lang": "en", "dir": "ltr"}) in page.tags, path
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


# ── forms ────────────────────────────────────────────────────────────────────────────────────────


async def _alerts(world: World) -> None:
    """One that is open, and one that somebody looks after."""
    subjects = ("one", "other")
    raised = [
        Raised(rule="test", severity="low", subject=subject, title=subject, factors=(), at=world.clock())
        for subject in subjects
    ]
    at = await world.ledger.alert_cursor()
    new = await world.ledger.advance(at, at, [opened(one) for one in raised])
    assert new
    assert await world.ledger.acknowledge(new[0].id, at=world.clock(), by=None)


async def _acting(world: World, root: Session) -> Browser:
    """The browser of an administrator who acts as somebody else."""
    ada = await world.accounts.by_email(ADA)
    assert ada is not None
    issued = await world.sessions.impersonate(root, ada.id)
    browser = world.browser()
    browser.client.cookies.set("sojourn", issued.token or "")
    return browser


async def forms(world: World) -> list[tuple[Browser, str, Page]]:
    """Every form that posts, each with a browser that may send it."""
    browser = await world.signed_in(ROOT)
    await world.signed_in(ROOT, IPHONE)
    pages = list((await crawl(browser, "/admin")).values())
    root = await world.accounts.by_email(ROOT)
    assert root is not None
    await world.accounts.link(root.id, Proof(provider="example", subject="1"))
    disconnect = "/account/disconnect?provider=example&account=1"
    (mine, *_) = await world.sessions.list(root.id)
    link = f"{notice.PATH}?link={notice.made(mine.id, world.sessions.keys, at=world.clock())}"
    await _alerts(world)
    alerts = "/admin/alerts?state=all"
    pages += [await browser.get(path) for path in ("/confirm", "/oauth/logout", disconnect, link, alerts)]
    found = {re.sub("[0-9a-f-]{36}", "{id}", a): (browser, a, p) for p in pages for a in p.forms}
    acting = await _acting(world, mine)
    found["/admin/act/stop"] = (acting, "/admin/act/stop", await acting.get(HOME))
    outside = world.browser()
    for path in ("/sign-in", "/sign-up"):
        found[path] = (outside, path, await outside.get(path))
    return [form for form in found.values() if form[1] not in ("/admin/sessions", "/admin/users")]  # searches


async def test_every_route_that_takes_a_form_has_one(world: World):
    actions = {re.sub("[0-9a-f-]{36}", "{id}", action) for _, action, _ in await forms(world)}
    assert actions == {route.path for route in PAGES if route.method == "POST" and not route.cookieless}


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
