"""Signing in to an application, in a real browser: forms, redirects and the policy that confines them."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_without_javascript import LAPTOP, PASSWORD, PHONE, sign_up

pytestmark = pytest.mark.browser

VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


class Shop:
    """An application on another origin, which is sent back to."""

    def __init__(self, demo: str, folder: Path) -> None:
        class Callback(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"Back at the shop")

            def log_message(self, *_: object) -> None:
                pass

        self.demo = demo
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Callback)
        self.callback = f"http://127.0.0.1:{self.server.server_port}/callback"
        Thread(target=self.server.serve_forever, daemon=True).start()
        store = f"sqlite:///{folder / 'data' / 'demo.db'}"
        command = [sys.executable, "-m", "sojourn", "applications", "create", "The Shop", "--json"]
        command += ["--redirect-uri", self.callback, "--store", store]
        made = json.loads(subprocess.run(command, check=True, capture_output=True, cwd=folder).stdout)
        self.id, self.secret = made["id"], made["secret"]

    def question(self, **more: str) -> str:
        asked = {
            "client_id": self.id,
            "redirect_uri": self.callback,
            "response_type": "code",
            "scope": "openid email",
            "state": "basket-7",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
        return f"{self.demo}/oauth/authorize?{urlencode(asked | more)}"

    def redeem(self, page: Page) -> dict[str, object]:
        expect(page.get_by_text("Back at the shop")).to_be_visible()
        back = parse_qs(urlsplit(page.url).query)
        assert (back["state"], back["iss"]) == (["basket-7"], [self.demo])
        form = {
            "grant_type": "authorization_code",
            "code": back["code"][0],
            "redirect_uri": self.callback,
            "code_verifier": VERIFIER,
        }
        answer = httpx2.post(f"{self.demo}/oauth/token", data=form, auth=(self.id, self.secret))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


@pytest.fixture(scope="module")
def shop(demo: str, demo_folder: Path) -> Iterator[Shop]:
    shop = Shop(demo, demo_folder)
    yield shop
    shop.server.shutdown()
    shop.server.server_close()


def enter(page: Page, email: str) -> None:
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").first.fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def test_somebody_signs_in_says_yes_and_is_back_in_the_application(device, shop):
    email = "buys@example.org"
    sign_up(device(PHONE), email)
    page = device(LAPTOP)
    page.goto(shop.question())
    enter(page, email)
    expect(page.get_by_role("heading", name="Continue to The Shop")).to_be_visible()
    expect(page.get_by_text(email).last).to_be_visible()
    page.get_by_role("link", name="Continue").click()
    assert shop.redeem(page)["scope"] == "openid email"
    page.goto("/account/security")
    expect(page.get_by_text("In The Shop")).to_be_visible()
    page.goto(shop.question())  # asked once in this browser
    shop.redeem(page)


def test_who_signs_in_anew_gets_there_although_no_form_may_lead_to_another_origin(device, shop):
    email = "returns@example.org"
    page = device(LAPTOP)
    sign_up(page, email)
    page.goto(shop.question())
    page.get_by_role("link", name="Continue").click()
    shop.redeem(page)
    page.goto("/account/security")
    page.get_by_role("banner").get_by_role("button", name="Sign out").click()
    page.goto(shop.question())
    enter(page, email)
    expect(page.get_by_role("heading", name="Continue to The Shop")).to_be_visible()
    page.get_by_role("link", name="Continue").click()
    shop.redeem(page)


def test_who_says_no_is_back_without_a_code(device, shop):
    page = device(LAPTOP)
    sign_up(page, "declines@example.org")
    page.goto(shop.question())
    page.get_by_role("link", name="Cancel").click()
    expect(page.get_by_text("Back at the shop")).to_be_visible()
    assert parse_qs(urlsplit(page.url).query)["error"] == ["access_denied"]


def test_an_address_that_nobody_registered_is_never_gone_to(device, shop):
    page = device(LAPTOP)
    page.goto(shop.question(redirect_uri="https://evil.test/"))
    expect(page.get_by_text("not registered")).to_be_visible()
    assert page.url.startswith(shop.demo)
