"""The page without a mouse, for screen readers, in every theme and direction, and on the smallest screen."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.account.passing import opened, pass_by
from tests.browser.account.site import API, PHONE, WINDOWS, row, rows
from tests.browser.account.test_expired import refuse
from tests.browser.account.test_trouble import problem
from tests.browser.account.test_words import english, words

pytestmark = pytest.mark.browser

# ── 33: keyboard ──────────────────────────────────────────────────────────────────────────────

STEP = """() => {
  const on = document.activeElement;
  const box = on.getBoundingClientRect();
  const style = getComputedStyle(on);
  return {
    name: on.getAttribute('aria-label') || on.innerText?.trim() || on.tagName,
    height: box.height,
    part: (on.closest('#sojourn-account li, .sojourn-head, section') ?? on).getBoundingClientRect().top
      + scrollY,
    ring: style.outlineStyle === 'none' ? 0 : parseFloat(style.outlineWidth),
    seen: box.top >= 0 && box.bottom <= innerHeight,
    end: on === document.body,
    inline: style.display === 'inline',
  };
}"""


def tabbed(page: Page) -> list[dict[str, Any]]:
    """Everything that Tab reaches, in its order."""
    steps: list[dict[str, Any]] = []
    while len(steps) < 60:
        page.keyboard.press("Tab")
        step = page.evaluate(STEP)
        if step["end"] or (steps and step["name"] == steps[0]["name"]):
            break
        steps.append(step)
    return steps


@pytest.mark.runtime
def test_b33_tab_reaches_everything_in_order_and_is_seen(person):
    person.on(PHONE, path=None)
    page = person.on()
    steps = tabbed(page)
    names = [step["name"] for step in steps]
    for name in (
        *("Refresh", "Sign out all others…", "Details", "Not me? iPhone", "Sign out of iPhone"),
        *("change your password", "Save"),
    ):
        assert name in names
    main = steps[names.index("Refresh") :]
    assert [step["name"] for step in main if not step["seen"]] == []
    assert [step["name"] for step in steps if step["ring"] < 2] == []
    assert [step["name"] for step in main if step["height"] < 24 and not step["inline"]] == []
    parts = [step["part"] for step in main]
    assert parts == sorted(parts)


@pytest.mark.runtime
def test_b33_everything_can_be_done_with_the_keyboard(person):
    person.on(PHONE, path=None)
    page = person.on()
    page.get_by_role("button", name="Refresh").focus()
    go_to(page, "Details")
    page.keyboard.press("Enter")
    expect(rows(page).first.locator("details")).to_have_attribute("open", "")
    go_to(page, "Rename device")
    page.keyboard.press("Space")
    page.keyboard.type("Desk")
    page.keyboard.press("Enter")
    expect(rows(page).first).to_contain_text("Desk")
    go_to(page, "Sign out of iPhone")
    page.keyboard.press("Enter")
    undo = page.get_by_role("button", name="Undo: stay signed in on iPhone")
    expect(undo).to_be_focused()
    expect(undo).not_to_have_attribute("aria-disabled", "true")
    page.keyboard.press("Space")
    expect(row(page, "iPhone")).to_contain_text("Expires in")
    page.get_by_role("button", name="Sign out all others…").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Cancel")).to_be_focused()
    for _ in range(5):  # it visits the browser's own controls, and no part of the page
        page.keyboard.press("Tab")
        assert page.evaluate(
            "() => document.activeElement === document.body || !!document.activeElement.closest('dialog')"
        )
    page.keyboard.press("Escape")
    choice = page.get_by_label("Sign out automatically if inactive for")
    choice.focus()
    page.keyboard.press("ArrowDown")
    go_to(page, "Save")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Saved.")).to_be_visible()


def go_to(page: Page, name: str) -> None:
    for _ in range(40):
        if page.evaluate(STEP)["name"] == name:
            return
        page.keyboard.press("Tab")
    pytest.fail(f"Tab does not reach {name!r}")


# ── 34: axe ───────────────────────────────────────────────────────────────────────────────────

AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
STANDARD = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
# The structure is the same in every theme; only these can differ.
COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
DARK: dict[str, Any] = {"color_scheme": "dark", "forced_colors": "none"}
FORCED: dict[str, Any] = {"color_scheme": "dark", "forced_colors": "active"}
USUAL: dict[str, Any] = {"color_scheme": "light", "forced_colors": "none"}

# axe does not know the colours that the browser puts in place of ours, so we measure them (WCAG 1.4.3).
INVISIBLE = """() => {
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b]
    .map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = (one) => {
    for (let up = one; up; up = up.parentElement) {
      const colour = parts(getComputedStyle(up).backgroundColor);
      if (colour[3] !== 0) return colour;
    }
    return parts(getComputedStyle(document.documentElement).backgroundColor);
  };
  const bad = [];
  for (const one of document.querySelectorAll('body *')) {
    const style = getComputedStyle(one);
    const text = [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!one.checkVisibility({ visibilityProperty: true })) continue;
    if (text && one.tagName !== 'SCRIPT') {
      const [high, low] = [light(parts(style.color)), light(behind(one))].sort((a, b) => b - a);
      if ((high + 0.05) / (low + 0.05) < 4.5) bad.push(`${one.className || one.tagName}: ${style.color}`);
    }
    const bare = one.tagName === 'BUTTON' && !parseFloat(style.borderTopWidth);
    if (bare) bad.push(`${one.className}: no border`);
  }
  return bad;
}"""

# Colours of the theme before may still be on their way.
SETTLED = """() => Promise.all(document.getAnimations().map((one) => one.finished.catch(() => {})))
  .then(() => document.body.offsetHeight)"""


def wrong(page: Page) -> list[str]:
    """What axe finds, in each theme."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE)
    found: list[str] = []
    for name, media, options in (("light", USUAL, STANDARD), ("dark", DARK, COLOURS)):
        page.emulate_media(**media)
        page.evaluate(SETTLED)
        for violation in page.evaluate("options => axe.run(document, options)", options)["violations"]:
            nodes = [f"{node['target']} {node['failureSummary']}" for node in violation["nodes"]]
            found.append(f"{name} {violation['id']}: {nodes}")
    page.emulate_media(**FORCED)
    found += [f"forced colours: {one}" for one in page.evaluate(INVISIBLE)]
    page.emulate_media(**USUAL)
    return found


