"""What a person sees when the store is away, or the browser sent what it should not."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from sojourn.server import create_app
from sojourn.settings import Settings
from sojourn.testing import FakeClock, make_keys

ORIGIN = "http://127.0.0.1:8000"
PERSON = {"sec-fetch-mode": "navigate", "sec-fetch-site": "same-origin"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sojourn.db"


@pytest.fixture
def browser(file: Path):
    settings = Settings(store=f"sqlite:///{file}", origin=ORIGIN)
    with TestClient(
        create_app(settings, keys=make_keys(), clock=FakeClock()), base_url=ORIGIN, headers=PERSON
    ) as client:
        made = client.post(
            "/api/auth/sign-up", json={"email": "ada@example.org", "password": "analytical-engine"}
        )
        assert made.status_code == 201
        yield client


def broken(file: Path) -> None:
    """Another process took the tables away."""
    with sqlite3.connect(file) as database:
        database.execute("alter table sessions rename to elsewhere")
    database.close()


def mended(file: Path) -> None:
    with sqlite3.connect(file) as database:
        database.execute("alter table elsewhere rename to sessions")
    database.close()


def test_a_page_says_that_the_store_is_away_and_nobody_is_signed_out(browser, file):
    broken(file)
    page = browser.get("/account/security")
    assert page.status_code == 503
    assert page.headers["content-type"].startswith("text/html")
    assert "retry-after" in page.headers
    assert "set-cookie" not in page.headers
    assert "You are still signed in" in page.text
    mended(file)
    assert browser.get("/account/security").status_code == 200


def test_signing_out_while_the_store_is_away_takes_the_cookie_and_says_what_is_open(browser, file):
    broken(file)
    answer = browser.post("/api/auth/sign-out", headers={"origin": ORIGIN})
    assert answer.status_code == 503
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert "could not be told yet" in answer.json()["message"]


def test_a_form_from_another_site_is_refused_with_a_page(browser):
    page = browser.post(
        "/account/security/sign-out-others", data={}, headers={"sec-fetch-site": "cross-site"}
    )
    assert page.status_code == 403
    assert "Reload and try again" in page.text
