"""Alerts over the API of administrators: who may ask, pages and states, and the account of who did what."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from sojourn.events import AdminActed
from sojourn.observe.alerts.alert import Alert, Raised, opened
from sojourn.testing import FakeClock
from tests.web.kit import CHROME, PASSWORD, Browser, Guests

API = "/api/admin/alerts"
BOSS = "boss@example.org"


@pytest.fixture
def boss(server: Guests) -> Browser:
    server.run(server.accounts.create, BOSS, PASSWORD, role="admin")
    browser = server.browser(CHROME)
    assert browser.sign_in(BOSS).status_code == 200
    return browser


def ledger(server: Guests) -> Any:
    return server.app.state.ledger


def raised(server: Guests, *subjects: str) -> list[Alert]:
    alerts = [
        opened(
            Raised(
                rule="not-me",
                severity="high",
                subject=subject,
                title="A title",
                factors=("one", "two"),
                at=server.clock() + n * timedelta(seconds=1),
                user_id=subject,
            )
        )
        for n, subject in enumerate(subjects)
    ]
    server.run(ledger(server).advance, 0, 0, alerts)
    return alerts


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", API), ("POST", f"{API}/{uuid4()}/acknowledge"), ("POST", f"{API}/{uuid4()}/resolve")],
)
def test_only_administrators_may_ask(server: Guests, ada: Browser, method: str, path: str):
    assert ada.request(method, path).status_code == 403
    assert server.browser().request(method, path).status_code == 401


def test_an_alert_is_shown_with_its_factors(server: Guests, boss: Browser):
    (alert,) = raised(server, "ada")
    answer = boss.get(API).json()
    (shown,) = answer["alerts"]
    assert answer["open"] == 1
    assert answer["next"] is None
    assert shown | {"opened_at": "", "last_at": ""} == {
        "id": str(alert.id),
        "rule": "not-me",
        "severity": "high",
        "title": "A title",
        "factors": ["one", "two"],
        "user_id": "ada",
        "session_id": None,
        "count": 1,
        "opened_at": "",
        "last_at": "",
        "state": "open",
        "acknowledged_at": None,
        "acknowledged_by": None,
        "resolved_at": None,
        "resolved_by": None,
    }


def test_pages_go_on_where_the_one_before_ended(server: Guests, boss: Browser):
    wanted = [str(alert.id) for alert in reversed(raised(server, "a", "b", "c", "d", "e"))]
    first = boss.get(API, params={"limit": 2}).json()
    second = boss.get(API, params={"limit": 10, "after": first["next"]}).json()
    assert [alert["id"] for alert in first["alerts"] + second["alerts"]] == wanted


def test_who_acknowledges_and_resolves_is_written_down(server: Guests, clock: FakeClock, boss: Browser):
    (alert,) = raised(server, "ada")
    me = boss.get("/api/auth/sessions/current").json()["user"]["id"]
    taken = boss.post(f"{API}/{alert.id}/acknowledge").json()
    assert (taken["state"], taken["acknowledged_by"]) == ("acknowledged", me)
    assert boss.get(API).json()["alerts"] == []
    over = boss.post(f"{API}/{alert.id}/resolve").json()
    assert (over["state"], over["resolved_by"]) == ("resolved", me)
    for state, count in (("open", 0), ("acknowledged", 0), ("resolved", 1), ("all", 1)):
        assert len(boss.get(API, params={"state": state}).json()["alerts"]) == count
    acts = [(event.act, event.by, str(event.target)) for event in server.told(AdminActed)]
    assert acts == [("alert-acknowledge", me, str(alert.id)), ("alert-resolve", me, str(alert.id))]


@pytest.mark.parametrize("id", [str(uuid4()), "x"])
def test_there_is_nothing_to_do_with_what_is_not_there(server: Guests, boss: Browser, id: str):
    assert boss.post(f"{API}/{id}/acknowledge").status_code == 404
    assert boss.post(f"{API}/{id}/resolve").status_code == 404


def test_an_unknown_state_is_refused(server: Guests, boss: Browser):
    assert boss.get(API, params={"state": "lost"}).status_code == 422


def test_without_a_journal_there_are_no_alerts(open_server):
    server = open_server(journal="off")
    server.run(server.accounts.create, BOSS, PASSWORD, role="admin")
    browser = server.browser()
    browser.sign_in(BOSS)
    answer = browser.get(API)
    assert (answer.status_code, answer.json()["code"]) == (409, "journal_off")