REAUTH = {"code": "reauth_required", "methods": ["password"]}


def states(page: Page, say: dict[str, Any]) -> Iterator[str]:
    """One after the other, as far as the page can be led there."""
    expect(rows(page)).to_have_count(3)
    yield "list"
    phone = row(page, "iPhone")
    phone.locator("summary").click()
    yield "details"
    phone.get_by_role("button", name=say["details.rename"]).click()
    expect(phone.get_by_role("textbox")).to_be_focused()
    yield "naming"
    phone.get_by_role("button", name=say["common.cancel"]).click()
    page.get_by_role("button", name=say["others.button"]).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    yield "others"
    problem(page, 403, f"**{API}/sessions/revoke-others", method="POST", **REAUTH)
    page.get_by_role("dialog").get_by_role("button").last.click()
    proof = page.get_by_role("dialog", name=say["reauth.title"])
    proof.locator("input[type=password]").fill("wrong")
    page.keyboard.press("Enter")
    expect(proof.get_by_role("alert")).to_be_visible()
    yield "reauth"
    page.keyboard.press("Escape")
    expect(proof).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.unroute_all()
    yield from acts(page, say)
    yield from troubles(page, say)


def acts(page: Page, say: dict[str, Any]) -> Iterator[str]:
    pc = row(page, "Firefox")
    pc.get_by_role("button", name=say["row.notMe"]).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    yield "doubt"
    page.get_by_role("dialog").get_by_role("button", name=say["notMe.secure"]).click()
    expect(page.get_by_role("dialog").get_by_role("status")).to_be_visible()
    yield "secured"
    page.get_by_role("dialog").get_by_role("button", name=say["common.close"]).click()
    expect(pc).to_have_count(0)
    out = row(page, "iPhone").get_by_role("button", name=say["row.signOutOf"].replace("{device}", "iPhone"))
    problem(page, 503, f"**{API}/sessions/*", method="DELETE", code="unavailable")
    out.click()
    expect(row(page, "iPhone").get_by_role("alert")).to_be_visible()
    yield "failed"
    page.unroute_all()
    out.click()
    expect(row(page, "iPhone")).to_contain_text(say["row.undo"])
    yield "held"
    page.get_by_role("button", name=say["preferences.save"]).click()
    expect(page.locator(".sojourn-toast")).to_be_visible()
    yield "notice"


