"""Golden transcripts: what is asked and what is answered, with what differs from run to run masked."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2

__all__ = ["FOLDER", "Transcript"]

FOLDER = Path(__file__).parent / "golden"

# Of an answer's headers those on which clients and caches depend.
_HEADERS = (
    "access-control-allow-origin", "access-control-expose-headers", "allow", "cache-control", "content-type",
    "location", "pragma", "referrer-policy", "set-auth-jwt", "set-auth-token", "vary", "www-authenticate",
    "x-session-code", "x-sojourn-verdict",
)  # fmt: skip

_MASKS = (
    (re.compile(r"http(://|%3A%2F%2F)127\.0\.0\.1(:|%3A)\d{4,5}"), "<origin>"),
    (re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+"), "<jwt>"),
    (re.compile(r"sjn_[\w-]+"), "<session token>"),
    (re.compile(r"sjb_[\w-]+"), "<bearer token>"),
    (re.compile(r"sjr_[\w-]+"), "<refresh token>"),
    (re.compile(r"sjs_[\w-]+"), "<secret>"),
    (re.compile(r"sjc_[\w-]{16,}"), "<code>"),
    (re.compile(r"ten_\w{16,}"), "<tenant id>"),
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "<id>"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "<CSRF token>"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "<random>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"), "<time, microseconds>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"), "<time, milliseconds>"),
)
_NAMED = {
    "after": "<cursor>",
    "code": "<code>",
    "cursor": "<cursor>",
    "epoch": "<epoch>",
    "kid": "<thumbprint>",
    "n": "<number>",
    "x": "<number>",
    "y": "<number>",
}
_SECONDS = {"iat", "exp", "auth_time", "expires_in"}


class Transcript:
    """What *client* asks in one test, and the answers, to be compared with the file of that *name*.

    With *cookies* it tells what becomes of which cookie.
    With GOLDEN=write in the environment the file is written anew; look at what changed before you commit.
    """

    def __init__(self, name: str, client: httpx2.Client, *, cookies: bool = False) -> None:
        self.file, self._client, self._cookies = FOLDER / f"{name}.json", client, cookies
        self._said: list[dict[str, Any]] = []

    def ask(
        self,
        case: str,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        json: Any = None,
        auth: tuple[str, str] | None = None,
    ) -> httpx2.Response:
        """Ask, and write down both; *case*: what it shows, in words."""
        answer = self._client.request(method, path, headers=headers, data=form, json=json, auth=auth)
        asked: dict[str, Any] = {"method": method, "path": _address(path)}
        if headers:
            asked["headers"] = {name: _text(value) for name, value in sorted(headers.items())}
        if auth is not None:
            asked["client"] = auth[0]
        if form is not None:
            asked["form"] = _masked(dict(form))
        if json is not None:
            asked["json"] = _masked(json)
        told = _answer(answer)
        if self._cookies and (found := answer.headers.get_list("set-cookie")):
            told["cookies"] = dict(sorted(map(_cookie, found)))
        self._said.append({"case": case, "request": asked, "response": told})
        return answer

    def compare(self) -> None:
        """Fail where anything differs from the file."""
        if os.environ.get("GOLDEN") == "write":
            self.file.write_text(json.dumps(self._said, indent=2, ensure_ascii=False) + "\n")
        assert self._said == json.loads(self.file.read_text())


def _answer(answer: httpx2.Response) -> dict[str, Any]:
    headers = {name: answer.headers[name] for name in _HEADERS if name in answer.headers}
    said: dict[str, Any] = {
        "status": answer.status_code,
        "headers": {
            name: _address(value) if name == "location" else _text(value) for name, value in headers.items()
        },
    }
    if "json" in answer.headers.get("content-type", ""):
        said["json"] = _masked(answer.json())
    return said


def _cookie(line: str) -> tuple[str, str]:
    """The name of a cookie, and what becomes of it."""
    name, _, rest = line.partition("=")
    age = re.search(r"max-age=(-?\d+)", rest, re.IGNORECASE)
    becomes = "until the browser closes" if age is None else "cleared" if age[1] == "0" else "stays"
    return _text(name), becomes


def _masked(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        error = value.keys() & {"title", "error", "message"}  # whose `code` is a word that programs read
        return {key: _masked(inner, "" if error and key == "code" else key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_masked(inner, name) for inner in value]
    if name in _SECONDS and isinstance(value, int):
        return "<seconds>"
    if isinstance(value, str):
        return _NAMED[name] if name in _NAMED else _text(value)
    return value


def _text(value: str) -> str:
    for pattern, mask in _MASKS:
        value = pattern.sub(mask, value)
    return value


def _address(text: str) -> str:
    """An address with a query that can be read."""
    parts = urlsplit(text)
    pairs = [(name, _NAMED.get(name) or _text(value)) for name, value in parse_qsl(parts.query)]
    query = f"?{urlencode(pairs, safe='<>:/, ')}" if pairs else ""
    return _text(text.partition("?")[0]) + query
