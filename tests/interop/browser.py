"""A browser without scripts, on one origin: it signs up and says yes to applications."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import uuid4

import httpx2

from sojourn import Device
from tests.interop.kit import CALLBACK, PASSWORD, Installation

__all__ = ["COOKIE", "Browser"]

COOKIE = "sojourn"  # its name on loopback


class Browser:
    def __init__(self, place: Installation) -> None:
        self.place, self.origin = place, place.origin
        self.client = httpx2.Client(base_url=place.origin, headers={"accept": "text/html"}, timeout=30)

    def __enter__(self) -> Browser:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()

    def enter(self, user_id: str = "grace") -> Browser:
        """Be signed in as somebody, without a form: not many may sign up from one address in an hour."""
        device = Device(id=uuid4().hex)  # a browser that the server knows again
        [tokens] = self.place.sessions(1, user_id, device=device, amr=("pwd",), bearer=False)
        self.client.cookies.set(COOKIE, tokens.refresh)
        return self

    def sign_up(self, email: str) -> None:
        page = self.client.get("/sign-up").text
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
        sent = {name: html.unescape(value) for name, value in fields.items()}
        answer = self._post("/sign-up", data=sent | {"email": email, "password": PASSWORD})
        assert answer.status_code == 303, answer.text

    def authorize(self, query: Mapping[str, str]) -> dict[str, str]:
        """With what the browser is sent back to the application, after a yes if it is asked for one."""
        return dict(parse_qsl(urlsplit(self.follow(f"/oauth/authorize?{urlencode(query)}")).query))

    def follow(self, url: str) -> str:
        """The address to which *url* of the authorization endpoint leads in the end."""
        answer = self.client.get(url)
        if answer.status_code == 200:
            yes = next(link for link in re.findall(r'href="([^"]*)"', answer.text) if "agreed=" in link)
            answer = self.client.get(html.unescape(yes))
        location = answer.headers["location"]
        assert location.startswith(CALLBACK)
        return location

    def ask(self, query: Mapping[str, str]) -> httpx2.Response:
        asked = {
            "response_type": "code",
            "client_id": "shop",
            "redirect_uri": CALLBACK,
            "scope": "openid",
            "state": "s",
            "code_challenge": "c" * 43,
            "code_challenge_method": "S256",
        }
        return self.client.get("/oauth/authorize", params={**asked, **query})

    def sessions(self, application_id: str) -> list[str]:
        """The ids of the user's sessions of that application."""
        query = {"application_id": application_id}
        found: dict[str, Any] = self.client.get("/api/auth/sessions", params=query).json()
        return [row["id"] for row in found["sessions"]]

    def end(self, id: str) -> None:
        headers = {"origin": self.origin}
        assert self.client.delete(f"/api/auth/sessions/{id}", headers=headers).status_code == 200

    def _post(self, path: str, **named: Any) -> httpx2.Response:
        return self.client.post(
            path, headers={"origin": self.origin, "sec-fetch-site": "same-origin"}, **named
        )
