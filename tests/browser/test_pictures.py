"""Pictures for the documentation, and what a screen reader finds in each: written and checked by one script.

`PICTURES=write` writes both anew. Pixels differ from machine to machine, so what is compared is the outline;
whoever changes what a state shows has to write it anew, and the picture with it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
PICTURES, OUTLINES = ROOT / "docs" / "images", Path(__file__).parent / "outlines"
WRITES = os.environ.get("PICTURES") == "write"

# state, theme, language, width
SHOWN = (
    ("sessions-several", "light", "en", 1100),
    ("sessions-several", "dark", "ar", 1100),
    ("sessions-several", "light", "de", 360),
    ("sessions-details", "light", "en", 1100),
    ("sessions-signed-out-undo", "light", "en", 1100),
    ("sessions-loading", "light", "en", 1100),
    ("sessions-none", "light", "en", 1100),
    ("sessions-offline", "dark", "en", 1100),
    ("dialog-sign-out-others", "light", "en", 1100),
    ("dialog-not-me", "light", "en", 1100),
    ("dialog-reauthenticate", "dark", "en", 1100),
    ("history", "light", "fr", 1100),
    ("expired-idle", "light", "en", 1100),
    ("expired-user", "dark", "es", 1100),
    ("warning-idle", "light", "zh", 1100),
    ("admin-overview", "light", "en", 1280),
    ("admin-sessions", "light", "en", 1280),
)


def called(shown: tuple[str, str, str, int]) -> str:
    state, theme, locale, width = shown
    return f"{state}-{theme}-{locale}" + ("-narrow" if width < 600 else "")


@pytest.mark.parametrize("shown", SHOWN, ids=called)
def test_a_state_shows_what_its_picture_shows(still: Page, gallery: str, shown):
    page = still
    state, theme, locale, width = shown
    page.set_viewport_size({"width": width, "height": 700})
    page.goto(f"{gallery}?state={state}&theme={theme}&locale={locale}")
    page.locator(".cell[data-ready]").wait_for(state="attached")
    covering = page.locator("dialog[open]")
    seen = covering.last if covering.count() else page.locator(".cell")
    outline = seen.aria_snapshot() + "\n"
    picture, kept = PICTURES / f"{called(shown)}.png", OUTLINES / f"{called(shown)}.yml"
    if WRITES:
        picture.parent.mkdir(exist_ok=True)
        kept.parent.mkdir(exist_ok=True)
        page.screenshot(path=picture, full_page=not covering.count(), animations="disabled")
        kept.write_text(outline, encoding="utf-8")
    assert picture.is_file()
    assert kept.read_text(encoding="utf-8") == outline


def test_no_picture_is_left_of_a_state_that_is_gone():
    names = {called(shown) for shown in SHOWN}
    assert {path.stem for path in PICTURES.glob("*.png")} == names
    assert {path.stem for path in OUTLINES.glob("*.yml")} == names
