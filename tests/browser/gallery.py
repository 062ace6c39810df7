"""The gallery: every state of every component on pages of its own, with a clock that stands still."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from sojourn.web.pages.rendering import HEADERS

__all__ = ["POLICY", "WEB", "gallery", "still"]

WEB = Path(__file__).parent.parent.parent / "web"
GALLERY = WEB / "build" / "gallery"

POLICY = dict(HEADERS)["content-security-policy"]


class Files(SimpleHTTPRequestHandler):
    """The built gallery, as strictly as the pages are served."""

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", POLICY)
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def gallery() -> Iterator[str]:
    if not GALLERY.is_dir():
        if os.environ.get("SOJOURN_REQUIRE_BROWSER"):
            subprocess.run(["npm", "run", "gallery"], cwd=WEB, check=True)
        else:
            pytest.skip("the gallery is not built: `npm ci && npm run gallery` in web/")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, directory=GALLERY)) as server:
        Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/index.html"
        server.shutdown()


@pytest.fixture
def still(chromium: Browser) -> Iterator[Page]:
    """A page on which nothing moves."""
    context = chromium.new_context(reduced_motion="reduce", timezone_id="Europe/Berlin")
    yield context.new_page()
    context.close()
