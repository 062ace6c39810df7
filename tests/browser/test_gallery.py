"""Every state of every component: harmless under the policy of the pages, and without complaints of axe."""

from __future__ import annotations

import pytest
from playwright.sync_api import ConsoleMessage, Page, expect

from tests.browser.gallery import WEB

pytestmark = pytest.mark.browser

AXE = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}

# A cell is part of a page, and no page itself.
NOT_OF_A_CELL = {"region", "page-has-heading-one", "landmark-one-main", "heading-order"}


def watched(page: Page) -> list[str]:
    """What the browser complains about, as it comes."""
    complaints: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    page.on("console", listen)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(f"failed: {request.url}"))
    return complaints


def states(page: Page, gallery: str) -> list[str]:
    page.goto(gallery)
    page.locator(".cell[data-ready]").first.wait_for()
    cells = page.locator(".cell").evaluate_all("cells => cells.map(cell => cell.id)")
    modal = page.locator("nav p").last.locator("a").all_text_contents()
    assert len(cells) > 20
    assert len(modal) > 10
    return [*cells, *modal]


def complaints_of_axe(page: Page) -> list[str]:
    found = page.evaluate("options => axe.run('.cell', options)", AXE)
    return [
        f"{violation['id']}: {node['target']} {node['failureSummary']}"
        for violation in found["violations"]
        if violation["id"] not in NOT_OF_A_CELL
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize(("theme", "locale"), [("light", "en"), ("dark", "ar")])
def test_every_state_is_operable_and_harmless(still: Page, gallery: str, theme: str, locale: str):
    page = still
    complaints = watched(page)
    axe = (WEB / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    wrong: dict[str, list[str]] = {}
    for state in states(page, gallery):
        page.goto(f"{gallery}?state={state}&theme={theme}&locale={locale}")
        expect(page.locator(".cell"), state).to_have_attribute("data-ready", "")
        page.evaluate(axe)
        if found := [*complaints, *complaints_of_axe(page)]:
            wrong[state] = found
        complaints.clear()
    assert wrong == {}
