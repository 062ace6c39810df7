"""The overview: numbers true within one poll, charts that say what the API says, each card by itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from sojourn.observe.alerts.alert import Raised
from tests.browser.account.site import API, PHONE, Person, Site
from tests.browser.admin.site import (
    ADMIN_API,
    Root,
    create_user,
    raise_alerts,
    start_session,
    taken_over,
)

pytestmark = pytest.mark.browser

POLL = 20_000  # ms: every ten seconds, and the answer of a machine that has more to do


def figure(page: Page) -> Any:
    return page.get_by_role("listitem").filter(has_text="Currently logged in").locator(".sojourn-figure")


def live(page: Page) -> int:
    """What the store counts."""
    return int(page.request.get(f"{ADMIN_API}/stats").json()["sessions"])


def test_d42_the_live_count_follows_what_happens(
    start_site: Callable[..., Site], roots: Callable[[Site], Root], people: Callable[..., Person]
):
    site = start_site()
    root, ana = roots(site), people(site)
    ana.enter(phone := ana.browser_of(PHONE))  # signs up, and in
    site.clock.ahead += timedelta(minutes=10)
    page = root.at("/admin")
    expect(figure(page)).to_have_text("2")

    ana.enter(laptop := ana.browser_of())
    expect(figure(page)).to_have_text("3", timeout=POLL)
    headers = {"origin": site.origin}
    assert laptop.request.post(f"{API}/sign-out", headers=headers).ok
    expect(figure(page)).to_have_text("2", timeout=POLL)

    session = start_session(site, ana.id)
    expect(figure(page)).to_have_text("3", timeout=POLL)
    assert page.request.delete(f"{ADMIN_API}/sessions/{session.id}", headers=headers).ok
    expect(figure(page)).to_have_text("2", timeout=POLL)

    site.clock.ahead += timedelta(minutes=6)  # the phone was not used for a quarter of an hour
    expect(figure(page)).to_have_text("1", timeout=POLL)
    assert live(page) == 1
    assert not phone.request.get(f"{API}/sessions/current").ok


def test_d42_a_reload_shows_the_same_number_without_a_script(root: Root):
    page = root.at("/admin")
    count = figure(page).text_content()
    context = root.browser_of(java_script_enabled=False)
    root.enter(context)
    plain = context.new_page()
    plain.goto("/admin")
    assert figure(plain).text_content() == str(int(count or 0) + 1)  # that browser is one more


def points(page: Page, asked: Any) -> list[dict[str, int | None]]:
    return [point["values"] for point in asked.json()["points"]]


def table_of(page: Page, title: str) -> list[list[str]]:
    card = page.get_by_role("region", name=title, exact=True)
    card.get_by_role("button", name=f"{title}: as a table").click()
    rows = card.locator("tbody tr")
    expect(rows.first).to_be_visible()
    return [row.locator("td").all_text_contents() for row in rows.all()]


def test_d43_tables_say_what_the_api_says(root: Root):
    page = root.page(context := root.browser_of())
    root.enter(context)
    answers: dict[str, Any] = {}

    def keep(response: Any) -> None:
        found = re.search(
            r"/api/admin/(series\?.*metric=(\w+)|histogram\?metric=(\w+)|heatmap)", response.url
        )
        if found and response.ok:
            answers[found[2] or found[3] or "heatmap"] = response

    page.on("response", keep)
    root.open(page, "/admin?range=30d&zone=utc")
    page.get_by_role("button", name="Pause").click()
    for title in ("Sessions created and ended", "Active sessions and users", "Session length"):
        expect(page.get_by_role("img", name=title)).to_be_visible()

    created, ended = points(page, answers["created"]), points(page, answers["ended"])
    assert table_of(page, "Sessions created and ended") == [
        [said(a), said(b)] for a, b in zip(created, ended, strict=True)
    ]
    active = points(page, answers["active"])
    assert table_of(page, "Active sessions and users") == [
        [number(point.get("sessions")), number(point.get("users"))] for point in active
    ]
    assert any(number(point.get("sessions")) == "no data" for point in active)
    buckets = answers["duration"].json()["buckets"]
    assert table_of(page, "Session length") == [[number(bucket["count"])] for bucket in buckets]
    cells = answers["heatmap"].json()["cells"]
    assert table_of(page, "When people are active") == [
        [number(cells[day][hour]) for day in range(7)] for hour in range(24)
    ]


def said(values: dict[str, int | None]) -> str:
    known = [value for value in values.values() if value is not None]
    return number(sum(known) if known else None)


def number(value: int | None) -> str:
    return "no data" if value is None else f"{value:,}"


def test_d43_drawings_are_named_described_and_have_gaps(root: Root):
    page = root.at("/admin?range=30d")
    for drawing in page.get_by_role("img").all():
        parts = drawing.evaluate(
            """(svg) => ['aria-labelledby', 'aria-describedby'].map(
                (name) => document.getElementById(svg.getAttribute(name))?.textContent ?? '')"""
        )
        assert all(len(text) > 8 for text in parts), parts
    drawing = page.get_by_role("img", name="Active sessions and users")
    path = drawing.locator(".sojourn-solid .sojourn-line").first.get_attribute("d") or ""
    # Nothing is known of the weeks before the journal began: the line begins where it does.
    assert path.count("M") >= 1
    assert float(path.removeprefix("M").split(" ")[0]) > 150


def test_d43_a_pixel_of_a_drawing_is_one_of_the_screen(root: Root):
    page = root.at("/admin")
    drawing = page.get_by_role("img", name="Sessions created and ended")
    for width in (1280, 700, 360):
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_function(
            """(svg) => Math.abs(svg.getBoundingClientRect().width - svg.viewBox.baseVal.width) < 1
                && svg.getBoundingClientRect().width <= svg.parentElement.clientWidth""",
            arg=drawing.element_handle(),
        )


def test_d43_keys_lead_through_the_points(root: Root):
    page = root.at("/admin")
    card = page.get_by_role("region", name="Sessions created and ended", exact=True)
    card.get_by_role("slider").press("Home")
    expect(card.get_by_role("status")).to_have_text(re.compile(r"^Created: [\d,]+ · Ended: [\d,]+$"))
    expect(card.locator(".sojourn-tip")).to_be_visible()
    page.keyboard.press("Escape")
    expect(card.get_by_role("status")).to_be_empty()
    heat = page.get_by_role("region", name="When people are active", exact=True).get_by_role("slider")
    heat.press("Home")
    heat.press("ArrowDown")
    expect(heat).to_have_attribute("aria-valuetext", "Tuesday, 00:00–01:00")


def test_d47_each_card_fails_alone(root: Root):
    page = root.page(context := root.browser_of())
    root.enter(context)
    broken = True

    def answer(route: Route) -> None:
        if broken and "metric=refresh" in route.request.url:
            problem = '{"code": "body_rejected", "message": "Not today."}'
            route.fulfill(status=422, body=problem, content_type="application/problem+json")
        else:
            route.continue_()

    page.route(f"**{ADMIN_API}/series**", answer)
    page.route(f"**{ADMIN_API}/heatmap**", lambda route: route.abort() if broken else route.continue_())
    root.open(page, "/admin")
    card = page.get_by_role("region", name="Refresh success rate", exact=True)
    expect(card.get_by_role("alert")).to_contain_text("This chart could not be loaded. Not today.")
    heat = page.get_by_role("region", name="When people are active", exact=True)
    expect(heat.get_by_role("alert")).to_contain_text("This chart could not be loaded.", timeout=20_000)
    expect(page.get_by_role("img", name="Sessions created and ended")).to_be_visible()
    broken = False
    card.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("img", name="Refresh success rate")).to_be_visible()


def test_d47_an_alert_is_acknowledged_from_two_tabs(root: Root, site: Site):
    user_id = create_user(site, "alerted@example.org")
    raised = Raised(
        rule="refresh-replay",
        severity="high",
        subject=user_id,
        title="A token was used twice, for two tabs",
        factors=("An old token of generation 3 was used.",),
        at=site.clock(),
        user_id=user_id,
    )
    raise_alerts(site, raised)
    context = root.browser_of()
    root.enter(context)
    one, two = root.page(context), root.page(context)
    for page in (one, two):
        page.goto("/admin/alerts")
        taken_over(page)
    acknowledge = f"Acknowledge: {raised.title}"
    row = two.get_by_role("listitem").filter(has_text=raised.title)
    two.get_by_role("button", name="Pause").click()  # it does not see what the other one does
    expect(row).to_be_visible()
    one.get_by_role("button", name=acknowledge).click()
    expect(one.get_by_role("heading", name=raised.title)).to_have_count(0)
    two.get_by_role("button", name=acknowledge).click()
    expect(two.get_by_role("heading", name=raised.title)).to_have_count(0)
    two.get_by_role("link", name="Acknowledged").click()
    expect(two.get_by_role("button", name=f"Resolve: {raised.title}")).to_be_visible()
    expect(two).to_have_url(re.compile(r"state=acknowledged"))


def test_d47_alerts_without_a_script(root: Root, site: Site):
    raised = Raised(
        rule="new-country",
        severity="low",
        subject="plain",
        title="A new country, without a script",
        factors=("Before: DE. Now: FR.",),
        at=site.clock(),
    )
    raise_alerts(site, raised)
    context = root.browser_of(java_script_enabled=False)
    root.enter(context)
    page = context.new_page()
    page.goto("/admin/alerts")
    page.get_by_role("button", name=f"Acknowledge: {raised.title}").click()
    expect(page.get_by_role("status")).to_have_text("Alert acknowledged.")
    page.get_by_role("link", name="Acknowledged", exact=True).click()
    page.get_by_role("button", name=f"Resolve: {raised.title}").click()
    expect(page.get_by_role("status")).to_have_text("Alert resolved.")
