"""The page in other languages, and with names that would like to be more than names."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from sojourn.web.pages.assets import STATIC
from tests.browser.account.site import API, HOME, PHONE, row, rows, taken_over

pytestmark = pytest.mark.browser

# What a date looks like there; and the years, months and days of no other language.
DATES = {
    "de": r"\d{1,2}\.\d{1,2}\.\d{4}, \d{1,2}:\d{2}",
    "fr": r"\d{1,2} [a-zéû]+\.? \d{4},? (à )?\d{1,2}:\d{2}",
    "es": r"\d{1,2} [a-z]+ \d{4},? \d{1,2}:\d{2}",
    "zh": r"\d{4}年\d{1,2}月\d{1,2}日 \d{1,2}:\d{2}",
    "ar": r"[\d\u0660-\u0669]{1,2}[\u200f/]+[\d\u0660-\u0669]{1,2}",
}


def words(locale: str) -> dict[str, Any]:
    return whole(STATIC / f"locale-{locale}")


def english() -> dict[str, Any]:
    return whole(Path(__file__).parents[3] / "web" / "src" / "locales" / "en")


def whole(path: Path) -> dict[str, Any]:
    """A catalogue with all its parts."""
    files = [path.with_name(f"{path.name}{part}.json") for part in ("", ".cards", ".dialogs")]
    return {key: said for file in files for key, said in json.loads(file.read_bytes()).items()}


def said(page: Page) -> str:
    """All that is written or named on the page."""
    return str(
        page.evaluate(
            """() => [document.body.innerText,
              ...[...document.querySelectorAll('[aria-label], [title], [placeholder]')].flatMap((one) =>
                [one.ariaLabel, one.title, one.placeholder])].join('\\n')"""
        )
    )


@pytest.mark.parametrize("locale", sorted(DATES))
def test_b36_everything_is_said_in_the_readers_language(person, locale):
    catalogue = words(locale)
    person.on(PHONE, path=None)
    page = person.on(locale=locale)
    page.locator("summary").first.click()
    everything = [said(page)]
    page.get_by_role("button", name=catalogue["others.button"]).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    everything.append(said(page))
    page.keyboard.press("Escape")
    for summary in page.locator("summary").all()[1:]:
        summary.click()
    row(page, "iPhone").locator("> .sojourn-acts button").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    everything.append(said(page))
    page.keyboard.press("Escape")
    text = "\n".join(everything)
    assert re.findall(r"\b[a-z]+\.[a-z][A-Za-z_]+\b(?!\.)", text.replace(person.email, "")) == []
    assert "{" not in text
    untranslated = [
        sentence
        for key, sentence in english().items()
        if isinstance(sentence, str)
        and len(sentence) > 8
        and catalogue.get(key, sentence) != sentence
        and "{" not in sentence
        and re.search(rf"\b{re.escape(sentence)}", text)
    ]
    assert untranslated == []
    assert catalogue["sessions.title"] in text
    expect(page.locator("html")).to_have_attribute("lang", locale)
    expect(page.locator("html")).to_have_attribute("dir", "rtl" if locale == "ar" else "ltr")
    date = row(page, "iPhone").locator("time").first.inner_text()
    assert re.search(DATES[locale], date), date


@pytest.mark.runtime
def test_b36_in_arabic_what_is_written_the_other_way_keeps_its_order(person):
    person.on(PHONE, path=None)
    page = person.on(locale="ar")
    line = row(page, "iPhone")
    isolated = line.locator("bdi").all_text_contents()
    assert any("Safari 17" in text for text in isolated)
    assert "127.0.0.1" in isolated
    assert line.locator("time").first.inner_text() in " ".join(isolated)
    icon, name = (line.locator(one).bounding_box() for one in (".sojourn-icon", ".sojourn-name"))
    button = line.get_by_role("button").first.bounding_box()
    assert icon["x"] > name["x"] + name["width"] - 60 > button["x"]  # the page is a mirror image
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


# ── names ─────────────────────────────────────────────────────────────────────────────────────

HOSTILE = '<img src=x onerror="window.hit=1">'
TURNED = "\u202egnp.exe\u2066 evil \u2069"


def renamed(page: Page, name: str) -> None:
    line = rows(page).first
    line.locator("summary").click()
    line.get_by_role("button", name="Rename device").click()
    line.get_by_label("Name of this device").fill(name)
    with page.expect_response(lambda answer: answer.request.method == "PATCH"):
        line.get_by_role("button", name="Save").click()


@pytest.mark.runtime
def test_b37_a_name_that_is_markup_is_text(person):
    page = person.on()
    renamed(page, HOSTILE)
    name = rows(page).first.locator(".sojourn-name bdi")
    expect(name).to_have_text(HOSTILE)
    for _ in range(2):  # as the script shows it, and as the server writes it into the page
        assert page.locator("#sojourn-account img").count() == 0
        assert page.evaluate("() => window.hit") is None
        page.reload()
        taken_over(page)
    expect(name).to_have_text(HOSTILE)
    other = person.on(PHONE)
    other.get_by_role("button", name=f"Not me? {HOSTILE}").click()
    expect(other.get_by_role("dialog")).to_contain_text(HOSTILE)
    other.get_by_role("dialog").get_by_role("button", name="Secure my account").click()
    expect(other.get_by_role("dialog").get_by_role("status")).to_contain_text(f"{HOSTILE} is signed out.")
    assert other.evaluate("() => window.hit") is None


def test_b37_a_name_that_turns_the_line_around_turns_nothing(person):
    page = person.on()
    renamed(page, TURNED)
    name = rows(page).first.locator(".sojourn-name bdi")
    expect(name).to_have_text(re.compile("gnp.exe"))
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", name.inner_text())
    badge = rows(page).first.locator(".sojourn-badge").bounding_box()
    box = name.bounding_box()
    assert badge["x"] >= box["x"] + box["width"] - 1  # what comes after it is still behind it


@pytest.mark.parametrize("agent", [HOSTILE, f"{TURNED} (Windows NT 10.0) Chrome/143.0 {HOSTILE}", "x" * 5000])
def test_b37_a_user_agent_is_text_too(person, agent):
    hostile = person.browser_of()
    hostile.request.post(
        f"{API}/sign-up",
        data={"email": person.email, "password": "correct horse battery staple", "name": HOSTILE},
        headers={"user-agent": agent.encode("ascii", "ignore").decode()},
    )
    person.id = "known"
    page = person.on()
    expect(rows(page)).to_have_count(2)
    assert page.locator("#sojourn-account img").count() == 0
    assert page.evaluate("() => window.hit") is None
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    page.goto(HOME)
    expect(page.locator("#sojourn-boot")).not_to_contain_text("<img")
