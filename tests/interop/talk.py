"""A browser of somebody, and what it says to one route of the Better Auth dialect: its golden transcript."""

from __future__ import annotations

from typing import Any

import httpx2

from tests.interop.better_auth import BASE
from tests.interop.golden import Transcript
from tests.interop.kit import PASSWORD, Installation

__all__ = ["ANOTHER", "ROOT", "UNKNOWN", "Talk", "name_of"]

ANOTHER = "analytical engine no. 3"
ROOT = "root@example.org"
UNKNOWN = "00000000-0000-7000-8000-000000000007"


def name_of(path: str) -> str:
    return "better-auth-" + path.removeprefix(f"{BASE}/").replace("/", "-")


class Talk:
    """A browser of somebody, and what it says to one route."""

    def __init__(self, place: Installation, path: str) -> None:
        self.origin, self.path, self.count = place.origin, path, 0
        self._opened: list[httpx2.Client] = []
        self.client = self.browser()
        self.said = Transcript(name_of(f"{BASE}/{path}"), self.client, cookies=True)

    def browser(self) -> httpx2.Client:
        headers = {"user-agent": "Analytical/1", "origin": self.origin}
        self._opened.append(httpx2.Client(base_url=self.origin, headers=headers, timeout=30))
        return self._opened[-1]

    def close(self) -> None:
        for browser in self._opened:
            browser.close()

    def ask(
        self, case: str, body: Any = None, *, method: str = "POST", query: str = "", **headers: str
    ) -> None:
        """Ask, and write it down; a header whose value is empty is not sent."""
        kept = {name: self.client.headers.pop(name) for name, value in headers.items() if not value}
        sent = {name.replace("_", "-"): value for name, value in headers.items() if value}
        body = {} if body is None and method == "POST" else body
        self.said.ask(case, method, f"{BASE}/{self.path}{query}", headers=sent or None, json=body)
        self.client.headers.update(kept)

    def get(self, case: str, query: str = "", **headers: str) -> None:
        self.ask(case, method="GET", query=query, **headers)

    def email(self) -> str:
        """An address that only this test knows, the same in each run."""
        self.count += 1
        return f"{self.path.replace('/', '-')}-{self.count}@example.org"

    def sign_up(self, browser: httpx2.Client | None = None, name: str = "Ada") -> dict[str, Any]:
        """Somebody new, signed in in this browser or in another."""
        email = self.email()
        body = {"email": email, "password": PASSWORD, "name": name}
        answer = (browser or self.client).post(f"{BASE}/sign-up/email", json=body)
        assert answer.status_code == 200, answer.text
        user: dict[str, Any] = answer.json()["user"]
        return user

    def sign_in(self, email: str, browser: httpx2.Client | None = None) -> httpx2.Client:
        browser = browser or self.browser()
        answer = browser.post(f"{BASE}/sign-in/email", json={"email": email, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        return browser

    def as_root(self) -> None:
        """This browser, in which an administrator has signed in."""
        self.client.cookies.clear()
        self.sign_in(ROOT, self.client)

    def handle(self, browser: httpx2.Client | None = None) -> str:
        """What the session of a browser is called."""
        return str((browser or self.client).get(f"{BASE}/get-session").json()["session"]["token"])

    def nobody(self, method: str = "POST", body: Any = None) -> None:
        """The refusals that all routes for somebody share."""
        self.ask("nobody", body, method=method)
        if method == "POST":
            self.ask("nobody, from another origin", body, origin="https://elsewhere.example")

    def shapes(self, body: Any) -> None:
        """Bodies that are none, when somebody is signed in."""
        self.ask("without an origin", body, origin="")
        self.ask("of another origin", body, origin="https://elsewhere.example")
        self.said.ask("no JSON", "POST", f"{BASE}/{self.path}", headers={"content-type": "application/json"})
        self.said.ask("a form", "POST", f"{BASE}/{self.path}", form={"a": "form"})