def troubles(page: Page, say: dict[str, Any]) -> Iterator[str]:
    problem(page, 403, code="forbidden")
    page.get_by_role("button", name=say["sessions.refresh"]).click()
    expect(page.locator("section").get_by_role("alert")).to_be_visible()
    yield "stale"
    page.unroute_all()
    page.context.set_offline(True)
    expect(page.get_by_text(say["sessions.offline"])).to_be_visible()
    yield "offline"
    page.context.set_offline(False)
    expect(page.get_by_text(say["sessions.offline"])).to_have_count(0)
    refuse(page, code="session_revoked", reason="admin")
    page.get_by_role("button", name=say["sessions.refresh"]).dispatch_event("click")
    over = page.get_by_role("alertdialog")
    expect(over).to_be_visible()
    yield "expired"
    over.get_by_role("button", name=say["common.close"]).click()
    expect(over).to_have_count(0)
    yield "signed out"


@pytest.mark.parametrize("locale", ["en", "ar"])
def test_b34_axe_has_nothing_to_say_in_any_state_theme_or_direction(person, locale):
    say = english() | (words(locale) if locale != "en" else {})
    person.on(PHONE, path=None)
    person.on(WINDOWS, path=None)
    page = person.on(locale=locale)
    found = {state: complaints for state in states(page, say) if (complaints := wrong(page))}
    assert found == {}


@pytest.mark.runtime
@pytest.mark.parametrize("locale", ["en", "ar"])
def test_b34_nor_of_the_warning(people, own_site, locale):
    person = people(own_site)
    page = opened(person, person.on(path=None, locale=locale))
    pass_by(person, 13.5, page)
    expect(page.get_by_role("alertdialog")).to_be_visible()
    page.clock.resume()
    assert wrong(page) == []


# ── 35: small screens, large letters ──────────────────────────────────────────────────────────

SPACING = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`* { line-height: 1.5 !important; letter-spacing: 0.12em !important;
    word-spacing: 0.16em !important } p { margin-block-end: 2em !important }`);
  document.adoptedStyleSheets = [sheet];
}"""

LOST = """() => {
  const lost = [];
  for (const one of document.querySelectorAll('main *')) {
    const box = one.getBoundingClientRect();
    if (!box.width || one.closest('.unseen, .sojourn-unseen, svg, option, [hidden]')) continue;
    if (box.left < -1 || box.right > innerWidth + 1) lost.push(`${one.className || one.tagName} is outside`);
    const style = getComputedStyle(one);
    if (style.overflow !== 'visible' && style.display !== 'inline' && one.tagName !== 'DIALOG'
        && (one.scrollWidth > one.clientWidth + 1)) lost.push(`${one.className || one.tagName} is cut`);
    if (style.textOverflow === 'ellipsis') lost.push(`${one.className} is shortened`);
  }
  if (document.documentElement.scrollWidth > innerWidth) lost.push('the page scrolls sideways');
  return lost;
}"""


@pytest.mark.parametrize("locale", ["de", "ar"])
@pytest.mark.parametrize("spaced", [False, True], ids=["", "spaced"])
@pytest.mark.parametrize("height", [640, 256], ids=["320px", "400%"])
def test_b35_nothing_is_lost_on_a_small_screen(person, locale, spaced, height):
    say = words(locale)
    person.on(PHONE, path=None)
    page = person.on(
        locale=locale,
        viewport={"width": 320, "height": height},
        device_scale_factor=4 if height == 256 else 1,
    )
    if spaced:
        page.evaluate(SPACING)
    row(page, "iPhone").locator("summary").click()
    assert page.evaluate(LOST) == []
    page.get_by_role("button", name=say["others.button"]).click()
    dialog = page.get_by_role("dialog")
    for button in dialog.get_by_role("button").all():
        button.scroll_into_view_if_needed()
        box = button.bounding_box()
        assert 0 <= box["x"] <= box["x"] + box["width"] <= 320
        assert 0 <= box["y"] <= box["y"] + box["height"] <= height
    assert page.evaluate(LOST) == []
